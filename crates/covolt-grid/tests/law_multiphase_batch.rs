//! A batch on a multi-phase grid gives what the single solver gives, scenario by scenario, whatever stands in the neighbouring lanes.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/multiphase.rs"]
mod networks;

use covolt_grid::multiphase::{ElementIndex, MultiphaseBatch, MultiphaseGrid, MultiphaseNetwork, VoltageDependence};
use covolt_grid::{Complex64, ComplexLanes, FlowMethod, FlowOptions, GridError, Instructions, LANES};
use networks::{feeder, random, range};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Tight enough that what is left of the iterations does not show at 1e-9.
const TIGHT: FlowOptions =
    FlowOptions { tolerance_pu: 1e-13, max_iterations: 30, warm_start: false, method: FlowMethod::Auto };
const ALL: [Instructions; 3] = [Instructions::Widest, Instructions::AtMostAvx2, Instructions::Portable];

/// Scenarios of one grid, a row each.
struct Rows {
    p: Vec<f64>,
    q: Vec<f64>,
}

impl Rows {
    fn drawn(grid: &MultiphaseGrid, count: usize, rng: &mut ChaCha8Rng) -> Rows {
        let (p, q) = grid.nominal_demand();
        let mut scaled = |values: &[f64]| -> Vec<f64> {
            (0..count).flat_map(|_| values.iter().map(|x| x * rng.random_range(0.2..1.2)).collect::<Vec<_>>()).collect()
        };
        Rows { p: scaled(&p), q: scaled(&q) }
    }

    fn row(&self, lane: usize, n: usize) -> (&[f64], &[f64]) {
        (&self.p[lane * n..(lane + 1) * n], &self.q[lane * n..(lane + 1) * n])
    }
}

fn weights(n: usize, rng: &mut ChaCha8Rng) -> Vec<Complex64> {
    (0..n).map(|_| Complex64::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0))).collect()
}

fn set_dl_dv(batch: &mut MultiphaseBatch, w: &[Vec<Complex64>]) {
    for (lane, row) in w.iter().enumerate() {
        batch.dl_dv_mut().iter_mut().zip(row).for_each(|(lanes, &z)| lanes.set_lane(lane, z));
    }
}

/// Voltages and gradient of one lane against the single solver.
fn same_as_single(grid: &MultiphaseGrid, batch: &MultiphaseBatch, lane: usize, rows: &Rows, w: &[Complex64]) {
    let (n, ports) = (grid.n_nodes(), grid.n_ports());
    let (p, q) = rows.row(lane, ports);
    let mut ws = grid.workspace();
    grid.solve(p, q, &mut ws, &TIGHT).unwrap();
    for node in 0..n {
        let (found, expected) = (batch.voltages()[node].lane(lane), ws.v()[node]);
        assert!((found - expected).norm() <= 1e-10, "scenario {lane}, node {node}: {found} and {expected}");
    }
    grid.linearise(p, q, &mut ws).unwrap();
    let (mut dp, mut dq) = (vec![0.0; ports], vec![0.0; ports]);
    grid.adjoint(w, &mut dp, &mut dq, &mut ws);
    let largest = dp.iter().chain(&dq).fold(0.0, |m: f64, g| m.max(g.abs()));
    for k in 0..ports {
        let (found, expected) = (batch.demand_gradient()[k].lane(lane), Complex64::new(dp[k], dq[k]));
        assert!((found - expected).norm() <= 1e-9 * largest, "scenario {lane}, port {k}: {found} and {expected}");
    }
}

/// Returns how many scenarios were left to the single solver.
fn compare(network: &MultiphaseNetwork, count: usize, instructions: Instructions, rng: &mut ChaCha8Rng) -> usize {
    let grid = MultiphaseGrid::new(network.clone()).unwrap();
    let rows = Rows::drawn(&grid, count, rng);
    let mut batch = grid.batch_with(instructions);
    batch.load(&rows.p, &rows.q).unwrap();
    assert_eq!(batch.scenarios(), count);
    let outcome = grid.solve_batch(&mut batch, &TIGHT).unwrap();
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    let mut copied = vec![Complex64::ZERO; grid.n_nodes()];
    batch.copy_voltages(count - 1, &mut copied);
    assert!(copied.iter().zip(batch.voltages()).all(|(v, lanes)| *v == lanes.lane(count - 1)));
    let w: Vec<Vec<Complex64>> = (0..count).map(|_| weights(grid.n_nodes(), rng)).collect();
    set_dl_dv(&mut batch, &w);
    assert!(grid.linearise_adjoint_batch(&mut batch).unwrap().is_empty());
    (0..count).for_each(|lane| same_as_single(&grid, &batch, lane, &rows, &w[lane]));
    outcome.fallbacks
}

/// Half of the ports hold their dependence within a range only, in which they are not.
fn with_ranges(network: &MultiphaseNetwork) -> MultiphaseNetwork {
    let mut parts = network.parts().clone();
    for (i, port) in parts.ports.iter_mut().enumerate().filter(|(i, _)| i % 2 == 0) {
        let mut range = range();
        match i % 8 {
            0 => (range.low_pu, range.high_pu) = (1.02, 1.1),
            2 => (range.low_pu, range.high_pu) = (0.8, 0.97),
            4 => (range.low_pu, range.lowest_pu) = (1.05, 0.0),
            _ => range.lowest_pu = 0.93,
        }
        port.range = Some(range);
    }
    MultiphaseNetwork::try_new(parts).unwrap()
}

#[test]
fn law_batch_equals_single_on_random_networks_with_any_instructions() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut runs, mut fallbacks) = (0, 0);
    for (seed, n, ties) in [(1, 2, 0), (2, 5, 0), (3, 40, 0), (4, 120, 0), (5, 120, 4), (6, 300, 10)] {
        for network in [random(seed, n, ties), with_ranges(&random(seed, n, ties))] {
            for instructions in ALL {
                for count in [1, 5, LANES] {
                    fallbacks += compare(&network, count, instructions, &mut rng);
                    runs += count;
                }
            }
        }
    }
    assert!(fallbacks * 50 <= runs, "{fallbacks} of {runs} scenarios were left to the single solver");
}

#[test]
fn law_batch_equals_single_on_a_feeder_of_every_dependence() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for instructions in ALL {
        for loops in [false, true] {
            for network in [feeder(loops), with_ranges(&feeder(loops))] {
                compare(&network, LANES, instructions, &mut rng);
            }
        }
    }
}

#[test]
fn law_scenarios_that_fail_are_reported_alone() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    // Constant power, so that there is a voltage collapse.
    let mut parts = random(4, 120, 0).parts().clone();
    parts.ports.iter_mut().for_each(|port| port.dependence = VoltageDependence::Power);
    let grid = MultiphaseGrid::new(MultiphaseNetwork::try_new(parts).unwrap()).unwrap();
    let (nodes, n) = (grid.n_nodes(), grid.n_ports());
    let mut rows = Rows::drawn(&grid, LANES, &mut rng);
    let good = Rows { p: rows.p.clone(), q: rows.q.clone() };
    let mut expected = grid.batch();
    expected.load(&rows.p, &rows.q).unwrap();
    grid.solve_batch(&mut expected, &TIGHT).unwrap();
    // Beyond voltage collapse; near it, where the iteration is too slow; not a number.
    let scale = |rows: &mut Rows, lane: usize, factor: f64| {
        rows.p[lane * n..(lane + 1) * n].iter_mut().for_each(|p| *p *= factor);
        rows.q[lane * n..(lane + 1) * n].iter_mut().for_each(|q| *q *= factor);
    };
    let solvable = |factor: f64| {
        let mut one = Rows { p: good.p.clone(), q: good.q.clone() };
        scale(&mut one, 4, factor);
        let (p, q) = one.row(4, n);
        grid.solve(p, q, &mut grid.workspace(), &TIGHT).is_ok()
    };
    let (mut low, mut high) = (1.0, 200.0);
    assert!(solvable(low) && !solvable(high));
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if solvable(middle) { low = middle } else { high = middle }
    }
    scale(&mut rows, 1, 200.0);
    scale(&mut rows, 4, 0.9999 * low);
    rows.p[6 * n + 20] = f64::NAN;
    let mut batch = grid.batch();
    batch.load(&rows.p, &rows.q).unwrap();
    let outcome = grid.solve_batch(&mut batch, &TIGHT).unwrap();
    assert_eq!(outcome.fallbacks, 3);
    assert_eq!(outcome.failures.iter().map(|f| f.0).collect::<Vec<_>>(), [1, 6]);
    assert!(matches!(outcome.failures[0].1, GridError::NoSolution { .. }), "{:?}", outcome.failures);
    assert!(matches!(outcome.failures[1].1, GridError::NotFinite { .. }), "{:?}", outcome.failures);
    let w: Vec<Vec<Complex64>> = (0..LANES).map(|_| weights(nodes, &mut rng)).collect();
    set_dl_dv(&mut batch, &w);
    let singular = grid.linearise_adjoint_batch(&mut batch).unwrap();
    assert!(singular.is_empty(), "{singular:?}");
    for (lane, w) in w.iter().enumerate() {
        let failed = [1, 6].contains(&lane);
        assert!((0..nodes).all(|node| batch.voltages()[node].lane(lane).is_nan() == failed));
        assert!((0..n).all(|port| batch.demand_gradient()[port].lane(lane).is_nan() == failed));
        if !failed && lane != 4 {
            let same = |node: usize| batch.voltages()[node].lane(lane) == expected.voltages()[node].lane(lane);
            assert!((0..nodes).all(same), "bit for bit whatever the neighbours do");
            same_as_single(&grid, &batch, lane, &rows, w);
        }
    }
    // Near the collapse derivatives are large, and the single solver's own.
    let (p, q) = rows.row(4, n);
    let mut ws = grid.workspace();
    grid.solve(p, q, &mut ws, &TIGHT).unwrap();
    grid.linearise(p, q, &mut ws).unwrap();
    let (mut dp, mut dq) = (vec![0.0; n], vec![0.0; n]);
    grid.adjoint(&w[4], &mut dp, &mut dq, &mut ws);
    for k in 0..n {
        assert_eq!(
            batch.demand_gradient()[k].lane(4),
            Complex64::new(dp[k], dq[k]),
            "the single solver's, to the last bit"
        );
    }
}

#[test]
fn law_result_of_a_scenario_depends_on_nothing_else() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let grid = MultiphaseGrid::new(random(7, 98, 0)).unwrap();
    let n = grid.n_ports();
    let all = Rows::drawn(&grid, LANES, &mut rng);
    let w: Vec<Vec<Complex64>> = (0..LANES).map(|_| weights(grid.n_nodes(), &mut rng)).collect();
    let options = FlowOptions { tolerance_pu: 1e-8, ..FlowOptions::default() };
    let mut batch = grid.batch();
    let solve = |batch: &mut MultiphaseBatch, p: &[f64], q: &[f64]| {
        batch.load(p, q).unwrap();
        let outcome = grid.solve_batch(batch, &options).unwrap();
        assert_eq!(outcome.fallbacks, 0);
        set_dl_dv(batch, &w);
        assert!(grid.linearise_adjoint_batch(batch).unwrap().is_empty());
        (batch.voltages().to_vec(), batch.demand_gradient().to_vec())
    };
    let together = solve(&mut batch, &all.p, &all.q);
    for lane in 0..LANES {
        // Alone, and beside nothing but demands ten times as small.
        for others in [0.0, 0.1] {
            let (mut p, mut q) = (all.p.clone(), all.q.clone());
            for other in (0..LANES).filter(|&other| other != lane) {
                p[other * n..(other + 1) * n].iter_mut().for_each(|p| *p *= others);
                q[other * n..(other + 1) * n].iter_mut().for_each(|q| *q *= others);
            }
            let found = solve(&mut batch, &p, &q);
            let same =
                |a: &[ComplexLanes], b: &[ComplexLanes]| a.iter().zip(b).all(|(a, b)| a.lane(lane) == b.lane(lane));
            assert!(same(&found.0, &together.0) && same(&found.1, &together.1), "scenario {lane}");
        }
    }
    // A warm start at the solution is over after one step.
    solve(&mut batch, &all.p, &all.q);
    let outcome = grid.solve_batch(&mut batch, &FlowOptions { warm_start: true, ..options }).unwrap();
    assert!(outcome.infos.iter().all(|info| info.iterations == 1), "{:?}", outcome.infos);
}

#[test]
fn law_a_batch_follows_taps_and_other_grids() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut grid = MultiphaseGrid::new(feeder(false)).unwrap();
    let mut batch = MultiphaseGrid::new(random(1, 20, 0)).unwrap().batch_with(Instructions::AtMostAvx2);
    assert!(matches!(grid.solve_batch(&mut batch, &TIGHT), Err(GridError::ForeignWorkspace)));
    assert!(matches!(grid.linearise_adjoint_batch(&mut batch), Err(GridError::ForeignWorkspace)));
    grid.fit_batch(&mut batch);
    let rows = Rows::drawn(&grid, LANES, &mut rng);
    assert!(matches!(batch.load(&rows.p[1..], &rows.q), Err(GridError::WrongLength { .. })));
    assert!(matches!(batch.load(&[], &[]), Err(GridError::WrongLength { .. })));
    for tap_pu in [1.0375, 1.0, 1.05] {
        let changer = grid.network().parts().elements.iter().position(|e| e.id == "transformer.sub").unwrap();
        grid.set_tap(ElementIndex(changer), 1, tap_pu).unwrap();
        batch.load(&rows.p, &rows.q).unwrap();
        grid.solve_batch(&mut batch, &TIGHT).unwrap();
        let w: Vec<Vec<Complex64>> = (0..LANES).map(|_| weights(grid.n_nodes(), &mut rng)).collect();
        set_dl_dv(&mut batch, &w);
        assert!(grid.linearise_adjoint_batch(&mut batch).unwrap().is_empty());
        (0..LANES).for_each(|lane| same_as_single(&grid, &batch, lane, &rows, &w[lane]));
    }
}

//! A batch gives what the single solver gives, scenario by scenario, whatever stands in the neighbouring lanes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Case, baran_wu, random};
use covolt_grid::{Batch, Complex64, ComplexLanes, FlowMethod, FlowOptions, Grid, GridError, Instructions, LANES};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Tight enough that what is left of the iterations does not show at 1e-12.
const TIGHT: FlowOptions =
    FlowOptions { tolerance_pu: 1e-14, max_iterations: 60, warm_start: false, method: FlowMethod::Auto };
const ALL: [Instructions; 3] = [Instructions::Widest, Instructions::AtMostAvx2, Instructions::Portable];

/// Scenarios of one grid, a row each.
struct Rows {
    p: Vec<f64>,
    q: Vec<f64>,
}

fn rows(case: &Case, count: usize, rng: &mut ChaCha8Rng) -> Rows {
    let mut scaled = |values: &[f64]| -> Vec<f64> {
        (0..count).flat_map(|_| values.iter().map(|x| x * rng.random_range(0.3..1.3)).collect::<Vec<_>>()).collect()
    };
    Rows { p: scaled(&case.p), q: scaled(&case.q) }
}

fn close(a: Complex64, b: Complex64, tolerance: f64) -> bool {
    (a - b).norm() <= tolerance * b.norm().max(1.0)
}

fn weights(n: usize, rng: &mut ChaCha8Rng) -> Vec<Complex64> {
    (0..n).map(|_| Complex64::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0))).collect()
}

/// Voltages, gradients and forward products of every scenario against the single solver.
fn compare(grid: &Grid, rows: &Rows, batch: &mut Batch, rng: &mut ChaCha8Rng) {
    let n = grid.n_buses();
    batch.load(&rows.p, &rows.q).unwrap();
    let count = batch.scenarios();
    let outcome = grid.solve_batch(batch, &TIGHT).unwrap();
    assert_eq!((outcome.failures.len(), outcome.fallbacks), (0, 0));
    let mut stored = vec![Complex64::ZERO; count * n];
    batch.store_voltages(&mut stored);
    let mut copied = vec![Complex64::ZERO; n];
    for (lane, row) in stored.chunks_exact(n).enumerate() {
        batch.copy_voltages(lane, &mut copied);
        assert!((0..n).all(|bus| row[bus] == batch.voltages()[bus].lane(lane) && row[bus] == copied[bus]));
    }
    let w: Vec<Vec<Complex64>> = (0..count).map(|_| weights(n, rng)).collect();
    let d: Vec<Vec<Complex64>> = (0..count).map(|_| weights(n, rng)).collect();
    let lanes_of = |rows: &[Vec<Complex64>]| -> Vec<ComplexLanes> {
        let mut lanes = vec![ComplexLanes::ZERO; n];
        for (lane, row) in rows.iter().enumerate() {
            lanes.iter_mut().zip(row).for_each(|(lanes, &z)| lanes.set_lane(lane, z));
        }
        lanes
    };
    batch.dl_dv_mut().copy_from_slice(&lanes_of(&w));
    assert!(grid.linearise_adjoint_batch(batch).unwrap().is_empty());
    let fused = batch.demand_gradient().to_vec();
    assert!(grid.linearise_batch(batch).unwrap().is_empty());
    grid.adjoint_batch(batch);
    let in_steps = batch.demand_gradient().to_vec();
    let mut dv = vec![ComplexLanes::ZERO; n];
    grid.forward_batch(&lanes_of(&d), &mut dv, batch);

    let mut ws = grid.workspace();
    let (mut dp, mut dq, mut forward) = (vec![0.0; n], vec![0.0; n], vec![Complex64::ZERO; n]);
    for lane in 0..count {
        let (p, q) = (&rows.p[lane * n..(lane + 1) * n], &rows.q[lane * n..(lane + 1) * n]);
        grid.solve(p, q, &mut ws, &TIGHT).unwrap();
        for bus in 0..n {
            let (found, expected) = (batch.voltages()[bus].lane(lane), ws.v()[bus]);
            assert!(close(found, expected, 1e-12), "scenario {lane}, bus {bus}: {found} and {expected}");
        }
        grid.linearise(p, q, &mut ws).unwrap();
        grid.adjoint(&w[lane], &mut dp, &mut dq, &mut ws);
        let d_re: Vec<f64> = d[lane].iter().map(|z| z.re).collect();
        let d_im: Vec<f64> = d[lane].iter().map(|z| z.im).collect();
        grid.forward(&d_re, &d_im, &mut forward, &mut ws);
        let largest = |values: &[Complex64]| values.iter().map(|z| z.norm()).fold(0.0, f64::max);
        let gradient: Vec<Complex64> = dp.iter().zip(&dq).map(|(&p, &q)| Complex64::new(p, q)).collect();
        let (g, f) = (largest(&gradient), largest(&forward));
        for bus in 0..n {
            for (what, found) in [("fused", fused[bus].lane(lane)), ("in steps", in_steps[bus].lane(lane))] {
                assert!((found - gradient[bus]).norm() <= 1e-12 * g, "{what} gradient {found}, {}", gradient[bus]);
            }
            assert!((dv[bus].lane(lane) - forward[bus]).norm() <= 1e-12 * f, "forward at bus {bus}");
        }
    }
}

#[test]
fn law_batch_equals_single_on_random_trees_with_any_instructions() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (seed, n) in [(1, 2), (2, 3), (3, 17), (4, 98), (5, 98), (6, 400)] {
        let case = random(seed, n, 0);
        for instructions in ALL {
            for count in [1, 3, 5, LANES] {
                let rows = rows(&case, count, &mut rng);
                let grid = Grid::new(random(seed, n, 0).network).unwrap();
                let mut batch = grid.batch_with(instructions).unwrap();
                compare(&grid, &rows, &mut batch, &mut rng);
            }
        }
    }
}

#[test]
fn law_batch_equals_single_without_shunts() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for buses in [33, 69] {
        let case = baran_wu(buses, 10.0, false);
        let rows = rows(&case, LANES, &mut rng);
        let grid = Grid::new(case.network).unwrap();
        for instructions in ALL {
            compare(&grid, &rows, &mut grid.batch_with(instructions).unwrap(), &mut rng);
        }
    }
}

#[test]
fn law_scenarios_that_fail_are_reported_alone() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let case = baran_wu(33, 10.0, false);
    let mut rows = rows(&case, LANES, &mut rng);
    let grid = Grid::new(case.network).unwrap();
    let n = grid.n_buses();
    let good = rows.p.clone();
    let mut expected = grid.batch().unwrap();
    expected.load(&good, &rows.q).unwrap();
    grid.solve_batch(&mut expected, &TIGHT).unwrap();
    // Beyond voltage collapse; near it, where sweeps are too slow; not a number.
    rows.p[n..2 * n].iter_mut().for_each(|p| *p *= 50.0);
    rows.p[6 * n + 20] = f64::NAN;
    let collapse = |factor: f64| {
        let p: Vec<f64> = good[4 * n..5 * n].iter().map(|p| p * factor).collect();
        grid.solve(&p, &rows.q[4 * n..5 * n], &mut grid.workspace(), &TIGHT).is_err()
    };
    let (mut low, mut high) = (1.0, 50.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if collapse(middle) { high = middle } else { low = middle }
    }
    rows.p[4 * n..5 * n].iter_mut().for_each(|p| *p *= low * 0.9999);
    let mut batch = grid.batch().unwrap();
    batch.load(&rows.p, &rows.q).unwrap();
    let outcome = grid.solve_batch(&mut batch, &TIGHT).unwrap();
    assert_eq!(outcome.fallbacks, 3);
    assert_eq!(outcome.infos[4].method, FlowMethod::TreeNewton);
    assert_eq!(outcome.failures.len(), 2, "{:?}", outcome.failures);
    for (lane, error) in &outcome.failures {
        let (p, q) = (&rows.p[lane * n..(lane + 1) * n], &rows.q[lane * n..(lane + 1) * n]);
        let alone = grid.solve(p, q, &mut grid.workspace(), &FlowOptions { method: FlowMethod::TreeNewton, ..TIGHT });
        match (alone, error) {
            // A NaN does not equal itself.
            (Err(GridError::NotFinite { bus, .. }), GridError::NotFinite { bus: named, .. }) => assert_eq!(bus, *named),
            (alone, error) => assert_eq!(alone, Err(error.clone())),
        }
    }
    batch.dl_dv_mut().fill(ComplexLanes::splat(Complex64::ONE));
    let singular = grid.linearise_adjoint_batch(&mut batch).unwrap();
    assert!(singular.is_empty(), "{singular:?}");
    let mut ws = grid.workspace();
    for lane in 0..LANES {
        let failed = outcome.failures.iter().any(|(l, _)| *l == lane);
        for bus in 0..n {
            let (v, g) = (batch.voltages()[bus].lane(lane), batch.demand_gradient()[bus].lane(lane));
            assert_eq!((v.is_nan(), g.is_nan()), (failed, failed), "scenario {lane}, bus {bus}");
            if !failed && lane != 4 {
                assert_eq!(v, expected.voltages()[bus].lane(lane), "bit for bit whatever the neighbours do");
            }
        }
        if !failed {
            let (p, q) = (&rows.p[lane * n..(lane + 1) * n], &rows.q[lane * n..(lane + 1) * n]);
            grid.solve(p, q, &mut ws, &TIGHT).unwrap();
            assert!((0..n).all(|bus| close(batch.voltages()[bus].lane(lane), ws.v()[bus], 1e-11)), "scenario {lane}");
        }
    }
}

#[test]
fn law_a_batch_fitted_to_another_grid_is_as_good_as_new() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut batch = Grid::new(random(1, 3, 0).network).unwrap().batch().unwrap();
    for (seed, n) in [(2, 98), (3, 17), (4, 400), (5, 400)] {
        let case = random(seed, n, 0);
        let grid = Grid::new(random(seed, n, 0).network).unwrap();
        grid.fit_batch(&mut batch).unwrap();
        let fresh = grid.batch().unwrap();
        assert_eq!(batch.voltages(), fresh.voltages());
        let rows = rows(&case, LANES, &mut rng);
        compare(&grid, &rows, &mut batch, &mut rng);
        // What sweeps leave to the single solver, too.
        let p: Vec<f64> = rows.p.iter().map(|p| 1e6 * p).collect();
        batch.load(&p, &rows.q).unwrap();
        let outcome = grid.solve_batch(&mut batch, &TIGHT).unwrap();
        assert!(!outcome.failures.is_empty());
        for (lane, error) in &outcome.failures {
            let (p, q) = (&p[lane * n..(lane + 1) * n], &rows.q[lane * n..(lane + 1) * n]);
            let newton = FlowOptions { method: FlowMethod::TreeNewton, ..TIGHT };
            assert_eq!(grid.solve(p, q, &mut grid.workspace(), &newton), Err(error.clone()));
        }
    }
    let meshed = Grid::new(baran_wu(33, 10.0, true).network).unwrap();
    assert!(matches!(meshed.fit_batch(&mut batch), Err(GridError::NotRadial { .. })));
}

#[test]
fn law_result_of_a_scenario_depends_on_nothing_else() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let case = random(7, 98, 0);
    let all = rows(&case, LANES, &mut rng);
    let grid = Grid::new(case.network).unwrap();
    let n = grid.n_buses();
    let options = FlowOptions { tolerance_pu: 1e-8, ..FlowOptions::default() };
    let mut batch = grid.batch().unwrap();
    batch.load(&all.p, &all.q).unwrap();
    grid.solve_batch(&mut batch, &options).unwrap();
    let together: Vec<ComplexLanes> = batch.voltages().to_vec();
    for lane in 0..LANES {
        // Alone, and beside nothing but demands ten times as small.
        for others in [0.0, 0.1] {
            let (mut p, mut q) = (all.p.clone(), all.q.clone());
            for other in (0..LANES).filter(|&other| other != lane) {
                p[other * n..(other + 1) * n].iter_mut().for_each(|p| *p *= others);
                q[other * n..(other + 1) * n].iter_mut().for_each(|q| *q *= others);
            }
            batch.load(&p, &q).unwrap();
            grid.solve_batch(&mut batch, &options).unwrap();
            assert!((0..n).all(|bus| batch.voltages()[bus].lane(lane) == together[bus].lane(lane)));
        }
    }
    // A warm start at the solution is over after one sweep.
    let warm = FlowOptions { warm_start: true, ..options };
    batch.load(&all.p, &all.q).unwrap();
    grid.solve_batch(&mut batch, &options).unwrap();
    let outcome = grid.solve_batch(&mut batch, &warm).unwrap();
    assert!(outcome.infos.iter().all(|info| info.iterations == 1), "{:?}", outcome.infos);
}

#[test]
fn law_batches_refuse_what_does_not_fit() {
    let case = baran_wu(33, 10.0, false);
    let grid = Grid::new(baran_wu(33, 10.0, false).network).unwrap();
    let other = Grid::new(case.network).unwrap();
    let mut batch = grid.batch().unwrap();
    assert!(matches!(other.solve_batch(&mut batch, &TIGHT), Err(GridError::ForeignWorkspace)));
    assert!(matches!(batch.load(&case.p[1..], &case.q), Err(GridError::WrongLength { .. })));
    assert!(matches!(batch.load(&[], &[]), Err(GridError::WrongLength { .. })));
    assert!(batch.load(&case.p, &case.q).is_ok());
    // Gradients of a batch that was not linearised at its present demand.
    grid.solve_batch(&mut batch, &TIGHT).unwrap();
    grid.adjoint_batch(&mut batch);
    assert!(batch.demand_gradient().iter().all(|g| g.lane(0).is_nan()));
    let meshed = Grid::new(baran_wu(33, 10.0, true).network).unwrap();
    assert!(matches!(meshed.batch(), Err(GridError::NotRadial { .. })));
}

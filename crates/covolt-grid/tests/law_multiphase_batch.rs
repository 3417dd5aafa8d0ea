//! A batch on a multi-phase grid gives what the single solver gives, scenario by scenario, whatever stands in the neighbouring lanes.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/multiphase.rs"]
mod networks;

use covolt_grid::multiphase::{MultiphaseBatch, MultiphaseGrid, MultiphaseNetwork};
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

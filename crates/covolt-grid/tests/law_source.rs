//! A source at a multiple of its own voltage is the source of a network that states that voltage.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Case, baran_wu, random};
use covolt_grid::{FlowMethod, FlowOptions, Grid, GridError, LANES, Network, Source};

const TIGHT: FlowOptions =
    FlowOptions { tolerance_pu: 1e-14, max_iterations: 60, warm_start: false, method: FlowMethod::Auto };

fn with_source(network: &Network, factor: f64) -> Network {
    let n = network.clone();
    let source = Source { v_pu: n.source().v_pu * factor, ..n.source().clone() };
    let (buses, branches, shunts) = (n.buses().to_vec(), n.branches().to_vec(), n.shunts().to_vec());
    Network::try_new(n.name(), n.base_mva(), n.f_hz(), buses, branches, shunts, source).unwrap()
}

fn check(case: &Case) {
    let grid = Grid::new(case.network.clone()).unwrap();
    let (mut ws, mut batch) = (grid.workspace(), grid.batch().ok());
    for (lane, factor) in [0.93, 0.98, 1.0, 1.04, 1.08].into_iter().enumerate() {
        let other = Grid::new(with_source(&case.network, factor)).unwrap();
        let mut expected = other.workspace();
        other.solve(&case.p, &case.q, &mut expected, &TIGHT).unwrap();
        for warm_start in [false, true] {
            let options = FlowOptions { warm_start, ..TIGHT };
            grid.solve_at_source(&case.p, &case.q, factor, &mut ws, &options).unwrap();
            for (a, b) in ws.v().iter().zip(expected.v()) {
                assert!((a - b).norm() < 1e-11, "{a} {b}");
            }
        }
        let Some(batch) = &mut batch else { continue };
        batch.set_scenarios(LANES);
        for lane in 0..LANES {
            for (bus, demand) in batch.demand_mut().iter_mut().enumerate() {
                demand.set_lane(lane, covolt_grid::Complex64::new(case.p[bus], case.q[bus]));
            }
        }
        batch.set_source(&grid, lane, factor).unwrap();
        assert!(grid.solve_batch(batch, &TIGHT).unwrap().failures.is_empty());
        let mut v = vec![covolt_grid::Complex64::ZERO; grid.n_buses()];
        batch.copy_voltages(lane, &mut v);
        assert!(v.iter().zip(expected.v()).all(|(a, b)| (a - b).norm() < 1e-11));
    }
}

#[test]
fn law_a_source_factor_is_a_source_of_that_voltage() {
    check(&baran_wu(33, 1.0, false));
    check(&baran_wu(33, 1.0, true));
    (0..6).for_each(|seed| check(&random(seed, 30, (seed % 2) as usize)));
}

#[test]
fn law_a_source_without_voltage_is_refused() {
    let case = baran_wu(33, 1.0, false);
    let grid = Grid::new(case.network).unwrap();
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = grid.solve_at_source(&case.p, &case.q, factor, &mut grid.workspace(), &TIGHT);
        assert!(matches!(refused, Err(GridError::BadSourceFactor { .. })));
        assert!(grid.batch().unwrap().set_source(&grid, 0, factor).is_err());
    }
    assert!(grid.batch().unwrap().set_source(&grid, LANES, 1.0).is_err());
}

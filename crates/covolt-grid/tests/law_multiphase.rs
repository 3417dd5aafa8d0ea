//! Laws of the multi-phase power flow on hand-written and random networks.
#![allow(clippy::unwrap_used)]

#[path = "common/multiphase.rs"]
mod multiphase;

use covolt_grid::multiphase::{MultiphaseGrid, MultiphaseNetwork};
use covolt_grid::{Complex64, FlowMethod, FlowOptions};
use multiphase::{feeder, random};

fn networks() -> Vec<MultiphaseNetwork> {
    let mut all = vec![feeder(false), feeder(true)];
    all.extend((0..6).map(|seed| random(seed, 40, 0)));
    all.extend((6..12).map(|seed| random(seed, 40, 5)));
    all
}

#[test]
fn law_all_methods_find_the_same_voltages_and_gradients() {
    for (k, network) in networks().into_iter().enumerate() {
        let grid = MultiphaseGrid::new(network).unwrap();
        let (p, q) = grid.nominal_demand();
        let n = grid.n_nodes();
        let mut ws = grid.workspace();
        let mut all: Vec<Vec<f64>> = Vec::new();
        for method in [FlowMethod::TreeSweep, FlowMethod::TreeNewton, FlowMethod::SparseNewton] {
            let info = grid.solve(&p, &q, &mut ws, &FlowOptions { method, ..Default::default() }).unwrap();
            println!("{k} {method:?}: {} iterations, {:.1e}", info.iterations, info.mismatch_pu);
            grid.linearise(&p, &q, &mut ws).unwrap();
            let weights: Vec<Complex64> = (0..n).map(|i| Complex64::new(1.0, 0.1 * i as f64)).collect();
            let (mut dp, mut dq) = (vec![0.0; p.len()], vec![0.0; p.len()]);
            grid.adjoint(&weights, &mut dp, &mut dq, &mut ws);
            all.push(ws.v().iter().flat_map(|v| [v.re, v.im]).chain(dp).chain(dq).collect());
        }
        for other in &all[1..] {
            for (i, (a, b)) in all[0].iter().zip(other).enumerate() {
                assert!((a - b).abs() <= 1e-8 * (1.0 + a.abs()), "network {k}, number {i}: {a} {b}");
            }
        }
    }
}

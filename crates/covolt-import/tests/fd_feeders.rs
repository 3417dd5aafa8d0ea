//! Derivatives of published feeders against finite differences of their power flow: every port of the 13-node and of the 123-node
//! feeder, active and reactive, by adjoint and forward products. Also on the repository's own feeder, which is always there.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod support;

use covolt_grid::multiphase::{ControlOptions, MultiphaseGrid};
use covolt_grid::{Complex64, FlowOptions};
use covolt_import::ImportSettings;
use covolt_import::opendss::import;
use std::path::Path;
use support::shared;

/// Differences of fourth order at this step: 2 kW of a base of 1 MVA.
const STEP_PU: f64 = 2e-3;

fn check(path: &Path, root: &Path) {
    let settings = ImportSettings { root: Some(root.to_owned()), ..ImportSettings::default() };
    let mut grid = MultiphaseGrid::new(import(path, &settings).unwrap().network).unwrap();
    let (p, q) = grid.nominal_demand();
    let options = FlowOptions { tolerance_pu: 1e-13, ..FlowOptions::default() };
    let mut ws = grid.workspace();
    grid.settle_controls(&p, &q, &mut ws, &options, &ControlOptions { max_iterations: 50 }).unwrap();
    let n = grid.n_nodes();
    // Any weights: a function of all voltages, L = sum Re(conj(w) V).
    let weights: Vec<Complex64> = (0..n).map(|i| Complex64::from_polar(1.0, 1.7 * i as f64)).collect();
    let value = |v: &[Complex64]| -> f64 { weights.iter().zip(v).map(|(w, v)| (w.conj() * v).re).sum() };
    grid.solve(&p, &q, &mut ws, &options).unwrap();
    grid.linearise(&p, &q, &mut ws).unwrap();
    let (mut dl_dp, mut dl_dq) = (vec![0.0; p.len()], vec![0.0; q.len()]);
    grid.adjoint(&weights, &mut dl_dp, &mut dl_dq, &mut ws);
    let scale = dl_dp.iter().chain(&dl_dq).fold(0.0, |worst: f64, g| worst.max(g.abs()));
    assert!(scale > 0.0);
    let mut moved_ws = grid.workspace();
    let mut dv = vec![Complex64::ZERO; n];
    for port in 0..p.len() {
        for reactive in [false, true] {
            let mut solve = |step: f64| {
                let (mut p, mut q) = (p.clone(), q.clone());
                if reactive {
                    q[port] += step;
                } else {
                    p[port] += step;
                }
                grid.solve(&p, &q, &mut moved_ws, &options).unwrap();
                value(moved_ws.v())
            };
            let h = STEP_PU;
            let expected = (8.0 * (solve(h) - solve(-h)) - (solve(2.0 * h) - solve(-2.0 * h))) / (12.0 * h);
            let found = if reactive { dl_dq[port] } else { dl_dp[port] };
            assert!((found - expected).abs() < 1e-6 * scale, "{} port {port}: {found} {expected}", path.display());
            let mut direction = (vec![0.0; p.len()], vec![0.0; q.len()]);
            (if reactive { &mut direction.1 } else { &mut direction.0 })[port] = 1.0;
            grid.forward(&direction.0, &direction.1, &mut dv, &mut ws);
            assert!((value(&dv) - found).abs() < 1e-9 * scale, "{} port {port}: forward and adjoint", path.display());
        }
    }
    println!("{}: {} nodes, {} ports", path.display(), n, p.len());
}

#[test]
fn fd_own_feeder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/feeders");
    check(&folder.join("thirteen-node.dss"), &folder);
}

#[test]
fn fd_published_feeders_of_13_and_123_nodes() {
    let Some(folder) = shared("feeders/opendss") else { return };
    check(&folder.join("13Bus/IEEE13Nodeckt.dss"), &folder);
    check(&folder.join("123Bus/IEEE123Master.dss"), &folder);
}

//! Every derivative as a whole matrix against finite differences, through the adjoint and the forward product.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use covolt_grid::{BranchIndex, BusIndex, Complex64, CurrentSide, FlowMethod, FlowOptions, Grid};

const TOLERANCE: f64 = 1e-7;

/// Everything the grid can differentiate, at given voltages, in a fixed order.
fn quantities(grid: &Grid, v: &[Complex64]) -> Vec<f64> {
    let mut all: Vec<f64> = v.iter().map(|v| v.norm()).collect();
    for b in (0..grid.n_branches()).map(BranchIndex) {
        for current in [grid.current_from(b, v), grid.current_to(b, v)] {
            all.extend([current.norm(), current.re, current.im]);
        }
        all.push(grid.pcc_export_pu(b, v));
        let branch = grid.branch(b).unwrap();
        for side in [CurrentSide::From, CurrentSide::To] {
            let power = branch.power(side, v);
            all.extend([power.re, power.im]);
        }
    }
    all
}

/// The gradients dL/dV of the same quantities in the same order.
fn gradients(grid: &Grid, v: &[Complex64]) -> Vec<Vec<Complex64>> {
    let mut all = Vec::new();
    let mut push = |add: &dyn Fn(&mut [Complex64])| {
        let mut g = vec![Complex64::ZERO; v.len()];
        add(&mut g);
        all.push(g);
    };
    for i in (0..v.len()).map(BusIndex) {
        push(&|g| grid.add_voltage_magnitude_gradient(i, v, 1.0, g));
    }
    for b in (0..grid.n_branches()).map(BranchIndex) {
        for side in [CurrentSide::From, CurrentSide::To] {
            push(&|g| grid.add_current_magnitude_gradient(b, side, v, 1.0, g));
            push(&|g| grid.add_current_gradient(b, side, Complex64::ONE, 1.0, g));
            push(&|g| grid.add_current_gradient(b, side, Complex64::I, 1.0, g));
        }
        push(&|g| grid.add_pcc_export_gradient(b, v, 1.0, g));
        let branch = grid.branch(b).unwrap();
        for side in [CurrentSide::From, CurrentSide::To] {
            push(&|g| branch.add_power_gradient(side, v, Complex64::ONE, g));
            push(&|g| branch.add_power_gradient(side, v, Complex64::I, g));
        }
    }
    all
}

/// Central differences of fourth order: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h.
fn central(f: impl Fn(f64) -> Vec<f64>) -> Vec<f64> {
    const H: f64 = 1e-4;
    let [a, b, c, d] = [H, -H, 2.0 * H, -2.0 * H].map(f);
    (0..a.len()).map(|i| (8.0 * (a[i] - b[i]) - (c[i] - d[i])) / (12.0 * H)).collect()
}

fn check(case: Case, method: FlowMethod) {
    let grid = Grid::new(case.network).unwrap();
    let n = grid.n_buses();
    let slack = grid.network().source().bus.0;
    let options = FlowOptions { method, tolerance_pu: 1e-13, ..FlowOptions::default() };
    let mut ws = grid.workspace();
    grid.solve(&case.p, &case.q, &mut ws, &options).unwrap();
    let v = ws.v().to_vec();
    grid.linearise(&case.p, &case.q, &mut ws).unwrap();

    let weights = gradients(&grid, &v);
    let mut by_adjoint = vec![vec![0.0; 2 * n]; weights.len()];
    for (row, g) in by_adjoint.iter_mut().zip(&weights) {
        let (dp, dq) = row.split_at_mut(n);
        grid.adjoint(g, dp, dq, &mut ws);
        assert_eq!((dp[slack], dq[slack]), (0.0, 0.0));
    }

    let mut worst = [0.0f64; 3];
    for column in 0..2 * n {
        let solve = |h: f64| {
            let (mut p, mut q) = (case.p.clone(), case.q.clone());
            if column < n {
                p[column] += h
            } else {
                q[column - n] += h
            }
            let mut ws = grid.workspace();
            grid.solve(&p, &q, &mut ws, &options).unwrap();
            ws.v().to_vec()
        };
        let dv_fd = central(|h| solve(h).iter().flat_map(|v| [v.re, v.im]).collect());
        let (mut dp, mut dq, mut dv) = (vec![0.0; n], vec![0.0; n], vec![Complex64::ZERO; n]);
        if column < n {
            dp[column] = 1.0
        } else {
            dq[column - n] = 1.0
        }
        grid.forward(&dp, &dq, &mut dv, &mut ws);
        for (i, dv_i) in dv.iter().enumerate() {
            let difference = *dv_i - c(dv_fd[2 * i], dv_fd[2 * i + 1]);
            worst[0] = worst[0].max(difference.norm());
        }
        let all_fd = central(|h| quantities(&grid, &solve(h)));
        assert_eq!(all_fd.len(), weights.len());
        for (row, &fd) in all_fd.iter().enumerate() {
            let forward: f64 = weights[row].iter().zip(&dv).map(|(g, d)| (g.conj() * d).re).sum();
            worst[1] = worst[1].max((by_adjoint[row][column] - fd).abs());
            worst[2] = worst[2].max((forward - by_adjoint[row][column]).abs());
        }
    }
    println!(
        "{n} buses: dV {:.1e}, all quantities {:.1e}, adjoint against forward {:.1e}",
        worst[0], worst[1], worst[2]
    );
    assert!(worst[0] < TOLERANCE && worst[1] < TOLERANCE && worst[2] < 1e-10, "{worst:?}");
}

#[test]
fn fd_all_sensitivities_33_bus() {
    check(baran_wu(33, 10.0, false), FlowMethod::Auto);
}

#[test]
fn fd_all_sensitivities_net98() {
    if let Some(case) = net98() {
        check(case, FlowMethod::Auto);
    }
}

#[test]
fn fd_all_sensitivities_random_trees() {
    for seed in 0..6 {
        check(random(300 + seed, 20, 0), FlowMethod::Auto);
    }
}

#[test]
fn fd_all_sensitivities_sparse_on_a_tree() {
    check(random(310, 25, 0), FlowMethod::SparseNewton);
}

#[test]
fn fd_all_sensitivities_meshed() {
    check(baran_wu(33, 10.0, true), FlowMethod::Auto);
    for seed in 0..4 {
        check(random(320 + seed, 20, 3), FlowMethod::Auto);
    }
}

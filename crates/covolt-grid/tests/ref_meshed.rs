//! Tree method, sparse Newton and an independent dense polar Newton agree, with and without loops.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[path = "common/dense.rs"]
mod dense;

use common::*;
use covolt_grid::{Complex64, FlowMethod, FlowOptions, Grid};

fn largest_difference(a: &[Complex64], b: &[Complex64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |m, (a, b)| f64::max(m, (a - b).norm()))
}

fn solved(grid: &Grid, p: &[f64], q: &[f64], method: FlowMethod) -> Vec<Complex64> {
    let mut ws = grid.workspace();
    let options = FlowOptions { method, tolerance_pu: 1e-12, ..FlowOptions::default() };
    let info = grid.solve(p, q, &mut ws, &options).unwrap();
    assert!(info.mismatch_pu < 1e-10, "{info:?}");
    assert!(info.iterations > 0, "{info:?}");
    ws.v().to_vec()
}

#[test]
fn ref_tree_equals_sparse_newton() {
    let mut cases: Vec<Case> = (0..40).map(|seed| random(seed, 5 + 7 * seed as usize, 0)).collect();
    cases.push(baran_wu(33, 10.0, false));
    cases.push(baran_wu(69, 10.0, false));
    cases.extend(net98());
    for case in cases {
        let grid = Grid::new(case.network).unwrap();
        let tree = solved(&grid, &case.p, &case.q, FlowMethod::TreeNewton);
        let sweep = solved(&grid, &case.p, &case.q, FlowMethod::TreeSweep);
        let sparse = solved(&grid, &case.p, &case.q, FlowMethod::SparseNewton);
        assert!(largest_difference(&tree, &sparse) < 1e-10);
        assert!(largest_difference(&tree, &sweep) < 1e-10);
    }
}

#[test]
fn ref_meshed_equals_dense_polar_newton() {
    let mut cases: Vec<Case> = (0..20).map(|seed| random(100 + seed, 30, 1 + seed as usize % 6)).collect();
    cases.push(baran_wu(33, 10.0, true));
    for case in cases {
        assert!(!case.network.is_radial());
        let grid = Grid::new(case.network).unwrap();
        let v = solved(&grid, &case.p, &case.q, FlowMethod::Auto);
        let start = grid.workspace().v().to_vec();
        let reference = dense::polar_newton(grid.network(), &case.p, &case.q, &start);
        assert!(largest_difference(&v, &reference) < 1e-10);
    }
}

#[test]
fn ref_radial_equals_dense_polar_newton() {
    for seed in 0..20 {
        let case = random(200 + seed, 40, 0);
        let grid = Grid::new(case.network).unwrap();
        let v = solved(&grid, &case.p, &case.q, FlowMethod::Auto);
        let start = grid.workspace().v().to_vec();
        let reference = dense::polar_newton(grid.network(), &case.p, &case.q, &start);
        assert!(largest_difference(&v, &reference) < 1e-10);
    }
}

/// A parallel circuit is a loop to the tree method; half the impedance in one branch must give the same voltages.
#[test]
fn law_parallel_branches_equal_one_of_half_impedance() {
    let z = c(0.02, 0.03);
    let two = vec![line("a", 0, 1, z, 0.002), line("b", 1, 0, z, 0.002), line("c", 1, 2, z, 0.0)];
    let one = vec![line("ab", 0, 1, z / 2.0, 0.004), line("c", 1, 2, z, 0.0)];
    let [two, one] = [two, one].map(|branches| {
        let buses = (0..3).map(|k| bus(k, 12.66)).collect();
        let network = covolt_grid::Network::try_new("n", 1.0, 50.0, buses, branches, vec![], source(0, 1.0)).unwrap();
        Grid::new(network).unwrap()
    });
    let (p, q) = ([0.0, 0.8, 0.5], [0.0, 0.2, -0.3]);
    let a = solved(&two, &p, &q, FlowMethod::Auto);
    let b = solved(&one, &p, &q, FlowMethod::Auto);
    assert!(!two.network().is_radial() && one.network().is_radial());
    assert!(largest_difference(&a, &b) < 1e-12);
}

/// Impedances over nine decades: the tree method never forms an admittance, so no digits are lost.
#[test]
fn regress_tiny_impedances_keep_all_digits() {
    let branches = vec![
        line("a", 0, 1, c(0.01, 0.02), 0.0),
        line("switch", 1, 2, c(1e-11, 1e-11), 0.0),
        line("b", 2, 3, c(0.02, 0.02), 0.0),
    ];
    let merged = vec![line("a", 0, 1, c(0.01, 0.02), 0.0), line("b", 1, 2, c(0.02, 0.02), 0.0)];
    let [with, without] = [branches, merged].map(|branches| {
        let buses = (0..=branches.len()).map(|k| bus(k, 12.66)).collect();
        let network = covolt_grid::Network::try_new("n", 1.0, 50.0, buses, branches, vec![], source(0, 1.0)).unwrap();
        Grid::new(network).unwrap()
    });
    let a = solved(&with, &[0.0, 0.2, 0.3, 0.4], &[0.0, 0.0, 0.1, 0.2], FlowMethod::Auto);
    let b = solved(&without, &[0.0, 0.5, 0.4], &[0.0, 0.1, 0.2], FlowMethod::Auto);
    assert!((a[3] - b[2]).norm() < 1e-10, "{}", (a[3] - b[2]).norm());
}

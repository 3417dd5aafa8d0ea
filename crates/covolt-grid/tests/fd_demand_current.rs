//! (30)-(31), (37)-(40), Table I and the linear system (34)-(36); what the printed signs would give.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[path = "common/dense.rs"]
mod dense;

use common::*;
use covolt_grid::{Action, Complex64, FlowOptions, Grid, demand_current, demand_current_derivatives, injected_current};

const POINTS: [(f64, f64, f64, f64); 5] = [
    (0.7, 0.3, 1.0, 0.0),
    (-0.4, 0.9, 0.95, -0.1),
    (0.2, -1.3, 1.04, 0.2),
    (0.0, 0.5, 0.8, -0.3),
    (1.1, 0.0, 0.6, 0.6),
];

fn slope(f: impl Fn(f64) -> Complex64) -> Complex64 {
    let h = 1e-5;
    (f(h) - f(-h)) / (2.0 * h)
}

#[test]
fn ref_demand_current_as_printed() {
    for (p, q, re, im) in POINTS {
        let v = c(re, im);
        let current = demand_current(p, q, v);
        let square = re * re + im * im;
        assert!((current.re - (p * re + q * im) / square).abs() < 1e-14);
        assert!((current.im - (p * im - q * re) / square).abs() < 1e-14);
        // S = V conj(I) is what the bus consumes.
        assert!((v * current.conj() - c(p, q)).norm() < 1e-14);
        assert_eq!(injected_current(p, q, v), -current);
    }
}

#[test]
fn fd_demand_current_by_voltage() {
    for (p, q, re, im) in POINTS {
        let [[a, b], [c_, d]] = demand_current_derivatives(p, q, c(re, im));
        let by_re = slope(|h| demand_current(p, q, c(re + h, im)));
        let by_im = slope(|h| demand_current(p, q, c(re, im + h)));
        for (exact, fd) in [(a, by_re.re), (b, by_im.re), (c_, by_re.im), (d, by_im.im)] {
            assert!((exact - fd).abs() < 1e-8, "{exact} {fd}");
        }
    }
}

/// The demand (32)-(33) as a function of one action, then its current: Table I, active and reactive columns.
#[test]
fn fd_table_one() {
    for (p, q, re, im) in POINTS {
        let v = c(re, im);
        let square = v.norm_sqr();
        // p = P_D - P_DG - P_PV + P_Ch - P_Dis,  q = Q_D - Q_DG - Q_PV + Q_ESS
        let table = [
            (Action::DgActive, slope(|h| demand_current(p - h, q, v)), c(-re, -im)),
            (Action::Charge, slope(|h| demand_current(p + h, q, v)), c(re, im)),
            (Action::Discharge, slope(|h| demand_current(p - h, q, v)), c(-re, -im)),
            (Action::DgReactive, slope(|h| demand_current(p, q - h, v)), c(-im, re)),
            (Action::PvReactive, slope(|h| demand_current(p, q - h, v)), c(-im, re)),
            (Action::StorageReactive, slope(|h| demand_current(p, q + h, v)), c(im, -re)),
        ];
        for (action, fd, corrected) in table {
            let exact = action.demand_current_derivative(v);
            assert!((exact - fd).norm() < 1e-9, "{action:?}: {exact} against {fd}");
            assert!((exact - corrected / square).norm() < 1e-14, "{action:?}");
        }
    }
}

/// Which signs the dense system uses.
struct Signs {
    demand: f64,
    right_hand_side: f64,
}

/// dV/da by the dense real system of (34)-(40) with the slack left out.
fn dense_sensitivities(grid: &Grid, p: &[f64], q: &[f64], v: &[Complex64], signs: Signs) -> Vec<Vec<f64>> {
    let y = dense::admittance(grid.network());
    let slack = grid.network().source().bus.0;
    let free: Vec<usize> = (0..v.len()).filter(|&i| i != slack).collect();
    let m = free.len();
    let mut a = vec![vec![0.0; 2 * m]; 2 * m];
    let mut b = vec![vec![0.0; 2 * m]; 2 * m];
    for (r, &i) in free.iter().enumerate() {
        for (k, &j) in free.iter().enumerate() {
            a[r][k] = y[i][j].re;
            a[r][k + m] = -y[i][j].im;
            a[r + m][k] = y[i][j].im;
            a[r + m][k + m] = y[i][j].re;
        }
        // (37)-(40), written out as printed.
        let (re, im, s) = (v[i].re, v[i].im, v[i].norm_sqr());
        let (p, q) = (p[i], q[i]);
        let by = [
            [p / s - 2.0 * re * (p * re + q * im) / (s * s), q / s - 2.0 * im * (p * re + q * im) / (s * s)],
            [-q / s - 2.0 * re * (p * im - q * re) / (s * s), p / s - 2.0 * im * (p * im - q * re) / (s * s)],
        ];
        for (row, r) in by.iter().zip([r, r + m]) {
            a[r][free.iter().position(|&x| x == i).unwrap()] += signs.demand * row[0];
            a[r][free.iter().position(|&x| x == i).unwrap() + m] += signs.demand * row[1];
        }
        // Columns: p of every bus, then q of every bus.
        let (di_dp, di_dq) = (demand_current(1.0, 0.0, v[i]), demand_current(0.0, 1.0, v[i]));
        b[r][r] = signs.right_hand_side * di_dp.re;
        b[r + m][r] = signs.right_hand_side * di_dp.im;
        b[r][r + m] = signs.right_hand_side * di_dq.re;
        b[r + m][r + m] = signs.right_hand_side * di_dq.im;
    }
    dense::solve(a, b)
}

/// Largest entry of (products of the grid - dense matrix), relative to the largest entry of the matrix.
fn difference_from_grid(case: &Case, signs: Signs) -> f64 {
    let grid = Grid::new(case.network.clone()).unwrap();
    let (p, q) = (&case.p, &case.q);
    let mut ws = grid.workspace();
    grid.solve(p, q, &mut ws, &FlowOptions::default()).unwrap();
    grid.linearise(p, q, &mut ws).unwrap();
    let v = ws.v().to_vec();
    let dense = dense_sensitivities(&grid, p, q, &v, signs);
    let n = v.len();
    let free: Vec<usize> = (0..n).filter(|&i| i != grid.network().source().bus.0).collect();
    let m = free.len();
    let (mut worst, mut largest) = (0.0f64, 0.0f64);
    for column in 0..2 * m {
        let (mut dp, mut dq, mut dv) = (vec![0.0; n], vec![0.0; n], vec![Complex64::ZERO; n]);
        if column < m {
            dp[free[column]] = 1.0
        } else {
            dq[free[column - m]] = 1.0
        }
        grid.forward(&dp, &dq, &mut dv, &mut ws);
        for (r, &i) in free.iter().enumerate() {
            worst = worst.max((dv[i] - c(dense[r][column], dense[r + m][column])).norm());
            largest = largest.max(dv[i].norm());
        }
    }
    worst / largest
}

#[test]
fn ref_products_equal_the_corrected_dense_system() {
    let mut cases: Vec<Case> = (0..5).map(|seed| random(400 + seed, 25, seed as usize % 3)).collect();
    cases.push(baran_wu(33, 10.0, false));
    cases.push(baran_wu(69, 10.0, false));
    for case in &cases {
        let relative = difference_from_grid(case, Signs { demand: 1.0, right_hand_side: -1.0 });
        assert!(relative < 1e-9, "{relative}");
    }
}

/// The printed system (Y - Y_D) dV/da = dI/da: wrong sign throughout; with that repaired, still wrong by per cents.
#[test]
fn ref_printed_signs_are_wrong() {
    let case = baran_wu(33, 10.0, false);
    let as_printed = difference_from_grid(&case, Signs { demand: -1.0, right_hand_side: 1.0 });
    let minus_repaired = difference_from_grid(&case, Signs { demand: -1.0, right_hand_side: -1.0 });
    println!("relative error as printed {as_printed:.3}, with the right-hand side repaired {minus_repaired:.3}");
    assert!(as_printed > 1.5, "{as_printed}");
    assert!(minus_repaired > 0.03, "{minus_repaired}");
}

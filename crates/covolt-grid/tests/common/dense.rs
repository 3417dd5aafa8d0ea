//! Independent dense references: nodal admittance matrix from first principles, Gaussian elimination, polar Newton.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::needless_range_loop)]

use covolt_grid::{Complex64, Network};

/// Solves A x = b by elimination with partial pivoting; columns of b are solved together.
pub fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = a.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())).unwrap();
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..n {
            let f = a[i][k] / a[k][k];
            if f == 0.0 {
                continue;
            }
            for j in k..n {
                a[i][j] -= f * a[k][j];
            }
            for j in 0..b[0].len() {
                b[i][j] -= f * b[k][j];
            }
        }
    }
    for k in (0..n).rev() {
        for j in 0..b[0].len() {
            let sum: f64 = (k + 1..n).map(|i| a[k][i] * b[i][j]).sum();
            b[k][j] = (b[k][j] - sum) / a[k][k];
        }
    }
    b
}

/// Nodal admittance matrix by inserting each branch as an ideal transformer in series with its impedance.
pub fn admittance(network: &Network) -> Vec<Vec<Complex64>> {
    let n = network.buses().len();
    let mut y = vec![vec![Complex64::ZERO; n]; n];
    for b in network.branches() {
        let (f, t) = (b.from.0, b.to.0);
        let series = Complex64::ONE / b.series_z_pu;
        // Incidence vector (1/tap at from, -1 at to): the branch adds  conj(a_i) series a_j.
        let incidence = [(f, Complex64::ONE / b.tap), (t, -Complex64::ONE)];
        for (i, a_i) in incidence {
            for (j, a_j) in incidence {
                y[i][j] += a_i.conj() * series * a_j;
            }
        }
        y[f][f] += b.shunt_from_pu;
        y[t][t] += b.shunt_to_pu;
    }
    for s in network.shunts() {
        y[s.bus.0][s.bus.0] += s.y_pu;
    }
    y
}

/// Power balance Newton in polar coordinates (a different formulation from the one under test). Flat start.
pub fn polar_newton(network: &Network, p: &[f64], q: &[f64], start: &[Complex64]) -> Vec<Complex64> {
    let y = admittance(network);
    let n = start.len();
    let slack = network.source().bus.0;
    let free: Vec<usize> = (0..n).filter(|&i| i != slack).collect();
    let mut v = start.to_vec();
    for _ in 0..30 {
        let current = |v: &[Complex64], i: usize| -> Complex64 { (0..n).map(|j| y[i][j] * v[j]).sum() };
        let rest: Vec<Complex64> =
            free.iter().map(|&i| -Complex64::new(p[i], q[i]) - v[i] * current(&v, i).conj()).collect();
        let worst = rest.iter().fold(0.0, |m: f64, r| m.max(r.norm()));
        if worst < 1e-12 {
            return v;
        }
        let m = free.len();
        let mut jacobian = vec![vec![0.0; 2 * m]; 2 * m];
        for (r, &i) in free.iter().enumerate() {
            let s_i = v[i] * current(&v, i).conj();
            for (c, &j) in free.iter().enumerate() {
                // S_i = V_i sum conj(Y_ij V_j); d/d angle_j and |V_j| d/d|V_j| of one term.
                let term = v[i] * (y[i][j] * v[j]).conj();
                let own = if i == j { s_i } else { Complex64::ZERO };
                let by_angle = Complex64::I * (own - term);
                let by_magnitude = own + term;
                jacobian[r][c] = by_angle.re;
                jacobian[r + m][c] = by_angle.im;
                jacobian[r][c + m] = by_magnitude.re;
                jacobian[r + m][c + m] = by_magnitude.im;
            }
        }
        let b = (rest.iter().map(|r| vec![r.re])).chain(rest.iter().map(|r| vec![r.im])).collect();
        let step = solve(jacobian, b);
        for (k, &i) in free.iter().enumerate() {
            v[i] *= Complex64::from_polar(1.0 + step[k + m][0], step[k][0]);
        }
    }
    panic!("the reference did not converge");
}

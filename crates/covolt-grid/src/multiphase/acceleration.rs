//! Anderson acceleration of a fixed point iteration x <- g(x).
//!
//! With the residual f = g(x) - x and the differences of the last steps, df_i = f_(i+1) - f_i and dg_i = g_(i+1) - g_i, the next point is
//!
//! ```text
//!   x = g - sum_i gamma_i dg_i         gamma minimises |f - sum_i gamma_i df_i|
//! ```
//!
//! the minimum of the residual over the affine span of the last points, if g were linear. The normal equations are at most
//! [`DEPTH`] x [`DEPTH`] and kept up to date by one row per step. For power flows x is the vector of the currents of all ports, far
//! shorter than that of the voltages, so a step costs little beside the passes over the network.

use num_complex::Complex64;

/// Differences that are kept: more gain nothing on feeders (measured), and their normal equations would lose digits.
const DEPTH: usize = 4;
/// Added to the diagonal of the normal equations, relative: below it a difference says nothing new.
const REGULARISATION: f64 = 1e-14;

/// The history of one iteration.
#[derive(Debug)]
pub(super) struct Acceleration {
    n: usize,
    /// f and g of the last step.
    f: Vec<Complex64>,
    g: Vec<Complex64>,
    /// Differences, one after the other; the oldest is overwritten.
    df: Vec<Complex64>,
    dg: Vec<Complex64>,
    /// <df_i, df_j>.
    gram: [[f64; DEPTH]; DEPTH],
    stored: usize,
    next: usize,
    started: bool,
}

impl Acceleration {
    pub fn new(n: usize) -> Acceleration {
        let zeros = |k: usize| vec![Complex64::ZERO; k];
        Acceleration {
            n,
            f: zeros(n),
            g: zeros(n),
            df: zeros(DEPTH * n),
            dg: zeros(DEPTH * n),
            gram: [[0.0; DEPTH]; DEPTH],
            stored: 0,
            next: 0,
            started: false,
        }
    }

    /// Forgets all steps.
    pub fn restart(&mut self) {
        (self.stored, self.next, self.started) = (0, 0, false);
    }

    /// From the point `x` and `g` = g(x) to the next point, left in `x`.
    #[inline(always)]
    pub fn step(&mut self, x: &mut [Complex64], g: &[Complex64]) {
        let n = self.n;
        if self.started {
            let slot = self.next;
            let (df, dg) = (&mut self.df[slot * n..(slot + 1) * n], &mut self.dg[slot * n..(slot + 1) * n]);
            for k in 0..n {
                let f = g[k] - x[k];
                df[k] = f - self.f[k];
                dg[k] = g[k] - self.g[k];
                self.f[k] = f;
                self.g[k] = g[k];
            }
            self.stored = (self.stored + 1).min(DEPTH);
            self.next = (slot + 1) % DEPTH;
            for j in 0..self.stored {
                let product = dot(&self.df[slot * n..(slot + 1) * n], &self.df[j * n..(j + 1) * n]);
                self.gram[slot][j] = product;
                self.gram[j][slot] = product;
            }
        } else {
            for k in 0..n {
                self.f[k] = g[k] - x[k];
                self.g[k] = g[k];
            }
            self.started = true;
        }
        x.copy_from_slice(g);
        let mut right = [0.0; DEPTH];
        for (j, right) in right.iter_mut().enumerate().take(self.stored) {
            *right = dot(&self.df[j * n..(j + 1) * n], &self.f);
        }
        let gamma = self.weights(right);
        for (j, gamma) in gamma.iter().enumerate().take(self.stored) {
            for (x, dg) in x.iter_mut().zip(&self.dg[j * n..(j + 1) * n]) {
                *x -= dg * *gamma;
            }
        }
    }

    /// Solves the normal equations by elimination; a difference without a pivot of its own gets no weight.
    fn weights(&self, mut right: [f64; DEPTH]) -> [f64; DEPTH] {
        let (mut a, m) = (self.gram, self.stored);
        for (k, row) in a.iter_mut().enumerate() {
            row[k] *= 1.0 + REGULARISATION;
        }
        let mut gamma = [0.0; DEPTH];
        let mut used = [false; DEPTH];
        for k in 0..m {
            used[k] = a[k][k] > REGULARISATION * self.gram[k][k];
            for i in k + 1..m {
                let factor = if used[k] { a[i][k] / a[k][k] } else { 0.0 };
                let pivot_row = a[k];
                for (entry, above) in a[i][k..m].iter_mut().zip(&pivot_row[k..m]) {
                    *entry -= factor * above;
                }
                right[i] -= factor * right[k];
            }
        }
        for k in (0..m).rev().filter(|&k| used[k]) {
            let rest: f64 = (k + 1..m).map(|j| a[k][j] * gamma[j]).sum();
            gamma[k] = (right[k] - rest) / a[k][k];
        }
        gamma
    }
}

/// Real inner product; four sums, because one would wait for itself.
#[inline(always)]
fn dot(a: &[Complex64], b: &[Complex64]) -> f64 {
    let mut sums = [0.0; 4];
    let (pairs_a, pairs_b) = (a.chunks_exact(2), b.chunks_exact(2));
    let last: f64 = pairs_a.remainder().iter().zip(pairs_b.remainder()).map(|(a, b)| a.re * b.re + a.im * b.im).sum();
    for (a, b) in pairs_a.zip(pairs_b) {
        sums[0] += a[0].re * b[0].re;
        sums[1] += a[0].im * b[0].im;
        sums[2] += a[1].re * b[1].re;
        sums[3] += a[1].im * b[1].im;
    }
    last + sums.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_a_linear_iteration_ends_after_as_many_steps_as_it_has_rates() {
        // g(x) = 0.9 x + 1 and -0.8 x + 2j: two rates, so three evaluations give the fixed points 10 and 2j / 1.8.
        let g = |x: &[Complex64]| vec![x[0] * 0.9 + 1.0, x[1] * -0.8 + Complex64::new(0.0, 2.0)];
        let (mut x, mut acceleration) = (vec![Complex64::ZERO; 2], Acceleration::new(2));
        for _ in 0..4 {
            let value = g(&x);
            acceleration.step(&mut x, &value);
        }
        assert!((x[0] - 10.0).norm() < 1e-9 && (x[1] - Complex64::new(0.0, 2.0 / 1.8)).norm() < 1e-9, "{x:?}");
    }
}

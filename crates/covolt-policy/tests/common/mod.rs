//! Small policies and dense algebra shared by the tests.
#![allow(dead_code, clippy::unwrap_used)]

use covolt_policy::{Action, Activation, CovarianceKind, Feature, GaussianPolicy, LogSigma, PolicySpec};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

pub fn uniform(rng: &mut ChaCha8Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

pub fn spec(features: usize, actions: usize, hidden: &[usize], covariance: CovarianceKind) -> PolicySpec {
    PolicySpec {
        features: (0..features)
            .map(|i| Feature { name: format!("feature {i}"), mean: 0.1 * i as f64, std: 0.5 + 0.1 * i as f64 })
            .collect(),
        actions: (0..actions).map(|i| Action { name: format!("action {i}"), scale: 0.5 + i as f64 }).collect(),
        mean_hidden: hidden.to_vec(),
        covariance_hidden: hidden.to_vec(),
        activation: Activation::LeakyRelu,
        covariance,
        log_sigma: LogSigma::default(),
    }
}

/// A policy with random parameters everywhere.
pub fn policy(
    features: usize,
    actions: usize,
    hidden: &[usize],
    covariance: CovarianceKind,
    rng: &mut ChaCha8Rng,
) -> GaussianPolicy {
    let mut policy = GaussianPolicy::try_new(spec(features, actions, hidden, covariance), rng).unwrap();
    let mut theta = vec![0.0; policy.parameter_count()];
    policy.copy_parameters(&mut theta).unwrap();
    let noise = uniform(rng, theta.len());
    for (t, n) in theta.iter_mut().zip(noise) {
        *t += 0.3 * n;
    }
    policy.set_parameters(&theta).unwrap();
    policy
}

/// L L^T of a dense row-major d x d matrix.
pub fn product_with_transpose(l: &[f64], d: usize) -> Vec<f64> {
    let mut s = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..d {
            s[i * d + j] = (0..d).map(|k| l[i * d + k] * l[j * d + k]).sum();
        }
    }
    s
}

/// Whether the symmetric matrix has a Cholesky factor.
pub fn cholesky_succeeds(s: &[f64], d: usize) -> bool {
    let mut l = s.to_vec();
    for j in 0..d {
        for k in 0..j {
            for i in j..d {
                l[i * d + j] -= l[i * d + k] * l[j * d + k];
            }
        }
        let pivot = l[j * d + j];
        if pivot.is_nan() || pivot <= 0.0 {
            return false;
        }
        for i in j..d {
            l[i * d + j] /= pivot.sqrt();
        }
    }
    true
}

/// A random Gaussian: (scale, eta, mean).
pub fn gaussian(kind: CovarianceKind, d: usize, rng: &mut ChaCha8Rng) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let scale = uniform(rng, d).iter().map(|s| 1.5 + s).collect();
    let eta = uniform(rng, kind.coordinates(d));
    (scale, eta, uniform(rng, d))
}

/// Inverse of a small dense matrix by elimination with pivoting.
pub fn inverse(a: &[f64], n: usize) -> Vec<f64> {
    let mut m: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let mut row = a[i * n..(i + 1) * n].to_vec();
            row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
            row
        })
        .collect();
    for c in 0..n {
        let best = (c..n).max_by(|&i, &j| m[i][c].abs().total_cmp(&m[j][c].abs())).unwrap();
        m.swap(c, best);
        let pivot = m[c].clone();
        for (r, row) in m.iter_mut().enumerate() {
            let f = row[c] / pivot[c];
            for (x, p) in row.iter_mut().zip(&pivot) {
                *x = if r == c { p / pivot[c] } else { *x - f * p };
            }
        }
    }
    m.iter().flat_map(|row| row[n..].to_vec()).collect()
}

/// A B of dense row-major matrices, m x k times k x n.
pub fn matmul(a: &[f64], b: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            c[i * n + j] = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
        }
    }
    c
}

//! Fisher information (26) of the policy, by its factors: H = J^T M J with J the Jacobian of the outputs (mu, eta).
//!
//! M is the metric of a Gaussian in its own coordinates,
//! dmu^T Sigma^-1 dmu + 1/2 tr(Sigma^-1 dSigma Sigma^-1 dSigma); the printed (26) is twice that (`docs/deviations.md`).
//! With L = D U, D = diag(s_i sigma_i), and X = L^-1 dL = U^-1 (diag(dlog sigma) U + dU) the covariance part is
//! 1/2 |X + X^T|^2, so that it costs two triangular solves and knows neither Sigma nor its inverse; for a diagonal
//! factor it is 2 per log sigma. 1/2 v^T H v is the KL divergence (18) of the step v to second order.
//!
//! H (parameters x parameters) is never formed: [`fisher_product`] is one jvp, M per state, and one vjp.

use crate::covariance::{CovarianceKind, Factor, dot};
use crate::error::{PolicyError, check_len};
use crate::policy::{GaussianPolicy, PolicyWorkspace};

/// The metric M at one state, with its D x D scratch.
#[derive(Debug, Clone, Default)]
pub struct OutputMetric {
    triangle: Vec<f64>,
}

fn check_shapes(factor: &Factor<'_>, mean: &[f64], eta: &[f64]) -> Result<(), PolicyError> {
    let d = factor.actions();
    check_len("metric argument (mean)", mean.len(), d)?;
    check_len("metric argument (covariance)", eta.len(), factor.kind().coordinates(d))
}

impl OutputMetric {
    /// Scratch for policies with `actions` actions (grows by itself where it is too small).
    pub fn new(actions: usize) -> Self {
        OutputMetric { triangle: vec![0.0; actions * actions] }
    }

    /// (mean, eta) <- M (mean, eta), in place.
    pub fn apply(&mut self, factor: &Factor<'_>, mean: &mut [f64], eta: &mut [f64]) -> Result<(), PolicyError> {
        check_shapes(factor, mean, eta)?;
        factor.solve(mean);
        factor.solve_transposed(mean);
        match factor.kind() {
            CovarianceKind::Diagonal => eta.iter_mut().for_each(|e| *e *= 2.0),
            CovarianceKind::Full => self.apply_full(factor, eta),
        }
        Ok(())
    }

    /// (mean, eta) <- M^-1 (mean, eta), in place.
    pub fn solve(&mut self, factor: &Factor<'_>, mean: &mut [f64], eta: &mut [f64]) -> Result<(), PolicyError> {
        check_shapes(factor, mean, eta)?;
        // Sigma x = L (L^T x), from the last row up and then down so that nothing is stored.
        let d = factor.actions();
        for j in 0..d {
            mean[j] *= factor.diagonal(j);
            for i in j + 1..d {
                if let Some(u) = factor.row(i).get(j) {
                    mean[j] += factor.diagonal(i) * u * mean[i];
                }
            }
        }
        for i in (0..d).rev() {
            mean[i] = factor.diagonal(i) * (mean[i] + dot(factor.row(i), mean));
        }
        match factor.kind() {
            CovarianceKind::Diagonal => eta.iter_mut().for_each(|e| *e *= 0.5),
            CovarianceKind::Full => self.solve_full(factor, eta),
        }
        Ok(())
    }

    /// eta -> B = diag(dlog sigma) U + dU -> X = U^-1 B -> G = X + X^T -> W = U^-T G -> eta.
    fn apply_full(&mut self, factor: &Factor<'_>, eta: &mut [f64]) {
        let d = factor.actions();
        self.triangle.resize(d * d, 0.0);
        let t = &mut self.triangle;
        for i in 0..d {
            let (du, dlog) = row_of(eta, i);
            for (j, (u, du)) in factor.row(i).iter().zip(du).enumerate() {
                t[i * d + j] = *dlog * u + *du;
            }
            t[i * d + i] = *dlog;
        }
        for i in 0..d {
            let (above, row) = t.split_at_mut(i * d);
            for (k, u) in factor.row(i).iter().enumerate() {
                for (x, b) in row.iter_mut().zip(&above[k * d..=k * d + k]) {
                    *x -= u * b;
                }
            }
        }
        for i in 0..d {
            t[i * d + i] *= 2.0;
        }
        for i in (0..d).rev() {
            let (above, row) = t.split_at_mut(i * d);
            for (k, u) in factor.row(i).iter().enumerate() {
                for (w, g) in above[k * d..=k * d + k].iter_mut().zip(&*row) {
                    *w -= u * g;
                }
            }
        }
        for i in 0..d {
            let w = &t[i * d..=i * d + i];
            let (du, dlog) = row_of(eta, i);
            *dlog = w[i] + dot(factor.row(i), w);
            du.copy_from_slice(&w[..i]);
        }
    }

    fn solve_full(&mut self, factor: &Factor<'_>, eta: &mut [f64]) {
        let d = factor.actions();
        self.triangle.resize(d * d, 0.0);
        let t = &mut self.triangle;
        for i in 0..d {
            let (du, dlog) = row_of(eta, i);
            t[i * d..i * d + i].copy_from_slice(du);
            t[i * d + i] = *dlog - dot(factor.row(i), du);
        }
        // G = U^T W on the lower triangle: row k gains U_ik W_i from every later row, which is still W.
        for i in 0..d {
            let (above, row) = t.split_at_mut(i * d);
            for (k, u) in factor.row(i).iter().enumerate() {
                for (g, w) in above[k * d..=k * d + k].iter_mut().zip(&*row) {
                    *g += u * w;
                }
            }
        }
        for i in 0..d {
            t[i * d + i] *= 0.5;
        }
        for i in (0..d).rev() {
            let (above, row) = t.split_at_mut(i * d);
            for (k, u) in factor.row(i).iter().enumerate() {
                for (b, x) in row.iter_mut().zip(&above[k * d..=k * d + k]) {
                    *b += u * x;
                }
            }
        }
        for i in 0..d {
            let b = &t[i * d..=i * d + i];
            let (du, dlog) = row_of(eta, i);
            *dlog = b[i];
            for ((du, b), u) in du.iter_mut().zip(b).zip(factor.row(i)) {
                *du = b - *dlog * u;
            }
        }
    }
}

/// (dU_i0 .., dlog sigma_i) of row i of a packed triangle.
fn row_of(eta: &mut [f64], i: usize) -> (&mut [f64], &mut f64) {
    let end = CovarianceKind::Full.log_sigma_at(i);
    let (before, from) = eta.split_at_mut(end);
    (&mut before[end - i..], &mut from[0])
}

/// Storage of [`fisher_product`] for one policy and batches up to a capacity.
#[derive(Debug, Clone)]
pub struct FisherWorkspace {
    d_mean: Vec<f64>,
    d_eta: Vec<f64>,
    metric: OutputMetric,
}

impl FisherWorkspace {
    /// Storage for `policy` and up to `capacity` states.
    pub fn new(policy: &GaussianPolicy, capacity: usize) -> Self {
        let capacity = capacity.max(1);
        FisherWorkspace {
            d_mean: vec![0.0; capacity * policy.actions()],
            d_eta: vec![0.0; capacity * policy.covariance_coordinates()],
            metric: OutputMetric::new(policy.actions()),
        }
    }
}

/// `product` = H v, averaged over the states last evaluated in `ws`; v and product are (theta_mu, theta_Sigma).
pub fn fisher_product(
    policy: &GaussianPolicy,
    ws: &mut PolicyWorkspace,
    v: &[f64],
    product: &mut [f64],
    scratch: &mut FisherWorkspace,
) -> Result<(), PolicyError> {
    let batch = policy.covariance_batch("Fisher product", ws)?;
    let (d, k) = (policy.actions(), policy.covariance_coordinates());
    if batch * d > scratch.d_mean.len() || batch * k > scratch.d_eta.len() {
        return Err(PolicyError::Batch { batch, capacity: scratch.d_mean.len() / d });
    }
    let d_mean = &mut scratch.d_mean[..batch * d];
    let d_eta = &mut scratch.d_eta[..batch * k];
    policy.jvp(ws, v, d_mean, d_eta)?;
    let rows = d_mean.chunks_exact_mut(d).zip(d_eta.chunks_exact_mut(k));
    for (sample, (d_mean, d_eta)) in rows.enumerate() {
        scratch.metric.apply(&policy.factor(ws, sample)?, d_mean, d_eta)?;
        let weight = 1.0 / batch as f64;
        d_mean.iter_mut().chain(d_eta).for_each(|x| *x *= weight);
    }
    product.fill(0.0);
    policy.vjp(ws, d_mean, d_eta, product)
}

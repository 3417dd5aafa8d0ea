//! Pathwise estimator, what (47)-(49) mean: a = mu + L eps, so da/dmu = 1 and da/dL = eps.
//!
//! The printed factors multiply to -1 in one dimension and divide by a vector in more (`docs/deviations.md`).
//! Here dJ/dmu = dJ/da, dJ/dL_ij = dJ/da_i eps_j, and in the coordinates eta (see [`crate::covariance`])
//! dJ/dlog sigma_i = dJ/da_i (L eps)_i, dJ/dU_ij = dJ/da_i L_ii eps_j.
//! Signs and units are those of dJ/da: a reward gradient gives reward gradients.

use crate::covariance::Factor;
use crate::error::{PolicyError, check_len};
use crate::policy::{GaussianPolicy, PolicyWorkspace};

/// Gradients with respect to mu (batch x D) and eta (batch x K), one sample per evaluated state, both overwritten.
///
/// `noise` is what [`GaussianPolicy::sample`] returned and `d_action` is dJ/da at that sample.
pub fn pathwise_gradient(
    policy: &GaussianPolicy,
    ws: &PolicyWorkspace,
    noise: &[f64],
    d_action: &[f64],
    d_mean: &mut [f64],
    d_eta: &mut [f64],
) -> Result<(), PolicyError> {
    let batch = policy.covariance_batch("pathwise gradient", ws)?;
    let (d, k) = (policy.actions(), policy.covariance_coordinates());
    check_len("noise", noise.len(), batch * d)?;
    check_len("action gradient", d_action.len(), batch * d)?;
    check_len("mean gradient", d_mean.len(), batch * d)?;
    check_len("covariance gradient", d_eta.len(), batch * k)?;
    d_mean.copy_from_slice(d_action);
    let rows = noise.chunks_exact(d).zip(d_action.chunks_exact(d));
    for (sample, ((eps, d_action), d_eta)) in rows.zip(d_eta.chunks_exact_mut(k)).enumerate() {
        covariance_gradient(&policy.factor(ws, sample)?, eps, d_action, d_eta);
    }
    Ok(())
}

/// dJ/deta of one sample; all slices in the factor's shape.
fn covariance_gradient(factor: &Factor<'_>, eps: &[f64], d_action: &[f64], d_eta: &mut [f64]) {
    let mut at = 0;
    for i in 0..factor.actions() {
        let weight = d_action[i] * factor.diagonal(i);
        let mut noise = eps[i];
        for (u, e) in factor.row(i).iter().zip(eps) {
            d_eta[at] = weight * e;
            noise += u * e;
            at += 1;
        }
        d_eta[at] = weight * noise;
        at += 1;
    }
}

/// Gradients with respect to mu (D) and eta (K) for one Gaussian, both overwritten; the batched form is
/// [`pathwise_gradient`].
pub fn pathwise_gradient_at(
    factor: &Factor<'_>,
    noise: &[f64],
    d_action: &[f64],
    d_mean: &mut [f64],
    d_eta: &mut [f64],
) -> Result<(), PolicyError> {
    let d = factor.actions();
    check_len("noise", noise.len(), d)?;
    check_len("action gradient", d_action.len(), d)?;
    check_len("mean gradient", d_mean.len(), d)?;
    check_len("covariance gradient", d_eta.len(), factor.kind().coordinates(d))?;
    d_mean.copy_from_slice(d_action);
    covariance_gradient(factor, noise, d_action, d_eta);
    Ok(())
}

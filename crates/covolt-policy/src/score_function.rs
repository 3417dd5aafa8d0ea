//! Score-function estimator: dJ/dx = E[ (R - b) dlog pi / dx ], the alternative to [`crate::pathwise`].
//!
//! It needs only the return R of each sample, no gradient of the physics, and pays with a variance that grows with
//! the number of actions. From (22) with y = eps = L^-1 (a - mu) and L = D U:
//! dlog pi/dmu = L^-T y, dlog pi/dU_ij = (U^-T y)_i y_j, dlog pi/dlog sigma_i = (U^-T y)_i (U y)_i - 1.
//! The density itself never appears (it reaches 10^40 at small sigma).

use crate::covariance::{Factor, dot};
use crate::error::{PolicyError, check_len};
use crate::policy::{GaussianPolicy, PolicyWorkspace};

/// Gradients with respect to mu (batch x D) and eta (batch x K), one sample per evaluated state, both overwritten.
///
/// `noise` is what [`GaussianPolicy::sample`] returned, `returns` the return of each sample (batch) and `baselines`
/// what is subtracted from it; a baseline that does not depend on the sample's own noise leaves the estimate unbiased.
pub fn score_function_gradient(
    policy: &GaussianPolicy,
    ws: &PolicyWorkspace,
    noise: &[f64],
    returns: &[f64],
    baselines: &[f64],
    d_mean: &mut [f64],
    d_eta: &mut [f64],
) -> Result<(), PolicyError> {
    let batch = policy.covariance_batch("score-function gradient", ws)?;
    let (d, k) = (policy.actions(), policy.covariance_coordinates());
    check_len("noise", noise.len(), batch * d)?;
    check_len("returns", returns.len(), batch)?;
    check_len("baselines", baselines.len(), batch)?;
    check_len("mean gradient", d_mean.len(), batch * d)?;
    check_len("covariance gradient", d_eta.len(), batch * k)?;
    let outputs = d_mean.chunks_exact_mut(d).zip(d_eta.chunks_exact_mut(k));
    let returns = returns.iter().zip(baselines);
    for (sample, (((d_mean, d_eta), y), (r, b))) in outputs.zip(noise.chunks_exact(d)).zip(returns).enumerate() {
        log_density_gradient(&policy.factor(ws, sample)?, y, d_mean, d_eta)?;
        let advantage = r - b;
        for g in d_mean.iter_mut().chain(d_eta) {
            *g *= advantage;
        }
    }
    Ok(())
}

/// dlog pi/dmu (D) and dlog pi/deta (K) of one Gaussian at the action mu + L noise, both overwritten.
pub fn log_density_gradient(
    factor: &Factor<'_>,
    noise: &[f64],
    d_mean: &mut [f64],
    d_eta: &mut [f64],
) -> Result<(), PolicyError> {
    let d = factor.actions();
    check_len("noise", noise.len(), d)?;
    check_len("mean gradient", d_mean.len(), d)?;
    check_len("covariance gradient", d_eta.len(), factor.kind().coordinates(d))?;
    d_mean.copy_from_slice(noise);
    factor.solve_transposed(d_mean);
    let mut at = 0;
    for i in 0..d {
        let z = factor.diagonal(i) * d_mean[i];
        let row = factor.row(i);
        for y in &noise[..row.len()] {
            d_eta[at] = z * y;
            at += 1;
        }
        d_eta[at] = z * (noise[i] + dot(row, noise)) - 1.0;
        at += 1;
    }
    Ok(())
}

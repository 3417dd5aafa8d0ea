//! Kullback-Leibler divergence (18) between two Gaussians, exactly; (25) is its second-order form.
//!
//! KL(p | q) = 1/2 ( |L_q^-1 L_p|_F^2 + |L_q^-1 (mu_p - mu_q)|^2 - D ) + log det L_q - log det L_p, in nats.

use crate::covariance::{Factor, dot};
use crate::error::{PolicyError, check_len};

/// KL(p | q) of two Gaussians given by mean and factor; `scratch` has 2 D entries.
pub fn kl_divergence(
    p_mean: &[f64],
    p: &Factor<'_>,
    q_mean: &[f64],
    q: &Factor<'_>,
    scratch: &mut [f64],
) -> Result<f64, PolicyError> {
    let d = q.actions();
    check_len("actions of the first Gaussian", p.actions(), d)?;
    check_len("mean of the first Gaussian", p_mean.len(), d)?;
    check_len("mean of the second Gaussian", q_mean.len(), d)?;
    check_len("divergence scratch", scratch.len(), 2 * d)?;
    let (unit, x) = scratch.split_at_mut(d);
    for ((x, a), b) in x.iter_mut().zip(p_mean).zip(q_mean) {
        *x = a - b;
    }
    q.solve(x);
    let mut sum = dot(x, x);
    // Column by column; log det differences are paired with the trace, whose D cancels only in the sum.
    for j in 0..d {
        unit.fill(0.0);
        unit[j] = 1.0;
        p.apply(unit, x);
        q.solve(x);
        sum += dot(x, x) - 1.0;
    }
    Ok(0.5 * sum + q.log_det() - p.log_det())
}

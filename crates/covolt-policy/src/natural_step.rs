//! Step along the natural gradient within the trust region (25): maximise g.v subject to 1/2 v^T H v <= delta.
//!
//! The solution is v = c (H + lambda)^-1 g with c = sqrt(2 delta / v^T H v); H is the Fisher information (26) averaged
//! over the states evaluated last, met only through products, and delta is a KL divergence per state in nats.
//! Without the rows (24) this is the whole update; with them it is the start of the QCLP.

use crate::conjugate_gradient::{CgInfo, CgSettings, CgWorkspace, solve};
use crate::error::{PolicyError, check_finite, check_len};
use crate::fisher::{FisherWorkspace, fisher_product};
use crate::policy::{GaussianPolicy, PolicyWorkspace};

/// Writes the step for the gradient `gradient` of (theta_mu, theta_Sigma) into `step`; a zero gradient gives a zero step.
/// The returned curvature is v^T H v of the step made, 2 delta unless the gradient vanishes.
#[allow(clippy::too_many_arguments)]
pub fn natural_step(
    policy: &GaussianPolicy,
    ws: &mut PolicyWorkspace,
    gradient: &[f64],
    delta: f64,
    settings: &CgSettings,
    fisher: &mut FisherWorkspace,
    cg: &mut CgWorkspace,
    step: &mut [f64],
) -> Result<CgInfo, PolicyError> {
    let n = policy.parameter_count();
    check_len("policy gradient", gradient.len(), n)?;
    check_len("parameter step", step.len(), n)?;
    check_len("conjugate-gradient storage", cg.unknowns(), n)?;
    check_finite("policy gradient", gradient)?;
    cg.rhs.copy_from_slice(gradient);
    let mut info = solve(cg, settings, step, |v, out| fisher_product(policy, ws, v, out, fisher))?;
    if info.curvature > 0.0 {
        let stretch = (2.0 * delta.max(0.0) / info.curvature).sqrt();
        step.iter_mut().for_each(|v| *v *= stretch);
        info.curvature *= stretch * stretch;
    } else {
        step.fill(0.0);
    }
    Ok(info)
}

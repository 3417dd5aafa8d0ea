//! From wanted mean changes at **many** states to one parameter step, by damped least squares:
//! min over dtheta of sum over states and actions of w (J dtheta - dmu)^2 + lambda |dtheta|^2.
//!
//! With a few states [`crate::output_step`] makes the change exactly; with hundreds there are more wishes than the network
//! can or should follow, and J J^T would be too large. Here J appears only in products: one jvp and one vjp per iteration.
//! Weights w carry the curvature of the cost where it is known (1 / range^2 otherwise).

use crate::conjugate_gradient::{CgInfo, CgSettings, CgWorkspace, solve};
use crate::error::{PolicyError, check_finite, check_len};
use crate::policy::{GaussianPolicy, PolicyWorkspace};

/// Storage for fits of one policy's means at up to a number of states.
#[derive(Debug, Clone)]
pub struct OutputFit {
    cg: CgWorkspace,
    change: Vec<f64>,
}

impl OutputFit {
    /// Storage for `policy` and up to `capacity` states.
    pub fn new(policy: &GaussianPolicy, capacity: usize) -> Self {
        OutputFit {
            cg: CgWorkspace::new(policy.mean_net().parameter_count()),
            change: vec![0.0; capacity.max(1) * policy.actions()],
        }
    }

    /// Step of theta_mu (overwritten) that follows `d_mean` with weights `weights` (both batch x D, weights not negative)
    /// at the states last evaluated in `ws`.
    pub fn mean_step(
        &mut self,
        policy: &GaussianPolicy,
        ws: &mut PolicyWorkspace,
        d_mean: &[f64],
        weights: &[f64],
        settings: &CgSettings,
        step: &mut [f64],
    ) -> Result<CgInfo, PolicyError> {
        let batch = policy.mean_batch("mean fit", ws)?;
        let rows = batch * policy.actions();
        check_len("wanted mean change", d_mean.len(), rows)?;
        check_len("weights", weights.len(), rows)?;
        check_len("parameter step", step.len(), policy.mean_net().parameter_count())?;
        check_len("fit storage", self.cg.unknowns(), step.len())?;
        check_finite("wanted mean change", d_mean)?;
        check_finite("weights", weights)?;
        if rows > self.change.len() {
            return Err(PolicyError::Batch { batch, capacity: self.change.len() / policy.actions() });
        }
        let change = &mut self.change[..rows];
        for ((c, d), w) in change.iter_mut().zip(d_mean).zip(weights) {
            *c = w.max(0.0) * d;
        }
        self.cg.rhs.fill(0.0);
        policy.vjp_mean(ws, change, &mut self.cg.rhs)?;
        solve(&mut self.cg, settings, step, |v, out| {
            policy.jvp_mean(ws, v, change)?;
            for (c, w) in change.iter_mut().zip(weights) {
                *c *= w.max(0.0);
            }
            out.fill(0.0);
            policy.vjp_mean(ws, change, out)
        })
    }
}

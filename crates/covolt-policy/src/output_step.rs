//! From a step of the policy's outputs to the smallest parameter step that makes it:
//! dtheta = J^T (J J^T + lambda I)^-1 dx, J the Jacobian of all outputs at a few stacked states.
//!
//! The trust-region program (23)-(25) has tens of outputs and thousands of parameters, and all its data factor through
//! the outputs, so it is solved there and mapped back here. J is never formed: for a perceptron
//!
//! (J J^T)[(s,o),(s',o')] = sum over layers l of (h_l(s) . h_l(s') + 1) (delta_l(s,o) . delta_l(s',o')),
//!
//! with h_l(s) the layer's input at state s and delta_l(s,o) output o back-propagated to the layer's result.
//! lambda is relative to the mean diagonal of J J^T. Cost: (states x outputs)^2 x widths plus the cube of the rows.

use crate::cholesky;
use crate::covariance::dot;
use crate::error::{PolicyError, check_finite, check_len};
use crate::matrix_product::{View, multiply};
use crate::mlp::{Mlp, Tape};
use crate::policy::{GaussianPolicy, PolicyWorkspace};

/// Damping that a step needs at least: rows of J can be dependent (dead units, equal states).
pub const DEFAULT_DAMPING: f64 = 1e-10;

/// What an output step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutputStepInfo {
    /// Damping added to the diagonal of J J^T, absolute.
    pub damping: f64,
    /// Largest output change that was asked for and is not made to first order, |dx - J dtheta|.
    pub missed: f64,
    /// Length of the parameter step.
    pub length: f64,
}

/// Storage for steps of one network at up to `states` stacked states.
#[derive(Debug, Clone)]
pub struct OutputStep {
    rows: usize,
    /// delta_l of every row, two layers at a time.
    delta: Vec<f64>,
    below: Vec<f64>,
    product: Vec<f64>,
    gram: Vec<f64>,
    slopes: Vec<f64>,
    y: Vec<f64>,
}

impl OutputStep {
    /// Storage for `net` and up to `states` states.
    pub fn new(net: &Mlp, states: usize) -> Self {
        let rows = states.max(1) * net.outputs();
        let widest = net.sizes().iter().skip(1).copied().max().unwrap_or(0);
        OutputStep {
            rows,
            delta: vec![0.0; rows * widest],
            below: vec![0.0; rows * widest],
            product: vec![0.0; rows * rows],
            gram: vec![0.0; rows * rows],
            slopes: vec![0.0; rows],
            y: vec![0.0; rows],
        }
    }

    /// J J^T of the outputs slopes ∘ net at the states on the tape, into `self.gram` (row-major, rows x rows).
    fn form_gram(&mut self, net: &Mlp, tape: &Tape, rows: usize) {
        let outputs = net.outputs();
        let gram = &mut self.gram[..rows * rows];
        gram.fill(0.0);
        let delta = &mut self.delta[..rows * outputs];
        delta.fill(0.0);
        for (r, (row, slope)) in delta.chunks_exact_mut(outputs).zip(&self.slopes).enumerate() {
            row[r % outputs] = *slope;
        }
        for (l, layer) in net.layers().iter().enumerate().rev() {
            let width = layer.outputs;
            let product = &mut self.product[..rows * rows];
            multiply(
                rows,
                width,
                rows,
                1.0,
                View::rows_of(&self.delta, width),
                View::transposed(&self.delta, width),
                0.0,
                product,
                rows,
            );
            for s in 0..rows / outputs {
                for t in 0..=s {
                    let weight = 1.0 + dot(tape.activation(l, s), tape.activation(l, t));
                    for r in s * outputs..(s + 1) * outputs {
                        let block = r * rows + t * outputs..r * rows + (t + 1) * outputs;
                        for (g, p) in gram[block.clone()].iter_mut().zip(&product[block]) {
                            *g += weight * p;
                        }
                    }
                }
            }
            if l == 0 {
                break;
            }
            let (w, _) = layer.split(net.parameters());
            let below = &mut self.below[..rows * layer.inputs];
            multiply(
                rows,
                width,
                layer.inputs,
                1.0,
                View::rows_of(&self.delta, width),
                View::transposed(w, width),
                0.0,
                below,
                layer.inputs,
            );
            for (r, row) in below.chunks_exact_mut(layer.inputs).enumerate() {
                net.activation().scale_by_slope(tape.activation(l, r / outputs), row);
            }
            std::mem::swap(&mut self.delta, &mut self.below);
        }
    }

    /// Smallest step of the network's parameters (overwritten) that changes the outputs slopes ∘ net by `target`
    /// (states x outputs) at the states on the tape; `slopes` are set beforehand.
    fn solve(
        &mut self,
        net: &Mlp,
        tape: &mut Tape,
        target: &[f64],
        relative_damping: f64,
        step: &mut [f64],
    ) -> Result<OutputStepInfo, PolicyError> {
        let rows = target.len();
        check_finite("output step", target)?;
        check_len("parameter step", step.len(), net.parameter_count())?;
        self.form_gram(net, tape, rows);
        let gram = &mut self.gram[..rows * rows];
        let trace: f64 = gram.iter().step_by(rows + 1).sum();
        let damping = relative_damping.max(0.0) * trace / rows as f64;
        cholesky::factor(gram, rows, damping)?;
        let y = &mut self.y[..rows];
        y.copy_from_slice(target);
        cholesky::solve(gram, rows, y);
        // J J^T y = dx - damping y, hence |dtheta|^2 = y . dx - damping |y|^2.
        let info = OutputStepInfo {
            damping,
            missed: y.iter().fold(0.0, |m: f64, y| m.max((damping * y).abs())),
            length: (dot(y, target) - damping * dot(y, y)).max(0.0).sqrt(),
        };
        for (y, slope) in y.iter_mut().zip(&self.slopes) {
            *y *= slope;
        }
        step.fill(0.0);
        net.vjp(tape, y, step, None)?;
        Ok(info)
    }

    fn set_slopes(&mut self, rows: usize, target: &[f64], per_state: usize) -> Result<&mut [f64], PolicyError> {
        check_len("output step", target.len(), rows)?;
        if rows > self.rows {
            return Err(PolicyError::Batch { batch: rows / per_state, capacity: self.rows / per_state });
        }
        let slopes = &mut self.slopes[..rows];
        slopes.fill(1.0);
        Ok(slopes)
    }

    fn check_network(&self, net: &Mlp) -> Result<(), PolicyError> {
        let widest = net.sizes().iter().skip(1).copied().max().unwrap_or(0);
        check_len("output step storage", self.delta.len(), self.rows * widest)
    }

    /// Step of theta_mu that changes the means by `d_mean` (batch x D) at the states last evaluated in `ws`.
    pub fn mean_step(
        &mut self,
        policy: &GaussianPolicy,
        ws: &mut PolicyWorkspace,
        d_mean: &[f64],
        relative_damping: f64,
        step: &mut [f64],
    ) -> Result<OutputStepInfo, PolicyError> {
        let batch = policy.mean_batch("mean step", ws)?;
        let d = policy.actions();
        self.check_network(policy.mean_net())?;
        let slopes = self.set_slopes(batch * d, d_mean, d)?;
        for row in slopes.chunks_exact_mut(d) {
            row.copy_from_slice(policy.scale());
        }
        self.solve(policy.mean_net(), &mut ws.mean_tape, d_mean, relative_damping, step)
    }

    /// Step of theta_Sigma that changes eta by `d_eta` (batch x K) at the states last evaluated in `ws`.
    pub fn covariance_step(
        &mut self,
        policy: &GaussianPolicy,
        ws: &mut PolicyWorkspace,
        d_eta: &[f64],
        relative_damping: f64,
        step: &mut [f64],
    ) -> Result<OutputStepInfo, PolicyError> {
        let batch = policy.covariance_batch("covariance step", ws)?;
        let k = policy.covariance_coordinates();
        self.check_network(policy.covariance_net())?;
        let slopes = self.set_slopes(batch * k, d_eta, k)?;
        let spec = policy.spec();
        for (row, eta) in slopes.chunks_exact_mut(k).zip(ws.eta().chunks_exact(k)) {
            spec.log_sigma.scale_by_slope(spec.covariance, eta, row);
        }
        self.solve(policy.covariance_net(), &mut ws.covariance_tape, d_eta, relative_damping, step)
    }
}

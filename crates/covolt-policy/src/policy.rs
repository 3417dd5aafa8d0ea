//! Gaussian policy (20)-(22) of one agent: a ~ N(mu(S), L L^T) with one network for mu and one for L.
//!
//! mu = base + s ∘ net_mu(z), z = (S - mean) / std per feature; `base` is a set-point the caller knows without
//! learning (merit order, say) and s the range of each action, so the mean network is a relative correction and
//! starts at zero. The covariance network gives eta, see [`crate::covariance`].
//!
//! Shapes, row-major: features batch x F, base / mu / actions / noise batch x D, eta batch x K. The parameter vector is
//! (theta_mu, theta_Sigma), each laid out as [`crate::mlp`] says. Units are the caller's.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::covariance::{CovarianceKind, Factor, LogSigma, dot};
use crate::error::{PolicyError, check_finite, check_len, check_positive};
use crate::mlp::{Activation, LastLayer, Mlp, Tape};

/// One entry of the state: its name and the centre and spread it is normalised with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Name, unique within the state.
    pub name: String,
    /// Centre, in the feature's unit.
    pub mean: f64,
    /// Spread, in the feature's unit, positive.
    pub std: f64,
}

/// One action: its name and range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Name, unique within the policy.
    pub name: String,
    /// Range, in the action's unit, positive: one unit of network output and sigma = 1.
    pub scale: f64,
}

/// Normalised features are cut off at this many spreads: what lies further out is a situation of its own kind (a price spike,
/// say) that a network would extrapolate into without ever having seen it, while the base set-point knows it exactly.
const FEATURE_REACH: f64 = 4.0;

/// Everything that defines an untrained policy except the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicySpec {
    /// State layout.
    pub features: Vec<Feature>,
    /// Action layout.
    pub actions: Vec<Action>,
    /// Widths of the hidden layers of the mean network.
    pub mean_hidden: Vec<usize>,
    /// Widths of the hidden layers of the covariance network.
    pub covariance_hidden: Vec<usize>,
    /// Activation of the hidden layers of both.
    pub activation: Activation,
    /// Form of the covariance factor.
    pub covariance: CovarianceKind,
    /// Bounds and start of log sigma.
    pub log_sigma: LogSigma,
}

/// The policy of one agent.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianPolicy {
    spec: PolicySpec,
    centre: Vec<f64>,
    inverse_spread: Vec<f64>,
    scale: Vec<f64>,
    mean_net: Mlp,
    covariance_net: Mlp,
}

/// Storage for one policy and batches up to a capacity; after [`GaussianPolicy::evaluate`] it holds mu and eta.
#[derive(Debug, Clone)]
pub struct PolicyWorkspace {
    normalised: Vec<f64>,
    pub(crate) mean_tape: Tape,
    pub(crate) covariance_tape: Tape,
    mean: Vec<f64>,
    eta: Vec<f64>,
    d_mean: Vec<f64>,
    d_eta: Vec<f64>,
    mean_batch: usize,
    covariance_batch: usize,
}

impl PolicyWorkspace {
    /// Largest batch.
    pub fn capacity(&self) -> usize {
        self.mean_tape.capacity()
    }

    /// Means of the last evaluation, batch x D (empty before the first).
    pub fn mean(&self) -> &[f64] {
        let per_sample = self.mean.len() / self.capacity();
        &self.mean[..self.mean_batch * per_sample]
    }

    /// Covariance coordinates of the last evaluation, batch x K (empty where only the mean was asked for).
    pub fn eta(&self) -> &[f64] {
        let per_sample = self.eta.len() / self.capacity();
        &self.eta[..self.covariance_batch * per_sample]
    }
}

fn sizes(inputs: usize, hidden: &[usize], outputs: usize) -> Vec<usize> {
    std::iter::once(inputs).chain(hidden.iter().copied()).chain(std::iter::once(outputs)).collect()
}

impl PolicySpec {
    /// Layer sizes of the mean network.
    pub fn mean_sizes(&self) -> Vec<usize> {
        sizes(self.features.len(), &self.mean_hidden, self.actions.len())
    }

    /// Layer sizes of the covariance network.
    pub fn covariance_sizes(&self) -> Vec<usize> {
        sizes(self.features.len(), &self.covariance_hidden, self.covariance.coordinates(self.actions.len()))
    }
}

impl GaussianPolicy {
    /// An untrained policy: mu = base and sigma = its initial value everywhere.
    pub fn try_new(spec: PolicySpec, rng: &mut ChaCha8Rng) -> Result<Self, PolicyError> {
        spec.log_sigma.check()?;
        let mean_net = Mlp::try_new(&spec.mean_sizes(), spec.activation, LastLayer::Zero, rng)?;
        let mut covariance_net = Mlp::try_new(&spec.covariance_sizes(), spec.activation, LastLayer::Zero, rng)?;
        let bias = covariance_net.output_bias_mut();
        for i in 0..spec.actions.len() {
            if let Some(bias) = bias.get_mut(spec.covariance.log_sigma_at(i)) {
                *bias = spec.log_sigma.initial_output();
            }
        }
        Self::from_networks(spec, mean_net, covariance_net)
    }

    /// A policy with given networks, whose sizes must be those of the spec.
    pub fn from_networks(spec: PolicySpec, mean_net: Mlp, covariance_net: Mlp) -> Result<Self, PolicyError> {
        spec.log_sigma.check()?;
        for (net, expected) in [(&mean_net, spec.mean_sizes()), (&covariance_net, spec.covariance_sizes())] {
            if net.sizes() != expected {
                return Err(PolicyError::Workspace { found: net.sizes().to_vec(), expected });
            }
        }
        let centre: Vec<f64> = spec.features.iter().map(|f| f.mean).collect();
        let spread: Vec<f64> = spec.features.iter().map(|f| f.std).collect();
        let scale: Vec<f64> = spec.actions.iter().map(|a| a.scale).collect();
        check_finite("feature mean", &centre)?;
        check_positive("feature std", &spread)?;
        check_positive("action scale", &scale)?;
        Ok(GaussianPolicy {
            centre,
            inverse_spread: spread.iter().map(|s| 1.0 / s).collect(),
            scale,
            spec,
            mean_net,
            covariance_net,
        })
    }

    /// What the policy was made from.
    pub fn spec(&self) -> &PolicySpec {
        &self.spec
    }

    /// Number of features F.
    pub fn features(&self) -> usize {
        self.centre.len()
    }

    /// Number of actions D.
    pub fn actions(&self) -> usize {
        self.scale.len()
    }

    /// Number of covariance coordinates K.
    pub fn covariance_coordinates(&self) -> usize {
        self.covariance_net.outputs()
    }

    /// Ranges of the actions.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// The mean network (20).
    pub fn mean_net(&self) -> &Mlp {
        &self.mean_net
    }

    /// The mean network, to be changed.
    pub fn mean_net_mut(&mut self) -> &mut Mlp {
        &mut self.mean_net
    }

    /// The covariance network (21).
    pub fn covariance_net(&self) -> &Mlp {
        &self.covariance_net
    }

    /// The covariance network, to be changed.
    pub fn covariance_net_mut(&mut self) -> &mut Mlp {
        &mut self.covariance_net
    }

    /// Number of parameters of both networks.
    pub fn parameter_count(&self) -> usize {
        self.mean_net.parameter_count() + self.covariance_net.parameter_count()
    }

    /// Copies (theta_mu, theta_Sigma) into `theta`.
    pub fn copy_parameters(&self, theta: &mut [f64]) -> Result<(), PolicyError> {
        check_len("policy parameters", theta.len(), self.parameter_count())?;
        let (mean, covariance) = theta.split_at_mut(self.mean_net.parameter_count());
        mean.copy_from_slice(self.mean_net.parameters());
        covariance.copy_from_slice(self.covariance_net.parameters());
        Ok(())
    }

    /// Sets (theta_mu, theta_Sigma); refuses numbers that are not finite.
    pub fn set_parameters(&mut self, theta: &[f64]) -> Result<(), PolicyError> {
        check_len("policy parameters", theta.len(), self.parameter_count())?;
        check_finite("policy parameters", theta)?;
        let (mean, covariance) = theta.split_at(self.mean_net.parameter_count());
        self.mean_net.parameters_mut().copy_from_slice(mean);
        self.covariance_net.parameters_mut().copy_from_slice(covariance);
        Ok(())
    }

    /// Storage for batches of up to `capacity` samples (at least one).
    pub fn workspace(&self, capacity: usize) -> PolicyWorkspace {
        let capacity = capacity.max(1);
        PolicyWorkspace {
            normalised: vec![0.0; capacity * self.features()],
            mean_tape: self.mean_net.tape(capacity),
            covariance_tape: self.covariance_net.tape(capacity),
            mean: vec![0.0; capacity * self.actions()],
            eta: vec![0.0; capacity * self.covariance_coordinates()],
            d_mean: vec![0.0; capacity * self.actions()],
            d_eta: vec![0.0; capacity * self.covariance_coordinates()],
            mean_batch: 0,
            covariance_batch: 0,
        }
    }

    /// Means (20) of a batch of states (one state: `batch` = 1, the fast way); the covariance network is not touched.
    /// The result is [`PolicyWorkspace::mean`].
    pub fn mean<'w>(
        &self,
        features: &[f64],
        base: &[f64],
        batch: usize,
        ws: &'w mut PolicyWorkspace,
    ) -> Result<&'w [f64], PolicyError> {
        self.evaluate_mean(features, base, batch, ws)?;
        Ok(ws.mean())
    }

    fn evaluate_mean(
        &self,
        features: &[f64],
        base: &[f64],
        batch: usize,
        ws: &mut PolicyWorkspace,
    ) -> Result<(), PolicyError> {
        ws.mean_batch = 0;
        ws.covariance_batch = 0;
        if batch > ws.capacity() {
            return Err(PolicyError::Batch { batch, capacity: ws.capacity() });
        }
        check_len("features", features.len(), batch * self.features())?;
        check_len("base set-point", base.len(), batch * self.actions())?;
        self.mean_net.check_tape(&ws.mean_tape)?;
        self.covariance_net.check_tape(&ws.covariance_tape)?;
        let rows = ws.normalised.chunks_exact_mut(self.features()).zip(features.chunks_exact(self.features()));
        for (z, s) in rows {
            let normal = self.centre.iter().zip(&self.inverse_spread);
            for ((z, s), (centre, inverse)) in z.iter_mut().zip(s).zip(normal) {
                *z = ((s - centre) * inverse).clamp(-FEATURE_REACH, FEATURE_REACH);
            }
        }
        let mean = &mut ws.mean[..base.len()];
        self.mean_net.forward(&ws.normalised[..features.len()], batch, &mut ws.mean_tape, mean)?;
        let rows = mean.chunks_exact_mut(self.actions()).zip(base.chunks_exact(self.actions()));
        for (mu, base) in rows {
            for ((mu, base), s) in mu.iter_mut().zip(base).zip(&self.scale) {
                *mu = base + s * *mu;
            }
        }
        ws.mean_batch = batch;
        Ok(())
    }

    /// Means and covariance coordinates of a batch of states: [`PolicyWorkspace::mean`] and [`PolicyWorkspace::eta`].
    pub fn evaluate(
        &self,
        features: &[f64],
        base: &[f64],
        batch: usize,
        ws: &mut PolicyWorkspace,
    ) -> Result<(), PolicyError> {
        self.evaluate_mean(features, base, batch, ws)?;
        let k = self.covariance_coordinates();
        let eta = &mut ws.eta[..batch * k];
        self.covariance_net.forward(&ws.normalised[..features.len()], batch, &mut ws.covariance_tape, eta)?;
        for eta in eta.chunks_exact_mut(k) {
            self.spec.log_sigma.bound(self.spec.covariance, eta);
        }
        ws.covariance_batch = batch;
        Ok(())
    }

    /// Draws one action per evaluated state: a = mu + L eps, with eps standard normal in `noise` (both batch x D).
    /// Call again for further samples of the same states.
    pub fn sample(
        &self,
        ws: &PolicyWorkspace,
        rng: &mut ChaCha8Rng,
        actions: &mut [f64],
        noise: &mut [f64],
    ) -> Result<(), PolicyError> {
        let batch = self.covariance_batch("sample", ws)?;
        let d = self.actions();
        check_len("actions", actions.len(), batch * d)?;
        check_len("noise", noise.len(), batch * d)?;
        for eps in noise.iter_mut() {
            *eps = StandardNormal.sample(rng);
        }
        let rows = actions.chunks_exact_mut(d).zip(noise.chunks_exact(d));
        for ((sample, (a, eps)), mu) in rows.enumerate().zip(ws.mean().chunks_exact(d)) {
            self.factor(ws, sample)?.apply(eps, a);
            for (a, mu) in a.iter_mut().zip(mu) {
                *a += mu;
            }
        }
        Ok(())
    }

    /// Factor L of evaluated state `sample`.
    pub fn factor<'a>(&'a self, ws: &'a PolicyWorkspace, sample: usize) -> Result<Factor<'a>, PolicyError> {
        let k = self.covariance_coordinates();
        let eta = ws
            .eta()
            .get(sample * k..(sample + 1) * k)
            .ok_or(PolicyError::Batch { batch: sample + 1, capacity: ws.covariance_batch })?;
        Factor::try_new(self.spec.covariance, &self.scale, eta)
    }

    /// log pi(a) of (22) at evaluated state `sample`.
    pub fn log_density(&self, ws: &PolicyWorkspace, sample: usize, action: &[f64]) -> Result<f64, PolicyError> {
        let d = self.actions();
        check_len("action", action.len(), d)?;
        let factor = self.factor(ws, sample)?;
        let mean = ws.mean().iter().skip(sample * d);
        let mut y: Vec<f64> = action.iter().zip(mean).map(|(a, mu)| a - mu).collect();
        factor.solve(&mut y);
        let log_two_pi = (2.0 * std::f64::consts::PI).ln();
        Ok(-0.5 * dot(&y, &y) - factor.log_det() - 0.5 * d as f64 * log_two_pi)
    }

    pub(crate) fn mean_batch(&self, what: &'static str, ws: &PolicyWorkspace) -> Result<usize, PolicyError> {
        let recorded = self.mean_net.recorded(what, &ws.mean_tape)?;
        match ws.mean_batch {
            batch if batch == recorded => Ok(batch),
            _ => Err(PolicyError::NoForward { what }),
        }
    }

    pub(crate) fn covariance_batch(&self, what: &'static str, ws: &PolicyWorkspace) -> Result<usize, PolicyError> {
        self.mean_batch(what, ws)?;
        let recorded = self.covariance_net.recorded(what, &ws.covariance_tape)?;
        match ws.covariance_batch {
            batch if batch == recorded => Ok(batch),
            _ => Err(PolicyError::NoForward { what }),
        }
    }

    /// Adds J_mu^T d_mean (summed over the batch) to `gradient`, which has the mean network's parameters.
    pub fn vjp_mean(&self, ws: &mut PolicyWorkspace, d_mean: &[f64], gradient: &mut [f64]) -> Result<(), PolicyError> {
        let batch = self.mean_batch("mean vjp", ws)?;
        let d = self.actions();
        check_len("mean cotangent", d_mean.len(), batch * d)?;
        let scaled = &mut ws.d_mean[..d_mean.len()];
        for (scaled, d_mean) in scaled.chunks_exact_mut(d).zip(d_mean.chunks_exact(d)) {
            for ((scaled, d_mean), s) in scaled.iter_mut().zip(d_mean).zip(&self.scale) {
                *scaled = s * d_mean;
            }
        }
        self.mean_net.vjp(&mut ws.mean_tape, scaled, gradient, None)
    }

    /// Adds J_eta^T d_eta (summed over the batch) to `gradient`, which has the covariance network's parameters.
    pub fn vjp_covariance(
        &self,
        ws: &mut PolicyWorkspace,
        d_eta: &[f64],
        gradient: &mut [f64],
    ) -> Result<(), PolicyError> {
        let batch = self.covariance_batch("covariance vjp", ws)?;
        let k = self.covariance_coordinates();
        check_len("covariance cotangent", d_eta.len(), batch * k)?;
        let scaled = &mut ws.d_eta[..d_eta.len()];
        scaled.copy_from_slice(d_eta);
        for (scaled, eta) in scaled.chunks_exact_mut(k).zip(ws.eta.chunks_exact(k)) {
            self.spec.log_sigma.scale_by_slope(self.spec.covariance, eta, scaled);
        }
        self.covariance_net.vjp(&mut ws.covariance_tape, scaled, gradient, None)
    }

    /// Adds J^T (d_mean, d_eta) to `gradient`, which has all parameters (theta_mu, theta_Sigma).
    pub fn vjp(
        &self,
        ws: &mut PolicyWorkspace,
        d_mean: &[f64],
        d_eta: &[f64],
        gradient: &mut [f64],
    ) -> Result<(), PolicyError> {
        check_len("policy gradient", gradient.len(), self.parameter_count())?;
        let (mean, covariance) = gradient.split_at_mut(self.mean_net.parameter_count());
        self.vjp_mean(ws, d_mean, mean)?;
        self.vjp_covariance(ws, d_eta, covariance)
    }

    /// Change of the means (batch x D, overwritten) for a change of the mean network's parameters.
    pub fn jvp_mean(&self, ws: &mut PolicyWorkspace, tangent: &[f64], d_mean: &mut [f64]) -> Result<(), PolicyError> {
        self.mean_batch("mean jvp", ws)?;
        self.mean_net.jvp(&mut ws.mean_tape, tangent, d_mean)?;
        for row in d_mean.chunks_exact_mut(self.actions()) {
            for (d_mean, s) in row.iter_mut().zip(&self.scale) {
                *d_mean *= s;
            }
        }
        Ok(())
    }

    /// Change of eta (batch x K, overwritten) for a change of the covariance network's parameters.
    pub fn jvp_covariance(
        &self,
        ws: &mut PolicyWorkspace,
        tangent: &[f64],
        d_eta: &mut [f64],
    ) -> Result<(), PolicyError> {
        self.covariance_batch("covariance jvp", ws)?;
        let k = self.covariance_coordinates();
        self.covariance_net.jvp(&mut ws.covariance_tape, tangent, d_eta)?;
        for (row, eta) in d_eta.chunks_exact_mut(k).zip(ws.eta.chunks_exact(k)) {
            self.spec.log_sigma.scale_by_slope(self.spec.covariance, eta, row);
        }
        Ok(())
    }

    /// Change of means and eta for a change of all parameters (theta_mu, theta_Sigma).
    pub fn jvp(
        &self,
        ws: &mut PolicyWorkspace,
        tangent: &[f64],
        d_mean: &mut [f64],
        d_eta: &mut [f64],
    ) -> Result<(), PolicyError> {
        check_len("policy tangent", tangent.len(), self.parameter_count())?;
        let (mean, covariance) = tangent.split_at(self.mean_net.parameter_count());
        self.jvp_mean(ws, mean, d_mean)?;
        self.jvp_covariance(ws, covariance, d_eta)
    }
}

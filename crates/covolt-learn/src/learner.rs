//! One agent's learning half: its private policy, its optimiser, its buffers. Nothing in here ever leaves the agent.

use crate::error::LearnError;
use crate::scenarios::Scenario;
use covolt_fleet::feasible_map::{self, Given};
use covolt_fleet::state::{StateKind, feature_names};
use covolt_fleet::{ActionLayout, Microgrid};
use covolt_policy::{
    Action, Activation, Adam, CovarianceKind, Feature, GaussianPolicy, LogSigma, PolicySpec, PolicyWorkspace,
};
use rand_chacha::ChaCha8Rng;

/// One agent while it learns.
#[derive(Debug, Clone)]
pub struct Learner {
    /// The private policy.
    pub policy: GaussianPolicy,
    /// Optimiser state of the mean network.
    pub adam: Adam,
    /// Running mean of the mean network's parameters; the policy that is kept.
    pub average: Vec<f64>,
    layout: ActionLayout,
    workspace: PolicyWorkspace,
    features: Vec<f64>,
    base: Vec<f64>,
    /// What the local limits depend on, batch x (batteries + generators + PV systems x steps): windows lie scattered in
    /// memory, and are read once an episode.
    given: Vec<f64>,
    /// Raw outputs, batch x D.
    raw: Vec<f64>,
    /// Cotangents dL/d action on the way in, dL/d raw on the way out, batch x D.
    cotangent: Vec<f64>,
}

/// How far one descent step goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Learning rate.
    pub rate: f64,
    /// Weight of the new parameters in the running average.
    pub averaging: f64,
}

/// Widths and form of the two networks.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkShape {
    /// Hidden widths of the mean network.
    pub mean_hidden: Vec<usize>,
    /// Hidden widths of the covariance network.
    pub covariance_hidden: Vec<usize>,
    /// Form of the covariance factor.
    pub covariance: CovarianceKind,
}

impl Default for NetworkShape {
    fn default() -> Self {
        NetworkShape { mean_hidden: vec![96, 96], covariance_hidden: vec![32], covariance: CovarianceKind::Diagonal }
    }
}

/// An untrained policy for microgrid `n`, its features normalised over `scenarios`.
///
/// # Errors
/// Shapes that do not fit.
pub fn untrained_policy(
    mg: &Microgrid,
    n: usize,
    layout: &ActionLayout,
    kind: StateKind,
    shape: &NetworkShape,
    scenarios: &[Scenario],
    rng: &mut ChaCha8Rng,
) -> Result<GaussianPolicy, LearnError> {
    let names = feature_names(kind, mg, layout);
    let count = scenarios.len().max(1) as f64;
    let features = names
        .into_iter()
        .enumerate()
        .map(|(f, name)| {
            let mean = scenarios.iter().map(|s| s.features[n][f]).sum::<f64>() / count;
            let variance = scenarios.iter().map(|s| (s.features[n][f] - mean).powi(2)).sum::<f64>() / count;
            // A feature that never moves carries nothing: unit spread keeps it finite.
            let std = if variance.sqrt() > 1e-9 * mean.abs().max(1e-6) { variance.sqrt() } else { 1.0 };
            Feature { name, mean, std }
        })
        .collect();
    let actions =
        layout.names().into_iter().zip(action_ranges(mg, layout)).map(|(name, scale)| Action { name, scale }).collect();
    let spec = PolicySpec {
        features,
        actions,
        mean_hidden: shape.mean_hidden.clone(),
        covariance_hidden: shape.covariance_hidden.clone(),
        activation: Activation::LeakyRelu,
        covariance: shape.covariance,
        log_sigma: LogSigma::default(),
    };
    Ok(GaussianPolicy::try_new(spec, rng)?)
}

/// Range of each action entry, kW or kvar; never zero.
pub fn action_ranges(mg: &Microgrid, layout: &ActionLayout) -> Vec<f64> {
    let mut ranges = vec![1.0; layout.len()];
    for t in 0..layout.steps {
        for (i, d) in mg.dgs.iter().enumerate() {
            ranges[layout.p_dg(t, i)] = d.p_max_kw.max(1.0);
            ranges[layout.q_dg(t, i)] = d.q_max_kvar.max(1.0);
        }
        for (j, d) in mg.pvs.iter().enumerate() {
            ranges[layout.q_pv(t, j)] = (2.0 * d.q_max_kvar).max(1.0);
        }
        for (k, d) in mg.batteries.iter().enumerate() {
            ranges[layout.p_ess(t, k)] = (d.p_charge_max_kw + d.p_discharge_max_kw).max(1.0);
            ranges[layout.q_ess(t, k)] = (2.0 * d.q_max_kvar).max(1.0);
        }
    }
    ranges
}

impl Learner {
    /// Wraps a policy for batches of `batch` windows.
    pub fn new(policy: GaussianPolicy, layout: ActionLayout, batch: usize) -> Learner {
        let (d, f) = (policy.actions(), policy.features());
        let parameters = policy.mean_net().parameter_count();
        Learner {
            adam: Adam::new(parameters),
            average: policy.mean_net().parameters().to_vec(),
            workspace: policy.workspace(batch),
            features: vec![0.0; batch * f],
            base: vec![0.0; batch * d],
            given: Vec::with_capacity(batch * (layout.batteries + layout.dgs + layout.pvs * layout.steps)),
            raw: vec![0.0; batch * d],
            cotangent: vec![0.0; batch * d],
            policy,
            layout,
        }
    }

    /// Means of the batch, then the feasible map: `actions[w]` receives the action in window w.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn act(
        &mut self,
        mg: &Microgrid,
        n: usize,
        batch: &[&Scenario],
        actions: &mut [Vec<f64>],
    ) -> Result<(), LearnError> {
        let (d, f) = (self.policy.actions(), self.policy.features());
        self.given.clear();
        for (w, scenario) in batch.iter().enumerate() {
            let window = &scenario.window.microgrids[n];
            self.given.extend_from_slice(&window.start.soc);
            self.given.extend_from_slice(&window.start.p_dg_kw);
            self.given.extend_from_slice(&window.pv_kw);
            self.features[w * f..(w + 1) * f].copy_from_slice(&scenario.features[n]);
            self.base[w * d..(w + 1) * d].copy_from_slice(&scenario.merit_order[n]);
        }
        let size = batch.len();
        let means = self.policy.mean(&self.features[..size * f], &self.base[..size * d], size, &mut self.workspace)?;
        self.raw[..size * d].copy_from_slice(means);
        let dt_h = batch.first().map_or(0.0, |scenario| scenario.window.dt_h);
        for (w, action) in actions.iter_mut().take(size).enumerate() {
            let given = given(&self.given, &self.layout, w);
            feasible_map::apply(mg, given, dt_h, &self.layout, &self.raw[w * d..(w + 1) * d], action);
        }
        Ok(())
    }

    /// One descent step of the mean network along the mean of `gradients[w]` = dL/d action in window w.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn descend(
        &mut self,
        mg: &Microgrid,
        batch: &[&Scenario],
        actions: &[Vec<f64>],
        gradients: &[Vec<f64>],
        pace: Pace,
    ) -> Result<(), LearnError> {
        self.descend_along(mg, batch, actions, |w| gradients[w].as_slice(), pace, &mut Vec::new())
    }

    /// `descend` along gradients that lie elsewhere: `gradient(w)` = dL/d action in window w. `slope` is scratch for dL/d parameters:
    /// what agents share one after the other stays in the nearest caches, which one for each of many agents would not.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn descend_along<'g>(
        &mut self,
        mg: &Microgrid,
        batch: &[&Scenario],
        actions: &[Vec<f64>],
        gradient: impl Fn(usize) -> &'g [f64],
        pace: Pace,
        slope: &mut Vec<f64>,
    ) -> Result<(), LearnError> {
        let d = self.policy.actions();
        let share = 1.0 / batch.len().max(1) as f64;
        let dt_h = batch.first().map_or(0.0, |scenario| scenario.window.dt_h);
        for (w, action) in actions.iter().take(batch.len()).enumerate() {
            let span = w * d..(w + 1) * d;
            let cotangent = &mut self.cotangent[span.clone()];
            cotangent.copy_from_slice(gradient(w));
            let given = given(&self.given, &self.layout, w);
            feasible_map::pull_back(mg, given, dt_h, &self.layout, &self.raw[span], action, cotangent);
            cotangent.iter_mut().for_each(|c| *c *= share);
        }
        slope.clear();
        slope.resize(self.average.len(), 0.0);
        self.policy.vjp_mean(&mut self.workspace, &self.cotangent[..batch.len() * d], slope)?;
        self.adam.descend(self.policy.mean_net_mut().parameters_mut(), slope, pace.rate)?;
        for (mean, theta) in self.average.iter_mut().zip(self.policy.mean_net().parameters()) {
            *mean += pace.averaging * (theta - *mean);
        }
        Ok(())
    }

    /// The policy with averaged parameters.
    pub fn averaged(&self) -> GaussianPolicy {
        let mut policy = self.policy.clone();
        policy.mean_net_mut().parameters_mut().copy_from_slice(&self.average);
        policy
    }
}

/// Row `w` of what the local limits depend on.
fn given<'a>(rows: &'a [f64], layout: &ActionLayout, w: usize) -> Given<'a> {
    let width = layout.batteries + layout.dgs + layout.pvs * layout.steps;
    let (soc, rest) = rows[w * width..(w + 1) * width].split_at(layout.batteries);
    let (p_dg_kw, pv_kw) = rest.split_at(layout.dgs);
    Given { soc, p_dg_kw, pv_kw }
}

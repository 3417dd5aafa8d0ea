//! One agent of Algorithm 1: its private policy, its gradient factors, its local program, its parameter step.
//!
//! Coordinates z are those of [`crate::paper_trainer`]: the outputs (mu, eta) of the two networks, whitened by the Fisher
//! metric (26). Nothing in here leaves the agent but what the coordination asks of its [`LocalProgramData`].

use crate::error::LearnError;
use crate::scenarios::Scenario;
use covolt_consensus::{Ball, LocalProgramData, LocalRow};
use covolt_fleet::{ActionLayout, Microgrid, MicrogridWindow, feasible_map};
use covolt_policy::{DEFAULT_DAMPING, GaussianPolicy, OutputStep, PolicyWorkspace, pathwise_gradient_at};

/// One agent of Algorithm 1.
#[derive(Debug)]
pub(crate) struct PaperAgent {
    pub(crate) policy: GaussianPolicy,
    pub(crate) average: Vec<f64>,
    pub(crate) layout: ActionLayout,
    pub(crate) workspace: PolicyWorkspace,
    mean_step: OutputStep,
    covariance_step: OutputStep,
    pub(crate) raw: Vec<f64>,
    pub(crate) noise: Vec<f64>,
    pub(crate) action: Vec<f64>,
    /// -dJ_R/dz, $.
    pub(crate) cost_slope: Vec<f64>,
}

impl PaperAgent {
    pub(crate) fn new(policy: GaussianPolicy, layout: ActionLayout) -> PaperAgent {
        let (d, k) = (policy.actions(), policy.covariance_coordinates());
        let mut average = vec![0.0; policy.parameter_count()];
        // The length is the policy's own.
        let _ = policy.copy_parameters(&mut average);
        PaperAgent {
            workspace: policy.workspace(1),
            mean_step: OutputStep::new(policy.mean_net(), 1),
            covariance_step: OutputStep::new(policy.covariance_net(), 1),
            raw: vec![0.0; d],
            noise: vec![0.0; d],
            action: vec![0.0; layout.len()],
            cost_slope: vec![0.0; d + k],
            average,
            policy,
            layout,
        }
    }

    /// (20), (21) at the present state; clears the averages.
    pub(crate) fn insert_parameters(&mut self, features: &[f64], base: &[f64]) -> Result<(), LearnError> {
        self.policy.evaluate(features, base, 1, &mut self.workspace)?;
        self.cost_slope.fill(0.0);
        Ok(())
    }

    /// d/dz from d/d action of the present sample: feasible map, then the pathwise derivative that (47)-(49) mean.
    pub(crate) fn to_whitened(
        &self,
        mg: &Microgrid,
        scenario: &Scenario,
        n: usize,
        d_action: &[f64],
    ) -> Result<Vec<f64>, LearnError> {
        let mut d_raw = d_action.to_vec();
        let window = &scenario.window.microgrids[n];
        feasible_map::pull_back(mg, window, scenario.window.dt_h, &self.layout, &self.raw, &self.action, &mut d_raw);
        let factor = self.policy.factor(&self.workspace, 0)?;
        let d = self.policy.actions();
        let mut whitened = vec![0.0; self.cost_slope.len()];
        let (d_mean, d_eta) = whitened.split_at_mut(d);
        pathwise_gradient_at(&factor, &self.noise, &d_raw, d_mean, d_eta)?;
        d_mean.iter_mut().enumerate().for_each(|(i, g)| *g *= factor.diagonal(i));
        d_eta.iter_mut().for_each(|g| *g *= std::f64::consts::FRAC_1_SQRT_2);
        Ok(whitened)
    }

    /// Private part of the QCLP in z: minimise -g z over the local rows and the trust region.
    pub(crate) fn local_program(
        &self,
        mg: &Microgrid,
        window: &MicrogridWindow,
        dt_h: f64,
        delta: f64,
        coupled: Vec<f64>,
    ) -> Result<LocalProgramData, LearnError> {
        let n = self.cost_slope.len();
        let radius = (2.0 * delta).sqrt();
        let factor = self.policy.factor(&self.workspace, 0)?;
        let sigma: Vec<f64> = (0..self.policy.actions()).map(|i| factor.diagonal(i)).collect();
        let mut data = LocalProgramData {
            quadratic: None,
            linear: self.cost_slope.clone(),
            lower: vec![-radius; n],
            upper: vec![radius; n],
            rows: Vec::new(),
            balls: vec![Ball::trust(&vec![1.0; n], &vec![0.0; n], delta)],
            coupled,
        };
        self.add_local_rows(mg, window, dt_h, radius, &sigma, &mut data);
        Ok(data)
    }

    /// (53): box (5), (6), (8), (11), (12), (14) and ramps (7), energy (10) of the mean. A limit that the mean has already
    /// left is met half of the trust region at a time, so that the program stays feasible.
    fn add_local_rows(
        &self,
        mg: &Microgrid,
        window: &MicrogridWindow,
        dt_h: f64,
        radius: f64,
        sigma: &[f64],
        data: &mut LocalProgramData,
    ) {
        let mu = self.workspace.mean();
        let layout = &self.layout;
        let inward = 0.5 * radius / (mu.len().max(1) as f64).sqrt();
        let mut bound = |i: usize, low: f64, high: f64| {
            data.lower[i] = ((low - mu[i]) / sigma[i]).clamp(-radius, inward);
            data.upper[i] = ((high - mu[i]) / sigma[i]).clamp(-inward, radius).max(data.lower[i]);
        };
        for t in 0..layout.steps {
            for (i, d) in mg.dgs.iter().enumerate() {
                bound(layout.p_dg(t, i), 0.0, d.p_max_kw);
                bound(layout.q_dg(t, i), 0.0, d.q_max_kvar);
            }
            for (k, d) in mg.batteries.iter().enumerate() {
                bound(layout.p_ess(t, k), -d.p_discharge_max_kw, d.p_charge_max_kw);
                bound(layout.q_ess(t, k), -d.q_max_kvar, d.q_max_kvar);
            }
            for (j, d) in mg.pvs.iter().enumerate() {
                bound(layout.q_pv(t, j), -d.q_max_kvar, d.q_max_kvar);
            }
        }
        for (i, d) in mg.dgs.iter().enumerate() {
            let ramp = d.ramp_kw(dt_h);
            for t in 0..layout.steps {
                let now = layout.p_dg(t, i);
                let mut coefficients = vec![(now, sigma[now] / ramp)];
                let mut change = mu[now] - window.start.p_dg_kw[i];
                if t > 0 {
                    let before = layout.p_dg(t - 1, i);
                    coefficients.push((before, -sigma[before] / ramp));
                    change = mu[now] - mu[before];
                }
                data.rows.push(widened(coefficients, -1.0 - change / ramp, 1.0 - change / ramp));
            }
        }
        for (k, d) in mg.batteries.iter().enumerate() {
            let mut coefficients = Vec::with_capacity(layout.steps);
            let mut soc = window.start.soc[k];
            for t in 0..layout.steps {
                let at = layout.p_ess(t, k);
                let slope = if mu[at] >= 0.0 { d.eta_charge } else { 1.0 / d.eta_discharge } * dt_h / d.capacity_kwh;
                coefficients.push((at, slope * sigma[at]));
                soc += d.soc_change(mu[at], dt_h);
                data.rows.push(widened(coefficients.clone(), d.soc_min - soc, d.soc_max - soc));
            }
        }
    }

    /// The smallest parameter step that moves the outputs by z.
    pub(crate) fn update_parameters(&mut self, z: &[f64], averaging: f64) -> Result<(), LearnError> {
        let d = self.policy.actions();
        let d_mean: Vec<f64> = {
            let factor = self.policy.factor(&self.workspace, 0)?;
            z[..d].iter().enumerate().map(|(i, z)| z * factor.diagonal(i)).collect()
        };
        let d_eta: Vec<f64> = z[d..].iter().map(|z| z * std::f64::consts::FRAC_1_SQRT_2).collect();
        let mut theta = vec![0.0; self.policy.parameter_count()];
        self.policy.copy_parameters(&mut theta)?;
        let split = self.policy.mean_net().parameter_count();
        let mut step = vec![0.0; theta.len()];
        let (mean, covariance) = step.split_at_mut(split);
        self.mean_step.mean_step(&self.policy, &mut self.workspace, &d_mean, DEFAULT_DAMPING, mean)?;
        let settled = self.covariance_step.covariance_step(
            &self.policy,
            &mut self.workspace,
            &d_eta,
            DEFAULT_DAMPING,
            covariance,
        );
        // Where every log sigma sits at its bound no parameter moves it any more: the covariance stays as it is.
        if settled.is_err() {
            covariance.fill(0.0);
        }
        theta.iter_mut().zip(&step).for_each(|(theta, step)| *theta += step);
        self.policy.set_parameters(&theta)?;
        for (mean, theta) in self.average.iter_mut().zip(&theta) {
            *mean += averaging * (theta - *mean);
        }
        Ok(())
    }
}

/// A row that always admits z = 0: where the mean has left the limit, it must not go further.
fn widened(coefficients: Vec<(usize, f64)>, lower: f64, upper: f64) -> LocalRow {
    LocalRow { coefficients, lower: lower.min(0.0), upper: upper.max(0.0) }
}

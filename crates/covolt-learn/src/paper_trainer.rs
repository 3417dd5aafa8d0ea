//! Algorithm 1 as the paper has it, with its equations corrected: `--trainer paper`.
//!
//! One episode t, one window: sampled actions (22) of every agent -> AC power flow -> gradient factors (27), (28) of
//! reward and limits through the pathwise derivative -> QCLP (23)-(25) with the Fisher trust region (26) -> the agents'
//! consensus (50)-(55) -> parameter step.
//!
//! All of g, b_m and H factor through the outputs (mu, eta) of the two networks, so the QCLP is solved in output space and
//! mapped back by the smallest parameter step that does it. Coordinates are whitened by the Fisher metric: for agent n
//!
//! ```text
//! z = ( (mu - mu_0) / sigma ,  sqrt(2) (eta - eta_0) ),     trust region  1/2 |z|^2 <= delta
//! ```
//!
//! Local rows (53) are the box, ramp and energy limits of the mean, with the sign of (24). Deviations from the printed
//! equations: `docs/deviations.md`.

use crate::error::LearnError;
use crate::exact_trainer::Episode;
use crate::paper_agent::PaperAgent;
use crate::scenarios::Scenario;
use covolt_consensus::{
    CommunicationGraph, ConsensusError, CoupledRows, InteriorPointSettings, LocalProgram, Method, MethodSettings,
    PaperSettings, Run, coordinate,
};
use covolt_fleet::rows::{CurrentRow, Reach, VoltageRow, step_rows};
use covolt_fleet::{
    Fleet, Limit, LimitPrices, LimitPricing, PhysicsWorkspace, PriceScratch, feasible_map, lagrangian_gradient,
};
use covolt_policy::{CovarianceKind, GaussianPolicy};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the paper's trainer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaperTrainerSettings {
    /// Episodes t_max.
    pub episodes: usize,
    /// Sampled joint actions that are averaged per episode.
    pub samples: usize,
    /// Trust region delta of (25) at the start; falls to a tenth of it by the end.
    pub delta: f64,
    /// Most rounds k_max of (50)-(55).
    pub rounds: u32,
    /// Primal step rho_1 relative to the sizes of the programs.
    pub primal_step: f64,
    /// Dual step rho_2, likewise.
    pub dual_step: f64,
    /// Who talks to whom.
    pub ring: bool,
    /// Weight of the newest parameters in the running average that is kept.
    pub averaging: f64,
}

impl Default for PaperTrainerSettings {
    fn default() -> Self {
        PaperTrainerSettings {
            episodes: 400,
            samples: 4,
            delta: 1.0,
            rounds: 60,
            primal_step: 1.0,
            dual_step: 30.0,
            ring: false,
            averaging: 0.02,
        }
    }
}

/// Limits that become rows.
const REACH: Reach = Reach { voltage_pu: 0.006, current_fraction: 0.85 };
/// pu of voltage per unit of a shared voltage row; currents are in fractions of their limit.
pub const VOLTAGE_UNIT_PU: f64 = 0.01;
/// Multipliers are bounded by elastic rows, about ten times what they are in practice: $ per unit of a voltage row.
const VOLTAGE_ROW_PENALTY: f64 = 10.0;
/// The same for a current row.
const CURRENT_ROW_PENALTY: f64 = 50.0;

/// A limit while the samples are averaged: excess, slope per agent in z, samples in which it was within reach.
struct AveragedRow {
    excess: f64,
    slopes: Vec<Vec<f64>>,
    samples: usize,
}

type AveragedRows = BTreeMap<(usize, Limit), AveragedRow>;

/// Which limit a shared row stands for, and how many $ per pu (or per fraction of the limit) its multiplier's unit is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedRow {
    /// Step of the window.
    pub step: usize,
    /// The limit.
    pub limit: Limit,
    /// Multiplier of the limit = this times the row's multiplier.
    pub price_scale: f64,
}

/// One update as the coordination methods see it.
#[derive(Debug, Clone)]
pub struct UpdateProgram {
    /// Private programs, one per agent.
    pub programs: Vec<LocalProgram>,
    /// Shared rows.
    pub rows: CoupledRows,
    /// What each shared row stands for.
    pub meaning: Vec<SharedRow>,
}

impl UpdateProgram {
    /// Settings of the interior point for such programs: it starts in the scale of the elastic rows' penalties, far above
    /// that of the cost, and with little slack in violated rows. Started in the scale of the cost it stalls where the trust
    /// region is too small to meet every row. On 400 updates of trained policies (validation windows) this start needed at
    /// most 11 rounds to an accuracy of 1e-4 in cost and violation, a start at 10 with the usual slack up to 52.
    pub fn interior_point(tolerance: f64) -> InteriorPointSettings {
        InteriorPointSettings { tolerance, centring: 30.0, least_slack: 0.01, ..InteriorPointSettings::default() }
    }
}

/// Algorithm 1, resumable after any episode.
#[derive(Debug)]
pub struct PaperTrainer<'a> {
    fleet: &'a Fleet,
    scenarios: &'a [Scenario],
    settings: PaperTrainerSettings,
    seed: u64,
    graph: CommunicationGraph,
    agents: Vec<PaperAgent>,
    physics: PhysicsWorkspace,
    scratch: PriceScratch,
    /// Next episode.
    pub episode: usize,
    /// Coordination of the last episode: rounds, multipliers, everything that left an agent.
    pub last_run: Option<Run>,
}

impl<'a> PaperTrainer<'a> {
    /// Prepares a run over `scenarios`, one window an episode in seeded order.
    ///
    /// # Errors
    /// No scenario, or another number of policies than microgrids.
    pub fn new(
        fleet: &'a Fleet,
        scenarios: &'a [Scenario],
        policies: Vec<GaussianPolicy>,
        settings: PaperTrainerSettings,
        seed: u64,
    ) -> Result<Self, LearnError> {
        let Some(first) = scenarios.first() else {
            return Err(LearnError::NoScenario { reason: "the list is empty".into() });
        };
        if policies.len() != fleet.microgrids.len() {
            return Err(LearnError::PolicyCount { count: policies.len(), microgrids: fleet.microgrids.len() });
        }
        for (mg, policy) in fleet.microgrids.iter().zip(&policies) {
            if policy.spec().covariance != CovarianceKind::Diagonal {
                return Err(LearnError::FullCovariance { microgrid: mg.name.clone() });
            }
        }
        let n = policies.len();
        let graph =
            if settings.ring && n > 2 { CommunicationGraph::ring(n)? } else { CommunicationGraph::complete(n)? };
        let layouts = fleet.layouts(first.window.steps);
        let agents =
            policies.into_iter().zip(layouts).map(|(policy, layout)| PaperAgent::new(policy, layout)).collect();
        Ok(PaperTrainer {
            fleet,
            scenarios,
            settings,
            seed,
            graph,
            agents,
            physics: PhysicsWorkspace::new(fleet),
            scratch: PriceScratch::default(),
            episode: 0,
            last_run: None,
        })
    }

    /// True when all episodes are done.
    pub fn is_done(&self) -> bool {
        self.episode >= self.settings.episodes
    }

    /// Policies as they stand.
    pub fn policies(&self) -> Vec<&GaussianPolicy> {
        self.agents.iter().map(|a| &a.policy).collect()
    }

    /// Policies with averaged parameters: what is kept.
    ///
    /// # Errors
    /// None in practice: the averages have the policies' own shape.
    pub fn averaged(&self) -> Result<Vec<GaussianPolicy>, LearnError> {
        self.agents
            .iter()
            .map(|a| {
                let mut policy = a.policy.clone();
                policy.set_parameters(&a.average)?;
                Ok(policy)
            })
            .collect()
    }

    /// Parameters and averages of every agent, for a checkpoint.
    pub fn parameters(&self) -> Vec<(Vec<f64>, Vec<f64>)> {
        self.agents
            .iter()
            .map(|a| {
                let mut theta = vec![0.0; a.policy.parameter_count()];
                // The length is the policy's own.
                let _ = a.policy.copy_parameters(&mut theta);
                (theta, a.average.clone())
            })
            .collect()
    }

    /// Puts parameters and averages back, and the number of the next episode.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn restore(&mut self, parameters: &[(Vec<f64>, Vec<f64>)], episode: usize) -> Result<(), LearnError> {
        if parameters.len() != self.agents.len() {
            return Err(LearnError::PolicyCount { count: parameters.len(), microgrids: self.agents.len() });
        }
        for (agent, (theta, average)) in self.agents.iter_mut().zip(parameters) {
            agent.policy.set_parameters(theta)?;
            if average.len() != theta.len() {
                let reason = format!("{} averages for {} parameters", average.len(), theta.len());
                return Err(LearnError::Checkpoint { reason });
            }
            agent.average.clone_from(average);
        }
        self.episode = episode;
        Ok(())
    }

    /// The window of the present episode: a seeded shuffle per pass, the same wherever a run was resumed.
    fn window(&self) -> &'a Scenario {
        let count = self.scenarios.len();
        let mut order: Vec<usize> = (0..count).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(1 + (self.episode / count) as u64);
        order.shuffle(&mut rng);
        &self.scenarios[order[self.episode % count]]
    }

    /// The QCLP (23)-(25) of the present episode, split between its agents, and what its shared rows stand for: for
    /// comparing coordination methods on it. The policies stay as they are.
    ///
    /// # Errors
    /// A power flow without solution, or shapes that do not fit.
    pub fn update_program(&mut self) -> Result<UpdateProgram, LearnError> {
        let (rows, _) = self.gradient_factors()?;
        self.program(&rows, self.settings.delta)
    }

    /// One episode: lines 4 to 31 of Algorithm 1.
    ///
    /// # Errors
    /// A power flow without solution, or shapes that do not fit.
    pub fn step(&mut self) -> Result<Episode, LearnError> {
        let (rows, mut episode) = self.gradient_factors()?;
        let progress = self.episode as f64 / self.settings.episodes.max(1) as f64;
        let program = self.program(&rows, self.settings.delta * 0.1_f64.powf(progress))?;
        let run = self.coordinate(&program);
        episode.rounds = run.rounds;
        let averaging = self.settings.averaging.max(1.0 / (self.episode + 1) as f64);
        for (agent, z) in self.agents.iter_mut().zip(&run.x) {
            agent.update_parameters(z, averaging)?;
        }
        self.last_run = Some(run);
        self.episode += 1;
        Ok(episode)
    }

    /// Lines 4 to 17: states, parameters, sampled actions, gradient factors averaged over the samples.
    fn gradient_factors(&mut self) -> Result<(AveragedRows, Episode), LearnError> {
        let scenario = self.window();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((1 << 32) + self.episode as u64);
        for (n, agent) in self.agents.iter_mut().enumerate() {
            agent.insert_parameters(&scenario.features[n], &scenario.merit_order[n])?;
        }
        let mut rows = BTreeMap::new();
        let mut episode = Episode { episode: self.episode, ..Episode::default() };
        for _ in 0..self.settings.samples.max(1) {
            self.sample(scenario, &mut rng)?;
            self.add_gradient_factors(scenario, &mut rows, &mut episode)?;
        }
        Ok((rows, episode))
    }

    /// Action selection (22): one joint sample, made feasible.
    fn sample(&mut self, scenario: &Scenario, rng: &mut ChaCha8Rng) -> Result<(), LearnError> {
        for (n, agent) in self.agents.iter_mut().enumerate() {
            agent.policy.sample(&agent.workspace, rng, &mut agent.raw, &mut agent.noise)?;
            let window = &scenario.window.microgrids[n];
            feasible_map::apply(
                &self.fleet.microgrids[n],
                window,
                scenario.window.dt_h,
                &agent.layout,
                &agent.raw,
                &mut agent.action,
            );
        }
        Ok(())
    }

    /// Reward gradient (43), (44) and limit rows (45), (46) at the sample, through (27), (28), added to the averages.
    fn add_gradient_factors(
        &mut self,
        scenario: &Scenario,
        rows: &mut AveragedRows,
        episode: &mut Episode,
    ) -> Result<(), LearnError> {
        let actions: Vec<Vec<f64>> = self.agents.iter().map(|a| a.action.clone()).collect();
        let mut gradients: Vec<Vec<f64>> = actions.iter().map(|a| vec![0.0; a.len()]).collect();
        let value = lagrangian_gradient(
            self.fleet,
            &scenario.window,
            &scenario.base,
            &actions,
            &LimitPrices::default(),
            &LimitPricing {
                voltage_curvature: 0.0,
                current_curvature: 0.0,
                voltage_margin_pu: 0.0,
                current_margin: 0.0,
            },
            &mut self.physics,
            &mut self.scratch,
            &mut gradients,
        )?;
        let share = 1.0 / self.settings.samples.max(1) as f64;
        episode.cost += share * value.cost;
        episode.voltage_violation_pu = episode.voltage_violation_pu.max(value.voltage_violation_pu);
        episode.current_violation = episode.current_violation.max(value.current_violation);
        for (n, (agent, gradient)) in self.agents.iter_mut().zip(&gradients).enumerate() {
            let slope = agent.to_whitened(&self.fleet.microgrids[n], scenario, n, gradient)?;
            agent.cost_slope.iter_mut().zip(slope).for_each(|(sum, s)| *sum += share * s);
        }
        for t in 0..scenario.window.steps {
            self.physics.solve_step(self.fleet, &scenario.base, &actions, scenario.window.steps, t)?;
            let (p, q) = (self.physics.demand().0.to_vec(), self.physics.demand().1.to_vec());
            self.fleet.grid.linearise(&p, &q, &mut self.physics.flow)?;
            let (mut voltages, mut currents) = (Vec::new(), Vec::new());
            step_rows(self.fleet, t, &REACH, &mut self.physics, &mut voltages, &mut currents)?;
            for row in &voltages {
                self.add_voltage_row(scenario, row, rows)?;
            }
            for row in &currents {
                self.add_current_row(scenario, row, rows)?;
            }
        }
        Ok(())
    }

    fn add_voltage_row(
        &self,
        scenario: &Scenario,
        row: &VoltageRow,
        rows: &mut AveragedRows,
    ) -> Result<(), LearnError> {
        let slopes = |n: usize| row.coefficients[n].iter().map(|c| c / VOLTAGE_UNIT_PU).collect::<Vec<f64>>();
        self.add_row(scenario, (row.step, row.limit), row.excess / VOLTAGE_UNIT_PU, slopes, rows)
    }

    /// (46): slope of the magnitude, Re(conj(i) di) / |i|.
    fn add_current_row(
        &self,
        scenario: &Scenario,
        row: &CurrentRow,
        rows: &mut AveragedRows,
    ) -> Result<(), LearnError> {
        let magnitude = row.value.norm();
        let direction = row.value / magnitude;
        let slopes = |n: usize| {
            row.re[n].iter().zip(&row.im[n]).map(|(re, im)| direction.re * re + direction.im * im).collect::<Vec<f64>>()
        };
        self.add_row(scenario, (row.step, Limit::Current(row.branch)), magnitude - 1.0, slopes, rows)
    }

    fn add_row(
        &self,
        scenario: &Scenario,
        key: (usize, Limit),
        excess: f64,
        slopes: impl Fn(usize) -> Vec<f64>,
        rows: &mut AveragedRows,
    ) -> Result<(), LearnError> {
        let row = rows.entry(key).or_insert_with(|| AveragedRow {
            excess: 0.0,
            slopes: self.agents.iter().map(|a| vec![0.0; a.cost_slope.len()]).collect(),
            samples: 0,
        });
        row.samples += 1;
        row.excess += excess;
        for (n, agent) in self.agents.iter().enumerate() {
            let mut gradient = vec![0.0; agent.layout.len()];
            let start = key.0 * agent.layout.per_step();
            gradient[start..start + agent.layout.per_step()].copy_from_slice(&slopes(n));
            let whitened = agent.to_whitened(&self.fleet.microgrids[n], scenario, n, &gradient)?;
            row.slopes[n].iter_mut().zip(whitened).for_each(|(sum, s)| *sum += s);
        }
        Ok(())
    }

    /// Builds the QCLP (23)-(25): private programs and shared rows.
    fn program(&self, rows: &AveragedRows, delta: f64) -> Result<UpdateProgram, LearnError> {
        let scenario = self.window();
        let limits: Vec<f64> = rows.values().map(|row| -row.excess / row.samples as f64).collect();
        let penalty = |limit: &Limit| {
            if matches!(limit, Limit::Current(_)) { CURRENT_ROW_PENALTY } else { VOLTAGE_ROW_PENALTY }
        };
        let penalties = rows.keys().map(|(_, limit)| penalty(limit)).collect();
        let count = limits.len();
        let coupled_rows = CoupledRows::try_new(limits)?.with_penalties(penalties)?;
        let mut programs = Vec::with_capacity(self.agents.len());
        for (n, agent) in self.agents.iter().enumerate() {
            let coupled = rows.values().flat_map(|row| row.slopes[n].iter().map(|s| s / row.samples as f64)).collect();
            let window = &scenario.window.microgrids[n];
            let data = agent.local_program(&self.fleet.microgrids[n], window, scenario.window.dt_h, delta, coupled)?;
            programs.push(
                LocalProgram::try_new(data, count).map_err(|faults| ConsensusError::BadProgram { agent: n, faults })?,
            );
        }
        let meaning = rows
            .keys()
            .map(|&(step, limit)| {
                let unit = if matches!(limit, Limit::Current(_)) { 1.0 } else { VOLTAGE_UNIT_PU };
                SharedRow { step, limit, price_scale: 1.0 / unit }
            })
            .collect();
        Ok(UpdateProgram { programs, rows: coupled_rows, meaning })
    }

    /// Solves it by (50)-(55). k_max rounds without full convergence are the paper's own stopping rule: the step is used
    /// as it stands.
    fn coordinate(&self, program: &UpdateProgram) -> Run {
        let steps = PaperSettings::for_programs(&program.programs, self.settings.primal_step, self.settings.dual_step);
        let paper = PaperSettings {
            max_rounds: self.settings.rounds,
            theta_tolerance: 1e-3,
            lambda_tolerance: 1e-2,
            violation_tolerance: 1e-4,
            ..steps
        };
        let settings = MethodSettings { paper: Some(paper), ..MethodSettings::default() };
        coordinate(Method::Paper, &program.programs, &program.rows, &self.graph, &settings)
            .unwrap_or_else(|failed| failed.record)
    }
}

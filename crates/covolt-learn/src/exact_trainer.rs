//! The default trainer: exact gradients of the priced window problem over many windows at once.
//!
//! Per episode (= one update): every agent proposes the mean of its policy in each window of the batch; the grid answers
//! with dL/d action (one forward and one adjoint power flow per step, [`covolt_fleet::gradient`]), where each limit of each
//! window carries a multiplier of its own plus a quadratic term around it (augmented Lagrangian); each agent descends on
//! its own network; the multipliers of the windows just seen move towards \[lambda + rho g\]+. A multiplier that is right
//! for its window makes the constrained optimum a stationary point, so no penalty weight has to be traded against cost.

use crate::batch_order::BatchOrder;
use crate::error::LearnError;
use crate::grid_answer::{GridAnswer, Pricing};
use crate::learner::{Learner, Pace};
use crate::scenarios::Scenario;
use crate::training_windows::TrainingWindows;
use covolt_fleet::{Fleet, LimitPrices, LimitPricing};
use covolt_policy::CosineSchedule;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// Settings of the default trainer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExactSettings {
    /// Updates.
    pub episodes: usize,
    /// Windows per update.
    pub batch: usize,
    /// Highest learning rate; cosine decay to a hundredth of it.
    pub rate: f64,
    /// Weight of the newest parameters in the running average that is kept.
    pub averaging: f64,
    /// rho for voltages, $/pu^2.
    pub voltage_curvature: f64,
    /// rho for currents, $ per (fraction of the limit)^2.
    pub current_curvature: f64,
    /// Share of the way that a window's multipliers move each time it is seen; 0 leaves a pure penalty.
    pub multiplier_share: f64,
    /// Largest multiplier, $ per pu or per fraction of the limit.
    pub multiplier_cap: f64,
    /// Tightening of voltage limits while training, pu.
    pub voltage_margin_pu: f64,
    /// Tightening of current limits while training, fraction.
    pub current_margin: f64,
}

impl Default for ExactSettings {
    fn default() -> Self {
        ExactSettings {
            episodes: 10_000,
            batch: 200,
            rate: 3e-3,
            averaging: 0.01,
            voltage_curvature: 2e4,
            current_curvature: 300.0,
            multiplier_share: 0.1,
            multiplier_cap: 300.0,
            voltage_margin_pu: 1e-4,
            current_margin: 1e-3,
        }
    }
}

impl ExactSettings {
    /// How far the policies go in an episode: cosine decay, and an average that begins as the mean of all.
    pub fn pace(&self, episode: usize) -> Pace {
        let schedule =
            CosineSchedule { peak: self.rate, floor: self.rate * 0.01, warmup: 50, total: self.episodes as u64 };
        Pace { rate: schedule.rate(episode as u64), averaging: self.averaging.max(1.0 / (episode + 1) as f64) }
    }

    /// How limits are priced.
    pub fn limit_pricing(&self) -> LimitPricing {
        LimitPricing {
            voltage_curvature: self.voltage_curvature,
            current_curvature: self.current_curvature,
            voltage_margin_pu: self.voltage_margin_pu,
            current_margin: self.current_margin,
        }
    }
}

/// What one episode measured, means over its windows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Number of the episode, from 0.
    pub episode: usize,
    /// Mean cost of a window, $.
    pub cost: f64,
    /// Mean of the priced limits, $.
    pub priced: f64,
    /// Worst voltage violation in the batch, pu.
    pub voltage_violation_pu: f64,
    /// Worst current violation in the batch, fraction of the limit.
    pub current_violation: f64,
    /// Exchanges in this episode: rounds between the agents with the paper's trainer; one, with the grid, by default.
    pub rounds: usize,
}

/// A training run that can be stopped after any episode and resumed with the same result.
#[derive(Debug)]
pub struct ExactTrainer<'a> {
    fleet: &'a Fleet,
    windows: TrainingWindows<'a>,
    made: Vec<Scenario>,
    prices: Vec<LimitPrices>,
    settings: ExactSettings,
    /// The agents.
    pub learners: Vec<Learner>,
    /// Next episode.
    pub episode: usize,
    order: BatchOrder,
    actions: Vec<Vec<Vec<f64>>>,
    grid: GridAnswer,
    /// Scratch of threads that descend.
    slopes: Mutex<Vec<Vec<f64>>>,
}

impl<'a> ExactTrainer<'a> {
    /// Prepares a run over `windows`; multipliers start at zero.
    ///
    /// # Errors
    /// No scenario, or another number of learners than microgrids.
    pub fn new(
        fleet: &'a Fleet,
        windows: impl Into<TrainingWindows<'a>>,
        learners: Vec<Learner>,
        mut settings: ExactSettings,
        seed: u64,
    ) -> Result<Self, LearnError> {
        let windows = windows.into();
        settings.batch = settings.batch.clamp(1, windows.len().max(1));
        if windows.is_empty() {
            return Err(LearnError::NoScenario { reason: "the list is empty".into() });
        }
        if learners.len() != fleet.microgrids.len() {
            return Err(LearnError::PolicyCount { count: learners.len(), microgrids: fleet.microgrids.len() });
        }
        let steps = windows.steps();
        let sizes: Vec<usize> = fleet.layouts(steps).iter().map(covolt_fleet::ActionLayout::len).collect();
        let actions: Vec<Vec<Vec<f64>>> = sizes.iter().map(|&d| vec![vec![0.0; d]; settings.batch]).collect();
        Ok(ExactTrainer {
            fleet,
            windows,
            made: Vec::new(),
            prices: vec![LimitPrices::default(); windows.len()],
            learners,
            episode: 0,
            order: BatchOrder::new(windows.len(), settings.batch, seed),
            actions,
            grid: GridAnswer::default(),
            slopes: Mutex::default(),
            settings,
        })
    }

    /// Multipliers of every window, for a checkpoint.
    pub fn prices(&self) -> &[LimitPrices] {
        &self.prices
    }

    /// Puts multipliers back and the number of the next episode; the learners are public.
    ///
    /// # Errors
    /// Another number of windows.
    pub fn restore(&mut self, prices: Vec<LimitPrices>, episode: usize) -> Result<(), LearnError> {
        if prices.len() != self.windows.len() {
            let reason = format!("multipliers of {} windows, the run has {}", prices.len(), self.windows.len());
            return Err(LearnError::Checkpoint { reason });
        }
        self.prices = prices;
        self.episode = episode;
        Ok(())
    }

    /// True when all episodes are done.
    pub fn is_done(&self) -> bool {
        self.episode >= self.settings.episodes
    }

    /// One update of every agent.
    ///
    /// # Errors
    /// A power flow without solution, or shapes that do not fit.
    pub fn step(&mut self) -> Result<Episode, LearnError> {
        let indices = self.order.of_episode(self.episode).to_vec();
        let pricing = self.pricing();
        let batch = self.windows.batch(&indices, &mut self.made)?;
        let fleet = self.fleet;
        self.learners
            .par_iter_mut()
            .zip(&mut self.actions)
            .enumerate()
            .try_for_each(|(n, (learner, actions))| learner.act(&fleet.microgrids[n], n, &batch, actions))?;
        let values = self.grid.answer(fleet, &batch, &indices, &self.actions, &mut self.prices, &pricing)?;
        let count = values.len().max(1) as f64;
        let episode = Episode {
            episode: self.episode,
            cost: values.iter().map(|v| v.cost).sum::<f64>() / count,
            priced: values.iter().map(|v| v.priced).sum::<f64>() / count,
            voltage_violation_pu: values.iter().map(|v| v.voltage_violation_pu).fold(0.0, f64::max),
            current_violation: values.iter().map(|v| v.current_violation).fold(0.0, f64::max),
            rounds: 1,
        };
        let pace = self.settings.pace(self.episode);
        let (grid, slopes) = (&self.grid, &self.slopes);
        self.learners.par_iter_mut().zip(&self.actions).enumerate().try_for_each(|(n, (learner, actions))| {
            let mut slope = slopes.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let gradient = |w: usize| grid.gradient(n, w);
            let done = learner.descend_along(&fleet.microgrids[n], &batch, actions, gradient, pace, &mut slope);
            slopes.lock().unwrap_or_else(PoisonError::into_inner).push(slope);
            done
        })?;
        self.episode += 1;
        Ok(episode)
    }

    /// How limits are priced in this run.
    fn pricing(&self) -> Pricing {
        Pricing {
            limits: self.settings.limit_pricing(),
            share: self.settings.multiplier_share,
            cap: self.settings.multiplier_cap,
            tolerance_pu: TRAINING_TOLERANCE_PU,
        }
    }
}

/// Power-flow tolerance while training, pu: its effect on a gradient is far below that of a batch of windows.
pub const TRAINING_TOLERANCE_PU: f64 = 1e-8;

//! Checkpoint of a training: where every agent stands, so that resuming gives the result of an uninterrupted run.
//!
//! Windows, features, ranges and shapes are not kept: they follow from case and seed. The bytes hold every number exactly.

use super::TrainingJob;
use crate::exit::CliError;
use covolt_fleet::LimitPrices;
use covolt_learn::Learner;
use covolt_policy::Adam;
use covolt_report::record::LearningPoint;
use serde::{Deserialize, Serialize};

/// One agent of the default trainer.
#[derive(Serialize, Deserialize)]
pub struct DefaultAgent {
    theta: Vec<f64>,
    average: Vec<f64>,
    adam: Adam,
}

impl DefaultAgent {
    /// Where a learner stands.
    pub fn of(learner: &Learner) -> DefaultAgent {
        DefaultAgent {
            theta: learner.policy.mean_net().parameters().to_vec(),
            average: learner.average.clone(),
            adam: learner.adam.clone(),
        }
    }

    /// Puts a learner there.
    pub fn restore(self, learner: &mut Learner) -> Result<(), CliError> {
        let theta = learner.policy.mean_net_mut().parameters_mut();
        if theta.len() != self.theta.len() || theta.len() != self.average.len() {
            return Err(refuse(&format!("{} parameters, the policy has {}", self.theta.len(), theta.len())));
        }
        theta.copy_from_slice(&self.theta);
        learner.average = self.average;
        learner.adam = self.adam;
        Ok(())
    }
}

/// Where the agents stand.
#[derive(Serialize, Deserialize)]
pub enum Standing {
    /// Default trainer.
    Default {
        /// The agents.
        agents: Vec<DefaultAgent>,
        /// Multipliers of every training window.
        prices: Vec<LimitPrices>,
    },
    /// Paper's trainer.
    Paper {
        /// Parameters and their running averages, per agent.
        parameters: Vec<(Vec<f64>, Vec<f64>)>,
    },
}

/// A point of the learning curve: episode, cost, worst voltage, worst current, rounds.
type Point = (usize, f64, f64, f64, usize);

/// A training between two episodes.
#[derive(Serialize, Deserialize)]
pub struct Checkpoint {
    seed: u64,
    episodes: usize,
    windows: usize,
    /// Next episode.
    pub next: usize,
    /// Where the agents stand.
    pub standing: Standing,
    curve: Vec<Point>,
    /// Parameters followed so far.
    pub traces: Vec<(Vec<usize>, Vec<f64>)>,
}

impl Checkpoint {
    /// Where a training stands.
    pub fn of(
        job: &TrainingJob<'_>,
        episodes: usize,
        windows: usize,
        next: usize,
        standing: Standing,
        curve: &[LearningPoint],
        traces: Vec<(Vec<usize>, Vec<f64>)>,
    ) -> Checkpoint {
        let point = |p: &LearningPoint| {
            (p.episode, p.cost_usd, p.max_voltage_violation_pu, p.max_current_violation_percent, p.rounds)
        };
        Checkpoint {
            seed: job.seed,
            episodes,
            windows,
            next,
            standing,
            curve: curve.iter().map(point).collect(),
            traces,
        }
    }

    /// As bytes.
    pub fn write(&self) -> Result<Vec<u8>, CliError> {
        postcard::to_stdvec(self).map_err(|e| CliError::bad_input(format!("the checkpoint cannot be written: {e}")))
    }

    /// From bytes; refused unless made by the same training.
    pub fn read(bytes: &[u8], job: &TrainingJob<'_>, episodes: usize, windows: usize) -> Result<Checkpoint, CliError> {
        let checkpoint: Checkpoint =
            postcard::from_bytes(bytes).map_err(|e| refuse(&format!("it cannot be read ({e})")))?;
        let made = (checkpoint.seed, checkpoint.episodes, checkpoint.windows);
        if made != (job.seed, episodes, windows) {
            return Err(refuse(&format!(
                "it was made with seed {}, {} episodes, {} windows; asked for are {}, {episodes}, {windows}",
                made.0, made.1, made.2, job.seed
            )));
        }
        Ok(checkpoint)
    }

    /// The learning curve so far.
    pub fn curve(&self) -> Vec<LearningPoint> {
        let point = |&(episode, cost_usd, voltage, current, rounds): &Point| LearningPoint {
            episode,
            cost_usd,
            max_voltage_violation_pu: voltage,
            max_current_violation_percent: current,
            rounds,
        };
        self.curve.iter().map(point).collect()
    }
}

fn refuse(what: &str) -> CliError {
    CliError::bad_input(format!("the checkpoint does not fit: {what}"))
}

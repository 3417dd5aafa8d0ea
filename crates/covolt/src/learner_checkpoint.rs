//! Checkpoint of a training: where every agent stands, so that resuming gives the result of an uninterrupted run.

use crate::exit::CliError;
use covolt_learn::ExactTrainer;
use covolt_policy::Adam;
use covolt_report::record::LearningPoint;
use serde::{Deserialize, Serialize};

/// One agent's state; its features, ranges and shapes follow from the same seed and case.
#[derive(Serialize, Deserialize)]
struct Agent {
    theta: Vec<f64>,
    average: Vec<f64>,
    adam: Adam,
}

/// A training between two episodes.
#[derive(Serialize, Deserialize)]
pub struct Checkpoint {
    seed: u64,
    episodes: usize,
    next: usize,
    agents: Vec<Agent>,
    curve: Vec<LearningPoint>,
}

impl Checkpoint {
    /// Where a trainer stands.
    pub fn of(seed: u64, episodes: usize, trainer: &ExactTrainer<'_>, curve: &[LearningPoint]) -> Checkpoint {
        let agents = trainer
            .learners
            .iter()
            .map(|learner| Agent {
                theta: learner.policy.mean_net().parameters().to_vec(),
                average: learner.average.clone(),
                adam: learner.adam.clone(),
            })
            .collect();
        Checkpoint { seed, episodes, next: trainer.episode, agents, curve: curve.to_vec() }
    }

    /// As bytes. JSON keeps every digit of a number: what is read is what was written.
    pub fn write(&self) -> Result<Vec<u8>, CliError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// From bytes.
    pub fn read(bytes: &[u8]) -> Result<Checkpoint, CliError> {
        serde_json::from_slice(bytes).map_err(|e| CliError::bad_input(format!("the checkpoint cannot be read: {e}")))
    }

    /// Puts a trainer where the checkpoint was written.
    pub fn restore(
        self,
        seed: u64,
        episodes: usize,
        trainer: &mut ExactTrainer<'_>,
        curve: &mut Vec<LearningPoint>,
    ) -> Result<(), CliError> {
        let refuse = |what: String| CliError::bad_input(format!("the checkpoint does not fit: {what}"));
        if self.seed != seed || self.episodes != episodes {
            return Err(refuse(format!(
                "it was made with --seed {} --episodes {}, asked for are {seed} and {episodes}",
                self.seed, self.episodes
            )));
        }
        if self.agents.len() != trainer.learners.len() {
            return Err(refuse(format!("{} agents, the case has {}", self.agents.len(), trainer.learners.len())));
        }
        for (learner, agent) in trainer.learners.iter_mut().zip(self.agents) {
            let theta = learner.policy.mean_net_mut().parameters_mut();
            if theta.len() != agent.theta.len() || theta.len() != agent.average.len() {
                return Err(refuse(format!("{} parameters, the policy has {}", agent.theta.len(), theta.len())));
            }
            theta.copy_from_slice(&agent.theta);
            learner.average = agent.average;
            learner.adam = agent.adam;
        }
        trainer.episode = self.next;
        *curve = self.curve;
        Ok(())
    }
}

//! How an agent that was stopped goes on: its checkpoint, and the messages that the durable streams hold since then.

use super::AgentTraining;
use crate::error::PartyError;
use crate::party::{Event, Party};
use covolt_fleet::LimitPrices;
use covolt_policy::Adam;
use covolt_wire::TrainingPlan;
use serde::{Deserialize, Serialize};

/// Where an agent stands between two rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentCheckpoint {
    run: u64,
    plan: TrainingPlan,
    updates: u32,
    descents: u32,
    theta: Vec<f64>,
    average: Vec<f64>,
    adam: Adam,
    prices: Vec<LimitPrices>,
}

impl AgentTraining<'_> {
    pub(super) fn restore(&mut self, bytes: &[u8]) -> Result<(), PartyError> {
        let unreadable = |e: postcard::Error| PartyError::Checkpoint { reason: format!("it cannot be read ({e})") };
        let checkpoint = postcard::from_bytes(bytes).map_err(unreadable)?;
        let AgentCheckpoint { run: number, plan, updates, descents, theta, average, adam, prices } = checkpoint;
        let mut run = self.fresh_run(number, plan)?;
        let parameters = run.learner.policy.mean_net_mut().parameters_mut();
        let (found, expected) = ((theta.len(), average.len(), prices.len()), (parameters.len(), run.prices.len()));
        if found != (expected.0, expected.0, expected.1) {
            let reason = format!(
                "{} parameters, {} means of them and multipliers of {} windows; the plan has {} and {}",
                found.0, found.1, found.2, expected.0, expected.1
            );
            return Err(PartyError::Checkpoint { reason });
        }
        parameters.copy_from_slice(&theta);
        (run.learner.average, run.learner.adam) = (average, adam);
        (run.prices, run.updates, run.descents) = (prices, updates, descents);
        // The last update is made when the run finishes.
        self.finished = updates >= run.plan.episodes;
        self.run = Some(run);
        Ok(())
    }

    /// The bytes of a checkpoint, once a plan has come.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let run = self.run.as_ref()?;
        let checkpoint = AgentCheckpoint {
            run: run.number,
            plan: run.plan.clone(),
            updates: run.updates,
            descents: run.descents,
            theta: run.learner.policy.mean_net().parameters().to_vec(),
            average: run.learner.average.clone(),
            adam: run.learner.adam.clone(),
            prices: run.prices.clone(),
        };
        postcard::to_stdvec(&checkpoint).ok()
    }

    /// After a restart: goes through what the durable streams hold for it, in their order, sending nothing. A plan that was sent
    /// again may lie behind messages of its own run, so that whatever begins a run has the messages gone through once more.
    ///
    /// # Errors
    /// As [`AgentTraining::on_event`].
    pub fn catch_up(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<(), PartyError> {
        let (tally, said) = (self.tally.clone(), self.last_said_ms);
        let mut out = Vec::new();
        loop {
            let before = self.run();
            for (from, bytes) in kept {
                out.clear();
                self.on_event(said, Event::Message { from: *from, bytes }, &mut out)?;
            }
            // Ends: numbers of runs only grow.
            if self.run() == before {
                break;
            }
        }
        self.tally = tally;
        Ok(())
    }
}

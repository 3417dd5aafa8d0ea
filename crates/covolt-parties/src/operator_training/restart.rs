//! How an operator that was stopped goes on: its checkpoint, and the answers that the durable streams hold since then.

use super::{OperatorTraining, Stage};
use crate::error::PartyError;
use crate::feeder_rounds::RoundMemory;
use crate::party::Party;
use crate::timing::OnAbsence;
use covolt_wire::{BoundaryPoint, Envelope, Up, decode_up};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the operator stands between two rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperatorCheckpoint {
    run: u64,
    round: u32,
    memory: RoundMemory,
    took_part: Vec<bool>,
    exchanges: u64,
    /// By seat and window; empty where the training waits for all.
    remembered: Vec<Vec<Option<Vec<BoundaryPoint>>>>,
}

impl OperatorTraining<'_> {
    pub(super) fn restore(&mut self, bytes: &[u8]) -> Result<(), PartyError> {
        let refuse = |reason: String| PartyError::Checkpoint { reason };
        let kept: OperatorCheckpoint =
            postcard::from_bytes(bytes).map_err(|e| refuse(format!("it cannot be read ({e})")))?;
        let (windows, agents) = (kept.memory.prices.len(), kept.took_part.len());
        if windows != self.rounds.windows() || agents != self.seats.len() {
            return Err(refuse(format!(
                "{windows} windows and {agents} agents, the plan has {} and {}",
                self.rounds.windows(),
                self.seats.len()
            )));
        }
        self.run = kept.run;
        self.round = kept.round;
        self.rounds.memory = kept.memory;
        self.exchanges = kept.exchanges;
        self.seats.iter_mut().zip(kept.took_part).for_each(|(seat, took_part)| seat.took_part = took_part);
        for (seat, remembered) in self.seats.iter_mut().zip(kept.remembered) {
            // Another mode than before may have nothing to remember, or need nothing.
            if seat.remembered.len() == remembered.len() {
                seat.remembered = remembered;
            }
        }
        Ok(())
    }

    /// The bytes of a checkpoint.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let kept = OperatorCheckpoint {
            run: self.run,
            round: self.round,
            memory: self.rounds.memory.clone(),
            took_part: self.seats.iter().map(|seat| seat.took_part).collect(),
            exchanges: self.exchanges,
            remembered: self.seats.iter().map(|seat| seat.remembered.clone()).collect(),
        };
        postcard::to_stdvec(&kept).ok()
    }

    /// After a restart: goes through the rounds since the checkpoint with the answers that the durable streams hold, in any
    /// order, sending nothing. Returns the exchanges gone through.
    ///
    /// # Errors
    /// As [`OperatorTraining::on_event`].
    pub fn replay(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<usize, PartyError> {
        let mut answers: BTreeMap<(u32, u16, usize), Vec<BoundaryPoint>> = BTreeMap::new();
        let mut has_kept = Vec::new();
        for (from, bytes) in kept {
            let Party::Agent(n) = from else { continue };
            let Ok(Envelope { header, body }) = decode_up(bytes, &self.place.shape) else { continue };
            let ours = header.run == self.run && header.fingerprint == self.place.fingerprint;
            match body {
                Up::Powers { points } if ours => drop(answers.insert((header.round, header.exchange, *n), points)),
                Up::Kept if ours => has_kept.extend(self.seats.get(*n).map(|_| *n)),
                _ => {}
            }
        }
        self.replaying = true;
        let result = self.replay_answers(&mut answers);
        self.replaying = false;
        if self.stage == Stage::Finish {
            // Agents that have kept their policies may have gone for good.
            has_kept.into_iter().for_each(|n| (self.seats[n].kept, self.seats[n].ready) = (true, true));
        }
        let done = self.stage == Stage::Finish && self.seats.iter().all(|seat| seat.kept);
        self.stage = if done { Stage::Done } else { Stage::Gather };
        result
    }

    fn replay_answers(
        &mut self,
        answers: &mut BTreeMap<(u32, u16, usize), Vec<BoundaryPoint>>,
    ) -> Result<usize, PartyError> {
        let mut out = Vec::new();
        let mut exchanges = 0;
        self.open_round(0, &mut out)?;
        while self.stage == Stage::Round {
            let expected = self.rounds.batch.len() * self.place.steps;
            for (n, seat) in self.seats.iter_mut().enumerate() {
                let kept = answers.remove(&(self.round, self.exchange, n)).filter(|points| points.len() == expected);
                seat.answer = seat.answer.take().or(kept);
                seat.heard |= seat.answer.is_some();
            }
            if self.seats.iter().any(|seat| seat.answer.is_none()) {
                break;
            }
            match self.close_exchange(0, &mut out) {
                // Rounds that went on without some cannot be repeated where late answers lie among the others: from here on they are asked for.
                Err(PartyError::NotSettled { .. }) if self.timing.on_absence != OnAbsence::Wait => {
                    self.open_round(0, &mut out)?;
                    break;
                }
                closed => closed?,
            }
            exchanges += 1;
        }
        Ok(exchanges)
    }
}

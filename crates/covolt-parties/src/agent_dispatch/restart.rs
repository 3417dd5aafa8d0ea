//! What an agent in dispatch keeps over a crash: its devices, the voltages agreed last, and the answer that the operator may count on.

use super::AgentDispatch;
use crate::error::PartyError;
use covolt_dispatch::{DispatchError, Verdict};
use covolt_fleet::{MicrogridStart, PccTerms};
use serde::{Deserialize, Serialize};

/// The answer given last in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Given {
    pub run: u64,
    pub exchange: u16,
    /// Voltages that it was asked at.
    pub v_pu: Vec<f64>,
    /// What prices were answered from.
    pub proposal: Vec<f64>,
    pub action: Vec<f64>,
    /// Exchanges answered in the row.
    pub exchanges: u16,
}

/// Where an agent stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DispatchCheckpoint {
    run: u64,
    next_row: usize,
    soc: Vec<f64>,
    p_dg_kw: Vec<f64>,
    agreed: Option<(usize, Vec<f64>, f64)>,
    given: Option<Given>,
}

impl AgentDispatch<'_> {
    /// The bytes of a checkpoint.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let MicrogridStart { soc, p_dg_kw } = self.state.clone();
        let (run, next_row, agreed) = (self.run, self.next_row, self.agreed.clone());
        let given = self.open.as_ref().map_or(&self.given, |open| &open.given).clone();
        postcard::to_stdvec(&DispatchCheckpoint { run, next_row, soc, p_dg_kw, agreed, given }).ok()
    }

    /// Goes on from the bytes of a checkpoint.
    ///
    /// # Errors
    /// Bytes that are none, or of other devices.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), PartyError> {
        let refuse = |reason: &str| PartyError::Checkpoint { reason: reason.into() };
        let kept: DispatchCheckpoint =
            postcard::from_bytes(bytes).map_err(|e| refuse(&format!("it cannot be read ({e})")))?;
        if kept.soc.len() != self.state.soc.len() || kept.p_dg_kw.len() != self.state.p_dg_kw.len() {
            return Err(refuse("it is of other devices"));
        }
        let (steps, size) = (self.place.steps, self.place.fleet.microgrids[0].layout(self.place.steps).len());
        let fits = |given: &Given| (given.v_pu.len(), given.proposal.len(), given.action.len()) == (steps, size, size);
        if !kept.given.iter().all(fits) || kept.agreed.iter().any(|(_, v_pu, _)| v_pu.len() != steps) {
            return Err(refuse("it is of other windows"));
        }
        self.state = MicrogridStart { soc: kept.soc, p_dg_kw: kept.p_dg_kw };
        (self.run, self.next_row, self.agreed) = (kept.run, kept.next_row, kept.agreed);
        (self.open, self.given) = (None, kept.given);
        self.finished = self.next_row > self.settings.last_row;
        Ok(())
    }

    /// Opens the row again in which the agent had answered when it crashed.
    pub(super) fn reopen(&mut self, now_ms: u64) -> Result<(), PartyError> {
        let Some(given) = self.given.take().filter(|_| !self.finished) else { return Ok(()) };
        self.open_row(now_ms, self.next_row)?;
        if let Some(open) = &mut self.open {
            open.window.pcc = Some(PccTerms::at(given.v_pu.clone()));
            (open.proposal, open.action) = (Some(given.proposal.clone()), given.action.clone());
            open.given = Some(given);
        }
        self.examine_open()
    }

    /// What the check of the own part says of the open row's action at the voltages of its window.
    pub(super) fn examine_open(&mut self) -> Result<(), PartyError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.verdict = match self.part.examine(&open.window, &open.action, self.proposer.version()) {
            Ok(own) => own.certificate.verdict,
            Err(DispatchError::NoPowerFlow { source, .. }) => Verdict::NoPowerFlow { reason: source.to_string() },
            Err(other) => return Err(other.into()),
        };
        Ok(())
    }
}

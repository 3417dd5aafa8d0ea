//! What an agent does without the operator's word: what it answered last, its own policy within the margin agreed last, or the safe
//! set point.

use super::{AgentDispatch, How};
use crate::agent_training::PLAUSIBLE_PU;
use crate::error::PartyError;
use crate::party::Output;
use covolt_dispatch::{DispatchError, GuardMode, Verdict};
use covolt_fleet::PccTerms;

/// Margin before any was agreed, pu: that of the operator's first settlement.
const FIRST_MARGIN_PU: f64 = 0.01;

/// Voltages that the agent relies on, per step, and how far it tightens.
struct Reliable {
    v_pu: Vec<f64>,
    margin_pu: f64,
}

impl AgentDispatch<'_> {
    /// Decides the rows before `row`, which went by.
    pub(super) fn pass_rows(&mut self, now_ms: u64, row: usize, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if row <= self.next_row {
            return Ok(());
        }
        let text = match (self.next_row, row - 1) {
            (first, last) if first == last => format!("row {first} went by without this agent"),
            (first, last) => format!("rows {first} to {last} went by without this agent"),
        };
        out.push(Output::Warning { text });
        if self.open.is_some() {
            self.decide_alone(now_ms, out)?;
        }
        while self.next_row < row {
            self.rest(now_ms, out)?;
        }
        Ok(())
    }

    /// Without the operator's word for this row.
    pub(super) fn decide_alone(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.open.is_none() {
            self.open_row(now_ms, self.next_row)?;
        }
        if let Some(Reliable { v_pu, margin_pu }) = self.reliable() {
            let given = self.open.as_ref().and_then(|open| open.given.as_ref()).map(|given| given.action.clone());
            if let Some(action) = given {
                for margin_pu in [margin_pu, 0.0] {
                    if let Some(verdict) = self.verdict_within(&v_pu, margin_pu, &action)? {
                        return self.apply_alone(now_ms, (v_pu[0], margin_pu), (action, verdict), out);
                    }
                }
            }
            let proposal = self.propose_at(&v_pu)?;
            if let Some(found) = self.mend_within(&v_pu, margin_pu, proposal)? {
                return self.apply_alone(now_ms, (v_pu[0], margin_pu), found, out);
            }
        }
        self.rest(now_ms, out)
    }

    fn apply_alone(
        &mut self,
        now_ms: u64,
        at: (f64, f64),
        found: (Vec<f64>, Verdict),
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        if let Some(open) = &mut self.open {
            (open.action, open.verdict) = found;
        }
        self.apply(now_ms, How::Alone, at, out)
    }

    /// The row's own settlement; the voltages of the last question, once the operator solved them for this row or the agent agreed to some
    /// lately; those agreed lately for this row's steps.
    fn reliable(&self) -> Option<Reliable> {
        let steps = self.place.steps;
        let recent =
            self.agreed.as_ref().filter(|(row, ..)| self.next_row.saturating_sub(*row) <= self.settings.stale_rows);
        let margin_pu = recent.map_or(FIRST_MARGIN_PU, |(.., margin_pu)| *margin_pu);
        let given = self.open.as_ref().and_then(|open| open.given.as_ref());
        let settled_now = recent.is_some_and(|(row, ..)| *row >= self.next_row);
        if let Some(given) = given.filter(|given| !settled_now && (given.exchange > 0 || recent.is_some())) {
            return Some(Reliable { v_pu: given.v_pu.clone(), margin_pu });
        }
        let (row, v_pu, _) = recent?;
        let age = self.next_row.saturating_sub(*row);
        let later = |t: usize| v_pu.get((t + age).min(steps - 1)).copied().unwrap_or(1.0);
        Some(Reliable { v_pu: (0..steps).map(later).collect(), margin_pu })
    }

    /// The safe set point.
    fn rest(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.open.is_none() {
            self.open_row(now_ms, self.next_row)?;
        }
        let steps = self.place.steps;
        let v = self.agreed.as_ref().and_then(|(_, v, _)| v.last().copied()).unwrap_or(1.0);
        if let Some(open) = self.open.as_mut() {
            open.window.pcc = Some(PccTerms::at(vec![v; steps]));
            let mg = &self.place.fleet.microgrids[0];
            let layout = mg.layout(steps);
            let mut rest = vec![0.0; layout.len()];
            for t in 0..steps {
                (0..mg.dgs.len()).for_each(|i| rest[layout.p_dg(t, i)] = self.state.p_dg_kw[i]);
            }
            open.action = self.part.propose(&open.window, rest, GuardMode::Bare)?;
        }
        self.examine_open()?;
        self.apply(now_ms, How::SafeSetPoint, (v, 0.0), out)
    }

    fn propose_at(&mut self, v_pu: &[f64]) -> Result<Vec<f64>, PartyError> {
        let Some(open) = self.open.as_mut() else { return Ok(Vec::new()) };
        open.window.pcc = Some(PccTerms::at(v_pu.to_vec()));
        let mut actions = Vec::new();
        self.proposer.propose(self.place.fleet, &open.window, &mut actions)?;
        Ok(self.part.propose(&open.window, actions.into_iter().next().unwrap_or_default(), GuardMode::Bare)?)
    }

    /// What the check says of the action, if it keeps the agent's own limits for all voltages within the margin: those at both ends.
    fn verdict_within(&mut self, v: &[f64], margin_pu: f64, action: &[f64]) -> Result<Option<Verdict>, PartyError> {
        let Some(open) = self.open.as_mut() else { return Ok(None) };
        let mut verdict = None;
        for sign in [-1.0, 1.0] {
            open.window.pcc = Some(PccTerms::at(end_of(v, sign * margin_pu)));
            verdict = match self.part.examine(&open.window, action, self.proposer.version()) {
                Ok(own) if own.safe => Some(own.certificate.verdict),
                Ok(_) | Err(DispatchError::NoPowerFlow { .. }) => return Ok(None),
                Err(other) => return Err(other.into()),
            };
        }
        Ok(verdict)
    }

    /// The action as it is or mended, if the settings allow it, so that it keeps the own limits within the margin.
    fn mend_within(
        &mut self,
        v: &[f64],
        margin_pu: f64,
        mut action: Vec<f64>,
    ) -> Result<Option<(Vec<f64>, Verdict)>, PartyError> {
        // Mended at one end it may break a limit at the other: both are mended twice.
        for sign in [-1.0, 1.0, -1.0, 1.0] {
            if let Some(verdict) = self.verdict_within(v, margin_pu, &action)? {
                return Ok(Some((action, verdict)));
            }
            let Some(open) = self.open.as_mut() else { return Ok(None) };
            open.window.pcc = Some(PccTerms::at(end_of(v, sign * margin_pu)));
            action = self.part.propose(&open.window, action, self.settings.mode)?;
        }
        Ok(self.verdict_within(v, margin_pu, &action)?.map(|verdict| (action, verdict)))
    }
}

fn end_of(v: &[f64], by_pu: f64) -> Vec<f64> {
    v.iter().map(|v| (v + by_pu).max(PLAUSIBLE_PU.0)).collect()
}

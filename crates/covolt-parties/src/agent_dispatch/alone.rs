//! What an agent does without the operator's word: its own policy within the margin agreed last, or the safe set point.

use super::{AgentDispatch, How};
use crate::agent_training::PLAUSIBLE_PU;
use crate::error::PartyError;
use crate::party::Output;
use covolt_dispatch::{DispatchError, GuardMode, Verdict};
use covolt_fleet::PccTerms;

impl AgentDispatch<'_> {
    /// Without the operator's word for this row.
    pub(super) fn decide_alone(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.open.is_none() {
            self.open_row(now_ms, self.next_row)?;
        }
        let steps = self.place.steps;
        let recent = self.agreed.clone().filter(|(row, ..)| self.next_row - row <= self.settings.stale_rows);
        if let Some((row, v_pu, margin_pu)) = recent {
            let age = self.next_row - row;
            let later = |t: usize| v_pu.get((t + age).min(steps - 1)).copied().unwrap_or(1.0);
            let v: Vec<f64> = (0..steps).map(later).collect();
            if let Some((action, verdict)) = self.safe_within(&v, margin_pu)? {
                if let Some(open) = &mut self.open {
                    (open.action, open.verdict) = (action, verdict);
                }
                return self.apply(now_ms, How::Alone, v[0], out);
            }
        }
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
            open.verdict = match self.part.examine(&open.window, &open.action, "safe set point") {
                Ok(own) => own.certificate.verdict,
                Err(DispatchError::NoPowerFlow { source, .. }) => Verdict::NoPowerFlow { reason: source.to_string() },
                Err(other) => return Err(other.into()),
            };
        }
        self.apply(now_ms, How::SafeSetPoint, v, out)
    }

    /// The policy's action, if it keeps the agent's own limits for all voltages within the margin: those at both ends.
    fn safe_within(&mut self, v: &[f64], margin_pu: f64) -> Result<Option<(Vec<f64>, Verdict)>, PartyError> {
        let Some(open) = self.open.as_mut() else { return Ok(None) };
        open.window.pcc = Some(PccTerms::at(v.to_vec()));
        let mut actions = Vec::new();
        self.proposer.propose(self.place.fleet, &open.window, &mut actions)?;
        let mut action = actions.into_iter().next().unwrap_or_default();
        let mut verdict = None;
        // Mended at one end it may break a limit at the other: both are asked again.
        for sign in [-1.0, 1.0, -1.0, 1.0, -1.0] {
            let end: Vec<f64> = v.iter().map(|v| (v + sign * margin_pu).max(PLAUSIBLE_PU.0)).collect();
            open.window.pcc = Some(PccTerms::at(end));
            let mended = self.part.propose(&open.window, action.clone(), self.settings.mode)?;
            let unchanged = mended == action;
            action = mended;
            let own = match self.part.examine(&open.window, &action, self.proposer.version()) {
                Ok(own) => own,
                Err(DispatchError::NoPowerFlow { .. }) => return Ok(None),
                Err(other) => return Err(other.into()),
            };
            if !own.safe {
                return Ok(None);
            }
            if unchanged && verdict.is_some() {
                return Ok(Some((action, own.certificate.verdict)));
            }
            verdict = Some(own.certificate.verdict);
        }
        Ok(None)
    }
}

//! What an agent makes of a settlement: applied where it rests on the agent's last answer, taken for its voltages otherwise.

use super::{AgentDispatch, How, is_plausible};
use crate::error::PartyError;
use crate::party::Output;
use covolt_fleet::PccTerms;
use covolt_wire::{Absence, Certainty, Header, Up};

/// What the operator says became of a row.
pub(super) struct Word {
    pub certainty: Certainty,
    pub v_pu: Vec<f64>,
    pub margin_pu: f64,
}

/// A certified action was answered at the settled voltages, to within this, pu.
const SAME_PU: f64 = 2e-8;

impl AgentDispatch<'_> {
    pub(super) fn on_settled(
        &mut self,
        now_ms: u64,
        header: Header,
        row: usize,
        Word { certainty, v_pu, margin_pu }: Word,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        if !v_pu.iter().all(is_plausible) {
            return self.say(header, Up::Absent(Absence::ImplausibleVoltage), out);
        }
        if row > self.settings.last_row {
            return Ok(());
        }
        if row >= self.next_row {
            self.pass_rows(now_ms, row, out)?;
        }
        // Late ones, too: the row is decided, but no voltages are newer.
        if self.agreed.as_ref().is_none_or(|(known, ..)| *known <= row) {
            self.agreed = Some((row, v_pu.clone(), margin_pu));
        }
        if row < self.next_row {
            return Ok(());
        }
        let given = self.open.as_ref().and_then(|open| open.given.as_ref());
        let rests_on_it = given.is_some_and(|given| {
            let same = |(a, b): (&f64, &f64)| (a - b).abs() <= SAME_PU;
            let there = certainty != Certainty::Certified || given.v_pu.iter().zip(&v_pu).all(same);
            (given.run, given.exchange) == (header.run, header.exchange) && there
        });
        if !rests_on_it {
            return self.decide_alone(now_ms, out);
        }
        let v = v_pu.first().copied().unwrap_or(1.0);
        if let Some(open) = &mut self.open {
            if let Some(given) = &open.given {
                open.action.clone_from(&given.action);
            }
            open.window.pcc = Some(PccTerms::at(v_pu));
        }
        self.examine_open()?;
        let how = match certainty {
            Certainty::Certified => How::Certified,
            Certainty::LeastViolation => How::LeastViolation,
            Certainty::WithoutSome => How::WithoutSome,
        };
        self.apply(now_ms, how, (v, 0.0), out)
    }
}

//! The end of a row: what became of it, for the notes and for each agent.

use super::seat::Seat;
use super::{NO_ANSWER, OperatorDispatch, RowNote, SETTLED_PU};
use crate::error::PartyError;
use crate::feeder_prices::FeederState;
use crate::party::Output;
use covolt_wire::{Certainty, Down};

impl OperatorDispatch<'_> {
    /// How far the feeder's voltages are from those that present answers were given at, pu.
    pub(super) fn distance_pu(&self, state: &FeederState) -> f64 {
        let seats = self.seats.len();
        let moved = |(at, v): (usize, &f64)| match self.seats[at % seats].answer {
            Some(_) => (state.v_pcc_pu[at] - v).abs(),
            None => 0.0,
        };
        self.v_pu.iter().enumerate().map(moved).fold(0.0, f64::max)
    }

    /// Closes the row: with the feeder's state and the seats whose limits are foreseen to be broken, or with the reason why there is none.
    pub(super) fn settle(
        &mut self,
        now_ms: u64,
        found: Result<(FeederState, Vec<usize>), String>,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        let (row, seats) = (self.row, self.seats.len());
        let list = |wanted: &dyn Fn(&Seat) -> bool| (0..seats).filter(|&n| wanted(&self.seats[n])).collect::<Vec<_>>();
        let assumed = list(&|seat| seat.answer.is_none());
        let mut broken = list(&|seat| seat.answer.as_ref().is_some_and(|answer| !answer.safe));
        if let Ok((_, foreseen)) = &found {
            // Who does not answer cannot say it.
            broken.extend(foreseen.iter().filter(|n| assumed.contains(n)));
        }
        broken.sort_unstable();
        let holds = |state: &FeederState| state.is_safe() && broken.is_empty() && self.distance_pu(state) <= SETTLED_PU;
        let certainty = match (found.as_ref().is_ok_and(|(state, _)| holds(state)), assumed.is_empty()) {
            (true, true) => Certainty::Certified,
            (true, false) => Certainty::WithoutSome,
            (false, _) => Certainty::LeastViolation,
        };
        let v_pu = found.as_ref().map_or(&self.v_pu, |(state, _)| &state.v_pcc_pu).clone();
        for (n, seat) in self.seats.iter_mut().enumerate() {
            seat.settle(v_pu.iter().skip(n).step_by(seats).copied().collect(), found.is_ok());
        }
        let (state, reason) = found.map_or_else(|reason| (FeederState::default(), Some(reason)), |f| (f.0, None));
        self.notes.push(RowNote {
            row,
            certainty,
            exchanges: self.exchange + 1,
            priced: self.priced,
            wall_ms: now_ms.saturating_sub(self.opened_ms),
            voltage: state.voltage,
            current: state.current,
            assumed,
            broken,
            reason,
        });
        // All have decided the row already: theirs is a later one.
        let behind = self.seats.iter().all(|seat| seat.past);
        let words: Vec<(u16, Down)> = self
            .seats
            .iter()
            .map(|seat| {
                let (v_pu, margin_pu) = (seat.settled_v_pu.clone(), seat.largest_move_pu.min(1.0));
                let row = u32::try_from(row).unwrap_or(u32::MAX);
                let rests_on = seat.last.as_ref().map_or(NO_ANSWER, |last| last.exchange);
                (rests_on, Down::Settled { row, certainty, v_pu, margin_pu })
            })
            .collect();
        self.window = None;
        self.row += 1;
        // Kept before anybody hears of it: a row is settled once.
        out.push(Output::Checkpoint);
        for (n, (rests_on, word)) in words.into_iter().enumerate() {
            self.send(now_ms, n, (row, rests_on), word, out)?;
        }
        if self.settings.row_ms == 0 || behind || self.row >= self.rows.end {
            return self.open_row(now_ms, out);
        }
        Ok(())
    }
}

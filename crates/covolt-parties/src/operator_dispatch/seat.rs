//! What the operator knows of one agent over the exchanges of a row and from one row to the next; whose answer the feeder can carry.

use super::OperatorDispatch;
use crate::error::PartyError;
use crate::feeder_prices::{FeederState, SeenAgent};
use crate::party::{Output, Party};
use covolt_dispatch::MOST_ROOM;
use covolt_fleet::Window;
use covolt_wire::{BoundaryPoint, DispatchAnswer, PriceOfPower};

/// Move of a PCC voltage from one row to the next that an agent alone reckons with before any was seen, pu.
const FIRST_MOVE_PU: f64 = 0.01;
/// Share of the largest move that is forgotten with every row.
const FORGET: f64 = 0.02;

/// An agent.
pub(super) struct Seat {
    /// In the present exchange.
    pub answer: Option<DispatchAnswer>,
    /// The last one in this row: the agent keeps to it when it hears nothing more.
    pub last: Option<LastAnswer>,
    /// The last one given in this round; an action that is held answers prices as it did before.
    pub response: Vec<f64>,
    /// Asked with in the present exchange.
    pub prices: Vec<PriceOfPower>,
    /// Agreed in the round before.
    pub agreed: Option<Vec<BoundaryPoint>>,
    /// Voltages of the round before and the largest step they made lately, pu.
    pub settled_v_pu: Vec<f64>,
    pub largest_move_pu: f64,
    pub here: bool,
    /// Did not answer in time, and has not spoken since.
    pub silent: bool,
    /// Cannot answer the present exchange.
    pub absent: bool,
    /// Has decided the row, or says what cannot be: not asked any more in this row.
    pub past: bool,
}

/// An answer and what it was asked.
pub(super) struct LastAnswer {
    pub exchange: u16,
    pub v_pu: Vec<f64>,
    pub points: Vec<BoundaryPoint>,
    pub excess: Vec<f64>,
}

impl Default for Seat {
    fn default() -> Seat {
        Seat {
            answer: None,
            last: None,
            response: Vec::new(),
            prices: Vec::new(),
            agreed: None,
            settled_v_pu: Vec::new(),
            largest_move_pu: FIRST_MOVE_PU,
            here: false,
            silent: false,
            absent: false,
            past: false,
        }
    }
}

impl Seat {
    pub fn is_awaited(&self) -> bool {
        self.answer.is_none() && !self.silent && !self.absent && !self.past
    }

    pub fn open_row(&mut self) {
        (self.answer, self.last) = (None, None);
        (self.absent, self.past) = (false, false);
        self.response.clear();
        self.prices.clear();
    }

    /// At these voltages; without a power flow they are none that were solved.
    pub fn settle(&mut self, v_pu: Vec<f64>, solved: bool) {
        if let (true, Some(before)) = (solved, self.settled_v_pu.get(1.min(v_pu.len() - 1))) {
            let moved = (v_pu[0] - before).abs();
            self.largest_move_pu = moved.max(self.largest_move_pu * (1.0 - FORGET));
        }
        if let (true, Some(last)) = (solved, &self.last) {
            self.agreed = Some(last.points.clone());
        }
        self.settled_v_pu = v_pu;
    }
}

/// What the feeder is solved with: present answers, the last ones of the row, or what was agreed.
pub(super) fn seen_agents<'s>(
    seats: &'s [Seat],
    v_pu: &[f64],
    unknown: &'s [BoundaryPoint],
    kept: &'s [f64],
) -> Vec<SeenAgent<'s>> {
    let of = |(n, seat): (usize, &'s Seat)| {
        let asked = || v_pu.iter().skip(n).step_by(seats.len()).copied().collect();
        let (points, v_pu, excess, response) = match (&seat.last, seat.answer.is_some()) {
            (Some(last), true) => (&*last.points, asked(), &*last.excess, &*seat.response),
            (Some(last), false) => (&*last.points, last.v_pu.clone(), &*last.excess, [].as_slice()),
            (None, _) => (seat.agreed.as_deref().unwrap_or(unknown), asked(), kept, [].as_slice()),
        };
        SeenAgent { points, v_pu, excess, response, prices: &seat.prices }
    };
    seats.iter().enumerate().map(of).collect()
}

impl OperatorDispatch<'_> {
    pub(super) fn remember_answers(&mut self) {
        let (seats, exchange) = (self.seats.len(), self.exchange);
        for (n, seat) in self.seats.iter_mut().enumerate() {
            if let Some(answer) = &seat.answer {
                let v_pu = self.v_pu.iter().skip(n).step_by(seats).copied().collect();
                let (points, excess) = (answer.points.clone(), answer.excess.clone());
                seat.last = Some(LastAnswer { exchange, v_pu, points, excess });
            }
        }
    }

    /// The feeder with all answers; where that has no power flow, without those with which it has none whatever the others draw.
    pub(super) fn solve_with_plausible(
        &mut self,
        window: &Window,
        out: &mut Vec<Output>,
    ) -> Result<FeederState, PartyError> {
        let (unknown, kept) = (vec![BoundaryPoint::default(); window.steps], vec![-MOST_ROOM; window.steps]);
        let all = self.prices.solve(window, &seen_agents(&self.seats, &self.v_pu, &unknown, &kept));
        let Err(error) = all else { return all };
        let mut absurd = Vec::new();
        for n in 0..self.seats.len() {
            let mut one = seen_agents(&self.seats, &self.v_pu, &unknown, &kept);
            one.iter_mut().enumerate().filter(|(m, _)| *m != n).for_each(|(_, other)| other.points = &unknown);
            if self.seats[n].last.is_some() && self.prices.solve(window, &one).is_err() {
                absurd.push(n);
            }
        }
        if absurd.is_empty() {
            return Err(error);
        }
        for n in absurd {
            let text =
                format!("row {}: the feeder cannot carry what agent {n} answers, whatever the others do", self.row);
            out.push(Output::Warning { text });
            let who = Party::Agent(n);
            out.push(Output::Refused { from: who, reason: "powers that cannot be".into() });
            let seat = &mut self.seats[n];
            (seat.answer, seat.last, seat.past) = (None, None, true);
        }
        self.prices.solve(window, &seen_agents(&self.seats, &self.v_pu, &unknown, &kept))
    }
}

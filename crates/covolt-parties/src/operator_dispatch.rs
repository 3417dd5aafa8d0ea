//! The operator in dispatch: one round per row of the data, from the agents' proposals to what is certified.
//!
//! ```text
//!   exchange 0   ask all for their proposals at the voltages of the row before, and for their responses to prices
//!   then         a limit is broken, of the feeder or of an agent  -> prices that should mend it (`feeder_prices.rs`), asked for answers
//!                all hold, but voltages moved by more than 1e-8 pu -> ask for the same actions at the new voltages
//!                all hold at these voltages                       -> settled: certified
//! ```
//!
//! Polish asks once more at prices, whether a limit is broken or not. An agent that does not answer in time is assumed to draw what it
//! answered last in the row, which it keeps to ([`crate::agent_dispatch`]), or else what it was last agreed to draw, and the certificate
//! says so. Where nothing mends it, what is settled is said to break a limit, with the limit's name. The operator sees powers at
//! the PCCs, never actions.
//!
//! A round ends in time: who did not answer once is not waited for again before it speaks, who has decided the row already is not asked
//! any more, and after `round_ms` what is there is settled. An answer with which the feeder has no power flow, whatever the others
//! draw, counts as none; a row without a power flow is settled as the least violation, with the reason.
//!
//! The header of a settlement names the exchange of the answer that it rests on, for each agent its own, or [`NO_ANSWER`]. A checkpoint is
//! kept before settlements leave, and with a new number of the run before the first question of a life: no row is settled twice, and
//! no answer to one life is taken for one to another.

mod restart;
mod seat;
mod settle;

use crate::error::PartyError;
use crate::feeder_prices::{FeederPrices, FeederState, Foreseen, SeenAgent};
use crate::operator_training::OperatorPlace;
use crate::party::{Event, Output, Party};
use crate::reception::{note_presence, take_up};
use covolt_dispatch::{Forecast, ForecastKind, GuardMode, MOST_ROOM};
use covolt_fleet::{Nearest, PriceKnowledge, PriceOutlook, StorageValuation, Window};
use covolt_wire::{
    Absence, BoundaryPoint, Certainty, DispatchAnswer, Down, Envelope, Header, PriceOfPower, Tally, Up, encode_down,
};
use seat::{Seat, seen_agents};
use std::ops::Range;

/// Settings of the operator in dispatch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperatorDispatchSettings {
    /// What may be done to proposals.
    pub mode: GuardMode,
    /// Priced exchanges of one round at most. Default 14.
    pub most_priced: u32,
    /// Exchanges of one round at most. Default 20.
    pub most_exchanges: u16,
    /// A question without an answer is asked again after this, ms. Default 100.
    pub retry_ms: u64,
    /// The round goes on without an agent that has not answered after this, ms. Default 400.
    pub answer_ms: u64,
    /// After this a round asks nothing more and is settled with what is there, ms: less than the agents' deadline, by the time that a
    /// message takes. Default 800.
    pub round_ms: u64,
    /// Time between the openings of two rounds, ms; 0 opens the next as soon as one is settled. Default 0.
    pub row_ms: u64,
    /// What the operator knows of its own loads ahead.
    pub forecast: ForecastKind,
}

impl Default for OperatorDispatchSettings {
    fn default() -> Self {
        OperatorDispatchSettings {
            mode: GuardMode::Repair,
            most_priced: 14,
            most_exchanges: 20,
            retry_ms: 100,
            answer_ms: 400,
            round_ms: 800,
            row_ms: 0,
            forecast: ForecastKind::default(),
        }
    }
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowNote {
    /// Row of the data.
    pub row: usize,
    /// What became of it.
    pub certainty: Certainty,
    /// Exchanges, the last word to the agents not counted.
    pub exchanges: u16,
    /// Those of them with prices.
    pub priced: u32,
    /// Time from the first question to the last word, ms.
    pub wall_ms: u64,
    /// Limits of the feeder nearest to being broken, or broken most.
    pub voltage: Option<Nearest>,
    /// The same of currents.
    pub current: Option<Nearest>,
    /// Seats whose power was assumed.
    pub assumed: Vec<usize>,
    /// Seats whose own limits are broken, by their word.
    pub broken: Vec<usize>,
    /// Why the feeder was not solved, if it was not.
    pub reason: Option<String>,
}

/// What the present exchange asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Proposal,
    Priced,
    Hold,
}

/// The operator in dispatch.
pub struct OperatorDispatch<'a> {
    place: OperatorPlace<'a>,
    settings: OperatorDispatchSettings,
    prices: FeederPrices<'a>,
    run: u64,
    rows: Range<usize>,
    row: usize,
    window: Option<Window>,
    exchange: u16,
    priced: u32,
    /// Of the prices' way, and the worst violation before the last step.
    damping: f64,
    violation: f64,
    question: Question,
    /// `[t * pccs + n]`.
    v_pu: Vec<f64>,
    seats: Vec<Seat>,
    opened_ms: u64,
    asked_ms: u64,
    sent_ms: u64,
    done: bool,
    /// What was sent.
    pub tally: Tally,
    /// Rows settled so far.
    pub notes: Vec<RowNote>,
}

/// Exchange in the header of a settlement that rests on no answer of the agent in its row.
pub const NO_ANSWER: u16 = u16::MAX;

/// An exchange is settled when voltages move by less than this, pu.
const SETTLED_PU: f64 = 1e-8;
/// A priced exchange should take at least this share off the violation before it, times the share of the way that it went.
const WORTH_IT: f64 = 0.5;
/// A predicted excess of an agent's limit up to so many tolerances counts as kept until it is solved again.
const ONE_TOLERANCE: f64 = 1.0;

impl<'a> OperatorDispatch<'a> {
    /// A dispatch of `rows`; `run` is a number that no other run of the case has.
    pub fn new(
        place: OperatorPlace<'a>,
        settings: OperatorDispatchSettings,
        run: u64,
        rows: Range<usize>,
    ) -> OperatorDispatch<'a> {
        OperatorDispatch {
            seats: place.pccs.iter().map(|_| Seat::default()).collect(),
            prices: FeederPrices::new(place),
            place,
            settings,
            run,
            row: rows.start,
            rows,
            window: None,
            exchange: 0,
            priced: 0,
            damping: 1.0,
            violation: 0.0,
            question: Question::Proposal,
            v_pu: Vec::new(),
            opened_ms: 0,
            asked_ms: 0,
            sent_ms: 0,
            done: false,
            tally: Tally::default(),
            notes: Vec::new(),
        }
    }

    /// All rows are settled.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Row of the data that is open or comes next.
    pub fn row(&self) -> usize {
        self.row
    }

    /// What the event leads to.
    ///
    /// # Errors
    /// What ends the run; messages that do not fit are refused in `out`.
    pub fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        match event {
            Event::Start => {
                // This life's number of the run is kept before anybody hears it.
                out.push(Output::Checkpoint);
                self.open_row(now_ms, out)
            }
            Event::Tick => self.on_tick(now_ms, out),
            Event::Message { from, bytes } => {
                let (seats, ours) = (self.seats.len(), (&self.place.shape, &self.place.fingerprint));
                match take_up(from, bytes, seats, ours, out) {
                    Some((n, message)) => self.on_message(now_ms, n, message, out),
                    None => Ok(()),
                }
            }
        }
    }

    fn on_message(
        &mut self,
        now_ms: u64,
        n: usize,
        Envelope { header, body }: Envelope<Up>,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        let seat = &mut self.seats[n];
        seat.silent = false;
        note_presence(n, &mut seat.here, true, out);
        let round = u32::try_from(self.row - self.rows.start).unwrap_or(u32::MAX);
        let of_this_row = self.window.is_some() && (header.run, header.round) == (self.run, round);
        match body {
            Up::Dispatch(answer) => {
                let fits = of_this_row && (answer.row as usize, header.exchange) == (self.row, self.exchange);
                if !fits || seat.answer.is_some() || seat.past {
                    return Ok(()); // late or doubled
                }
                if !answer.response.is_empty() {
                    seat.response.clone_from(&answer.response);
                }
                seat.answer = Some(*answer);
                self.close_if_complete(now_ms, out)
            }
            Up::Here { .. } if self.window.is_some() && seat.answer.is_none() && !seat.past => self.ask(now_ms, n, out),
            Up::Absent(absence) => {
                let reason = format!("{absence:?} for row {}", self.row);
                out.push(Output::Refused { from: Party::Agent(n), reason });
                // Decided already, or nothing to be had from it in this exchange.
                seat.past |= of_this_row && absence == Absence::OldRound;
                seat.absent |= of_this_row && header.exchange == self.exchange && seat.answer.is_none();
                if of_this_row { self.close_if_complete(now_ms, out) } else { Ok(()) }
            }
            Up::Here { .. } | Up::Kept | Up::Powers { .. } => Ok(()),
        }
    }

    /// Everybody who is waited for has answered; somebody has, or there is nobody to wait for.
    fn close_if_complete(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let answered = self.seats.iter().any(|seat| seat.answer.is_some());
        let nobody = self.seats.iter().all(|seat| seat.past || seat.absent);
        if self.seats.iter().any(Seat::is_awaited) || !(answered || nobody) {
            return Ok(());
        }
        self.close_exchange(now_ms, out)
    }

    fn on_tick(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.done {
            return Ok(());
        }
        if self.window.is_none() {
            let due = now_ms.saturating_sub(self.opened_ms) >= self.settings.row_ms;
            return if due { self.open_row(now_ms, out) } else { Ok(()) };
        }
        if now_ms.saturating_sub(self.asked_ms) >= self.settings.answer_ms || self.is_late(now_ms) {
            for (n, seat) in self.seats.iter_mut().enumerate().filter(|(_, seat)| seat.is_awaited()) {
                seat.silent = true;
                note_presence(n, &mut seat.here, false, out);
            }
            return self.close_exchange(now_ms, out);
        }
        if now_ms.saturating_sub(self.sent_ms) >= self.settings.retry_ms {
            let missing = |seat: &Seat| seat.answer.is_none() && !seat.past && !seat.absent;
            let missing: Vec<usize> = (0..self.seats.len()).filter(|&n| missing(&self.seats[n])).collect();
            return missing.into_iter().try_for_each(|n| self.ask(now_ms, n, out));
        }
        Ok(())
    }

    /// The round has taken as long as it may.
    fn is_late(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.opened_ms) >= self.settings.round_ms
    }

    fn open_row(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.row >= self.rows.end {
            if !std::mem::replace(&mut self.done, true) {
                out.push(Output::Finished);
            }
            return Ok(());
        }
        let forecast = Forecast {
            profiles: self.place.profiles,
            outlook: &PriceOutlook::from_days(self.place.profiles, &[]),
            kind: self.settings.forecast,
            knowledge: PriceKnowledge::default(),
            valuation: &StorageValuation::None,
        };
        self.window = Some(forecast.window(self.place.fleet, self.row, self.place.steps, &[])?);
        (self.exchange, self.priced, self.damping, self.question) = (0, 0, 1.0, Question::Proposal);
        let (steps, seats) = (self.place.steps, self.seats.len());
        self.v_pu = vec![1.0; steps * seats];
        for (n, seat) in self.seats.iter_mut().enumerate() {
            seat.open_row();
            // The second step of the row before is this row's first.
            for t in 0..steps {
                if let Some(v) = seat.settled_v_pu.get((t + 1).min(steps - 1)) {
                    self.v_pu[t * seats + n] = *v;
                }
            }
        }
        self.opened_ms = now_ms;
        self.ask_all(now_ms, out)
    }

    fn ask_all(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.asked_ms = now_ms;
        (0..self.seats.len())
            .filter(|&n| !self.seats[n].past)
            .collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|n| self.ask(now_ms, n, out))
    }

    fn ask(&mut self, now_ms: u64, n: usize, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let body = Down::Ask {
            row: u32::try_from(self.row).unwrap_or(u32::MAX),
            v_pu: self.v_pu.iter().skip(n).step_by(self.seats.len()).copied().collect(),
            prices: if self.question == Question::Priced { self.seats[n].prices.clone() } else { Vec::new() },
            hold: self.question == Question::Hold,
            with_response: self.settings.mode != GuardMode::Bare && self.question != Question::Hold,
        };
        self.send(now_ms, n, (self.row, self.exchange), body, out)
    }

    fn send(
        &mut self,
        now_ms: u64,
        n: usize,
        (row, exchange): (usize, u16),
        body: Down,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        self.sent_ms = now_ms;
        let round = u32::try_from(row - self.rows.start).unwrap_or(u32::MAX);
        let header = Header { fingerprint: self.place.fingerprint, run: self.run, round, exchange };
        let kind = body.kind();
        let bytes = encode_down(&Envelope { header, body }, &self.place.shape)?;
        self.tally.count(kind, bytes.len());
        out.push(Output::Send { to: Party::Agent(n), kind, bytes });
        Ok(())
    }

    /// With the answers of all, or of those that came in time.
    fn close_exchange(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let Some(window) = self.window.clone() else { return Ok(()) };
        self.remember_answers();
        let solved = self.solve_with_plausible(&window, out);
        let seats = self.seats.len();
        let (unknown, kept) = (vec![BoundaryPoint::default(); self.place.steps], vec![-MOST_ROOM; self.place.steps]);
        let state = match solved {
            Ok(state) => state,
            Err(error) => return self.settle(now_ms, Err(error.to_string()), out),
        };
        let agents = seen_agents(&self.seats, &self.v_pu, &unknown, &kept);
        let excess = agents_excess(&agents, &state);
        let mut broken: Vec<usize> = (0..seats).filter(|&n| excess[n] > ONE_TOLERANCE).collect();
        for (n, seat) in self.seats.iter().enumerate() {
            // Not its voltages, so a current or a device of its own: it mends that when it is asked at prices, whatever they are.
            let own = |a: &DispatchAnswer| !a.safe && a.excess.iter().all(|e| *e <= ONE_TOLERANCE);
            if seat.answer.as_ref().is_some_and(own) && !broken.contains(&n) {
                broken.push(n);
            }
        }
        let mends = self.settings.mode != GuardMode::Bare;
        let polishes = matches!(self.settings.mode, GuardMode::Polish { steps } if steps > 0) && self.priced == 0;
        let wanted = !state.is_safe() || !broken.is_empty() || polishes;
        let anybody = self.seats.iter().any(|seat| seat.answer.is_some());
        let may_ask = self.exchange + 1 < self.settings.most_exchanges && !self.is_late(now_ms) && anybody;
        if wanted && mends && may_ask && self.priced < self.settings.most_priced {
            let voltages_hold = excess.iter().all(|e| *e <= ONE_TOLERANCE);
            if state.is_safe() && voltages_hold && !polishes {
                // What is left is inside agents: they mend it at these voltages, and prices stay as they are.
                let none = vec![PriceOfPower::default(); self.place.steps];
                self.seats
                    .iter_mut()
                    .filter(|seat| seat.prices.is_empty())
                    .for_each(|seat| seat.prices.clone_from(&none));
                self.v_pu.clone_from(&state.v_pcc_pu);
                self.priced += 1;
                return self.ask_next(now_ms, Question::Priced, out);
            }
            let violation = excess.iter().copied().fold(state.worst(), f64::max);
            // Newton steps across kinks may swing between two sides: shorter ones do not.
            let swings = self.priced > 1 && violation > (1.0 - WORTH_IT * self.damping) * self.violation;
            self.damping = if swings { 0.5 * self.damping } else { (2.0 * self.damping).min(1.0) };
            self.violation = violation;
            let foreseen = self.prices.prices(&window, &agents, &state, self.priced, self.damping);
            let Foreseen { prices, points } = match foreseen {
                Ok(foreseen) => foreseen,
                Err(error) => return self.settle(now_ms, Err(error.to_string()), out),
            };
            if prices.iter().flatten().any(|p| !is_price(p.p_per_kw) || !is_price(p.q_per_kvar)) {
                return self.settle(now_ms, Err("no prices mend it".into()), out);
            }
            let guesses = agents.iter().zip(&points).map(|(agent, points)| SeenAgent {
                points,
                v_pu: agent.v_pu.clone(),
                excess: agent.excess,
                response: agent.response,
                prices: agent.prices,
            });
            let guesses: Vec<SeenAgent<'_>> = guesses.collect();
            // Where the foreseen powers have no power flow, the present voltages will do.
            let v_pu = self.prices.solve(&window, &guesses).map_or(state.v_pcc_pu, |then| then.v_pcc_pu);
            self.v_pu = v_pu;
            self.seats.iter_mut().zip(prices).for_each(|(seat, prices)| seat.prices = prices);
            self.priced += 1;
            return self.ask_next(now_ms, Question::Priced, out);
        }
        let safe_here = self.seats.iter().all(|seat| seat.answer.as_ref().is_none_or(|answer| answer.safe));
        let moved = self.distance_pu(&state) > SETTLED_PU || (broken.is_empty() && !safe_here);
        if moved && may_ask {
            self.v_pu.clone_from(&state.v_pcc_pu);
            return self.ask_next(now_ms, Question::Hold, out);
        }
        self.settle(now_ms, Ok((state, broken)), out)
    }

    fn ask_next(&mut self, now_ms: u64, question: Question, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.exchange += 1;
        self.question = question;
        self.seats.iter_mut().for_each(|seat| (seat.answer, seat.absent) = (None, false));
        self.ask_all(now_ms, out)
    }
}

/// What may be asked with.
fn is_price(value: f64) -> bool {
    value.abs() <= MOST_PRICE
}

/// $/kW or $/kvar: beyond it no agent has anything left to move.
const MOST_PRICE: f64 = 1e6;

/// Largest excess of each agent's own voltages at those of the feeder, in tolerances, as far as slopes foresee it.
fn agents_excess(agents: &[SeenAgent<'_>], state: &FeederState) -> Vec<f64> {
    let of = |(n, agent): (usize, &SeenAgent<'_>)| {
        let at = |t: usize| {
            let du = state.v_pcc_pu[t * agents.len() + n] - agent.v_pu[t];
            agent.excess[t] + agent.points[t].slope * du
        };
        (0..agent.excess.len()).map(at).fold(f64::NEG_INFINITY, f64::max)
    };
    agents.iter().enumerate().map(of).collect()
}

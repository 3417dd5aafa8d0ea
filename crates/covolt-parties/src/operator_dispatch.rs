//! The operator in dispatch: one round per row of the data, from the agents' proposals to what is certified.
//!
//! ```text
//!   exchange 0   ask all for their proposals at the voltages of the row before, and for their responses to prices
//!   then         a limit is broken, of the feeder or of an agent  -> prices that should mend it (`feeder_prices.rs`), asked for answers
//!                all hold, but voltages moved by more than 1e-8 pu -> ask for the same actions at the new voltages
//!                all hold at these voltages                       -> settled: certified
//! ```
//!
//! Polish asks once more at prices, whether a limit is broken or not. An agent that does not answer in time is assumed to draw what
//! it was last agreed to draw, and the certificate says so. Where nothing mends it, what is settled is said to break a limit, with
//! the limit's name. The operator sees powers at the PCCs, never actions.

use crate::error::PartyError;
use crate::feeder_prices::{FeederPrices, FeederState, Foreseen, SeenAgent};
use crate::operator_training::OperatorPlace;
use crate::party::{Event, Output, Party};
use covolt_dispatch::{Forecast, ForecastKind, GuardMode, MOST_ROOM};
use covolt_fleet::{Nearest, PriceKnowledge, PriceOutlook, StorageValuation, Window};
use covolt_wire::{
    BoundaryPoint, Certainty, DispatchAnswer, Down, Envelope, Header, PriceOfPower, Tally, Up, decode_up, encode_down,
};
use std::ops::Range;

/// Settings of the operator in dispatch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperatorDispatchSettings {
    /// What may be done to proposals.
    pub mode: GuardMode,
    /// Priced exchanges of one round at most. Default 10.
    pub most_priced: u32,
    /// Exchanges of one round at most. Default 20.
    pub most_exchanges: u16,
    /// A question without an answer is asked again after this, ms. Default 100.
    pub retry_ms: u64,
    /// The round goes on without an agent that has not answered after this, ms. Default 400.
    pub answer_ms: u64,
    /// Time between the openings of two rounds, ms; 0 opens the next as soon as one is settled. Default 0.
    pub row_ms: u64,
    /// What the operator knows of its own loads ahead.
    pub forecast: ForecastKind,
}

impl Default for OperatorDispatchSettings {
    fn default() -> Self {
        OperatorDispatchSettings {
            mode: GuardMode::Repair,
            most_priced: 10,
            most_exchanges: 20,
            retry_ms: 100,
            answer_ms: 400,
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
}

struct Seat {
    answer: Option<DispatchAnswer>,
    /// The last one given in this round; an action that is held answers prices as it did before.
    response: Vec<f64>,
    /// Asked with in the present exchange.
    prices: Vec<PriceOfPower>,
    /// Agreed in the round before.
    agreed: Option<Vec<BoundaryPoint>>,
    /// Voltages of the round before and the largest step they made lately, pu.
    settled_v_pu: Vec<f64>,
    largest_move_pu: f64,
    here: bool,
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

/// Move of a PCC voltage from one row to the next that an agent alone reckons with before any was seen, pu.
const FIRST_MOVE_PU: f64 = 0.01;
/// Share of the largest move that is forgotten with every row.
const FORGET: f64 = 0.02;
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
        let seat = |_: &(String, covolt_grid::BusIndex)| Seat {
            answer: None,
            response: Vec::new(),
            prices: Vec::new(),
            agreed: None,
            settled_v_pu: Vec::new(),
            largest_move_pu: FIRST_MOVE_PU,
            here: false,
        };
        OperatorDispatch {
            seats: place.pccs.iter().map(seat).collect(),
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
            Event::Start => self.open_row(now_ms, out),
            Event::Tick => self.on_tick(now_ms, out),
            Event::Message { from, bytes } => {
                let Party::Agent(n) = from else {
                    out.push(Output::Refused { from, reason: "the operator does not speak to itself".into() });
                    return Ok(());
                };
                let refusal = match decode_up(bytes, &self.place.shape) {
                    _ if n >= self.seats.len() => format!("there is no seat {n}"),
                    Err(error) => error.to_string(),
                    Ok(message) if message.header.fingerprint != self.place.fingerprint => {
                        "the message is of another case".into()
                    }
                    Ok(message) => return self.on_message(now_ms, n, message, out),
                };
                out.push(Output::Refused { from, reason: refusal });
                Ok(())
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
        if !std::mem::replace(&mut self.seats[n].here, true) {
            out.push(Output::Presence { who: Party::Agent(n), here: true });
        }
        match body {
            Up::Dispatch(answer) => {
                let fits = header.run == self.run
                    && self.window.is_some()
                    && (answer.row as usize, header.exchange) == (self.row, self.exchange);
                if !fits || self.seats[n].answer.is_some() {
                    return Ok(()); // late or doubled
                }
                if !answer.response.is_empty() {
                    self.seats[n].response.clone_from(&answer.response);
                }
                self.seats[n].answer = Some(*answer);
                if self.seats.iter().all(|seat| seat.answer.is_some()) {
                    return self.close_exchange(now_ms, out);
                }
                Ok(())
            }
            Up::Here { .. } if self.window.is_some() && self.seats[n].answer.is_none() => self.ask(now_ms, n, out),
            Up::Absent(absence) => {
                let reason = format!("{absence:?} for row {}", self.row);
                out.push(Output::Refused { from: Party::Agent(n), reason });
                Ok(())
            }
            Up::Here { .. } | Up::Kept | Up::Powers { .. } => Ok(()),
        }
    }

    fn on_tick(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.done {
            return Ok(());
        }
        if self.window.is_none() {
            let due = now_ms.saturating_sub(self.opened_ms) >= self.settings.row_ms;
            return if due { self.open_row(now_ms, out) } else { Ok(()) };
        }
        if now_ms.saturating_sub(self.asked_ms) >= self.settings.answer_ms {
            for (n, seat) in self.seats.iter_mut().enumerate().filter(|(_, seat)| seat.answer.is_none()) {
                if std::mem::replace(&mut seat.here, false) {
                    out.push(Output::Presence { who: Party::Agent(n), here: false });
                }
            }
            return self.close_exchange(now_ms, out);
        }
        if now_ms.saturating_sub(self.sent_ms) >= self.settings.retry_ms {
            let missing: Vec<usize> = (0..self.seats.len()).filter(|&n| self.seats[n].answer.is_none()).collect();
            return missing.into_iter().try_for_each(|n| self.ask(now_ms, n, out));
        }
        Ok(())
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
            seat.answer = None;
            seat.response.clear();
            seat.prices.clear();
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
        (0..self.seats.len()).try_for_each(|n| self.ask(now_ms, n, out))
    }

    fn ask(&mut self, now_ms: u64, n: usize, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let body = Down::Ask {
            row: u32::try_from(self.row).unwrap_or(u32::MAX),
            v_pu: self.v_pu.iter().skip(n).step_by(self.seats.len()).copied().collect(),
            prices: if self.question == Question::Priced { self.seats[n].prices.clone() } else { Vec::new() },
            hold: self.question == Question::Hold,
            with_response: self.settings.mode != GuardMode::Bare && self.question != Question::Hold,
        };
        self.send(now_ms, n, body, out)
    }

    fn send(&mut self, now_ms: u64, n: usize, body: Down, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.sent_ms = now_ms;
        let round = u32::try_from(self.row - self.rows.start).unwrap_or(u32::MAX);
        let (fingerprint, run, exchange) = (self.place.fingerprint, self.run, self.exchange);
        let header = Header { fingerprint, run, round, exchange };
        let kind = body.kind();
        let bytes = encode_down(&Envelope { header, body }, &self.place.shape)?;
        self.tally.count(kind, bytes.len());
        out.push(Output::Send { to: Party::Agent(n), kind, bytes });
        Ok(())
    }

    /// With the answers of all, or of those that came in time.
    fn close_exchange(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let Some(window) = self.window.clone() else { return Ok(()) };
        let (steps, seats) = (self.place.steps, self.seats.len());
        let (unknown, kept) = (vec![BoundaryPoint::default(); steps], vec![-MOST_ROOM; steps]);
        let mut agents = Vec::with_capacity(seats);
        for (n, seat) in self.seats.iter().enumerate() {
            let v_pu = self.v_pu.iter().skip(n).step_by(seats).copied().collect();
            let prices = seat.prices.as_slice();
            agents.push(match &seat.answer {
                Some(a) => SeenAgent { points: &a.points, v_pu, excess: &a.excess, response: &seat.response, prices },
                None => {
                    let points = seat.agreed.as_deref().unwrap_or(&unknown);
                    SeenAgent { points, v_pu, excess: &kept, response: &[], prices }
                }
            });
        }
        let state = self.prices.solve(&window, &agents)?;
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
        let may_ask = self.exchange + 1 < self.settings.most_exchanges;
        if wanted && mends && may_ask && self.priced < self.settings.most_priced {
            let violation = excess.iter().copied().fold(state.worst(), f64::max);
            // Newton steps across kinks may swing between two sides: shorter ones do not.
            let swings = self.priced > 1 && violation > (1.0 - WORTH_IT * self.damping) * self.violation;
            self.damping = if swings { 0.5 * self.damping } else { (2.0 * self.damping).min(1.0) };
            self.violation = violation;
            let Foreseen { prices, points } =
                self.prices.prices(&window, &agents, &state, self.priced, self.damping)?;
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
        let moved = state.distance_pu > SETTLED_PU || (broken.is_empty() && !safe_here);
        if moved && may_ask && self.seats.iter().any(|seat| seat.answer.is_some()) {
            self.v_pu.clone_from(&state.v_pcc_pu);
            return self.ask_next(now_ms, Question::Hold, out);
        }
        self.settle(now_ms, &state, out)
    }

    fn ask_next(&mut self, now_ms: u64, question: Question, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.exchange += 1;
        self.question = question;
        self.seats.iter_mut().for_each(|seat| seat.answer = None);
        self.ask_all(now_ms, out)
    }

    fn settle(&mut self, now_ms: u64, state: &FeederState, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let (steps, seats) = (self.place.steps, self.seats.len());
        let open = |(n, seat): (usize, &Seat)| seat.answer.is_none().then_some(n);
        let assumed: Vec<usize> = self.seats.iter().enumerate().filter_map(open).collect();
        let unsafe_seat = |(n, seat): (usize, &Seat)| seat.answer.as_ref().is_some_and(|a| !a.safe).then_some(n);
        let broken: Vec<usize> = self.seats.iter().enumerate().filter_map(unsafe_seat).collect();
        let settled = state.distance_pu <= SETTLED_PU || assumed.len() == seats;
        let certainty = match (state.is_safe() && broken.is_empty() && settled, assumed.is_empty()) {
            (true, true) => Certainty::Certified,
            (true, false) => Certainty::WithoutSome,
            (false, _) => Certainty::LeastViolation,
        };
        for n in 0..seats {
            let v_pu: Vec<f64> = state.v_pcc_pu.iter().skip(n).step_by(seats).copied().collect();
            let seat = &mut self.seats[n];
            if let Some(before) = seat.settled_v_pu.get(1.min(steps - 1)) {
                let moved = (v_pu[0] - before).abs();
                seat.largest_move_pu = moved.max(seat.largest_move_pu * (1.0 - FORGET));
            }
            if let Some(answer) = &seat.answer {
                seat.agreed = Some(answer.points.clone());
            }
            seat.settled_v_pu.clone_from(&v_pu);
            let margin_pu = seat.largest_move_pu.min(1.0);
            let row = u32::try_from(self.row).unwrap_or(u32::MAX);
            self.send(now_ms, n, Down::Settled { row, certainty, v_pu, margin_pu }, out)?;
        }
        self.notes.push(RowNote {
            row: self.row,
            certainty,
            exchanges: self.exchange + 1,
            priced: self.priced,
            wall_ms: now_ms.saturating_sub(self.opened_ms),
            voltage: state.voltage,
            current: state.current,
            assumed,
            broken,
        });
        self.row += 1;
        self.window = None;
        if self.settings.row_ms == 0 || self.row >= self.rows.end { self.open_row(now_ms, out) } else { Ok(()) }
    }
}

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

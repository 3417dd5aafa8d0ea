//! An agent in dispatch: it proposes, answers prices, and applies what is settled; left alone, it decides by itself.
//!
//! ```text
//!   ask (row r)       -> its proposal, its answer to prices, or the action of before at other voltages    (`covolt_dispatch::own_part`)
//!   settled (row r)   the first step of the last answer is applied, if the settlement rests on that answer
//!   deadline          without such a settlement: the action of the last answer, if it is safe where it was asked; without one, own policy
//!                     at the voltages agreed last, safe for all voltages within the margin of them; without such voltages, or where
//!                     nothing is safe: the safe set point
//!   row r + k asked   row r went by: decided as at its deadline if it was open; rows that were never asked: the safe set point
//! ```
//!
//! The safe set point: batteries at rest, no reactive power, generators at the power they have. Each decision says which of these it
//! is ([`How`]), and how far the agent's own network was checked. An agent never waits beyond its deadline.
//!
//! **Who has answered keeps its word.** The operator settles a row from the answers of all; its last word can be lost, and no further
//! message would change that: whoever sends the last one cannot know whether it arrived. So an agent that answered and hears nothing
//! more does what it answered, if that is safe for its own network where it was asked: the others may be about to apply actions that were
//! certified together with it. It cannot know whether they were, so it calls the decision [`How::Alone`]. If everybody keeps its word, the
//! voltages are those that were settled, and nobody needs the margin: answers to prices lie on a limit, so to insist on it would break the
//! word just where it matters. [`AppliedStep::margin_pu`] says within which margin the step was safe, zero if only where it was
//! asked. The answer is kept (a checkpoint) before it leaves, so that a crash does not break the word either. Hence all that is lost with a
//! settlement is the name: what the operator certified is what all of them do.
//!
//! **What counts as settled.** The header of a settlement names the run and the exchange of the answer that it rests on. An operator that
//! restarts has a higher run; what an earlier run says is refused. A settlement of other exchanges, or certified at other voltages than
//! the answer's, still tells the voltages of the row: the agent decides alone at once, with these.

mod alone;
mod restart;
mod settled;

use crate::agent_training::{AgentPlace, PLAUSIBLE_PU};
use crate::error::PartyError;
use crate::party::{Event, Output, Party};
use crate::reception::{Received, take_down, told};
use covolt_dispatch::{
    DispatchError, Forecast, ForecastKind, GuardMode, OwnPart, Proposer, Verdict, advance, first_step,
};
use covolt_fleet::{MicrogridStart, PccTerms, PriceKnowledge, Window};
use covolt_wire::{Absence, DispatchAnswer, Down, Envelope, Header, PriceOfPower, Tally, Up, encode_up};
use serde::{Deserialize, Serialize};

pub use restart::DispatchCheckpoint;
use restart::Given;

/// Settings of an agent in dispatch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgentDispatchSettings {
    /// What it may do to its policy's proposals.
    pub mode: GuardMode,
    /// Longest wait for a settlement after the first question of a row, ms. Default 1000.
    pub deadline_ms: u64,
    /// Longest silence after a settlement before the next row is decided alone, ms. Default 5000.
    pub silence_ms: u64,
    /// Voltages agreed longer ago than this are not relied on, rows. Default 8.
    pub stale_rows: usize,
    /// Rows after which the agent's work is done; it goes on to `last_row` alone if it must.
    pub last_row: usize,
    /// What it knows of its loads and PV power ahead.
    pub forecast: ForecastKind,
    /// What it knows of prices.
    pub knowledge: PriceKnowledge,
}

/// How an applied action came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Settled with the operator: every limit holds.
    Certified,
    /// Settled with the operator: the least violation.
    LeastViolation,
    /// Settled with the operator, which had to assume the power of somebody else.
    WithoutSome,
    /// Decided alone, safe for all voltages within [`AppliedStep::margin_pu`]; whether the feeder was checked with it is not known.
    Alone,
    /// The safe set point; the feeder was not checked.
    SafeSetPoint,
}

impl How {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            How::Certified => "certified",
            How::LeastViolation => "least_violation",
            How::WithoutSome => "without_some",
            How::Alone => "alone",
            How::SafeSetPoint => "safe_set_point",
        }
    }
}

/// An applied step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppliedStep {
    /// Row of the data.
    pub row: usize,
    /// How it came about.
    pub how: How,
    /// Action of one step, kW and kvar.
    pub action: Vec<f64>,
    /// Voltage at the PCC that it was checked at, pu.
    pub v_pu: f64,
    /// It was checked for all voltages within this of it, pu: zero where it was settled, at the safe set point, and where it is safe as it
    /// was answered but not within the margin.
    pub margin_pu: f64,
    /// It is what the agent answered last, so what the operator counts on.
    pub as_answered: bool,
    /// What the check of the agent's own part found for the window.
    pub verdict: Verdict,
    /// Exchanges that the agent answered.
    pub exchanges: u16,
}

/// The open row.
struct Open {
    window: Window,
    proposal: Option<Vec<f64>>,
    action: Vec<f64>,
    verdict: Verdict,
    given: Option<Given>,
    reply: Option<(Asked, Vec<u8>)>,
    since_ms: u64,
}

/// A question, to tell repeats.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    header: Header,
    v_pu: Vec<f64>,
    prices: Vec<PriceOfPower>,
}

/// An agent in dispatch.
pub struct AgentDispatch<'a> {
    place: AgentPlace<'a>,
    settings: AgentDispatchSettings,
    part: OwnPart<'a>,
    proposer: Box<dyn Proposer + Send + 'a>,
    state: MicrogridStart,
    /// Highest run that it heard of.
    run: u64,
    next_row: usize,
    open: Option<Open>,
    /// Of the open row, from a checkpoint.
    given: Option<Given>,
    /// Row, voltages and margin agreed last.
    agreed: Option<(usize, Vec<f64>, f64)>,
    idle_since_ms: u64,
    finished: bool,
    /// What was sent.
    pub tally: Tally,
    /// Steps applied since the start.
    pub applied: Vec<AppliedStep>,
}

impl<'a> AgentDispatch<'a> {
    /// An agent whose devices are at `state` before `first_row`.
    ///
    /// # Errors
    /// Several phases or loops in its part.
    pub fn new(
        place: AgentPlace<'a>,
        settings: AgentDispatchSettings,
        proposer: Box<dyn Proposer + Send + 'a>,
        state: MicrogridStart,
        first_row: usize,
    ) -> Result<AgentDispatch<'a>, PartyError> {
        Ok(AgentDispatch {
            part: OwnPart::new(place.fleet)?,
            place,
            settings,
            proposer,
            state,
            run: 0,
            next_row: first_row,
            open: None,
            given: None,
            agreed: None,
            idle_since_ms: 0,
            finished: false,
            tally: Tally::default(),
            applied: Vec::new(),
        })
    }

    /// Number of the latest run that it heard of; zero before the first.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Row that is open or comes next.
    pub fn next_row(&self) -> usize {
        self.next_row
    }

    /// What the devices are at.
    pub fn state(&self) -> &MicrogridStart {
        &self.state
    }

    /// All rows are decided.
    pub fn is_done(&self) -> bool {
        self.finished
    }

    /// What the event leads to.
    ///
    /// # Errors
    /// What ends the run; messages that do not fit are refused in `out`.
    pub fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        match event {
            Event::Start => {
                self.idle_since_ms = now_ms;
                self.reopen(now_ms)?;
                self.say_where(out)
            }
            Event::Tick => self.on_tick(now_ms, out),
            Event::Message { from, bytes } => {
                let ours = (&self.place.shape, &self.place.fingerprint);
                match take_down(from, bytes, ours, out) {
                    Some(Received::Message(message)) => self.on_message(now_ms, message, out),
                    Some(Received::OtherCase(header)) => self.say(header, Up::Absent(Absence::OtherCase), out),
                    None => Ok(()),
                }
            }
        }
    }

    fn on_message(&mut self, now_ms: u64, message: Envelope<Down>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let header = message.header;
        if header.run < self.run {
            let reason = format!("the message is of run {}, which {} has replaced", header.run, self.run);
            out.push(Output::Refused { from: Party::Operator, reason });
            return Ok(());
        }
        match message.body {
            Down::Ask { row, v_pu, prices, hold, with_response } => {
                self.run = header.run;
                self.on_ask(now_ms, header, row as usize, Question { v_pu, prices, hold, with_response }, out)
            }
            Down::Settled { row, certainty, v_pu, margin_pu } => {
                self.run = header.run;
                self.on_settled(now_ms, header, row as usize, settled::Word { certainty, v_pu, margin_pu }, out)
            }
            Down::WhereAreYou => self.say_where(out),
            Down::Begin(_) | Down::Voltages { .. } | Down::Finish { .. } => Ok(()),
        }
    }

    fn say_where(&mut self, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let header = Header { fingerprint: self.place.fingerprint, run: self.run, round: 0, exchange: 0 };
        let updates = u32::try_from(self.next_row).unwrap_or(u32::MAX);
        self.say(header, Up::Here { updates, has_plan: true }, out)
    }

    fn on_ask(
        &mut self,
        now_ms: u64,
        header: Header,
        row: usize,
        question: Question,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        if row < self.next_row || row > self.settings.last_row || self.finished {
            return self.say(header, Up::Absent(Absence::OldRound), out);
        }
        if !question.v_pu.iter().all(is_plausible) {
            return self.say(header, Up::Absent(Absence::ImplausibleVoltage), out);
        }
        self.pass_rows(now_ms, row, out)?;
        let asked = Asked { header, v_pu: question.v_pu.clone(), prices: question.prices.clone() };
        if let Some(open) = &self.open {
            let latest = open.given.as_ref().map(|given| (given.run, given.exchange));
            if latest.is_some_and(|latest| (header.run, header.exchange) < latest) {
                return Ok(()); // late: a newer question was answered
            }
            if let Some((_, reply)) = open.reply.as_ref().filter(|(known, _)| *known == asked) {
                let bytes = reply.clone();
                self.send("dispatch", bytes, out);
                return Ok(());
            }
        }
        self.part.stubborn = header.exchange >= STUBBORN_FROM;
        let answer = match self.answer(now_ms, row, question) {
            Ok(answer) => Up::Dispatch(Box::new(answer)),
            Err(PartyError::Dispatch(DispatchError::NoPowerFlow { .. })) => Up::Absent(Absence::NoPowerFlow),
            Err(other) => return Err(other),
        };
        let kind = answer.kind();
        let bytes = match encode_up(&Envelope { header, body: answer }, &self.place.shape) {
            Ok(bytes) => bytes,
            Err(error) => {
                out.push(Output::Warning { text: format!("row {row}: the answer cannot be sent: {error}") });
                return self.say(header, Up::Absent(Absence::NoPowerFlow), out);
            }
        };
        if let Some(open) = self.open.as_mut().filter(|_| kind == "dispatch") {
            open.given = Some(Given {
                run: header.run,
                exchange: header.exchange,
                v_pu: asked.v_pu.clone(),
                proposal: open.proposal.clone().unwrap_or_default(),
                action: open.action.clone(),
                exchanges: open.given.as_ref().map_or(1, |given| given.exchanges.saturating_add(1)),
            });
            open.reply = Some((asked, bytes.clone()));
            // Kept before it leaves: the operator may count on it.
            out.push(Output::Checkpoint);
        }
        self.send(kind, bytes, out);
        Ok(())
    }

    fn answer(&mut self, now_ms: u64, row: usize, question: Question) -> Result<DispatchAnswer, PartyError> {
        let Question { v_pu, prices, hold, with_response } = question;
        if self.open.is_none() {
            self.open_row(now_ms, row)?;
        }
        let part = &mut self.part;
        let Some(open) = self.open.as_mut() else { return Err(PartyError::Dispatch(no_rows(row))) };
        let mut terms = PccTerms::at(v_pu);
        for (t, price) in prices.iter().enumerate() {
            (terms.p_price_per_kw[t], terms.q_price_per_kvar[t]) = (price.p_per_kw, price.q_per_kvar);
        }
        open.window.pcc = Some(terms);
        let mut response = Vec::new();
        if open.proposal.is_none() {
            let mut actions = Vec::new();
            self.proposer.propose(self.place.fleet, &open.window, &mut actions)?;
            let proposal = actions.into_iter().next().unwrap_or_default();
            // Not mended at voltages that everybody's repair is about to move: prices come first.
            let own = part.propose(&open.window, proposal, GuardMode::Bare)?;
            (open.action, open.proposal) = (own.clone(), Some(own));
        }
        let proposal = open.proposal.clone().unwrap_or_default();
        if hold {
            if let Some(given) = &open.given {
                open.action.clone_from(&given.action);
            }
        } else {
            if prices.is_empty() {
                open.action.clone_from(&proposal);
                if with_response {
                    response = part.respond(&open.window, &proposal, true)?.1;
                }
            } else {
                (open.action, response) = part.respond(&open.window, &proposal, with_response)?;
            }
        }
        let own = part.examine(&open.window, &open.action, self.proposer.version())?;
        open.verdict = own.certificate.verdict.clone();
        let points = own.points.iter().map(told).collect();
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        Ok(DispatchAnswer { row, points, excess: own.excess, response, safe: own.safe })
    }

    fn open_row(&mut self, now_ms: u64, row: usize) -> Result<(), PartyError> {
        let AgentPlace { fleet, profiles, outlook, valuation, steps, .. } = self.place;
        let (kind, knowledge) = (self.settings.forecast, self.settings.knowledge);
        let forecast = Forecast { profiles, outlook, kind, knowledge, valuation };
        let window = forecast.window(fleet, row, steps, std::slice::from_ref(&self.state))?;
        self.open = Some(Open {
            window,
            proposal: None,
            action: Vec::new(),
            verdict: Verdict::NoPowerFlow { reason: "not examined".into() },
            given: None,
            reply: None,
            since_ms: now_ms,
        });
        Ok(())
    }

    fn on_tick(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.finished {
            return Ok(());
        }
        let late = match &self.open {
            Some(open) => now_ms.saturating_sub(open.since_ms) >= self.settings.deadline_ms,
            None => now_ms.saturating_sub(self.idle_since_ms) >= self.settings.silence_ms,
        };
        if late { self.decide_alone(now_ms, out) } else { Ok(()) }
    }

    /// Applies the first step of the open row, which was checked at `v_pu` and within `margin_pu` of it.
    fn apply(
        &mut self,
        now_ms: u64,
        how: How,
        (v_pu, margin_pu): (f64, f64),
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let AgentPlace { fleet, profiles, outlook, valuation, .. } = self.place;
        let (kind, knowledge) = (ForecastKind::Persistence, self.settings.knowledge);
        let forecast = Forecast { profiles, outlook, kind, knowledge, valuation };
        let truth = forecast.window(fleet, self.next_row, 1, std::slice::from_ref(&self.state))?;
        let as_answered = open.given.as_ref().is_some_and(|given| given.action == open.action);
        let exchanges = open.given.as_ref().map_or(0, |given| given.exchanges);
        let first = first_step(fleet, &truth, &[open.action]);
        advance(fleet, truth.dt_h, &first, std::slice::from_mut(&mut self.state));
        let action = first.into_iter().next().unwrap_or_default();
        let (row, verdict) = (self.next_row, open.verdict);
        self.applied.push(AppliedStep { row, how, action, v_pu, margin_pu, as_answered, verdict, exchanges });
        self.next_row += 1;
        self.idle_since_ms = now_ms;
        out.push(Output::Checkpoint);
        if self.next_row > self.settings.last_row && !std::mem::replace(&mut self.finished, true) {
            out.push(Output::Finished);
        }
        Ok(())
    }

    fn say(&mut self, header: Header, body: Up, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let kind = body.kind();
        let header = Header { fingerprint: self.place.fingerprint, ..header };
        let bytes = encode_up(&Envelope { header, body }, &self.place.shape)?;
        self.send(kind, bytes, out);
        Ok(())
    }

    fn send(&mut self, kind: &'static str, bytes: Vec<u8>, out: &mut Vec<Output>) {
        self.tally.count(kind, bytes.len());
        out.push(Output::Send { to: Party::Operator, kind, bytes });
    }
}

struct Question {
    v_pu: Vec<f64>,
    prices: Vec<PriceOfPower>,
    hold: bool,
    with_response: bool,
}

/// From this exchange of a row on an agent keeps nearer to its proposal, so that its answers to prices are smoother.
const STUBBORN_FROM: u16 = 7;

fn is_plausible(v: &f64) -> bool {
    (PLAUSIBLE_PU.0..=PLAUSIBLE_PU.1).contains(v)
}

fn no_rows(row: usize) -> DispatchError {
    DispatchError::Span { start: row, end: row + 1, rows: 0 }
}

//! An agent in dispatch: it proposes, answers prices, and applies what is settled; left alone, it decides by itself.
//!
//! ```text
//!   ask (row r)       -> its proposal, its answer to prices, or the action of before at other voltages    (`covolt_dispatch::own_part`)
//!   settled (row r)   the first step of the last answer is applied
//!   deadline          without a settlement: own policy at the voltages agreed last, safe for all voltages within the margin of them;
//!                     without such voltages, or where it is not safe: the safe set point
//! ```
//!
//! The safe set point: batteries at rest, no reactive power, generators at the power they have. Each decision says which of these it
//! is ([`How`]), and how far the agent's own network was checked. An agent never waits beyond its deadline.

mod alone;

use crate::agent_training::{AgentPlace, PLAUSIBLE_PU};
use crate::error::PartyError;
use crate::party::{Event, Output, Party};
use covolt_dispatch::{
    DispatchError, Forecast, ForecastKind, GuardMode, OwnPart, Proposer, Verdict, advance, first_step,
};
use covolt_fleet::{MicrogridStart, PccTerms, PriceKnowledge, Window};
use covolt_wire::{
    Absence, BoundaryPoint, Certainty, DispatchAnswer, Down, Envelope, Header, PriceOfPower, Tally, Up, decode_down,
    encode_up,
};
use serde::{Deserialize, Serialize};

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
    /// Decided alone, safe for all voltages within the margin of those agreed last; the feeder was not checked.
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
    /// What the check of the agent's own part found for the window.
    pub verdict: Verdict,
    /// Exchanges that the agent answered.
    pub exchanges: u16,
}

/// Where an agent stands between two rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DispatchCheckpoint {
    next_row: usize,
    soc: Vec<f64>,
    p_dg_kw: Vec<f64>,
    agreed: Option<(usize, Vec<f64>, f64)>,
}

/// The open row.
struct Open {
    window: Window,
    proposal: Option<Vec<f64>>,
    action: Vec<f64>,
    verdict: Verdict,
    reply: Option<(Asked, Vec<u8>)>,
    since_ms: u64,
    exchanges: u16,
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
    next_row: usize,
    open: Option<Open>,
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
            next_row: first_row,
            open: None,
            agreed: None,
            idle_since_ms: 0,
            finished: false,
            tally: Tally::default(),
            applied: Vec::new(),
        })
    }

    /// The bytes of a checkpoint.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let MicrogridStart { soc, p_dg_kw } = self.state.clone();
        let kept = DispatchCheckpoint { next_row: self.next_row, soc, p_dg_kw, agreed: self.agreed.clone() };
        postcard::to_stdvec(&kept).ok()
    }

    /// Goes on from the bytes of a checkpoint.
    ///
    /// # Errors
    /// Bytes that are none, or of other devices.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), PartyError> {
        let refuse = |reason: String| PartyError::Checkpoint { reason };
        let kept: DispatchCheckpoint =
            postcard::from_bytes(bytes).map_err(|e| refuse(format!("it cannot be read ({e})")))?;
        if kept.soc.len() != self.state.soc.len() || kept.p_dg_kw.len() != self.state.p_dg_kw.len() {
            return Err(refuse("it is of other devices".into()));
        }
        self.state = MicrogridStart { soc: kept.soc, p_dg_kw: kept.p_dg_kw };
        (self.next_row, self.agreed) = (kept.next_row, kept.agreed);
        Ok(())
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
                let header = Header { fingerprint: self.place.fingerprint, run: 0, round: 0, exchange: 0 };
                let updates = u32::try_from(self.next_row).unwrap_or(u32::MAX);
                self.say(header, Up::Here { updates, has_plan: true }, out)
            }
            Event::Tick => self.on_tick(now_ms, out),
            Event::Message { from, bytes } => {
                let refuse = |reason: String| Output::Refused { from, reason };
                if from != Party::Operator {
                    out.push(refuse("only the operator speaks to an agent".into()));
                    return Ok(());
                }
                match decode_down(bytes, &self.place.shape) {
                    Err(error) => out.push(refuse(error.to_string())),
                    Ok(message) if message.header.fingerprint != self.place.fingerprint => {
                        out.push(refuse("the message is of another case".into()));
                        self.say(message.header, Up::Absent(Absence::OtherCase), out)?;
                    }
                    Ok(message) => return self.on_message(now_ms, message, out),
                }
                Ok(())
            }
        }
    }

    fn on_message(&mut self, now_ms: u64, message: Envelope<Down>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let header = message.header;
        match message.body {
            Down::Ask { row, v_pu, prices, hold, with_response } => {
                self.on_ask(now_ms, header, row as usize, Question { v_pu, prices, hold, with_response }, out)
            }
            Down::Settled { row, certainty, v_pu, margin_pu } => {
                let plausible = v_pu.iter().all(is_plausible);
                if row as usize == self.next_row && self.open.as_ref().is_some_and(|o| o.reply.is_some()) && plausible {
                    let how = match certainty {
                        Certainty::Certified => How::Certified,
                        Certainty::LeastViolation => How::LeastViolation,
                        Certainty::WithoutSome => How::WithoutSome,
                    };
                    let v = v_pu.first().copied().unwrap_or(1.0);
                    self.agreed = Some((self.next_row, v_pu, margin_pu));
                    return self.apply(now_ms, how, v, out);
                }
                if !plausible {
                    self.say(header, Up::Absent(Absence::ImplausibleVoltage), out)?;
                }
                Ok(())
            }
            Down::WhereAreYou | Down::Begin(_) | Down::Voltages { .. } | Down::Finish { .. } => Ok(()),
        }
    }

    fn on_ask(
        &mut self,
        now_ms: u64,
        header: Header,
        row: usize,
        question: Question,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        if row < self.next_row || self.finished {
            return self.say(header, Up::Absent(Absence::OldRound), out);
        }
        if !question.v_pu.iter().all(is_plausible) {
            return self.say(header, Up::Absent(Absence::ImplausibleVoltage), out);
        }
        if row > self.settings.last_row {
            return self.say(header, Up::Absent(Absence::OldRound), out);
        }
        if row > self.next_row {
            let text = format!("rows {} to {} went by without this agent", self.next_row, row - 1);
            out.push(Output::Warning { text });
            (self.next_row, self.open) = (row, None);
        }
        let asked = Asked { header, v_pu: question.v_pu.clone(), prices: question.prices.clone() };
        if let Some((_, reply)) =
            self.open.as_ref().and_then(|open| open.reply.as_ref()).filter(|(known, _)| *known == asked)
        {
            let bytes = reply.clone();
            self.send("dispatch", bytes, out);
            return Ok(());
        }
        let body = match self.answer(now_ms, row, question) {
            Ok(answer) => Up::Dispatch(Box::new(answer)),
            Err(PartyError::Dispatch(DispatchError::NoPowerFlow { .. })) => Up::Absent(Absence::NoPowerFlow),
            Err(other) => return Err(other),
        };
        let kind = body.kind();
        let bytes = encode_up(&Envelope { header, body }, &self.place.shape)?;
        if let Some(open) = self.open.as_mut().filter(|_| kind == "dispatch") {
            open.reply = Some((asked, bytes.clone()));
            open.exchanges += 1;
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
        if !hold {
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
        let point = |p: &covolt_fleet::PccPoint| BoundaryPoint {
            p_kw: p.p_kw,
            q_kvar: p.q_kvar,
            dp_dv: p.dp_dv,
            dq_dv: p.dq_dv,
            slope: p.dl_dv,
        };
        let points = own.points.iter().map(point).collect();
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
            reply: None,
            since_ms: now_ms,
            exchanges: 0,
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

    /// Applies the first step of the open row.
    fn apply(&mut self, now_ms: u64, how: How, v_pu: f64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let AgentPlace { fleet, profiles, outlook, valuation, .. } = self.place;
        let (kind, knowledge) = (ForecastKind::Persistence, self.settings.knowledge);
        let forecast = Forecast { profiles, outlook, kind, knowledge, valuation };
        let truth = forecast.window(fleet, self.next_row, 1, std::slice::from_ref(&self.state))?;
        let first = first_step(fleet, &truth, &[open.action]);
        advance(fleet, truth.dt_h, &first, std::slice::from_mut(&mut self.state));
        let action = first.into_iter().next().unwrap_or_default();
        let (row, verdict, exchanges) = (self.next_row, open.verdict, open.exchanges);
        self.applied.push(AppliedStep { row, how, action, v_pu, verdict, exchanges });
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

fn is_plausible(v: &f64) -> bool {
    (PLAUSIBLE_PU.0..=PLAUSIBLE_PU.1).contains(v)
}

fn no_rows(row: usize) -> DispatchError {
    DispatchError::Span { start: row, end: row + 1, rows: 0 }
}

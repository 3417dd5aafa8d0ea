//! An agent in training: it answers voltages with powers, and descends on its own policy when prices come back.
//!
//! ```text
//!   begin      -> here                    voltages (round r, exchange k)           -> powers
//!                                         voltages (round r + 1, settled prices)   -> one update, then powers
//!                                         finish (settled prices)                  -> one update, policy kept
//! ```
//!
//! Rounds never go back: what is older than the last exchange answered is answered from memory or not at all. An agent that lacks the
//! messages between its checkpoint and the present asks for them (`CatchUp`); they lead to the same policy bit for bit, since
//! an update depends on nothing but them and the agent's own windows.

mod restart;

use crate::coarsening::Coarsening;
use crate::descent::{Descent, OwnReturns};
use crate::error::PartyError;
use crate::party::{Event, Output, Party};
use crate::plan_windows::{settings_of, windows_of};
use crate::reception::{Received, take_down};
use crate::timing::Timing;
use covolt_fleet::{Fleet, LimitPrices, PriceOutlook, Profiles, StateKind, StorageValuation};
use covolt_learn::{ExactSettings, Learner, NetworkShape, Scenario, Seats, untrained_policy};
use covolt_policy::GaussianPolicy;
use covolt_wire::envelope::Fingerprint;
use covolt_wire::{
    Absence, BoundaryPoint, Down, Envelope, Header, PriceOfPower, Shape, Tally, TrainingPlan, Up, encode_up,
};

pub use restart::AgentCheckpoint;

/// What an agent knows: its own part, its own data.
#[derive(Debug, Clone, Copy)]
pub struct AgentPlace<'a> {
    /// Number of its microgrid among all.
    pub seat: usize,
    /// What the parts of one whole case have in common.
    pub fingerprint: Fingerprint,
    /// Its part: one microgrid, the PCC for a source.
    pub fleet: &'a Fleet,
    /// Its series.
    pub profiles: &'a Profiles,
    /// Its prices beyond the window.
    pub outlook: &'a PriceOutlook,
    /// How it values stored energy.
    pub valuation: &'a StorageValuation,
    /// Window length.
    pub steps: usize,
    /// What its policy sees.
    pub state: StateKind,
    /// Bounds of messages.
    pub shape: Shape,
}

/// A voltage at a PCC outside this range is not plausible, pu.
pub const PLAUSIBLE_PU: (f64, f64) = (0.5, 1.5);

/// An agent in training.
pub struct AgentTraining<'a> {
    place: AgentPlace<'a>,
    network: NetworkShape,
    timing: Timing,
    coarsening: Coarsening,
    run: Option<Run>,
    finished: bool,
    last_said_ms: u64,
    /// What was sent.
    pub tally: Tally,
    /// Own cost and violations of the last answer; they stay here.
    pub returns: OwnReturns,
}

struct Run {
    number: u64,
    plan: TrainingPlan,
    settings: ExactSettings,
    windows: Vec<Scenario>,
    prices: Vec<LimitPrices>,
    learner: Learner,
    descent: Descent,
    /// Updates done: the round that is open.
    updates: u32,
    /// Those among them that this agent took part in.
    descents: u32,
    open: Option<Open>,
}

/// The exchange of the open round that the update will rest on: the latest one answered.
struct Open {
    exchange: u16,
    windows: Vec<usize>,
    v_pu: Vec<f64>,
    points: Vec<BoundaryPoint>,
}

impl Run {
    /// Solves the windows at these voltages. An exchange before the latest one is a late message, or of an operator that lost its
    /// state: it is answered, but the update still rests on the latest.
    fn answer(
        &mut self,
        part: &Fleet,
        exchange: u16,
        indices: &[usize],
        v_pu: &[f64],
    ) -> Result<(Vec<BoundaryPoint>, OwnReturns), PartyError> {
        let Run { windows, prices, settings, descent, learner, .. } = self;
        let batch: Vec<&Scenario> = indices.iter().map(|&w| &windows[w]).collect();
        if self.open.as_ref().is_none_or(|open| open.windows != indices) {
            descent.act(part, learner, &batch)?;
            self.open = None;
        }
        let answer = descent.answer(part, &batch, indices, prices, v_pu, settings)?;
        match &self.open {
            Some(open) if exchange < open.exchange => {
                descent.answer(part, &batch, indices, prices, &open.v_pu, settings)?;
            }
            _ => {
                let (windows, v_pu, points) = (indices.to_vec(), v_pu.to_vec(), answer.0.clone());
                self.open = Some(Open { exchange, windows, v_pu, points });
            }
        }
        Ok(answer)
    }
}

impl<'a> AgentTraining<'a> {
    /// A fresh agent, or one that goes on from the bytes of a checkpoint.
    ///
    /// # Errors
    /// A checkpoint that cannot be read, settings out of range.
    pub fn new(
        place: AgentPlace<'a>,
        network: NetworkShape,
        timing: Timing,
        checkpoint: Option<&[u8]>,
    ) -> Result<AgentTraining<'a>, PartyError> {
        timing.check()?;
        let mut training = AgentTraining {
            place,
            network,
            timing,
            coarsening: Coarsening::default(),
            run: None,
            finished: false,
            last_said_ms: 0,
            tally: Tally::default(),
            returns: OwnReturns::default(),
        };
        if let Some(bytes) = checkpoint {
            training.restore(bytes)?;
        }
        Ok(training)
    }

    /// From now on powers are told less exactly. Part of the agent's settings, not of its checkpoint.
    ///
    /// # Errors
    /// Settings that are no size.
    pub fn set_coarsening(&mut self, coarsening: Coarsening) -> Result<(), PartyError> {
        coarsening.check()?;
        self.coarsening = coarsening;
        Ok(())
    }

    /// Number of its run, once a plan has come.
    pub fn run(&self) -> Option<u64> {
        self.run.as_ref().map(|run| run.number)
    }

    /// Updates done.
    pub fn updates(&self) -> u32 {
        self.run.as_ref().map_or(0, |run| run.updates)
    }

    /// Those among the updates that this agent took part in; the others went by without it.
    pub fn descents(&self) -> u32 {
        self.run.as_ref().map_or(0, |run| run.descents)
    }

    /// The last round of its run is done and its policy is to be kept.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Multipliers of its own limits by window, once a plan has come; they stay here.
    pub fn multipliers(&self) -> &[LimitPrices] {
        self.run.as_ref().map_or(&[], |run| run.prices.as_slice())
    }

    /// The plan of the run, once it has come.
    pub fn plan(&self) -> Option<&TrainingPlan> {
        self.run.as_ref().map(|run| &run.plan)
    }

    /// The policy with averaged parameters, once a plan has come.
    pub fn policy(&self) -> Option<GaussianPolicy> {
        self.run.as_ref().map(|run| run.learner.averaged())
    }

    /// What the event leads to.
    ///
    /// # Errors
    /// What ends the run; messages that do not fit are refused in `out`.
    pub fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        match event {
            Event::Start => self.say_here(now_ms, out),
            Event::Tick => {
                let due = now_ms.saturating_sub(self.last_said_ms) >= self.timing.heartbeat_ms;
                if due && !self.finished { self.say_here(now_ms, out) } else { Ok(()) }
            }
            Event::Message { from, bytes } => {
                let ours = (&self.place.shape, &self.place.fingerprint);
                match take_down(from, bytes, ours, out) {
                    Some(Received::Message(message)) => self.on_message(now_ms, message, out),
                    Some(Received::OtherCase(header)) => self.say(now_ms, header, Up::Absent(Absence::OtherCase), out),
                    None => Ok(()),
                }
            }
        }
    }

    fn on_message(&mut self, now_ms: u64, message: Envelope<Down>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let header = message.header;
        match message.body {
            Down::Begin(plan) => self.on_begin(now_ms, header, *plan, out),
            Down::WhereAreYou => self.say_here(now_ms, out),
            Down::Voltages { windows, v_pu, settled } => {
                self.on_voltages(now_ms, header, &windows, &v_pu, settled.as_deref(), out)
            }
            Down::Finish { settled } => self.on_finish(now_ms, header, settled.as_deref(), out),
            Down::Ask { .. } | Down::Settled { .. } => {
                out.push(Output::Refused { from: Party::Operator, reason: "dispatch is not training".into() });
                Ok(())
            }
        }
    }

    /// A later run takes the place of the present one; an earlier one is over, and its messages are late.
    fn on_begin(
        &mut self,
        now_ms: u64,
        header: Header,
        plan: TrainingPlan,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        let refuse = |reason: String| Output::Refused { from: Party::Operator, reason };
        match self.run.as_ref().map(|run| run.number) {
            Some(number) if number == header.run => {}
            Some(number) if number > header.run => {
                out.push(refuse(format!("run {} is over, this is run {number}", header.run)));
            }
            _ => match self.fresh_run(header.run, plan) {
                Ok(run) => {
                    (self.run, self.finished) = (Some(run), false);
                    out.push(Output::Checkpoint);
                    if header.round > 0 {
                        out.push(Output::CatchUp);
                    }
                }
                Err(error) => {
                    out.push(refuse(format!("the plan does not fit: {error}")));
                    return self.say(now_ms, header, Up::Absent(Absence::NoPolicy), out);
                }
            },
        }
        self.say_here(now_ms, out)
    }

    fn fresh_run(&self, number: u64, plan: TrainingPlan) -> Result<Run, PartyError> {
        let AgentPlace { fleet, steps, seat, state, .. } = self.place;
        let settings = settings_of(&plan);
        let windows = windows_of(&self.place, &plan)?;
        let mg = &fleet.microgrids[0];
        let layout = mg.layout(steps);
        let mut weights = Seats { seed: plan.seed, first: seat }.weights(0);
        let policy = untrained_policy(mg, 0, &layout, state, &self.network, &windows, &mut weights)?;
        let learner = Learner::new(policy, layout, settings.batch);
        let prices = vec![LimitPrices::default(); windows.len()];
        let descent = Descent::new(fleet, steps, settings.batch)?;
        let (updates, descents) = (0, 0);
        Ok(Run { number, plan, settings, windows, prices, learner, descent, updates, descents, open: None })
    }

    fn on_voltages(
        &mut self,
        now_ms: u64,
        header: Header,
        windows: &[u32],
        v_pu: &[f64],
        settled: Option<&[PriceOfPower]>,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        let Some(run) = self.run.as_mut().filter(|run| run.number == header.run) else {
            return self.say_here(now_ms, out);
        };
        if v_pu.iter().any(|v| !(PLAUSIBLE_PU.0..=PLAUSIBLE_PU.1).contains(v)) {
            return self.say(now_ms, header, Up::Absent(Absence::ImplausibleVoltage), out);
        }
        if header.round < run.updates {
            return self.say_here(now_ms, out);
        }
        let unknown = |w: &u32| *w as usize >= run.windows.len();
        if windows.len() > run.settings.batch || windows.iter().any(unknown) {
            let reason = "windows that the plan does not have".into();
            out.push(Output::Refused { from: Party::Operator, reason });
            return Ok(());
        }
        if header.round > run.updates && !self.advance(header, settled, out)? {
            return self.say(now_ms, header, Up::Absent(Absence::Behind), out);
        }
        let Some(run) = self.run.as_mut() else { return Ok(()) };
        let indices: Vec<usize> = windows.iter().map(|&w| w as usize).collect();
        let same = run.open.as_ref().filter(|open| open.windows == indices && open.v_pu == v_pu);
        let points = match same {
            Some(open) => open.points.clone(),
            None => match run.answer(self.place.fleet, header.exchange, &indices, v_pu) {
                Ok((points, returns)) => {
                    self.returns = returns;
                    points
                }
                Err(PartyError::Grid(_)) => return self.say(now_ms, header, Up::Absent(Absence::NoPowerFlow), out),
                Err(other) => return Err(other),
            },
        };
        let mut told = points;
        self.coarsening.apply(header.round, windows, self.place.steps, &mut told);
        self.say(now_ms, header, Up::Powers { points: told }, out)
    }

    /// Closes the open round; false where messages are missing in between.
    fn advance(
        &mut self,
        header: Header,
        settled: Option<&[PriceOfPower]>,
        out: &mut Vec<Output>,
    ) -> Result<bool, PartyError> {
        let Some(run) = self.run.as_mut() else { return Ok(false) };
        let Some(settled) = settled else {
            // Exchanges after the first tell an agent that answered it nothing of the round before: this agent has lost something.
            if header.exchange > 0 {
                out.push(Output::CatchUp);
                return Ok(false);
            }
            // The operator went on without this agent: its policy stays as it is for the rounds it missed.
            (run.updates, run.open) = (header.round, None);
            return Ok(true);
        };
        let steps = self.place.steps;
        let next = header.round == run.updates + 1;
        let Some(open) = run.open.take_if(|open| next && settled.len() == open.windows.len() * steps) else {
            out.push(Output::CatchUp);
            return Ok(false);
        };
        let batch: Vec<&Scenario> = open.windows.iter().map(|&w| &run.windows[w]).collect();
        let Run { descent, learner, prices, settings, .. } = run;
        let episode = run.updates as usize;
        descent.descend(self.place.fleet, learner, &batch, &open.windows, prices, settled, settings, episode)?;
        run.updates += 1;
        run.descents += 1;
        if run.updates.is_multiple_of(self.timing.checkpoint_rounds) {
            out.push(Output::Checkpoint);
        }
        Ok(true)
    }

    fn on_finish(
        &mut self,
        now_ms: u64,
        header: Header,
        settled: Option<&[PriceOfPower]>,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        let Some(run) = self.run.as_ref().filter(|run| run.number == header.run) else {
            return self.say_here(now_ms, out);
        };
        let episodes = run.plan.episodes;
        if run.updates < episodes && !self.advance(Header { round: episodes, ..header }, settled, out)? {
            return self.say(now_ms, header, Up::Absent(Absence::Behind), out);
        }
        out.push(Output::Checkpoint);
        self.say(now_ms, header, Up::Kept, out)?;
        if !self.finished {
            self.finished = true;
            out.push(Output::Finished);
        }
        Ok(())
    }

    fn say_here(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let (run, has_plan) = self.run.as_ref().map_or((0, false), |run| (run.number, true));
        let updates = self.updates();
        let header = Header { fingerprint: self.place.fingerprint, run, round: updates, exchange: 0 };
        self.say(now_ms, header, Up::Here { updates, has_plan }, out)
    }

    fn say(&mut self, now_ms: u64, header: Header, body: Up, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let kind = body.kind();
        let header = Header { fingerprint: self.place.fingerprint, ..header };
        let bytes = encode_up(&Envelope { header, body }, &self.place.shape)?;
        self.send(now_ms, kind, bytes, out);
        Ok(())
    }

    fn send(&mut self, now_ms: u64, kind: &'static str, bytes: Vec<u8>, out: &mut Vec<Output>) {
        self.last_said_ms = now_ms;
        self.tally.count(kind, bytes.len());
        out.push(Output::Send { to: Party::Operator, kind, bytes });
    }
}

//! A participant as a process: it lives, dies by a kill at any point of a step, and starts again from what its store holds.

use super::store::Store;
use super::weather::OPERATOR;
use super::world::{RUN, WORLD};
use covolt_fleet::LimitPrices;
use covolt_parties::driver::{self, Outside, Participant};
use covolt_parties::{AgentTraining, Event, OperatorTraining, Output, Party, PartyError, Timing};
use covolt_wire::Tally;
use std::rc::Rc;

/// Either machine.
pub enum Machine {
    Operator(Box<OperatorTraining<'static>>),
    Agent(Box<AgentTraining<'static>>),
}

impl Machine {
    pub fn new(who: usize, timing: Timing, checkpoint: Option<&[u8]>) -> Result<Machine, PartyError> {
        Ok(match who {
            OPERATOR => Machine::Operator(Box::new(WORLD.operator(timing, checkpoint)?)),
            n => Machine::Agent(Box::new(WORLD.agent(n, timing, checkpoint)?)),
        })
    }

    /// It is in the run that is simulated; agents may take part in earlier ones before they hear of it.
    pub fn in_run(&self) -> bool {
        match self {
            Machine::Operator(_) => true,
            Machine::Agent(agent) => agent.run() == Some(RUN),
        }
    }

    /// The operator's open round, an agent's updates.
    pub fn round(&self) -> u32 {
        match self {
            Machine::Operator(operator) => operator.awaiting().0,
            Machine::Agent(agent) => {
                if self.in_run() {
                    agent.updates()
                } else {
                    0
                }
            }
        }
    }

    pub fn multipliers(&self) -> &[LimitPrices] {
        match self {
            Machine::Operator(operator) => operator.multipliers(),
            Machine::Agent(agent) => agent.multipliers(),
        }
    }

    pub fn tally(&self) -> &Tally {
        match self {
            Machine::Operator(operator) => &operator.tally,
            Machine::Agent(agent) => &agent.tally,
        }
    }
}

impl Participant for Machine {
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        match self {
            Machine::Operator(operator) => operator.on_event(now_ms, event, out),
            Machine::Agent(agent) => agent.on_event(now_ms, event, out),
        }
    }

    fn checkpoint(&self) -> Option<Vec<u8>> {
        match self {
            Machine::Operator(operator) => operator.checkpoint(),
            Machine::Agent(agent) => agent.checkpoint(),
        }
    }

    fn go_through(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<(), PartyError> {
        match self {
            Machine::Operator(operator) => operator.go_through(kept),
            Machine::Agent(agent) => agent.go_through(kept),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Machine::Operator(operator) => operator.is_over(),
            Machine::Agent(agent) => agent.is_over(),
        }
    }
}

/// One step's view of the world, until the kill.
pub struct Desk<'a> {
    pub store: &'a mut Store,
    /// Number of the message that is being taken.
    pub present: Option<u64>,
    /// Dies when so many more things were wanted.
    pub lives_for: Option<u32>,
    pub sent: Vec<(Party, &'static str, Rc<[u8]>)>,
    pub notices: Vec<Output>,
    pub kept_checkpoint: bool,
    pub caught_up: bool,
}

#[derive(Debug)]
pub enum Stop {
    Killed,
    Gave(PartyError),
}

impl From<PartyError> for Stop {
    fn from(error: PartyError) -> Stop {
        Stop::Gave(error)
    }
}

impl<'a> Desk<'a> {
    pub fn new(store: &'a mut Store, present: Option<u64>, lives_for: Option<u32>) -> Desk<'a> {
        let (sent, notices) = (Vec::new(), Vec::new());
        Desk { store, present, lives_for, sent, notices, kept_checkpoint: false, caught_up: false }
    }

    fn live(&mut self) -> Result<(), Stop> {
        match &mut self.lives_for {
            Some(0) => Err(Stop::Killed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Outside for Desk<'_> {
    type Error = Stop;

    fn send(&mut self, to: Party, kind: &'static str, bytes: Vec<u8>) -> Result<(), Stop> {
        self.live()?;
        self.sent.push((to, kind, bytes.into()));
        Ok(())
    }

    fn keep(&mut self, checkpoint: &[u8]) -> Result<(), Stop> {
        self.live()?;
        self.store.keep(checkpoint, self.present);
        self.kept_checkpoint = true;
        Ok(())
    }

    fn kept(&mut self) -> Result<Vec<(Party, Vec<u8>)>, Stop> {
        self.live()?;
        self.caught_up = true;
        Ok(self.store.kept())
    }

    fn note(&mut self, notice: Output) -> Result<(), Stop> {
        self.notices.push(notice);
        Ok(())
    }
}

/// A participant and what outlives it.
pub struct Process {
    pub who: usize,
    pub machine: Option<Machine>,
    pub store: Store,
    /// Sent in this life.
    pub sent: Tally,
    /// Highest round of all lives.
    pub reached: u32,
    pub crashes: u32,
}

impl Process {
    pub fn new(who: usize, trims: bool) -> Process {
        Process { who, machine: None, store: Store::new(trims), sent: Tally::default(), reached: 0, crashes: 0 }
    }

    pub fn is_over(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.in_run() && machine.is_over())
    }

    /// Makes the machine from the checkpoint; [`Process::start`] lets it begin.
    pub fn make(&mut self, timing: Timing) -> Result<(), PartyError> {
        self.sent = Tally::default();
        self.machine = Some(Machine::new(self.who, timing, self.store.checkpoint.as_deref())?);
        Ok(())
    }
}

/// What happens to a process.
pub enum Happening<'e> {
    Starts,
    Event(Event<'e>),
}

pub fn happen(machine: &mut Machine, now_ms: u64, what: Happening<'_>, desk: &mut Desk<'_>) -> Result<(), Stop> {
    match what {
        Happening::Starts => driver::start(machine, now_ms, desk),
        Happening::Event(event) => driver::step(machine, now_ms, event, desk),
    }
}

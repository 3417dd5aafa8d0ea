//! A participant as a process: it lives, is killed, and starts again from what its store holds.

use super::machine;
use super::store::Store;
use super::weather::OPERATOR;
use super::world::{FINGERPRINT, RUN, WORLD};
use covolt_fleet::LimitPrices;
use covolt_parties::driver::Participant;
use covolt_parties::{AgentTraining, OperatorTraining, PartyError, Timing};
use covolt_wire::{Down, Header, Tally, decode_down, decode_up};

pub type Machine = machine::Machine<OperatorTraining<'static>, AgentTraining<'static>>;

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

/// It cannot be told from a message of this run.
pub fn passes_for_ours(to: usize, bytes: &[u8]) -> bool {
    let ours = |header: Header| header.fingerprint == FINGERPRINT && header.run == RUN;
    if to == OPERATOR {
        return decode_up(bytes, &WORLD.shape).is_ok_and(|message| ours(message.header));
    }
    decode_down(bytes, &WORLD.shape).is_ok_and(|message| match &message.body {
        // A later run is one that an agent joins.
        Down::Begin(plan) => {
            let fits = plan.rows.iter().all(|row| (*row as usize) < 24);
            message.header.fingerprint == FINGERPRINT && (message.header.run == RUN || message.header.run > RUN && fits)
        }
        _ => ours(message.header),
    })
}

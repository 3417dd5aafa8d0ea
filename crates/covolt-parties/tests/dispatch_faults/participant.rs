//! Either machine of dispatch, and the process that it lives in.

use super::machine;
use super::patience::Patience;
use super::store::Store;
use super::weather::OPERATOR;
use super::world::{FINGERPRINT, RUN, WORLD};
use covolt_dispatch::{MeritOrder, start_state};
use covolt_fleet::MicrogridStart;
use covolt_parties::driver::Participant;
use covolt_parties::{AgentDispatch, OperatorDispatch, PartyError};
use covolt_wire::{Header, Tally, decode_down, decode_up};

pub type Machine = machine::Machine<OperatorDispatch<'static>, AgentDispatch<'static>>;

/// What agent `n` has before row `row`: batteries half charged.
pub fn start(n: usize, row: usize) -> MicrogridStart {
    start_state(&WORLD.seam.agents[n].fleet, &WORLD.own[n], row, 0.5).unwrap().remove(0)
}

impl Machine {
    pub fn new(who: usize, patience: &Patience, checkpoint: Option<&[u8]>) -> Result<Machine, PartyError> {
        let rows = patience.rows.clone();
        if who == OPERATOR {
            let mut operator = OperatorDispatch::new(WORLD.operator_place(), patience.operator, RUN, rows);
            checkpoint.map_or(Ok(()), |bytes| operator.restore(bytes))?;
            return Ok(Machine::Operator(Box::new(operator)));
        }
        let (place, proposer) = (WORLD.agent_place(who), Box::new(MeritOrder::default()));
        let mut agent = AgentDispatch::new(place, patience.agent, proposer, start(who, rows.start), rows.start)?;
        checkpoint.map_or(Ok(()), |bytes| agent.restore(bytes))?;
        Ok(Machine::Agent(Box::new(agent)))
    }

    /// Row that is open or comes next.
    pub fn row(&self) -> usize {
        match self {
            Machine::Operator(operator) => operator.row(),
            Machine::Agent(agent) => agent.next_row(),
        }
    }

    /// It would tell messages of earlier runs.
    pub fn knows_the_run(&self) -> bool {
        match self {
            Machine::Operator(_) => true,
            Machine::Agent(agent) => agent.run() >= RUN,
        }
    }

    pub fn tally(&self) -> &Tally {
        match self {
            Machine::Operator(operator) => &operator.tally,
            Machine::Agent(agent) => &agent.tally,
        }
    }

    /// Rows settled or applied in this life.
    pub fn done(&self) -> usize {
        match self {
            Machine::Operator(operator) => operator.notes.len(),
            Machine::Agent(agent) => agent.applied.len(),
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
}

impl Process {
    pub fn new(who: usize, trims: bool) -> Process {
        Process { who, machine: None, store: Store::new(trims), sent: Tally::default() }
    }

    pub fn is_over(&self) -> bool {
        self.machine.as_ref().is_some_and(Participant::is_over)
    }

    pub fn make(&mut self, patience: &Patience) -> Result<(), PartyError> {
        self.sent = Tally::default();
        self.machine = Some(Machine::new(self.who, patience, self.store.checkpoint.as_deref())?);
        Ok(())
    }
}

/// It cannot be told from a message of this run, or of a later life of its operator.
pub fn passes_for_ours(to: usize, bytes: &[u8]) -> bool {
    let ours = |header: Header| header.fingerprint == FINGERPRINT && header.run >= RUN;
    if to == OPERATOR {
        return decode_up(bytes, &WORLD.shape).is_ok_and(|message| ours(message.header));
    }
    decode_down(bytes, &WORLD.shape).is_ok_and(|message| ours(message.header))
}

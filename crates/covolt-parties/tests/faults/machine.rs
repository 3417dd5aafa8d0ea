//! Either machine of a run: the operator's, or an agent's.

use covolt_parties::driver::Participant;
use covolt_parties::{Event, Output, Party, PartyError};

pub enum Machine<O, A> {
    Operator(Box<O>),
    Agent(Box<A>),
}

impl<O: Participant, A: Participant> Participant for Machine<O, A> {
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

//! What the loop asks of a state machine, whichever phase of a run it stands for.

use covolt_parties::{AgentTraining, Event, OperatorTraining, Output, Party, PartyError};
use covolt_wire::{Envelope, Header, Shape, Tally, decode_down, decode_up};

/// Answers that are awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// Round and exchange.
    pub at: (u32, u16),
    /// Seats that have not answered.
    pub seats: Vec<usize>,
}

/// A participant's state machine.
pub trait Machine {
    /// What the event leads to.
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError>;
    /// The bytes of a checkpoint, where there is something to keep.
    fn checkpoint(&self) -> Option<Vec<u8>>;
    /// What was sent since it was made.
    fn tally(&self) -> &Tally;
    /// Number of the run, where one is known, and the round that is open.
    fn standing(&self) -> (Option<u64>, u32);
    /// Goes through what the streams hold since then, in their order.
    fn catch_up(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<(), PartyError>;
    /// Header of a message to this participant; `None` for garbage.
    fn header_of(&self, bytes: &[u8], shape: &Shape) -> Option<Header>;
    /// Answers that are awaited, where somebody's are.
    fn awaited(&self) -> Option<Awaited>;
}

impl Machine for OperatorTraining<'_> {
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        OperatorTraining::on_event(self, now_ms, event, out)
    }

    fn checkpoint(&self) -> Option<Vec<u8>> {
        OperatorTraining::checkpoint(self)
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn standing(&self) -> (Option<u64>, u32) {
        (Some(self.run()), self.awaiting().0)
    }

    fn catch_up(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<(), PartyError> {
        let of_seats = kept.iter().filter_map(|(from, bytes)| match from {
            Party::Agent(n) => Some((*n, bytes.clone())),
            Party::Operator => None,
        });
        self.replay(&of_seats.collect::<Vec<_>>()).map(drop)
    }

    fn header_of(&self, bytes: &[u8], shape: &Shape) -> Option<Header> {
        decode_up(bytes, shape).ok().map(|Envelope { header, .. }| header)
    }

    fn awaited(&self) -> Option<Awaited> {
        let (round, exchange, seats) = self.awaiting();
        (!self.is_done() && !seats.is_empty()).then_some(Awaited { at: (round, exchange), seats })
    }
}

impl Machine for AgentTraining<'_> {
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        AgentTraining::on_event(self, now_ms, event, out)
    }

    fn checkpoint(&self) -> Option<Vec<u8>> {
        AgentTraining::checkpoint(self)
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn standing(&self) -> (Option<u64>, u32) {
        (self.run(), self.updates())
    }

    fn catch_up(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<(), PartyError> {
        let messages: Vec<Vec<u8>> = kept.iter().map(|(_, bytes)| bytes.clone()).collect();
        AgentTraining::catch_up(self, &messages)
    }

    fn header_of(&self, bytes: &[u8], shape: &Shape) -> Option<Header> {
        decode_down(bytes, shape).ok().map(|Envelope { header, .. }| header)
    }

    fn awaited(&self) -> Option<Awaited> {
        None
    }
}

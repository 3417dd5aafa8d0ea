//! What the loop asks of a state machine beyond what drives it, whichever phase of a run it stands for.

use covolt_parties::driver::Participant;
use covolt_parties::{
    AgentDispatch, AgentTraining, Event, OperatorDispatch, OperatorTraining, Output, Party, PartyError,
};
use covolt_wire::{Envelope, Header, Shape, Tally, decode_down, decode_up};
use std::cell::RefCell;

/// Answers that are awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// Round and exchange.
    pub at: (u32, u16),
    /// Seats that have not answered.
    pub seats: Vec<usize>,
}

/// A participant's state machine as a process runs it.
pub trait Machine: Participant {
    /// What was sent since it was made.
    fn tally(&self) -> &Tally;
    /// Number of the run, where one is known, and the round that is open.
    fn standing(&self) -> (Option<u64>, u32);
    /// Header of a message to this participant; `None` for garbage.
    fn header_of(&self, bytes: &[u8], shape: &Shape) -> Option<Header>;
    /// Answers that are awaited, where somebody's are.
    fn awaited(&self) -> Option<Awaited>;
}

impl Machine for OperatorTraining<'_> {
    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn standing(&self) -> (Option<u64>, u32) {
        (Some(self.run()), self.awaiting().0)
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
    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn standing(&self) -> (Option<u64>, u32) {
        (self.run(), self.updates())
    }

    fn header_of(&self, bytes: &[u8], shape: &Shape) -> Option<Header> {
        decode_down(bytes, shape).ok().map(|Envelope { header, .. }| header)
    }

    fn awaited(&self) -> Option<Awaited> {
        None
    }
}

/// In dispatch a message that was missed is of no use any more: nothing is read again from the streams.
impl Machine for OperatorDispatch<'_> {
    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn standing(&self) -> (Option<u64>, u32) {
        (None, u32::try_from(self.row()).unwrap_or(u32::MAX))
    }

    fn header_of(&self, bytes: &[u8], shape: &Shape) -> Option<Header> {
        decode_up(bytes, shape).ok().map(|Envelope { header, .. }| header)
    }

    fn awaited(&self) -> Option<Awaited> {
        None
    }
}

impl Machine for AgentDispatch<'_> {
    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn standing(&self) -> (Option<u64>, u32) {
        (None, u32::try_from(self.next_row()).unwrap_or(u32::MAX))
    }

    fn header_of(&self, bytes: &[u8], shape: &Shape) -> Option<Header> {
        decode_down(bytes, shape).ok().map(|Envelope { header, .. }| header)
    }

    fn awaited(&self) -> Option<Awaited> {
        None
    }
}

/// A machine that whoever carries out its outputs may look at, too.
pub struct Shared<'a, M>(pub &'a RefCell<&'a mut M>);

impl<M: Participant> Participant for Shared<'_, M> {
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.0.borrow_mut().on_event(now_ms, event, out)
    }

    fn checkpoint(&self) -> Option<Vec<u8>> {
        self.0.borrow().checkpoint()
    }

    fn go_through(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<(), PartyError> {
        self.0.borrow_mut().go_through(kept)
    }

    fn is_over(&self) -> bool {
        self.0.borrow().is_over()
    }
}

//! A participant in the world: what it wants is done, in its order, by whatever lies outside.
//!
//! ```text
//!   start   checkpoint -> machine (its `new`)     kept messages -> machine     Start -> machine
//!   step    event -> machine -> outputs           send | keep | note, in order, then catching up where it was asked for, with what
//!                                                 lay in the streams before, and keep again if it was kept
//! ```
//!
//! The order matters: a checkpoint is kept before the messages that follow it leave, so that nobody counts on a state that a crash
//! takes back. Whoever restarts a participant calls [`start`] before it hears anything else: messages that arrived while it was
//! away lie in the streams. The same functions run over NATS and in the simulation of faults; nothing here waits or knows the time.

use crate::agent_dispatch::AgentDispatch;
use crate::agent_training::AgentTraining;
use crate::error::PartyError;
use crate::operator_dispatch::OperatorDispatch;
use crate::operator_training::OperatorTraining;
use crate::party::{Event, Output, Party};

/// Transport, durable streams and disk of one participant.
pub trait Outside {
    /// What stops the participant: its own error, or one from outside. After it, the machine is not to be used any more.
    type Error: From<PartyError>;

    /// Sends a message. That it arrives is not promised.
    ///
    /// # Errors
    /// What stops the participant.
    fn send(&mut self, to: Party, kind: &'static str, bytes: Vec<u8>) -> Result<(), Self::Error>;

    /// Keeps a checkpoint: on return it is what a restart finds, and no crash leaves half of it. Messages that were taken before the
    /// present event may be forgotten.
    ///
    /// # Errors
    /// What stops the participant.
    fn keep(&mut self, checkpoint: &[u8]) -> Result<(), Self::Error>;

    /// What the durable streams hold for the participant since its checkpoint, oldest first: all that was sent to it and
    /// reached them, taken or not. More does no harm.
    ///
    /// # Errors
    /// What stops the participant.
    fn kept(&mut self) -> Result<Vec<(Party, Vec<u8>)>, Self::Error>;

    /// Something to tell whoever looks after the run: `Refused`, `Warning`, `Presence` or `Finished`.
    ///
    /// # Errors
    /// What stops the participant.
    fn note(&mut self, notice: Output) -> Result<(), Self::Error>;
}

/// A state machine that can be driven.
pub trait Participant {
    /// What the event leads to.
    ///
    /// # Errors
    /// What ends the run; messages that do not fit are refused in `out`.
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError>;

    /// Where it stands, as bytes to restart from.
    fn checkpoint(&self) -> Option<Vec<u8>>;

    /// Goes through kept messages, sending nothing.
    ///
    /// # Errors
    /// As `on_event`.
    fn go_through(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<(), PartyError>;

    /// The run is over as far as this participant goes.
    fn is_over(&self) -> bool;
}

impl Participant for AgentTraining<'_> {
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        AgentTraining::on_event(self, now_ms, event, out)
    }

    fn checkpoint(&self) -> Option<Vec<u8>> {
        AgentTraining::checkpoint(self)
    }

    fn go_through(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<(), PartyError> {
        self.catch_up(kept)
    }

    fn is_over(&self) -> bool {
        self.is_finished()
    }
}

impl Participant for OperatorTraining<'_> {
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        OperatorTraining::on_event(self, now_ms, event, out)
    }

    fn checkpoint(&self) -> Option<Vec<u8>> {
        OperatorTraining::checkpoint(self)
    }

    fn go_through(&mut self, kept: &[(Party, Vec<u8>)]) -> Result<(), PartyError> {
        self.replay(kept).map(drop)
    }

    fn is_over(&self) -> bool {
        self.is_done()
    }
}

/// Live dispatch does not go back: what was said while a participant was away is of rows that are past.
impl Participant for AgentDispatch<'_> {
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        AgentDispatch::on_event(self, now_ms, event, out)
    }

    fn checkpoint(&self) -> Option<Vec<u8>> {
        AgentDispatch::checkpoint(self)
    }

    fn go_through(&mut self, _: &[(Party, Vec<u8>)]) -> Result<(), PartyError> {
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.is_done()
    }
}

impl Participant for OperatorDispatch<'_> {
    fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        OperatorDispatch::on_event(self, now_ms, event, out)
    }

    fn checkpoint(&self) -> Option<Vec<u8>> {
        OperatorDispatch::checkpoint(self)
    }

    fn go_through(&mut self, _: &[(Party, Vec<u8>)]) -> Result<(), PartyError> {
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.is_done()
    }
}

/// Starts a participant that was just made, fresh or from a checkpoint.
///
/// # Errors
/// What stops it.
pub fn start<P: Participant, O: Outside>(machine: &mut P, now_ms: u64, outside: &mut O) -> Result<(), O::Error> {
    let kept = outside.kept()?;
    if !kept.is_empty() {
        machine.go_through(&kept)?;
    }
    if machine.is_over() {
        end(machine, outside)?;
    }
    step(machine, now_ms, Event::Start, outside)
}

/// Hands an event to a participant and does what it wants.
///
/// # Errors
/// What stops it.
pub fn step<P: Participant, O: Outside>(
    machine: &mut P,
    now_ms: u64,
    event: Event<'_>,
    outside: &mut O,
) -> Result<(), O::Error> {
    let mut out = Vec::new();
    machine.on_event(now_ms, event, &mut out)?;
    // Before a checkpoint that lets them go: messages of a run taken ahead of its plan said nothing then, and do now.
    let kept = if out.contains(&Output::CatchUp) { Some(outside.kept()?) } else { None };
    let keeps = out.contains(&Output::Checkpoint);
    for output in out {
        match output {
            Output::Send { to, kind, bytes } => outside.send(to, kind, bytes)?,
            Output::Checkpoint => machine.checkpoint().map_or(Ok(()), |bytes| outside.keep(&bytes))?,
            Output::CatchUp => {}
            notice => outside.note(notice)?,
        }
    }
    let Some(kept) = kept else { return Ok(()) };
    let was_over = machine.is_over();
    machine.go_through(&kept)?;
    if machine.is_over() && !was_over {
        return end(machine, outside);
    }
    match machine.checkpoint().filter(|_| keeps) {
        Some(bytes) => outside.keep(&bytes),
        None => Ok(()),
    }
}

/// What a machine that came to its end without sending anything has not asked for.
fn end<P: Participant, O: Outside>(machine: &P, outside: &mut O) -> Result<(), O::Error> {
    if let Some(bytes) = machine.checkpoint() {
        outside.keep(&bytes)?;
    }
    outside.note(Output::Finished)
}

//! The loop around a state machine: messages and time in, outputs carried out, checkpoints kept.
//!
//! `covolt_parties::driver` carries the outputs out in their order, as in the simulation of faults: a checkpoint is on disk before the
//! messages behind it leave, so that what others have been told is never forgotten. Here are transport, streams and disk.

use super::folder::ParticipantFolder;
use super::log::Log;
use super::machine::{Awaited, Machine, Shared};
use super::streams::since_checkpoint;
use crate::exit::CliError;
use crate::interrupt;
use covolt_net::{Link, Participant as Name};
use covolt_parties::driver::{Outside, start, step};
use covolt_parties::{Event, Output, Party, Timing};
use covolt_wire::Shape;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// After this long without an answer it is said who is waited for.
const SAY_AFTER: Duration = Duration::from_secs(10);
/// Longest wait for a message, so that an interrupt is seen soon.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// How often a machine with these times is told the time.
pub fn tick(timing: &Timing) -> Duration {
    Duration::from_millis((timing.retry_ms.min(timing.heartbeat_ms) / 4).max(1))
}

/// What a participant writes down beside its checkpoint.
pub trait Diary<M> {
    /// After an event.
    fn note(&mut self, machine: &M) -> Result<(), CliError>;
    /// With a checkpoint, before it.
    fn keep(&mut self, machine: &M, folder: &mut ParticipantFolder, log: &mut Log) -> Result<(), CliError>;
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is over.
    Finished,
    /// It was asked to stop, and goes on another time.
    Stopped,
}

/// Everything around the machine.
pub struct Surroundings {
    /// The way to the others.
    pub link: Link,
    /// Who the others are; an agent has the operator alone.
    pub partners: Vec<(Party, Name)>,
    /// Run folder.
    pub folder: ParticipantFolder,
    /// Log.
    pub log: Log,
    /// Bounds of messages.
    pub shape: Shape,
    /// The machine is told the time at least this often.
    pub tick: Duration,
    /// After the end, how long the others have to be silent.
    pub linger: Duration,
}

/// Runs the machine until it has finished and nobody asks any more, or an interrupt.
pub fn run<M: Machine>(
    machine: &mut M,
    diary: &mut impl Diary<M>,
    around: &mut Surroundings,
) -> Result<Ending, CliError> {
    let cell = RefCell::new(machine);
    let mut host = Host { machine: &cell, diary, around, missed: None };
    let ending = host.go();
    // Also after an error the way goes on from where it broke off, not from the last checkpoint.
    let checkpoint = cell.borrow().checkpoint();
    let kept = host.keep_beside().and_then(|()| host.around.folder.close(checkpoint.as_deref(), cell.borrow().tally()));
    ending.and_then(|ending| kept.map(|()| ending)).map_err(|error| host.failed(error))
}

/// The machine and everything around it, as its driver sees it.
struct Host<'a, M, D> {
    machine: &'a RefCell<&'a mut M>,
    diary: &'a mut D,
    around: &'a mut Surroundings,
    /// Messages that were read again, once the machine has asked for them; `None` until it has.
    missed: Option<usize>,
}

impl<M: Machine, D: Diary<M>> Outside for Host<'_, M, D> {
    type Error = CliError;

    fn send(&mut self, to: Party, _: &'static str, bytes: Vec<u8>) -> Result<(), CliError> {
        match self.around.partners.iter().find(|(party, _)| *party == to) {
            Some((_, participant)) => Ok(self.around.link.send(participant, &bytes)?),
            None => Ok(()),
        }
    }

    fn keep(&mut self, checkpoint: &[u8]) -> Result<(), CliError> {
        self.keep_beside()?;
        self.around.folder.keep(Some(checkpoint), self.machine.borrow().tally())
    }

    fn kept(&mut self) -> Result<Vec<(Party, Vec<u8>)>, CliError> {
        if self.around.link.settings().stream.is_none() {
            self.missed = Some(0);
            return Ok(Vec::new());
        }
        let machine = self.machine.borrow();
        let kept = since_checkpoint(&**machine, &self.around.link, &self.around.partners, &self.around.shape)?;
        self.missed = Some(kept.len());
        Ok(kept)
    }

    fn note(&mut self, notice: Output) -> Result<(), CliError> {
        match notice {
            Output::Refused { from, reason } => {
                let text = format!("a message of {} is refused: {reason}", self.around.name(from));
                self.around.log.say(&text);
            }
            Output::Warning { text } => self.around.log.say(&text),
            Output::Presence { who, here } => {
                let what = if here { "is here" } else { "is missing" };
                let text = format!("{} {what}", self.around.name(who));
                self.around.log.say(&text);
            }
            Output::Finished => {
                self.around.folder.file.finished = true;
                self.around.folder.write_run()?;
                self.around.log.say("the run is over");
            }
            Output::Send { .. } | Output::Checkpoint | Output::CatchUp => {}
        }
        Ok(())
    }
}

impl<M: Machine, D: Diary<M>> Host<'_, M, D> {
    fn go(&mut self) -> Result<Ending, CliError> {
        let clock = Instant::now();
        let now_ms = || u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        let tick_ms = u64::try_from(self.around.tick.as_millis()).unwrap_or(u64::MAX).max(1);
        let wait = self.around.tick.min(LONGEST_WAIT);
        let mut ticked_ms = 0;
        let mut heard = Instant::now();
        let mut awaited: Option<(Awaited, Instant)> = None;
        let before = self.machine.borrow().standing().1;
        start(&mut Shared(self.machine), now_ms(), self)?;
        self.say_what_was_read(before);
        self.diary.note(&self.machine.borrow())?;
        loop {
            // Somebody may still have to be answered, and another run may begin meanwhile.
            let finished = self.around.folder.file.finished;
            if finished && heard.elapsed() >= self.around.linger {
                return Ok(Ending::Finished);
            }
            if interrupt::asked() {
                return Ok(if finished { Ending::Finished } else { Ending::Stopped });
            }
            if let Some(message) = self.around.link.receive(wait) {
                heard = Instant::now();
                let from = self.around.partners.iter().find(|(_, participant)| *participant == message.from);
                if let Some(&(from, _)) = from {
                    self.step(now_ms(), Event::Message { from, bytes: &message.bytes })?;
                }
            }
            let now = now_ms();
            if now.saturating_sub(ticked_ms) >= tick_ms {
                ticked_ms = now;
                self.step(now, Event::Tick)?;
                self.around.link.events().iter().for_each(|event| self.around.log.say_event(event));
                self.around.say_who_is_awaited(self.machine.borrow().awaited(), &mut awaited);
                if self.around.link.status().connected == 0 {
                    heard = Instant::now();
                }
            }
        }
    }

    fn step(&mut self, now_ms: u64, event: Event<'_>) -> Result<(), CliError> {
        let before = self.machine.borrow().standing().1;
        step(&mut Shared(self.machine), now_ms, event, self)?;
        if self.say_what_was_read(before) {
            // Whoever waits for it need not wait until it asks again. Without any gain that would be a storm of questions.
            step(&mut Shared(self.machine), now_ms, Event::Start, self)?;
        }
        self.diary.note(&self.machine.borrow())
    }

    /// True where the streams were read and led further.
    fn say_what_was_read(&mut self, before: u32) -> bool {
        let Some(count) = self.missed.take() else { return false };
        let now = self.machine.borrow().standing().1;
        if self.around.link.settings().stream.is_some() && count > 0 {
            self.around.log.say(&format!("caught up from {count} kept message(s): update {before} to {now}"));
        }
        now > before
    }

    fn keep_beside(&mut self) -> Result<(), CliError> {
        self.diary.keep(&self.machine.borrow(), &mut self.around.folder, &mut self.around.log)
    }

    fn failed(&mut self, error: CliError) -> CliError {
        self.around.log.say(&error.to_string());
        let who = &self.around.folder.file.participant;
        match error {
            CliError::BadInput(text) => CliError::BadInput(format!("{who}: {text}")),
            CliError::NoAnswer(text) => CliError::NoAnswer(format!("{who}: {text}")),
            other => other,
        }
    }
}

impl Surroundings {
    fn say_who_is_awaited(&mut self, now: Option<Awaited>, known: &mut Option<(Awaited, Instant)>) {
        match (now, known.as_mut()) {
            (None, _) => *known = None,
            (Some(now), Some((before, since))) if before.at == now.at => {
                if since.elapsed() >= SAY_AFTER {
                    *since = Instant::now();
                    let names: Vec<String> = now.seats.iter().map(|&n| self.name(Party::Agent(n))).collect();
                    let (round, exchange) = now.at;
                    self.log.say(&format!("update {round}, exchange {exchange}: waiting for {}", names.join(", ")));
                }
            }
            (Some(now), _) => *known = Some((now, Instant::now())),
        }
    }

    fn name(&self, party: Party) -> String {
        let known = self.partners.iter().find(|(own, _)| *own == party);
        known.map_or_else(|| format!("{party:?}"), |(_, participant)| participant.to_string())
    }
}

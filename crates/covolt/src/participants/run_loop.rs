//! The loop around a state machine: messages and time in, outputs carried out, checkpoints kept.
//!
//! Outputs are carried out in their order, and a checkpoint is on disk before the messages behind it leave: what others
//! have been told is never forgotten.

use super::folder::ParticipantFolder;
use super::log::Log;
use super::machine::{Awaited, Machine};
use super::streams::since_checkpoint;
use crate::exit::CliError;
use crate::interrupt;
use covolt_net::{Link, Participant};
use covolt_parties::{Event, Output, Party, PartyError, Timing};
use covolt_wire::Shape;
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
    pub partners: Vec<(Party, Participant)>,
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
    let ending = around.go(machine, diary);
    // Also after an error the way goes on from where it broke off, not from the last checkpoint.
    let kept = diary
        .keep(machine, &mut around.folder, &mut around.log)
        .and_then(|()| around.folder.close(machine.checkpoint().as_deref(), machine.tally()));
    if let Err(error) = &ending {
        around.log.say(&error.to_string());
    }
    ending.and_then(|ending| kept.map(|()| ending))
}

impl Surroundings {
    fn go<M: Machine>(&mut self, machine: &mut M, diary: &mut impl Diary<M>) -> Result<Ending, CliError> {
        let clock = Instant::now();
        let now_ms = || u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        let tick_ms = u64::try_from(self.tick.as_millis()).unwrap_or(u64::MAX).max(1);
        let wait = self.tick.min(LONGEST_WAIT);
        let mut out = Vec::new();
        let mut ticked_ms = 0;
        let mut heard = Instant::now();
        let mut awaited: Option<(Awaited, Instant)> = None;
        machine.on_event(now_ms(), Event::Start, &mut out).map_err(|e| self.failed(e))?;
        loop {
            self.carry_out(machine, diary, now_ms(), &mut out)?;
            // Somebody may still have to be answered, and another run may begin meanwhile.
            let finished = self.folder.file.finished;
            if finished && heard.elapsed() >= self.linger {
                return Ok(Ending::Finished);
            }
            if interrupt::asked() {
                return Ok(if finished { Ending::Finished } else { Ending::Stopped });
            }
            if let Some(message) = self.link.receive(wait) {
                heard = Instant::now();
                let from = self.partners.iter().find(|(_, participant)| *participant == message.from);
                if let Some(&(from, _)) = from {
                    let event = Event::Message { from, bytes: &message.bytes };
                    machine.on_event(now_ms(), event, &mut out).map_err(|e| self.failed(e))?;
                    diary.note(machine)?;
                }
            }
            let now = now_ms();
            if now.saturating_sub(ticked_ms) >= tick_ms {
                ticked_ms = now;
                machine.on_event(now, Event::Tick, &mut out).map_err(|e| self.failed(e))?;
                diary.note(machine)?;
                self.link.events().iter().for_each(|event| self.log.say_event(event));
                self.say_who_is_awaited(machine.awaited(), &mut awaited);
                if self.link.status().connected == 0 {
                    heard = Instant::now();
                }
            }
        }
    }

    fn carry_out<M: Machine>(
        &mut self,
        machine: &mut M,
        diary: &mut impl Diary<M>,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<(), CliError> {
        let mut missed = false;
        for output in out.drain(..) {
            match output {
                Output::Send { to, bytes, .. } => {
                    if let Some((_, participant)) = self.partners.iter().find(|(party, _)| *party == to) {
                        self.link.send(participant, &bytes)?;
                    }
                }
                Output::Checkpoint => {
                    diary.keep(machine, &mut self.folder, &mut self.log)?;
                    self.folder.keep(machine.checkpoint().as_deref(), machine.tally())?;
                }
                Output::CatchUp => missed = true,
                Output::Refused { from, reason } => {
                    self.log.say(&format!("a message of {} is refused: {reason}", self.name(from)));
                }
                Output::Warning { text } => self.log.say(&text),
                Output::Presence { who, here } => {
                    let what = if here { "is here" } else { "is missing" };
                    self.log.say(&format!("{} {what}", self.name(who)));
                }
                Output::Finished => {
                    self.folder.file.finished = true;
                    self.folder.write_run()?;
                    self.log.say("the run is over");
                }
            }
        }
        if missed {
            self.catch_up(machine)?;
            machine.on_event(now_ms, Event::Start, out).map_err(|e| self.failed(e))?;
        }
        Ok(())
    }

    /// Goes through what the streams hold since the checkpoint.
    pub fn catch_up(&mut self, machine: &mut impl Machine) -> Result<(), CliError> {
        if self.link.settings().stream.is_none() {
            self.log.say("messages are missing, and no streams keep them (--no-streams)");
            return Ok(());
        }
        let before = machine.standing().1;
        let kept = since_checkpoint(machine, &self.link, &self.partners, &self.shape)?;
        machine.catch_up(&kept).map_err(|e| self.failed(e))?;
        let now = machine.standing().1;
        self.log.say(&format!("caught up from {} kept message(s): update {before} to {now}", kept.len()));
        Ok(())
    }

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

    fn failed(&self, error: PartyError) -> CliError {
        let who = &self.folder.file.participant;
        match CliError::from(error) {
            CliError::BadInput(text) => CliError::BadInput(format!("{who}: {text}")),
            CliError::NoAnswer(text) => CliError::NoAnswer(format!("{who}: {text}")),
            other => other,
        }
    }
}

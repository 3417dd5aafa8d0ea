//! What a participant sees of the world during one step, and a kill at any point of it.

use super::store::Store;
use covolt_parties::driver::{self, Outside, Participant};
use covolt_parties::{Event, Output, Party, PartyError};
use std::rc::Rc;

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

/// What happens to a process.
pub enum Happening<'e> {
    Starts,
    Event(Event<'e>),
}

pub fn happen<P: Participant>(
    machine: &mut P,
    now_ms: u64,
    what: Happening<'_>,
    desk: &mut Desk<'_>,
) -> Result<(), Stop> {
    match what {
        Happening::Starts => driver::start(machine, now_ms, desk),
        Happening::Event(event) => driver::step(machine, now_ms, event, desk),
    }
}

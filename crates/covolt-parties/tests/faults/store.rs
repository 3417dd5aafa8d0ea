//! What outlives a crash: the checkpoint on a participant's disk, and the stream that the server keeps of what was sent to it.

use covolt_parties::Party;
use std::rc::Rc;

pub struct Kept {
    number: u64,
    from: Party,
    bytes: Rc<[u8]>,
    /// The participant took it, in whichever life.
    taken: bool,
}

pub struct Store {
    pub checkpoint: Option<Vec<u8>>,
    stream: Vec<Kept>,
    next: u64,
    trims: bool,
}

impl Store {
    pub fn new(trims: bool) -> Store {
        Store { checkpoint: None, stream: Vec::new(), next: 0, trims }
    }

    /// The server has it, delivered or not; returns its number.
    pub fn append(&mut self, from: Party, bytes: Rc<[u8]>) -> u64 {
        self.next += 1;
        self.stream.push(Kept { number: self.next, from, bytes, taken: false });
        self.next
    }

    pub fn take(&mut self, number: u64) {
        if let Some(kept) = self.stream.iter_mut().find(|kept| kept.number == number) {
            kept.taken = true;
        }
    }

    /// Keeps a checkpoint made while message `present` was being taken; what was taken before may go.
    pub fn keep(&mut self, checkpoint: &[u8], present: Option<u64>) {
        self.checkpoint = Some(checkpoint.to_vec());
        if self.trims {
            self.stream.retain(|kept| !kept.taken || Some(kept.number) == present);
        }
    }

    pub fn kept(&self) -> Vec<(Party, Vec<u8>)> {
        self.stream.iter().map(|kept| (kept.from, kept.bytes.to_vec())).collect()
    }
}

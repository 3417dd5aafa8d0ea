//! How many messages of which kind a participant sent, and how many bytes: what an audit shows.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts per kind of message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    kinds: BTreeMap<String, TallyLine>,
}

/// One kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyLine {
    /// Messages.
    pub messages: u64,
    /// Bytes of all of them, without those of the transport.
    pub bytes: u64,
    /// Bytes of the longest.
    pub longest: u64,
}

impl TallyLine {
    /// Saturates, since a tally may have been read from a file that somebody else wrote.
    fn add(&mut self, other: TallyLine) {
        self.messages = self.messages.saturating_add(other.messages);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.longest = self.longest.max(other.longest);
    }
}

impl Tally {
    /// Counts a message.
    pub fn count(&mut self, kind: &str, bytes: usize) {
        let line = self.kinds.entry(kind.to_owned()).or_default();
        line.add(TallyLine { messages: 1, bytes: bytes as u64, longest: bytes as u64 });
    }

    /// The kinds in alphabetical order.
    pub fn lines(&self) -> impl Iterator<Item = (&str, TallyLine)> {
        self.kinds.iter().map(|(kind, line)| (kind.as_str(), *line))
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        for (kind, line) in &other.kinds {
            self.kinds.entry(kind.clone()).or_default().add(*line);
        }
    }
}

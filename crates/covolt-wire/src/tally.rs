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

impl Tally {
    /// Counts a message.
    pub fn count(&mut self, kind: &str, bytes: usize) {
        let line = self.kinds.entry(kind.to_owned()).or_default();
        line.messages += 1;
        line.bytes += bytes as u64;
        line.longest = line.longest.max(bytes as u64);
    }

    /// The kinds in alphabetical order.
    pub fn lines(&self) -> impl Iterator<Item = (&str, TallyLine)> {
        self.kinds.iter().map(|(kind, line)| (kind.as_str(), *line))
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        for (kind, line) in &other.kinds {
            let own = self.kinds.entry(kind.clone()).or_default();
            own.messages += line.messages;
            own.bytes += line.bytes;
            own.longest = own.longest.max(line.longest);
        }
    }
}

//! What an import did with everything it could not take as it is.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// File, relative to the folder of the import.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Action {
    /// It has no influence on a power flow (meters, plots, prices).
    Irrelevant,
    /// It could have an influence, and was left out; `--strict` makes it an error.
    LeftOut,
    /// It was read in the way the note says; `--strict` makes it an error.
    Assumed,
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// Where it stands.
    pub place: Place,
    /// What was done.
    pub action: Action,
    /// What it is, in words, with the user's names.
    pub what: String,
}

/// All of them, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// The notes.
    pub notes: Vec<Note>,
}

impl ImportReport {
    /// Adds a note.
    pub fn add(&mut self, place: &Place, action: Action, what: impl Into<String>) {
        self.notes.push(Note { place: place.clone(), action, what: what.into() });
    }

    /// The notes that strict reading refuses.
    pub fn not_strict(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(|n| n.action != Action::Irrelevant)
    }
}

//! Why a file could not be imported.

use crate::report::{Note, Place};
use covolt_grid::multiphase::MultiphaseFault;
use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// Something that stands in a file and cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Where it stands.
    pub place: Place,
    /// What is wrong, in words, with the user's names.
    pub what: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Why there is no network.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The first file cannot be read.
    #[error("{path}: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Lines that cannot be taken: all of them, up to a hundred.
    #[error("{} line(s) cannot be read:\n{}", .0.len(), lines(.0))]
    Faulty(Vec<Complaint>),
    /// A limit of the settings is reached.
    #[error("{place}: more than {most} {what}, the limit of the settings")]
    TooMuch {
        /// Where.
        place: Place,
        /// Of what.
        what: &'static str,
        /// The limit.
        most: u64,
    },
    /// Strict reading, and there is something that was left out or assumed.
    #[error("{} thing(s) that strict reading refuses:\n{}", .0.len(), notes(.0))]
    NotStrict(Vec<Note>),
    /// The file describes a network that cannot be computed.
    #[error("{} fault(s) in the network:\n{}", .0.len(), lines(.0))]
    Network(Vec<MultiphaseFault>),
}

fn lines<T: fmt::Display>(all: &[T]) -> String {
    all.iter().map(|one| format!("  {one}")).collect::<Vec<_>>().join("\n")
}

fn notes(all: &[Note]) -> String {
    all.iter().map(|note| format!("  {}: {}", note.place, note.what)).collect::<Vec<_>>().join("\n")
}

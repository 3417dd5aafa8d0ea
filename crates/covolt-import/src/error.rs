//! Why a file could not be imported.

use crate::report::{Note, Place};
use covolt_grid::NetworkFault;
use covolt_grid::multiphase::MultiphaseFault;
use std::fmt;
use std::path::{Path, PathBuf};
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
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ImportError {
    /// The first file cannot be read.
    #[error("{path}: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file is larger than an import takes.
    #[error("{file}: {bytes} bytes, more than the {limit} that an import takes")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A script includes a file that lies outside the folder of the settings; nothing after that line was read.
    #[error(
        "{place}: '{name}' lies outside {folder}, the folder that included files may come from",
        folder = folder.display()
    )]
    Outside {
        /// Where.
        place: Place,
        /// The file, as it is written there.
        name: String,
        /// The folder.
        folder: PathBuf,
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

impl ImportError {
    /// One fault.
    pub(crate) fn at(place: Place, what: impl Into<String>) -> ImportError {
        ImportError::Faulty(vec![Complaint { place, what: what.into() }])
    }

    /// Faults that the network itself found; `place_of` knows where a bus or branch stands.
    pub(crate) fn network(faults: Vec<NetworkFault>, place_of: impl Fn(&NetworkFault) -> Place) -> ImportError {
        let fault = |f: NetworkFault| Complaint { place: place_of(&f), what: f.to_string() };
        ImportError::Faulty(faults.into_iter().map(fault).collect())
    }
}

fn lines<T: fmt::Display>(all: &[T]) -> String {
    all.iter().map(|one| format!("  {one}")).collect::<Vec<_>>().join("\n")
}

fn notes(all: &[Note]) -> String {
    all.iter().map(|note| format!("  {}: {}", note.place, note.what)).collect::<Vec<_>>().join("\n")
}

/// The bytes of a file of at most `limit` bytes, and its name without the folder.
pub(crate) fn read(path: &Path, limit: u64) -> Result<(Vec<u8>, String), ImportError> {
    let file = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let unreadable = |e: std::io::Error| ImportError::Unreadable { path: path.to_path_buf(), reason: e.to_string() };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    check_size(&file, bytes, limit)?;
    // A file that grows meanwhile, or a pipe without a length, is cut off by the reader, one byte past the limit.
    let mut data = Vec::new();
    let opened = std::fs::File::open(path).map_err(unreadable)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(opened, limit + 1), &mut data).map_err(unreadable)?;
    check_size(&file, data.len() as u64, limit)?;
    Ok((data, file))
}

pub(crate) fn check_size(file: &str, bytes: u64, limit: u64) -> Result<(), ImportError> {
    if bytes > limit { Err(ImportError::TooLarge { file: file.to_owned(), bytes, limit }) } else { Ok(()) }
}

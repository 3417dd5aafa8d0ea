//! Why a file could not be imported: every fault with its file and line, never a network that differs from the file.

use crate::report::Place;
use covolt_grid::NetworkFault;
use std::fmt;
use std::path::Path;
use thiserror::Error;

/// One fault of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// What is wrong or not supported, with the user's names.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Why there is no network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// The file is larger than the importer takes.
    #[error("{file}: {bytes} bytes, more than the {limit} that an import takes")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The file is wrong, or has something that the importer does not understand.
    #[error("{}", lines(.0))]
    Faults(Vec<Fault>),
}

impl ImportError {
    /// One fault.
    pub(crate) fn at(place: Place, what: impl Into<String>) -> ImportError {
        ImportError::Faults(vec![Fault { place, what: what.into() }])
    }

    /// Faults that the network itself found; `place_of` knows where a bus or branch stands.
    pub(crate) fn network(faults: Vec<NetworkFault>, place_of: impl Fn(&NetworkFault) -> Place) -> ImportError {
        let fault = |f: NetworkFault| Fault { place: place_of(&f), what: f.to_string() };
        ImportError::Faults(faults.into_iter().map(fault).collect())
    }
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}

/// The bytes of a file of at most `limit` bytes, and its name without the folder.
pub(crate) fn read(path: &Path, limit: u64) -> Result<(Vec<u8>, String), ImportError> {
    let file = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let unreadable = |e: std::io::Error| ImportError::Unreadable { file: file.clone(), reason: e.to_string() };
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

//! What can go wrong: files that cannot be read or written. Drawing itself cannot fail.

use std::path::{Path, PathBuf};

/// A file of the run folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The file or folder could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The table could not be written.
    #[error("cannot write the table {}: {source}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: csv::Error,
    },
    /// The file is not a record this version can read.
    #[error("{} is not a valid record: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The reason, with line and column.
        source: serde_json::Error,
    },
    /// The record was written by a newer program.
    #[error("{} has record version {found}, this program reads up to version {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// Newest version known here.
        known: u32,
    },
}

impl ReportError {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::Read { path, source }
    }

    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::Write { path, source }
    }

    pub(crate) fn csv(path: &Path, source: csv::Error) -> Self {
        let path = path.to_owned();
        Self::Csv { path, source }
    }

    pub(crate) fn json(path: &Path, source: serde_json::Error) -> Self {
        let path = path.to_owned();
        Self::Json { path, source }
    }
}

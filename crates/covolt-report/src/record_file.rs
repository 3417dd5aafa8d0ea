//! Reading and writing `record.json` and `summary.json`.

use crate::error::ReportError;
use crate::record::{RECORD_VERSION, StudyRecord};
use crate::summary::Summary;
use serde::Serialize;
use std::path::Path;

impl StudyRecord {
    /// Reads a record; unknown keys are ignored, a newer layout is refused.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let text = std::fs::read_to_string(path).map_err(|source| ReportError::read(path, source))?;
        let record: Self = serde_json::from_str(&text).map_err(|source| ReportError::json(path, source))?;
        if record.version > RECORD_VERSION {
            return Err(ReportError::Version { path: path.to_owned(), found: record.version, known: RECORD_VERSION });
        }
        Ok(record)
    }

    /// Writes the record.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        write_json(self, path)
    }
}

impl Summary {
    /// Writes the summary.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        write_json(self, path)
    }
}

impl crate::simulation::SimulationSummary {
    /// Writes the summary of a simulation.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        write_json(self, path)
    }
}

fn write_json(value: &impl Serialize, path: &Path) -> Result<(), ReportError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| ReportError::json(path, source))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|source| ReportError::write(path, source))
}

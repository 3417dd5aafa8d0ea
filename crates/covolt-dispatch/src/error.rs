//! What can go wrong before a decision exists. A situation without a safe dispatch is an answer, not an error: see
//! [`crate::Verdict`].

use covolt_grid::GridError;
use covolt_optimum::OptimumError;
use covolt_policy::PolicyError;
use thiserror::Error;

/// Errors of this crate.
#[derive(Debug, Error)]
pub enum DispatchError {
    /// Something has the wrong number of entries.
    #[error("{what} has {found} entries, must have {expected}")]
    Shape {
        /// What.
        what: String,
        /// Entries found.
        found: usize,
        /// Entries needed.
        expected: usize,
    },
    /// A quantity given from outside is not a finite number.
    #[error("{what} at step {step} is not a finite number ({value})")]
    NotFinite {
        /// What.
        what: String,
        /// Step of the window.
        step: usize,
        /// Its value.
        value: f64,
    },
    /// A setting is outside its range.
    #[error("setting {setting} = {value} is outside its range: {range}")]
    BadSetting {
        /// Which.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A span of rows is empty or leaves the profiles.
    #[error("rows {start}..{end} are not a span of the profiles, which have {rows} rows")]
    Span {
        /// First row.
        start: usize,
        /// One past the last row.
        end: usize,
        /// Rows of the profiles.
        rows: usize,
    },
    /// A policy refused its input.
    #[error("policy of microgrid {microgrid}: {source}")]
    Policy {
        /// Name of the microgrid.
        microgrid: String,
        /// The policy's own words.
        source: PolicyError,
    },
    /// The true network has no power flow under the applied step, so there is nothing to record.
    #[error("no AC power flow exists at row {row} under any action tried: {source}")]
    NoPowerFlow {
        /// Row of the profiles.
        row: usize,
        /// The power flow's own words.
        source: GridError,
    },
    /// The central optimum failed.
    #[error(transparent)]
    Optimum(#[from] OptimumError),
    /// The power flow failed.
    #[error(transparent)]
    Grid(#[from] GridError),
}

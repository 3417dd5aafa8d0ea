//! Feeders as utilities have them, turned into networks: OpenDSS scripts, MATPOWER cases, pandapower files.
//!
//! What this crate guarantees: a network it returns is the one the file describes, or the deviation stands in the
//! [`ImportReport`] with file and line; nothing is dropped silently, and nothing panics on any input.

mod error;
mod imported;
pub mod matpower;
pub mod opendss;
pub mod opendss_export;
pub mod pandapower;
mod report;
mod settings;

pub use error::{Complaint, ImportError};
pub use imported::{Generator, GeneratorRole, Imported};
pub use report::{Action, ImportReport, Note, Place};
pub use settings::ImportSettings;

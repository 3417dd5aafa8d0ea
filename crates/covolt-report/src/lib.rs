//! Records of a study, and what people look at: tables, figures, one self-contained HTML file.
//!
//! Nothing here solves anything: every table and figure is a pure function of a [`StudyRecord`], which is
//! plain serde data filled by the command line. A record with parts missing still draws; the parts say "no data".
//!
//! | of the paper | record | drawn by |
//! |---|---|---|
//! | Fig. 3, 4 | [`record::DayProfile`] | `figures/day_balance.rs`, `figures/day_storage.rs` |
//! | Fig. 5 | [`record::ParameterTrace`] | `figures/parameters.rs` |
//! | Fig. 6, 7 | [`record::CapacityStudy`] | `figures/capacity_reward.rs`, `figures/constraint_returns.rs` |
//! | Fig. 8 | [`record::RoundsTrace`] | `figures/rounds.rs` |
//! | Table II | [`record::CostTable`] | `tables/results.rs` |
//!
//! The page: [`html::render`]; its drawings as files of their own: [`write_figures`]. The tables as CSV: [`tables::write_tables`]. The numbers for machines:
//! [`Summary`]. The files of a simulation: [`SimulationFiles`].

pub mod chart;
mod error;
pub mod figures;
pub mod html;
pub mod palette;
pub mod record;
mod record_file;
pub mod simulation;
mod simulation_files;
pub mod summary;
pub mod table;
pub mod tables;
mod ticks;

pub use error::ReportError;
pub use figures::write_figures;
pub use html::write_html;
pub use record::StudyRecord;
pub use simulation_files::{Row, RowFile, SimulationFiles, columns_text};
pub use summary::Summary;
pub use tables::write_tables;

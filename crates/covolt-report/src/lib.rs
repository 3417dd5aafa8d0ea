//! Records of a study, and what people look at: tables, figures, one self-contained HTML file.
//!
//! Nothing here solves anything: every table and figure is a pure function of a [`StudyRecord`], which is
//! plain serde data filled by the command line.
//!
//! | of the paper | record |
//! |---|---|
//! | Fig. 3, 4 | [`record::DayProfile`] |
//! | Fig. 5 | [`record::ParameterTrace`] |
//! | Fig. 6, 7 | [`record::CapacityStudy`] |
//! | Fig. 8 | [`record::RoundsTrace`] |
//! | Table II | [`record::CostTable`] |

pub mod record;
pub mod simulation;
pub mod summary;

pub use record::StudyRecord;
pub use summary::Summary;

//! Cases: a folder with `case.toml`, network and device tables and series, read into a validated fleet with profiles.
//!
//! Guarantee: a [`Case`] that loads is valid and complete; one that does not yields **all** its faults, each with file,
//! line or key and what to do; no input makes the program panic.
//!
//! | question | file |
//! |---|---|
//! | which keys and columns are there? | [`case_file`], [`table_rows`], `schema.rs` |
//! | how does a folder become a case? | `case.rs` |
//! | what is wrong with it? | [`fault`], `toml_document.rs`, `table.rs`, `network_tables.rs`, `device_tables.rs`, `microgrid_tables.rs` |
//! | how are series read and laid on one time axis? | `series_file.rs`, `parquet_columns.rs`, `time_axis.rs`, `series_store.rs`, `profile_tables.rs` |
//! | which days are for training, validation, test? | `days.rs` |
//! | what joins a device to its bus? | `connections.rs` |
//! | the network file of several phases | `multiphase_file.rs` |
//! | does a policy belong to this case? | `fingerprint.rs` |
//! | the built-in case | `builtin.rs` |
//! | a case of any size, drawn from a seed | `generate.rs` and its folder |
//! | a feeder turned into a case | `import.rs` and its folder |
//! | the operator's part of a case and one per microgrid | `split_case.rs`, `part.rs`, `part_files.rs` |
//! | which facts does a check state? | `check.rs` |
//! | how do others solve the same network? | `export_opendss.rs`, `export_matpower.rs`, `injections.rs` |
//!
//! Powers in kW and kvar (positive = consumption of a load, available power of a PV system), energies in kWh, prices in the
//! case's currency per kWh, times in UTC. The crate solves nothing.

pub mod case_file;
pub mod fault;

mod builtin;
mod case;
mod case_files;
mod check;
mod connections;
mod days;
mod device_tables;
mod export_matpower;
mod export_opendss;
mod fingerprint;
mod generate;
mod import;
mod injections;
mod microgrid_tables;
mod multiphase_file;
mod network_tables;
mod parquet_columns;
mod parquet_zstd;
mod part;
mod part_files;
mod profile_tables;
mod schema;
mod series_file;
mod series_store;
mod settings;
mod split_case;
mod table;
pub mod table_rows;
mod time_axis;
mod toml_document;
mod units;

pub use builtin::{notices, write_builtin};
pub use case::Case;
pub use check::{CheckReport, check, check_builtin};
pub use connections::PhaseConnection;
pub use days::DaySplit;
pub use export_matpower::export_matpower;
pub use export_opendss::export_opendss;
pub use fault::{CaseError, CaseFault};
pub use generate::{ChosenLimits, GeneratedCase, LARGEST, PER_FEEDER, Stress};
pub use import::{
    DeviceTables, FeederGraph, FeederLoad, FeederNetwork, GraphBranch, ImportChoices, ImportedCase, SplitFault,
    SplitMicrogrid, SplitWish, split,
};
pub use injections::Injections;
pub use multiphase_file::write_network;
pub use part::{PartInfo, PartRole};
pub use part_files::{part_files, write_part};
pub use schema::{schema, table_schemas};
pub use settings::{CaseSettings, StorageValueSetting};
pub use split_case::{SplitCase, split_case};

//! Arguments of `case`.

use super::{CaseArg, EXIT_CODES};
use crate::feeder_file::FeederFileArg;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `case generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Microgrids, 1 to 10000: 100 of 13 buses each on a feeder of about 200 buses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub microgrids: u32,
    /// Seed of all randomness
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// New or empty folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Arguments of `case import`.
#[derive(Debug, Args)]
pub struct CaseImportArgs {
    /// The feeder.
    #[command(flatten)]
    pub feeder: FeederFileArg,
    /// New or empty folder of the case
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Cut out this many microgrids by rule
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), conflicts_with = "pcc")]
    pub microgrids: Option<u32>,
    /// A microgrid is what lies behind this branch; once for each
    #[arg(long, value_name = "BRANCH[=NAME]")]
    pub pcc: Vec<String>,
    /// Folder with generators.csv, pv.csv, batteries.csv in place of devices placed by rule
    #[arg(long, value_name = "DIR")]
    pub devices: Option<PathBuf>,
    /// Name of the case [default: that of the file]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Lowest voltage, pu
    #[arg(long, value_name = "PU", default_value_t = 0.95)]
    pub v_min: f64,
    /// Highest voltage, pu
    #[arg(long, value_name = "PU", default_value_t = 1.05)]
    pub v_max: f64,
    /// Highest voltage unbalance factor, per cent [default: no limit]
    #[arg(long, value_name = "PERCENT")]
    pub unbalance: Option<f64>,
    /// Share of the nominal load at which taps and capacitors are brought to rest
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub taps_at: f64,
}

/// What to do with cases.
#[derive(Debug, Subcommand)]
pub enum CaseCommand {
    /// Write the built-in case into a new folder, as a starting point
    #[command(after_help = EXIT_CODES)]
    New {
        /// New or empty folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Write a generated case of many microgrids into a new folder
    #[command(after_help = EXIT_CODES)]
    Generate(GenerateArgs),
    /// Turn a feeder file into a case: cut out microgrids, place devices, attach series
    #[command(after_help = EXIT_CODES)]
    Import(CaseImportArgs),
    /// Write the operator's part of a case and one part per microgrid, none with the data of another
    #[command(after_help = EXIT_CODES)]
    Split(CaseSplitArgs),
    /// Print the JSON schema of case.toml and of the tables
    #[command(after_help = EXIT_CODES)]
    Schema,
    /// Show what a case holds: network, microgrids, devices, data, days
    #[command(after_help = EXIT_CODES)]
    Info {
        /// The case.
        #[command(flatten)]
        case: CaseArg,
    },
    /// Count the windows in which voltage and current limits bind at the central optimum, and those without a safe dispatch
    #[command(after_help = EXIT_CODES)]
    Binding {
        /// The case.
        #[command(flatten)]
        case: CaseArg,
        /// Only every N-th window of the data (1: all, several minutes for a year)
        #[arg(long, value_name = "N", default_value_t = 10)]
        every: usize,
    },
}

/// Arguments of `case split`.
#[derive(Debug, Args)]
pub struct CaseSplitArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// New or empty folder: operator/ and one folder per microgrid, named after it, are written into it
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write into a folder that holds files already
    #[arg(long)]
    pub force: bool,
}

//! Arguments of `feeder`.

use crate::feeder_file::FeederFileArg;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `feeder`.
#[derive(Debug, Args)]
pub struct FeederArgs {
    /// The feeder.
    #[command(flatten)]
    pub feeder: FeederFileArg,
    /// Also write voltages.csv into this folder: bus, node, magnitude and angle, real and imaginary part
    #[arg(long, value_name = "DIR")]
    pub csv: Option<PathBuf>,
    /// Also write the solved state as an OpenDSS script: powers, taps and capacitors as they are, controls off
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// Replace the file of --export and files in the folder of --csv
    #[arg(long)]
    pub force: bool,
    /// Share of the nominal load, fixed loads too, at which taps and capacitors are brought to rest (1 = nominal); what is shown
    /// is the power flow at nominal load
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, conflicts_with = "fixed_taps")]
    pub taps_at: f64,
    /// Leave taps and capacitors as the file has them
    #[arg(long)]
    pub fixed_taps: bool,
    /// Largest current that may be missing at a node, per unit of the power base (1 MVA for OpenDSS)
    #[arg(long, value_name = "PU", default_value_t = 1e-10)]
    pub tolerance: f64,
    /// Solve N times more, taps fixed and each time from the voltages at no load, and state the median time
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub repeat: u32,
}

//! Arguments of `evaluate`.

use super::CaseArg;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    pub case: CaseArg,
    /// Run folder of a training, or its folder policies
    #[arg(long, value_name = "DIR")]
    pub policy: PathBuf,
    /// Windows of the test days
    #[arg(long, value_name = "N", default_value_t = 160)]
    pub windows: usize,
    /// Seed of the windows; the same windows whatever the policies
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

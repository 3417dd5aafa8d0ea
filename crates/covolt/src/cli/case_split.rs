//! Arguments of `case split`.

use super::CaseArg;
use clap::Args;
use std::path::PathBuf;

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

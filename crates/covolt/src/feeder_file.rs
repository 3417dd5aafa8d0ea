//! A feeder file by its ending: what commands that read one share.

use crate::exit::CliError;
use clap::Args;
use covolt_import::{ImportError, ImportSettings, Imported, matpower, opendss, pandapower};
use std::path::PathBuf;

/// The file and how it may be read.
#[derive(Debug, Args)]
pub struct FeederFileArg {
    /// The feeder: an OpenDSS script (.dss or any other ending), a MATPOWER case (.m) or a pandapower network (.json); the last
    /// two are balanced
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Anything that is left out or assumed is an error
    #[arg(long)]
    pub strict: bool,
    /// Folder that files included by a script must lie in [default: that of FILE]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Files included by a script may lie anywhere
    #[arg(long)]
    pub allow_outside: bool,
}

/// What the file describes.
pub enum FeederFile {
    /// One phase stands for three.
    Balanced(Box<Imported>),
    /// Every phase, with controls.
    Multiphase(Box<opendss::Imported>),
}

/// Reads the file.
pub fn read(arg: &FeederFileArg) -> Result<FeederFile, CliError> {
    let ending = arg.file.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let balanced = match ending.as_str() {
        "m" => matpower::import_file(&arg.file)?,
        "json" => pandapower::import_file(&arg.file)?,
        _ => {
            let settings = ImportSettings {
                strict: arg.strict,
                root: arg.root.clone(),
                allow_outside: arg.allow_outside,
                ..ImportSettings::default()
            };
            return Ok(FeederFile::Multiphase(Box::new(opendss::import(&arg.file, &settings)?)));
        }
    };
    let refused: Vec<_> = balanced.report.not_strict().cloned().collect();
    if arg.strict && !refused.is_empty() {
        return Err(ImportError::NotStrict(refused).into());
    }
    Ok(FeederFile::Balanced(Box::new(balanced)))
}

//! From the word CASE on the command line to a loaded case.

use crate::exit::CliError;
use covolt_case::{Case, CaseFault, CheckReport, StorageValueSetting};
use covolt_fleet::{PriceOutlook, StorageValuation};
use std::path::Path;

/// The word for the case carried inside the program.
pub const BUILTIN: &str = "builtin";

/// Loads a whole case, or says all its faults, or that it is a part.
pub fn load(case: &str) -> Result<Case, CliError> {
    let loaded = load_whole_or_part(case)?;
    match &loaded.part {
        None => Ok(loaded),
        Some(part) => Err(CliError::BadInput(format!(
            "{case} is {part}: without the rest its voltages and flows are unknown, and this command needs the whole case. \
             Give the folder it was split from; what the part holds: covolt case info {case}"
        ))),
    }
}

/// Loads the case, whole or a part, or says all its faults.
pub fn load_whole_or_part(case: &str) -> Result<Case, CliError> {
    let loaded = if case == BUILTIN { Case::builtin() } else { Case::load(Path::new(case)) };
    loaded.map_err(|faults| CliError::BadInput(fault_text(case, &faults)))
}

/// Checks the case.
pub fn check(case: &str) -> CheckReport {
    if case == BUILTIN { covolt_case::check_builtin() } else { covolt_case::check(Path::new(case)) }
}

/// At most this many faults in an error; `check` lists all.
const SHOWN: usize = 10;

fn fault_text(case: &str, faults: &[CaseFault]) -> String {
    let mut text = format!("case {case} has {} fault(s)", faults.len());
    faults.iter().take(SHOWN).for_each(|fault| text.push_str(&format!("\n  {fault}")));
    if faults.len() > SHOWN {
        text.push_str(&format!("\n  ... see all: covolt check {case}"));
    }
    text
}

/// How the case values energy left at the end of a window.
pub fn valuation(case: &Case) -> StorageValuation {
    match &case.settings.storage_value {
        StorageValueSetting::None => StorageValuation::None,
        StorageValueSetting::Constant { value_per_kwh } => StorageValuation::Constant { value_per_kwh: *value_per_kwh },
        StorageValueSetting::TimeOfDay { values_per_kwh } => {
            StorageValuation::TimeOfDay { value_per_kwh: values_per_kwh.clone() }
        }
        StorageValueSetting::PriceForecast { .. } => StorageValuation::PriceForecast,
    }
}

/// Mean price profiles of the training days.
pub fn outlook(case: &Case) -> PriceOutlook {
    PriceOutlook::from_days(&case.profiles, &case.days.train)
}

//! A run folder of `simulate`, read back: the injections of its steps, and their times.

use crate::cli::MomentArg;
use crate::exit::CliError;
use crate::moment::{row_of, time_of_row};
use covolt_case::{Case, Injections};
use covolt_report::simulation::DecisionRow;
use std::path::Path;

/// Files of `simulate` that are read back.
const INJECTIONS: &str = "injections.csv";
const DECISIONS: &str = "decisions.csv";

/// Injections of the step asked for: of a run folder where one is given, else loads and available PV power of a row of
/// the data. `None` where nothing was asked for.
pub fn injections(
    case: &Case,
    dispatch: Option<&Path>,
    step: Option<usize>,
    moment: &MomentArg,
) -> Result<Option<Injections>, CliError> {
    let row = row_of(case, moment)?;
    let Some(dir) = dispatch else {
        return Ok(row.and_then(|row| {
            let mut injections = Injections::of_row(case, row)?;
            injections.label = format!("{row} ({})", time_of_row(case, row));
            Some(injections)
        }));
    };
    let number = match row {
        Some(row) => step_at(dir, &time_of_row(case, row))?,
        None => step.unwrap_or(0),
    };
    let path = dir.join(INJECTIONS);
    let text = read(&path)?;
    let steps = Injections::read_csv(&text, &case.fleet.grid).map_err(|faults| {
        let listed: Vec<String> = faults.iter().take(10).map(|f| format!("  {f}")).collect();
        CliError::bad_input(format!(
            "{} does not fit the case ({} fault(s)):\n{}",
            path.display(),
            faults.len(),
            listed.join("\n")
        ))
    })?;
    let count = steps.len();
    let found = steps.into_iter().find(|s| s.label == number.to_string());
    found.map(Some).ok_or_else(|| {
        CliError::bad_input(format!(
            "{}: has no step {number}; it holds {count} step(s), counted from 0",
            path.display()
        ))
    })
}

/// Number of the step that starts at a time.
fn step_at(dir: &Path, time: &str) -> Result<usize, CliError> {
    let path = dir.join(DECISIONS);
    let text = read(&path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for (t, record) in reader.deserialize::<DecisionRow>().enumerate() {
        let record = record.map_err(|e| CliError::bad_input(format!("{}: {e}", path.display())))?;
        if record.time == time {
            return Ok(t);
        }
    }
    Err(CliError::bad_input(format!("{}: no step starts at {time}", path.display())))
}

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|e| CliError::bad_input(format!("cannot read {}: {e}", path.display())))
}

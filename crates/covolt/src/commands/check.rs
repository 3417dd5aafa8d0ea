//! `covolt check`: all faults of a case with file, line, key and what to do; exit code 2 where there is any.

use crate::case_argument;
use crate::cli::CheckArgs;
use crate::exit::{BAD_INPUT, CliError};
use crate::output::Output;
use covolt_case::CheckReport;

/// Runs the command.
pub fn run(args: &CheckArgs, out: &mut Output) -> Result<(), CliError> {
    show(&args.case.case, &case_argument::check(&args.case.case), out)
}

/// Prints faults, warnings and facts.
pub fn show(case: &str, report: &CheckReport, out: &mut Output) -> Result<(), CliError> {
    if out.is_json() {
        out.json(report)?;
    } else {
        report.faults.iter().try_for_each(|fault| out.line(fault.to_string()))?;
        report.warnings.iter().try_for_each(|warning| out.line(format!("warning: {warning}")))?;
        report.facts.iter().try_for_each(|(what, value)| out.line(format!("{what}: {value}")))?;
        let warnings = report.warnings.len();
        match report.faults.len() {
            0 => out.line(format!("{case}: no fault, {warnings} warning(s)"))?,
            n => out.line(format!("{case}: {n} fault(s), {warnings} warning(s)"))?,
        }
    }
    if report.faults.is_empty() { Ok(()) } else { Err(CliError::Said(BAD_INPUT)) }
}

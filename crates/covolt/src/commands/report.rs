//! `covolt report`: report, tables, figures and summary of a run, drawn again from its record.

use crate::cli::ReportArgs;
use crate::exit::CliError;
use crate::output::Output;
use covolt_report::{StudyRecord, Summary};
use serde_json::json;
use std::path::Path;

/// Files of a study in its run folder.
pub const RECORD: &str = "record.json";
const SUMMARY: &str = "summary.json";
const PAGE: &str = "report.html";
const TABLES: &str = "tables";
const FIGURES: &str = "figures";

/// Runs the command.
pub fn run(args: &ReportArgs, out: &mut Output) -> Result<(), CliError> {
    let record = StudyRecord::read(&args.run.join(RECORD))?;
    draw(&record, &args.run)?;
    let page = args.run.join(PAGE);
    if out.is_json() {
        return out
            .json(&json!({ "report": page, "summary": args.run.join(SUMMARY), "tables": args.run.join(TABLES) }));
    }
    out.line(format!("Report: {}", page.display()))?;
    out.line(format!("Tables: {}", args.run.join(TABLES).display()))
}

/// Writes everything that is drawn from a record.
pub fn draw(record: &StudyRecord, dir: &Path) -> Result<(), CliError> {
    Summary::from(record).write(&dir.join(SUMMARY))?;
    covolt_report::write_tables(record, &dir.join(TABLES))?;
    covolt_report::write_figures(record, &dir.join(FIGURES))?;
    covolt_report::write_html(record, &dir.join(PAGE))?;
    Ok(())
}

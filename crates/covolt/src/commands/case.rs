//! `covolt case`: start a case, describe the format, show what a case holds.

use crate::case_argument;
use crate::cli::CaseCommand;
use crate::commands::{case_binding, case_generate, case_import, case_split, check};
use crate::exit::CliError;
use crate::output::Output;
use serde_json::{Map, json};

/// Runs the command.
pub fn run(args: &CaseCommand, out: &mut Output) -> Result<(), CliError> {
    match args {
        CaseCommand::New { dir } => {
            covolt_case::write_builtin(dir)?;
            if out.is_json() {
                return out.json(&json!({ "case": dir }));
            }
            out.line(format!("Built-in case written to {}", dir.display()))?;
            out.line(format!("Change its tables, then: covolt check {}", dir.display()))
        }
        CaseCommand::Schema => {
            let tables: Map<String, serde_json::Value> =
                covolt_case::table_schemas().into_iter().map(|(name, schema)| (name.to_string(), schema)).collect();
            out.json(&json!({ "case.toml": covolt_case::schema(), "tables": tables }))
        }
        CaseCommand::Generate(args) => case_generate::run(args, out),
        CaseCommand::Import(args) => case_import::run(args, out),
        CaseCommand::Split(args) => case_split::run(args, out),
        CaseCommand::Binding { case, every } => case_binding::run(&case.case, *every, out),
        CaseCommand::Info { case } => {
            let report = case_argument::check(&case.case);
            if !report.faults.is_empty() {
                return check::show(&case.case, &report, out);
            }
            let loaded = case_argument::load_whole_or_part(&case.case)?;
            if out.is_json() {
                let facts: Map<String, serde_json::Value> =
                    report.facts.iter().map(|(what, value)| (what.clone(), json!(value))).collect();
                return out.json(&json!({
                    "name": loaded.name,
                    "description": loaded.settings.description,
                    "part": loaded.part.as_ref().map(case_split::part_json),
                    "fingerprint": loaded.fingerprint,
                    "data_fingerprint": loaded.data_fingerprint(),
                    "buses": loaded.fleet.grid.n_buses(),
                    "branches": loaded.fleet.grid.n_branches(),
                    "microgrids": loaded.fleet.microgrids.iter().map(|m| json!({
                        "name": m.name,
                        "buses": m.buses.len(),
                        "generators": m.dgs.len(),
                        "pv": m.pvs.len(),
                        "batteries": m.batteries.len(),
                        "loads": m.loads.len(),
                    })).collect::<Vec<_>>(),
                    "rows": loaded.profiles.rows(),
                    "step_h": loaded.settings.dt_h,
                    "window_steps": loaded.settings.steps,
                    "days_train": loaded.days.train.len(),
                    "days_validation": loaded.days.validation.len(),
                    "days_test": loaded.days.test.len(),
                    "facts": facts,
                    "warnings": report.warnings,
                }));
            }
            check::show(&case.case, &report, out)?;
            out.line(format!("fingerprint: {}", loaded.fingerprint))
        }
    }
}

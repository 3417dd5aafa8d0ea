//! `covolt export`: the network and the injections of one step for OpenDSS or MATPOWER.

use crate::case_argument;
use crate::cli::{ExportArgs, ExportFormat};
use crate::dispatch_folder::injections;
use crate::exit::CliError;
use crate::output::Output;
use crate::run_folder;
use covolt_case::{Case, Injections};
use covolt_import::opendss_export;
use serde_json::json;

/// Runs the command.
pub fn run(args: &ExportArgs, out: &mut Output) -> Result<(), CliError> {
    let case = case_argument::load(&args.case.case)?;
    let step = injections(&case, args.dispatch.as_deref(), args.step, &args.moment)?;
    let text = match args.to {
        ExportFormat::Opendss => opendss(&case, step.as_ref())?,
        ExportFormat::Matpower => covolt_case::export_matpower(&case, step.as_ref())?,
    };
    let Some(path) = &args.out else {
        return if out.is_json() { out.json(&json!({ "text": text })) } else { out.raw(&text) };
    };
    if path.exists() && !args.force {
        return Err(CliError::bad_input(format!(
            "{} exists already: choose another file, or add --force to replace it",
            path.display()
        )));
    }
    run_folder::write(path, &text)?;
    let label = step.as_ref().map(|s| s.label.clone());
    if out.is_json() {
        return out.json(&json!({ "file": path, "step": label }));
    }
    let with = label.map_or_else(|| "nothing injected".to_string(), |l| format!("injections of step {l}"));
    out.line(format!("Network with {with} written to {}", path.display()))
}

/// Script of a balanced network, or of one of several phases.
fn opendss(case: &Case, step: Option<&Injections>) -> Result<String, CliError> {
    let Some(grid) = case.fleet.grid.multiphase() else {
        return Ok(covolt_case::export_opendss(case, step)?);
    };
    let none = Injections::zero("none", &case.fleet.grid);
    let injected = step.unwrap_or(&none);
    // The script takes demand; an injection is its negative.
    let demand = |side: &[f64]| side.iter().map(|x| 0.0 - x).collect::<Vec<f64>>();
    let (p_kw, q_kvar) = (demand(&injected.p_kw), demand(&injected.q_kvar));
    opendss_export::write(grid.network(), Some((&p_kw, &q_kvar))).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(|f| format!("  {f}")).collect();
        CliError::bad_input(format!("OpenDSS cannot express the network:\n{}", list.join("\n")))
    })
}

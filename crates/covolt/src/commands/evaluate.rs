//! `covolt evaluate`: trained policies on windows of the test days, against the central optimum; gap and violations together.

use crate::case_argument;
use crate::cli::EvaluateArgs;
use crate::exit::CliError;
use crate::output::Output;
use crate::policy_folder;
use crate::study::{Plan, Study};
use covolt_report::record::LayerFigures;

/// Runs the command.
pub fn run(args: &EvaluateArgs, out: &mut Output) -> Result<(), CliError> {
    let case = case_argument::load(&args.case.case)?;
    let loaded = policy_folder::load(&case, &args.policy)?;
    let version = loaded.version.clone();
    let proposer = loaded.into_fleet(&case)?;
    let plan = Plan { windows: args.windows.max(1), ..Plan::whole() };
    let study = Study::new(case, plan, args.seed, args.policy.clone());
    let (windows, left_out) = study.evaluate(&proposer)?;
    if out.is_json() {
        return out.json(&serde_json::json!({ "policies": version, "windows": windows, "left_out": left_out }));
    }
    out.line(format!("{version}: {} window(s) of the test days, seed {}", windows.count, args.seed))?;
    out.line(format!(
        "{:<10} {:>10} {:>10} {:>18} {:>18} {:>9}",
        "layer", "gap", "violating", "largest voltage", "largest current", "programs"
    ))?;
    let layers = &windows.layers;
    let named = [
        ("bare", &layers.bare),
        ("repaired", &layers.repaired),
        ("polished", &layers.polished),
        ("rule", &layers.rule),
    ];
    for (name, figures) in named {
        if let Some(figures) = figures {
            out.line(row(name, figures))?;
        }
    }
    left_out.iter().try_for_each(|remark| out.line(remark))
}

fn row(name: &str, f: &LayerFigures) -> String {
    format!(
        "{name:<10} {:>8.4} % {:>10} {:>15.1e} pu {:>16.3} % {:>9.2}",
        f.gap_percent,
        f.violating_windows,
        f.max_voltage_violation_pu,
        f.max_current_violation_percent,
        f.programs_mean
    )
}

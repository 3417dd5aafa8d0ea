//! `covolt case binding`: how often the limits bind over the data, and whether every window has a safe dispatch.
//!
//! Windows follow one another without overlap (or every N-th of them); each starts with half-full batteries and
//! generators at the merit order of the price before. A limit binds where the central optimum of the window comes within
//! the tolerances of a certificate of it.

use crate::case_argument;
use crate::exit::CliError;
use crate::output::Output;
use covolt_case::Case;
use covolt_dispatch::start_state;
use covolt_fleet::{
    CURRENT_TOLERANCE_RELATIVE, LossCurvature, PhysicsWorkspace, PriceKnowledge, VOLTAGE_TOLERANCE_PU, Window,
};
use covolt_optimum::{CentralSettings, optimise};
use rayon::prelude::*;
use serde::Serialize;

/// Counts over the windows.
#[derive(Debug, Default, Serialize)]
struct Binding {
    windows: usize,
    voltage_binds: usize,
    current_binds: usize,
    neither_binds: usize,
    without_safe_dispatch: usize,
    not_solved: usize,
    prices_negative: usize,
}

/// What one window adds.
enum Outcome {
    Solved { voltage: bool, current: bool, safe: bool, negative: bool },
    Failed,
}

/// Runs the command: every `every`-th window of the whole data.
pub fn run(case: &str, every: usize, out: &mut Output) -> Result<(), CliError> {
    let case = case_argument::load(case)?;
    let valuation = case_argument::valuation(&case);
    let outlook = case_argument::outlook(&case);
    let curvature = LossCurvature::of_fleet(&case.fleet);
    let steps = case.settings.steps;
    let rows: Vec<usize> = (0..case.profiles.rows().saturating_sub(steps)).step_by(steps * every.max(1)).collect();
    let outcomes: Vec<Outcome> = rows
        .par_iter()
        .map_init(
            || PhysicsWorkspace::new(&case.fleet),
            |ws, &row| {
                let knowledge = PriceKnowledge::DayAhead;
                let terminals = outlook.terminal_values(&case.fleet, &case.profiles, row, steps, &valuation, knowledge);
                let Some(window) = start_state(&case.fleet, &case.profiles, row, 0.5)
                    .ok()
                    .and_then(|starts| Window::from_profiles(&case.profiles, row, steps, &starts, &terminals))
                else {
                    return Outcome::Failed;
                };
                outcome(&case, &window, &curvature, ws)
            },
        )
        .collect();
    let mut counts = Binding { windows: outcomes.len(), ..Binding::default() };
    for outcome in outcomes {
        match outcome {
            Outcome::Failed => counts.not_solved += 1,
            Outcome::Solved { voltage, current, safe, negative } => {
                counts.voltage_binds += usize::from(voltage);
                counts.current_binds += usize::from(current);
                counts.neither_binds += usize::from(!voltage && !current);
                counts.without_safe_dispatch += usize::from(!safe);
                counts.prices_negative += usize::from(negative);
            }
        }
    }
    if out.is_json() {
        return out.json(&counts);
    }
    let share = |count: usize| 100.0 * count as f64 / counts.windows.max(1) as f64;
    out.line(format!("{} windows of {steps} steps", counts.windows))?;
    for (what, count) in [
        ("voltage limit binds", counts.voltage_binds),
        ("current limit binds", counts.current_binds),
        ("neither binds", counts.neither_binds),
        ("negative price in the window", counts.prices_negative),
        ("no safe dispatch found", counts.without_safe_dispatch),
        ("not solved", counts.not_solved),
    ] {
        out.line(format!("{what:<30} {count:>6}  {:>5.1} %", share(count)))?;
    }
    Ok(())
}

fn outcome(case: &Case, window: &Window, curvature: &[LossCurvature], ws: &mut PhysicsWorkspace) -> Outcome {
    let Ok(optimum) = optimise(&case.fleet, window, None, curvature, &CentralSettings::default(), ws) else {
        return Outcome::Failed;
    };
    let returns = &optimum.returns;
    Outcome::Solved {
        voltage: returns.voltage.is_some_and(|n| n.excess > -VOLTAGE_TOLERANCE_PU),
        current: returns.current.is_some_and(|n| n.excess > -CURRENT_TOLERANCE_RELATIVE),
        safe: returns.is_safe(),
        negative: window.microgrids.iter().any(|m| m.price_per_kwh.iter().any(|p| *p < 0.0)),
    }
}

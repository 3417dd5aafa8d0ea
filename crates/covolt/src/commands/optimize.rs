//! `covolt optimize`: central optimum of one window, the limits that bind and what they cost, and the lower bound.

use crate::case_argument;
use crate::cli::OptimizeArgs;
use crate::exit::{CliError, NO_ANSWER};
use crate::moment::{row_of, time_of_row};
use crate::output::Output;
use covolt_case::Case;
use covolt_dispatch::start_state;
use covolt_fleet::{Limit, LossCurvature, Nearest, PhysicsWorkspace, PriceKnowledge, Window};
use covolt_optimum::bound::{BoundMethod, BoundSettings, OptimumBound, bound_optimum};
use covolt_optimum::{CentralSettings, Optimum, OptimumStatus, optimise};
use serde_json::{Value, json};
use std::time::Instant;

/// The window of `steps` at `row` with true data; every battery at `soc`.
pub fn window_at(case: &Case, row: usize, steps: usize, soc: f64) -> Result<Window, CliError> {
    check_soc(soc)?;
    let (fleet, profiles) = (&case.fleet, &case.profiles);
    let starts = start_state(fleet, profiles, row, soc)?;
    let valuation = case_argument::valuation(case);
    let terminals =
        case_argument::outlook(case).terminal_values(fleet, profiles, row, steps, &valuation, PriceKnowledge::DayAhead);
    Window::from_profiles(profiles, row, steps, &starts, &terminals).ok_or_else(|| {
        CliError::bad_input(format!(
            "a window of {steps} step(s) at row {row} leaves the data, which has {} rows",
            profiles.rows()
        ))
    })
}

/// A state of charge must be a fraction.
pub fn check_soc(soc: f64) -> Result<(), CliError> {
    if (0.0..=1.0).contains(&soc) {
        return Ok(());
    }
    Err(CliError::bad_input(format!("--soc {soc}: must be a fraction between 0 and 1")))
}

/// Runs the command.
pub fn run(args: &OptimizeArgs, out: &mut Output) -> Result<(), CliError> {
    let case = case_argument::load(&args.case.case)?;
    let row = row_of(&case, &args.moment)?.unwrap_or(0);
    let steps = args.steps.unwrap_or(case.settings.steps);
    if steps == 0 {
        return Err(CliError::bad_input("--steps 0: at least one step"));
    }
    let window = window_at(&case, row, steps, args.soc)?;
    let curvature = LossCurvature::of_fleet(&case.fleet);
    let mut ws = PhysicsWorkspace::new(&case.fleet);
    let clock = Instant::now();
    let optimum = optimise(&case.fleet, &window, None, &curvature, &CentralSettings::default(), &mut ws)?;
    let time_s = clock.elapsed().as_secs_f64();
    let feasible = optimum.returns.is_safe();
    let bound = match args.bound && feasible {
        true => Some(bound_optimum(&case.fleet, &window, &optimum, &BoundSettings::default())?),
        false => None,
    };
    if out.is_json() {
        out.json(&as_json(&case, &window, &optimum, bound.as_ref(), time_s))?;
    } else {
        show(&case, &window, &optimum, bound.as_ref(), time_s, out)?;
    }
    match optimum.status {
        OptimumStatus::Optimal => Ok(()),
        OptimumStatus::NotConverged { .. } => Err(CliError::Said(NO_ANSWER)),
        OptimumStatus::Infeasible { limits } => {
            let named: Vec<String> = limits.iter().map(|n| limit_text(&case, n)).collect();
            Err(CliError::no_answer(format!("no action keeps all limits of this window: {}", named.join("; "))))
        }
    }
}

fn gap(optimum: &Optimum, bound: &OptimumBound) -> f64 {
    (optimum.returns.total() - bound.value_usd) / optimum.returns.total().abs().max(f64::MIN_POSITIVE)
}

fn method_text(method: BoundMethod) -> &'static str {
    match method {
        BoundMethod::Duality => "weak duality",
        BoundMethod::Relaxation => "cone relaxation",
    }
}

fn limit_text(case: &Case, nearest: &Nearest) -> String {
    let amount = match nearest.limit {
        Limit::Current(_) => format!("{:.3} % of the limit", 100.0 * nearest.excess),
        Limit::VoltageLow(_) | Limit::VoltageHigh(_) => format!("{:.6} pu", nearest.excess),
    };
    format!("{} in step {}: missed by {amount}", nearest.limit.describe(&case.fleet), nearest.step + 1)
}

fn status_text(case: &Case, status: &OptimumStatus) -> String {
    match status {
        OptimumStatus::Optimal => "optimal, all limits kept".into(),
        OptimumStatus::Infeasible { limits } => {
            let named: Vec<String> = limits.iter().map(|n| limit_text(case, n)).collect();
            format!("INFEASIBLE, least violation: {}", named.join("; "))
        }
        OptimumStatus::NotConverged { last_change } => {
            format!("NOT CONVERGED, last change {last_change:.1e} $; best action so far")
        }
    }
}

fn unit(limit: Limit) -> &'static str {
    if matches!(limit, Limit::Current(_)) { "$ per limit" } else { "$/pu" }
}

fn show(
    case: &Case,
    window: &Window,
    optimum: &Optimum,
    bound: Option<&OptimumBound>,
    time_s: f64,
    out: &mut Output,
) -> Result<(), CliError> {
    let start = time_of_row(case, window.row);
    out.line(format!("Window of {} step(s) of {} h at row {} ({start})", window.steps, window.dt_h, window.row))?;
    out.line(status_text(case, &optimum.status))?;
    out.line("")?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let usd = |v: f64| format!("{v:.4}");
    for (mg, cost) in case.fleet.microgrids.iter().zip(&optimum.returns.costs) {
        rows.push(vec![mg.name.clone(), usd(cost.fuel), usd(cost.exchange), usd(cost.storage), usd(cost.total())]);
    }
    rows.push(vec!["total".into(), String::new(), String::new(), String::new(), usd(optimum.returns.total())]);
    out.table(&["microgrid", "fuel $", "exchange $", "storage $", "cost $"], &rows)?;
    out.line("")?;
    if optimum.prices.entries.is_empty() {
        out.line("no limit binds")?;
    } else {
        let rows: Vec<Vec<String>> = optimum
            .prices
            .entries
            .iter()
            .map(|(step, limit, price)| {
                let name = limit.describe(&case.fleet);
                vec![name, (step + 1).to_string(), format!("{price:.4}"), unit(*limit).into()]
            })
            .collect();
        out.table(&["binding limit", "step", "multiplier", "unit"], &rows)?;
    }
    if let Some(bound) = bound {
        out.line(format!(
            "lower bound {:.6} $, relative gap {:.2e} ({}, {:.1} ms)",
            bound.value_usd,
            gap(optimum, bound),
            method_text(bound.method),
            1e3 * bound.solve_time_s
        ))?;
    }
    out.line(format!(
        "cost {:.6} $ after {} rounds, {} convex programs, {:.1} ms",
        optimum.returns.total(),
        optimum.rounds,
        optimum.programs,
        1e3 * time_s
    ))
}

fn as_json(case: &Case, window: &Window, optimum: &Optimum, bound: Option<&OptimumBound>, time_s: f64) -> Value {
    let status = match &optimum.status {
        OptimumStatus::Optimal => "optimal",
        OptimumStatus::Infeasible { .. } => "infeasible",
        OptimumStatus::NotConverged { .. } => "not_converged",
    };
    let unmet: Vec<String> = match &optimum.status {
        OptimumStatus::Infeasible { limits } => limits.iter().map(|n| limit_text(case, n)).collect(),
        _ => Vec::new(),
    };
    let microgrids: Vec<Value> = case
        .fleet
        .microgrids
        .iter()
        .zip(&optimum.returns.costs)
        .zip(&optimum.actions)
        .map(|((mg, cost), action)| {
            json!({
                "name": mg.name,
                "fuel_usd": cost.fuel,
                "exchange_usd": cost.exchange,
                "storage_usd": cost.storage,
                "cost_usd": cost.total(),
                "action_names": mg.layout(window.steps).names(),
                "action_kw_kvar": action,
            })
        })
        .collect();
    let binding: Vec<Value> = optimum
        .prices
        .entries
        .iter()
        .map(|(step, limit, price)| {
            json!({
                "limit": limit.describe(&case.fleet),
                "step": step,
                "multiplier": price,
                "unit": unit(*limit),
            })
        })
        .collect();
    json!({
        "case": case.name,
        "row": window.row,
        "time": time_of_row(case, window.row),
        "steps": window.steps,
        "step_h": window.dt_h,
        "status": status,
        "unmet": unmet,
        "cost_usd": optimum.returns.total(),
        "microgrids": microgrids,
        "binding": binding,
        "rounds": optimum.rounds,
        "programs": optimum.programs,
        "time_ms": 1e3 * time_s,
        "bound": bound.map(|b| json!({
            "value_usd": b.value_usd,
            "relative_gap": gap(optimum, b),
            "method": method_text(b.method),
            "time_ms": 1e3 * b.solve_time_s,
        })),
    })
}

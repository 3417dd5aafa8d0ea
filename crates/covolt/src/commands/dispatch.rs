//! `covolt dispatch`: the decision of all agents on one window, device by device, with its certificate.

use crate::case_argument;
use crate::cli::{DispatchArgs, LayerChoice};
use crate::commands::optimize::window_at;
use crate::exit::{CliError, NO_ANSWER};
use crate::moment::{row_of, time_of_row};
use crate::output::Output;
use crate::policy_folder;
use crate::simulation_run::Decider;
use covolt_case::Case;
use covolt_dispatch::{Decision, GuardSettings, propose_and_decide};
use covolt_fleet::cost::soc_path;
use covolt_fleet::{LossCurvature, PhysicsWorkspace, Window};
use covolt_optimum::bound::{BoundSettings, lower_bound};
use serde_json::{Value, json};
use std::path::Path;

/// What the guard may do in a layer.
pub fn guard(layer: LayerChoice) -> GuardSettings {
    GuardSettings::with_mode(layer.mode())
}

/// Policies of a folder, or the rule where none is given.
pub fn decider(case: &Case, policy: Option<&Path>) -> Result<Decider, CliError> {
    match policy {
        Some(dir) => Ok(Decider::Policies(policy_folder::load(case, dir)?.into_fleet(case)?)),
        None => Ok(Decider::Rule),
    }
}

/// Runs the command.
pub fn run(args: &DispatchArgs, out: &mut Output) -> Result<(), CliError> {
    let case = case_argument::load(&args.case.case)?;
    let decider = decider(&case, args.policy.as_deref())?;
    let row = row_of(&case, &args.moment)?.unwrap_or(0);
    let window = window_at(&case, row, case.settings.steps, args.soc)?;
    let curvature = LossCurvature::of_fleet(&case.fleet);
    let mut ws = PhysicsWorkspace::new(&case.fleet);
    let mut proposer = decider.proposer();
    let decision = propose_and_decide(&case.fleet, &window, &mut *proposer, &guard(args.layer), &curvature, &mut ws)?;
    let decision = if args.bound {
        decision.compared_with_bound(lower_bound(&case.fleet, &window, &BoundSettings::default())?.value_usd)
    } else {
        decision
    };
    if out.is_json() {
        out.json(&as_json(&case, &window, &decision))?;
    } else {
        show(&case, &window, &decision, args.all, out)?;
    }
    if decision.certificate().is_certified() { Ok(()) } else { Err(CliError::Said(NO_ANSWER)) }
}

/// One line per device and step: microgrid, device, step, kW and kvar delivered, state of charge at the end of the step.
struct Setting {
    microgrid: String,
    device: String,
    step: usize,
    p_kw: f64,
    q_kvar: f64,
    soc: Option<f64>,
}

fn settings(case: &Case, window: &Window, decision: &Decision) -> Vec<Setting> {
    let mut list = Vec::new();
    for ((mg, w), action) in case.fleet.microgrids.iter().zip(&window.microgrids).zip(decision.actions()) {
        let layout = mg.layout(window.steps);
        let socs = soc_path(mg, w, window.dt_h, &layout, action);
        let at = |i: usize| action.get(i).copied().unwrap_or(f64::NAN);
        let mut push = |device: &str, step, p_kw, q_kvar, soc| {
            list.push(Setting { microgrid: mg.name.clone(), device: device.to_owned(), step, p_kw, q_kvar, soc });
        };
        for (i, dg) in mg.dgs.iter().enumerate() {
            (0..window.steps).for_each(|t| push(&dg.id, t, at(layout.p_dg(t, i)), at(layout.q_dg(t, i)), None));
        }
        for (j, pv) in mg.pvs.iter().enumerate() {
            for t in 0..window.steps {
                let p_kw = w.pv_kw.get(j * window.steps + t).copied().unwrap_or(f64::NAN);
                push(&pv.id, t, p_kw, at(layout.q_pv(t, j)), None);
            }
        }
        for (k, battery) in mg.batteries.iter().enumerate() {
            for t in 0..window.steps {
                let soc = socs.get(k * window.steps + t).copied();
                push(&battery.id, t, 0.0 - at(layout.p_ess(t, k)), 0.0 - at(layout.q_ess(t, k)), soc);
            }
        }
    }
    list
}

fn show(case: &Case, window: &Window, decision: &Decision, all: bool, out: &mut Output) -> Result<(), CliError> {
    let start = time_of_row(case, window.row);
    out.line(format!("Window of {} step(s) of {} h at row {} ({start})", window.steps, window.dt_h, window.row))?;
    out.line("Powers delivered to the network are positive; charging and consuming are negative.")?;
    out.line("")?;
    let rows: Vec<Vec<String>> = settings(case, window, decision)
        .iter()
        .map(|s| {
            vec![
                format!("{} {}", s.microgrid, s.device),
                (s.step + 1).to_string(),
                format!("{:.2}", s.p_kw),
                format!("{:.2}", s.q_kvar),
                s.soc.map_or_else(|| "-".to_string(), |soc| format!("{soc:.4}")),
            ]
        })
        .collect();
    out.table(&["device", "step", "kW", "kvar", "soc after"], &rows)?;
    out.line("")?;
    let certificate = decision.certificate();
    out.raw(&if all { format!("{certificate:#}") } else { certificate.to_string() })?;
    out.line(format!("decided in {:.0} us, certificate included", decision.time_us()))
}

fn as_json(case: &Case, window: &Window, decision: &Decision) -> Value {
    let devices: Vec<Value> = settings(case, window, decision)
        .iter()
        .map(|s| {
            json!({
                "microgrid": s.microgrid, "device": s.device, "step": s.step,
                "p_kw": s.p_kw, "q_kvar": s.q_kvar, "soc": s.soc,
            })
        })
        .collect();
    json!({
        "case": case.name,
        "row": window.row,
        "time": time_of_row(case, window.row),
        "steps": window.steps,
        "step_h": window.dt_h,
        "devices": devices,
        "certificate": decision.certificate(),
        "time_us": decision.time_us(),
    })
}

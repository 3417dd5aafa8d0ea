//! `covolt powerflow`: AC power flow of one step, with voltages, branch loadings, losses and iterations.

use crate::case_argument;
use crate::cli::{MomentArg, PowerflowArgs};
use crate::dispatch_folder::injections;
use crate::exit::CliError;
use crate::output::Output;
use crate::run_folder;
use covolt_case::Case;
use covolt_fleet::returns::loading_pu;
use covolt_grid::{Complex64, FlowInfo, FlowOptions};
use covolt_report::simulation::{BranchRow, BusRow};
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// A solved step.
struct Solved {
    label: String,
    info: FlowInfo,
    buses: Vec<BusRow>,
    branches: Vec<BranchRow>,
    losses_kw: f64,
    losses_kvar: f64,
    slack_kw: f64,
    slack_kvar: f64,
}

/// Runs the command.
pub fn run(args: &PowerflowArgs, out: &mut Output) -> Result<(), CliError> {
    let case = case_argument::load(&args.case.case)?;
    let first_row = MomentArg { at: None, row: Some(0) };
    let nothing_asked = args.dispatch.is_none() && args.moment.at.is_none() && args.moment.row.is_none();
    let moment = if nothing_asked { &first_row } else { &args.moment };
    let step = injections(&case, args.dispatch.as_deref(), args.step, moment)?
        .ok_or_else(|| CliError::bad_input("no step was asked for"))?;
    let solved = solve(&case, &step)?;
    if let Some(dir) = &args.csv {
        run_folder::refuse_filled(dir, args.force)?;
        std::fs::create_dir_all(dir)
            .map_err(|e| CliError::bad_input(format!("cannot make folder {}: {e}", dir.display())))?;
        write_csv(&dir.join("buses.csv"), &solved.buses)?;
        write_csv(&dir.join("branches.csv"), &solved.branches)?;
    }
    if out.is_json() {
        return out.json(&json!({
            "case": case.name,
            "step": solved.label,
            "method": format!("{:?}", solved.info.method),
            "iterations": solved.info.iterations,
            "mismatch_pu": solved.info.mismatch_pu,
            "losses_kw": solved.losses_kw,
            "losses_kvar": solved.losses_kvar,
            "source_kw": solved.slack_kw,
            "source_kvar": solved.slack_kvar,
            "buses": solved.buses,
            "branches": solved.branches,
        }));
    }
    show(&solved, out)?;
    match &args.csv {
        Some(dir) => out.line(format!("Tables written to {}", dir.display())),
        None => Ok(()),
    }
}

fn solve(case: &Case, step: &covolt_case::Injections) -> Result<Solved, CliError> {
    let grid = &case.fleet.grid;
    let base_kva = grid.base_kva();
    // The grid takes demand; an injection is its negative.
    let p: Vec<f64> = step.p_kw.iter().map(|p| -p / base_kva).collect();
    let q: Vec<f64> = step.q_kvar.iter().map(|q| -q / base_kva).collect();
    let mut ws = grid.workspace();
    let info = grid.solve(&p, &q, &mut ws, &FlowOptions::default())?;
    let v = ws.v();
    let buses = v.iter().enumerate().map(|(node, v)| bus_row(&grid.node_name(node), *v)).collect();
    let branches = (case.fleet.limits.i_max_pu.iter().enumerate())
        .map(|(current, limit)| {
            let (i_from_a, i_to_a) = grid.current_ends_a(current, v);
            let loading = limit.is_finite().then(|| loading_pu(&case.fleet, current, v) / limit);
            BranchRow { t: 0, branch: grid.current_name(current), i_from_a, i_to_a, loading }
        })
        .collect();
    let (losses, slack) = (grid.losses_pu(v), grid.source_power_pu(v));
    Ok(Solved {
        label: step.label.clone(),
        info,
        buses,
        branches,
        losses_kw: losses.re * base_kva,
        losses_kvar: losses.im * base_kva,
        slack_kw: slack.re * base_kva,
        slack_kvar: slack.im * base_kva,
    })
}

fn bus_row(id: &str, v: Complex64) -> BusRow {
    BusRow { t: 0, bus: id.to_owned(), vm_pu: v.norm(), va_deg: v.arg().to_degrees() }
}

fn show(solved: &Solved, out: &mut Output) -> Result<(), CliError> {
    out.line(format!("Step {}", solved.label))?;
    out.line("")?;
    let rows: Vec<Vec<String>> = solved
        .buses
        .iter()
        .map(|b| vec![b.bus.clone(), format!("{:.6}", b.vm_pu), format!("{:.4}", b.va_deg)])
        .collect();
    out.table(&["bus", "voltage pu", "angle deg"], &rows)?;
    out.line("")?;
    let rows: Vec<Vec<String>> = solved
        .branches
        .iter()
        .map(|b| {
            let loading = b.loading.map_or_else(|| "no limit".to_string(), |l| format!("{:.1}", 100.0 * l));
            vec![b.branch.clone(), format!("{:.2}", b.i_from_a), format!("{:.2}", b.i_to_a), loading]
        })
        .collect();
    out.table(&["branch", "from A", "to A", "loading %"], &rows)?;
    out.line("")?;
    let by_voltage = |a: &&BusRow, b: &&BusRow| a.vm_pu.total_cmp(&b.vm_pu);
    if let (Some(low), Some(high)) = (solved.buses.iter().min_by(by_voltage), solved.buses.iter().max_by(by_voltage)) {
        out.line(format!("lowest voltage {:.6} pu at bus {}", low.vm_pu, low.bus))?;
        out.line(format!("highest voltage {:.6} pu at bus {}", high.vm_pu, high.bus))?;
    }
    let loaded = solved.branches.iter().filter_map(|b| b.loading.map(|l| (l, b)));
    if let Some((loading, branch)) = loaded.max_by(|a, b| a.0.total_cmp(&b.0)) {
        out.line(format!("highest loading {:.1} % of branch {}", 100.0 * loading, branch.branch))?;
    }
    out.line(format!("losses {:.3} kW, {:.3} kvar", solved.losses_kw, solved.losses_kvar))?;
    out.line(format!("from the source {:.3} kW, {:.3} kvar", solved.slack_kw, solved.slack_kvar))?;
    out.line(format!(
        "{} iterations ({:?}), largest mismatch {:.1e} pu",
        solved.info.iterations, solved.info.method, solved.info.mismatch_pu
    ))
}

fn write_csv(path: &Path, rows: &[impl Serialize]) -> Result<(), CliError> {
    let failed = |e: csv::Error| CliError::bad_input(format!("cannot write {}: {e}", path.display()));
    let mut writer = csv::Writer::from_path(path).map_err(failed)?;
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(failed)?;
    writer.flush()?;
    Ok(())
}

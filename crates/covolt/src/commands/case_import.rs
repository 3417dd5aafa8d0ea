//! `covolt case import`: a feeder file turned into a case.
//!
//! Read the file, bring its controls to rest at a share of the nominal load, cut out microgrids, place devices, write the folder, and
//! load it again to say what it holds.

use crate::cli::CaseImportArgs;
use crate::exit::CliError;
use crate::output::Output;
use covolt_case::{Case, DeviceTables, FeederLoad, ImportChoices, ImportedCase, SplitMicrogrid, SplitWish, split};
use covolt_grid::multiphase::{ControlOptions, ElementIndex, MultiphaseGrid, MultiphaseParts, Settled};
use covolt_grid::{DistributionGrid, FlowOptions};
use covolt_import::{Action, ImportReport, ImportSettings, opendss};
use serde_json::json;
use std::path::Path;

/// Notes of one kind that are listed; the rest is counted.
const LISTED_NOTES: usize = 20;

/// Runs the command.
pub fn run(args: &CaseImportArgs, out: &mut Output) -> Result<(), CliError> {
    let wish = wish(args)?;
    let settings = ImportSettings {
        strict: args.strict,
        root: args.root.clone(),
        allow_outside: args.allow_outside,
        ..ImportSettings::default()
    };
    let imported = opendss::import(&args.file, &settings)?;
    let loads: Vec<FeederLoad> = (imported.devices.iter())
        .filter(|d| !d.ports.is_empty())
        .map(|d| FeederLoad { id: d.id.clone(), ports: d.ports.clone(), p_kw: d.p_kw, q_kvar: d.q_kvar })
        .collect();
    let mut grid = MultiphaseGrid::new(imported.network)?;
    let settled = at_rest(&mut grid, args.taps_at)?;
    let snapshot = snapshot(&grid)?;
    let mut parts = grid.network().parts().clone();
    let microgrids = split(&mut parts, &loads, &wish).map_err(|e| CliError::bad_input(e.to_string()))?;
    let name = args.file.file_stem().map_or_else(|| "feeder".to_owned(), |n| n.to_string_lossy().into_owned());
    let choices = ImportChoices {
        name: args.name.clone().unwrap_or(name),
        v_min_pu: args.v_min,
        v_max_pu: args.v_max,
        unbalance_max_percent: args.unbalance,
        origin: format!(
            "{} microgrids of {}, measured loads and PV of 2016, made-up prices",
            microgrids.len(),
            parts.name
        ),
    };
    let tables = args.devices.as_deref().map(device_tables).transpose()?;
    ImportedCase::assemble(&parts, &loads, &microgrids, tables.as_ref(), &choices)?.write(&args.out)?;
    let case = Case::load(&args.out).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(|f| format!("  {f}")).collect();
        CliError::bad_input(format!("the case has {} fault(s):\n{}", faults.len(), list.join("\n")))
    })?;
    if out.is_json() {
        return out.json(&json!({
            "case": args.out,
            "buses": parts.buses.len(),
            "nodes": parts.nodes.len(),
            "elements": parts.elements.len(),
            "loads": loads.len(),
            "notes": imported.report.notes,
            "taps": settled.taps.iter().map(|(e, winding, tap)| json!({
                "transformer": element_id(&parts, *e), "winding": winding + 1, "tap_pu": tap,
            })).collect::<Vec<_>>(),
            "microgrids": microgrids.iter().map(|m| json!({
                "name": m.name, "pcc": m.pcc, "buses": m.buses.len(), "load_kw": m.load_kw,
            })).collect::<Vec<_>>(),
            "snapshot": { "lowest_v_pu": snapshot.low.0, "highest_v_pu": snapshot.high.0 },
            "fingerprint": case.fingerprint,
        }));
    }
    show_report(&imported.report, out)?;
    show(&parts, &loads, &microgrids, &settled, &snapshot, args, out)
}

fn wish(args: &CaseImportArgs) -> Result<SplitWish, CliError> {
    match (args.microgrids, args.pcc.as_slice()) {
        (Some(count), []) => Ok(SplitWish::Count(count as usize)),
        (None, [_, ..]) => {
            let pair = |(n, text): (usize, &String)| match text.split_once('=') {
                Some((branch, name)) => (branch.to_owned(), name.to_owned()),
                None => (text.clone(), format!("M{}", n + 1)),
            };
            Ok(SplitWish::Behind(args.pcc.iter().enumerate().map(pair).collect()))
        }
        _ => Err(CliError::bad_input("say --microgrids N, or name the branches with --pcc BRANCH[=NAME]")),
    }
}

/// Moves the controls to rest at a share of the nominal demand.
fn at_rest(grid: &mut MultiphaseGrid, share: f64) -> Result<Settled, CliError> {
    let scaled = |values: Vec<f64>| values.into_iter().map(|x| share * x).collect::<Vec<f64>>();
    let (p, q) = grid.nominal_demand();
    let mut ws = grid.workspace();
    let options = ControlOptions { max_iterations: MOST_CONTROL_ROUNDS };
    Ok(grid.settle_controls(&scaled(p), &scaled(q), &mut ws, &FlowOptions::default(), &options)?)
}

/// A feeder of 8 500 nodes needs some dozens.
const MOST_CONTROL_ROUNDS: usize = 200;

/// Lowest and highest voltage at nominal demand, with where.
struct Snapshot {
    low: (f64, String),
    high: (f64, String),
}

fn snapshot(grid: &MultiphaseGrid) -> Result<Snapshot, CliError> {
    let (p, q) = grid.nominal_demand();
    let monitored = DistributionGrid::from(grid.clone());
    let mut ws = monitored.workspace();
    monitored.solve(&p, &q, &mut ws, &FlowOptions::default())?;
    let mut found = Snapshot { low: (f64::INFINITY, String::new()), high: (f64::NEG_INFINITY, String::new()) };
    for i in (0..monitored.n_voltages()).filter(|&i| !monitored.is_unbalance_factor(i)) {
        let v = monitored.voltage_pu(i, ws.v());
        if v < found.low.0 {
            found.low = (v, monitored.voltage_name(i));
        }
        if v > found.high.0 {
            found.high = (v, monitored.voltage_name(i));
        }
    }
    Ok(found)
}

fn device_tables(folder: &Path) -> Result<DeviceTables, CliError> {
    let read = |name: &str| {
        let path = folder.join(name);
        match path.exists() {
            true => std::fs::read_to_string(&path)
                .map(Some)
                .map_err(|e| CliError::bad_input(format!("{}: {e}", path.display()))),
            false => Ok(None),
        }
    };
    let tables =
        DeviceTables { generators: read("generators.csv")?, pvs: read("pv.csv")?, batteries: read("batteries.csv")? };
    if tables.generators.is_none() && tables.pvs.is_none() && tables.batteries.is_none() {
        let what = "has none of generators.csv, pv.csv, batteries.csv";
        return Err(CliError::bad_input(format!("{} {what}", folder.display())));
    }
    Ok(tables)
}

fn element_id(parts: &MultiphaseParts, e: ElementIndex) -> &str {
    parts.elements.get(e.0).map_or("", |e| e.id.as_str())
}

fn show_report(report: &ImportReport, out: &mut Output) -> Result<(), CliError> {
    for (action, heading) in [
        (Action::LeftOut, "Left out"),
        (Action::Assumed, "Read with an assumption"),
        (Action::Irrelevant, "Not needed"),
    ] {
        let notes: Vec<_> = report.notes.iter().filter(|n| n.action == action).collect();
        if notes.is_empty() {
            continue;
        }
        if action == Action::Irrelevant {
            out.line(format!("{heading} for a power flow: {} lines (--json lists them)", notes.len()))?;
            continue;
        }
        out.line(format!("{heading}: {}", notes.len()))?;
        for note in notes.iter().take(LISTED_NOTES) {
            out.line(format!("  {}: {}", note.place, note.what))?;
        }
        if notes.len() > LISTED_NOTES {
            out.line(format!("  and {} more (--json lists them)", notes.len() - LISTED_NOTES))?;
        }
    }
    Ok(())
}

fn show(
    parts: &MultiphaseParts,
    loads: &[FeederLoad],
    microgrids: &[SplitMicrogrid],
    settled: &Settled,
    snapshot: &Snapshot,
    args: &CaseImportArgs,
    out: &mut Output,
) -> Result<(), CliError> {
    let kw: f64 = loads.iter().map(|l| l.p_kw).sum();
    out.line(format!(
        "{}: {} buses, {} nodes, {} elements, {} loads of {kw:.0} kW",
        parts.name,
        parts.buses.len(),
        parts.nodes.len(),
        parts.elements.len(),
        loads.len()
    ))?;
    for (e, winding, tap) in &settled.taps {
        out.line(format!("  tap of {} (winding {}) {tap:.5}", element_id(parts, *e), winding + 1))?;
    }
    for (e, closed) in &settled.capacitors {
        out.line(format!("  {} {}", element_id(parts, *e), if *closed { "on" } else { "off" }))?;
    }
    for m in microgrids {
        out.line(format!("  {} behind {}: {} buses, {:.0} kW of load", m.name, m.pcc, m.buses.len(), m.load_kw))?;
    }
    out.line(format!(
        "At nominal load, with these taps: {:.4} pu at {} to {:.4} pu at {}",
        snapshot.low.0, snapshot.low.1, snapshot.high.0, snapshot.high.1
    ))?;
    out.line(format!("Case written to {}", args.out.display()))?;
    out.line(format!("Next: covolt train {} --out RUN", args.out.display()))
}

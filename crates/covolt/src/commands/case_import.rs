//! `covolt case import`: a feeder file turned into a case.
//!
//! Read the file, bring its controls to rest at a share of the nominal load, cut out microgrids, place devices, write the folder, and
//! load it again to say what it holds.

use super::import_notes;
use crate::cli::CaseImportArgs;
use crate::exit::CliError;
use crate::feeder_file::{self, FeederFile};
use crate::output::Output;
use covolt_case::{
    Case, DeviceTables, FeederGraph, FeederLoad, FeederNetwork, ImportChoices, ImportedCase, SplitWish, split,
};
use covolt_grid::multiphase::{ControlOptions, ElementIndex, MultiphaseGrid, MultiphaseParts, PortIndex, Settled};
use covolt_grid::{DistributionGrid, FlowOptions, Network};
use covolt_import::{GeneratorRole, ImportReport, Imported};
use serde_json::json;
use std::path::Path;

/// What was read: a feeder of either kind.
enum Feeder {
    Multiphase { parts: Box<MultiphaseParts>, settled: Settled, snapshot: Snapshot },
    Balanced { network: Box<Network> },
}

/// Runs the command.
pub fn run(args: &CaseImportArgs, out: &mut Output) -> Result<(), CliError> {
    let wish = wish(args)?;
    let (feeder, loads, report) = read(args)?;
    let (graph, network) = match &feeder {
        Feeder::Multiphase { parts, .. } => {
            (FeederGraph::of_multiphase(parts, &loads), FeederNetwork::Multiphase(parts))
        }
        Feeder::Balanced { network } => (FeederGraph::of_balanced(network, &loads), FeederNetwork::Balanced(network)),
    };
    let microgrids = split(&graph, &wish).map_err(|e| CliError::bad_input(e.to_string()))?;
    let stem = args.feeder.file.file_stem().map_or_else(|| "feeder".to_owned(), |n| n.to_string_lossy().into_owned());
    let name = args.name.clone().unwrap_or_else(|| stem.clone());
    let choices = ImportChoices {
        v_min_pu: args.v_min,
        v_max_pu: args.v_max,
        unbalance_max_percent: args.unbalance,
        origin: format!("{} microgrids of {stem}, measured loads and PV of 2016, made-up prices", microgrids.len()),
        name,
    };
    let tables = args.devices.as_deref().map(device_tables).transpose()?;
    ImportedCase::assemble(&network, &graph, &loads, &microgrids, tables.as_ref(), &choices)?.write(&args.out)?;
    let case = Case::load(&args.out).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(|f| format!("  {f}")).collect();
        CliError::bad_input(format!("the case has {} fault(s):\n{}", faults.len(), list.join("\n")))
    })?;
    if out.is_json() {
        let (taps, snapshot) = match &feeder {
            Feeder::Balanced { .. } => (json!([]), json!(null)),
            Feeder::Multiphase { parts, settled, snapshot } => (
                json!((settled.taps.iter())
                    .map(|(e, w, tap)| json!({ "transformer": element_id(parts, *e), "winding": w + 1, "tap_pu": tap }))
                    .collect::<Vec<_>>()),
                json!({ "lowest_v_pu": snapshot.low.0, "highest_v_pu": snapshot.high.0 }),
            ),
        };
        return out.json(&json!({
            "case": args.out,
            "buses": graph.buses.len(),
            "nodes": case.fleet.grid.n_nodes(),
            "branches": graph.branches.len(),
            "loads": loads.len(),
            "notes": report.notes,
            "taps": taps,
            "microgrids": microgrids.iter().map(|m| json!({
                "name": m.name, "pcc": m.pcc, "buses": m.buses.len(), "load_kw": m.load_kw,
            })).collect::<Vec<_>>(),
            "snapshot": snapshot,
            "fingerprint": case.fingerprint,
        }));
    }
    import_notes::show(&report, out)?;
    let kw: f64 = loads.iter().map(|l| l.p_kw).sum();
    out.line(format!(
        "{stem}: {} buses, {} nodes, {} branches and shunts, {} loads of {kw:.0} kW",
        graph.buses.len(),
        case.fleet.grid.n_nodes(),
        graph.branches.len(),
        loads.len()
    ))?;
    if let Feeder::Multiphase { parts, settled, .. } = &feeder {
        show_controls(parts, settled, out)?;
    }
    for m in &microgrids {
        out.line(format!("  {} behind {}: {} buses, {:.0} kW of load", m.name, m.pcc, m.buses.len(), m.load_kw))?;
    }
    if let Feeder::Multiphase { snapshot, .. } = &feeder {
        out.line(format!(
            "At nominal load, with these taps: {:.4} pu at {} to {:.4} pu at {}",
            snapshot.low.0, snapshot.low.1, snapshot.high.0, snapshot.high.1
        ))?;
    }
    out.line(format!("Case written to {}", args.out.display()))?;
    out.line(format!("Next: covolt reproduce {0} (everything), or covolt train {0} --out RUN", args.out.display()))
}

/// Reads the file; controls of several phases are at rest afterwards.
fn read(args: &CaseImportArgs) -> Result<(Feeder, Vec<FeederLoad>, ImportReport), CliError> {
    match feeder_file::read(&args.feeder)? {
        FeederFile::Balanced(imported) => {
            let loads = balanced_loads(&imported);
            Ok((Feeder::Balanced { network: Box::new(imported.network) }, loads, imported.report))
        }
        FeederFile::Multiphase(imported) => {
            let mut grid = MultiphaseGrid::new(imported.network)?;
            let settled = at_rest(&mut grid, args.taps_at)?;
            let snapshot = snapshot(&grid)?;
            let parts = grid.network().parts().clone();
            let bus = |port: PortIndex| {
                let port = parts.ports.get(port.0);
                port.map_or_else(String::new, |p| parts.buses[parts.nodes[p.from.0].bus.0].id.0.clone())
            };
            let loads = (imported.devices.iter())
                .filter_map(|d| {
                    let bus = bus(*d.ports.first()?);
                    Some(FeederLoad { id: d.id.clone(), bus, ports: d.ports.clone(), p_kw: d.p_kw, q_kvar: d.q_kvar })
                })
                .collect();
            Ok((Feeder::Multiphase { parts: Box::new(parts), settled, snapshot }, loads, imported.report))
        }
    }
}

/// Demand of each bus, and what generators of fixed power feed in.
fn balanced_loads(imported: &Imported) -> Vec<FeederLoad> {
    let network = &imported.network;
    let mut loads = Vec::new();
    for (bus, (&p_kw, &q_kvar)) in network.buses().iter().zip(imported.p_kw.iter().zip(&imported.q_kvar)) {
        if p_kw != 0.0 || q_kvar != 0.0 {
            let id = format!("load {}", bus.id);
            loads.push(FeederLoad { id, bus: bus.id.0.clone(), ports: Vec::new(), p_kw, q_kvar });
        }
    }
    for generator in imported.generators.iter().filter(|g| g.role != GeneratorRole::Source) {
        let bus = network.buses().get(generator.bus.0).map_or_else(String::new, |b| b.id.0.clone());
        let (p_kw, q_kvar) = (-generator.p_kw, -generator.q_kvar);
        loads.push(FeederLoad { id: generator.id.clone(), bus, ports: Vec::new(), p_kw, q_kvar });
    }
    loads
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

fn show_controls(parts: &MultiphaseParts, settled: &Settled, out: &mut Output) -> Result<(), CliError> {
    for (e, winding, tap) in &settled.taps {
        out.line(format!("  tap of {} (winding {}) {tap:.5}", element_id(parts, *e), winding + 1))?;
    }
    for (e, closed) in &settled.capacitors {
        out.line(format!("  {} {}", element_id(parts, *e), if *closed { "on" } else { "off" }))?;
    }
    Ok(())
}

//! `covolt feeder`: a feeder file solved as it stands, with what an engineer looks at first.
//!
//! Read the file, bring regulators and switched capacitors to rest, solve at nominal load, show; where asked for, write the voltages
//! of all nodes and the solved state as a script.

use super::feeder_state::{At, Feeder, Solved, read};
use super::import_notes;
use crate::cli::FeederArgs;
use crate::exit::CliError;
use crate::output::Output;
use crate::run_folder;
use covolt_import::opendss_export;
use serde_json::json;
use std::path::Path;

/// Runs the command.
pub fn run(args: &FeederArgs, out: &mut Output) -> Result<(), CliError> {
    if !(args.taps_at >= 0.0 && args.taps_at.is_finite()) {
        return Err(CliError::bad_input(format!("--taps-at {}: a share of the load, not below zero", args.taps_at)));
    }
    if let Some(dir) = &args.csv {
        run_folder::refuse_filled(dir, args.force)?;
    }
    if let Some(file) = args.export.as_ref().filter(|file| file.exists() && !args.force) {
        let what = "is there already: choose another file, or add --force to replace it";
        return Err(CliError::bad_input(format!("{} {what}", file.display())));
    }
    let (feeder, report) = read(args)?;
    let (name, [buses, nodes, elements], [p_kw, q_kvar]) = feeder.size();
    if !out.is_json() {
        let size = format!("{buses} buses, {nodes} nodes, {elements} elements");
        out.line(format!("{name}: {size}, nominal demand {p_kw:.3} kW, {q_kvar:.3} kvar"))?;
        import_notes::show(&report, out)?;
    }
    if args.export.is_some() && matches!(feeder, Feeder::Balanced { .. }) {
        return Err(CliError::bad_input("--export: a balanced network has no phases that a script could name"));
    }
    let solved = feeder.solve(args)?;
    if let Some(dir) = &args.csv {
        write_voltages(&solved, dir)?;
    }
    if let Some(file) = &args.export {
        export(&solved, file)?;
    }
    if out.is_json() {
        let voltage = |found: &At| json!({ "pu": found.value, "at": found.at });
        return out.json(&json!({
            "name": name,
            "buses": buses,
            "nodes": nodes,
            "elements": elements,
            "demand_kw": p_kw,
            "demand_kvar": q_kvar,
            "notes": report.notes,
            "controls": solved.controls,
            "method": format!("{:?}", solved.flow.method),
            "iterations": solved.flow.iterations,
            "mismatch_pu": solved.flow.mismatch_pu,
            "tolerance_pu": args.tolerance,
            "source_kw": solved.source_kva.re,
            "source_kvar": solved.source_kva.im,
            "losses_kw": solved.losses_kva.re,
            "losses_kvar": solved.losses_kva.im,
            "lowest_voltage": solved.lowest.as_ref().map(voltage),
            "highest_voltage": solved.highest.as_ref().map(voltage),
            "worst_unbalance": solved.unbalance.as_ref().map(|u| json!({ "percent": 100.0 * u.value, "at": u.at })),
            "time": solved.time,
        }));
    }
    show(&solved, args, out)
}

fn show(solved: &Solved, args: &FeederArgs, out: &mut Output) -> Result<(), CliError> {
    let controls = &solved.controls;
    if args.fixed_taps {
        out.line("Taps and capacitors as in the file")?;
    } else if controls.taps.len() + controls.capacitors.len() > 0 {
        let load =
            if args.taps_at == 1.0 { "nominal load".to_owned() } else { format!("{} of the load", args.taps_at) };
        out.line(format!("Controls at rest at {load} after {} power flows", controls.power_flows))?;
    }
    for tap in &controls.taps {
        let moved = match tap.tap_before_pu {
            before if before == tap.tap_pu => String::new(),
            before => format!(", from {before:.5}"),
        };
        let step = tap.step.map_or(String::new(), |step| format!(" (step {step:+})"));
        out.line(format!("  {}, winding {}: tap {:.5}{step}{moved}", tap.transformer, tap.winding, tap.tap_pu))?;
    }
    let word = |on| if on { "on" } else { "off" };
    for c in &controls.capacitors {
        let moved = if c.on == c.on_before { String::new() } else { format!(", was {}", word(c.on_before)) };
        out.line(format!("  {}: {}{moved}", c.capacitor, word(c.on)))?;
    }
    let flow = &solved.flow;
    out.line(format!(
        "Solved in {} iterations ({:?}), largest mismatch {:.1e} pu",
        flow.iterations, flow.method, flow.mismatch_pu
    ))?;
    out.line(format!("from the source {:.3} kW, {:.3} kvar", solved.source_kva.re, solved.source_kva.im))?;
    let share = 100.0 * solved.losses_kva.re / solved.source_kva.re;
    let share = if share.is_finite() { format!(" ({share:.2} % of it)") } else { String::new() };
    out.line(format!(
        "losses {:.3} kW{share}; lines, transformers, capacitors and reactors take {:.3} kvar",
        solved.losses_kva.re, solved.losses_kva.im
    ))?;
    if let (Some(low), Some(high)) = (&solved.lowest, &solved.highest) {
        out.line(format!("lowest voltage {:.5} pu at {}", low.value, low.at))?;
        out.line(format!("highest voltage {:.5} pu at {}", high.value, high.at))?;
    }
    if let Some(worst) = &solved.unbalance {
        out.line(format!("worst unbalance {:.3} % at {}", 100.0 * worst.value, worst.at))?;
    }
    if let Some(time) = &solved.time {
        out.line(format!(
            "{} solves at fixed taps from the voltages at no load: median {:.1} us, fastest {:.1} us",
            time.solves, time.median_us, time.fastest_us
        ))?;
    }
    if let Some(dir) = &args.csv {
        out.line(format!("Voltages written to {}", dir.join(VOLTAGES).display()))?;
    }
    match &args.export {
        Some(file) => out.line(format!("Solved state written to {}", file.display())),
        None => Ok(()),
    }
}

/// The table of `--csv`.
const VOLTAGES: &str = "voltages.csv";

fn write_voltages(solved: &Solved, dir: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(dir)
        .map_err(|e| CliError::bad_input(format!("cannot make folder {}: {e}", dir.display())))?;
    let path = dir.join(VOLTAGES);
    let failed = |e: csv::Error| CliError::bad_input(format!("cannot write {}: {e}", path.display()));
    let mut writer = csv::Writer::from_path(&path).map_err(failed)?;
    solved.voltages.iter().try_for_each(|row| writer.serialize(row)).map_err(failed)?;
    writer.flush()?;
    Ok(())
}

fn export(solved: &Solved, file: &Path) -> Result<(), CliError> {
    let Some(network) = &solved.network else { return Ok(()) };
    let script = opendss_export::write(network, None).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(|f| format!("  {f}")).collect();
        CliError::bad_input(format!(
            "--export: {} thing(s) cannot be said in a script:\n{}",
            list.len(),
            list.join("\n")
        ))
    })?;
    std::fs::write(file, script).map_err(|e| CliError::bad_input(format!("cannot write {}: {e}", file.display())))
}

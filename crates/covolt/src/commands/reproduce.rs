//! `covolt reproduce`: the whole study into one run folder, with report, tables and summary.

use crate::case_argument;
use crate::cli::ReproduceArgs;
use crate::commands::report::{RECORD, draw};
use crate::exit::{CliError, NO_ANSWER};
use crate::output::Output;
use crate::run_folder;
use crate::study::{Plan, Study};
use crate::training_watch::listen_for_interrupt;
use covolt_report::record::{Item, LayerFigures};
use covolt_report::{StudyRecord, Summary};
use std::time::Instant;

/// Runs the command.
pub fn run(args: &ReproduceArgs, out: &mut Output) -> Result<(), CliError> {
    let clock = Instant::now();
    let case = case_argument::load(&args.case.case)?;
    let dir = run_folder::create("reproduce", args.out.out.as_deref(), args.out.force)?;
    listen_for_interrupt();
    let command_line = command_line();
    let mut record = StudyRecord {
        title: format!("covolt: {}", case.name),
        command_line: command_line.clone(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        quick: args.quick,
        ..StudyRecord::default()
    };
    let plan = if args.quick { Plan::quick() } else { Plan::whole() };
    let study = Study::new(case, plan, args.seed, dir.clone());
    let stages = study.run(&mut record)?;
    for item in [Item::DayBalance, Item::DayStorage] {
        record.provenance.note(item, "closed-loop/dispatch.csv", &command_line);
    }
    for item in [Item::VoltageProfile, Item::NetworkDrawing] {
        record.provenance.note(item, "closed-loop/buses.csv and closed-loop/branches.csv", &command_line);
    }
    record.provenance.note(Item::ClosedLoop, "closed-loop/decisions.csv", &command_line);
    record.provenance.note(Item::LearningCurve, "training-default/training.json", &command_line);
    record.write(&dir.join(RECORD))?;
    draw(&record, &dir)?;
    let wall_s = clock.elapsed().as_secs_f64();
    let times: Vec<_> =
        stages.times.iter().map(|(stage, s)| serde_json::json!({ "stage": stage, "wall_s": s })).collect();
    let failed: Vec<_> =
        stages.failed.iter().map(|(stage, e)| serde_json::json!({ "stage": stage, "reason": e.to_string() })).collect();
    run_folder::write_json(
        &dir.join("stages.json"),
        &serde_json::json!({ "wall_s": wall_s, "peak_memory_mib": crate::memory::peak_mib(), "stages": times, "failed": failed }),
    )?;
    if out.is_json() {
        out.json(&Summary::from(&record))?;
    } else {
        say(&record, wall_s, out)?;
        out.line(format!("Report: {}", dir.join("report.html").display()))?;
    }
    if stages.failed.is_empty() { Ok(()) } else { Err(CliError::Said(NO_ANSWER)) }
}

/// The command line as typed.
fn command_line() -> String {
    let mut words = vec!["covolt".to_owned()];
    words.extend(std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}

fn say(record: &StudyRecord, wall_s: f64, out: &mut Output) -> Result<(), CliError> {
    out.line(format!("{} in {wall_s:.0} s", record.title))?;
    out.line("")?;
    let mut rows = Vec::new();
    for (trainer, study) in [("default", &record.windows), ("paper", &record.paper_windows)] {
        let Some(study) = study else { continue };
        for (name, layer) in study.layers.named() {
            if let Some(l) = layer {
                rows.push(layer_row(trainer, name, l, study.count));
            }
        }
    }
    out.table(
        &["trainer, layer", "gap %", "violating", "of windows", "worst pu", "worst current %", "programs"],
        &rows,
    )?;
    out.line("")?;
    if let Some(optimum) = &record.optimum {
        out.line(format!(
            "central optimum: {} windows, {}, median {:.1} ms",
            optimum.windows,
            known(optimum.bound_gap_relative_max, "no lower bound", |d| {
                format!("largest relative distance to the bound {d:.1e}")
            }),
            optimum.time_ms_median
        ))?;
    }
    if let Some(closed) = &record.closed_loop {
        out.line(format!(
            "closed loop: {} days, {} steps, {} violating, {} without a safe dispatch, {}",
            closed.days,
            closed.steps,
            closed.violating_steps,
            closed.infeasible_steps,
            known(closed.gap_perfect_information_percent, "nothing to compare the cost with", |gap| {
                format!("{gap:.3} % above perfect information")
            })
        ))?;
    }
    if let Some(times) = &record.decision_times {
        for (name, quantiles) in times.named() {
            if let Some(q) = quantiles {
                out.line(format!("decision {name}: median {:.0} us, 99th percentile {:.0} us", q.median, q.p99))?;
            }
        }
    }
    Ok(())
}

/// The figure in words, or what stands for one that does not exist (a bound of several phases, a day without a safe dispatch).
fn known(figure: f64, without: &str, words: impl Fn(f64) -> String) -> String {
    if figure.is_nan() { without.to_owned() } else { words(figure) }
}

fn layer_row(trainer: &str, name: &str, l: &LayerFigures, count: usize) -> Vec<String> {
    vec![
        format!("{trainer}, {name}"),
        format!("{:.4}", l.gap_percent),
        l.violating_windows.to_string(),
        count.to_string(),
        format!("{:.1e}", l.max_voltage_violation_pu),
        format!("{:.3}", l.max_current_violation_percent),
        format!("{:.2}", l.programs_mean),
    ]
}

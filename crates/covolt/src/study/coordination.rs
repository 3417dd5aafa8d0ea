//! Coordination methods side by side on the same programs: rounds, bytes, what leaves an agent (Fig. 8).
//!
//! The programs are those of one policy update each: the QCLP (23)-(25) of Algorithm 1 with its trust region, for the
//! trained policies in a test window.

use super::Study;
use super::test_windows::TestWindow;
use crate::exit::CliError;
use crate::progress::note;
use covolt_consensus::{
    CommunicationGraph, Method, MethodSettings, PaperSettings, Run, ShareSettings, coordinate, disclosure,
    rounds_to_accuracy, solve_in_process,
};
use covolt_fleet::StateKind;
use covolt_learn::{PaperTrainer, PaperTrainerSettings, Scenario, UpdateProgram, VOLTAGE_UNIT_PU};
use covolt_policy::GaussianPolicy;
use covolt_report::record::{CoordinationMethod, RoundsTrace, Transmitted};
use rayon::prelude::*;
use std::time::Instant;

/// Accuracy that counts as reached, in cost and in violation.
const ACCURACY: f64 = 1e-4;
/// Rounds after which a method counts as not having reached it.
const MOST_ROUNDS: u32 = 1000;
/// Multipliers shown in Fig. 8.
const SHOWN_MULTIPLIERS: usize = 6;

/// One program with its central solution.
struct Program {
    update: UpdateProgram,
    central_cost: f64,
    /// What remains violated at the optimum where the trust region is too small to meet every limit, row units.
    central_violation: f64,
    central_multipliers: Vec<f64>,
}

/// Compares the methods on the complete graph.
pub fn methods(
    study: &Study,
    windows: &[TestWindow],
    policies: &[GaussianPolicy],
) -> Result<Vec<CoordinationMethod>, CliError> {
    let all: Vec<Option<Program>> = windows
        .par_iter()
        .map(|w| program(study, Scenario::new(&study.case.fleet, w.window.clone(), StateKind::Local), policies))
        .collect::<Result<_, CliError>>()?;
    let programs: Vec<Program> = all.into_iter().flatten().take(study.plan.updates).collect();
    let graph = CommunicationGraph::complete(study.case.fleet.microgrids.len())?;
    let usual = MethodSettings::default();
    let settings = MethodSettings {
        hybrid: ShareSettings { max_rounds: MOST_ROUNDS, ..usual.hybrid },
        interior_point: UpdateProgram::interior_point(1e-8),
        sharing: ShareSettings { max_rounds: MOST_ROUNDS, ..usual.sharing },
        ..usual
    };
    // The update of Fig. 8: the one with most limits that bind.
    let binding = |p: &Program| p.central_multipliers.iter().filter(|m| **m > 1e-6).count();
    let shown = programs.iter().enumerate().max_by_key(|(i, p)| (binding(p), usize::MAX - i)).map(|(i, _)| i);
    let compared = |method: Method| {
        let clock = Instant::now();
        let result = compare(study, method, &programs, shown, &graph, &settings);
        note(&format!("   {} on {} programs: {:.1} s", method.name(), programs.len(), clock.elapsed().as_secs_f64()));
        result
    };
    Ok(Method::ALL.into_iter().map(compared).collect())
}

/// The update in the window of `scenario`; `None` where it has no shared limit within reach, so nothing to coordinate.
fn program(study: &Study, scenario: Scenario, policies: &[GaussianPolicy]) -> Result<Option<Program>, CliError> {
    let fleet = &study.case.fleet;
    let scenarios = [scenario];
    let mut trainer =
        PaperTrainer::new(fleet, &scenarios, policies.to_vec(), PaperTrainerSettings::default(), study.seed)?;
    let update = trainer.update_program()?;
    if update.meaning.is_empty() {
        return Ok(None);
    }
    let exact = UpdateProgram::interior_point(1e-9);
    let Ok(central) = solve_in_process(&update.programs, &update.rows, &exact) else { return Ok(None) };
    Ok(Some(Program {
        update,
        central_cost: central.cost,
        central_violation: central.max_violation,
        central_multipliers: central.multipliers,
    }))
}

fn compare(
    study: &Study,
    method: Method,
    programs: &[Program],
    shown: Option<usize>,
    graph: &CommunicationGraph,
    settings: &MethodSettings,
) -> CoordinationMethod {
    let runs: Vec<Run> = programs
        .par_iter()
        .map(|p| {
            let steps = PaperSettings { max_rounds: MOST_ROUNDS, ..settings.paper_for(&p.update.programs) };
            let settings = MethodSettings { paper: Some(steps), ..settings.clone() };
            match coordinate(method, &p.update.programs, &p.update.rows, graph, &settings) {
                Ok(run) => run,
                Err(failed) => failed.record,
            }
        })
        .collect();
    let reached: Vec<Option<usize>> = programs
        .iter()
        .zip(&runs)
        .map(|(p, run)| {
            let trace = run.trace.iter().map(|t| (t.round, t.cost, (t.violation - p.central_violation).max(0.0)));
            rounds_to_accuracy(trace, p.central_cost, 1.0, ACCURACY)
        })
        .collect();
    let all_reached = !reached.is_empty() && reached.iter().all(Option::is_some);
    let bytes = runs.iter().flat_map(|run| run.bytes_sent.iter().copied()).max().unwrap_or(0);
    let leaves_agent = disclosure(method)
        .iter()
        .map(|f| Transmitted {
            field: f.name.to_owned(),
            meaning: format!("{} ({} bytes, {})", f.meaning, f.bytes, f.when),
        })
        .collect();
    let trace = shown.and_then(|i| Some(rounds_trace(study, programs.get(i)?, runs.get(i)?)));
    CoordinationMethod {
        name: method.name().replace('-', "_"),
        graph: "complete".to_owned(),
        updates: programs.len(),
        updates_reached: reached.iter().flatten().count(),
        rounds_to_1e4_max: reached.iter().flatten().copied().max().filter(|_| all_reached),
        bytes_per_agent: bytes as u64,
        leaves_agent,
        trace,
    }
}

/// The multipliers that end largest, in $ per pu of voltage or per current limit, and the worst violation per round.
fn rounds_trace(study: &Study, program: &Program, run: &Run) -> RoundsTrace {
    let mut order: Vec<usize> = (0..program.central_multipliers.len()).collect();
    let price = |row: usize| {
        let scale = program.update.meaning.get(row).map_or(0.0, |m| m.price_scale);
        scale * program.central_multipliers.get(row).copied().unwrap_or(0.0)
    };
    order.sort_by(|&a, &b| price(b).total_cmp(&price(a)).then(a.cmp(&b)));
    order.truncate(SHOWN_MULTIPLIERS);
    let mut trace = RoundsTrace::default();
    for row in order {
        let Some(meaning) = program.update.meaning.get(row) else { continue };
        trace.limit.push(format!("{}, step {}", meaning.limit.describe(&study.case.fleet), meaning.step + 1));
        let curve = run.trace.iter().map(|t| meaning.price_scale * t.multipliers.get(row).copied().unwrap_or(f64::NAN));
        trace.multiplier_usd_per_pu.push(curve.collect());
    }
    trace.max_violation_pu = run.trace.iter().map(|t| t.violation * VOLTAGE_UNIT_PU).collect();
    trace
}

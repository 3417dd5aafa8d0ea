//! Coordination methods side by side on the same programs: rounds, bytes, what leaves an agent (Fig. 8).
//!
//! The programs are those of one update: test windows convexified at their merit order, split between the agents.

use super::Study;
use super::test_windows::TestWindow;
use crate::exit::CliError;
use crate::progress::note;
use covolt_consensus::{
    CommunicationGraph, InteriorPointSettings, Method, MethodSettings, PaperSettings, Run, ShareSettings, coordinate,
    disclosure, rounds_to_accuracy, solve_in_process,
};
use covolt_fleet::window_program::linearise;
use covolt_fleet::{BaseDemand, PhysicsWorkspace, Reach};
use covolt_learn::coordination::CoupledWindow;
use covolt_optimum::central::{make_feasible, merit_order_actions};
use covolt_optimum::{Objective, ProgramSettings};
use covolt_report::record::{CoordinationMethod, RoundsTrace, Transmitted};
use rayon::prelude::*;
use std::time::Instant;

/// Limits that enter the programs, as in training.
const REACH: Reach = Reach { voltage_pu: 0.01, current_fraction: 0.75 };
/// Proximal weight of the first step, $, as in training.
const PROXIMAL: f64 = 0.3;
/// Accuracy that counts as reached, in cost and in violation.
const ACCURACY: f64 = 1e-4;
/// Rounds after which a method counts as not having reached it.
const MOST_ROUNDS: u32 = 1500;
/// Multipliers shown in Fig. 8.
const SHOWN_MULTIPLIERS: usize = 6;

/// One program with its central solution.
struct Program {
    coupled: CoupledWindow,
    central_cost: f64,
    central_multipliers: Vec<f64>,
}

/// Compares the methods on the complete graph.
pub fn methods(study: &Study, windows: &[TestWindow]) -> Result<Vec<CoordinationMethod>, CliError> {
    let all: Vec<Option<Program>> = windows.par_iter().map(|w| program(study, w)).collect::<Result<_, CliError>>()?;
    let programs: Vec<Program> = all.into_iter().flatten().take(study.plan.updates).collect();
    let graph = CommunicationGraph::complete(study.case.fleet.microgrids.len())?;
    let usual = MethodSettings::default();
    let settings = MethodSettings {
        hybrid: ShareSettings { max_rounds: MOST_ROUNDS, ..usual.hybrid },
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

/// The program of a window; `None` where it has no shared limit within reach, so nothing to coordinate.
fn program(study: &Study, w: &TestWindow) -> Result<Option<Program>, CliError> {
    let fleet = &study.case.fleet;
    let mut ws = PhysicsWorkspace::new(fleet);
    let base = BaseDemand::new(fleet, &w.window);
    let mut at = merit_order_actions(fleet, &w.window);
    make_feasible(fleet, &w.window, &mut at);
    let window_program = linearise(fleet, &w.window, &base, &at, &REACH, &study.curvature, &mut ws)?;
    let settings = ProgramSettings { objective: Objective::Cost { proximal: PROXIMAL }, ..ProgramSettings::default() };
    let coupled = CoupledWindow::new(&window_program, &fleet.owner_of_branches(), &settings)?;
    if coupled.meaning.is_empty() {
        return Ok(None);
    }
    let exact = InteriorPointSettings { tolerance: 1e-9, ..InteriorPointSettings::default() };
    let Ok(central) = solve_in_process(&coupled.programs, &coupled.rows, &exact) else { return Ok(None) };
    Ok(Some(Program { coupled, central_cost: central.cost, central_multipliers: central.multipliers }))
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
            let steps = PaperSettings { max_rounds: MOST_ROUNDS, ..settings.paper_for(&p.coupled.programs) };
            let settings = MethodSettings { paper: Some(steps), ..settings.clone() };
            match coordinate(method, &p.coupled.programs, &p.coupled.rows, graph, &settings) {
                Ok(run) => run,
                Err(failed) => failed.record,
            }
        })
        .collect();
    let reached: Vec<Option<usize>> = programs
        .iter()
        .zip(&runs)
        .map(|(p, run)| {
            let trace = run.trace.iter().map(|t| (t.round, t.cost, t.violation));
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
        let scale = program.coupled.meaning.get(row).map_or(0.0, |m| m.price_scale);
        scale * program.central_multipliers.get(row).copied().unwrap_or(0.0)
    };
    order.sort_by(|&a, &b| price(b).total_cmp(&price(a)).then(a.cmp(&b)));
    order.truncate(SHOWN_MULTIPLIERS);
    let mut trace = RoundsTrace::default();
    for row in order {
        let Some(meaning) = program.coupled.meaning.get(row) else { continue };
        trace.limit.push(format!("{}, step {}", meaning.limit.describe(&study.case.fleet), meaning.step + 1));
        let curve = run.trace.iter().map(|t| meaning.price_scale * t.multipliers.get(row).copied().unwrap_or(f64::NAN));
        trace.multiplier_usd_per_pu.push(curve.collect());
    }
    trace.max_violation_pu =
        run.trace.iter().map(|t| t.violation * covolt_learn::coordination::VOLTAGE_UNIT_PU).collect();
    trace
}

//! Receding horizon: decide on a window, apply its first step, carry states of charge and generator powers on.
//!
//! At each row of the span: forecast window ([`crate::forecast`]), proposal, guard, first step. The first step is
//! certified once more by itself against the true data; where it is not safe (it was measured, so only a window without
//! a safe dispatch leads there) it is repaired alone. What is recorded is the applied step after the true power flow.
//!
//! Cost of a step: fuel - lambda_R P_PCC dt, $. Cost of the span: sum of the steps minus W(SOC at the end) - W(SOC at the
//! start), with W the value of stored energy at the end of the span, the same for everybody who is compared. Spans are
//! independent of each other, so callers may run days in parallel with the same result.

use crate::error::DispatchError;
use crate::forecast::{Forecast, ForecastKind};
use crate::guard::{Decision, GuardMode, GuardSettings, decide, propose_and_decide};
use crate::perfect_information::{check_span, terminal_after};
use crate::proposal::Proposer;
use crate::simulation_record::{BranchReading, SimulationRecord, SimulationSettings, StepRecord};
use crate::start_state::{advance, first_step};
use covolt_fleet::{
    BaseDemand, Cost, Fleet, LossCurvature, MicrogridStart, PhysicsWorkspace, PriceOutlook, Profiles, TerminalValue,
    Window,
};
use covolt_grid::Complex64;
use std::ops::{ControlFlow, Range};
use std::time::Instant;

/// Simulates `rows`; `progress` sees every step and may stop the run.
///
/// # Errors
/// Input that does not fit, or a step at which the true network has no power flow whatever is tried.
#[allow(clippy::too_many_arguments)]
pub fn simulate(
    fleet: &Fleet,
    profiles: &Profiles,
    outlook: &PriceOutlook,
    rows: Range<usize>,
    start: &[MicrogridStart],
    proposer: &mut dyn Proposer,
    curvature: &[LossCurvature],
    settings: &SimulationSettings,
    ws: &mut PhysicsWorkspace,
    progress: &mut dyn FnMut(&StepRecord) -> ControlFlow<()>,
) -> Result<SimulationRecord, DispatchError> {
    check_span(fleet, profiles, &rows)?;
    let forecast = Forecast {
        profiles,
        outlook,
        kind: settings.forecast,
        knowledge: settings.knowledge,
        valuation: &settings.valuation,
    };
    let mut states = start.to_vec();
    let mut steps = Vec::with_capacity(rows.len());
    for row in rows.clone() {
        let step = simulate_step(fleet, &forecast, row, &mut states, proposer, curvature, settings, ws)?;
        let go_on = progress(&step);
        steps.push(step);
        if go_on.is_break() {
            break;
        }
    }
    let terminal = terminal_after(fleet, profiles, outlook, rows.end, &settings.valuation, settings.knowledge);
    let stored_value_gain_usd = value_gain(&terminal, start, &states);
    Ok(SimulationRecord { rows, steps, start: start.to_vec(), end: states, stored_value_gain_usd })
}

/// One decision and its applied step; `states` are carried on.
#[allow(clippy::too_many_arguments)]
fn simulate_step(
    fleet: &Fleet,
    forecast: &Forecast<'_>,
    row: usize,
    states: &mut [MicrogridStart],
    proposer: &mut dyn Proposer,
    curvature: &[LossCurvature],
    settings: &SimulationSettings,
    ws: &mut PhysicsWorkspace,
) -> Result<StepRecord, DispatchError> {
    let clock = Instant::now();
    let profiles = forecast.profiles;
    let window = forecast.window(fleet, row, settings.steps, states)?;
    let decision = propose_and_decide(fleet, &window, proposer, &settings.guard, curvature, ws)?;
    let truth = one_step_window(fleet, forecast, row, states)?;
    let first = first_step(fleet, &truth, decision.actions());
    let applied = apply(fleet, &truth, &first, &decision, settings, curvature, ws)?;
    let time_us = clock.elapsed().as_secs_f64() * 1e6;
    let Some(returns) = applied.returns() else {
        let base = BaseDemand::new(fleet, &truth);
        return match ws.solve_step(fleet, &base, applied.actions(), 1, 0) {
            Err(source) => Err(DispatchError::NoPowerFlow { row, source }),
            Ok(()) => Err(DispatchError::Span { start: row, end: row + 1, rows: profiles.rows() }),
        };
    };
    advance(fleet, profiles.dt_h, applied.actions(), states);
    let mut record = StepRecord {
        row,
        unix_s: profiles.unix_s[row],
        actions: applied.actions().to_vec(),
        soc: states.iter().map(|state| state.soc.clone()).collect(),
        export_kw: returns.export_kw.clone(),
        costs: returns.costs.iter().map(|cost| Cost { storage: 0.0, ..*cost }).collect(),
        demand_kw: Vec::new(),
        demand_kvar: Vec::new(),
        voltages: Vec::new(),
        branches: Vec::new(),
        decision: decision.certificate().clone(),
        applied: applied.certificate().clone(),
        time_us,
    };
    if settings.keep_network {
        keep_network(fleet, &truth, &mut record, ws)?;
    }
    Ok(record)
}

/// Certifies the first step against the true data; repairs it alone where that is allowed and needed.
fn apply(
    fleet: &Fleet,
    truth: &Window,
    first: &[Vec<f64>],
    decision: &Decision,
    settings: &SimulationSettings,
    curvature: &[LossCurvature],
    ws: &mut PhysicsWorkspace,
) -> Result<Decision, DispatchError> {
    let mode = match settings.guard.mode {
        GuardMode::Bare => GuardMode::Bare,
        GuardMode::Repair | GuardMode::Polish { .. } => GuardMode::Repair,
    };
    let guard = GuardSettings { mode, ..settings.guard };
    decide(fleet, truth, first, &decision.certificate().policy_version, &guard, curvature, ws)
}

/// The true step at `row` as a window of its own.
fn one_step_window(
    fleet: &Fleet,
    forecast: &Forecast<'_>,
    row: usize,
    states: &[MicrogridStart],
) -> Result<Window, DispatchError> {
    // The first step of any forecast is measured, so a one-step window holds true values only.
    Forecast { kind: ForecastKind::Persistence, ..*forecast }.window(fleet, row, 1, states)
}

/// Voltages, currents and net demands of the applied step.
fn keep_network(
    fleet: &Fleet,
    truth: &Window,
    record: &mut StepRecord,
    ws: &mut PhysicsWorkspace,
) -> Result<(), DispatchError> {
    let base = BaseDemand::new(fleet, truth);
    ws.solve_step(fleet, &base, &record.actions, 1, 0)
        .map_err(|source| DispatchError::NoPowerFlow { row: record.row, source })?;
    let base_kva = fleet.grid.base_kva();
    let (p, q) = ws.demand();
    record.demand_kw = p.iter().map(|p| p * base_kva).collect();
    record.demand_kvar = q.iter().map(|q| q * base_kva).collect();
    record.voltages = ws.flow.v().to_vec();
    record.branches = branch_readings(fleet, ws.flow.v());
    Ok(())
}

/// All monitored currents, A, and their loading.
fn branch_readings(fleet: &Fleet, v: &[Complex64]) -> Vec<BranchReading> {
    (fleet.limits.i_max_pu.iter().enumerate())
        .map(|(current, limit)| {
            let (from_a, to_a) = fleet.grid.current_ends_a(current, v);
            let loading = limit.is_finite().then(|| covolt_fleet::returns::loading_pu(fleet, current, v) / limit);
            BranchReading { from_a, to_a, loading }
        })
        .collect()
}

/// W(SOC at the end) - W(SOC at the start), summed over all batteries, $.
fn value_gain(terminal: &[Vec<TerminalValue>], start: &[MicrogridStart], end: &[MicrogridStart]) -> f64 {
    let mut gain = 0.0;
    for ((values, start), end) in terminal.iter().zip(start).zip(end) {
        for ((value, start), end) in values.iter().zip(&start.soc).zip(&end.soc) {
            gain += value.value(*end) - value.value(*start);
        }
    }
    gain
}

//! Receding horizon: decide on a window, apply its first step, carry states of charge and generator powers on.
//!
//! At each row of the span: forecast window ([`crate::forecast`]), proposal, guard, first step. The first step is
//! certified once more by itself against the true data; where it is not safe (it was measured, so only a window without
//! a safe dispatch leads there) it is repaired alone. What is recorded is the applied step after the true power flow.
//!
//! Cost of a step: fuel - lambda_R P_PCC dt, $. Cost of the span: sum of the steps minus W(SOC at the end) - W(SOC at the
//! start), with W the value of stored energy at the end of the span, the same for everybody who is compared. Spans are
//! independent of each other, so callers may run days in parallel with the same result.

use crate::certificate::Certificate;
use crate::error::DispatchError;
use crate::forecast::{Forecast, ForecastKind, check_profiles};
use crate::guard::{Decision, GuardMode, GuardSettings, decide, propose_and_decide};
use crate::proposal::Proposer;
use crate::start_state::{advance, first_step};
use covolt_fleet::{
    BaseDemand, Cost, Fleet, LossCurvature, MicrogridStart, PhysicsWorkspace, PriceKnowledge, PriceOutlook, Profiles,
    StorageValuation, TerminalValue, Window,
};
use covolt_grid::{BranchIndex, Complex64, CurrentSide};
use covolt_optimum::{CentralSettings, Optimum, optimise};
use std::ops::{ControlFlow, Range};
use std::time::Instant;

/// Settings of a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationSettings {
    /// Window length T, steps.
    pub steps: usize,
    /// What is known of loads and PV power.
    pub forecast: ForecastKind,
    /// What is known of prices.
    pub knowledge: PriceKnowledge,
    /// Value of energy left at the end of a window, and at the end of the span.
    pub valuation: StorageValuation,
    /// The guard.
    pub guard: GuardSettings,
    /// Keep voltages, currents and injections of every step (large).
    pub keep_network: bool,
}

impl Default for SimulationSettings {
    fn default() -> Self {
        SimulationSettings {
            steps: 4,
            forecast: ForecastKind::default(),
            knowledge: PriceKnowledge::default(),
            valuation: StorageValuation::default(),
            guard: GuardSettings::default(),
            keep_network: true,
        }
    }
}

/// Current of one branch in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BranchReading {
    /// Magnitude at the from end, A.
    pub from_a: f64,
    /// Magnitude at the to end, A.
    pub to_a: f64,
    /// Larger of both over the limit; `None` without a limit.
    pub loading: Option<f64>,
}

/// One applied step.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// Row of the profiles.
    pub row: usize,
    /// Start of the step, seconds since 1970 UTC.
    pub unix_s: i64,
    /// Applied action per microgrid in the layout of one step (`Microgrid::layout(1)`), kW and kvar.
    pub actions: Vec<Vec<f64>>,
    /// State of charge per microgrid and battery at the end of the step.
    pub soc: Vec<Vec<f64>>,
    /// Export per microgrid, kW.
    pub export_kw: Vec<f64>,
    /// Cost per microgrid: fuel and exchange of the step, no storage value.
    pub costs: Vec<Cost>,
    /// Net **demand** per bus, kW (empty unless kept); the substation's own entry holds no exchange.
    pub demand_kw: Vec<f64>,
    /// Net demand per bus, kvar (empty unless kept).
    pub demand_kvar: Vec<f64>,
    /// Voltage per bus, pu (empty unless kept).
    pub voltages: Vec<Complex64>,
    /// Per branch (empty unless kept).
    pub branches: Vec<BranchReading>,
    /// Certificate of the window's decision: as the agent saw it.
    pub decision: Certificate,
    /// Certificate of the applied step against the true data.
    pub applied: Certificate,
    /// Time from forecast window to certified step, microseconds.
    pub time_us: f64,
}

impl StepRecord {
    /// Cost of the step over all microgrids, $.
    pub fn cost_usd(&self) -> f64 {
        self.costs.iter().map(Cost::total).sum()
    }

    /// Every limit held in the applied step.
    pub fn is_safe(&self) -> bool {
        self.applied.is_certified()
    }
}

/// A simulated span.
#[derive(Debug, Clone)]
pub struct SimulationRecord {
    /// Rows asked for.
    pub rows: Range<usize>,
    /// The steps; fewer than rows when the progress callback stopped the run.
    pub steps: Vec<StepRecord>,
    /// Devices before the first step.
    pub start: Vec<MicrogridStart>,
    /// Devices after the last step.
    pub end: Vec<MicrogridStart>,
    /// Gain in value of stored energy over the span, $.
    pub stored_value_gain_usd: f64,
}

impl SimulationRecord {
    /// Cost of the span, $: steps minus the gain in value of stored energy.
    pub fn cost_usd(&self) -> f64 {
        self.steps.iter().map(StepRecord::cost_usd).sum::<f64>() - self.stored_value_gain_usd
    }

    /// Applied steps in which a limit was broken.
    pub fn violating_steps(&self) -> usize {
        self.steps.iter().filter(|step| !step.is_safe()).count()
    }

    /// Applied steps for which no safe dispatch was found although repair was allowed.
    pub fn infeasible_steps(&self) -> usize {
        let infeasible = |step: &&StepRecord| {
            matches!(step.applied.verdict, crate::Verdict::LeastViolation { .. } | crate::Verdict::NoPowerFlow { .. })
        };
        self.steps.iter().filter(infeasible).count()
    }

    /// All rows were simulated.
    pub fn is_complete(&self) -> bool {
        self.steps.len() == self.rows.len()
    }
}

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
    states: &mut Vec<MicrogridStart>,
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
    let base_kva = fleet.grid.network().base_mva() * 1e3;
    let (p, q) = ws.demand();
    record.demand_kw = p.iter().map(|p| p * base_kva).collect();
    record.demand_kvar = q.iter().map(|q| q * base_kva).collect();
    record.voltages = ws.flow.v().to_vec();
    record.branches = branch_readings(fleet, ws.flow.v());
    Ok(())
}

/// Currents of all branches, A, and their loading.
fn branch_readings(fleet: &Fleet, v: &[Complex64]) -> Vec<BranchReading> {
    fleet
        .grid
        .branch_admittances()
        .iter()
        .zip(fleet.grid.branch_amperes())
        .zip(&fleet.limits.i_max_pu)
        .enumerate()
        .map(|(branch, ((admittance, amperes), limit))| BranchReading {
            from_a: admittance.current(CurrentSide::From, v).norm() * amperes.base_from_a,
            to_a: admittance.current(CurrentSide::To, v).norm() * amperes.base_to_a,
            loading: limit
                .is_finite()
                .then(|| covolt_fleet::returns::loading_pu(fleet, BranchIndex(branch).0, v) / limit),
        })
        .collect()
}

/// Value of stored energy after the row before `end_row`, as seen from that row: the end valuation of a span, per
/// microgrid and battery.
pub fn terminal_after(
    fleet: &Fleet,
    profiles: &Profiles,
    outlook: &PriceOutlook,
    end_row: usize,
    valuation: &StorageValuation,
    knowledge: PriceKnowledge,
) -> Vec<Vec<TerminalValue>> {
    outlook.terminal_values(fleet, profiles, end_row.saturating_sub(1), 1, valuation, knowledge)
}

/// The same span optimised at once with everything known (T = number of rows), same start, same end valuation.
///
/// # Errors
/// Input that does not fit, or a failing optimisation.
#[allow(clippy::too_many_arguments)]
pub fn perfect_information_optimum(
    fleet: &Fleet,
    profiles: &Profiles,
    rows: Range<usize>,
    start: &[MicrogridStart],
    terminal: &[Vec<TerminalValue>],
    curvature: &[LossCurvature],
    settings: &CentralSettings,
    ws: &mut PhysicsWorkspace,
) -> Result<Optimum, DispatchError> {
    check_span(fleet, profiles, &rows)?;
    let window = Window::from_profiles(profiles, rows.start, rows.len(), start, terminal)
        .ok_or(DispatchError::Span { start: rows.start, end: rows.end, rows: profiles.rows() })?;
    crate::window_check::check_window(fleet, &window)?;
    Ok(optimise(fleet, &window, None, curvature, settings, ws)?)
}

fn check_span(fleet: &Fleet, profiles: &Profiles, rows: &Range<usize>) -> Result<(), DispatchError> {
    check_profiles(fleet, profiles)?;
    if rows.is_empty() || rows.end > profiles.rows() {
        return Err(DispatchError::Span { start: rows.start, end: rows.end, rows: profiles.rows() });
    }
    Ok(())
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

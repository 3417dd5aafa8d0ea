//! What the layers of dispatch are worth: bare, repaired, polished and the merit-order rule against the optimum.
//!
//! gap = sum (J - J*) / sum |J*| over the windows. A gap says nothing without the violations it was reached with (an
//! unsafe action is often cheaper than the optimum), so the two always travel together in one type.

use crate::error::DispatchError;
use crate::guard::{Decision, GuardMode, GuardSettings, decide, propose_and_decide};
use crate::proposal::{MeritOrder, Proposer};
use covolt_fleet::{Fleet, LossCurvature, PhysicsWorkspace, Window};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Which layers to run, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerSettings {
    /// Repair and polish settings; the mode is set by each layer.
    pub guard: GuardSettings,
    /// Polish steps of the polished layer.
    pub polish_steps: u32,
    /// Also run the merit-order rule, repaired.
    pub rule: bool,
}

impl Default for LayerSettings {
    fn default() -> Self {
        LayerSettings { guard: GuardSettings::default(), polish_steps: 1, rule: true }
    }
}

/// One layer in one window: cost and violations together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerOutcome {
    /// Cost of the window, $; `None` when the action has no power flow.
    pub cost_usd: Option<f64>,
    /// Cost of the central optimum of the same window, $.
    pub optimum_usd: f64,
    /// Worst voltage violation, pu.
    pub voltage_violation_pu: f64,
    /// Worst current violation, fraction of the limit.
    pub current_violation: f64,
    /// Every limit holds (tolerances of `covolt_fleet::limits`).
    pub safe: bool,
    /// Convex programs solved.
    pub programs: u32,
    /// Time of the decision, certificate included, microseconds.
    pub time_us: f64,
}

impl LayerOutcome {
    fn of(decision: &Decision, optimum_usd: f64) -> LayerOutcome {
        let certificate = decision.certificate();
        LayerOutcome {
            cost_usd: certificate.cost_usd,
            optimum_usd,
            voltage_violation_pu: decision.returns().map_or(f64::INFINITY, |r| r.voltage_violation_pu()),
            current_violation: decision.returns().map_or(f64::INFINITY, |r| r.current_violation()),
            safe: certificate.is_certified(),
            programs: certificate.programs,
            time_us: decision.time_us(),
        }
    }

    /// Cost above the optimum, percent of the optimum's size.
    pub fn gap_percent(&self) -> Option<f64> {
        self.cost_usd.map(|cost| 100.0 * (cost - self.optimum_usd) / self.optimum_usd.abs().max(f64::MIN_POSITIVE))
    }
}

/// All layers in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowLayers {
    /// Row of the profiles.
    pub row: usize,
    /// Policy mean through the feasible map.
    pub bare: LayerOutcome,
    /// The same, repaired where a limit was broken.
    pub repaired: LayerOutcome,
    /// The same, polished.
    pub polished: LayerOutcome,
    /// Merit-order rule, repaired.
    pub rule: Option<LayerOutcome>,
}

/// One layer over many windows: gap and violations together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerSummary {
    /// Number of windows.
    pub windows: usize,
    /// 100 * sum (J - J*) / sum |J*| over the windows that have a power flow.
    pub gap_percent: f64,
    /// Windows in which a limit is broken.
    pub violating_windows: usize,
    /// Windows without a power flow (they count as violating, and enter no gap).
    pub windows_without_power_flow: usize,
    /// Worst voltage violation, pu.
    pub max_voltage_violation_pu: f64,
    /// Worst current violation, percent of the limit.
    pub max_current_violation_percent: f64,
    /// Largest cost above the optimum in one window, $.
    pub max_gap_usd: f64,
    /// Mean number of convex programs.
    pub programs_mean: f64,
    /// Largest number of convex programs.
    pub programs_max: u32,
    /// Times of the decisions, microseconds, in the order of the windows.
    pub time_us: Vec<f64>,
}

impl LayerSummary {
    /// Sums up one layer.
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a LayerOutcome>) -> LayerSummary {
        let mut summary = LayerSummary::default();
        let (mut above, mut size, mut programs) = (0.0, 0.0, 0.0);
        for outcome in outcomes {
            summary.windows += 1;
            summary.violating_windows += usize::from(!outcome.safe);
            programs += f64::from(outcome.programs);
            summary.programs_max = summary.programs_max.max(outcome.programs);
            summary.time_us.push(outcome.time_us);
            let Some(cost) = outcome.cost_usd else {
                summary.windows_without_power_flow += 1;
                continue;
            };
            above += cost - outcome.optimum_usd;
            size += outcome.optimum_usd.abs();
            summary.max_gap_usd = summary.max_gap_usd.max(cost - outcome.optimum_usd);
            summary.max_voltage_violation_pu = summary.max_voltage_violation_pu.max(outcome.voltage_violation_pu);
            summary.max_current_violation_percent =
                summary.max_current_violation_percent.max(100.0 * outcome.current_violation);
        }
        if size > 0.0 {
            summary.gap_percent = 100.0 * above / size;
        }
        if summary.windows > 0 {
            summary.programs_mean = programs / summary.windows as f64;
        }
        summary
    }
}

/// Runs all layers on one window. The proposal is made once; the bare time includes it, and so do the others.
///
/// # Errors
/// Input that does not fit the fleet.
pub fn evaluate_window(
    fleet: &Fleet,
    window: &Window,
    optimum_usd: f64,
    proposer: &mut dyn Proposer,
    curvature: &[LossCurvature],
    settings: &LayerSettings,
    ws: &mut PhysicsWorkspace,
) -> Result<WindowLayers, DispatchError> {
    let in_mode = |mode| GuardSettings { mode, ..settings.guard };
    let bare = propose_and_decide(fleet, window, proposer, &in_mode(GuardMode::Bare), curvature, ws)?;
    // The bare decision's action is the proposal after the feasible map: the layers start from the same point.
    let mut layer = |mode| {
        decide(fleet, window, bare.actions(), proposer.version(), &in_mode(mode), curvature, ws)
            .map(|decision| LayerOutcome::of(&decision, optimum_usd))
    };
    let repaired = layer(GuardMode::Repair)?;
    let polished = layer(GuardMode::Polish { steps: settings.polish_steps })?;
    let rule = if settings.rule {
        let repair = in_mode(GuardMode::Repair);
        let decision = propose_and_decide(fleet, window, &mut MeritOrder::default(), &repair, curvature, ws)?;
        Some(LayerOutcome::of(&decision, optimum_usd))
    } else {
        None
    };
    let bare = LayerOutcome::of(&bare, optimum_usd);
    Ok(WindowLayers { row: window.row, bare, repaired, polished, rule })
}

/// Runs all layers on every window, in parallel on the present thread pool; results in the order of the windows.
/// `optimum_usd` holds the central optimum of each window. For times that mean something use a pool of one thread.
///
/// # Errors
/// Input that does not fit the fleet.
pub fn evaluate_windows<P: Proposer + Clone + Send + Sync>(
    fleet: &Fleet,
    windows: &[Window],
    optimum_usd: &[f64],
    proposer: &P,
    curvature: &[LossCurvature],
    settings: &LayerSettings,
) -> Result<Vec<WindowLayers>, DispatchError> {
    crate::window_check::check_length(|| "the list of optimum costs".into(), optimum_usd.len(), windows.len())?;
    windows
        .par_iter()
        .zip(optimum_usd)
        .map_init(
            || (proposer.clone(), PhysicsWorkspace::new(fleet)),
            |(proposer, ws), (window, &optimum)| {
                evaluate_window(fleet, window, optimum, proposer, curvature, settings, ws)
            },
        )
        .collect()
}

//! Training and evaluation windows with what every agent sees in them.

use crate::error::LearnError;
use covolt_fleet::state::{StateKind, observe};
use covolt_fleet::{
    BaseDemand, Fleet, MicrogridStart, PriceKnowledge, PriceOutlook, Profiles, StorageValuation, TerminalValue, Window,
    merit_order::merit_order,
};
use rayon::prelude::*;

/// Where windows come from.
#[derive(Debug, Clone, Copy)]
pub struct ScenarioSource<'a> {
    /// The fleet.
    pub fleet: &'a Fleet,
    /// Its series.
    pub profiles: &'a Profiles,
    /// Prices beyond the window.
    pub outlook: &'a PriceOutlook,
    /// How stored energy is valued.
    pub valuation: &'a StorageValuation,
    /// Window length T.
    pub steps: usize,
}

/// A window with what every agent sees in it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The window.
    pub window: Window,
    /// Net demand outside the agents' control.
    pub base: BaseDemand,
    /// State S_n per microgrid.
    pub features: Vec<Vec<f64>>,
    /// Merit-order set-points per microgrid.
    pub merit_order: Vec<Vec<f64>>,
}

impl Scenario {
    /// Adds states and set-points to a window.
    pub fn new(fleet: &Fleet, window: Window, kind: StateKind) -> Scenario {
        let (mut features, mut set_points) = (Vec::new(), Vec::new());
        for (n, (mg, w)) in fleet.microgrids.iter().zip(&window.microgrids).enumerate() {
            let layout = mg.layout(window.steps);
            let mut set_point = vec![0.0; layout.len()];
            merit_order(mg, w, window.dt_h, &layout, &mut set_point);
            let mut state = Vec::new();
            observe(kind, mg, n, &window, &layout, &set_point, &mut state);
            features.push(state);
            set_points.push(set_point);
        }
        Scenario { base: BaseDemand::new(fleet, &window), window, features, merit_order: set_points }
    }
}

/// A window as drawn: its row and the states of the devices. Everything else follows from the data, so that many windows of
/// many microgrids fit into memory.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnWindow {
    pub(crate) row: usize,
    /// Microgrid after microgrid: states of charge, generator powers (kW), shift of the value of stored energy ($/kWh).
    pub(crate) states: Vec<f64>,
}

impl DrawnWindow {
    /// The window with what every agent sees in it.
    ///
    /// # Errors
    /// The data ends before the window does.
    pub fn scenario(&self, source: &ScenarioSource<'_>, kind: StateKind) -> Result<Scenario, LearnError> {
        let (fleet, profiles, knowledge) = (source.fleet, source.profiles, PriceKnowledge::DayAhead);
        let mut terminals =
            source.outlook.terminal_values(fleet, profiles, self.row, source.steps, source.valuation, knowledge);
        let mut states = self.states.iter().copied();
        let mut starts = Vec::with_capacity(fleet.microgrids.len());
        for (mg, values) in fleet.microgrids.iter().zip(&mut terminals) {
            let soc = states.by_ref().take(mg.batteries.len()).collect();
            let p_dg_kw = states.by_ref().take(mg.dgs.len()).collect();
            starts.push(MicrogridStart { soc, p_dg_kw });
            let shift = states.next().unwrap_or(0.0);
            for (battery, value) in mg.batteries.iter().zip(values) {
                shift_slopes(value, shift * battery.capacity_kwh);
            }
        }
        let row = self.row;
        let window = Window::from_profiles(profiles, row, source.steps, &starts, &terminals)
            .ok_or_else(|| LearnError::NoScenario { reason: format!("row {row} has no complete window") })?;
        Ok(Scenario::new(fleet, window, kind))
    }
}

/// Scenarios of drawn windows, in their order.
///
/// # Errors
/// The data ends before a window does.
pub fn scenarios<'w>(
    source: &ScenarioSource<'_>,
    kind: StateKind,
    windows: impl IntoParallelIterator<Item = &'w DrawnWindow, Iter: IndexedParallelIterator>,
) -> Result<Vec<Scenario>, LearnError> {
    windows.into_par_iter().map(|window| window.scenario(source, kind)).collect()
}

fn shift_slopes(value: &mut TerminalValue, shift: f64) {
    value.slopes.iter_mut().for_each(|s| *s += shift);
}

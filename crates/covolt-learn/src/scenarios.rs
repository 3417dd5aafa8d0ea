//! Training and evaluation windows: rows of given days, devices at drawn states, stored energy at a drawn value.
//!
//! A window lies wholly within one day, so that days of different sets never mix. Device states are drawn: a policy must
//! act well wherever a day may have led it.

use crate::error::LearnError;
use covolt_fleet::state::{StateKind, observe};
use covolt_fleet::{
    BaseDemand, Fleet, MicrogridStart, PriceKnowledge, PriceOutlook, Profiles, StorageValuation, TerminalValue, Window,
    merit_order::merit_order,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How far drawn states spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StateSpread {
    /// Chance that a battery starts exactly empty, and the same for full; otherwise uniform in between.
    pub soc_extreme: f64,
    /// Standard deviation of the generator power before the window around its merit order, fraction of P_max.
    pub p_dg_relative: f64,
    /// Half-width of the uniform shift of the value of stored energy, $/kWh.
    pub value_per_kwh: f64,
}

impl Default for StateSpread {
    fn default() -> Self {
        StateSpread { soc_extreme: 0.08, p_dg_relative: 0.12, value_per_kwh: 0.006 }
    }
}

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
    row: usize,
    /// Microgrid after microgrid: states of charge, generator powers (kW), shift of the value of stored energy ($/kWh).
    states: Vec<f64>,
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

/// Draws `count` windows from `days`; the same generator state gives the same windows.
///
/// # Errors
/// No day is long enough for a window.
pub fn draw(
    source: &ScenarioSource<'_>,
    days: &[usize],
    count: usize,
    spread: &StateSpread,
    kind: StateKind,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Scenario>, LearnError> {
    scenarios(source, kind, &draw_windows(source, days, count, spread, rng)?)
}

/// As [`draw`], as short as a window can be written down.
///
/// # Errors
/// No day is long enough for a window.
pub fn draw_windows(
    source: &ScenarioSource<'_>,
    days: &[usize],
    count: usize,
    spread: &StateSpread,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<DrawnWindow>, LearnError> {
    Ok(draw_from(source, &start_rows(source, days)?, count, spread, rng))
}

/// As [`draw`], but only windows whose prices are among the lowest or the highest: rare situations that a policy would
/// otherwise hardly meet while it learns.
///
/// # Errors
/// No day is long enough for a window.
pub fn draw_rare(
    source: &ScenarioSource<'_>,
    days: &[usize],
    count: usize,
    spread: &StateSpread,
    kind: StateKind,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Scenario>, LearnError> {
    scenarios(source, kind, &draw_rare_windows(source, days, count, spread, rng)?)
}

/// As [`draw_rare`], as short as a window can be written down.
///
/// # Errors
/// No day is long enough for a window.
pub fn draw_rare_windows(
    source: &ScenarioSource<'_>,
    days: &[usize],
    count: usize,
    spread: &StateSpread,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<DrawnWindow>, LearnError> {
    let price = |row: usize| -> f64 {
        source.profiles.microgrids.iter().flat_map(|m| (row..row + source.steps).map(|r| m.price_per_kwh.at(r))).sum()
    };
    let mut rows: Vec<(f64, usize)> = start_rows(source, days)?.into_par_iter().map(|row| (price(row), row)).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let tail = (rows.len() as f64 * RARE_TAIL).ceil() as usize;
    let highest = rows.len().saturating_sub(tail).max(tail);
    rows.drain(tail.min(highest)..highest);
    let rows: Vec<usize> = rows.into_iter().map(|(_, row)| row).collect();
    Ok(draw_from(source, &rows, count, spread, rng))
}

/// Share of the windows at each end of the prices that counts as rare.
const RARE_TAIL: f64 = 0.05;

/// Rows at which a window may start.
fn start_rows(source: &ScenarioSource<'_>, days: &[usize]) -> Result<Vec<usize>, LearnError> {
    let rows: Vec<usize> = days
        .iter()
        .map(|&d| source.profiles.rows_of_day(d))
        .filter(|r| r.len() >= source.steps)
        .flat_map(|r| r.start..=r.end - source.steps)
        .collect();
    if rows.is_empty() {
        let reason = format!("none of {} days holds {} steps", days.len(), source.steps);
        return Err(LearnError::NoScenario { reason });
    }
    Ok(rows)
}

fn draw_from(
    source: &ScenarioSource<'_>,
    rows: &[usize],
    count: usize,
    spread: &StateSpread,
    rng: &mut ChaCha8Rng,
) -> Vec<DrawnWindow> {
    (0..count)
        .map(|_| {
            let row = rows[rng.random_range(0..rows.len())];
            draw_window(source, row, spread, rng)
        })
        .collect()
}

/// The window at `row` with drawn device states: first the states of all microgrids, then all shifts of the value.
fn draw_window(source: &ScenarioSource<'_>, row: usize, spread: &StateSpread, rng: &mut ChaCha8Rng) -> DrawnWindow {
    let count = source.fleet.microgrids.len();
    let starts: Vec<MicrogridStart> = (0..count).map(|n| draw_start(source, n, row, spread, rng)).collect();
    let mut states = Vec::with_capacity(starts.iter().map(|s| s.soc.len() + s.p_dg_kw.len() + 1).sum());
    for start in &starts {
        states.extend_from_slice(&start.soc);
        states.extend_from_slice(&start.p_dg_kw);
        states.push(rng.random_range(-1.0..=1.0) * spread.value_per_kwh);
    }
    DrawnWindow { row, states }
}

fn draw_start(
    source: &ScenarioSource<'_>,
    n: usize,
    row: usize,
    spread: &StateSpread,
    rng: &mut ChaCha8Rng,
) -> MicrogridStart {
    let mg = &source.fleet.microgrids[n];
    let before = row.saturating_sub(1);
    let price = source.profiles.microgrids[n].price_per_kwh.at(before);
    let soc = mg
        .batteries
        .iter()
        .map(|b| {
            let u: f64 = rng.random();
            let inner: f64 = rng.random();
            if u < spread.soc_extreme {
                b.soc_min
            } else if u > 1.0 - spread.soc_extreme {
                b.soc_max
            } else {
                b.soc_min + inner * (b.soc_max - b.soc_min)
            }
        })
        .collect();
    let p_dg_kw = (0..mg.dgs.len())
        .map(|i| {
            let noise: f64 = StandardNormal.sample(rng);
            let set_point = covolt_fleet::merit_order::generator_set_point(mg, i, price);
            (set_point.clamp(0.0, mg.dgs[i].p_max_kw) + noise * spread.p_dg_relative * mg.dgs[i].p_max_kw)
                .clamp(0.0, mg.dgs[i].p_max_kw)
        })
        .collect();
    MicrogridStart { soc, p_dg_kw }
}

fn shift_slopes(value: &mut TerminalValue, shift: f64) {
    value.slopes.iter_mut().for_each(|s| *s += shift);
}

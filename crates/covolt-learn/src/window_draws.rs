//! Drawing windows: rows of given days, devices at drawn states, stored energy at a drawn value.
//!
//! A window lies wholly within one day, so that days of different sets never mix. Device states are drawn: a policy must
//! act well wherever a day may have led it.
//!
//! Rows are common to all. States are each microgrid's own: they come from a random stream of its seat, the number that it has
//! among all microgrids, so that an agent that knows its own microgrid alone draws what is drawn for it where all are known.

use crate::error::LearnError;
use crate::scenarios::{DrawnWindow, Scenario, ScenarioSource, scenarios};
use covolt_fleet::{MicrogridStart, Profiles, StateKind};
use rand::{RngExt, SeedableRng};
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

/// Whose random streams states and weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seats {
    /// Seed of all of them.
    pub seed: u64,
    /// Seat of the fleet's first microgrid; the others follow.
    pub first: usize,
}

/// Streams of one seed, far from each other: trainers take those from 0 for the order of windows.
const STATES: u64 = 1 << 40;
const WEIGHTS: u64 = 2 << 40;

impl Seats {
    /// All seats of a whole fleet.
    pub fn all(seed: u64) -> Seats {
        Seats { seed, first: 0 }
    }

    /// The stream that the initial weights of microgrid `n` of the fleet come from.
    pub fn weights(self, n: usize) -> ChaCha8Rng {
        self.stream(WEIGHTS, n)
    }

    fn stream(self, purpose: u64, n: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(purpose + (self.first + n) as u64);
        rng
    }
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
    let rows = draw_rows(source.profiles, source.steps, days, count, rng)?;
    scenarios(source, kind, &draw_windows(source, &rows, spread, Seats::all(rng.random())))
}

/// Draws the rows at which `count` windows of `steps` start.
///
/// # Errors
/// No day is long enough for a window.
pub fn draw_rows(
    profiles: &Profiles,
    steps: usize,
    days: &[usize],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<usize>, LearnError> {
    Ok(draw_from(&start_rows(profiles, steps, days)?, count, rng))
}

/// As [`draw_rows`], but only windows whose prices are among the lowest or the highest: rare situations that a policy would
/// otherwise hardly meet while it learns. `price` is the price at a row.
///
/// # Errors
/// No day is long enough for a window.
pub fn draw_rare_rows(
    profiles: &Profiles,
    price: impl Fn(usize) -> f64 + Sync,
    steps: usize,
    days: &[usize],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<usize>, LearnError> {
    let price = |row: usize| -> f64 { (row..row + steps).map(&price).sum() };
    let rows = start_rows(profiles, steps, days)?.into_par_iter();
    let mut rows: Vec<(f64, usize)> = rows.map(|row| (price(row), row)).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let tail = (rows.len() as f64 * RARE_TAIL).ceil() as usize;
    let highest = rows.len().saturating_sub(tail).max(tail);
    rows.drain(tail.min(highest)..highest);
    let rows: Vec<usize> = rows.into_iter().map(|(_, row)| row).collect();
    Ok(draw_from(&rows, count, rng))
}

/// Share of the windows at each end of the prices that counts as rare.
const RARE_TAIL: f64 = 0.05;

/// Rows at which a window may start.
fn start_rows(profiles: &Profiles, steps: usize, days: &[usize]) -> Result<Vec<usize>, LearnError> {
    let rows: Vec<usize> = days
        .iter()
        .map(|&d| profiles.rows_of_day(d))
        .filter(|r| r.len() >= steps)
        .flat_map(|r| r.start..=r.end - steps)
        .collect();
    if rows.is_empty() {
        let reason = format!("none of {} days holds {steps} steps", days.len());
        return Err(LearnError::NoScenario { reason });
    }
    Ok(rows)
}

fn draw_from(rows: &[usize], count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    (0..count).map(|_| rows[rng.random_range(0..rows.len())]).collect()
}

/// Windows at `rows` with drawn device states, from the streams of the microgrids' seats.
pub fn draw_windows(
    source: &ScenarioSource<'_>,
    rows: &[usize],
    spread: &StateSpread,
    seats: Seats,
) -> Vec<DrawnWindow> {
    let mut windows: Vec<DrawnWindow> = rows.iter().map(|&row| DrawnWindow { row, states: Vec::new() }).collect();
    for n in 0..source.fleet.microgrids.len() {
        let mut rng = seats.stream(STATES, n);
        for window in &mut windows {
            let start = draw_start(source, n, window.row, spread, &mut rng);
            window.states.extend_from_slice(&start.soc);
            window.states.extend_from_slice(&start.p_dg_kw);
            window.states.push(rng.random_range(-1.0..=1.0) * spread.value_per_kwh);
        }
    }
    windows
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

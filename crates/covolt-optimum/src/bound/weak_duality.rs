//! A lower bound from an optimum that is known already: by weak duality, without solving the relaxation.
//!
//! For every z in the dual cone of the relaxation of [`super`],
//!
//! ```text
//!   cost of every action  >=  -b^T z - 1/2 y^T P y + min over the box of (P y + q + A^T z)^T x
//! ```
//!
//! (`certificate.rs`, which also puts z into the cone and takes the rounding off): z and y decide how close the bound is,
//! not whether it holds. Where the relaxation is exact, its multipliers are those of the AC optimum, and they follow from it:
//!
//! 1. the power flow at the optimum's action gives the point, the optimum's prices those of the limits (`optimum_flow.rs`);
//! 2. the rows of the network: no slope on any flow, along the tree in O(buses) for each step (`flow_prices.rs`);
//! 3. the rows of the devices: a small convex program for each microgrid at these prices (`device_prices.rs`).
//!
//! What is lost: the optimum's cost is accurate to second order in its distance from the true one, its slopes to first, and
//! a slope that is not zero is charged over the whole range of a set-point that is free; and where the relaxation burns power, a negative
//! slope over the range of l. Beyond [`BoundSettings::duality`] the relaxation is solved as well, and the better of the two
//! counts.

use super::certificate::dual_bound;
use super::flow_prices::FlowPrices;
use super::input::check;
use super::optimum_flow::{at_actions, place_prices};
use super::program::ConicProgram;
use super::{BoundError, BoundSettings, device_prices, relax};
use crate::by_feeder::bound_each_optimum;
use crate::central::Optimum;
use covolt_fleet::{Fleet, LimitPrices, Window};
use std::time::Instant;

/// Where a bound comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundMethod {
    /// Multipliers of the optimum.
    Duality,
    /// The cone relaxation, solved, at least of one feeder.
    Relaxation,
}

/// Lower bound of a window whose optimum is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimumBound {
    /// No feasible action costs less, $.
    pub value_usd: f64,
    /// How it was found.
    pub method: BoundMethod,
    /// Elements of the tree that the multipliers of the network took to eliminate, all sweeps and steps.
    pub eliminations: usize,
    /// Building and solving, s.
    pub solve_time_s: f64,
}

/// Lower bound on the cost of the window, over every joint action that keeps (3)-(14), given its optimum.
///
/// # Errors
/// As [`super::lower_bound`], and an optimum of another fleet.
pub fn bound_optimum(
    fleet: &Fleet,
    window: &Window,
    optimum: &Optimum,
    settings: &BoundSettings,
) -> Result<OptimumBound, BoundError> {
    let started = Instant::now();
    check(fleet, window)?;
    check_actions(fleet, window, &optimum.actions)?;
    check_length(window, "list of costs", optimum.returns.costs.len(), fleet.microgrids.len())?;
    let as_written = settings.voltage_allowance_pu == 0.0 && settings.current_allowance == 0.0;
    if let (Some(value_usd), true, Some(_)) = (optimum.bound_usd, as_written, settings.duality) {
        // The search for the optimum has solved the relaxation already.
        let (method, solve_time_s) = (BoundMethod::Relaxation, started.elapsed().as_secs_f64());
        return Ok(OptimumBound { value_usd, method, eliminations: 0, solve_time_s });
    }
    let feeders = fleet.feeders();
    let costs: Vec<f64> = optimum.returns.costs.iter().map(|cost| cost.total()).collect();
    let known = Known { actions: &optimum.actions, prices: &optimum.prices, costs: &costs };
    let safe = optimum.returns.is_safe();
    let bound = if feeders.is_empty() {
        bound_part(fleet, window, safe.then_some(&known), settings)?
    } else {
        bound_each_optimum(&feeders, window, &known, |feeder, own, known| {
            bound_part(&feeder.fleet, own, safe.then_some(known), settings)
        })?
    };
    Ok(OptimumBound { solve_time_s: started.elapsed().as_secs_f64(), ..bound })
}

/// What the bound needs of an optimum, per microgrid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub actions: &'a [Vec<f64>],
    pub prices: &'a LimitPrices,
    pub costs: &'a [f64],
}

fn bound_part(
    fleet: &Fleet,
    window: &Window,
    known: Option<&Known<'_>>,
    settings: &BoundSettings,
) -> Result<OptimumBound, BoundError> {
    let started = Instant::now();
    let program = ConicProgram::build(fleet, window, settings)?;
    let mut by_duality = None;
    let mut eliminations = 0;
    if let (Some(known), Some(accepted)) = (known, settings.duality)
        && let Some((value_usd, work)) = by_multipliers(&program, fleet, window, known.actions, known.prices, settings)
    {
        eliminations = work;
        by_duality = Some(value_usd).filter(|value| value.is_finite());
        let cost: f64 = known.costs.iter().sum();
        if cost - value_usd <= accepted * cost.abs() {
            let method = BoundMethod::Duality;
            return Ok(OptimumBound { value_usd, method, eliminations, solve_time_s: 0.0 });
        }
    }
    let relaxed = relax(fleet, window, &program, settings, started)?;
    let value_usd = by_duality.map_or(relaxed.value_usd, |value| relaxed.value_usd.max(value));
    Ok(OptimumBound { value_usd, method: BoundMethod::Relaxation, eliminations, solve_time_s: 0.0 })
}

/// The bound by weak duality alone, $, at any joint action and prices of limits, of a network taken as one part: close where they
/// are those of the optimum, a bound wherever they are from. `None` without a power flow, and where no multipliers follow from it.
///
/// # Errors
/// A network that is not radial, or a window or action that does not fit the fleet.
pub fn duality_bound(
    fleet: &Fleet,
    window: &Window,
    actions: &[Vec<f64>],
    prices: &LimitPrices,
    settings: &BoundSettings,
) -> Result<Option<f64>, BoundError> {
    check_actions(fleet, window, actions)?;
    let program = ConicProgram::build(fleet, window, settings)?;
    Ok(by_multipliers(&program, fleet, window, actions, prices, settings).map(|(value_usd, _)| value_usd))
}

fn check_actions(fleet: &Fleet, window: &Window, actions: &[Vec<f64>]) -> Result<(), BoundError> {
    check_length(window, "list of actions", actions.len(), fleet.microgrids.len())?;
    fleet.microgrids.iter().zip(actions).try_for_each(|(mg, action)| {
        check_length(window, &format!("action of microgrid {}", mg.name), action.len(), mg.layout(window.steps).len())
    })
}

fn check_length(window: &Window, what: &str, found: usize, expected: usize) -> Result<(), BoundError> {
    if found == expected {
        return Ok(());
    }
    Err(BoundError::WindowMismatch { row: window.row, what: what.to_owned(), found, expected })
}

/// The bound, $, and the elements eliminated.
fn by_multipliers(
    program: &ConicProgram,
    fleet: &Fleet,
    window: &Window,
    actions: &[Vec<f64>],
    prices: &LimitPrices,
    settings: &BoundSettings,
) -> Option<(f64, usize)> {
    let (mut flows, mut x) = at_actions(program, fleet, window, actions)?;
    let mut z = vec![0.0; program.data.b.len()];
    place_prices(program, prices, &x, &mut flows, &mut z);
    let slope = program.flow_slope(&z);
    let mut flow_prices = FlowPrices::default();
    for (t, flow) in flows.iter().enumerate() {
        flow_prices.set(program, t, flow, &slope, &mut z)?;
    }
    device_prices::set(program, settings, &mut z, &mut x)?;
    Some((program.usd(dual_bound(&program.data, &x, &z)), flow_prices.eliminations))
}

//! Optimum and bound of a fleet on several feeders: those of each feeder, side by side.
//!
//! Parts of the network that meet at the source only share no voltage, cost is a sum over microgrids and every limit
//! belongs to one part ([`covolt_fleet::feeders`]). With a the joint action and a_f its entries in feeder f,
//!
//! ```text
//!   min { sum_f C_f(a_f) : g_f(a_f) <= 0 for every f }  =  sum_f min { C_f(a_f) : g_f(a_f) <= 0 }
//! ```
//!
//! and the same holds of any relaxation that is made limit by limit, so bounds add up as well. One sequence per feeder
//! keeps its own weights, proximal term and end, where a joint one waits for the slowest of all.
//!
//! Feeders are solved on the caller's thread pool and joined in their order: the result does not depend on the number of
//! threads (`law_optimum_of_feeders_is_that_of_each_on_any_number_of_threads`).

use crate::bound::{Bound, BoundError, BoundMethod, BoundSettings, Known, OptimumBound, UnmetLimit};
use crate::central::{Optimum, OptimumStatus};
use covolt_fleet::feeders::join_returns;
use covolt_fleet::{Feeder, Fleet, Limit, LimitPrices, Nearest, Window};
use rayon::prelude::*;
use std::time::Instant;

/// Solves every feeder's window; the first failure in the order of the feeders fails the whole.
fn of_each<T: Send, E: Send>(
    feeders: &[Feeder],
    window: &Window,
    solve: impl Fn(&Feeder, &Window) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let solved: Vec<Result<T, E>> = feeders.par_iter().map(|feeder| solve(feeder, &feeder.window(window))).collect();
    solved.into_iter().collect()
}

/// The optimum of the whole from that of each feeder.
pub(crate) fn optimise_each<E: Send>(
    fleet: &Fleet,
    feeders: &[Feeder],
    window: &Window,
    solve: impl Fn(&Feeder, &Window) -> Result<Optimum, E> + Sync,
) -> Result<Optimum, E> {
    let parts = of_each(feeders, window, solve)?;
    let returns: Vec<_> = parts.iter().map(|part| part.returns.clone()).collect();
    let mut whole = Optimum {
        actions: vec![Vec::new(); fleet.microgrids.len()],
        returns: join_returns(feeders, &returns, fleet.microgrids.len(), window.steps),
        prices: LimitPrices::default(),
        status: joint_status(feeders, &parts),
        rounds: parts.iter().map(|part| part.rounds).max().unwrap_or(0),
        programs: parts.iter().map(|part| part.programs).sum(),
        bound_usd: parts.iter().map(|part| part.bound_usd).sum(),
    };
    for (feeder, part) in feeders.iter().zip(parts) {
        place(feeder, part.actions, &mut whole.actions);
        let named = part.prices.entries.into_iter().map(|(step, l, price)| (step, feeder.limit_in_whole(l), price));
        whole.prices.entries.extend(named);
    }
    // As a program of the whole lists them: voltages before currents, each by step.
    whole.prices.entries.sort_by_key(|&(step, limit, _)| (matches!(limit, Limit::Current(_)), step, limit));
    Ok(whole)
}

/// A feeder without a feasible action leaves the whole without one, whatever the others found.
fn joint_status(feeders: &[Feeder], parts: &[Optimum]) -> OptimumStatus {
    let mut unmet: Vec<Nearest> = Vec::new();
    let mut changes: Vec<f64> = Vec::new();
    for (feeder, part) in feeders.iter().zip(parts) {
        match &part.status {
            OptimumStatus::Optimal => {}
            OptimumStatus::Infeasible { limits } => {
                unmet.extend(limits.iter().map(|n| Nearest { limit: feeder.limit_in_whole(n.limit), ..*n }));
            }
            OptimumStatus::NotConverged { last_change } => changes.push(*last_change),
        }
    }
    if !unmet.is_empty() {
        return OptimumStatus::Infeasible { limits: unmet };
    }
    match changes.is_empty() {
        true => OptimumStatus::Optimal,
        false => OptimumStatus::NotConverged { last_change: changes.iter().sum() },
    }
}

/// The bound of the whole from that of each feeder.
pub(crate) fn bound_each(
    fleet: &Fleet,
    feeders: &[Feeder],
    window: &Window,
    settings: &BoundSettings,
    solve: impl Fn(&Feeder, &Window, &BoundSettings) -> Result<Bound, BoundError> + Sync,
) -> Result<Bound, BoundError> {
    let started = Instant::now();
    let parts = of_each(feeders, window, |feeder, own| {
        solve(feeder, own, settings).map_err(|error| named_in_whole(feeder, error))
    })?;
    let largest = |of: fn(&Bound) -> f64| parts.iter().map(of).fold(0.0, f64::max);
    let mut statuses: Vec<&str> = parts.iter().map(|part| part.status.as_str()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let mut whole = Bound {
        value_usd: parts.iter().map(|part| part.value_usd).sum(),
        relaxed_cost_usd: parts.iter().map(|part| part.relaxed_cost_usd).sum(),
        actions: vec![Vec::new(); fleet.microgrids.len()],
        relaxation_gap_max: largest(|part| part.relaxation_gap_max),
        charge_discharge_overlap_kw: largest(|part| part.charge_discharge_overlap_kw),
        solve_time_s: 0.0,
        iterations: parts.iter().map(|part| part.iterations).sum(),
        variables: parts.iter().map(|part| part.variables).sum(),
        status: statuses.join(", "),
    };
    for (feeder, part) in feeders.iter().zip(parts) {
        place(feeder, part.actions, &mut whole.actions);
    }
    whole.solve_time_s = started.elapsed().as_secs_f64();
    Ok(whole)
}

/// The bound of the whole from those of each feeder, given the optimum of the whole.
pub(crate) fn bound_each_optimum(
    feeders: &[Feeder],
    window: &Window,
    known: &Known<'_>,
    solve: impl Fn(&Feeder, &Window, &Known<'_>) -> Result<OptimumBound, BoundError> + Sync,
) -> Result<OptimumBound, BoundError> {
    let prices = prices_of_each(feeders, known.prices);
    let of_feeder = |at: usize| {
        let feeder = &feeders[at];
        let (actions, costs) = (feeder.of_microgrids(known.actions), feeder.of_microgrids(known.costs));
        let own = Known { actions: &actions, prices: &prices[at], costs: &costs };
        solve(feeder, &feeder.window(window), &own).map_err(|error| named_in_whole(feeder, error))
    };
    let parts: Vec<Result<OptimumBound, BoundError>> = (0..feeders.len()).into_par_iter().map(of_feeder).collect();
    let parts: Vec<OptimumBound> = parts.into_iter().collect::<Result<_, _>>()?;
    let relaxed = parts.iter().any(|part| part.method == BoundMethod::Relaxation);
    Ok(OptimumBound {
        value_usd: parts.iter().map(|part| part.value_usd).sum(),
        method: if relaxed { BoundMethod::Relaxation } else { BoundMethod::Duality },
        eliminations: parts.iter().map(|part| part.eliminations).sum(),
        solve_time_s: 0.0,
    })
}

/// The prices of the whole, each with the feeder of its limit and as that feeder numbers it.
fn prices_of_each(feeders: &[Feeder], prices: &LimitPrices) -> Vec<LimitPrices> {
    let mut own = vec![LimitPrices::default(); feeders.len()];
    // The source, which is in every feeder, has no limit.
    let place = |lists: &dyn Fn(&Feeder) -> &[usize]| {
        let size = feeders.iter().filter_map(|f| lists(f).iter().max()).max().map_or(0, |last| last + 1);
        let mut places = vec![None; size];
        for (at, feeder) in feeders.iter().enumerate() {
            lists(feeder).iter().enumerate().for_each(|(index, &whole)| places[whole] = Some((at, index)));
        }
        places
    };
    let (buses, branches) = (place(&|feeder| &feeder.buses), place(&|feeder| &feeder.branches));
    for &(step, limit, price) in &prices.entries {
        let (places, index) = match limit {
            Limit::VoltageLow(bus) | Limit::VoltageHigh(bus) => (&buses, bus),
            Limit::Current(branch) => (&branches, branch),
        };
        let Some((at, index)) = places.get(index).copied().flatten() else { continue };
        let limit = match limit {
            Limit::VoltageLow(_) => Limit::VoltageLow(index),
            Limit::VoltageHigh(_) => Limit::VoltageHigh(index),
            Limit::Current(_) => Limit::Current(index),
        };
        own[at].entries.push((step, limit, price));
    }
    own
}

/// An infeasible feeder's limits as the whole network numbers them.
fn named_in_whole(feeder: &Feeder, error: BoundError) -> BoundError {
    match error {
        BoundError::Infeasible { row, limits, summary } => {
            let limits = limits.into_iter();
            let limits = limits.map(|l| UnmetLimit { limit: feeder.limit_in_whole(l.limit), ..l }).collect();
            BoundError::Infeasible { row, limits, summary }
        }
        other => other,
    }
}

/// Puts the feeder's actions at their microgrids' places.
fn place(feeder: &Feeder, own: Vec<Vec<f64>>, actions: &mut [Vec<f64>]) {
    for (action, &n) in own.into_iter().zip(&feeder.microgrids) {
        actions[n] = action;
    }
}

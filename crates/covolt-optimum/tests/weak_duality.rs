//! Evidence for the bound by weak duality: the relaxation, the AC optimum, random multipliers, counts of work.
#![allow(clippy::unwrap_used)]

#[path = "bound_fleet/mod.rs"]
mod bound_fleet;
mod built_in;
#[path = "built_in/copies.rs"]
mod copies;

use built_in::{BuiltIn, Family, PLAIN};
use copies::copies;
use covolt_fleet::*;
use covolt_optimum::bound::{BoundError, BoundMethod, BoundSettings, bound_optimum, duality_bound, lower_bound};
use covolt_optimum::{CentralSettings, Optimum, optimise};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn central(fleet: &Fleet, window: &Window) -> Optimum {
    let (settings, mut ws) = (CentralSettings::default(), PhysicsWorkspace::new(fleet));
    optimise(fleet, window, None, &LossCurvature::of_fleet(fleet), &settings, &mut ws).unwrap()
}

/// In which of a hundred windows the optimum's multipliers are enough, and how far below the relaxation they end.
#[test]
fn ref_bound_from_the_optimum_is_that_of_the_relaxation() {
    let built_in = BuiltIn::load();
    let fleet = &built_in.case.fleet;
    let settings = BoundSettings::default();
    let (mut exact, mut near, mut enough, mut compared) = (0, 0, 0, 0);
    let mut distances = Vec::new();
    for seed in 0..100 {
        let window = built_in.window(&PLAIN, &mut ChaCha8Rng::seed_from_u64(seed));
        let optimum = central(fleet, &window);
        if !optimum.returns.is_safe() {
            continue;
        }
        compared += 1;
        let cost = optimum.returns.total();
        let relaxed = lower_bound(fleet, &window, &settings).unwrap().value_usd;
        let by_duality = duality_bound(fleet, &window, &optimum.actions, &optimum.prices, &settings).unwrap().unwrap();
        let bound = bound_optimum(fleet, &window, &optimum, &settings).unwrap();
        let below = |value: f64| (cost - value) / cost.abs();
        let distance = (relaxed - by_duality) / relaxed.abs();
        if below(relaxed) > 1e-5 || below(by_duality) > 1e-5 {
            println!(
                "seed {seed}: relaxation {:.1e}, duality {:.1e} below the optimum, {} rounds",
                below(relaxed),
                below(by_duality),
                optimum.rounds
            );
        }
        assert!(distance > -1e-7, "seed {seed}: {by_duality} above the relaxation's {relaxed}");
        assert!(below(by_duality) > -1e-7, "seed {seed}: {by_duality} above the optimum's {cost}");
        assert_eq!(bound.method == BoundMethod::Duality, below(by_duality) <= 1e-5, "seed {seed}");
        assert!(bound.value_usd >= relaxed - 1e-5 * cost.abs(), "seed {seed}: {} {relaxed}", bound.value_usd);
        enough += usize::from(bound.method == BoundMethod::Duality);
        // Without a sequence of its own, the optimum has no prices.
        if below(relaxed) < 1e-6 && optimum.rounds > 0 {
            exact += 1;
            near += usize::from(distance < 1e-5);
            distances.push(distance);
        }
    }
    distances.sort_by(f64::total_cmp);
    let (median, worst) = (distances[distances.len() / 2], distances[distances.len() - 1]);
    println!(
        "{compared} windows, enough in {enough}; exact in {exact}, within 1e-5 in {near}, median {median:.1e}, worst {worst:.1e}"
    );
    assert!(compared >= 95 && exact >= 90, "{compared} {exact}");
    // Where the last program before the optimum still moved it, prices are known a little less well.
    assert!(near + 2 >= exact && worst < 1e-4, "{near} of {exact}, worst {worst:.1e}");
    assert!(enough >= 95, "{enough}");
}

/// Any multipliers give a bound: prices and actions far from the optimum's, windows and fleets of every kind.
#[test]
fn law_random_multipliers_never_give_more_than_the_relaxation() {
    let (mut samples, mut priced) = (0, 0);
    let mut built_in = BuiltIn::load();
    built_in.restrict(&Family { rating: 0.9, narrowed_pu: 0.005, ..PLAIN });
    let tight = bound_fleet::Variant { devices: true, v_min_pu: 0.965, v_max_pu: 1.03, rating: 0.45 };
    let small = bound_fleet::fleet(tight);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut windows: Vec<(&Fleet, Window)> = Vec::new();
    for seed in 0..6 {
        let price_shift = if seed % 2 == 0 { 0.0 } else { -0.2 };
        windows.push((&built_in.case.fleet, built_in.window(&Family { price_shift, ..PLAIN }, &mut rng)));
        let prices = if seed % 2 == 0 { (0.03, 0.14) } else { (-0.08, 0.05) };
        windows.push((&small, bound_fleet::window(&small, 4, prices, seed)));
    }
    for (fleet, window) in windows {
        let settings = BoundSettings::default();
        let Ok(relaxed) = lower_bound(fleet, &window, &settings) else { continue };
        let optimum = central(fleet, &window);
        for _ in 0..25 {
            let spread = 10f64.powf(rng.random_range(-4.0..0.0));
            let mut actions = optimum.actions.clone();
            actions.iter_mut().flatten().for_each(|a| *a += spread * 100.0 * rng.random_range(-1.0..1.0));
            let mut prices = optimum.prices.clone();
            prices.entries.iter_mut().for_each(|(_, _, price)| *price *= 1.0 + spread * rng.random_range(-1.0..3.0));
            for _ in 0..5 {
                let limit = match rng.random_range(0..3) {
                    0 => Limit::VoltageLow(rng.random_range(0..fleet.grid.n_buses())),
                    1 => Limit::VoltageHigh(rng.random_range(0..fleet.grid.n_buses())),
                    _ => Limit::Current(rng.random_range(0..fleet.grid.n_branches())),
                };
                prices.entries.push((rng.random_range(0..window.steps), limit, spread * rng.random_range(0.0..10.0)));
            }
            let Some(value) = duality_bound(fleet, &window, &actions, &prices, &settings).unwrap() else { continue };
            samples += 1;
            priced += usize::from(relaxed.value_usd - value > 1e-3);
            let room = 1e-7 * relaxed.value_usd.abs().max(1.0);
            assert!(value <= relaxed.relaxed_cost_usd + room, "{value} > {}", relaxed.relaxed_cost_usd);
            if optimum.returns.is_safe() {
                let cost = optimum.returns.total();
                assert!(value <= cost + 1e-7 * cost.abs().max(1.0), "{value} > {cost}");
            }
        }
    }
    assert!(samples > 150 && priced > 50, "{samples} samples, {priced} far below: not much of a test");
}

/// With widened limits the bound holds for everything that the certificate accepts.
#[test]
fn law_wider_limits_give_a_lower_bound() {
    let built_in = BuiltIn::load();
    let fleet = &built_in.case.fleet;
    let window = built_in.window(&PLAIN, &mut ChaCha8Rng::seed_from_u64(10));
    let optimum = central(fleet, &window);
    let value = |settings: &BoundSettings| bound_optimum(fleet, &window, &optimum, settings).unwrap().value_usd;
    let exact = BoundSettings::default();
    let wider = BoundSettings { voltage_allowance_pu: 1e-3, current_allowance: 1e-2, ..exact };
    let relaxed = lower_bound(fleet, &window, &wider).unwrap().value_usd;
    assert!(value(&wider) < value(&exact), "no limit binds");
    assert!((value(&wider) - relaxed).abs() < 1e-5 * relaxed.abs(), "{} {relaxed}", value(&wider));
}

#[test]
fn law_the_relaxation_is_solved_where_it_is_asked_for_and_where_it_is_needed() {
    let built_in = BuiltIn::load();
    let fleet = &built_in.case.fleet;
    let window = built_in.window(&PLAIN, &mut ChaCha8Rng::seed_from_u64(0));
    let mut optimum = central(fleet, &window);
    let settings = BoundSettings::default();
    let oracle = BoundSettings { duality: None, ..settings };
    let relaxed = lower_bound(fleet, &window, &settings).unwrap().value_usd;
    assert_eq!(bound_optimum(fleet, &window, &optimum, &settings).unwrap().method, BoundMethod::Duality);
    let asked_for = bound_optimum(fleet, &window, &optimum, &oracle).unwrap();
    assert_eq!((asked_for.method, asked_for.value_usd), (BoundMethod::Relaxation, relaxed));
    optimum.bound_usd = Some(relaxed - 1.0);
    let known = bound_optimum(fleet, &window, &optimum, &settings).unwrap();
    assert_eq!((known.method, known.value_usd), (BoundMethod::Relaxation, relaxed - 1.0));
    optimum.bound_usd = None;
    optimum.prices.entries.clear();
    let without_prices = bound_optimum(fleet, &window, &optimum, &settings).unwrap();
    assert_eq!((without_prices.method, without_prices.value_usd), (BoundMethod::Relaxation, relaxed));
}

/// Twice the buses or steps, twice the eliminations: one sweep of each element and step.
#[test]
fn law_work_is_linear_in_buses_and_steps() {
    let built_in = BuiltIn::load();
    let one = &built_in.case.fleet;
    for (copied, steps) in [(1, 4), (1, 16), (2, 4), (4, 4)] {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let windows: Vec<Window> = (0..copied).map(|_| built_in.window(&Family { steps, ..PLAIN }, &mut rng)).collect();
        let (fleet, window) = copies(one, &windows, Some(1e-4), 1.2);
        let optimum = central(&fleet, &window);
        let bound = bound_optimum(&fleet, &window, &optimum, &BoundSettings::default()).unwrap();
        let elements = (fleet.grid.n_buses() - 1) * steps;
        println!("{copied} copies, {steps} steps: {} of {elements}, {:?}", bound.eliminations, bound.method);
        assert!((elements..=3 * elements).contains(&bound.eliminations), "{} {elements}", bound.eliminations);
    }
}

#[test]
fn law_bound_of_feeders_is_the_sum_of_each() {
    let built_in = BuiltIn::load();
    let one = &built_in.case.fleet;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let windows: Vec<Window> = (0..3).map(|_| built_in.window(&PLAIN, &mut rng)).collect();
    let (fleet, window) = copies(one, &windows, None, 1.0);
    let optimum = central(&fleet, &window);
    assert!(!fleet.feeders().is_empty() && !optimum.prices.entries.is_empty());
    let whole = bound_optimum(&fleet, &window, &optimum, &BoundSettings::default()).unwrap();
    assert_eq!(whole.method, BoundMethod::Duality);
    let cost = optimum.returns.total();
    assert!((-1e-7..1e-5).contains(&((cost - whole.value_usd) / cost.abs())), "{cost} {}", whole.value_usd);
    let settings = BoundSettings::default();
    let sum: f64 =
        (windows.iter().map(|w| bound_optimum(one, w, &central(one, w), &settings).unwrap().value_usd)).sum();
    assert!((whole.value_usd - sum).abs() < 1e-6 * sum.abs(), "{} {sum}", whole.value_usd);
}

#[test]
fn law_an_optimum_of_another_window_is_an_error_not_a_panic() {
    let fleet = bound_fleet::fleet(bound_fleet::WIDE);
    let window = bound_fleet::window(&fleet, 2, (0.03, 0.14), 1);
    let longer = bound_fleet::window(&fleet, 3, (0.03, 0.14), 1);
    let (optimum, settings) = (central(&fleet, &window), BoundSettings::default());
    let refused = bound_optimum(&fleet, &longer, &optimum, &settings);
    assert!(matches!(refused, Err(BoundError::WindowMismatch { .. })), "{refused:?}");
    let refused = duality_bound(&fleet, &window, &optimum.actions[1..], &optimum.prices, &settings);
    assert!(matches!(refused, Err(BoundError::WindowMismatch { .. })), "{refused:?}");
}

//! The default trainer lowers cost and violations, and its result depends on the seed only.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::state::StateKind;
use covolt_fleet::{Fleet, LimitPrices};
use covolt_fleet::{PriceOutlook, StorageValuation};
use covolt_learn::{
    Episode, ExactSettings, ExactTrainer, LearnError, Scenario, ScenarioSource, Seats, StateSpread, TrainingWindows,
    draw_rare_rows, draw_rows, draw_windows,
};
use rand::RngExt;

const KIND: StateKind = StateKind::Local;

fn settings(episodes: usize, batch: usize) -> ExactSettings {
    ExactSettings { episodes, batch, rate: 1e-2, averaging: 0.05, ..ExactSettings::default() }
}

fn trainer<'a>(fleet: &'a Fleet, scenarios: &'a [Scenario], settings: ExactSettings, seed: u64) -> ExactTrainer<'a> {
    let learners = learners(fleet, policies(fleet, scenarios, KIND, 11), settings.batch);
    ExactTrainer::new(fleet, scenarios, learners, settings, seed).unwrap()
}

fn train(trainer: &mut ExactTrainer<'_>) -> Vec<Episode> {
    let mut episodes = Vec::new();
    while !trainer.is_done() {
        episodes.push(trainer.step().unwrap());
    }
    episodes
}

/// Everything that a run has learnt, bit for bit.
fn result(trainer: &ExactTrainer<'_>) -> (Vec<Vec<u64>>, Vec<LimitPrices>) {
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
    let learnt = trainer.learners.iter().flat_map(|l| [bits(&parameters(&l.policy)), bits(&l.average)]).collect();
    (learnt, trainer.prices().to_vec())
}

#[test]
fn law_training_lowers_the_priced_cost() {
    let mut fleet = fleet();
    // So that currents bind, too.
    fleet.limits.i_max_pu.iter_mut().for_each(|limit| *limit *= 0.85);
    let scenarios = scenarios(&fleet, 48, KIND, 1);
    let untrained = policies(&fleet, &scenarios, KIND, 11);
    let before = means(&fleet, &untrained, &scenarios);
    let mut trainer = trainer(&fleet, &scenarios, settings(300, 16), 5);
    let episodes = train(&mut trainer);
    assert_eq!(episodes.len(), 300);
    assert!(episodes.iter().enumerate().all(|(i, e)| e.episode == i));
    // One pass over all windows at either end.
    let mean = |part: &[Episode]| part.iter().map(|e| e.cost + e.priced).sum::<f64>() / part.len() as f64;
    let (first, last) = (mean(&episodes[..3]), mean(&episodes[297..]));
    assert!(last < first, "priced cost {last} after {first}");
    let kept: Vec<_> = trainer.learners.iter().map(|l| l.averaged()).collect();
    let after = means(&fleet, &kept, &scenarios);
    println!("priced cost {first:.4} -> {last:.4}; cost, voltage, current {before:?} -> {after:?}");
    assert!(before.1 > 1e-3 && before.2 > 1e-4, "the untrained policy must violate limits: {before:?}");
    assert!(after.1 < 0.5 * before.1, "voltage violation {} after {} pu", after.1, before.1);
    assert!(after.2 < 0.5 * before.2, "current violation {} after {}", after.2, before.2);
}

#[test]
fn law_multipliers_stay_between_zero_and_the_cap() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 16, KIND, 2);
    let capped = ExactSettings { multiplier_cap: 5.0, multiplier_share: 0.5, ..settings(20, 8) };
    let mut run = trainer(&fleet, &scenarios, capped.clone(), 5);
    assert!(run.prices().iter().all(|p| p.entries.is_empty()), "multipliers start at zero");
    let mut largest: f64 = 0.0;
    for _ in 0..20 {
        run.step().unwrap();
        for &(step, limit, price) in run.prices().iter().flat_map(|p| &p.entries) {
            assert!(price > 0.0 && price <= 5.0 * (1.0 + 1e-12), "{limit:?} at step {step}: {price}");
            largest = largest.max(price);
        }
    }
    assert!(largest > 4.5, "the cap must have been reached: {largest}");
    // Without a share there is a pure penalty.
    let mut pure = trainer(&fleet, &scenarios, ExactSettings { multiplier_share: 0.0, ..capped }, 5);
    train(&mut pure);
    assert!(pure.prices().iter().all(|p| p.entries.is_empty()));
}

#[test]
fn law_same_seed_same_parameters_on_any_number_of_threads() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 12, KIND, 3);
    let run = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer = trainer(&fleet, &scenarios, settings(15, 5), seed);
            let episodes = train(&mut trainer);
            (result(&trainer), episodes)
        })
    };
    let one = run(1, 5);
    assert_eq!(one, run(3, 5));
    assert_ne!(one.0, run(1, 6).0, "another seed, another order of windows");
}

#[test]
fn law_resumed_run_equals_uninterrupted_run() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 12, KIND, 4);
    let mut whole = trainer(&fleet, &scenarios, settings(14, 4), 5);
    let episodes = train(&mut whole);
    // Stops within a pass, at its end, and at the start.
    for stop in [0, 6, 7] {
        let mut first = trainer(&fleet, &scenarios, settings(14, 4), 5);
        for _ in 0..stop {
            first.step().unwrap();
        }
        let saved: Vec<_> =
            first.learners.iter().map(|l| (parameters(&l.policy), l.adam.clone(), l.average.clone())).collect();
        let (prices, episode) = (first.prices().to_vec(), first.episode);
        drop(first);
        let mut second = trainer(&fleet, &scenarios, settings(14, 4), 5);
        for (learner, (theta, adam, average)) in second.learners.iter_mut().zip(saved) {
            learner.policy.set_parameters(&theta).unwrap();
            learner.adam = adam;
            learner.average = average;
        }
        second.restore(prices, episode).unwrap();
        assert_eq!(train(&mut second), episodes[stop..], "stopped after {stop}");
        assert_eq!(result(&second), result(&whole), "stopped after {stop}");
    }
}

#[test]
fn law_every_pass_sees_every_window_once() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 12, KIND, 6);
    // Networks at rest: the sum over a pass is the sum over the windows, whatever the order.
    let still = ExactSettings { rate: 0.0, multiplier_share: 0.0, ..settings(6, 4) };
    let untrained = means(&fleet, &policies(&fleet, &scenarios, KIND, 11), &scenarios);
    let mut run = trainer(&fleet, &scenarios, still, 5);
    let episodes = train(&mut run);
    for pass in episodes.chunks(3) {
        let cost = pass.iter().map(|e| e.cost).sum::<f64>() / 3.0;
        assert!((cost - untrained.0).abs() < 1e-6 * untrained.0.abs().max(1.0), "{cost} and {}", untrained.0);
    }
    assert!((episodes[0].cost - episodes[3].cost).abs() > 1e-9, "a fresh shuffle every pass");
}

#[test]
fn law_runs_that_cannot_start_are_errors() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 4, KIND, 7);
    let all = || learners(&fleet, policies(&fleet, &scenarios, KIND, 11), 2);
    let empty = ExactTrainer::new(&fleet, &[], all(), settings(3, 2), 5);
    assert!(matches!(empty, Err(LearnError::NoScenario { .. })));
    let two = all().into_iter().take(2).collect();
    let few = ExactTrainer::new(&fleet, &scenarios, two, settings(3, 2), 5);
    assert!(matches!(few, Err(LearnError::PolicyCount { count: 2, microgrids: 3 })));
    let mut run = ExactTrainer::new(&fleet, &scenarios, all(), settings(3, 2), 5).unwrap();
    let wrong = run.restore(vec![LimitPrices::default(); 3], 1);
    assert!(matches!(wrong, Err(LearnError::Checkpoint { .. })));
    assert_eq!(run.episode, 0, "a refused checkpoint changes nothing");
    // Fewer windows than a batch: the batch shrinks.
    let mut short = ExactTrainer::new(&fleet, &scenarios[..1], all(), settings(3, 2), 5).unwrap();
    assert!(train(&mut short).iter().all(|e| e.cost.is_finite()));
}

#[test]
fn law_held_and_drawn_windows_train_alike() {
    let fleet = fleet();
    let profiles = profiles(&fleet);
    let days = [0, 1, 4];
    let outlook = PriceOutlook::from_days(&profiles, &days);
    let valuation = StorageValuation::default();
    let source =
        ScenarioSource { fleet: &fleet, profiles: &profiles, outlook: &outlook, valuation: &valuation, steps: STEPS };
    let spread = StateSpread::default();
    let mut draws = rng(7);
    let mut rows = draw_rows(&profiles, STEPS, &days, 20, &mut draws).unwrap();
    let price = |row: usize| profiles.mean_price_per_kwh(row);
    rows.extend(draw_rare_rows(&profiles, price, STEPS, &days, 5, &mut rng(8)).unwrap());
    let drawn = draw_windows(&source, &rows, &spread, Seats::all(draws.random()));
    let held = covolt_learn::scenarios(&source, KIND, &drawn).unwrap();
    // Windows drawn at once are those drawn briefly and made afterwards.
    let at_once = scenarios(&fleet, 20, KIND, 7);
    assert!(at_once.iter().zip(&held).all(|(a, b)| a.window == b.window && a.features == b.features));
    let run = |windows: TrainingWindows<'_>| {
        let learners = learners(&fleet, policies(&fleet, &held, KIND, 11), 9);
        let mut trainer = ExactTrainer::new(&fleet, windows, learners, settings(6, 9), 5).unwrap();
        let episodes = train(&mut trainer);
        (episodes, result(&trainer))
    };
    assert_eq!(run(TrainingWindows::Held(&held)), run(TrainingWindows::Drawn { source, kind: KIND, windows: &drawn }));
}

#[test]
fn law_an_agent_alone_draws_what_is_drawn_for_it_among_all() {
    let fleet = fleet();
    let profiles = profiles(&fleet);
    let days = [0, 1, 4];
    let rows = draw_rows(&profiles, STEPS, &days, 12, &mut rng(3)).unwrap();
    let (spread, valuation) = (StateSpread::default(), StorageValuation::default());
    let windows = |fleet: &Fleet, profiles: &covolt_fleet::Profiles, seats: Seats| {
        let outlook = PriceOutlook::from_days(profiles, &days);
        let source = ScenarioSource { fleet, profiles, outlook: &outlook, valuation: &valuation, steps: STEPS };
        covolt_learn::scenarios(&source, KIND, &draw_windows(&source, &rows, &spread, seats)).unwrap()
    };
    let together = windows(&fleet, &profiles, Seats::all(17));
    let parts = covolt_fleet::seam::cut_at_pccs(&fleet).unwrap();
    for (n, part) in parts.agents.iter().enumerate() {
        let own = covolt_fleet::Profiles {
            feeder_loads: Vec::new(),
            microgrids: vec![profiles.microgrids[n].clone()],
            ..profiles.clone()
        };
        let alone = windows(&part.fleet, &own, Seats { seed: 17, first: n });
        for (alone, together) in alone.iter().zip(&together) {
            assert_eq!(alone.window.microgrids[0], together.window.microgrids[n]);
            assert_eq!(alone.features[0], together.features[n]);
        }
    }
}

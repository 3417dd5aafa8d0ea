//! Time of one decision for all agents of the built-in case, certificate included, against the central optimum.
//!
//! The policies are untrained (their means are the merit order), which costs the same time as trained ones. Counts that
//! do not depend on the machine are printed first: windows, how many proposals are safe, programs per layer.

#![allow(clippy::unwrap_used, missing_docs)]

use covolt_case::Case;
use covolt_dispatch::*;
use covolt_fleet::state::feature_names;
use covolt_fleet::*;
use covolt_optimum::{CentralSettings, optimise};
use covolt_policy::{Action, Activation, CovarianceKind, Feature, GaussianPolicy, LogSigma, PolicySpec};
use criterion::{Criterion, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::hint::black_box;

/// Policies with two hidden layers of 128 whose means are the merit order.
fn untrained(fleet: &Fleet, steps: usize) -> PolicyFleet {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let policies = fleet
        .microgrids
        .iter()
        .map(|mg| {
            let layout = mg.layout(steps);
            let names = feature_names(StateKind::Local, mg, &layout);
            let spec = PolicySpec {
                features: names.into_iter().map(|name| Feature { name, mean: 0.0, std: 1.0 }).collect(),
                actions: layout.names().into_iter().map(|name| Action { name, scale: 1.0 }).collect(),
                mean_hidden: vec![128, 128],
                covariance_hidden: vec![32],
                activation: Activation::LeakyRelu,
                covariance: CovarianceKind::Diagonal,
                log_sigma: LogSigma::default(),
            };
            GaussianPolicy::try_new(spec, &mut rng).unwrap()
        })
        .collect();
    PolicyFleet::try_new(fleet, steps, StateKind::Local, policies, "untrained").unwrap()
}

/// One window at noon-to-evening hours of every third validation day.
fn windows(case: &Case, outlook: &PriceOutlook) -> Vec<Window> {
    let valuation = StorageValuation::default();
    let forecast = Forecast {
        profiles: &case.profiles,
        outlook,
        kind: ForecastKind::Perfect,
        knowledge: PriceKnowledge::DayAhead,
        valuation: &valuation,
    };
    let steps = case.settings.steps;
    case.days
        .validation
        .iter()
        .step_by(3)
        .enumerate()
        .map(|(i, &day)| {
            let row = case.profiles.rows_of_day(day).start + 40 + (7 * i) % 40;
            let start = start_state(&case.fleet, &case.profiles, row, 0.5).unwrap();
            forecast.window(&case.fleet, row, steps, &start).unwrap()
        })
        .collect()
}

fn decision(criterion: &mut Criterion) {
    let case = Case::builtin().unwrap();
    let outlook = PriceOutlook::from_days(&case.profiles, &case.days.train);
    let (fleet, windows) = (&case.fleet, windows(&case, &outlook));
    let curvature = LossCurvature::of_fleet(fleet);
    let mut proposer = untrained(fleet, case.settings.steps);
    let mut ws = PhysicsWorkspace::new(fleet);
    let modes =
        [("bare", GuardMode::Bare), ("repaired", GuardMode::Repair), ("polished", GuardMode::Polish { steps: 1 })];
    let mut group = criterion.benchmark_group("decision");
    group.sample_size(20);
    for (name, mode) in modes {
        let settings = GuardSettings::with_mode(mode);
        let (mut programs, mut safe) = (0, 0);
        for window in &windows {
            let decision = propose_and_decide(fleet, window, &mut proposer, &settings, &curvature, &mut ws).unwrap();
            programs += decision.certificate().programs;
            safe += usize::from(decision.certificate().is_certified());
        }
        println!("{name}: {} windows, {safe} certified, {programs} programs", windows.len());
        let mut turn = windows.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let Some(window) = turn.next() else { return };
                let decision = propose_and_decide(fleet, window, &mut proposer, &settings, &curvature, &mut ws);
                black_box(decision.is_ok());
            });
        });
    }
    let mut turn = windows.iter().cycle();
    group.bench_function("central optimum", |bencher| {
        bencher.iter(|| {
            let Some(window) = turn.next() else { return };
            let optimum = optimise(fleet, window, None, &curvature, &CentralSettings::default(), &mut ws);
            black_box(optimum.is_ok());
        });
    });
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);

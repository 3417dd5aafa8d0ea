//! Time of one decision for all agents of the built-in case, certificate included, against the central optimum.
//!
//! The policies are untrained (their means are the merit order), which costs the same time as trained ones. Counts that
//! do not depend on the machine are printed first: windows, how many proposals are safe, programs per layer.

#![allow(clippy::unwrap_used, missing_docs)]

use covolt_case::Case;
use covolt_dispatch::*;
use covolt_fleet::state::feature_names;
use covolt_fleet::*;
use covolt_optimum::{CentralSettings, ProgramSolver, optimise};
use covolt_policy::{Action, Activation, CovarianceKind, Feature, GaussianPolicy, LogSigma, PolicySpec};
use criterion::{Criterion, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::hint::black_box;
use std::time::Instant;

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

/// (median, 99th percentile, largest) of the fastest of `REPEATS` runs of each window, microseconds.
fn spread(windows: &[Window], mut run: impl FnMut(&Window)) -> (f64, f64, f64) {
    const REPEATS: usize = 5;
    let mut fastest = vec![f64::INFINITY; windows.len()];
    for _ in 0..REPEATS {
        for (window, fastest) in windows.iter().zip(&mut fastest) {
            let clock = Instant::now();
            run(window);
            *fastest = fastest.min(clock.elapsed().as_secs_f64() * 1e6);
        }
    }
    fastest.sort_by(f64::total_cmp);
    let n = fastest.len();
    (fastest[n / 2], fastest[(99 * n / 100).min(n - 1)], fastest[n - 1])
}

/// Both solvers of the convex programs on the same windows, one after the other.
fn solvers(case: &Case, outlook: &PriceOutlook) {
    let (fleet, windows) = (&case.fleet, many_windows(case, outlook));
    let curvature = LossCurvature::of_fleet(fleet);
    let mut proposer = untrained(fleet, case.settings.steps);
    let mut ws = PhysicsWorkspace::new(fleet);
    println!("{} windows; us: median, p99, max", windows.len());
    for solver in [ProgramSolver::Structured, ProgramSolver::Clarabel] {
        let modes =
            [("bare", GuardMode::Bare), ("repaired", GuardMode::Repair), ("polished", GuardMode::Polish { steps: 1 })];
        for (name, mode) in modes {
            let mut settings = GuardSettings::with_mode(mode);
            settings.repair.solver = solver;
            let (mut programs, mut safe) = (0, 0);
            let (median, p99, max) = spread(&windows, |window| {
                let decision =
                    propose_and_decide(fleet, window, &mut proposer, &settings, &curvature, &mut ws).unwrap();
                programs += decision.certificate().programs;
                safe += u32::from(decision.certificate().is_certified());
            });
            let per = 1.0 / (5.0 * windows.len() as f64);
            println!(
                "{solver:?} {name}: {median:.0} {p99:.0} {max:.0}; programs {:.2}, certified {:.3}",
                f64::from(programs) * per,
                f64::from(safe) * per
            );
        }
        let mut settings = CentralSettings::default();
        settings.program.solver = solver;
        settings.relaxation = solver == ProgramSolver::Clarabel;
        let (mut programs, mut rounds, mut cost) = (0, 0, 0.0);
        let (median, p99, max) = spread(&windows, |window| {
            let optimum = optimise(fleet, window, None, &curvature, &settings, &mut ws).unwrap();
            programs += optimum.programs;
            rounds += optimum.rounds;
            cost += optimum.returns.total();
        });
        let per = 1.0 / (5.0 * windows.len() as f64);
        println!(
            "{solver:?} central optimum: {median:.0} {p99:.0} {max:.0}; programs {:.2}, rounds {:.2}, mean cost {:.8}",
            f64::from(programs) * per,
            rounds as f64 * per,
            cost * per
        );
    }
}

/// Windows at all hours of all test days.
fn many_windows(case: &Case, outlook: &PriceOutlook) -> Vec<Window> {
    let valuation = StorageValuation::default();
    let forecast = Forecast {
        profiles: &case.profiles,
        outlook,
        kind: ForecastKind::Perfect,
        knowledge: PriceKnowledge::DayAhead,
        valuation: &valuation,
    };
    let mut windows = Vec::new();
    for (i, &day) in case.days.test.iter().enumerate() {
        for j in 0..3 {
            let row = case.profiles.rows_of_day(day).start + (37 * i + 31 * j) % 92;
            let soc = 0.2 + 0.15 * ((i + j) % 5) as f64;
            let start = start_state(&case.fleet, &case.profiles, row, soc).unwrap();
            windows.push(forecast.window(&case.fleet, row, case.settings.steps, &start).unwrap());
        }
    }
    windows
}

fn decision(criterion: &mut Criterion) {
    let case = Case::builtin().unwrap();
    let outlook = PriceOutlook::from_days(&case.profiles, &case.days.train);
    solvers(&case, &outlook);
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

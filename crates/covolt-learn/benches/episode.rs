//! Time of one episode of the default trainer on the built-in case, split into physics and networks, on one and two threads.
//!
//! Printed first: minima over many episodes (the machine may be shared) and the power flows per episode. `act` is the
//! forward pass and feasible map of all agents, `descend` their reverse; the rest of a step is the answer of the grid.

#![allow(clippy::unwrap_used, missing_docs)]

use covolt_case::Case;
use covolt_fleet::state::StateKind;
use covolt_fleet::{ActionLayout, Fleet, PriceOutlook, StorageValuation};
use covolt_learn::{
    ExactSettings, ExactTrainer, Learner, NetworkShape, Pace, Scenario, ScenarioSource, StateSpread, draw,
    untrained_policy,
};
use criterion::{Criterion, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use std::time::Instant;

const WINDOWS: usize = 2000;
const WARM_UP: usize = 200;
const MEASURED: usize = 300;

fn scenarios(case: &Case) -> Vec<Scenario> {
    let outlook = PriceOutlook::from_days(&case.profiles, &case.days.train);
    let valuation = StorageValuation::default();
    let (fleet, steps) = (&case.fleet, case.settings.steps);
    let source = ScenarioSource { fleet, profiles: &case.profiles, outlook: &outlook, valuation: &valuation, steps };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    draw(&source, &case.days.train, WINDOWS, &StateSpread::default(), StateKind::Local, &mut rng).unwrap()
}

fn learners(fleet: &Fleet, steps: usize, scenarios: &[Scenario], batch: usize) -> Vec<Learner> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let shape = NetworkShape::default();
    (fleet.microgrids.iter().zip(fleet.layouts(steps)).enumerate())
        .map(|(n, (mg, layout))| {
            let policy = untrained_policy(mg, n, &layout, StateKind::Local, &shape, scenarios, &mut rng).unwrap();
            Learner::new(policy, layout, batch)
        })
        .collect()
}

/// Fewest microseconds of one call.
fn minimum_us(mut call: impl FnMut()) -> f64 {
    (0..MEASURED).fold(f64::INFINITY, |least, _| {
        let start = Instant::now();
        call();
        least.min(start.elapsed().as_secs_f64() * 1e6)
    })
}

fn bench(c: &mut Criterion) {
    let case = Case::builtin().unwrap();
    let (fleet, steps) = (&case.fleet, case.settings.steps);
    let scenarios = scenarios(&case);
    let settings = ExactSettings { episodes: usize::MAX, ..ExactSettings::default() };
    let batch: Vec<&Scenario> = scenarios[..settings.batch].iter().collect();
    let sizes: Vec<usize> = fleet.layouts(steps).iter().map(ActionLayout::len).collect();
    println!("{} windows of {steps} steps an episode: {} power flows", settings.batch, settings.batch * steps);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let learners = learners(fleet, steps, &scenarios, settings.batch);
        let mut trainer = ExactTrainer::new(fleet, &scenarios, learners, settings.clone(), 3).unwrap();
        let mut actions: Vec<Vec<Vec<f64>>> = sizes.iter().map(|&d| vec![vec![0.0; d]; batch.len()]).collect();
        let gradients: Vec<Vec<Vec<f64>>> = sizes.iter().map(|&d| vec![vec![1e-3; d]; batch.len()]).collect();
        let pace = Pace { rate: 1e-4, averaging: 0.01 };
        let [whole, act, descend] = pool.install(|| {
            for _ in 0..WARM_UP {
                trainer.step().unwrap();
            }
            let mut agents = trainer.learners.clone();
            let whole = minimum_us(|| assert!(trainer.step().is_ok()));
            let act = minimum_us(|| {
                let pairs = agents.par_iter_mut().zip(&mut actions).enumerate();
                pairs.for_each(|(n, (l, actions))| l.act(&fleet.microgrids[n], n, &batch, actions).unwrap());
            });
            let descend = minimum_us(|| {
                let all = agents.par_iter_mut().zip(&actions).zip(&gradients).enumerate();
                all.for_each(|(n, ((l, actions), gradients))| {
                    l.descend(&fleet.microgrids[n], &batch, actions, gradients, pace).unwrap();
                });
            });
            [whole, act, descend]
        });
        println!(
            "{threads} thread(s): episode {whole:.0} us = grid and rest {:.0} + act {act:.0} + descend {descend:.0}",
            whole - act - descend
        );
        c.bench_function(&format!("episode, {threads} thread(s)"), |b| {
            b.iter(|| pool.install(|| trainer.step().unwrap().cost))
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);

//! Cost, priced limits and their gradient over eight windows of the built-in case: window by window, and as one batch.
//!
//! Printed first: fewest microseconds per power flow (gradient and limits included), both ways, and how many limits have a slope.

#![allow(clippy::unwrap_used, missing_docs)]

use covolt_case::Case;
use covolt_fleet::state::StateKind;
use covolt_fleet::*;
use covolt_grid::LANES;
use covolt_learn::{Scenario, ScenarioSource, StateSpread, draw};
use criterion::{Criterion, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::time::Instant;

const MEASURED: usize = 2000;
const TOLERANCE_PU: f64 = 1e-8;
const PRICING: LimitPricing =
    LimitPricing { voltage_curvature: 2e4, current_curvature: 300.0, voltage_margin_pu: 1e-4, current_margin: 1e-3 };

fn scenarios(case: &Case) -> Vec<Scenario> {
    let outlook = PriceOutlook::from_days(&case.profiles, &case.days.train);
    let valuation = StorageValuation::default();
    let (fleet, steps) = (&case.fleet, case.settings.steps);
    let source = ScenarioSource { fleet, profiles: &case.profiles, outlook: &outlook, valuation: &valuation, steps };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    draw(&source, &case.days.train, LANES, &StateSpread::default(), StateKind::Local, &mut rng).unwrap()
}

/// Fewest microseconds of one call per power flow.
fn minimum_us(flows: usize, mut call: impl FnMut()) -> f64 {
    let least = (0..MEASURED).fold(f64::INFINITY, |least: f64, _| {
        let start = Instant::now();
        call();
        least.min(start.elapsed().as_secs_f64())
    });
    least * 1e6 / flows as f64
}

fn bench(c: &mut Criterion) {
    let case = Case::builtin().unwrap();
    let (fleet, steps) = (&case.fleet, case.settings.steps);
    let scenarios = scenarios(&case);
    let prices = LimitPrices::default();
    let priced: Vec<PricedWindow<'_>> =
        scenarios.iter().map(|s| PricedWindow { window: &s.window, base: &s.base, prices: &prices }).collect();
    let mut ws = GradientWorkspace::new(fleet);
    ws.options.tolerance_pu = TOLERANCE_PU;
    let mut answer = GradientAnswer::default();
    let mut batched = || {
        let action = |lane: usize, n: usize| scenarios[lane].merit_order[n].as_slice();
        lagrangian_gradient_batch(fleet, &priced, action, &PRICING, &mut ws, &mut answer).unwrap();
        answer.slopes.iter().map(|slopes| slopes.entries.len()).sum::<usize>()
    };
    let (mut physics, mut scratch) = (PhysicsWorkspace::new(fleet), PriceScratch::default());
    physics.options.tolerance_pu = TOLERANCE_PU;
    let mut gradients: Vec<Vec<f64>> = fleet.layouts(steps).iter().map(|l| vec![0.0; l.len()]).collect();
    let mut one_by_one = || {
        for s in &scenarios {
            let (actions, ws) = (&s.merit_order, &mut physics);
            let (window, base, slopes) = (&s.window, &s.base, &mut scratch);
            lagrangian_gradient(fleet, window, base, actions, &prices, &PRICING, ws, slopes, &mut gradients).unwrap();
        }
    };
    let slopes = batched();
    let flows = LANES * steps;
    let (alone, together) = (minimum_us(flows, &mut one_by_one), minimum_us(flows, || assert_eq!(batched(), slopes)));
    println!(
        "{flows} power flows, {slopes} limits with a slope: {alone:.2} us each one by one, {together:.2} us batched"
    );
    c.bench_function("gradient of 8 windows, one by one", |b| b.iter(&mut one_by_one));
    c.bench_function("gradient of 8 windows, batched", |b| b.iter(&mut batched));
}

criterion_group!(benches, bench);
criterion_main!(benches);

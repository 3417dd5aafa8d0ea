//! The central optimum by the structured sequence from the merit order against the way before it: relaxation first, Clarabel;
//! and of several feeders against that of each.
#![allow(clippy::unwrap_used)]

mod built_in;
#[path = "built_in/copies.rs"]
mod copies;

use built_in::{BuiltIn, Family, PLAIN};
use copies::copies;
use covolt_case::{Case, GeneratedCase, PER_FEEDER, Stress};
use covolt_fleet::returns::loading_pu;
use covolt_fleet::*;
use covolt_optimum::bound::{BoundSettings, lower_bound};
use covolt_optimum::{CentralSettings, OptimumStatus, ProgramSolver, optimise};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::time::Instant;

#[test]
fn ref_optimum_costs_what_the_relaxation_and_clarabel_find() {
    let built_in = BuiltIn::load();
    let fleet = &built_in.case.fleet;
    let mut ws = PhysicsWorkspace::new(fleet);
    let mut reference = CentralSettings { relaxation: true, ..CentralSettings::default() };
    reference.program.solver = ProgramSolver::Clarabel;
    for (steps, count) in [(4, 12), (96, 1)] {
        let (mut excess, mut worst) = (0.0, 0.0_f64);
        for seed in 0..count {
            let window = built_in.window(&Family { steps, ..PLAIN }, &mut ChaCha8Rng::seed_from_u64(seed));
            let clock = Instant::now();
            let ours =
                optimise(fleet, &window, None, &built_in.curvature, &CentralSettings::default(), &mut ws).unwrap();
            let time_ms = 1e3 * clock.elapsed().as_secs_f64();
            let clock = Instant::now();
            let theirs = optimise(fleet, &window, None, &built_in.curvature, &reference, &mut ws).unwrap();
            let (cost, other) = (ours.returns.total(), theirs.returns.total());
            let relative = (cost - other) / other.abs().max(1.0);
            println!(
                "{steps} steps, seed {seed}: {relative:.1e}, {} rounds, {time_ms:.1} ms, before {:.1} ms",
                ours.rounds,
                1e3 * clock.elapsed().as_secs_f64()
            );
            assert!(ours.returns.is_safe() || !theirs.returns.is_safe(), "seed {seed}");
            excess += relative;
            worst = worst.max(relative);
        }
        let mean = excess / count as f64;
        assert!(mean < 1e-6 && worst < 1e-6, "{steps} steps: mean {mean:.1e}, worst {worst:.1e} dearer");
    }
}

/// A generated case of two feeders, of 100 and of 3 microgrids, and a window in which the heads of the feeders are rated
/// 3 % below what the optimum carries without any other limit.
fn two_feeders() -> (Fleet, Window) {
    let mut drawn = GeneratedCase::draw(PER_FEEDER + 3, "two", &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    drawn.set_limits(&Stress {
        price_takers_a: Vec::new(),
        price_takers_v_pu: vec![(0.9, 1.1)],
        self_supply_a: vec![1e5; drawn.group_of_branch().len()],
        self_supply_v_pu: (0.9, 1.1),
    });
    let Case { mut fleet, profiles, days, .. } = drawn.to_case().unwrap();
    let outlook = PriceOutlook::from_days(&profiles, &days.train);
    let row = profiles.rows_of_day(days.test[0]).start + 48;
    let terminals =
        outlook.terminal_values(&fleet, &profiles, row, 4, &StorageValuation::default(), PriceKnowledge::DayAhead);
    let starts: Vec<MicrogridStart> = fleet
        .microgrids
        .iter()
        .map(|mg| MicrogridStart {
            soc: vec![0.5; mg.batteries.len()],
            p_dg_kw: mg.dgs.iter().map(|d| 0.5 * d.p_max_kw).collect(),
        })
        .collect();
    let window = Window::from_profiles(&profiles, row, 4, &starts, &terminals).unwrap();
    let mut ws = PhysicsWorkspace::new(&fleet);
    let curvature = LossCurvature::of_fleet(&fleet);
    let free = optimise(&fleet, &window, None, &curvature, &CentralSettings::default(), &mut ws).unwrap();
    let base = BaseDemand::new(&fleet, &window);
    let (network, mut most) = (fleet.grid.balanced().unwrap().network(), vec![0.0_f64; fleet.grid.n_branches()]);
    for t in 0..4 {
        ws.solve_step(&fleet, &base, &free.actions, 4, t).unwrap();
        let loading = |b| loading_pu(&fleet, b, ws.flow.v());
        most.iter_mut().enumerate().for_each(|(b, most)| *most = most.max(loading(b)));
    }
    for (b, _) in network.branches().iter().enumerate().filter(|(_, b)| b.from == network.source().bus) {
        fleet.limits.i_max_pu[b] = 0.97 * most[b];
    }
    (fleet, window)
}

#[test]
fn law_optimum_of_feeders_is_that_of_each_on_any_number_of_threads() {
    let (fleet, window) = two_feeders();
    let curvature = LossCurvature::of_fleet(&fleet);
    let settings = CentralSettings::default();
    let in_pool = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let ws = &mut PhysicsWorkspace::new(&fleet);
        pool.install(|| optimise(&fleet, &window, None, &curvature, &settings, ws)).unwrap()
    };
    let whole = in_pool(1);
    assert_eq!(whole, in_pool(3));
    assert_eq!(whole.status, OptimumStatus::Optimal);
    let (mut cost, mut prices, mut programs) = (0.0, 0, 0);
    for feeder in fleet.feeders().iter() {
        let (own, window) = (&feeder.fleet, feeder.window(&window));
        let curvature = feeder.of_microgrids(&curvature);
        let alone = optimise(own, &window, None, &curvature, &settings, &mut PhysicsWorkspace::new(own)).unwrap();
        assert_eq!(alone.actions, feeder.of_microgrids(&whole.actions));
        let head = own
            .grid
            .balanced()
            .unwrap()
            .network()
            .branches()
            .iter()
            .position(|b| b.from == own.grid.balanced().unwrap().network().source().bus);
        let binds = |&(_, limit, _): &(usize, Limit, f64)| limit == Limit::Current(head.unwrap());
        assert!(alone.prices.entries.iter().any(binds), "the head does not bind");
        cost += alone.returns.total();
        prices += alone.prices.entries.len();
        programs += alone.programs;
    }
    assert!((whole.returns.total() - cost).abs() < 1e-9 * cost.abs(), "{} {cost}", whole.returns.total());
    assert_eq!((whole.prices.entries.len(), whole.programs), (prices, programs));
    let base = BaseDemand::new(&fleet, &window);
    let returns = evaluate(&fleet, &window, &base, &whole.actions, &mut PhysicsWorkspace::new(&fleet)).unwrap();
    assert!(returns.is_safe() && (returns.total() - cost).abs() < 1e-6, "{} {cost}", returns.total());
}

#[test]
fn law_bound_of_feeders_is_the_sum_of_each() {
    let built_in = BuiltIn::load();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let windows: Vec<Window> = (0..2).map(|_| built_in.window(&PLAIN, &mut rng)).collect();
    let one = &built_in.case.fleet;
    let (fleet, window) = copies(one, &windows, None, 1.0);
    let settings = BoundSettings::default();
    let whole = lower_bound(&fleet, &window, &settings).unwrap();
    let sum: f64 = windows.iter().map(|w| lower_bound(one, w, &settings).unwrap().value_usd).sum();
    assert!((whole.value_usd - sum).abs() < 1e-6 * sum.abs().max(1.0), "{} {sum}", whole.value_usd);
    let optimum = optimise(
        &fleet,
        &window,
        None,
        &LossCurvature::of_fleet(&fleet),
        &CentralSettings::default(),
        &mut PhysicsWorkspace::new(&fleet),
    )
    .unwrap();
    assert!(optimum.returns.total() >= whole.value_usd - 1e-6);
}

/// Windows in which the merit accepts short steps only, round after round.
#[test]
fn ref_a_sequence_that_is_given_up_costs_no_more_than_one_that_is_not() {
    let built_in = BuiltIn::load();
    let fleet = &built_in.case.fleet;
    let mut ws = PhysicsWorkspace::new(fleet);
    let patient = CentralSettings { patience: usize::MAX, ..CentralSettings::default() };
    for seed in [132, 231] {
        let window = built_in.window(&PLAIN, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut optimum = |settings: &CentralSettings| {
            let clock = Instant::now();
            let optimum = optimise(fleet, &window, None, &built_in.curvature, settings, &mut ws).unwrap();
            let time_ms = 1e3 * clock.elapsed().as_secs_f64();
            println!("seed {seed}, patience {}: {} programs, {time_ms:.1} ms", settings.patience, optimum.programs);
            optimum
        };
        let (given_up, held_on) = (optimum(&CentralSettings::default()), optimum(&patient));
        assert!(given_up.returns.is_safe() && given_up.bound_usd.is_some(), "seed {seed}");
        let (cost, other) = (given_up.returns.total(), held_on.returns.total());
        assert!(cost - other <= 1e-6 * other.abs().max(1.0), "seed {seed}: {cost} {other}");
        assert!(given_up.programs < held_on.programs, "seed {seed}: {} {}", given_up.programs, held_on.programs);
    }
}

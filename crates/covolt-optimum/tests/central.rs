//! The central optimum by the structured sequence from the merit order against the way before it: relaxation first, Clarabel.
#![allow(clippy::unwrap_used)]

mod built_in;

use built_in::{BuiltIn, Family, PLAIN};
use covolt_fleet::PhysicsWorkspace;
use covolt_optimum::{CentralSettings, ProgramSolver, optimise};
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

//! Feeders that meet at the source only: examined, repaired and polished side by side as if each were alone.

#![allow(clippy::unwrap_used)]

#[path = "../../covolt-optimum/tests/built_in/mod.rs"]
mod built_in;
#[path = "../../covolt-optimum/tests/built_in/copies.rs"]
mod copies;

use built_in::{BuiltIn, PLAIN};
use copies::copies;
use covolt_dispatch::*;
use covolt_fleet::feeders::join_returns;
use covolt_fleet::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn windows(built_in: &BuiltIn, count: usize, seed: u64) -> Vec<Window> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| built_in.window(&PLAIN, &mut rng)).collect()
}

fn decided(fleet: &Fleet, window: &Window, mode: GuardMode) -> Decision {
    let curvature = LossCurvature::of_fleet(fleet);
    let (mut rule, mut ws) = (MeritOrder::default(), PhysicsWorkspace::new(fleet));
    propose_and_decide(fleet, window, &mut rule, &GuardSettings::with_mode(mode), &curvature, &mut ws).unwrap()
}

#[test]
fn law_feeders_do_not_influence_each_other() {
    let built_in = BuiltIn::load();
    let one = &built_in.case.fleet;
    assert!(one.feeders().is_empty());
    let windows = windows(&built_in, 3, 1);
    let (fleet, window) = copies(one, &windows, None, 1.0);
    let feeders = fleet.feeders();
    assert_eq!(feeders.len(), 3);
    let mut actions = covolt_optimum::central::merit_order_actions(&fleet, &window);
    for round in 0..2 {
        let base = BaseDemand::new(&fleet, &window);
        let whole = evaluate(&fleet, &window, &base, &actions, &mut PhysicsWorkspace::new(&fleet)).unwrap();
        let parts: Vec<WindowReturns> = feeders
            .iter()
            .map(|feeder| {
                let (own, window) = (&feeder.fleet, feeder.window(&window));
                let base = BaseDemand::new(own, &window);
                evaluate(own, &window, &base, &feeder.of_microgrids(&actions), &mut PhysicsWorkspace::new(own)).unwrap()
            })
            .collect();
        let joined = join_returns(&feeders, &parts, fleet.microgrids.len(), window.steps);
        assert!((joined.total() - whole.total()).abs() < 1e-7);
        for (a, b) in joined.export_kw.iter().zip(&whole.export_kw) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        for (a, b) in [(joined.voltage, whole.voltage), (joined.current, whole.current)] {
            let (a, b) = (a.unwrap(), b.unwrap());
            assert!((a.step, a.limit) == (b.step, b.limit) && (a.excess - b.excess).abs() < 1e-8, "{a:?} {b:?}");
        }
        assert!((joined.voltage_violation_sum_pu - whole.voltage_violation_sum_pu).abs() < 1e-8);
        // What one feeder does leaves the others' returns as they were, to the last digit.
        if round == 0 {
            actions[0].iter_mut().for_each(|a| *a *= 0.5);
            let others = &parts[1..];
            let again = &feeders[1];
            let own = again.window(&window);
            let base = BaseDemand::new(&again.fleet, &own);
            let ws = &mut PhysicsWorkspace::new(&again.fleet);
            let returns = evaluate(&again.fleet, &own, &base, &again.of_microgrids(&actions), ws).unwrap();
            assert_eq!(returns, others[0]);
        }
    }
}

#[test]
fn law_repair_of_many_feeders_is_that_of_each() {
    let built_in = BuiltIn::load();
    let one = &built_in.case.fleet;
    let mut changed = 0;
    for seed in 0..6 {
        let windows = windows(&built_in, 3, 10 + seed);
        let (fleet, window) = copies(one, &windows, None, 1.0);
        for mode in [GuardMode::Bare, GuardMode::Repair, GuardMode::Polish { steps: 1 }] {
            let whole = decided(&fleet, &window, mode);
            let (mut programs, mut repairs, mut certified, mut cost) = (0, 0, true, 0.0);
            for (copy, window) in windows.iter().enumerate() {
                let alone = decided(one, window, mode);
                let certificate = alone.certificate();
                (programs, repairs) = (programs + certificate.programs, repairs.max(certificate.repairs));
                certified &= certificate.is_certified();
                cost += certificate.cost_usd.unwrap();
                let n = one.microgrids.len();
                let joint = whole.actions()[copy * n..(copy + 1) * n].iter().flatten();
                for (a, b) in joint.zip(alone.actions().iter().flatten()) {
                    assert!((a - b).abs() < 1e-6, "seed {seed}, {mode:?}: {a} {b}");
                }
            }
            let certificate = whole.certificate();
            assert_eq!((certificate.programs, certificate.repairs), (programs, repairs));
            assert_eq!(certificate.is_certified(), certified);
            assert!((certificate.cost_usd.unwrap() - cost).abs() < 1e-6);
            changed += programs;
        }
    }
    assert!(changed > 20, "{changed}");
}

#[test]
fn law_decisions_on_many_feeders_do_not_depend_on_the_number_of_threads() {
    let built_in = BuiltIn::load();
    let (fleet, window) = copies(&built_in.case.fleet, &windows(&built_in, 4, 5), None, 1.0);
    let in_pool = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| decided(&fleet, &window, GuardMode::Polish { steps: 1 }))
    };
    let (first, second) = (in_pool(1), in_pool(4));
    assert_eq!(first.actions(), second.actions());
    assert_eq!(first.certificate(), second.certificate());
}

#[test]
fn law_repair_along_the_tree_costs_what_it_does_along_the_steps() {
    let built_in = BuiltIn::load();
    let (mut compared, mut programs) = (0, 0);
    for seed in 0..4 {
        let windows = windows(&built_in, 3, 30 + seed);
        let (fleet, window) = copies(&built_in.case.fleet, &windows, Some(5e-4), 0.35);
        let decision = decided(&fleet, &window, GuardMode::Repair);
        programs += decision.certificate().programs;
        if !decision.certificate().is_certified() {
            continue;
        }
        // Clarabel takes the rows over all actions, and knows no tree.
        let mut settings = GuardSettings::with_mode(GuardMode::Repair);
        settings.repair.solver = covolt_optimum::ProgramSolver::Clarabel;
        let curvature = LossCurvature::of_fleet(&fleet);
        let (mut rule, mut ws) = (MeritOrder::default(), PhysicsWorkspace::new(&fleet));
        let other = propose_and_decide(&fleet, &window, &mut rule, &settings, &curvature, &mut ws).unwrap();
        let (a, b) = (decision.certificate().cost_usd.unwrap(), other.certificate().cost_usd.unwrap());
        assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "seed {seed}: {a} {b}");
        compared += 1;
    }
    assert!(compared >= 2 && programs >= 3, "{compared} {programs}");
}

#[test]
fn regress_limits_changed_later_are_those_of_the_feeders() {
    let built_in = BuiltIn::load();
    let (mut fleet, _) = copies(&built_in.case.fleet, &windows(&built_in, 2, 2), None, 1.0);
    assert_eq!(fleet.feeders()[1].fleet.limits.v_min_pu[1], fleet.limits.v_min_pu[fleet.feeders()[1].buses[1]]);
    fleet.limits.v_min_pu.iter_mut().for_each(|v| *v += 0.01);
    assert_eq!(fleet.feeders()[1].fleet.limits.v_min_pu[1], fleet.limits.v_min_pu[fleet.feeders()[1].buses[1]]);
}

//! The untrained policy is the merit order made feasible; descent follows the gradient it is given and nothing else.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::state::StateKind;
use covolt_learn::{Pace, Scenario};

const KINDS: [StateKind; 2] = [StateKind::Local, StateKind::Paper];

#[test]
fn law_untrained_policy_is_the_merit_order_made_feasible() {
    let fleet = fleet();
    let mut moved = 0;
    for kind in KINDS {
        let scenarios = scenarios(&fleet, 12, kind, 1);
        let batch: Vec<&Scenario> = scenarios.iter().collect();
        let mut learners = learners(&fleet, policies(&fleet, &scenarios, kind, 2), 12);
        for (n, (learner, mg)) in learners.iter_mut().zip(&fleet.microgrids).enumerate() {
            let mut actions = vec![vec![f64::NAN; mg.layout(STEPS).len()]; 12];
            learner.act(mg, n, &batch, &mut actions).unwrap();
            for (s, action) in scenarios.iter().zip(&actions) {
                let expected = test_fleet::feasible(&fleet, &s.window, &s.merit_order);
                assert_eq!(*action, expected[n], "{kind:?}, microgrid {n}, row {}", s.window.row);
                moved += usize::from(*action != s.merit_order[n]);
            }
        }
    }
    assert!(moved > 0, "the feasible map must have had something to do");
}

#[test]
fn law_features_are_normalised_over_the_scenarios() {
    let fleet = fleet();
    for kind in KINDS {
        let mut scenarios = scenarios(&fleet, 20, kind, 3);
        // A feature that never moves must keep a finite spread.
        scenarios.iter_mut().for_each(|s| s.features[0][0] = 7.0);
        for (n, policy) in policies(&fleet, &scenarios, kind, 4).iter().enumerate() {
            assert_eq!(policy.features(), scenarios[0].features[n].len());
            for (f, feature) in policy.spec().features.iter().enumerate() {
                let normal: Vec<f64> =
                    scenarios.iter().map(|s| (s.features[n][f] - feature.mean) / feature.std).collect();
                let mean = normal.iter().sum::<f64>() / 20.0;
                let variance = normal.iter().map(|z| z * z).sum::<f64>() / 20.0;
                let constant = scenarios.iter().all(|s| s.features[n][f] == scenarios[0].features[n][f]);
                assert!(mean.abs() < 1e-6, "{}: mean {mean}", feature.name);
                let expected = if constant { 0.0 } else { 1.0 };
                assert!((variance - expected).abs() < 1e-6, "{}: variance {variance}", feature.name);
            }
            if n == 0 {
                assert_eq!(policy.spec().features[0].std, 1.0);
            }
        }
    }
}

#[test]
fn law_descent_follows_the_gradient_only() {
    let fleet = fleet();
    for kind in KINDS {
        let scenarios = scenarios(&fleet, 8, kind, 5);
        let batch: Vec<&Scenario> = scenarios.iter().collect();
        let mut learners = learners(&fleet, policies(&fleet, &scenarios, kind, 6), 8);
        for (n, (learner, mg)) in learners.iter_mut().zip(&fleet.microgrids).enumerate() {
            let layout = mg.layout(STEPS);
            let mut actions = vec![vec![0.0; layout.len()]; 8];
            let mut gradients = actions.clone();
            let before = parameters(&learner.policy);
            learner.act(mg, n, &batch, &mut actions).unwrap();
            learner.descend(mg, &batch, &actions, &gradients, Pace { rate: 0.1, averaging: 0.5 }).unwrap();
            assert_eq!(parameters(&learner.policy), before, "{kind:?}, microgrid {n}");
            assert_eq!(parameters(&learner.averaged()), before);
            // A price on reactive power of the generators: their mean output must fall, step for step.
            let price = |actions: &[Vec<f64>]| -> f64 {
                actions.iter().map(|a| (0..STEPS).map(|t| a[layout.q_dg(t, 0)]).sum::<f64>()).sum()
            };
            gradients.iter_mut().for_each(|g| (0..STEPS).for_each(|t| g[layout.q_dg(t, 0)] = 1.0));
            let start = price(&actions);
            let mut last = start;
            for _ in 0..5 {
                learner.descend(mg, &batch, &actions, &gradients, Pace { rate: 2e-3, averaging: 0.5 }).unwrap();
                learner.act(mg, n, &batch, &mut actions).unwrap();
                let now = price(&actions);
                assert!(now < last, "{kind:?}, microgrid {n}: {now} after {last} kvar");
                last = now;
            }
            assert!(start > 1.0, "the generators must have had something to lose");
            // The running mean lies between the start and the present.
            let theta = parameters(&learner.policy);
            let split = learner.average.len();
            let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            let whole = distance(&theta[..split], &before[..split]);
            assert!(distance(&learner.average, &before[..split]) < whole);
            assert!(distance(&learner.average, &theta[..split]) < whole);
            assert_eq!(theta[split..], before[split..], "descent moves the mean network only");
        }
    }
}

//! What an agent sees, and the merit order: lengths, finite numbers, and nothing of anybody else.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::self_supply::self_supply;
use covolt_fleet::state::{feature_names, observe};
use covolt_fleet::*;
use rand::RngExt;

const KINDS: [StateKind; 2] = [StateKind::Local, StateKind::Paper];

fn merit_order_of(fleet: &Fleet, window: &Window, n: usize) -> Vec<f64> {
    let mg = &fleet.microgrids[n];
    let layout = mg.layout(window.steps);
    let mut action = vec![f64::NAN; layout.len()];
    merit_order::merit_order(mg, &window.microgrids[n], window.dt_h, &layout, &mut action);
    action
}

fn features(fleet: &Fleet, window: &Window, n: usize, kind: StateKind) -> Vec<f64> {
    let mg = &fleet.microgrids[n];
    let mut features = vec![1e9; 3]; // what was there before must not stay
    let set_points = merit_order_of(fleet, window, n);
    observe(kind, mg, n, window, &mg.layout(window.steps), &set_points, &mut features);
    features
}

#[test]
fn law_features_have_names_and_are_finite() {
    let fleet = fleet();
    for steps in [1, 4, 16] {
        for kind in KINDS {
            for soc in [0.0, 0.1, 0.5, 0.9, 1.0] {
                let mut window = window(&fleet, steps, 3);
                window.microgrids.iter_mut().for_each(|w| w.start.soc.fill(soc));
                for (n, mg) in fleet.microgrids.iter().enumerate() {
                    let names = feature_names(kind, mg, &mg.layout(steps));
                    let found = features(&fleet, &window, n, kind);
                    assert_eq!(names.len(), found.len(), "{kind:?}, microgrid {}", mg.name);
                    assert!(found.iter().all(|f| f.is_finite()), "{found:?}");
                    let mut unique = names.clone();
                    unique.sort();
                    unique.dedup();
                    assert_eq!(unique.len(), names.len(), "{names:?}");
                }
            }
        }
    }
}

#[test]
fn law_features_carry_what_their_names_say() {
    let fleet = fleet();
    let window = window(&fleet, 4, 4);
    let (mg, w) = (&fleet.microgrids[0], &window.microgrids[0]);
    let names = feature_names(StateKind::Local, mg, &mg.layout(4));
    let found = features(&fleet, &window, 0, StateKind::Local);
    let set_points = merit_order_of(&fleet, &window, 0);
    let feature = |name: &str| found[names.iter().position(|n| n == name).unwrap_or_else(|| panic!("no {name}"))];
    assert_eq!(feature("load_p_kw[2]"), w.load_p_kw[2] + w.load_p_kw[4 + 2]);
    assert_eq!(feature("load_q_kvar[3]"), w.load_q_kvar[3] + w.load_q_kvar[4 + 3]);
    assert_eq!(feature("price_per_kwh[1]"), w.price_per_kwh[1]);
    assert_eq!(feature("pv1_kw[3]"), w.pv_kw[3]);
    assert_eq!(feature("merit_order_dg2[3]"), set_points[mg.layout(4).p_dg(3, 1)]);
    assert_eq!(feature("merit_order_ess2[1]"), set_points[mg.layout(4).p_ess(1, 1)]);
    assert!((feature("mean_load2_kw") - w.load_p_kw[4..8].iter().sum::<f64>() / 4.0).abs() < 1e-12);
    assert_eq!(feature("previous_dg2_kw"), w.start.p_dg_kw[1]);
    assert_eq!(feature("soc2"), w.start.soc[1]);
    assert_eq!(feature("weekend"), 0.0);
    assert!((feature("hour_sin") - (14.5 * std::f64::consts::TAU / 24.0).sin()).abs() < 1e-12);
    // The value of energy falls over the reachable range, between the outermost slopes.
    let samples: Vec<f64> = (0..4).map(|s| feature(&format!("value_of_energy1[{s}]"))).collect();
    assert!(samples.windows(2).all(|s| s[0] >= s[1]), "{samples:?}");
    assert!(samples[0] <= 45.0 / 160.0 + 1e-12 && samples[3] >= 12.0 / 160.0 - 1e-12, "{samples:?}");
    let paper = features(&fleet, &window, 1, StateKind::Paper);
    let w = &window.microgrids[1];
    let expected: Vec<f64> = (w.load_p_kw.iter().copied()).chain((0..4).map(|t| w.pv_kw[t] + w.pv_kw[4 + t])).collect();
    assert_eq!(paper, expected);
}

#[test]
fn law_state_and_merit_order_know_nothing_of_others() {
    let fleet = fleet();
    for kind in KINDS {
        for n in 0..3 {
            let mut window = window(&fleet, 4, 5);
            let (before, set_points) = (features(&fleet, &window, n, kind), merit_order_of(&fleet, &window, n));
            let mut rng = rng(6);
            let mut scramble = |series: &mut [f64]| series.iter_mut().for_each(|x| *x = rng.random_range(0.0..0.9));
            scramble(&mut window.feeder_p_kw);
            scramble(&mut window.feeder_q_kvar);
            for (other, w) in window.microgrids.iter_mut().enumerate().filter(|(other, _)| *other != n) {
                scramble(&mut w.load_p_kw);
                scramble(&mut w.load_q_kvar);
                scramble(&mut w.pv_kw);
                scramble(&mut w.price_per_kwh);
                scramble(&mut w.start.soc);
                scramble(&mut w.start.p_dg_kw);
                w.terminal.iter_mut().for_each(|t| *t = TerminalValue::linear(other as f64));
            }
            assert_eq!(features(&fleet, &window, n, kind), before);
            assert_eq!(merit_order_of(&fleet, &window, n), set_points);
            // What is one's own does count.
            scramble(&mut window.microgrids[n].load_p_kw);
            assert_ne!(features(&fleet, &window, n, kind), before);
        }
    }
}

#[test]
fn law_merit_order_meets_the_marginal_cost_and_the_price_taker() {
    let fleet = fleet();
    for seed in 0..20 {
        let window = window(&fleet, 4, seed);
        for (n, mg) in fleet.microgrids.iter().enumerate() {
            let (layout, w) = (mg.layout(4), &window.microgrids[n]);
            let action = merit_order_of(&fleet, &window, n);
            assert!(action.iter().all(|a| a.is_finite()));
            for t in 0..4 {
                for (i, dg) in mg.dgs.iter().enumerate() {
                    let p = action[layout.p_dg(t, i)];
                    let margin = w.price_per_kwh[t] - mg.fuel_price_per_l * dg.fuel.slope(p);
                    assert!((0.0..=dg.p_max_kw).contains(&p));
                    assert!(margin.abs() < 1e-12 || (p == 0.0 && margin < 0.0) || (p == dg.p_max_kw && margin > 0.0));
                }
                // Reactive powers add up to the load where the ratings reach that far.
                let load: f64 = (0..mg.loads.len()).map(|l| w.load_q_kvar[l * 4 + t]).sum();
                let rating = mg.dgs.iter().map(|d| d.q_max_kvar).sum::<f64>()
                    + mg.pvs.iter().map(|d| d.q_max_kvar).sum::<f64>()
                    + mg.batteries.iter().map(|d| d.q_max_kvar).sum::<f64>();
                let supplied = (0..mg.dgs.len()).map(|i| action[layout.q_dg(t, i)]).sum::<f64>()
                    + (0..mg.pvs.len()).map(|j| action[layout.q_pv(t, j)]).sum::<f64>()
                    - (0..mg.batteries.len()).map(|k| action[layout.q_ess(t, k)]).sum::<f64>();
                assert!((supplied - load.min(rating)).abs() < 1e-9, "{supplied} {load} {rating}");
            }
            for (k, battery) in mg.batteries.iter().enumerate() {
                let mut path = vec![0.0; 4];
                storage_value::price_taker_path(
                    battery,
                    w.start.soc[k],
                    &w.price_per_kwh,
                    window.dt_h,
                    &w.terminal[k],
                    &mut path,
                );
                (0..4).for_each(|t| assert_eq!(action[layout.p_ess(t, k)], path[t]));
            }
        }
    }
}

#[test]
fn regress_merit_order_without_fuel_price_or_curvature() {
    let mut fleet = fleet();
    fleet.microgrids[0].fuel_price_per_l = 0.0;
    fleet.microgrids[1].dgs[0].fuel.a_l_per_kw2h = 0.0;
    let mut window = window(&fleet, 1, 7);
    for (price, expected) in [(0.01, [150.0, 0.0]), (0.3, [150.0, 180.0]), (-0.2, [0.0, 0.0])] {
        window.microgrids.iter_mut().for_each(|w| w.price_per_kwh.fill(price));
        for (n, expected) in expected.into_iter().enumerate() {
            let action = merit_order_of(&fleet, &window, n);
            assert_eq!(action[0], expected, "price {price}, microgrid {n}");
            assert!(action.iter().all(|a| a.is_finite()));
        }
    }
}

#[test]
fn law_self_supply_serves_the_own_load() {
    let fleet = fleet();
    for seed in 0..20 {
        let window = window(&fleet, 4, seed);
        for (mg, w) in fleet.microgrids.iter().zip(&window.microgrids) {
            let layout = mg.layout(4);
            let mut action = vec![f64::NAN; layout.len()];
            self_supply(mg, w, window.dt_h, &layout, &mut action);
            for t in 0..4 {
                let sum = |series: &[f64], count: usize| (0..count).map(|d| series[4 * d + t]).sum::<f64>();
                let net = sum(&w.load_p_kw, mg.loads.len()) - sum(&w.pv_kw, mg.pvs.len());
                let p: f64 = (0..mg.dgs.len()).map(|i| action[layout.p_dg(t, i)]).sum();
                let most: f64 = mg.dgs.iter().map(|d| d.p_max_kw).sum();
                assert!((p - net.clamp(0.0, most)).abs() < 1e-9 * most.max(1.0), "{p} kW for {net} kW of {most} kW");
                assert!((0..mg.batteries.len()).all(|k| action[layout.p_ess(t, k)] == 0.0));
            }
        }
    }
}

//! Evidence for the lower bound: the AC power flow, the central optimum, random actions, and windows without any action.
#![allow(clippy::unwrap_used)]

#[path = "bound_fleet/mod.rs"]
mod bound_fleet;

use bound_fleet::{Variant, WIDE, fleet, network, window};
use covolt_fleet::returns::loading_pu;
use covolt_fleet::{
    BaseDemand, CURRENT_TOLERANCE_RELATIVE, Fleet, Limit, LossCurvature, NetworkLimits, PhysicsWorkspace,
    VOLTAGE_TOLERANCE_PU, Window, evaluate, feasible_map,
};
use covolt_grid::{DistributionGrid, Grid};
use covolt_optimum::bound::{BoundError, BoundSettings, lower_bound};
use covolt_optimum::{CentralSettings, Optimum, optimise};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const POSITIVE: (f64, f64) = (0.03, 0.14);
const TIGHT: Variant = Variant { devices: true, v_min_pu: 0.965, v_max_pu: 1.03, rating: 0.45 };
const NO_DEVICES: Variant = Variant { devices: false, ..WIDE };

fn central(fleet: &Fleet, window: &Window, start: Option<&[Vec<f64>]>) -> Optimum {
    let curvature = LossCurvature::of_fleet(fleet);
    let mut ws = PhysicsWorkspace::new(fleet);
    optimise(fleet, window, start, &curvature, &CentralSettings::default(), &mut ws).unwrap()
}

/// Voltages and loadings of every step without any device, and the cost.
fn passive(fleet: &Fleet, window: &Window) -> (f64, Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let base = BaseDemand::new(fleet, window);
    let mut ws = PhysicsWorkspace::new(fleet);
    let actions = vec![vec![]; fleet.microgrids.len()];
    let (mut voltages, mut loadings) = (vec![], vec![]);
    for t in 0..window.steps {
        ws.solve_step(fleet, &base, &actions, window.steps, t).unwrap();
        let v = ws.flow.v();
        voltages.push(v.iter().map(|v| v.norm()).collect());
        loadings.push((0..fleet.grid.n_branches()).map(|b| loading_pu(fleet, b, v)).collect());
    }
    (evaluate(fleet, window, &base, &actions, &mut ws).unwrap().total(), voltages, loadings)
}

#[test]
fn ref_without_devices_the_bound_is_the_cost_of_the_power_flow() {
    let fleet = fleet(NO_DEVICES);
    for seed in 0..5 {
        let window = window(&fleet, 3, POSITIVE, seed);
        let (cost, ..) = passive(&fleet, &window);
        let bound = lower_bound(&fleet, &window, &BoundSettings::default()).unwrap();
        assert!(bound.value_usd <= cost + 1e-9, "seed {seed}: {} > {cost}", bound.value_usd);
        // Feeder losses are free to the relaxation, and lower feeder voltages cost a little: hence not equality.
        assert!(cost - bound.value_usd < 1e-5 * cost, "seed {seed}: {} << {cost}", bound.value_usd);
    }
}

/// A limit just outside the power flow's value leaves the window feasible, one just inside makes it infeasible.
#[test]
fn ref_current_limits_are_those_of_the_power_flow_at_both_ends() {
    let mut fleet = fleet(NO_DEVICES);
    let window = window(&fleet, 1, POSITIVE, 3);
    let (_, _, loadings) = passive(&fleet, &window);
    for (branch, &loading) in loadings[0].iter().enumerate() {
        let id = fleet.grid.balanced().unwrap().network().branches()[branch].id.0.clone();
        fleet.limits.i_max_pu.fill(f64::INFINITY);
        fleet.limits.i_max_pu[branch] = loading * (1.0 + 1e-5);
        let bound = lower_bound(&fleet, &window, &BoundSettings::default());
        assert!(bound.is_ok(), "{id}: {bound:?}");
        fleet.limits.i_max_pu[branch] = loading * (1.0 - 1e-3);
        match lower_bound(&fleet, &window, &BoundSettings::default()) {
            Err(BoundError::Infeasible { limits, .. }) => {
                assert_eq!(limits[0].limit, Limit::Current(branch), "{id}: {limits:?}");
            }
            other => panic!("{id}: {other:?}"),
        }
    }
}

#[test]
fn ref_lower_voltage_limits_are_those_of_the_power_flow() {
    let mut fleet = fleet(NO_DEVICES);
    let window = window(&fleet, 1, POSITIVE, 3);
    let (_, voltages, _) = passive(&fleet, &window);
    for (bus, &voltage) in voltages[0].iter().enumerate().skip(1) {
        let id = fleet.grid.balanced().unwrap().network().buses()[bus].id.0.clone();
        fleet.limits.v_min_pu.fill(0.8);
        fleet.limits.v_min_pu[bus] = voltage - 1e-6;
        let bound = lower_bound(&fleet, &window, &BoundSettings::default());
        assert!(bound.is_ok(), "{id}: {bound:?}");
        fleet.limits.v_min_pu[bus] = voltage + 1e-5;
        match lower_bound(&fleet, &window, &BoundSettings::default()) {
            Err(BoundError::Infeasible { limits, summary, .. }) => {
                assert_eq!(limits[0].limit, Limit::VoltageLow(bus), "{id}: {limits:?}");
                assert!(summary.contains(&id), "{summary}");
            }
            other => panic!("{id}: {other:?}"),
        }
    }
}

#[test]
fn law_no_feasible_action_costs_less() {
    let (mut safe, mut bound_by_limits) = (0, 0);
    for (variant, prices, seed) in [
        (WIDE, POSITIVE, 1),
        (TIGHT, POSITIVE, 2),
        (TIGHT, POSITIVE, 3),
        (WIDE, (-0.08, 0.05), 4),
        (TIGHT, (-0.08, 0.05), 5),
    ] {
        let fleet = fleet(variant);
        let window = window(&fleet, 4, prices, seed);
        let base = BaseDemand::new(&fleet, &window);
        let mut ws = PhysicsWorkspace::new(&fleet);
        let settings = BoundSettings {
            voltage_allowance_pu: VOLTAGE_TOLERANCE_PU,
            current_allowance: CURRENT_TOLERANCE_RELATIVE,
            ..BoundSettings::default()
        };
        let bound = lower_bound(&fleet, &window, &settings).unwrap();
        let optimum = central(&fleet, &window, None);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for sample in 0..400 {
            // Around the optimum first, then anywhere.
            let spread = if sample < 200 { 10f64.powf(rng.random_range(-3.0..1.5)) } else { 400.0 };
            let actions: Vec<Vec<f64>> = (fleet.microgrids.iter().zip(&window.microgrids).zip(&optimum.actions))
                .map(|((mg, w), at)| {
                    let raw: Vec<f64> = at.iter().map(|a| a + spread * rng.random_range(-1.0..1.0)).collect();
                    let mut action = vec![0.0; raw.len()];
                    feasible_map::apply(mg, w, window.dt_h, &mg.layout(window.steps), &raw, &mut action);
                    action
                })
                .collect();
            let Ok(returns) = evaluate(&fleet, &window, &base, &actions, &mut ws) else { continue };
            if returns.is_safe() {
                safe += 1;
                assert!(returns.total() >= bound.value_usd, "seed {seed}: {} < {}", returns.total(), bound.value_usd);
            } else {
                bound_by_limits += 1;
            }
        }
    }
    assert!(safe > 500 && bound_by_limits > 100, "{safe} safe actions, {bound_by_limits} others: not much of a test");
}

/// The AC optimum is searched from the relaxed one, so both are global where they agree.
#[test]
fn law_bound_and_optimum_agree_at_positive_prices() {
    let (mut compared, mut binding, mut close) = (0, 0, 0);
    for (variant, seeds) in [(WIDE, 0..4), (TIGHT, 10..22)] {
        let fleet = fleet(variant);
        for seed in seeds {
            let window = window(&fleet, 4, POSITIVE, seed);
            let bound = match lower_bound(&fleet, &window, &BoundSettings::default()) {
                Ok(bound) => bound,
                Err(error) => {
                    println!("seed {seed}: {error}");
                    assert!(matches!(error, BoundError::Infeasible { .. }), "{error}");
                    assert!(!central(&fleet, &window, None).returns.is_safe(), "seed {seed}: {error}");
                    continue;
                }
            };
            let optimum = central(&fleet, &window, Some(&bound.actions));
            let cost = optimum.returns.total();
            let distance = (cost - bound.value_usd) / cost.abs();
            println!(
                "seed {seed}: {cost:.6} - {:.6}: {distance:.1e}, gap {:.1e}, overlap {:.1e} kW, {} in {:.1} ms, {} ({:?} {:?})",
                bound.value_usd,
                bound.relaxation_gap_max,
                bound.charge_discharge_overlap_kw,
                bound.iterations,
                1e3 * bound.solve_time_s,
                bound.status,
                optimum.returns.voltage.map(|n| n.excess),
                optimum.returns.current.map(|n| n.excess),
            );
            if !optimum.returns.is_safe() {
                continue;
            }
            compared += 1;
            let excess = |nearest: Option<covolt_fleet::Nearest>| nearest.map_or(-1.0, |n| n.excess);
            binding += usize::from(excess(optimum.returns.voltage).max(excess(optimum.returns.current)) > -1e-4);
            close += usize::from(distance < 1e-5);
            // Above 1e-5 only where an upper voltage limit binds: burning feeder power lowers the voltage for nothing.
            assert!((-1e-6..1e-4).contains(&distance), "seed {seed}: optimum {cost}, bound {}", bound.value_usd);
        }
    }
    assert!(compared >= 10 && binding >= 4, "{compared} compared, {binding} of them at a limit: not much of a test");
    assert!(4 * close >= 3 * compared, "only {close} of {compared} within 1e-5");
}

/// Where the relaxation is tight its set-points are the optimum: their cost after the power flow is the bound.
#[test]
fn law_recovered_actions_attain_the_bound_at_any_window_length() {
    let fleet = fleet(WIDE);
    let mut ws = PhysicsWorkspace::new(&fleet);
    for steps in [1, 4, 16, 96] {
        let window = window(&fleet, steps, POSITIVE, 40 + steps as u64);
        let bound = lower_bound(&fleet, &window, &BoundSettings::default()).unwrap();
        let base = BaseDemand::new(&fleet, &window);
        let cost = evaluate(&fleet, &window, &base, &bound.actions, &mut ws).unwrap().total();
        let distance = (cost - bound.value_usd) / cost;
        println!(
            "{steps} steps: distance {distance:.1e}, {} variables, {:.1} ms",
            bound.variables,
            1e3 * bound.solve_time_s
        );
        assert!((-1e-9..1e-5).contains(&distance), "{steps} steps: cost {cost}, bound {}", bound.value_usd);
    }
}

#[test]
fn law_a_loose_solver_still_gives_a_bound() {
    let fleet = fleet(TIGHT);
    let window = window(&fleet, 4, POSITIVE, 2);
    let exact = lower_bound(&fleet, &window, &BoundSettings::default()).unwrap().value_usd;
    for tolerance in [1e-3, 1e-4, 1e-5] {
        let settings = BoundSettings { tolerance, accepted_loss: f64::INFINITY, ..BoundSettings::default() };
        let loose = lower_bound(&fleet, &window, &settings).unwrap().value_usd;
        assert!(loose <= exact + 1e-9, "{loose} > {exact} at tolerance {tolerance}");
    }
    let settings = BoundSettings { max_iterations: 2, ..BoundSettings::default() };
    assert!(matches!(lower_bound(&fleet, &window, &settings), Err(BoundError::NotConverged { .. })));
}

#[test]
fn law_wider_limits_never_raise_the_bound() {
    let fleet = fleet(TIGHT);
    let window = window(&fleet, 4, POSITIVE, 3);
    let value = |voltage_allowance_pu, current_allowance| {
        let settings = BoundSettings { voltage_allowance_pu, current_allowance, ..BoundSettings::default() };
        lower_bound(&fleet, &window, &settings).unwrap().value_usd
    };
    let values = [value(0.0, 0.0), value(1e-3, 0.0), value(1e-3, 1e-2), value(1e-2, 1e-1)];
    assert!(values.windows(2).all(|w| w[1] <= w[0] + 1e-9), "{values:?}");
    assert!(values[3] < values[0] - 1e-6, "the limits do not bind: {values:?}");
}

#[test]
fn law_an_empty_window_says_which_limit() {
    let mut fleet = fleet(WIDE);
    let mut window = window(&fleet, 4, POSITIVE, 7);
    // 900 kW of load behind A1-A2 at step 2; its generator gives at most 300 kW, the line 0.2 pu.
    fleet.limits.i_max_pu[4] = 0.2;
    window.microgrids[0].load_p_kw[2] = 900.0;
    match lower_bound(&fleet, &window, &BoundSettings::default()) {
        Err(BoundError::Infeasible { limits, summary, .. }) => {
            assert_eq!((limits[0].limit, limits[0].step), (Limit::Current(4), 2), "{limits:?}");
            assert!(summary.contains("A1-A2"), "{summary}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn law_bad_input_is_an_error_not_a_panic() {
    let good = fleet(NO_DEVICES);
    let window = window(&good, 2, POSITIVE, 1);
    let meshed = DistributionGrid::from(Grid::new(network(true)).unwrap());
    let limits = NetworkLimits::uniform(&meshed, 0.9, 1.1);
    let meshed = Fleet::try_new(meshed, good.microgrids.clone(), good.feeder_loads.clone(), limits).unwrap();
    let settings = BoundSettings::default();
    assert!(matches!(lower_bound(&meshed, &window, &settings), Err(BoundError::NotRadial { buses: 11, branches: 11 })));

    let mut short = window.clone();
    short.microgrids[1].load_p_kw.pop();
    assert!(matches!(lower_bound(&good, &short, &settings), Err(BoundError::WindowMismatch { .. })));
    let mut not_a_number = window.clone();
    not_a_number.microgrids[0].price_per_kwh[1] = f64::NAN;
    assert!(matches!(lower_bound(&good, &not_a_number, &settings), Err(BoundError::NotFinite { .. })));
}

#[test]
fn law_negative_prices_only_lower_the_bound() {
    let fleet = fleet(WIDE);
    for seed in 20..24 {
        let window = window(&fleet, 4, (-0.08, 0.06), seed);
        let bound = lower_bound(&fleet, &window, &BoundSettings::default()).unwrap();
        let cost = central(&fleet, &window, None).returns.total();
        println!(
            "seed {seed}: optimum {cost:.5}, bound {:.5}, gap {:.1e}, overlap {:.2} kW",
            bound.value_usd, bound.relaxation_gap_max, bound.charge_discharge_overlap_kw
        );
        assert!(bound.value_usd <= cost + 1e-9);
        assert!(cost - bound.value_usd < 0.2 * cost.abs().max(1.0), "seed {seed}: {cost} {}", bound.value_usd);
    }
}

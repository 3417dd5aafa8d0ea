//! What a joint action does: cost parts, exports, and the limits that come nearest, against a plain recount.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::*;
use covolt_grid::{BranchIndex, CurrentSide};
use std::slice::from_ref;
use std::sync::Arc;

#[test]
fn law_returns_are_a_recount_of_the_power_flow() {
    let fleet = fleet();
    for seed in 0..10 {
        let window = window(&fleet, 4, seed);
        let base = BaseDemand::new(&fleet, &window);
        let actions = feasible(&fleet, &window, &random_raw(&fleet, 4, 100.0, &mut rng(seed)));
        let mut ws = PhysicsWorkspace::new(&fleet);
        let returns = evaluate(&fleet, &window, &base, &actions, &mut ws).unwrap();
        let (mut worst_v, mut worst_i) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        let mut exchange = [0.0; 3];
        for t in 0..4 {
            ws.solve_step(&fleet, &base, &actions, 4, t).unwrap();
            let v = ws.flow.v();
            for magnitude in v[1..].iter().map(|v| v.norm()) {
                worst_v = worst_v.max(0.95 - magnitude).max(magnitude - 1.05);
            }
            for (b, branch) in fleet.grid.balanced().unwrap().network().branches().iter().enumerate() {
                if let Some(rating) = branch.rating_a {
                    let base_a = |side: covolt_grid::BusIndex| {
                        fleet.grid.balanced().unwrap().network().current_base_a(side).unwrap()
                    };
                    let to = fleet.grid.balanced().unwrap().current(BranchIndex(b), CurrentSide::To, v).norm()
                        * base_a(branch.to);
                    // Amperes of the from side, carried over by the ratio of the turns.
                    let turns = base_a(branch.to) / base_a(branch.from) * branch.tap.norm();
                    let from = fleet.grid.balanced().unwrap().current(BranchIndex(b), CurrentSide::From, v).norm()
                        * base_a(branch.from)
                        * turns;
                    worst_i = worst_i.max(to.max(from) / rating - 1.0);
                }
            }
            // Balance: what the feeder's loads, lines and source do not take is the sum of the exports.
            let export: f64 = (0..3).map(|n| returns.export_kw[n * 4 + t]).sum();
            let feeder_load: f64 = (0..2).map(|l| window.feeder_p_kw[l * 4 + t]).sum();
            let feeder_losses: f64 = [0, 1, 2]
                .iter()
                .map(|&b| fleet.grid.balanced().unwrap().branch_admittances()[b].losses(v).re * 1e3)
                .sum();
            let source = fleet.grid.source_power_pu(v).re * 1e3;
            assert!((export + source - feeder_load - feeder_losses).abs() < 1e-5, "{export} {source} {feeder_load}");
            for (n, exchange) in exchange.iter_mut().enumerate() {
                *exchange -= window.microgrids[n].price_per_kwh[t] * 0.25 * returns.export_kw[n * 4 + t];
            }
        }
        assert!((returns.voltage.unwrap().excess - worst_v).abs() < 1e-12);
        // Steps are solved together there, one by one here: a current is a small difference of voltages times a large admittance.
        assert!((returns.current.unwrap().excess - worst_i).abs() < 1e-9);
        assert!((returns.voltage_violation_pu() - worst_v.max(0.0)).abs() < 1e-12);
        assert_eq!(returns.is_safe(), worst_v <= VOLTAGE_TOLERANCE_PU && worst_i <= CURRENT_TOLERANCE_RELATIVE);
        for (n, mg) in fleet.microgrids.iter().enumerate() {
            let (layout, w, cost) = (mg.layout(4), &window.microgrids[n], &returns.costs[n]);
            assert!((cost.exchange - exchange[n]).abs() < 1e-9);
            let mut fuel = 0.0;
            for (i, d) in mg.dgs.iter().enumerate() {
                for t in 0..4 {
                    let (f, p) = (&d.fuel, actions[n][layout.p_dg(t, i)]);
                    fuel += mg.fuel_price_per_l * 0.25 * (f.a_l_per_kw2h * p * p + f.b_l_per_kwh * p + f.c_l_per_h);
                }
            }
            assert!((cost.fuel - fuel).abs() < 1e-9);
            let path = cost::soc_path(mg, w, 0.25, &layout, &actions[n]);
            let gain: f64 = (0..mg.batteries.len())
                .map(|k| w.terminal[k].value(path[k * 4 + 3]) - w.terminal[k].value(w.start.soc[k]))
                .sum();
            assert!((cost.storage + gain).abs() < 1e-9);
            assert!((cost.total() - fuel - exchange[n] + gain).abs() < 1e-9);
        }
        assert!((returns.total() - returns.costs.iter().map(Cost::total).sum::<f64>()).abs() < 1e-12);
    }
}

#[test]
fn law_the_nearest_limit_has_the_users_own_name() {
    let mut fleet = fleet();
    let window = window(&fleet, 4, 3);
    let base = BaseDemand::new(&fleet, &window);
    let actions = feasible(&fleet, &window, &random_raw(&fleet, 4, 50.0, &mut rng(3)));
    fleet.limits.v_min_pu[bus("B2").0] = 1.045;
    fleet.limits.i_max_pu[12] = 1e-4;
    let returns = evaluate(&fleet, &window, &base, &actions, &mut PhysicsWorkspace::new(&fleet)).unwrap();
    let (voltage, current) = (returns.voltage.unwrap(), returns.current.unwrap());
    assert_eq!(voltage.limit.describe(&fleet), "lower voltage limit at bus B2");
    assert_eq!(current.limit.describe(&fleet), "current limit of branch C1-C3");
    assert!(voltage.excess > 0.0 && current.excess > 1.0 && !returns.is_safe());
    // The worst step is named: there, and nowhere else, the excess is that large.
    let mut ws = PhysicsWorkspace::new(&fleet);
    for t in 0..4 {
        ws.solve_step(&fleet, &base, &actions, 4, t).unwrap();
        let excess = 1.045 - ws.flow.v()[bus("B2").0].norm();
        assert!(if t == voltage.step { (excess - voltage.excess).abs() < 1e-12 } else { excess < voltage.excess });
    }
}

#[test]
fn law_a_window_is_a_cut_of_the_profiles() {
    let series =
        |scale: f64, from: f64| ScaledSeries::new((0..10).map(|r| from + f64::from(r)).collect::<Arc<_>>(), scale);
    let load = |scale: f64| LoadProfile { p_kw: series(scale, 0.0), q_kvar: series(0.5 * scale, 1.0) };
    let profiles = Profiles {
        dt_h: 0.25,
        unix_s: (0..10).map(|r| 900 * r).collect(),
        hour_of_day: (0..10).map(|r| 0.25 * f64::from(r)).collect(),
        weekday: vec![6; 10],
        day: [vec![0; 4], vec![1; 6]].concat(),
        feeder_loads: vec![load(2.0)],
        microgrids: vec![MicrogridProfiles {
            loads: vec![load(1.0), load(3.0)],
            pvs_kw: vec![series(5.0, 2.0)],
            price_per_kwh: series(0.01, 0.0),
        }],
    };
    let start = MicrogridStart { soc: vec![0.4], p_dg_kw: vec![10.0] };
    let terminal = vec![TerminalValue::linear(3.0)];
    let cut = |row, steps| Window::from_profiles(&profiles, row, steps, from_ref(&start), from_ref(&terminal));
    let window = cut(7, 3).unwrap();
    assert_eq!(window.feeder_p_kw, [14.0, 16.0, 18.0]);
    assert_eq!(window.feeder_q_kvar, [8.0, 9.0, 10.0]);
    assert_eq!(window.microgrids[0].load_p_kw, [7.0, 8.0, 9.0, 21.0, 24.0, 27.0]);
    assert_eq!(window.microgrids[0].load_q_kvar, [4.0, 4.5, 5.0, 12.0, 13.5, 15.0]);
    assert_eq!(window.microgrids[0].pv_kw, [45.0, 50.0, 55.0]);
    assert_eq!(window.microgrids[0].start, start);
    assert_eq!((window.hour_of_day, window.weekday, window.row, window.steps), (1.75, 6, 7, 3));
    assert!(cut(8, 3).is_none() && cut(0, 0).is_none() && cut(10, 1).is_none());
    assert!(Window::from_profiles(&profiles, 0, 1, &[], &[]).is_none());
    assert_eq!((profiles.days(), profiles.rows()), (2, 10));
    assert_eq!((profiles.rows_of_day(0), profiles.rows_of_day(1), profiles.rows_of_day(2)), (0..4, 4..10, 10..10));
}

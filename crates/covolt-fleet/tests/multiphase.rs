//! Fleets on multi-phase grids: the balanced test fleet written out in three phases costs the same to the last digit that counts, and
//! with devices on single phases the gradient of cost and priced limits, unbalance factors among them, is that of finite differences.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;
#[path = "common/phases.rs"]
mod phases;

use common::*;
use covolt_fleet::rows::{Reach, step_rows};
use covolt_fleet::*;
use num_complex::Complex64;
use phases::{at_all_phases, fleet_of, three_phases, uneven_fleet};

#[test]
fn law_balanced_fleet_in_three_phases_costs_the_same() {
    let (balanced, three) = (fleet(), fleet_of(three_phases(), (0.95, 1.05), 1.0, at_all_phases));
    for (steps, seed) in [(1, 1), (4, 2), (4, 3)] {
        let window = window(&balanced, steps, seed);
        let actions = feasible(&balanced, &window, &random_raw(&balanced, steps, 80.0, &mut rng(seed + 9)));
        let returns = |fleet: &Fleet| {
            let (base, mut ws) = (BaseDemand::new(fleet, &window), PhysicsWorkspace::new(fleet));
            evaluate(fleet, &window, &base, &actions, &mut ws).unwrap()
        };
        let (expected, found) = (returns(&balanced), returns(&three));
        assert!((found.total() - expected.total()).abs() < 1e-6 * expected.total().abs(), "{found:?} {expected:?}");
        for (a, b) in found.export_kw.iter().zip(&expected.export_kw) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        let (a, b) = (found.voltage.unwrap(), expected.voltage.unwrap());
        assert!((a.excess - b.excess).abs() < 1e-6, "{a:?} {b:?}");
    }
}

#[test]
fn fd_lagrangian_gradient_on_uneven_phases() {
    let fleet = uneven_fleet();
    let pricing = LimitPricing {
        voltage_curvature: 3e3,
        current_curvature: 20.0,
        voltage_margin_pu: 0.002,
        current_margin: 0.01,
    };
    let steps = 2;
    let window = window(&fleet, steps, 5);
    let base = BaseDemand::new(&fleet, &window);
    let value = |actions: &[Vec<f64>], gradients: &mut [Vec<f64>]| {
        let (mut ws, mut scratch) = (PhysicsWorkspace::new(&fleet), PriceScratch::default());
        ws.options.tolerance_pu = 1e-12;
        let prices = LimitPrices::default();
        lagrangian_gradient(&fleet, &window, &base, actions, &prices, &pricing, &mut ws, &mut scratch, gradients)
            .unwrap()
    };
    let mut actions = random_raw(&fleet, steps, 40.0, &mut rng(77));
    for (mg, action) in fleet.microgrids.iter().zip(&mut actions) {
        let layout = mg.layout(steps);
        for (t, k) in (0..steps).flat_map(|t| (0..layout.batteries).map(move |k| (t, k))) {
            let p = &mut action[layout.p_ess(t, k)];
            *p += 5f64.copysign(*p);
        }
    }
    let mut gradients: Vec<Vec<f64>> = actions.iter().map(|a| vec![f64::NAN; a.len()]).collect();
    let found = value(&actions, &mut gradients);
    assert!(found.priced > 0.0 && found.voltage_violation_pu > 0.0 && found.current_violation > 0.0, "{found:?}");
    let unbalanced = (0..fleet.grid.n_voltages()).filter(|&i| fleet.grid.is_unbalance_factor(i));
    let mut ws = PhysicsWorkspace::new(&fleet);
    ws.solve_step(&fleet, &base, &actions, steps, 0).unwrap();
    let broken = unbalanced.filter(|&i| fleet.grid.voltage_pu(i, ws.flow.v()) > fleet.limits.v_max_pu[i]).count();
    assert!(broken > 0, "some unbalance limit is to be broken");
    let scale = gradients.iter().flatten().fold(0.0, |worst: f64, g| worst.max(g.abs()));
    let (mut moved, mut scratch) = (actions.clone(), gradients.clone());
    for n in 0..actions.len() {
        for at in 0..actions[n].len() {
            let expected = difference(0.05, |step| {
                moved[n][at] = actions[n][at] + step;
                let value = value(&moved, &mut scratch);
                value.cost + value.priced
            });
            moved[n][at] = actions[n][at];
            let found = gradients[n][at];
            assert!((found - expected).abs() <= 1e-6 * scale, "microgrid {n}, entry {at}: {found} {expected}");
        }
    }
}

#[test]
fn fd_rows_of_the_limits_on_uneven_phases() {
    let fleet = uneven_fleet();
    let window = window(&fleet, 1, 6);
    let base = BaseDemand::new(&fleet, &window);
    let actions = random_raw(&fleet, 1, 40.0, &mut rng(78));
    let mut ws = PhysicsWorkspace::new(&fleet);
    ws.options.tolerance_pu = 1e-12;
    ws.solve_step(&fleet, &base, &actions, 1, 0).unwrap();
    let (p, q) = ws.demand();
    let (p, q) = (p.to_vec(), q.to_vec());
    fleet.grid.linearise(&p, &q, &mut ws.flow).unwrap();
    let (mut voltages, mut currents) = (Vec::new(), Vec::new());
    let reach = Reach { voltage_pu: 0.02, current_fraction: 0.2 };
    step_rows(&fleet, 0, &reach, &mut ws, &mut voltages, &mut currents).unwrap();
    assert!(voltages.len() > 30 && currents.len() > 10, "{} {}", voltages.len(), currents.len());
    let v0 = ws.flow.v().to_vec();
    let mut moved = actions.clone();
    for n in 0..actions.len() {
        for at in 0..actions[n].len() {
            let mut solve = |step: f64| {
                moved[n][at] = actions[n][at] + step;
                ws.solve_step(&fleet, &base, &moved, 1, 0).unwrap();
                moved[n][at] = actions[n][at];
                ws.flow.v().to_vec()
            };
            let h = 0.05;
            let (up, down) = (solve(h), solve(-h));
            for row in &voltages {
                let (i, sign) = match row.limit {
                    Limit::VoltageLow(i) => (i, -1.0),
                    Limit::VoltageHigh(i) | Limit::Current(i) => (i, 1.0),
                };
                let expected = sign * (fleet.grid.voltage_pu(i, &up) - fleet.grid.voltage_pu(i, &down)) / (2.0 * h);
                let found = row.coefficients[n][at];
                assert!((found - expected).abs() < 1e-8, "{:?} {n} {at}: {found} {expected}", row.limit);
            }
            for row in &currents {
                let side = fleet.grid.monitored_current(row.branch, &v0).side;
                let at_side = |v: &[Complex64]| {
                    let monitored = fleet.grid.monitored_current(row.branch, v);
                    (monitored.side == side).then_some(monitored.current / fleet.limits.i_max_pu[row.branch])
                };
                if let (Some(a), Some(b)) = (at_side(&up), at_side(&down)) {
                    let expected = (a - b) / (2.0 * h);
                    let found = Complex64::new(row.re[n][at], row.im[n][at]);
                    assert!((found - expected).norm() < 1e-6, "{} {n} {at}: {found} {expected}", row.branch);
                }
            }
        }
    }
}

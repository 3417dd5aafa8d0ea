//! The gradient of cost and priced limits, and the rows of the limits, against finite differences of the true AC
//! power flow: (43)-(46), every action entry of every microgrid.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::rows::{CurrentRow, VoltageRow, step_rows};
use covolt_fleet::*;
use covolt_grid::{BranchIndex, CurrentSide};
use num_complex::Complex64;

/// Active powers of storage kept this far from zero, kW, where the efficiency changes.
const AWAY_FROM_KINK_KW: f64 = 5.0;
/// Step of the differences, kW or kvar: 2.5e-4 pu.
const STEP_KW: f64 = 0.25;

fn workspace(fleet: &Fleet) -> PhysicsWorkspace {
    let mut ws = PhysicsWorkspace::new(fleet);
    ws.options.tolerance_pu = 1e-12;
    ws
}

/// A joint action whose storage powers differ clearly from zero.
fn smooth_action(fleet: &Fleet, steps: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut actions = random_raw(fleet, steps, 40.0, &mut rng(seed));
    for (mg, action) in fleet.microgrids.iter().zip(&mut actions) {
        let layout = mg.layout(steps);
        for t in 0..steps {
            for k in 0..layout.batteries {
                let p = &mut action[layout.p_ess(t, k)];
                *p += AWAY_FROM_KINK_KW.copysign(*p);
            }
        }
    }
    actions
}

struct Problem {
    fleet: Fleet,
    window: Window,
    base: BaseDemand,
    prices: LimitPrices,
    pricing: LimitPricing,
}

impl Problem {
    fn value(&self, actions: &[Vec<f64>], gradients: &mut [Vec<f64>]) -> LagrangianValue {
        let mut ws = workspace(&self.fleet);
        let mut scratch = PriceScratch::default();
        lagrangian_gradient(
            &self.fleet,
            &self.window,
            &self.base,
            actions,
            &self.prices,
            &self.pricing,
            &mut ws,
            &mut scratch,
            gradients,
        )
        .unwrap()
    }

    /// Compares every entry of the gradient with differences; returns the value and the number of entries.
    fn check(&self, actions: &[Vec<f64>], relative: f64) -> LagrangianValue {
        let mut gradients: Vec<Vec<f64>> = actions.iter().map(|a| vec![f64::NAN; a.len()]).collect();
        let value = self.value(actions, &mut gradients);
        let mut scratch = gradients.clone();
        let mut moved = actions.to_vec();
        let scale = gradients.iter().flatten().fold(0.0, |worst: f64, g| worst.max(g.abs()));
        assert!(scale > 0.0);
        for n in 0..actions.len() {
            for at in 0..actions[n].len() {
                let expected = difference(STEP_KW, |step| {
                    moved[n][at] = actions[n][at] + step;
                    let value = self.value(&moved, &mut scratch);
                    value.cost + value.priced
                });
                moved[n][at] = actions[n][at];
                let found = gradients[n][at];
                assert!(
                    (found - expected).abs() <= relative * scale,
                    "microgrid {n}, entry {at}: {found:.12e}, difference quotient {expected:.12e}"
                );
            }
        }
        value
    }
}

fn problem(steps: usize, seed: u64) -> Problem {
    let fleet = fleet();
    let window = window(&fleet, steps, seed);
    let base = BaseDemand::new(&fleet, &window);
    let pricing =
        LimitPricing { voltage_curvature: 0.0, current_curvature: 0.0, voltage_margin_pu: 0.0, current_margin: 0.0 };
    Problem { fleet, window, base, prices: LimitPrices::default(), pricing }
}

#[test]
fn fd_lagrangian_gradient_of_the_cost_alone() {
    for (steps, seed) in [(1, 1), (1, 2), (4, 3)] {
        let problem = problem(steps, seed);
        let actions = smooth_action(&problem.fleet, steps, seed + 50);
        let value = problem.check(&actions, 1e-8);
        assert_eq!(value.priced, 0.0);
        let returns =
            evaluate(&problem.fleet, &problem.window, &problem.base, &actions, &mut workspace(&problem.fleet)).unwrap();
        assert!((returns.total() - value.cost).abs() < 1e-9 * value.cost.abs());
        assert_eq!(value.voltage_violation_pu, returns.voltage_violation_pu());
        assert_eq!(value.current_violation, returns.current_violation());
    }
}

#[test]
fn fd_lagrangian_gradient_with_prices_and_violated_limits() {
    for (steps, seed) in [(1, 11), (4, 12)] {
        let mut problem = problem(steps, seed);
        // A band so narrow that both sides are violated somewhere, and a twelfth of the current ratings.
        let mut limits = NetworkLimits::uniform(&problem.fleet.grid, 1.0, 1.02);
        limits.i_max_pu.iter_mut().for_each(|i| *i /= 12.0);
        problem.fleet.limits = limits;
        problem.pricing = LimitPricing {
            voltage_curvature: 4e3,
            current_curvature: 30.0,
            voltage_margin_pu: 2e-4,
            current_margin: 1e-3,
        };
        problem.prices.entries = vec![
            (0, Limit::VoltageLow(bus("A4").0), 20.0),
            (0, Limit::VoltageHigh(bus("B3").0), 35.0),
            (0, Limit::Current(3), 4.0),
            (steps - 1, Limit::Current(12), 6.0),
            (steps - 1, Limit::VoltageLow(bus("F3").0), 15.0),
        ];
        let actions = smooth_action(&problem.fleet, steps, seed + 50);
        let value = problem.check(&actions, 2e-6);
        assert!(value.voltage_violation_pu > 1e-3 && value.current_violation > 1e-2, "{value:?}");
        assert!(value.priced > 0.0);
    }
}

#[test]
fn fd_lagrangian_gradient_of_multipliers_without_curvature() {
    let mut problem = problem(4, 21);
    problem.prices.entries = vec![
        (1, Limit::VoltageLow(bus("C3").0), 50.0),
        (2, Limit::VoltageHigh(bus("A3").0), 40.0),
        (2, Limit::Current(6), 8.0),
        (3, Limit::Current(5), 8.0),
    ];
    let actions = smooth_action(&problem.fleet, 4, 71);
    let value = problem.check(&actions, 1e-7);
    assert!(value.priced < 0.0, "limits with room are priced linearly: {value:?}");
}

#[test]
fn law_augmented_term_is_smooth_where_the_limit_goes_slack() {
    // psi(g) and its slope are continuous at lambda + rho g = 0: value and gradient just around it.
    let mut problem = problem(1, 31);
    let actions = smooth_action(&problem.fleet, 1, 81);
    let mut ws = workspace(&problem.fleet);
    ws.solve_step(&problem.fleet, &problem.base, &actions, 1, 0).unwrap();
    let at = bus("A4").0;
    let excess = problem.fleet.limits.v_min_pu[at] - ws.flow.v()[at].norm();
    problem.pricing.voltage_curvature = 500.0;
    let mut gradients: Vec<Vec<f64>> = actions.iter().map(|a| vec![0.0; a.len()]).collect();
    let mut around = [-1e-9, 1e-9].map(|step| {
        problem.prices.entries = vec![(0, Limit::VoltageLow(at), -500.0 * excess + step)];
        let value = problem.value(&actions, &mut gradients);
        (value.priced, gradients.clone())
    });
    let (below, above) = around.split_at_mut(1);
    assert!((below[0].0 - above[0].0).abs() < 1e-7);
    for (x, y) in below[0].1.iter().flatten().zip(above[0].1.iter().flatten()) {
        assert!((x - y).abs() < 1e-9);
    }
}

/// All rows of one step at `actions`.
fn all_rows(problem: &Problem, actions: &[Vec<f64>], t: usize) -> (Vec<VoltageRow>, Vec<CurrentRow>) {
    let mut ws = workspace(&problem.fleet);
    ws.solve_step(&problem.fleet, &problem.base, actions, problem.window.steps, t).unwrap();
    let (p, q) = ws.demand();
    let (p, q) = (p.to_vec(), q.to_vec());
    problem.fleet.grid.linearise(&p, &q, &mut ws.flow).unwrap();
    let reach = Reach { voltage_pu: 10.0, current_fraction: -1.0 };
    let (mut voltages, mut currents) = (Vec::new(), Vec::new());
    step_rows(&problem.fleet, t, &reach, &mut ws, &mut voltages, &mut currents).unwrap();
    (voltages, currents)
}

#[test]
fn fd_rows_of_all_voltages_and_complex_currents() {
    for (steps, t, seed) in [(1, 0, 41), (4, 2, 42)] {
        let problem = problem(steps, seed);
        let fleet = &problem.fleet;
        let actions = smooth_action(fleet, steps, seed + 50);
        let (voltages, currents) = all_rows(&problem, &actions, t);
        assert_eq!(voltages.len(), 2 * (fleet.grid.n_buses() - 1));
        assert_eq!(currents.len(), fleet.grid.n_branches() - 1); // one branch has no rating
        let mut ws = workspace(fleet);
        let mut moved = actions.clone();
        let mut solve = |moved: &[Vec<f64>]| {
            ws.solve_step(fleet, &problem.base, moved, steps, t).unwrap();
            ws.flow.v().to_vec()
        };
        // Which end of a branch carries more, decided here from the definition and kept fixed for the differences.
        let v0 = solve(&moved);
        let tap = |b: usize| fleet.grid.balanced().unwrap().network().branches()[b].tap.re;
        let current = |b: usize, v: &[Complex64], from: bool| {
            if from {
                fleet.grid.balanced().unwrap().current(BranchIndex(b), CurrentSide::From, v) * tap(b)
            } else {
                fleet.grid.balanced().unwrap().current(BranchIndex(b), CurrentSide::To, v)
            }
        };
        let from_side: Vec<bool> = (0..fleet.grid.n_branches())
            .map(|b| current(b, &v0, true).norm() > current(b, &v0, false).norm())
            .collect();
        for row in &currents {
            let value = current(row.branch, &v0, from_side[row.branch]) / fleet.limits.i_max_pu[row.branch];
            assert!((row.value - value).norm() < 1e-12);
        }
        for n in 0..fleet.microgrids.len() {
            let per_step = fleet.microgrids[n].layout(steps).per_step();
            for entry in 0..per_step {
                let at = t * per_step + entry;
                let mut states = [-2.0, -1.0, 1.0, 2.0].map(|factor| {
                    moved[n][at] = actions[n][at] + factor * STEP_KW;
                    solve(&moved)
                });
                moved[n][at] = actions[n][at];
                let slope = |f: &dyn Fn(&[Complex64]) -> f64| {
                    let [a, b, c, d] = states.each_mut().map(|v| f(v));
                    (8.0 * (c - b) - (d - a)) / (12.0 * STEP_KW)
                };
                check_row_entries(&voltages, &currents, n, entry, fleet, &from_side, &current, slope);
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn check_row_entries(
    voltages: &[VoltageRow],
    currents: &[CurrentRow],
    n: usize,
    entry: usize,
    fleet: &Fleet,
    from_side: &[bool],
    current: &dyn Fn(usize, &[Complex64], bool) -> Complex64,
    mut slope: impl FnMut(&dyn Fn(&[Complex64]) -> f64) -> f64,
) {
    for row in voltages {
        let (bus, sign) = match row.limit {
            Limit::VoltageLow(bus) => (bus, -1.0),
            Limit::VoltageHigh(bus) => (bus, 1.0),
            Limit::Current(_) => panic!("a voltage row of a current limit"),
        };
        let expected = sign * slope(&|v| v[bus].norm());
        let scale = row.coefficients.iter().flatten().fold(0.0, |m: f64, c| m.max(c.abs()));
        let found = row.coefficients[n][entry];
        assert!(
            (found - expected).abs() <= 1e-7 * scale,
            "{} / microgrid {n} entry {entry}: {found:e} {expected:e}",
            row.limit.describe(fleet)
        );
    }
    for row in currents {
        let (b, limit) = (row.branch, fleet.limits.i_max_pu[row.branch]);
        let scale = (row.re.iter().chain(&row.im)).flatten().fold(0.0, |m: f64, c| m.max(c.abs()));
        let re = slope(&|v| current(b, v, from_side[b]).re / limit);
        let im = slope(&|v| current(b, v, from_side[b]).im / limit);
        for (found, expected) in [(row.re[n][entry], re), (row.im[n][entry], im)] {
            assert!(
                (found - expected).abs() <= 1e-7 * scale,
                "branch {b} / microgrid {n} entry {entry}: {found:e} {expected:e}"
            );
        }
    }
}

#[test]
fn fd_export_gradient_alone() {
    // One price at a time isolates (44): the export of each microgrid with respect to everybody's actions.
    for seller in 0..3 {
        let mut problem = problem(1, 51);
        problem.fleet.microgrids.iter_mut().for_each(|m| m.fuel_price_per_l = 0.0);
        for (n, w) in problem.window.microgrids.iter_mut().enumerate() {
            w.price_per_kwh = vec![if n == seller { 0.2 } else { 0.0 }];
            w.terminal.iter_mut().for_each(|t| *t = TerminalValue::linear(0.0));
        }
        let actions = smooth_action(&problem.fleet, 1, 90);
        problem.check(&actions, 1e-8);
        // Own active power is sold nearly whole: more generation, more export, less cost.
        let mut gradients: Vec<Vec<f64>> = actions.iter().map(|a| vec![0.0; a.len()]).collect();
        problem.value(&actions, &mut gradients);
        let own = gradients[seller][0] / (-0.2 * 0.25);
        assert!((0.9..1.1).contains(&own), "dP_PCC/dP_DG = {own}");
        let neighbour = gradients[(seller + 1) % 3][0] / (-0.2 * 0.25);
        assert!(neighbour != 0.0 && neighbour.abs() < 0.05, "a neighbour's action counts a little: {neighbour}");
    }
}

#[test]
fn law_rows_are_built_within_reach_only() {
    let problem = problem(1, 61);
    let actions = smooth_action(&problem.fleet, 1, 61);
    let (voltages, currents) = all_rows(&problem, &actions, 0);
    let mut ws = workspace(&problem.fleet);
    ws.solve_step(&problem.fleet, &problem.base, &actions, 1, 0).unwrap();
    let (p, q) = ws.demand();
    let (p, q) = (p.to_vec(), q.to_vec());
    problem.fleet.grid.linearise(&p, &q, &mut ws.flow).unwrap();
    let reach = Reach { voltage_pu: 0.045, current_fraction: 0.3 };
    let (mut near_voltages, mut near_currents) = (Vec::new(), Vec::new());
    step_rows(&problem.fleet, 0, &reach, &mut ws, &mut near_voltages, &mut near_currents).unwrap();
    let expected: Vec<_> = voltages.iter().filter(|r| r.excess > -0.045).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < voltages.len());
    assert_eq!(near_voltages, expected);
    let expected: Vec<_> = currents.iter().filter(|r| r.value.norm() > 0.3).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < currents.len());
    assert_eq!(near_currents, expected);
}

#[test]
fn fd_gradient_of_idle_storage_takes_the_side_that_descends() {
    // At zero power the efficiencies make a kink: one-sided differences say what is right.
    let mut met = [0; 5];
    for seed in 0..60 {
        let mut problem = problem(1, 100 + seed);
        for (n, slope) in [(0, 30.0 * (seed % 7) as f64 - 45.0), (1, 55.0)] {
            problem.window.microgrids[n].terminal.fill(TerminalValue::linear(slope));
        }
        if seed % 5 == 0 {
            // Paid to consume, and punished for what is stored: the losses make either side pay.
            problem.window.microgrids[0].price_per_kwh.fill(-0.2);
            problem.window.microgrids[0].terminal[0] = TerminalValue::linear(-29.0 - (seed % 6) as f64);
        }
        let mut actions = smooth_action(&problem.fleet, 1, seed);
        for (mg, action) in problem.fleet.microgrids.iter().zip(&mut actions) {
            (0..mg.batteries.len()).for_each(|k| action[mg.layout(1).p_ess(0, k)] = 0.0);
        }
        let mut gradients: Vec<Vec<f64>> = actions.iter().map(|a| vec![0.0; a.len()]).collect();
        let mut scratch = gradients.clone();
        let cost = problem.value(&actions, &mut gradients).cost;
        for n in 0..2 {
            for k in 0..problem.fleet.microgrids[n].batteries.len() {
                let at = problem.fleet.microgrids[n].layout(1).p_ess(0, k);
                let mut side = |step: f64| {
                    let mut moved = actions.clone();
                    moved[n][at] = step;
                    (problem.value(&moved, &mut scratch).cost - cost) / step
                };
                let (up, down) = (side(1e-4), side(-1e-4));
                let (kind, expected) = match (up < 0.0, down > 0.0) {
                    (true, false) => (0, up),
                    (false, true) => (1, down),
                    (false, false) => (2, 0.0),
                    (true, true) if -up >= down => (3, up),
                    (true, true) => (4, down),
                };
                met[kind] += 1;
                assert!((gradients[n][at] - expected).abs() < 1e-6, "seed {seed}: {} {up} {down}", gradients[n][at]);
            }
        }
    }
    assert!(
        met.iter().all(|&count| count > 0),
        "charging, discharging, idle, either with charging or discharging steeper: {met:?}"
    );
}

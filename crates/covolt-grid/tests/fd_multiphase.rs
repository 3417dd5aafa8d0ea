//! Every derivative of the multi-phase power flow as a whole matrix against finite differences.
#![allow(clippy::unwrap_used)]

#[path = "common/multiphase.rs"]
mod multiphase;

use covolt_grid::multiphase::{ElementIndex, MultiphaseGrid, MultiphaseNetwork, NodeIndex, VoltageRange};
use covolt_grid::{BusIndex, Complex64, FlowMethod, FlowOptions};
use multiphase::{dependences, feeder, random};

/// Relative to the largest derivative; the cut-off of a load bends within 0.2 % of the voltage.
const TOLERANCE: f64 = 2e-5;

/// Central differences of fourth order: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h.
fn central(f: impl Fn(f64) -> Vec<f64>) -> Vec<f64> {
    const H: f64 = 1e-4;
    let [a, b, c, d] = [H, -H, 2.0 * H, -2.0 * H].map(f);
    (0..a.len()).map(|i| (8.0 * (a[i] - b[i]) - (c[i] - d[i])) / (12.0 * H)).collect()
}

fn check(name: &str, network: MultiphaseNetwork, method: FlowMethod) {
    let grid = MultiphaseGrid::new(network).unwrap();
    let (p, q) = grid.nominal_demand();
    let (n, ports) = (grid.n_nodes(), grid.n_ports());
    let tight = FlowOptions { tolerance_pu: 1e-13, ..Default::default() };
    let voltages = |p: &[f64], q: &[f64]| {
        let mut ws = grid.workspace();
        grid.solve(p, q, &mut ws, &tight).unwrap();
        ws.v().iter().flat_map(|v| [v.re, v.im]).collect::<Vec<f64>>()
    };
    let mut columns = Vec::new();
    for of_q in [false, true] {
        for k in 0..ports {
            columns.push(central(|h| {
                let (mut p, mut q) = (p.clone(), q.clone());
                if of_q {
                    q[k] += h
                } else {
                    p[k] += h
                }
                voltages(&p, &q)
            }));
        }
    }
    let mut ws = grid.workspace();
    grid.solve(&p, &q, &mut ws, &FlowOptions { method, tolerance_pu: 1e-12, ..Default::default() }).unwrap();
    grid.linearise(&p, &q, &mut ws).unwrap();
    let largest = columns.iter().flatten().fold(0.0, |m: f64, x| m.max(x.abs()));
    let mut dv = vec![Complex64::ZERO; n];
    for (k, column) in columns.iter().enumerate() {
        let (mut dp, mut dq) = (vec![0.0; ports], vec![0.0; ports]);
        if k < ports {
            dp[k] = 1.0
        } else {
            dq[k - ports] = 1.0
        }
        grid.forward(&dp, &dq, &mut dv, &mut ws);
        for (i, v) in dv.iter().enumerate() {
            let expected = Complex64::new(column[2 * i], column[2 * i + 1]);
            assert!((v - expected).norm() < TOLERANCE * largest, "{name}: forward {k}, node {i}: {v} {expected}");
        }
    }
    let (mut dp, mut dq) = (vec![0.0; ports], vec![0.0; ports]);
    for row in 0..2 * n {
        let mut g = vec![Complex64::ZERO; n];
        g[row / 2] = if row % 2 == 0 { Complex64::ONE } else { Complex64::I };
        grid.adjoint(&g, &mut dp, &mut dq, &mut ws);
        for (k, found) in dp.iter().chain(&dq).enumerate() {
            let expected = columns[k][row];
            assert!(
                (found - expected).abs() < TOLERANCE * largest,
                "{name}: adjoint {k}, row {row}: {found} {expected}"
            );
        }
    }
}

/// The feeder with every port of one dependence.
fn with(dependence: usize, range: Option<VoltageRange>, loops: bool) -> MultiphaseNetwork {
    let mut parts = feeder(loops).parts().clone();
    for port in &mut parts.ports {
        port.dependence = dependences()[dependence];
        port.range = range;
    }
    MultiphaseNetwork::try_new(parts).unwrap()
}

#[test]
fn fd_voltages_by_demand_for_every_dependence() {
    for dependence in 0..dependences().len() {
        for method in [FlowMethod::Auto, FlowMethod::SparseNewton] {
            check(&format!("dependence {dependence}"), with(dependence, None, dependence % 2 == 0), method);
        }
    }
}

#[test]
fn fd_voltages_by_demand_outside_the_range() {
    // All voltages of the feeder lie between 0.9 and 1.06: below, above, and far below a range.
    let ranges = [(1.2, 1.3, 0.5), (0.5, 0.8, 0.3), (2.0, 3.0, 1.5), (1.2, 1.3, 0.0)];
    for (low_pu, high_pu, lowest_pu) in ranges {
        for dependence in 0..dependences().len() {
            let outside = VoltageRange { low_pu, high_pu, lowest_pu };
            check(
                &format!("dependence {dependence}, {outside:?}"),
                with(dependence, Some(outside), false),
                FlowMethod::Auto,
            );
        }
    }
}

#[test]
fn fd_voltages_by_demand_on_random_networks() {
    for seed in 0..3 {
        check("radial", random(seed, 15, 0), FlowMethod::TreeNewton);
        check("meshed", random(seed + 10, 15, 4), FlowMethod::TreeNewton);
    }
}

#[test]
fn fd_quantities_by_voltage() {
    let network = feeder(true);
    let (elements, buses) = (network.parts().elements.clone(), network.parts().buses.len());
    let grid = MultiphaseGrid::new(network).unwrap();
    let (p, q) = grid.nominal_demand();
    let mut ws = grid.workspace();
    grid.solve(&p, &q, &mut ws, &FlowOptions::default()).unwrap();
    let v = ws.v().to_vec();
    let n = v.len();
    type Quantity<'a> = (String, Box<dyn Fn(&[Complex64]) -> f64 + 'a>, Vec<Complex64>);
    let mut all: Vec<Quantity<'_>> = Vec::new();
    let zeros = || vec![Complex64::ZERO; n];
    let g = &grid;
    for (e, element) in elements.iter().enumerate() {
        let index = ElementIndex(e);
        for (t, terminal) in element.terminals.iter().enumerate() {
            for c in 0..terminal.conductors.len() {
                let name = |what: &str| format!("{what} of {}, terminal {t}, conductor {c}", element.id);
                let mut gradient = zeros();
                g.add_conductor_current_magnitude_gradient(index, (t, c), &v, 1.0, &mut gradient);
                all.push((name("|I|"), Box::new(move |v| g.conductor_current(index, t, c, v).norm()), gradient));
                let mut gradient = zeros();
                g.add_conductor_current_gradient(index, (t, c), Complex64::I, 1.0, &mut gradient);
                all.push((name("Im I"), Box::new(move |v| g.conductor_current(index, t, c, v).im), gradient));
            }
            let mut gradient = zeros();
            g.add_terminal_power_gradient(index, t, &v, 1.0, &mut gradient);
            let power = move |v: &[Complex64]| g.terminal_power(index, t, v).re;
            all.push((format!("P of {}, terminal {t}", element.id), Box::new(power), gradient));
        }
    }
    for a in 0..n {
        for b in [None, Some(NodeIndex((a + 1) % n))] {
            let mut gradient = zeros();
            g.add_voltage_between_gradient(NodeIndex(a), b, &v, 1.0, &mut gradient);
            all.push((format!("|V| of {a}"), Box::new(move |v| g.voltage_between(NodeIndex(a), b, v)), gradient));
        }
    }
    for bus in (0..buses).map(BusIndex).filter(|&bus| grid.three_phases(bus).is_some()) {
        let mut gradient = zeros();
        g.add_unbalance_gradient(bus, &v, 1.0, &mut gradient);
        all.push((format!("unbalance of {bus:?}"), Box::new(move |v| g.unbalance_factor(bus, v).unwrap()), gradient));
    }
    for (name, value, gradient) in all {
        let scale = gradient.iter().fold(1.0, |m: f64, g| m.max(g.norm()));
        for (i, g) in gradient.iter().enumerate() {
            for (direction, expected) in [(Complex64::ONE, g.re), (Complex64::I, g.im)] {
                let found = central(|h| {
                    let mut moved = v.clone();
                    moved[i] += direction * (0.01 * h);
                    vec![value(&moved)]
                })[0]
                    / 0.01;
                // A current behind a switch of 1e-6 ohm turns within the step of the differences.
                let tolerance = if scale > 1e4 { f64::INFINITY } else { 1e-5 };
                assert!((found - expected).abs() <= tolerance * scale, "{name}, node {i}: {found} {expected}");
            }
        }
    }
}

//! Fleets on multi-phase grids: the balanced test fleet written out in three phases costs the same to the last digit that counts, and
//! with devices on single phases the gradient of cost and priced limits, unbalance factors among them, is that of finite differences.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::rows::{Reach, step_rows};
use covolt_fleet::*;
use covolt_grid::multiphase::*;
use covolt_grid::*;
use num_complex::Complex64;

/// Ports of the three phases of each bus to ground: port 3 b + k.
fn ports_of(bus: BusIndex) -> [PortIndex; 3] {
    [0, 1, 2].map(|k| PortIndex(3 * bus.0 + k))
}

/// The test network in three phases without coupling; 1 MVA of one node is a third of the base of all three.
fn three_phases() -> MultiphaseParts {
    let network = network();
    let buses: Vec<MultiphaseBus> = (network.buses().iter())
        .map(|b| MultiphaseBus { id: b.id.clone(), v_base_kv: b.v_base_kv / 3f64.sqrt(), at: None })
        .collect();
    let nodes = (0..3 * buses.len()).map(|i| Node { bus: BusIndex(i / 3), number: 1 + i as u32 % 3 }).collect();
    let terminal =
        |bus: BusIndex| ElementTerminal { bus, conductors: (0..3).map(|k| Some(NodeIndex(3 * bus.0 + k))).collect() };
    let kv = |bus: BusIndex| network.buses()[bus.0].v_base_kv;
    let diagonal = |z: Complex64| ConductorMatrix::from_fn(3, |i, j| if i == j { z } else { Complex64::ZERO });
    let mut elements: Vec<Element> = (network.branches().iter())
        .map(|b| {
            let (from, to) = (kv(b.from), kv(b.to));
            let model = if b.kind == BranchKind::Line {
                ElementModel::Line {
                    series_ohm: diagonal(b.series_z_pu * from * from),
                    shunt_s: Some(diagonal(b.shunt_from_pu * 2.0 / (from * from))),
                }
            } else {
                let y = BranchAdmittance::new(b);
                ElementModel::Admittance(ConductorMatrix::from_fn(6, |i, j| match (i / 3, j / 3) {
                    _ if i % 3 != j % 3 => Complex64::ZERO,
                    (0, 0) => y.yff / (from * from),
                    (0, 1) => y.yft / (from * to),
                    (1, 0) => y.ytf / (from * to),
                    _ => y.ytt / (to * to),
                }))
            };
            let terminals = vec![terminal(b.from), terminal(b.to)];
            let rating_a = b.rating_a.filter(|_| b.kind == BranchKind::Line);
            Element { id: b.id.0.clone(), terminals, model, rating_a, is_switch: false }
        })
        .collect();
    for (i, shunt) in network.shunts().iter().enumerate() {
        let admittance_s = diagonal(shunt.y_pu / (kv(shunt.bus) * kv(shunt.bus)));
        let model = ElementModel::Shunt { admittance_s, closed: true };
        let terminals = vec![terminal(shunt.bus)];
        elements.push(Element { id: format!("shunt {i}"), terminals, model, rating_a: None, is_switch: false });
    }
    let ports = (0..3 * buses.len())
        .map(|i| Port {
            id: format!("{}.{}", buses[i / 3].id, 1 + i % 3),
            from: NodeIndex(i),
            to: None,
            v_rated_kv: buses[i / 3].v_base_kv,
            dependence: VoltageDependence::Power,
            range: None,
            p_kw: 0.0,
            q_kvar: 0.0,
        })
        .collect();
    let source = network.source();
    let third = std::f64::consts::TAU / 3.0;
    let volts = 1e3 * buses[source.bus.0].v_base_kv;
    let emf_v = [0.0, -third, third].map(|turn| source.voltage_pu() * Complex64::from_polar(volts, turn)).to_vec();
    let sources = vec![VoltageSource {
        id: "source".into(),
        bus: source.bus,
        nodes: (0..3).map(|k| NodeIndex(3 * source.bus.0 + k)).collect(),
        emf_v,
        series_ohm: diagonal(Complex64::new(0.0, 1e-8)),
    }];
    let name = "three phases".to_owned();
    MultiphaseParts { name, base_mva: 1.0, f_hz: 50.0, buses, nodes, elements, ports, sources, controls: Vec::new() }
}

fn at_all_phases(connection: &mut Connection) {
    *connection = Connection::at_ports(connection.bus(), &ports_of(connection.bus())).unwrap();
}

fn fleet_of(parts: MultiphaseParts, band: (f64, f64), unbalance: f64, mut place: impl FnMut(&mut Connection)) -> Fleet {
    let grid = DistributionGrid::from(MultiphaseGrid::new(MultiphaseNetwork::try_new(parts).unwrap()).unwrap());
    let (mut microgrids, mut loads) = (microgrids(), feeder_loads());
    for mg in &mut microgrids {
        mg.dgs.iter_mut().for_each(|d| place(&mut d.connection));
        mg.pvs.iter_mut().for_each(|d| place(&mut d.connection));
        mg.batteries.iter_mut().for_each(|d| place(&mut d.connection));
        mg.loads.iter_mut().for_each(|d| place(&mut d.connection));
    }
    loads.iter_mut().for_each(|d| place(&mut d.connection));
    let mut limits = NetworkLimits::uniform(&grid, band.0, band.1);
    for i in (0..grid.n_voltages()).filter(|&i| grid.is_unbalance_factor(i)) {
        (limits.v_min_pu[i], limits.v_max_pu[i]) = (-1.0, unbalance);
    }
    Fleet::try_new(grid, microgrids, loads, limits).unwrap()
}

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

/// Devices and loads on one phase, two phases in delta, or all three, in turn.
fn uneven() -> (MultiphaseParts, impl FnMut(&mut Connection)) {
    let mut parts = three_phases();
    let mut pairs = Vec::new();
    for bus in 0..parts.buses.len() {
        let nodes = [0, 1].map(|k| NodeIndex(3 * bus + k));
        pairs.push(PortIndex(parts.ports.len()));
        let port = Port {
            id: format!("{} 1-2", parts.buses[bus].id),
            from: nodes[0],
            to: Some(nodes[1]),
            v_rated_kv: 3f64.sqrt() * parts.buses[bus].v_base_kv,
            ..parts.ports[0].clone()
        };
        parts.ports.push(port);
    }
    let mut turn = 0;
    let place = move |connection: &mut Connection| {
        let bus = connection.bus();
        turn += 1;
        *connection = match turn % 4 {
            0 => Connection::at_ports(bus, &ports_of(bus)).unwrap(),
            1 => Connection::at_ports(bus, &[ports_of(bus)[turn % 3]]).unwrap(),
            2 => Connection::at_ports(bus, &ports_of(bus)[..2]).unwrap(),
            _ => Connection::at_ports(bus, &[pairs[bus.0]]).unwrap(),
        };
    };
    (parts, place)
}

/// Loads that depend on voltage, in all ways.
fn with_dependences(parts: &mut MultiphaseParts) {
    let zip = |impedance, current, power| ZipShares { impedance, current, power };
    let kinds = [
        VoltageDependence::Power,
        VoltageDependence::Current,
        VoltageDependence::Impedance,
        VoltageDependence::Zip { p: zip(0.3, 0.3, 0.4), q: zip(0.5, 0.1, 0.4), cutoff_pu: 0.0 },
        VoltageDependence::Exponential { p: 0.8, q: 2.2 },
    ];
    parts.ports.iter_mut().enumerate().for_each(|(i, port)| port.dependence = kinds[i % kinds.len()]);
}

fn uneven_fleet() -> Fleet {
    let (mut parts, place) = uneven();
    with_dependences(&mut parts);
    let mut fleet = fleet_of(parts, (1.0, 1.02), 0.004, place);
    fleet.limits.i_max_pu.iter_mut().for_each(|i| *i /= 6.0);
    fleet
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

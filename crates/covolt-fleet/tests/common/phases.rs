//! The test fleet on several phases: written out in three of them, or with devices and loads on uneven ones.
#![allow(dead_code)]

use super::common::*;
use covolt_fleet::*;
use covolt_grid::multiphase::*;
use covolt_grid::*;
use num_complex::Complex64;

/// Ports of the three phases of each bus to ground: port 3 b + k.
fn ports_of(bus: BusIndex) -> [PortIndex; 3] {
    [0, 1, 2].map(|k| PortIndex(3 * bus.0 + k))
}

/// The test network in three phases without coupling; 1 MVA of one node is a third of the base of all three.
pub fn three_phases() -> MultiphaseParts {
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

pub fn at_all_phases(connection: &mut Connection) {
    *connection = Connection::at_ports(connection.bus(), &ports_of(connection.bus())).unwrap();
}

pub fn fleet_of(
    parts: MultiphaseParts,
    band: (f64, f64),
    unbalance: f64,
    mut place: impl FnMut(&mut Connection),
) -> Fleet {
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

pub fn uneven_fleet() -> Fleet {
    let (mut parts, place) = uneven();
    with_dependences(&mut parts);
    let mut fleet = fleet_of(parts, (1.0, 1.02), 0.004, place);
    fleet.limits.i_max_pu.iter_mut().for_each(|i| *i /= 6.0);
    fleet
}

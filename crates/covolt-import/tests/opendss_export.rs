//! Networks written as OpenDSS scripts: OpenDSS's voltages satisfy the equations of the network that was written.
#![allow(clippy::unwrap_used, clippy::panic)]

mod feeder;

use covolt_grid::multiphase::{
    ConductorMatrix, ElementModel, MultiphaseGrid, MultiphaseNetwork, MultiphaseParts, NodeIndex, Port,
    VoltageDependence, admittance_s,
};
use covolt_grid::{Complex64, FlowMethod, FlowOptions};
use covolt_import::opendss_export::{ExportFault, write};
use std::path::{Path, PathBuf};

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

/// Y of the elements and sources over all nodes, and the currents the sources feed in, A.
fn nodal(parts: &MultiphaseParts) -> (ConductorMatrix, Vec<Complex64>) {
    let mut y = ConductorMatrix::zero(parts.nodes.len());
    let mut stamp = |nodes: &[Option<NodeIndex>], m: &ConductorMatrix| {
        assert_eq!(nodes.len(), m.n());
        for (i, a) in nodes.iter().enumerate() {
            for (j, b) in nodes.iter().enumerate() {
                if let (Some(a), Some(b)) = (a, b) {
                    y.add(a.0, b.0, m.at(i, j));
                }
            }
        }
    };
    for element in &parts.elements {
        let nodes: Vec<_> = element.terminals.iter().flat_map(|t| t.conductors.clone()).collect();
        match &element.model {
            ElementModel::Line { series_ohm, shunt_s } => {
                let (n, through) = (series_ohm.n(), series_ohm.inverse().unwrap());
                let full = ConductorMatrix::from_fn(2 * n, |i, j| {
                    let z = through.at(i % n, j % n);
                    let half = shunt_s.as_ref().map_or(Complex64::ZERO, |y| 0.5 * y.at(i % n, j % n));
                    if i / n == j / n { z + half } else { -z }
                });
                stamp(&nodes, &full);
            }
            ElementModel::Transformer(t) => stamp(&nodes, &admittance_s(t).unwrap()),
            ElementModel::Shunt { closed: false, .. } => {}
            ElementModel::Shunt { admittance_s, .. } | ElementModel::Admittance(admittance_s) => {
                stamp(&nodes, admittance_s);
            }
        }
    }
    let mut injected = vec![Complex64::ZERO; parts.nodes.len()];
    for source in &parts.sources {
        let inverse = source.series_ohm.inverse().unwrap();
        let nodes: Vec<_> = source.nodes.iter().map(|&n| Some(n)).collect();
        stamp(&nodes, &inverse);
        for (i, node) in source.nodes.iter().enumerate() {
            injected[node.0] += source.emf_v.iter().enumerate().map(|(j, &e)| inverse.at(i, j) * e).sum::<Complex64>();
        }
    }
    (y, injected)
}

/// Current a port draws, A.
fn port_current(port: &Port, p_kw: f64, q_kvar: f64, v: Complex64) -> Complex64 {
    let u = v.norm() / (1e3 * port.v_rated_kv);
    let at = port.range.map_or(u, |r| u.clamp(r.low_pu, r.high_pu));
    let (p, q) = match port.dependence {
        VoltageDependence::Power => (1.0, 1.0),
        VoltageDependence::Current => (at, at),
        VoltageDependence::Impedance => (at * at, at * at),
        VoltageDependence::Zip { p, q, .. } => {
            let of = |s: covolt_grid::multiphase::ZipShares| s.impedance * at * at + s.current * at + s.power;
            (of(p), of(q))
        }
        VoltageDependence::Exponential { p, q } => (at.powf(p), at.powf(q)),
    };
    let outside = (u / at).powi(2) * 1e3;
    (Complex64::new(p_kw * p, q_kvar * q) * outside / v).conj()
}

/// Largest distance, pu, from `v` to the voltages that the currents drawn at `v` give.
fn residual_pu(network: &MultiphaseNetwork, p_kw: &[f64], q_kvar: &[f64], v: &[Complex64]) -> f64 {
    let (y, mut current) = nodal(network.parts());
    for (k, port) in network.parts().ports.iter().enumerate() {
        let across = v[port.from.0] - port.to.map_or(Complex64::ZERO, |to| v[to.0]);
        let drawn = port_current(port, p_kw[k], q_kvar[k], across);
        current[port.from.0] -= drawn;
        if let Some(to) = port.to {
            current[to.0] += drawn;
        }
    }
    let z = y.inverse().unwrap();
    let distance = |k: usize| {
        let solved: Complex64 = (0..v.len()).map(|j| z.at(k, j) * current[j]).sum();
        (solved - v[k]).norm() / network.v_base_v(NodeIndex(k)).unwrap()
    };
    (0..v.len()).map(distance).fold(0.0, f64::max)
}

/// Voltages by node of a file written by scripts/check_export.py.
fn read_voltages(network: &MultiphaseNetwork, file: &str) -> Vec<Complex64> {
    let text = std::fs::read_to_string(data(file)).unwrap();
    let mut v = vec![None; network.parts().nodes.len()];
    for line in text.lines().skip(1) {
        let [bus, number, re, im] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let number: u32 = number.parse().unwrap();
        let k = (0..v.len()).find(|&k| network.node_name(NodeIndex(k)) == format!("{bus}.{number}")).unwrap();
        v[k] = Some(Complex64::new(re.parse().unwrap(), im.parse().unwrap()));
    }
    v.into_iter().map(Option::unwrap).collect()
}

/// Demand of the second step: every port other than nominal.
fn second_step(network: &MultiphaseNetwork) -> (Vec<f64>, Vec<f64>) {
    let ports = &network.parts().ports;
    let scale = |k: usize| 0.4 + 0.05 * k as f64;
    let p = ports.iter().enumerate().map(|(k, p)| p.p_kw * scale(k)).collect();
    (p, ports.iter().enumerate().map(|(k, p)| p.q_kvar * scale(k + 3) - 1.0).collect())
}

/// The script must be the committed one, since OpenDSS solved that. `UPDATE_EXPECTED=1 cargo test` writes it again; then
/// `python3 scripts/check_export.py SCRIPT.dss VOLTAGES.csv --write` for the voltages.
fn same_as_committed(file: &str, script: &str) {
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(data(file), script).unwrap();
    }
    assert_eq!(std::fs::read_to_string(data(file)).unwrap_or_default(), script, "{file}");
}

#[test]
fn ref_exported_feeder_opendss() {
    let network = feeder::network();
    let ports = &network.parts().ports;
    let nominal = ports.iter().map(|p| (p.p_kw, p.q_kvar)).unzip();
    same_as_committed("feeder_nominal.dss", &write(&network, None).unwrap());
    let step: (Vec<f64>, Vec<f64>) = second_step(&network);
    same_as_committed("feeder_step.dss", &write(&network, Some((&step.0, &step.1))).unwrap());
    agrees(&network, "feeder_nominal.csv", nominal);
    agrees(&network, "feeder_step.csv", step);
}

#[test]
fn ref_exported_sources_opendss() {
    let network = feeder::sources();
    same_as_committed("sources.dss", &write(&network, None).unwrap());
    agrees(&network, "sources.csv", network.parts().ports.iter().map(|p| (p.p_kw, p.q_kvar)).unzip());
}

/// OpenDSS's voltages satisfy our equations, and our power flow finds them.
fn agrees(network: &MultiphaseNetwork, file: &str, (p, q): (Vec<f64>, Vec<f64>)) {
    let v = read_voltages(network, file);
    let residual = residual_pu(network, &p, &q, &v);
    println!("{file}: {residual:.2e} pu");
    assert!(residual < 1e-6, "{file}: {residual:.2e}");
    solver_agrees(network, file, &p, &q);
}

#[test]
fn ref_exported_ranges_opendss() {
    let network = feeder::ranges();
    same_as_committed("ranges.dss", &write(&network, None).unwrap());
    let (p, q): (Vec<f64>, Vec<f64>) = network.parts().ports.iter().map(|p| (p.p_kw, p.q_kvar)).unzip();
    solver_agrees(&network, "ranges.csv", &p, &q);
}

fn solver_agrees(network: &MultiphaseNetwork, file: &str, p_kw: &[f64], q_kvar: &[f64]) {
    let v = read_voltages(network, file);
    for method in [FlowMethod::Auto, FlowMethod::TreeNewton, FlowMethod::SparseNewton] {
        let difference = solver_difference_pu(network, p_kw, q_kvar, &v, method);
        println!("{file}: {method:?} {difference:.2e} pu");
        assert!(difference < 1e-6, "{file}: {method:?} {difference:.2e}");
    }
}

/// Largest difference, pu, between our power flow and OpenDSS's voltages.
fn solver_difference_pu(
    network: &MultiphaseNetwork,
    p_kw: &[f64],
    q_kvar: &[f64],
    v: &[Complex64],
    method: FlowMethod,
) -> f64 {
    let per_unit = |kw: &[f64]| kw.iter().map(|x| 1e-3 * x / network.parts().base_mva).collect::<Vec<_>>();
    let grid = MultiphaseGrid::new(network.clone()).unwrap();
    let mut ws = grid.workspace();
    let options = FlowOptions { method, ..FlowOptions::default() };
    grid.solve(&per_unit(p_kw), &per_unit(q_kvar), &mut ws, &options).unwrap();
    let reference = v.iter().enumerate().map(|(k, v)| v / network.v_base_v(NodeIndex(k)).unwrap());
    ws.v().iter().zip(reference).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}

fn faults_of(change: impl FnOnce(&mut MultiphaseParts)) -> Vec<ExportFault> {
    let mut parts = feeder::parts();
    change(&mut parts);
    write(&MultiphaseNetwork::try_new(parts).unwrap(), None).unwrap_err()
}

#[test]
fn law_what_a_script_cannot_say_is_a_named_fault() {
    let network = feeder::network();
    let n = network.parts().ports.len();
    let short = write(&network, Some((&[1.0], &vec![0.0; n]))).unwrap_err();
    assert_eq!(short, [ExportFault::WrongLength { quantity: "active", found: 1, expected: n }]);
    let nan = write(&network, Some((&vec![f64::NAN; n], &vec![0.0; n]))).unwrap_err();
    assert_eq!(nan.len(), n);
    assert!(matches!(&faults_of(|p| p.nodes[0].number = 0)[..], [ExportFault::NodeZero { bus }] if bus == "Grid"));
    let between = faults_of(|p| p.ports[0].to = Some(NodeIndex(0)));
    assert!(matches!(&between[..], [ExportFault::PortBetweenBuses { port }] if port == "load.671a"));
    let skew = |m: &mut ConductorMatrix| m.add(0, 1, Complex64::new(0.5, 0.0));
    let line = faults_of(|p| {
        if let ElementModel::Line { series_ohm, .. } = &mut p.elements[4].model {
            skew(series_ohm);
        }
    });
    assert!(matches!(&line[..], [ExportFault::NotSymmetric { owner, .. }] if owner == "line.neutral joined"));
    let source = faults_of(|p| skew(&mut p.sources[1].series_ohm));
    assert!(matches!(&source[..], [ExportFault::NotSymmetric { owner, .. }] if owner == "vsource.odd"));
    let neutral = faults_of(|p| {
        if let ElementModel::Transformer(t) = &mut p.elements[0].model {
            t.windings[1].neutral_ohm = Some((-1.0, 0.0));
        }
    });
    assert!(matches!(&neutral[..], [ExportFault::NegativeNeutral { .. }]));
}

#[test]
fn law_names_are_unique_without_capitals_and_on_one_line() {
    let script = write(&feeder::network(), None).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for line in script.lines().filter(|l| l.starts_with("New ") || l.starts_with("SetkVBase ")) {
        let name = line.split(' ').nth(1).unwrap().to_lowercase();
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-=".contains(&b)), "{name}");
        assert!(seen.insert(name.clone()), "{name}");
    }
    assert!(
        script.lines().all(|l| {
            ["!", "New ", "Set", "Clear", "MakeBusList", "Solve"].iter().any(|start| l.starts_with(start))
        })
    );
}

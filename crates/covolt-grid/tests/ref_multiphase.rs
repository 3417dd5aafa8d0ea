//! Multi-phase power flows, controls and loads against OpenDSS.
#![allow(clippy::unwrap_used)]

#[path = "common/multiphase.rs"]
mod multiphase;

use covolt_grid::multiphase::{
    ControlOptions, ElementIndex, MultiphaseGrid, MultiphaseNetwork, MultiphaseParts, NodeIndex, VoltageDependence,
    VoltageRange,
};
use covolt_grid::{Complex64, FlowMethod, FlowOptions};
use multiphase::{Builder, c};
use serde::Deserialize;
use std::collections::BTreeMap;

/// OpenDSS adds a shunt of about 1e-9 of a line's admittance, and its iteration stops at 1e-12.
const VOLTAGE_PU: f64 = 5e-9;

#[derive(Deserialize)]
struct Case {
    name: String,
    parts: MultiphaseParts,
    v: Vec<Complex64>,
    taps: Vec<f64>,
    closed: Vec<bool>,
    control_iterations: usize,
    source_kva: Complex64,
    currents_a: BTreeMap<String, Vec<Vec<Complex64>>>,
}

#[derive(Deserialize)]
struct LoadCurve {
    name: String,
    dependence: VoltageDependence,
    range: VoltageRange,
    points: Vec<(f64, f64, f64)>,
}

#[derive(Deserialize)]
struct Expected {
    load_curves: Vec<LoadCurve>,
    cases: Vec<Case>,
}

fn expected() -> Expected {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/opendss/flow.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn ref_controls_voltages_currents_and_power() {
    for case in expected().cases {
        let name = &case.name;
        let elements = case.parts.elements.clone();
        let mut grid = MultiphaseGrid::new(MultiphaseNetwork::try_new(case.parts).unwrap()).unwrap();
        let (p, q) = grid.nominal_demand();
        let mut ws = grid.workspace();
        let control_options = ControlOptions { max_iterations: 50 };
        let options = FlowOptions { tolerance_pu: 1e-12, ..Default::default() };
        let settled = grid.settle_controls(&p, &q, &mut ws, &options, &control_options).unwrap();
        let taps: Vec<f64> = settled.taps.iter().map(|tap| tap.2).collect();
        let closed: Vec<bool> = settled.capacitors.iter().map(|c| c.1).collect();
        assert_eq!(closed, case.closed, "{name}");
        assert_eq!(taps.len(), case.taps.len());
        for (found, expected) in taps.iter().zip(&case.taps) {
            assert!((found - expected).abs() < 1e-9, "{name}: {taps:?} {:?}", case.taps);
        }
        assert_eq!(settled.iterations, case.control_iterations, "{name}");
        for method in [FlowMethod::Auto, FlowMethod::TreeNewton, FlowMethod::SparseNewton] {
            grid.solve(&p, &q, &mut ws, &FlowOptions { method, ..options }).unwrap();
            for (i, (found, volts)) in ws.v().iter().zip(&case.v).enumerate() {
                let expected = volts / grid.network().v_base_v(NodeIndex(i)).unwrap();
                let node = grid.network().node_name(NodeIndex(i));
                assert!((found - expected).norm() < VOLTAGE_PU, "{name}, {method:?}, {node}: {found} {expected}");
            }
            let power = grid.source_power(ws.v()) * 1e3;
            assert!((power - case.source_kva).norm() < 1e-4, "{name}, {method:?}: {power} {}", case.source_kva);
        }
        for (e, element) in elements.iter().enumerate() {
            let expected = &case.currents_a[&element.id];
            let largest = expected.iter().flatten().fold(0.0, |m: f64, i| m.max(i.norm()));
            for (t, terminal) in expected.iter().enumerate() {
                for (k, expected) in terminal.iter().enumerate() {
                    let found = grid.conductor_current_a(ElementIndex(e), t, k, ws.v());
                    // A switch of 1e-4 ohm turns 1e-13 of its voltages into 1e-6 of its current.
                    let error = (found - expected).norm();
                    assert!(error < 2e-5 * largest + 1e-3, "{name}, {} {t} {k}: {found} {expected}", element.id);
                }
            }
        }
    }
}

#[test]
fn ref_power_of_loads_over_their_voltage() {
    for curve in expected().load_curves {
        let mut b = Builder::new(1.0);
        let bus = b.bus("one", 1.0, &[1]);
        b.source(bus, 1e3, c(0.0, 1e-6), 1);
        b.port(bus, (1, 0), 1.0, curve.dependence, (100.0, 40.0));
        b.parts.ports[0].range = Some(curve.range);
        let grid = MultiphaseGrid::new(b.build()).unwrap();
        for (v, p, q) in curve.points {
            let found = grid.port_power(0, (0.1, 0.04), &[c(v, 0.0)]) * 1e3;
            let error = (found - c(p, q)).norm();
            assert!(error < 1e-6 * (1.0 + p.hypot(q)), "{} at {v}: {found} {p} {q}", curve.name);
        }
    }
}

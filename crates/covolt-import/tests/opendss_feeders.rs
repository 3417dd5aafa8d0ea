//! The published feeders: counts, voltage bases, admittances and settled voltages are those of OpenDSS.
//!
//! `data/opendss/feeders.py` makes the expected values with OpenDSS 0.14.5 (dss-python 0.15.7). The feeders themselves are not in
//! the repository: without the folder of shared data the tests say that they skip.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_grid::multiphase::{Control, ControlOptions, Element, ElementModel, MultiphaseGrid};
use covolt_grid::{Complex64, FlowOptions};
use covolt_import::opendss::{Imported, import};
use covolt_import::{Action, ImportSettings};
use std::collections::BTreeMap;
use support::{admittances, notes, shared};

#[derive(serde::Deserialize)]
struct Expected {
    buses: usize,
    nodes: usize,
    lines: usize,
    transformers: usize,
    capacitors: usize,
    loads: usize,
    regulators: usize,
    capacitor_controls: usize,
    p_kw: f64,
    q_kvar: f64,
    bases_kv: BTreeMap<String, usize>,
    settled_pu: [f64; 3],
    admittance: [f64; 3],
}

/// Runs `check` on every feeder.
fn each(check: impl Fn(&str, &Imported, &Expected)) {
    let Some(folder) = shared("feeders/opendss") else { return };
    let expected: BTreeMap<String, Expected> = serde_json::from_str(include_str!("data/opendss/feeders.json")).unwrap();
    let settings = ImportSettings { root: Some(folder.clone()), ..ImportSettings::default() };
    for (path, expected) in &expected {
        let imported = import(folder.join(path), &settings).unwrap_or_else(|error| panic!("{path}: {error}"));
        check(path, &imported, expected);
    }
}

#[test]
fn ref_feeders_have_the_engines_counts_and_bases() {
    each(|path, imported, expected| {
        let parts = imported.network.parts();
        let elements = |class: &str| parts.elements.iter().filter(|e: &&Element| e.id.starts_with(class)).count();
        let regulators = parts.controls.iter().filter(|c| matches!(c, Control::Regulator(_))).count();
        let found = [
            parts.buses.len(),
            parts.nodes.len(),
            elements("line."),
            elements("transformer."),
            elements("capacitor."),
            imported.devices.len(),
            regulators,
            parts.controls.len() - regulators,
        ];
        let e = expected;
        let wanted =
            [e.buses, e.nodes, e.lines, e.transformers, e.capacitors, e.loads, e.regulators, e.capacitor_controls];
        assert_eq!(found, wanted, "{path}: buses, nodes, lines, transformers, capacitors, loads, controls");
        let (p, q): (Vec<f64>, Vec<f64>) = parts.ports.iter().map(|p| (p.p_kw, p.q_kvar)).unzip();
        assert!((p.iter().sum::<f64>() - e.p_kw).abs() < 1e-6, "{path}: kW");
        assert!((q.iter().sum::<f64>() - e.q_kvar).abs() < 1e-6, "{path}: kvar");
        let mut bases: BTreeMap<String, usize> = BTreeMap::new();
        for bus in &parts.buses {
            *bases.entry(format!("{:.4}", 3f64.sqrt() * bus.v_base_kv)).or_default() += 1;
        }
        assert_eq!(bases, e.bases_kv, "{path}: voltage bases");
        let left_out = [notes(imported, Action::LeftOut), notes(imported, Action::Assumed)].concat();
        assert!(left_out.is_empty(), "{path}: {left_out:?}");
    });
}

#[test]
fn ref_feeders_have_the_engines_admittances() {
    each(|path, imported, expected| {
        let y = admittances(&imported.network);
        let diagonal: BTreeMap<&String, f64> =
            y.iter().filter(|((a, b), _)| a == b).map(|((a, _), v)| (a, v.norm())).collect();
        let logarithms: f64 = diagonal.values().map(|v| v.ln()).sum();
        let total: Complex64 = y.iter().map(|((a, b), v)| v / (diagonal[a] * diagonal[b]).sqrt()).sum();
        let [expected_logarithms, re, im] = expected.admittance;
        // Rounding of thousands of entries, and of sums that nearly cancel.
        let tolerance = 1e-11 * diagonal.len() as f64;
        assert!((logarithms - expected_logarithms).abs() < tolerance, "{path}: {logarithms} {expected_logarithms}");
        assert!((total - Complex64::new(re, im)).norm() < tolerance, "{path}: {total} {re} {im}");
    });
}

#[test]
fn ref_feeders_settle_at_the_engines_voltages() {
    each(|path, imported, expected| {
        let mut grid = MultiphaseGrid::new(imported.network.clone()).unwrap();
        let (mut ws, (p, q)) = (grid.workspace(), grid.nominal_demand());
        let flow = FlowOptions { tolerance_pu: 1e-9, max_iterations: 200, ..FlowOptions::default() };
        grid.settle_controls(&p, &q, &mut ws, &flow, &ControlOptions { max_iterations: 200 }).unwrap();
        let per_unit: Vec<f64> = ws.v().iter().map(|v| v.norm()).collect();
        let [sum, lowest, highest] = expected.settled_pu;
        let fold = |f: fn(f64, f64) -> f64| per_unit.iter().copied().reduce(f).unwrap();
        for (what, found, wanted) in [
            ("mean", per_unit.iter().sum::<f64>() / per_unit.len() as f64, sum / per_unit.len() as f64),
            ("lowest", fold(f64::min), lowest),
            ("highest", fold(f64::max), highest),
        ] {
            assert!((found - wanted).abs() < 1e-6, "{path}: {what} {found} {wanted}");
        }
    });
}

#[test]
fn ref_switches_of_123_buses() {
    let Some(folder) = shared("feeders/opendss") else { return };
    let settings = ImportSettings { root: Some(folder.clone()), ..ImportSettings::default() };
    let imported = import(folder.join("123Bus/IEEE123Master.dss"), &settings).unwrap();
    let switches = imported.network.parts().elements.iter().filter(|e| e.is_switch);
    assert!(switches.clone().all(|e| matches!(e.model, ElementModel::Line { .. })));
    assert_eq!(switches.count(), 8);
}

#[test]
fn ref_run_scripts_leave_their_last_state() {
    let Some(folder) = shared("feeders/opendss") else { return };
    let settings = ImportSettings { root: Some(folder.clone()), ..ImportSettings::default() };
    // Compiles the feeder twice; the second time the taps are set and the controls are off.
    let imported = import(folder.join("34Bus/Run_IEEE34Mod2.dss"), &settings).unwrap();
    let parts = imported.network.parts();
    let tap = |id: &str| match parts.elements.iter().find(|e| e.id == id).map(|e| &e.model) {
        Some(ElementModel::Transformer(t)) => t.windings[1].tap_pu,
        other => panic!("{id}: {other:?}"),
    };
    assert!((tap("transformer.reg1a") - 1.075).abs() < 1e-12 && (tap("transformer.reg2a") - 1.08125).abs() < 1e-12);
    assert!(parts.controls.iter().all(|c| matches!(c, Control::Regulator(r) if !r.enabled)));
}

//! Small scripts, one thing each, against what OpenDSS makes of them: the admittance matrix, and what devices draw.
//!
//! `data/opendss/cases.py` has the scripts, `data/opendss/expected.py` runs them in OpenDSS 0.14.5 (dss-python 0.15.7).

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_grid::Complex64;
use covolt_grid::multiphase::{PortIndex, VoltageDependence};
use covolt_import::ImportError;
use std::collections::{BTreeMap, BTreeSet};
use support::{admittances, script};

/// Largest difference of an entry, relative to the diagonal entries of its row and column; the expected values have twelve
/// digits, and a diagonal entry may be the small rest of large ones.
const TOLERANCE: f64 = 2e-11;

/// The same where the engine turns sequences into phases with nine digits of the third root of one.
const TOLERANCE_SEQUENCES: f64 = 1e-6;

#[derive(serde::Deserialize)]
struct Case {
    script: String,
    y: Vec<(String, String, f64, f64)>,
    devices: BTreeMap<String, (f64, f64)>,
}

fn cases() -> BTreeMap<String, Case> {
    serde_json::from_str(include_str!("data/opendss/expected.json")).unwrap()
}

/// What differs in Y, in words.
fn differences(ours: &BTreeMap<(String, String), Complex64>, case: &Case, tolerance: f64) -> Vec<String> {
    let mut theirs = BTreeMap::new();
    for (a, b, re, im) in &case.y {
        theirs.insert((a.clone(), b.clone()), Complex64::new(*re, *im));
        theirs.entry((b.clone(), a.clone())).or_insert(Complex64::new(*re, *im));
    }
    let diagonal = |a: &String| theirs.get(&(a.clone(), a.clone())).map_or(0.0, |y| y.norm());
    let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let differs = |key: &&(String, String)| {
        let of = |y: &BTreeMap<(String, String), Complex64>| y.get(*key).copied().unwrap_or_default();
        let scale = (diagonal(&key.0) * diagonal(&key.1)).sqrt();
        // A node that only floats in the engine has an admittance of its own of next to nothing.
        (of(ours) - of(&theirs)).norm() > tolerance * scale + 1e-12
    };
    keys.into_iter().filter(differs).map(|k| format!("{k:?}: {:?} {:?}", ours.get(k), theirs.get(k))).collect()
}

#[test]
fn ref_admittances_of_small_scripts() {
    let mut wrong = Vec::new();
    // The impedance of a load's neutral is an element here and part of the load there, where loads are off.
    for (name, case) in cases().into_iter().filter(|(name, _)| name != "load_neutral") {
        match script(&case.script) {
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(imported) => {
                let by_sequences = ["reactor_sequence", "source_z2"].contains(&name.as_str());
                let tolerance = if by_sequences { TOLERANCE_SEQUENCES } else { TOLERANCE };
                let found = differences(&admittances(&imported.network), &case, tolerance);
                if !found.is_empty() {
                    wrong.push(format!("{name}: {}", found[..found.len().min(3)].join("\n   ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn ref_powers_of_devices() {
    let mut wrong = Vec::new();
    for (name, case) in cases() {
        let imported = match script(&case.script) {
            Ok(imported) => imported,
            Err(ImportError::Faulty(complaints)) => panic!("{name}: {complaints:?}"),
            Err(error) => panic!("{name}: {error}"),
        };
        let ports = &imported.network.parts().ports;
        for (id, (p, q)) in &case.devices {
            let Some(device) = imported.devices.iter().find(|d| d.id.eq_ignore_ascii_case(id)) else {
                wrong.push(format!("{name}: no device {id}"));
                continue;
            };
            let of = |k: &PortIndex| Complex64::new(ports[k.0].p_kw, ports[k.0].q_kvar);
            let drawn: Complex64 = device.ports.iter().map(of).sum();
            let expected = Complex64::new(*p, *q);
            let constant = device.ports.iter().all(|k| ports[k.0].dependence == VoltageDependence::Power);
            // The engine's powers are those at its voltages, which differ from the rated ones.
            let tolerance = if constant { 1e-5 } else { 2e-2 };
            if (drawn - expected).norm() > tolerance * expected.norm().max(1e-3) {
                wrong.push(format!("{name}: {id} draws {drawn}, expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

//! Lines and sources by sequence values against OpenDSS.
#![allow(clippy::unwrap_used, clippy::panic)]

mod opendss;

use covolt_grid::Complex64;
use covolt_grid::multiphase::{
    PhaseOrder, ShortCircuit, SourceSequence, sequence_capacitance_matrix, sequence_matrix, sequence_matrix_012,
    source_voltages_v,
};
use opendss::{cases, difference, expected, line_admittance};
use serde_json::Value;

#[test]
fn ref_sequence_values_opendss() {
    let cases = cases("sequences.json");
    assert_eq!(cases.len(), 14);
    let mut worst = 0.0f64;
    for case in &cases {
        let phases = case["phases"].as_u64().unwrap() as usize;
        let reference = expected(&case["yprim_s"]);
        let found = if case.get("r1").is_some() {
            let n = |key: &str| case[key].as_f64().unwrap();
            let series = sequence_matrix(phases, Complex64::new(n("r1"), n("x1")), Complex64::new(n("r0"), n("x0")));
            let shunt = sequence_capacitance_matrix(phases, 1e-9 * n("c1"), 1e-9 * n("c0"), n("f"));
            line_admittance(&series, &shunt)
        } else {
            worst = worst.max(voltages(case, phases));
            source(case, phases).inverse().unwrap()
        };
        let difference = difference(&found, &reference);
        println!("{}: {difference:.2e}", case["name"]);
        // OpenDSS turns by 120 degrees with six digits (0.866025) where the negative sequence has its own impedance.
        let digits = if case["name"] == "three sequence impedances" { 1e-3 } else { 1.0 };
        worst = worst.max(digits * difference);
    }
    assert!(worst < 1e-9, "{worst:.2e}");
}

fn source(case: &Value, phases: usize) -> covolt_grid::multiphase::ConductorMatrix {
    let values = &case["values"];
    let n = |key: &str| values[key].as_f64();
    let z = |key: &str| {
        let z: Option<(f64, f64)> = values.get(key).map(|z| serde_json::from_value(z.clone()).unwrap());
        z.map(|(r, x)| Complex64::new(r, x))
    };
    if let (Some(one), Some(zero)) = (z("z1"), z("z0")) {
        return match z("z2") {
            Some(two) => sequence_matrix_012(zero, one, two),
            None => sequence_matrix(phases, one, zero),
        };
    }
    let strength = match (n("mvasc3"), n("mvasc1"), n("isc3"), n("isc1")) {
        (Some(three_mva), Some(one_mva), ..) => ShortCircuit::Power { three_mva, one_mva },
        (.., Some(three_a), Some(one_a)) => ShortCircuit::Current { three_a, one_a },
        _ => panic!("{case}"),
    };
    let (x1_r1, x0_r0) = (n("x1r1").unwrap_or(4.0), n("x0r0").unwrap_or(3.0));
    let kv = case["kv"].as_f64().unwrap();
    SourceSequence::from_short_circuit(phases, kv, strength, x1_r1, x0_r0).unwrap().matrix_ohm(phases)
}

/// Largest relative difference of the open terminal's voltage.
fn voltages(case: &Value, phases: usize) -> f64 {
    let order = match case["order"].as_str().unwrap() {
        "pos" => PhaseOrder::Positive,
        "neg" => PhaseOrder::Negative,
        _ => PhaseOrder::Zero,
    };
    let n = |key: &str| case[key].as_f64().unwrap();
    let found = source_voltages_v(phases, n("kv"), n("pu"), n("angle"), order);
    let reference: Vec<(f64, f64)> = serde_json::from_value(case["emf_v"].clone()).unwrap();
    assert_eq!(reference.len(), found.len());
    let worst = found.iter().zip(reference).map(|(v, (re, im))| (v - Complex64::new(re, im)).norm() / v.norm());
    worst.fold(0.0, f64::max)
}

#[test]
fn law_impossible_sources_have_no_impedance() {
    let power = |three_mva, one_mva| ShortCircuit::Power { three_mva, one_mva };
    assert!(SourceSequence::from_short_circuit(3, 12.47, power(300.0, 300.0), 4.0, 3.0).is_some());
    for (v_kv, strength, x1_r1) in [
        (0.0, power(300.0, 300.0), 4.0),
        (12.47, power(0.0, 300.0), 4.0),
        (12.47, power(300.0, -1.0), 4.0),
        (12.47, power(300.0, 300.0), 0.0),
        (12.47, power(f64::NAN, 300.0), 4.0),
        (f64::INFINITY, power(300.0, 300.0), 4.0),
    ] {
        assert_eq!(SourceSequence::from_short_circuit(3, v_kv, strength, x1_r1, 3.0), None);
    }
    assert!(source_voltages_v(0, 1.0, 1.0, 0.0, PhaseOrder::Positive).is_empty());
    assert_eq!(sequence_matrix(0, Complex64::ONE, Complex64::ONE).n(), 0);
}

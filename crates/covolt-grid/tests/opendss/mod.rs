//! Expected values from OpenDSS and how elements are compared with them.
#![allow(dead_code)]

use covolt_grid::Complex64;
use covolt_grid::multiphase::ConductorMatrix;
use serde_json::Value;
use std::path::Path;

/// The cases of a file of expected values.
pub fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/opendss").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let mut read: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(read["cases"].take()).unwrap()
}

pub fn expected(entries: &Value) -> ConductorMatrix {
    let entries: Vec<(f64, f64)> = serde_json::from_value(entries.clone()).unwrap();
    let n = entries.len().isqrt();
    assert_eq!(n * n, entries.len());
    ConductorMatrix::from_fn(n, |i, j| Complex64::new(entries[i * n + j].0, entries[i * n + j].1))
}

/// Largest difference of an entry, relative to the geometric mean of the two diagonal entries it couples: windings of 115 kV and
/// 0.4 kV are compared each on its own scale.
pub fn difference(found: &ConductorMatrix, expected: &ConductorMatrix) -> f64 {
    assert_eq!(found.n(), expected.n());
    let n = found.n();
    let mut worst = 0.0f64;
    for i in 0..n {
        for j in 0..n {
            let difference = (found.at(i, j) - expected.at(i, j)).norm();
            let scale = (expected.at(i, i).norm() * expected.at(j, j).norm()).sqrt();
            worst = worst.max(if scale > 0.0 { difference / scale } else { difference });
        }
    }
    worst
}

/// Admittance of a line over the conductors of both ends, S: the series impedance between them, half of the shunt at either.
pub fn line_admittance(series_ohm: &ConductorMatrix, shunt_s: &ConductorMatrix) -> ConductorMatrix {
    let (n, y) = (series_ohm.n(), series_ohm.inverse().unwrap());
    ConductorMatrix::from_fn(2 * n, |i, j| {
        let through = y.at(i % n, j % n);
        if i / n == j / n { through + 0.5 * shunt_s.at(i % n, j % n) } else { -through }
    })
}

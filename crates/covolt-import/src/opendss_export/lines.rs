//! Lines as matrices of their whole length: `length=1 units=none`.

use super::branches::{self, Owner};
use super::fault::ExportFault;
use super::names::{Names, comment, is_symmetric, number, triangle};
use covolt_grid::Complex64;
use covolt_grid::multiphase::{ConductorMatrix, Element};
use std::f64::consts::PI;
use std::fmt::Write;

pub(super) fn write(
    w: &mut String,
    names: &mut Names,
    element: &Element,
    name: &str,
    (series_ohm, shunt_s): (&ConductorMatrix, Option<&ConductorMatrix>),
    f_hz: f64,
    faults: &mut Vec<ExportFault>,
) {
    for (quantity, matrix) in [("the series impedance", Some(series_ohm)), ("the shunt admittance", shunt_s)] {
        if matrix.is_some_and(|m| !is_symmetric(m)) {
            faults.push(ExportFault::NotSymmetric { owner: element.id.clone(), quantity });
            return;
        }
    }
    let [from, to] = element.terminals.as_slice() else { return };
    let n = series_ohm.n();
    let ends = [from, to].map(|t| names.terminal(t.bus, t.conductors.iter().copied()));
    let nano_farad = |i, j| shunt_s.map_or(0.0, |y| 1e9 * y.at(i, j).im / (2.0 * PI * f_hz));
    let _ = writeln!(w, "!@element Line.{name} {}", comment(&element.id));
    let _ = writeln!(
        w,
        "New Line.{name} phases={n} bus1={} bus2={} rmatrix={} xmatrix={} cmatrix={} length=1 units=none{}",
        ends[0],
        ends[1],
        triangle(n, |i, j| series_ohm.at(i, j).re),
        triangle(n, |i, j| series_ohm.at(i, j).im),
        triangle(n, nano_farad),
        element.rating_a.map_or(String::new(), |a| format!(" normamps={}", number(a))),
    );
    // OpenDSS's lines have a capacitance and nothing more.
    let Some(shunt_s) = shunt_s.filter(|y| (0..n * n).any(|k| y.at(k / n, k % n).re != 0.0)) else { return };
    let half = ConductorMatrix::from_fn(n, |i, j| Complex64::from(0.5 * shunt_s.at(i, j).re));
    for terminal in [from, to] {
        branches::write_between(w, names, &Owner { element, name, f_hz }, &terminal.conductors, &half, faults);
    }
}

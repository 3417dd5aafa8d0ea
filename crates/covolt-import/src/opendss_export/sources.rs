//! Sources: balanced ones as they are, any other as one-phase sources with a matrix behind them.
//!
//! A `Vsource` of OpenDSS is balanced and has sequence impedances. Three phases with voltages a third of a turn apart and a circulant
//! impedance Z(s), s = column - row, are that, with
//!
//! ```text
//!   z_0 = Z(0) + Z(1) + Z(2)      z_1 = Z(0) + a^2 Z(1) + a Z(2)      z_2 = Z(0) + a Z(1) + a^2 Z(2)       a = 1 at 120 degrees
//! ```
//!
//! Otherwise the impedance is split, Z = d I + (Z - d I): d ohm in every one-phase source, the rest in a reactor to a bus of its own. The
//! sum is exact; d, a small resistance, is there because a source of OpenDSS cannot be without.

use super::fault::ExportFault;
use super::names::{Names, comment, is_symmetric, number, triangle};
use covolt_grid::Complex64;
use covolt_grid::multiphase::{ConductorMatrix, VoltageSource};
use std::f64::consts::PI;
use std::fmt::Write;

/// Voltages and impedances closer than this, relative, are one.
const SAME: f64 = 1e-10;
/// The resistance d, of the largest entry of the impedance.
const SPLIT: f64 = 1e-3;

pub(super) fn write(
    w: &mut String,
    names: &mut Names,
    source: &VoltageSource,
    first: bool,
    faults: &mut Vec<ExportFault>,
) {
    let name = if first { names.fresh("source") } else { names.fresh(super::names::without_class(&source.id)) };
    let _ = writeln!(w, "!@element Vsource.{name} {}", comment(&source.id));
    // The circuit brings its first source along.
    let head =
        |name: &str| if name == "source" { "New Circuit.covolt".to_owned() } else { format!("New Vsource.{name}") };
    let Some(&emf) = source.emf_v.first() else { return };
    let z = &source.series_ohm;
    let terminal = names.terminal(source.bus, source.nodes.iter().map(|&n| Some(n)));
    let pair = |z: Complex64| format!("[{} {}]", number(z.re), number(z.im));
    let angle = |v: Complex64| number(v.arg().to_degrees());
    match (source.nodes.len(), three_phase_sequence(source)) {
        (1, _) => {
            let (kv, z) = (number(1e-3 * emf.norm()), pair(z.at(0, 0)));
            let _ =
                writeln!(w, "{} phases=1 bus1={terminal} basekv=1 pu={kv} angle={} Z1={z}", head(&name), angle(emf));
        }
        (_, Some([zero, one, two])) => {
            let kv = number(1e-3 * emf.norm() * 3f64.sqrt());
            let negative =
                if (two - one).norm() <= SAME * one.norm() { String::new() } else { format!(" Z2={}", pair(two)) };
            let _ = writeln!(
                w,
                "{} phases=3 bus1={terminal} basekv={kv} pu=1 angle={} Z1={} Z0={}{negative}",
                head(&name),
                angle(emf),
                pair(one),
                pair(zero),
            );
        }
        (n, None) => {
            let d = SPLIT * z.max_norm();
            let rest = ConductorMatrix::from_fn(n, |i, j| z.at(i, j) - if i == j { d } else { 0.0 });
            if !is_symmetric(z) {
                faults.push(ExportFault::NotSymmetric { owner: source.id.clone(), quantity: "the impedance" });
                return;
            }
            if d == 0.0 || rest.inverse().is_none() {
                faults.push(ExportFault::SourceImpedance { owner: source.id.clone() });
                return;
            }
            let inner = names.fresh_bus(&format!("{name}_emf"));
            for (k, &emf) in source.emf_v.iter().enumerate() {
                let phase_name = if k == 0 { name.clone() } else { names.fresh(&format!("{name}_{}", k + 1)) };
                let (kv, r) = (number(1e-3 * emf.norm()), number(d));
                let head = head(&phase_name);
                let _ = writeln!(
                    w,
                    "{head} phases=1 bus1={inner}.{} basekv=1 pu={kv} angle={} Z1=[{r} 0]",
                    k + 1,
                    angle(emf)
                );
            }
            let nodes: Vec<String> = (1..=n).map(|k| k.to_string()).collect();
            let _ = writeln!(
                w,
                "New Reactor.{} phases={n} bus1={inner}.{} bus2={terminal} rmatrix={} xmatrix={}",
                names.fresh(&format!("{name}_z")),
                nodes.join("."),
                triangle(n, |i, j| rest.at(i, j).re),
                triangle(n, |i, j| rest.at(i, j).im),
            );
        }
    }
}

/// Sequence impedances (0, 1, 2) of a balanced three-phase source.
fn three_phase_sequence(source: &VoltageSource) -> Option<[Complex64; 3]> {
    let [first, second, third] = source.emf_v.as_slice() else { return None };
    let a = Complex64::from_polar(1.0, 2.0 * PI / 3.0);
    let near = |x: Complex64, y: Complex64, scale: f64| (x - y).norm() <= SAME * scale;
    if !near(*second, first * a * a, first.norm()) || !near(*third, first * a, first.norm()) {
        return None;
    }
    let z = &source.series_ohm;
    let circulant = (0..9).all(|k| near(z.at(k / 3, k % 3), z.at(0, (k % 3 + 3 - k / 3) % 3), z.max_norm()));
    let [z0, z1, z2] = [z.at(0, 0), z.at(0, 1), z.at(0, 2)];
    circulant.then(|| [z0 + z1 + z2, z0 + a * a * z1 + a * z2, z0 + a * z1 + a * a * z2])
}

//! The network and one step's injections as an OpenDSS script that solves to the same voltages and currents.
//!
//! What makes it exact: a stiff source (1e-7 ohm), one constant-power element per bus that never turns into an impedance
//! at low voltage, transformers without magnetising branch, controls off. Comments of the form `!@bus NAME ID` and
//! `!@branch ELEMENT ID` tell which element is which bus or branch, since OpenDSS restricts names and ignores capitals.

use crate::case::Case;
use crate::fault::CaseError;
use crate::injections::Injections;
use covolt_grid::{BranchKind, Grid, Network};
use std::collections::BTreeSet;
use std::fmt::Write;

const FORMAT: &str = "OpenDSS";
/// Source reactance, ohm: small against any line, large enough for the solver's arithmetic.
const SOURCE_OHM: f64 = 1e-7;

/// The network, where the format can hold it.
pub(crate) fn balanced<'a>(case: &'a Case, format: &'static str) -> Result<&'a Network, CaseError> {
    let what = "a network of several phases".to_owned();
    case.fleet.grid.balanced().map(Grid::network).ok_or(CaseError::NotExpressible { format, what })
}

fn refuse(what: String) -> CaseError {
    CaseError::NotExpressible { format: FORMAT, what }
}

/// Names that OpenDSS accepts and that differ without capitals.
pub(crate) fn plain_names<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut used = BTreeSet::new();
    ids.enumerate()
        .map(|(i, id)| {
            let keep =
                |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c.to_ascii_lowercase() } else { '_' };
            let mut name: String = id.chars().take(60).map(keep).collect();
            if name.is_empty() || used.contains(&name) {
                name = format!("{name}__{i}");
            }
            while !used.insert(name.clone()) {
                name.push('_');
            }
            name
        })
        .collect()
}

pub(crate) fn check_length(network: &Network, step: &Injections) -> Result<(), CaseError> {
    let expected = network.buses().len();
    match [step.p_kw.len(), step.q_kvar.len()].into_iter().find(|&n| n != expected) {
        Some(found) => Err(CaseError::WrongLength { step: step.label.clone(), found, expected }),
        None => Ok(()),
    }
}

/// One line of text for a comment.
pub(crate) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// OpenDSS script of the case's network with the injections of one step (without: nothing injected).
///
/// # Errors
/// The network has something that the script cannot express exactly, or the injections do not fit it.
pub fn export_opendss(case: &Case, injections: Option<&Injections>) -> Result<String, CaseError> {
    let network = balanced(case, FORMAT)?;
    let none = Injections::zero("none", &case.fleet.grid);
    let step = injections.unwrap_or(&none);
    check_length(network, step)?;
    let bus_name = plain_names(network.buses().iter().map(|b| b.id.0.as_str()));
    let branch_name = plain_names(network.branches().iter().map(|b| b.id.0.as_str()));
    let (base, f_hz) = (network.base_mva(), network.f_hz());
    let omega = 2.0 * std::f64::consts::PI * f_hz;
    let source = network.source();
    let kv = |i: usize| network.buses().get(i).map_or(1.0, |b| b.v_base_kv);

    let mut out = String::new();
    // Writing to a String cannot fail, so the results of write! are dropped.
    let w = &mut out;
    let _ = writeln!(w, "! {}: network and injections of step {}", comment(&case.name), comment(&step.label));
    let _ = writeln!(w, "! Balanced equivalent: all three phases alike. Powers are three-phase totals.");
    for (b, name) in network.buses().iter().zip(&bus_name) {
        let _ = writeln!(w, "!@bus {name} {}", comment(&b.id.0));
    }
    let element = |i: usize| match network.branches()[i].kind {
        BranchKind::Line => format!("Line.{}", branch_name[i]),
        BranchKind::Transformer => format!("Transformer.{}", branch_name[i]),
    };
    for (i, b) in network.branches().iter().enumerate() {
        let _ = writeln!(w, "!@branch {} {}", element(i), comment(&b.id.0));
    }
    let _ = writeln!(w, "Clear\nSet DefaultBaseFrequency={f_hz}");
    let _ = writeln!(
        w,
        "New Circuit.covolt bus1={} basekv={} pu={} angle={} phases=3 R1=0 X1={SOURCE_OHM:e} R0=0 X0={SOURCE_OHM:e}",
        bus_name[source.bus.0],
        kv(source.bus.0),
        source.v_pu,
        source.angle_deg
    );
    for (i, b) in network.branches().iter().enumerate() {
        let (from, to) = (&bus_name[b.from.0], &bus_name[b.to.0]);
        let z = b.series_z_pu;
        let (y_from, y_to) = (b.shunt_from_pu, b.shunt_to_pu);
        if y_from != y_to || y_from.re != 0.0 {
            return Err(refuse(format!("the shunts of branch \"{}\"", b.id)));
        }
        match b.kind {
            BranchKind::Line => {
                let z_base = kv(b.to.0) * kv(b.to.0) / base;
                let (r, x) = (z.re * z_base, z.im * z_base);
                let c_nf = 2.0 * y_to.im / z_base / omega * 1e9;
                let _ = writeln!(
                    w,
                    "New {} bus1={from} bus2={to} phases=3 r1={r} x1={x} c1={c_nf} r0={r} x0={x} c0={c_nf} length=1 units=none",
                    element(i)
                );
            }
            BranchKind::Transformer => {
                if y_to.im != 0.0 || b.tap.im != 0.0 {
                    return Err(refuse(format!("the charging or phase shift of transformer \"{}\"", b.id)));
                }
                let (kva, half_r, x) = (base * 1e3, 50.0 * z.re, 100.0 * z.im);
                let _ = writeln!(
                    w,
                    "New {} phases=3 windings=2 xhl={x} ppm_antifloat=0 %noloadloss=0 %imag=0 buses=({from} {to}) conns=(wye wye) kvs=({} {}) kvas=({kva} {kva}) %rs=({half_r} {half_r}) taps=({} 1) mintap=0.1 maxtap=10",
                    element(i),
                    kv(b.from.0),
                    kv(b.to.0),
                    b.tap.re
                );
            }
        }
    }
    for (k, s) in network.shunts().iter().enumerate() {
        let y = s.y_pu * base * 1e3;
        let _ = writeln!(
            w,
            "New Load.shunt{k} bus1={} phases=3 kv={} kw={} kvar={} model=2 vminpu=0.01 vmaxpu=10 vlowpu=0.001",
            bus_name[s.bus.0],
            kv(s.bus.0),
            y.re,
            -y.im
        );
    }
    for (i, name) in bus_name.iter().enumerate().filter(|(i, _)| *i != source.bus.0) {
        let _ = writeln!(
            w,
            "New Load.j_{name} bus1={name} phases=3 kv={} kw={} kvar={} model=1 vminpu=0.01 vmaxpu=10 vlowpu=0.001",
            kv(i),
            minus(step.p_kw[i]),
            minus(step.q_kvar[i])
        );
    }
    let mut bases: Vec<f64> = network.buses().iter().map(|b| b.v_base_kv).collect();
    bases.sort_by(f64::total_cmp);
    bases.dedup();
    let list: Vec<String> = bases.iter().map(f64::to_string).collect();
    let _ = writeln!(w, "Set VoltageBases=[{}]\nCalcVoltageBases", list.join(" "));
    let _ = writeln!(w, "Set mode=snap controlmode=off maxiterations=200 tolerance=1e-9\nSolve");
    Ok(out)
}

/// -v without a negative zero.
fn minus(v: f64) -> f64 {
    0.0 - v
}

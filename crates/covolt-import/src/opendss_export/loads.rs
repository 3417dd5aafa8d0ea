//! Ports as one-phase loads between their nodes.
//!
//! | dependence | model of OpenDSS |
//! |---|---|
//! | power, impedance, current | 1, 2, 5 |
//! | exponents (0, 2) | 3 |
//! | other exponents | 4, with `cvrwatts` and `cvrvars` |
//! | shares | 8, with `zipv` |
//!
//! A load of OpenDSS always has a range outside which it turns into an impedance; a port without one gets a range so wide that no solved
//! network leaves it.

use super::fault::ExportFault;
use super::names::{Names, comment, number};
use covolt_grid::multiphase::{Port, VoltageDependence, VoltageRange};
use std::fmt::Write;

/// The range of a port that has none.
const EVERYWHERE: VoltageRange = VoltageRange { low_pu: 1e-3, high_pu: 1e3, lowest_pu: 0.0 };

pub(super) fn write(
    w: &mut String,
    names: &mut Names,
    port: &Port,
    (p_kw, q_kvar): (f64, f64),
    faults: &mut Vec<ExportFault>,
) {
    let bus = names.bus_of(port.from);
    if port.to.is_some_and(|to| names.bus_of(to) != bus) {
        faults.push(ExportFault::PortBetweenBuses { port: port.id.clone() });
        return;
    }
    let name = names.fresh(super::names::without_class(&port.id));
    let model = match port.dependence {
        VoltageDependence::Power => "1".to_owned(),
        VoltageDependence::Impedance => "2".to_owned(),
        VoltageDependence::Current => "5".to_owned(),
        VoltageDependence::Exponential { p: 0.0, q: 2.0 } => "3".to_owned(),
        VoltageDependence::Exponential { p, q } => format!("4 cvrwatts={} cvrvars={}", number(p), number(q)),
        VoltageDependence::Zip { p, q, cutoff_pu } => {
            let shares = [p.impedance, p.current, p.power, q.impedance, q.current, q.power, cutoff_pu].map(number);
            format!("8 zipv=[{}]", shares.join(" "))
        }
    };
    let range = port.range.unwrap_or(EVERYWHERE);
    let _ = writeln!(w, "!@port {name} {}", comment(&port.id));
    let _ = writeln!(
        w,
        "New Load.{name} phases=1 bus1={} conn={} kv={} kw={} kvar={} model={model} vminpu={} vmaxpu={} vlowpu={}",
        names.terminal(bus, [Some(port.from), port.to]),
        if port.to.is_some() { "delta" } else { "wye" },
        number(port.v_rated_kv),
        number(p_kw),
        number(q_kvar),
        number(range.low_pu),
        number(range.high_pu),
        number(range.lowest_pu),
    );
}

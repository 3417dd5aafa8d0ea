//! Every fault the lists of a multi-phase network can have, each with the thing it concerns.

use super::controls::{Control, MonitoredPhase};
use super::matrix::ConductorMatrix;
use super::network::{Element, ElementModel, MultiphaseParts};
use super::transformer::{Transformer, WindingConnection};
use crate::network::BusId;
use std::collections::BTreeSet;
use thiserror::Error;

/// One fault of a multi-phase network.
#[derive(Debug, Clone, PartialEq, Error)]
#[allow(missing_docs)] // the message of each variant explains its fields
pub enum MultiphaseFault {
    #[error("the network has no bus")]
    NoBus,
    #[error("the network has no source")]
    NoSource,
    #[error("{kind} id '{id}' is used more than once")]
    Duplicate { kind: &'static str, id: String },
    #[error("{owner} refers to {kind} number {index}, but there are only {count}")]
    Unknown { owner: String, kind: &'static str, index: usize, count: usize },
    #[error("nodes of bus {bus} do not stand together in the order of buses")]
    NodeOrder { bus: usize },
    #[error("{owner}: {quantity} is {value}, must be {expected}")]
    OutOfRange { owner: String, quantity: &'static str, value: f64, expected: &'static str },
    #[error("{owner}: {quantity} has size {found}, expected {expected}")]
    Size { owner: String, quantity: &'static str, found: usize, expected: usize },
    #[error("{owner}: conductor {conductor} is connected to a node of another bus")]
    ForeignNode { owner: String, conductor: usize },
    #[error("{owner}: {quantity} has an entry that is not finite")]
    NotFinite { owner: String, quantity: &'static str },
    #[error("bus '{bus}' and {others} other bus(es) are not connected to a source")]
    Island { bus: BusId, others: usize },
    #[error("{owner}: the series impedance is singular (conductors without impedance must be merged or be a switch)")]
    SingularImpedance { owner: String },
    #[error("{owner} acts on {element}, which is not a {expected}")]
    WrongKind { owner: String, element: String, expected: &'static str },
}

/// All faults; the later checks need the indices of the earlier ones.
pub(crate) fn find_faults(parts: &MultiphaseParts) -> Vec<MultiphaseFault> {
    let mut faults = Vec::new();
    indices(parts, &mut faults);
    if faults.is_empty() {
        numbers(parts, &mut faults);
        islands(parts, &mut faults);
    }
    faults
}

fn indices(parts: &MultiphaseParts, faults: &mut Vec<MultiphaseFault>) {
    if parts.buses.is_empty() {
        faults.push(MultiphaseFault::NoBus);
    }
    if parts.sources.is_empty() {
        faults.push(MultiphaseFault::NoSource);
    }
    duplicates("bus", parts.buses.iter().map(|b| b.id.0.as_str()), faults);
    duplicates("element", parts.elements.iter().map(|e| e.id.as_str()), faults);
    duplicates("port", parts.ports.iter().map(|p| p.id.as_str()), faults);
    duplicates("source", parts.sources.iter().map(|s| s.id.as_str()), faults);
    let (n_buses, n_nodes, n_elements) = (parts.buses.len(), parts.nodes.len(), parts.elements.len());
    let mut known = |owner: &str, kind: &'static str, index: usize, count: usize| {
        if index >= count {
            faults.push(MultiphaseFault::Unknown { owner: owner.to_owned(), kind, index, count });
        }
    };
    for node in &parts.nodes {
        known("a node", "bus", node.bus.0, n_buses);
    }
    for element in &parts.elements {
        for terminal in &element.terminals {
            known(&element.id, "bus", terminal.bus.0, n_buses);
            terminal.conductors.iter().flatten().for_each(|node| known(&element.id, "node", node.0, n_nodes));
        }
    }
    for port in &parts.ports {
        known(&port.id, "node", port.from.0, n_nodes);
        port.to.iter().for_each(|node| known(&port.id, "node", node.0, n_nodes));
    }
    for source in &parts.sources {
        known(&source.id, "bus", source.bus.0, n_buses);
        source.nodes.iter().for_each(|node| known(&source.id, "node", node.0, n_nodes));
    }
    for control in &parts.controls {
        match control {
            Control::Regulator(r) => {
                known(&r.id, "element", r.transformer.0, n_elements);
                r.remote_node.iter().for_each(|node| known(&r.id, "node", node.0, n_nodes));
            }
            Control::Capacitor(c) => {
                known(&c.id, "element", c.capacitor.0, n_elements);
                known(&c.id, "element", c.watched.0, n_elements);
            }
        }
    }
    let mut seen = BTreeSet::new();
    for pair in parts.nodes.windows(2).filter(|pair| pair[1].bus < pair[0].bus) {
        faults.push(MultiphaseFault::NodeOrder { bus: pair[1].bus.0 });
    }
    for node in parts.nodes.iter().filter(|node| !seen.insert((node.bus, node.number))) {
        let id = format!("{}.{}", node.bus.0, node.number);
        faults.push(MultiphaseFault::Duplicate { kind: "node", id });
    }
}

fn duplicates<'a>(kind: &'static str, ids: impl Iterator<Item = &'a str>, faults: &mut Vec<MultiphaseFault>) {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            faults.push(MultiphaseFault::Duplicate { kind, id: id.to_owned() });
        }
    }
}

fn numbers(parts: &MultiphaseParts, faults: &mut Vec<MultiphaseFault>) {
    positive("the network", "the power base, MVA", parts.base_mva, faults);
    positive("the network", "the frequency, Hz", parts.f_hz, faults);
    for bus in &parts.buses {
        positive(&format!("bus '{}'", bus.id), "the voltage base, kV", bus.v_base_kv, faults);
    }
    for element in &parts.elements {
        element_numbers(parts, element, faults);
    }
    for port in &parts.ports {
        positive(&port.id, "the rated voltage, kV", port.v_rated_kv, faults);
        finite(&port.id, "the active demand, kW", port.p_kw, faults);
        finite(&port.id, "the reactive demand, kvar", port.q_kvar, faults);
        if port.to == Some(port.from) {
            let (quantity, expected) = ("the second node", "another than the first");
            faults.push(MultiphaseFault::OutOfRange {
                owner: port.id.clone(),
                quantity,
                value: port.from.0 as f64,
                expected,
            });
        }
    }
    for source in &parts.sources {
        let phases = source.nodes.len();
        size(&source.id, "the list of voltages", source.emf_v.len(), phases, faults);
        matrix(&source.id, "the impedance", &source.series_ohm, phases, faults);
        if source.emf_v.iter().any(|v| !v.is_finite()) {
            faults.push(MultiphaseFault::NotFinite { owner: source.id.clone(), quantity: "the voltage" });
        }
        if source.series_ohm.is_sound() && source.series_ohm.inverse().is_none() {
            faults.push(MultiphaseFault::SingularImpedance { owner: source.id.clone() });
        }
    }
    for control in &parts.controls {
        control_numbers(parts, control, faults);
    }
}

fn element_numbers(parts: &MultiphaseParts, element: &Element, faults: &mut Vec<MultiphaseFault>) {
    let owner = element.id.as_str();
    for terminal in &element.terminals {
        for (conductor, node) in terminal.conductors.iter().enumerate() {
            if node.is_some_and(|node| parts.nodes[node.0].bus != terminal.bus) {
                faults.push(MultiphaseFault::ForeignNode { owner: owner.to_owned(), conductor });
            }
        }
    }
    if let Some(rating) = element.rating_a {
        positive(owner, "the current limit, A", rating, faults);
    }
    let conductors: Vec<usize> = element.terminals.iter().map(|t| t.conductors.len()).collect();
    match &element.model {
        ElementModel::Line { series_ohm, shunt_s } => {
            let n = series_ohm.n();
            size(owner, "the list of terminals", conductors.len(), 2, faults);
            conductors.iter().for_each(|&found| size(owner, "a terminal", found, n, faults));
            matrix(owner, "the series impedance", series_ohm, n, faults);
            shunt_s.iter().for_each(|shunt| matrix(owner, "the shunt admittance", shunt, n, faults));
            if series_ohm.is_sound() && series_ohm.inverse().is_none() {
                faults.push(MultiphaseFault::SingularImpedance { owner: owner.to_owned() });
            }
        }
        ElementModel::Transformer(transformer) => transformer_numbers(owner, transformer, &conductors, faults),
        ElementModel::Shunt { admittance_s, .. } => {
            size(owner, "the list of terminals", conductors.len(), 1, faults);
            conductors.iter().for_each(|&n| matrix(owner, "the admittance", admittance_s, n, faults));
        }
        ElementModel::Admittance(admittance_s) => {
            matrix(owner, "the admittance", admittance_s, conductors.iter().sum(), faults);
        }
    }
}

fn transformer_numbers(owner: &str, t: &Transformer, conductors: &[usize], faults: &mut Vec<MultiphaseFault>) {
    let n = t.windings.len();
    if n < 2 || !(1..=3).contains(&t.phases) {
        let (quantity, expected) = ("windings or phases", "two windings or more and one to three phases");
        faults.push(MultiphaseFault::OutOfRange { owner: owner.to_owned(), quantity, value: n as f64, expected });
        return;
    }
    size(owner, "the list of terminals", conductors.len(), n, faults);
    size(owner, "the list of reactances", t.x_percent.len(), n * (n - 1) / 2, faults);
    for (winding, &found) in t.windings.iter().zip(conductors) {
        let expected = match winding.connection {
            WindingConnection::Wye => t.phases + 1,
            WindingConnection::Delta if t.phases == 1 => 2,
            WindingConnection::Delta => 3,
        };
        size(owner, "a terminal", found, expected, faults);
        positive(owner, "a rated voltage, kV", winding.v_rated_kv, faults);
        positive(owner, "a rated power, kVA", winding.s_rated_kva, faults);
        positive(owner, "a tap, pu", winding.tap_pu, faults);
        finite(owner, "a resistance, %", winding.r_percent, faults);
    }
    t.x_percent.iter().for_each(|&x| finite(owner, "a reactance, %", x, faults));
    for (quantity, value) in [
        ("the no-load loss, %", t.no_load_loss_percent),
        ("the magnetising current, %", t.magnetising_percent),
        ("the anti-float admittance, ppm", t.antifloat_ppm),
    ] {
        finite(owner, quantity, value, faults);
    }
}

fn control_numbers(parts: &MultiphaseParts, control: &Control, faults: &mut Vec<MultiphaseFault>) {
    match control {
        Control::Regulator(r) => {
            let element = &parts.elements[r.transformer.0];
            let ElementModel::Transformer(t) = &element.model else {
                let (owner, element) = (r.id.clone(), element.id.clone());
                faults.push(MultiphaseFault::WrongKind { owner, element, expected: "transformer" });
                return;
            };
            for (kind, index) in [("winding", r.winding), ("winding", r.tap_winding)] {
                if index >= t.windings.len() {
                    let count = t.windings.len();
                    faults.push(MultiphaseFault::Unknown { owner: r.id.clone(), kind, index, count });
                }
            }
            if let MonitoredPhase::One(index) = r.monitored
                && index >= t.phases
            {
                let (owner, kind) = (r.id.clone(), "phase");
                faults.push(MultiphaseFault::Unknown { owner, kind, index, count: t.phases });
            }
            positive(&r.id, "the ratio of the voltage transformer", r.pt_ratio, faults);
            positive(&r.id, "the rating of the current transformer, A", r.ct_primary_a, faults);
            positive(&r.id, "the set voltage, V", r.v_set_v, faults);
            positive(&r.id, "the band, V", r.band_v, faults);
        }
        Control::Capacitor(c) => {
            let element = &parts.elements[c.capacitor.0];
            if !matches!(element.model, ElementModel::Shunt { .. }) {
                let (owner, element) = (c.id.clone(), element.id.clone());
                faults.push(MultiphaseFault::WrongKind { owner, element, expected: "capacitor" });
            }
            let watched = &parts.elements[c.watched.0];
            match watched.terminals.get(c.terminal) {
                None => faults.push(MultiphaseFault::Unknown {
                    owner: c.id.clone(),
                    kind: "terminal",
                    index: c.terminal,
                    count: watched.terminals.len(),
                }),
                Some(terminal) => {
                    if let Some(index) = c.conductor.filter(|&k| k >= terminal.conductors.len()) {
                        let (owner, count) = (c.id.clone(), terminal.conductors.len());
                        faults.push(MultiphaseFault::Unknown { owner, kind: "conductor", index, count });
                    }
                }
            }
            positive(&c.id, "the ratio of the voltage transformer", c.pt_ratio, faults);
            positive(&c.id, "the ratio of the current transformer", c.ct_ratio, faults);
        }
    }
}

/// Buses that no chain of elements joins to a source.
fn islands(parts: &MultiphaseParts, faults: &mut Vec<MultiphaseFault>) {
    let mut at_bus: Vec<Vec<usize>> = vec![Vec::new(); parts.buses.len()];
    for (e, element) in parts.elements.iter().enumerate() {
        element.terminals.iter().for_each(|t| at_bus[t.bus.0].push(e));
    }
    let mut reached = vec![false; parts.buses.len()];
    let mut frontier: Vec<usize> = parts.sources.iter().map(|s| s.bus.0).collect();
    while let Some(bus) = frontier.pop() {
        if !std::mem::replace(&mut reached[bus], true) {
            for &e in &at_bus[bus] {
                frontier.extend(parts.elements[e].terminals.iter().map(|t| t.bus.0).filter(|&b| !reached[b]));
            }
        }
    }
    let missing: Vec<usize> = (0..reached.len()).filter(|&b| !reached[b]).collect();
    if let Some(&first) = missing.first() {
        faults.push(MultiphaseFault::Island { bus: parts.buses[first].id.clone(), others: missing.len() - 1 });
    }
}

fn positive(owner: &str, quantity: &'static str, value: f64, faults: &mut Vec<MultiphaseFault>) {
    if !(value.is_finite() && value > 0.0) {
        let expected = "positive and finite";
        faults.push(MultiphaseFault::OutOfRange { owner: owner.to_owned(), quantity, value, expected });
    }
}

fn finite(owner: &str, quantity: &'static str, value: f64, faults: &mut Vec<MultiphaseFault>) {
    if !value.is_finite() {
        faults.push(MultiphaseFault::OutOfRange { owner: owner.to_owned(), quantity, value, expected: "finite" });
    }
}

fn size(owner: &str, quantity: &'static str, found: usize, expected: usize, faults: &mut Vec<MultiphaseFault>) {
    if found != expected {
        faults.push(MultiphaseFault::Size { owner: owner.to_owned(), quantity, found, expected });
    }
}

fn matrix(
    owner: &str,
    quantity: &'static str,
    matrix: &ConductorMatrix,
    expected: usize,
    faults: &mut Vec<MultiphaseFault>,
) {
    size(owner, quantity, matrix.n(), expected, faults);
    if !matrix.is_sound() {
        faults.push(MultiphaseFault::NotFinite { owner: owner.to_owned(), quantity });
    }
}

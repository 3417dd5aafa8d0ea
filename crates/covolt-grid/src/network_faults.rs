//! Every fault a network can have, each with the bus or branch it concerns and what is wrong.

use crate::network::{Branch, BranchId, BranchKind, Bus, BusId, Shunt, Source};
use num_complex::Complex64;
use std::collections::BTreeSet;
use thiserror::Error;

/// Smallest series impedance in per unit that counts as an impedance. Below it the admittance (1e12)
/// would leave no correct digit in a nodal balance of 1e-4 pu; such a branch is a switch, and its two buses are one.
pub const SMALLEST_IMPEDANCE_PU: f64 = 1e-12;

/// Two voltage bases within this relative distance are the same base (rounding of the user's numbers).
const SAME_VOLTAGE_BASE: f64 = 1e-6;

/// One fault of a network.
#[derive(Debug, Clone, PartialEq, Error)]
#[allow(missing_docs)] // the message of each variant explains its fields
pub enum NetworkFault {
    #[error("the network has no bus")]
    NoBus,
    #[error("the network has no source: name one bus as the substation")]
    NoSource,
    #[error("bus id '{bus}' is used more than once")]
    DuplicateBus { bus: BusId },
    #[error("branch id '{branch}' is used more than once")]
    DuplicateBranch { branch: BranchId },
    #[error("{element} refers to bus number {index}, but there are only {n_buses} buses")]
    UnknownBus { element: String, index: usize, n_buses: usize },
    #[error("branch '{branch}' starts and ends at the same bus '{bus}'")]
    SelfLoop { branch: BranchId, bus: BusId },
    #[error("bus '{bus}' and {others} other bus(es) are not connected to the source")]
    Island { bus: BusId, others: usize },
    #[error("{element}: {quantity} is not a finite number ({value})")]
    NotFinite { element: String, quantity: &'static str, value: String },
    #[error("{element}: {quantity} must be positive, it is {value}")]
    NotPositive { element: String, quantity: &'static str, value: f64 },
    #[error("branch '{branch}' has no series impedance ({z_pu:e} pu): merge its two buses")]
    ZeroImpedance { branch: BranchId, z_pu: f64 },
    #[error("branch '{branch}' has tap {tap}: the magnitude must be between 0.1 and 10")]
    BadTap { branch: BranchId, tap: String },
    #[error("line '{branch}' has tap {tap}: only a transformer can have a tap other than 1")]
    TapOnLine { branch: BranchId, tap: String },
    #[error("line '{branch}' joins voltage bases {from_kv} kV and {to_kv} kV: that takes a transformer")]
    VoltageBasesDiffer { branch: BranchId, from_kv: f64, to_kv: f64 },
}

pub(crate) fn find_faults(
    base_mva: f64,
    f_hz: f64,
    buses: &[Bus],
    branches: &[Branch],
    shunts: &[Shunt],
    source: Option<&Source>,
) -> Vec<NetworkFault> {
    let mut faults = Vec::new();
    positive(&mut faults, "network", "base_mva", base_mva);
    positive(&mut faults, "network", "f_hz", f_hz);
    if buses.is_empty() {
        faults.push(NetworkFault::NoBus);
    }
    let mut seen = BTreeSet::new();
    for bus in buses {
        if !seen.insert(&bus.id) {
            faults.push(NetworkFault::DuplicateBus { bus: bus.id.clone() });
        }
        let element = format!("bus '{}'", bus.id);
        positive(&mut faults, &element, "the voltage base (kV)", bus.v_base_kv);
    }
    let mut seen = BTreeSet::new();
    for branch in branches {
        if !seen.insert(&branch.id) {
            faults.push(NetworkFault::DuplicateBranch { branch: branch.id.clone() });
        }
        branch_faults(&mut faults, branch, buses);
    }
    for shunt in shunts {
        let element = match buses.get(shunt.bus.0) {
            Some(bus) => format!("the shunt at bus '{}'", bus.id),
            None => "a shunt".to_string(),
        };
        if known_bus(&mut faults, &element, shunt.bus.0, buses).is_some() {
            finite_pu(&mut faults, &element, "admittance", shunt.y_pu);
        }
    }
    match source {
        None => faults.push(NetworkFault::NoSource),
        Some(s) => {
            positive(&mut faults, "the source", "the voltage (pu)", s.v_pu);
            finite(&mut faults, "the source", "the angle (degrees)", s.angle_deg);
            if known_bus(&mut faults, "the source", s.bus.0, buses).is_some() {
                islands(&mut faults, buses, branches, s.bus.0);
            }
        }
    }
    faults
}

fn branch_faults(faults: &mut Vec<NetworkFault>, branch: &Branch, buses: &[Bus]) {
    let element = format!("branch '{}'", branch.id);
    let id = || branch.id.clone();
    let from = known_bus(faults, &element, branch.from.0, buses);
    let to = known_bus(faults, &element, branch.to.0, buses);
    if let (Some(from), Some(to)) = (from, to) {
        if branch.from == branch.to {
            faults.push(NetworkFault::SelfLoop { branch: id(), bus: from.id.clone() });
        }
        let (from_kv, to_kv) = (from.v_base_kv, to.v_base_kv);
        if branch.kind == BranchKind::Line && (from_kv - to_kv).abs() > SAME_VOLTAGE_BASE * from_kv.abs() {
            faults.push(NetworkFault::VoltageBasesDiffer { branch: id(), from_kv, to_kv });
        }
    }
    finite_pu(faults, &element, "series impedance", branch.series_z_pu);
    finite_pu(faults, &element, "from shunt", branch.shunt_from_pu);
    finite_pu(faults, &element, "to shunt", branch.shunt_to_pu);
    let z_pu = branch.series_z_pu.norm();
    if z_pu < SMALLEST_IMPEDANCE_PU {
        faults.push(NetworkFault::ZeroImpedance { branch: id(), z_pu });
    }
    let tap = branch.tap.to_string();
    if !branch.tap.is_finite() || !(0.1..=10.0).contains(&branch.tap.norm()) {
        faults.push(NetworkFault::BadTap { branch: id(), tap });
    } else if branch.kind == BranchKind::Line && (branch.tap - 1.0).norm() > 1e-12 {
        faults.push(NetworkFault::TapOnLine { branch: id(), tap });
    }
    if let Some(rating) = branch.rating_a {
        positive(faults, &element, "the current limit (A)", rating);
    }
}

fn islands(faults: &mut Vec<NetworkFault>, buses: &[Bus], branches: &[Branch], source: usize) {
    let mut neighbours = vec![Vec::new(); buses.len()];
    for branch in branches {
        let (f, t) = (branch.from.0, branch.to.0);
        if f < buses.len() && t < buses.len() {
            neighbours[f].push(t);
            neighbours[t].push(f);
        }
    }
    let mut reached = vec![false; buses.len()];
    // Start with the source, then from the first bus of each island, so that every island is named once.
    for start in std::iter::once(source).chain(0..buses.len()) {
        if std::mem::replace(&mut reached[start], true) {
            continue;
        }
        let mut queue = vec![start];
        let mut size = 0;
        while let Some(bus) = queue.pop() {
            size += 1;
            for &next in &neighbours[bus] {
                if !std::mem::replace(&mut reached[next], true) {
                    queue.push(next);
                }
            }
        }
        if start != source {
            faults.push(NetworkFault::Island { bus: buses[start].id.clone(), others: size - 1 });
        }
    }
}

fn known_bus<'a>(faults: &mut Vec<NetworkFault>, element: &str, index: usize, buses: &'a [Bus]) -> Option<&'a Bus> {
    if index >= buses.len() {
        faults.push(NetworkFault::UnknownBus { element: element.to_string(), index, n_buses: buses.len() });
    }
    buses.get(index)
}

fn finite(faults: &mut Vec<NetworkFault>, element: &str, quantity: &'static str, value: f64) {
    if !value.is_finite() {
        faults.push(NetworkFault::NotFinite { element: element.to_string(), quantity, value: value.to_string() });
    }
}

fn positive(faults: &mut Vec<NetworkFault>, element: &str, quantity: &'static str, value: f64) {
    finite(faults, element, quantity, value);
    if value <= 0.0 {
        faults.push(NetworkFault::NotPositive { element: element.to_string(), quantity, value });
    }
}

fn finite_pu(faults: &mut Vec<NetworkFault>, element: &str, quantity: &'static str, value: Complex64) {
    if !value.is_finite() {
        faults.push(NetworkFault::NotFinite { element: element.to_string(), quantity, value: value.to_string() });
    }
}

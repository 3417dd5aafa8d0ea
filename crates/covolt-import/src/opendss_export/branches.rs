//! A linear element as branches between every two of its conductors.
//!
//! A symmetric admittance matrix is a net of two-terminal admittances, whatever it came from:
//!
//! ```text
//!   y_ij = -Y_ij between i and j        y_i0 = sum_j Y_ij from i to ground, over the conductors j that are not grounded
//! ```
//!
//! A branch that is a pure positive susceptance is written as a capacitor, any other as a reactor of R + jX = 1 / y (of either sign).

use super::fault::ExportFault;
use super::names::{Names, comment, is_symmetric, number};
use covolt_grid::Complex64;
use covolt_grid::multiphase::{ConductorMatrix, Element, NodeIndex};
use std::fmt::Write;

/// A branch below this times the diagonal is what rounding leaves of zero.
const ZERO: f64 = 1e-14;

/// What the branches stand for.
pub(super) struct Owner<'a> {
    pub element: &'a Element,
    pub name: &'a str,
    pub f_hz: f64,
}

/// Writes the admittance over all conductors of the element.
pub(super) fn write(
    w: &mut String,
    names: &mut Names,
    owner: &Owner,
    y_s: &ConductorMatrix,
    faults: &mut Vec<ExportFault>,
) {
    let nodes: Vec<Option<NodeIndex>> = owner.element.terminals.iter().flat_map(|t| t.conductors.clone()).collect();
    write_between(w, names, owner, &nodes, y_s, faults);
}

/// Writes an admittance over some nodes.
pub(super) fn write_between(
    w: &mut String,
    names: &mut Names,
    owner: &Owner,
    nodes: &[Option<NodeIndex>],
    y_s: &ConductorMatrix,
    faults: &mut Vec<ExportFault>,
) {
    if nodes.len() != y_s.n() || !is_symmetric(y_s) {
        let quantity = "the admittance";
        faults.push(ExportFault::NotSymmetric { owner: owner.element.id.clone(), quantity });
        return;
    }
    for (i, here) in nodes.iter().enumerate().filter_map(|(i, node)| Some((i, (*node)?))) {
        let smallest = ZERO * y_s.at(i, i).norm();
        for (j, there) in nodes.iter().enumerate().skip(i + 1).filter_map(|(j, node)| Some((j, (*node)?))) {
            if there != here && y_s.at(i, j).norm() > smallest {
                branch(w, names, owner, here, Some(there), -y_s.at(i, j));
            }
        }
        // A conductor that its terminal grounds has no voltage, so its column does not count.
        let to_ground: Complex64 = (0..y_s.n()).filter(|&j| nodes[j].is_some()).map(|j| y_s.at(i, j)).sum();
        if to_ground.norm() > smallest {
            branch(w, names, owner, here, None, to_ground);
        }
    }
}

fn branch(w: &mut String, names: &mut Names, owner: &Owner, from: NodeIndex, to: Option<NodeIndex>, y: Complex64) {
    let name = names.fresh(owner.name);
    let bus1 = names.node(from);
    let bus2 = to.map_or_else(|| names.terminal(names.bus_of(from), [None]), |node| names.node(node));
    let (class, size) = if y.re == 0.0 && y.im > 0.0 {
        ("Capacitor", format!("cuf={}", number(1e6 * y.im / (2.0 * std::f64::consts::PI * owner.f_hz))))
    } else {
        let z = y.inv();
        ("Reactor", format!("R={} X={}", number(z.re), number(z.im)))
    };
    let _ = writeln!(w, "!@element {class}.{name} {}", comment(&owner.element.id));
    let _ = writeln!(w, "New {class}.{name} phases=1 bus1={bus1} bus2={bus2} {size}");
}

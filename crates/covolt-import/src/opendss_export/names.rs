//! Names that OpenDSS accepts, and its way of writing terminals, matrices and numbers.

use covolt_grid::BusIndex;
use covolt_grid::multiphase::{ConductorMatrix, MultiphaseNetwork, MultiphaseParts, NodeIndex};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Longest part of a user's name that is kept.
const LONGEST: usize = 60;

/// Names in use; those of buses apart from those of everything else.
pub(super) struct Names<'a> {
    parts: &'a MultiphaseParts,
    buses: Vec<String>,
    used_buses: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl<'a> Names<'a> {
    pub fn new(network: &'a MultiphaseNetwork) -> Names<'a> {
        let mut used_buses = BTreeSet::new();
        let buses = network.parts().buses.iter().map(|b| unique(&b.id.0, &mut used_buses)).collect();
        Names { parts: network.parts(), buses, used_buses, used: BTreeSet::new() }
    }

    pub fn bus(&self, index: usize) -> &str {
        self.buses.get(index).map_or("", String::as_str)
    }

    /// A name for an element that no other has, as close to `wanted` as may be.
    pub fn fresh(&mut self, wanted: &str) -> String {
        unique(wanted, &mut self.used)
    }

    /// A name for a bus that the network does not have.
    pub fn fresh_bus(&mut self, wanted: &str) -> String {
        unique(wanted, &mut self.used_buses)
    }

    /// `bus.1.2.0`: a terminal with the nodes of its conductors.
    pub fn terminal(&self, bus: BusIndex, conductors: impl IntoIterator<Item = Option<NodeIndex>>) -> String {
        let mut text = self.bus(bus.0).to_owned();
        for node in conductors {
            let _ = write!(text, ".{}", node.map_or(0, |n| self.parts.nodes[n.0].number));
        }
        text
    }

    /// `bus.1`: a node with its bus.
    pub fn node(&self, node: NodeIndex) -> String {
        self.terminal(self.bus_of(node), [Some(node)])
    }

    pub fn bus_of(&self, node: NodeIndex) -> BusIndex {
        self.parts.nodes[node.0].bus
    }
}

fn unique(wanted: &str, used: &mut BTreeSet<String>) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c.to_ascii_lowercase() } else { '_' };
    let plain: String = wanted.chars().take(LONGEST).map(keep).collect();
    let mut name = if plain.is_empty() { "_".to_owned() } else { plain.clone() };
    // Numbered by how many names there are: a run of equal ids stays linear.
    while !used.insert(name.clone()) {
        name = if name == plain { format!("{plain}__{}", used.len()) } else { format!("{name}_") };
    }
    name
}

/// `650632` of `line.650632`: the class that importers put before an element's name stands in the script anyway.
pub(super) fn without_class(id: &str) -> &str {
    const CLASSES: [&str; 6] = ["line", "transformer", "capacitor", "reactor", "load", "vsource"];
    match id.split_once('.') {
        Some((class, name)) if CLASSES.iter().any(|c| class.eq_ignore_ascii_case(c)) => name,
        _ => id,
    }
}

/// One line of text for a comment.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A number with all its digits.
pub(super) fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        1e-4..1e9 => format!("{x}"),
        _ => format!("{x:e}"),
    }
}

/// The lower triangle of a matrix: `[1 | 2 3]`.
pub(super) fn triangle(n: usize, entry: impl Fn(usize, usize) -> f64) -> String {
    let row = |i: usize| (0..=i).map(|j| number(entry(i, j))).collect::<Vec<_>>().join(" ");
    format!("[{}]", (0..n).map(row).collect::<Vec<_>>().join(" | "))
}

/// Larger differences across the diagonal, relative to the diagonal, are meant; smaller ones are rounding.
const SYMMETRY: f64 = 1e-10;

pub(super) fn is_symmetric(m: &ConductorMatrix) -> bool {
    (0..m.n()).all(|i| {
        (0..i).all(|j| {
            let scale = m.at(i, j).norm().max(m.at(j, i).norm()).max((m.at(i, i) * m.at(j, j)).norm().sqrt());
            (m.at(i, j) - m.at(j, i)).norm() <= SYMMETRY * scale
        })
    })
}

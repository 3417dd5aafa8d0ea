//! What a multi-phase network is made of.
//!
//! Units are those of the engineer: V, A, ohm, S, kW, kvar. Ids are kept as the user wrote them; inside, dense indices.
//! Conductor k of a terminal is connected to a node or to ground (`None`).

use super::controls::Control;
use super::faults::{MultiphaseFault, find_faults};
use super::matrix::ConductorMatrix;
use super::port::Port;
use super::transformer::Transformer;
use crate::network::{BusId, BusIndex};
use num_complex::Complex64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Position of a node in the network's list: one voltage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeIndex(pub usize);

/// Position of an element in the network's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ElementIndex(pub usize);

/// A bus: a place with one or more nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultiphaseBus {
    /// Id as the user wrote it.
    pub id: BusId,
    /// Voltage base from node to ground, kV: line to line over the square root of three on three-phase systems.
    pub v_base_kv: f64,
    /// Coordinates for drawings.
    pub at: Option<(f64, f64)>,
}

/// A node: one conductor of a bus. Ground is no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Node {
    /// Its bus.
    pub bus: BusIndex,
    /// Number within the bus as the user wrote it: 1, 2, 3 are phases, 4 and above neutrals and others.
    pub number: u32,
}

/// Connection of an element to a bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElementTerminal {
    /// The bus.
    pub bus: BusIndex,
    /// Node of each conductor; `None` is ground.
    pub conductors: Vec<Option<NodeIndex>>,
}

/// The physics of an element.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ElementModel {
    /// Line, cable, closed switch, series reactor: two terminals of n conductors.
    Line {
        /// Series impedance of the whole length, ohm.
        series_ohm: ConductorMatrix,
        /// Shunt admittance of the whole length, S; half of it at either end. `None`: no charging.
        shunt_s: Option<ConductorMatrix>,
    },
    /// Transformer or regulator: one terminal per winding.
    Transformer(Transformer),
    /// Capacitor bank or shunt reactor at one terminal: admittance over its conductors, S.
    Shunt {
        /// Admittance of all steps together, S.
        admittance_s: ConductorMatrix,
        /// False: switched off.
        closed: bool,
    },
    /// Anything else that is linear: admittance over the conductors of all terminals, one after the other, S.
    Admittance(ConductorMatrix),
}

/// A linear part of the network between its terminals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Element {
    /// Id as the user wrote it, with its kind: `line.650632`.
    pub id: String,
    /// Its terminals.
    pub terminals: Vec<ElementTerminal>,
    /// Its physics.
    pub model: ElementModel,
    /// Current limit of every conductor, A, at the first terminal; `None` when there is none.
    pub rating_a: Option<f64>,
    /// A switch, for whoever splits the feeder.
    pub is_switch: bool,
}

/// A source: fixed voltages behind an impedance, from nodes to ground.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoltageSource {
    /// Id as the user wrote it.
    pub id: String,
    /// Its bus.
    pub bus: BusIndex,
    /// Node of each phase.
    pub nodes: Vec<NodeIndex>,
    /// Voltage of each phase behind the impedance, V (to ground).
    pub emf_v: Vec<Complex64>,
    /// Series impedance, ohm.
    pub series_ohm: ConductorMatrix,
}

/// The lists that make up a network, before they are checked; also the form in files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultiphaseParts {
    /// Name.
    pub name: String,
    /// Power base of one node, MVA. Per unit is used inside solvers and for vectors (p, q) only.
    pub base_mva: f64,
    /// Frequency, Hz.
    pub f_hz: f64,
    /// Buses.
    pub buses: Vec<MultiphaseBus>,
    /// Nodes; those of one bus stand together, in the order of buses.
    pub nodes: Vec<Node>,
    /// Linear elements.
    pub elements: Vec<Element>,
    /// Ports.
    pub ports: Vec<Port>,
    /// Sources; the first is the root of the network.
    pub sources: Vec<VoltageSource>,
    /// Controls.
    pub controls: Vec<Control>,
}

/// A validated network: ids unique, indices known, numbers finite, every node connected to the source or to ground.
#[derive(Debug, Clone)]
pub struct MultiphaseNetwork {
    parts: MultiphaseParts,
    bus_of: BTreeMap<BusId, BusIndex>,
    first_node: Vec<usize>,
}

impl MultiphaseNetwork {
    /// Checks everything and returns the network, or **all** faults found.
    ///
    /// # Errors
    /// The list of faults, never empty.
    pub fn try_new(parts: MultiphaseParts) -> Result<MultiphaseNetwork, Vec<MultiphaseFault>> {
        let faults = find_faults(&parts);
        if !faults.is_empty() {
            return Err(faults);
        }
        let bus_of = parts.buses.iter().enumerate().map(|(i, b)| (b.id.clone(), BusIndex(i))).collect();
        let first_node = (0..=parts.buses.len()).map(|b| parts.nodes.partition_point(|n| n.bus.0 < b)).collect();
        Ok(MultiphaseNetwork { parts, bus_of, first_node })
    }

    /// The lists.
    pub fn parts(&self) -> &MultiphaseParts {
        &self.parts
    }

    /// A new tap of a winding; nothing happens where there is no such winding. True when something changed.
    pub(super) fn set_tap(&mut self, element: ElementIndex, winding: usize, tap_pu: f64) -> bool {
        let Some(ElementModel::Transformer(t)) = self.parts.elements.get_mut(element.0).map(|e| &mut e.model) else {
            return false;
        };
        let Some(own) = t.windings.get_mut(winding) else { return false };
        std::mem::replace(&mut own.tap_pu, tap_pu) != tap_pu
    }

    /// Switches a capacitor or reactor; nothing happens for other elements. True when something changed.
    pub(super) fn set_closed(&mut self, element: ElementIndex, state: bool) -> bool {
        match self.parts.elements.get_mut(element.0).map(|e| &mut e.model) {
            Some(ElementModel::Shunt { closed, .. }) => std::mem::replace(closed, state) != state,
            _ => false,
        }
    }

    /// Index of a bus by its id.
    pub fn bus_index(&self, id: &BusId) -> Option<BusIndex> {
        self.bus_of.get(id).copied()
    }

    /// Nodes of a bus, as a range of node indices; empty for an unknown bus.
    pub fn nodes_of(&self, bus: BusIndex) -> std::ops::Range<usize> {
        match (self.first_node.get(bus.0), self.first_node.get(bus.0 + 1)) {
            (Some(&first), Some(&end)) => first..end,
            _ => 0..0,
        }
    }

    /// A node as the user would write it: `632.1`. Empty for an unknown node.
    pub fn node_name(&self, node: NodeIndex) -> String {
        self.parts.nodes.get(node.0).map_or(String::new(), |n| format!("{}.{}", self.parts.buses[n.bus.0].id, n.number))
    }

    /// Voltage base of a node to ground, V.
    pub fn v_base_v(&self, node: NodeIndex) -> Option<f64> {
        self.parts.nodes.get(node.0).map(|n| 1e3 * self.parts.buses[n.bus.0].v_base_kv)
    }
}

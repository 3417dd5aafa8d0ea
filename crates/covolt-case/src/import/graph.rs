//! What cutting a feeder and placing devices have to know of it: buses, what joins them, phases and loads.

use super::FeederLoad;
use covolt_grid::multiphase::{ElementModel, MultiphaseParts};
use covolt_grid::{BranchKind, BusId, Network};

/// A branch between two buses or more.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphBranch {
    /// Id.
    pub id: String,
    /// Its buses, in the order of its terminals.
    pub buses: Vec<usize>,
    /// Phases.
    pub phases: usize,
    /// A switch.
    pub is_switch: bool,
    /// Its ends may be exchanged.
    pub can_turn: bool,
}

/// A feeder as a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct FeederGraph {
    /// Ids of the buses.
    pub buses: Vec<String>,
    /// Phases of each bus.
    pub phases: Vec<usize>,
    /// Peak of the loads at each bus, kW.
    pub load_kw: Vec<f64>,
    /// Branches; their numbers are those of the network's list.
    pub branches: Vec<GraphBranch>,
    /// Buses of the sources.
    pub sources: Vec<usize>,
}

impl FeederGraph {
    /// Of a multi-phase network. Shunts keep their number and join nothing.
    pub fn of_multiphase(parts: &MultiphaseParts, loads: &[FeederLoad]) -> FeederGraph {
        let mut phases = vec![0; parts.buses.len()];
        for node in parts.nodes.iter().filter(|node| (1..=3).contains(&node.number)) {
            phases[node.bus.0] += 1;
        }
        let mut load_kw = vec![0.0; parts.buses.len()];
        for load in loads {
            if let Some(port) = load.ports.first().and_then(|port| parts.ports.get(port.0)) {
                load_kw[parts.nodes[port.from.0].bus.0] += load.p_kw;
            }
        }
        let branches = (parts.elements.iter())
            .map(|element| GraphBranch {
                id: element.id.clone(),
                buses: match element.terminals.as_slice() {
                    [_] => Vec::new(),
                    terminals => terminals.iter().map(|t| t.bus.0).collect(),
                },
                phases: element.terminals.first().map_or(0, |t| t.conductors.iter().flatten().count()).min(3),
                is_switch: element.is_switch,
                can_turn: matches!(element.model, ElementModel::Line { .. }),
            })
            .collect();
        let sources = parts.sources.iter().map(|s| s.bus.0).collect();
        FeederGraph { buses: parts.buses.iter().map(|b| b.id.0.clone()).collect(), phases, load_kw, branches, sources }
    }

    /// Of a balanced network.
    pub fn of_balanced(network: &Network, loads: &[FeederLoad]) -> FeederGraph {
        let mut load_kw = vec![0.0; network.buses().len()];
        for load in loads {
            if let Some(bus) = network.bus_index(&BusId(load.bus.clone())) {
                load_kw[bus.0] += load.p_kw;
            }
        }
        let branches = (network.branches().iter())
            .map(|b| GraphBranch {
                id: b.id.0.clone(),
                buses: vec![b.from.0, b.to.0],
                phases: 1,
                is_switch: false,
                can_turn: b.kind == BranchKind::Line,
            })
            .collect();
        FeederGraph {
            buses: network.buses().iter().map(|b| b.id.0.clone()).collect(),
            phases: vec![1; network.buses().len()],
            load_kw,
            branches,
            sources: vec![network.source().bus.0],
        }
    }
}

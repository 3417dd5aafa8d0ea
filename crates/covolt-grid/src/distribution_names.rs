//! Names and places in a grid of either kind: what messages, tables and owners refer to.

use crate::distribution_grid::DistributionGrid;
use crate::multiphase::{ElementModel, NodeIndex};
use crate::network::{BranchIndex, BranchKind, BusIndex};

impl DistributionGrid {
    /// True when the network is a tree.
    pub fn is_radial(&self) -> bool {
        match self {
            DistributionGrid::Balanced(grid) => grid.network().is_radial(),
            DistributionGrid::Multiphase(m) => m.grid.is_radial(),
        }
    }

    /// True for a branch that changes the voltage level or its tap.
    pub fn is_transformer(&self, branch: BranchIndex) -> bool {
        match self {
            DistributionGrid::Balanced(grid) => {
                (grid.network().branches().get(branch.0)).is_some_and(|b| b.kind == BranchKind::Transformer)
            }
            DistributionGrid::Multiphase(m) => {
                (m.parts().elements.get(branch.0)).is_some_and(|e| matches!(e.model, ElementModel::Transformer(_)))
            }
        }
    }

    /// Id of a bus as the user wrote it; empty for an unknown one.
    pub fn bus_id(&self, bus: BusIndex) -> &str {
        match self {
            DistributionGrid::Balanced(grid) => grid.network().buses().get(bus.0).map_or("", |b| b.id.0.as_str()),
            DistributionGrid::Multiphase(m) => m.parts().buses.get(bus.0).map_or("", |b| b.id.0.as_str()),
        }
    }

    /// Name of a node: the bus, with the conductor where there are several phases.
    pub fn node_name(&self, node: usize) -> String {
        match self {
            DistributionGrid::Balanced(_) => self.bus_id(BusIndex(node)).to_owned(),
            DistributionGrid::Multiphase(m) => m.grid.network().node_name(NodeIndex(node)),
        }
    }

    /// Name of a port.
    pub fn port_name(&self, port: usize) -> String {
        match self {
            DistributionGrid::Balanced(_) => self.bus_id(BusIndex(port)).to_owned(),
            DistributionGrid::Multiphase(m) => m.parts().ports.get(port).map_or(String::new(), |p| p.id.clone()),
        }
    }

    /// Id of a branch as the user wrote it; empty for an unknown one.
    pub fn branch_id(&self, branch: BranchIndex) -> &str {
        match self {
            DistributionGrid::Balanced(grid) => grid.network().branches().get(branch.0).map_or("", |b| b.id.0.as_str()),
            DistributionGrid::Multiphase(m) => m.parts().elements.get(branch.0).map_or("", |e| e.id.as_str()),
        }
    }

    /// Buses at the first and second terminal of a branch; `None` for an unknown branch.
    pub fn branch_ends(&self, branch: BranchIndex) -> Option<(BusIndex, BusIndex)> {
        match self {
            DistributionGrid::Balanced(grid) => grid.network().branches().get(branch.0).map(|b| (b.from, b.to)),
            DistributionGrid::Multiphase(m) => match m.parts().elements.get(branch.0)?.terminals.as_slice() {
                [first, second, ..] => Some((first.bus, second.bus)),
                _ => None,
            },
        }
    }

    /// The bus that feeds the network.
    pub fn source_bus(&self) -> BusIndex {
        match self {
            DistributionGrid::Balanced(grid) => grid.network().source().bus,
            DistributionGrid::Multiphase(m) => m.parts().sources.first().map_or(BusIndex(0), |s| s.bus),
        }
    }

    /// What a monitored voltage is measured at: bus, node, pair of nodes.
    pub fn voltage_name(&self, index: usize) -> String {
        match self {
            DistributionGrid::Balanced(_) => self.bus_id(BusIndex(index)).to_owned(),
            DistributionGrid::Multiphase(m) => m.voltage_name(index),
        }
    }

    /// Bus of a monitored voltage.
    pub fn voltage_bus(&self, index: usize) -> BusIndex {
        match self {
            DistributionGrid::Balanced(_) => BusIndex(index),
            DistributionGrid::Multiphase(m) => m.voltage_bus(index),
        }
    }

    /// What a monitored current flows through: branch, or conductor of a branch.
    pub fn current_name(&self, index: usize) -> String {
        match self {
            DistributionGrid::Balanced(_) => self.branch_id(BranchIndex(index)).to_owned(),
            DistributionGrid::Multiphase(m) => m.current_name(index),
        }
    }

    /// Branch of a monitored current.
    pub fn current_branch(&self, index: usize) -> BranchIndex {
        match self {
            DistributionGrid::Balanced(_) => BranchIndex(index),
            DistributionGrid::Multiphase(m) => {
                BranchIndex(m.monitors.currents.get(index).map_or(usize::MAX, |c| c.element.0))
            }
        }
    }
}

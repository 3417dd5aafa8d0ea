//! A multi-phase grid with what has limits in it: names and places of the monitored quantities.

use super::grid::MultiphaseGrid;
use super::monitors::{MonitoredVoltage, Monitors};
use super::network::MultiphaseParts;
use crate::network::{BranchIndex, BusIndex};
use num_complex::Complex64;

/// A multi-phase grid with its monitored quantities.
#[derive(Debug)]
pub struct MonitoredMultiphase {
    pub(crate) grid: MultiphaseGrid,
    pub(crate) monitors: Monitors,
}

impl From<MultiphaseGrid> for MonitoredMultiphase {
    fn from(grid: MultiphaseGrid) -> MonitoredMultiphase {
        let monitors = Monitors::new(grid.network());
        MonitoredMultiphase { grid, monitors }
    }
}

impl MonitoredMultiphase {
    pub(crate) fn parts(&self) -> &MultiphaseParts {
        self.grid.network().parts()
    }

    pub(crate) fn voltage_name(&self, index: usize) -> String {
        let name = |node| self.grid.network().node_name(node);
        match self.monitors.voltages.get(index) {
            None => String::new(),
            Some(&MonitoredVoltage::ToGround(a)) => name(a),
            Some(&MonitoredVoltage::Between(a, b)) => format!("{}-{}", name(a), self.parts().nodes[b.0].number),
            Some(&MonitoredVoltage::Unbalance(bus)) => self.parts().buses[bus.0].id.0.clone(),
        }
    }

    pub(crate) fn voltage_bus(&self, index: usize) -> BusIndex {
        match self.monitors.voltages.get(index) {
            None => BusIndex(usize::MAX),
            Some(&MonitoredVoltage::ToGround(a) | &MonitoredVoltage::Between(a, _)) => self.parts().nodes[a.0].bus,
            Some(&MonitoredVoltage::Unbalance(bus)) => bus,
        }
    }

    pub(crate) fn current_name(&self, index: usize) -> String {
        let Some(current) = self.monitors.currents.get(index) else { return String::new() };
        let element = &self.parts().elements[current.element.0];
        let node = element.terminals.first().and_then(|t| *t.conductors.get(current.conductor)?);
        let number = node.map_or_else(|| "ground".to_owned(), |n| self.parts().nodes[n.0].number.to_string());
        format!("{}.{number}", element.id)
    }

    pub(crate) fn rating_pu(&self, index: usize) -> f64 {
        let Some(current) = self.monitors.currents.get(index) else { return f64::INFINITY };
        let base_a = self.grid.current_base_a(current.element, 0);
        self.parts().elements[current.element.0].rating_a.map_or(f64::INFINITY, |rating| rating / base_a)
    }

    pub(crate) fn v_square_behind(&self, branch: BranchIndex, v: &[Complex64]) -> f64 {
        let terminals = self.parts().elements.get(branch.0).map_or(&[][..], |e| &e.terminals);
        let nodes = terminals.get(1).into_iter().flat_map(|t| t.conductors.iter().flatten());
        let (sum, count) = nodes.fold((0.0, 0), |(sum, count), node| (sum + v[node.0].norm_sqr(), count + 1));
        sum / count as f64
    }
}

//! The admittance of an element over its conductors, per unit, and the nodes they are connected to.
//!
//! With the base voltage V_i of the node of conductor i and the power base S of a node, Y_pu = Y V_i V_j / S; a conductor at
//! ground has voltage zero, so it keeps the current row (what flows to ground there) but never a voltage. Currents count into
//! the element.

use super::matrix::ConductorMatrix;
use super::network::{Element, ElementModel, MultiphaseNetwork, NodeIndex};
use super::transformer_admittance;
use crate::error::GridError;
use num_complex::Complex64;

/// An element's admittance, compiled.
#[derive(Debug, Clone)]
pub(crate) struct ElementAdmittance {
    /// Node of each conductor of all terminals, one after the other.
    pub nodes: Vec<Option<NodeIndex>>,
    /// First conductor of each terminal, and the number of conductors.
    pub terminal_start: Vec<usize>,
    /// Row-major over the conductors, per unit.
    pub y: Vec<Complex64>,
}

impl ElementAdmittance {
    /// Compiles an element.
    pub fn new(network: &MultiphaseNetwork, element: &Element) -> Result<ElementAdmittance, GridError> {
        let nodes: Vec<Option<NodeIndex>> =
            element.terminals.iter().flat_map(|t| t.conductors.iter().copied()).collect();
        let mut terminal_start = vec![0];
        for terminal in &element.terminals {
            terminal_start.push(terminal_start[terminal_start.len() - 1] + terminal.conductors.len());
        }
        let singular = || GridError::Singular {
            bus: element.terminals.first().map_or_else(
                || crate::network::BusId(element.id.clone()),
                |t| network.parts().buses[t.bus.0].id.clone(),
            ),
        };
        let siemens = admittance_s(element).filter(ConductorMatrix::is_sound).ok_or_else(singular)?;
        let size = nodes.len();
        let base_va = 1e6 * network.parts().base_mva;
        // A grounded conductor has no base of its own; its terminal's keeps the row in per unit.
        let mut base_v = Vec::with_capacity(size);
        for terminal in &element.terminals {
            let v = 1e3 * network.parts().buses[terminal.bus.0].v_base_kv;
            base_v.extend(terminal.conductors.iter().map(|_| v));
        }
        let y = (0..size * size)
            .map(|k| siemens.at(k / size, k % size) * (base_v[k / size] * base_v[k % size] / base_va))
            .collect();
        Ok(ElementAdmittance { nodes, terminal_start, y })
    }

    /// Number of conductors.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }
}

/// Admittance over the conductors of all terminals, S.
fn admittance_s(element: &Element) -> Option<ConductorMatrix> {
    Some(match &element.model {
        ElementModel::Line { series_ohm, shunt_s } => {
            let n = series_ohm.n();
            let series = series_ohm.inverse()?;
            ConductorMatrix::from_fn(2 * n, |i, j| {
                let y = series.at(i % n, j % n);
                let shunt = shunt_s.as_ref().map_or(Complex64::ZERO, |s| 0.5 * s.at(i % n, j % n));
                if (i < n) == (j < n) { y + shunt } else { -y }
            })
        }
        ElementModel::Transformer(transformer) => transformer_admittance::admittance_s(transformer)?,
        ElementModel::Shunt { admittance_s, closed: true } => admittance_s.clone(),
        ElementModel::Shunt { admittance_s, closed: false } => ConductorMatrix::zero(admittance_s.n()),
        ElementModel::Admittance(admittance_s) => admittance_s.clone(),
    })
}

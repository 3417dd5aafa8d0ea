//! The admittance of an element over its conductors, per unit, and the nodes they are connected to.
//!
//! With the base voltage V_i of the node of conductor i and the power base S of a node, Y_pu = Y V_i V_j / S; a conductor at
//! ground has voltage zero, so it keeps the current row (what flows to ground there) but never a voltage. Currents count into
//! the element.
//!
//! The current of a line is taken from the difference of its voltages, y (V_1 - V_2): a sum of y V_1 and -y V_2 would round at
//! the size of y, which for a switch is many times the current, and the losses would drown in it.

use super::matrix::ConductorMatrix;
use super::network::{Element, ElementModel, MultiphaseNetwork, NodeIndex};
use super::transformer_admittance;
use crate::error::GridError;
use num_complex::Complex64;

/// Voltage bases that differ by less than this count as equal.
pub(crate) const EQUAL_BASES: f64 = 1e-12;

/// An element's admittance, compiled.
#[derive(Debug, Clone)]
pub(crate) struct ElementAdmittance {
    /// Node of each conductor of all terminals, one after the other.
    pub nodes: Vec<Option<NodeIndex>>,
    /// First conductor of each terminal, and the number of conductors.
    pub terminal_start: Vec<usize>,
    /// Row-major over the conductors, per unit.
    pub y: Vec<Complex64>,
    /// Of a line between equal voltage bases: its series admittance and half its charging, row-major over the phases.
    line: Option<(Vec<Complex64>, Vec<Complex64>)>,
    /// Base of the currents of each terminal, A.
    pub current_base_a: Vec<f64>,
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
        let bases: Vec<f64> =
            (element.terminals.iter()).map(|t| 1e3 * network.parts().buses[t.bus.0].v_base_kv).collect();
        let current_base_a = bases.iter().map(|v| base_va / v).collect();
        let mut compiled = ElementAdmittance { nodes, terminal_start, y, line: None, current_base_a };
        if let (ElementModel::Line { shunt_s, .. }, &[first, second]) = (&element.model, bases.as_slice())
            && (first - second).abs() <= EQUAL_BASES * first
        {
            let n = size / 2;
            let z_base = first * first / base_va;
            let series = (0..n * n).map(|k| -compiled.y[(k / n) * size + n + k % n]).collect();
            let half = |k: usize| shunt_s.as_ref().map_or(Complex64::ZERO, |s| s.at(k / n, k % n) * (0.5 * z_base));
            compiled.line = Some((series, (0..n * n).map(half).collect()));
        }
        Ok(compiled)
    }

    /// Conductor of a terminal in the list of all, when there is one.
    pub fn conductor(&self, terminal: usize, conductor: usize) -> Option<usize> {
        let (start, end) = (*self.terminal_start.get(terminal)?, *self.terminal_start.get(terminal + 1)?);
        (conductor < end - start).then_some(start + conductor)
    }

    /// Conductors of a terminal in the list of all; empty for an unknown terminal.
    pub fn conductors(&self, terminal: usize) -> std::ops::Range<usize> {
        match (self.terminal_start.get(terminal), self.terminal_start.get(terminal + 1)) {
            (Some(&start), Some(&end)) => start..end,
            _ => 0..0,
        }
    }

    /// Voltage of a conductor (of the list of all); zero at ground, NaN when `v` is too short.
    pub fn voltage(&self, conductor: usize, v: &[Complex64]) -> Complex64 {
        let missing = Complex64::new(f64::NAN, f64::NAN);
        self.nodes[conductor].map_or(Complex64::ZERO, |node| v.get(node.0).copied().unwrap_or(missing))
    }

    /// Current into the element at a conductor (of the list of all), per unit of its terminal's current base.
    pub fn current(&self, conductor: usize, v: &[Complex64]) -> Complex64 {
        let size = self.size();
        let Some((series, shunt)) = &self.line else {
            return (0..size).map(|j| self.y[conductor * size + j] * self.voltage(j, v)).sum();
        };
        let n = size / 2;
        let (near, far, i) = if conductor < n { (0, n, conductor) } else { (n, 0, conductor - n) };
        (0..n)
            .map(|j| {
                let v_near = self.voltage(near + j, v);
                series[i * n + j] * (v_near - self.voltage(far + j, v)) + shunt[i * n + j] * v_near
            })
            .sum()
    }

    /// Calls `term(y, a, b)` for every part y (V_a - V_b) of the current into a conductor (of the list of all); `None` is ground.
    pub fn for_each_term(
        &self,
        conductor: usize,
        mut term: impl FnMut(Complex64, Option<NodeIndex>, Option<NodeIndex>),
    ) {
        let size = self.size();
        let Some((series, shunt)) = &self.line else {
            return (0..size).for_each(|j| term(self.y[conductor * size + j], self.nodes[j], None));
        };
        let n = size / 2;
        let (near, far, i) = if conductor < n { (0, n, conductor) } else { (n, 0, conductor - n) };
        for j in 0..n {
            term(series[i * n + j], self.nodes[near + j], self.nodes[far + j]);
            term(shunt[i * n + j], self.nodes[near + j], None);
        }
    }

    /// Adds weight times the gradient of Re(conj(direction) I) of a conductor's current to `dl_dv`.
    pub fn add_current_gradient(&self, conductor: usize, direction: Complex64, weight: f64, dl_dv: &mut [Complex64]) {
        let size = self.size();
        for (node, y) in self.nodes.iter().zip(&self.y[conductor * size..(conductor + 1) * size]) {
            if let Some(entry) = node.and_then(|node| dl_dv.get_mut(node.0)) {
                *entry += y.conj() * direction * weight;
            }
        }
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

//! What is read off the node voltages: currents, powers, voltages between nodes, unbalance, source power and losses, each with its
//! gradient for `adjoint`.
//!
//! Gradients are written g = dL/dVre + j dL/dVim and are **added**, times a weight, to `dl_dv`; so any number of limits costs one
//! linear solve. With dL = Re(conj(g) dV), y_cj the admittance between conductors c and j (`admittance.rs`):
//!
//! ```text
//!   I_c = sum_j y_cj V_j, into the element     Re(conj(d) I_c):  g_j += conj(y_cj) d        |I_c|:  d = I_c / |I_c|
//!   P = sum_c Re(V_c conj(I_c))                g_c += I_c,  g_j += conj(y_cj) V_c           (c over a terminal)
//!   |V_a - V_b|                                g_a += d,  g_b -= d,  d = (V_a - V_b) / |V_a - V_b|
//! ```
//!
//! The unbalance factor is |V_2| / |V_1| with the symmetrical components of a bus, a = exp(j 2 pi / 3):
//!
//! ```text
//!   3 V_1 = V_a + a V_b + a^2 V_c     3 V_2 = V_a + a^2 V_b + a V_c
//!   d(|V_2| / |V_1|) = Re(conj(d_2) dV_2) / |V_1| - |V_2| / |V_1|^2 Re(conj(d_1) dV_1),  d_k = V_k / |V_k|
//! ```
//!
//! Per unit: a current in that of its terminal's bus. Where a slice is too short or an index unknown the result is NaN, and no
//! gradient is added.

use super::grid::MultiphaseGrid;
use super::network::{ElementIndex, NodeIndex};
use crate::network::BusIndex;
use num_complex::Complex64;

const MISSING: Complex64 = Complex64::new(f64::NAN, f64::NAN);
/// exp(j 2 pi / 3).
pub(super) const A: Complex64 = Complex64::new(-0.5, 0.866_025_403_784_438_6);

impl MultiphaseGrid {
    /// Current into a conductor of an element's terminal, per unit.
    pub fn conductor_current(&self, e: ElementIndex, terminal: usize, conductor: usize, v: &[Complex64]) -> Complex64 {
        let element = self.system.elements.get(e.0);
        element.and_then(|own| Some(own.current(own.conductor(terminal, conductor)?, v))).unwrap_or(MISSING)
    }

    /// Current base of an element's terminal, A.
    pub fn current_base_a(&self, e: ElementIndex, terminal: usize) -> f64 {
        let element = self.system.elements.get(e.0);
        element.and_then(|own| own.current_base_a.get(terminal).copied()).unwrap_or(f64::NAN)
    }

    /// Current into a conductor of an element's terminal, A.
    pub fn conductor_current_a(
        &self,
        e: ElementIndex,
        terminal: usize,
        conductor: usize,
        v: &[Complex64],
    ) -> Complex64 {
        self.conductor_current(e, terminal, conductor, v) * self.current_base_a(e, terminal)
    }

    /// Adds weight times the gradient of Re(conj(direction) I) of a conductor: direction 1 gives Re I, j gives Im I.
    pub fn add_conductor_current_gradient(
        &self,
        e: ElementIndex,
        (terminal, conductor): (usize, usize),
        direction: Complex64,
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        if let Some(own) = self.system.elements.get(e.0)
            && let Some(c) = own.conductor(terminal, conductor)
        {
            own.add_current_gradient(c, direction, weight, dl_dv);
        }
    }

    /// Adds weight times d|I|/dV of a conductor's current in per unit. At I = 0 the magnitude has no gradient and nothing is added.
    pub fn add_conductor_current_magnitude_gradient(
        &self,
        e: ElementIndex,
        (terminal, conductor): (usize, usize),
        v: &[Complex64],
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        let current = self.conductor_current(e, terminal, conductor, v);
        let magnitude = current.norm();
        if magnitude > 0.0 {
            self.add_conductor_current_gradient(e, (terminal, conductor), current / magnitude, weight, dl_dv);
        }
    }

    /// Power into an element at a terminal, summed over its conductors, per unit of the power base.
    pub fn terminal_power(&self, e: ElementIndex, terminal: usize, v: &[Complex64]) -> Complex64 {
        let Some(own) = self.system.elements.get(e.0).filter(|own| terminal + 1 < own.terminal_start.len()) else {
            return MISSING;
        };
        own.conductors(terminal).map(|c| own.voltage(c, v) * own.current(c, v).conj()).sum()
    }

    /// Adds weight times dP/dV of the active power into a terminal.
    pub fn add_terminal_power_gradient(
        &self,
        e: ElementIndex,
        terminal: usize,
        v: &[Complex64],
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        let Some(own) = self.system.elements.get(e.0) else { return };
        for c in own.conductors(terminal) {
            if let Some(node) = own.nodes[c] {
                add(dl_dv, node.0, own.current(c, v) * weight);
                own.add_current_gradient(c, own.voltage(c, v), weight, dl_dv);
            }
        }
    }

    /// Magnitude of the voltage from a node to another or to ground, per unit of the first node's base.
    pub fn voltage_between(&self, from: NodeIndex, to: Option<NodeIndex>, v: &[Complex64]) -> f64 {
        self.difference(from, to, v).0.norm()
    }

    /// Adds weight times the gradient of [`MultiphaseGrid::voltage_between`]; nothing where that is zero.
    pub fn add_voltage_between_gradient(
        &self,
        from: NodeIndex,
        to: Option<NodeIndex>,
        v: &[Complex64],
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        let (difference, ratio) = self.difference(from, to, v);
        let magnitude = difference.norm();
        if magnitude > 0.0 {
            let direction = difference * (weight / magnitude);
            add(dl_dv, from.0, direction);
            if let Some(to) = to {
                add(dl_dv, to.0, direction * -ratio);
            }
        }
    }

    fn difference(&self, from: NodeIndex, to: Option<NodeIndex>, v: &[Complex64]) -> (Complex64, f64) {
        let base = |node| self.network.v_base_v(node).unwrap_or(f64::NAN);
        let ratio = to.map_or(0.0, |to| base(to) / base(from));
        let other = to.map_or(Complex64::ZERO, |to| at(v, to.0));
        (at(v, from.0) - other * ratio, ratio)
    }

    /// |V_2| / |V_1| of a bus with nodes 1, 2 and 3 (in that phase sequence); `None` for another bus.
    pub fn unbalance_factor(&self, bus: BusIndex, v: &[Complex64]) -> Option<f64> {
        let [one, two] = sequence_components(self.three_phases(bus)?.map(|node| at(v, node)));
        Some(two.norm() / one.norm())
    }

    /// Adds weight times the gradient of the unbalance factor. At perfect balance it has none and nothing is added.
    pub fn add_unbalance_gradient(&self, bus: BusIndex, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
        let Some(nodes) = self.three_phases(bus) else { return };
        let [one, two] = sequence_components(nodes.map(|node| at(v, node)));
        let (size_one, size_two) = (one.norm(), two.norm());
        if !(size_one > 0.0 && size_two > 0.0) {
            return;
        }
        let by_two = two * (weight / (3.0 * size_two * size_one));
        let by_one = one * (weight * size_two / (3.0 * size_one * size_one * size_one));
        for (node, (in_one, in_two)) in
            nodes.into_iter().zip([(Complex64::ONE, Complex64::ONE), (A, A * A), (A * A, A)])
        {
            add(dl_dv, node, in_two.conj() * by_two - in_one.conj() * by_one);
        }
    }

    /// Nodes 1, 2, 3 of a bus.
    pub fn three_phases(&self, bus: BusIndex) -> Option<[usize; 3]> {
        let nodes = self.network.nodes_of(bus);
        let number = |k: u32| nodes.clone().find(|&node| self.network.parts().nodes[node].number == k);
        Some([number(1)?, number(2)?, number(3)?])
    }

    /// Power that all sources feed into the network at their terminals, per unit.
    pub fn source_power(&self, v: &[Complex64]) -> Complex64 {
        let mut total = Complex64::ZERO;
        for source in &self.system.structure.sources {
            let size = source.nodes.len();
            for (i, &node) in source.nodes.iter().enumerate() {
                let drop = |j: usize| source.emf[j] - at(v, source.nodes[j]);
                let current: Complex64 = (0..size).map(|j| source.y[i * size + j] * drop(j)).sum();
                total += at(v, node) * current.conj();
            }
        }
        total
    }

    /// Power that all elements draw: series losses, charging, capacitors and reactors; per unit.
    pub fn losses(&self, v: &[Complex64]) -> Complex64 {
        let own = |e: &super::admittance::ElementAdmittance| {
            (0..e.size()).map(|c| e.voltage(c, v) * e.current(c, v).conj()).sum::<Complex64>()
        };
        self.system.elements.iter().map(own).sum()
    }

    /// Power that a port draws at the voltages `v` and the demand (p, q), per unit.
    pub fn port_power(&self, port: usize, (p, q): (f64, f64), v: &[Complex64]) -> Complex64 {
        let (Some(data), Some(own)) = (self.network.parts().ports.get(port), self.system.structure.ports.get(port))
        else {
            return MISSING;
        };
        let (voltage, _) = self.difference(data.from, data.to, v);
        voltage * own.current(p, q, voltage).conj()
    }
}

/// Positive and negative sequence of three phases.
fn sequence_components([a, b, c]: [Complex64; 3]) -> [Complex64; 2] {
    [(a + A * b + A * A * c) / 3.0, (a + A * A * b + A * c) / 3.0]
}

fn at(v: &[Complex64], node: usize) -> Complex64 {
    v.get(node).copied().unwrap_or(MISSING)
}

fn add(dl_dv: &mut [Complex64], node: usize, value: Complex64) {
    if let Some(entry) = dl_dv.get_mut(node) {
        *entry += value;
    }
}

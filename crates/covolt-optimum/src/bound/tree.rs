//! The network as a tree of series elements oriented away from the source, with the largest current each can carry.
//!
//! The ideal ratio sits at the from side, so the series element lies between the nodes
//!
//! ```text
//!   parent at the from side:   w_s = w_parent / |tap|^2    w_r = w_child
//!   parent at the to side:     w_s = w_parent              w_r = w_child / |tap|^2
//! ```
//!
//! and terminal shunts at the from side appear there as y |tap|^2. Everything in per unit, currents at the to side.
//!
//! Largest current: the current into a bus is at most the sum of |S|max / Vmin of everything connected below it, plus
//! |y| Vmax of the shunts; a rating may be tighter. No AC power flow within the limits exceeds it. It scales the
//! variables of the branch and bounds them in the certificate.

use covolt_fleet::NetworkLimits;
use covolt_grid::{Complex64, Network};

/// One branch seen from the source.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesElement {
    /// Branch of the network.
    pub branch: usize,
    /// Bus nearer to the source.
    pub parent: usize,
    /// The other bus.
    pub child: usize,
    /// Parent at the from side?
    pub parent_is_from: bool,
    /// w_s = c_parent w_parent.
    pub c_parent: f64,
    /// w_r = c_child w_child.
    pub c_child: f64,
    /// Series impedance.
    pub z: Complex64,
    /// Terminal shunt at the sending node.
    pub y_send: Complex64,
    /// Terminal shunt at the receiving node.
    pub y_receive: Complex64,
    /// Largest possible series current, its own rating counted; above 0.
    pub i_bound: f64,
    /// The same without its own rating: what the rating has to hold back.
    pub i_reachable: f64,
}

/// The tree, parents before children.
#[derive(Debug, Clone)]
pub(super) struct FlowTree {
    /// One element per bus but the source.
    pub elements: Vec<SeriesElement>,
    /// Element that feeds a bus; `None` at the source.
    pub feeding: Vec<Option<usize>>,
    /// Elements that leave a bus.
    pub leaving: Vec<Vec<usize>>,
    /// All shunts at a bus, line charging included.
    pub shunt: Vec<Complex64>,
}

/// Currents below this fraction of the largest are scaled as if they were this large: an empty branch has no own scale.
const SMALLEST_CURRENT_FRACTION: f64 = 1e-4;

impl FlowTree {
    /// Orients a radial network; `s_max_pu` is the largest apparent power connected to each bus.
    pub fn new(
        network: &Network,
        limits: &NetworkLimits,
        s_max_pu: &[f64],
        voltage_allowance_pu: f64,
        current_allowance: f64,
    ) -> FlowTree {
        let n = network.buses().len();
        let mut shunt = vec![Complex64::ZERO; n];
        network.shunts().iter().for_each(|s| shunt[s.bus.0] += s.y_pu);
        let mut at_bus: Vec<Vec<usize>> = vec![Vec::new(); n];
        for (b, branch) in network.branches().iter().enumerate() {
            shunt[branch.from.0] += branch.shunt_from_pu;
            shunt[branch.to.0] += branch.shunt_to_pu;
            at_bus[branch.from.0].push(b);
            at_bus[branch.to.0].push(b);
        }
        let root = network.source().bus.0;
        let mut tree = FlowTree { elements: Vec::new(), feeding: vec![None; n], leaving: vec![Vec::new(); n], shunt };
        let mut order = vec![root];
        let mut next = 0;
        while next < order.len() {
            let bus = order[next];
            next += 1;
            for &b in &at_bus[bus] {
                let branch = &network.branches()[b];
                let parent_is_from = branch.from.0 == bus;
                let child = if parent_is_from { branch.to.0 } else { branch.from.0 };
                if child == root || tree.feeding[child].is_some() {
                    continue;
                }
                let t2 = branch.tap.norm_sqr();
                let (y_from, y_to) = (branch.shunt_from_pu * t2, branch.shunt_to_pu);
                tree.feeding[child] = Some(tree.elements.len());
                tree.leaving[bus].push(tree.elements.len());
                tree.elements.push(SeriesElement {
                    branch: b,
                    parent: bus,
                    child,
                    parent_is_from,
                    c_parent: if parent_is_from { 1.0 / t2 } else { 1.0 },
                    c_child: if parent_is_from { 1.0 } else { 1.0 / t2 },
                    z: branch.series_z_pu,
                    y_send: if parent_is_from { y_from } else { y_to },
                    y_receive: if parent_is_from { y_to } else { y_from },
                    i_bound: 0.0,
                    i_reachable: 0.0,
                });
                order.push(child);
            }
        }
        tree.bound_currents(limits, s_max_pu, voltage_allowance_pu, current_allowance);
        tree
    }

    fn bound_currents(
        &mut self,
        limits: &NetworkLimits,
        s_max_pu: &[f64],
        voltage_allowance_pu: f64,
        current_allowance: f64,
    ) {
        let highest = |bus: usize| self.shunt[bus].norm() * (limits.v_max_pu[bus] + voltage_allowance_pu);
        let lowest_v = |bus: usize| (limits.v_min_pu[bus] - voltage_allowance_pu).max(1e-3);
        let mut into_bus: Vec<f64> =
            (0..self.shunt.len()).map(|bus| s_max_pu[bus] / lowest_v(bus) + highest(bus)).collect();
        let mut largest: f64 = 0.0;
        for element in self.elements.iter_mut().rev() {
            // sqrt(c) is 1 at the to side and 1/|tap| at the from side; the series current is the from current times |tap|.
            let mut current = into_bus[element.child] / element.c_child.sqrt();
            element.i_reachable = current;
            let i_max = limits.i_max_pu[element.branch] * (1.0 + current_allowance);
            if i_max.is_finite() {
                let v_receive = (limits.v_max_pu[element.child] + voltage_allowance_pu) * element.c_child.sqrt();
                current = current.min(i_max + element.y_receive.norm() * v_receive);
            }
            into_bus[element.parent] += current * element.c_parent.sqrt();
            element.i_bound = current;
            largest = largest.max(current);
        }
        let floor = if largest > 0.0 { largest * SMALLEST_CURRENT_FRACTION } else { 1.0 };
        self.elements.iter_mut().for_each(|e| e.i_bound = e.i_bound.max(floor));
    }
}

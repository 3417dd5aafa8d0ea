//! The tree of a radial network, in an order where every bus comes after its parent, freed of its transformers.
//!
//! Seen from its parent p, the branch above bus k gives
//!
//! ```text
//!   V_k = a V_p - zeta J_k        J_k: current the branch delivers into bus k
//!   current drawn from p = conj(a) J_k
//! ```
//!
//! Ratio `tap : 1` at the from side and series impedance z at the to side give, when the parent is at the from side,
//! a = 1/tap and zeta = z; when the parent is at the to side, a = tap and zeta = |tap|^2 z. A line has a = 1.
//!
//! With A_k the product of the ratios from the source down to bus k, the scaled quantities
//!
//! ```text
//!   V' = V / A     J' = conj(A) J     zeta' = zeta / |A_k|^2     y' = |A|^2 y     s' = s
//! ```
//!
//! obey V'_k = V'_p - zeta' J'_k with J' simply adding up: a tree of plain impedances, exactly, for any taps and phase
//! shifts. Everything inside the tree methods is in these quantities; they are crossed when voltages and gradients are
//! read and written (V = A V', and for a gradient dL/dV' = conj(A) dL/dV).
//!
//! Shunts at the terminals, line charging included, belong to the buses. Breadth-first order keeps neighbouring entries
//! independent, so a processor works on several of them at once.

use crate::batch_sweep::SweepBranch;
use crate::network::{BusIndex, Network};
use num_complex::Complex64;

/// The branch between a bus and its parent, in scaled quantities.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TreeBranch {
    /// Position of the parent in tree order.
    pub parent: usize,
    /// Series impedance zeta', per unit.
    pub zeta: Complex64,
    /// |zeta'|^2.
    pub zeta_square: f64,
    /// Shunt admittance y' at the bus: line charging and bus shunts, per unit.
    pub shunt: Complex64,
}

/// A bus of a radial network with the branch above it, in scaled quantities: V' = V / scale, J' = conj(scale) J.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TreeBus {
    /// The bus.
    pub bus: BusIndex,
    /// Position of its parent in the same list.
    pub parent: usize,
    /// Series impedance zeta' of the branch from the parent, per unit.
    pub zeta: Complex64,
    /// Shunt admittance y' at the bus, per unit.
    pub shunt: Complex64,
    /// V / V'.
    pub scale: Complex64,
}

/// A radial network in tree order; position 0 is the source.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// Network bus of each tree position.
    pub bus_at: Vec<usize>,
    /// One per position; the root's has no meaning.
    pub branches: Vec<TreeBranch>,
    /// A of each position: V = A V'.
    pub scale: Vec<Complex64>,
    /// 1 / A.
    pub inverse_scale: Vec<Complex64>,
    pub v_source: Complex64,
    /// The branches once more, as the batched sweeps read them.
    pub sweep: Vec<SweepBranch>,
    /// True when any bus has a shunt admittance.
    pub shunts: bool,
}

impl Tree {
    /// A breadth-first spanning tree; of a radial network, the network itself.
    pub fn new(network: &Network, shunts: &[Complex64]) -> Tree {
        let n = network.buses().len();
        let mut at_bus = vec![Vec::new(); n];
        for (b, branch) in network.branches().iter().enumerate() {
            at_bus[branch.from.0].push((b, branch.to.0));
            at_bus[branch.to.0].push((b, branch.from.0));
        }
        let root = network.source().bus.0;
        let no_branch = TreeBranch { parent: 0, zeta: Complex64::ZERO, zeta_square: 0.0, shunt: shunts[root] };
        let mut tree = Tree {
            bus_at: vec![root],
            branches: vec![no_branch],
            scale: vec![Complex64::ONE],
            inverse_scale: Vec::new(),
            v_source: network.source().voltage_pu(),
            sweep: Vec::new(),
            shunts: false,
        };
        let mut reached = vec![false; n];
        reached[root] = true;
        let mut k = 0;
        while k < tree.bus_at.len() {
            let bus = tree.bus_at[k];
            for &(b, child) in &at_bus[bus] {
                if std::mem::replace(&mut reached[child], true) {
                    continue;
                }
                let branch = &network.branches()[b];
                let z = branch.series_z_pu;
                let (ratio, zeta) =
                    if branch.from.0 == bus { (branch.tap.inv(), z) } else { (branch.tap, z * branch.tap.norm_sqr()) };
                let scale = ratio * tree.scale[k];
                let zeta = zeta / scale.norm_sqr();
                tree.bus_at.push(child);
                tree.scale.push(scale);
                tree.branches.push(TreeBranch {
                    parent: k,
                    zeta,
                    zeta_square: zeta.norm_sqr(),
                    shunt: shunts[child] * scale.norm_sqr(),
                });
            }
            k += 1;
        }
        tree.inverse_scale = tree.scale.iter().map(Complex64::inv).collect();
        tree.sweep = SweepBranch::compile(&tree.branches);
        tree.shunts = tree.branches.iter().any(|b| b.shunt != Complex64::ZERO);
        tree
    }
}

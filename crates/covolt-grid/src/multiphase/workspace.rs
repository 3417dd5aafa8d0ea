//! Everything a multi-phase power flow and its derivatives write to.

use super::acceleration::Acceleration;
use super::coefficient::{Coefficient, RealTile};
use super::elimination::scratch_size;
use super::nodal_system::NodalSystem;
use super::port_current::Linearised;
use super::sparse_system::SparseWorkspace;
use num_complex::Complex64;

/// One per thread, made by `MultiphaseGrid::workspace`.
#[derive(Debug)]
pub struct MultiphaseWorkspace {
    /// Voltages in network order, per unit.
    pub(super) v: Vec<Complex64>,
    /// Tells whose workspace this is.
    pub(super) grid: u64,
    /// State of taps and switches that the factors belong to; `None` without factors.
    pub(super) linearised: Option<u64>,
    /// True when `linearise` factorises with the sparse method.
    pub(super) use_sparse: bool,
    pub(super) flow: FlowVectors,
    pub(super) sparse: Option<SparseWorkspace>,
}

/// Vectors of the iterations, by position in the elimination; ground last, at zero.
#[derive(Debug)]
pub(super) struct FlowVectors {
    pub v: Vec<Complex64>,
    /// Voltages that the continuation can return to.
    pub reached: Vec<Complex64>,
    /// Current drawn at each node, or its mismatch.
    pub drawn: Vec<Complex64>,
    pub previous: Vec<Complex64>,
    /// Right-hand side and solution.
    pub x: Vec<Complex64>,
    /// Current of each port that voltages are solved with, and the current at these voltages.
    pub currents: Vec<Complex64>,
    pub next_currents: Vec<Complex64>,
    pub acceleration: Acceleration,
    /// Each port at the voltages of the last linearisation: the constant part and the slopes of its current.
    pub ports: Vec<Linearised>,
    /// Factors of the linearised equations.
    pub tiles: Vec<RealTile>,
    pub scratch: Vec<RealTile>,
}

impl MultiphaseWorkspace {
    pub(super) fn new(grid: u64, system: &NodalSystem, sparse: Option<SparseWorkspace>) -> MultiphaseWorkspace {
        let (plan, n_ports) = (&system.structure.plan, system.structure.ports.len());
        let zeros = vec![Complex64::ZERO; system.no_load.len()];
        let nothing = Linearised { current: Complex64::ZERO, alpha: Complex64::ZERO, beta: Complex64::ZERO };
        let mut v = vec![Complex64::ZERO; plan.node_at.len()];
        for (at, &node) in plan.node_at.iter().enumerate() {
            v[node] = system.no_load[at];
        }
        MultiphaseWorkspace {
            v,
            grid,
            linearised: None,
            use_sparse: false,
            flow: FlowVectors {
                v: system.no_load.clone(),
                reached: zeros.clone(),
                drawn: zeros.clone(),
                previous: zeros.clone(),
                x: zeros,
                currents: vec![Complex64::ZERO; n_ports],
                next_currents: vec![Complex64::ZERO; n_ports],
                acceleration: Acceleration::new(n_ports),
                ports: vec![nothing; n_ports],
                tiles: vec![RealTile::ZERO; plan.n_values],
                scratch: vec![RealTile::ZERO; scratch_size(plan)],
            },
            sparse,
        }
    }

    /// Node voltages in per unit, in network order; those at no load before the first solve.
    pub fn v(&self) -> &[Complex64] {
        &self.v
    }
}

//! One interface to balanced and multi-phase grids: what everything above this crate computes with.
//!
//! Vectors are indexed by what physics counts, whatever the number of phases:
//!
//! | index | balanced | multi-phase |
//! |---|---|---|
//! | node: an entry of v | bus | conductor of a bus |
//! | port: an entry of (p, q), dL/dp, dL/dq | bus | phase-to-neutral or phase-to-phase pair |
//! | monitored voltage: has limits | bus | phase to ground, phase to phase, unbalance factor of a bus |
//! | monitored current: has a limit | branch | conductor of a line, conductor of one winding |
//! | bus, branch: have ids, owners | bus, branch | bus, element of two terminals or more |
//!
//! Units: per unit; demand positive for consumption.

use crate::branch_flow::{CurrentSide, add_voltage_magnitude_gradient};
use crate::error::GridError;
use crate::grid::Grid;
use crate::multiphase::monitored::MonitoredMultiphase;
use crate::multiphase::monitors::MonitoredVoltage;
use crate::multiphase::{ElementIndex, MultiphaseGrid};
use crate::network::{BranchIndex, BusIndex};
use num_complex::Complex64;

/// A grid of either kind.
// There is one per program or thread, and the balanced one is reached without a detour.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum DistributionGrid {
    /// Positive-sequence equivalent of a balanced network.
    Balanced(Grid),
    /// Network of several phases, and what has limits there.
    Multiphase(Box<MonitoredMultiphase>),
}

/// A current beside its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonitoredCurrent {
    /// The end that carries more.
    pub side: CurrentSide,
    /// Factor that refers the current at that end to the side where the limit holds.
    pub factor: f64,
    /// The referred current, per unit.
    pub current: Complex64,
}

impl From<Grid> for DistributionGrid {
    fn from(grid: Grid) -> DistributionGrid {
        DistributionGrid::Balanced(grid)
    }
}

impl From<MultiphaseGrid> for DistributionGrid {
    fn from(grid: MultiphaseGrid) -> DistributionGrid {
        DistributionGrid::Multiphase(Box::new(MonitoredMultiphase::from(grid)))
    }
}

impl DistributionGrid {
    /// The balanced grid, where it is one.
    pub fn balanced(&self) -> Option<&Grid> {
        match self {
            DistributionGrid::Balanced(grid) => Some(grid),
            DistributionGrid::Multiphase(_) => None,
        }
    }

    /// The multi-phase grid, where it is one.
    pub fn multiphase(&self) -> Option<&MultiphaseGrid> {
        match self {
            DistributionGrid::Balanced(_) => None,
            DistributionGrid::Multiphase(m) => Some(&m.grid),
        }
    }

    /// The multi-phase grid with its monitored quantities, where it is one.
    pub fn monitored(&self) -> Option<&MonitoredMultiphase> {
        match self {
            DistributionGrid::Balanced(_) => None,
            DistributionGrid::Multiphase(m) => Some(m),
        }
    }

    /// The balanced grid, or the error that says what needs one.
    ///
    /// # Errors
    /// [`GridError::NotBalanced`].
    pub fn balanced_or_error(&self) -> Result<&Grid, GridError> {
        self.balanced().ok_or(GridError::NotBalanced)
    }

    /// The same network, compiled once more.
    ///
    /// # Errors
    /// The grid's own; none where this one could be compiled.
    pub fn compile_again(&self) -> Result<DistributionGrid, GridError> {
        match self {
            DistributionGrid::Balanced(grid) => Ok(DistributionGrid::Balanced(Grid::new(grid.network().clone())?)),
            DistributionGrid::Multiphase(m) => {
                Ok(DistributionGrid::from(MultiphaseGrid::new(m.grid.network().clone())?))
            }
        }
    }

    /// Power base of (p, q), kVA.
    pub fn base_kva(&self) -> f64 {
        match self {
            DistributionGrid::Balanced(grid) => grid.network().base_mva() * 1e3,
            DistributionGrid::Multiphase(m) => m.parts().base_mva * 1e3,
        }
    }

    /// Number of buses.
    pub fn n_buses(&self) -> usize {
        match self {
            DistributionGrid::Balanced(grid) => grid.n_buses(),
            DistributionGrid::Multiphase(m) => m.parts().buses.len(),
        }
    }

    /// Number of branches.
    pub fn n_branches(&self) -> usize {
        match self {
            DistributionGrid::Balanced(grid) => grid.n_branches(),
            DistributionGrid::Multiphase(m) => m.parts().elements.len(),
        }
    }

    /// Number of nodes: length of a voltage vector.
    pub fn n_nodes(&self) -> usize {
        match self {
            DistributionGrid::Balanced(grid) => grid.n_buses(),
            DistributionGrid::Multiphase(m) => m.grid.n_nodes(),
        }
    }

    /// Number of ports: length of p and q.
    pub fn n_ports(&self) -> usize {
        match self {
            DistributionGrid::Balanced(grid) => grid.n_buses(),
            DistributionGrid::Multiphase(m) => m.grid.n_ports(),
        }
    }

    /// Number of monitored voltages.
    pub fn n_voltages(&self) -> usize {
        match self {
            DistributionGrid::Balanced(grid) => grid.n_buses(),
            DistributionGrid::Multiphase(m) => m.monitors.voltages.len(),
        }
    }

    /// True for the unbalance factor of a bus, which has an upper limit only.
    pub fn is_unbalance_factor(&self, index: usize) -> bool {
        match self {
            DistributionGrid::Balanced(_) => false,
            DistributionGrid::Multiphase(m) => {
                matches!(m.monitors.voltages.get(index), Some(MonitoredVoltage::Unbalance(_)))
            }
        }
    }

    /// True for a voltage that nothing can move: that of a stiff source.
    pub fn is_fixed_voltage(&self, index: usize) -> bool {
        match self {
            DistributionGrid::Balanced(grid) => grid.network().source().bus.0 == index,
            DistributionGrid::Multiphase(_) => false,
        }
    }

    /// Magnitude of a monitored voltage, per unit.
    pub fn voltage_pu(&self, index: usize, v: &[Complex64]) -> f64 {
        match self {
            // Without the detour that `norm` makes for numbers whose square would overflow: per-unit values never are.
            DistributionGrid::Balanced(_) => v[index].norm_sqr().sqrt(),
            DistributionGrid::Multiphase(m) => {
                m.monitors.voltages.get(index).map_or(f64::NAN, |own| own.value(&m.grid, v))
            }
        }
    }

    /// Adds weight times the gradient of a monitored voltage to `dl_dv`.
    pub fn add_voltage_gradient(&self, index: usize, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
        match self {
            DistributionGrid::Balanced(_) => add_voltage_magnitude_gradient(BusIndex(index), v, weight, dl_dv),
            DistributionGrid::Multiphase(m) => {
                if let Some(own) = m.monitors.voltages.get(index) {
                    own.add_gradient(&m.grid, v, weight, dl_dv);
                }
            }
        }
    }

    /// Number of monitored currents.
    pub fn n_currents(&self) -> usize {
        match self {
            DistributionGrid::Balanced(grid) => grid.n_branches(),
            DistributionGrid::Multiphase(m) => m.monitors.currents.len(),
        }
    }

    /// Base of a monitored current, A per unit.
    pub fn current_base_a(&self, index: usize) -> f64 {
        match self {
            DistributionGrid::Balanced(grid) => grid.branch_amperes().get(index).map_or(f64::NAN, |a| a.base_to_a),
            DistributionGrid::Multiphase(m) => {
                (m.monitors.currents.get(index)).map_or(f64::NAN, |c| m.grid.current_base_a(c.element, 0))
            }
        }
    }

    /// Limit of a monitored current as the network states it, per unit; infinite where there is none.
    pub fn rating_pu(&self, index: usize) -> f64 {
        match self {
            DistributionGrid::Balanced(grid) => {
                (grid.branch_amperes().get(index).and_then(|a| a.limit_pu(CurrentSide::To))).unwrap_or(f64::INFINITY)
            }
            DistributionGrid::Multiphase(m) => m.rating_pu(index),
        }
    }

    /// A monitored current at the end that carries more.
    pub fn monitored_current(&self, index: usize, v: &[Complex64]) -> MonitoredCurrent {
        match self {
            DistributionGrid::Balanced(grid) => {
                let admittance = &grid.branch_admittances()[index];
                let tap = admittance.tap_magnitude;
                let from = admittance.current(CurrentSide::From, v) * tap;
                let to = admittance.current(CurrentSide::To, v);
                if from.norm_sqr() > to.norm_sqr() {
                    MonitoredCurrent { side: CurrentSide::From, factor: tap, current: from }
                } else {
                    MonitoredCurrent { side: CurrentSide::To, factor: 1.0, current: to }
                }
            }
            DistributionGrid::Multiphase(m) => m.monitors.currents[index].value(&m.grid, v),
        }
    }

    /// Magnitudes of a monitored current at its first and second end, A, each on its own voltage level.
    pub fn current_ends_a(&self, index: usize, v: &[Complex64]) -> (f64, f64) {
        match self {
            DistributionGrid::Balanced(grid) => {
                let (admittance, amperes) = (&grid.branch_admittances()[index], &grid.branch_amperes()[index]);
                let magnitude = |side| admittance.current(side, v).norm();
                (magnitude(CurrentSide::From) * amperes.base_from_a, magnitude(CurrentSide::To) * amperes.base_to_a)
            }
            DistributionGrid::Multiphase(m) => m.monitors.currents[index].ends_a(&m.grid, v),
        }
    }

    /// Adds weight times the gradient of Re(conj(direction) I) of a monitored current at one end, in that end's own base, to
    /// `dl_dv`: direction 1 gives Re I, j gives Im I, I/|I| gives |I|.
    pub fn add_current_gradient(
        &self,
        index: usize,
        side: CurrentSide,
        direction: Complex64,
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        match self {
            DistributionGrid::Balanced(grid) => {
                grid.branch_admittances()[index].add_current_gradient(side, direction, weight, dl_dv);
            }
            DistributionGrid::Multiphase(m) => {
                m.monitors.currents[index].add_gradient(&m.grid, side, direction, weight, dl_dv);
            }
        }
    }

    /// Active power exported through a branch to its first terminal (the feeder's side), per unit.
    pub fn pcc_export_pu(&self, branch: BranchIndex, v: &[Complex64]) -> f64 {
        match self {
            DistributionGrid::Balanced(grid) => grid.pcc_export_pu(branch, v),
            DistributionGrid::Multiphase(m) => -m.grid.terminal_power(ElementIndex(branch.0), 0, v).re,
        }
    }

    /// Adds weight times dP_PCC/dV, (44)-(46).
    pub fn add_pcc_export_gradient(&self, branch: BranchIndex, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
        match self {
            DistributionGrid::Balanced(grid) => grid.add_pcc_export_gradient(branch, v, weight, dl_dv),
            DistributionGrid::Multiphase(m) => {
                m.grid.add_terminal_power_gradient(ElementIndex(branch.0), 0, v, -weight, dl_dv);
            }
        }
    }

    /// |V|^2 at the second terminal of a branch (mean of its phases), per unit.
    pub fn v_square_behind(&self, branch: BranchIndex, v: &[Complex64]) -> f64 {
        match self {
            DistributionGrid::Balanced(grid) => {
                grid.branch(branch).and_then(|b| v.get(b.to.0)).map_or(f64::NAN, |v| v.norm_sqr())
            }
            DistributionGrid::Multiphase(m) => m.v_square_behind(branch, v),
        }
    }

    /// r with P_loss = r P^2 / |V|^2 for the total power P through a branch, spread evenly over its phases; per unit.
    pub fn loss_resistance_pu(&self, branch: BranchIndex) -> f64 {
        match self {
            DistributionGrid::Balanced(grid) => {
                grid.network().branches().get(branch.0).map_or(0.0, |b| b.series_z_pu.re)
            }
            DistributionGrid::Multiphase(m) => m.monitors.loss_resistance_pu.get(branch.0).copied().unwrap_or(0.0),
        }
    }

    /// Power that the source feeds into the network, per unit.
    pub fn source_power_pu(&self, v: &[Complex64]) -> Complex64 {
        match self {
            DistributionGrid::Balanced(grid) => grid.slack_power_pu(v),
            DistributionGrid::Multiphase(m) => m.grid.source_power(v),
        }
    }

    /// Power drawn by everything that is not demand: series losses, line charging and shunts, per unit.
    pub fn losses_pu(&self, v: &[Complex64]) -> Complex64 {
        match self {
            DistributionGrid::Balanced(grid) => grid.losses_pu(v),
            DistributionGrid::Multiphase(m) => m.grid.losses(v),
        }
    }
}

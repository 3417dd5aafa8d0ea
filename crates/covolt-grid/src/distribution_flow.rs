//! Power flow and adjoint of either kind of grid, with their memory.
//!
//! Vectors are indexed by node and port as in `distribution_grid.rs`.

use crate::distribution_grid::DistributionGrid;
use crate::error::GridError;
use crate::multiphase::MultiphaseWorkspace;
use crate::power_flow::{FlowInfo, FlowOptions, FlowWorkspace};
use num_complex::Complex64;

/// Memory for power flows of a [`DistributionGrid`]; one per thread.
// There is one per program or thread, and the balanced one is reached without a detour.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum GridWorkspace {
    /// Of a balanced grid.
    Balanced(FlowWorkspace),
    /// Of a multi-phase grid.
    Multiphase(Box<MultiphaseWorkspace>),
}

impl GridWorkspace {
    /// Node voltages, per unit.
    pub fn v(&self) -> &[Complex64] {
        match self {
            GridWorkspace::Balanced(ws) => ws.v(),
            GridWorkspace::Multiphase(ws) => ws.v(),
        }
    }
}

impl DistributionGrid {
    /// A workspace for one thread, at the voltages without demand.
    pub fn workspace(&self) -> GridWorkspace {
        match self {
            DistributionGrid::Balanced(grid) => GridWorkspace::Balanced(grid.workspace()),
            DistributionGrid::Multiphase(m) => GridWorkspace::Multiphase(Box::new(m.grid.workspace())),
        }
    }

    /// Makes a workspace of whatever grid one of this grid; of balanced radial networks its memory stays where it is.
    pub fn fit_workspace(&self, ws: &mut GridWorkspace) {
        match (self, ws) {
            (DistributionGrid::Balanced(grid), GridWorkspace::Balanced(ws)) => grid.fit_workspace(ws),
            (_, ws) => *ws = self.workspace(),
        }
    }

    /// Solves the AC power flow at the net demand `p`, `q` per port.
    ///
    /// # Errors
    /// The grid's own; a workspace of another grid.
    pub fn solve(
        &self,
        p: &[f64],
        q: &[f64],
        ws: &mut GridWorkspace,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        match (self, ws) {
            (DistributionGrid::Balanced(grid), GridWorkspace::Balanced(ws)) => grid.solve(p, q, ws, options),
            (DistributionGrid::Multiphase(m), GridWorkspace::Multiphase(ws)) => m.grid.solve(p, q, ws, options),
            _ => Err(GridError::ForeignWorkspace),
        }
    }

    /// Solves with the source at `factor` times its own voltage.
    ///
    /// # Errors
    /// As [`DistributionGrid::solve`]; another factor than 1 in a multi-phase network.
    pub fn solve_at_source(
        &self,
        p: &[f64],
        q: &[f64],
        factor: f64,
        ws: &mut GridWorkspace,
        options: &FlowOptions,
    ) -> Result<FlowInfo, GridError> {
        match (self, ws) {
            (DistributionGrid::Balanced(grid), GridWorkspace::Balanced(ws)) => {
                grid.solve_at_source(p, q, factor, ws, options)
            }
            (DistributionGrid::Multiphase(_), ws) if factor == 1.0 => self.solve(p, q, ws, options),
            (DistributionGrid::Multiphase(_), _) => Err(GridError::NotBalanced),
            _ => Err(GridError::ForeignWorkspace),
        }
    }

    /// Factorises at the workspace's voltages; needed once before `adjoint`.
    ///
    /// # Errors
    /// The grid's own; a workspace of another grid.
    pub fn linearise(&self, p: &[f64], q: &[f64], ws: &mut GridWorkspace) -> Result<(), GridError> {
        match (self, ws) {
            (DistributionGrid::Balanced(grid), GridWorkspace::Balanced(ws)) => grid.linearise(p, q, ws),
            (DistributionGrid::Multiphase(m), GridWorkspace::Multiphase(ws)) => m.grid.linearise(p, q, ws),
            _ => Err(GridError::ForeignWorkspace),
        }
    }

    /// J^T w: from dL/dV per node to dL/dp and dL/dq per port. NaN without `linearise`.
    pub fn adjoint(&self, dl_dv: &[Complex64], dl_dp: &mut [f64], dl_dq: &mut [f64], ws: &mut GridWorkspace) {
        match (self, ws) {
            (DistributionGrid::Balanced(grid), GridWorkspace::Balanced(ws)) => grid.adjoint(dl_dv, dl_dp, dl_dq, ws),
            (DistributionGrid::Multiphase(m), GridWorkspace::Multiphase(ws)) => m.grid.adjoint(dl_dv, dl_dp, dl_dq, ws),
            _ => {
                dl_dp.fill(f64::NAN);
                dl_dq.fill(f64::NAN);
            }
        }
    }
}

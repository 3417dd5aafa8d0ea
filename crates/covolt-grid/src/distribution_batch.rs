//! Batches of both kinds of grids behind one interface, as `distribution_grid.rs` has it for single power flows.
//!
//! Vectors are indexed by node and by port, with one scenario per lane in each entry.

use crate::batch::{Batch, BatchOutcome};
use crate::distribution_grid::DistributionGrid;
use crate::error::GridError;
use crate::lanes::{ComplexLanes, Machine};
use crate::multiphase::MultiphaseBatch;
use crate::power_flow::FlowOptions;
use num_complex::Complex64;

/// Memory for up to [`crate::LANES`] scenarios on a [`DistributionGrid`]; one per thread.
#[derive(Debug)]
pub enum GridBatch {
    /// On a balanced radial grid.
    Balanced(Box<Batch>),
    /// On a multi-phase grid.
    Multiphase(Box<MultiphaseBatch>),
}

impl GridBatch {
    /// The instruction set this batch runs with.
    pub fn machine(&self) -> Machine {
        match self {
            GridBatch::Balanced(batch) => batch.machine(),
            GridBatch::Multiphase(batch) => batch.machine(),
        }
    }

    /// Sets the number of scenarios in use, at most [`crate::LANES`]; results of the others are to be ignored.
    pub fn set_scenarios(&mut self, count: usize) {
        match self {
            GridBatch::Balanced(batch) => batch.set_scenarios(count),
            GridBatch::Multiphase(batch) => batch.set_scenarios(count),
        }
    }

    /// Net demand p + jq per port.
    pub fn demand_mut(&mut self) -> &mut [ComplexLanes] {
        match self {
            GridBatch::Balanced(batch) => batch.demand_mut(),
            GridBatch::Multiphase(batch) => batch.demand_mut(),
        }
    }

    /// Voltages per node; NaN in scenarios without a solution.
    pub fn voltages(&self) -> &[ComplexLanes] {
        match self {
            GridBatch::Balanced(batch) => batch.voltages(),
            GridBatch::Multiphase(batch) => batch.voltages(),
        }
    }

    /// Voltages of one scenario; entries beyond either length are left alone.
    pub fn copy_voltages(&self, scenario: usize, v: &mut [Complex64]) {
        for (v, lanes) in v.iter_mut().zip(self.voltages()) {
            *v = lanes.lane(scenario);
        }
    }

    /// Voltages to read while dL/dV per node is written.
    pub fn voltages_and_dl_dv_mut(&mut self) -> (&[ComplexLanes], &mut [ComplexLanes]) {
        match self {
            GridBatch::Balanced(batch) => batch.voltages_and_dl_dv_mut(),
            GridBatch::Multiphase(batch) => batch.voltages_and_dl_dv_mut(),
        }
    }

    /// dL/dp + j dL/dq per port after an adjoint.
    pub fn demand_gradient(&self) -> &[ComplexLanes] {
        match self {
            GridBatch::Balanced(batch) => batch.demand_gradient(),
            GridBatch::Multiphase(batch) => batch.demand_gradient(),
        }
    }
}

impl DistributionGrid {
    /// Memory for a batch, with the widest instructions that the processor has.
    ///
    /// # Errors
    /// A balanced network with loops.
    pub fn batch(&self) -> Result<GridBatch, GridError> {
        Ok(match self {
            DistributionGrid::Balanced(grid) => GridBatch::Balanced(Box::new(grid.batch()?)),
            DistributionGrid::Multiphase(m) => GridBatch::Multiphase(Box::new(m.grid.batch())),
        })
    }

    /// Makes a batch of whatever grid one of this grid; of balanced networks its memory stays where it is.
    ///
    /// # Errors
    /// A balanced network with loops.
    pub fn fit_batch(&self, batch: &mut GridBatch) -> Result<(), GridError> {
        match (self, batch) {
            (DistributionGrid::Balanced(grid), GridBatch::Balanced(batch)) => grid.fit_batch(batch)?,
            (DistributionGrid::Multiphase(m), GridBatch::Multiphase(batch)) => m.grid.fit_batch(batch),
            (_, batch) => *batch = self.batch()?,
        }
        Ok(())
    }

    /// Puts the source of a scenario at `factor` times its own voltage.
    ///
    /// # Errors
    /// Another factor than 1 in a multi-phase network; a factor that is not finite and above zero; a batch of another grid.
    pub fn set_source(&self, batch: &mut GridBatch, scenario: usize, factor: f64) -> Result<(), GridError> {
        match (self, batch) {
            (DistributionGrid::Balanced(grid), GridBatch::Balanced(batch)) => batch.set_source(grid, scenario, factor),
            (DistributionGrid::Multiphase(_), _) if factor == 1.0 => Ok(()),
            (DistributionGrid::Multiphase(_), _) => Err(GridError::NotBalanced),
            _ => Err(GridError::ForeignWorkspace),
        }
    }

    /// Solves the AC power flow of every scenario; `options.method` is not asked.
    ///
    /// # Errors
    /// Bad settings, a batch of another grid. What one scenario lacks stands in [`BatchOutcome::failures`].
    pub fn solve_batch(&self, batch: &mut GridBatch, options: &FlowOptions) -> Result<BatchOutcome, GridError> {
        match (self, batch) {
            (DistributionGrid::Balanced(grid), GridBatch::Balanced(batch)) => grid.solve_batch(batch, options),
            (DistributionGrid::Multiphase(m), GridBatch::Multiphase(batch)) => m.grid.solve_batch(batch, options),
            _ => Err(GridError::ForeignWorkspace),
        }
    }

    /// J^T w of every scenario at its voltages. Returns the scenarios where that is singular.
    ///
    /// # Errors
    /// A batch of another grid.
    pub fn linearise_adjoint_batch(&self, batch: &mut GridBatch) -> Result<Vec<(usize, GridError)>, GridError> {
        match (self, batch) {
            (DistributionGrid::Balanced(grid), GridBatch::Balanced(batch)) => grid.linearise_adjoint_batch(batch),
            (DistributionGrid::Multiphase(m), GridBatch::Multiphase(batch)) => m.grid.linearise_adjoint_batch(batch),
            _ => Err(GridError::ForeignWorkspace),
        }
    }
}

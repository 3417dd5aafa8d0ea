//! Rows that no free variable enters: they hold, or no action can keep them and the program is infeasible.

use super::ProgramWorkspace;
use crate::error::OptimumError;
use covolt_fleet::window_program::{LocalRow, WindowProgram};

/// A local row that fixed variables alone decide, and break.
#[derive(Debug, Clone, Copy)]
pub(super) struct ViolatedRow {
    agent: usize,
    row: usize,
    value: f64,
}

/// Rows of fixed variables hold within this fraction of their value (and of 1): far above the rounding of their sums, far
/// below what a device notices.
const TOLERANCE: f64 = 1e-6;

/// The row `row` of microgrid `agent` where its value lies outside its bounds.
pub(super) fn violated(agent: usize, row: usize, value: f64, (lower, upper): (f64, f64)) -> Option<ViolatedRow> {
    let rounding = TOLERANCE * value.abs().max(1.0);
    (value < lower - rounding || value > upper + rounding).then_some(ViolatedRow { agent, row, value })
}

impl ProgramWorkspace {
    /// The error that names the row which fixed variables of the last program break by themselves, if there was one.
    pub(crate) fn infeasible(&self, program: &WindowProgram) -> Option<OptimumError> {
        let ViolatedRow { agent, row, value } = self.form.violated?;
        let LocalRow { lower, upper, .. } = program.agents.get(agent)?.rows.get(row)?;
        Some(OptimumError::InfeasibleRow { microgrid: agent, row, value, lower: *lower, upper: *upper })
    }
}

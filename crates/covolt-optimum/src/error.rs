//! What can go wrong while a window is optimised. Infeasible and not converged are answers, not errors: see `OptimumStatus`.

use covolt_grid::GridError;
use thiserror::Error;

/// Errors of this crate.
#[derive(Debug, Error)]
pub enum OptimumError {
    /// The power flow failed.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The conic solver refused its input.
    #[error("the conic solver refused the program of the window: {reason}")]
    Setup {
        /// The solver's words.
        reason: String,
    },
    /// A device limit that fixed variables break by themselves: no action can keep it.
    #[error(
        "the program of the window is infeasible: row {row} of microgrid {microgrid} (counted from 0) has only fixed variables and the value {value}, outside {lower} to {upper}"
    )]
    InfeasibleRow {
        /// Number of the microgrid.
        microgrid: usize,
        /// Number of the row among the microgrid's own.
        row: usize,
        /// Its value.
        value: f64,
        /// Its lower bound.
        lower: f64,
        /// Its upper bound.
        upper: f64,
    },
    /// The conic solver stopped without an answer.
    #[error("the conic solver stopped with {status} after {iterations} iterations")]
    Solver {
        /// The solver's status.
        status: String,
        /// Interior-point iterations done.
        iterations: u32,
    },
}

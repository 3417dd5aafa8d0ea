//! Why there is no bound: bad input, no feasible action, or a solver that did not converge. Three different things.

use covolt_fleet::Limit;
use thiserror::Error;

/// A limit that takes part in a proof that the window has no feasible action.
#[derive(Debug, Clone, PartialEq)]
pub struct UnmetLimit {
    /// Step of the window.
    pub step: usize,
    /// Voltage or current limit; `None` for a limit of a device.
    pub limit: Option<Limit>,
    /// The limit in words.
    pub description: String,
    /// Share in the proof: the weights of all voltage, current and device limits add up to 1.
    pub weight: f64,
}

/// Errors of the lower bound.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BoundError {
    /// The branch-flow relaxation needs a tree.
    #[error("the lower bound needs a radial network: {branches} branches join {buses} buses, a tree has one less")]
    NotRadial {
        /// Buses.
        buses: usize,
        /// Branches.
        branches: usize,
    },
    /// The window was not made for this fleet.
    #[error("the window at row {row} does not fit the fleet: {what} has length {found}, expected {expected}")]
    WindowMismatch {
        /// Row of the profiles at which the window starts.
        row: usize,
        /// Which series or list.
        what: String,
        /// Its length.
        found: usize,
        /// The length expected.
        expected: usize,
    },
    /// A number of the window is not finite.
    #[error("the window at row {row}: {what} is not finite")]
    NotFinite {
        /// Row of the profiles at which the window starts.
        row: usize,
        /// Which series.
        what: String,
    },
    /// No action keeps all limits: proven, whatever the AC power flow.
    #[error("no action keeps all limits of the window at row {row}: {summary}")]
    Infeasible {
        /// Row of the profiles at which the window starts.
        row: usize,
        /// Limits that cannot be met together, the weightiest first.
        limits: Vec<UnmetLimit>,
        /// The first of them in words.
        summary: String,
    },
    /// The conic solver refused its input.
    #[error("the conic solver refused the relaxation of the window at row {row}: {reason}")]
    Setup {
        /// Row of the profiles at which the window starts.
        row: usize,
        /// The solver's words.
        reason: String,
    },
    /// The solver ended far from an optimum.
    #[error(
        "no useful bound for the window at row {row}: solver ended with {status} after {iterations} iterations, certified value {loss:.1e} below its own (relative)"
    )]
    NotConverged {
        /// Row of the profiles at which the window starts.
        row: usize,
        /// The solver's status.
        status: String,
        /// Interior-point iterations done.
        iterations: u32,
        /// Distance between the solver's value and the certified one, relative to the sizes of the cost terms.
        loss: f64,
    },
}

impl BoundError {
    /// The infeasible window with its summary.
    pub(super) fn infeasible(row: usize, limits: Vec<UnmetLimit>) -> BoundError {
        let summary = match limits.first() {
            None => "power balance and device limits contradict each other".to_string(),
            Some(first) => {
                let others = limits.len() - 1;
                let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
                format!("{} at step {}{more}", first.description, first.step)
            }
        };
        BoundError::Infeasible { row, limits, summary }
    }
}

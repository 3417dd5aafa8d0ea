//! Why there is no bound: bad input, no feasible action, or a solver that did not converge. Three different things.

use covolt_fleet::Limit;
use thiserror::Error;

/// A limit that cannot be met together with the others.
#[derive(Debug, Clone, PartialEq)]
pub struct UnmetLimit {
    /// Step of the window.
    pub step: usize,
    /// Voltage or current limit.
    pub limit: Limit,
    /// The limit in words.
    pub description: String,
    /// By how much it is missed where the sum of all misses is smallest: pu of voltage, or fraction of the current limit.
    pub excess: f64,
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
    /// The branch-flow relaxation is about one phase.
    #[error("there is no lower bound for networks of several phases: the relaxation is that of a balanced network")]
    Multiphase,
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
        /// Limits that cannot be met together, the one missed most first; empty when there is no power flow at all.
        limits: Vec<UnmetLimit>,
        /// The worst of them in words.
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
            None => "the loads cannot be supplied, whatever the voltages".to_string(),
            Some(first) => {
                let others = limits.len() - 1;
                let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
                let excess = match first.limit {
                    Limit::Current(_) => format!("{:.2} %", 100.0 * first.excess),
                    _ => format!("{:.5} pu", first.excess),
                };
                format!("{} at step {} is missed by at least {excess}{more}", first.description, first.step)
            }
        };
        BoundError::Infeasible { row, limits, summary }
    }
}

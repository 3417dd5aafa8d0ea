//! What can go wrong while agents coordinate: bad input, a broken message, an infeasible program, or no convergence.
//!
//! These are four different things and the caller acts differently on each, so none of them is a flag.

use crate::local_program::ProgramFault;

/// Why a coordination run or a local solve has no usable answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConsensusError {
    /// The data of one agent's program is faulty; every fault is listed.
    #[error("the program of agent {agent} has {} fault(s): {}", faults.len(), list(faults))]
    BadProgram {
        /// Index of the agent.
        agent: usize,
        /// Everything that is wrong with it.
        faults: Vec<ProgramFault>,
    },
    /// The public rows do not fit the agents' programs.
    #[error("{what}: expected {expected}, found {found}")]
    BadShape {
        /// Which quantity has the wrong length.
        what: &'static str,
        /// Length that fits the other data.
        expected: usize,
        /// Length that was given.
        found: usize,
    },
    /// A number that must be finite (or positive) is not.
    #[error("{what} [{index}] must be {requirement}, found {value}")]
    BadValue {
        /// Which quantity.
        what: &'static str,
        /// Position in it.
        index: usize,
        /// What is required.
        requirement: &'static str,
        /// What was given.
        value: f64,
    },
    /// No point satisfies the agents' local limits and the public rows together.
    ///
    /// The multipliers are a proof: weighting the public rows with them leaves a margin that no action can close.
    #[error(
        "no action of all agents satisfies the coupled rows: row {worst_row} cannot be met, missing by {missing:.3e} (after {rounds} rounds)"
    )]
    Infeasible {
        /// The row with the largest share in the proof.
        worst_row: usize,
        /// How far the best point found stays from meeting that row (row units).
        missing: f64,
        /// Communication rounds spent.
        rounds: usize,
    },
    /// One agent's own limits contradict each other.
    #[error(
        "the local limits of an agent contradict each other (residual {residual:.3e} after {iterations} iterations)"
    )]
    LocallyInfeasible {
        /// Worst local limit violation of the best point found, in units of that limit.
        residual: f64,
        /// Interior-point iterations spent.
        iterations: usize,
    },
    /// The round or iteration limit was reached before the tolerances.
    #[error(
        "not converged after {rounds} rounds: violation {violation:.3e} (tolerance {tolerance:.1e}), gap {gap:.3e}"
    )]
    NotConverged {
        /// Communication rounds (or local iterations) spent.
        rounds: usize,
        /// Worst relative violation of the summed rows.
        violation: f64,
        /// Relative gap or change that was still left.
        gap: f64,
        /// Tolerance that both should have met.
        tolerance: f64,
    },
    /// The communication graph cannot carry an agreement.
    #[error("communication graph: {0}")]
    BadGraph(String),
    /// The mixing weights are not doubly stochastic or do not fit the graph.
    #[error("mixing weights: {0}")]
    BadWeights(String),
    /// Bytes that are not a message of this version for this number of rows.
    #[error("message refused: {0}")]
    BadMessage(String),
}

fn list(faults: &[ProgramFault]) -> String {
    let parts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    parts.join("; ")
}

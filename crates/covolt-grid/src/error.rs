//! What can go wrong once a network is valid. Bad input, no solution and a singular linearisation are
//! three different things; each names the bus it is about.

use crate::network::BusId;
use thiserror::Error;

/// Error of a power flow or of its derivatives.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GridError {
    /// Balanced networks only.
    #[error("this is for balanced networks, and the network has several phases")]
    NotBalanced,
    /// A source was to be put at no voltage.
    #[error("the source voltage is to be multiplied by {factor}, which must be finite and above 0")]
    BadSourceFactor {
        /// The factor.
        factor: f64,
    },
    /// An input slice does not have one entry per bus (or per port of a multi-phase network).
    #[error(
        "{quantity} has {found} entries, the network needs {expected}: one per bus, or per port of a multi-phase network"
    )]
    WrongLength {
        /// Which input.
        quantity: &'static str,
        /// Its length.
        found: usize,
        /// Number of buses or ports.
        expected: usize,
    },
    /// More scenarios than are solved together.
    #[error("{found} scenarios are too many to be solved together: at most {most}")]
    TooManyScenarios {
        /// Scenarios given.
        found: usize,
        /// The most.
        most: usize,
    },
    /// Scenarios to be solved together differ in size.
    #[error("scenarios to be solved together differ in {quantity}: the first has {first}, another {other}")]
    UnequalScenarios {
        /// What differs.
        quantity: &'static str,
        /// The first scenario's.
        first: usize,
        /// Another one's.
        other: usize,
    },
    /// A demand is not a finite number.
    #[error("{quantity} at bus '{bus}' is not a finite number ({value})")]
    NotFinite {
        /// The bus.
        bus: BusId,
        /// Which input.
        quantity: &'static str,
        /// Its value.
        value: f64,
    },
    /// A workspace was made by another grid.
    #[error("the workspace was made by another grid: use `Grid::workspace` of this one")]
    ForeignWorkspace,
    /// A setting is outside its range.
    #[error("setting {setting} = {value} is outside its range: {range}")]
    BadSetting {
        /// Which setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A tree method was asked for on a network with loops.
    #[error(
        "the network has {branches} branches between {buses} buses, so it has loops: a tree method cannot solve it"
    )]
    NotRadial {
        /// Number of buses.
        buses: usize,
        /// Number of branches.
        branches: usize,
    },
    /// The demand has no power flow solution (beyond voltage collapse), or none was found.
    #[error(
        "no power flow solution after {iterations} iterations: mismatch {mismatch_pu:.3e} pu at bus '{bus}'; a solution was found up to {:.2} % of the demand",
        100.0 * solved_fraction
    )]
    NoSolution {
        /// Iterations in total, including those of the continuation.
        iterations: usize,
        /// Worst power mismatch in per unit of the last attempt at the full demand.
        mismatch_pu: f64,
        /// Bus of the worst mismatch.
        bus: BusId,
        /// Largest fraction of the demand for which a solution was found by continuation from no load.
        solved_fraction: f64,
    },
    /// The linear system (Y + Y_D) is singular at the present voltages (the point of voltage collapse).
    #[error("the linearised power flow is singular at bus '{bus}'")]
    Singular {
        /// Bus where the elimination broke down.
        bus: BusId,
    },
    /// Regulators and switched capacitors went on acting.
    #[error("controls did not settle in {iterations} iterations: '{control}' was the last to act")]
    ControlsNotSettled {
        /// Power flows that were solved.
        iterations: usize,
        /// Control that acted last.
        control: String,
    },
    /// The sparse factorisation refused the system.
    #[error("sparse factorisation failed: {reason}")]
    Factorisation {
        /// Reason given by the factorisation.
        reason: String,
    },
}

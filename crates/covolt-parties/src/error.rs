//! What ends a participant's run. Messages that do not fit are not among it: they are refused, and the run goes on.

use covolt_dispatch::DispatchError;
use covolt_grid::GridError;
use covolt_learn::LearnError;
use covolt_policy::PolicyError;
use covolt_wire::WireError;
use thiserror::Error;

/// Errors of this crate.
#[derive(Debug, Error)]
pub enum PartyError {
    /// A power flow failed in the participant's own network.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// Training refused its input.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// Dispatch refused its input.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// A policy refused its input.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A message of the participant's own that nobody would accept.
    #[error("a message of its own would be refused: {0}")]
    OwnMessage(#[from] WireError),
    /// A checkpoint that does not fit.
    #[error("the checkpoint does not fit: {reason}")]
    Checkpoint {
        /// Why.
        reason: String,
    },
    /// A setting outside its range.
    #[error("setting {setting} = {value} is outside its range: {range}")]
    BadSetting {
        /// Which.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// An agent cannot go on, and the run waits for all.
    #[error("agent {agent} cannot go on: {reason}")]
    Agent {
        /// Its name.
        agent: String,
        /// Why, in its own words.
        reason: String,
    },
    /// Exchanges within a round do not settle.
    #[error("round {round}: after {exchanges} exchanges voltages still move by {distance_pu:.1e} pu")]
    NotSettled {
        /// Round.
        round: u32,
        /// Exchanges.
        exchanges: u16,
        /// Largest change, pu.
        distance_pu: f64,
    },
}

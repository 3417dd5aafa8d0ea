//! What can go wrong while policies are trained.

use covolt_consensus::ConsensusError;
use covolt_grid::GridError;
use covolt_policy::PolicyError;
use thiserror::Error;

/// Errors of this crate.
#[derive(Debug, Error)]
pub enum LearnError {
    /// A power flow failed.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// A policy refused its input.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A coordination method failed.
    #[error(transparent)]
    Consensus(#[from] ConsensusError),
    /// There is nothing to train on.
    #[error("no training window: {reason}")]
    NoScenario {
        /// Why.
        reason: String,
    },
    /// A checkpoint cannot be used.
    #[error("the checkpoint cannot be used: {reason}")]
    Checkpoint {
        /// Why.
        reason: String,
    },
    /// The paper's trainer whitens with a diagonal covariance.
    #[error("the paper's trainer needs policies with a diagonal covariance; that of microgrid {microgrid} is full")]
    FullCovariance {
        /// Microgrid.
        microgrid: String,
    },
    /// Saved policies do not fit the fleet.
    #[error("{count} policies were given for {microgrids} microgrids")]
    PolicyCount {
        /// Policies.
        count: usize,
        /// Microgrids.
        microgrids: usize,
    },
}

//! Coordination methods side by side: rounds, bytes, what leaves an agent, and the course of one update (Fig. 8).

use super::number;
use serde::{Deserialize, Serialize};

/// One coordination method.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CoordinationMethod {
    /// Name, the key in `summary.json`, for example `paper` or `interior_point`.
    pub name: String,
    /// Communication graph: complete, ring, or given.
    pub graph: String,
    /// Updates tried.
    pub updates: usize,
    /// Updates that reached 1e-4 in cost and violation within the allowed rounds.
    pub updates_reached: usize,
    /// Most rounds needed until cost and violation stay below 1e-4 of the central solution; `None` where an update did not get there.
    pub rounds_to_1e4_max: Option<usize>,
    /// Bytes one agent sends in one update, the most of all agents.
    pub bytes_per_agent: u64,
    /// What leaves an agent, field by field.
    pub leaves_agent: Vec<Transmitted>,
    /// Course of one update, for Fig. 8.
    pub trace: Option<RoundsTrace>,
}

/// One field of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transmitted {
    /// Field of the message.
    pub field: String,
    /// What it says, with its unit.
    pub meaning: String,
}

/// Multipliers and worst violation over the rounds of one update.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundsTrace {
    /// Names of the limits whose multipliers are shown, for example `bus mg4.671 upper voltage, step 2`.
    pub limit: Vec<String>,
    /// Multipliers, $/pu, mean of the agents' copies: `[limit][round]`.
    #[serde(deserialize_with = "number::curves")]
    pub multiplier_usd_per_pu: Vec<Vec<f64>>,
    /// Worst violation of the summed rows, per unit, per round.
    #[serde(deserialize_with = "number::series")]
    pub max_violation_pu: Vec<f64>,
}

//! The network as the report draws it: voltages of the buses, loadings of the branches, over a span of steps.

use super::number;
use serde::{Deserialize, Serialize};

/// Buses and branches with the extremes of one span (a day, the test days).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkPicture {
    /// The span in words, for example "2016-07-14, 96 steps".
    pub span: String,
    /// Buses in the order of the voltage profile (the feeder first, then each microgrid).
    pub buses: Vec<BusPicture>,
    /// Branches.
    pub branches: Vec<BranchPicture>,
}

/// Voltage of one bus.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BusPicture {
    /// Id as the user wrote it.
    pub id: String,
    /// Area for grouping: the microgrid's name, or an empty string for the feeder.
    pub area: String,
    /// True for the slack bus, the root of the drawing.
    pub slack: bool,
    /// Lowest voltage of the span, per unit.
    #[serde(deserialize_with = "number::scalar")]
    pub min_pu: f64,
    /// Mean voltage of the span, per unit.
    #[serde(deserialize_with = "number::scalar")]
    pub mean_pu: f64,
    /// Highest voltage of the span, per unit.
    #[serde(deserialize_with = "number::scalar")]
    pub max_pu: f64,
    /// Lower limit, per unit.
    #[serde(deserialize_with = "number::scalar")]
    pub lower_limit_pu: f64,
    /// Upper limit, per unit.
    #[serde(deserialize_with = "number::scalar")]
    pub upper_limit_pu: f64,
}

/// Loading of one branch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BranchPicture {
    /// Id as the user wrote it.
    pub id: String,
    /// Id of the bus at the from end.
    pub from: String,
    /// Id of the bus at the to end.
    pub to: String,
    /// True for a transformer.
    pub transformer: bool,
    /// Highest current of the span, percent of the limit; NaN without a limit.
    #[serde(deserialize_with = "number::scalar")]
    pub loading_max_percent: f64,
}

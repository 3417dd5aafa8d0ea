//! Records of training: learning curve, chosen parameters (Fig. 5), reward and constraint returns with
//! and without DG capacity constraints (Fig. 6 and 7).

use super::number;
use serde::{Deserialize, Serialize};

/// One training run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Name of the trainer, as on the command line.
    pub trainer: String,
    /// Seed of all its randomness.
    pub seed: u64,
    /// Wall-clock time, seconds.
    #[serde(deserialize_with = "number::scalar")]
    pub wall_s: f64,
    /// Episodes (policy updates) run.
    pub episodes: usize,
    /// Largest resident memory, MiB.
    #[serde(deserialize_with = "number::scalar")]
    pub peak_memory_mib: f64,
    /// Learning curve, one point per noted episode, in order.
    pub curve: Vec<LearningPoint>,
}

/// One point of the learning curve.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LearningPoint {
    /// Episode number.
    pub episode: usize,
    /// Mean cost of a decision window over the batch, dollars, all microgrids together.
    #[serde(deserialize_with = "number::scalar")]
    pub cost_usd: f64,
    /// Worst voltage violation of the batch, per unit; 0 = none.
    #[serde(deserialize_with = "number::scalar")]
    pub max_voltage_violation_pu: f64,
    /// Worst branch current above its limit, percent of the limit; 0 = none.
    #[serde(deserialize_with = "number::scalar")]
    pub max_current_violation_percent: f64,
    /// Coordination rounds of this update; 0 where the trainer does not count them.
    pub rounds: usize,
}

/// Which of an agent's two networks a parameter belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The network of the mean action, theta_mu of (20).
    Mean,
    /// The network of the covariance, theta_Sigma of (21).
    Covariance,
}

/// One parameter of one agent over the episodes (one curve of Fig. 5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterTrace {
    /// Name of the microgrid, as the user wrote it.
    pub microgrid: String,
    /// Network the parameter belongs to.
    pub network: Network,
    /// Name of the parameter, for example `layer2.weight[3,7]`.
    pub parameter: String,
    /// Episodes.
    pub episode: Vec<usize>,
    /// Values, same length as `episode`, no unit.
    #[serde(deserialize_with = "number::series")]
    pub value: Vec<f64>,
}

/// The same training with DG capacity constraints in all, some and none of the microgrids.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CapacityStudy {
    /// Fig. 6: one curve per case; the first is the one with all constraints.
    pub rewards: Vec<RewardTrace>,
    /// Fig. 7: the constraint returns of one microgrid.
    pub returns: Option<ConstraintReturns>,
}

/// Total reward over the episodes in one case of the capacity study.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardTrace {
    /// Case, for example "constraints in all microgrids".
    pub label: String,
    /// Episodes.
    pub episode: Vec<usize>,
    /// Reward = negative cost of a window, dollars, same length as `episode`.
    #[serde(deserialize_with = "number::series")]
    pub reward_usd: Vec<f64>,
}

/// DG power against its capacity over the episodes, one curve per step of the window (Fig. 7).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConstraintReturns {
    /// Name of the microgrid.
    pub microgrid: String,
    /// Capacity limit, kW.
    #[serde(deserialize_with = "number::scalar")]
    pub limit_kw: f64,
    /// Length of one step, minutes.
    #[serde(deserialize_with = "number::scalar")]
    pub step_minutes: f64,
    /// Episodes.
    pub episode: Vec<usize>,
    /// DG power with the constraint, kW: `[step][episode]`.
    #[serde(deserialize_with = "number::curves")]
    pub with_constraint_kw: Vec<Vec<f64>>,
    /// DG power without the constraint, kW: `[step][episode]`.
    #[serde(deserialize_with = "number::curves")]
    pub without_constraint_kw: Vec<Vec<f64>>,
}

//! Records of decisions: layers of dispatch, Table II, decision times, optimum and bound, closed loop.

use super::number;
use serde::{Deserialize, Serialize};

/// Gap and violations of one layer of dispatch over the test windows; the keys are those of `summary.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerFigures {
    /// Cost above the central optimum with the same terminal value, percent. Negative values usually mean an unsafe action.
    #[serde(deserialize_with = "number::scalar")]
    pub gap_percent: f64,
    /// Windows with any limit violated after the true AC power flow.
    pub violating_windows: usize,
    /// Worst voltage violation, per unit; 0 = none.
    #[serde(deserialize_with = "number::scalar")]
    pub max_voltage_violation_pu: f64,
    /// Worst current above its limit, percent of the limit; 0 = none.
    #[serde(deserialize_with = "number::scalar")]
    pub max_current_violation_percent: f64,
    /// Largest cost above the optimum in one window, dollars.
    #[serde(default = "number::unknown", deserialize_with = "number::scalar")]
    pub max_gap_usd: f64,
    /// Mean number of quadratic programs per window.
    #[serde(deserialize_with = "number::scalar")]
    pub programs_mean: f64,
}

/// The layers of dispatch; a layer that was not run is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Layers {
    /// Policy mean through the feasible map, nothing else.
    pub bare: Option<LayerFigures>,
    /// The same, repaired where a limit was broken.
    pub repaired: Option<LayerFigures>,
    /// The same with a polish step.
    pub polished: Option<LayerFigures>,
    /// The merit-order rule, repaired: what is reached without learning.
    pub rule: Option<LayerFigures>,
}

impl Layers {
    /// Layers with their names, in the order bare, repaired, polished, rule.
    pub fn named(&self) -> [(&'static str, Option<&LayerFigures>); 4] {
        [
            ("bare", self.bare.as_ref()),
            ("repaired", self.repaired.as_ref()),
            ("polished", self.polished.as_ref()),
            ("rule", self.rule.as_ref()),
        ]
    }
}

/// Layers of dispatch over a number of test windows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowStudy {
    /// Number of windows.
    pub count: usize,
    /// The layers.
    pub layers: Layers,
}

/// One training of the default trainer, on the same data and test windows as the others, with its own seed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SeedRun {
    /// Seed of all randomness of the training.
    pub seed: u64,
    /// Wall-clock time of the training, seconds.
    #[serde(deserialize_with = "number::scalar")]
    pub wall_s: f64,
    /// Layers over the test windows.
    pub windows: WindowStudy,
}

/// Cost per microgrid in one decision window (Table II), dollars.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CostTable {
    /// Start of the window.
    pub window_start: String,
    /// Length of the window, hours.
    #[serde(deserialize_with = "number::scalar")]
    pub window_h: f64,
    /// Layer of dispatch that acts in the policy column, for example "repaired".
    pub layer: String,
    /// One row per microgrid, in the order of the case.
    pub rows: Vec<CostRow>,
    /// Lower bound of the total cost, dollars; `None` where the bound was not computed.
    pub lower_bound_usd: Option<f64>,
}

impl CostTable {
    /// Sum of all rows.
    pub fn total(&self) -> CostRow {
        CostRow {
            microgrid: "total".to_owned(),
            central_usd: self.rows.iter().map(|row| row.central_usd).sum(),
            policy_usd: self.rows.iter().map(|row| row.policy_usd).sum(),
        }
    }
}

/// Cost of one microgrid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CostRow {
    /// Name of the microgrid.
    pub microgrid: String,
    /// Cost at the central optimum, dollars.
    #[serde(deserialize_with = "number::scalar")]
    pub central_usd: f64,
    /// Cost of the policies' dispatch, dollars.
    #[serde(deserialize_with = "number::scalar")]
    pub policy_usd: f64,
}

impl CostRow {
    /// Policy above central cost in percent of the size of the central cost; positive = the policy costs more.
    /// (The paper's table has the opposite sign.) NaN when the central cost is zero.
    pub fn difference_percent(&self) -> f64 {
        if self.central_usd == 0.0 {
            return f64::NAN;
        }
        100.0 * (self.policy_usd - self.central_usd) / self.central_usd.abs()
    }
}

/// Median and 99th percentile, microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Median.
    #[serde(deserialize_with = "number::scalar")]
    pub median: f64,
    /// 99th percentile.
    #[serde(deserialize_with = "number::scalar")]
    pub p99: f64,
}

impl Quantiles {
    /// Quantiles of a sample (nearest rank); values that are not finite are left out. `None` for an empty sample.
    pub fn of(sample: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = sample.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |share: f64| {
            let position = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(position.saturating_sub(1)).copied()
        };
        Some(Self { median: rank(0.5)?, p99: rank(0.99)? })
    }
}

/// Time of one decision for all agents together, microseconds; the first three keys are those of `summary.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecisionTimes {
    /// Policy mean, feasible map, power flow and certificate.
    pub bare_certified: Option<Quantiles>,
    /// With repair where needed.
    pub repaired: Option<Quantiles>,
    /// With a polish step.
    pub polished: Option<Quantiles>,
    /// The central optimum of the same windows.
    pub central_optimum: Option<Quantiles>,
}

impl DecisionTimes {
    /// Times with their names, in the order of the table.
    pub fn named(&self) -> [(&'static str, Option<&Quantiles>); 4] {
        [
            ("bare_certified", self.bare_certified.as_ref()),
            ("repaired", self.repaired.as_ref()),
            ("polished", self.polished.as_ref()),
            ("central_optimum", self.central_optimum.as_ref()),
        ]
    }

    /// How many times longer the central optimum takes than a bare certified decision (medians).
    pub fn speedup(&self) -> Option<f64> {
        let bare = self.bare_certified.as_ref()?.median;
        let central = self.central_optimum.as_ref()?.median;
        (bare > 0.0 && central.is_finite()).then(|| central / bare)
    }
}

/// Central optimum and lower bound over the test windows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OptimumRecord {
    /// Windows solved.
    pub windows: usize,
    /// Largest relative distance between optimum and lower bound.
    #[serde(deserialize_with = "number::scalar")]
    pub bound_gap_relative_max: f64,
    /// Median time of one optimum, milliseconds.
    #[serde(deserialize_with = "number::scalar")]
    pub time_ms_median: f64,
    /// Relative distance of each window, in any order; may be empty.
    #[serde(default, deserialize_with = "number::series")]
    pub bound_gap_relative: Vec<f64>,
    /// Windows with a larger distance than wanted, and why, one sentence each.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// Receding-horizon simulation over the test days; the keys are those of `summary.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClosedLoopRecord {
    /// Days simulated.
    pub days: usize,
    /// Decisions taken.
    pub steps: usize,
    /// Steps with any limit violated after the true AC power flow.
    pub violating_steps: usize,
    /// Steps in which no safe dispatch existed.
    pub infeasible_steps: usize,
    /// Forecast used: perfect, noisy (with its error) or persistence.
    pub forecast: String,
    /// Cost above that of a decision maker who knows the future, percent.
    #[serde(deserialize_with = "number::scalar")]
    pub gap_perfect_information_percent: f64,
}

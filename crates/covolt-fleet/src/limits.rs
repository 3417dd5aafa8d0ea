//! Network-wide limits (3), (4) and the tolerances within which a limit counts as kept.

use covolt_grid::Network;

/// A voltage limit counts as kept within this, pu: a tenth of what revenue meters resolve, a hundred times the power-flow error.
pub const VOLTAGE_TOLERANCE_PU: f64 = 1e-5;
/// A current limit counts as kept within this fraction of the limit.
pub const CURRENT_TOLERANCE_RELATIVE: f64 = 1e-4;

/// Voltage limits per bus (pu) and current limits per branch (A on the to side; infinite where none is given).
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkLimits {
    /// Lowest voltage per bus, pu; length = number of buses.
    pub v_min_pu: Vec<f64>,
    /// Highest voltage per bus, pu.
    pub v_max_pu: Vec<f64>,
    /// Highest current per branch in pu of the to side's base current; `f64::INFINITY` where the branch has no rating.
    pub i_max_pu: Vec<f64>,
}

impl NetworkLimits {
    /// The same voltage band at every bus, current limits from the branch ratings.
    pub fn uniform(network: &Network, v_min_pu: f64, v_max_pu: f64) -> NetworkLimits {
        let n = network.buses().len();
        NetworkLimits { v_min_pu: vec![v_min_pu; n], v_max_pu: vec![v_max_pu; n], i_max_pu: current_limits_pu(network) }
    }
}

/// Current limits in pu of the to side's base current.
fn current_limits_pu(network: &Network) -> Vec<f64> {
    network
        .branches()
        .iter()
        .map(|b| match (b.rating_a, network.current_base_a(b.to)) {
            (Some(rating_a), Some(base_a)) => rating_a / base_a,
            _ => f64::INFINITY,
        })
        .collect()
}

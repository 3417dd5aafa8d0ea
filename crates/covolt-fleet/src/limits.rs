//! Network-wide limits (3), (4) and the tolerances within which a limit counts as kept.

use covolt_grid::DistributionGrid;

/// A voltage limit counts as kept within this, pu: a tenth of what revenue meters resolve, a hundred times the power-flow error.
pub const VOLTAGE_TOLERANCE_PU: f64 = 1e-5;
/// A current limit counts as kept within this fraction of the limit.
pub const CURRENT_TOLERANCE_RELATIVE: f64 = 1e-4;

/// Limits of every monitored voltage and current, see [`covolt_grid::DistributionGrid`].
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkLimits {
    /// Lowest value per monitored voltage, pu; length = number of monitored voltages.
    pub v_min_pu: Vec<f64>,
    /// Highest value per monitored voltage, pu.
    pub v_max_pu: Vec<f64>,
    /// Highest value per monitored current, pu of its base; `f64::INFINITY` where there is no rating.
    pub i_max_pu: Vec<f64>,
}

impl NetworkLimits {
    /// The same voltage band everywhere, current limits from the ratings.
    pub fn uniform(grid: &DistributionGrid, v_min_pu: f64, v_max_pu: f64) -> NetworkLimits {
        let n = grid.n_voltages();
        let i_max_pu = (0..grid.n_currents()).map(|i| grid.rating_pu(i)).collect();
        NetworkLimits { v_min_pu: vec![v_min_pu; n], v_max_pu: vec![v_max_pu; n], i_max_pu }
    }
}

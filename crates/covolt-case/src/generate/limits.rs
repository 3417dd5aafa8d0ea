//! Ratings and voltage band of a generated case, from what its grid carries over a sample of rows.
//!
//! Two extremes stand for what dispatch can do: *price takers* follow the price as if there were no grid; under *self supply* every
//! microgrid's generators serve its own load and its battery rests. A limit is put where price takers break it in a given share of the sampled
//! rows, but never so low that self supply would break it, so that a safe dispatch exists.
//!
//! - Substation transformer, trunk and lateral lines of a feeder: one rating each, the quantile over the rows of the highest current
//!   in the feeder's lines of that kind.
//! - Branches of a microgrid: the template's rating with room for larger devices, or what self supply needs.
//! - Voltage band: quantiles over the rows of the lowest and highest voltage anywhere.

use super::round;
use crate::table_rows::BranchRow;

/// Rows in which price takers stay below a chosen rating, share.
const CURRENT_QUANTILE: f64 = 0.88;
/// Rows in which price takers stay above the lowest, and likewise below the highest voltage, share.
const VOLTAGE_QUANTILE: f64 = 0.86;
/// A rating is at least this times what self supply carries anywhere in the sample.
const CURRENT_ROOM: f64 = 1.15;
/// The band is at least this much wider than what self supply needs, pu.
const VOLTAGE_ROOM_PU: f64 = 0.007;
/// Ratings within a microgrid in units of the template's, whose devices may be smaller by a fifth and more.
const MICROGRID_ROOM: f64 = 1.15;
/// Smallest rating, A: a line that carries next to nothing gets an ordinary conductor all the same.
const SMALLEST_A: f64 = 25.0;

/// What the grid carries over the sampled rows.
#[derive(Debug, Clone, Default)]
pub struct Stress {
    /// Price takers: highest current of each group in each row, A at the to side, `[row][group]`.
    pub price_takers_a: Vec<Vec<f64>>,
    /// Price takers: lowest and highest voltage in each row, pu.
    pub price_takers_v_pu: Vec<(f64, f64)>,
    /// Self supply: highest current of each branch over all rows, A at the to side.
    pub self_supply_a: Vec<f64>,
    /// Self supply: lowest and highest voltage over all rows, pu.
    pub self_supply_v_pu: (f64, f64),
}

/// The limits chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenLimits {
    /// Lowest voltage, pu.
    pub v_min_pu: f64,
    /// Highest voltage, pu.
    pub v_max_pu: f64,
    /// Rating of each branch, A.
    pub rating_a: Vec<f64>,
}

pub(super) fn choose(stress: &Stress, group: &[Option<usize>], branches: &[BranchRow]) -> ChosenLimits {
    let groups = group.iter().flatten().max().map_or(0, |g| g + 1);
    let mut of_group: Vec<f64> = (0..groups)
        .map(|g| {
            let rows = stress.price_takers_a.iter().filter_map(|row| row.get(g).copied()).collect();
            quantile(rows, CURRENT_QUANTILE).max(SMALLEST_A)
        })
        .collect();
    let needed = |b: usize| CURRENT_ROOM * stress.self_supply_a.get(b).copied().unwrap_or(0.0);
    for (b, g) in group.iter().enumerate() {
        if let Some(g) = *g {
            of_group[g] = of_group[g].max(needed(b));
        }
    }
    let rating_a = group
        .iter()
        .zip(branches)
        .enumerate()
        .map(|(b, (g, branch))| match g {
            Some(g) => round(of_group[*g]),
            None => round((MICROGRID_ROOM * branch.rating_a.unwrap_or(0.0)).max(needed(b)).max(SMALLEST_A)),
        })
        .collect();
    let lowest = quantile(stress.price_takers_v_pu.iter().map(|v| v.0).collect(), 1.0 - VOLTAGE_QUANTILE);
    let highest = quantile(stress.price_takers_v_pu.iter().map(|v| v.1).collect(), VOLTAGE_QUANTILE);
    let (low, high) = stress.self_supply_v_pu;
    ChosenLimits {
        v_min_pu: round(lowest.min(low - VOLTAGE_ROOM_PU)),
        v_max_pu: round(highest.max(high + VOLTAGE_ROOM_PU)),
        rating_a,
    }
}

/// Value below which the share `q` of the values lies; zero of nothing.
fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (q * values.len() as f64) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

//! Priced limits of eight windows at one step: values psi(g), slopes \[lambda + rho g\]+ and their part of dL/dV, (3), (4).
//!
//! The formulas of [`crate::gradient`], one window per lane. A bus voltage has g = v_min - |V| and g = |V| - v_max and adds
//! (slope_high - slope_low) V / |V| to dL/dV. A rated branch has g = |I| / i_max - 1 with I the larger of both ends'
//! currents, referred to the to side, and adds slope / i_max times conj(y) I / |I| at both of its buses, y being the admittances of
//! the end that carries more. Limits of multi-phase networks: `limit_forms.rs`.

use crate::fleet::Fleet;
use crate::gradient::{LimitPrices, LimitPricing};
use crate::limit_forms::{FormRatings, PriceForms};
use crate::returns::Limit;
use covolt_grid::{BranchAdmittance, ComplexLanes, GridError, LANES, Lanes, Machine, Pair};
use pulp::{Simd, WithSimd};

/// Multipliers of one step, dense: zero but for those that were put in.
#[derive(Debug, Default)]
pub(crate) struct LimitLanes {
    pub low: Vec<Lanes>,
    pub high: Vec<Lanes>,
    /// One per rated current.
    pub current: Vec<Lanes>,
    /// Upper voltage limits with a slope at this step: (window, voltage, slope), to be noted after the lower ones.
    pub high_slopes: Vec<(usize, usize, f64)>,
}

/// The limits that a network has.
#[derive(Debug)]
pub(crate) enum NetworkRatings {
    /// Of buses and branches.
    Balanced(BalancedRatings),
    /// Of linear forms.
    Multiphase(FormRatings),
}

#[derive(Debug)]
pub(crate) struct BalancedRatings {
    buses: usize,
    rated: Vec<RatedBranch>,
    /// Position in `rated` of each branch.
    rated_at: Vec<Option<usize>>,
    source: usize,
}

#[derive(Debug)]
struct RatedBranch {
    branch: usize,
    admittance: BranchAdmittance,
    tap: f64,
    limit: f64,
}

/// Sum of psi and largest excess over voltage (pu) and current limits (fraction), per window.
#[derive(Debug)]
pub(crate) struct Priced {
    pub sum: Lanes,
    pub voltage_excess: Lanes,
    pub current_excess: Lanes,
}

impl NetworkRatings {
    /// Those of a fleet's network.
    pub fn new(fleet: &Fleet) -> Result<NetworkRatings, GridError> {
        Ok(match fleet.grid.monitored() {
            Some(grid) => NetworkRatings::Multiphase(FormRatings::new(grid, &fleet.limits)),
            None => NetworkRatings::Balanced(BalancedRatings::new(fleet)?),
        })
    }

    /// Numbers of monitored voltages and of rated currents.
    fn counts(&self) -> (usize, usize) {
        match self {
            NetworkRatings::Balanced(own) => (own.buses, own.rated.len()),
            NetworkRatings::Multiphase(own) => own.counts(),
        }
    }

    /// Position of a current among the rated ones.
    fn rated_at(&self, current: usize) -> Option<usize> {
        match self {
            NetworkRatings::Balanced(own) => own.rated_at[current],
            NetworkRatings::Multiphase(own) => own.rated_at[current],
        }
    }
}

impl BalancedRatings {
    fn new(fleet: &Fleet) -> Result<BalancedRatings, GridError> {
        let grid = fleet.grid.balanced_or_error()?;
        let branches = grid.network().branches();
        let mut rated_at = vec![None; branches.len()];
        let mut rated = Vec::new();
        for (b, branch) in branches.iter().enumerate() {
            let limit = fleet.limits.i_max_pu[b];
            if limit.is_finite() {
                rated_at[b] = Some(rated.len());
                let admittance = grid.branch_admittances()[b];
                rated.push(RatedBranch { branch: b, admittance, tap: branch.tap.norm(), limit });
            }
        }
        let source = grid.network().source().bus.0;
        Ok(BalancedRatings { buses: grid.n_buses(), rated, rated_at, source })
    }
}

impl Priced {
    /// From as many vectors as the lanes have.
    #[inline(always)]
    pub fn from_vectors<S: Simd>(sum: &[S::f64s], voltage: &[S::f64s], current: &[S::f64s]) -> Priced {
        let zero = Lanes::splat(0.0);
        let mut priced = Priced { sum: zero, voltage_excess: zero, current_excess: zero };
        for h in 0..LANES / S::F64_LANES {
            priced.sum.set::<S>(h, sum[h]);
            priced.voltage_excess.set::<S>(h, voltage[h]);
            priced.current_excess.set::<S>(h, current[h]);
        }
        priced
    }
}

impl LimitLanes {
    /// Makes room for the limits of a network, all multipliers zero.
    pub fn open(&mut self, ratings: &NetworkRatings) {
        let (voltages, rated) = ratings.counts();
        for (lanes, count) in [(&mut self.low, voltages), (&mut self.high, voltages), (&mut self.current, rated)] {
            lanes.clear();
            lanes.resize(count, Lanes::splat(0.0));
        }
    }

    /// The multipliers of a limit; of a branch without a rating there are none.
    pub fn of(&mut self, ratings: &NetworkRatings, limit: Limit) -> Option<&mut Lanes> {
        match limit {
            Limit::VoltageLow(bus) => Some(&mut self.low[bus]),
            Limit::VoltageHigh(bus) => Some(&mut self.high[bus]),
            Limit::Current(branch) => ratings.rated_at(branch).map(|at| &mut self.current[at]),
        }
    }

    /// Prices all limits at the voltages `v`, adds to `dl_dv` and appends the slopes above zero to `slopes`, one list per
    /// window, in the order of [`Limit`].
    #[allow(clippy::too_many_arguments)]
    pub fn price(
        &mut self,
        machine: Machine,
        fleet: &Fleet,
        ratings: &NetworkRatings,
        pricing: &LimitPricing,
        step: usize,
        v: &[ComplexLanes],
        dl_dv: &mut [ComplexLanes],
        slopes: &mut [LimitPrices],
    ) -> Priced {
        match ratings {
            NetworkRatings::Balanced(ratings) => {
                machine.run(Price { limits: self, fleet, ratings, pricing, step, v, dl_dv, slopes })
            }
            NetworkRatings::Multiphase(ratings) => {
                machine.run(PriceForms { limits: self, ratings, pricing, step, v, dl_dv, slopes })
            }
        }
    }
}

struct Price<'a> {
    limits: &'a mut LimitLanes,
    fleet: &'a Fleet,
    ratings: &'a BalancedRatings,
    pricing: &'a LimitPricing,
    step: usize,
    v: &'a [ComplexLanes],
    dl_dv: &'a mut [ComplexLanes],
    slopes: &'a mut [LimitPrices],
}

/// psi(g) and its slope.
#[inline(always)]
pub(crate) fn psi<S: Simd>(simd: S, g: S::f64s, lambda: S::f64s, rho: f64) -> (S::f64s, S::f64s) {
    let zero = simd.splat_f64s(0.0);
    let rho_g = simd.mul_f64s(simd.splat_f64s(rho), g);
    let slope = simd.add_f64s(lambda, rho_g);
    let above = simd.less_than_f64s(zero, slope);
    let half = simd.splat_f64s(0.5);
    let inside = simd.mul_f64s(g, simd.mul_add_e_f64s(half, rho_g, lambda));
    let share = if rho > 0.0 { -0.5 / rho } else { 0.0 };
    let outside = simd.mul_f64s(simd.splat_f64s(share), simd.mul_f64s(lambda, lambda));
    (simd.select_f64s(above, inside, outside), simd.select_f64s(above, slope, zero))
}

/// Calls `note(window, slope)` for slopes above zero; most limits have none in any window.
#[inline(always)]
pub(crate) fn each_above_zero<S: Simd>(
    simd: S,
    h: usize,
    slope: S::f64s,
    windows: usize,
    mut note: impl FnMut(usize, f64),
) -> bool {
    if simd.reduce_max_f64s(slope) > 0.0 {
        let mut values = Lanes::splat(0.0);
        values.set::<S>(h, slope);
        for (window, &slope) in values.0.iter().enumerate().take(windows) {
            if slope > 0.0 {
                note(window, slope);
            }
        }
        return true;
    }
    false
}

impl WithSimd for Price<'_> {
    type Output = Priced;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Priced {
        let Price { limits, fleet, ratings, pricing, step, v, dl_dv, slopes } = self;
        let windows = slopes.len();
        limits.high_slopes.clear();
        let zero = simd.splat_f64s(0.0);
        let (mut sum, mut worst_v, mut worst_i) = ([zero; LANES], [zero; LANES], [zero; LANES]);
        let margin = simd.splat_f64s(pricing.voltage_margin_pu);
        for bus in 0..v.len() {
            if bus == ratings.source {
                continue;
            }
            let (v_min, v_max) = (fleet.limits.v_min_pu[bus], fleet.limits.v_max_pu[bus]);
            for h in 0..LANES / S::F64_LANES {
                let voltage = v[bus].get::<S>(h);
                let magnitude = simd.sqrt_f64s(voltage.norm_sqr(simd));
                let low = simd.sub_f64s(simd.splat_f64s(v_min), magnitude);
                let high = simd.sub_f64s(magnitude, simd.splat_f64s(v_max));
                worst_v[h] = simd.max_f64s(worst_v[h], simd.max_f64s(low, high));
                let rho = pricing.voltage_curvature;
                let (psi_low, slope_low) = psi(simd, simd.add_f64s(low, margin), limits.low[bus].get::<S>(h), rho);
                let (psi_high, slope_high) = psi(simd, simd.add_f64s(high, margin), limits.high[bus].get::<S>(h), rho);
                sum[h] = simd.add_f64s(sum[h], simd.add_f64s(psi_low, psi_high));
                let is_low = each_above_zero(simd, h, slope_low, windows, |w, slope| {
                    slopes[w].entries.push((step, Limit::VoltageLow(bus), slope));
                });
                let is_high = each_above_zero(simd, h, slope_high, windows, |w, slope| {
                    limits.high_slopes.push((w, bus, slope));
                });
                if is_low || is_high {
                    let weight = simd.div_f64s(simd.sub_f64s(slope_high, slope_low), magnitude);
                    let g = &mut dl_dv[bus];
                    g.set::<S>(h, g.get::<S>(h).plus(simd, voltage.scaled(simd, weight)));
                }
            }
        }
        for &(w, bus, slope) in &limits.high_slopes {
            slopes[w].entries.push((step, Limit::VoltageHigh(bus), slope));
        }
        let margin = simd.splat_f64s(pricing.current_margin);
        for (rated, lambda) in ratings.rated.iter().zip(&limits.current) {
            let y = &rated.admittance;
            let (from, to) = (y.from.0, y.to.0);
            let of = |z| Pair::splat(simd, z);
            for h in 0..LANES / S::F64_LANES {
                let (v_from, v_to) = (v[from].get::<S>(h), v[to].get::<S>(h));
                let tap = simd.splat_f64s(rated.tap);
                let i_from = of(y.yff).times(simd, v_from).plus_product(simd, of(y.yft), v_to).scaled(simd, tap);
                let i_to = of(y.ytt).times(simd, v_to).plus_product(simd, of(y.ytf), v_from);
                let (from_square, to_square) = (i_from.norm_sqr(simd), i_to.norm_sqr(simd));
                let at_from = simd.less_than_f64s(to_square, from_square);
                let magnitude = simd.sqrt_f64s(simd.max_f64s(from_square, to_square));
                let inverse_limit = simd.splat_f64s(1.0 / rated.limit);
                let excess = simd.sub_f64s(simd.mul_f64s(magnitude, inverse_limit), simd.splat_f64s(1.0));
                worst_i[h] = simd.max_f64s(worst_i[h], excess);
                let rho = pricing.current_curvature;
                let (value, slope) = psi(simd, simd.add_f64s(excess, margin), lambda.get::<S>(h), rho);
                sum[h] = simd.add_f64s(sum[h], value);
                let note = |w: usize, slope| slopes[w].entries.push((step, Limit::Current(rated.branch), slope));
                if each_above_zero(simd, h, slope, windows, note) {
                    // slope / i_max times I / |I|; at I = 0 the magnitude has no gradient. I at the from side is tap times the current
                    // in its own base, hence the factor |tap| on its admittances.
                    let weight = simd.div_f64s(simd.mul_f64s(slope, inverse_limit), magnitude);
                    let weight = simd.select_f64s(simd.less_than_f64s(zero, magnitude), weight, zero);
                    let direction = Pair::select(simd, at_from, i_from.scaled(simd, tap), i_to).scaled(simd, weight);
                    let to_from = Pair::select(simd, at_from, of(y.yff.conj()), of(y.ytf.conj()));
                    let to_to = Pair::select(simd, at_from, of(y.yft.conj()), of(y.ytt.conj()));
                    let g = dl_dv[from].get::<S>(h).plus_product(simd, to_from, direction);
                    dl_dv[from].set::<S>(h, g);
                    let g = dl_dv[to].get::<S>(h).plus_product(simd, to_to, direction);
                    dl_dv[to].set::<S>(h, g);
                }
            }
        }
        Priced::from_vectors::<S>(&sum, &worst_v, &worst_i)
    }
}

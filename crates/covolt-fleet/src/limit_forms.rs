//! Priced limits of eight windows at one step on a multi-phase network, (3), (4): `limit_lanes.rs` with monitored quantities of any kind.
//!
//! A monitored voltage is a magnitude of a linear form of the node voltages or a ratio of two (the unbalance factor), a monitored current
//! the larger of two forms; covolt-grid has their values and gradients. The formulas of psi and its slope are those of
//! [`crate::gradient`], one window per lane.

use crate::gradient::{LimitPrices, LimitPricing};
use crate::limit_lanes::{LimitLanes, Priced, each_above_zero, psi};
use crate::limits::NetworkLimits;
use crate::returns::Limit;
use covolt_grid::multiphase::{CurrentForm, MonitoredMultiphase, VoltageForm};
use covolt_grid::{ComplexLanes, LANES};
use pulp::{Simd, WithSimd};

/// The limits that a multi-phase network has.
#[derive(Debug)]
pub(crate) struct FormRatings {
    voltages: Vec<LimitedVoltage>,
    rated: Vec<RatedCurrent>,
    /// Position in `rated` of each monitored current.
    pub rated_at: Vec<Option<usize>>,
}

#[derive(Debug)]
struct LimitedVoltage {
    form: VoltageForm,
    min: f64,
    max: f64,
}

#[derive(Debug)]
struct RatedCurrent {
    index: usize,
    form: CurrentForm,
    limit: f64,
}

impl FormRatings {
    pub fn new(grid: &MonitoredMultiphase, limits: &NetworkLimits) -> FormRatings {
        let band = limits.v_min_pu.iter().zip(&limits.v_max_pu);
        let voltages = (grid.voltage_forms().into_iter().zip(band))
            .map(|(form, (&min, &max))| LimitedVoltage { form, min, max })
            .collect();
        let (mut rated, mut rated_at) = (Vec::new(), vec![None; limits.i_max_pu.len()]);
        for (index, &limit) in limits.i_max_pu.iter().enumerate().filter(|(_, limit)| limit.is_finite()) {
            rated_at[index] = Some(rated.len());
            rated.push(RatedCurrent { index, form: grid.current_form(index), limit });
        }
        FormRatings { voltages, rated, rated_at }
    }

    /// Numbers of monitored voltages and of rated currents.
    pub fn counts(&self) -> (usize, usize) {
        (self.voltages.len(), self.rated.len())
    }
}

/// The limits priced at the voltages `v`.
pub(crate) struct PriceForms<'a> {
    pub limits: &'a mut LimitLanes,
    pub ratings: &'a FormRatings,
    pub pricing: &'a LimitPricing,
    pub step: usize,
    pub v: &'a [ComplexLanes],
    pub dl_dv: &'a mut [ComplexLanes],
    pub slopes: &'a mut [LimitPrices],
}

impl WithSimd for PriceForms<'_> {
    type Output = Priced;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Priced {
        let PriceForms { limits, ratings, pricing, step, v, dl_dv, slopes } = self;
        let windows = slopes.len();
        limits.high_slopes.clear();
        let zero = simd.splat_f64s(0.0);
        let (mut sum, mut worst_v, mut worst_i) = ([zero; LANES], [zero; LANES], [zero; LANES]);
        let (margin, rho) = (simd.splat_f64s(pricing.voltage_margin_pu), pricing.voltage_curvature);
        for (i, LimitedVoltage { form, min, max }) in ratings.voltages.iter().enumerate() {
            for h in 0..LANES / S::F64_LANES {
                let magnitude = form.value(simd, h, v);
                let low = simd.sub_f64s(simd.splat_f64s(*min), magnitude);
                let high = simd.sub_f64s(magnitude, simd.splat_f64s(*max));
                worst_v[h] = simd.max_f64s(worst_v[h], simd.max_f64s(low, high));
                let (psi_low, slope_low) = psi(simd, simd.add_f64s(low, margin), limits.low[i].get::<S>(h), rho);
                let (psi_high, slope_high) = psi(simd, simd.add_f64s(high, margin), limits.high[i].get::<S>(h), rho);
                sum[h] = simd.add_f64s(sum[h], simd.add_f64s(psi_low, psi_high));
                let is_low = each_above_zero(simd, h, slope_low, windows, |w, slope| {
                    slopes[w].entries.push((step, Limit::VoltageLow(i), slope));
                });
                let is_high = each_above_zero(simd, h, slope_high, windows, |w, slope| {
                    limits.high_slopes.push((w, i, slope));
                });
                if is_low || is_high {
                    form.add_gradient(simd, h, v, simd.sub_f64s(slope_high, slope_low), dl_dv);
                }
            }
        }
        for &(w, i, slope) in &limits.high_slopes {
            slopes[w].entries.push((step, Limit::VoltageHigh(i), slope));
        }
        let (margin, rho) = (simd.splat_f64s(pricing.current_margin), pricing.current_curvature);
        for (RatedCurrent { index, form, limit }, lambda) in ratings.rated.iter().zip(&limits.current) {
            for h in 0..LANES / S::F64_LANES {
                let (current, at_second) = form.value(simd, h, v);
                let magnitude = simd.sqrt_f64s(current.norm_sqr(simd));
                let inverse_limit = simd.splat_f64s(1.0 / limit);
                let excess = simd.sub_f64s(simd.mul_f64s(magnitude, inverse_limit), simd.splat_f64s(1.0));
                worst_i[h] = simd.max_f64s(worst_i[h], excess);
                let (value, slope) = psi(simd, simd.add_f64s(excess, margin), lambda.get::<S>(h), rho);
                sum[h] = simd.add_f64s(sum[h], value);
                let note = |w: usize, slope| slopes[w].entries.push((step, Limit::Current(*index), slope));
                if each_above_zero(simd, h, slope, windows, note) {
                    // slope / i_max times I / |I|; at I = 0 the magnitude has no gradient.
                    let weight = simd.div_f64s(simd.mul_f64s(slope, inverse_limit), magnitude);
                    let weight = simd.select_f64s(simd.less_than_f64s(zero, magnitude), weight, zero);
                    form.add_gradient(simd, h, at_second, current.scaled(simd, weight), dl_dv);
                }
            }
        }
        Priced::from_vectors::<S>(&sum, &worst_v, &worst_i)
    }
}

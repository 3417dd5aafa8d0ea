//! Gradient of cost plus priced limits with respect to the joint action: one adjoint solve per step, (43)-(46).
//!
//! L(a) = cost(a) + sum_m psi(g_m(a); lambda_m, rho)
//!
//! with g_m the excess over limit m (pu of voltage; fraction of the current limit) and psi the augmented-Lagrangian
//! term of an inequality: psi = lambda g + rho/2 g^2 where lambda + rho g > 0, else -lambda^2 / (2 rho); its slope is
//! \[lambda + rho g\]+. With the true multipliers of the window, dL/da vanishes at the constrained optimum for every
//! rho >= 0, which a plain penalty (lambda = 0) cannot do.

use crate::cost::{fuel_cost, storage_cost};
use crate::fleet::Fleet;
use crate::returns::{BaseDemand, Limit, PhysicsWorkspace};
use crate::window::Window;
use covolt_grid::{GridError, MonitoredCurrent};
use serde::{Deserialize, Serialize};

/// Multipliers of one window: only the non-zero ones, per step. $/pu of voltage, $/(fraction of the current limit).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitPrices {
    /// (step, limit, multiplier >= 0), in order.
    pub entries: Vec<(usize, Limit, f64)>,
}

impl LimitPrices {
    fn keep(&mut self, step: usize, limit: Limit, price: f64) {
        if price > 0.0 {
            self.entries.push((step, limit, price));
        }
    }

    /// Moves every multiplier by `share` of the way to `estimate`, never above `cap` ($ per pu or fraction). Both lists are
    /// sorted on the way; `spare` is scratch, kept by the caller so that nothing is allocated.
    pub fn move_towards(&mut self, estimate: &mut LimitPrices, share: f64, cap: f64, spare: &mut LimitPrices) {
        let key = |entry: &(usize, Limit, f64)| (entry.0, entry.1);
        if !self.entries.is_sorted_by_key(key) {
            self.entries.sort_unstable_by_key(key);
        }
        if !estimate.entries.is_sorted_by_key(key) {
            estimate.entries.sort_unstable_by_key(key);
        }
        spare.entries.clear();
        let (mut old, mut new) = (self.entries.iter().peekable(), estimate.entries.iter().peekable());
        loop {
            let at = match (old.peek(), new.peek()) {
                (Some(a), Some(b)) => key(a).min(key(b)),
                (Some(a), None) | (None, Some(a)) => key(a),
                (None, None) => break,
            };
            let mut price = 0.0;
            while let Some(entry) = old.next_if(|entry| key(entry) == at) {
                price += (1.0 - share) * entry.2;
            }
            while let Some(entry) = new.next_if(|entry| key(entry) == at) {
                price += share * entry.2.min(cap);
            }
            if price > NEGLIGIBLE_PRICE {
                spare.entries.push((at.0, at.1, price));
            }
        }
        std::mem::swap(&mut self.entries, &mut spare.entries);
    }
}

/// Multipliers below this, $ per pu or fraction, are dropped.
const NEGLIGIBLE_PRICE: f64 = 1e-3;

/// Strength of the quadratic part and the safety margins of the priced limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitPricing {
    /// rho for voltages, $/pu^2.
    pub voltage_curvature: f64,
    /// rho for currents, $ per (fraction of the limit)^2.
    pub current_curvature: f64,
    /// Voltage limits are tightened by this, pu.
    pub voltage_margin_pu: f64,
    /// Current limits are tightened by this fraction.
    pub current_margin: f64,
}

/// Dense scratch for the multipliers of one step, and what the last gradient found each limit to cost.
#[derive(Debug, Clone, Default)]
pub struct PriceScratch {
    /// Slopes \[lambda + rho g\]+ above zero of the last [`lagrangian_gradient`]: its estimate of the multipliers.
    pub slopes: LimitPrices,
    low: Vec<f64>,
    high: Vec<f64>,
    current: Vec<f64>,
}

/// What [`lagrangian_gradient`] measured on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LagrangianValue {
    /// Cost, $.
    pub cost: f64,
    /// Priced limits, $.
    pub priced: f64,
    /// Largest voltage violation, pu (limits without margin).
    pub voltage_violation_pu: f64,
    /// Largest current violation, fraction of the limit.
    pub current_violation: f64,
}

/// Value and gradient of L; `gradients[n]` (kW, kvar entries, $ per unit) is overwritten.
///
/// # Errors
/// The power flow's own.
#[allow(clippy::too_many_arguments)]
pub fn lagrangian_gradient(
    fleet: &Fleet,
    window: &Window,
    base: &BaseDemand,
    actions: &[Vec<f64>],
    prices: &LimitPrices,
    pricing: &LimitPricing,
    ws: &mut PhysicsWorkspace,
    scratch: &mut PriceScratch,
    gradients: &mut [Vec<f64>],
) -> Result<LagrangianValue, GridError> {
    let (steps, dt_h) = (window.steps, window.dt_h);
    let mut value = LagrangianValue::default();
    gradients.iter_mut().for_each(|g| g.fill(0.0));
    scratch.slopes.entries.clear();
    for t in 0..steps {
        ws.solve_step(fleet, base, actions, steps, t)?;
        ws.dl_dv.fill(num_complex::Complex64::ZERO);
        scratch.load(fleet, prices, t);
        add_exchange(fleet, window, t, ws, &mut value);
        add_limits(fleet, pricing, t, scratch, ws, &mut value);
        let PhysicsWorkspace { flow, p, q, dl_dv, dl_dp, dl_dq, .. } = ws;
        fleet.grid.linearise(p, q, flow)?;
        fleet.grid.adjoint(dl_dv, dl_dp, dl_dq, flow);
        for (mg, gradient) in fleet.microgrids.iter().zip(gradients.iter_mut()) {
            crate::rows::add_port_gradient(mg, &mg.layout(steps), t, fleet.grid.base_kva(), dl_dp, dl_dq, gradient);
        }
    }
    for (n, (mg, w)) in fleet.microgrids.iter().zip(&window.microgrids).enumerate() {
        let layout = mg.layout(steps);
        value.cost += fuel_cost(mg, dt_h, &layout, &actions[n], Some(&mut gradients[n]));
        value.cost += storage_cost(mg, w, dt_h, &layout, &actions[n], Some(&mut gradients[n]));
    }
    Ok(value)
}

/// - lambda_R P_PCC dt summed over **all** microgrids: an action changes its neighbours' exchange slightly.
fn add_exchange(fleet: &Fleet, window: &Window, t: usize, ws: &mut PhysicsWorkspace, value: &mut LagrangianValue) {
    let base_kva = fleet.grid.base_kva();
    let v = ws.flow.v();
    for (mg, w) in fleet.microgrids.iter().zip(&window.microgrids) {
        let weight = -w.price_per_kwh[t] * window.dt_h * base_kva;
        value.cost += weight * fleet.grid.pcc_export_pu(mg.pcc, v);
        fleet.grid.add_pcc_export_gradient(mg.pcc, v, weight, &mut ws.dl_dv);
    }
}

fn add_limits(
    fleet: &Fleet,
    pricing: &LimitPricing,
    t: usize,
    scratch: &mut PriceScratch,
    ws: &mut PhysicsWorkspace,
    value: &mut LagrangianValue,
) {
    let v = ws.flow.v();
    for bus in 0..fleet.grid.n_voltages() {
        if fleet.grid.is_fixed_voltage(bus) {
            continue;
        }
        let magnitude = fleet.grid.voltage_pu(bus, v);
        let (low, high) = (fleet.limits.v_min_pu[bus] - magnitude, magnitude - fleet.limits.v_max_pu[bus]);
        value.voltage_violation_pu = value.voltage_violation_pu.max(low).max(high);
        let slope_low = priced(low + pricing.voltage_margin_pu, scratch.low[bus], pricing.voltage_curvature, value);
        let slope_high = priced(high + pricing.voltage_margin_pu, scratch.high[bus], pricing.voltage_curvature, value);
        scratch.slopes.keep(t, Limit::VoltageLow(bus), slope_low);
        scratch.slopes.keep(t, Limit::VoltageHigh(bus), slope_high);
        let weight = slope_high - slope_low;
        if weight != 0.0 {
            fleet.grid.add_voltage_gradient(bus, v, weight, &mut ws.dl_dv);
        }
    }
    for branch in 0..fleet.grid.n_currents() {
        let limit = fleet.limits.i_max_pu[branch];
        if !limit.is_finite() {
            continue;
        }
        let MonitoredCurrent { side, factor, current } = fleet.grid.monitored_current(branch, v);
        let loading = current.norm();
        let excess = loading / limit - 1.0;
        value.current_violation = value.current_violation.max(excess);
        let slope = priced(excess + pricing.current_margin, scratch.current[branch], pricing.current_curvature, value);
        scratch.slopes.keep(t, Limit::Current(branch), slope);
        if slope != 0.0 {
            // At I = 0 the magnitude has no gradient.
            if loading > 0.0 {
                let weight = slope * factor / limit;
                fleet.grid.add_current_gradient(branch, side, current / loading, weight, &mut ws.dl_dv);
            }
        }
    }
}

/// Adds psi(g) and returns its slope \[lambda + rho g\]+.
fn priced(g: f64, lambda: f64, rho: f64, value: &mut LagrangianValue) -> f64 {
    let slope = lambda + rho * g;
    if slope > 0.0 {
        value.priced += lambda * g + 0.5 * rho * g * g;
        slope
    } else {
        if rho > 0.0 {
            value.priced -= lambda * lambda / (2.0 * rho);
        }
        0.0
    }
}

impl PriceScratch {
    fn load(&mut self, fleet: &Fleet, prices: &LimitPrices, t: usize) {
        self.low.resize(fleet.grid.n_voltages(), 0.0);
        self.high.resize(fleet.grid.n_voltages(), 0.0);
        self.current.resize(fleet.grid.n_currents(), 0.0);
        self.low.fill(0.0);
        self.high.fill(0.0);
        self.current.fill(0.0);
        for &(step, limit, price) in &prices.entries {
            if step == t {
                match limit {
                    Limit::VoltageLow(bus) => self.low[bus] += price,
                    Limit::VoltageHigh(bus) => self.high[bus] += price,
                    Limit::Current(branch) => self.current[branch] += price,
                }
            }
        }
    }
}

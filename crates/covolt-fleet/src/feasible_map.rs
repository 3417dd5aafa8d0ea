//! Feasible map: from any vector to an action that the devices can follow, (5)-(14), and its reverse derivative.
//!
//! Forward in time, each entry is clipped to what is reachable: generators to the box (5) and the ramp (7) from the
//! step before, batteries to the power limits (11), (12) and to the energy that (9), (10) leave, reactive powers to
//! (6), (8), (14) and to the apparent-power circle that the active power leaves. The local limits therefore hold
//! exactly for every parameter vector of a policy, trained or not.
//!
//! Reverse derivative (cotangent of the action -> cotangent of the vector): inside the limits the identity. At an
//! active limit it is one-sided: descent that leads back inside passes to the clipped entry, descent that pushes
//! outside passes to whatever the limit depends on (the step before for ramps and energy, the active power for the
//! circle), or vanishes when the limit is constant.

use crate::cost::NO_POWER_KW;
use crate::devices::{Battery, DieselGenerator};
use crate::fleet::Microgrid;
use crate::layout::ActionLayout;
use crate::window::MicrogridWindow;

/// What the local limits of a window depend on besides the action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Given<'a> {
    /// State of charge per battery before the window.
    pub soc: &'a [f64],
    /// Active power per generator before the window, kW.
    pub p_dg_kw: &'a [f64],
    /// Available power of each PV system, kW, `[device * steps + t]`.
    pub pv_kw: &'a [f64],
}

impl<'a> From<&'a MicrogridWindow> for Given<'a> {
    fn from(window: &'a MicrogridWindow) -> Given<'a> {
        Given { soc: &window.start.soc, p_dg_kw: &window.start.p_dg_kw, pv_kw: &window.pv_kw }
    }
}

/// Maps `raw` to a feasible `action` (both of length `layout.len()`, kW and kvar). NaN entries count as zero.
pub fn apply<'a>(
    mg: &Microgrid,
    window: impl Into<Given<'a>>,
    dt_h: f64,
    layout: &ActionLayout,
    raw: &[f64],
    action: &mut [f64],
) {
    let given: Given<'a> = window.into();
    for (i, dg) in mg.dgs.iter().enumerate() {
        let mut previous = given.p_dg_kw[i];
        for t in 0..layout.steps {
            let (low, high) = generator_range(dg, previous, dt_h);
            previous = clip(raw[layout.p_dg(t, i)], low, high);
            action[layout.p_dg(t, i)] = previous;
            let q_limit = crate::devices::reactive_limit(dg.q_max_kvar, dg.s_max_kva, previous);
            action[layout.q_dg(t, i)] = clip(raw[layout.q_dg(t, i)], 0.0, q_limit);
        }
    }
    for (k, battery) in mg.batteries.iter().enumerate() {
        let mut soc = given.soc[k];
        for t in 0..layout.steps {
            let (low, high) = battery_range(battery, soc, dt_h);
            let p = clip(raw[layout.p_ess(t, k)], low, high);
            action[layout.p_ess(t, k)] = p;
            soc += battery.soc_change(p, dt_h);
            let q_limit = battery.q_limit_kvar(p);
            action[layout.q_ess(t, k)] = clip(raw[layout.q_ess(t, k)], -q_limit, q_limit);
        }
    }
    for (j, pv) in mg.pvs.iter().enumerate() {
        for t in 0..layout.steps {
            let q_limit = pv.q_limit_kvar(given.pv_kw[j * layout.steps + t]);
            action[layout.q_pv(t, j)] = clip(raw[layout.q_pv(t, j)], -q_limit, q_limit);
        }
    }
}

/// Replaces `cotangent` = dL/d action by dL/d raw, in place; `action` is what [`apply`] made of `raw`.
pub fn pull_back<'a>(
    mg: &Microgrid,
    window: impl Into<Given<'a>>,
    dt_h: f64,
    layout: &ActionLayout,
    raw: &[f64],
    action: &[f64],
    cotangent: &mut [f64],
) {
    let given: Given<'a> = window.into();
    for (i, dg) in mg.dgs.iter().enumerate() {
        let mut carry = 0.0;
        for t in (0..layout.steps).rev() {
            let (ip, iq) = (layout.p_dg(t, i), layout.q_dg(t, i));
            let p = action[ip];
            let q_limit = crate::devices::reactive_limit(dg.q_max_kvar, dg.s_max_kva, p);
            let (to_raw, to_limit) = one_sided(raw[iq], 0.0, q_limit, cotangent[iq]);
            cotangent[iq] = to_raw;
            if q_limit < dg.q_max_kvar && to_limit.high != 0.0 {
                cotangent[ip] += to_limit.high * circle_slope(p, q_limit);
            }
            let previous = if t == 0 { given.p_dg_kw[i] } else { action[layout.p_dg(t - 1, i)] };
            let (low, high) = generator_range(dg, previous, dt_h);
            let (to_raw, to_limit) = one_sided(raw[ip], low, high, cotangent[ip] + carry);
            cotangent[ip] = to_raw;
            carry = 0.0;
            if high < dg.p_max_kw {
                carry += to_limit.high;
            }
            if low > 0.0 {
                carry += to_limit.low;
            }
        }
    }
    for (k, battery) in mg.batteries.iter().enumerate() {
        let soc_per_kw = dt_h / battery.capacity_kwh;
        let mut soc = given.soc[k];
        for t in 0..layout.steps {
            soc += battery.soc_change(action[layout.p_ess(t, k)], dt_h);
        }
        let mut carry = 0.0; // dL/d soc after step t
        for t in (0..layout.steps).rev() {
            let (ip, iq) = (layout.p_ess(t, k), layout.q_ess(t, k));
            let p = action[ip];
            let q_limit = battery.q_limit_kvar(p);
            let (to_raw, to_limit) = one_sided(raw[iq], -q_limit, q_limit, cotangent[iq]);
            cotangent[iq] = to_raw;
            if q_limit < battery.q_max_kvar {
                cotangent[ip] += (to_limit.high - to_limit.low) * circle_slope(p, q_limit);
            }
            soc -= battery.soc_change(p, dt_h);
            let (low, high) = battery_range(battery, soc, dt_h);
            let charging = cotangent[ip] + carry * battery.eta_charge * soc_per_kw;
            let discharging = cotangent[ip] + carry / battery.eta_discharge * soc_per_kw;
            let total = if p.abs() > NO_POWER_KW {
                if p > 0.0 { charging } else { discharging }
            } else if raw[ip] < 0.0 {
                // Empty and asked to discharge: inwards is charging, following the limit is discharging.
                if charging < 0.0 { charging } else { discharging.max(0.0) }
            } else if discharging > 0.0 {
                discharging
            } else {
                charging.min(0.0)
            };
            let (to_raw, to_limit) = one_sided(raw[ip], low, high, total);
            cotangent[ip] = to_raw;
            if high < battery.p_charge_max_kw {
                carry -= to_limit.high / (battery.eta_charge * soc_per_kw);
            }
            if low > -battery.p_discharge_max_kw {
                carry -= to_limit.low * battery.eta_discharge / soc_per_kw;
            }
        }
    }
    for (j, pv) in mg.pvs.iter().enumerate() {
        for t in 0..layout.steps {
            let iq = layout.q_pv(t, j);
            let q_limit = pv.q_limit_kvar(given.pv_kw[j * layout.steps + t]);
            cotangent[iq] = one_sided(raw[iq], -q_limit, q_limit, cotangent[iq]).0;
        }
    }
}

/// Reachable active power of a generator after a step at `previous` kW: box (5) and ramp (7).
pub fn generator_range(dg: &DieselGenerator, previous: f64, dt_h: f64) -> (f64, f64) {
    let ramp = dg.ramp_kw(dt_h);
    let high = (previous + ramp).min(dg.p_max_kw).max(0.0);
    let low = (previous - ramp).max(0.0).min(high);
    (low, high)
}

/// Reachable net power of a battery at state of charge `soc`: (10)-(12). Always contains zero.
pub fn battery_range(battery: &Battery, soc: f64, dt_h: f64) -> (f64, f64) {
    let high = battery.power_for_soc_change((battery.soc_max - soc).max(0.0), dt_h).min(battery.p_charge_max_kw);
    let low = battery.power_for_soc_change((battery.soc_min - soc).min(0.0), dt_h).max(-battery.p_discharge_max_kw);
    (low, high)
}

fn clip(value: f64, low: f64, high: f64) -> f64 {
    if value.is_nan() { 0.0_f64.max(low).min(high) } else { value.max(low).min(high) }
}

/// d sqrt(s^2 - p^2) / dp at the limit; bounded where the circle is steep.
fn circle_slope(p: f64, q_limit: f64) -> f64 {
    if q_limit <= 0.0 { 0.0 } else { (-p / q_limit).clamp(-10.0, 10.0) }
}

struct LimitCotangent {
    low: f64,
    high: f64,
}

/// Splits the cotangent of a clipped entry between the entry itself and the limit it sits at.
///
/// A range without width leaves the entry no inside to go back to, and is a constant (no rating left for Q).
fn one_sided(raw: f64, low: f64, high: f64, cotangent: f64) -> (f64, LimitCotangent) {
    if low >= high {
        (0.0, LimitCotangent { low: 0.0, high: 0.0 })
    } else if raw >= high && cotangent < 0.0 {
        (0.0, LimitCotangent { low: 0.0, high: cotangent })
    } else if raw <= low && cotangent > 0.0 {
        (0.0, LimitCotangent { low: cotangent, high: 0.0 })
    } else {
        (cotangent, LimitCotangent { low: 0.0, high: 0.0 })
    }
}

//! Independent check of the devices' own limits (5)-(14) and of the apparent-power circles.
//!
//! The feasible map enforces these limits by construction; this file does not use it. It reads the action in kW and
//! kvar, walks the ramp (7) and the state of charge (9) forward from the measured start, and names every device limit
//! that is exceeded. (13), no charging and discharging at once, holds for every action because one signed number is the
//! battery's power; what is checked is that the energy (9), (10) follows from that number alone.
//!
//! A start outside its limits (an SOC below the minimum, a generator above its rating) cannot be undone within a step:
//! then the device must not move further out, or must sit at the edge of its box, to count as keeping its limits.

use covolt_fleet::{Fleet, Microgrid, MicrogridWindow, Window};
use serde::{Deserialize, Serialize};

/// Powers are compared within this fraction of the limit (and of 1 kW): rounding of sums over a window.
const POWER_TOLERANCE: f64 = 1e-7;
/// States of charge are compared within this.
const SOC_TOLERANCE: f64 = 1e-9;

/// A limit of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalLimit {
    /// A value that is not a number.
    NotFinite,
    /// Active power outside its box (5), (11), (12), kW.
    ActivePower,
    /// Change of active power beyond the ramp (7), kW.
    Ramp,
    /// Reactive power outside its box (6), (8), (14), kvar.
    ReactivePower,
    /// P^2 + Q^2 beyond the rating, kVA.
    ApparentPower,
    /// State of charge outside its range (10).
    StateOfCharge,
}

impl LocalLimit {
    /// The limit in words.
    pub fn name(self) -> &'static str {
        match self {
            LocalLimit::NotFinite => "a finite set-point",
            LocalLimit::ActivePower => "active power limit",
            LocalLimit::Ramp => "ramp limit",
            LocalLimit::ReactivePower => "reactive power limit",
            LocalLimit::ApparentPower => "apparent power rating",
            LocalLimit::StateOfCharge => "state-of-charge limit",
        }
    }
}

/// A device limit that does not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalViolation {
    /// Name of the microgrid.
    pub microgrid: String,
    /// Id of the device.
    pub device: String,
    /// Step of the window.
    pub step: usize,
    /// Which limit.
    pub limit: LocalLimit,
    /// By how much, in the limit's unit.
    pub excess: f64,
}

/// All device limits that the joint action breaks, in the order microgrid, device, step. Sizes must fit the fleet.
pub fn check(fleet: &Fleet, window: &Window, actions: &[Vec<f64>]) -> Vec<LocalViolation> {
    let mut found = Vec::new();
    for ((mg, w), action) in fleet.microgrids.iter().zip(&window.microgrids).zip(actions) {
        check_microgrid(mg, w, window.dt_h, window.steps, action, &mut found);
    }
    found
}

/// The same for one microgrid; violations are appended.
pub fn check_microgrid(
    mg: &Microgrid,
    window: &MicrogridWindow,
    dt_h: f64,
    steps: usize,
    action: &[f64],
    found: &mut Vec<LocalViolation>,
) {
    let layout = mg.layout(steps);
    let mut add = |device: &str, step: usize, limit: LocalLimit, excess: f64| {
        let violation = LocalViolation { microgrid: mg.name.clone(), device: device.into(), step, limit, excess };
        found.push(violation);
    };
    for (i, dg) in mg.dgs.iter().enumerate() {
        let ramp = dg.ramp_kw_per_min * 60.0 * dt_h;
        let mut previous = window.start.p_dg_kw[i];
        for t in 0..steps {
            let (p, q) = (action[layout.p_dg(t, i)], action[layout.q_dg(t, i)]);
            let mut limit = |limit, value: f64, low: f64, high: f64| {
                report(value, low, high, &mut |excess| add(&dg.id, t, limit, excess));
            };
            limit(LocalLimit::ActivePower, p, 0.0, dg.p_max_kw);
            limit(LocalLimit::ReactivePower, q, 0.0, dg.q_max_kvar);
            // From outside the box the nearest edge is always allowed, however far it is.
            let edge = previous.clamp(0.0, dg.p_max_kw);
            limit(LocalLimit::Ramp, p, (previous - ramp).min(edge), (previous + ramp).max(edge));
            if let Some(s_max) = dg.s_max_kva {
                limit(LocalLimit::ApparentPower, p.hypot(q), 0.0, s_max);
            }
            if !(p.is_finite() && q.is_finite()) {
                add(&dg.id, t, LocalLimit::NotFinite, f64::INFINITY);
            }
            previous = p;
        }
    }
    for (j, pv) in mg.pvs.iter().enumerate() {
        for t in 0..steps {
            let (p, q) = (window.pv_kw[j * steps + t], action[layout.q_pv(t, j)]);
            report(q, -pv.q_max_kvar, pv.q_max_kvar, &mut |e| add(&pv.id, t, LocalLimit::ReactivePower, e));
            if let Some(s_max) = pv.s_max_kva {
                // The sun may exceed the rating by itself; reactive power must then be zero.
                let rating = s_max.max(p.abs());
                report(p.hypot(q), 0.0, rating, &mut |e| add(&pv.id, t, LocalLimit::ApparentPower, e));
            }
            if !q.is_finite() {
                add(&pv.id, t, LocalLimit::NotFinite, f64::INFINITY);
            }
        }
    }
    for (k, battery) in mg.batteries.iter().enumerate() {
        let mut soc = window.start.soc[k];
        for t in 0..steps {
            let (p, q) = (action[layout.p_ess(t, k)], action[layout.q_ess(t, k)]);
            let (charge, discharge) = (p.max(0.0), (-p).max(0.0));
            let next =
                soc + (battery.eta_charge * charge - discharge / battery.eta_discharge) * dt_h / battery.capacity_kwh;
            let mut limit = |limit, value: f64, low: f64, high: f64| {
                report(value, low, high, &mut |excess| add(&battery.id, t, limit, excess));
            };
            limit(LocalLimit::ActivePower, p, -battery.p_discharge_max_kw, battery.p_charge_max_kw);
            limit(LocalLimit::ReactivePower, q, -battery.q_max_kvar, battery.q_max_kvar);
            if let Some(s_max) = battery.s_max_kva {
                limit(LocalLimit::ApparentPower, p.hypot(q), 0.0, s_max);
            }
            let excess = (battery.soc_min.min(soc) - next).max(next - battery.soc_max.max(soc));
            if excess > SOC_TOLERANCE {
                add(&battery.id, t, LocalLimit::StateOfCharge, excess);
            }
            if !(p.is_finite() && q.is_finite()) {
                add(&battery.id, t, LocalLimit::NotFinite, f64::INFINITY);
            }
            soc = next;
        }
    }
}

fn report(value: f64, low: f64, high: f64, add: &mut dyn FnMut(f64)) {
    let excess = (low - value).max(value - high);
    if excess > POWER_TOLERANCE * low.abs().max(high.abs()).max(1.0) {
        add(excess);
    }
}

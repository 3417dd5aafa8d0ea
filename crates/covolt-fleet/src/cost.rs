//! The local part of the cost (1), (2): fuel and the value of stored energy, with derivatives.
//!
//! cost = sum_t dt ( lambda_F F(P_DG) - lambda_R P_PCC ) - sum_batteries \[ W(SOC_T) - W(SOC_0) \]   in $.
//! The exchange part needs the power flow and stands in [`crate::returns`]; F is per hour of running.

use crate::fleet::Microgrid;
use crate::layout::ActionLayout;
use crate::window::MicrogridWindow;
use serde::{Deserialize, Serialize};

/// A battery below this power stands at the kink between charging and discharging, kW: what rounding leaves of a power
/// that an empty or full battery is denied.
pub(crate) const NO_POWER_KW: f64 = 1e-9;

/// Cost of one microgrid over a window, $.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Fuel.
    pub fuel: f64,
    /// Exchange at the PCC: positive when energy is bought, negative when sold.
    pub exchange: f64,
    /// Minus the gain in value of stored energy.
    pub storage: f64,
}

impl Cost {
    /// Sum of all parts, $.
    pub fn total(&self) -> f64 {
        self.fuel + self.exchange + self.storage
    }
}

/// Fuel cost of the window, $; adds d/d action ($ per kW) to `gradient` where given.
pub fn fuel_cost(
    mg: &Microgrid,
    dt_h: f64,
    layout: &ActionLayout,
    action: &[f64],
    mut gradient: Option<&mut [f64]>,
) -> f64 {
    let mut cost = 0.0;
    for (i, dg) in mg.dgs.iter().enumerate() {
        for t in 0..layout.steps {
            let at = layout.p_dg(t, i);
            cost += mg.fuel_price_per_l * dg.fuel.litres_per_hour(action[at]) * dt_h;
            if let Some(gradient) = gradient.as_deref_mut() {
                gradient[at] += mg.fuel_price_per_l * dg.fuel.slope(action[at]) * dt_h;
            }
        }
    }
    cost
}

/// Minus the gain in value of stored energy over the window, $; adds d/d action to `gradient` where given.
///
/// At zero power the slope is that of charging or of discharging, whichever side descends (faster); where neither
/// side descends the total is made zero, which needs the rest of the gradient to stand in `gradient` already.
pub fn storage_cost(
    mg: &Microgrid,
    window: &MicrogridWindow,
    dt_h: f64,
    layout: &ActionLayout,
    action: &[f64],
    mut gradient: Option<&mut [f64]>,
) -> f64 {
    let mut cost = 0.0;
    for (k, battery) in mg.batteries.iter().enumerate() {
        let value = &window.terminal[k];
        let start = window.start.soc[k];
        let end = start + (0..layout.steps).map(|t| battery.soc_change(action[layout.p_ess(t, k)], dt_h)).sum::<f64>();
        cost -= value.value(end) - value.value(start);
        if let Some(gradient) = gradient.as_deref_mut() {
            let slope_kw = value.slope(end) * dt_h / battery.capacity_kwh;
            for t in 0..layout.steps {
                let at = layout.p_ess(t, k);
                let (charging, discharging) = (slope_kw * battery.eta_charge, slope_kw / battery.eta_discharge);
                gradient[at] -= if action[at] > NO_POWER_KW {
                    charging
                } else if action[at] < -NO_POWER_KW {
                    discharging
                } else {
                    let (up, down) = (gradient[at] - charging, gradient[at] - discharging);
                    let total = if up < 0.0 && -up >= down {
                        up
                    } else if down > 0.0 {
                        down
                    } else {
                        0.0
                    };
                    gradient[at] - total
                };
            }
        }
    }
    cost
}

/// States of charge after each step, `[k * steps + t]`, (9).
pub fn soc_path(
    mg: &Microgrid,
    window: &MicrogridWindow,
    dt_h: f64,
    layout: &ActionLayout,
    action: &[f64],
) -> Vec<f64> {
    let mut path = Vec::with_capacity(mg.batteries.len() * layout.steps);
    for (k, battery) in mg.batteries.iter().enumerate() {
        let mut soc = window.start.soc[k];
        for t in 0..layout.steps {
            soc += battery.soc_change(action[layout.p_ess(t, k)], dt_h);
            path.push(soc);
        }
    }
    path
}

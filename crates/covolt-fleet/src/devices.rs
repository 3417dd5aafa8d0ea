//! Devices of a microgrid and their limits, equations (2) and (5)-(14).
//!
//! Powers are in kW / kvar, energies in kWh, states of charge are fractions of the capacity (0 to 1).
//! A diesel generator and a PV system inject; a battery's net power is positive when it charges.

use covolt_grid::Connection;
use serde::{Deserialize, Serialize};

/// Quadratic fuel use (2) of a diesel generator: F = a P^2 + b P + c litres per hour with P in kW.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FuelCurve {
    /// a, in L/(kW^2 h).
    pub a_l_per_kw2h: f64,
    /// b, in L/kWh.
    pub b_l_per_kwh: f64,
    /// c, in L/h: fuel of the running machine at no load.
    pub c_l_per_h: f64,
}

impl FuelCurve {
    /// Litres per hour at `p_kw`.
    pub fn litres_per_hour(&self, p_kw: f64) -> f64 {
        (self.a_l_per_kw2h * p_kw + self.b_l_per_kwh) * p_kw + self.c_l_per_h
    }

    /// Slope dF/dP in L/kWh at `p_kw`.
    pub fn slope(&self, p_kw: f64) -> f64 {
        2.0 * self.a_l_per_kw2h * p_kw + self.b_l_per_kwh
    }
}

/// Dispatchable diesel generator: 0 <= P <= P_max (5), 0 <= Q <= Q_max (6), |P_t - P_(t-1)| <= ramp (7).
#[derive(Debug, Clone, PartialEq)]
pub struct DieselGenerator {
    /// Identifier as the user wrote it.
    pub id: String,
    /// Where it is connected.
    pub connection: Connection,
    /// Largest active power, kW.
    pub p_max_kw: f64,
    /// Largest reactive power, kvar.
    pub q_max_kvar: f64,
    /// Largest change of active power, kW per minute.
    pub ramp_kw_per_min: f64,
    /// Apparent-power rating, kVA; where given, P^2 + Q^2 <= S_max^2 holds too.
    pub s_max_kva: Option<f64>,
    /// Fuel use.
    pub fuel: FuelCurve,
}

impl DieselGenerator {
    /// Ramp limit of one step of `dt_h` hours, kW.
    pub fn ramp_kw(&self, dt_h: f64) -> f64 {
        self.ramp_kw_per_min * 60.0 * dt_h
    }
}

/// PV system with a controllable inverter: P is what the sun gives, |Q| <= Q_max (8).
#[derive(Debug, Clone, PartialEq)]
pub struct Photovoltaic {
    /// Identifier as the user wrote it.
    pub id: String,
    /// Where it is connected.
    pub connection: Connection,
    /// Largest reactive power in either direction, kvar.
    pub q_max_kvar: f64,
    /// Apparent-power rating of the inverter, kVA; where given, P^2 + Q^2 <= S_max^2 holds too.
    pub s_max_kva: Option<f64>,
}

impl Photovoltaic {
    /// Largest |Q| while the system feeds `p_kw`, kvar.
    pub fn q_limit_kvar(&self, p_kw: f64) -> f64 {
        reactive_limit(self.q_max_kvar, self.s_max_kva, p_kw)
    }
}

/// Battery storage, (9)-(14).
#[derive(Debug, Clone, PartialEq)]
pub struct Battery {
    /// Identifier as the user wrote it.
    pub id: String,
    /// Where it is connected.
    pub connection: Connection,
    /// Capacity E_cap, kWh.
    pub capacity_kwh: f64,
    /// Lowest state of charge.
    pub soc_min: f64,
    /// Highest state of charge.
    pub soc_max: f64,
    /// Largest charging power, kW (11).
    pub p_charge_max_kw: f64,
    /// Largest discharging power, kW (12).
    pub p_discharge_max_kw: f64,
    /// Charging efficiency, in (0, 1].
    pub eta_charge: f64,
    /// Discharging efficiency, in (0, 1].
    pub eta_discharge: f64,
    /// Largest reactive power in either direction, kvar (14).
    pub q_max_kvar: f64,
    /// Apparent-power rating of the inverter, kVA; where given, P^2 + Q^2 <= S_max^2 holds too.
    pub s_max_kva: Option<f64>,
}

impl Battery {
    /// Change of the state of charge (9) over `dt_h` hours at net power `p_kw` (positive = charging).
    pub fn soc_change(&self, p_kw: f64, dt_h: f64) -> f64 {
        let stored_kw = if p_kw >= 0.0 { p_kw * self.eta_charge } else { p_kw / self.eta_discharge };
        stored_kw * dt_h / self.capacity_kwh
    }

    /// Net power (positive = charging) that changes the state of charge by `change` within `dt_h`; inverse of [`Self::soc_change`].
    pub fn power_for_soc_change(&self, change: f64, dt_h: f64) -> f64 {
        let stored_kw = change * self.capacity_kwh / dt_h;
        if stored_kw >= 0.0 { stored_kw / self.eta_charge } else { stored_kw * self.eta_discharge }
    }

    /// Largest |Q| at net power `p_kw`, kvar.
    pub fn q_limit_kvar(&self, p_kw: f64) -> f64 {
        reactive_limit(self.q_max_kvar, self.s_max_kva, p_kw)
    }
}

/// Consumption at a bus; its series stand in the profiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Identifier as the user wrote it.
    pub id: String,
    /// Where it is connected.
    pub connection: Connection,
}

/// min(q_max, sqrt(s_max^2 - p^2)); zero when the active power alone uses the whole rating.
pub fn reactive_limit(q_max_kvar: f64, s_max_kva: Option<f64>, p_kw: f64) -> f64 {
    match s_max_kva {
        None => q_max_kvar,
        Some(s) => q_max_kvar.min((s * s - p_kw * p_kw).max(0.0).sqrt()),
    }
}

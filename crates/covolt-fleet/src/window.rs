//! One look-ahead window [t, t+T): what is given from outside, where the devices start, what stored energy is worth after it.

use crate::fleet::Fleet;
use crate::profiles::Profiles;
use covolt_grid::Connection;

/// Measured state of a microgrid's devices just before the window.
#[derive(Debug, Clone, PartialEq)]
pub struct MicrogridStart {
    /// State of charge per battery.
    pub soc: Vec<f64>,
    /// Active power per diesel generator in the step before the window, kW: P_(t-1) of the ramp limit (7).
    pub p_dg_kw: Vec<f64>,
}

/// Value of the energy that a battery holds at the end of the window: concave, piecewise linear in the state of charge.
///
/// `breakpoints` has one entry more than `slopes`; slope k (in $ per unit of state of charge) holds between breakpoints
/// k and k+1, slopes never increase. The value is counted from the state of charge at the start of the window.
/// No value: one segment of slope 0; constant or time-of-day: one segment of slope v E_cap.
#[derive(Debug, Clone, PartialEq)]
pub struct TerminalValue {
    /// States of charge, increasing.
    pub breakpoints: Vec<f64>,
    /// $ per unit of state of charge, never increasing.
    pub slopes: Vec<f64>,
}

impl TerminalValue {
    /// The same slope everywhere, $ per unit of state of charge.
    pub fn linear(slope: f64) -> TerminalValue {
        TerminalValue { breakpoints: vec![0.0, 1.0], slopes: vec![slope] }
    }

    /// Value at `soc` minus value at the first breakpoint, $. Outside the breakpoints the outermost slopes go on.
    pub fn value(&self, soc: f64) -> f64 {
        let mut value = 0.0;
        let last = self.slopes.len().saturating_sub(1);
        for (k, slope) in self.slopes.iter().enumerate() {
            let low = if k == 0 { f64::NEG_INFINITY } else { self.breakpoints[k] };
            let high = if k == last { f64::INFINITY } else { self.breakpoints[k + 1] };
            value += slope * (soc.clamp(low, high) - self.breakpoints[0].clamp(low, high));
        }
        value
    }

    /// Slope just at `soc` (of the segment above it at a breakpoint), $ per unit of state of charge.
    pub fn slope(&self, soc: f64) -> f64 {
        let last = self.slopes.len().saturating_sub(1);
        let k = (0..last).find(|&k| soc < self.breakpoints[k + 1]).unwrap_or(last);
        self.slopes.get(k).copied().unwrap_or(0.0)
    }
}

/// One microgrid's part of a window; series are indexed `[device * steps + t]`.
#[derive(Debug, Clone, PartialEq)]
pub struct MicrogridWindow {
    /// Active power of each load, kW.
    pub load_p_kw: Vec<f64>,
    /// Reactive power of each load, kvar.
    pub load_q_kvar: Vec<f64>,
    /// Available power of each PV system, kW.
    pub pv_kw: Vec<f64>,
    /// Exchange price lambda_R per step, $/kWh.
    pub price_per_kwh: Vec<f64>,
    /// Devices' state before the window.
    pub start: MicrogridStart,
    /// Value of stored energy after the window, one per battery.
    pub terminal: Vec<TerminalValue>,
}

/// What the operator of the feeder says at the point of common coupling of an agent's part (`seam.rs`), per step of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct PccTerms {
    /// Voltage of the part's source, as a multiple of the source's own.
    pub v_pu: Vec<f64>,
    /// Price of active power drawn from the feeder, $/kW, on top of the exchange price: the multipliers of others' limits.
    pub p_price_per_kw: Vec<f64>,
    /// Price of reactive power drawn from the feeder, $/kvar.
    pub q_price_per_kvar: Vec<f64>,
}

impl PccTerms {
    /// These voltages and no prices.
    pub fn at(v_pu: Vec<f64>) -> PccTerms {
        let steps = v_pu.len();
        PccTerms { v_pu, p_price_per_kw: vec![0.0; steps], q_price_per_kvar: vec![0.0; steps] }
    }
}

/// Everything outside the agents' control over one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Length of a step, h.
    pub dt_h: f64,
    /// Number of steps T.
    pub steps: usize,
    /// Row of the profiles at which the window starts.
    pub row: usize,
    /// Local hour of day at the start.
    pub hour_of_day: f64,
    /// Local weekday at the start, 0 = Monday.
    pub weekday: u8,
    /// Feeder loads, kW, `[load * steps + t]`.
    pub feeder_p_kw: Vec<f64>,
    /// Feeder loads, kvar.
    pub feeder_q_kvar: Vec<f64>,
    /// One per microgrid.
    pub microgrids: Vec<MicrogridWindow>,
    /// Of an agent's part; `None` where the network is solved as a whole, its source at its own voltage.
    pub pcc: Option<PccTerms>,
}

impl Window {
    /// Voltage of the source at step `t`, as a multiple of its own.
    pub fn source_factor(&self, t: usize) -> f64 {
        self.pcc.as_ref().and_then(|pcc| pcc.v_pu.get(t).copied()).unwrap_or(1.0)
    }

    /// Prices of active and reactive power drawn at the PCC at step `t`, $/kW and $/kvar, beside the exchange price.
    pub fn pcc_prices(&self, t: usize) -> (f64, f64) {
        let at = |list: &Vec<f64>| list.get(t).copied().unwrap_or(0.0);
        self.pcc.as_ref().map_or((0.0, 0.0), |pcc| (at(&pcc.p_price_per_kw), at(&pcc.q_price_per_kvar)))
    }

    /// Cuts the window of `steps` rows starting at `row` out of the profiles (perfect forecast).
    ///
    /// Returns `None` when the profiles end before the window does or `starts` does not fit the fleet.
    pub fn from_profiles(
        profiles: &Profiles,
        row: usize,
        steps: usize,
        starts: &[MicrogridStart],
        terminals: &[Vec<TerminalValue>],
    ) -> Option<Window> {
        if steps == 0
            || row + steps > profiles.rows()
            || starts.len() != profiles.microgrids.len()
            || terminals.len() != profiles.microgrids.len()
        {
            return None;
        }
        let span = row..row + steps;
        let feeder_p_kw = profiles.feeder_loads.iter().flat_map(|l| span.clone().map(|r| l.p_kw.at(r))).collect();
        let feeder_q_kvar = profiles.feeder_loads.iter().flat_map(|l| span.clone().map(|r| l.q_kvar.at(r))).collect();
        let microgrids = profiles
            .microgrids
            .iter()
            .zip(starts)
            .zip(terminals)
            .map(|((m, start), terminal)| MicrogridWindow {
                load_p_kw: m.loads.iter().flat_map(|l| span.clone().map(|r| l.p_kw.at(r))).collect(),
                load_q_kvar: m.loads.iter().flat_map(|l| span.clone().map(|r| l.q_kvar.at(r))).collect(),
                pv_kw: m.pvs_kw.iter().flat_map(|s| span.clone().map(|r| s.at(r))).collect(),
                price_per_kwh: span.clone().map(|r| m.price_per_kwh.at(r)).collect(),
                start: start.clone(),
                terminal: terminal.clone(),
            })
            .collect();
        Some(Window {
            dt_h: profiles.dt_h,
            steps,
            row,
            hour_of_day: profiles.hour_of_day[row],
            weekday: profiles.weekday[row],
            feeder_p_kw,
            feeder_q_kvar,
            microgrids,
            pcc: None,
        })
    }

    /// Net demand per port that no agent controls (loads minus PV power) at step `t`, in pu: (32), (33) without the devices.
    pub fn base_demand_pu(&self, fleet: &Fleet, t: usize, p_pu: &mut [f64], q_pu: &mut [f64]) {
        let base_kva = fleet.grid.base_kva();
        p_pu.fill(0.0);
        q_pu.fill(0.0);
        let add = |connection: &Connection, demand: &mut [f64], value: f64| {
            let share = value * connection.share();
            connection.ports().iter().for_each(|port| demand[port.0] += share);
        };
        for (l, load) in fleet.feeder_loads.iter().enumerate() {
            add(&load.connection, p_pu, self.feeder_p_kw[l * self.steps + t] / base_kva);
            add(&load.connection, q_pu, self.feeder_q_kvar[l * self.steps + t] / base_kva);
        }
        for (mg, w) in fleet.microgrids.iter().zip(&self.microgrids) {
            for (l, load) in mg.loads.iter().enumerate() {
                add(&load.connection, p_pu, w.load_p_kw[l * self.steps + t] / base_kva);
                add(&load.connection, q_pu, w.load_q_kvar[l * self.steps + t] / base_kva);
            }
            for (j, pv) in mg.pvs.iter().enumerate() {
                add(&pv.connection, p_pu, -w.pv_kw[j * self.steps + t] / base_kva);
            }
        }
    }
}

//! Rows of the coupled limits, linearised at a power flow: b_m of (24) in action space, one adjoint solve each, (45), (46).
//!
//! A limit at step t depends on the actions of that step only, so a row holds `per_step` coefficients per microgrid.
//! Voltages are linear rows; branch currents are kept complex (two rows, real and imaginary part), since a linearised
//! magnitude is useless where the flow can reverse. Only limits within reach are built: the others stay out, and the
//! caller checks them again after the step.

use crate::fleet::{Fleet, Microgrid};
use crate::layout::ActionLayout;
use crate::returns::{Limit, PhysicsWorkspace};
use covolt_grid::{GridError, MonitoredCurrent};
use num_complex::Complex64;

/// Linearised voltage limit: value + sum coefficients (a - a_0) within the limit.
#[derive(Debug, Clone, PartialEq)]
pub struct VoltageRow {
    /// Step of the window.
    pub step: usize,
    /// Which limit: `VoltageLow` or `VoltageHigh`.
    pub limit: Limit,
    /// Excess over the limit at the linearisation, pu (negative = room).
    pub excess: f64,
    /// d excess / d action, per microgrid, `per_step` entries each, pu per kW or kvar.
    pub coefficients: Vec<Vec<f64>>,
}

/// Linearised complex branch current in fractions of its limit: |value + sum coefficients (a - a_0)| <= 1.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentRow {
    /// Step of the window.
    pub step: usize,
    /// The monitored current.
    pub branch: usize,
    /// Current at the linearisation, fraction of the limit.
    pub value: Complex64,
    /// d Re / d action per microgrid, per kW or kvar.
    pub re: Vec<Vec<f64>>,
    /// d Im / d action per microgrid, per kW or kvar.
    pub im: Vec<Vec<f64>>,
}

/// Which limits to build rows for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    /// Voltages within this of a limit, pu.
    pub voltage_pu: f64,
    /// Currents above this fraction of their limit.
    pub current_fraction: f64,
}

/// Adds dL/d action of step `t` to `gradient`, given dL/d(net demand) per port: chain rule through (32), (33).
pub fn add_port_gradient(
    mg: &Microgrid,
    layout: &ActionLayout,
    t: usize,
    base_kva: f64,
    dl_dp: &[f64],
    dl_dq: &[f64],
    gradient: &mut [f64],
) {
    mg.for_each_device(layout, t, |port, active, reactive, sign| {
        if let Some(active) = active {
            gradient[active] += sign * dl_dp[port.0] / base_kva;
        }
        gradient[reactive] += sign * dl_dq[port.0] / base_kva;
    });
}

/// Rows of all limits within `reach` at the step solved last (`ws` holds its voltages and a fresh linearisation).
///
/// # Errors
/// The grid's own.
pub fn step_rows(
    fleet: &Fleet,
    t: usize,
    reach: &Reach,
    ws: &mut PhysicsWorkspace,
    voltage_rows: &mut Vec<VoltageRow>,
    current_rows: &mut Vec<CurrentRow>,
) -> Result<(), GridError> {
    for bus in 0..fleet.grid.n_voltages() {
        if fleet.grid.is_fixed_voltage(bus) {
            continue;
        }
        let magnitude = fleet.grid.voltage_pu(bus, ws.flow.v());
        let sides = [
            (Limit::VoltageLow(bus), fleet.limits.v_min_pu[bus] - magnitude, -1.0),
            (Limit::VoltageHigh(bus), magnitude - fleet.limits.v_max_pu[bus], 1.0),
        ];
        for (limit, excess, sign) in sides {
            if excess > -reach.voltage_pu {
                ws.dl_dv.fill(Complex64::ZERO);
                fleet.grid.add_voltage_gradient(bus, ws.flow.v(), sign, &mut ws.dl_dv);
                let coefficients = pull_to_actions(fleet, ws);
                voltage_rows.push(VoltageRow { step: t, limit, excess, coefficients });
            }
        }
    }
    for branch in 0..fleet.grid.n_currents() {
        let limit = fleet.limits.i_max_pu[branch];
        if !limit.is_finite() {
            continue;
        }
        let MonitoredCurrent { side, factor, current } = fleet.grid.monitored_current(branch, ws.flow.v());
        let value = current / limit;
        if value.norm() > reach.current_fraction {
            let mut part = |direction: Complex64| {
                ws.dl_dv.fill(Complex64::ZERO);
                fleet.grid.add_current_gradient(branch, side, direction, factor / limit, &mut ws.dl_dv);
                pull_to_actions(fleet, ws)
            };
            let re = part(Complex64::ONE);
            let im = part(Complex64::I);
            current_rows.push(CurrentRow { step: t, branch, value, re, im });
        }
    }
    Ok(())
}

/// Adjoint solve of the cotangent in `ws.dl_dv`, mapped to one step's actions of every microgrid.
pub(crate) fn pull_to_actions(fleet: &Fleet, ws: &mut PhysicsWorkspace) -> Vec<Vec<f64>> {
    let PhysicsWorkspace { flow, dl_dv, dl_dp, dl_dq, .. } = ws;
    fleet.grid.adjoint(dl_dv, dl_dp, dl_dq, flow);
    let base_kva = fleet.grid.base_kva();
    fleet
        .microgrids
        .iter()
        .map(|mg| {
            let layout = mg.layout(1);
            let mut coefficients = vec![0.0; layout.len()];
            add_port_gradient(mg, &layout, 0, base_kva, dl_dp, dl_dq, &mut coefficients);
            coefficients
        })
        .collect()
}

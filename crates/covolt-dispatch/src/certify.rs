//! The check behind every certificate: true AC power flow of each step, every network limit, every device limit.

use crate::certificate::{BINDING_CURRENT, BINDING_VOLTAGE_PU, Certificate, Layer, LimitReading, LimitUnit, Verdict};
use crate::local_limits::{self, LocalLimit, LocalViolation};
use covolt_fleet::returns::{evaluate_each, loading_pu};
use covolt_fleet::{
    BaseDemand, CURRENT_TOLERANCE_RELATIVE, Fleet, Limit, Nearest, PhysicsWorkspace, VOLTAGE_TOLERANCE_PU, Window,
    WindowReturns,
};
use covolt_grid::{Complex64, FlowOptions, GridError};
use std::collections::BTreeSet;

/// How a decision came about: what the certificate says beside the physics.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub repairs: u32,
    pub polish_steps: u32,
    pub programs: u32,
    pub central: bool,
    /// Repair was tried: what is still broken is the least violation.
    pub repair_tried: bool,
    /// Limits proven not to be met together, worst first.
    pub unavoidable: Vec<Nearest>,
}

/// What the check found.
pub(crate) struct Examination {
    pub returns: Result<WindowReturns, GridError>,
    pub local: Vec<LocalViolation>,
    /// Voltages of all steps, pu, step after step; incomplete without a power flow.
    voltages: Vec<Complex64>,
}

impl Examination {
    /// Power flow at its own tolerance from a flat start, whatever the caller's workspace was set to; all limits.
    pub fn of(
        fleet: &Fleet,
        window: &Window,
        base: &BaseDemand,
        actions: &[Vec<f64>],
        ws: &mut PhysicsWorkspace,
    ) -> Examination {
        ws.options = FlowOptions::default();
        let mut voltages = Vec::with_capacity(fleet.grid.n_nodes() * window.steps);
        let returns = evaluate_each(fleet, window, base, actions, ws, |_, v| voltages.extend_from_slice(v));
        Examination { returns, local: local_limits::check(fleet, window, actions), voltages }
    }

    /// Of the whole fleet, whose feeders have been examined: their returns joined, all device limits once more where they are not given. The tight limits
    /// are those of the feeders.
    pub fn joined(
        fleet: &Fleet,
        window: &Window,
        actions: &[Vec<f64>],
        returns: Result<WindowReturns, GridError>,
        local: Option<Vec<LocalViolation>>,
    ) -> Examination {
        let local = local.unwrap_or_else(|| local_limits::check(fleet, window, actions));
        Examination { returns, local, voltages: Vec::new() }
    }

    /// Every limit of network and devices holds.
    pub fn is_safe(&self) -> bool {
        self.local.is_empty() && self.returns.as_ref().is_ok_and(returns_are_safe)
    }

    /// Every network limit that binds or is broken, in the order of steps, buses, branches; none without a power flow.
    pub fn tight_limits(&self, fleet: &Fleet) -> Vec<Nearest> {
        let near = |nearest: Option<Nearest>, room: f64| nearest.is_some_and(|n| n.excess.is_nan() || n.excess > -room);
        let mut tight = Vec::new();
        let any = |r: &WindowReturns| near(r.voltage, BINDING_VOLTAGE_PU) || near(r.current, BINDING_CURRENT);
        if !self.returns.as_ref().is_ok_and(any) {
            return tight;
        }
        for (step, v) in self.voltages.chunks_exact(fleet.grid.n_nodes()).enumerate() {
            let mut keep = |limit: Limit, excess: f64, room: f64| {
                if excess.is_nan() || excess > -room {
                    tight.push(Nearest { step, limit, excess });
                }
            };
            for bus in (0..fleet.grid.n_voltages()).filter(|&i| !fleet.grid.is_fixed_voltage(i)) {
                let magnitude = fleet.grid.voltage_pu(bus, v);
                keep(Limit::VoltageLow(bus), fleet.limits.v_min_pu[bus] - magnitude, BINDING_VOLTAGE_PU);
                keep(Limit::VoltageHigh(bus), magnitude - fleet.limits.v_max_pu[bus], BINDING_VOLTAGE_PU);
            }
            for (branch, limit) in fleet.limits.i_max_pu.iter().enumerate().filter(|(_, limit)| limit.is_finite()) {
                keep(Limit::Current(branch), loading_pu(fleet, branch, v) / limit - 1.0, BINDING_CURRENT);
            }
        }
        tight
    }
}

/// All network limits hold; NaN never counts as safe.
pub(crate) fn returns_are_safe(returns: &WindowReturns) -> bool {
    let finite = |nearest: &Option<Nearest>| nearest.is_none_or(|n| !n.excess.is_nan());
    returns.is_safe() && finite(&returns.voltage) && finite(&returns.current) && returns.total().is_finite()
}

/// Writes the certificate of what was examined; `tight` are the limits of [`Examination::tight_limits`].
pub(crate) fn certificate(
    fleet: &Fleet,
    examination: &Examination,
    mut tight: Vec<Nearest>,
    version: &str,
    history: &History,
) -> Certificate {
    let layer = match (history.polish_steps, history.repairs, history.central) {
        (0, 0, false) => Layer::Bare,
        (0, _, _) => Layer::Repaired,
        _ => Layer::Polished,
    };
    let mut certificate = Certificate {
        verdict: Verdict::Certified,
        layer,
        policy_version: version.to_owned(),
        worst_voltage: None,
        worst_current: None,
        binding: Vec::new(),
        repairs: history.repairs,
        polish_steps: history.polish_steps,
        programs: history.programs,
        central: history.central,
        cost_usd: None,
        optimum_gap: None,
        bound_gap: None,
    };
    let returns = match &examination.returns {
        Ok(returns) => returns,
        Err(error) => {
            certificate.verdict = Verdict::NoPowerFlow { reason: error.to_string() };
            return certificate;
        }
    };
    certificate.cost_usd = Some(returns.total());
    certificate.worst_voltage = returns.voltage.map(|nearest| network_reading(fleet, nearest));
    certificate.worst_current = returns.current.map(|nearest| network_reading(fleet, nearest));
    let mut named = BTreeSet::new();
    for nearest in &tight {
        if named.insert(nearest.limit) {
            certificate.binding.push(nearest.limit.describe(fleet));
        }
    }
    if !examination.is_safe() {
        let mut limits: Vec<LimitReading> = examination.local.iter().map(local_reading).collect();
        tight.retain(|n| is_broken(*n));
        // Worst first, voltages and currents in units of their tolerances; ties keep the order of steps and elements.
        tight.sort_by(|a, b| tolerances_beyond(*b).total_cmp(&tolerances_beyond(*a)));
        limits.extend(tight.into_iter().map(|nearest| network_reading(fleet, nearest)));
        certificate.verdict = if history.repair_tried {
            let unavoidable = history.unavoidable.iter().map(|nearest| network_reading(fleet, *nearest)).collect();
            Verdict::LeastViolation { limits, unavoidable }
        } else {
            Verdict::Violating { limits }
        };
    }
    certificate
}

fn tolerance(limit: Limit) -> f64 {
    if matches!(limit, Limit::Current(_)) { CURRENT_TOLERANCE_RELATIVE } else { VOLTAGE_TOLERANCE_PU }
}

fn is_broken(nearest: Nearest) -> bool {
    nearest.excess.is_nan() || nearest.excess > tolerance(nearest.limit)
}

fn tolerances_beyond(nearest: Nearest) -> f64 {
    nearest.excess / tolerance(nearest.limit)
}

fn network_reading(fleet: &Fleet, nearest: Nearest) -> LimitReading {
    let unit = match nearest.limit {
        Limit::VoltageLow(_) | Limit::VoltageHigh(_) => LimitUnit::VoltagePu,
        Limit::Current(_) => LimitUnit::CurrentFraction,
    };
    LimitReading {
        name: nearest.limit.describe(fleet),
        element: nearest.limit.element(fleet),
        step: nearest.step,
        excess: nearest.excess,
        unit,
    }
}

fn local_reading(violation: &LocalViolation) -> LimitReading {
    let unit = match violation.limit {
        LocalLimit::NotFinite | LocalLimit::ActivePower | LocalLimit::Ramp => LimitUnit::Kw,
        LocalLimit::ReactivePower => LimitUnit::Kvar,
        LocalLimit::ApparentPower => LimitUnit::Kva,
        LocalLimit::StateOfCharge => LimitUnit::StateOfCharge,
    };
    LimitReading {
        name: format!("{} of {} in microgrid {}", violation.limit.name(), violation.device, violation.microgrid),
        element: violation.device.clone(),
        step: violation.step,
        excess: violation.excess,
        unit,
    }
}

//! Returns of a joint action: what it costs (19) and what it does to the grid (3), (4), after the true AC power flow.

use crate::cost::{Cost, fuel_cost, storage_cost};
use crate::demand_lanes::load_demand;
use crate::fleet::Fleet;
use crate::limits::{CURRENT_TOLERANCE_RELATIVE, VOLTAGE_TOLERANCE_PU};
use crate::window::Window;
use covolt_grid::{DistributionGrid, FlowMethod, FlowOptions, GridBatch, GridError, GridWorkspace, LANES};
use num_complex::Complex64;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// Net demand per port and step that no agent controls, pu; computed once per window.
///
/// The exchange prices stand beside it, step by step for all microgrids: in the windows of large fleets they lie scattered in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseDemand {
    ports: usize,
    p_pu: Vec<f64>,
    q_pu: Vec<f64>,
    microgrids: usize,
    price_per_kwh: Vec<f64>,
    /// Per step: voltage of the source as a multiple of its own.
    source_factor: Vec<f64>,
}

impl BaseDemand {
    /// Adds up loads and PV power of all steps of the window.
    pub fn new(fleet: &Fleet, window: &Window) -> BaseDemand {
        let ports = fleet.grid.n_ports();
        let zeros = || vec![0.0; ports * window.steps];
        let microgrids = window.microgrids.len();
        let price_per_kwh =
            (0..window.steps).flat_map(|t| window.microgrids.iter().map(move |w| w.price_per_kwh[t])).collect();
        let source_factor = (0..window.steps).map(|t| window.source_factor(t)).collect();
        let mut base = BaseDemand { ports, p_pu: zeros(), q_pu: zeros(), microgrids, price_per_kwh, source_factor };
        for t in 0..window.steps {
            let span = t * ports..(t + 1) * ports;
            window.base_demand_pu(fleet, t, &mut base.p_pu[span.clone()], &mut base.q_pu[span]);
        }
        base
    }

    /// (p, q) of step `t`, one entry per port.
    pub fn step(&self, t: usize) -> (&[f64], &[f64]) {
        let span = t * self.ports..(t + 1) * self.ports;
        (&self.p_pu[span.clone()], &self.q_pu[span])
    }

    /// Voltage of the source at step `t`, as a multiple of its own.
    pub fn source_factor(&self, t: usize) -> f64 {
        self.source_factor[t]
    }

    /// Exchange price lambda_R of every microgrid at step `t`, $/kWh.
    pub fn price_per_kwh(&self, t: usize) -> &[f64] {
        &self.price_per_kwh[t * self.microgrids..(t + 1) * self.microgrids]
    }
}

/// Buffers for power flows and adjoints of one window; one per thread.
#[derive(Debug)]
pub struct PhysicsWorkspace {
    /// Power-flow workspace; holds the voltages of the step that `solve_step` solved last.
    pub flow: GridWorkspace,
    /// Settings of the power flow.
    pub options: FlowOptions,
    /// Several steps at once, on balanced radial networks and those of several phases; made when first needed.
    batch: Option<GridBatch>,
    spare: Mutex<Vec<PhysicsWorkspace>>,
    step_v: Vec<Complex64>,
    pub(crate) p: Vec<f64>,
    pub(crate) q: Vec<f64>,
    pub(crate) dl_dv: Vec<Complex64>,
    pub(crate) dl_dp: Vec<f64>,
    pub(crate) dl_dq: Vec<f64>,
}

impl PhysicsWorkspace {
    /// Buffers for `fleet`.
    pub fn new(fleet: &Fleet) -> PhysicsWorkspace {
        let (nodes, ports) = (fleet.grid.n_nodes(), fleet.grid.n_ports());
        PhysicsWorkspace {
            flow: fleet.grid.workspace(),
            options: FlowOptions::default(),
            batch: None,
            spare: Mutex::default(),
            step_v: vec![Complex64::ZERO; nodes],
            p: vec![0.0; ports],
            q: vec![0.0; ports],
            dl_dv: vec![Complex64::ZERO; nodes],
            dl_dp: vec![0.0; ports],
            dl_dq: vec![0.0; ports],
        }
    }

    /// Makes buffers of whatever fleet those of `fleet`. Memory stays where it is, as far as there is enough.
    pub fn fit(&mut self, fleet: &Fleet) {
        let (nodes, ports) = (fleet.grid.n_nodes(), fleet.grid.n_ports());
        fleet.grid.fit_workspace(&mut self.flow);
        if self.batch.as_mut().is_some_and(|batch| fleet.grid.fit_batch(batch).is_err()) {
            self.batch = None;
        }
        self.step_v.resize(nodes, Complex64::ZERO);
        self.dl_dv.resize(nodes, Complex64::ZERO);
        for values in [&mut self.p, &mut self.q, &mut self.dl_dp, &mut self.dl_dq] {
            values.resize(ports, 0.0);
        }
    }

    /// Runs `work` with buffers for `part`, which are kept for the next part on whatever thread: those of a few threads serve all
    /// feeders of a fleet and stay in their caches.
    pub fn with_part<R>(&self, part: &Fleet, work: impl FnOnce(&mut PhysicsWorkspace) -> R) -> R {
        let kept = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut own = kept.unwrap_or_else(|| PhysicsWorkspace::new(part));
        own.fit(part);
        let result = work(&mut own);
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(own);
        result
    }

    /// Solves the AC power flow of step `t` under the joint action; voltages are then in `self.flow.v()`.
    ///
    /// # Errors
    /// The power flow's own: no solution, non-finite input.
    pub fn solve_step(
        &mut self,
        fleet: &Fleet,
        base: &BaseDemand,
        actions: &[Vec<f64>],
        steps: usize,
        t: usize,
    ) -> Result<(), GridError> {
        let (p, q) = base.step(t);
        self.p.copy_from_slice(p);
        self.q.copy_from_slice(q);
        let base_kva = fleet.grid.base_kva();
        for (mg, action) in fleet.microgrids.iter().zip(actions) {
            mg.for_each_device(&mg.layout(steps), t, |port, active, reactive, sign| {
                if let Some(active) = active {
                    self.p[port.0] += sign * action[active] / base_kva;
                }
                self.q[port.0] += sign * action[reactive] / base_kva;
            });
        }
        fleet.grid.solve_at_source(&self.p, &self.q, base.source_factor(t), &mut self.flow, &self.options)?;
        Ok(())
    }

    /// Net demand (p, q) per port of the step that `solve_step` solved last, pu.
    pub fn demand(&self) -> (&[f64], &[f64]) {
        (&self.p, &self.q)
    }
}

/// A network limit at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Limit {
    /// Lower limit of a monitored voltage (3).
    VoltageLow(usize),
    /// Upper limit of a monitored voltage (3).
    VoltageHigh(usize),
    /// Limit of a monitored current (4), larger of both ends.
    Current(usize),
}

impl Limit {
    /// The limit in words, with the user's own names.
    pub fn describe(&self, fleet: &Fleet) -> String {
        let element = self.element(fleet);
        match *self {
            Limit::VoltageHigh(i) if fleet.grid.is_unbalance_factor(i) => format!("unbalance limit at bus {element}"),
            Limit::VoltageLow(_) => format!("lower voltage limit at bus {element}"),
            Limit::VoltageHigh(_) => format!("upper voltage limit at bus {element}"),
            Limit::Current(_) => format!("current limit of branch {element}"),
        }
    }

    /// Name of the bus, node or branch it concerns.
    pub fn element(&self, fleet: &Fleet) -> String {
        match *self {
            Limit::VoltageLow(i) | Limit::VoltageHigh(i) => fleet.grid.voltage_name(i),
            Limit::Current(i) => fleet.grid.current_name(i),
        }
    }
}

/// The limit that comes nearest to being broken, or is broken most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Step of the window.
    pub step: usize,
    /// Which limit.
    pub limit: Limit,
    /// Positive = violated, by this much (pu of voltage, or fraction of the current limit); negative = room left.
    pub excess: f64,
}

/// What a joint action does over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowReturns {
    /// Cost per microgrid.
    pub costs: Vec<Cost>,
    /// Export at each PCC, kW, `[n * steps + t]`, positive = into the feeder.
    pub export_kw: Vec<f64>,
    /// Voltage limit nearest to being broken.
    pub voltage: Option<Nearest>,
    /// Current limit nearest to being broken.
    pub current: Option<Nearest>,
    /// Sum of all voltage violations, pu.
    pub voltage_violation_sum_pu: f64,
    /// Sum of all current violations, fractions of the limits.
    pub current_violation_sum: f64,
}

impl WindowReturns {
    /// Total cost, $.
    pub fn total(&self) -> f64 {
        self.costs.iter().map(Cost::total).sum()
    }

    /// Largest voltage violation, pu (zero when none).
    pub fn voltage_violation_pu(&self) -> f64 {
        self.voltage.map_or(0.0, |n| n.excess.max(0.0))
    }

    /// Largest current violation as a fraction of the limit (zero when none).
    pub fn current_violation(&self) -> f64 {
        self.current.map_or(0.0, |n| n.excess.max(0.0))
    }

    /// All network limits kept within the tolerances of [`crate::limits`].
    pub fn is_safe(&self) -> bool {
        self.voltage_violation_pu() <= VOLTAGE_TOLERANCE_PU && self.current_violation() <= CURRENT_TOLERANCE_RELATIVE
    }
}

/// Power flow of every step, cost and distances to the limits. Actions must be feasible (see [`crate::feasible_map`]).
///
/// # Errors
/// The power flow's own.
pub fn evaluate(
    fleet: &Fleet,
    window: &Window,
    base: &BaseDemand,
    actions: &[Vec<f64>],
    ws: &mut PhysicsWorkspace,
) -> Result<WindowReturns, GridError> {
    evaluate_each(fleet, window, base, actions, ws, |_, _| ())
}

/// As [`evaluate`]; `each(t, v)` sees the voltages of every step, pu, in the order of steps.
///
/// # Errors
/// The power flow's own.
pub fn evaluate_each(
    fleet: &Fleet,
    window: &Window,
    base: &BaseDemand,
    actions: &[Vec<f64>],
    ws: &mut PhysicsWorkspace,
    mut each: impl FnMut(usize, &[Complex64]),
) -> Result<WindowReturns, GridError> {
    let (steps, dt_h) = (window.steps, window.dt_h);
    let mut returns = WindowReturns {
        costs: vec![Cost::default(); fleet.microgrids.len()],
        export_kw: vec![0.0; fleet.microgrids.len() * steps],
        voltage: None,
        current: None,
        voltage_violation_sum_pu: 0.0,
        current_violation_sum: 0.0,
    };
    add_steps(fleet, window, base, actions, ws, &mut returns, &mut each)?;
    for (n, (mg, w)) in fleet.microgrids.iter().zip(&window.microgrids).enumerate() {
        let layout = mg.layout(steps);
        returns.costs[n].fuel = fuel_cost(mg, dt_h, &layout, &actions[n], None);
        returns.costs[n].storage = storage_cost(mg, w, dt_h, &layout, &actions[n], None);
    }
    Ok(returns)
}

/// Power flow of all steps: one after the other, or as many at once as a batch holds.
fn add_steps(
    fleet: &Fleet,
    window: &Window,
    base: &BaseDemand,
    actions: &[Vec<f64>],
    ws: &mut PhysicsWorkspace,
    returns: &mut WindowReturns,
    each: &mut dyn FnMut(usize, &[Complex64]),
) -> Result<(), GridError> {
    let steps = window.steps;
    // A batch costs as much as a step or two; it always starts flat and knows one method.
    let together = steps > 1 && !ws.options.warm_start && ws.options.method == FlowMethod::Auto;
    if together && ws.batch.is_none() {
        ws.batch = fleet.grid.batch().ok();
    }
    if let Some(batch) = ws.batch.as_mut().filter(|_| together) {
        let tolerance_pu = match &fleet.grid {
            DistributionGrid::Balanced(_) => sweep_tolerance(ws.options.tolerance_pu),
            // Both iterate in the same way there.
            DistributionGrid::Multiphase(_) => ws.options.tolerance_pu,
        };
        let options = FlowOptions { tolerance_pu, ..ws.options };
        for first in (0..steps).step_by(LANES) {
            let count = LANES.min(steps - first);
            batch.set_scenarios(count);
            for lane in 0..count {
                load_demand(fleet, base, |n| &actions[n], steps, first + lane, lane, batch.demand_mut());
                fleet.grid.set_source(batch, lane, base.source_factor(first + lane))?;
            }
            if let Some((_, error)) = fleet.grid.solve_batch(batch, &options)?.failures.into_iter().next() {
                return Err(error);
            }
            for lane in 0..count {
                batch.copy_voltages(lane, &mut ws.step_v);
                add_step(fleet, window, &ws.step_v, first + lane, returns);
                each(first + lane, &ws.step_v);
            }
        }
        return Ok(());
    }
    for t in 0..steps {
        ws.solve_step(fleet, base, actions, steps, t)?;
        add_step(fleet, window, ws.flow.v(), t, returns);
        each(t, ws.flow.v());
    }
    Ok(())
}

/// Sweeps stop just below their tolerance where a Newton step ends far below it; a few more make both as exact.
fn sweep_tolerance(tolerance_pu: f64) -> f64 {
    (1e-3 * tolerance_pu).max(SMALLEST_TOLERANCE_PU).min(tolerance_pu)
}

/// Below this, rounding decides whether sweeps stop.
const SMALLEST_TOLERANCE_PU: f64 = 1e-13;

/// Exchange and limits of one solved step.
fn add_step(fleet: &Fleet, window: &Window, v: &[Complex64], t: usize, returns: &mut WindowReturns) {
    let base_kva = fleet.grid.base_kva();
    for (n, (mg, w)) in fleet.microgrids.iter().zip(&window.microgrids).enumerate() {
        let export_kw = fleet.grid.pcc_export_pu(mg.pcc, v) * base_kva;
        returns.export_kw[n * window.steps + t] = export_kw;
        returns.costs[n].exchange -= w.price_per_kwh[t] * export_kw * window.dt_h;
    }
    for i in (0..fleet.grid.n_voltages()).filter(|&i| !fleet.grid.is_fixed_voltage(i)) {
        let magnitude = fleet.grid.voltage_pu(i, v);
        let (low, high) = (fleet.limits.v_min_pu[i] - magnitude, magnitude - fleet.limits.v_max_pu[i]);
        returns.voltage_violation_sum_pu += low.max(high).max(0.0);
        keep_worse(&mut returns.voltage, t, Limit::VoltageLow(i), low);
        keep_worse(&mut returns.voltage, t, Limit::VoltageHigh(i), high);
    }
    for i in 0..fleet.grid.n_currents() {
        let limit = fleet.limits.i_max_pu[i];
        if limit.is_finite() {
            let excess = loading_pu(fleet, i, v) / limit - 1.0;
            returns.current_violation_sum += excess.max(0.0);
            keep_worse(&mut returns.current, t, Limit::Current(i), excess);
        }
    }
}

/// A monitored current, larger of both ends, pu of its base.
pub fn loading_pu(fleet: &Fleet, index: usize, v: &[Complex64]) -> f64 {
    // Without the detour that `norm` makes for numbers whose square would overflow: per-unit values never are.
    fleet.grid.monitored_current(index, v).current.norm_sqr().sqrt()
}

fn keep_worse(slot: &mut Option<Nearest>, step: usize, limit: Limit, excess: f64) {
    if slot.is_none_or(|known| excess > known.excess || excess.is_nan()) {
        *slot = Some(Nearest { step, limit, excess });
    }
}

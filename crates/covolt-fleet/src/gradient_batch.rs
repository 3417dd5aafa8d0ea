//! The gradient of [`crate::gradient`] for up to eight windows at once, one window per lane of a batched power flow.
//!
//! The same numbers as [`lagrangian_gradient`], window by window, whatever stands in the other
//! lanes. All windows take their step t together: demand, power flow, limits and exchange, one adjoint. Nothing is allocated
//! once the memory has seen windows of its size. On a grid with loops the windows are solved one by one. A window without a solution fails the call with the power flow's own error.

use crate::cost::{fuel_cost, storage_cost};
use crate::demand_lanes::load_demand;
use crate::fleet::Fleet;
use crate::gradient::{LagrangianValue, LimitPrices, LimitPricing, PriceScratch, lagrangian_gradient};
use crate::limit_lanes::{LimitLanes, Priced};
use crate::returns::{BaseDemand, PhysicsWorkspace};
use crate::window::Window;
use covolt_grid::{Batch, ComplexLanes, FlowOptions, Grid, GridError, LANES};

/// A window and the multipliers of its limits.
#[derive(Debug, Clone, Copy)]
pub struct PricedWindow<'a> {
    /// The window.
    pub window: &'a Window,
    /// Its net demand outside the agents' control.
    pub base: &'a BaseDemand,
    /// Its multipliers.
    pub prices: &'a LimitPrices,
}

/// Memory for [`lagrangian_gradient_batch`]; one per thread.
#[derive(Debug)]
pub struct GradientWorkspace {
    /// Settings of the power flow. Default: those of [`FlowOptions`].
    pub options: FlowOptions,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// Radial grids.
    Together { batch: Box<Batch>, limits: LimitLanes },
    /// Grids with loops: window after window.
    OneByOne { physics: Box<PhysicsWorkspace>, scratch: PriceScratch, actions: Vec<Vec<f64>>, gradients: Vec<Vec<f64>> },
}

impl GradientWorkspace {
    /// Memory for `fleet`.
    pub fn new(fleet: &Fleet) -> GradientWorkspace {
        let way = match fleet.grid.balanced().and_then(|grid| Some((grid, grid.batch().ok()?))) {
            Some((grid, batch)) => Way::Together { batch: Box::new(batch), limits: LimitLanes::new(fleet, grid) },
            None => Way::OneByOne {
                physics: Box::new(PhysicsWorkspace::new(fleet)),
                scratch: PriceScratch::default(),
                actions: vec![Vec::new(); fleet.microgrids.len()],
                gradients: vec![Vec::new(); fleet.microgrids.len()],
            },
        };
        GradientWorkspace { options: FlowOptions::default(), way }
    }
}

/// What the grid answers to the joint actions in up to [`LANES`] windows.
#[derive(Debug, Clone, Default)]
pub struct GradientAnswer {
    /// Cost, priced limits and worst violations, per window.
    pub values: [LagrangianValue; LANES],
    /// Slopes \[lambda + rho g\]+ above zero, per window: estimates of the multipliers.
    pub slopes: [LimitPrices; LANES],
    /// dL/d action: agent after agent, window after window.
    gradient: Vec<f64>,
    /// Where each agent's part starts, and the entries of one action.
    parts: Vec<(usize, usize)>,
}

impl GradientAnswer {
    /// dL/d action of agent `n` in the window of lane `lane`, $ per kW or kvar.
    pub fn gradient(&self, n: usize, lane: usize) -> &[f64] {
        let (start, entries) = self.parts[n];
        &self.gradient[start + lane * entries..start + (lane + 1) * entries]
    }

    fn gradient_mut(&mut self, n: usize, lane: usize) -> &mut [f64] {
        let (start, entries) = self.parts[n];
        &mut self.gradient[start + lane * entries..start + (lane + 1) * entries]
    }

    fn clear(&mut self, fleet: &Fleet, steps: usize) {
        self.values = [LagrangianValue::default(); LANES];
        self.slopes.iter_mut().for_each(|s| s.entries.clear());
        self.parts.clear();
        let mut start = 0;
        for mg in &fleet.microgrids {
            let entries = mg.layout(steps).len();
            self.parts.push((start, entries));
            start += entries * LANES;
        }
        self.gradient.clear();
        self.gradient.resize(start, 0.0);
    }
}

/// Values and gradients of L in `windows` (at most [`LANES`], of equal length) under the joint action `action(lane, n)`.
///
/// # Errors
/// The power flow's own, of the first window and step that fails.
pub fn lagrangian_gradient_batch<'a>(
    fleet: &Fleet,
    windows: &[PricedWindow<'_>],
    action: impl Fn(usize, usize) -> &'a [f64],
    pricing: &LimitPricing,
    ws: &mut GradientWorkspace,
    answer: &mut GradientAnswer,
) -> Result<(), GridError> {
    let windows = &windows[..windows.len().min(LANES)];
    let steps = windows.first().map_or(0, |w| w.window.steps);
    answer.clear(fleet, steps);
    match &mut ws.way {
        Way::Together { batch, limits } => {
            let grid = fleet.grid.balanced().ok_or(GridError::ForeignWorkspace)?;
            together((fleet, grid), windows, &action, pricing, &ws.options, batch, limits, answer)?;
            add_local_cost(fleet, windows, &action, answer);
        }
        Way::OneByOne { physics, scratch, actions, gradients } => {
            physics.options = ws.options;
            for (lane, w) in windows.iter().enumerate() {
                for (n, (own, gradient)) in actions.iter_mut().zip(gradients.iter_mut()).enumerate() {
                    own.clear();
                    own.extend_from_slice(action(lane, n));
                    gradient.resize(own.len(), 0.0);
                }
                let PricedWindow { window, base, prices } = *w;
                answer.values[lane] =
                    lagrangian_gradient(fleet, window, base, actions, prices, pricing, physics, scratch, gradients)?;
                answer.slopes[lane].entries.extend_from_slice(&scratch.slopes.entries);
                for (n, gradient) in gradients.iter().enumerate() {
                    answer.gradient_mut(n, lane).copy_from_slice(gradient);
                }
            }
        }
    }
    Ok(())
}

/// The part that needs the grid: step after step, all windows together.
#[allow(clippy::too_many_arguments)]
fn together<'a>(
    (fleet, grid): (&Fleet, &Grid),
    windows: &[PricedWindow<'_>],
    action: &impl Fn(usize, usize) -> &'a [f64],
    pricing: &LimitPricing,
    options: &FlowOptions,
    batch: &mut Batch,
    limits: &mut LimitLanes,
    answer: &mut GradientAnswer,
) -> Result<(), GridError> {
    let count = windows.len();
    let steps = windows.first().map_or(0, |w| w.window.steps);
    let machine = batch.machine();
    batch.set_scenarios(count);
    for t in 0..steps {
        let demand = batch.demand_mut();
        for (lane, w) in windows.iter().enumerate() {
            load_demand(fleet, w.base, |n| action(lane, n), w.window.steps, t, lane, demand);
        }
        let solved = grid.solve_batch(batch, options)?;
        if let Some((_, error)) = solved.failures.into_iter().next() {
            return Err(error);
        }
        let (v, dl_dv) = batch.voltages_and_dl_dv_mut();
        dl_dv.fill(ComplexLanes::ZERO);
        limits.load(windows, t);
        let priced = limits.price(machine, fleet, pricing, t, v, dl_dv, &mut answer.slopes[..count]);
        note(&priced, &mut answer.values[..count]);
        add_exchange(fleet, grid, windows, t, v, dl_dv, &mut answer.values);
        if let Some((_, error)) = grid.linearise_adjoint_batch(batch)?.into_iter().next() {
            return Err(error);
        }
        pull_to_actions(fleet, steps, count, t, batch.demand_gradient(), answer);
    }
    Ok(())
}

/// Fuel and stored energy; the latter's kink needs the rest of the gradient to stand there already.
fn add_local_cost<'a>(
    fleet: &Fleet,
    windows: &[PricedWindow<'_>],
    action: &impl Fn(usize, usize) -> &'a [f64],
    answer: &mut GradientAnswer,
) {
    for (lane, w) in windows.iter().enumerate() {
        for (n, (mg, own)) in fleet.microgrids.iter().zip(&w.window.microgrids).enumerate() {
            let (layout, dt_h) = (mg.layout(w.window.steps), w.window.dt_h);
            let gradient = answer.gradient_mut(n, lane);
            let local = fuel_cost(mg, dt_h, &layout, action(lane, n), Some(&mut *gradient))
                + storage_cost(mg, own, dt_h, &layout, action(lane, n), Some(gradient));
            answer.values[lane].cost += local;
        }
    }
}

fn base_kva(fleet: &Fleet) -> f64 {
    fleet.grid.base_kva()
}

fn note(priced: &Priced, values: &mut [LagrangianValue]) {
    for (lane, value) in values.iter_mut().enumerate() {
        value.priced += priced.sum.0[lane];
        value.voltage_violation_pu = value.voltage_violation_pu.max(priced.voltage_excess.0[lane]);
        value.current_violation = value.current_violation.max(priced.current_excess.0[lane]);
    }
}

/// Minus lambda_R P_PCC dt, summed over all microgrids. P_PCC = -Re(V_f conj(I_f)) with I_f = yff V_f + yft V_t; its gradient
/// at the from bus is minus I_f + conj(yff) V_f, at the to bus minus conj(yft) V_f.
fn add_exchange(
    fleet: &Fleet,
    grid: &Grid,
    windows: &[PricedWindow<'_>],
    t: usize,
    v: &[ComplexLanes],
    dl_dv: &mut [ComplexLanes],
    values: &mut [LagrangianValue; LANES],
) {
    let base_kva = base_kva(fleet);
    for (n, mg) in fleet.microgrids.iter().enumerate() {
        let pcc = &grid.branch_admittances()[mg.pcc.0];
        let (from, to) = (pcc.from.0, pcc.to.0);
        for (lane, w) in windows.iter().enumerate() {
            let weight = w.base.price_per_kwh(t)[n] * w.window.dt_h * base_kva;
            let (v_from, v_to) = (v[from].lane(lane), v[to].lane(lane));
            let current = pcc.yff * v_from + pcc.yft * v_to;
            values[lane].cost += weight * (v_from.re * current.re + v_from.im * current.im);
            let (at_from, at_to) = (current + pcc.yff.conj() * v_from, pcc.yft.conj() * v_from);
            dl_dv[from].set_lane(lane, dl_dv[from].lane(lane) + at_from * weight);
            dl_dv[to].set_lane(lane, dl_dv[to].lane(lane) + at_to * weight);
        }
    }
}

/// Chain rule through (32), (33) at step `t` of every window.
fn pull_to_actions(
    fleet: &Fleet,
    steps: usize,
    count: usize,
    t: usize,
    dl_ds: &[ComplexLanes],
    answer: &mut GradientAnswer,
) {
    let per_kva = 1.0 / base_kva(fleet);
    for (n, mg) in fleet.microgrids.iter().enumerate() {
        let layout = mg.layout(steps);
        for lane in 0..count {
            let gradient = answer.gradient_mut(n, lane);
            mg.for_each_device(&layout, t, |port, active, reactive, sign| {
                if let Some(active) = active {
                    gradient[active] += sign * dl_ds[port.0].re.0[lane] * per_kva;
                }
                gradient[reactive] += sign * dl_ds[port.0].im.0[lane] * per_kva;
            });
        }
    }
}

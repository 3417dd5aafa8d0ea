//! What an agent answers to voltages at its point of common coupling: the power it draws there, and the derivatives that cross.
//!
//! The agent's part is a network whose source is the feeder's bus at the PCC (one microgrid, `seam.rs`). With u the voltage
//! magnitude there, a the action, s the net demand inside and S = P + jQ the power drawn from the feeder, the agent solves its own
//! power flow V(u, s) and gives
//!
//! ```text
//!   P, Q          kW, kvar                     dP/du, dQ/du    kW/pu, kvar/pu            dL/du    $/pu
//! ```
//!
//! where L is its own cost plus the priced limits of its own network ([`crate::gradient`]). The feeder's angle does not matter: power
//! and magnitudes stay the same when all voltages turn, so of the 2 x 2 derivative with respect to a complex voltage one column
//! is zero and does not cross.
//!
//! The equations of the power flow are homogeneous, V(k u, k^2 s) = k V(u, s). Euler's identity u dV/du + 2 s dV/ds = V gives for
//! every function f of the voltages, with g = df/dV and df/ds from an adjoint solve,
//!
//! ```text
//!   df/du = ( Re<g, V> - 2 (p df/dp + q df/dq) ) / u           <x, y> = sum over buses, source included, of conj(x) y
//! ```
//!
//! so the derivative by the source voltage costs nothing beyond the three adjoint solves (of L, P and Q) that the gradient with
//! respect to the action needs anyway: when the operator's prices w of P and Q arrive, dL_total/da = dL/da + w_p dP/da + w_q dQ/da.
//!
//! Up to eight windows at once, one per lane. Checked against differences and against the undivided network in
//! `crates/covolt-fleet/tests/seam_physics.rs`.

use crate::cost::{fuel_cost, storage_cost};
use crate::demand_lanes::load_demand;
use crate::exchange_lanes::ExchangeLanes;
use crate::fleet::Fleet;
use crate::gradient::{LagrangianValue, LimitPrices, LimitPricing};
use crate::gradient_batch::PricedWindow;
use crate::limit_lanes::{LimitLanes, NetworkRatings};
use covolt_grid::{
    Batch, BranchAdmittance, Complex64, ComplexLanes, CurrentSide, FlowOptions, GridError, LANES, Lanes,
};

/// The answer for one window and step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PccPoint {
    /// Voltage magnitude it holds at, pu.
    pub v_pu: f64,
    /// Active power drawn from the feeder, kW.
    pub p_kw: f64,
    /// Reactive power drawn from the feeder, kvar.
    pub q_kvar: f64,
    /// dP/du, kW/pu.
    pub dp_dv: f64,
    /// dQ/du, kvar/pu.
    pub dq_dv: f64,
    /// dL/du, $/pu: what the agent's own cost and priced limits gain or lose with the voltage.
    pub dl_dv: f64,
}

impl PccPoint {
    /// Power drawn at the voltage `u`, kW and kvar, as far as the answer tells. What depends on the voltage are series losses, to first order
    /// proportional to 1/u^2:
    ///
    /// ```text
    ///   S(u) = S(v) + S'(v) v (1 - v^2 / u^2) / 2
    /// ```
    pub fn drawn_at(&self, u: f64) -> (f64, f64) {
        let by_losses = 0.5 * self.v_pu * (1.0 - (self.v_pu / u).powi(2));
        (self.p_kw + self.dp_dv * by_losses, self.q_kvar + self.dq_dv * by_losses)
    }
}

/// Memory of an agent's part; one per thread.
#[derive(Debug)]
pub struct AnswerWorkspace {
    /// Settings of the power flow.
    pub options: FlowOptions,
    batch: Batch,
    ratings: NetworkRatings,
    limits: LimitLanes,
    exchange: ExchangeLanes,
    pcc: BranchAdmittance,
}

impl AnswerWorkspace {
    /// Memory for an agent's part.
    ///
    /// # Errors
    /// Several phases, loops, or no microgrid.
    pub fn new(part: &Fleet) -> Result<AnswerWorkspace, GridError> {
        let grid = part.grid.balanced_or_error()?;
        let pcc = part.microgrids.first().and_then(|mg| grid.branch(mg.pcc)).ok_or(GridError::NotBalanced)?;
        Ok(AnswerWorkspace {
            options: FlowOptions::default(),
            batch: grid.batch()?,
            ratings: NetworkRatings::new(part)?,
            limits: LimitLanes::default(),
            exchange: ExchangeLanes::new(part),
            pcc: *pcc,
        })
    }
}

/// Answers for up to [`LANES`] windows.
#[derive(Debug, Clone, Default)]
pub struct PccAnswer {
    /// Cost, priced limits and worst violations of the agent's own network, per window.
    pub values: [LagrangianValue; LANES],
    /// Slopes of its own limits, per window.
    pub slopes: [LimitPrices; LANES],
    steps: usize,
    entries: usize,
    points: Vec<PccPoint>,
    /// dL/da, dP/da, dQ/da, window after window; P and Q are those of the entry's own step.
    slope_l: Vec<f64>,
    slope_p: Vec<f64>,
    slope_q: Vec<f64>,
}

impl PccAnswer {
    /// The points of a window, one per step.
    pub fn points(&self, lane: usize) -> &[PccPoint] {
        &self.points[lane * self.steps..(lane + 1) * self.steps]
    }

    /// dL/da of a window at the operator's prices of P and Q ($/kW, $/kvar, per step), written to `gradient`, $ per kW or kvar.
    pub fn gradient(&self, lane: usize, prices: &[(f64, f64)], gradient: &mut [f64]) {
        let span = lane * self.entries..(lane + 1) * self.entries;
        let per_step = self.entries / self.steps.max(1);
        let slopes = self.slope_l[span.clone()].iter().zip(&self.slope_p[span.clone()]).zip(&self.slope_q[span]);
        for (at, (total, ((l, p), q))) in gradient.iter_mut().zip(slopes).enumerate() {
            let (w_p, w_q) = prices.get(at / per_step.max(1)).copied().unwrap_or_default();
            *total = l + w_p * p + w_q * q;
        }
    }

    fn clear(&mut self, count: usize, steps: usize, entries: usize) {
        (self.steps, self.entries) = (steps, entries);
        self.values = [LagrangianValue::default(); LANES];
        self.slopes.iter_mut().for_each(|s| s.entries.clear());
        self.points.clear();
        self.points.resize(count * steps, PccPoint::default());
        for slope in [&mut self.slope_l, &mut self.slope_p, &mut self.slope_q] {
            slope.clear();
            slope.resize(count * entries, 0.0);
        }
    }
}

/// Answers `v_pu(lane, t)`, the voltages at the PCC, in `windows` of the agent's part under `action(lane)`.
///
/// # Errors
/// More than [`LANES`] windows, several lengths; the power flow's own.
pub fn answer_voltages<'a>(
    part: &Fleet,
    windows: &[PricedWindow<'_>],
    v_pu: impl Fn(usize, usize) -> f64,
    action: impl Fn(usize) -> &'a [f64],
    pricing: &LimitPricing,
    ws: &mut AnswerWorkspace,
    answer: &mut PccAnswer,
) -> Result<(), GridError> {
    let (grid, mg) = (part.grid.balanced_or_error()?, part.microgrids.first().ok_or(GridError::NotBalanced)?);
    if windows.len() > LANES {
        return Err(GridError::TooManyScenarios { found: windows.len(), most: LANES });
    }
    let (count, steps) = (windows.len(), windows.first().map_or(0, |w| w.window.steps));
    if let Some(other) = windows.iter().find(|w| w.window.steps != steps) {
        return Err(GridError::UnequalScenarios { quantity: "steps", first: steps, other: other.window.steps });
    }
    let layout = mg.layout(steps);
    answer.clear(count, steps, layout.len());
    let AnswerWorkspace { options, batch, ratings, limits, exchange, pcc } = ws;
    grid.fit_batch(batch)?;
    batch.set_scenarios(count);
    limits.open(ratings);
    let (machine, base_kva) = (batch.machine(), part.grid.base_kva());
    for t in 0..steps {
        for (lane, w) in windows.iter().enumerate() {
            load_demand(part, w.base, |_| action(lane), steps, t, lane, batch.demand_mut());
            batch.set_source(grid, lane, v_pu(lane, t))?;
        }
        if let Some((_, error)) = grid.solve_batch(batch, options)?.failures.into_iter().next() {
            return Err(error);
        }
        if let Some((_, error)) = grid.linearise_batch(batch)?.into_iter().next() {
            return Err(error);
        }
        for (w, lane) in windows.iter().zip(0..) {
            for &(_, limit, price) in w.prices.entries.iter().filter(|entry| entry.0 == t) {
                if let Some(known) = limits.of(ratings, limit) {
                    known.0[lane] += price;
                }
            }
        }
        let (v, dl_dv) = batch.voltages_and_dl_dv_mut();
        dl_dv.fill(ComplexLanes::ZERO);
        let priced = limits.price(machine, part, ratings, pricing, t, v, dl_dv, &mut answer.slopes[..count]);
        let weight =
            |lane: usize, k: usize| windows[lane].base.price_per_kwh(t)[k] * windows[lane].window.dt_h * base_kva;
        exchange.add(machine, weight, v, dl_dv, &mut answer.values[..count]);
        for (w, lane) in windows.iter().zip(0..) {
            for &(_, limit, _) in w.prices.entries.iter().filter(|entry| entry.0 == t) {
                if let Some(known) = limits.of(ratings, limit) {
                    known.0[lane] = 0.0;
                }
            }
        }
        for (lane, value) in answer.values[..count].iter_mut().enumerate() {
            value.priced += priced.sum.0[lane];
            value.voltage_violation_pu = value.voltage_violation_pu.max(priced.voltage_excess.0[lane]);
            value.current_violation = value.current_violation.max(priced.current_excess.0[lane]);
        }
        let PccAnswer { points, slope_l, slope_p, slope_q, .. } = answer;
        let point = |lane: usize| lane * steps + t;
        for (lane, v_pcc) in (0..count).map(|lane| (lane, v_pu(lane, t))) {
            let drawn = pcc_power(pcc, batch.voltages(), lane) * base_kva;
            let p = &mut points[point(lane)];
            (p.v_pu, p.p_kw, p.q_kvar) = (v_pcc, drawn.re, drawn.im);
        }
        let per_kva = 1.0 / base_kva;
        let differentiate = |batch: &mut Batch, slopes: &mut Vec<f64>| -> Lanes {
            grid.adjoint_batch(batch);
            let dl_ds = batch.demand_gradient();
            for lane in 0..count {
                let own = &mut slopes[lane * layout.len()..(lane + 1) * layout.len()];
                mg.for_each_device(&layout, t, |port, active, reactive, sign| {
                    if let Some(active) = active {
                        own[active] += sign * dl_ds[port.0].re.0[lane] * per_kva;
                    }
                    own[reactive] += sign * dl_ds[port.0].im.0[lane] * per_kva;
                });
            }
            by_source_voltage(batch, |lane| v_pu(lane, t), count)
        };
        let dl_du = differentiate(batch, slope_l);
        (0..count).for_each(|lane| points[point(lane)].dl_dv = dl_du.0[lane]);
        for (weight, slopes) in [(Complex64::ONE, slope_p), (Complex64::I, slope_q)] {
            let (v, dl_dv) = batch.voltages_and_dl_dv_mut();
            dl_dv.fill(ComplexLanes::ZERO);
            (0..count).for_each(|lane| add_pcc_power_gradient(pcc, v, lane, weight * base_kva, dl_dv));
            let by_voltage = differentiate(batch, slopes);
            for lane in 0..count {
                let p = &mut points[point(lane)];
                let slot = if weight.re == 1.0 { &mut p.dp_dv } else { &mut p.dq_dv };
                *slot = by_voltage.0[lane];
            }
        }
    }
    for (lane, w) in windows.iter().enumerate() {
        let (dt_h, action) = (w.window.dt_h, action(lane));
        let slope = &mut answer.slope_l[lane * layout.len()..(lane + 1) * layout.len()];
        answer.values[lane].cost += fuel_cost(mg, dt_h, &layout, action, Some(&mut *slope));
        answer.values[lane].cost += storage_cost(mg, &w.window.microgrids[0], dt_h, &layout, action, Some(slope));
    }
    Ok(())
}

/// Power drawn from the feeder, per unit.
fn pcc_power(pcc: &BranchAdmittance, v: &[ComplexLanes], lane: usize) -> Complex64 {
    let (from, to) = (v[pcc.from.0].lane(lane), v[pcc.to.0].lane(lane));
    from * (pcc.yff * from + pcc.yft * to).conj()
}

/// Adds the gradient of w_p P + w_q Q (see [`BranchAdmittance::add_power_gradient`]) in one lane.
fn add_pcc_power_gradient(
    pcc: &BranchAdmittance,
    v: &[ComplexLanes],
    lane: usize,
    weight: Complex64,
    dl_dv: &mut [ComplexLanes],
) {
    // The two ends are all that the formula reads and writes.
    let ends = [v[pcc.from.0].lane(lane), v[pcc.to.0].lane(lane)];
    let mut gradient = [Complex64::ZERO; 2];
    let alone = BranchAdmittance { from: covolt_grid::BusIndex(0), to: covolt_grid::BusIndex(1), ..*pcc };
    alone.add_power_gradient(CurrentSide::From, &ends, weight, &mut gradient);
    for (bus, gradient) in [pcc.from, pcc.to].into_iter().zip(gradient) {
        dl_dv[bus.0].set_lane(lane, dl_dv[bus.0].lane(lane) + gradient);
    }
}

/// df/du by Euler's identity, after the adjoint of f.
fn by_source_voltage(batch: &mut Batch, u: impl Fn(usize) -> f64, count: usize) -> Lanes {
    let mut sum = Lanes::splat(0.0);
    let (v, g) = batch.voltages_and_dl_dv_mut();
    for (v, g) in v.iter().zip(g.iter()) {
        for lane in 0..count {
            sum.0[lane] += v.re.0[lane] * g.re.0[lane] + v.im.0[lane] * g.im.0[lane];
        }
    }
    for bus in 0..batch.demand_gradient().len() {
        let (by, s) = (batch.demand_gradient()[bus], batch.demand()[bus]);
        for lane in 0..count {
            sum.0[lane] -= 2.0 * (s.re.0[lane] * by.re.0[lane] + s.im.0[lane] * by.im.0[lane]);
        }
    }
    (0..count).for_each(|lane| sum.0[lane] /= u(lane));
    sum
}

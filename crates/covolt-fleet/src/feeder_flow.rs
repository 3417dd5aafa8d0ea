//! The operator's side of the seam: the feeder's power flow with the agents' answers for loads, and the prices that go back.
//!
//! Every microgrid n draws S_n(u_n) = P_n + j Q_n at its PCC bus, u_n the voltage magnitude there. Its last answer
//! ([`PccPoint`]) gives value and derivative at some voltage v_n, and from them S_n at others ([`PccPoint::drawn_at`]). With G(p, q) the
//! power flow of the feeder
//!
//! ```text
//!   V = G(s + S(|V|))                                                                                            (a)
//! ```
//!
//! is solved by fixed-point steps: S_n' is a few hundredths of S_n, so each step gains two to three digits. Value and slope of (a) are
//! those of the answer, so the exchange with the agents converges quadratically: from a start 1e-2 pu away the second is at 1e-7 to
//! 1e-8 pu, the third at rounding.
//!
//! Gradients cross the same way. With L = L_feeder(V) + sum_n L_n(u_n, a_n), g = dL_feeder/dV + sum_n (dL_n/du_n) V_n / |V_n| and
//! w_n = (dL/dP_n, dL/dQ_n) the derivatives of the whole by the powers at the PCCs,
//!
//! ```text
//!   w = G'^T ( g + sum_n (w_n . S_n') V_n / |V_n| )                                                               (b)
//! ```
//!
//! with the same contraction. Each agent gets its own two numbers per step, the price at which its power moves everybody's
//! limits and costs; its gradient is then that of the undivided network (`crates/covolt-fleet/tests/seam_physics.rs`).
//!
//! Up to eight windows at once, one per lane; balanced radial feeders.

use crate::demand_lanes::load_demand;
use crate::fleet::Fleet;
use crate::gradient::{LagrangianValue, LimitPrices, LimitPricing};
use crate::gradient_batch::PricedWindow;
use crate::limit_lanes::{LimitLanes, NetworkRatings};
use crate::pcc_answer::PccPoint;
use covolt_grid::{Batch, BusIndex, Complex64, ComplexLanes, FlowOptions, GridError, LANES};

/// Memory of the operator's part; one per thread.
#[derive(Debug)]
pub struct FeederWorkspace {
    /// Settings of the power flow.
    pub options: FlowOptions,
    batch: Batch,
    ratings: NetworkRatings,
    limits: LimitLanes,
    g: Vec<ComplexLanes>,
}

impl FeederWorkspace {
    /// Memory for an operator's part.
    ///
    /// # Errors
    /// Several phases, or loops.
    pub fn new(part: &Fleet) -> Result<FeederWorkspace, GridError> {
        let grid = part.grid.balanced_or_error()?;
        Ok(FeederWorkspace {
            options: FlowOptions::default(),
            batch: grid.batch()?,
            ratings: NetworkRatings::new(part)?,
            limits: LimitLanes::default(),
            g: vec![ComplexLanes::ZERO; grid.n_buses()],
        })
    }
}

/// What the feeder answers for up to [`LANES`] windows; entries of points are ordered window, step, PCC.
#[derive(Debug, Clone, Default)]
pub struct FeederAnswer {
    /// Priced limits and worst violations of the feeder, per window; its own cost is zero.
    pub values: [LagrangianValue; LANES],
    /// Slopes of the feeder's limits, per window.
    pub slopes: [LimitPrices; LANES],
    /// Voltage magnitude at each PCC, pu, `[(lane * steps + t) * pccs + n]`.
    pub v_pu: Vec<f64>,
    /// Prices (w_p, w_q) of each PCC's power, $/kW and $/kvar, in the same order.
    pub prices: Vec<(f64, f64)>,
    /// Largest |V - v| between the feeder's voltages and those that the points hold at, pu.
    pub distance_pu: f64,
}

/// Fixed-point steps are taken until nothing moves by more than this, pu.
const SETTLED_PU: f64 = 1e-13;
/// Most of them; a contraction of a tenth needs 13.
const MOST_STEPS: usize = 60;
/// (b) is settled at this relative change.
const SETTLED_RELATIVE: f64 = 1e-13;

/// Solves (a), prices the feeder's limits and solves (b), for `points[(lane * steps + t) * pccs + n]`.
///
/// # Errors
/// Shapes that do not fit; the power flow's own; fixed-point steps that do not settle, as one of no solution at the PCC's bus.
pub fn solve_feeder(
    part: &Fleet,
    pccs: &[BusIndex],
    windows: &[PricedWindow<'_>],
    points: &[PccPoint],
    pricing: &LimitPricing,
    ws: &mut FeederWorkspace,
    answer: &mut FeederAnswer,
) -> Result<(), GridError> {
    let grid = part.grid.balanced_or_error()?;
    let (count, steps) = (windows.len(), windows.first().map_or(0, |w| w.window.steps));
    if count > LANES {
        return Err(GridError::TooManyScenarios { found: count, most: LANES });
    }
    let expected = count * steps * pccs.len();
    if points.len() != expected {
        return Err(GridError::WrongLength { quantity: "answers at the PCCs", found: points.len(), expected });
    }
    answer.values = [LagrangianValue::default(); LANES];
    answer.slopes.iter_mut().for_each(|s| s.entries.clear());
    answer.v_pu.clear();
    answer.v_pu.resize(expected, 0.0);
    answer.prices.clear();
    answer.prices.resize(expected, (0.0, 0.0));
    answer.distance_pu = 0.0;
    grid.fit_batch(&mut ws.batch)?;
    ws.batch.set_scenarios(count);
    ws.limits.open(&ws.ratings);
    for t in 0..steps {
        let at = |lane: usize, n: usize| (lane * steps + t) * pccs.len() + n;
        let seam = Seam { part, pccs, windows, points, t, at: &at };
        seam.settle_voltages(ws, &mut answer.v_pu)?;
        let moved = (0..count).flat_map(|lane| (0..pccs.len()).map(move |n| (lane, n))).map(|(lane, n)| at(lane, n));
        let distance = moved.map(|i| (answer.v_pu[i] - points[i].v_pu).abs()).fold(0.0, f64::max);
        answer.distance_pu = answer.distance_pu.max(distance);
        seam.price_limits(pricing, ws, answer)?;
        seam.settle_prices(ws, &answer.v_pu, &mut answer.prices)?;
    }
    Ok(())
}

/// One step of all windows.
struct Seam<'a> {
    part: &'a Fleet,
    pccs: &'a [BusIndex],
    windows: &'a [PricedWindow<'a>],
    points: &'a [PccPoint],
    t: usize,
    at: &'a dyn Fn(usize, usize) -> usize,
}

impl Seam<'_> {
    /// (a).
    fn settle_voltages(&self, ws: &mut FeederWorkspace, v_pu: &mut [f64]) -> Result<(), GridError> {
        let (grid, per_kva) = (self.part.grid.balanced_or_error()?, 1.0 / self.part.grid.base_kva());
        let mut options = FlowOptions { warm_start: false, ..ws.options };
        for (lane, w) in self.windows.iter().enumerate() {
            (0..self.pccs.len()).for_each(|n| v_pu[(self.at)(lane, n)] = self.points[(self.at)(lane, n)].v_pu);
            let none: &[f64] = &[];
            load_demand(self.part, w.base, |_| none, w.window.steps, self.t, lane, ws.batch.demand_mut());
        }
        let mut last = f64::INFINITY;
        for _ in 0..MOST_STEPS {
            let demand = ws.batch.demand_mut();
            for (lane, w) in self.windows.iter().enumerate() {
                let (p, q) = w.base.step(self.t);
                self.pccs.iter().for_each(|bus| demand[bus.0].set_lane(lane, Complex64::new(p[bus.0], q[bus.0])));
            }
            for (n, bus) in self.pccs.iter().enumerate() {
                for lane in 0..self.windows.len() {
                    let point = &self.points[(self.at)(lane, n)];
                    let (p_kw, q_kvar) = point.drawn_at(v_pu[(self.at)(lane, n)]);
                    let drawn = Complex64::new(p_kw, q_kvar);
                    demand[bus.0].set_lane(lane, demand[bus.0].lane(lane) + drawn * per_kva);
                }
            }
            if let Some((_, error)) = grid.solve_batch(&mut ws.batch, &options)?.failures.into_iter().next() {
                return Err(error);
            }
            options.warm_start = true;
            let mut moved = 0.0_f64;
            for (n, bus) in self.pccs.iter().enumerate() {
                for lane in 0..self.windows.len() {
                    let slot = &mut v_pu[(self.at)(lane, n)];
                    let v = ws.batch.voltages()[bus.0].lane(lane).norm();
                    moved = moved.max((v - *slot).abs());
                    *slot = v;
                }
            }
            // Rounding keeps the last digits moving on some feeders: good enough where steps no longer shrink.
            if moved <= SETTLED_PU || (moved <= 1e-3 * ws.options.tolerance_pu && moved >= last) {
                return Ok(());
            }
            last = moved;
        }
        let bus = self.pccs.first().map_or_else(|| grid.network().source().bus, |bus| *bus);
        let bus = grid.network().buses()[bus.0].id.clone();
        Err(GridError::NoSolution { iterations: MOST_STEPS, mismatch_pu: last, bus, solved_fraction: 0.0 })
    }

    /// Slopes of the feeder's limits and g of (b).
    fn price_limits(
        &self,
        pricing: &LimitPricing,
        ws: &mut FeederWorkspace,
        answer: &mut FeederAnswer,
    ) -> Result<(), GridError> {
        let FeederWorkspace { batch, ratings, limits, g, .. } = ws;
        let put = |limits: &mut LimitLanes, keep: bool| {
            for (w, lane) in self.windows.iter().zip(0..) {
                for &(_, limit, price) in w.prices.entries.iter().filter(|entry| entry.0 == self.t) {
                    if let Some(known) = limits.of(ratings, limit) {
                        known.0[lane] = if keep { known.0[lane] + price } else { 0.0 };
                    }
                }
            }
        };
        put(limits, true);
        let machine = batch.machine();
        let (v, dl_dv) = batch.voltages_and_dl_dv_mut();
        dl_dv.fill(ComplexLanes::ZERO);
        let slopes = &mut answer.slopes[..self.windows.len()];
        let priced = limits.price(machine, self.part, ratings, pricing, self.t, v, dl_dv, slopes);
        put(limits, false);
        for (lane, value) in answer.values[..self.windows.len()].iter_mut().enumerate() {
            value.priced += priced.sum.0[lane];
            value.voltage_violation_pu = value.voltage_violation_pu.max(priced.voltage_excess.0[lane]);
            value.current_violation = value.current_violation.max(priced.current_excess.0[lane]);
        }
        for (n, bus) in self.pccs.iter().enumerate() {
            for lane in 0..self.windows.len() {
                let along = direction(v[bus.0].lane(lane)) * self.points[(self.at)(lane, n)].dl_dv;
                dl_dv[bus.0].set_lane(lane, dl_dv[bus.0].lane(lane) + along);
            }
        }
        g.copy_from_slice(dl_dv);
        Ok(())
    }

    /// (b), from g in `ws.g`.
    fn settle_prices(
        &self,
        ws: &mut FeederWorkspace,
        v_pu: &[f64],
        prices: &mut [(f64, f64)],
    ) -> Result<(), GridError> {
        let (grid, per_kva) = (self.part.grid.balanced_or_error()?, 1.0 / self.part.grid.base_kva());
        debug_assert_eq!(v_pu.len(), prices.len());
        if let Some((_, error)) = grid.linearise_batch(&mut ws.batch)?.into_iter().next() {
            return Err(error);
        }
        let mut last = f64::INFINITY;
        for _ in 0..MOST_STEPS {
            let (v, dl_dv) = ws.batch.voltages_and_dl_dv_mut();
            dl_dv.copy_from_slice(&ws.g);
            for (n, bus) in self.pccs.iter().enumerate() {
                for lane in 0..self.windows.len() {
                    let (point, (w_p, w_q)) = (&self.points[(self.at)(lane, n)], prices[(self.at)(lane, n)]);
                    let along = direction(v[bus.0].lane(lane)) * (w_p * point.dp_dv + w_q * point.dq_dv);
                    dl_dv[bus.0].set_lane(lane, dl_dv[bus.0].lane(lane) + along);
                }
            }
            grid.adjoint_batch(&mut ws.batch);
            let (mut moved, mut largest) = (0.0_f64, 0.0_f64);
            for (n, bus) in self.pccs.iter().enumerate() {
                for lane in 0..self.windows.len() {
                    let w = ws.batch.demand_gradient()[bus.0].lane(lane) * per_kva;
                    let slot = &mut prices[(self.at)(lane, n)];
                    moved = moved.max((w.re - slot.0).abs()).max((w.im - slot.1).abs());
                    largest = largest.max(w.re.abs()).max(w.im.abs());
                    *slot = (w.re, w.im);
                }
            }
            if moved <= SETTLED_RELATIVE * largest || (moved <= 1e-9 * largest && moved >= last) {
                break;
            }
            last = moved;
        }
        Ok(())
    }
}

fn direction(v: Complex64) -> Complex64 {
    v / v.norm()
}

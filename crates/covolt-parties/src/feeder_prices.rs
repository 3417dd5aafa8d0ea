//! The operator's repair: prices of power at the PCCs that make the feeder's limits hold, foreseen with the agents' responses.
//!
//! With S the drawn powers of all agents, R_n = -dS_n/dw_n their responses and g_m(S) <= 0 the limits within reach, linearised with
//! gradients G_m = dg_m/dS (one adjoint solve each, [`covolt_fleet::rows`]), the prices of multipliers lambda >= 0 are
//! w = sum_m lambda_m G_m, the answers to them S - R (w - w_0), and
//!
//! ```text
//!   g_m - H_m R (w - w_0) + margin <= 0,   lambda_m >= 0,   one of the two with equality         H_m = G_m, see below
//!   =   A lambda - b >= 0,  lambda >= 0,  lambda' (A lambda - b) = 0       A = sum_n H_n R_n G_n',   b = g + margin + H R w_0
//! ```
//!
//! a linear complementarity problem of as many unknowns as limits are near, solved by projected Gauss-Seidel sweeps. It is a Newton
//! step of the dual problem: exact where no device meets or leaves a limit of its own on the way, repeated where one does. The voltages
//! inside the agents enter as rows of their PCC's voltage, priced as that is; what the drop inside contributes when the agent itself
//! moves is foreseen (its rows of the response, added to H R) but not priced, so A is not quite symmetric. Nobody's devices, costs
//! or states are known here.

use crate::error::PartyError;
use crate::operator_training::OperatorPlace;
use crate::reception::heard;
use covolt_dispatch::MOST_ROOM;
use covolt_fleet::{
    BaseDemand, CURRENT_TOLERANCE_RELATIVE, Limit, Nearest, PhysicsWorkspace, VOLTAGE_TOLERANCE_PU, Window,
};
use covolt_grid::{BusIndex, Complex64, FlowOptions, MonitoredCurrent};
use covolt_wire::{BoundaryPoint, PriceOfPower};

/// The feeder over a window at the agents' powers.
#[derive(Debug, Clone, Default)]
pub(crate) struct FeederState {
    /// Voltages per step.
    pub v: Vec<Vec<Complex64>>,
    /// Magnitudes at the PCCs, `[t * pccs + n]`.
    pub v_pcc_pu: Vec<f64>,
    /// Largest distance to the voltages that the powers were answered at, pu.
    pub distance_pu: f64,
    pub voltage: Option<Nearest>,
    pub current: Option<Nearest>,
}

impl FeederState {
    pub fn is_safe(&self) -> bool {
        let within = |nearest: &Option<Nearest>, tolerance: f64| nearest.is_none_or(|n| n.excess <= tolerance);
        within(&self.voltage, VOLTAGE_TOLERANCE_PU) && within(&self.current, CURRENT_TOLERANCE_RELATIVE)
    }
}

impl FeederState {
    /// The worst of the feeder's limits in tolerances, zero when all hold.
    pub fn worst(&self) -> f64 {
        let of = |nearest: &Option<Nearest>, tolerance: f64| nearest.map_or(0.0, |n| n.excess / tolerance);
        of(&self.voltage, VOLTAGE_TOLERANCE_PU).max(of(&self.current, CURRENT_TOLERANCE_RELATIVE)).max(0.0)
    }
}

/// One agent's answer as the feeder sees it.
pub(crate) struct SeenAgent<'a> {
    pub points: &'a [BoundaryPoint],
    /// Voltages they hold at, per step, pu.
    pub v_pu: Vec<f64>,
    /// How its own limits stand per step, in tolerances.
    pub excess: &'a [f64],
    /// 3T rows of 2T numbers, or empty.
    pub response: &'a [f64],
    pub prices: &'a [PriceOfPower],
}

/// Prices by seat and step, and the powers that they should lead to.
pub(crate) struct Foreseen {
    pub prices: Vec<Vec<PriceOfPower>>,
    pub points: Vec<Vec<BoundaryPoint>>,
}

/// Memory of the operator in dispatch.
pub(crate) struct FeederPrices<'a> {
    place: OperatorPlace<'a>,
    physics: PhysicsWorkspace,
    p: Vec<f64>,
    q: Vec<f64>,
    dl_dv: Vec<Complex64>,
    dl_dp: Vec<f64>,
    dl_dq: Vec<f64>,
}

/// Limits within this enter the program, pu and fraction.
const REACH: (f64, f64) = (0.01, 0.2);
/// Units of the program's rows: so much voltage, so much of a current limit, so many tolerances of an agent's limit are 1.
const UNITS: (f64, f64, f64) = (0.01, 0.1, 1e3);
/// Margins of the first priced exchange, pu and fraction; they double with every other.
const MARGINS: (f64, f64) = (4e-6, 4e-5);
/// Multipliers stay below this, $ per unit of their row: no agent can do more.
const CAP: f64 = 1e4;
/// Fixed-point steps and where they end, pu.
const MOST_STEPS: usize = 60;
const SETTLED_PU: f64 = 1e-13;

/// A limit near its end, linearised.
struct Row {
    t: usize,
    /// Excess, in units.
    excess: f64,
    margin: f64,
    /// By (P, Q) of every agent at step t, units per kW and kvar.
    gradient: Vec<[f64; 2]>,
    /// The agent inside which it is.
    inside: Option<usize>,
}

impl<'a> FeederPrices<'a> {
    pub fn new(place: OperatorPlace<'a>) -> FeederPrices<'a> {
        let (nodes, ports) = (place.fleet.grid.n_nodes(), place.fleet.grid.n_ports());
        FeederPrices {
            place,
            physics: PhysicsWorkspace::new(place.fleet),
            p: vec![0.0; ports],
            q: vec![0.0; ports],
            dl_dv: vec![Complex64::ZERO; nodes],
            dl_dp: vec![0.0; ports],
            dl_dq: vec![0.0; ports],
        }
    }

    fn bus(&self, n: usize) -> BusIndex {
        self.place.pccs[n].1
    }

    /// Solves the feeder with the agents' powers, which follow their voltages as `covolt_fleet::feeder_flow` has it.
    ///
    /// # Errors
    /// The power flow's own.
    pub fn solve(&mut self, window: &Window, agents: &[SeenAgent<'_>]) -> Result<FeederState, PartyError> {
        let base = BaseDemand::new(self.place.fleet, window);
        let mut state = FeederState { v_pcc_pu: vec![0.0; window.steps * agents.len()], ..FeederState::default() };
        for t in 0..window.steps {
            self.solve_step(&base, t, agents)?;
            let v = self.physics.flow.v().to_vec();
            for (n, agent) in agents.iter().enumerate() {
                let u = v[self.bus(n).0].norm();
                state.v_pcc_pu[t * agents.len() + n] = u;
                state.distance_pu = state.distance_pu.max((u - agent.v_pu[t]).abs());
            }
            self.note_limits(t, &v, &mut state);
            state.v.push(v);
        }
        Ok(state)
    }

    /// Step `t` with voltages in the workspace and demand in `p`, `q`.
    fn solve_step(&mut self, base: &BaseDemand, t: usize, agents: &[SeenAgent<'_>]) -> Result<(), PartyError> {
        let fleet = self.place.fleet;
        let per_kva = 1.0 / fleet.grid.base_kva();
        let mut u: Vec<f64> = agents.iter().map(|agent| agent.v_pu[t]).collect();
        let mut options = FlowOptions { tolerance_pu: 1e-12, ..FlowOptions::default() };
        let mut last = f64::INFINITY;
        for _ in 0..MOST_STEPS {
            let (p, q) = base.step(t);
            self.p.copy_from_slice(p);
            self.q.copy_from_slice(q);
            for (n, agent) in agents.iter().enumerate() {
                let (bus, drawn) = (self.bus(n).0, heard(agent.v_pu[t], &agent.points[t]).drawn_at(u[n]));
                self.p[bus] += drawn.0 * per_kva;
                self.q[bus] += drawn.1 * per_kva;
            }
            fleet.grid.solve(&self.p, &self.q, &mut self.physics.flow, &options)?;
            options.warm_start = true;
            let mut moved = 0.0_f64;
            for (n, u) in u.iter_mut().enumerate() {
                let now = self.physics.flow.v()[self.place.pccs[n].1.0].norm();
                moved = moved.max((now - *u).abs());
                *u = now;
            }
            if moved <= SETTLED_PU || (moved <= 1e-10 && moved >= last) {
                return Ok(());
            }
            last = moved;
        }
        Err(PartyError::NotSettled { round: 0, exchanges: 0, distance_pu: last })
    }

    fn note_limits(&self, t: usize, v: &[Complex64], state: &mut FeederState) {
        let fleet = self.place.fleet;
        let keep = |slot: &mut Option<Nearest>, limit: Limit, excess: f64| {
            if slot.is_none_or(|known| excess > known.excess || excess.is_nan()) {
                *slot = Some(Nearest { step: t, limit, excess });
            }
        };
        for i in (0..fleet.grid.n_voltages()).filter(|&i| !fleet.grid.is_fixed_voltage(i)) {
            let magnitude = fleet.grid.voltage_pu(i, v);
            keep(&mut state.voltage, Limit::VoltageLow(i), fleet.limits.v_min_pu[i] - magnitude);
            keep(&mut state.voltage, Limit::VoltageHigh(i), magnitude - fleet.limits.v_max_pu[i]);
        }
        for i in (0..fleet.grid.n_currents()).filter(|&i| fleet.limits.i_max_pu[i].is_finite()) {
            let loading = covolt_fleet::returns::loading_pu(fleet, i, v) / fleet.limits.i_max_pu[i];
            keep(&mut state.current, Limit::Current(i), loading - 1.0);
        }
    }

    /// Prices by seat and step after which the limits should hold, and the powers that are foreseen. `priced` counts the priced exchanges
    /// of this round so far; `damping` is the fraction of the way that prices go.
    ///
    /// # Errors
    /// The power flow's own.
    pub fn prices(
        &mut self,
        window: &Window,
        agents: &[SeenAgent<'_>],
        state: &FeederState,
        priced: u32,
        damping: f64,
    ) -> Result<Foreseen, PartyError> {
        let rows = self.rows(window, agents, state, priced)?;
        let steps = window.steps;
        let before = |n: usize, t: usize| agents[n].prices.get(t).copied().unwrap_or_default();
        // R_n applied to a change of prices that lies in step t alone, seen at step s.
        let moved = |n: usize, s: usize, t: usize, by: [f64; 2]| -> [f64; 2] {
            let (response, wide) = (agents[n].response, 2 * steps);
            if response.is_empty() {
                return [0.0; 2];
            }
            let entry = |a: usize, b: usize| response[(2 * s + a) * wide + 2 * t + b];
            [entry(0, 0) * by[0] + entry(0, 1) * by[1], entry(1, 0) * by[0] + entry(1, 1) * by[1]]
        };
        // What a change of prices in step t does to a row through agent n.
        let effect = |row: &Row, n: usize, t: usize, by: [f64; 2]| -> f64 {
            let ([gp, gq], [p, q]) = (row.gradient[n], moved(n, row.t, t, by));
            let (response, wide) = (agents[n].response, 2 * steps);
            let own = (row.inside == Some(n) && !response.is_empty()).then(|| {
                let at = (wide + row.t) * wide + 2 * t;
                (response[at] * by[0] + response[at + 1] * by[1]) / UNITS.2
            });
            gp * p + gq * q + own.unwrap_or(0.0)
        };
        let m = rows.len();
        let (mut a, mut b) = (vec![0.0; m * m], vec![0.0; m]);
        for (i, row) in rows.iter().enumerate() {
            b[i] = row.excess + row.margin;
            for n in 0..agents.len() {
                for t in 0..steps {
                    let price = before(n, t);
                    b[i] += effect(row, n, t, [price.p_per_kw, price.q_per_kvar]);
                }
                for (j, other) in rows.iter().enumerate() {
                    a[i * m + j] += effect(row, n, other.t, other.gradient[n]);
                }
            }
        }
        let lambda = multipliers(&a, &b);
        let mut prices = vec![vec![PriceOfPower::default(); steps]; agents.len()];
        for (row, lambda) in rows.iter().zip(&lambda) {
            for (own, [gp, gq]) in prices.iter_mut().zip(&row.gradient) {
                own[row.t].p_per_kw += lambda * gp;
                own[row.t].q_per_kvar += lambda * gq;
            }
        }
        for (n, own) in prices.iter_mut().enumerate() {
            for (t, price) in own.iter_mut().enumerate() {
                let from = before(n, t);
                price.p_per_kw = from.p_per_kw + damping * (price.p_per_kw - from.p_per_kw);
                price.q_per_kvar = from.q_per_kvar + damping * (price.q_per_kvar - from.q_per_kvar);
            }
        }
        let mut foreseen: Vec<Vec<BoundaryPoint>> = agents.iter().map(|agent| agent.points.to_vec()).collect();
        for (n, points) in foreseen.iter_mut().enumerate() {
            for (t, now) in prices[n].iter().enumerate() {
                let then = before(n, t);
                let by = [now.p_per_kw - then.p_per_kw, now.q_per_kvar - then.q_per_kvar];
                for (s, point) in points.iter_mut().enumerate() {
                    let [p, q] = moved(n, s, t, by);
                    point.p_kw -= p;
                    point.q_kvar -= q;
                }
            }
        }
        Ok(Foreseen { prices, points: foreseen })
    }

    fn rows(
        &mut self,
        window: &Window,
        agents: &[SeenAgent<'_>],
        state: &FeederState,
        priced: u32,
    ) -> Result<Vec<Row>, PartyError> {
        let fleet = self.place.fleet;
        let base = BaseDemand::new(fleet, window);
        let doubled = 2f64.powi(priced.min(8) as i32);
        let margins = (MARGINS.0 * doubled / UNITS.0, MARGINS.1 * doubled / UNITS.1);
        let mut rows = Vec::new();
        for t in 0..window.steps {
            self.solve_step(&base, t, agents)?;
            fleet.grid.linearise(&self.p, &self.q, &mut self.physics.flow)?;
            let v = &state.v[t];
            for i in (0..fleet.grid.n_voltages()).filter(|&i| !fleet.grid.is_fixed_voltage(i)) {
                let magnitude = fleet.grid.voltage_pu(i, v);
                let sides = [(fleet.limits.v_min_pu[i] - magnitude, -1.0), (magnitude - fleet.limits.v_max_pu[i], 1.0)];
                for (excess, sign) in sides.into_iter().filter(|(excess, _)| *excess > -REACH.0) {
                    self.dl_dv.fill(Complex64::ZERO);
                    fleet.grid.add_voltage_gradient(i, v, sign / UNITS.0, &mut self.dl_dv);
                    let gradient = self.by_powers(agents.len());
                    rows.push(Row { t, excess: excess / UNITS.0, margin: margins.0, gradient, inside: None });
                }
            }
            for i in (0..fleet.grid.n_currents()).filter(|&i| fleet.limits.i_max_pu[i].is_finite()) {
                let MonitoredCurrent { side, factor, current } = fleet.grid.monitored_current(i, v);
                let limit = fleet.limits.i_max_pu[i];
                let excess = current.norm() / limit - 1.0;
                if excess > -REACH.1 && current.norm() > 0.0 {
                    self.dl_dv.fill(Complex64::ZERO);
                    let (direction, weight) = (current / current.norm(), factor / limit / UNITS.1);
                    fleet.grid.add_current_gradient(i, side, direction, weight, &mut self.dl_dv);
                    let gradient = self.by_powers(agents.len());
                    rows.push(Row { t, excess: excess / UNITS.1, margin: margins.1, gradient, inside: None });
                }
            }
            for (n, agent) in agents.iter().enumerate() {
                let du = state.v_pcc_pu[t * agents.len() + n] - agent.v_pu[t];
                let excess = agent.excess[t] + agent.points[t].slope * du;
                if agent.excess[t] > -MOST_ROOM {
                    self.dl_dv.fill(Complex64::ZERO);
                    let weight = agent.points[t].slope / UNITS.2;
                    fleet.grid.add_voltage_gradient(self.bus(n).0, v, weight, &mut self.dl_dv);
                    let gradient = self.by_powers(agents.len());
                    rows.push(Row { t, excess: excess / UNITS.2, margin: margins.0, gradient, inside: Some(n) });
                }
            }
        }
        Ok(rows)
    }

    /// Adjoint of `dl_dv`, by the powers at the PCCs.
    fn by_powers(&mut self, agents: usize) -> Vec<[f64; 2]> {
        let fleet = self.place.fleet;
        fleet.grid.adjoint(&self.dl_dv, &mut self.dl_dp, &mut self.dl_dq, &mut self.physics.flow);
        let per_kva = 1.0 / fleet.grid.base_kva();
        (0..agents).map(|n| self.bus(n).0).map(|bus| [self.dl_dp[bus] * per_kva, self.dl_dq[bus] * per_kva]).collect()
    }
}

/// A l - b >= 0, 0 <= l <= CAP, complementary. A row that nobody can move keeps no price.
fn multipliers(a: &[f64], b: &[f64]) -> Vec<f64> {
    let m = b.len();
    let mut lambda = vec![0.0; m];
    let largest = (0..m).map(|i| a[i * m + i]).fold(0.0, f64::max);
    for _ in 0..MOST_SWEEPS {
        let mut moved = 0.0_f64;
        for i in 0..m {
            let own = a[i * m + i];
            if own.is_nan() || own <= LEAST_MOVED * largest {
                continue;
            }
            let own = own + RIDGE * largest;
            let product: f64 = a[i * m..(i + 1) * m].iter().zip(&lambda).map(|(a, l)| a * l).sum();
            let next = (lambda[i] + (b[i] - product) / own).clamp(0.0, CAP);
            moved = moved.max((next - lambda[i]).abs() * own);
            lambda[i] = next;
        }
        if moved < SWEPT {
            break;
        }
    }
    lambda
}

/// Sweeps at most, and the residual of a row, in its unit, at which they end.
const MOST_SWEEPS: usize = 5000;
const SWEPT: f64 = 1e-7;
/// A row that moves less than this share of the most movable one is nobody's to mend: a price would only grow without end.
const LEAST_MOVED: f64 = 1e-6;
/// Rows beside each other are nearly alike: a little more on the diagonal keeps the sweeps short.
const RIDGE: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::{CAP, multipliers};

    /// Numbers that look random, the same every time.
    fn numbers(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        }
    }

    #[test]
    fn law_multipliers_are_complementary() {
        for seed in 0..50 {
            let (m, k) = (12, 20);
            let mut next = numbers(seed);
            // A = G G' with a little asymmetry, as rows inside agents make it.
            let g: Vec<Vec<f64>> = (0..m).map(|_| (0..k).map(|_| next()).collect()).collect();
            let dot = |i: usize, j: usize| g[i].iter().zip(&g[j]).map(|(a, b)| a * b).sum::<f64>();
            let mut a = vec![0.0; m * m];
            (0..m * m).for_each(|at| a[at] = dot(at / m, at % m) * (1.0 + 0.02 * next()));
            let b: Vec<f64> = (0..m).map(|_| next()).collect();
            let lambda = multipliers(&a, &b);
            for i in 0..m {
                let left: f64 = (0..m).map(|j| a[i * m + j] * lambda[j]).sum::<f64>() - b[i];
                assert!((0.0..=CAP).contains(&lambda[i]));
                assert!(left > -1e-5, "row {i} of seed {seed}: {left}");
                assert!(lambda[i] == 0.0 || left.abs() < 1e-5, "row {i} of seed {seed}: {left} at {}", lambda[i]);
            }
        }
    }

    #[test]
    fn law_rows_that_nobody_moves_have_no_price() {
        assert_eq!(multipliers(&[0.0], &[1.0]), [0.0]);
        let lambda = multipliers(&[2.0, 0.0, 0.0, 0.0], &[1.0, 1.0]);
        assert!((lambda[0] - 0.5).abs() < 1e-6 && lambda[1] == 0.0);
        assert_eq!(multipliers(&[], &[]), Vec::<f64>::new());
    }
}

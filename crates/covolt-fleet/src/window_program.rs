//! The window problem (1)-(14), convexified at a joint action: what the optimum, the repair, the polish and the
//! coordination methods all solve.
//!
//! Per microgrid: exact generator quadratic, analytic loss curvature, exact exchange gradient, exact local limits
//! (5)-(14) with P_Ch and P_Dis as two variables (their product is zero at an optimum while prices are positive; callers
//! net the two and check again), the terminal value as epigraph, apparent-power circles. Coupled: linearised voltages
//! and complex currents within reach ([`crate::rows`]).

use crate::cost::fuel_cost;
use crate::fleet::{Fleet, Microgrid};
use crate::layout::ActionLayout;
use crate::loss_curvature::LossCurvature;
use crate::network_tree::{NetworkTree, TreePlan};
use crate::returns::{BaseDemand, PhysicsWorkspace};
use crate::rows::{CurrentRow, Reach, VoltageRow, add_port_gradient, step_rows};
use crate::window::{MicrogridWindow, Window};
use covolt_grid::GridError;
use num_complex::Complex64;
use std::sync::Arc;

/// Order of one microgrid's variables: per step P_DG, P_Ch, P_Dis, Q_DG, Q_PV, Q_ESS; then one epigraph variable per battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VariableLayout {
    /// The action layout it belongs to.
    pub action: ActionLayout,
}

impl VariableLayout {
    /// Variables of one step.
    pub fn per_step(&self) -> usize {
        self.action.per_step() + self.action.batteries
    }
    /// All variables.
    pub fn len(&self) -> usize {
        self.action.steps * self.per_step() + self.action.batteries
    }
    /// True without controllable devices.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Active power of generator `i`.
    pub fn p_dg(&self, t: usize, i: usize) -> usize {
        t * self.per_step() + i
    }
    /// Charging power of battery `k`.
    pub fn p_charge(&self, t: usize, k: usize) -> usize {
        t * self.per_step() + self.action.dgs + k
    }
    /// Discharging power of battery `k`.
    pub fn p_discharge(&self, t: usize, k: usize) -> usize {
        self.p_charge(t, k) + self.action.batteries
    }
    /// Reactive power of generator `i`.
    pub fn q_dg(&self, t: usize, i: usize) -> usize {
        t * self.per_step() + self.action.dgs + 2 * self.action.batteries + i
    }
    /// Reactive power of PV system `j`.
    pub fn q_pv(&self, t: usize, j: usize) -> usize {
        self.q_dg(t, 0) + self.action.dgs + j
    }
    /// Reactive power of battery `k`.
    pub fn q_ess(&self, t: usize, k: usize) -> usize {
        self.q_dg(t, 0) + self.action.dgs + self.action.pvs + k
    }
    /// Epigraph of the terminal value of battery `k`, $.
    pub fn stored_value(&self, k: usize) -> usize {
        self.action.steps * self.per_step() + k
    }

    /// Variables and factors behind entry `at` of one step's action coefficients (see [`crate::rows`]).
    pub fn of_action(&self, t: usize, at: usize) -> [(usize, f64); 2] {
        let a = &self.action;
        if at < a.dgs {
            [(self.p_dg(t, at), 1.0), (self.p_dg(t, at), 0.0)]
        } else if at < a.dgs + a.batteries {
            let k = at - a.dgs;
            [(self.p_charge(t, k), 1.0), (self.p_discharge(t, k), -1.0)]
        } else {
            let q = self.q_dg(t, 0) + at - a.dgs - a.batteries;
            [(q, 1.0), (q, 0.0)]
        }
    }

    /// Variables of an action: P_Ch = \[P_ESS\]+, P_Dis = \[-P_ESS\]+; epigraph variables are left at zero.
    pub fn from_action(&self, action: &[f64]) -> Vec<f64> {
        let mut x = vec![0.0; self.len()];
        let per_step = self.action.per_step();
        for t in 0..self.action.steps {
            for at in 0..per_step {
                let value = action[t * per_step + at];
                let [(first, _), (second, factor)] = self.of_action(t, at);
                if factor == 0.0 {
                    x[first] = value;
                } else {
                    x[first] = value.max(0.0);
                    x[second] = (-value).max(0.0);
                }
            }
        }
        x
    }

    /// Action of the variables, charging and discharging netted.
    pub fn to_action(&self, x: &[f64], action: &mut [f64]) {
        let per_step = self.action.per_step();
        for t in 0..self.action.steps {
            for at in 0..per_step {
                let [(first, _), (second, factor)] = self.of_action(t, at);
                action[t * per_step + at] = x[first] + factor * x[second];
            }
        }
    }
}

/// lower <= sum coefficients x <= upper.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalRow {
    /// (variable, coefficient).
    pub terms: Vec<(usize, f64)>,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

/// (p_offset + sum p terms)^2 + x_q^2 <= radius^2, kVA.
#[derive(Debug, Clone, PartialEq)]
pub struct Circle {
    /// Active power terms.
    pub p: Vec<(usize, f64)>,
    /// Constant active power, kW.
    pub p_offset: f64,
    /// Reactive power variable.
    pub q: usize,
    /// Rating, kVA.
    pub radius: f64,
}

/// One microgrid's part: minimise constant + linear x + 1/2 x^T quadratic x over its local limits.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentProgram {
    /// Variable order.
    pub layout: VariableLayout,
    /// Upper-triangular entries (i <= j, value).
    pub quadratic: Vec<(usize, usize, f64)>,
    /// Linear cost, $ per unit.
    pub linear: Vec<f64>,
    /// Lower bounds.
    pub lower: Vec<f64>,
    /// Upper bounds.
    pub upper: Vec<f64>,
    /// Ramp, energy and epigraph rows.
    pub rows: Vec<LocalRow>,
    /// Apparent-power circles.
    pub circles: Vec<Circle>,
}

/// The whole window, convexified.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowProgram {
    /// Per microgrid.
    pub agents: Vec<AgentProgram>,
    /// Voltage limits within reach.
    pub voltages: Vec<VoltageRow>,
    /// Current limits within reach.
    pub currents: Vec<CurrentRow>,
    /// The joint action it was built at.
    pub at: Vec<Vec<f64>>,
    /// The network behind the rows, for programs of many microgrids (see [`FEWEST_FOR_TREE`]) on a radial network.
    pub tree: Option<Arc<NetworkTree>>,
}

/// From this many microgrids on, solvers are given the network as a tree beside the rows: below, rows alone are faster.
pub const FEWEST_FOR_TREE: usize = 8;

/// Convexifies the window at the feasible joint action `at`.
///
/// # Errors
/// The power flow's own.
#[allow(clippy::too_many_arguments)]
pub fn linearise(
    fleet: &Fleet,
    window: &Window,
    base: &BaseDemand,
    at: &[Vec<f64>],
    reach: &Reach,
    curvature: &[LossCurvature],
    ws: &mut PhysicsWorkspace,
) -> Result<WindowProgram, GridError> {
    let steps = window.steps;
    let mut agents: Vec<AgentProgram> = fleet
        .microgrids
        .iter()
        .zip(&window.microgrids)
        .map(|(mg, w)| local_program(mg, w, window.dt_h, steps))
        .collect();
    let (mut voltages, mut currents) = (Vec::new(), Vec::new());
    let large = fleet.microgrids.len() >= FEWEST_FOR_TREE;
    let plan = if large { TreePlan::new(fleet) } else { None };
    let mut tree = NetworkTree::default();
    let mut exchange: Vec<Vec<f64>> = at.iter().map(|a| vec![0.0; a.len()]).collect();
    let base_kva = fleet.grid.base_kva();
    for t in 0..steps {
        ws.solve_step(fleet, base, at, steps, t)?;
        {
            let PhysicsWorkspace { flow, p, q, dl_dv, dl_dp, dl_dq, .. } = &mut *ws;
            fleet.grid.linearise(p, q, flow)?;
            dl_dv.fill(Complex64::ZERO);
            for (mg, w) in fleet.microgrids.iter().zip(&window.microgrids) {
                let (p_price, q_price) = window.pcc_prices(t);
                let weight = -(w.price_per_kwh[t] * window.dt_h + p_price) * base_kva;
                fleet.grid.add_pcc_export_gradient(mg.pcc, flow.v(), weight, dl_dv);
                if let (Some(grid), true) = (fleet.grid.balanced(), q_price != 0.0) {
                    let weight = Complex64::new(0.0, q_price * base_kva);
                    grid.add_pcc_power_gradient(mg.pcc, flow.v(), weight, dl_dv);
                }
            }
            fleet.grid.adjoint(dl_dv, dl_dp, dl_dq, flow);
            for (mg, gradient) in fleet.microgrids.iter().zip(exchange.iter_mut()) {
                add_port_gradient(mg, &mg.layout(steps), t, base_kva, dl_dp, dl_dq, gradient);
            }
        }
        for (n, mg) in fleet.microgrids.iter().enumerate() {
            let v2 = fleet.grid.v_square_behind(mg.pcc, ws.flow.v());
            // Losses are drawn at the PCC, whoever prices them.
            let price = window.microgrids[n].price_per_kwh[t] * window.dt_h + window.pcc_prices(t).0;
            if price > 0.0 {
                let scale = 2.0 * price / (v2 * base_kva);
                add_loss_curvature(mg, &curvature[n], t, scale, &at[n], &mut agents[n], &mut exchange[n]);
            }
        }
        let (first_voltage, first_current) = (voltages.len(), currents.len());
        step_rows(fleet, t, reach, ws, &mut voltages, &mut currents)?;
        if let Some(plan) = &plan {
            let rows = (&voltages[first_voltage..], &currents[first_current..]);
            tree.add_step(plan, fleet, &ws.flow, ws.demand(), rows.0, rows.1);
        }
    }
    for (agent, gradient) in agents.iter_mut().zip(&exchange) {
        let per_step = agent.layout.action.per_step();
        for (at, slope) in gradient.iter().enumerate() {
            for (variable, factor) in agent.layout.of_action(at / per_step, at % per_step) {
                agent.linear[variable] += factor * slope;
            }
        }
    }
    let tree = plan.map(|_| Arc::new(tree));
    Ok(WindowProgram { agents, voltages, currents, at: at.to_vec(), tree })
}

/// Adds scale * R_ij s_i s_j to the quadratic and its effect at the linearisation point to the linear part.
fn add_loss_curvature(
    mg: &Microgrid,
    curvature: &LossCurvature,
    t: usize,
    scale: f64,
    at: &[f64],
    agent: &mut AgentProgram,
    linear: &mut [f64],
) {
    let layout = agent.layout.action;
    let step_start = t * layout.per_step();
    // (entry within the step, device in the order of LossCurvature, sign of net demand)
    let (dgs, batteries) = (mg.dgs.len(), mg.batteries.len());
    let active: Vec<(usize, usize, f64)> = (0..dgs)
        .map(|i| (layout.p_dg(0, i), i, -1.0))
        .chain((0..batteries).map(|k| (layout.p_ess(0, k), dgs + k, 1.0)))
        .collect();
    let reactive: Vec<(usize, usize, f64)> = (0..dgs)
        .map(|i| (layout.q_dg(0, i), i, -1.0))
        .chain((0..mg.pvs.len()).map(|j| (layout.q_pv(0, j), dgs + batteries + j, -1.0)))
        .chain((0..batteries).map(|k| (layout.q_ess(0, k), dgs + k, 1.0)))
        .collect();
    for entries in [&active, &reactive] {
        for &(row, device, sign) in entries {
            for &(column, other, other_sign) in entries {
                let h = scale * curvature.shared_r_pu(device, other) * sign * other_sign;
                if h == 0.0 {
                    continue;
                }
                linear[step_start + row] -= h * at[step_start + column];
                for (i, fi) in agent.layout.of_action(t, row) {
                    for (j, fj) in agent.layout.of_action(t, column) {
                        if fi * fj != 0.0 && i <= j {
                            agent.quadratic.push((i, j, h * fi * fj));
                        }
                    }
                }
            }
        }
    }
}

/// Local limits (5)-(14), fuel (2) and terminal value of one microgrid; fuel at no load is left out of the cost.
pub fn local_program(mg: &Microgrid, window: &MicrogridWindow, dt_h: f64, steps: usize) -> AgentProgram {
    let layout = VariableLayout { action: mg.layout(steps) };
    let n = layout.len();
    let mut agent = AgentProgram {
        layout,
        quadratic: Vec::new(),
        linear: vec![0.0; n],
        lower: vec![0.0; n],
        upper: vec![f64::INFINITY; n],
        rows: Vec::new(),
        circles: Vec::new(),
    };
    add_generators(mg, window, dt_h, steps, &mut agent);
    add_pv_systems(mg, window, steps, &mut agent);
    add_batteries(mg, window, dt_h, steps, &mut agent);
    agent
}

fn add_generators(mg: &Microgrid, window: &MicrogridWindow, dt_h: f64, steps: usize, agent: &mut AgentProgram) {
    let layout = agent.layout;
    let mut slope = vec![0.0; layout.action.len()];
    fuel_cost(mg, dt_h, &layout.action, &vec![0.0; layout.action.len()], Some(&mut slope));
    for (i, dg) in mg.dgs.iter().enumerate() {
        let ramp = dg.ramp_kw(dt_h);
        for t in 0..steps {
            let (p, q) = (layout.p_dg(t, i), layout.q_dg(t, i));
            agent.linear[p] += slope[layout.action.p_dg(t, i)];
            agent.quadratic.push((p, p, 2.0 * mg.fuel_price_per_l * dg.fuel.a_l_per_kw2h * dt_h));
            agent.upper[p] = dg.p_max_kw;
            agent.upper[q] = dg.q_max_kvar;
            if t == 0 {
                let (low, high) = crate::feasible_map::generator_range(dg, window.start.p_dg_kw[i], dt_h);
                (agent.lower[p], agent.upper[p]) = (low, high);
            } else if ramp < dg.p_max_kw {
                agent.rows.push(LocalRow {
                    terms: vec![(p, 1.0), (layout.p_dg(t - 1, i), -1.0)],
                    lower: -ramp,
                    upper: ramp,
                });
            }
            add_circle(agent, vec![(p, 1.0)], 0.0, dg.p_max_kw, q, dg.q_max_kvar, dg.s_max_kva);
        }
    }
}

fn add_pv_systems(mg: &Microgrid, window: &MicrogridWindow, steps: usize, agent: &mut AgentProgram) {
    for (j, pv) in mg.pvs.iter().enumerate() {
        for t in 0..steps {
            let q = agent.layout.q_pv(t, j);
            let limit = pv.q_limit_kvar(window.pv_kw[j * steps + t]);
            (agent.lower[q], agent.upper[q]) = (-limit, limit);
        }
    }
}

fn add_batteries(mg: &Microgrid, window: &MicrogridWindow, dt_h: f64, steps: usize, agent: &mut AgentProgram) {
    let layout = agent.layout;
    for (k, battery) in mg.batteries.iter().enumerate() {
        let soc = window.start.soc[k];
        let (charge_soc, discharge_soc) =
            (battery.eta_charge * dt_h / battery.capacity_kwh, dt_h / (battery.eta_discharge * battery.capacity_kwh));
        let mut terms = Vec::with_capacity(2 * steps);
        for t in 0..steps {
            let (charge, discharge, q) = (layout.p_charge(t, k), layout.p_discharge(t, k), layout.q_ess(t, k));
            agent.upper[charge] = battery.p_charge_max_kw;
            agent.upper[discharge] = battery.p_discharge_max_kw;
            (agent.lower[q], agent.upper[q]) = (-battery.q_max_kvar, battery.q_max_kvar);
            terms.push((charge, charge_soc));
            terms.push((discharge, -discharge_soc));
            // A battery that starts outside its range need not jump back: it may stay, and moves only inwards.
            agent.rows.push(LocalRow {
                terms: terms.clone(),
                lower: (battery.soc_min - soc).min(0.0),
                upper: (battery.soc_max - soc).max(0.0),
            });
            let p_max = battery.p_charge_max_kw.max(battery.p_discharge_max_kw);
            add_circle(
                agent,
                vec![(charge, 1.0), (discharge, -1.0)],
                0.0,
                p_max,
                q,
                battery.q_max_kvar,
                battery.s_max_kva,
            );
        }
        add_stored_value(window, battery, k, soc, &terms, agent);
    }
}

/// Maximise z with z <= every affine piece of the concave terminal value: cost -z, rows slope * soc - z >= -offset.
fn add_stored_value(
    window: &MicrogridWindow,
    battery: &crate::devices::Battery,
    k: usize,
    soc: f64,
    terms: &[(usize, f64)],
    agent: &mut AgentProgram,
) {
    let value = &window.terminal[k];
    let z = agent.layout.stored_value(k);
    let reach = |p_kw: f64, sign: f64| terms.iter().map(|(_, factor)| (sign * factor).max(0.0) * p_kw).sum::<f64>();
    let low = soc - reach(battery.p_discharge_max_kw, -1.0);
    let high = soc + reach(battery.p_charge_max_kw, 1.0);
    let last = value.slopes.len().saturating_sub(1);
    let reached: Vec<usize> = (0..value.slopes.len())
        .filter(|&s| {
            (s == last || value.breakpoints[s + 1] > low.max(battery.soc_min.min(soc)))
                && (s == 0 || value.breakpoints[s] < high.min(battery.soc_max.max(soc)))
        })
        .collect();
    if let [only] = reached[..] {
        terms.iter().for_each(|&(variable, factor)| agent.linear[variable] -= value.slopes[only] * factor);
        (agent.lower[z], agent.upper[z]) = (0.0, 0.0);
        return;
    }
    let at_start = value.value(soc);
    // Finite bounds that never bind: solvers scale by the range of a variable.
    let largest = 1.0 + value.slopes.iter().fold(0.0_f64, |m, s| m.max(s.abs()));
    (agent.lower[z], agent.upper[z]) = (-2.0 * largest, 2.0 * largest);
    agent.linear[z] = -1.0;
    for s in reached {
        // piece(soc_T) - W(soc_0) = [W(b_s) - W(soc_0) + slope (soc_0 - b_s)] + slope * change
        let anchor = value.breakpoints[s];
        let constant = value.value(anchor) - at_start + value.slopes[s] * (soc - anchor);
        let mut row: Vec<(usize, f64)> =
            terms.iter().map(|&(variable, factor)| (variable, -value.slopes[s] * factor)).collect();
        row.push((z, 1.0));
        agent.rows.push(LocalRow { terms: row, lower: f64::NEG_INFINITY, upper: constant });
    }
}

/// Adds the circle where the box does not imply it.
fn add_circle(
    agent: &mut AgentProgram,
    p: Vec<(usize, f64)>,
    p_offset: f64,
    p_max: f64,
    q: usize,
    q_max: f64,
    s_max: Option<f64>,
) {
    if let Some(radius) = s_max
        && p_max * p_max + q_max * q_max > radius * radius
    {
        agent.circles.push(Circle { p, p_offset, q, radius });
    }
}

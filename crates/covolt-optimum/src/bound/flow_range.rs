//! Ranges that no AC power flow within the limits leaves: power arriving at each bus, and the squared current.
//!
//! From the leaves to the source, with what loads and devices can draw at one step:
//!
//! ```text
//!   S_r = demand of the bus + (g, -b) w + sum over leaving elements of (S_r + z l),     l <= |S_r|^2 / w_r
//! ```
//!
//! They bound the variables in the certificate and give a cut that limits what the relaxation can burn: on the true power
//! flow l w_r = P_r^2 + Q_r^2, hence l w_low <= (P_low + P_high) P_r - P_low P_high + the same for Q.

use super::tree::FlowTree;
use covolt_fleet::{AgentProgram, BaseDemand, Fleet};

/// low <= value <= high.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
}

impl Range {
    fn add(&mut self, a: f64, b: f64) {
        self.low += a.min(b);
        self.high += a.max(b);
    }
    fn largest(&self) -> f64 {
        self.low.abs().max(self.high.abs())
    }
    /// Cut down to +-limit, unless nothing would be left (then the window is infeasible and the solver says so).
    fn within(self, limit: f64) -> Range {
        let cut = Range { low: self.low.max(-limit), high: self.high.min(limit) };
        if cut.low <= cut.high { cut } else { self }
    }
}

/// Active and reactive net demand of each bus at one step over all local actions, pu; shunts not counted.
#[derive(Debug, Clone)]
pub(super) struct DemandRange {
    pub p: Vec<Range>,
    pub q: Vec<Range>,
}

impl DemandRange {
    /// Ranges of step `t`.
    pub fn new(fleet: &Fleet, base: &BaseDemand, agents: &[AgentProgram], t: usize) -> DemandRange {
        let per_kw = 1.0 / fleet.grid.base_kva();
        let (p_base, q_base) = base.step(t);
        let fixed = |values: &[f64]| values.iter().map(|&x| Range { low: x, high: x }).collect::<Vec<Range>>();
        let mut demand = DemandRange { p: fixed(p_base), q: fixed(q_base) };
        for (mg, agent) in fleet.microgrids.iter().zip(agents) {
            let layout = &agent.layout;
            let widen = |range: &mut Range, variable: usize, factor: f64| {
                range.add(factor * agent.lower[variable], factor * agent.upper[variable]);
            };
            for (i, dg) in mg.dgs.iter().enumerate() {
                widen(&mut demand.p[dg.connection.bus().0], layout.p_dg(t, i), -per_kw);
                widen(&mut demand.q[dg.connection.bus().0], layout.q_dg(t, i), -per_kw);
            }
            for (j, pv) in mg.pvs.iter().enumerate() {
                widen(&mut demand.q[pv.connection.bus().0], layout.q_pv(t, j), -per_kw);
            }
            for (k, battery) in mg.batteries.iter().enumerate() {
                widen(&mut demand.p[battery.connection.bus().0], layout.p_charge(t, k), per_kw);
                widen(&mut demand.p[battery.connection.bus().0], layout.p_discharge(t, k), -per_kw);
                widen(&mut demand.q[battery.connection.bus().0], layout.q_ess(t, k), per_kw);
            }
        }
        demand
    }

    /// Largest |S| of a bus.
    pub fn apparent(&self, bus: usize) -> f64 {
        self.p[bus].largest().hypot(self.q[bus].largest())
    }
}

/// What can arrive through one element at one step, pu.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrival {
    /// Active power behind the series impedance.
    pub p: Range,
    /// Reactive power behind the series impedance.
    pub q: Range,
    /// Largest squared series current.
    pub l_max: f64,
}

/// Ranges of all elements at one step; `w_low`, `w_high` per bus.
pub(super) fn arrivals(tree: &FlowTree, demand: &DemandRange, w_low: &[f64], w_high: &[f64]) -> Vec<Arrival> {
    let mut arrivals = vec![Arrival::default(); tree.elements.len()];
    for (e, element) in tree.elements.iter().enumerate().rev() {
        let bus = element.child;
        let y = tree.shunt[bus];
        let (mut p, mut q) = (demand.p[bus], demand.q[bus]);
        p.add(y.re * w_low[bus], y.re * w_high[bus]);
        q.add(-y.im * w_low[bus], -y.im * w_high[bus]);
        for &child in &tree.leaving[bus] {
            let (z, arriving) = (tree.elements[child].z, &arrivals[child]);
            for (sum, own, loss) in
                [(&mut p, arriving.p, z.re * arriving.l_max), (&mut q, arriving.q, z.im * arriving.l_max)]
            {
                sum.low += own.low + loss.min(0.0);
                sum.high += own.high + loss.max(0.0);
            }
        }
        let i_bound = element.i_bound;
        let s_limit = i_bound * (element.c_child * w_high[bus]).sqrt();
        let (p, q) = (p.within(s_limit), q.within(s_limit));
        let s2 = p.largest() * p.largest() + q.largest() * q.largest();
        let l_max = (i_bound * i_bound).min(s2 / (element.c_child * w_low[bus]).max(1e-9));
        arrivals[e] = Arrival { p, q, l_max };
    }
    arrivals
}

//! The AC power flow at a joint action in the variables of the relaxation, and the prices of limits as multipliers there.
//!
//! From the bus voltages and demands, from the leaves to the source, per unit:
//!
//! ```text
//!   S_r = demand + (g, -b) w + sum over leaving S_k      l = |S_r|^2 / (c_child w_child)      S = S_r + z l
//! ```
//!
//! A price pi of a voltage, $/pu, is pi / (2 V) on w; a price of a current, $ per fraction of its limit, is
//! pi / (2 Imax^2) on |I|^2, at the terminal with more current. All in units of the program's objective.

use super::columns::RowKind;
use super::program::ConicProgram;
use covolt_fleet::{BaseDemand, Fleet, Limit, LimitPrices, PhysicsWorkspace, Window};
use covolt_grid::Complex64;

/// Flow of one element.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FlowPoint {
    /// Active power into the series impedance, pu.
    pub p: f64,
    /// The same, reactive.
    pub q: f64,
    /// Squared voltage there.
    pub w_send: f64,
}

impl FlowPoint {
    /// l / w_s on the edge of the cone.
    pub fn l_per_w(&self) -> f64 {
        (self.p * self.p + self.q * self.q) / (self.w_send * self.w_send)
    }
}

/// Flow of one step.
#[derive(Debug, Default)]
pub(super) struct StepFlow {
    /// Per element.
    pub points: Vec<FlowPoint>,
    /// Price of the voltage limits on w of the child, per element: the upper's less the lower's.
    pub w_price: Vec<f64>,
}

/// Flow of all steps and its point in the program's columns; `None` where there is no power flow.
pub(super) fn at_actions(
    program: &ConicProgram,
    fleet: &Fleet,
    window: &Window,
    actions: &[Vec<f64>],
) -> Option<(Vec<StepFlow>, Vec<f64>)> {
    let (tree, columns) = (&program.tree, &program.columns);
    let base = BaseDemand::new(fleet, window);
    let mut ws = PhysicsWorkspace::new(fleet);
    let mut x = vec![0.0; columns.len()];
    let mut flows = Vec::with_capacity(window.steps);
    let mut sent = vec![Complex64::ZERO; tree.feeding.len()];
    for t in 0..window.steps {
        ws.solve_step(fleet, &base, actions, window.steps, t).ok()?;
        let (v, (p, q)) = (ws.flow.v(), ws.demand());
        sent.fill(Complex64::ZERO);
        let mut points = vec![FlowPoint::default(); tree.elements.len()];
        for (e, element) in tree.elements.iter().enumerate().rev() {
            let bus = element.child;
            let w = v[bus].norm_sqr();
            let arriving = sent[bus] + Complex64::new(p[bus], q[bus]) + tree.shunt[bus].conj() * w;
            let l = arriving.norm_sqr() / (element.c_child * w);
            let s = arriving + element.z * l;
            sent[element.parent] += s;
            points[e] = FlowPoint { p: s.re, q: s.im, w_send: element.c_parent * v[element.parent].norm_sqr() };
            for (column, value) in
                [(columns.p(t, e), s.re), (columns.q(t, e), s.im), (columns.l(t, e), l), (columns.w(t, e), w)]
            {
                x[column] = (value - columns.offset[column]) / columns.scale[column];
            }
        }
        flows.push(StepFlow { points, w_price: vec![0.0; tree.elements.len()] });
    }
    Some((flows, x))
}

/// Prices of voltages into the flows, those of currents into `z`; `x` is the point of the flows.
pub(super) fn place_prices(
    program: &ConicProgram,
    prices: &LimitPrices,
    x: &[f64],
    flows: &mut [StepFlow],
    z: &mut [f64],
) {
    let (tree, columns) = (&program.tree, &program.columns);
    let branches = tree.elements.iter().map(|e| e.branch + 1).max().unwrap_or(0);
    let mut current_prices = vec![0.0; branches * program.steps];
    for &(t, limit, price) in &prices.entries {
        let Some(flow) = flows.get_mut(t) else { continue };
        let price = price / program.cost_scale_usd;
        match limit {
            Limit::VoltageLow(bus) | Limit::VoltageHigh(bus) => {
                if let Some(e) = tree.feeding.get(bus).copied().flatten() {
                    let v = columns.value(x, columns.w(t, e)).max(0.0).sqrt();
                    let sign = if matches!(limit, Limit::VoltageLow(_)) { -1.0 } else { 1.0 };
                    flow.w_price[e] += sign * price / (2.0 * v);
                }
            }
            Limit::Current(branch) if branch < branches => current_prices[t * branches + branch] += price,
            Limit::Current(_) => {}
        }
    }
    // One of the rows of a branch's two terminals: that with less slack.
    let activity = program.flow_activity(x);
    let mut nearest: Vec<Option<usize>> = vec![None; current_prices.len()];
    for (row, label) in program.label.iter().enumerate() {
        let RowKind::Current(branch) = label.kind else { continue };
        let known = &mut nearest[label.step * branches + branch];
        let slack = |row: usize| (program.data.b[row] - activity[row]) / program.factor[row];
        if known.is_none_or(|known| slack(row) < slack(known)) {
            *known = Some(row);
        }
    }
    for (row, price) in nearest.into_iter().zip(current_prices) {
        if let Some(row) = row {
            // One unit of slack in the row is `unit` times Imax^2.
            z[row] = price / (2.0 * program.unit[row]);
        }
    }
}

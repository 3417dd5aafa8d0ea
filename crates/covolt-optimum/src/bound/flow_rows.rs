//! Rows of the branch-flow model for one step: balance, voltage drop, relaxed cone, voltage and current limits.

use super::columns::{Columns, RowBlock, RowKind, RowLabel};
use super::flow_range::Arrival;
use super::tree::{FlowTree, SeriesElement};
use covolt_grid::Complex64;

/// What one step's rows need besides the tree.
pub(super) struct StepData<'a> {
    /// Step of the window.
    pub t: usize,
    /// Net demand without devices per bus, pu.
    pub p_base: &'a [f64],
    /// The same, reactive.
    pub q_base: &'a [f64],
    /// Device terms of the active net demand per bus, pu per unit of the column.
    pub p_devices: &'a [Vec<(usize, f64)>],
    /// The same, reactive.
    pub q_devices: &'a [Vec<(usize, f64)>],
    /// Squared source voltage.
    pub w_source: f64,
    /// Current limit per branch, pu; infinite where there is none.
    pub i_max: &'a [f64],
    /// What can arrive through each element.
    pub arrivals: &'a [Arrival],
    /// Smallest squared voltage per bus.
    pub w_low: &'a [f64],
    /// Largest squared voltage per bus.
    pub w_high: &'a [f64],
}

/// Slack left in the cut, in units of the squared largest current: a branch without freedom would otherwise have no
/// interior point, which interior-point methods need.
const CUT_ROOM: f64 = 1e-6;

/// The three row blocks of the program.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub equal: RowBlock,
    pub at_most: RowBlock,
    /// Second-order cones, in the order of `cone_sizes`.
    pub cones: RowBlock,
    pub cone_sizes: Vec<usize>,
}

/// c w of a bus: a term of its column, or a constant at the source.
fn squared_voltage(
    tree: &FlowTree,
    columns: &Columns,
    data: &StepData<'_>,
    bus: usize,
    c: f64,
    terms: &mut Vec<(usize, f64)>,
) -> f64 {
    match tree.feeding[bus] {
        Some(e) => {
            terms.push((columns.w(data.t, e), c));
            0.0
        }
        None => c * data.w_source,
    }
}

/// Adds all rows of a step.
pub(super) fn add_step(tree: &FlowTree, columns: &Columns, data: &StepData<'_>, rows: &mut Rows) {
    for (e, element) in tree.elements.iter().enumerate() {
        add_balance(tree, columns, data, e, element, rows);
        add_voltage_drop(tree, columns, data, e, element, rows);
        add_cone(tree, columns, data, e, element, rows);
        add_cut(columns, data, e, element, rows);
        add_limits(tree, columns, data, e, element, rows);
    }
}

fn add_balance(
    tree: &FlowTree,
    columns: &Columns,
    data: &StepData<'_>,
    e: usize,
    element: &SeriesElement,
    rows: &mut Rows,
) {
    let (t, bus) = (data.t, element.child);
    let label = RowLabel { kind: RowKind::Physics, step: t };
    let y = tree.shunt[bus];
    let mut p = vec![(columns.p(t, e), 1.0), (columns.l(t, e), -element.z.re), (columns.w(t, e), -y.re)];
    let mut q = vec![(columns.q(t, e), 1.0), (columns.l(t, e), -element.z.im), (columns.w(t, e), y.im)];
    p.extend(tree.leaving[bus].iter().map(|&child| (columns.p(t, child), -1.0)));
    q.extend(tree.leaving[bus].iter().map(|&child| (columns.q(t, child), -1.0)));
    p.extend(data.p_devices[bus].iter().map(|&(c, v)| (c, -v)));
    q.extend(data.q_devices[bus].iter().map(|&(c, v)| (c, -v)));
    rows.equal.push(columns, label, &p, data.p_base[bus]);
    rows.equal.push(columns, label, &q, data.q_base[bus]);
}

fn add_voltage_drop(
    tree: &FlowTree,
    columns: &Columns,
    data: &StepData<'_>,
    e: usize,
    element: &SeriesElement,
    rows: &mut Rows,
) {
    let t = data.t;
    let mut terms = vec![
        (columns.w(t, e), element.c_child),
        (columns.p(t, e), 2.0 * element.z.re),
        (columns.q(t, e), 2.0 * element.z.im),
        (columns.l(t, e), -element.z.norm_sqr()),
    ];
    let constant = squared_voltage(tree, columns, data, element.parent, -element.c_parent, &mut terms);
    rows.equal.push(columns, RowLabel { kind: RowKind::Physics, step: t }, &terms, -constant);
}

/// P^2 + Q^2 <= l w_s as |(2P, 2Q, l - w_s)| <= l + w_s, with P and l in units of the largest current.
fn add_cone(
    tree: &FlowTree,
    columns: &Columns,
    data: &StepData<'_>,
    e: usize,
    element: &SeriesElement,
    rows: &mut Rows,
) {
    let t = data.t;
    let label = RowLabel { kind: RowKind::Physics, step: t };
    let per_l = 1.0 / (element.i_bound * element.i_bound);
    let mut sum = vec![(columns.l(t, e), per_l)];
    let mut difference = sum.clone();
    let constant = squared_voltage(tree, columns, data, element.parent, element.c_parent, &mut sum);
    squared_voltage(tree, columns, data, element.parent, -element.c_parent, &mut difference);
    rows.cones.push_cone_row(columns, label, &sum, constant, 1.0);
    rows.cones.push_cone_row(columns, label, &[(columns.p(t, e), 2.0 / element.i_bound)], 0.0, 1.0);
    rows.cones.push_cone_row(columns, label, &[(columns.q(t, e), 2.0 / element.i_bound)], 0.0, 1.0);
    rows.cones.push_cone_row(columns, label, &difference, -constant, 1.0);
    rows.cone_sizes.push(4);
}

/// l w_low <= (P_low + P_high) P_r - P_low P_high + (Q_low + Q_high) Q_r - Q_low Q_high with S_r = S - z l.
fn add_cut(columns: &Columns, data: &StepData<'_>, e: usize, element: &SeriesElement, rows: &mut Rows) {
    let t = data.t;
    let Arrival { p, q, l_max } = data.arrivals[e];
    let (p_sum, q_sum) = (p.low + p.high, q.low + q.high);
    let w_low = element.c_child * data.w_low[element.child];
    let terms = [
        (columns.l(t, e), w_low + p_sum * element.z.re + q_sum * element.z.im),
        (columns.p(t, e), -p_sum),
        (columns.q(t, e), -q_sum),
    ];
    let room = CUT_ROOM * element.i_bound * element.i_bound;
    let label = RowLabel { kind: RowKind::Cut(element.child), step: t };
    let rhs = room - p.low * p.high - q.low * q.high;
    rows.at_most.push_limit(columns, label, &terms, rhs, element.c_child * l_max);
}

fn add_limits(
    tree: &FlowTree,
    columns: &Columns,
    data: &StepData<'_>,
    e: usize,
    element: &SeriesElement,
    rows: &mut Rows,
) {
    let (t, w) = (data.t, columns.w(data.t, e));
    let low = RowLabel { kind: RowKind::VoltageLow(element.child), step: t };
    let high = RowLabel { kind: RowKind::VoltageHigh(element.child), step: t };
    rows.at_most.push_limit(columns, low, &[(w, -1.0)], -columns.offset[w], 1.0);
    rows.at_most.push_limit(columns, high, &[(w, 1.0)], columns.offset[w] + columns.scale[w], 1.0);

    let i_max = data.i_max[element.branch];
    if !i_max.is_finite() {
        return;
    }
    let label = RowLabel { kind: RowKind::Current(element.branch), step: t };
    let v_send = (element.c_parent * data.w_high[element.parent]).sqrt();
    let v_receive = (element.c_child * data.w_high[element.child]).sqrt();
    // A terminal whose current cannot reach the limit needs no row.
    if element.i_reachable + element.y_send.norm() * v_send > i_max {
        let y = element.y_send;
        let mut terms = current_terms(columns, t, e, y, 1.0, Complex64::ZERO);
        let c = y.norm_sqr() * element.c_parent;
        let constant = squared_voltage(tree, columns, data, element.parent, c, &mut terms);
        rows.at_most.push_limit(columns, label, &terms, i_max * i_max - constant, i_max * i_max);
    }
    let same = element.y_send == Complex64::ZERO && element.y_receive == Complex64::ZERO;
    if !same && element.i_reachable + element.y_receive.norm() * v_receive > i_max {
        let y = element.y_receive;
        let mut terms = current_terms(columns, t, e, y, -1.0, element.z);
        terms.push((w, y.norm_sqr() * element.c_child));
        rows.at_most.push_limit(columns, label, &terms, i_max * i_max, i_max * i_max);
    }
}

/// Squared terminal current without its |y|^2 w: l + 2 Re(y S) where the power enters (sign 1, z = 0),
/// l - 2 Re(y (S - z l)) where it arrives (sign -1).
fn current_terms(columns: &Columns, t: usize, e: usize, y: Complex64, sign: f64, z: Complex64) -> Vec<(usize, f64)> {
    vec![
        (columns.l(t, e), 1.0 - sign * 2.0 * (y * z).re),
        (columns.p(t, e), sign * 2.0 * y.re),
        (columns.q(t, e), -sign * 2.0 * y.im),
    ]
}

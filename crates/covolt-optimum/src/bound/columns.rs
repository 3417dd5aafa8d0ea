//! Columns of the conic program: physical quantity = offset + scale x, x in a known box of size one.
//!
//! Rows are written in physical units (per unit on the grid, kW and kvar at the devices, $); the change of variables and
//! the scaling of each row happen here, so that the solver sees numbers of order one whatever base the network has.

use super::flow_range::{Arrival, Range};
use super::stored_energy::RunningSum;
use super::tree::FlowTree;

/// What a row of the program stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    /// Physics: power balance, voltage drop, the relaxed cone.
    Physics,
    /// Cut on the squared current into a bus; it relies on the lower voltage limit there.
    Cut(usize),
    /// Lower voltage limit at a bus.
    VoltageLow(usize),
    /// Upper voltage limit at a bus.
    VoltageHigh(usize),
    /// Current limit of a branch.
    Current(usize),
    /// Limit of a device of a microgrid.
    Device(usize),
}

/// A row's kind and step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowLabel {
    pub kind: RowKind,
    pub step: usize,
}

/// Numbering, offsets, scales and boxes of all columns.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    elements: usize,
    agent_start: Vec<usize>,
    sum_start: Vec<usize>,
    pub offset: Vec<f64>,
    pub scale: Vec<f64>,
    /// Every feasible point has x within.
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

impl Columns {
    /// Grid columns of all steps; device columns are added with [`Columns::add_agent`].
    pub fn new(tree: &FlowTree, arrivals: &[Vec<Arrival>], w_low: &[f64], w_high: &[f64]) -> Columns {
        let elements = tree.elements.len();
        let grid = 4 * elements * arrivals.len();
        let mut columns = Columns {
            elements,
            agent_start: Vec::new(),
            sum_start: Vec::new(),
            offset: Vec::with_capacity(grid),
            scale: Vec::with_capacity(grid),
            low: Vec::with_capacity(grid),
            high: Vec::with_capacity(grid),
        };
        for step in arrivals {
            for (e, arrival) in tree.elements.iter().zip(step) {
                let s = e.i_bound;
                let l_high = arrival.l_max / (s * s);
                // Sent = arrived + z l, and never more than the largest current times the voltage.
                let most = (l_high * e.c_parent * w_high[e.parent]).sqrt();
                let sent = |own: Range, z: f64| {
                    let low = (own.low + (z * arrival.l_max).min(0.0)) / s;
                    let high = (own.high + (z * arrival.l_max).max(0.0)) / s;
                    if low.max(-most) <= high.min(most) { (low.max(-most), high.min(most)) } else { (low, high) }
                };
                let ((p_low, p_high), (q_low, q_high)) = (sent(arrival.p, e.z.re), sent(arrival.q, e.z.im));
                columns.push(0.0, s, p_low, p_high);
                columns.push(0.0, s, q_low, q_high);
                columns.push(0.0, s * s, 0.0, l_high);
                columns.push(w_low[e.child], w_high[e.child] - w_low[e.child], 0.0, 1.0);
            }
        }
        columns
    }

    /// Adds the columns of one microgrid, given the ranges of its variables and of its running sums.
    pub fn add_agent(&mut self, ranges: &[(f64, f64)], sums: &[RunningSum]) {
        self.agent_start.push(self.len());
        self.sum_start.push(self.len() + ranges.len());
        for (low, high) in ranges.iter().copied().chain(sums.iter().map(|sum| (sum.low, sum.high))) {
            let width = high - low;
            if width > 0.0 {
                self.push(low, width, 0.0, 1.0);
            } else {
                self.push(low, 1.0, 0.0, 0.0);
            }
        }
    }

    fn push(&mut self, offset: f64, scale: f64, low: f64, high: f64) {
        self.offset.push(offset);
        self.scale.push(scale);
        self.low.push(low);
        self.high.push(high);
    }

    pub fn len(&self) -> usize {
        self.offset.len()
    }
    /// Active power entering element `e`, pu.
    pub fn p(&self, t: usize, e: usize) -> usize {
        4 * (t * self.elements + e)
    }
    /// Reactive power entering element `e`, pu.
    pub fn q(&self, t: usize, e: usize) -> usize {
        self.p(t, e) + 1
    }
    /// Squared series current of element `e`, pu.
    pub fn l(&self, t: usize, e: usize) -> usize {
        self.p(t, e) + 2
    }
    /// Squared voltage at the child bus of element `e`, pu.
    pub fn w(&self, t: usize, e: usize) -> usize {
        self.p(t, e) + 3
    }
    /// Variable `i` of microgrid `n`.
    pub fn agent(&self, n: usize, i: usize) -> usize {
        self.agent_start[n] + i
    }
    /// Running sum `s` of microgrid `n`.
    pub fn running_sum(&self, n: usize, s: usize) -> usize {
        self.sum_start[n] + s
    }
    /// Physical value of a column.
    pub fn value(&self, x: &[f64], column: usize) -> f64 {
        self.offset[column] + self.scale[column] * x[column]
    }
}

/// Rows a x + s = b of one kind of cone.
#[derive(Debug, Clone, Default)]
pub(super) struct RowBlock {
    pub row: Vec<usize>,
    pub column: Vec<usize>,
    pub value: Vec<f64>,
    pub rhs: Vec<f64>,
    pub label: Vec<RowLabel>,
    /// What one unit of slack changes in the row of a limit or cut; zero in other rows.
    pub unit: Vec<f64>,
    /// What the row in physical units was multiplied with.
    pub factor: Vec<f64>,
}

impl RowBlock {
    /// sum of physical terms = rhs (zero cone) or <= rhs (nonnegative cone), scaled to a largest coefficient of one.
    pub fn push(&mut self, columns: &Columns, label: RowLabel, terms: &[(usize, f64)], rhs: f64) {
        let largest = terms.iter().map(|&(c, v)| (v * columns.scale[c]).abs()).fold(0.0, f64::max);
        let factor = if largest > 0.0 { 1.0 / largest } else { 1.0 };
        self.push_scaled(columns, label, terms, rhs, factor);
    }

    /// A limit sum of physical terms <= rhs whose slack is counted in units of `unit`.
    pub fn push_limit(&mut self, columns: &Columns, label: RowLabel, terms: &[(usize, f64)], rhs: f64, unit: f64) {
        let largest = terms.iter().map(|&(c, v)| (v * columns.scale[c]).abs()).fold(0.0, f64::max);
        self.push(columns, label, terms, rhs);
        if let Some(last) = self.unit.last_mut() {
            *last = if largest > 0.0 { unit / largest } else { unit };
        }
    }

    /// One row of a second-order cone: s = factor (constant + sum of physical terms).
    pub fn push_cone_row(
        &mut self,
        columns: &Columns,
        label: RowLabel,
        terms: &[(usize, f64)],
        constant: f64,
        factor: f64,
    ) {
        self.push_scaled(columns, label, terms, -constant, -factor);
    }

    fn push_scaled(&mut self, columns: &Columns, label: RowLabel, terms: &[(usize, f64)], rhs: f64, factor: f64) {
        let mut rhs = rhs * factor;
        for &(c, v) in terms {
            if v == 0.0 {
                continue;
            }
            rhs -= factor * v * columns.offset[c];
            self.row.push(self.rhs.len());
            self.column.push(c);
            self.value.push(factor * v * columns.scale[c]);
        }
        self.rhs.push(rhs);
        self.label.push(label);
        self.unit.push(0.0);
        self.factor.push(factor);
    }
}

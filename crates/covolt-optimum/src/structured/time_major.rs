//! The condensed Newton matrix of one iteration, eliminated step by step from the last to the first.
//!
//! ```text
//!   [ H + A^T omega A   B^T ] [ dx ]   [ r_x ]       A: bounds, local rows, circles      omega: their weights
//!   [ B                 -D  ] [ u  ] = [ r_u ]       B: coupled rows of the steps        D: inverse of their weights
//! ```
//!
//! Within a step each microgrid first eliminates the variables that no other step sees, by itself; what is left of all
//! of them (linked variables, coupled rows, states from the step before) is one small dense **front**. Its linked
//! variables and rows are eliminated in turn; the rest is a quadratic in the states from the step before, which enters
//! that step's front through s_t = s_(t-1) + sum of terms: a Riccati recursion.
//!
//! Coupled rows keep their multipliers as unknowns: pivots are positive for variables and negative for rows, and the
//! factorisation exists for any order within each kind (quasi-definite). Work per step: N (a + m)^2 l for l local of a
//! variables per microgrid and m rows, and (N k + m + N s)^3 for k linked variables and s states: linear in the number of
//! steps, cubic in the number of microgrids. Another elimination order is another [`NewtonSystem`].

use super::elimination::{backward, eliminate, forward};
use super::form::Form;
use super::newton_system::{NewtonSystem, REGULARISATION, ROW_REGULARISATION, RightHandSide, Step, Weights};
use super::states::NONE;

/// Factors and scratch.
#[derive(Debug, Default)]
pub(super) struct TimeMajor {
    /// Start of each block's matrix in `agent` and its order.
    blocks: Vec<(usize, usize)>,
    agent: Vec<f64>,
    /// Start of each step's front in `front`, linked variables, rows, states.
    fronts: Vec<(usize, [usize; 3])>,
    front: Vec<f64>,
    /// Quadratic in the states, full symmetric.
    cost_to_go: Vec<f64>,
    // Right-hand sides in the layout of the matrices.
    agent_rhs: Vec<f64>,
    front_rhs: Vec<f64>,
    carried: Vec<f64>,
    sparse: Vec<(usize, f64)>,
}

impl NewtonSystem for TimeMajor {
    fn prepare(&mut self, form: &Form) {
        self.blocks.clear();
        self.fronts.clear();
        let (mut agent, mut front, mut states) = (0, 0, 0);
        for t in 0..form.steps {
            let rows = form.step_coupled[t + 1] - form.step_coupled[t];
            let mut linked = 0;
            for block in &form.blocks[t * form.agents..(t + 1) * form.agents] {
                let incoming = block.states.1 - block.states.0;
                let order = block.len() + rows + incoming;
                self.blocks.push((agent, order));
                agent += order * order;
                linked += block.linked;
            }
            let shape = [linked, rows, form.states.of_step(t).len()];
            states = states.max(shape[2]);
            let order: usize = shape.iter().sum();
            self.fronts.push((front, shape));
            front += order * order;
        }
        for (memory, size) in [
            (&mut self.agent, agent),
            (&mut self.front, front),
            (&mut self.cost_to_go, states * states),
            (&mut self.carried, states),
        ] {
            memory.clear();
            memory.resize(size, 0.0);
        }
        self.agent_rhs.clear();
        self.agent_rhs.resize(self.blocks.iter().map(|b| b.1).sum(), 0.0);
        self.front_rhs.clear();
        self.front_rhs.resize(self.fronts.iter().map(|f| f.1.iter().sum::<usize>()).sum(), 0.0);
    }

    fn factor(&mut self, form: &Form, weights: &Weights) -> bool {
        self.cost_to_go.fill(0.0);
        for t in (0..form.steps).rev() {
            let (start, [linked, rows, states]) = self.fronts[t];
            let order = linked + rows + states;
            self.front[start..start + order * order].fill(0.0);
            self.add_cost_to_go(form, t);
            self.add_compliance(form, t, weights);
            for n in 0..form.agents {
                if !self.eliminate_block(form, t, n, weights) {
                    return false;
                }
            }
            let front = &mut self.front[start..start + order * order];
            if !eliminate(front, order, linked, linked + rows) {
                return false;
            }
            for i in 0..states {
                for j in i..states {
                    let value = front[(linked + rows + i) * order + linked + rows + j];
                    self.cost_to_go[i * states + j] = value;
                    self.cost_to_go[j * states + i] = value;
                }
            }
        }
        true
    }

    fn solve(&mut self, form: &Form, rhs: &RightHandSide, step: &mut Step) {
        self.sweep_back(form, rhs);
        self.sweep_forward(form, step);
    }
}

/// Multiplications of an iteration, roughly.
pub(super) fn work(form: &Form) -> f64 {
    let mut work = 0.0;
    for t in 0..form.steps {
        let rows = form.step_coupled[t + 1] - form.step_coupled[t];
        let (states, mut linked) = (form.states.of_step(t).len(), 0);
        for block in &form.blocks[t * form.agents..(t + 1) * form.agents] {
            let order = (block.len() + rows + block.states.1 - block.states.0) as f64;
            linked += block.linked;
            work += 0.5 * block.local as f64 * order * order;
        }
        let (pivots, order) = ((linked + rows) as f64, (linked + rows + states) as f64);
        // Each pivot updates a triangle that shrinks from `order` to what is left.
        let left = order - pivots;
        work += (order.powi(3) - left.powi(3)) / 6.0;
    }
    work
}

impl TimeMajor {
    /// L^T P L with s_t = L (linked variables, states before).
    fn add_cost_to_go(&mut self, form: &Form, t: usize) {
        if t + 1 == form.steps {
            return;
        }
        let next = form.states.of_step(t + 1);
        let count = next.len();
        let (start, [linked, rows, states]) = self.fronts[t];
        let order = linked + rows + states;
        self.sparse.clear();
        for state in &form.states.incoming[next] {
            self.sparse.extend(state.terms.iter().map(|term| (term.column, term.coefficient)));
            let carried = state.from.wrapping_sub(form.states.step_start[t]);
            self.sparse.push(if state.from == NONE { (0, 0.0) } else { (linked + rows + carried, 1.0) });
        }
        let front = &mut self.front[start..start + order * order];
        for i in 0..count {
            for &(a, ca) in self.sparse[3 * i..3 * i + 3].iter().filter(|(_, c)| *c != 0.0) {
                for j in 0..count {
                    let scaled = ca * self.cost_to_go[i * count + j];
                    for &(b, cb) in &self.sparse[3 * j..3 * j + 3] {
                        if a <= b && cb != 0.0 {
                            front[a * order + b] += scaled * cb;
                        }
                    }
                }
            }
        }
    }

    fn add_compliance(&mut self, form: &Form, t: usize, weights: &Weights) {
        let (start, [linked, rows, states]) = self.fronts[t];
        let order = linked + rows + states;
        let first = form.step_coupled[t];
        for r in 0..rows {
            let at = start + (linked + r) * order + linked + r;
            self.front[at] -= weights.compliance[first + r] + ROW_REGULARISATION;
            if r + 1 < rows {
                self.front[at + 1] -= weights.compliance_pair[first + r];
            }
        }
    }

    fn eliminate_block(&mut self, form: &Form, t: usize, n: usize, weights: &Weights) -> bool {
        let at = t * form.agents + n;
        let (block, (from, order)) = (&form.blocks[at], self.blocks[at]);
        let matrix = &mut self.agent[from..from + order * order];
        let (start, [linked, rows, states]) = self.fronts[t];
        matrix.fill(0.0);
        let own = block.len();
        for i in 0..own {
            let source = &form.hessian[block.hessian + i * own..][..own];
            matrix[i * order + i..i * order + own].copy_from_slice(&source[i..]);
            matrix[i * order + i] += weights.functional[block.x + i] + REGULARISATION;
        }
        let first_state = form.states.step_start[t] + block.states.0;
        let incoming = |state: usize| own + rows + state - first_state;
        for r in block.rows.0..block.rows.1 {
            let weight = weights.functional[form.n() + r];
            if weight != 0.0 {
                add_outer(form, matrix, order, r, r, weight, &incoming);
            }
        }
        for c in block.circles.0..block.circles.1 {
            let [w11, w12, w22] = weights.circles[c];
            let first = form.cones[c].first - form.n();
            add_outer(form, matrix, order, first, first, w11, &incoming);
            add_outer(form, matrix, order, first + 1, first + 1, w22, &incoming);
            add_outer(form, matrix, order, first, first + 1, w12, &incoming);
            add_outer(form, matrix, order, first + 1, first, w12, &incoming);
        }
        let first = form.step_coupled[t];
        for r in 0..rows {
            let begin = form.coupled_start[first + r] + block.x - form.step_x[t];
            for (i, &coefficient) in form.coefficients[begin..begin + own].iter().enumerate() {
                matrix[i * order + own + r] = coefficient;
            }
        }
        if !eliminate(matrix, order, block.local, block.local) {
            return false;
        }
        // What is left: linked variables, rows, states, each to its place in the front.
        let front_order = linked + rows + states;
        let front = &mut self.front[start..start + front_order * front_order];
        let (columns, row_columns) = (block.column, linked);
        let state_columns = linked + rows + block.states.0;
        let place = |i: usize| {
            if i < own {
                columns + i - block.local
            } else if i < own + rows {
                row_columns + i - own
            } else {
                state_columns + i - own - rows
            }
        };
        for i in block.local..order {
            let to = place(i) * front_order;
            let source = &matrix[i * order..(i + 1) * order];
            for (j, value) in source.iter().enumerate().skip(i) {
                front[to + place(j)] += value;
            }
        }
        true
    }

    fn sweep_back(&mut self, form: &Form, rhs: &RightHandSide) {
        self.carried.fill(0.0);
        let (mut agent_at, mut front_at) = (self.agent_rhs.len(), self.front_rhs.len());
        for t in (0..form.steps).rev() {
            let (start, [linked, rows, states]) = self.fronts[t];
            let order = linked + rows + states;
            front_at -= order;
            let front = &mut self.front_rhs[front_at..front_at + order];
            front.fill(0.0);
            if t + 1 < form.steps {
                for (i, state) in form.states.incoming[form.states.of_step(t + 1)].iter().enumerate() {
                    for term in &state.terms {
                        if term.coefficient != 0.0 {
                            front[term.column] += term.coefficient * self.carried[i];
                        }
                    }
                    if state.from != NONE {
                        front[linked + rows + state.from - form.states.step_start[t]] += self.carried[i];
                    }
                }
            }
            let first = form.step_coupled[t];
            front[linked..linked + rows].copy_from_slice(&rhs.coupled[first..first + rows]);
            for n in (0..form.agents).rev() {
                let at = t * form.agents + n;
                let (block, (from, size)) = (&form.blocks[at], self.blocks[at]);
                agent_at -= size;
                let own = block.len();
                let part = &mut self.agent_rhs[agent_at..agent_at + size];
                part[..own].copy_from_slice(&rhs.x[block.x..block.x + own]);
                part[own..].fill(0.0);
                let incoming = form.states.step_start[t];
                part[own + rows..].copy_from_slice(&rhs.states[incoming + block.states.0..incoming + block.states.1]);
                forward(&self.agent[from..from + size * size], size, block.local, part);
                for i in 0..block.linked {
                    front[block.column + i] += part[block.local + i];
                }
                for r in 0..rows {
                    front[linked + r] += part[own + r];
                }
                for i in 0..size - own - rows {
                    front[linked + rows + block.states.0 + i] += part[own + rows + i];
                }
            }
            forward(&self.front[start..start + order * order], order, linked + rows, front);
            for i in 0..states {
                self.carried[i] = front[linked + rows + i];
            }
        }
    }

    fn sweep_forward(&mut self, form: &Form, step: &mut Step) {
        let (mut agent_at, mut front_at) = (0, 0);
        for t in 0..form.steps {
            let (start, [linked, rows, states]) = self.fronts[t];
            let order = linked + rows + states;
            let front = &mut self.front_rhs[front_at..front_at + order];
            front_at += order;
            let incoming = form.states.of_step(t);
            for at in incoming.clone() {
                let state = &form.states.incoming[at];
                let before = if state.from == NONE { 0.0 } else { step.states[state.from] };
                step.states[at] =
                    before + state.terms.iter().map(|term| term.coefficient * step.x[term.x]).sum::<f64>();
            }
            front[linked + rows..].copy_from_slice(&step.states[incoming.clone()]);
            backward(&self.front[start..start + order * order], order, linked + rows, front);
            let first = form.step_coupled[t];
            step.coupled[first..first + rows].copy_from_slice(&front[linked..linked + rows]);
            for n in 0..form.agents {
                let at = t * form.agents + n;
                let (block, (from, size)) = (&form.blocks[at], self.blocks[at]);
                let own = block.len();
                let part = &mut self.agent_rhs[agent_at..agent_at + size];
                agent_at += size;
                part[block.local..own].copy_from_slice(&front[block.column..block.column + block.linked]);
                part[own..own + rows].copy_from_slice(&front[linked..linked + rows]);
                part[own + rows..].copy_from_slice(&step.states[incoming.clone()][block.states.0..block.states.1]);
                backward(&self.agent[from..from + size * size], size, block.local, part);
                step.x[block.x..block.x + own].copy_from_slice(&part[..own]);
            }
        }
    }
}

/// Adds weight * a_r a_s^T, upper triangle.
fn add_outer(
    form: &Form,
    matrix: &mut [f64],
    order: usize,
    r: usize,
    s: usize,
    weight: f64,
    incoming: &impl Fn(usize) -> usize,
) {
    let (first, second) = (&form.rows[r], &form.rows[s]);
    let mut add = |i: usize, j: usize, value: f64| {
        if i <= j {
            matrix[i * order + j] += value;
        }
    };
    for &(i, ci) in &form.terms[first.terms.0..first.terms.1] {
        for &(j, cj) in &form.terms[second.terms.0..second.terms.1] {
            add(i, j, weight * ci * cj);
        }
        if second.state_coefficient != 0.0 {
            add(i, incoming(second.state), weight * ci * second.state_coefficient);
        }
    }
    if first.state_coefficient != 0.0 && second.state_coefficient != 0.0 {
        let (i, j) = (incoming(first.state), incoming(second.state));
        add(i, j, weight * first.state_coefficient * second.state_coefficient);
    }
}

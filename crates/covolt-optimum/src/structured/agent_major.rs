//! The condensed Newton matrix of one iteration, eliminated microgrid by microgrid; what couples them is left last.
//!
//! ```text
//!   [ K   B^T ] [ dx ]   [ r_x ]      K = diag(K_n), K_n = H_n + A_n^T omega_n A_n over all steps of the window
//!   [ B   -D  ] [ u  ] = [ r_u ]      B = (B_1 ... B_N): coupled rows in use, M of them
//!
//!   A u = sum_n B_n K_n^-1 r_n - r_u,   A = D + sum_n B_n K_n^-1 B_n^T,   dx_n = K_n^-1 (r_n - B_n^T u)
//! ```
//!
//! A limit elsewhere in the network sees a microgrid through the current at its point of common coupling only, two
//! numbers a step. So of the rows of step t, restricted to one microgrid, all but its own span two directions, and
//! B_n = G_n Q_n with an orthonormal basis Q_n of few rows: two a step, more where limits inside the microgrid are in
//! use. The basis is found from the coefficients, so nothing is assumed about the network.
//!
//! ```text
//!   K_n = L d^-1 L^T,   Z = L^-1 Q_n^T,   S = Z^T d Z (d the inverse pivots),   A += G_n S G_n^T
//! ```
//!
//! Multiplications per iteration, a variables of a microgrid over all steps, b rows of its basis, b/T of them a step:
//! N (a^3/6 + b a^2/2 + b^2 a/2 + M^2 b/2T) + M^3/6. That is linear in N; at T = 4, a = 37, M = 100 about 30 thousand for
//! a microgrid. K_n is dense over the window, so many steps are left to [`super::time_major`].

use super::elimination::{backward, eliminate, forward};
use super::form::Form;
use super::newton_system::{NewtonSystem, REGULARISATION, ROW_REGULARISATION, RightHandSide, Step, Weights, dot};
use super::states::NONE;
use std::ops::Range;

/// What a row leaves beside the basis, relative to its own size, below which it counts as spanned. The basis enters the
/// Newton matrix only, so this bounds the error of a step, not of the solution.
const SPANNED: f64 = 1e-9;

/// One microgrid's basis of one step.
#[derive(Debug, Clone, Copy, Default)]
struct Basis {
    /// First row among all bases of the microgrid, and their number.
    first: usize,
    count: usize,
    /// First coefficient in `q`: `count` rows as wide as the block.
    q: usize,
    /// First entry in `g`: `count` rows as long as the step has coupled rows.
    g: usize,
}

/// One microgrid.
#[derive(Debug, Clone, Copy, Default)]
struct Agent {
    order: usize,
    /// First entry of its matrix.
    matrix: usize,
    /// Rows of its bases, all steps.
    rank: usize,
    /// First entry of Z: `rank` rows of length `order`.
    z: usize,
}

/// Factors and scratch.
#[derive(Debug, Default)]
pub(super) struct AgentMajor {
    agents: Vec<Agent>,
    /// Place of each block's first variable within its microgrid's, and its basis: `[t * agents + n]`.
    blocks: Vec<(usize, Basis)>,
    q: Vec<f64>,
    g: Vec<f64>,
    /// Each local row over its microgrid's variables, states followed back: `terms[row_terms[r]..row_terms[r + 1]]`.
    terms: Vec<(usize, f64)>,
    row_terms: Vec<usize>,
    /// Each incoming state the same way.
    state_terms: Vec<Vec<(usize, f64)>>,
    matrix: Vec<f64>,
    z: Vec<f64>,
    /// A of the coupled rows.
    coupled: Vec<f64>,
    // Scratch.
    s: Vec<f64>,
    scaled: Vec<f64>,
    pulled: Vec<f64>,
    rest: Vec<f64>,
    own: Vec<f64>,
    rhs: Vec<f64>,
    adjoint: Vec<f64>,
}

fn resized(memory: &mut Vec<f64>, size: usize) {
    memory.clear();
    memory.resize(size, 0.0);
}

impl NewtonSystem for AgentMajor {
    fn prepare(&mut self, form: &Form) {
        self.place_blocks(form);
        self.follow_states(form);
        self.find_bases(form);
        let (mut matrix, mut z) = (0, 0);
        for agent in &mut self.agents {
            (agent.matrix, agent.z) = (matrix, z);
            matrix += agent.order * agent.order;
            z += agent.rank * agent.order;
        }
        let largest = |size: &dyn Fn(&Agent) -> usize| self.agents.iter().map(size).max().unwrap_or(0);
        let (order, rank) = (largest(&|a| a.order), largest(&|a| a.rank));
        let rows = form.coupled_start.len();
        for (memory, size) in [
            (&mut self.matrix, matrix),
            (&mut self.z, z),
            (&mut self.coupled, rows * rows),
            (&mut self.s, rank * rank),
            (&mut self.scaled, order),
            (&mut self.pulled, rank),
            (&mut self.own, order),
            (&mut self.rhs, form.n()),
            (&mut self.adjoint, form.states.incoming.len()),
        ] {
            resized(memory, size);
        }
    }

    fn factor(&mut self, form: &Form, weights: &Weights) -> bool {
        let rows = form.coupled_start.len();
        self.coupled.fill(0.0);
        for r in 0..rows {
            self.coupled[r * rows + r] = weights.compliance[r] + ROW_REGULARISATION;
            if r + 1 < rows {
                self.coupled[r * rows + r + 1] = weights.compliance_pair[r];
            }
        }
        for n in 0..form.agents {
            self.assemble(form, n, weights);
            let Agent { order, matrix, .. } = self.agents[n];
            if !eliminate(&mut self.matrix[matrix..matrix + order * order], order, order, order) {
                return false;
            }
            self.reduce(form, n);
            self.add_to_coupled(form, n);
        }
        eliminate(&mut self.coupled, rows, rows, rows)
    }

    fn solve(&mut self, form: &Form, rhs: &RightHandSide, step: &mut Step) {
        let rows = form.coupled_start.len();
        self.pull_states_back(form, rhs);
        step.coupled.iter_mut().zip(&rhs.coupled).for_each(|(u, r)| *u = -r);
        for n in 0..form.agents {
            self.load_own(form, n);
            let Agent { order, matrix, rank, z } = self.agents[n];
            let factors = &self.matrix[matrix..matrix + order * order];
            let own = &mut self.own[..order];
            forward(factors, order, order, own);
            // Kept for the way back.
            for (i, value) in own.iter().enumerate() {
                self.scaled[i] = value * factors[i * order + i];
            }
            store(form, &self.blocks, n, own, &mut self.rhs);
            for (row, pulled) in self.pulled[..rank].iter_mut().enumerate() {
                *pulled = dot(&self.z[z + row * order..][..order], &self.scaled[..order]);
            }
            for t in 0..form.steps {
                let (_, basis) = self.blocks[t * form.agents + n];
                let of_step = form.step_coupled[t]..form.step_coupled[t + 1];
                for b in 0..basis.count {
                    let g = &self.g[basis.g + b * of_step.len()..][..of_step.len()];
                    let pulled = self.pulled[basis.first + b];
                    step.coupled[of_step.clone()].iter_mut().zip(g).for_each(|(u, g)| *u += pulled * g);
                }
            }
        }
        forward(&self.coupled, rows, rows, &mut step.coupled);
        backward(&self.coupled, rows, rows, &mut step.coupled);
        for n in 0..form.agents {
            self.load_own(form, n);
            let Agent { order, matrix, z, .. } = self.agents[n];
            let own = &mut self.own[..order];
            for t in 0..form.steps {
                let (_, basis) = self.blocks[t * form.agents + n];
                let of_step = form.step_coupled[t]..form.step_coupled[t + 1];
                for b in 0..basis.count {
                    let g = &self.g[basis.g + b * of_step.len()..][..of_step.len()];
                    let pull = dot(g, &step.coupled[of_step.clone()]);
                    let row = &self.z[z + (basis.first + b) * order..][..order];
                    own.iter_mut().zip(row).for_each(|(x, z)| *x -= pull * z);
                }
            }
            backward(&self.matrix[matrix..matrix + order * order], order, order, own);
            store(form, &self.blocks, n, own, &mut step.x);
        }
        for (at, state) in form.states.incoming.iter().enumerate() {
            let before = if state.from == NONE { 0.0 } else { step.states[state.from] };
            step.states[at] = before + state.terms.iter().map(|term| term.coefficient * step.x[term.x]).sum::<f64>();
        }
    }
}

/// Multiplications of an iteration, roughly, with two rows of the basis a step and microgrid; infinite where there would
/// be more memory to fill than that is worth.
pub(super) fn work(form: &Form) -> f64 {
    let rows = form.coupled_start.len() as f64;
    let mut work = rows.powi(3) / 6.0;
    for n in 0..form.agents {
        let order = (0..form.steps).map(|t| form.blocks[t * form.agents + n].len()).sum::<usize>() as f64;
        let rank = 2.0 * form.steps as f64;
        work += order.powi(3) / 6.0 + rank * order * (order + rank) / 2.0 + rows * (rows + 2.0 * rank);
    }
    work
}

impl AgentMajor {
    fn place_blocks(&mut self, form: &Form) {
        self.agents.clear();
        self.agents.resize(form.agents, Agent::default());
        self.blocks.clear();
        for block_of_step in form.blocks.chunks(form.agents.max(1)) {
            for (agent, block) in self.agents.iter_mut().zip(block_of_step) {
                self.blocks.push((agent.order, Basis::default()));
                agent.order += block.len();
            }
        }
    }

    /// States and local rows as sums over the microgrid's variables.
    fn follow_states(&mut self, form: &Form) {
        let incoming = &form.states.incoming;
        self.state_terms.iter_mut().for_each(Vec::clear);
        self.state_terms.resize_with(self.state_terms.len().max(incoming.len()), Vec::new);
        for t in 1..form.steps {
            for at in form.states.of_step(t) {
                let state = &incoming[at];
                let agent = form.states.list[state.state].agent;
                let before = (t - 1) * form.agents + agent;
                let (block, place) = (&form.blocks[before], self.blocks[before].0);
                let (earlier, later) = self.state_terms.split_at_mut(at);
                if state.from != NONE {
                    later[0].extend_from_slice(&earlier[state.from]);
                }
                let own = state.terms.iter().filter(|term| term.coefficient != 0.0);
                later[0].extend(own.map(|term| (place + term.x - block.x, term.coefficient)));
            }
        }
        self.terms.clear();
        self.row_terms.clear();
        for (block, (place, _)) in form.blocks.iter().zip(&self.blocks) {
            for row in &form.rows[block.rows.0..block.rows.1] {
                self.row_terms.push(self.terms.len());
                self.terms.extend(form.terms[row.terms.0..row.terms.1].iter().map(|&(i, c)| (place + i, c)));
                if row.state_coefficient != 0.0 {
                    let state = self.state_terms[row.state].iter();
                    self.terms.extend(state.map(|&(i, c)| (i, row.state_coefficient * c)));
                }
            }
        }
        self.row_terms.push(self.terms.len());
    }

    /// Orthonormal bases by Gram-Schmidt on the row with the largest rest.
    fn find_bases(&mut self, form: &Form) {
        let AgentMajor { agents, blocks, q, g, rest, .. } = self;
        q.clear();
        g.clear();
        for t in 0..form.steps {
            let rows = form.step_coupled[t]..form.step_coupled[t + 1];
            for n in 0..form.agents {
                let block = &form.blocks[t * form.agents + n];
                let width = block.len();
                rest.clear();
                for r in rows.clone() {
                    let from = form.coupled_start[r] + block.x - form.step_x[t];
                    rest.extend_from_slice(&form.coefficients[from..from + width]);
                }
                let basis = &mut blocks[t * form.agents + n].1;
                *basis = Basis { first: agents[n].rank, count: 0, q: q.len(), g: g.len() };
                let size = |row: &[f64]| dot(row, row).sqrt();
                let start = g.len();
                // Sizes of the rows first, then of what is left of them.
                let sizes: Range<usize> = start..start + rows.len();
                g.extend((0..rows.len()).map(|r| size(&rest[r * width..(r + 1) * width])));
                while basis.count < width {
                    let mut pivot = (0, 0.0);
                    for (r, own) in g[sizes.clone()].iter().enumerate() {
                        let left = size(&rest[r * width..(r + 1) * width]);
                        if left > SPANNED * own && left > pivot.1 {
                            pivot = (r, left);
                        }
                    }
                    if pivot.1 == 0.0 {
                        break;
                    }
                    let from = q.len();
                    q.extend(rest[pivot.0 * width..(pivot.0 + 1) * width].iter().map(|c| c / pivot.1));
                    let direction = &q[from..];
                    for r in 0..rows.len() {
                        let row = &mut rest[r * width..(r + 1) * width];
                        let along = dot(row, direction);
                        row.iter_mut().zip(direction).for_each(|(c, d)| *c -= along * d);
                        g.push(along);
                    }
                    basis.count += 1;
                }
                g.drain(sizes);
                agents[n].rank += basis.count;
            }
        }
    }

    /// K_n, upper triangle.
    fn assemble(&mut self, form: &Form, n: usize, weights: &Weights) {
        let Agent { order, matrix: start, .. } = self.agents[n];
        let matrix = &mut self.matrix[start..start + order * order];
        matrix.fill(0.0);
        for t in 0..form.steps {
            let at = t * form.agents + n;
            let (block, place) = (&form.blocks[at], self.blocks[at].0);
            let width = block.len();
            for i in 0..width {
                let source = &form.hessian[block.hessian + i * width..][..width];
                let row = (place + i) * order + place;
                matrix[row + i..row + width].copy_from_slice(&source[i..]);
                matrix[row + i] += weights.functional[block.x + i] + REGULARISATION;
            }
            let terms = |r: usize| &self.terms[self.row_terms[r]..self.row_terms[r + 1]];
            let mut add = |r: usize, s: usize, weight: f64| {
                for &(i, ci) in terms(r) {
                    for &(j, cj) in terms(s).iter().filter(|(j, _)| i <= *j) {
                        matrix[i * order + j] += weight * ci * cj;
                    }
                }
            };
            for r in block.rows.0..block.rows.1 {
                let weight = weights.functional[form.n() + r];
                if weight != 0.0 {
                    add(r, r, weight);
                }
            }
            for c in block.circles.0..block.circles.1 {
                let [w11, w12, w22] = weights.circles[c];
                let first = form.cones[c].first - form.n();
                add(first, first, w11);
                add(first + 1, first + 1, w22);
                add(first, first + 1, w12);
                add(first + 1, first, w12);
            }
        }
    }

    /// Z = L^-1 Q^T and S = Z^T d Z, both triangles.
    fn reduce(&mut self, form: &Form, n: usize) {
        let Agent { order, matrix, rank, z } = self.agents[n];
        let factors = &self.matrix[matrix..matrix + order * order];
        let z = &mut self.z[z..z + rank * order];
        z.fill(0.0);
        for t in 0..form.steps {
            let at = t * form.agents + n;
            let (width, (place, basis)) = (form.blocks[at].len(), self.blocks[at]);
            for b in 0..basis.count {
                let column = &mut z[(basis.first + b) * order..][..order];
                column[place..place + width].copy_from_slice(&self.q[basis.q + b * width..][..width]);
                // The part of the factors from here on is stored like a matrix of its own, order entries apart.
                for k in place..order {
                    let row = &factors[k * order + k..(k + 1) * order];
                    let (head, tail) = column.split_at_mut(k + 1);
                    super::elimination::subtract(tail, head[k] * row[0], &row[1..]);
                }
            }
        }
        for a in 0..rank {
            for i in 0..order {
                self.scaled[i] = z[a * order + i] * factors[i * order + i];
            }
            for b in 0..=a {
                let value = dot(&z[b * order..(b + 1) * order], &self.scaled[..order]);
                self.s[a * rank + b] = value;
                self.s[b * rank + a] = value;
            }
        }
    }

    /// A += G S G^T, upper triangle.
    fn add_to_coupled(&mut self, form: &Form, n: usize) {
        let rank = self.agents[n].rank;
        let rows = form.coupled_start.len();
        for t in 0..form.steps {
            let (_, basis) = self.blocks[t * form.agents + n];
            let of_step = form.step_coupled[t]..form.step_coupled[t + 1];
            for r in of_step.clone() {
                let pulled = &mut self.pulled[..rank];
                pulled.fill(0.0);
                for b in 0..basis.count {
                    let g = self.g[basis.g + b * of_step.len() + r - of_step.start];
                    let s = &self.s[(basis.first + b) * rank..][..rank];
                    pulled.iter_mut().zip(s).for_each(|(p, s)| *p += g * s);
                }
                let target = &mut self.coupled[r * rows..(r + 1) * rows];
                for later in t..form.steps {
                    let (_, basis) = self.blocks[later * form.agents + n];
                    let other = form.step_coupled[later]..form.step_coupled[later + 1];
                    let from = other.start.max(r);
                    for b in 0..basis.count {
                        let g = &self.g[basis.g + b * other.len()..][from - other.start..other.len()];
                        let pull = pulled[basis.first + b];
                        target[from..other.end].iter_mut().zip(g).for_each(|(a, g)| *a += pull * g);
                    }
                }
            }
        }
    }

    /// Right-hand side over the variables, states followed back.
    fn pull_states_back(&mut self, form: &Form, rhs: &RightHandSide) {
        self.rhs.copy_from_slice(&rhs.x);
        self.adjoint.copy_from_slice(&rhs.states);
        for (at, state) in form.states.incoming.iter().enumerate().rev() {
            let adjoint = self.adjoint[at];
            for term in state.terms.iter().filter(|term| term.coefficient != 0.0) {
                self.rhs[term.x] += term.coefficient * adjoint;
            }
            if state.from != NONE {
                self.adjoint[state.from] += adjoint;
            }
        }
    }

    /// The microgrid's part of `rhs`, its steps one after the other.
    fn load_own(&mut self, form: &Form, n: usize) {
        for t in 0..form.steps {
            let at = t * form.agents + n;
            let (block, place) = (&form.blocks[at], self.blocks[at].0);
            self.own[place..place + block.len()].copy_from_slice(&self.rhs[block.x..block.x + block.len()]);
        }
    }
}

/// The reverse of [`AgentMajor::load_own`].
fn store(form: &Form, blocks: &[(usize, Basis)], n: usize, own: &[f64], all: &mut [f64]) {
    for t in 0..form.steps {
        let at = t * form.agents + n;
        let (block, place) = (&form.blocks[at], blocks[at].0);
        all[block.x..block.x + block.len()].copy_from_slice(&own[place..place + block.len()]);
    }
}

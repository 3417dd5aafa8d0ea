//! One microgrid's variables over all steps of the window in one dense matrix: K_n = H_n + A_n^T omega_n A_n.
//!
//! States are followed back to the variables behind them, so that every local row is a sum over the microgrid's variables.

use super::form::Form;
use super::newton_system::{REGULARISATION, Weights};
use super::states::NONE;

/// Where the variables and rows of each microgrid go.
#[derive(Debug, Default)]
pub(super) struct AgentMatrix {
    /// Variables of each microgrid.
    pub orders: Vec<usize>,
    /// Place of each block's first variable within its microgrid's: `[t * agents + n]`.
    pub places: Vec<usize>,
    /// Each local row: `terms[row_terms[r]..row_terms[r + 1]]`.
    terms: Vec<(usize, f64)>,
    row_terms: Vec<usize>,
    /// Each incoming state the same way.
    state_terms: Vec<Vec<(usize, f64)>>,
}

impl AgentMatrix {
    pub fn prepare(&mut self, form: &Form) {
        self.orders.clear();
        self.orders.resize(form.agents, 0);
        self.places.clear();
        for of_step in form.blocks.chunks(form.agents.max(1)) {
            for (order, block) in self.orders.iter_mut().zip(of_step) {
                self.places.push(*order);
                *order += block.len();
            }
        }
        self.follow_states(form);
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
                let (block, place) = (&form.blocks[before], self.places[before]);
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
        for (block, place) in form.blocks.iter().zip(&self.places) {
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

    /// Adds K_n, upper triangle, to the head of a matrix of zeros whose rows are `order` long.
    pub fn assemble(&self, form: &Form, n: usize, weights: &Weights, matrix: &mut [f64], order: usize) {
        for t in 0..form.steps {
            let at = t * form.agents + n;
            let (block, place) = (&form.blocks[at], self.places[at]);
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
}

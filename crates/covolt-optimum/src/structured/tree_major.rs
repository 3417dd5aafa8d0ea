//! The condensed Newton matrix of one iteration, eliminated along the tree of the feeder: work linear in its length and in
//! the number of microgrids, whatever the number of coupled rows.
//!
//! Coupled rows f are written through the network instead of the actions: f = B x + H V inside a microgrid with V the
//! feeder's voltage at its PCC, f = here V_k + above V_p on the feeder. With w_k the price of current at bus k, everything
//! below a bus is, once eliminated, a stationary value W_k(w_k, V_k), quadratic, whose gradient is the current that it
//! draws and what pulls at its voltage:
//!
//! ```text
//!   eta = (I, A) = dW/d(w, V) = p + M xi,    xi = (w, V),    M symmetric, 4 T x 4 T over the steps of the window
//! ```
//!
//! A microgrid: stationary in its variables x and the multipliers u of its own rows,
//!
//! ```text
//!   1/2 x^T K x - r^T x + u^T (B x + H V - r_u) - 1/2 u^T D u + w^T (C x + Y V)
//! ```
//!
//! so one dense elimination of (x, u), positive pivots then negative ones, leaves M and p in the last 4 T rows. A branch
//! p-k with V_k = V_p - Z J and J = I, and with rows F_J J + F_V V_k - D u = r_u on it and its bus (F_V = here + above,
//! F_J = above Z), whose multipliers u stay unknowns, since a weight 1/D costs digits where the limit binds:
//!
//! ```text
//!   w_k + Z^T a - F_J^T u = w_p     V_k + Z I = V_p     F_J I + F_V V_k - D u = r_u     a = A + F_V^T u
//!   G (xi_k, u) = (xi_p, 0) + q     X = G^-1            (J, a) = p + M~ (xi_k, u) = p' + M' xi_p
//!   O = M~ X = (M', ...)            p' = p + O q        q = (-Z^T p_A, -Z p_I, r_u - F_J p_I)
//! ```
//!
//! and (M', p') add to the parent's. At the source w = V = 0, and the way back is (xi_k, u) = X ((xi_p, 0) + q). Work per
//! iteration: N (a + m + 4 T)^3 / 6 for a variables and m rows of a microgrid, 2 (4 T + m)^3 for a bus of the feeder.

use super::agent_matrix::AgentMatrix;
use super::elimination::{backward, eliminate, forward};
use super::form::Form;
use super::newton_system::{NewtonSystem, ROW_REGULARISATION, RightHandSide, Step, Weights, dot};
use super::states::NONE;
use super::tree_rows::PlacedRow;
use covolt_fleet::network_tree::{FeederNode, NetworkTree, Pair};

/// One microgrid.
#[derive(Debug, Clone, Copy, Default)]
struct Agent {
    /// First entry of its matrix, and its order: variables, own rows, prices, voltages.
    matrix: usize,
    order: usize,
    variables: usize,
    rows: usize,
    /// First entry of its right-hand side.
    rhs: usize,
}

/// A row of the feeder.
#[derive(Debug, Clone, Copy, Default)]
struct FeederRow {
    row: usize,
    node: usize,
    step: usize,
    of_current: Pair,
    of_voltage: Pair,
}

/// A bus of the feeder.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// Prices, voltages, and multipliers of its rows.
    order: usize,
    /// Its rows: first and one past the last.
    rows: (usize, usize),
    /// First entry of X, of O, and of q.
    x: usize,
    out: usize,
    q: usize,
}

/// Factors and scratch.
#[derive(Debug, Default)]
pub(super) struct TreeMajor {
    variables: AgentMatrix,
    agents: Vec<Agent>,
    /// Coupled rows inside each microgrid, and their steps.
    own_rows: Vec<Vec<(usize, usize)>>,
    feeder_rows: Vec<FeederRow>,
    matrix: Vec<f64>,
    nodes: Vec<Node>,
    /// M of every node.
    m: Vec<f64>,
    x: Vec<f64>,
    out: Vec<f64>,
    // Right-hand sides and solutions.
    agent_rhs: Vec<f64>,
    p: Vec<f64>,
    q: Vec<f64>,
    /// xi of every node.
    xi: Vec<f64>,
    rhs: Vec<f64>,
    adjoint: Vec<f64>,
    // Scratch of one bus.
    tilde: Vec<f64>,
    scratch: Vec<f64>,
}

impl NewtonSystem for TreeMajor {
    fn prepare(&mut self, form: &Form) {
        let Some(tree) = &form.tree_rows.tree else { return };
        self.variables.prepare(form);
        self.place_rows(form, tree);
        let width = 4 * form.steps;
        let (mut matrix, mut rhs) = (0, 0);
        self.agents.clear();
        for (&variables, own) in self.variables.orders.iter().zip(&self.own_rows) {
            let order = variables + own.len() + width;
            self.agents.push(Agent { matrix, order, variables, rows: own.len(), rhs });
            matrix += order * order;
            rhs += order;
        }
        let (x, out, q) = self.place_nodes(tree, width);
        let nodes = self.nodes.len();
        let largest = self.nodes.iter().map(|node| node.order).max().unwrap_or(width);
        for (memory, size) in [
            (&mut self.matrix, matrix),
            (&mut self.agent_rhs, rhs),
            (&mut self.m, nodes * width * width),
            (&mut self.x, x),
            (&mut self.out, out),
            (&mut self.p, nodes * width),
            (&mut self.q, q),
            (&mut self.xi, nodes * width),
            (&mut self.rhs, form.n()),
            (&mut self.adjoint, form.states.incoming.len()),
            (&mut self.tilde, width * largest),
            (&mut self.scratch, 2 * largest),
        ] {
            memory.clear();
            memory.resize(size, 0.0);
        }
    }

    fn factor(&mut self, form: &Form, weights: &Weights) -> bool {
        let Some(tree) = &form.tree_rows.tree else { return false };
        self.m.fill(0.0);
        for n in 0..form.agents {
            if !self.eliminate_agent(form, tree, n, weights) {
                return false;
            }
        }
        (1..self.nodes.len()).rev().all(|k| self.eliminate_node(form.steps, tree, k, weights))
    }

    fn solve(&mut self, form: &Form, rhs: &RightHandSide, step: &mut Step) {
        let Some(tree) = &form.tree_rows.tree else { return };
        self.pull_states_back(form, rhs);
        self.sweep_up(form, tree, rhs);
        self.sweep_down(form, tree, step);
        for (at, state) in form.states.incoming.iter().enumerate() {
            let before = if state.from == NONE { 0.0 } else { step.states[state.from] };
            step.states[at] = before + state.terms.iter().map(|term| term.coefficient * step.x[term.x]).sum::<f64>();
        }
    }
}

/// Multiplications of an iteration, roughly; infinite without a network.
pub(super) fn work(form: &Form) -> f64 {
    let Some(tree) = &form.tree_rows.tree else { return f64::INFINITY };
    let border = 4.0 * form.steps as f64;
    let rows = form.coupled_start.len() as f64 / form.agents.max(1) as f64;
    let agents = (0..form.agents).map(|n| {
        let variables = (0..form.steps).map(|t| form.blocks[t * form.agents + n].len()).sum::<usize>();
        ((variables as f64 + rows + border).powi(3) - border.powi(3)) / 6.0
    });
    agents.sum::<f64>() + 2.0 * nodes(tree) as f64 * border.powi(3)
}

fn nodes(tree: &NetworkTree) -> usize {
    tree.steps.first().map_or(0, |step| step.nodes.len())
}

fn node_at(tree: &NetworkTree, t: usize, k: usize) -> &FeederNode {
    &tree.steps[t].nodes[k]
}

impl TreeMajor {
    fn place_rows(&mut self, form: &Form, tree: &NetworkTree) {
        self.own_rows.iter_mut().for_each(Vec::clear);
        self.own_rows.resize_with(form.agents, Vec::new);
        self.feeder_rows.clear();
        for t in 0..form.steps {
            for row in form.step_coupled[t]..form.step_coupled[t + 1] {
                match form.tree_rows.rows[row] {
                    PlacedRow::Microgrid { n, .. } => self.own_rows[n].push((row, t)),
                    PlacedRow::Feeder { node, here, above } => {
                        let z = &node_at(tree, t, node).z;
                        self.feeder_rows.push(FeederRow {
                            row,
                            node,
                            step: t,
                            of_current: [above[0] * z[0] + above[1] * z[2], above[0] * z[1] + above[1] * z[3]],
                            of_voltage: [here[0] + above[0], here[1] + above[1]],
                        });
                    }
                }
            }
        }
        self.feeder_rows.sort_by_key(|row| (row.node, row.row));
    }

    /// Lays out the nodes; entries of X, O and q of all of them.
    fn place_nodes(&mut self, tree: &NetworkTree, width: usize) -> (usize, usize, usize) {
        self.nodes.clear();
        let (mut x, mut out, mut q, mut next) = (0, 0, 0, 0);
        for k in 0..nodes(tree) {
            let first = next;
            while self.feeder_rows.get(next).is_some_and(|row| row.node == k) {
                next += 1;
            }
            let order = width + next - first;
            self.nodes.push(Node { order, rows: (first, next), x, out, q });
            x += order * order;
            out += width * order;
            q += order;
        }
        (x, out, q)
    }

    /// The microgrid's matrix, its variables and own rows eliminated; what is left goes to its node.
    fn eliminate_agent(&mut self, form: &Form, tree: &NetworkTree, n: usize, weights: &Weights) -> bool {
        let Agent { matrix: start, order, variables, rows, .. } = self.agents[n];
        let matrix = &mut self.matrix[start..start + order * order];
        matrix.fill(0.0);
        self.variables.assemble(form, n, weights, matrix, order);
        let (prices, voltages) = (variables + rows, variables + rows + 2 * form.steps);
        for t in 0..form.steps {
            let at = t * form.agents + n;
            let (width, place) = (form.blocks[at].len(), self.variables.places[at]);
            let exchange = &form.tree_rows.exchange[form.tree_rows.exchange_start[at]..][..2 * width];
            for i in 0..width {
                let row = &mut matrix[(place + i) * order..][..order];
                row[prices + 2 * t] = exchange[i];
                row[prices + 2 * t + 1] = exchange[width + i];
            }
            let y = &tree.steps[t].ports[n].admittance;
            for i in 0..2 {
                let row = &mut matrix[(prices + 2 * t + i) * order..][..order];
                row[voltages + 2 * t] = y[2 * i];
                row[voltages + 2 * t + 1] = y[2 * i + 1];
            }
        }
        for (j, &(row, t)) in self.own_rows[n].iter().enumerate() {
            let PlacedRow::Microgrid { own, at_port, .. } = form.tree_rows.rows[row] else { continue };
            let at = t * form.agents + n;
            let (width, place) = (form.blocks[at].len(), self.variables.places[at]);
            for (i, &coefficient) in form.tree_rows.own[own..own + width].iter().enumerate() {
                matrix[(place + i) * order + variables + j] = coefficient;
            }
            let own_row = &mut matrix[(variables + j) * order..][..order];
            own_row[variables + j] = -(weights.compliance[row] + ROW_REGULARISATION);
            if j + 1 < rows {
                own_row[variables + j + 1] = -weights.compliance_pair[row];
            }
            own_row[voltages + 2 * t] = at_port[0];
            own_row[voltages + 2 * t + 1] = at_port[1];
        }
        if !eliminate(matrix, order, variables, variables + rows) {
            return false;
        }
        let node = tree.steps[0].ports[n].node;
        let width = 4 * form.steps;
        let target = &mut self.m[node * width * width..][..width * width];
        for i in 0..width {
            for j in i..width {
                let value = matrix[(prices + i) * order + prices + j];
                target[i * width + j] += value;
                if i != j {
                    target[j * width + i] += value;
                }
            }
        }
        true
    }

    /// X and O of a node; M' is added to its parent's M. False where G is singular.
    fn eliminate_node(&mut self, steps: usize, tree: &NetworkTree, k: usize, weights: &Weights) -> bool {
        let (width, volt) = (4 * steps, 2 * steps);
        let Node { order, rows, x, out, .. } = self.nodes[k];
        let feeder_rows = &self.feeder_rows[rows.0..rows.1];
        let (before, from) = self.m.split_at_mut(k * width * width);
        let m = &mut from[..width * width];
        for t in 0..steps {
            let slope = &node_at(tree, t, k).slope;
            for i in 0..2 {
                for j in 0..2 {
                    m[(2 * t + i) * width + volt + 2 * t + j] += slope[2 * i + j];
                    m[(volt + 2 * t + j) * width + 2 * t + i] += slope[2 * i + j];
                }
            }
        }
        // M~.
        let tilde = &mut self.tilde[..width * order];
        tilde.fill(0.0);
        for (target, source) in tilde.chunks_exact_mut(order).zip(m.chunks_exact(width)) {
            target[..width].copy_from_slice(source);
        }
        for (j, row) in feeder_rows.iter().enumerate() {
            for i in 0..2 {
                tilde[(volt + 2 * row.step + i) * order + width + j] = row.of_voltage[i];
            }
        }
        let g = &mut self.x[x..x + order * order];
        g.fill(0.0);
        for t in 0..steps {
            let z = &node_at(tree, t, k).z;
            for i in 0..2 {
                let (price, voltage) = (2 * t + i, volt + 2 * t + i);
                g[price * order + price] = 1.0;
                g[voltage * order + voltage] = 1.0;
                for j in 0..2 {
                    let (current, pull) = ((2 * t + j) * order, (volt + 2 * t + j) * order);
                    add(&mut g[price * order..][..order], z[2 * j + i], &tilde[pull..][..order]);
                    add(&mut g[voltage * order..][..order], z[2 * i + j], &tilde[current..][..order]);
                }
            }
        }
        for (j, row) in feeder_rows.iter().enumerate() {
            let own = (width + j) * order;
            for i in 0..2 {
                let (price, voltage) = (2 * row.step + i, volt + 2 * row.step + i);
                g[price * order + width + j] -= row.of_current[i];
                add(&mut g[own..][..order], row.of_current[i], &tilde[price * order..][..order]);
                g[own + voltage] += row.of_voltage[i];
            }
            g[own + width + j] -= weights.compliance[row.row] + ROW_REGULARISATION;
            let between = weights.compliance_pair[row.row];
            if between != 0.0 && j + 1 < feeder_rows.len() {
                g[own + width + j + 1] -= between;
                g[own + order + width + j] -= between;
            }
        }
        if !invert(g, order, &mut self.scratch) {
            return false;
        }
        let product = &mut self.out[out..out + width * order];
        product.fill(0.0);
        for (target, factors) in product.chunks_exact_mut(order).zip(tilde.chunks_exact(order)) {
            for (&factor, row) in factors.iter().zip(g.chunks_exact(order)) {
                add(target, factor, row);
            }
        }
        let parent = node_at(tree, 0, k).parent;
        let target = &mut before[parent * width * width..(parent + 1) * width * width];
        for i in 0..width {
            for j in 0..width {
                // Symmetric but for rounding.
                target[i * width + j] += 0.5 * (product[i * order + j] + product[j * order + i]);
            }
        }
        true
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

    /// p of every microgrid and node, from the leaves to the source.
    fn sweep_up(&mut self, form: &Form, tree: &NetworkTree, rhs: &RightHandSide) {
        let (steps, width, volt) = (form.steps, 4 * form.steps, 2 * form.steps);
        self.p.fill(0.0);
        for n in 0..form.agents {
            let Agent { matrix, order, variables, rows, rhs: start } = self.agents[n];
            let own = &mut self.agent_rhs[start..start + order];
            own.fill(0.0);
            for t in 0..steps {
                let at = t * form.agents + n;
                let (block, place) = (&form.blocks[at], self.variables.places[at]);
                own[place..place + block.len()].copy_from_slice(&self.rhs[block.x..block.x + block.len()]);
            }
            for (j, &(row, _)) in self.own_rows[n].iter().enumerate() {
                own[variables + j] = rhs.coupled[row];
            }
            forward(&self.matrix[matrix..matrix + order * order], order, variables + rows, own);
            let p = &mut self.p[tree.steps[0].ports[n].node * width..][..width];
            p.iter_mut().zip(&own[variables + rows..]).for_each(|(p, left)| *p -= left);
        }
        for k in (1..self.nodes.len()).rev() {
            let Node { order, rows, out, q, .. } = self.nodes[k];
            let (before, from) = self.p.split_at_mut(k * width);
            let p = &mut from[..width];
            let q = &mut self.q[q..q + order];
            for t in 0..steps {
                let z = &node_at(tree, t, k).z;
                let (current, pull) = ([p[2 * t], p[2 * t + 1]], [p[volt + 2 * t], p[volt + 2 * t + 1]]);
                for i in 0..2 {
                    q[2 * t + i] = -(z[i] * pull[0] + z[2 + i] * pull[1]);
                    q[volt + 2 * t + i] = -(z[2 * i] * current[0] + z[2 * i + 1] * current[1]);
                }
            }
            for (q, row) in q[width..].iter_mut().zip(&self.feeder_rows[rows.0..rows.1]) {
                let current = &p[2 * row.step..];
                *q = rhs.coupled[row.row] - row.of_current[0] * current[0] - row.of_current[1] * current[1];
            }
            let product = &self.out[out..out + width * order];
            p.iter_mut().zip(product.chunks_exact(order)).for_each(|(p, row)| *p += dot(row, q));
            let parent = node_at(tree, 0, k).parent;
            add(&mut before[parent * width..(parent + 1) * width], 1.0, p);
        }
    }

    /// xi of every node, then variables and multipliers.
    fn sweep_down(&mut self, form: &Form, tree: &NetworkTree, step: &mut Step) {
        let (steps, width) = (form.steps, 4 * form.steps);
        self.xi[..width].fill(0.0);
        for k in 1..self.nodes.len() {
            let Node { order, rows, x, q, .. } = self.nodes[k];
            let parent = node_at(tree, 0, k).parent;
            let (before, from) = self.xi.split_at_mut(k * width);
            let q = &mut self.q[q..q + order];
            add(&mut q[..width], 1.0, &before[parent * width..(parent + 1) * width]);
            let row_of_x = |i: usize| &self.x[x + i * order..][..order];
            from[..width].iter_mut().enumerate().for_each(|(i, xi)| *xi = dot(row_of_x(i), q));
            for (j, row) in self.feeder_rows[rows.0..rows.1].iter().enumerate() {
                step.coupled[row.row] = dot(row_of_x(width + j), q);
            }
        }
        for n in 0..form.agents {
            let Agent { matrix, order, variables, rows, rhs: start } = self.agents[n];
            let own = &mut self.agent_rhs[start..start + order];
            own[variables + rows..].copy_from_slice(&self.xi[tree.steps[0].ports[n].node * width..][..width]);
            backward(&self.matrix[matrix..matrix + order * order], order, variables + rows, own);
            for t in 0..steps {
                let at = t * form.agents + n;
                let (block, place) = (&form.blocks[at], self.variables.places[at]);
                step.x[block.x..block.x + block.len()].copy_from_slice(&own[place..place + block.len()]);
            }
            for (j, &(row, _)) in self.own_rows[n].iter().enumerate() {
                step.coupled[row] = own[variables + j];
            }
        }
    }
}

fn add(target: &mut [f64], factor: f64, source: &[f64]) {
    target.iter_mut().zip(source).for_each(|(t, s)| *t += factor * s);
}

/// Inverts in place by Gauss and Jordan with row pivots; false where the matrix is singular.
fn invert(matrix: &mut [f64], order: usize, scratch: &mut [f64]) -> bool {
    let (swaps, rest) = scratch.split_at_mut(order);
    let pivot_row = &mut rest[..order];
    for k in 0..order {
        let size = |i: &usize| matrix[i * order + k].abs();
        let Some(best) = (k..order).max_by(|a, b| size(a).total_cmp(&size(b))) else { return false };
        swaps[k] = best as f64;
        if best != k {
            let (head, tail) = matrix.split_at_mut(best * order);
            head[k * order..(k + 1) * order].swap_with_slice(&mut tail[..order]);
        }
        let pivot = matrix[k * order + k];
        if !(pivot.is_finite() && pivot != 0.0) {
            return false;
        }
        let row = &mut matrix[k * order..(k + 1) * order];
        row[k] = 1.0;
        row.iter_mut().for_each(|r| *r /= pivot);
        pivot_row.copy_from_slice(row);
        for (i, row) in matrix.chunks_exact_mut(order).enumerate() {
            if i != k {
                let factor = std::mem::take(&mut row[k]);
                row.iter_mut().zip(pivot_row.iter()).for_each(|(r, p)| *r -= factor * p);
            }
        }
    }
    for k in (0..order).rev() {
        let other = swaps[k] as usize;
        if other != k {
            matrix.chunks_exact_mut(order).for_each(|row| row.swap(k, other));
        }
    }
    true
}

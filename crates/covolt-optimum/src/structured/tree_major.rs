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
//! p-k with V_k = V_p - Z J and J = I, and with rows phi(J, V_k) = 1/2 omega (f - r_u)^2 on it and its bus
//! (f = F_J J + F_V V_k, F_V = here + above, F_J = above Z, omega = D^-1, Phi = F^T omega F, c = F^T omega r_u):
//!
//! ```text
//!   w_k = w_p - Z^T a + Phi_JJ J + Phi_JV V_k - c_J       a = A + Phi_VJ J + Phi_VV V_k - c_V
//!   G xi_k = xi_p + q      X = G^-1      (J, a) = p~ + M~ xi_k = p' + M' xi_p
//!   M' = M~ X              p' = p~ + M' q
//! ```
//!
//! and (M', p') add to the parent's. At the source w = V = 0, and the way back is xi_k = X (xi_p + q). Work per iteration:
//! N (a + m + 4 T)^3 / 6 for a variables and m rows of a microgrid, 2 (4 T)^3 for a bus of the feeder.

use super::agent_matrix::AgentMatrix;
use super::elimination::{backward, eliminate, forward};
use super::form::Form;
use super::newton_system::{NewtonSystem, ROW_REGULARISATION, RightHandSide, Step, Weights, dot};
use super::states::NONE;
use super::tree_rows::PlacedRow;
use covolt_fleet::network_tree::{FeederNode, NetworkTree, Pair, Pairing};

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
    /// Weights (11, 12, 22); 12 and 22 of a row and the next.
    omega: [f64; 3],
    /// The next row belongs to the same cone.
    pair: bool,
}

/// Phi of one bus and step.
#[derive(Debug, Clone, Copy, Default)]
struct Phi {
    jj: Pairing,
    jv: Pairing,
    vv: Pairing,
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
    /// Per node: M on the way in, M' on the way out; X; Phi of each step.
    m: Vec<f64>,
    x: Vec<f64>,
    phi: Vec<Phi>,
    // Right-hand sides and solutions.
    agent_rhs: Vec<f64>,
    p: Vec<f64>,
    q: Vec<f64>,
    xi: Vec<f64>,
    c: Vec<[Pair; 2]>,
    rhs: Vec<f64>,
    adjoint: Vec<f64>,
    // Scratch of one bus.
    tilde: Vec<f64>,
    scratch: Vec<f64>,
}

fn resized<T: Clone + Default>(memory: &mut Vec<T>, size: usize) {
    memory.clear();
    memory.resize(size, T::default());
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
        let nodes = nodes(tree);
        for (memory, size) in [
            (&mut self.matrix, matrix),
            (&mut self.agent_rhs, rhs),
            (&mut self.m, nodes * width * width),
            (&mut self.x, nodes * width * width),
            (&mut self.p, nodes * width),
            (&mut self.q, nodes * width),
            (&mut self.xi, nodes * width),
            (&mut self.rhs, form.n()),
            (&mut self.adjoint, form.states.incoming.len()),
            (&mut self.tilde, width * width),
            (&mut self.scratch, width * width),
        ] {
            resized(memory, size);
        }
        resized(&mut self.phi, nodes * form.steps);
        resized(&mut self.c, nodes * form.steps);
    }

    fn factor(&mut self, form: &Form, weights: &Weights) -> bool {
        let Some(tree) = &form.tree_rows.tree else { return false };
        self.m.fill(0.0);
        for n in 0..form.agents {
            if !self.eliminate_agent(form, tree, n, weights) {
                return false;
            }
        }
        self.weigh_feeder_rows(form, weights);
        let mut sound = true;
        for k in (1..nodes(tree)).rev() {
            sound &= self.eliminate_node(form.steps, tree, k);
        }
        sound
    }

    fn solve(&mut self, form: &Form, rhs: &RightHandSide, step: &mut Step) {
        let Some(tree) = &form.tree_rows.tree else { return };
        self.pull_states_back(form, rhs);
        self.sweep_up(form, tree, rhs);
        self.sweep_down(form, tree, rhs, step);
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
                            ..FeederRow::default()
                        });
                    }
                }
            }
        }
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

    fn weigh_feeder_rows(&mut self, form: &Form, weights: &Weights) {
        self.phi.fill(Phi::default());
        let mut next = 0;
        while next < self.feeder_rows.len() {
            let FeederRow { row, node, step, of_current, of_voltage, .. } = self.feeder_rows[next];
            let between = weights.compliance_pair[row];
            let d11 = weights.compliance[row] + ROW_REGULARISATION;
            let phi = &mut self.phi[node * form.steps + step];
            let mut add = |weight: f64, (j1, v1): (&Pair, &Pair), (j2, v2): (&Pair, &Pair)| {
                for a in 0..2 {
                    for b in 0..2 {
                        phi.jj[2 * a + b] += weight * j1[a] * j2[b];
                        phi.jv[2 * a + b] += weight * j1[a] * v2[b];
                        phi.vv[2 * a + b] += weight * v1[a] * v2[b];
                    }
                }
            };
            let first = (&of_current, &of_voltage);
            if matches!(self.feeder_rows.get(next + 1), Some(other) if other.row == row + 1 && other.node == node)
                && between != 0.0
            {
                let d22 = weights.compliance[row + 1] + ROW_REGULARISATION;
                let scale = 1.0 / (d11 * d22 - between * between);
                let omega = [d22 * scale, -between * scale, d11 * scale];
                let FeederRow { of_current, of_voltage, .. } = self.feeder_rows[next + 1];
                let second = (&of_current, &of_voltage);
                add(omega[0], first, first);
                add(omega[1], first, second);
                add(omega[1], second, first);
                add(omega[2], second, second);
                (self.feeder_rows[next].omega, self.feeder_rows[next].pair) = (omega, true);
                next += 2;
            } else {
                let omega = 1.0 / d11;
                add(omega, first, first);
                (self.feeder_rows[next].omega, self.feeder_rows[next].pair) = ([omega, 0.0, 0.0], false);
                next += 1;
            }
        }
    }

    /// M' and X of a node; M' is added to its parent's M. False where G is singular.
    fn eliminate_node(&mut self, steps: usize, tree: &NetworkTree, k: usize) -> bool {
        let width = 4 * steps;
        let volt = 2 * steps;
        let square = width * width;
        let TreeMajor { m, x, phi, tilde, scratch, .. } = self;
        let (before, from) = m.split_at_mut(k * square);
        let m = &mut from[..square];
        for t in 0..steps {
            let slope = &node_at(tree, t, k).slope;
            for i in 0..2 {
                for j in 0..2 {
                    m[(2 * t + i) * width + volt + 2 * t + j] += slope[2 * i + j];
                    m[(volt + 2 * t + j) * width + 2 * t + i] += slope[2 * i + j];
                }
            }
        }
        tilde.copy_from_slice(m);
        for t in 0..steps {
            let phi = &phi[k * steps + t];
            for i in 0..2 {
                let row = &mut tilde[(volt + 2 * t + i) * width..][..width];
                for j in 0..2 {
                    // Phi_VJ is the transpose of Phi_JV.
                    let weight = phi.jv[2 * j + i];
                    let source = &m[(2 * t + j) * width..][..width];
                    row.iter_mut().zip(source).for_each(|(r, s)| *r += weight * s);
                    row[volt + 2 * t + j] += phi.vv[2 * i + j];
                }
            }
        }
        let g = &mut x[k * square..(k + 1) * square];
        g.fill(0.0);
        for t in 0..steps {
            let (z, phi) = (&node_at(tree, t, k).z, &phi[k * steps + t]);
            for i in 0..2 {
                let row = &mut g[(2 * t + i) * width..][..width];
                row[2 * t + i] = 1.0;
                for j in 0..2 {
                    let (a, current) = (&tilde[(volt + 2 * t + j) * width..], &m[(2 * t + j) * width..]);
                    let (za, weight) = (z[2 * j + i], phi.jj[2 * i + j]);
                    let both = a[..width].iter().zip(&current[..width]);
                    row.iter_mut().zip(both).for_each(|(r, (a, c))| *r += za * a - weight * c);
                    row[volt + 2 * t + j] -= phi.jv[2 * i + j];
                }
                let row = &mut g[(volt + 2 * t + i) * width..][..width];
                row[volt + 2 * t + i] = 1.0;
                for j in 0..2 {
                    let current = &m[(2 * t + j) * width..][..width];
                    row.iter_mut().zip(current).for_each(|(r, c)| *r += z[2 * i + j] * c);
                }
            }
        }
        if !invert(g, width, scratch) {
            return false;
        }
        // M' = M~ X, made symmetric to the last digit.
        scratch.fill(0.0);
        for i in 0..width {
            let target = &mut scratch[i * width..(i + 1) * width];
            for j in 0..width {
                let factor = tilde[i * width + j];
                let row = &g[j * width..(j + 1) * width];
                target.iter_mut().zip(row).for_each(|(t, x)| *t += factor * x);
            }
        }
        for i in 0..width {
            for j in 0..width {
                m[i * width + j] = 0.5 * (scratch[i * width + j] + scratch[j * width + i]);
            }
        }
        let parent = node_at(tree, 0, k).parent;
        let target = &mut before[parent * square..(parent + 1) * square];
        target.iter_mut().zip(m.iter()).for_each(|(t, m)| *t += m);
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
        self.c.fill([[0.0; 2]; 2]);
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
        for (i, row) in self.feeder_rows.iter().enumerate() {
            let [w11, w12, w22] = row.omega;
            let first = rhs.coupled[row.row];
            let mut add = |row: &FeederRow, pull: f64| {
                let c = &mut self.c[row.node * steps + row.step];
                for a in 0..2 {
                    c[0][a] += pull * row.of_current[a];
                    c[1][a] += pull * row.of_voltage[a];
                }
            };
            if row.pair {
                let second = rhs.coupled[row.row + 1];
                add(row, w11 * first + w12 * second);
                add(&self.feeder_rows[i + 1], w12 * first + w22 * second);
            } else if i == 0 || !self.feeder_rows[i - 1].pair {
                add(row, w11 * first);
            }
        }
        for k in (1..nodes(tree)).rev() {
            let (before, from) = self.p.split_at_mut(k * width);
            let p = &mut from[..width];
            let q = &mut self.q[k * width..(k + 1) * width];
            for t in 0..steps {
                let (z, phi) = (&node_at(tree, t, k).z, &self.phi[k * steps + t]);
                let [c_j, c_v] = self.c[k * steps + t];
                let current = [p[2 * t], p[2 * t + 1]];
                for i in 0..2 {
                    p[volt + 2 * t + i] += phi.jv[i] * current[0] + phi.jv[2 + i] * current[1] - c_v[i];
                }
                let a = [p[volt + 2 * t], p[volt + 2 * t + 1]];
                for i in 0..2 {
                    q[2 * t + i] = phi.jj[2 * i] * current[0] + phi.jj[2 * i + 1] * current[1]
                        - z[i] * a[0]
                        - z[2 + i] * a[1]
                        - c_j[i];
                    q[volt + 2 * t + i] = -(z[2 * i] * current[0] + z[2 * i + 1] * current[1]);
                }
            }
            let m = &self.m[k * width * width..][..width * width];
            p.iter_mut().zip(m.chunks_exact(width)).for_each(|(p, row)| *p += dot(row, q));
            let parent = node_at(tree, 0, k).parent;
            before[parent * width..(parent + 1) * width].iter_mut().zip(p.iter()).for_each(|(t, p)| *t += p);
        }
    }

    /// xi of every node, then variables and multipliers.
    fn sweep_down(&mut self, form: &Form, tree: &NetworkTree, rhs: &RightHandSide, step: &mut Step) {
        let (steps, width, volt) = (form.steps, 4 * form.steps, 2 * form.steps);
        let square = width * width;
        self.xi[..width].fill(0.0);
        for k in 1..nodes(tree) {
            let parent = node_at(tree, 0, k).parent;
            let (before, from) = self.xi.split_at_mut(k * width);
            let above = &before[parent * width..(parent + 1) * width];
            // The flow J on the branch, before q becomes the right-hand side of xi.
            let m = &self.m[k * square..(k + 1) * square];
            let p = &mut self.p[k * width..(k + 1) * width];
            p.iter_mut().zip(m.chunks_exact(width)).for_each(|(p, row)| *p += dot(row, above));
            let q = &mut self.q[k * width..(k + 1) * width];
            q.iter_mut().zip(above).for_each(|(q, above)| *q += above);
            let x = &self.x[k * square..(k + 1) * square];
            from[..width].iter_mut().zip(x.chunks_exact(width)).for_each(|(xi, row)| *xi = dot(row, q));
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
        let excess = |row: &FeederRow| {
            let (j, v) =
                (&self.p[row.node * width + 2 * row.step..], &self.xi[row.node * width + volt + 2 * row.step..]);
            let moved: f64 = (0..2).map(|a| row.of_current[a] * j[a] + row.of_voltage[a] * v[a]).sum();
            moved - rhs.coupled[row.row]
        };
        for (i, row) in self.feeder_rows.iter().enumerate() {
            let [w11, w12, w22] = row.omega;
            if row.pair {
                let (first, second) = (excess(row), excess(&self.feeder_rows[i + 1]));
                step.coupled[row.row] = w11 * first + w12 * second;
                step.coupled[row.row + 1] = w12 * first + w22 * second;
            } else if i == 0 || !self.feeder_rows[i - 1].pair {
                step.coupled[row.row] = w11 * excess(row);
            }
        }
    }
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

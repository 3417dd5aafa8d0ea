//! Multipliers of the branch-flow rows of one step that leave no slope on any P, Q, l and w, in O(buses).
//!
//! At an AC power flow (P, Q, l, w) and with the limits priced, the Lagrangian of the relaxation is, per element with
//! z = r + jx between the nodes s and r, and per bus with shunt g + jb (rows as in `flow_rows.rs`),
//!
//! ```text
//!   cost + sum nu (|I|^2 - Imax^2)
//!     + sum alpha (p + r l + g w + sum over leaving P_k - P)         alpha, beta: price of active and reactive power
//!     + sum beta  (q + x l - b w + sum over leaving Q_k - Q)         at the bus behind the element, p + jq its demand
//!     + sum mu (c_child w_child - c_parent w_parent + 2 (r P + x Q) - |z|^2 l)
//!     + sum lambda (u P + v Q - l - (l/w_s) w_s)                     u = 2 P/w_s, v = 2 Q/w_s at the power flow
//! ```
//!
//! The last line is a supporting plane of P^2 + Q^2 <= l w_s: for lambda >= 0 it is what the vector
//! lambda/2 (i^2 + l/w_s, -2 i P/w_s, -2 i Q/w_s, i^2 - l/w_s) of the dual cone gives, with i the element's unit of
//! current. Its two squares differ by lambda^2 i^2 (l/w_s - (P^2 + Q^2)/w_s^2) = 0: on the edge of the cone.
//!
//! With c_P, c_Q, c_l, c_w the slopes of cost and priced limits, no slope is left where
//!
//! ```text
//!   P:        alpha = alpha_parent + c_P + 2 r mu + u lambda          alpha_parent = beta_parent = 0 at the source
//!   Q:        beta  = beta_parent  + c_Q + 2 x mu + v lambda
//!   l:        lambda = c_l + r alpha + x beta - |z|^2 mu
//!   w_child:  -c_child mu = c_w + pi + g alpha - b beta - sum over leaving c_parent,k (mu_k + lambda_k l_k/w_s,k)
//! ```
//!
//! pi is the price of the upper less that of the lower voltage limit: that slope is left over on purpose, w is at the edge
//! of its box. From the leaves to the source, mu and lambda are written as affine functions of the bus's own prices, which
//! are then those of the parent's by a 2 x 2 system near unity; back from the source, everything has its value.
//!
//! Where lambda comes out negative, the relaxation would burn power in the element. It is held at zero there, and the
//! sweep repeated; what slope remains on l the certificate charges over the range of l.

use super::optimum_flow::StepFlow;
use super::program::ConicProgram;

/// constant + factor of alpha + factor of beta.
#[derive(Debug, Clone, Copy, Default)]
struct Affine([f64; 3]);

impl Affine {
    fn plus(self, factor: f64, other: Affine) -> Affine {
        let (Affine(a), Affine(b)) = (self, other);
        Affine([a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]])
    }
    fn at(self, (alpha, beta): (f64, f64)) -> f64 {
        let Affine(a) = self;
        a[0] + a[1] * alpha + a[2] * beta
    }
    /// As a function of the prices that `alpha` and `beta` are functions of.
    fn of(self, alpha: Affine, beta: Affine) -> Affine {
        let Affine(a) = self;
        Affine([a[0], 0.0, 0.0]).plus(a[1], alpha).plus(a[2], beta)
    }
}

/// One element on the way up.
#[derive(Debug, Clone, Copy, Default)]
struct Eliminated {
    /// Of the prices behind the element.
    mu: Affine,
    lambda: Affine,
    /// Of the prices at the parent.
    alpha: Affine,
    beta: Affine,
}

/// Multipliers of one element.
#[derive(Debug, Clone, Copy, Default)]
struct Multipliers {
    alpha: f64,
    beta: f64,
    mu: f64,
    lambda: f64,
}

/// Sweeps, most: signs of lambda settle in the second; a third is for those that the second turns.
pub(super) const MOST_SWEEPS: usize = 3;
/// Least determinant of the 2 x 2 system, which is 1 without load: it vanishes where the power flow has no neighbour.
const LEAST_DETERMINANT: f64 = 1e-6;

/// Memory of the sweeps, kept from step to step.
#[derive(Debug, Default)]
pub(super) struct FlowPrices {
    eliminated: Vec<Eliminated>,
    /// What the elements behind a bus pull at its w, of the prices at that bus.
    pull: Vec<Affine>,
    solved: Vec<Multipliers>,
    is_held: Vec<bool>,
    /// Elements eliminated so far.
    pub eliminations: usize,
}

impl FlowPrices {
    /// Fills the rows of step `t` in `z`; `slope` is that of cost and priced current limits per column. `None` where the
    /// power flow is at its own edge.
    pub fn set(
        &mut self,
        program: &ConicProgram,
        t: usize,
        flow: &StepFlow,
        slope: &[f64],
        z: &mut [f64],
    ) -> Option<()> {
        let elements = program.tree.elements.len();
        self.is_held.clear();
        self.is_held.resize(elements, false);
        for _ in 0..MOST_SWEEPS {
            self.eliminate(program, t, flow, slope)?;
            if !self.substitute(program) {
                break;
            }
        }
        self.write(program, t, flow, z);
        Some(())
    }

    fn eliminate(&mut self, program: &ConicProgram, t: usize, flow: &StepFlow, slope: &[f64]) -> Option<()> {
        let (tree, columns) = (&program.tree, &program.columns);
        let cost = |column: usize| slope[column] / columns.scale[column];
        self.eliminated.clear();
        self.eliminated.resize(tree.elements.len(), Eliminated::default());
        self.pull.clear();
        self.pull.resize(tree.elements.len(), Affine::default());
        for (e, element) in tree.elements.iter().enumerate().rev() {
            let (y, r, x) = (tree.shunt[element.child], element.z.re, element.z.im);
            let own = Affine([cost(columns.w(t, e)) + flow.w_price[e], y.re, -y.im]);
            let mu = Affine::default().plus(-1.0 / element.c_child, self.pull[e].plus(1.0, own));
            let mut lambda = Affine([cost(columns.l(t, e)), r, x]).plus(-element.z.norm_sqr(), mu);
            if self.is_held[e] {
                lambda = Affine::default();
            }
            let point = flow.points[e];
            let (u, v) = (2.0 * point.p / point.w_send, 2.0 * point.q / point.w_send);
            // a alpha + b beta = alpha_parent + e,  c alpha + d beta = beta_parent + f
            let Affine([e_negated, a, b]) = Affine([0.0, 1.0, 0.0]).plus(-2.0 * r, mu).plus(-u, lambda);
            let Affine([f_negated, c, d]) = Affine([0.0, 0.0, 1.0]).plus(-2.0 * x, mu).plus(-v, lambda);
            let right = (cost(columns.p(t, e)) - e_negated, cost(columns.q(t, e)) - f_negated);
            let determinant = a * d - b * c;
            if determinant.is_nan() || determinant.abs() < LEAST_DETERMINANT {
                return None;
            }
            let solve = |by_p: f64, by_q: f64| {
                let (by_p, by_q) = (by_p / determinant, by_q / determinant);
                Affine([by_p * right.0 + by_q * right.1, by_p, by_q])
            };
            let (alpha, beta) = (solve(d, -b), solve(-c, a));
            self.eliminated[e] = Eliminated { mu, lambda, alpha, beta };
            if let Some(parent) = tree.feeding[element.parent] {
                let pull = mu.plus(point.l_per_w(), lambda).of(alpha, beta);
                self.pull[parent] = self.pull[parent].plus(-element.c_parent, pull);
            }
        }
        self.eliminations += tree.elements.len();
        Some(())
    }

    /// Values from the source outwards; true where an element has to be held that was not.
    fn substitute(&mut self, program: &ConicProgram) -> bool {
        let tree = &program.tree;
        self.solved.clear();
        self.solved.resize(tree.elements.len(), Multipliers::default());
        let mut turned = false;
        for (e, element) in tree.elements.iter().enumerate() {
            let of_parent = |k: usize| (self.solved[k].alpha, self.solved[k].beta);
            let above = tree.feeding[element.parent].map_or((0.0, 0.0), of_parent);
            let Eliminated { mu, lambda, alpha, beta } = self.eliminated[e];
            let (alpha, beta) = (alpha.at(above), beta.at(above));
            let (mu, lambda) = (mu.at((alpha, beta)), lambda.at((alpha, beta)));
            self.solved[e] = Multipliers { alpha, beta, mu, lambda: lambda.max(0.0) };
            if lambda < 0.0 {
                self.is_held[e] = true;
                turned = true;
            }
        }
        turned
    }

    /// Into the units of the program's rows, and lambda into the vector of the cone.
    fn write(&self, program: &ConicProgram, t: usize, flow: &StepFlow, z: &mut [f64]) {
        for (e, element) in program.tree.elements.iter().enumerate() {
            let Multipliers { alpha, beta, mu, lambda } = self.solved[e];
            let rows = program.flow_rows(t, e);
            for (row, multiplier) in rows.equal.zip([-alpha, -beta, mu]) {
                z[row] = multiplier / program.factor[row];
            }
            let (point, i) = (flow.points[e], element.i_bound);
            let (i2, l_per_w) = (i * i, point.l_per_w());
            let vector =
                [0.5 * (i2 + l_per_w), -i * point.p / point.w_send, -i * point.q / point.w_send, 0.5 * (i2 - l_per_w)];
            rows.cone.zip(vector).for_each(|(row, entry)| z[row] = lambda * entry);
        }
    }
}

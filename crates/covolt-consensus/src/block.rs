//! One agent's block of a primal-dual interior-point method: its iterate, its factored matrix K_n and its Newton step.
//!
//! With the slacks of all local limits eliminated (`linear_limits.rs`, `balls.rs`) the Newton equations of agent n for the target
//! complementarity tau and the change dl of the public multipliers are
//!
//! ```text
//! K dx = -(P x + c + B^T lambda + local gradient) + (predictor + tau centring + second-order terms of the limits) - B^T dl
//! dx   = L^-T [ u_a + tau u_c (+ u_x) - W dl ],      K = L L^T,  W = L^-1 B^T
//! ```
//!
//! so that the agent's part of the public equations is `S_n = W^T W` and `W^T u_a`, `W^T u_c`, `W^T u_x`, all of length M.
//! Nothing in a step allocates.

use crate::balls::Balls;
use crate::cholesky::{
    PANEL, backward, dot, factor, forward, forward_panels, gram, pack, panel_product, panel_subtract, panels,
};
use crate::linear_limits::{LinearLimits, is_point};
use crate::local_program::LocalProgram;

/// Proximal term of every variable: this share of the mean complementarity product (the curvature of a limit half a width away),
/// so that it never slows the way along flat directions, and a last resort relative to the cost scale, both per width^2. It biases
/// nothing, since it is centred at the iterate.
const PROXIMAL: f64 = 1e-3;
const LEAST_PROXIMAL: f64 = 1e-15;
/// A proof of infeasibility must exceed this fraction of its own terms, or it could be rounding.
pub(crate) const PROOF_MARGIN: f64 = 1e-9;
/// Corrector steps shorter than this are compared with the step without second-order terms.
const SHORT_STEP: f64 = 0.3;
/// Pivots below this fraction of their diagonal are rounding.
const PIVOT_FLOOR: f64 = 1e-14;

/// P (n x n), an added diagonal, and the linear part of a cost.
pub(crate) type Cost<'a> = (Option<&'a [f64]>, Option<&'a [f64]>, &'a [f64]);

/// What the block knows about its own progress after [`Block::assemble`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct BlockStatus {
    /// Cost of the agent at its iterate.
    pub cost: f64,
    /// sum s^T z over the local limits.
    pub complementarity: f64,
    /// Number of local limits.
    pub limits: f64,
    /// Largest |stationarity_j| width_j.
    pub dual_residual: f64,
    /// Largest local residual relative to the range of the limit.
    pub local_residual: f64,
    /// Lower bound over the box of `lambda^T B x + sum z_i g_i(x)`: summed over the agents, a value above `lambda^T r` proves
    /// that no common point exists.
    pub farkas: f64,
    /// Size of the terms in `farkas`, to tell a proof from rounding.
    pub farkas_size: f64,
    /// Whether the agent's own limits alone prove that it has no feasible point.
    pub locally_infeasible: bool,
}

/// Iterate, factor and workspaces of one agent; see the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    n: usize,
    m: usize,
    quadratic: Vec<f64>,
    linear: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    fixed: Vec<bool>,
    width: Vec<f64>,
    omega: f64,
    limits: LinearLimits,
    balls: Balls,
    coupled: Vec<f64>,
    pub(crate) x: Vec<f64>,
    kept: Vec<f64>,
    dx: Vec<f64>,
    gradient: Vec<f64>,
    proof: Vec<f64>,
    coupling: Vec<f64>,
    u_a: Vec<f64>,
    u_c: Vec<f64>,
    u_x: Vec<f64>,
    k: Vec<f64>,
    floor: Vec<f64>,
    w: Vec<f64>,
}

impl Block {
    /// Takes over a program with the cost `1/2 x^T (P + diag) x + linear^T x` and puts the iterate at the middle of the limits
    /// (or near `warm`) with complementarity `centring` times the cost scale. Keeps all allocations of an earlier program.
    ///
    /// The caller guarantees `linear.len() == n`, `quadratic` n x n and `diagonal` of length n where given.
    pub(crate) fn load(&mut self, program: &LocalProgram, cost: Cost<'_>, warm: Option<&[f64]>, centring: f64) {
        self.load_rows(program, program.coupled_rows(), cost, warm, centring);
    }

    /// The same without the coupled rows, for local solves.
    pub(crate) fn load_uncoupled(&mut self, program: &LocalProgram, cost: Cost<'_>, centring: f64) {
        self.load_rows(program, 0, cost, None, centring);
    }

    fn load_rows(
        &mut self,
        program: &LocalProgram,
        rows: usize,
        (quadratic, diagonal, linear): Cost<'_>,
        warm: Option<&[f64]>,
        centring: f64,
    ) {
        let data = program.data();
        let n = program.variables();
        self.n = n;
        self.m = rows;
        self.linear.clear();
        self.linear.extend_from_slice(linear);
        self.quadratic.clear();
        if quadratic.is_some() || diagonal.is_some() {
            match quadratic {
                Some(p) => self.quadratic.extend_from_slice(p),
                None => self.quadratic.resize(n * n, 0.0),
            }
            for (j, &value) in diagonal.unwrap_or(&[]).iter().enumerate() {
                self.quadratic[j * n + j] += value;
            }
        }
        self.lower.clone_from(&data.lower);
        self.upper.clone_from(&data.upper);
        for vector in [
            &mut self.x,
            &mut self.dx,
            &mut self.gradient,
            &mut self.proof,
            &mut self.coupling,
            &mut self.u_a,
            &mut self.u_c,
            &mut self.u_x,
            &mut self.floor,
        ] {
            vector.clear();
            vector.resize(n, 0.0);
        }
        self.k.clear();
        self.k.resize(n * n, 0.0);
        self.w.clear();
        self.w.resize(panels(self.m) * n * PANEL, 0.0);
        pack(&data.coupled, self.m, n, &mut self.coupled);
        self.measure(program);
        self.place(program, warm);
        self.omega = self.cost_scale();
        self.limits.load(program, &self.width, self.omega);
        self.balls.load(&data.balls);
        let mu = centring * self.omega;
        self.limits.start(&self.x, mu);
        self.balls.start(&self.x, mu);
    }

    /// Width of every variable: of its box or of a ball around it, whatever is narrower.
    fn measure(&mut self, program: &LocalProgram) {
        let data = program.data();
        self.fixed.clear();
        self.width.clear();
        for (&lower, &upper) in data.lower.iter().zip(&data.upper) {
            let fixed = is_point(lower, upper);
            self.fixed.push(fixed);
            self.width.push(if fixed { 1.0 } else { upper - lower });
        }
        for ball in &data.balls {
            for axis in ball.axes.iter().filter(|axis| axis.weight > 0.0 && !self.fixed[axis.variable]) {
                let reach = 2.0 * (2.0 * ball.level / axis.weight).sqrt();
                self.width[axis.variable] = self.width[axis.variable].min(reach);
            }
        }
        for width in &mut self.width {
            if !width.is_finite() {
                *width = 1.0;
            }
        }
    }

    fn place(&mut self, program: &LocalProgram, warm: Option<&[f64]>) {
        for j in 0..self.n {
            let (lower, upper) = (self.lower[j], self.upper[j]);
            self.x[j] = match (lower.is_finite(), upper.is_finite()) {
                (true, true) => 0.5 * (lower + upper),
                (true, false) => lower + self.width[j],
                (false, true) => upper - self.width[j],
                (false, false) => 0.0,
            };
        }
        for axis in program.data().balls.iter().flat_map(|ball| &ball.axes).filter(|axis| axis.weight > 0.0) {
            self.x[axis.variable] = self.inside(axis.variable, axis.centre, 0.1);
        }
        for (j, &x) in warm.unwrap_or(&[]).iter().enumerate().take(self.n) {
            self.x[j] = self.inside(j, x, 0.02);
        }
    }

    /// `value` moved at least `margin` times the width away from both bounds.
    fn inside(&self, j: usize, value: f64, margin: f64) -> f64 {
        let (low, high) = (self.lower[j] + margin * self.width[j], self.upper[j] - margin * self.width[j]);
        if low <= high { value.max(low).min(high) } else { 0.5 * (self.lower[j] + self.upper[j]) }
    }

    /// The largest change of cost that one variable can make over its width.
    fn cost_scale(&self) -> f64 {
        let mut omega: f64 = 0.0;
        for j in (0..self.n).filter(|&j| !self.fixed[j]) {
            let (mut slope, mut curvature) = (self.linear[j], 0.0);
            if !self.quadratic.is_empty() {
                let row = &self.quadratic[j * self.n..(j + 1) * self.n];
                slope += dot(row, &self.x);
                curvature = row[j];
            }
            omega = omega.max(slope.abs() * self.width[j]).max(curvature * self.width[j] * self.width[j]);
        }
        if omega > 0.0 { omega } else { 1.0 }
    }

    /// Cost scale of this agent.
    pub(crate) fn omega(&self) -> f64 {
        self.omega
    }

    /// Residuals, matrix, factor and the vectors u_a, u_c of the module at the public multipliers `lambda`.
    pub(crate) fn assemble(&mut self, lambda: &[f64]) -> BlockStatus {
        let n = self.n;
        let mut status =
            BlockStatus { limits: (self.limits.len() + self.balls.len()) as f64, ..BlockStatus::default() };
        let (linear_sum, linear_residual) = self.limits.scale(&self.x);
        let (ball_sum, ball_residual) = self.balls.scale(&self.x);
        status.complementarity = linear_sum + ball_sum;
        status.local_residual = linear_residual.max(ball_residual);
        for j in 0..n {
            let mut slope = 0.0;
            if !self.quadratic.is_empty() {
                slope = dot(&self.quadratic[j * n..(j + 1) * n], &self.x);
            }
            status.cost += self.x[j] * (self.linear[j] + 0.5 * slope);
            self.gradient[j] = self.linear[j] + slope;
        }
        self.proof.fill(0.0);
        self.limits.add_row_gradient(&mut self.proof);
        self.balls.add_gradient(&mut self.proof);
        self.coupling.fill(0.0);
        panel_subtract(&self.coupled, n, lambda, &mut self.coupling);
        for (gradient, proof) in self.gradient.iter_mut().zip(&self.proof) {
            *gradient += proof;
        }
        self.limits.add_bound_gradient(&mut self.gradient);
        for j in (0..n).filter(|&j| !self.fixed[j]) {
            let total = (self.gradient[j] - self.coupling[j]).abs() * self.width[j];
            status.dual_residual = status.dual_residual.max(total);
        }
        self.prove(&mut status);
        let mean = status.complementarity / status.limits.max(1.0);
        self.factor(PROXIMAL * mean + LEAST_PROXIMAL * self.omega);
        for ((u, gradient), coupling) in self.u_a.iter_mut().zip(&self.gradient).zip(&self.coupling) {
            *u = coupling - gradient;
        }
        self.limits.add_predictor(&mut self.u_a);
        self.balls.add_predictor(&mut self.u_a);
        self.u_c.fill(0.0);
        self.limits.add_centring(&mut self.u_c);
        self.balls.add_centring(&mut self.u_c);
        forward(&self.k, n, &mut self.u_a);
        forward(&self.k, n, &mut self.u_c);
        forward_panels(&self.k, n, &self.coupled, &mut self.w);
        status
    }

    /// The minimum over the box replaces the multipliers of the bounds, once with and once without the coupled rows.
    fn prove(&self, status: &mut BlockStatus) {
        let (linear, linear_size) = self.limits.proof();
        let (ball, ball_size) = self.balls.proof(&self.x);
        let (mut own, mut own_size) = (linear + ball, linear_size + ball_size);
        let (mut all, mut all_size) = (own, own_size);
        for j in 0..self.n {
            let term = self.box_minimum(j, self.proof[j]);
            own += term;
            own_size += term.abs();
            let term = self.box_minimum(j, self.proof[j] - self.coupling[j]);
            all += term;
            all_size += term.abs();
        }
        status.farkas = all;
        status.farkas_size = all_size;
        status.locally_infeasible = own > PROOF_MARGIN * own_size;
    }

    fn box_minimum(&self, j: usize, slope: f64) -> f64 {
        if self.fixed[j] {
            slope * self.x[j]
        } else if slope > 0.0 {
            slope * self.lower[j]
        } else if slope < 0.0 {
            slope * self.upper[j]
        } else {
            0.0
        }
    }

    fn factor(&mut self, proximal: f64) {
        let n = self.n;
        if self.quadratic.is_empty() {
            self.k.fill(0.0);
        } else {
            self.k.copy_from_slice(&self.quadratic);
        }
        for j in 0..n {
            self.k[j * (n + 1)] += proximal / (self.width[j] * self.width[j]);
        }
        self.limits.add_matrix(&mut self.k, n);
        self.balls.add_matrix(&mut self.k, n);
        for j in 0..n {
            // An infinite floor freezes a fixed variable: its step is zero and it adds nothing to S_n.
            self.floor[j] = if self.fixed[j] { f64::INFINITY } else { PIVOT_FLOOR * self.k[j * (n + 1)] };
        }
        factor(&mut self.k, n, &self.floor);
    }

    /// This agent's part of the public equations: packed lower triangle of S_n, `B K^-1` of both right-hand sides, `B x`.
    pub(crate) fn contribute(&self, s: &mut [f64], v_a: &mut [f64], v_c: &mut [f64], activity: &mut [f64]) {
        gram(&self.w, self.m, self.n, s);
        panel_product(&self.w, self.n, &self.u_a, v_a);
        panel_product(&self.w, self.n, &self.u_c, v_c);
        panel_product(&self.coupled, self.n, &self.x, activity);
    }

    /// Range of every coupled row over this agent's widths, sum_j |B_ij| width_j.
    pub(crate) fn row_ranges(&self, out: &mut [f64]) {
        for (panel, out) in self.coupled.chunks_exact(self.n * PANEL).zip(out.chunks_mut(PANEL)) {
            for (k, out) in out.iter_mut().enumerate() {
                let free = (0..self.n).filter(|&j| !self.fixed[j]);
                *out = free.map(|j| panel[j * PANEL + k].abs() * self.width[j]).sum();
            }
        }
    }

    /// Newton step for the target `tau` and the change `dl` of the public multipliers; `second_order` weighs the products
    /// of the step that is stored now (the predictor).
    pub(crate) fn step(&mut self, tau: f64, dl: &[f64], second_order: f64) {
        if second_order > 0.0 {
            self.correct(second_order);
        } else {
            self.limits.clear_correction();
            self.balls.clear_correction();
            self.u_x.fill(0.0);
        }
        for j in 0..self.n {
            self.dx[j] = self.u_a[j] + tau * self.u_c[j] + self.u_x[j];
        }
        panel_subtract(&self.w, self.n, dl, &mut self.dx);
        backward(&self.k, self.n, &mut self.dx);
        self.limits.step(&self.dx, tau);
        self.balls.step(&self.dx, tau);
    }

    /// Corrector step for `tau` and `dl` and its longest length. Where the second-order terms of a short predictor mislead,
    /// the step without them is taken if it goes further.
    pub(crate) fn step_corrected(&mut self, (tau, weight): (f64, f64), dl: &[f64]) -> f64 {
        self.step(tau, dl, weight);
        let corrected = self.step_length();
        if corrected >= SHORT_STEP || weight <= 0.0 {
            return corrected;
        }
        self.step(tau, dl, 0.0);
        let plain = self.step_length();
        if plain < corrected {
            // The plain step is stored now, so the way back leads over the predictor again.
            self.step(0.0, dl, 0.0);
            self.step(tau, dl, weight);
            return self.step_length();
        }
        plain
    }

    fn correct(&mut self, weight: f64) {
        self.u_x.fill(0.0);
        self.limits.add_correction(weight, &mut self.u_x);
        self.balls.add_correction(weight, &self.dx, &mut self.u_x);
        forward(&self.k, self.n, &mut self.u_x);
    }

    /// `B K^-1` of the second-order terms of the stored step, for the agreed corrector.
    pub(crate) fn contribute_correction(&mut self, v_x: &mut [f64]) {
        self.correct(1.0);
        panel_product(&self.w, self.n, &self.u_x, v_x);
    }

    /// Longest step in (0, 1] that keeps every slack and multiplier inside.
    pub(crate) fn step_length(&self) -> f64 {
        self.limits.step_length().min(self.balls.step_length())
    }

    /// Coefficients of `sum (s + a ds)^T (z + a dz) = c0 + c1 a + c2 a^2`.
    pub(crate) fn complementarity_along(&self) -> [f64; 3] {
        let mut c = [0.0; 3];
        self.limits.add_complementarity_along(&mut c);
        self.balls.add_complementarity_along(&mut c);
        c
    }

    /// Takes the stored step.
    pub(crate) fn advance(&mut self, alpha: f64) {
        for j in (0..self.n).filter(|&j| !self.fixed[j]) {
            self.x[j] += alpha * self.dx[j];
        }
        self.limits.advance(alpha);
        self.balls.advance(alpha);
    }

    /// Multipliers of bounds (per variable, positive at the upper bound), rows (positive at the upper limit) and balls.
    pub(crate) fn local_multipliers(&self) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let mut bounds = vec![0.0; self.n];
        self.limits.add_bound_gradient(&mut bounds);
        (bounds, self.limits.row_multipliers(), self.balls.multipliers())
    }

    /// Remembers x as the best iterate so far.
    pub(crate) fn keep(&mut self) {
        self.kept.clone_from(&self.x);
    }

    /// Goes back to the best x, moved into the box exactly; rounding of a step may leave it outside by an ulp.
    pub(crate) fn restore(&mut self) {
        for (((x, kept), lower), upper) in self.x.iter_mut().zip(&self.kept).zip(&self.lower).zip(&self.upper) {
            *x = kept.max(*lower).min(*upper);
        }
    }
}

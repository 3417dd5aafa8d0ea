//! One agent's block of a primal-dual interior-point method: its iterate, its factored matrix K_n and its Newton step.
//!
//! Every local limit is written `g_i(x) + s_i = 0`, s_i >= 0 with multiplier z_i >= 0. Eliminating the slacks from the Newton
//! equations for the target complementarity `s_i z_i = tau - cross_i` leaves, with the public multipliers lambda+,
//!
//! ```text
//! K dx   = -(P x + c + sum g_i' z_i) - sum g_i' [ (tau - cross_i)/s_i - z_i + (z_i/s_i) r_i ] - B^T lambda+
//! K      = P + sum z_i g_i'' + sum (z_i/s_i) g_i' g_i'^T          r_i = g_i(x) + s_i
//! ds_i   = -r_i - g_i'^T dx,      dz_i = (tau - cross_i)/s_i - z_i - (z_i/s_i) ds_i
//! ```
//!
//! so that `dx = u_a + tau u_c (+ u_x) - K^-1 B^T lambda+` and the agent's part of the public equations is
//! `S_n = B K^-1 B^T` and `B K^-1` times the same vectors. Nothing in a step allocates.

use crate::cholesky::{
    PANEL, backward, dot, factor, forward, forward_panels, gram, pack, panel_product, panel_subtract, panels,
};
use crate::local_program::LocalProgram;

/// Boxes narrower than this fraction of the bound's size are points: their interior is below rounding.
const POINT_WIDTH: f64 = 1e-11;
/// Proximal term of every variable relative to cost scale / width^2. It biases nothing (it is centred at the iterate) and keeps
/// directions without cost and limits solvable.
const PROXIMAL: f64 = 1e-9;
/// Softness of equality rows relative to their own range and the cost scale (proximal in the multiplier, hence unbiased).
const EQUALITY_SOFTNESS: f64 = 1e-9;
/// A proof of infeasibility must exceed this fraction of its own terms, or it could be rounding.
pub(crate) const PROOF_MARGIN: f64 = 1e-9;
/// Pivots below this fraction of their diagonal are rounding.
const PIVOT_FLOOR: f64 = 1e-14;

/// A limit on one variable: `sign (x - limit) <= 0`.
#[derive(Debug, Clone, Copy)]
struct Bound {
    variable: usize,
    sign: f64,
    limit: f64,
}

/// A one-sided local row: `sign (G_row x - limit) <= 0`.
#[derive(Debug, Clone, Copy)]
struct Side {
    row: usize,
    sign: f64,
    limit: f64,
}

/// An equality row `G_row x = value`.
#[derive(Debug, Clone, Copy)]
struct Equality {
    row: usize,
    value: f64,
    softness: f64,
}

/// What the block knows about its own progress after [`Block::assemble`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct BlockStatus {
    /// Cost of the agent at its iterate.
    pub cost: f64,
    /// sum s_i z_i.
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
    bounds: Vec<Bound>,
    sides: Vec<Side>,
    equalities: Vec<Equality>,
    row_start: Vec<usize>,
    row_entries: Vec<(usize, f64)>,
    ball_start: Vec<usize>,
    ball_axes: Vec<(usize, f64, f64)>,
    ball_level: Vec<f64>,
    ball_gradient: Vec<f64>,
    scale: Vec<f64>,
    coupled: Vec<f64>,
    pub(crate) x: Vec<f64>,
    s: Vec<f64>,
    z: Vec<f64>,
    y: Vec<f64>,
    r: Vec<f64>,
    r_equality: Vec<f64>,
    cross: Vec<f64>,
    bend: Vec<f64>,
    ds: Vec<f64>,
    dz: Vec<f64>,
    dx: Vec<f64>,
    dy: Vec<f64>,
    row_value: Vec<f64>,
    stationarity: Vec<f64>,
    transposed: Vec<f64>,
    u_a: Vec<f64>,
    u_c: Vec<f64>,
    u_x: Vec<f64>,
    k: Vec<f64>,
    floor: Vec<f64>,
    w: Vec<f64>,
}

impl Block {
    /// Takes over a program with the cost `1/2 x^T (P + diag) x + linear^T x`; keeps all allocations of an earlier one.
    ///
    /// The caller guarantees `linear.len() == n`, `quadratic` n x n and `diagonal` of length n where given.
    pub(crate) fn load(
        &mut self,
        program: &LocalProgram,
        quadratic: Option<&[f64]>,
        diagonal: Option<&[f64]>,
        linear: &[f64],
    ) {
        let data = program.data();
        let n = program.variables();
        self.n = n;
        self.m = program.coupled_rows();
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
        self.load_limits(program);
        for vector in [
            &mut self.dx,
            &mut self.stationarity,
            &mut self.transposed,
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
    }

    /// Lists bounds, rows and balls one-sidedly, in this order, and the widths that make residuals comparable.
    fn load_limits(&mut self, program: &LocalProgram) {
        let data = program.data();
        let n = self.n;
        self.width.clear();
        self.fixed.clear();
        self.bounds.clear();
        for (variable, (&lower, &upper)) in data.lower.iter().zip(&data.upper).enumerate() {
            let width = upper - lower;
            let fixed = width <= POINT_WIDTH * (1.0 + lower.abs());
            self.fixed.push(fixed);
            self.width.push(if fixed || !width.is_finite() { 1.0 } else { width });
            if !fixed {
                for (sign, limit) in [(-1.0, lower), (1.0, upper)] {
                    if limit.is_finite() {
                        self.bounds.push(Bound { variable, sign, limit });
                    }
                }
            }
        }
        self.ball_start.clear();
        self.ball_axes.clear();
        self.ball_level.clear();
        for ball in &data.balls {
            self.ball_start.push(self.ball_axes.len());
            self.ball_axes.extend(ball.axes.iter().map(|a| (a.variable, a.weight, a.centre)));
            self.ball_level.push(ball.level);
            for axis in ball.axes.iter().filter(|axis| axis.weight > 0.0 && !self.fixed[axis.variable]) {
                let reach = 2.0 * (2.0 * ball.level / axis.weight).sqrt();
                let unbounded = !(data.upper[axis.variable] - data.lower[axis.variable]).is_finite();
                let width = &mut self.width[axis.variable];
                *width = if unbounded && *width == 1.0 { reach } else { width.min(reach) };
            }
        }
        self.ball_start.push(self.ball_axes.len());
        self.ball_gradient.clear();
        self.ball_gradient.resize(self.ball_axes.len(), 0.0);
        self.sides.clear();
        self.equalities.clear();
        self.row_start.clear();
        self.row_entries.clear();
        for (row, local) in data.rows.iter().enumerate() {
            self.row_start.push(self.row_entries.len());
            self.row_entries.extend_from_slice(&local.coefficients);
            if local.upper - local.lower <= POINT_WIDTH * (1.0 + local.lower.abs()) {
                self.equalities.push(Equality { row, value: 0.5 * (local.lower + local.upper), softness: 0.0 });
                continue;
            }
            for (sign, limit) in [(-1.0, local.lower), (1.0, local.upper)] {
                if limit.is_finite() {
                    self.sides.push(Side { row, sign, limit });
                }
            }
        }
        self.row_start.push(self.row_entries.len());
        let items = self.bounds.len() + self.sides.len() + self.ball_level.len();
        for vector in
            [&mut self.s, &mut self.z, &mut self.r, &mut self.cross, &mut self.bend, &mut self.ds, &mut self.dz]
        {
            vector.clear();
            vector.resize(items, 0.0);
        }
        for vector in [&mut self.y, &mut self.dy, &mut self.r_equality] {
            vector.clear();
            vector.resize(self.equalities.len(), 0.0);
        }
        self.row_value.clear();
        self.row_value.resize(data.rows.len(), 0.0);
        self.scale.clear();
        for bound in &self.bounds {
            self.scale.push(self.width[bound.variable]);
        }
        for side in &self.sides {
            let range =
                row_range(&self.row_entries[self.row_start[side.row]..self.row_start[side.row + 1]], &self.width);
            self.scale.push(range);
        }
        self.scale.extend_from_slice(&self.ball_level);
        self.x.resize(n, 0.0);
    }

    /// Puts the iterate at the middle of the limits (or near `warm`) with complementarity `centring` times the cost scale.
    pub(crate) fn start(&mut self, warm: Option<&[f64]>, centring: f64) {
        for j in 0..self.n {
            let (lower, upper) = (self.lower[j], self.upper[j]);
            self.x[j] = match (lower.is_finite(), upper.is_finite()) {
                (true, true) => 0.5 * (lower + upper),
                (true, false) => lower + self.width[j],
                (false, true) => upper - self.width[j],
                (false, false) => 0.0,
            };
        }
        for &(j, _, centre) in &self.ball_axes {
            self.x[j] = inside(centre, self.lower[j], self.upper[j], self.width[j], 0.1);
        }
        if let Some(warm) = warm {
            for (j, &x) in warm.iter().enumerate().take(self.n) {
                self.x[j] = inside(x, self.lower[j], self.upper[j], self.width[j], 0.02);
            }
        }
        let mut omega: f64 = 0.0;
        for j in 0..self.n {
            if !self.fixed[j] {
                let mut slope = self.linear[j];
                let mut curvature = 0.0;
                if !self.quadratic.is_empty() {
                    let row = &self.quadratic[j * self.n..(j + 1) * self.n];
                    slope += dot(row, &self.x);
                    curvature = row[j];
                }
                omega = omega.max(slope.abs() * self.width[j]).max(curvature * self.width[j] * self.width[j]);
            }
        }
        self.omega = if omega > 0.0 { omega } else { 1.0 };
        for equality in &mut self.equalities {
            let entries = &self.row_entries[self.row_start[equality.row]..self.row_start[equality.row + 1]];
            let range = row_range(entries, &self.width);
            equality.softness = EQUALITY_SOFTNESS * range * range / self.omega;
        }
        self.y.fill(0.0);
        self.s.fill(0.0);
        self.residuals();
        let mu = centring * self.omega;
        for i in 0..self.s.len() {
            self.s[i] = (-self.r[i]).max(0.1 * self.scale[i]);
            self.z[i] = mu / self.s[i];
        }
    }

    /// Cost scale of this agent: the largest change of cost that one variable can make over its width.
    pub(crate) fn omega(&self) -> f64 {
        self.omega
    }

    /// r_i = g_i(x) + s_i and the gradients that depend on x.
    fn residuals(&mut self) {
        for (row, value) in self.row_value.iter_mut().enumerate() {
            *value = self.row_entries[self.row_start[row]..self.row_start[row + 1]]
                .iter()
                .map(|&(j, g)| g * self.x[j])
                .sum();
        }
        let mut i = 0;
        for bound in &self.bounds {
            self.r[i] = bound.sign * (self.x[bound.variable] - bound.limit) + self.s[i];
            i += 1;
        }
        for side in &self.sides {
            self.r[i] = side.sign * (self.row_value[side.row] - side.limit) + self.s[i];
            i += 1;
        }
        for (ball, &level) in self.ball_level.iter().enumerate() {
            let mut value = -level;
            for a in self.ball_start[ball]..self.ball_start[ball + 1] {
                let (j, h, centre) = self.ball_axes[a];
                let gradient = h * (self.x[j] - centre);
                value += 0.5 * gradient * (self.x[j] - centre);
                self.ball_gradient[a] = gradient;
            }
            self.r[i] = value + self.s[i];
            i += 1;
        }
        for (equality, r) in self.equalities.iter().zip(&mut self.r_equality) {
            *r = self.row_value[equality.row] - equality.value;
        }
    }

    /// target_j += sum_i g_i'_j weight(i): the transposed limit Jacobian.
    fn add_transposed(&self, target: &mut [f64], weight: impl Fn(usize) -> f64) {
        let mut i = 0;
        for bound in &self.bounds {
            target[bound.variable] += bound.sign * weight(i);
            i += 1;
        }
        for side in &self.sides {
            let factor = side.sign * weight(i);
            for &(j, g) in &self.row_entries[self.row_start[side.row]..self.row_start[side.row + 1]] {
                target[j] += factor * g;
            }
            i += 1;
        }
        for ball in 0..self.ball_level.len() {
            let factor = weight(i);
            for a in self.ball_start[ball]..self.ball_start[ball + 1] {
                target[self.ball_axes[a].0] += factor * self.ball_gradient[a];
            }
            i += 1;
        }
    }

    /// Residuals, matrix, factor and the vectors u_a, u_c of the module; `lambda` enters only the reported stationarity.
    pub(crate) fn assemble(&mut self, lambda: &[f64]) -> BlockStatus {
        self.residuals();
        let n = self.n;
        let mut stationarity = std::mem::take(&mut self.stationarity);
        let mut cost = 0.0;
        for j in 0..n {
            let mut slope = 0.0;
            if !self.quadratic.is_empty() {
                slope = dot(&self.quadratic[j * n..(j + 1) * n], &self.x);
            }
            cost += self.x[j] * (self.linear[j] + 0.5 * slope);
            stationarity[j] = self.linear[j] + slope;
        }
        let mut limits = std::mem::take(&mut self.transposed);
        limits.fill(0.0);
        self.add_transposed(&mut limits, |i| self.z[i]);
        for (equality, y) in self.equalities.iter().zip(&self.y) {
            for &(j, g) in &self.row_entries[self.row_start[equality.row]..self.row_start[equality.row + 1]] {
                limits[j] += g * y;
            }
        }
        // Both the stationarity and the proof of infeasibility need -B^T lambda; u_x is free here.
        let mut coupling = std::mem::take(&mut self.u_x);
        coupling.fill(0.0);
        panel_subtract(&self.coupled, n, lambda, &mut coupling);
        let mut status = BlockStatus { cost, limits: self.s.len() as f64, ..BlockStatus::default() };
        for j in 0..n {
            stationarity[j] += limits[j];
            limits[j] -= coupling[j];
            if !self.fixed[j] {
                let total = (stationarity[j] - coupling[j]).abs() * self.width[j];
                status.dual_residual = status.dual_residual.max(total);
            }
        }
        self.u_x = coupling;
        for (bound, z) in self.bounds.iter().zip(&self.z) {
            limits[bound.variable] -= bound.sign * z;
        }
        self.fill_status(&mut status, &limits, &self.u_x);
        self.assemble_matrix();
        let mut u_a = std::mem::take(&mut self.u_a);
        let mut u_c = std::mem::take(&mut self.u_c);
        u_a.fill(0.0);
        u_c.fill(0.0);
        self.add_transposed(&mut u_a, |i| self.z[i] - self.z[i] / self.s[i] * self.r[i]);
        self.add_transposed(&mut u_c, |i| -1.0 / self.s[i]);
        for (equality, r) in self.equalities.iter().zip(&self.r_equality) {
            for &(j, g) in &self.row_entries[self.row_start[equality.row]..self.row_start[equality.row + 1]] {
                u_a[j] -= g * r / equality.softness;
            }
        }
        for j in 0..n {
            u_a[j] -= stationarity[j];
        }
        factor(&mut self.k, n, &self.floor);
        forward(&self.k, n, &mut u_a);
        forward(&self.k, n, &mut u_c);
        forward_panels(&self.k, n, &self.coupled, &mut self.w);
        self.stationarity = stationarity;
        self.transposed = limits;
        self.u_a = u_a;
        self.u_c = u_c;
        status
    }

    fn fill_status(&self, status: &mut BlockStatus, limits: &[f64], coupling: &[f64]) {
        for i in 0..self.s.len() {
            status.complementarity += self.s[i] * self.z[i];
            status.local_residual = status.local_residual.max(self.r[i].abs() / self.scale[i]);
        }
        for (equality, r) in self.equalities.iter().zip(&self.r_equality) {
            let range = (equality.softness * self.omega / EQUALITY_SOFTNESS).sqrt();
            status.local_residual = status.local_residual.max(r.abs() / range.max(f64::MIN_POSITIVE));
        }
        self.fill_farkas(status, limits, coupling);
    }

    /// Lower bound over the box of the limits weighted with their multipliers, linearised at x (a lower bound by convexity),
    /// once with and once without the coupled rows.
    fn fill_farkas(&self, status: &mut BlockStatus, limits: &[f64], coupling: &[f64]) {
        let first = self.bounds.len();
        let (mut value, mut size) = (0.0, 0.0);
        for (k, side) in self.sides.iter().enumerate() {
            let term = self.z[first + k] * side.sign * side.limit;
            value -= term;
            size += term.abs();
        }
        for ball in 0..self.ball_level.len() {
            let i = first + self.sides.len() + ball;
            let mut constant = self.r[i] - self.s[i];
            for a in self.ball_start[ball]..self.ball_start[ball + 1] {
                constant -= self.ball_gradient[a] * self.x[self.ball_axes[a].0];
            }
            value += self.z[i] * constant;
            size += (self.z[i] * constant).abs();
        }
        for (equality, y) in self.equalities.iter().zip(&self.y) {
            value -= y * equality.value;
            size += (y * equality.value).abs();
        }
        let (mut own, mut own_size) = (value, size);
        for j in 0..self.n {
            // The minimum over the box replaces the bounds' multipliers, which are therefore not in `limits`.
            let term = self.box_minimum(j, limits[j]);
            value += term;
            size += term.abs();
            let term = self.box_minimum(j, limits[j] + coupling[j]);
            own += term;
            own_size += term.abs();
        }
        status.farkas = value;
        status.farkas_size = size;
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

    fn bound_weight(&self, variable: usize) -> f64 {
        self.bounds
            .iter()
            .zip(&self.z)
            .filter(|(bound, _)| bound.variable == variable)
            .map(|(bound, z)| bound.sign * z)
            .sum()
    }

    fn assemble_matrix(&mut self) {
        let n = self.n;
        if self.quadratic.is_empty() {
            self.k.fill(0.0);
        } else {
            self.k.copy_from_slice(&self.quadratic);
        }
        for j in 0..n {
            self.k[j * n + j] += PROXIMAL * self.omega / (self.width[j] * self.width[j]);
        }
        let mut i = 0;
        for bound in &self.bounds {
            self.k[bound.variable * (n + 1)] += self.z[i] / self.s[i];
            i += 1;
        }
        for side in &self.sides {
            let weight = self.z[i] / self.s[i];
            let entries = &self.row_entries[self.row_start[side.row]..self.row_start[side.row + 1]];
            add_outer(&mut self.k, n, entries.iter().copied(), weight);
            i += 1;
        }
        for ball in 0..self.ball_level.len() {
            let weight = self.z[i] / self.s[i];
            let range = self.ball_start[ball]..self.ball_start[ball + 1];
            for a in range.clone() {
                let (j, h, _) = self.ball_axes[a];
                self.k[j * (n + 1)] += self.z[i] * h;
            }
            let axes = self.ball_axes[range.clone()].iter().zip(&self.ball_gradient[range]);
            add_outer(&mut self.k, n, axes.map(|(axis, &gradient)| (axis.0, gradient)), weight);
            i += 1;
        }
        for equality in &self.equalities {
            let entries = &self.row_entries[self.row_start[equality.row]..self.row_start[equality.row + 1]];
            add_outer(&mut self.k, n, entries.iter().copied(), 1.0 / equality.softness);
        }
        for j in 0..n {
            // An infinite floor freezes a fixed variable: its step is zero and it adds nothing to S_n.
            self.floor[j] = if self.fixed[j] { f64::INFINITY } else { PIVOT_FLOOR * self.k[j * (n + 1)] };
        }
    }

    /// This agent's part of the public equations: packed lower triangle of S_n, `B u_a`, `B u_c` and `B x`.
    pub(crate) fn contribute(&self, s: &mut [f64], v_a: &mut [f64], v_c: &mut [f64], activity: &mut [f64]) {
        gram(&self.w, self.m, self.n, s);
        panel_product(&self.w, self.n, &self.u_a, v_a);
        panel_product(&self.w, self.n, &self.u_c, v_c);
        panel_product(&self.coupled, self.n, &self.x, activity);
    }

    /// Range of every coupled row over this agent's widths, sum_j |B_ij| width_j.
    pub(crate) fn row_ranges(&self, out: &mut [f64]) {
        let n = self.n;
        for (panel, out) in self.coupled.chunks_exact(n * PANEL).zip(out.chunks_mut(PANEL)) {
            for (k, out) in out.iter_mut().enumerate() {
                *out =
                    (0..n).map(|j| if self.fixed[j] { 0.0 } else { panel[j * PANEL + k].abs() * self.width[j] }).sum();
            }
        }
    }

    /// Newton step for the target `tau` and the public multipliers `lambda`; with `second_order` the products of the step that is
    /// stored now (the predictor) enter as `cross`.
    pub(crate) fn step(&mut self, tau: f64, lambda: &[f64], second_order: bool) {
        let n = self.n;
        if second_order {
            self.correct();
        } else {
            self.cross.fill(0.0);
            self.bend.fill(0.0);
            self.u_x.fill(0.0);
        }
        for j in 0..n {
            self.dx[j] = self.u_a[j] + tau * self.u_c[j] + self.u_x[j];
        }
        panel_subtract(&self.w, n, lambda, &mut self.dx);
        backward(&self.k, n, &mut self.dx);
        let mut i = 0;
        for bound in &self.bounds {
            self.ds[i] = -bound.sign * self.dx[bound.variable];
            i += 1;
        }
        for side in &self.sides {
            let slope: f64 = self.row_entries[self.row_start[side.row]..self.row_start[side.row + 1]]
                .iter()
                .map(|&(j, g)| g * self.dx[j])
                .sum();
            self.ds[i] = -side.sign * slope;
            i += 1;
        }
        for ball in 0..self.ball_level.len() {
            let slope: f64 = (self.ball_start[ball]..self.ball_start[ball + 1])
                .map(|a| self.ball_gradient[a] * self.dx[self.ball_axes[a].0])
                .sum();
            self.ds[i] = -slope;
            i += 1;
        }
        for i in 0..self.s.len() {
            self.ds[i] -= self.r[i] + self.bend[i];
            self.dz[i] = (tau - self.cross[i]) / self.s[i] - self.z[i] - self.z[i] / self.s[i] * self.ds[i];
        }
        for (k, equality) in self.equalities.iter().enumerate() {
            let slope: f64 = self.row_entries[self.row_start[equality.row]..self.row_start[equality.row + 1]]
                .iter()
                .map(|&(j, g)| g * self.dx[j])
                .sum();
            self.dy[k] = (self.r_equality[k] + slope) / equality.softness;
        }
    }

    /// Second-order terms of the stored step: products ds dz and the bend of the balls.
    fn correct(&mut self) {
        for i in 0..self.s.len() {
            self.cross[i] = self.ds[i] * self.dz[i];
        }
        let first = self.bounds.len() + self.sides.len();
        for ball in 0..self.ball_level.len() {
            self.bend[first + ball] = (self.ball_start[ball]..self.ball_start[ball + 1])
                .map(|a| 0.5 * self.ball_axes[a].1 * self.dx[self.ball_axes[a].0].powi(2))
                .sum();
        }
        let mut u_x = std::mem::take(&mut self.u_x);
        u_x.fill(0.0);
        self.add_transposed(&mut u_x, |i| (self.cross[i] - self.z[i] * self.bend[i]) / self.s[i]);
        forward(&self.k, self.n, &mut u_x);
        self.u_x = u_x;
    }

    /// `B K^-1` of the second-order terms of the stored step, for the exact corrector.
    pub(crate) fn contribute_correction(&mut self, v_x: &mut [f64]) {
        self.correct();
        panel_product(&self.w, self.n, &self.u_x, v_x);
    }

    /// Longest step in (0, 1] that keeps every s and z positive.
    pub(crate) fn step_length(&self) -> f64 {
        let mut alpha: f64 = 1.0;
        for i in 0..self.s.len() {
            if self.ds[i] < 0.0 {
                alpha = alpha.min(-self.s[i] / self.ds[i]);
            }
            if self.dz[i] < 0.0 {
                alpha = alpha.min(-self.z[i] / self.dz[i]);
            }
        }
        alpha
    }

    /// Coefficients of `sum (s + a ds)(z + a dz) = c0 + c1 a + c2 a^2`.
    pub(crate) fn complementarity_along(&self) -> [f64; 3] {
        let mut c = [0.0; 3];
        for i in 0..self.s.len() {
            c[0] += self.s[i] * self.z[i];
            c[1] += self.s[i] * self.dz[i] + self.z[i] * self.ds[i];
            c[2] += self.ds[i] * self.dz[i];
        }
        c
    }

    /// Takes the stored step.
    pub(crate) fn advance(&mut self, alpha: f64) {
        for j in 0..self.n {
            if !self.fixed[j] {
                self.x[j] += alpha * self.dx[j];
            }
        }
        for i in 0..self.s.len() {
            self.s[i] += alpha * self.ds[i];
            self.z[i] += alpha * self.dz[i];
        }
        for k in 0..self.y.len() {
            self.y[k] += alpha * self.dy[k];
        }
    }

    /// Multipliers of the bounds (per variable, positive at the upper bound), rows (positive at the upper limit) and balls.
    pub(crate) fn local_multipliers(&self, rows: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let bounds = (0..self.n).map(|j| self.bound_weight(j)).collect();
        let first = self.bounds.len();
        let mut row_multipliers = vec![0.0; rows];
        for (k, side) in self.sides.iter().enumerate() {
            row_multipliers[side.row] += side.sign * self.z[first + k];
        }
        for (equality, y) in self.equalities.iter().zip(&self.y) {
            row_multipliers[equality.row] += y;
        }
        (bounds, row_multipliers, self.z[first + self.sides.len()..].to_vec())
    }

    /// Moves x into the box exactly; rounding of the last step may leave it outside by an ulp.
    pub(crate) fn clip(&mut self) {
        for j in 0..self.n {
            self.x[j] = self.x[j].max(self.lower[j]).min(self.upper[j]);
        }
    }
}

fn row_range(entries: &[(usize, f64)], width: &[f64]) -> f64 {
    let range: f64 = entries.iter().map(|&(j, g)| g.abs() * width[j]).sum();
    if range > 0.0 { range } else { 1.0 }
}

/// `value` moved at least `margin` times the width away from both bounds.
fn inside(value: f64, lower: f64, upper: f64, width: f64, margin: f64) -> f64 {
    let (low, high) = (lower + margin * width, upper - margin * width);
    if low <= high { value.max(low).min(high) } else { 0.5 * (lower + upper) }
}

/// Lower triangle of k += weight v v^T for a sparse v.
fn add_outer(k: &mut [f64], n: usize, entries: impl Iterator<Item = (usize, f64)> + Clone, weight: f64) {
    for (i, a) in entries.clone() {
        let scaled = weight * a;
        for (j, b) in entries.clone() {
            if j <= i {
                k[i * n + j] += scaled * b;
            }
        }
    }
}

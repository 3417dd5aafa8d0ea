//! Box, local rows and equalities of one agent: slacks, multipliers and their part of the Newton step.
//!
//! Every one-sided limit is `g_i(x) + s_i = 0` with s_i, z_i >= 0. For the target `s_i z_i = tau - cross_i`
//!
//! ```text
//! K    += sum (z_i/s_i) g_i' g_i'^T + (1/eps) G_eq^T G_eq          r_i = g_i(x) + s_i
//! ds_i  = -r_i - g_i'^T dx,   dz_i = (tau - cross_i)/s_i - z_i - (z_i/s_i) ds_i,   dy = (G_eq (x + dx) - b)/eps
//! ```
//!
//! Equalities are soft in the multiplier step only (`y` moves until they hold), so eps biases nothing.

use crate::local_program::{LocalProgram, LocalRow};

/// Boxes and rows narrower than this fraction of their bound are points: their interior is below rounding.
const POINT_WIDTH: f64 = 1e-11;
/// Softness of equality rows relative to their own range and the cost scale.
const EQUALITY_SOFTNESS: f64 = 1e-9;

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
    range: f64,
    softness: f64,
}

/// Sparse local rows, `(variable, coefficient)` between `start[row]` and `start[row + 1]`.
#[derive(Debug, Clone, Default)]
struct Rows {
    start: Vec<usize>,
    entries: Vec<(usize, f64)>,
}

impl Rows {
    fn of(&self, row: usize) -> &[(usize, f64)] {
        &self.entries[self.start[row]..self.start[row + 1]]
    }

    fn product(&self, row: usize, x: &[f64]) -> f64 {
        self.of(row).iter().map(|&(j, g)| g * x[j]).sum()
    }

    /// Sum of |coefficient| width, 1 for an empty row.
    fn range(&self, row: usize, width: &[f64]) -> f64 {
        let range: f64 = self.of(row).iter().map(|&(j, g)| g.abs() * width[j]).sum();
        if range > 0.0 { range } else { 1.0 }
    }

    /// Lower triangle of k += weight v v^T.
    fn add_outer(&self, row: usize, weight: f64, k: &mut [f64], n: usize) {
        for &(i, a) in self.of(row) {
            let scaled = weight * a;
            for &(j, b) in self.of(row) {
                if j <= i {
                    k[i * n + j] += scaled * b;
                }
            }
        }
    }
}

/// Limits with their iterate; bounds come first in all vectors, then rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinearLimits {
    bounds: Vec<Bound>,
    sides: Vec<Side>,
    equalities: Vec<Equality>,
    rows: Rows,
    row_value: Vec<f64>,
    scale: Vec<f64>,
    s: Vec<f64>,
    z: Vec<f64>,
    r: Vec<f64>,
    ratio: Vec<f64>,
    inverse: Vec<f64>,
    cross: Vec<f64>,
    ds: Vec<f64>,
    dz: Vec<f64>,
    y: Vec<f64>,
    dy: Vec<f64>,
    r_equality: Vec<f64>,
}

/// Whether bounds leave no interior.
pub(crate) fn is_point(lower: f64, upper: f64) -> bool {
    lower.is_finite() && upper - lower <= POINT_WIDTH * (1.0 + lower.abs())
}

impl LinearLimits {
    /// Takes over the limits of a program, keeping allocations; `width` makes residuals comparable.
    pub(crate) fn load(&mut self, program: &LocalProgram, width: &[f64], omega: f64) {
        let data = program.data();
        self.bounds.clear();
        self.scale.clear();
        for (variable, (&lower, &upper)) in data.lower.iter().zip(&data.upper).enumerate() {
            for (sign, limit) in [(-1.0, lower), (1.0, upper)] {
                if limit.is_finite() && !is_point(lower, upper) {
                    self.bounds.push(Bound { variable, sign, limit });
                    self.scale.push(width[variable]);
                }
            }
        }
        self.load_rows(&data.rows, width, omega);
        let items = self.scale.len();
        for vector in [
            &mut self.s,
            &mut self.z,
            &mut self.r,
            &mut self.ratio,
            &mut self.inverse,
            &mut self.cross,
            &mut self.ds,
            &mut self.dz,
        ] {
            vector.clear();
            vector.resize(items, 0.0);
        }
        for vector in [&mut self.y, &mut self.dy, &mut self.r_equality] {
            vector.clear();
            vector.resize(self.equalities.len(), 0.0);
        }
    }

    fn load_rows(&mut self, rows: &[LocalRow], width: &[f64], omega: f64) {
        self.sides.clear();
        self.equalities.clear();
        self.rows.start.clear();
        self.rows.entries.clear();
        self.rows.start.push(0);
        for (row, local) in rows.iter().enumerate() {
            self.rows.entries.extend_from_slice(&local.coefficients);
            self.rows.start.push(self.rows.entries.len());
            let range = self.rows.range(row, width);
            if is_point(local.lower, local.upper) {
                let softness = EQUALITY_SOFTNESS * range * range / omega;
                self.equalities.push(Equality { row, value: 0.5 * (local.lower + local.upper), range, softness });
                continue;
            }
            for (sign, limit) in [(-1.0, local.lower), (1.0, local.upper)] {
                if limit.is_finite() {
                    self.sides.push(Side { row, sign, limit });
                    self.scale.push(range);
                }
            }
        }
        self.row_value.clear();
        self.row_value.resize(rows.len(), 0.0);
    }

    /// Number of one-sided limits.
    pub(crate) fn len(&self) -> usize {
        self.s.len()
    }

    /// Slacks of x (a share of the range where a row is violated) and multipliers on the central path for `mu`.
    pub(crate) fn start(&mut self, x: &[f64], mu: f64) {
        self.s.fill(0.0);
        self.y.fill(0.0);
        self.residuals(x);
        for i in 0..self.s.len() {
            self.s[i] = (-self.r[i]).max(0.1 * self.scale[i]);
            self.z[i] = mu / self.s[i];
        }
    }

    fn residuals(&mut self, x: &[f64]) {
        for (row, value) in self.row_value.iter_mut().enumerate() {
            *value = self.rows.product(row, x);
        }
        let (first, rest) = self.r.split_at_mut(self.bounds.len());
        for ((r, bound), s) in first.iter_mut().zip(&self.bounds).zip(&self.s) {
            *r = bound.sign * (x[bound.variable] - bound.limit) + s;
        }
        for ((r, side), s) in rest.iter_mut().zip(&self.sides).zip(&self.s[self.bounds.len()..]) {
            *r = side.sign * (self.row_value[side.row] - side.limit) + s;
        }
        for (equality, r) in self.equalities.iter().zip(&mut self.r_equality) {
            *r = self.row_value[equality.row] - equality.value;
        }
    }

    /// Residuals at x and the ratios z/s; returns (sum s z, largest residual relative to the range of its limit).
    pub(crate) fn scale(&mut self, x: &[f64]) -> (f64, f64) {
        self.residuals(x);
        let (mut complementarity, mut residual) = (0.0, 0.0_f64);
        for i in 0..self.s.len() {
            self.inverse[i] = 1.0 / self.s[i];
            self.ratio[i] = self.z[i] * self.inverse[i];
            complementarity += self.s[i] * self.z[i];
            residual = residual.max(self.r[i].abs() / self.scale[i]);
        }
        for (equality, r) in self.equalities.iter().zip(&self.r_equality) {
            residual = residual.max(r.abs() / equality.range);
        }
        (complementarity, residual)
    }

    /// Lower triangle of `k += sum (z/s) g' g'^T + equalities`.
    pub(crate) fn add_matrix(&self, k: &mut [f64], n: usize) {
        for (bound, ratio) in self.bounds.iter().zip(&self.ratio) {
            k[bound.variable * (n + 1)] += ratio;
        }
        for (side, &ratio) in self.sides.iter().zip(&self.ratio[self.bounds.len()..]) {
            self.rows.add_outer(side.row, ratio, k, n);
        }
        for equality in &self.equalities {
            self.rows.add_outer(equality.row, 1.0 / equality.softness, k, n);
        }
    }

    /// target += sum of rows' gradients with `weight(i)`; bounds too unless `rows_only`.
    fn add_transposed(&self, target: &mut [f64], rows_only: bool, weight: impl Fn(usize) -> f64) {
        if !rows_only {
            for (i, bound) in self.bounds.iter().enumerate() {
                target[bound.variable] += bound.sign * weight(i);
            }
        }
        for (k, side) in self.sides.iter().enumerate() {
            let factor = side.sign * weight(self.bounds.len() + k);
            for &(j, g) in self.rows.of(side.row) {
                target[j] += factor * g;
            }
        }
    }

    fn add_equalities(&self, target: &mut [f64], weight: impl Fn(usize) -> f64) {
        for (k, equality) in self.equalities.iter().enumerate() {
            let factor = weight(k);
            for &(j, g) in self.rows.of(equality.row) {
                target[j] += factor * g;
            }
        }
    }

    /// target += sum z_i g_i' over the rows and equalities (the bounds' part is [`Self::add_bound_gradient`]).
    pub(crate) fn add_row_gradient(&self, target: &mut [f64]) {
        self.add_transposed(target, true, |i| self.z[i]);
        self.add_equalities(target, |k| self.y[k]);
    }

    /// target += sum z_i g_i' over the bounds.
    pub(crate) fn add_bound_gradient(&self, target: &mut [f64]) {
        for (bound, z) in self.bounds.iter().zip(&self.z) {
            target[bound.variable] += bound.sign * z;
        }
    }

    /// target += sum g_i' (z_i - (z_i/s_i) r_i) and the equalities' residuals: the target-free right-hand side.
    pub(crate) fn add_predictor(&self, target: &mut [f64]) {
        self.add_transposed(target, false, |i| self.z[i] - self.ratio[i] * self.r[i]);
        self.add_equalities(target, |k| -self.r_equality[k] / self.equalities[k].softness);
    }

    /// target -= sum g_i'/s_i: the right-hand side per unit of target.
    pub(crate) fn add_centring(&self, target: &mut [f64]) {
        self.add_transposed(target, false, |i| -self.inverse[i]);
    }

    /// `weight` times the second-order terms of the stored step; target += their part of the right-hand side.
    pub(crate) fn add_correction(&mut self, weight: f64, target: &mut [f64]) {
        for i in 0..self.s.len() {
            self.cross[i] = weight * self.ds[i] * self.dz[i];
        }
        self.add_transposed(target, false, |i| self.cross[i] * self.inverse[i]);
    }

    /// Forgets the second-order terms.
    pub(crate) fn clear_correction(&mut self) {
        self.cross.fill(0.0);
    }

    /// Steps of s, z and y for the step `dx` and the target `tau`.
    pub(crate) fn step(&mut self, dx: &[f64], tau: f64) {
        let (first, rest) = self.ds.split_at_mut(self.bounds.len());
        for (ds, bound) in first.iter_mut().zip(&self.bounds) {
            *ds = -bound.sign * dx[bound.variable];
        }
        for (ds, side) in rest.iter_mut().zip(&self.sides) {
            *ds = -side.sign * self.rows.product(side.row, dx);
        }
        for i in 0..self.s.len() {
            self.ds[i] -= self.r[i];
            self.dz[i] = (tau - self.cross[i]) * self.inverse[i] - self.z[i] - self.ratio[i] * self.ds[i];
        }
        for (k, equality) in self.equalities.iter().enumerate() {
            self.dy[k] = (self.r_equality[k] + self.rows.product(equality.row, dx)) / equality.softness;
        }
    }

    /// Longest step in (0, 1] that keeps every s and z positive.
    pub(crate) fn step_length(&self) -> f64 {
        let mut alpha: f64 = 1.0;
        for i in 0..self.s.len() {
            if self.s[i] + alpha * self.ds[i] < 0.0 {
                alpha = -self.s[i] / self.ds[i];
            }
            if self.z[i] + alpha * self.dz[i] < 0.0 {
                alpha = -self.z[i] / self.dz[i];
            }
        }
        alpha
    }

    /// Adds the coefficients of `sum (s + a ds)(z + a dz)`.
    pub(crate) fn add_complementarity_along(&self, c: &mut [f64; 3]) {
        for i in 0..self.s.len() {
            c[0] += self.s[i] * self.z[i];
            c[1] += self.s[i] * self.dz[i] + self.z[i] * self.ds[i];
            c[2] += self.ds[i] * self.dz[i];
        }
    }

    /// Takes the stored step.
    pub(crate) fn advance(&mut self, alpha: f64) {
        for i in 0..self.s.len() {
            self.s[i] += alpha * self.ds[i];
            self.z[i] += alpha * self.dz[i];
        }
        for (y, dy) in self.y.iter_mut().zip(&self.dy) {
            *y += alpha * dy;
        }
    }

    /// Constant part of `sum z_i g_i` over rows and equalities and the size of its terms.
    pub(crate) fn proof(&self) -> (f64, f64) {
        let sides = self.sides.iter().zip(&self.z[self.bounds.len()..]).map(|(side, z)| -z * side.sign * side.limit);
        let equalities = self.equalities.iter().zip(&self.y).map(|(equality, y)| -y * equality.value);
        sides.chain(equalities).fold((0.0, 0.0), |(value, size), term| (value + term, size + term.abs()))
    }

    /// Multipliers of the rows, positive at the upper limit.
    pub(crate) fn row_multipliers(&self) -> Vec<f64> {
        let mut multipliers = vec![0.0; self.row_value.len()];
        for (side, z) in self.sides.iter().zip(&self.z[self.bounds.len()..]) {
            multipliers[side.row] += side.sign * z;
        }
        for (equality, y) in self.equalities.iter().zip(&self.y) {
            multipliers[equality.row] += y;
        }
        multipliers
    }
}

//! The public part of the program: the coupled rows `sum_n B_n x_n <= r` and the iterate that every agent keeps of them.
//!
//! Slacks and multipliers of the rows are replicated: each agent computes them from the same sums with the same arithmetic, so
//! they never need to be sent. With `A = S + diag(s/lambda + t/y)` the Newton equations of the rows are
//!
//! ```text
//! A dl = B x + v_a + tau v_c (+ v_x) - r + (tau - cross)/lambda - (tau - cross_t)/y - S shift
//! ds   = (tau - cross)/lambda - s - (s/lambda) dl         dt = (tau - cross_t)/y - t + (t/y) dl
//! ```
//!
//! `dl` is the change of lambda: solving for the new lambda instead would lose the digits of a small y = rho - lambda. `shift` is
//! what lambda has moved since the agents last saw it, which happens only at the start.
//!
//! An elastic row may be violated by t >= 0 at the price rho t, which bounds its multiplier: y = rho - lambda >= 0.

use crate::cholesky::{backward, factor, forward};
use crate::error::ConsensusError;

/// The coupled rows as all agents know them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CoupledRows {
    limits: Vec<f64>,
    penalties: Option<Vec<f64>>,
}

impl CoupledRows {
    /// Rows `sum_n B_n x_n <= limits` that must hold.
    ///
    /// # Errors
    /// A limit that is not finite.
    pub fn try_new(limits: Vec<f64>) -> Result<Self, ConsensusError> {
        match limits.iter().enumerate().find(|(_, r)| !r.is_finite()) {
            Some((index, &value)) => {
                Err(ConsensusError::BadValue { what: "row limit", index, requirement: "finite", value })
            }
            None => Ok(Self { limits, penalties: None }),
        }
    }

    /// Elastic rows: exceeding row i by t costs `penalties[i] t` (infinite = the row must hold), so that the least violation is
    /// found where not all rows can be met. Choose penalties above the expected multipliers, or rows are violated without need.
    ///
    /// # Errors
    /// Wrong length, or a penalty that is not positive.
    pub fn with_penalties(mut self, penalties: Vec<f64>) -> Result<Self, ConsensusError> {
        if penalties.len() != self.limits.len() {
            return Err(ConsensusError::BadShape {
                what: "row penalties",
                expected: self.limits.len(),
                found: penalties.len(),
            });
        }
        if let Some((index, &value)) = penalties.iter().enumerate().find(|(_, p)| p.is_nan() || **p <= 0.0) {
            return Err(ConsensusError::BadValue { what: "row penalty", index, requirement: "positive", value });
        }
        self.penalties = Some(penalties);
        Ok(self)
    }

    /// Number of rows M.
    #[must_use]
    pub fn len(&self) -> usize {
        self.limits.len()
    }

    /// Whether there are no coupled rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// r.
    #[must_use]
    pub fn limits(&self) -> &[f64] {
        &self.limits
    }

    /// Price of exceeding row i, infinite for a row that must hold.
    #[must_use]
    pub fn penalty(&self, row: usize) -> f64 {
        self.penalties.as_ref().and_then(|p| p.get(row).copied()).unwrap_or(f64::INFINITY)
    }

    /// Largest `activity - r` over all rows, 0 if all hold.
    #[must_use]
    pub fn violation(&self, activity: &[f64]) -> f64 {
        activity.iter().zip(&self.limits).fold(0.0, |worst, (a, r)| worst.max(a - r))
    }

    /// What the violation of elastic rows costs at `activity`.
    #[must_use]
    pub fn penalty_cost(&self, activity: &[f64]) -> f64 {
        match &self.penalties {
            None => 0.0,
            Some(penalties) => activity
                .iter()
                .zip(&self.limits)
                .zip(penalties)
                .filter(|((a, r), p)| a > r && p.is_finite())
                .map(|((a, r), p)| p * (a - r))
                .sum(),
        }
    }
}

/// Sums over all agents, the only thing the rows' iterate is computed from.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RowSums {
    /// Packed lower triangle of sum S_n.
    pub s: Vec<f64>,
    /// sum B K^-1 of the target-free right-hand side.
    pub v_a: Vec<f64>,
    /// The same per unit of target complementarity.
    pub v_c: Vec<f64>,
    /// sum B x.
    pub activity: Vec<f64>,
}

impl RowSums {
    pub(crate) fn clear(&mut self, rows: usize) {
        self.s.clear();
        self.s.resize(rows * (rows + 1) / 2, 0.0);
        for vector in [&mut self.v_a, &mut self.v_c, &mut self.activity] {
            vector.clear();
            vector.resize(rows, 0.0);
        }
    }
}

/// Iterate of the coupled rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowIterate {
    pub lambda: Vec<f64>,
    pub s: Vec<f64>,
    t: Vec<f64>,
    y: Vec<f64>,
    /// Change of lambda seen from the agents, of the last solve.
    pub target: Vec<f64>,
    shift: Vec<f64>,
    d_lambda: Vec<f64>,
    ds: Vec<f64>,
    dt: Vec<f64>,
    cross: Vec<f64>,
    cross_t: Vec<f64>,
    matrix: Vec<f64>,
    floor: Vec<f64>,
    rhs: Vec<f64>,
}

impl RowIterate {
    pub(crate) fn resize(&mut self, rows: usize) {
        for vector in [
            &mut self.lambda,
            &mut self.s,
            &mut self.t,
            &mut self.y,
            &mut self.target,
            &mut self.shift,
            &mut self.d_lambda,
            &mut self.ds,
            &mut self.dt,
            &mut self.cross,
            &mut self.cross_t,
            &mut self.floor,
            &mut self.rhs,
        ] {
            vector.clear();
            vector.resize(rows, 0.0);
        }
        self.matrix.clear();
        self.matrix.resize(rows * rows, 0.0);
    }

    /// First iterate: slacks from the activity (or the share `least` of the row's range where the row is violated), multipliers
    /// `mu / s`.
    pub(crate) fn start(
        &mut self,
        rows: &CoupledRows,
        sums: &RowSums,
        ranges: &[f64],
        (mu, least): (f64, f64),
        warm: Option<&[f64]>,
    ) {
        for (i, &range) in ranges.iter().enumerate() {
            let range = if range > 0.0 { range } else { 1.0 };
            self.s[i] = (rows.limits[i] - sums.activity[i]).max(least * range);
            self.lambda[i] = mu / self.s[i];
            let warm = warm.and_then(|w| w.get(i)).copied().unwrap_or(0.0);
            if warm > self.lambda[i] && warm.is_finite() {
                self.lambda[i] = warm;
                self.s[i] = mu / warm;
            }
            let penalty = rows.penalty(i);
            if penalty.is_finite() {
                self.lambda[i] = self.lambda[i].min(0.5 * penalty);
                self.y[i] = penalty - self.lambda[i];
                self.t[i] = mu / self.y[i];
            }
        }
        self.shift.copy_from_slice(&self.lambda);
    }

    /// Sum and number of the rows' complementarity products.
    pub(crate) fn complementarity(&self) -> (f64, f64) {
        let mut sum = 0.0;
        let mut count = 0.0;
        for i in 0..self.lambda.len() {
            sum += self.s[i] * self.lambda[i];
            count += 1.0;
            if self.y[i] > 0.0 {
                sum += self.t[i] * self.y[i];
                count += 1.0;
            }
        }
        (sum, count)
    }

    /// Factors A for the sums of this round.
    pub(crate) fn factor(&mut self, sums: &RowSums) {
        let m = self.lambda.len();
        for i in 0..m {
            let packed = &sums.s[i * (i + 1) / 2..(i + 1) * (i + 2) / 2];
            self.matrix[i * m..i * m + i + 1].copy_from_slice(packed);
            let elastic = if self.y[i] > 0.0 { self.t[i] / self.y[i] } else { 0.0 };
            self.matrix[i * m + i] += self.s[i] / self.lambda[i] + elastic;
            self.floor[i] = 1e-15 * self.matrix[i * m + i];
        }
        factor(&mut self.matrix, m, &self.floor);
    }

    /// The steps of all row variables for the target `tau`; `second_order` weighs the products of the stored
    /// step, and `v_x` the agents' own second-order terms where they were summed.
    pub(crate) fn solve(
        &mut self,
        rows: &CoupledRows,
        sums: &RowSums,
        tau: f64,
        second_order: f64,
        v_x: Option<&[f64]>,
    ) {
        let m = self.lambda.len();
        for i in 0..m {
            self.cross[i] = second_order * self.ds[i] * self.d_lambda[i];
            self.cross_t[i] = -second_order * self.dt[i] * self.d_lambda[i];
            let mut value = sums.activity[i] + sums.v_a[i] + tau * sums.v_c[i] - rows.limits[i];
            if let Some(v_x) = v_x {
                value += second_order * v_x[i];
            }
            value += (tau - self.cross[i]) / self.lambda[i];
            if self.y[i] > 0.0 {
                value -= (tau - self.cross_t[i]) / self.y[i];
            }
            self.target[i] = value;
        }
        self.subtract_shift(sums);
        forward(&self.matrix, m, &mut self.target);
        backward(&self.matrix, m, &mut self.target);
        for i in 0..m {
            self.d_lambda[i] = self.target[i];
            self.target[i] += self.shift[i];
            self.ds[i] = (tau - self.cross[i] - self.s[i] * self.d_lambda[i]) / self.lambda[i] - self.s[i];
            self.dt[i] = if self.y[i] > 0.0 {
                (tau - self.cross_t[i] + self.t[i] * self.d_lambda[i]) / self.y[i] - self.t[i]
            } else {
                0.0
            };
        }
    }

    /// target -= S shift.
    fn subtract_shift(&mut self, sums: &RowSums) {
        if self.shift.iter().all(|shift| *shift == 0.0) {
            return;
        }
        for i in 0..self.shift.len() {
            for j in 0..=i {
                let entry = sums.s[i * (i + 1) / 2 + j];
                self.target[i] -= entry * self.shift[j];
                if j < i {
                    self.target[j] -= entry * self.shift[i];
                }
            }
        }
    }

    /// Longest step in (0, 1] that keeps every row variable positive.
    pub(crate) fn step_length(&self) -> f64 {
        let mut alpha: f64 = 1.0;
        for i in 0..self.lambda.len() {
            for (value, step) in [(self.s[i], self.ds[i]), (self.lambda[i], self.d_lambda[i])] {
                if step < 0.0 {
                    alpha = alpha.min(-value / step);
                }
            }
            if self.y[i] > 0.0 {
                for (value, step) in [(self.t[i], self.dt[i]), (self.y[i], -self.d_lambda[i])] {
                    if step < 0.0 {
                        alpha = alpha.min(-value / step);
                    }
                }
            }
        }
        alpha
    }

    /// Coefficients of the complementarity sum along the stored step.
    pub(crate) fn complementarity_along(&self) -> [f64; 3] {
        let mut c = [0.0; 3];
        for i in 0..self.lambda.len() {
            c[0] += self.s[i] * self.lambda[i] + self.t[i] * self.y[i];
            c[1] += self.s[i] * self.d_lambda[i] + self.lambda[i] * self.ds[i] + self.y[i] * self.dt[i]
                - self.t[i] * self.d_lambda[i];
            c[2] += self.ds[i] * self.d_lambda[i] - self.dt[i] * self.d_lambda[i];
        }
        c
    }

    /// Takes the stored step.
    pub(crate) fn advance(&mut self, alpha: f64) {
        self.shift.fill(0.0);
        for i in 0..self.lambda.len() {
            self.lambda[i] += alpha * self.d_lambda[i];
            self.s[i] += alpha * self.ds[i];
            if self.y[i] > 0.0 {
                self.t[i] += alpha * self.dt[i];
                self.y[i] -= alpha * self.d_lambda[i];
            }
        }
    }

    /// `activity - t + s - r`, the largest over all rows relative to their range, and the row.
    pub(crate) fn residual(&self, rows: &CoupledRows, activity: &[f64], ranges: &[f64]) -> (f64, usize) {
        let mut worst = (0.0, 0);
        for i in 0..self.lambda.len() {
            let range = if ranges[i] > 0.0 { ranges[i] } else { 1.0 };
            let value = (activity[i] - self.t[i] + self.s[i] - rows.limits[i]).abs() / range;
            if value > worst.0 {
                worst = (value, i);
            }
        }
        worst
    }

    /// `lambda^T r` and the sum of its absolute terms.
    pub(crate) fn weighted_limits(&self, rows: &CoupledRows) -> (f64, f64) {
        self.lambda.iter().zip(&rows.limits).fold((0.0, 0.0), |(v, a), (l, r)| (v + l * r, a + (l * r).abs()))
    }
}

//! The trust ball (54) and the apparent-power circles of one agent: slacks, multipliers and their part of the Newton step.
//!
//! A ball is the smooth convex limit `g(x) + s = 0`, `g = (1/2 sum h_j (x_j - x0_j)^2 - level) / level`, divided by its level so
//! that all balls have the same scale. For the target `s z = tau - cross`
//!
//! ```text
//! K += z g'' + (z/s) g' g'^T        ds = -(r + bend) - g'^T dx,   dz = (tau - cross)/s - z - (z/s) ds
//! ```
//!
//! where `bend = 1/2 dx^T g'' dx` of the predictor enters with the second-order terms: without it the slack would lag behind
//! the ball's curvature. Second-order cones with Nesterov-Todd scaling were tried instead; on these problems they needed as many
//! iterations for circles and twice as many for trust balls, where the full second-order term decentres the cone.

use crate::local_program::Ball;

/// Balls with their iterate; ball b owns the axes `start[b]..start[b + 1]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Balls {
    start: Vec<usize>,
    /// (variable, h / level, centre)
    axes: Vec<(usize, f64, f64)>,
    level: Vec<f64>,
    gradient: Vec<f64>,
    s: Vec<f64>,
    z: Vec<f64>,
    r: Vec<f64>,
    cross: Vec<f64>,
    bend: Vec<f64>,
    ds: Vec<f64>,
    dz: Vec<f64>,
}

impl Balls {
    /// Takes over the balls, keeping allocations.
    pub(crate) fn load(&mut self, balls: &[Ball]) {
        self.start.clear();
        self.axes.clear();
        self.level.clear();
        self.start.push(0);
        for ball in balls {
            self.axes.extend(ball.axes.iter().map(|axis| (axis.variable, axis.weight / ball.level, axis.centre)));
            self.start.push(self.axes.len());
            self.level.push(ball.level);
        }
        self.gradient.clear();
        self.gradient.resize(self.axes.len(), 0.0);
        for vector in
            [&mut self.s, &mut self.z, &mut self.r, &mut self.cross, &mut self.bend, &mut self.ds, &mut self.dz]
        {
            vector.clear();
            vector.resize(balls.len(), 0.0);
        }
    }

    /// Number of balls.
    pub(crate) fn len(&self) -> usize {
        self.level.len()
    }

    fn range(&self, ball: usize) -> std::ops::Range<usize> {
        self.start[ball]..self.start[ball + 1]
    }

    /// Slacks of x (a share of the level where x is outside) and multipliers on the central path for `mu`.
    pub(crate) fn start(&mut self, x: &[f64], mu: f64) {
        self.s.fill(0.0);
        self.residuals(x);
        for ball in 0..self.len() {
            self.s[ball] = (-self.r[ball]).max(0.1);
            self.z[ball] = mu / self.s[ball];
        }
    }

    fn residuals(&mut self, x: &[f64]) {
        for ball in 0..self.len() {
            let mut value = self.s[ball] - 1.0;
            for a in self.range(ball) {
                let (j, h, centre) = self.axes[a];
                let distance = x[j] - centre;
                self.gradient[a] = h * distance;
                value += 0.5 * h * distance * distance;
            }
            self.r[ball] = value;
        }
    }

    /// Residuals and gradients at x; returns (sum s z, largest |residual| relative to the level).
    pub(crate) fn scale(&mut self, x: &[f64]) -> (f64, f64) {
        self.residuals(x);
        for (s, r) in self.s.iter_mut().zip(&mut self.r) {
            if *r < 0.0 {
                // The true slack is larger than the iterate's: taking it costs nothing and keeps the ball feasible.
                *s -= *r;
                *r = 0.0;
            }
        }
        let complementarity = self.s.iter().zip(&self.z).map(|(s, z)| s * z).sum();
        (complementarity, self.r.iter().fold(0.0, |worst, r| r.abs().max(worst)))
    }

    /// Lower triangle of `k += z g'' + (z/s) g' g'^T`.
    pub(crate) fn add_matrix(&self, k: &mut [f64], n: usize) {
        for ball in 0..self.len() {
            let ratio = self.z[ball] / self.s[ball];
            for a in self.range(ball) {
                let (i, h, _) = self.axes[a];
                k[i * (n + 1)] += self.z[ball] * h;
                let factor = ratio * self.gradient[a];
                for b in self.range(ball) {
                    let j = self.axes[b].0;
                    if j <= i {
                        k[i * n + j] += factor * self.gradient[b];
                    }
                }
            }
        }
    }

    fn add_transposed(&self, target: &mut [f64], weight: impl Fn(usize) -> f64) {
        for ball in 0..self.len() {
            let factor = weight(ball);
            for a in self.range(ball) {
                target[self.axes[a].0] += factor * self.gradient[a];
            }
        }
    }

    /// target += sum z g'.
    pub(crate) fn add_gradient(&self, target: &mut [f64]) {
        self.add_transposed(target, |ball| self.z[ball]);
    }

    /// target += sum g' (z - (z/s) r), the target-free right-hand side.
    pub(crate) fn add_predictor(&self, target: &mut [f64]) {
        self.add_transposed(target, |ball| self.z[ball] * (1.0 - self.r[ball] / self.s[ball]));
    }

    /// target -= sum g'/s, the right-hand side per unit of target.
    pub(crate) fn add_centring(&self, target: &mut [f64]) {
        self.add_transposed(target, |ball| -1.0 / self.s[ball]);
    }

    /// `weight` times the second-order terms of the stored step `dx`; target += their part of the right-hand side.
    pub(crate) fn add_correction(&mut self, weight: f64, dx: &[f64], target: &mut [f64]) {
        for ball in 0..self.len() {
            self.cross[ball] = weight * self.ds[ball] * self.dz[ball];
            let bend: f64 = self.axes[self.range(ball)].iter().map(|&(j, h, _)| 0.5 * h * dx[j] * dx[j]).sum();
            self.bend[ball] = weight * bend;
        }
        self.add_transposed(target, |ball| (self.cross[ball] - self.z[ball] * self.bend[ball]) / self.s[ball]);
    }

    /// Forgets the second-order terms.
    pub(crate) fn clear_correction(&mut self) {
        self.cross.fill(0.0);
        self.bend.fill(0.0);
    }

    /// Steps of s and z for the step `dx` and the target `tau`.
    pub(crate) fn step(&mut self, dx: &[f64], tau: f64) {
        for ball in 0..self.len() {
            let slope: f64 = self.range(ball).map(|a| self.gradient[a] * dx[self.axes[a].0]).sum();
            let (s, z) = (self.s[ball], self.z[ball]);
            self.ds[ball] = -self.r[ball] - self.bend[ball] - slope;
            self.dz[ball] = (tau - self.cross[ball]) / s - z - z / s * self.ds[ball];
        }
    }

    /// Longest step in (0, 1] that keeps every s and z positive.
    pub(crate) fn step_length(&self) -> f64 {
        let mut alpha: f64 = 1.0;
        for ball in 0..self.len() {
            for (value, step) in [(self.s[ball], self.ds[ball]), (self.z[ball], self.dz[ball])] {
                if value + alpha * step < 0.0 {
                    alpha = -value / step;
                }
            }
        }
        alpha
    }

    /// Adds the coefficients of `sum (s + a ds)(z + a dz)`.
    pub(crate) fn add_complementarity_along(&self, c: &mut [f64; 3]) {
        for ball in 0..self.len() {
            c[0] += self.s[ball] * self.z[ball];
            c[1] += self.s[ball] * self.dz[ball] + self.z[ball] * self.ds[ball];
            c[2] += self.ds[ball] * self.dz[ball];
        }
    }

    /// Takes the stored step.
    pub(crate) fn advance(&mut self, alpha: f64) {
        for ball in 0..self.len() {
            self.s[ball] += alpha * self.ds[ball];
            self.z[ball] += alpha * self.dz[ball];
        }
    }

    /// Constant part of `sum z g`, linearised at x (a lower bound by convexity), and the size of its terms.
    pub(crate) fn proof(&self, x: &[f64]) -> (f64, f64) {
        let (mut value, mut size) = (0.0, 0.0);
        for ball in 0..self.len() {
            let mut constant = self.r[ball] - self.s[ball];
            for a in self.range(ball) {
                constant -= self.gradient[a] * x[self.axes[a].0];
            }
            value += self.z[ball] * constant;
            size += (self.z[ball] * constant).abs();
        }
        (value, size)
    }

    /// Multipliers of the balls as stated, `1/2 sum h (x - x0)^2 <= level`.
    pub(crate) fn multipliers(&self) -> Vec<f64> {
        self.z.iter().zip(&self.level).map(|(z, level)| z / level).collect()
    }
}

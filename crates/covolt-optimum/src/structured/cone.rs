//! Second-order cone Q = {k : k_0 >= |(k_1, k_2)|} with Nesterov-Todd scaling, written out for dimension 3.
//!
//! With J = diag(1, -1, -1) the scaling point of k and its multiplier zeta is
//!
//! ```text
//!   w = (k/|k| + J zeta/|zeta|) / (2 gamma),   |k|^2 = k^T J k,   gamma^2 = (1 + k^T zeta / (|k| |zeta|)) / 2
//!   eta^2 = |k| / |zeta|,   W = eta [w_0, w_1^T; w_1, I + w_1 w_1^T / (1 + w_0)],   W^2 = eta^2 (2 w w^T - J)
//!   lambda = W zeta = W^-1 k,   u o v = (u^T v, u_0 v_1 + v_0 u_1)
//! ```
//!
//! A Newton step obeys dk + W^2 dzeta = W (lambda \ d). An elastic cone k = (radius + s, ...) adds tau = s/v to the leading
//! entry: T = W^2 + tau e_0 e_0^T. With n = |w_1|^2, tau' = tau / eta^2 and e = (1 + tau' + 2n) / (1 + tau' (1 + 2n)),
//!
//! ```text
//!   (T^-1)_11 = (I - P + e P) / eta^2,    its inverse D = eta^2 (I - P + P / e),    P = w_1 w_1^T / n
//! ```
//!
//! both without cancellation however close the cone's edge is; a hard cone has tau = 0.

pub(super) type Triple = [f64; 3];

/// k^T J k, factorised so that it keeps its digits near the edge.
pub(super) fn determinant(k: &Triple) -> f64 {
    let norm = (k[1] * k[1] + k[2] * k[2]).sqrt();
    (k[0] - norm) * (k[0] + norm)
}

/// (lambda_0 ^2 - |lambda_1|^2 known) u o v.
pub(super) fn product(u: &Triple, v: &Triple) -> Triple {
    [u[0] * v[0] + u[1] * v[1] + u[2] * v[2], u[0] * v[1] + v[0] * u[1], u[0] * v[2] + v[0] * u[2]]
}

/// Largest step from inside the cone that stays in it.
pub(super) fn longest_step(k: &Triple, dk: &Triple) -> f64 {
    let a = dk[0] * dk[0] - dk[1] * dk[1] - dk[2] * dk[2];
    let b = k[0] * dk[0] - k[1] * dk[1] - k[2] * dk[2];
    let c = determinant(k);
    let discriminant = b * b - a * c;
    if discriminant < 0.0 || (a >= 0.0 && b >= 0.0) {
        return f64::INFINITY;
    }
    let root = discriminant.sqrt();
    if b < 0.0 { c / (root - b) } else { -(b + root) / a }
}

/// Scaling point of one cone.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scaling {
    w: Triple,
    eta: f64,
    pub lambda: Triple,
}

impl Scaling {
    /// `None` where k or zeta has left the inside of the cone.
    pub fn of(k: &Triple, zeta: &Triple) -> Option<Scaling> {
        let (dk, dz) = (determinant(k), determinant(zeta));
        if !(dk > 0.0 && dz > 0.0 && k[0] > 0.0 && zeta[0] > 0.0) {
            return None;
        }
        let (size_k, size_z) = (dk.sqrt(), dz.sqrt());
        let inner = (k[0] * zeta[0] + k[1] * zeta[1] + k[2] * zeta[2]) / (size_k * size_z);
        let half = 0.5 / (0.5 * (1.0 + inner)).sqrt();
        let w1 = half * (k[1] / size_k - zeta[1] / size_z);
        let w2 = half * (k[2] / size_k - zeta[2] / size_z);
        // w is hyperbolic: its leading entry from the others keeps w^T J w = 1 to the last digit.
        let w = [(1.0 + w1 * w1 + w2 * w2).sqrt(), w1, w2];
        let mut scaling = Scaling { w, eta: (size_k / size_z).sqrt(), lambda: [0.0; 3] };
        scaling.lambda = scaling.times(zeta);
        Some(scaling)
    }

    /// W x.
    pub fn times(&self, x: &Triple) -> Triple {
        let [w0, w1, w2] = self.w;
        let along = w1 * x[1] + w2 * x[2];
        let side = x[0] + along / (1.0 + w0);
        [self.eta * (w0 * x[0] + along), self.eta * (x[1] + side * w1), self.eta * (x[2] + side * w2)]
    }

    /// W^-1 x.
    pub fn divide(&self, x: &Triple) -> Triple {
        let [w0, w1, w2] = self.w;
        let along = w1 * x[1] + w2 * x[2];
        let side = along / (1.0 + w0) - x[0];
        [(w0 * x[0] - along) / self.eta, (x[1] + side * w1) / self.eta, (x[2] + side * w2) / self.eta]
    }

    /// lambda \ d: the u with lambda o u = d.
    pub fn solve_lambda(&self, d: &Triple) -> Triple {
        let l = &self.lambda;
        let u0 = (l[0] * d[0] - l[1] * d[1] - l[2] * d[2]) / determinant(l);
        [u0, (d[1] - u0 * l[1]) / l[0], (d[2] - u0 * l[2]) / l[0]]
    }

    fn tail_square(&self) -> f64 {
        self.w[1] * self.w[1] + self.w[2] * self.w[2]
    }

    /// Entries (11, 12, 22) of a matrix with eigenvalue `along` in the direction of w_1 and `across` otherwise.
    fn spread(&self, along: f64, across: f64) -> Triple {
        let n = self.tail_square();
        let excess = if n > 0.0 { (along - across) / n } else { 0.0 };
        let [_, w1, w2] = self.w;
        [across + excess * w1 * w1, excess * w1 * w2, across + excess * w2 * w2]
    }

    fn edge(&self, tau: f64) -> f64 {
        let (n, tau) = (self.tail_square(), tau / (self.eta * self.eta));
        (1.0 + tau + 2.0 * n) / (1.0 + tau * (1.0 + 2.0 * n))
    }

    /// (T^-1)_11 as entries (11, 12, 22).
    pub fn stiffness(&self, tau: f64) -> Triple {
        let scale = 1.0 / (self.eta * self.eta);
        self.spread(scale * self.edge(tau), scale)
    }

    /// Its inverse D as entries (11, 12, 22).
    pub fn compliance(&self, tau: f64) -> Triple {
        let scale = self.eta * self.eta;
        self.spread(scale / self.edge(tau), scale)
    }

    /// h_1 - T_10 h_0 / T_00: right-hand side once the leading multiplier is eliminated.
    pub fn reduce(&self, h: &Triple, tau: f64) -> [f64; 2] {
        let n = self.tail_square();
        let factor = 2.0 * self.w[0] * h[0] / (1.0 + 2.0 * n + tau / (self.eta * self.eta));
        [h[1] - factor * self.w[1], h[2] - factor * self.w[2]]
    }

    /// Change of the leading multiplier from that of the others.
    pub fn leading(&self, h: &Triple, tau: f64, d1: f64, d2: f64) -> f64 {
        let eta2 = self.eta * self.eta;
        let t00 = eta2 * (1.0 + 2.0 * self.tail_square()) + tau;
        (h[0] - 2.0 * eta2 * self.w[0] * (self.w[1] * d1 + self.w[2] * d2)) / t00
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: Triple = [1.0, 0.7, -0.6];
    const ZETA: Triple = [3.0, -2.0, 1.9];

    fn close(a: &Triple, b: &Triple) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + a.abs())), "{a:?} {b:?}");
    }

    #[test]
    fn law_scaling_point_maps_cone_and_multiplier_to_one_point() {
        let scaling = Scaling::of(&K, &ZETA).unwrap();
        close(&scaling.lambda, &scaling.divide(&K));
        close(&scaling.times(&scaling.divide(&K)), &K);
        let d = [0.3, -0.2, 0.9];
        close(&product(&scaling.lambda, &scaling.solve_lambda(&d)), &d);
    }

    #[test]
    fn ref_stiffness_is_a_block_of_the_inverse() {
        let scaling = Scaling::of(&K, &ZETA).unwrap();
        for tau in [0.0, 1e-6, 0.4, 30.0] {
            let columns: Vec<Triple> = (0..3)
                .map(|j| {
                    let mut unit = [0.0; 3];
                    unit[j] = 1.0;
                    let mut column = scaling.times(&scaling.times(&unit));
                    column[0] += if j == 0 { tau } else { 0.0 };
                    column
                })
                .collect();
            let t = |i: usize, j: usize| columns[j][i];
            let schur = [
                t(1, 1) - t(1, 0) * t(0, 1) / t(0, 0),
                t(1, 2) - t(1, 0) * t(0, 2) / t(0, 0),
                t(2, 2) - t(2, 0) * t(0, 2) / t(0, 0),
            ];
            close(&scaling.compliance(tau), &schur);
            let det = schur[0] * schur[2] - schur[1] * schur[1];
            close(&scaling.stiffness(tau), &[schur[2] / det, -schur[1] / det, schur[0] / det]);
        }
    }

    #[test]
    fn law_longest_step_ends_on_the_edge() {
        for dk in [[-1.0, 0.0, 0.0], [0.1, 2.0, -1.0], [-0.2, -0.7, 0.6], [0.0, 1.0, 0.0]] {
            let step = longest_step(&K, &dk);
            let end = [K[0] + step * dk[0], K[1] + step * dk[1], K[2] + step * dk[2]];
            assert!(determinant(&end).abs() < 1e-12, "{dk:?}: {end:?}");
        }
        assert_eq!(longest_step(&K, &[1.0, 0.2, 0.1]), f64::INFINITY);
    }
}

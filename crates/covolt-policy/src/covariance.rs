//! Covariance (21) by its factor: Sigma = L L^T, positive definite for every parameter vector.
//!
//! Coordinates eta of one sample, with s_i the range of action i:
//!
//! | kind | eta | factor |
//! |---|---|---|
//! | `Diagonal` | log sigma_i (D entries) | L_ii = s_i exp(log sigma_i) |
//! | `Full` | lower triangle, row by row (D (D + 1) / 2): U_i0 .. U_i(i-1), log sigma_i | L_ij = s_i exp(log sigma_i) U_ij, U_ii = 1 |
//!
//! sigma is relative to the action's range, so exp(-4) is 1.8 % of it. Network outputs r reach eta through smooth
//! bounds: log sigma = middle + half tanh(r), U_ij = tanh(r).

use serde::{Deserialize, Serialize};

use crate::error::PolicyError;

/// Form of the covariance factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CovarianceKind {
    /// Independent actions.
    #[default]
    Diagonal,
    /// Correlated actions, lower-triangular factor.
    Full,
}

impl CovarianceKind {
    /// Number of coordinates eta for `actions` actions.
    pub fn coordinates(self, actions: usize) -> usize {
        match self {
            CovarianceKind::Diagonal => actions,
            CovarianceKind::Full => actions * (actions + 1) / 2,
        }
    }

    /// Position of log sigma_i in eta.
    pub fn log_sigma_at(self, i: usize) -> usize {
        match self {
            CovarianceKind::Diagonal => i,
            CovarianceKind::Full => i * (i + 3) / 2,
        }
    }
}

/// Bounds and start of log sigma (sigma in fractions of the action's range).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogSigma {
    /// Lower bound, never reached.
    pub lower: f64,
    /// Value of an untrained network.
    pub initial: f64,
    /// Upper bound, never reached.
    pub upper: f64,
}

/// Bounds of log sigma lie within +-30, so that neither sigma nor Sigma^-1 leaves the range of numbers.
pub const LOG_SIGMA_REACH: f64 = 30.0;

impl Default for LogSigma {
    /// From 0.01 % to 37 % of the range, starting at 2 %.
    fn default() -> Self {
        LogSigma { lower: -9.0, initial: -4.0, upper: -1.0 }
    }
}

impl LogSigma {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        if self.lower.is_finite() && self.upper.is_finite() && self.lower < self.initial && self.initial < self.upper {
            Ok(())
        } else {
            Err(PolicyError::LogSigmaBounds { lower: self.lower, initial: self.initial, upper: self.upper })
        }
    }

    fn middle(&self) -> f64 {
        0.5 * (self.lower + self.upper)
    }

    fn half(&self) -> f64 {
        0.5 * (self.upper - self.lower)
    }

    /// Network output that gives the initial value.
    pub(crate) fn initial_output(&self) -> f64 {
        ((self.initial - self.middle()) / self.half()).atanh()
    }

    /// Turns one sample's network outputs into eta, in place.
    pub(crate) fn bound(&self, kind: CovarianceKind, outputs: &mut [f64]) {
        for r in outputs.iter_mut() {
            *r = r.tanh();
        }
        for_each_log_sigma(kind, outputs, |t| *t = self.middle() + self.half() * *t);
    }

    /// `values` *= d eta / d output, from one sample's eta.
    pub(crate) fn scale_by_slope(&self, kind: CovarianceKind, eta: &[f64], values: &mut [f64]) {
        let log_sigma_slope = |e: f64| {
            let t = (e - self.middle()) / self.half();
            self.half() * (1.0 - t * t)
        };
        let mut next = 0;
        let mut row = 0;
        for (at, (value, e)) in values.iter_mut().zip(eta).enumerate() {
            if at == next {
                *value *= log_sigma_slope(*e);
                row += 1;
                next = kind.log_sigma_at(row);
            } else {
                *value *= 1.0 - e * e;
            }
        }
    }
}

fn for_each_log_sigma(kind: CovarianceKind, eta: &mut [f64], f: impl Fn(&mut f64)) {
    let mut row = 0;
    while let Some(entry) = eta.get_mut(kind.log_sigma_at(row)) {
        f(entry);
        row += 1;
    }
}

/// The factor L of one sample, read from its coordinates; nothing is formed.
///
/// `scale` has D entries, `eta` as many as [`CovarianceKind::coordinates`] says; a shorter slice on either side
/// shortens the result.
#[derive(Debug, Clone, Copy)]
pub struct Factor<'a> {
    kind: CovarianceKind,
    scale: &'a [f64],
    eta: &'a [f64],
}

impl<'a> Factor<'a> {
    /// The factor with coordinates `eta` for actions of ranges `scale`.
    pub fn try_new(kind: CovarianceKind, scale: &'a [f64], eta: &'a [f64]) -> Result<Self, PolicyError> {
        crate::error::check_len("covariance coordinates", eta.len(), kind.coordinates(scale.len()))?;
        Ok(Factor { kind, scale, eta })
    }

    /// Form of the factor.
    pub fn kind(&self) -> CovarianceKind {
        self.kind
    }

    /// Number of actions D.
    pub fn actions(&self) -> usize {
        self.scale.len()
    }

    /// Diagonal entry L_ii.
    pub fn diagonal(&self, i: usize) -> f64 {
        self.scale[i] * self.eta[self.kind.log_sigma_at(i)].exp()
    }

    /// Entries U_i0 .. U_i(i-1) of row i (empty for a diagonal factor).
    pub fn row(&self, i: usize) -> &'a [f64] {
        match self.kind {
            CovarianceKind::Diagonal => &[],
            CovarianceKind::Full => {
                let end = self.kind.log_sigma_at(i);
                &self.eta[end - i..end]
            }
        }
    }

    /// out = L x.
    pub fn apply(&self, x: &[f64], out: &mut [f64]) {
        for i in 0..self.actions() {
            out[i] = self.diagonal(i) * (x[i] + dot(self.row(i), x));
        }
    }

    /// x <- L^-1 x.
    pub fn solve(&self, x: &mut [f64]) {
        for i in 0..self.actions() {
            x[i] = x[i] / self.diagonal(i) - dot(self.row(i), x);
        }
    }

    /// x <- L^-T x.
    pub fn solve_transposed(&self, x: &mut [f64]) {
        for i in (0..self.actions()).rev() {
            let xi = x[i];
            let row = self.row(i);
            for (xj, u) in x.iter_mut().zip(row) {
                *xj -= u * xi;
            }
        }
        for (i, x) in x.iter_mut().enumerate().take(self.actions()) {
            *x /= self.diagonal(i);
        }
    }

    /// log det L = 1/2 log det Sigma.
    pub fn log_det(&self) -> f64 {
        (0..self.actions()).map(|i| self.scale[i].ln() + self.eta[self.kind.log_sigma_at(i)]).sum()
    }

    /// L as a dense row-major matrix (tests and reports only).
    pub fn to_dense(&self) -> Vec<f64> {
        let d = self.actions();
        let mut l = vec![0.0; d * d];
        for i in 0..d {
            let diagonal = self.diagonal(i);
            for (j, u) in self.row(i).iter().enumerate() {
                l[i * d + j] = diagonal * u;
            }
            l[i * d + i] = diagonal;
        }
        l
    }
}

/// Sum of products over the shorter of the two.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

//! Conjugate gradients for (A + lambda I) x = b with A positive semi-definite, known only by its products A v.
//!
//! lambda is relative to the curvature along b, b.Ab / b.b, so that it has no unit. Starting from zero, every iterate
//! lies in the range of A plus b and has x.b > 0: stopping early is safe, the step is only shorter.

use serde::{Deserialize, Serialize};

use crate::covariance::dot;
use crate::error::PolicyError;

/// When to stop, and how much to damp.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CgSettings {
    /// Products A v at most (10 are enough for a trust-region step, more for an exact fit).
    pub iterations: usize,
    /// Stop when the residual is this fraction of the right-hand side.
    pub tolerance: f64,
    /// Damping lambda as a fraction of the curvature along the right-hand side.
    pub damping: f64,
}

impl Default for CgSettings {
    fn default() -> Self {
        CgSettings { iterations: 20, tolerance: 1e-3, damping: 1e-4 }
    }
}

/// How the iteration ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CgInfo {
    /// Iterations taken.
    pub iterations: usize,
    /// Residual over right-hand side at the end.
    pub residual: f64,
    /// Absolute damping lambda.
    pub damping: f64,
    /// x.Ax of the solution, without damping.
    pub curvature: f64,
}

/// Vectors of the iteration.
#[derive(Debug, Clone)]
pub struct CgWorkspace {
    pub(crate) rhs: Vec<f64>,
    residual: Vec<f64>,
    direction: Vec<f64>,
    product: Vec<f64>,
}

impl CgWorkspace {
    /// Storage for `n` unknowns.
    pub fn new(n: usize) -> Self {
        CgWorkspace { rhs: vec![0.0; n], residual: vec![0.0; n], direction: vec![0.0; n], product: vec![0.0; n] }
    }

    /// Number of unknowns.
    pub fn unknowns(&self) -> usize {
        self.rhs.len()
    }
}

/// Solves for the right-hand side in `cg.rhs`; `apply(v, out)` sets out = A v.
pub(crate) fn solve(
    cg: &mut CgWorkspace,
    settings: &CgSettings,
    x: &mut [f64],
    mut apply: impl FnMut(&[f64], &mut [f64]) -> Result<(), PolicyError>,
) -> Result<CgInfo, PolicyError> {
    let CgWorkspace { rhs, residual, direction, product } = cg;
    x.fill(0.0);
    residual.copy_from_slice(rhs);
    direction.copy_from_slice(rhs);
    let start = dot(rhs, rhs);
    let mut info = CgInfo { iterations: 0, residual: 0.0, damping: 0.0, curvature: 0.0 };
    let mut rho = start;
    while info.iterations < settings.iterations && rho > settings.tolerance.powi(2) * start {
        apply(direction, product)?;
        if info.iterations == 0 {
            info.damping = settings.damping * (dot(direction, product) / start).max(0.0);
        }
        for (q, p) in product.iter_mut().zip(&*direction) {
            *q += info.damping * p;
        }
        let curvature = dot(direction, product);
        // Flat or not finite: there is nothing more to gain along any later direction.
        if curvature.is_nan() || curvature <= f64::MIN_POSITIVE {
            break;
        }
        let alpha = rho / curvature;
        for ((x, r), (p, q)) in x.iter_mut().zip(residual.iter_mut()).zip(direction.iter().zip(&*product)) {
            *x += alpha * p;
            *r -= alpha * q;
        }
        let next = dot(residual, residual);
        let beta = next / rho;
        rho = next;
        for (p, r) in direction.iter_mut().zip(&*residual) {
            *p = r + beta * *p;
        }
        info.iterations += 1;
    }
    if start > 0.0 {
        info.residual = (rho / start).sqrt();
    }
    // (A + lambda) x = b - r, hence x.Ax = x.(b - r) - lambda x.x without another product.
    info.curvature = (dot(x, rhs) - dot(x, residual) - info.damping * dot(x, x)).max(0.0);
    Ok(info)
}

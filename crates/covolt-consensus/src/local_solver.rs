//! One agent's program on its own: the projection (52)-(54) and the exact local steps of the other methods.
//!
//! `minimise 1/2 x^T (P + diag d) x + q^T x` over the agent's box, rows and balls, by the same interior-point block as the
//! distributed method (Mehrotra's predictor and corrector); about ten factorisations of an n x n matrix, no allocation in them.
//! The projection of a point is P = 0, d = 1, q = -point.

use crate::block::Block;
use crate::error::ConsensusError;
use crate::local_program::LocalProgram;

/// Relative gap and residuals of a local solution.
const TOLERANCE: f64 = 1e-9;
/// Accepted where rounding stops progress earlier; the best iterate counts, not the last one.
const ACCEPTABLE: f64 = 1e-7;
/// Iterations without halving the merit after which there is no more progress.
const PATIENCE: usize = 8;
/// The same once the best iterate is acceptable.
const ACCEPTABLE_PATIENCE: usize = 2;
const MAX_ITERATIONS: usize = 80;
/// First complementarity relative to the cost scale.
const CENTRING: f64 = 0.1;
/// Smallest target relative to the mean product at the tolerance.
const LEAST_TARGET: f64 = 0.02;
const STEP_FRACTION: f64 = 0.995;

/// The cost of a local solve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalCost<'a> {
    /// P, n x n row-major, or none.
    pub quadratic: Option<&'a [f64]>,
    /// d, length n, or none.
    pub diagonal: Option<&'a [f64]>,
    /// q, length n.
    pub linear: &'a [f64],
}

/// How a local solve ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalOutcome {
    /// Factorisations.
    pub iterations: usize,
    /// Largest of relative gap and relative residuals.
    pub accuracy: f64,
}

/// Reusable workspaces of local solves.
#[derive(Debug, Clone, Default)]
pub struct LocalSolver {
    block: Block,
    ones: Vec<f64>,
    shifted: Vec<f64>,
}

impl LocalSolver {
    /// Empty workspaces.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The last solution.
    #[must_use]
    pub fn x(&self) -> &[f64] {
        &self.block.x
    }

    /// Projection (52)-(54): the point of the agent's own limits nearest to `point`, left in [`Self::x`].
    ///
    /// # Errors
    /// Local limits without a common point, a wrong length, or no convergence.
    pub fn project(&mut self, program: &LocalProgram, point: &[f64]) -> Result<LocalOutcome, ConsensusError> {
        // A point that is already inside is its own projection, exactly.
        if point.len() == program.variables() && program.local_violation(point) <= 0.0 {
            self.block.x.clear();
            self.block.x.extend_from_slice(point);
            return Ok(LocalOutcome { iterations: 0, accuracy: 0.0 });
        }
        let mut ones = std::mem::take(&mut self.ones);
        let mut shifted = std::mem::take(&mut self.shifted);
        ones.clear();
        ones.resize(program.variables(), 1.0);
        shifted.clear();
        shifted.extend(point.iter().map(|p| -p));
        let cost = LocalCost { quadratic: None, diagonal: Some(&ones), linear: &shifted };
        let outcome = self.solve(program, cost);
        self.ones = ones;
        self.shifted = shifted;
        outcome
    }

    /// Minimises `cost` over the agent's own limits, leaving the answer in [`Self::x`].
    ///
    /// # Errors
    /// Local limits without a common point, a wrong length, or no convergence.
    pub fn solve(&mut self, program: &LocalProgram, cost: LocalCost<'_>) -> Result<LocalOutcome, ConsensusError> {
        let n = program.variables();
        let lengths = [
            ("local cost", Some(cost.linear.len()), n),
            ("local diagonal", cost.diagonal.map(<[f64]>::len), n),
            ("local quadratic", cost.quadratic.map(<[f64]>::len), n * n),
        ];
        for (what, found, expected) in lengths {
            if let Some(found) = found.filter(|found| *found != expected) {
                return Err(ConsensusError::BadShape { what, expected, found });
            }
        }
        self.block.load_uncoupled(program, (cost.quadratic, cost.diagonal, cost.linear), CENTRING);
        let omega = self.block.omega();
        let (mut best, mut since) = (f64::INFINITY, 0);
        for iterations in 1..=MAX_ITERATIONS {
            let status = self.block.assemble(&[]);
            let gap = status.complementarity / status.cost.abs().max(omega);
            let merit = gap.max(status.dual_residual / omega).max(status.local_residual);
            if merit < 0.5 * best {
                best = merit;
                since = 0;
                self.block.keep();
            } else {
                since += 1;
            }
            let patience = if best <= ACCEPTABLE { ACCEPTABLE_PATIENCE } else { PATIENCE };
            let stuck = since > patience || iterations == MAX_ITERATIONS || !merit.is_finite();
            if best <= TOLERANCE || (stuck && best <= ACCEPTABLE) {
                self.block.restore();
                return Ok(LocalOutcome { iterations, accuracy: best });
            }
            if status.locally_infeasible {
                return Err(ConsensusError::LocallyInfeasible { residual: status.local_residual, iterations });
            }
            if stuck {
                break;
            }
            let least = LEAST_TARGET * TOLERANCE * status.cost.abs().max(omega) / status.limits.max(1.0);
            self.step(status.complementarity, status.limits, least);
        }
        Err(ConsensusError::NotConverged { rounds: MAX_ITERATIONS, violation: 0.0, gap: best, tolerance: TOLERANCE })
    }

    fn step(&mut self, complementarity: f64, limits: f64, least: f64) {
        let mu = complementarity / limits.max(1.0);
        self.block.step(0.0, &[], 0.0);
        let alpha = self.block.step_length();
        let c = self.block.complementarity_along();
        let predicted = (c[0] + alpha * (c[1] + alpha * c[2])).max(0.0);
        let ratio = if complementarity > 0.0 { (predicted / complementarity).min(1.0) } else { 0.0 };
        let tau = (ratio.powi(3) * mu).max(least);
        let weight = if mu > 0.0 { (1.0 - tau / mu).clamp(0.0, 1.0).powi(2) } else { 0.0 };
        let alpha = self.block.step_corrected((tau, weight), &[]);
        self.block.advance(if alpha < 1.0 { STEP_FRACTION * alpha } else { 1.0 });
    }
}

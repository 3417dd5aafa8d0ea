//! What every agent decides alike in the distributed interior point: start, centring, stopping, proof of infeasibility.
//!
//! The rules see only sums, maxima and minima over all agents, so that each agent reaches the same decision from the same
//! numbers and no coordinator is needed. Two kinds of iteration:
//!
//! - *quick*, one all-reduce: predictor and corrector use the same matrix; every agent corrects its own second-order terms and
//!   goes as far as its own limits let it. The sums of the next round see what really happened, so nothing is lost but speed.
//! - *agreed*, three all-reduces: second-order terms are summed and one step length holds for all (a plain Mehrotra method).
//!   Used only after quick iterations have stopped making progress; every all-reduce counts as a round.

use crate::block::{BlockStatus, PROOF_MARGIN};
use crate::coupled_rows::{CoupledRows, RowIterate, RowSums};
use crate::error::ConsensusError;

/// Settings of the interior point; all tolerances are relative.
#[derive(Debug, Clone, PartialEq)]
pub struct InteriorPointSettings {
    /// Stop when the duality gap relative to the cost and all residuals relative to the ranges are below this (default 1e-8).
    pub tolerance: f64,
    /// Accept this accuracy where rounding stops progress before `tolerance` (default 1e-6).
    pub acceptable: f64,
    /// Most communication rounds (default 120).
    pub max_rounds: usize,
    /// Start with complementarity this share of the cost scale (default 0.1).
    pub centring: f64,
    /// The same with a warm start of x, which is closer to the end of the path (default 0.05).
    pub warm_centring: f64,
    /// Start a violated row with this positive share of its range as slack (default 0.1). Smaller where elastic rows cannot all
    /// be met, as in policy updates with a small trust region: their slack has to vanish anyway.
    pub least_slack: f64,
    /// Agree on every step from the start: three rounds per iteration instead of one (default false).
    pub always_agree: bool,
}

impl Default for InteriorPointSettings {
    fn default() -> Self {
        Self {
            tolerance: 1e-8,
            acceptable: 1e-6,
            max_rounds: 120,
            centring: 0.1,
            warm_centring: 0.05,
            least_slack: 0.1,
            always_agree: false,
        }
    }
}

/// Everything that is reduced over the agents in the first all-reduce of an iteration.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals {
    pub sums: RowSums,
    /// Sum of row ranges, first round only.
    pub ranges: Vec<f64>,
    pub status: BlockStatus,
    /// Largest cost scale.
    pub omega: f64,
    /// Shortest step of the last iteration.
    pub alpha: f64,
}

impl Totals {
    pub(crate) fn clear(&mut self, rows: usize) {
        self.sums.clear(rows);
        self.ranges.clear();
        self.ranges.resize(rows, 0.0);
        self.status = BlockStatus::default();
        self.omega = 0.0;
        self.alpha = 1.0;
    }

    /// Adds one agent's numbers. The order of the agents is part of the result's last bits, so it is always 0..N.
    pub(crate) fn add(&mut self, other: &Self) {
        add(&mut self.sums.s, &other.sums.s);
        add(&mut self.sums.v_a, &other.sums.v_a);
        add(&mut self.sums.v_c, &other.sums.v_c);
        add(&mut self.sums.activity, &other.sums.activity);
        add(&mut self.ranges, &other.ranges);
        let (sum, one) = (&mut self.status, &other.status);
        sum.cost += one.cost;
        sum.complementarity += one.complementarity;
        sum.limits += one.limits;
        sum.farkas += one.farkas;
        sum.farkas_size += one.farkas_size;
        sum.dual_residual = sum.dual_residual.max(one.dual_residual);
        sum.local_residual = sum.local_residual.max(one.local_residual);
        sum.locally_infeasible |= one.locally_infeasible;
        self.omega = self.omega.max(other.omega);
        self.alpha = self.alpha.min(other.alpha);
    }
}

pub(crate) fn add(sum: &mut [f64], one: &[f64]) {
    for (sum, one) in sum.iter_mut().zip(one) {
        *sum += one;
    }
}

/// What is reduced in the second all-reduce of an agreed iteration.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PredictorTotals {
    pub v_x: Vec<f64>,
    pub complementarity: [f64; 3],
    pub alpha: f64,
}

/// What to do after the first all-reduce.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Take the predictor for `lambda+`; continue quickly or with agreement.
    Predict { agreed: bool },
    /// Quick iterations do not get on: start again from the middle, agreeing on every step.
    Restart,
    /// Converged (or as far as rounding lets it).
    Done,
    /// No usable answer.
    Failed(ConsensusError),
}

/// Fraction of the way to the nearest limit that a step may go.
const STEP_FRACTION: f64 = 0.99;
/// The same near the end; going all the way would make products zero for ever.
const LARGEST_FRACTION: f64 = 0.9999;
/// Smallest target relative to the mean product at the tolerance.
const LEAST_TARGET: f64 = 0.02;
/// Smallest centring of a quick iteration: its predictor does not know the other agents' step lengths, so it never trusts fully.
const CENTRING_FLOOR: f64 = 0.03;
/// Iterations without halving the merit after which quick iterations are given up.
const PATIENCE: usize = 5;
/// Iterations without halving the merit after which agreed iterations are given up, too.
const LAST_PATIENCE: usize = 24;

/// The rules' state, identical in every agent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub iterate: RowIterate,
    pub ranges: Vec<f64>,
    omega: f64,
    mu: f64,
    count: f64,
    pub rounds: usize,
    pub iterations: usize,
    agreed: bool,
    /// Merit of the best iterate so far.
    pub best: f64,
    since: usize,
    /// Whether the current iterate is the best so far and has to be kept.
    pub improved: bool,
    /// Multipliers of the best iterate.
    pub multipliers: Vec<f64>,
    /// Merit of the current iterate: the largest of relative gap and relative residuals.
    merit: f64,
    /// Cost of the current iterate without penalties.
    pub cost: f64,
    /// Worst row violation of the current iterate in row units.
    pub violation: f64,
    alpha: f64,
    /// No target goes below this, far under the tolerance: smaller products only cost digits.
    least: f64,
}

impl Rules {
    pub(crate) fn reset(&mut self, rows: usize) {
        self.iterate.resize(rows);
        self.ranges.clear();
        self.ranges.resize(rows, 0.0);
        self.omega = 1.0;
        self.rounds = 0;
        self.iterations = 0;
        self.agreed = false;
        self.best = f64::INFINITY;
        self.since = 0;
        self.merit = f64::INFINITY;
        self.multipliers.clear();
        self.multipliers.resize(rows, 0.0);
    }

    /// Looks at the iterate that the totals describe and, unless it is the end, factors A and solves for the predictor.
    pub(crate) fn digest(
        &mut self,
        rows: &CoupledRows,
        totals: &Totals,
        settings: &InteriorPointSettings,
        warm: Option<&[f64]>,
    ) -> Verdict {
        self.rounds += 1;
        let status = &totals.status;
        if self.iterations == 0 {
            self.ranges.copy_from_slice(&totals.ranges);
            self.omega = totals.omega.max(f64::MIN_POSITIVE);
            let mu = if status.limits > 0.0 {
                status.complementarity / status.limits
            } else {
                settings.centring * self.omega
            };
            self.iterate.start(rows, &totals.sums, &self.ranges, (mu, settings.least_slack), warm);
        }
        self.iterations += 1;
        self.alpha = totals.alpha;
        let (row_sum, row_count) = self.iterate.complementarity();
        let gap = status.complementarity + row_sum;
        self.count = (status.limits + row_count).max(1.0);
        self.mu = gap / self.count;
        self.cost = status.cost;
        self.violation = rows.violation(&totals.sums.activity);
        let total_cost = self.cost + rows.penalty_cost(&totals.sums.activity);
        let (row_residual, _) = self.iterate.residual(rows, &totals.sums.activity, &self.ranges);
        self.merit = (gap / total_cost.abs().max(self.omega))
            .max(status.dual_residual / self.omega)
            .max(status.local_residual)
            .max(row_residual);
        self.improved = self.merit < 0.5 * self.best || self.merit <= settings.tolerance;
        if self.improved {
            self.best = self.merit;
            self.since = 0;
            self.multipliers.clone_from(&self.iterate.lambda);
        } else {
            self.since += 1;
        }
        self.least = LEAST_TARGET * settings.tolerance * total_cost.abs().max(self.omega) / self.count;
        if self.merit <= settings.tolerance {
            return Verdict::Done;
        }
        // In the first iteration the agents do not know lambda yet, so their part of the proof belongs to other multipliers.
        if self.iterations > 1
            && let Some(error) = self.proof(rows, status)
        {
            return Verdict::Failed(error);
        }
        let exhausted = self.rounds >= settings.max_rounds || !self.merit.is_finite();
        let patience = if self.best <= settings.acceptable { PATIENCE } else { LAST_PATIENCE };
        if exhausted || self.since > patience {
            if self.best <= settings.acceptable {
                return Verdict::Done;
            }
            return Verdict::Failed(ConsensusError::NotConverged {
                rounds: self.rounds,
                violation: row_residual.max(status.local_residual),
                gap: self.merit,
                tolerance: settings.tolerance,
            });
        }
        self.agreed |= settings.always_agree;
        if !self.agreed && self.since > PATIENCE {
            // The point where quick iterations got stuck is badly centred; the middle is a better start than that.
            self.agreed = true;
            self.iterations = 0;
            self.since = 0;
            self.best = f64::INFINITY;
            return Verdict::Restart;
        }
        self.iterate.factor(&totals.sums);
        self.iterate.solve(rows, &totals.sums, 0.0, 0.0, None);
        Verdict::Predict { agreed: self.agreed }
    }

    fn proof(&self, rows: &CoupledRows, status: &BlockStatus) -> Option<ConsensusError> {
        if status.locally_infeasible {
            return Some(ConsensusError::LocallyInfeasible {
                residual: status.local_residual,
                iterations: self.iterations,
            });
        }
        // An elastic row can always be met by paying, so its multiplier proves nothing.
        if (0..rows.len()).any(|i| rows.penalty(i).is_finite()) {
            return None;
        }
        let (weighted, size) = self.iterate.weighted_limits(rows);
        let excess = status.farkas - weighted;
        if excess.is_nan() || excess <= PROOF_MARGIN * (status.farkas_size + size) {
            return None;
        }
        let share = |i: usize| self.iterate.lambda[i] * self.ranges[i];
        let worst_row = (0..rows.len()).fold(0, |best, i| if share(i) > share(best) { i } else { best });
        let total: f64 = self.iterate.lambda.iter().sum();
        Some(ConsensusError::Infeasible { worst_row, missing: excess / total, rounds: self.rounds })
    }

    /// Weight of the predictor's second-order terms: the step to a target near the present products is shorter than the predictor.
    fn second_order(&self, tau: f64) -> f64 {
        (1.0 - tau / self.mu).clamp(0.0, 1.0).powi(2)
    }

    /// Target, second-order weight and row steps of a quick iteration, from the rows' own predictor and the steps of the last iteration.
    pub(crate) fn centre_quickly(&mut self, rows: &CoupledRows, totals: &Totals) -> (f64, f64) {
        let alpha = self.iterate.step_length().min(self.alpha.max(0.1));
        let tau = ((1.0 - alpha).powi(2).max(CENTRING_FLOOR) * self.mu).max(self.least);
        let weight = self.second_order(tau);
        self.iterate.solve(rows, &totals.sums, tau, weight, None);
        (tau, weight)
    }

    /// Target, second-order weight and row steps of an agreed iteration (Mehrotra's rule).
    pub(crate) fn centre_agreed(
        &mut self,
        rows: &CoupledRows,
        totals: &Totals,
        predictor: &PredictorTotals,
    ) -> (f64, f64) {
        self.rounds += 1;
        let alpha = predictor.alpha.min(self.iterate.step_length());
        let own = self.iterate.complementarity_along();
        let along = |k: usize| own[k] + predictor.complementarity[k];
        let mu = (along(0) + alpha * (along(1) + alpha * along(2))).max(0.0) / self.count;
        let tau = ((mu / self.mu).powi(3).min(1.0) * self.mu).max(self.least);
        let weight = self.second_order(tau);
        self.iterate.solve(rows, &totals.sums, tau, weight, Some(&predictor.v_x));
        (tau, weight)
    }

    /// Damped length of a step whose longest admissible length is `alpha`.
    pub(crate) fn damp(&self, alpha: f64) -> f64 {
        if alpha >= 1.0 { 1.0 } else { alpha * (1.0 - self.mu / self.omega).clamp(STEP_FRACTION, LARGEST_FRACTION) }
    }

    /// Takes the rows' part of a quick step.
    pub(crate) fn advance_quickly(&mut self) {
        let alpha = self.damp(self.iterate.step_length());
        self.iterate.advance(alpha);
    }

    /// Takes the rows' part of an agreed step and returns its length for all.
    pub(crate) fn advance_agreed(&mut self, alpha: f64) -> f64 {
        self.rounds += 1;
        let alpha = self.damp(alpha.min(self.iterate.step_length()));
        self.iterate.advance(alpha);
        alpha
    }
}

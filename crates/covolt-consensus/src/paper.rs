//! The paper's method, equations (50)-(55), one agent.
//!
//! ```text
//! (50) lambda_bar_n = sum_n' w_n(n') lambda_n'
//! (51) x_bar        = x_n - rho1 (P x_n + c_n + B_n^T lambda_bar_n)
//! (52)-(54) x_n    <- nearest point to x_bar within the agent's own rows and its trust ball
//! (55) lambda_n    <- [ lambda_bar_n + rho2 (B_n x_n - r/N) ]_+
//! ```
//!
//! Here c = -g for a reward with gradient g: (51) as printed, `theta - rho1 (g + b lambda)`, descends on the reward. (53) as printed
//! flips the sign of (24). (55) as printed lacks the constant part `J_C(theta(0)) - b^T theta(0)` (here inside r) and the share 1/N.
//! Stage VI stops on the change of theta alone; here the change of lambda and the worst violation of the summed rows count, too.
//! The summed rows are known to each agent through a running average of all shares that travels with the multipliers
//! (`a_n <- sum w a_n' + B_n x_n(k+1) - B_n x_n(k)`), quietness through a counter that grows by one per round at most.

use crate::coupled_rows::CoupledRows;
use crate::error::ConsensusError;
use crate::local_program::LocalProgram;
use crate::local_solver::LocalSolver;
use crate::messages::{Body, Message};
use crate::method::{Agent, Audience, Observation, check_inbox, unexpected};
use crate::weights::{CommunicationGraph, MixingMatrix};

/// Settings of (50)-(55).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaperSettings {
    /// rho1 in units of variable^2 per cost.
    pub primal_step: f64,
    /// rho2 in units of cost per row^2.
    pub dual_step: f64,
    /// Quiet when no variable changes by more than this share of its largest size in a round (default 1e-6).
    pub theta_tolerance: f64,
    /// Quiet when no multiplier changes by more than this share of the largest multiplier (default 1e-5).
    pub lambda_tolerance: f64,
    /// Quiet when no summed row is exceeded by more than this, in row units (default 1e-6).
    pub violation_tolerance: f64,
    /// Rounds after which the run counts as not converged (default 5000).
    pub max_rounds: u32,
}

impl PaperSettings {
    /// Default tolerances with the given steps. Convergence needs `rho1 rho2 |B|^2 < 1` and `rho1 |P| < 1` at least.
    #[must_use]
    pub fn with_steps(primal_step: f64, dual_step: f64) -> Self {
        Self {
            primal_step,
            dual_step,
            theta_tolerance: 1e-6,
            lambda_tolerance: 1e-5,
            violation_tolerance: 1e-6,
            max_rounds: 5000,
        }
    }

    /// Steps from the programs' sizes: rho1 = `primal` / (|P| + 1/u), rho2 = `dual` / (u |B|^2) with u the squared variable range per
    /// cost range. Needs all programs, so it belongs to a study, not to an agent.
    #[must_use]
    pub fn for_programs(programs: &[LocalProgram], primal: f64, dual: f64) -> Self {
        let (mut curvature, mut slope, mut range, mut columns) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        for program in programs {
            let data = program.data();
            let n = program.variables();
            for row in data.quadratic.iter().flat_map(|p| p.chunks_exact(n)) {
                curvature = curvature.max(row.iter().map(|p| p.abs()).sum());
            }
            slope = data.linear.iter().fold(slope, |worst, c| worst.max(c.abs()));
            for (lower, upper) in data.lower.iter().zip(&data.upper) {
                range = range.max(if (upper - lower).is_finite() { upper - lower } else { 1.0 });
            }
            columns += data.coupled.iter().map(|b| b * b).sum::<f64>();
        }
        let per_cost = range / slope.max(f64::MIN_POSITIVE);
        let primal_step = primal / (curvature + 1.0 / per_cost);
        Self::with_steps(primal_step, dual / (primal_step * columns.max(f64::MIN_POSITIVE)))
    }
}

/// One agent of the paper's method.
#[derive(Debug, Clone)]
pub struct PaperAgent {
    index: usize,
    program: LocalProgram,
    rows: CoupledRows,
    settings: PaperSettings,
    neighbours: Vec<usize>,
    weights: Vec<f64>,
    own_weight: f64,
    agents: usize,
    solver: LocalSolver,
    round: u32,
    x: Vec<f64>,
    lambda: Vec<f64>,
    activity: Vec<f64>,
    average: Vec<f64>,
    quiet: u32,
    done: bool,
}

impl PaperAgent {
    /// The agent with the given index; starts at `x0` (the projection of 0 if none is given) with zero multipliers (Stage I).
    ///
    /// # Errors
    /// Shapes that do not fit, or local limits without a common point.
    pub fn try_new(
        index: usize,
        program: LocalProgram,
        rows: CoupledRows,
        graph: &CommunicationGraph,
        mixing: &MixingMatrix,
        settings: PaperSettings,
        x0: Option<&[f64]>,
    ) -> Result<Self, ConsensusError> {
        if program.coupled_rows() != rows.len() {
            return Err(ConsensusError::BadShape {
                what: "coupled rows of an agent's program",
                expected: rows.len(),
                found: program.coupled_rows(),
            });
        }
        if index >= graph.agents() {
            return Err(ConsensusError::BadGraph(format!("agent {index} is not in a graph of {}", graph.agents())));
        }
        let neighbours = graph.neighbours(index).to_vec();
        let weights = neighbours.iter().map(|&b| mixing.weight(index, b)).collect();
        let mut solver = LocalSolver::new();
        let zero = vec![0.0; program.variables()];
        solver.project(&program, x0.unwrap_or(&zero))?;
        let x = solver.x().to_vec();
        let mut activity = vec![0.0; rows.len()];
        program.add_activity(&x, &mut activity);
        Ok(Self {
            index,
            own_weight: mixing.weight(index, index),
            agents: graph.agents(),
            neighbours,
            weights,
            solver,
            round: 0,
            lambda: vec![0.0; rows.len()],
            average: activity.clone(),
            activity,
            x,
            program,
            rows,
            settings,
            quiet: 0,
            done: false,
        })
    }

    fn message(&self) -> Body {
        Body::Multipliers { lambda: self.lambda.clone(), average: self.average.clone(), quiet: self.quiet }
    }

    /// (50), for the multipliers and for the running average; returns the smallest counter heard.
    fn mix(&mut self, inbox: &[Message]) -> Result<u32, ConsensusError> {
        for value in self.lambda.iter_mut().chain(&mut self.average) {
            *value *= self.own_weight;
        }
        let mut quiet = self.quiet;
        for (message, weight) in inbox.iter().zip(&self.weights) {
            let Body::Multipliers { lambda, average, quiet: heard } = &message.body else {
                return Err(unexpected(&message.body));
            };
            for (own, other) in self.lambda.iter_mut().zip(lambda) {
                *own += weight * other;
            }
            for (own, other) in self.average.iter_mut().zip(average) {
                *own += weight * other;
            }
            quiet = quiet.min(*heard);
        }
        Ok(quiet)
    }

    /// (51)-(54); returns the change of x relative to its size.
    fn move_primal(&mut self) -> Result<f64, ConsensusError> {
        let data = self.program.data();
        let n = self.x.len();
        let mut x_bar = self.x.clone();
        for (j, x_bar) in x_bar.iter_mut().enumerate() {
            let mut slope = data.linear[j];
            if let Some(p) = &data.quadratic {
                slope += p[j * n..(j + 1) * n].iter().zip(&self.x).map(|(p, x)| p * x).sum::<f64>();
            }
            for (i, lambda) in self.lambda.iter().enumerate() {
                slope += data.coupled[i * n + j] * lambda;
            }
            *x_bar -= self.settings.primal_step * slope;
        }
        self.solver.project(&self.program, &x_bar)?;
        let (mut change, mut size) = (0.0_f64, 0.0_f64);
        for (old, new) in self.x.iter().zip(self.solver.x()) {
            change = change.max((old - new).abs());
            size = size.max(old.abs()).max(new.abs());
        }
        self.x.copy_from_slice(self.solver.x());
        Ok(if size > 0.0 { change / size } else { 0.0 })
    }
}

impl Agent for PaperAgent {
    fn audience(&self) -> Audience {
        Audience::Neighbours
    }

    fn start(&mut self) -> Result<Body, ConsensusError> {
        self.round = 1;
        Ok(self.message())
    }

    fn on_round(&mut self, inbox: &[Message]) -> Result<Option<Body>, ConsensusError> {
        check_inbox(inbox, self.round, self.neighbours.iter().copied())?;
        let before = self.lambda.clone();
        let heard = self.mix(inbox)?;
        let change = self.move_primal()?;
        let mut activity = vec![0.0; self.rows.len()];
        self.program.add_activity(&self.x, &mut activity);
        let share = 1.0 / self.agents as f64;
        let (mut lambda_change, mut lambda_size, mut violation) = (0.0_f64, f64::MIN_POSITIVE, 0.0_f64);
        for (i, r) in self.rows.limits().iter().enumerate() {
            self.average[i] += activity[i] - self.activity[i];
            let step = self.settings.dual_step * (activity[i] - share * r);
            self.lambda[i] = (self.lambda[i] + step).max(0.0).min(self.rows.penalty(i));
            lambda_change = lambda_change.max((self.lambda[i] - before[i]).abs());
            lambda_size = lambda_size.max(self.lambda[i]);
            let elastic = self.rows.penalty(i).is_finite();
            if !elastic {
                violation = violation.max(self.agents as f64 * self.average[i] - r);
            }
        }
        self.activity = activity;
        let is_quiet = change <= self.settings.theta_tolerance
            && lambda_change <= self.settings.lambda_tolerance * lambda_size
            && violation <= self.settings.violation_tolerance;
        self.quiet = if is_quiet { heard.saturating_add(1) } else { 0 };
        // Counters grow by one per round and hop, so this one says that every agent has been quiet for N rounds.
        self.done |= self.quiet as usize > 2 * self.agents;
        if !self.done && self.round >= self.settings.max_rounds {
            return Err(ConsensusError::NotConverged {
                rounds: self.round as usize,
                violation: violation.max(0.0),
                gap: change.max(lambda_change / lambda_size),
                tolerance: self.settings.theta_tolerance,
            });
        }
        self.round += 1;
        Ok(Some(self.message()))
    }

    fn done(&self) -> bool {
        self.done
    }

    fn observe(&self) -> Observation<'_> {
        Observation { x: &self.x, multipliers: &self.lambda, cost: self.program.cost(&self.x) }
    }
}

impl PaperAgent {
    /// Index of this agent.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }
}

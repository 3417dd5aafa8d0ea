//! Alternating direction method of multipliers in sharing form, one agent.
//!
//! ```text
//! x_n <- argmin f_n(x) + 1/2 |B_n x - B_n x_n + a - z + u|_rho^2      a = average share, over the agent's own limits
//! z   <- min(a + u, r/N)       u <- u + a - z       lambda = rho u     the same in every agent
//! ```
//!
//! `|.|_rho` weighs row i with `rho_i = step cost_scale / range_i^2`. Elastic rows enter through the proximal step of their
//! penalty, which bounds lambda.

use crate::coupled_rows::CoupledRows;
use crate::error::ConsensusError;
use crate::local_program::LocalProgram;
use crate::local_solver::{LocalCost, LocalSolver};
use crate::messages::{Body, Message};
use crate::method::{Agent, Audience, Observation};
use crate::shares::{ShareExchange, ShareSettings};

/// One agent of the sharing method.
#[derive(Debug, Clone)]
pub struct SharingAgent {
    exchange: ShareExchange,
    solver: LocalSolver,
    x: Vec<f64>,
    lambda: Vec<f64>,
    rho: Vec<f64>,
    /// a - z + u of the last round.
    offset: Vec<f64>,
    u: Vec<f64>,
    /// P + B^T rho B.
    quadratic: Vec<f64>,
}

impl SharingAgent {
    /// The agent with the given index among `agents`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn try_new(
        index: usize,
        agents: usize,
        program: LocalProgram,
        rows: CoupledRows,
        settings: ShareSettings,
    ) -> Result<Self, ConsensusError> {
        let m = rows.len();
        let n = program.variables();
        Ok(Self {
            exchange: ShareExchange::try_new(index, agents, program, rows, settings)?,
            solver: LocalSolver::new(),
            x: vec![0.0; n],
            lambda: vec![0.0; m],
            rho: Vec::new(),
            offset: vec![0.0; m],
            u: vec![0.0; m],
            quadratic: Vec::new(),
        })
    }

    fn set_up(&mut self) -> Result<(), ConsensusError> {
        let e = &self.exchange;
        let data = e.program.data();
        let n = self.x.len();
        // Shares are N times smaller than the rows, so the penalty of a share is N times that of a row.
        let scale = e.settings.step * e.cost_scale * e.agents as f64;
        self.rho = e.ranges.iter().map(|range| scale / (range * range)).collect();
        self.quadratic = data.quadratic.clone().unwrap_or_else(|| vec![0.0; n * n]);
        for (row, rho) in data.coupled.chunks_exact(n).zip(&self.rho) {
            for (i, bi) in row.iter().enumerate() {
                for (j, bj) in row.iter().enumerate() {
                    self.quadratic[i * n + j] += rho * bi * bj;
                }
            }
        }
        let cost = LocalCost { quadratic: data.quadratic.as_deref(), diagonal: None, linear: &data.linear };
        self.solver.solve(&e.program, cost)?;
        self.x.copy_from_slice(self.solver.x());
        Ok(())
    }

    fn move_primal(&mut self) -> Result<f64, ConsensusError> {
        let e = &self.exchange;
        let data = e.program.data();
        let n = self.x.len();
        let mut linear = data.linear.clone();
        for ((row, rho), offset) in data.coupled.chunks_exact(n).zip(&self.rho).zip(&self.offset) {
            let share: f64 = row.iter().zip(&self.x).map(|(b, x)| b * x).sum();
            for (linear, b) in linear.iter_mut().zip(row) {
                *linear += rho * (offset - share) * b;
            }
        }
        let cost = LocalCost { quadratic: Some(&self.quadratic), diagonal: None, linear: &linear };
        self.solver.solve(&e.program, cost)?;
        let change = e.distance(&self.x, self.solver.x());
        self.x.copy_from_slice(self.solver.x());
        Ok(change)
    }

    fn move_dual(&mut self) -> f64 {
        let e = &self.exchange;
        let mut change: f64 = 0.0;
        let share = 1.0 / e.agents as f64;
        for (i, r) in e.rows.limits().iter().enumerate() {
            let average = share * e.total[i];
            // z is free up to r/N and pays beyond it; either way u ends between 0 and penalty/rho.
            let u = (self.u[i] + average - share * r).max(0.0).min(e.rows.penalty(i) / self.rho[i]);
            let z = average + self.u[i] - u;
            self.u[i] = u;
            self.offset[i] = average - z + u;
            let lambda = self.rho[i] * u;
            change = change.max((lambda - self.lambda[i]).abs() * e.ranges[i] / e.cost_scale);
            self.lambda[i] = lambda;
        }
        change
    }
}

impl Agent for SharingAgent {
    fn audience(&self) -> Audience {
        Audience::Everyone
    }

    fn start(&mut self) -> Result<Body, ConsensusError> {
        Ok(self.exchange.start())
    }

    fn on_round(&mut self, inbox: &[Message]) -> Result<Option<Body>, ConsensusError> {
        if self.exchange.receive(inbox)? {
            self.set_up()?;
            return Ok(Some(self.exchange.send(&self.x, 1.0)));
        }
        let multiplier_change = self.move_dual();
        self.exchange.judge(multiplier_change)?;
        if self.exchange.done {
            return Ok(None);
        }
        let change = self.move_primal()?;
        Ok(Some(self.exchange.send(&self.x, change)))
    }

    fn done(&self) -> bool {
        self.exchange.done
    }

    fn observe(&self) -> Observation<'_> {
        Observation { x: &self.x, multipliers: &self.lambda, cost: self.exchange.program.cost(&self.x) }
    }
}

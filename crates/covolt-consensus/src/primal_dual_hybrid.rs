//! Primal-dual hybrid gradient: (50)-(55) with an exact local step and an extrapolated share in the dual step, one agent.
//!
//! ```text
//! x_n    <- argmin f_n(x) + (B_n^T lambda)^T x + 1/2 sum_j (x_j - x_n,j)^2 / tau_j   over the agent's own limits
//! lambda <- [ lambda + sigma (sum_n B_n (2 x_n(k+1) - x_n(k)) - r) ]_+               the same in every agent
//! ```
//!
//! tau and sigma are diagonal: with rows scaled by range and variables by width, `sigma = 1/step` and
//! `tau_j = step / sum_i |B_ij|`, which keeps `|sigma^1/2 B tau^1/2| <= 1` whatever the data.

use crate::coupled_rows::CoupledRows;
use crate::error::ConsensusError;
use crate::local_program::LocalProgram;
use crate::local_solver::{LocalCost, LocalSolver};
use crate::messages::{Body, Message};
use crate::method::{Agent, Audience, Observation};
use crate::shares::{ShareExchange, ShareSettings};

/// One agent of the primal-dual hybrid method.
#[derive(Debug, Clone)]
pub struct HybridAgent {
    exchange: ShareExchange,
    solver: LocalSolver,
    x: Vec<f64>,
    lambda: Vec<f64>,
    previous: Vec<f64>,
    /// 1/tau_j.
    weight: Vec<f64>,
    /// Multiplier unit of each row: sigma_i.
    sigma: Vec<f64>,
}

impl HybridAgent {
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
            previous: Vec::new(),
            weight: Vec::new(),
            sigma: Vec::new(),
        })
    }

    fn set_up(&mut self) -> Result<(), ConsensusError> {
        let e = &self.exchange;
        let n = self.x.len();
        let data = e.program.data();
        self.sigma = e.ranges.iter().map(|range| e.cost_scale / (e.settings.step * range * range)).collect();
        self.weight = (0..n)
            .map(|j| {
                let column: f64 =
                    (0..e.ranges.len()).map(|i| data.coupled[i * n + j].abs() * e.width[j] / e.ranges[i]).sum();
                // Variables that no row sees may move freely, but stay strictly convex.
                e.cost_scale * column.max(1e-6) / (e.settings.step * e.width[j] * e.width[j])
            })
            .collect();
        self.solver.solve(
            &e.program,
            LocalCost { quadratic: data.quadratic.as_deref(), diagonal: None, linear: &data.linear },
        )?;
        self.x.copy_from_slice(self.solver.x());
        Ok(())
    }

    fn move_primal(&mut self) -> Result<f64, ConsensusError> {
        let e = &self.exchange;
        let data = e.program.data();
        let n = self.x.len();
        let mut linear = data.linear.clone();
        for (j, linear) in linear.iter_mut().enumerate() {
            *linear -= self.weight[j] * self.x[j];
            for (i, lambda) in self.lambda.iter().enumerate() {
                *linear += data.coupled[i * n + j] * lambda;
            }
        }
        let cost = LocalCost { quadratic: data.quadratic.as_deref(), diagonal: Some(&self.weight), linear: &linear };
        self.solver.solve(&e.program, cost)?;
        let change = e.distance(&self.x, self.solver.x());
        self.x.copy_from_slice(self.solver.x());
        Ok(change)
    }

    /// Extrapolated dual step; returns the largest change in units of cost scale per range.
    fn move_dual(&mut self) -> f64 {
        let e = &self.exchange;
        let mut change: f64 = 0.0;
        if self.previous.is_empty() {
            self.previous.clone_from(&e.total);
        }
        for (i, r) in e.rows.limits().iter().enumerate() {
            let step = self.sigma[i] * (2.0 * e.total[i] - self.previous[i] - r);
            let new = (self.lambda[i] + step).max(0.0).min(e.rows.penalty(i));
            change = change.max((new - self.lambda[i]).abs() * e.ranges[i] / e.cost_scale);
            self.lambda[i] = new;
        }
        self.previous.copy_from_slice(&e.total);
        change
    }
}

impl Agent for HybridAgent {
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

//! What the two methods that exchange shares have in common: set-up, sums over all agents, stopping.
//!
//! Rows are scaled by their ranges and variables by their widths, so that step sizes are plain numbers: one set-up round tells
//! every agent the total range of each row and the largest cost scale; after that a round is one all-reduce of `B_n x_n`.

use crate::coupled_rows::CoupledRows;
use crate::error::ConsensusError;
use crate::local_program::LocalProgram;
use crate::messages::{Body, Message};
use crate::method::{check_inbox, unexpected};

/// Settings of the methods that exchange shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareSettings {
    /// Ratio of primal to dual steps (primal-dual hybrid) or penalty (ADMM), dimensionless (default 1).
    pub step: f64,
    /// Stop when no variable moves by more than this share of its width, no scaled multiplier changes by more, and no summed row
    /// is exceeded by more than this share of its range (default 1e-6).
    pub tolerance: f64,
    /// Rounds after which the run counts as not converged (default 5000).
    pub max_rounds: u32,
}

impl Default for ShareSettings {
    fn default() -> Self {
        Self { step: 1.0, tolerance: 1e-6, max_rounds: 5000 }
    }
}

/// The common part of such an agent.
#[derive(Debug, Clone)]
pub(crate) struct ShareExchange {
    pub index: usize,
    pub agents: usize,
    pub program: LocalProgram,
    pub rows: CoupledRows,
    pub settings: ShareSettings,
    pub round: u32,
    pub done: bool,
    /// width_j of every variable.
    pub width: Vec<f64>,
    /// Own numbers of the message that is under way.
    own: Body,
    /// Sums over all agents: ranges after the set-up, then shares.
    pub ranges: Vec<f64>,
    pub cost_scale: f64,
    pub total: Vec<f64>,
    /// Largest change of any agent.
    pub change: f64,
}

impl ShareExchange {
    pub(crate) fn try_new(
        index: usize,
        agents: usize,
        program: LocalProgram,
        rows: CoupledRows,
        settings: ShareSettings,
    ) -> Result<Self, ConsensusError> {
        if program.coupled_rows() != rows.len() {
            return Err(ConsensusError::BadShape {
                what: "coupled rows of an agent's program",
                expected: rows.len(),
                found: program.coupled_rows(),
            });
        }
        if index >= agents {
            return Err(ConsensusError::BadGraph(format!("agent {index} is not one of {agents}")));
        }
        let data = program.data();
        let width = data.lower.iter().zip(&data.upper).map(|(l, u)| u - l);
        let width: Vec<f64> = width.map(|w| if w.is_finite() && w > 0.0 { w } else { 1.0 }).collect();
        let n = program.variables();
        let ranges = data.coupled.chunks_exact(n).map(|row| row.iter().zip(&width).map(|(b, w)| b.abs() * w).sum());
        let cost_scale = data.linear.iter().zip(&width).fold(0.0_f64, |worst, (c, w)| worst.max(c.abs() * w));
        let own = Body::Ranges { ranges: ranges.collect(), cost_scale };
        let m = rows.len();
        Ok(Self {
            index,
            agents,
            program,
            rows,
            settings,
            round: 0,
            done: false,
            width,
            own,
            ranges: vec![0.0; m],
            cost_scale: 0.0,
            total: vec![0.0; m],
            change: 0.0,
        })
    }

    pub(crate) fn start(&mut self) -> Body {
        self.round = 1;
        self.own.clone()
    }

    /// Next message: this agent's shares at `x`.
    pub(crate) fn send(&mut self, x: &[f64], change: f64) -> Body {
        let mut activity = vec![0.0; self.rows.len()];
        self.program.add_activity(x, &mut activity);
        self.own = Body::Shares { activity, change };
        self.round += 1;
        self.own.clone()
    }

    /// Sums the round in the order of the agents, so that all get the same bits; true after the set-up round.
    pub(crate) fn receive(&mut self, inbox: &[Message]) -> Result<bool, ConsensusError> {
        let own = self.index;
        check_inbox(inbox, self.round, (0..self.agents).filter(|&a| a != own))?;
        let setup = self.round == 1;
        self.total.fill(0.0);
        self.change = 0.0;
        let (before, after) = inbox.split_at(own.min(inbox.len()));
        let bodies = before.iter().map(|m| &m.body).chain([&self.own]).chain(after.iter().map(|m| &m.body));
        for body in bodies {
            let numbers = match body {
                Body::Ranges { ranges, cost_scale } if setup => {
                    self.cost_scale = self.cost_scale.max(*cost_scale);
                    ranges
                }
                Body::Shares { activity, change } if !setup => {
                    self.change = self.change.max(*change);
                    activity
                }
                other => return Err(unexpected(other)),
            };
            for (total, number) in self.total.iter_mut().zip(numbers) {
                *total += number;
            }
        }
        if setup {
            for (range, total) in self.ranges.iter_mut().zip(&self.total) {
                *range = if *total > 0.0 { *total } else { 1.0 };
            }
            if self.cost_scale <= 0.0 {
                self.cost_scale = 1.0;
            }
        }
        Ok(setup)
    }

    /// Decides whether this was the last round, from numbers that all agents share.
    pub(crate) fn judge(&mut self, multiplier_change: f64) -> Result<(), ConsensusError> {
        let mut violation: f64 = 0.0;
        for (i, (total, r)) in self.total.iter().zip(self.rows.limits()).enumerate() {
            if self.rows.penalty(i).is_infinite() {
                violation = violation.max((total - r) / self.ranges[i]);
            }
        }
        let worst = self.change.max(multiplier_change).max(violation);
        self.done = worst <= self.settings.tolerance;
        if !self.done && self.round >= self.settings.max_rounds {
            return Err(ConsensusError::NotConverged {
                rounds: self.round as usize,
                violation,
                gap: self.change.max(multiplier_change),
                tolerance: self.settings.tolerance,
            });
        }
        Ok(())
    }

    /// Largest |a - b| relative to the widths.
    pub(crate) fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).zip(&self.width).fold(0.0_f64, |worst, ((a, b), w)| worst.max((a - b).abs() / w))
    }
}

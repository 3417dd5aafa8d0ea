//! The distributed interior point with all agents in one process: the same iterations, the same numbers, nothing encoded.
//!
//! Training solves these programs by the ten thousand; the workspaces are kept between solves and nothing inside an iteration
//! allocates. Parallelism belongs to the caller (one workspace per thread), since one program takes about a millisecond.

use crate::block::Block;
use crate::coupled_rows::CoupledRows;
use crate::error::ConsensusError;
use crate::interior_point_rules::{InteriorPointSettings, PredictorTotals, Rules, Totals, Verdict, add};
use crate::local_program::LocalProgram;

/// Multipliers of one agent's own limits (private).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LocalMultipliers {
    /// Per variable, positive where the upper and negative where the lower bound presses.
    pub bounds: Vec<f64>,
    /// Per local row, positive at the upper limit.
    pub rows: Vec<f64>,
    /// Per ball.
    pub balls: Vec<f64>,
}

/// The answer of a coordination run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Solution {
    /// x_n of every agent.
    pub x: Vec<Vec<f64>>,
    /// lambda >= 0 of the coupled rows.
    pub multipliers: Vec<f64>,
    /// `sum_n B_n x_n`.
    pub activity: Vec<f64>,
    /// Sum of the agents' costs, without penalties for elastic rows.
    pub cost: f64,
    /// Largest amount by which a coupled row is exceeded, in the row's unit.
    pub max_violation: f64,
    /// Communication rounds (all-reduces).
    pub rounds: usize,
    /// Relative accuracy reached: the largest of gap and residuals.
    pub accuracy: f64,
    /// Multipliers of every agent's own limits.
    pub local: Vec<LocalMultipliers>,
}

/// Where to start from: an earlier solution of a similar program.
#[derive(Debug, Clone, Copy, Default)]
pub struct WarmStart<'a> {
    /// x_n of every agent; missing agents start at the middle of their limits.
    pub x: Option<&'a [Vec<f64>]>,
    /// Multipliers of the coupled rows, 0 for new rows.
    pub multipliers: Option<&'a [f64]>,
}

/// Cost and violation of one iterate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TracePoint {
    /// Rounds that were needed to hold this iterate.
    pub rounds: usize,
    /// Sum of the agents' costs.
    pub cost: f64,
    /// Largest amount by which a coupled row is exceeded.
    pub violation: f64,
}

/// Reusable workspaces of an in-process solve.
#[derive(Debug, Clone, Default)]
pub struct InProcess {
    blocks: Vec<Block>,
    alphas: Vec<f64>,
    rules: Rules,
    totals: Totals,
    one: Totals,
    predictor: PredictorTotals,
    v_x: Vec<f64>,
    trace: Vec<TracePoint>,
}

/// Solves the coupled program of all agents in this process; see [`InProcess::solve`].
///
/// # Errors
/// Shapes that do not fit, a proven infeasibility, or no convergence.
pub fn solve_in_process(
    programs: &[LocalProgram],
    rows: &CoupledRows,
    settings: &InteriorPointSettings,
) -> Result<Solution, ConsensusError> {
    InProcess::default().solve(programs, rows, settings, WarmStart::default())
}

impl InProcess {
    /// Empty workspaces; they grow with the first program.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cost and violation of every iterate of the last solve.
    #[must_use]
    pub fn trace(&self) -> &[TracePoint] {
        &self.trace
    }

    /// Solves the coupled program of all agents.
    ///
    /// # Errors
    /// Shapes that do not fit, a proven infeasibility ([`ConsensusError::Infeasible`], [`ConsensusError::LocallyInfeasible`]), or
    /// no convergence within the round limit.
    pub fn solve(
        &mut self,
        programs: &[LocalProgram],
        rows: &CoupledRows,
        settings: &InteriorPointSettings,
        warm: WarmStart<'_>,
    ) -> Result<Solution, ConsensusError> {
        let mut warm = warm;
        self.rules.reset(rows.len());
        self.trace.clear();
        self.load(programs, rows, settings, warm)?;
        loop {
            self.assemble();
            let verdict = self.rules.digest(rows, &self.totals, settings, warm.multipliers);
            self.trace.push(TracePoint {
                rounds: self.rules.rounds - 1,
                cost: self.rules.cost,
                violation: self.rules.violation,
            });
            if self.rules.improved {
                self.blocks.iter_mut().for_each(Block::keep);
            }
            match verdict {
                Verdict::Done => return Ok(self.solution(programs, rows)),
                Verdict::Failed(error) => return Err(error),
                Verdict::Restart => {
                    warm = WarmStart::default();
                    self.load(programs, rows, settings, warm)?;
                }
                Verdict::Predict { agreed: false } => self.step_quickly(rows),
                Verdict::Predict { agreed: true } => self.step_agreed(rows),
            }
        }
    }

    fn load(
        &mut self,
        programs: &[LocalProgram],
        rows: &CoupledRows,
        settings: &InteriorPointSettings,
        warm: WarmStart<'_>,
    ) -> Result<(), ConsensusError> {
        let m = rows.len();
        self.blocks.resize_with(programs.len(), Block::default);
        let is_warm = warm.x.is_some();
        let centring = if is_warm { settings.warm_centring } else { settings.centring };
        for (agent, (block, program)) in self.blocks.iter_mut().zip(programs).enumerate() {
            if program.coupled_rows() != m {
                return Err(ConsensusError::BadShape {
                    what: "coupled rows of an agent's program",
                    expected: m,
                    found: program.coupled_rows(),
                });
            }
            let data = program.data();
            let start = warm.x.and_then(|x| x.get(agent)).map(Vec::as_slice);
            block.load(program, (data.quadratic.as_deref(), None, &data.linear), start, centring);
        }
        self.alphas.clear();
        self.alphas.resize(programs.len(), 1.0);
        self.rules.iterate.resize(m);
        self.one.clear(m);
        self.v_x.clear();
        self.v_x.resize(m, 0.0);
        Ok(())
    }

    /// First all-reduce: every block's matrix and vectors over the coupled rows.
    fn assemble(&mut self) {
        self.totals.clear(self.v_x.len());
        let first = self.rules.iterations == 0;
        for (block, &alpha) in self.blocks.iter_mut().zip(&self.alphas) {
            contribute(block, &self.rules, first, alpha, &mut self.one);
            self.totals.add(&self.one);
        }
    }

    fn step_quickly(&mut self, rows: &CoupledRows) {
        for block in &mut self.blocks {
            block.step(0.0, &self.rules.iterate.target, 0.0);
        }
        let target = self.rules.centre_quickly(rows, &self.totals);
        for (block, alpha) in self.blocks.iter_mut().zip(&mut self.alphas) {
            *alpha = step_alone(block, &self.rules, target);
        }
        self.rules.advance_quickly();
    }

    fn step_agreed(&mut self, rows: &CoupledRows) {
        let m = self.v_x.len();
        self.predictor.v_x.clear();
        self.predictor.v_x.resize(m, 0.0);
        self.predictor.complementarity = [0.0; 3];
        self.predictor.alpha = 1.0;
        for block in &mut self.blocks {
            block.step(0.0, &self.rules.iterate.target, 0.0);
            self.predictor.alpha = self.predictor.alpha.min(block.step_length());
            add(&mut self.predictor.complementarity, &block.complementarity_along());
            block.contribute_correction(&mut self.v_x);
            add(&mut self.predictor.v_x, &self.v_x);
        }
        let (tau, weight) = self.rules.centre_agreed(rows, &self.totals, &self.predictor);
        let mut alpha: f64 = 1.0;
        for block in &mut self.blocks {
            block.step(tau, &self.rules.iterate.target, weight);
            alpha = alpha.min(block.step_length());
        }
        let alpha = self.rules.advance_agreed(alpha);
        for block in &mut self.blocks {
            block.advance(alpha);
        }
        self.alphas.fill(alpha);
    }

    fn solution(&mut self, programs: &[LocalProgram], rows: &CoupledRows) -> Solution {
        let mut activity = vec![0.0; rows.len()];
        let mut cost = 0.0;
        for (block, program) in self.blocks.iter_mut().zip(programs) {
            block.restore();
            program.add_activity(&block.x, &mut activity);
            cost += program.cost(&block.x);
        }
        let local = self.blocks.iter().map(Block::local_multipliers);
        Solution {
            local: local.map(|(bounds, rows, balls)| LocalMultipliers { bounds, rows, balls }).collect(),
            x: self.blocks.iter().map(|block| block.x.clone()).collect(),
            multipliers: self.rules.multipliers.clone(),
            max_violation: rows.violation(&activity),
            activity,
            cost,
            rounds: self.rules.rounds,
            accuracy: self.rules.best,
        }
    }
}

/// One agent's part of the first all-reduce.
pub(crate) fn contribute(block: &mut Block, rules: &Rules, first: bool, alpha: f64, out: &mut Totals) {
    out.status = block.assemble(&rules.iterate.lambda);
    block.contribute(&mut out.sums.s, &mut out.sums.v_a, &mut out.sums.v_c, &mut out.sums.activity);
    if first {
        block.row_ranges(&mut out.ranges);
    }
    out.omega = block.omega();
    out.alpha = alpha;
}

/// The corrector of a quick iteration and the longest step of this agent alone; returns that length undamped.
pub(crate) fn step_alone(block: &mut Block, rules: &Rules, target: (f64, f64)) -> f64 {
    let alpha = block.step_corrected(target, &rules.iterate.target);
    block.advance(rules.damp(alpha));
    alpha
}

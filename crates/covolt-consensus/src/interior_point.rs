//! Distributed interior point, one agent (the default method).
//!
//! The QCLP (23)-(25) is solved by a primal-dual interior-point method whose linear systems split along the agents: eliminating
//! agent n's own unknowns leaves `S_n = B_n K_n^-1 B_n^T` and vectors over the coupled rows. One all-reduce sums them; every agent
//! then solves the same small system `(sum S_n + diag) lambda+ = ...` and goes its own step (`interior_point_rules.rs`).
//! [`crate::InProcess`] does the same iterations without messages and gives the same bits.

use crate::block::{Block, BlockStatus};
use crate::coupled_rows::{CoupledRows, RowSums};
use crate::error::ConsensusError;
use crate::in_process::{contribute, step_alone};
use crate::interior_point_rules::{InteriorPointSettings, PredictorTotals, Rules, Totals, Verdict, add};
use crate::local_program::LocalProgram;
use crate::messages::{Body, Curvature, Message};
use crate::method::{Agent, Audience, Observation, check_inbox, unexpected};

/// What the next round will bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Curvature,
    SecondOrder,
    StepLength,
}

/// One agent of the distributed interior point.
#[derive(Debug, Clone)]
pub struct InteriorPointAgent {
    index: usize,
    agents: usize,
    program: LocalProgram,
    rows: CoupledRows,
    settings: InteriorPointSettings,
    warm_multipliers: Option<Vec<f64>>,
    block: Block,
    rules: Rules,
    own: Totals,
    totals: Totals,
    own_predictor: PredictorTotals,
    own_step: f64,
    alpha: f64,
    phase: Phase,
    round: u32,
    done: bool,
}

impl InteriorPointAgent {
    /// The agent with the given index among `agents`; `warm` is its own earlier x and the common earlier multipliers.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn try_new(
        index: usize,
        agents: usize,
        program: LocalProgram,
        rows: CoupledRows,
        settings: InteriorPointSettings,
        warm: (Option<&[f64]>, Option<&[f64]>),
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
        let mut block = Block::default();
        let centring = if warm.0.is_some() { settings.warm_centring } else { settings.centring };
        let data = program.data();
        block.load(&program, (data.quadratic.as_deref(), None, &data.linear), warm.0, centring);
        let mut rules = Rules::default();
        rules.reset(rows.len());
        let mut own = Totals::default();
        own.clear(rows.len());
        Ok(Self {
            index,
            agents,
            totals: own.clone(),
            own,
            own_predictor: PredictorTotals { v_x: vec![0.0; rows.len()], complementarity: [0.0; 3], alpha: 1.0 },
            own_step: 1.0,
            alpha: 1.0,
            program,
            rows,
            settings,
            warm_multipliers: warm.1.map(<[f64]>::to_vec),
            block,
            rules,
            phase: Phase::Curvature,
            round: 0,
            done: false,
        })
    }

    fn assemble(&mut self) -> Body {
        let first = self.rules.iterations == 0;
        contribute(&mut self.block, &self.rules, first, self.alpha, &mut self.own);
        self.phase = Phase::Curvature;
        self.round += 1;
        Body::Curvature(Box::new(to_message(&self.own, first)))
    }

    fn on_curvature(&mut self, inbox: &[Message]) -> Result<Option<Body>, ConsensusError> {
        self.totals.clear(self.rows.len());
        let mut one = Totals::default();
        for agent in 0..self.agents {
            match received(inbox, self.index, agent) {
                None => self.totals.add(&self.own),
                Some(Body::Curvature(c)) => {
                    from_message(c, self.rows.len(), &mut one);
                    self.totals.add(&one);
                }
                Some(other) => return Err(unexpected(other)),
            }
        }
        let verdict = self.rules.digest(&self.rows, &self.totals, &self.settings, self.warm_multipliers.as_deref());
        if self.rules.improved {
            self.block.keep();
        }
        match verdict {
            Verdict::Failed(error) => Err(error),
            Verdict::Done => {
                self.block.restore();
                self.done = true;
                Ok(None)
            }
            Verdict::Restart => {
                let data = self.program.data();
                let cost = (data.quadratic.as_deref(), None, data.linear.as_slice());
                self.block.load(&self.program, cost, None, self.settings.centring);
                self.rules.iterate.resize(self.rows.len());
                self.warm_multipliers = None;
                self.alpha = 1.0;
                Ok(Some(self.assemble()))
            }
            Verdict::Predict { agreed } => {
                self.block.step(0.0, &self.rules.iterate.target, 0.0);
                if agreed {
                    return Ok(Some(self.second_order()));
                }
                let target = self.rules.centre_quickly(&self.rows, &self.totals);
                self.alpha = step_alone(&mut self.block, &self.rules, target);
                self.rules.advance_quickly();
                Ok(Some(self.assemble()))
            }
        }
    }

    fn second_order(&mut self) -> Body {
        let own = &mut self.own_predictor;
        own.alpha = self.block.step_length();
        own.complementarity = self.block.complementarity_along();
        self.block.contribute_correction(&mut own.v_x);
        self.phase = Phase::SecondOrder;
        self.round += 1;
        Body::SecondOrder { vector: own.v_x.clone(), complementarity: own.complementarity, step: own.alpha }
    }

    fn on_second_order(&mut self, inbox: &[Message]) -> Result<Option<Body>, ConsensusError> {
        let mut total = PredictorTotals { v_x: vec![0.0; self.rows.len()], complementarity: [0.0; 3], alpha: 1.0 };
        for agent in 0..self.agents {
            let own = &self.own_predictor;
            let (vector, complementarity, step) = match received(inbox, self.index, agent) {
                None => (&own.v_x, &own.complementarity, own.alpha),
                Some(Body::SecondOrder { vector, complementarity, step }) => (vector, complementarity, *step),
                Some(other) => return Err(unexpected(other)),
            };
            add(&mut total.v_x, vector);
            add(&mut total.complementarity, complementarity);
            total.alpha = total.alpha.min(step);
        }
        let (tau, weight) = self.rules.centre_agreed(&self.rows, &self.totals, &total);
        self.block.step(tau, &self.rules.iterate.target, weight);
        self.own_step = self.block.step_length();
        self.phase = Phase::StepLength;
        self.round += 1;
        Ok(Some(Body::StepLength { step: self.own_step }))
    }

    fn on_step_length(&mut self, inbox: &[Message]) -> Result<Option<Body>, ConsensusError> {
        let mut alpha = self.own_step;
        for message in inbox {
            let Body::StepLength { step } = &message.body else {
                return Err(unexpected(&message.body));
            };
            alpha = alpha.min(*step);
        }
        let alpha = self.rules.advance_agreed(alpha);
        self.block.advance(alpha);
        self.alpha = alpha;
        Ok(Some(self.assemble()))
    }
}

impl Agent for InteriorPointAgent {
    fn audience(&self) -> Audience {
        Audience::Everyone
    }

    fn start(&mut self) -> Result<Body, ConsensusError> {
        Ok(self.assemble())
    }

    fn on_round(&mut self, inbox: &[Message]) -> Result<Option<Body>, ConsensusError> {
        let own = self.index;
        check_inbox(inbox, self.round, (0..self.agents).filter(|&a| a != own))?;
        match self.phase {
            Phase::Curvature => self.on_curvature(inbox),
            Phase::SecondOrder => self.on_second_order(inbox),
            Phase::StepLength => self.on_step_length(inbox),
        }
    }

    fn done(&self) -> bool {
        self.done
    }

    fn observe(&self) -> Observation<'_> {
        let x = &self.block.x;
        let multipliers = if self.done { &self.rules.multipliers } else { &self.rules.iterate.lambda };
        Observation { x, multipliers, cost: self.program.cost(x) }
    }
}

/// Body of `agent` in an inbox that leaves out `own` (checked before), `None` for the own one.
fn received(inbox: &[Message], own: usize, agent: usize) -> Option<&Body> {
    match agent.cmp(&own) {
        std::cmp::Ordering::Less => inbox.get(agent).map(|m| &m.body),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => inbox.get(agent - 1).map(|m| &m.body),
    }
}

fn to_message(own: &Totals, first: bool) -> Curvature {
    let s = &own.status;
    Curvature {
        matrix: own.sums.s.clone(),
        predictor: own.sums.v_a.clone(),
        centring: own.sums.v_c.clone(),
        activity: own.sums.activity.clone(),
        ranges: if first { own.ranges.clone() } else { Vec::new() },
        scalars: [
            s.cost,
            s.complementarity,
            s.limits,
            s.dual_residual,
            s.local_residual,
            own.omega,
            own.alpha,
            s.farkas,
            s.farkas_size,
        ],
        locally_infeasible: s.locally_infeasible,
    }
}

fn from_message(c: &Curvature, rows: usize, out: &mut Totals) {
    let [cost, complementarity, limits, dual_residual, local_residual, omega, alpha, farkas, farkas_size] = c.scalars;
    out.sums = RowSums {
        s: c.matrix.clone(),
        v_a: c.predictor.clone(),
        v_c: c.centring.clone(),
        activity: c.activity.clone(),
    };
    out.ranges.clone_from(&c.ranges);
    out.ranges.resize(rows, 0.0);
    out.status = BlockStatus {
        cost,
        complementarity,
        limits,
        dual_residual,
        local_residual,
        farkas,
        farkas_size,
        locally_infeasible: c.locally_infeasible,
    };
    out.omega = omega;
    out.alpha = alpha;
}

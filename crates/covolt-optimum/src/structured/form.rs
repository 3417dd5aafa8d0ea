//! A window program in the form that the interior point works on: scaled, fixed variables removed, sorted by steps.
//!
//! ```text
//!   minimise    1/2 x^T H x + c^T x + sum weights * slacks
//!   over        functionals  f = A x + constants:  the variables, local rows of a block, coupled rows of a step
//!   subject to  sign f <= right (+ slack)                                                        (sides)
//!               |(f_1, f_2)| <= radius (+ slack)                                                 (cones)
//! ```
//!
//! Variables are in units of their range, x' = (x - lower) / (upper - lower), voltages in units of 0.01 pu, currents and
//! circles in fractions of the limit. They are sorted by step, then by microgrid: a **block** is what one microgrid decides
//! in one step. Blocks of different steps meet in **states** only (`states.rs`).

use super::fixed_rows::{ViolatedRow, violated};
use super::states::{NONE, StateKind, StateTerm, States};
use super::tree_rows::TreeRows;
use crate::conic_program::ProgramSettings;
use crate::conic_program::objective::{ObjectiveTerms, add_objective};
use covolt_fleet::window_program::{AgentProgram, WindowProgram};

/// Position of a variable that is fixed.
pub(super) const FIXED: usize = usize::MAX;

/// One microgrid's variables of one step: first those that no other step sees, then those that enter a state.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Block {
    /// First variable.
    pub x: usize,
    pub local: usize,
    pub linked: usize,
    /// First entry of its dense Hessian.
    pub hessian: usize,
    /// Column of its first linked variable among the linked ones of the step.
    pub column: usize,
    /// Its local rows, first and one past the last.
    pub rows: (usize, usize),
    /// Its circles among the cones.
    pub circles: (usize, usize),
    /// Its incoming states, counted from the step's first.
    pub states: (usize, usize),
}

impl Block {
    pub fn len(&self) -> usize {
        self.local + self.linked
    }
}

/// Local row: constant + sum of terms + coefficient * state before the step.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalRow {
    /// First and one past the last of its terms.
    pub terms: (usize, usize),
    pub constant: f64,
    /// Place among all incoming states, and coefficient; coefficient zero where there is none.
    pub state: usize,
    pub state_coefficient: f64,
}

/// sign f <= right, or <= right + s at the price `weight` per s where that is finite.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    /// The functional.
    pub at: usize,
    pub sign: f64,
    pub right: f64,
    pub weight: f64,
}

/// |(f_first, f_first+1)| <= radius (+ s).
#[derive(Debug, Clone, Copy)]
pub(super) struct Cone {
    pub first: usize,
    pub radius: f64,
    pub weight: f64,
}

/// Which coupled limit stands behind a coupled functional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CoupledLimit {
    Voltage(usize),
    Current(usize),
}

/// The program; memory is reused from one to the next.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub steps: usize,
    pub agents: usize,
    /// First variable of each step, and one past the last.
    pub step_x: Vec<usize>,
    /// Block of step t and microgrid n at t * agents + n.
    pub blocks: Vec<Block>,
    pub hessian: Vec<f64>,
    pub linear: Vec<f64>,
    /// Objective where every free variable is at its origin.
    pub constant: f64,
    pub origin: Vec<f64>,
    pub unit: Vec<f64>,
    pub states: States,
    /// Local rows follow the variables in the numbering of functionals.
    pub rows: Vec<LocalRow>,
    /// (variable within the block, coefficient).
    pub terms: Vec<(usize, f64)>,
    /// Coupled rows follow the local ones: first of each step, and one past the last, counted from the first coupled row.
    pub step_coupled: Vec<usize>,
    /// First coefficient of each coupled row; as many as the step has variables.
    pub coupled_start: Vec<usize>,
    pub coupled_constant: Vec<f64>,
    pub coefficients: Vec<f64>,
    pub sides: Vec<Side>,
    /// Circles first, by block; then currents.
    pub cones: Vec<Cone>,
    /// Sides and cones of the coupled limits, in the order of the coupled rows.
    pub limits: Vec<(CoupledLimit, usize)>,
    /// The coupled rows through the network.
    pub tree_rows: TreeRows,
    // From the program's own numbering.
    pub(super) agent_start: Vec<usize>,
    pub(super) position: Vec<usize>,
    fixed: Vec<f64>,
    slope: Vec<f64>,
    pub placed: Vec<Placed>,
    /// Row that no free variable enters and that does not hold, if one was met.
    pub violated: Option<ViolatedRow>,
}

/// A local row or a circle, and where it belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    block: usize,
    pub agent: usize,
    circle: bool,
    pub index: usize,
    /// The state it asks for, or [`NONE`].
    pub state: usize,
    state_coefficient: f64,
    /// It is part of the program; rows that link steps may be left out.
    pub wanted: bool,
}

impl Form {
    pub fn n(&self) -> usize {
        self.linear.len()
    }
    /// First coupled functional.
    pub fn coupled_from(&self) -> usize {
        self.n() + self.rows.len()
    }
    pub fn n_functionals(&self) -> usize {
        self.coupled_from() + self.coupled_start.len()
    }
    pub fn step_width(&self, t: usize) -> usize {
        self.step_x[t + 1] - self.step_x[t]
    }

    /// Finds the place of every local row; `None` where the program has rows of another shape.
    pub fn open(&mut self, program: &WindowProgram) -> Option<()> {
        self.violated = None;
        self.steps = program.agents.first()?.layout.action.steps;
        self.agents = program.agents.len();
        if self.steps == 0 || program.agents.iter().any(|a| a.layout.action.steps != self.steps) {
            return None;
        }
        self.agent_start.clear();
        let mut total = 0;
        for agent in &program.agents {
            self.agent_start.push(total);
            total += agent.layout.len();
        }
        self.agent_start.push(total);
        self.placed.clear();
        self.states.clear();
        for (n, agent) in program.agents.iter().enumerate() {
            self.states.open_agent();
            for (index, row) in agent.rows.iter().enumerate() {
                let (step, state, state_coefficient) = self.states.place(&agent.layout, &row.terms)?;
                let block = step * self.agents + n;
                let (circle, wanted) = (false, state == NONE);
                self.placed.push(Placed { block, agent: n, circle, index, state, state_coefficient, wanted });
            }
            for (index, circle) in agent.circles.iter().enumerate() {
                let step = step_of(agent, circle.q);
                let inside = circle.p.iter().all(|&(v, _)| step_of(agent, v) == step);
                inside.then_some(())?;
                let block = step * self.agents + n;
                let (state, state_coefficient, circle, wanted) = (NONE, 0.0, true, true);
                self.placed.push(Placed { block, agent: n, circle, index, state, state_coefficient, wanted });
            }
        }
        self.states.close();
        self.placed.sort_by_key(|p| p.block);
        Some(())
    }

    /// Everything but the coupled rows.
    pub fn load(&mut self, program: &WindowProgram, settings: &ProgramSettings) -> Option<()> {
        let rows = self.placed.iter().filter(|p| p.wanted);
        self.states.receive(self.steps, rows.map(|p| (p.block / self.agents, p.state)));
        self.order_variables(program);
        self.load_objective(program, settings)?;
        self.load_states(program);
        self.load_local_rows(program)
    }

    fn order_variables(&mut self, program: &WindowProgram) {
        let total = self.agent_start.last().copied().unwrap_or(0);
        self.position.clear();
        self.position.resize(total, FIXED);
        self.fixed.clear();
        self.fixed.resize(total, 0.0);
        self.step_x.clear();
        self.step_x.push(0);
        self.blocks.clear();
        self.origin.clear();
        self.unit.clear();
        let mut hessian = 0;
        for t in 0..self.steps {
            let mut column = 0;
            for (n, agent) in program.agents.iter().enumerate() {
                let mut block = Block {
                    x: self.origin.len(),
                    hessian,
                    column,
                    states: self.states.of_block(t, n),
                    ..Block::default()
                };
                for linked in [false, true] {
                    let per_step = agent.layout.per_step();
                    let ends = if t + 1 == self.steps { agent.layout.len() } else { (t + 1) * per_step };
                    for variable in t * per_step..ends {
                        let place = variable % per_step;
                        let links = t + 1 < self.steps && self.states.is_linked(t, n, &agent.layout, place);
                        if links != linked {
                            continue;
                        }
                        let (lower, upper) = (agent.lower[variable], agent.upper[variable]);
                        let slot = self.agent_start[n] + variable;
                        if lower >= upper {
                            self.fixed[slot] = lower;
                            continue;
                        }
                        self.position[slot] = self.origin.len();
                        let range = upper - lower;
                        self.origin.push(if lower.is_finite() { lower } else { 0.0 });
                        self.unit.push(if range.is_finite() { range } else { 1.0 });
                        *(if linked { &mut block.linked } else { &mut block.local }) += 1;
                    }
                }
                hessian += block.len() * block.len();
                column += block.linked;
                self.blocks.push(block);
            }
            self.step_x.push(self.origin.len());
        }
        self.hessian.clear();
        self.hessian.resize(hessian, 0.0);
    }

    /// Value of a variable where every free one is at its origin.
    pub(super) fn at_origin(&self, slot: usize) -> f64 {
        let position = self.position[slot];
        if position == FIXED { self.fixed[slot] } else { self.origin[position] }
    }

    fn load_objective(&mut self, program: &WindowProgram, settings: &ProgramSettings) -> Option<()> {
        self.constant = 0.0;
        self.slope.clear();
        self.slope.resize(self.position.len(), 0.0);
        for n in 0..self.agents {
            let mut terms = AgentTerms { n, layout_steps: &program.agents[n], form: self, fits: true };
            add_objective(program, settings, n, &mut terms);
            terms.fits.then_some(())?;
        }
        self.linear.clear();
        self.linear.resize(self.origin.len(), 0.0);
        for (slot, &position) in self.position.iter().enumerate() {
            if position != FIXED {
                self.linear[position] = self.slope[slot] * self.unit[position];
            }
        }
        Some(())
    }

    fn load_states(&mut self, program: &WindowProgram) {
        let mut states = std::mem::take(&mut self.states);
        for t in 1..self.steps {
            for at in states.of_step(t) {
                let state = states.list[states.incoming[at].state];
                let agent = &program.agents[state.agent];
                let block = &self.blocks[(t - 1) * self.agents + state.agent];
                let variables = match state.kind {
                    StateKind::Copy { place } => [((t - 1) * agent.layout.per_step() + place, 1.0), (0, 0.0)],
                    StateKind::Energy { battery, charge, discharge } => [
                        (agent.layout.p_charge(t - 1, battery), charge),
                        (agent.layout.p_discharge(t - 1, battery), discharge),
                    ],
                };
                states.incoming[at].terms = variables.map(|(variable, coefficient)| {
                    let position = self.position[self.agent_start[state.agent] + variable];
                    if coefficient == 0.0 || position == FIXED {
                        return StateTerm::default();
                    }
                    let column = block.column + (position - block.x - block.local);
                    StateTerm { x: position, column, coefficient: coefficient * self.unit[position] }
                });
            }
        }
        states.scale();
        self.states = states;
    }

    fn load_local_rows(&mut self, program: &WindowProgram) -> Option<()> {
        let placed = std::mem::take(&mut self.placed);
        self.rows.clear();
        self.terms.clear();
        self.sides.clear();
        self.cones.clear();
        for (n, agent) in program.agents.iter().enumerate() {
            for (variable, (&lower, &upper)) in agent.lower.iter().zip(&agent.upper).enumerate() {
                let at = self.position[self.agent_start[n] + variable];
                if at != FIXED {
                    let scaled = |bound: f64| (bound - self.origin[at]) / self.unit[at];
                    self.sides.extend(two_sides(at, scaled(lower), scaled(upper)));
                }
            }
        }
        let mut next = 0;
        for block in 0..self.blocks.len() {
            let (row_start, cone_start) = (self.rows.len(), self.cones.len());
            while let Some(p) = placed.get(next).filter(|p| p.block == block) {
                next += 1;
                if !p.wanted {
                    continue;
                }
                let agent = &program.agents[p.agent];
                if p.circle {
                    let circle = &agent.circles[p.index];
                    let first = self.n() + self.rows.len();
                    let scale = 1.0 / circle.radius;
                    (scale.is_finite() && scale > 0.0).then_some(())?;
                    self.push_row(p, &circle.p, circle.p_offset, Some(scale));
                    self.push_row(p, &[(circle.q, 1.0)], 0.0, Some(scale));
                    self.cones.push(Cone { first, radius: 1.0, weight: f64::INFINITY });
                } else {
                    let row = &agent.rows[p.index];
                    let scale = self.push_row(p, &row.terms, 0.0, None);
                    let (low, high) = (row.lower * scale, row.upper * scale);
                    let at = self.linear.len() + self.rows.len() - 1;
                    let pushed = self.rows.last_mut()?;
                    if pushed.terms.0 == pushed.terms.1 && pushed.state_coefficient == 0.0 {
                        self.violated = violated(p.agent, p.index, pushed.constant, (low, high));
                        self.violated.is_none().then_some(())?;
                        self.rows.pop(); // nothing left to decide
                        continue;
                    }
                    (high - low >= NARROWEST_ROW).then_some(())?;
                    let constant = std::mem::take(&mut pushed.constant);
                    self.sides.extend(two_sides(at, low - constant, high - constant));
                }
            }
            self.blocks[block].rows = (row_start, self.rows.len());
            self.blocks[block].circles = (cone_start, self.cones.len());
        }
        self.placed = placed;
        Some(())
    }

    /// Appends the row, scaled so that its largest coefficient is one unless `scale` is given; returns the scale.
    fn push_row(&mut self, p: &Placed, terms: &[(usize, f64)], constant: f64, scale: Option<f64>) -> f64 {
        let start = self.terms.len();
        let mut constant = constant;
        let block = self.blocks[p.block];
        for &(variable, coefficient) in terms {
            let slot = self.agent_start[p.agent] + variable;
            constant += coefficient * self.at_origin(slot);
            let position = self.position[slot];
            if position != FIXED && (block.x..block.x + block.len()).contains(&position) && coefficient != 0.0 {
                self.terms.push((position - block.x, coefficient * self.unit[position]));
            }
        }
        let state_coefficient = p.state_coefficient * self.states.unit_of(p.state);
        let largest = self.terms[start..].iter().fold(0.0_f64, |m, (_, c)| m.max(c.abs()));
        let scale = scale.unwrap_or(if largest > 0.0 { 1.0 / largest } else { 1.0 });
        self.terms[start..].iter_mut().for_each(|(_, c)| *c *= scale);
        self.rows.push(LocalRow {
            terms: (start, self.terms.len()),
            constant: constant * scale,
            state: if p.state == NONE { NONE } else { self.states.find(p.block / self.agents, p.state) },
            state_coefficient: state_coefficient * scale,
        });
        scale
    }

    /// Variables of the program's joint action, all agents one after the other, in the program's units.
    pub fn values_of_action(&self, program: &WindowProgram, values: &mut Vec<f64>) {
        values.clear();
        values.resize(self.agent_start.last().copied().unwrap_or(0), f64::NAN);
        for (n, (agent, at)) in program.agents.iter().zip(&program.at).enumerate() {
            let per_step = agent.layout.action.per_step();
            let own = &mut values[self.agent_start[n]..self.agent_start[n + 1]];
            for (entry, &value) in at.iter().enumerate() {
                let [(first, _), (second, factor)] = agent.layout.of_action(entry / per_step, entry % per_step);
                own[first] = value;
                if factor != 0.0 {
                    (own[first], own[second]) = (value.max(0.0), (-value).max(0.0));
                }
            }
        }
    }

    /// The variables `values` in the form's order and units; a half where there is none.
    pub fn scaled(&self, values: &[f64], x: &mut Vec<f64>) {
        x.clear();
        x.resize(self.n(), 0.5);
        for (&position, value) in self.position.iter().zip(values) {
            if position != FIXED && value.is_finite() {
                x[position] = (value - self.origin[position]) / self.unit[position];
            }
        }
    }

    /// The reverse.
    pub fn values(&self, x: &[f64], values: &mut Vec<f64>) {
        values.clear();
        values.extend(self.position.iter().zip(&self.fixed).map(|(&position, &fixed)| {
            if position == FIXED { fixed } else { self.origin[position] + self.unit[position] * x[position] }
        }));
    }

    /// One agent's part of all values.
    pub fn of_agent(&self, n: usize) -> std::ops::Range<usize> {
        self.agent_start[n]..self.agent_start[n + 1]
    }
}

/// Rows narrower than this, scaled, have no inside that a solver could work in.
const NARROWEST_ROW: f64 = 1e-9;

fn two_sides(at: usize, lower: f64, upper: f64) -> impl Iterator<Item = Side> {
    let high = Side { at, sign: 1.0, right: upper, weight: f64::INFINITY };
    let low = Side { at, sign: -1.0, right: -lower, weight: f64::INFINITY };
    [high, low].into_iter().filter(|side| side.right.is_finite())
}

fn step_of(agent: &AgentProgram, variable: usize) -> usize {
    (variable / agent.layout.per_step()).min(agent.layout.action.steps - 1)
}

pub(super) fn step_of_limit(program: &WindowProgram, limit: CoupledLimit) -> usize {
    match limit {
        CoupledLimit::Voltage(m) => program.voltages[m].step,
        CoupledLimit::Current(m) => program.currents[m].step,
    }
}

/// One agent's part of the objective.
struct AgentTerms<'a> {
    n: usize,
    layout_steps: &'a AgentProgram,
    form: &'a mut Form,
    /// No term over two steps was met.
    fits: bool,
}

impl ObjectiveTerms for AgentTerms<'_> {
    fn quadratic(&mut self, i: usize, j: usize, value: f64) {
        let form = &mut *self.form;
        let step = step_of(self.layout_steps, i);
        if step != step_of(self.layout_steps, j) {
            self.fits = false;
            return;
        }
        let start = form.agent_start[self.n];
        let (at_i, at_j) = (form.at_origin(start + i), form.at_origin(start + j));
        form.slope[start + i] += value * at_j;
        form.constant += if i == j { 0.5 } else { 1.0 } * value * at_i * at_j;
        if i != j {
            form.slope[start + j] += value * at_i;
        }
        let (p, q) = (form.position[start + i], form.position[start + j]);
        if p != FIXED && q != FIXED {
            let block = form.blocks[step * form.agents + self.n];
            let scaled = value * form.unit[p] * form.unit[q];
            let (p, q, width) = (p - block.x, q - block.x, block.len());
            form.hessian[block.hessian + p * width + q] += scaled;
            if p != q {
                form.hessian[block.hessian + q * width + p] += scaled;
            }
        }
    }

    fn linear(&mut self, i: usize, value: f64) {
        let slot = self.form.agent_start[self.n] + i;
        self.form.slope[slot] += value;
        self.form.constant += value * self.form.at_origin(slot);
    }
}

//! One convexified window, solved as a conic program by Clarabel.
//!
//! minimise  cost or distance  +  proximal term  +  w_V sum s_V + w_I sum s_I
//! s.t.      local limits exactly (bounds, ramps, energy, circles as second-order cones),
//!           voltage rows  e + b (a - a_0) <= s_V,   current cones  |i + (b_re, b_im) (a - a_0)| <= 1 + s_I,   s >= 0
//!
//! The slacks make the program feasible whatever the window; with weights above the true multipliers they vanish
//! whenever the limits can be met (exact penalty), and where they cannot, what remains is the least violation.
//!
//! The solver sees every variable in units of its range and voltages in units of 0.01 pu: without that the same programs
//! take 20-200 iterations instead of about 16, and end less exact (kW beside pu is beyond its own equilibration).

use crate::error::OptimumError;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};
use covolt_fleet::window_program::{AgentProgram, WindowProgram};
use covolt_fleet::{Limit, LimitPrices};

/// What the program minimises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// Cost of the window plus `proximal` $ times the squared change of each entry relative to its range.
    Cost {
        /// Weight, $.
        proximal: f64,
    },
    /// The smallest change of the action, each entry relative to its range; reactive power is cheap to change.
    Nearest,
}

/// Settings of one program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProgramSettings {
    /// Objective.
    pub objective: Objective,
    /// Weight of violated voltage limits, $/pu: far above the multipliers seen in practice (tens to hundreds).
    pub voltage_weight: f64,
    /// Weight of violated current limits, $ per fraction of the limit.
    pub current_weight: f64,
    /// Limits are tightened by this, pu of voltage.
    pub voltage_margin_pu: f64,
    /// Limits are tightened by this fraction.
    pub current_margin: f64,
    /// Absolute and relative tolerance of the conic solver.
    pub tolerance: f64,
}

impl Default for ProgramSettings {
    fn default() -> Self {
        ProgramSettings {
            objective: Objective::Cost { proximal: 0.0 },
            voltage_weight: 5e3,
            current_weight: 1e3,
            voltage_margin_pu: 1e-7,
            current_margin: 1e-7,
            tolerance: 1e-8,
        }
    }
}

/// Weight of a reactive entry relative to an active one in [`Objective::Nearest`]: reactive power has no fuel.
const REACTIVE_WEIGHT: f64 = 0.05;
/// Slope against charging and discharging at once in [`Objective::Nearest`], per full range; far below the weights.
const OVERLAP_SLOPE: f64 = 1e-3;
/// Unit in which the solver sees voltages, pu.
const VOLTAGE_UNIT_PU: f64 = 0.01;
/// Both powers of a battery above this, kW, count as charging and discharging at once.
const OVERLAP_KW: f64 = 1e-3;

/// Solution of one program.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgramSolution {
    /// Action per microgrid, charging and discharging netted.
    pub actions: Vec<Vec<f64>>,
    /// Multipliers of the coupled limits above 1e-7.
    pub prices: LimitPrices,
    /// Largest slack of a voltage limit, pu.
    pub voltage_slack_pu: f64,
    /// Largest slack of a current limit, fraction.
    pub current_slack: f64,
    /// Interior-point iterations, all solves.
    pub iterations: u32,
    /// Conic programs solved (more than one when charging and discharging had to be separated).
    pub programs: u32,
}

/// Solves the program; where negative prices make a battery charge and discharge at once, the direction of its net
/// power is fixed and the program solved again, so that (13) holds.
///
/// # Errors
/// Refused input, or no answer from the solver.
pub fn solve_program(program: &mut WindowProgram, settings: &ProgramSettings) -> Result<ProgramSolution, OptimumError> {
    let mut total = 0;
    let mut programs = 0;
    loop {
        let assembled = Assembled::new(program, settings);
        let solved = assembled.solve(settings.tolerance)?;
        total += solved.iterations;
        programs += 1;
        let spans = program.agents.iter().zip(&assembled.agent_start).map(|(a, &start)| start..start + a.layout.len());
        let parts: Vec<Vec<f64>> = spans.map(|span| solved.x[span].to_vec()).collect();
        if separate_directions(program, &parts) {
            continue;
        }
        return Ok(assembled.read(program, &solved, total, programs));
    }
}

/// Forbids the smaller of two overlapping battery powers in the solutions `x` of all agents; true when there was one.
fn separate_directions(program: &mut WindowProgram, x: &[Vec<f64>]) -> bool {
    let mut separated = false;
    for (agent, x) in program.agents.iter_mut().zip(x) {
        for t in 0..agent.layout.action.steps {
            for k in 0..agent.layout.action.batteries {
                let (charge, discharge) = (agent.layout.p_charge(t, k), agent.layout.p_discharge(t, k));
                if x[charge].min(x[discharge]) > OVERLAP_KW {
                    agent.upper[if x[charge] >= x[discharge] { discharge } else { charge }] = 0.0;
                    separated = true;
                }
            }
        }
    }
    separated
}

struct Solved {
    x: Vec<f64>,
    z: Vec<f64>,
    iterations: u32,
}

/// The program in the solver's form: min 1/2 x'Px + q'x, Ax + s = b, s in K.
struct Assembled {
    agent_start: Vec<usize>,
    quadratic: (Vec<usize>, Vec<usize>, Vec<f64>),
    linear: Vec<f64>,
    rows: (Vec<usize>, Vec<usize>, Vec<f64>),
    right: Vec<f64>,
    cones: Vec<SupportedConeT<f64>>,
    voltage_row: usize,
    voltage_rows: usize,
    current_row: usize,
    slack_start: usize,
    /// Unit of each variable: its range, so that the solver sees numbers of order one.
    unit: Vec<f64>,
}

impl Assembled {
    fn new(program: &WindowProgram, settings: &ProgramSettings) -> Assembled {
        let mut agent_start = Vec::with_capacity(program.agents.len());
        let mut variables = 0;
        for agent in &program.agents {
            agent_start.push(variables);
            variables += agent.layout.len();
        }
        let slack_start = variables;
        let mut unit: Vec<f64> = program
            .agents
            .iter()
            .flat_map(|agent| {
                agent.lower.iter().zip(&agent.upper).map(|(lower, upper)| {
                    let range = upper - lower;
                    if range.is_finite() && range > 0.0 { range } else { 1.0 }
                })
            })
            .collect();
        unit.resize(unit.len() + program.voltages.len(), VOLTAGE_UNIT_PU);
        unit.resize(unit.len() + program.currents.len(), 1.0);
        variables += program.voltages.len() + program.currents.len();
        let mut this = Assembled {
            agent_start,
            quadratic: Default::default(),
            linear: vec![0.0; variables],
            rows: Default::default(),
            right: Vec::new(),
            cones: Vec::new(),
            voltage_row: 0,
            voltage_rows: program.voltages.len(),
            current_row: 0,
            slack_start,
            unit,
        };
        this.add_objective(program, settings);
        this.add_linear_rows(program, settings);
        this.add_cones(program, settings);
        this
    }

    fn add_objective(&mut self, program: &WindowProgram, settings: &ProgramSettings) {
        for (n, agent) in program.agents.iter().enumerate() {
            let start = self.agent_start[n];
            let centre = agent.layout.from_action(&program.at[n]);
            match settings.objective {
                Objective::Cost { proximal } => {
                    for &(i, j, value) in &agent.quadratic {
                        self.add_quadratic(start + i, start + j, value);
                    }
                    for (i, &slope) in agent.linear.iter().enumerate() {
                        self.linear[start + i] += slope;
                    }
                    if proximal > 0.0 {
                        self.add_proximal(agent, start, &centre, |_| proximal);
                    }
                }
                Objective::Nearest => {
                    let reactive_from = agent.layout.action.dgs + 2 * agent.layout.action.batteries;
                    let per_step = agent.layout.per_step();
                    self.add_proximal(agent, start, &centre, |i| {
                        if i % per_step >= reactive_from { REACTIVE_WEIGHT } else { 1.0 }
                    });
                    self.discourage_overlap(agent, start);
                }
            }
        }
        for i in 0..program.voltages.len() {
            self.linear[self.slack_start + i] = settings.voltage_weight;
        }
        for i in 0..program.currents.len() {
            self.linear[self.slack_start + program.voltages.len() + i] = settings.current_weight;
        }
    }

    /// weight/2 ((a - a_0) / range)^2 on every entry of the action; for a battery on its net power, so that changing from
    /// discharging to charging is no more and no less than the change of the net power.
    fn add_proximal(&mut self, agent: &AgentProgram, start: usize, centre: &[f64], weight: impl Fn(usize) -> f64) {
        let layout = agent.layout;
        let per_step = layout.action.per_step();
        for entry in 0..layout.action.len() {
            let [(first, _), (second, factor)] = layout.of_action(entry / per_step, entry % per_step);
            let (mut range, mut at) = (agent.upper[first] - agent.lower[first], centre[first]);
            if factor != 0.0 {
                range += agent.upper[second] - agent.lower[second];
                at += factor * centre[second];
            }
            if range.is_finite() && range > 0.0 {
                let scaled = weight(first) / (range * range);
                self.add_quadratic(start + first, start + first, scaled);
                self.linear[start + first] -= scaled * at;
                if factor != 0.0 {
                    self.add_quadratic(start + second, start + second, scaled);
                    self.add_quadratic(start + first, start + second, scaled * factor);
                    self.linear[start + second] -= scaled * factor * at;
                }
            }
        }
    }

    /// Distance looks at net power alone; a small slope keeps charging and discharging apart.
    fn discourage_overlap(&mut self, agent: &AgentProgram, start: usize) {
        for t in 0..agent.layout.action.steps {
            for k in 0..agent.layout.action.batteries {
                for variable in [agent.layout.p_charge(t, k), agent.layout.p_discharge(t, k)] {
                    let range = agent.upper[variable] - agent.lower[variable];
                    if range > 0.0 {
                        self.linear[start + variable] += OVERLAP_SLOPE / range;
                    }
                }
            }
        }
    }

    fn add_quadratic(&mut self, i: usize, j: usize, value: f64) {
        self.quadratic.0.push(i);
        self.quadratic.1.push(j);
        self.quadratic.2.push(value);
    }

    /// Row `terms x <= right`.
    fn add_row(&mut self, terms: impl Iterator<Item = (usize, f64)>, right: f64) {
        let row = self.right.len();
        for (column, value) in terms {
            self.rows.0.push(row);
            self.rows.1.push(column);
            self.rows.2.push(value);
        }
        self.right.push(right);
    }

    fn add_linear_rows(&mut self, program: &WindowProgram, settings: &ProgramSettings) {
        // Fixed variables and equality rows first, as their own cone.
        for (n, agent) in program.agents.iter().enumerate() {
            let start = self.agent_start[n];
            for i in 0..agent.layout.len() {
                if agent.lower[i] >= agent.upper[i] {
                    self.add_row([(start + i, 1.0)].into_iter(), agent.lower[i]);
                }
            }
        }
        self.cones.push(SupportedConeT::ZeroConeT(self.right.len()));
        let linear_start = self.right.len();
        for (n, agent) in program.agents.iter().enumerate() {
            let start = self.agent_start[n];
            for i in 0..agent.layout.len() {
                let (lower, upper) = (agent.lower[i], agent.upper[i]);
                if lower < upper {
                    if upper.is_finite() {
                        self.add_row([(start + i, 1.0)].into_iter(), upper);
                    }
                    if lower.is_finite() {
                        self.add_row([(start + i, -1.0)].into_iter(), -lower);
                    }
                }
            }
            for row in &agent.rows {
                if row.upper.is_finite() {
                    self.add_row(row.terms.iter().map(|&(i, c)| (start + i, c)), row.upper);
                }
                if row.lower.is_finite() {
                    self.add_row(row.terms.iter().map(|&(i, c)| (start + i, -c)), -row.lower);
                }
            }
        }
        for i in self.slack_start..self.linear.len() {
            self.add_row([(i, -1.0)].into_iter(), 0.0);
        }
        self.voltage_row = self.right.len();
        for (m, row) in program.voltages.iter().enumerate() {
            let terms = self.coupled_terms(program, row.step, &row.coefficients);
            let right = -row.excess - settings.voltage_margin_pu + offset(program, row.step, &row.coefficients);
            self.add_row(terms.into_iter().chain([(self.slack_start + m, -1.0)]), right);
        }
        self.cones.push(SupportedConeT::NonnegativeConeT(self.right.len() - linear_start));
    }

    fn add_cones(&mut self, program: &WindowProgram, settings: &ProgramSettings) {
        for (n, agent) in program.agents.iter().enumerate() {
            let start = self.agent_start[n];
            for circle in &agent.circles {
                self.add_row([].into_iter(), circle.radius);
                self.add_row(circle.p.iter().map(|&(i, c)| (start + i, -c)), circle.p_offset);
                self.add_row([(start + circle.q, -1.0)].into_iter(), 0.0);
                self.cones.push(SupportedConeT::SecondOrderConeT(3));
            }
        }
        self.current_row = self.right.len();
        for (m, row) in program.currents.iter().enumerate() {
            let slack = self.slack_start + program.voltages.len() + m;
            self.add_row([(slack, -1.0)].into_iter(), 1.0 - settings.current_margin);
            for (coefficients, value) in [(&row.re, row.value.re), (&row.im, row.value.im)] {
                let terms = self.coupled_terms(program, row.step, coefficients);
                let constant = value - offset(program, row.step, coefficients);
                self.add_row(terms.into_iter().map(|(i, c)| (i, -c)), constant);
            }
            self.cones.push(SupportedConeT::SecondOrderConeT(3));
        }
    }

    /// Variables and coefficients of one coupled row.
    fn coupled_terms(&self, program: &WindowProgram, step: usize, coefficients: &[Vec<f64>]) -> Vec<(usize, f64)> {
        let mut terms = Vec::new();
        for ((agent, start), coefficients) in program.agents.iter().zip(&self.agent_start).zip(coefficients) {
            for (at, &c) in coefficients.iter().enumerate() {
                for (variable, factor) in agent.layout.of_action(step, at) {
                    if factor * c != 0.0 {
                        terms.push((start + variable, factor * c));
                    }
                }
            }
        }
        terms
    }

    fn solve(&self, tolerance: f64) -> Result<Solved, OptimumError> {
        let n = self.linear.len();
        let (i, j, value) = &self.quadratic;
        let scaled = i.iter().zip(j).zip(value).map(|((&i, &j), value)| value * self.unit[i] * self.unit[j]).collect();
        let p = CscMatrix::new_from_triplets(n, n, i.clone(), j.clone(), scaled);
        let (row, column, value) = &self.rows;
        let row_unit = |row: usize| {
            if (self.voltage_row..self.voltage_row + self.voltage_rows).contains(&row) { VOLTAGE_UNIT_PU } else { 1.0 }
        };
        let scaled =
            row.iter().zip(column).zip(value).map(|((&i, &j), value)| value * self.unit[j] / row_unit(i)).collect();
        let a = CscMatrix::new_from_triplets(self.right.len(), n, row.clone(), column.clone(), scaled);
        let linear: Vec<f64> = self.linear.iter().zip(&self.unit).map(|(q, unit)| q * unit).collect();
        let right: Vec<f64> = self.right.iter().enumerate().map(|(i, b)| b / row_unit(i)).collect();
        let settings = DefaultSettings::<f64> {
            verbose: false,
            tol_gap_abs: tolerance,
            tol_gap_rel: tolerance,
            tol_feas: tolerance,
            ..DefaultSettings::default()
        };
        let mut solver = DefaultSolver::new(&p, &linear, &a, &right, &self.cones, settings)
            .map_err(|reason| OptimumError::Setup { reason: reason.to_string() })?;
        solver.solve();
        let solution = &solver.solution;
        match solution.status {
            SolverStatus::Solved | SolverStatus::AlmostSolved | SolverStatus::InsufficientProgress
                if solution.x.iter().all(|x| x.is_finite()) =>
            {
                let x = solution.x.iter().zip(&self.unit).map(|(x, unit)| x * unit).collect();
                let z = solution.z.iter().enumerate().map(|(i, z)| z / row_unit(i)).collect();
                Ok(Solved { x, z, iterations: solution.iterations })
            }
            status => Err(OptimumError::Solver { status: format!("{status:?}"), iterations: solution.iterations }),
        }
    }

    fn read(&self, program: &WindowProgram, solved: &Solved, iterations: u32, programs: u32) -> ProgramSolution {
        let mut actions = program.at.clone();
        for ((agent, &start), action) in program.agents.iter().zip(&self.agent_start).zip(&mut actions) {
            agent.layout.to_action(&solved.x[start..start + agent.layout.len()], action);
        }
        let mut prices = LimitPrices::default();
        for (m, row) in program.voltages.iter().enumerate() {
            keep_price(&mut prices, row.step, row.limit, solved.z[self.voltage_row + m]);
        }
        for (m, row) in program.currents.iter().enumerate() {
            keep_price(&mut prices, row.step, Limit::Current(row.branch), solved.z[self.current_row + 3 * m]);
        }
        let slack = |range: std::ops::Range<usize>| solved.x[range].iter().fold(0.0_f64, |worst, s| worst.max(*s));
        let middle = self.slack_start + program.voltages.len();
        ProgramSolution {
            actions,
            prices,
            voltage_slack_pu: slack(self.slack_start..middle),
            current_slack: slack(middle..solved.x.len()),
            iterations,
            programs,
        }
    }
}

/// Multipliers below this ($ per pu or fraction) are the solver's rounding.
const SMALLEST_PRICE: f64 = 1e-5;

fn keep_price(prices: &mut LimitPrices, step: usize, limit: Limit, price: f64) {
    if price > SMALLEST_PRICE {
        prices.entries.push((step, limit, price));
    }
}

/// sum coefficients a_0.
fn offset(program: &WindowProgram, step: usize, coefficients: &[Vec<f64>]) -> f64 {
    let mut sum = 0.0;
    for ((agent, at), coefficients) in program.agents.iter().zip(&program.at).zip(coefficients) {
        let start = step * agent.layout.action.per_step();
        sum += coefficients.iter().zip(&at[start..]).map(|(c, a)| c * a).sum::<f64>();
    }
    sum
}

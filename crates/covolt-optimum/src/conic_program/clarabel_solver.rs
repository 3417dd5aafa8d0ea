//! A window program assembled for and solved by Clarabel, a general conic solver: the oracle of the tests, and what steps
//! in where the structured solver gives no answer.
//!
//! The solver sees every variable in units of its range and voltages in units of 0.01 pu: without that the same programs
//! take 20-200 iterations instead of about 16, and end less exact (kW beside pu is beyond its own equilibration).

use super::objective::{ObjectiveTerms, add_objective};
use super::{ProgramSettings, SolvedProgram, VOLTAGE_UNIT_PU, offset};
use crate::error::OptimumError;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};
use covolt_fleet::window_program::WindowProgram;

/// Solves the program as it stands.
pub(super) fn solve(program: &WindowProgram, settings: &ProgramSettings) -> Result<SolvedProgram, OptimumError> {
    let assembled = Assembled::new(program, settings);
    let solved = assembled.solve(settings.tolerance)?;
    Ok(assembled.read(program, &solved))
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
        for n in 0..program.agents.len() {
            let start = self.agent_start[n];
            add_objective(program, settings, n, &mut AgentTerms { assembled: self, start });
        }
        for i in 0..program.voltages.len() {
            self.linear[self.slack_start + i] = settings.voltage_weight;
        }
        for i in 0..program.currents.len() {
            self.linear[self.slack_start + program.voltages.len() + i] = settings.current_weight;
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

    fn read(&self, program: &WindowProgram, solved: &Solved) -> SolvedProgram {
        let spans = program.agents.iter().zip(&self.agent_start).map(|(a, &start)| start..start + a.layout.len());
        let slack = |range: std::ops::Range<usize>| solved.x[range].iter().fold(0.0_f64, |worst, s| worst.max(*s));
        let middle = self.slack_start + program.voltages.len();
        SolvedProgram {
            x: spans.map(|span| solved.x[span].to_vec()).collect(),
            voltage_prices: solved.z[self.voltage_row..self.voltage_row + self.voltage_rows].to_vec(),
            current_prices: (0..program.currents.len()).map(|m| solved.z[self.current_row + 3 * m]).collect(),
            voltage_slack_pu: slack(self.slack_start..middle),
            current_slack: slack(middle..solved.x.len()),
            iterations: solved.iterations,
        }
    }
}

/// One agent's columns.
struct AgentTerms<'a> {
    assembled: &'a mut Assembled,
    start: usize,
}

impl ObjectiveTerms for AgentTerms<'_> {
    fn quadratic(&mut self, i: usize, j: usize, value: f64) {
        self.assembled.add_quadratic(self.start + i, self.start + j, value);
    }
    fn linear(&mut self, i: usize, value: f64) {
        self.assembled.linear[self.start + i] += value;
    }
}

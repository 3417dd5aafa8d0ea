//! One convexified window, solved as a conic program: by the structured interior point of [`crate::structured`], or by
//! Clarabel, which also steps in where that one gives no answer and the program is not too large for it.
//!
//! minimise  cost or distance  +  proximal term  +  w_V sum s_V + w_I sum s_I
//! s.t.      local limits exactly (bounds, ramps, energy, circles as second-order cones),
//!           voltage rows  e + b (a - a_0) <= s_V,   current cones  |i + (b_re, b_im) (a - a_0)| <= 1 + s_I,   s >= 0
//!
//! The slacks make the program feasible whatever the window; with weights above the true multipliers they vanish
//! whenever the limits can be met (exact penalty), and where they cannot, what remains is the least violation.

mod clarabel_solver;
pub(crate) mod objective;

use crate::error::OptimumError;
use crate::structured::{self, ProgramWorkspace};
use covolt_fleet::window_program::WindowProgram;
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

/// Who solves a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgramSolver {
    /// The interior point along the steps of the window ([`crate::structured`]).
    #[default]
    Structured,
    /// Clarabel.
    Clarabel,
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
    /// Who solves it.
    pub solver: ProgramSolver,
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
            solver: ProgramSolver::default(),
        }
    }
}

/// Unit in which the solver sees voltages, pu.
pub(crate) const VOLTAGE_UNIT_PU: f64 = 0.01;
/// Both powers of a battery above this, kW, count as charging and discharging at once.
const OVERLAP_KW: f64 = 1e-3;

/// Solution of one program.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgramSolution {
    /// Action per microgrid, charging and discharging netted.
    pub actions: Vec<Vec<f64>>,
    /// Multipliers of the coupled limits above 1e-5.
    pub prices: LimitPrices,
    /// Largest slack of a voltage limit, pu.
    pub voltage_slack_pu: f64,
    /// Largest slack of a current limit, fraction.
    pub current_slack: f64,
    /// Interior-point iterations, all solves.
    pub iterations: u32,
    /// Conic programs solved (more than one when charging and discharging had to be separated).
    pub programs: u32,
    /// How many of them the structured solver left to Clarabel.
    pub fallbacks: u32,
}

/// One program as a solver leaves it.
pub(crate) struct SolvedProgram {
    /// Variables per microgrid.
    pub x: Vec<Vec<f64>>,
    /// Multiplier of each voltage row, $ per pu.
    pub voltage_prices: Vec<f64>,
    /// Multiplier of each current row, $ per fraction.
    pub current_prices: Vec<f64>,
    pub voltage_slack_pu: f64,
    pub current_slack: f64,
    pub iterations: u32,
}

/// Solves the program; where negative prices make a battery charge and discharge at once, the direction of its net
/// power is fixed and the program solved again, so that (13) holds.
///
/// # Errors
/// Refused input, or no answer from the solver.
pub fn solve_program(program: &mut WindowProgram, settings: &ProgramSettings) -> Result<ProgramSolution, OptimumError> {
    solve_program_with(program, settings, &mut ProgramWorkspace::default())
}

/// The same with memory kept from program to program: the structured solver then allocates nothing in its iteration.
///
/// # Errors
/// As [`solve_program`].
pub fn solve_program_with(
    program: &mut WindowProgram,
    settings: &ProgramSettings,
    ws: &mut ProgramWorkspace,
) -> Result<ProgramSolution, OptimumError> {
    let (mut iterations, mut programs, mut fallbacks) = (0, 0, 0);
    loop {
        let structured = match settings.solver {
            ProgramSolver::Structured => structured::solve(program, settings, ws),
            ProgramSolver::Clarabel => None,
        };
        let solved = match structured {
            Some(solved) => solved,
            None if is_too_large(program) => {
                let status = "no answer of the structured solver to a program too large for the general one".into();
                return Err(OptimumError::Solver { status, iterations });
            }
            None => {
                fallbacks += u32::from(settings.solver == ProgramSolver::Structured);
                clarabel_solver::solve(program, settings)?
            }
        };
        iterations += solved.iterations;
        programs += 1;
        if !separate_directions(program, &solved.x) {
            return Ok(read(program, &solved, iterations, programs, fallbacks));
        }
    }
}

/// Work of one factorisation of the general solver, which sees the rows of a step over all actions of that step: beyond
/// this many multiplications it takes minutes (4 steps of 100 microgrids, 2e9: 100 s; of 5, 2e5: 0.03 s).
const LARGEST_GENERAL_WORK: f64 = 1e8;

fn is_too_large(program: &WindowProgram) -> bool {
    let per_step: usize = program.agents.iter().map(|agent| agent.layout.action.per_step()).sum();
    let steps = program.agents.iter().map(|agent| agent.layout.action.steps).max().unwrap_or(0);
    steps as f64 * (per_step as f64).powi(3) > LARGEST_GENERAL_WORK
}

fn read(
    program: &WindowProgram,
    solved: &SolvedProgram,
    iterations: u32,
    programs: u32,
    fallbacks: u32,
) -> ProgramSolution {
    let mut actions = program.at.clone();
    for ((agent, x), action) in program.agents.iter().zip(&solved.x).zip(&mut actions) {
        agent.layout.to_action(x, action);
    }
    let mut prices = LimitPrices::default();
    for (row, &price) in program.voltages.iter().zip(&solved.voltage_prices) {
        keep_price(&mut prices, row.step, row.limit, price);
    }
    for (row, &price) in program.currents.iter().zip(&solved.current_prices) {
        keep_price(&mut prices, row.step, Limit::Current(row.branch), price);
    }
    let (voltage_slack_pu, current_slack) = (solved.voltage_slack_pu, solved.current_slack);
    ProgramSolution { actions, prices, voltage_slack_pu, current_slack, iterations, programs, fallbacks }
}

/// Multipliers below this ($ per pu or fraction) are the solver's rounding.
const SMALLEST_PRICE: f64 = 1e-5;

fn keep_price(prices: &mut LimitPrices, step: usize, limit: Limit, price: f64) {
    if price > SMALLEST_PRICE {
        prices.entries.push((step, limit, price));
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
                    let smaller = if x[charge] >= x[discharge] { discharge } else { charge };
                    // A power that must flow cannot be forbidden.
                    if agent.lower[smaller] <= 0.0 && agent.upper[smaller] > 0.0 {
                        agent.upper[smaller] = 0.0;
                        separated = true;
                    }
                }
            }
        }
    }
    separated
}

/// sum coefficients a_0.
pub(crate) fn offset(program: &WindowProgram, step: usize, coefficients: &[Vec<f64>]) -> f64 {
    let mut sum = 0.0;
    for ((agent, at), coefficients) in program.agents.iter().zip(&program.at).zip(coefficients) {
        let start = step * agent.layout.action.per_step();
        sum += coefficients.iter().zip(&at[start..]).map(|(c, a)| c * a).sum::<f64>();
    }
    sum
}

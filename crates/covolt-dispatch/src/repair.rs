//! Repair: changes a joint action until every limit of the network holds, at little cost or by little change.
//!
//! Rounds of: linearise the limits within reach at the present action, solve the convex program (smallest weighted
//! change, or cost with a strong proximal term), feasible map, AC power flow again. Limits are tightened by a margin
//! above the linearisation error of small steps, so that one round usually does; what remains unsafe is the least
//! violation found, in the sense of w_V sum violations_V (pu) + w_I sum violations_I (fractions). Then: `last_resort.rs`.

use crate::certify::returns_are_safe;
use covolt_fleet::window_program::linearise;
use covolt_fleet::{BaseDemand, Fleet, LossCurvature, PhysicsWorkspace, Reach, Window, WindowReturns, evaluate};
use covolt_grid::GridError;
use covolt_optimum::central::make_feasible;
use covolt_optimum::{Objective, ProgramSettings, ProgramSolver, ProgramWorkspace, solve_program_with};
use std::cell::RefCell;

/// What a repair minimises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RepairMetric {
    /// The change of the action, relative to each entry's range.
    Nearest,
    /// Cost of the window plus a proximal term, $.
    Cost {
        /// Weight of the squared relative change, $.
        proximal: f64,
    },
}

/// Settings of the repair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepairSettings {
    /// What is minimised.
    pub metric: RepairMetric,
    /// Rounds before the central optimum steps in.
    pub max_rounds: u32,
    /// Limits that enter the program.
    pub reach: Reach,
    /// Voltage limits are tightened by this in the first round, pu; doubles with every round.
    pub voltage_margin_pu: f64,
    /// Current limits are tightened by this fraction in the first round; doubles with every round.
    pub current_margin: f64,
    /// Tolerance of the conic solver.
    pub tolerance: f64,
    /// Who solves the conic programs of repair and polish.
    pub solver: ProgramSolver,
}

impl Default for RepairSettings {
    fn default() -> Self {
        RepairSettings {
            metric: RepairMetric::Cost { proximal: 0.1 },
            max_rounds: 6,
            reach: Reach { voltage_pu: 0.01, current_fraction: 0.8 },
            voltage_margin_pu: 2e-6,
            current_margin: 2e-5,
            tolerance: 1e-8,
            solver: ProgramSolver::default(),
        }
    }
}

/// Weight of a violated voltage limit, $/pu, and of a violated current limit, $ per fraction: far above every
/// multiplier seen in practice (tens to hundreds), so that a program breaks a limit only where it must.
pub(crate) const VOLTAGE_WEIGHT: f64 = 2e4;
/// See [`VOLTAGE_WEIGHT`].
pub(crate) const CURRENT_WEIGHT: f64 = 4e3;
/// Growth of the weights from round to round, and after how many rounds it ends.
const WEIGHT_GROWTH: f64 = 5.0;
const MOST_GROWTH: u32 = 3;
/// Shortest fraction of a step tried when the power flow at its end has no solution.
const SHORTEST_STEP: f64 = 1.0 / 16.0;

/// An action with what it does.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub actions: Vec<Vec<f64>>,
    pub returns: WindowReturns,
}

impl Candidate {
    pub fn is_safe(&self) -> bool {
        returns_are_safe(&self.returns)
    }

    /// Weighted sum of all violations; the measure of "least".
    pub fn violation(&self) -> f64 {
        VOLTAGE_WEIGHT * self.returns.voltage_violation_sum_pu + CURRENT_WEIGHT * self.returns.current_violation_sum
    }
}

/// How hard a program is told to keep the limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pressure {
    pub voltage_margin_pu: f64,
    pub current_margin: f64,
    /// Multiple of [`VOLTAGE_WEIGHT`] and [`CURRENT_WEIGHT`].
    pub weight_factor: f64,
    /// Tolerance of the conic solver.
    pub tolerance: f64,
    pub solver: ProgramSolver,
}

impl Pressure {
    /// Of round `round`, counted from 0: margins double; weights grow by five, since no fixed weight is above every
    /// multiplier (a stiff bus and a long step make them large).
    pub fn of_round(settings: &RepairSettings, round: u32) -> Pressure {
        let doubled = 2.0_f64.powi(round.min(20) as i32);
        Pressure {
            voltage_margin_pu: settings.voltage_margin_pu * doubled,
            current_margin: settings.current_margin * doubled,
            weight_factor: WEIGHT_GROWTH.powi(round.min(MOST_GROWTH) as i32),
            tolerance: settings.tolerance,
            solver: settings.solver,
        }
    }
}

/// What every layer needs to know about the window.
pub(crate) struct Situation<'a> {
    pub fleet: &'a Fleet,
    pub window: &'a Window,
    pub base: &'a BaseDemand,
    pub curvature: &'a [LossCurvature],
    /// Memory of the programs of this decision.
    pub memory: RefCell<ProgramWorkspace>,
}

impl Situation<'_> {
    /// Feasible map and AC power flow of an action.
    pub fn evaluate(&self, mut actions: Vec<Vec<f64>>, ws: &mut PhysicsWorkspace) -> Result<Candidate, GridError> {
        make_feasible(self.fleet, self.window, &mut actions);
        let returns = evaluate(self.fleet, self.window, self.base, &actions, ws)?;
        Ok(Candidate { actions, returns })
    }

    /// Solution of the convex program at `at`, after the power flow; shortened while the power flow has no solution.
    /// `None` when the solver gives no answer or no step has a power flow.
    pub fn program_step(
        &self,
        at: &Candidate,
        objective: Objective,
        reach: &Reach,
        pressure: Pressure,
        programs: &mut u32,
        ws: &mut PhysicsWorkspace,
    ) -> Option<Candidate> {
        let mut program = linearise(self.fleet, self.window, self.base, &at.actions, reach, self.curvature, ws).ok()?;
        let settings = ProgramSettings {
            objective,
            voltage_weight: VOLTAGE_WEIGHT * pressure.weight_factor,
            current_weight: CURRENT_WEIGHT * pressure.weight_factor,
            voltage_margin_pu: pressure.voltage_margin_pu,
            current_margin: pressure.current_margin,
            tolerance: pressure.tolerance,
            solver: pressure.solver,
        };
        *programs += 1;
        let solution = solve_program_with(&mut program, &settings, &mut self.memory.borrow_mut()).ok()?;
        *programs += solution.programs.saturating_sub(1);
        let mut fraction = 1.0;
        while fraction >= SHORTEST_STEP {
            if let Ok(candidate) = self.evaluate(between(&at.actions, &solution.actions, fraction), ws) {
                return Some(candidate);
            }
            fraction *= 0.5;
        }
        None
    }
}

/// The point at `fraction` of the way from `from` to `to`.
pub(crate) fn between(from: &[Vec<f64>], to: &[Vec<f64>], fraction: f64) -> Vec<Vec<f64>> {
    let entry = |(a, b): (&f64, &f64)| a + fraction * (b - a);
    from.iter().zip(to).map(|(a, b)| a.iter().zip(b).map(entry).collect()).collect()
}

/// Result of a repair.
pub(crate) struct Repair {
    /// Safe, or the least violation found.
    pub best: Candidate,
    pub rounds: u32,
    pub programs: u32,
}

/// Rounds of repair from `start`; the least violation when they do not end safe.
pub(crate) fn repair(
    situation: &Situation<'_>,
    start: Candidate,
    settings: &RepairSettings,
    ws: &mut PhysicsWorkspace,
) -> Repair {
    let mut outcome = Repair { best: start.clone(), rounds: 0, programs: 0 };
    let mut at = start;
    let objective = match settings.metric {
        RepairMetric::Nearest => Objective::Nearest,
        RepairMetric::Cost { proximal } => Objective::Cost { proximal },
    };
    while !at.is_safe() && outcome.rounds < settings.max_rounds {
        let pressure = Pressure::of_round(settings, outcome.rounds);
        outcome.rounds += 1;
        let step = situation.program_step(&at, objective, &settings.reach, pressure, &mut outcome.programs, ws);
        let Some(step) = step else { break };
        if step.is_safe() || step.violation() < outcome.best.violation() {
            outcome.best = step.clone();
        }
        at = step;
    }
    outcome
}

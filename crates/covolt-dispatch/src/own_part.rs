//! What an agent decides in its own part of a cut network (`covolt_fleet::seam`): at voltages and prices that the operator states at
//! its PCC, it proposes, answers prices, and examines what it would do.
//!
//! An agent that answers prices w = (w_p, w_q) of its drawn power S(a) takes, from its proposal a_0,
//!
//! ```text
//!   a(w) = argmin  cost(a) + w . S(a) + proximal |a - a_0|^2        s.t. the limits of its devices and of its own network
//! ```
//!
//! convexified at a_0 as a repair does it, with the limits of its devices and its own currents. Voltages are not among them: those
//! inside move with the voltage at the PCC, that is with everybody's power, and an agent that kept them by itself would do by far
//! too much, as would all others at once. It says how far they are from their limits ([`OwnAnswer::excess`]), and the operator prices
//! them with the feeder's. The response -dS/dw, by which the operator foresees answers to other prices, is taken from differences of that same program: 2 T
//! more solutions of a program of one microgrid. It is symmetric and positive semidefinite up to the kinks of the program.

use crate::certify::{Examination, History, certificate, returns_are_safe};
use crate::error::DispatchError;
use crate::repair::{Candidate, Pressure, RepairSettings, Situation, repair};
use crate::window_check::{check_actions, check_window};
use crate::{Certificate, GuardMode};
use covolt_fleet::pcc_answer::answer_voltages;
use covolt_fleet::returns::evaluate_each;
use covolt_fleet::rows::add_port_gradient;
use covolt_fleet::window_program::linearise;
use covolt_fleet::{
    AnswerWorkspace, BaseDemand, CURRENT_TOLERANCE_RELATIVE, Fleet, LimitPrices, LimitPricing, LossCurvature,
    PccAnswer, PccPoint, PhysicsWorkspace, PricedWindow, Reach, VOLTAGE_TOLERANCE_PU, Window, WindowProgram, evaluate,
};
use covolt_grid::Complex64;
use covolt_optimum::central::make_feasible;
use covolt_optimum::{Objective, ProgramSettings, ProgramWorkspace, solve_program_with};
use std::cell::RefCell;

/// Weight of the squared relative change from the proposal, $: at first, and where prices have not mended a row for long. The larger, the
/// smoother are the answers to prices, and the dearer.
const PROXIMAL: [f64; 2] = [2.0, 20.0];
/// Linearisations of one answer at most.
const MOST_ROUNDS: u32 = 4;
/// Reach that no voltage is within.
const NO_VOLTAGE: f64 = -10.0;
/// Change of a price by which the response is measured, $/kW: of the size that limits of a feeder bring about.
const PRICE_STEP: f64 = 5e-4;

/// An agent's part with its memory.
#[derive(Debug)]
pub struct OwnPart<'a> {
    fleet: &'a Fleet,
    curvature: Vec<LossCurvature>,
    physics: PhysicsWorkspace,
    boundary: AnswerWorkspace,
    settings: RepairSettings,
    /// Keeps nearer to its proposals than usual.
    pub stubborn: bool,
}

/// What an action does at the voltages of a window.
#[derive(Debug, Clone)]
pub struct OwnAnswer {
    /// Drawn power per step and its derivatives by the voltage; `dl_dv` is the slope of `excess`, per pu.
    pub points: Vec<PccPoint>,
    /// How the own network's voltage limit stands that is broken most or comes nearest to it, per step, in tolerances: positive = broken,
    /// negative = room, of which no more than [`MOST_ROOM`] is told. Currents are the agent's own business.
    pub excess: Vec<f64>,
    /// Every limit of devices and network holds.
    pub safe: bool,
    /// What the own part's check found.
    pub certificate: Certificate,
}

impl<'a> OwnPart<'a> {
    /// Memory for a part with one microgrid.
    ///
    /// # Errors
    /// Several phases, loops, no microgrid.
    pub fn new(fleet: &'a Fleet) -> Result<OwnPart<'a>, DispatchError> {
        let boundary = AnswerWorkspace::new(fleet).map_err(|source| DispatchError::NoPowerFlow { row: 0, source })?;
        Ok(OwnPart {
            fleet,
            curvature: LossCurvature::of_fleet(fleet),
            physics: PhysicsWorkspace::new(fleet),
            boundary,
            settings: RepairSettings::default(),
            stubborn: false,
        })
    }

    /// The proposal made feasible for the devices and, unless the mode is bare, mended where it breaks limits of the own network.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn propose(&mut self, window: &Window, proposal: Vec<f64>, mode: GuardMode) -> Result<Vec<f64>, DispatchError> {
        check_window(self.fleet, window)?;
        let mut actions = vec![proposal];
        check_actions(self.fleet, window.steps, &actions)?;
        make_feasible(self.fleet, window, &mut actions);
        if mode != GuardMode::Bare {
            self.mend(window, &mut actions);
        }
        Ok(actions.swap_remove(0))
    }

    /// a(w) from the proposal `at`, and where it is wanted the response: -dS/dw, P and Q of each step in turn, then -d excess/dw of
    /// each step at a PCC voltage that does not move; 3T rows of 2T numbers.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn respond(
        &mut self,
        window: &Window,
        at: &[f64],
        with_response: bool,
    ) -> Result<(Vec<f64>, Vec<f64>), DispatchError> {
        check_window(self.fleet, window)?;
        let mut actions = vec![at.to_vec()];
        check_actions(self.fleet, window.steps, &actions)?;
        let base = BaseDemand::new(self.fleet, window);
        let mut memory = ProgramWorkspace::default();
        let mut response = Vec::new();
        for round in 0..MOST_ROUNDS {
            let Some(program) = self.program(window, &base, &actions) else { break };
            let Some(answer) = self.solve(program.clone(), round, &mut memory) else { break };
            if with_response && round == 0 {
                response = self.response(window, &base, at, &program, &answer, &mut memory);
            }
            actions[0] = answer;
            make_feasible(self.fleet, window, &mut actions);
            // A current that the linearisation missed is taken once more from there.
            let returns = evaluate(self.fleet, window, &base, &actions, &mut self.physics);
            if returns.is_ok_and(|r| r.current_violation() <= CURRENT_TOLERANCE_RELATIVE) {
                break;
            }
        }
        Ok((actions.swap_remove(0), response))
    }

    /// The window convexified at `at`, without its voltages, which move with everybody's power.
    fn program(&mut self, window: &Window, base: &BaseDemand, at: &[Vec<f64>]) -> Option<WindowProgram> {
        let reach = Reach { voltage_pu: NO_VOLTAGE, ..self.settings.reach };
        linearise(self.fleet, window, base, at, &reach, &self.curvature, &mut self.physics).ok()
    }

    /// What an action does.
    ///
    /// # Errors
    /// Sizes that do not fit, and no power flow at these voltages.
    pub fn examine(&mut self, window: &Window, action: &[f64], version: &str) -> Result<OwnAnswer, DispatchError> {
        let actions = vec![action.to_vec()];
        check_window(self.fleet, window)?;
        check_actions(self.fleet, window.steps, &actions)?;
        let base = BaseDemand::new(self.fleet, window);
        let failed = |source| DispatchError::NoPowerFlow { row: window.row, source };
        let mut points = self.answer(window, &base, action)?.points(0).to_vec();
        let mut excess = vec![0.0; window.steps];
        let fleet = self.fleet;
        self.physics.options = covolt_grid::FlowOptions::default();
        evaluate_each(fleet, window, &base, &actions, &mut self.physics, |t, v| {
            (excess[t], points[t].dl_dv) = excess_and_slope(fleet, v, window.source_factor(t));
        })
        .map_err(failed)?;
        let examination = Examination::of(fleet, window, &base, &actions, &mut self.physics);
        let safe = examination.is_safe();
        let tight = examination.tight_limits(fleet);
        let certificate = certificate(fleet, &examination, tight, version, &History::default());
        Ok(OwnAnswer { points, excess, safe, certificate })
    }

    fn answer(&mut self, window: &Window, base: &BaseDemand, action: &[f64]) -> Result<PccAnswer, DispatchError> {
        let prices = LimitPrices::default();
        let windows = [PricedWindow { window, base, prices: &prices }];
        let mut answer = PccAnswer::default();
        self.boundary.options.tolerance_pu = BOUNDARY_TOLERANCE_PU;
        let v = |_: usize, t: usize| window.source_factor(t);
        answer_voltages(self.fleet, &windows, v, |_| action, &UNPRICED, &mut self.boundary, &mut answer)
            .map_err(|source| DispatchError::NoPowerFlow { row: window.row, source })?;
        Ok(answer)
    }

    /// Repairs what breaks limits of the own network, prices included; leaves the action where that does not help.
    fn mend(&mut self, window: &Window, actions: &mut Vec<Vec<f64>>) {
        let base = BaseDemand::new(self.fleet, window);
        let situation = Situation {
            fleet: self.fleet,
            window,
            base: &base,
            curvature: &self.curvature,
            memory: RefCell::default(),
        };
        let Ok(start) = situation.evaluate(actions.clone(), &mut self.physics) else { return };
        if returns_are_safe(&start.returns) {
            return;
        }
        let outcome = repair(&situation, start.clone(), &self.settings, &mut self.physics);
        let Candidate { actions: mended, .. } =
            if outcome.best.is_safe() || outcome.best.violation() < start.violation() { outcome.best } else { start };
        *actions = mended;
    }

    fn solve(&self, mut program: WindowProgram, round: u32, memory: &mut ProgramWorkspace) -> Option<Vec<f64>> {
        let pressure = Pressure::of_round(&self.settings, round);
        let settings = ProgramSettings {
            objective: Objective::Cost { proximal: PROXIMAL[usize::from(self.stubborn)] },
            voltage_margin_pu: pressure.voltage_margin_pu,
            current_margin: pressure.current_margin,
            tolerance: pressure.tolerance,
            solver: pressure.solver,
            ..ProgramSettings::default()
        };
        solve_program_with(&mut program, &settings, memory).ok().map(|mut solution| solution.actions.swap_remove(0))
    }

    /// d excess/da at voltages that do not move, a row per step.
    fn excess_by_action(&mut self, window: &Window, base: &BaseDemand, at: &[f64]) -> Option<Vec<Vec<f64>>> {
        let (fleet, actions) = (self.fleet, vec![at.to_vec()]);
        let mut rows = Vec::with_capacity(window.steps);
        let mg = fleet.microgrids.first()?;
        let layout = mg.layout(window.steps);
        let (mut dl_dv, ports) = (vec![Complex64::ZERO; fleet.grid.n_nodes()], fleet.grid.n_ports());
        let (mut dl_dp, mut dl_dq) = (vec![0.0; ports], vec![0.0; ports]);
        for t in 0..window.steps {
            self.physics.solve_step(fleet, base, &actions, window.steps, t).ok()?;
            let (p, q) = (self.physics.demand().0.to_vec(), self.physics.demand().1.to_vec());
            let worst = worst_voltage(fleet, self.physics.flow.v());
            dl_dv.fill(Complex64::ZERO);
            if let Some((i, sign)) = worst.limit {
                let weight = sign / VOLTAGE_TOLERANCE_PU;
                fleet.grid.add_voltage_gradient(i, self.physics.flow.v(), weight, &mut dl_dv);
            }
            fleet.grid.linearise(&p, &q, &mut self.physics.flow).ok()?;
            fleet.grid.adjoint(&dl_dv, &mut dl_dp, &mut dl_dq, &mut self.physics.flow);
            let mut row = vec![0.0; layout.len()];
            add_port_gradient(mg, &layout, t, fleet.grid.base_kva(), &dl_dp, &dl_dq, &mut row);
            rows.push(row);
        }
        Some(rows)
    }

    /// -dS/dw and -d excess/dw by differences of the program, both linear in the action as they are at `at`.
    fn response(
        &mut self,
        window: &Window,
        base: &BaseDemand,
        at: &[f64],
        program: &WindowProgram,
        answer: &[f64],
        memory: &mut ProgramWorkspace,
    ) -> Vec<f64> {
        let Ok(slopes) = self.answer(window, base, at) else { return Vec::new() };
        let (steps, wide, tall) = (window.steps, 2 * window.steps, 3 * window.steps);
        let per_step = at.len() / steps.max(1);
        let mut unit = vec![(0.0, 0.0); steps];
        let mut by_action = vec![vec![0.0; at.len()]; wide];
        let mut rest = vec![0.0; at.len()];
        slopes.gradient(0, &unit, &mut rest);
        for (i, row) in by_action.iter_mut().enumerate() {
            unit[i / 2] = if i % 2 == 0 { (1.0, 0.0) } else { (0.0, 1.0) };
            slopes.gradient(0, &unit, row);
            row.iter_mut().zip(&rest).for_each(|(slope, rest)| *slope -= rest);
            unit[i / 2] = (0.0, 0.0);
        }
        let Some(mut excess) = self.excess_by_action(window, base, at) else { return Vec::new() };
        let prices = by_action.clone();
        by_action.append(&mut excess);
        let mut response = vec![0.0; tall * wide];
        for (i, row) in prices.iter().enumerate() {
            let mut priced = program.clone();
            let agent = &mut priced.agents[0];
            for (entry, slope) in row.iter().enumerate() {
                for (variable, factor) in agent.layout.of_action(entry / per_step, entry % per_step) {
                    agent.linear[variable] += PRICE_STEP * factor * slope;
                }
            }
            let Some(moved) = self.solve(priced, 0, memory) else { return Vec::new() };
            for (j, other) in by_action.iter().enumerate() {
                let drawn: f64 = other.iter().zip(&moved).zip(answer).map(|((s, a), b)| s * (a - b)).sum();
                response[j * wide + i] = -drawn / PRICE_STEP;
            }
        }
        response
    }
}

/// Of the power flow behind answers at a PCC, pu: far below the 1e-8 pu to which the exchange is taken.
const BOUNDARY_TOLERANCE_PU: f64 = 1e-12;

/// Limits enter an answer in dispatch as `excess`, not as prices.
const UNPRICED: LimitPricing =
    LimitPricing { voltage_curvature: 0.0, current_curvature: 0.0, voltage_margin_pu: 0.0, current_margin: 0.0 };

/// Most room that an agent tells, in tolerances: 0.01 pu of voltage.
pub const MOST_ROOM: f64 = 1e3;

/// The voltage limit that is broken most or comes nearest to it.
struct WorstVoltage {
    /// In tolerances.
    excess: f64,
    /// Which voltage, and whether its upper (1) or lower limit (-1); none within [`MOST_ROOM`].
    limit: Option<(usize, f64)>,
    magnitude: f64,
}

fn worst_voltage(fleet: &Fleet, v: &[Complex64]) -> WorstVoltage {
    let mut worst = WorstVoltage { excess: -MOST_ROOM, limit: None, magnitude: 1.0 };
    for i in (0..fleet.grid.n_voltages()).filter(|&i| !fleet.grid.is_fixed_voltage(i)) {
        let magnitude = fleet.grid.voltage_pu(i, v);
        let sides = [(fleet.limits.v_min_pu[i] - magnitude, -1.0), (magnitude - fleet.limits.v_max_pu[i], 1.0)];
        for (excess, sign) in sides {
            let excess = excess / VOLTAGE_TOLERANCE_PU;
            if excess > worst.excess || excess.is_nan() {
                worst = WorstVoltage { excess, limit: Some((i, sign)), magnitude };
            }
        }
    }
    worst
}

/// Its excess, and the slope with the source's voltage u to first order: bus voltages move with it.
fn excess_and_slope(fleet: &Fleet, v: &[Complex64], u: f64) -> (f64, f64) {
    let WorstVoltage { excess, limit, magnitude } = worst_voltage(fleet, v);
    (excess, limit.map_or(0.0, |(_, sign)| sign * magnitude / u / VOLTAGE_TOLERANCE_PU))
}

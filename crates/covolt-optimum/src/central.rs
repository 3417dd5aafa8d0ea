//! The central optimum of Table II: the full multi-period AC problem (1)-(14), solved to local optimality.
//!
//! Sequential convex programming on the exact sensitivities. At each joint action: AC power flow, exact gradients,
//! a convex program ([`covolt_fleet::window_program`]), a backtracking step on the merit
//! cost + w_V sum violations_V + w_I sum violations_I. The program keeps the exact generator quadratic and the analytic
//! loss curvature, so full steps are taken near the optimum. A proximal term that shrinks tenfold after a full step, by
//! half after a shortened one, cures the cycling that flat storage-timing directions cause otherwise.
//!
//! The sequence starts at the merit order. The second-order cone relaxation costs more than the whole sequence; it is
//! solved where its bound is asked for ([`CentralSettings::relaxation`]), and where the sequence does not end safe.
//!
//! Where energy is worth next to nothing, many timings of storage cost the same, and the program's solution jumps from one
//! to the other end of what batteries can do: its linearised limits hold there, the true ones not by their second-order
//! terms, so the merit accepts short steps only, round after round (the effect of Maratos). Raising weights makes that
//! worse. Such a sequence is given up ([`CentralSettings::patience`]) for the relaxation's action, from which the steps
//! are short and full. Tried instead and left: a larger proximal term after a short step, and a second program at the
//! rejected point; they end at other actions, in one window of 400 0.1 % dearer.
//!
//! Feeders that meet at the source only are optimised side by side (`by_feeder.rs`).

use crate::bound::{Bound, BoundSettings, lower_bound};
use crate::by_feeder::optimise_each;
use crate::conic_program::{Objective, ProgramSettings, solve_program_with};
use crate::error::OptimumError;
use crate::structured::ProgramWorkspace;
use covolt_fleet::window_program::linearise;
use covolt_fleet::{
    BaseDemand, Fleet, LimitPrices, LossCurvature, Nearest, PhysicsWorkspace, Reach, Window, WindowReturns, evaluate,
    feasible_map, merit_order::merit_order,
};

/// Settings of the central optimum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CentralSettings {
    /// Most rounds of one sequence.
    pub max_rounds: usize,
    /// How often the weights of the limits are raised tenfold, most, while the sequence ends outside them.
    pub weight_raises: usize,
    /// Stop when a full step changes the merit by less than this fraction of the cost.
    pub tolerance: f64,
    /// Limits that enter the program.
    pub reach: Reach,
    /// Proximal weight of the first round, $; shrinks with every round.
    pub first_proximal: f64,
    /// Steps cut to a quarter or less, after which a sequence from the merit order is given up for one from the relaxation's
    /// action. Of 400 windows of the built-in case 4 send 37 there, 8 eleven, 12 four, three of which would not end anyway.
    pub patience: usize,
    /// The conic program.
    pub program: ProgramSettings,
    /// Without a start, solve the second-order cone relaxation first: start from its set-points and note its bound.
    pub relaxation: bool,
}

impl Default for CentralSettings {
    fn default() -> Self {
        CentralSettings {
            max_rounds: 30,
            weight_raises: 2,
            tolerance: 2e-8,
            reach: Reach { voltage_pu: 0.02, current_fraction: 0.6 },
            first_proximal: 0.3,
            patience: 12,
            program: ProgramSettings::default(),
            relaxation: false,
        }
    }
}

/// How the optimisation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum OptimumStatus {
    /// Local optimum, all limits kept.
    Optimal,
    /// No feasible action was found: the least violation, and the limits that cannot be met.
    Infeasible {
        /// Worst limits, voltage and current.
        limits: Vec<Nearest>,
    },
    /// The rounds ran out; the best action so far keeps all limits, or not (see the returns).
    NotConverged {
        /// Change of the merit in the last round, $.
        last_change: f64,
    },
}

/// Result of the central optimisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// Joint action, kW and kvar.
    pub actions: Vec<Vec<f64>>,
    /// What it costs and does, after the true AC power flow.
    pub returns: WindowReturns,
    /// Multipliers of the binding limits; empty where the relaxation alone gave the optimum (`rounds` is 0).
    pub prices: LimitPrices,
    /// How it ended.
    pub status: OptimumStatus,
    /// Rounds of linearisation; with several feeders, those of the feeder that took most.
    pub rounds: usize,
    /// Conic programs solved, over all feeders.
    pub programs: u32,
    /// Lower bound of the relaxation, $, where it was computed.
    pub bound_usd: Option<f64>,
}

impl Optimum {
    /// (cost - bound) / |cost|, where there is a bound.
    pub fn bound_gap_relative(&self) -> Option<f64> {
        let cost = self.returns.total();
        self.bound_usd.map(|bound| (cost - bound) / cost.abs().max(f64::MIN_POSITIVE))
    }
}

/// Optimises the window from `start`, or from the merit order.
///
/// Without a `start` on a radial network, the second-order cone relaxation of [`crate::bound`] proposes one where
/// [`CentralSettings::relaxation`] asks for it, or where the sequence from the merit order does not end safe and converged,
/// or is given up. Where the
/// relaxation's action is feasible and costs what the relaxation does, it is the global optimum already.
///
/// # Errors
/// A power flow without solution at the start, or a failing conic solver.
pub fn optimise(
    fleet: &Fleet,
    window: &Window,
    start: Option<&[Vec<f64>]>,
    curvature: &[LossCurvature],
    settings: &CentralSettings,
    ws: &mut PhysicsWorkspace,
) -> Result<Optimum, OptimumError> {
    let feeders = fleet.feeders();
    if feeders.is_empty() {
        return optimise_part(fleet, window, start, curvature, settings, ws);
    }
    optimise_each(fleet, &feeders, window, |feeder, own| {
        let start = start.map(|actions| feeder.of_microgrids(actions));
        let curvature = feeder.of_microgrids(curvature);
        let ws = &mut PhysicsWorkspace::new(&feeder.fleet);
        if feeder.microgrids.is_empty() {
            // Nothing to choose, so the power flow says all.
            let returns = evaluate(&feeder.fleet, own, &BaseDemand::new(&feeder.fleet, own), &[], ws)?;
            return Ok(finish(Vec::new(), returns, LimitPrices::default(), 0, 0, OptimumStatus::Optimal));
        }
        optimise_part(&feeder.fleet, own, start.as_deref(), &curvature, settings, ws)
    })
}

/// The optimum of a network that is a single feeder, or is not split.
fn optimise_part(
    fleet: &Fleet,
    window: &Window,
    start: Option<&[Vec<f64>]>,
    curvature: &[LossCurvature],
    settings: &CentralSettings,
    ws: &mut PhysicsWorkspace,
) -> Result<Optimum, OptimumError> {
    let programs = &mut ProgramWorkspace::default();
    let patient = CentralSettings { patience: usize::MAX, ..*settings };
    if start.is_some() || !fleet.grid.balanced().is_some_and(|grid| grid.network().is_radial()) {
        return raising_weights(fleet, window, start, curvature, &patient, programs, ws);
    }
    let mut found = None;
    if !settings.relaxation {
        let optimum = raising_weights(fleet, window, None, curvature, settings, programs, ws);
        if optimum.as_ref().is_ok_and(|o| o.returns.is_safe() && o.status == OptimumStatus::Optimal) {
            return optimum;
        }
        found = Some(optimum);
    }
    match lower_bound(fleet, window, &BoundSettings::default()) {
        // No other start, so the sequence goes on where it was given up.
        Err(_) => match found {
            Some(Ok(found)) if matches!(found.status, OptimumStatus::NotConverged { .. }) => {
                let next = raising_weights(fleet, window, Some(&found.actions), curvature, &patient, programs, ws);
                next.map(|next| after(&found, next)).or(Ok(found))
            }
            Some(found) => found,
            None => raising_weights(fleet, window, None, curvature, &patient, programs, ws),
        },
        Ok(relaxation) => {
            let relaxed = from_relaxation(fleet, window, &relaxation, curvature, &patient, programs, ws);
            match (relaxed, found) {
                (Ok(relaxed), Some(Ok(found))) => {
                    let programs = relaxed.programs + found.programs;
                    let better = if is_better(&found, &relaxed, settings) { found } else { relaxed };
                    Ok(Optimum { bound_usd: Some(relaxation.value_usd), programs, ..better })
                }
                (Err(_), Some(Ok(found))) => Ok(Optimum { bound_usd: Some(relaxation.value_usd), ..found }),
                (relaxed, _) => relaxed,
            }
        }
    }
}

/// A sequence and its continuation, counted together.
fn after(first: &Optimum, next: Optimum) -> Optimum {
    let (rounds, programs) = (first.rounds + next.rounds, first.programs + next.programs);
    Optimum { rounds, programs, ..next }
}

/// Safe before unsafe, then by the merit: its weights may be too low to tell the two apart.
fn is_better(one: &Optimum, other: &Optimum, settings: &CentralSettings) -> bool {
    match (one.returns.is_safe(), other.returns.is_safe()) {
        (true, false) => true,
        (false, true) => false,
        _ => merit(&one.returns, settings) < merit(&other.returns, settings),
    }
}

/// The relaxation's own action where it is the optimum, else the sequence from there.
fn from_relaxation(
    fleet: &Fleet,
    window: &Window,
    relaxation: &Bound,
    curvature: &[LossCurvature],
    settings: &CentralSettings,
    programs: &mut ProgramWorkspace,
    ws: &mut PhysicsWorkspace,
) -> Result<Optimum, OptimumError> {
    let mut actions = relaxation.actions.clone();
    make_feasible(fleet, window, &mut actions);
    let returns = evaluate(fleet, window, &BaseDemand::new(fleet, window), &actions, ws)?;
    let distance = returns.total() - relaxation.value_usd;
    let mut optimum = if returns.is_safe() && distance <= CERTIFIED_GAP * returns.total().abs().max(1.0) {
        finish(actions, returns, LimitPrices::default(), 0, 1, OptimumStatus::Optimal)
    } else {
        raising_weights(fleet, window, Some(&actions), curvature, settings, programs, ws)?
    };
    optimum.bound_usd = Some(relaxation.value_usd);
    Ok(optimum)
}

/// The sequence of convex programs, with the weights of the limits raised tenfold, a few times, while it ends outside
/// them: what is then still broken is not the price of a weight that was too low.
fn raising_weights(
    fleet: &Fleet,
    window: &Window,
    start: Option<&[Vec<f64>]>,
    curvature: &[LossCurvature],
    settings: &CentralSettings,
    workspace: &mut ProgramWorkspace,
    ws: &mut PhysicsWorkspace,
) -> Result<Optimum, OptimumError> {
    let mut settings = *settings;
    let mut optimum = sequence(fleet, window, start, curvature, &settings, workspace, ws)?;
    for _ in 0..settings.weight_raises {
        let given_up = settings.patience < usize::MAX && matches!(optimum.status, OptimumStatus::NotConverged { .. });
        if optimum.returns.is_safe() || given_up {
            break;
        }
        settings.program.voltage_weight *= 10.0;
        settings.program.current_weight *= 10.0;
        let Ok(next) = sequence(fleet, window, Some(&optimum.actions), curvature, &settings, workspace, ws) else {
            break;
        };
        optimum = after(&optimum, next);
    }
    Ok(optimum)
}

/// An action this close to the bound, relative, is the optimum to working accuracy.
const CERTIFIED_GAP: f64 = 1e-6;

/// The sequence of convex programs from `start`, or from the merit order.
fn sequence(
    fleet: &Fleet,
    window: &Window,
    start: Option<&[Vec<f64>]>,
    curvature: &[LossCurvature],
    settings: &CentralSettings,
    workspace: &mut ProgramWorkspace,
    ws: &mut PhysicsWorkspace,
) -> Result<Optimum, OptimumError> {
    let base = BaseDemand::new(fleet, window);
    let mut actions = start.map_or_else(|| merit_order_actions(fleet, window), <[Vec<f64>]>::to_vec);
    make_feasible(fleet, window, &mut actions);
    let mut returns = evaluate(fleet, window, &base, &actions, ws)?;
    let mut best = merit(&returns, settings);
    let mut prices = LimitPrices::default();
    let (mut programs, mut proximal, mut last_change) = (0, settings.first_proximal, f64::INFINITY);
    let (mut rounds, mut short_steps) = (0, 0);
    for round in 1..=settings.max_rounds {
        let mut program = linearise(fleet, window, &base, &actions, &settings.reach, curvature, ws)?;
        let objective = Objective::Cost { proximal };
        let solved = solve_program_with(&mut program, &ProgramSettings { objective, ..settings.program }, workspace);
        let solution = match solved {
            Ok(solution) => solution,
            // What was reached before counts.
            Err(_) if rounds > 0 => break,
            Err(error) => return Err(error),
        };
        programs += solution.programs;
        prices = solution.prices;
        let accepted = backtrack(fleet, window, &base, &actions, &solution.actions, best, settings, ws);
        let Some((stepped, stepped_returns, stepped_merit, fraction)) = accepted else {
            // No decrease along the step: optimal to working accuracy.
            return Ok(finish(actions, returns, prices, round, programs, OptimumStatus::Optimal));
        };
        last_change = best - stepped_merit;
        (actions, returns, best) = (stepped, stepped_returns, stepped_merit);
        if last_change <= settings.tolerance * best.abs().max(1.0) && proximal <= 0.02 {
            return Ok(finish(actions, returns, prices, round, programs, OptimumStatus::Optimal));
        }
        rounds = round;
        short_steps += usize::from(fraction <= SHORT_STEP);
        if short_steps >= settings.patience {
            break;
        }
        // A full step says that the program can be trusted; a shortened one that the proximal term is still needed.
        let trusted = fraction == 1.0 || last_change <= 1e-4 * best.abs();
        proximal *= if trusted { 0.1 } else { 0.5 };
    }
    Ok(finish(actions, returns, prices, rounds, programs, OptimumStatus::NotConverged { last_change }))
}

/// A step of this fraction or less says that the program's solution lies beyond what its linearisation is good for.
const SHORT_STEP: f64 = 0.25;

fn finish(
    actions: Vec<Vec<f64>>,
    returns: WindowReturns,
    prices: LimitPrices,
    rounds: usize,
    programs: u32,
    status: OptimumStatus,
) -> Optimum {
    let status = if returns.is_safe() || matches!(status, OptimumStatus::NotConverged { .. }) {
        status
    } else {
        let limits = [returns.voltage, returns.current].into_iter().flatten().filter(|n| n.excess > 0.0).collect();
        OptimumStatus::Infeasible { limits }
    };
    Optimum { actions, returns, prices, status, rounds, programs, bound_usd: None }
}

/// Shortest step fraction tried.
const SHORTEST_STEP: f64 = 1.0 / 64.0;

/// Largest step along the line from `from` to `to` that lowers the merit, with its fraction; `None` when none does.
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn backtrack(
    fleet: &Fleet,
    window: &Window,
    base: &BaseDemand,
    from: &[Vec<f64>],
    to: &[Vec<f64>],
    best: f64,
    settings: &CentralSettings,
    ws: &mut PhysicsWorkspace,
) -> Option<(Vec<Vec<f64>>, WindowReturns, f64, f64)> {
    let mut fraction = 1.0;
    while fraction >= SHORTEST_STEP {
        let mut trial: Vec<Vec<f64>> =
            from.iter().zip(to).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + fraction * (b - a)).collect()).collect();
        make_feasible(fleet, window, &mut trial);
        if let Ok(returns) = evaluate(fleet, window, base, &trial, ws) {
            let trial_merit = merit(&returns, settings);
            if trial_merit < best {
                return Some((trial, returns, trial_merit, fraction));
            }
        }
        fraction *= 0.5;
    }
    None
}

fn merit(returns: &WindowReturns, settings: &CentralSettings) -> f64 {
    returns.total()
        + settings.program.voltage_weight * returns.voltage_violation_sum_pu
        + settings.program.current_weight * returns.current_violation_sum
}

/// Merit-order set-points of every microgrid.
pub fn merit_order_actions(fleet: &Fleet, window: &Window) -> Vec<Vec<f64>> {
    fleet
        .microgrids
        .iter()
        .zip(&window.microgrids)
        .map(|(mg, w)| {
            let layout = mg.layout(window.steps);
            let mut action = vec![0.0; layout.len()];
            merit_order(mg, w, window.dt_h, &layout, &mut action);
            action
        })
        .collect()
}

/// Passes every microgrid's action through the feasible map.
pub fn make_feasible(fleet: &Fleet, window: &Window, actions: &mut [Vec<f64>]) {
    for ((mg, w), action) in fleet.microgrids.iter().zip(&window.microgrids).zip(actions) {
        let raw = action.clone();
        feasible_map::apply(mg, w, window.dt_h, &mg.layout(window.steps), &raw, action);
    }
}

//! The last resort, where repair did not end safe: is there a safe action at all, and if so, where?
//!
//! On a radial network the second-order cone relaxation ([`covolt_optimum::bound`]) answers first, in one or two conic
//! programs of known length. Either it proves that no action keeps all limits, whatever the AC power flow, and names
//! those that cannot be met together and by how much: then one short sequence of programs brings the violation that
//! repair left towards the least, and no search for a safe action is made. Or the relaxation's own action, near the global
//! optimum, is where the central optimum starts. Without an answer, as on a meshed network, it starts at the merit order.
//! What may be safe is repaired once more. Rounds are capped.
//!
//! "No action" is meant from the present states of the devices: ramps, empty batteries and forecasts that were wrong can
//! lead to where no safe action is left, although there was one a step before.

use crate::repair::{CURRENT_WEIGHT, Candidate, Repair, RepairSettings, Situation, VOLTAGE_WEIGHT, repair};
use covolt_fleet::{CURRENT_TOLERANCE_RELATIVE, Limit, Nearest, PhysicsWorkspace, VOLTAGE_TOLERANCE_PU};
use covolt_optimum::bound::{BoundError, BoundSettings, UnmetLimit, lower_bound};
use covolt_optimum::central::merit_order_actions;
use covolt_optimum::{CentralSettings, ProgramSettings, optimise};

/// Rounds of one sequence of the central optimum. From the relaxation's action a few do, and weights are raised twice at
/// most, so a search ends after some thirty programs.
const SEARCH_ROUNDS: usize = 10;
/// Rounds where no action is safe: the violation is near the least after two or three.
const NEAREST_ROUNDS: usize = 6;
/// Multiple of the weights of repair there: far enough above the multipliers for the violation to come before the cost,
/// and not so far that the interior point runs out of digits.
const NEAREST_WEIGHT: f64 = 5.0;
/// A violation up to this multiple of the relaxation's is left as it is. A yardstick, not a bound: the relaxation's is the
/// least in the sum of the squares of voltages and currents, over the worst limits only.
const NEAR_LEAST: f64 = 1.1;

/// What the last resort found.
#[derive(Default)]
pub(crate) struct LastResort {
    /// The result of the search, where one was worth while and had an answer.
    pub repair: Option<Repair>,
    /// Limits proven not to be met together, the one missed most first; empty without proof.
    pub unavoidable: Vec<Nearest>,
}

/// Asks the relaxation, then searches; `present` is the least violation that repair found.
pub(crate) fn last_resort(
    situation: &Situation<'_>,
    present: Option<&Candidate>,
    settings: &RepairSettings,
    ws: &mut PhysicsWorkspace,
) -> LastResort {
    let (fleet, window) = (situation.fleet, situation.window);
    // What the certificate accepts counts as kept.
    let accepted = BoundSettings {
        voltage_allowance_pu: VOLTAGE_TOLERANCE_PU,
        current_allowance: CURRENT_TOLERANCE_RELATIVE,
        ..BoundSettings::default()
    };
    let (mut starts, mut unavoidable) = (Vec::new(), Vec::new());
    match lower_bound(fleet, window, &accepted) {
        Ok(relaxation) => starts.push(relaxation.actions),
        Err(BoundError::Infeasible { limits, .. }) => unavoidable = limits.iter().map(nearest).collect(),
        // No relaxation of a meshed network, or no answer of the solver: nothing is known beforehand.
        Err(_) => {}
    }
    let least: f64 = unavoidable.iter().map(weighted).sum();
    if least > 0.0
        && let Some(at) = present
    {
        let repair = if at.violation() > NEAR_LEAST * least { lessen(situation, at, settings, ws) } else { None };
        return LastResort { repair, unavoidable };
    }
    starts.push(merit_order_actions(fleet, window));
    // Everything at rest: the start that is left when the merit order has no power flow.
    starts.push(fleet.layouts(window.steps).iter().map(|layout| vec![0.0; layout.len()]).collect());
    let repair = starts.iter().find_map(|start| search(situation, start, settings, ws));
    LastResort { repair, unavoidable }
}

/// Programs of the central optimum at the margins of repair.
fn programs(settings: &RepairSettings) -> ProgramSettings {
    ProgramSettings {
        voltage_margin_pu: settings.voltage_margin_pu,
        current_margin: settings.current_margin,
        solver: settings.solver,
        ..CentralSettings::default().program
    }
}

/// Central optimum from `start`, repaired once more. `None` when it gives no answer.
fn search(
    situation: &Situation<'_>,
    start: &[Vec<f64>],
    settings: &RepairSettings,
    ws: &mut PhysicsWorkspace,
) -> Option<Repair> {
    let program = programs(settings);
    let central = CentralSettings { max_rounds: SEARCH_ROUNDS, program, ..CentralSettings::default() };
    let optimum = optimise(situation.fleet, situation.window, Some(start), situation.curvature, &central, ws).ok()?;
    let found = Candidate { actions: optimum.actions, returns: optimum.returns };
    let mut outcome = repair(situation, found, settings, ws);
    outcome.programs += optimum.programs;
    Some(outcome)
}

/// The least violation near `at`, where none is no choice. `None` when the programs give no answer.
fn lessen(
    situation: &Situation<'_>,
    at: &Candidate,
    settings: &RepairSettings,
    ws: &mut PhysicsWorkspace,
) -> Option<Repair> {
    let program = ProgramSettings {
        voltage_weight: NEAREST_WEIGHT * VOLTAGE_WEIGHT,
        current_weight: NEAREST_WEIGHT * CURRENT_WEIGHT,
        ..programs(settings)
    };
    let rounds = CentralSettings { max_rounds: NEAREST_ROUNDS, weight_raises: 0, ..CentralSettings::default() };
    let central = CentralSettings { program, ..rounds };
    let (fleet, window, curvature) = (situation.fleet, situation.window, situation.curvature);
    let optimum = optimise(fleet, window, Some(&at.actions), curvature, &central, ws).ok()?;
    let best = Candidate { actions: optimum.actions, returns: optimum.returns };
    Some(Repair { best, rounds: 0, programs: optimum.programs })
}

fn nearest(unmet: &UnmetLimit) -> Nearest {
    Nearest { step: unmet.step, limit: unmet.limit, excess: unmet.excess }
}

/// In the measure of [`Candidate::violation`].
fn weighted(unmet: &Nearest) -> f64 {
    match unmet.limit {
        Limit::Current(_) => CURRENT_WEIGHT * unmet.excess,
        Limit::VoltageLow(_) | Limit::VoltageHigh(_) => VOLTAGE_WEIGHT * unmet.excess,
    }
}

//! Polish: one step of the cost-metric program (exact generator quadratic, loss curvature, exact gradients, all limits
//! within reach) at the present action, made safe again where the linearisation missed by a little.
//!
//! A step from a safe action counts only when the safe result costs less; otherwise the way is halved. A step from an
//! unsafe action replaces the repair: the program holds the same limits.

use crate::repair::{Candidate, Pressure, RepairSettings, Situation, between, repair};
use covolt_fleet::{PhysicsWorkspace, Reach};
use covolt_optimum::Objective;

/// Settings of the polish.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolishSettings {
    /// Weight of the squared relative change of each entry, $: holds back flat directions.
    pub proximal: f64,
    /// Limits that enter the program.
    pub reach: Reach,
    /// Fractions of a step tried: 1, 1/2, ... so many times.
    pub halvings: u32,
}

impl Default for PolishSettings {
    fn default() -> Self {
        PolishSettings { proximal: 0.02, reach: Reach { voltage_pu: 0.02, current_fraction: 0.7 }, halvings: 2 }
    }
}

/// Result of one polish step.
pub(crate) struct Polish {
    pub best: Candidate,
    /// A step was accepted.
    pub accepted: bool,
    pub repairs: u32,
    pub programs: u32,
}

/// One polish step from `start`.
pub(crate) fn polish(
    situation: &Situation<'_>,
    start: Candidate,
    settings: &PolishSettings,
    repair_settings: &RepairSettings,
    ws: &mut PhysicsWorkspace,
) -> Polish {
    let mut outcome = Polish { best: start, accepted: false, repairs: 0, programs: 0 };
    let pressure = Pressure::of_round(repair_settings, 0);
    let objective = Objective::Cost { proximal: settings.proximal };
    let step = situation.program_step(&outcome.best, objective, &settings.reach, pressure, &mut outcome.programs, ws);
    let Some(step) = step else { return outcome };
    let started_safe = outcome.best.is_safe();
    let mut fraction = 1.0;
    for _ in 0..=settings.halvings {
        let trial = if fraction == 1.0 {
            Some(step.clone())
        } else {
            situation.evaluate(between(&outcome.best.actions, &step.actions, fraction), ws).ok()
        };
        if let Some(trial) = trial {
            let mended = repair(situation, trial, repair_settings, ws);
            outcome.programs += mended.programs;
            let better = if started_safe {
                mended.best.is_safe() && mended.best.returns.total() < outcome.best.returns.total()
            } else {
                mended.best.is_safe() || mended.best.violation() < outcome.best.violation()
            };
            if better {
                outcome.repairs += mended.rounds;
                outcome.best = mended.best;
                outcome.accepted = true;
                return outcome;
            }
        }
        fraction *= 0.5;
    }
    outcome
}

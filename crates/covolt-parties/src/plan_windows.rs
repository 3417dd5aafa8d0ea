//! From a training plan to settings and an agent's own windows.

use crate::agent_training::AgentPlace;
use crate::error::PartyError;
use covolt_learn::{ExactSettings, LearnError, Scenario, ScenarioSource, Seats, StateSpread, draw_windows, scenarios};
use covolt_wire::TrainingPlan;

/// The plan that says what these settings say.
pub fn plan_of(settings: &ExactSettings, seed: u64, rows: &[usize]) -> TrainingPlan {
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    TrainingPlan {
        seed,
        episodes: short(settings.episodes),
        batch: short(settings.batch.clamp(1, rows.len().max(1))),
        rows: rows.iter().map(|&row| short(row)).collect(),
        rate: settings.rate,
        averaging: settings.averaging,
        voltage_curvature: settings.voltage_curvature,
        current_curvature: settings.current_curvature,
        multiplier_share: settings.multiplier_share,
        multiplier_cap: settings.multiplier_cap,
        voltage_margin_pu: settings.voltage_margin_pu,
        current_margin: settings.current_margin,
    }
}

/// The settings that a plan says.
pub fn settings_of(plan: &TrainingPlan) -> ExactSettings {
    ExactSettings {
        episodes: plan.episodes as usize,
        batch: plan.batch as usize,
        rate: plan.rate,
        averaging: plan.averaging,
        voltage_curvature: plan.voltage_curvature,
        current_curvature: plan.current_curvature,
        multiplier_share: plan.multiplier_share,
        multiplier_cap: plan.multiplier_cap,
        voltage_margin_pu: plan.voltage_margin_pu,
        current_margin: plan.current_margin,
    }
}

/// The agent's own windows at the rows of a plan, in its order.
pub fn windows_of(place: &AgentPlace<'_>, plan: &TrainingPlan) -> Result<Vec<Scenario>, PartyError> {
    let AgentPlace { fleet, profiles, outlook, valuation, steps, .. } = *place;
    let source = ScenarioSource { fleet, profiles, outlook, valuation, steps };
    let rows: Vec<usize> = plan.rows.iter().map(|&row| row as usize).collect();
    // Drawing reads series at the rows before it makes windows of them.
    if let Some(row) = rows.iter().find(|&&row| row.saturating_add(steps) > profiles.rows()) {
        return Err(LearnError::NoScenario { reason: format!("row {row} has no complete window") }.into());
    }
    let seats = Seats { seed: plan.seed, first: place.seat };
    Ok(scenarios(&source, place.state, &draw_windows(&source, &rows, &StateSpread::default(), seats))?)
}

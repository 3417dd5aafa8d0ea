//! Where a simulated span starts: batteries at a given state of charge, generators where the merit order had them at
//! the price of the step before.

use crate::error::DispatchError;
use crate::forecast::check_profiles;
use covolt_fleet::{Fleet, MicrogridStart, Profiles, TerminalValue, Window};
use covolt_optimum::central::{make_feasible, merit_order_actions};

/// Start states for a span that begins at `row`: every battery at `soc` (clamped to its range), generators at the
/// merit order of the price before (of the same row at the very beginning of the data).
///
/// # Errors
/// A row outside the profiles, or profiles that do not fit the fleet.
pub fn start_state(
    fleet: &Fleet,
    profiles: &Profiles,
    row: usize,
    soc: f64,
) -> Result<Vec<MicrogridStart>, DispatchError> {
    check_profiles(fleet, profiles)?;
    if !soc.is_finite() {
        return Err(DispatchError::BadSetting { setting: "state of charge at the start", value: soc, range: "0 to 1" });
    }
    let mut starts: Vec<MicrogridStart> = fleet
        .microgrids
        .iter()
        .map(|mg| MicrogridStart {
            soc: mg.batteries.iter().map(|b| soc.max(b.soc_min).min(b.soc_max)).collect(),
            p_dg_kw: vec![0.0; mg.dgs.len()],
        })
        .collect();
    let worthless: Vec<Vec<TerminalValue>> =
        fleet.microgrids.iter().map(|mg| vec![TerminalValue::linear(0.0); mg.batteries.len()]).collect();
    let before = row.saturating_sub(1);
    let Some(window) =
        Window::from_profiles(profiles, before, 1, &starts, &worthless).filter(|_| row < profiles.rows())
    else {
        return Err(DispatchError::Span { start: row, end: row + 1, rows: profiles.rows() });
    };
    // Only boxes bind the step before, not a ramp from a standstill.
    let actions = merit_order_actions(fleet, &window);
    for ((mg, start), action) in fleet.microgrids.iter().zip(&mut starts).zip(&actions) {
        let layout = mg.layout(1);
        for (i, dg) in mg.dgs.iter().enumerate() {
            start.p_dg_kw[i] = action[layout.p_dg(0, i)].max(0.0).min(dg.p_max_kw);
        }
    }
    Ok(starts)
}

/// Devices after the first step of a joint action.
pub fn advance(fleet: &Fleet, dt_h: f64, first: &[Vec<f64>], starts: &mut [MicrogridStart]) {
    for ((mg, start), action) in fleet.microgrids.iter().zip(starts).zip(first) {
        let layout = mg.layout(1);
        for (i, p) in start.p_dg_kw.iter_mut().enumerate() {
            *p = action[layout.p_dg(0, i)];
        }
        for (k, (soc, battery)) in start.soc.iter_mut().zip(&mg.batteries).enumerate() {
            *soc += battery.soc_change(action[layout.p_ess(0, k)], dt_h);
        }
    }
}

/// The first step of every action, passed through the feasible map of a one-step window.
pub fn first_step(fleet: &Fleet, one_step: &Window, actions: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut first: Vec<Vec<f64>> = fleet
        .microgrids
        .iter()
        .zip(actions)
        .map(|(mg, action)| action.iter().take(mg.layout(1).len()).copied().collect())
        .collect();
    make_feasible(fleet, one_step, &mut first);
    first
}

//! The yardstick of a simulation: the same span optimised at once, with every load, PV power and price known.
//!
//! T = number of rows, same start state, and the same value of stored energy at the end as the simulation counts with.
//! For (cost - yardstick) to mean something, compare spans whose steps are all safe.

use crate::error::DispatchError;
use crate::forecast::check_profiles;
use covolt_fleet::{
    Fleet, LossCurvature, MicrogridStart, PhysicsWorkspace, PriceKnowledge, PriceOutlook, Profiles, StorageValuation,
    TerminalValue, Window,
};
use covolt_optimum::{CentralSettings, Optimum, optimise};
use std::ops::Range;

/// Value of stored energy after the row before `end_row`, as seen from that row: the end valuation of a span, per
/// microgrid and battery.
pub fn terminal_after(
    fleet: &Fleet,
    profiles: &Profiles,
    outlook: &PriceOutlook,
    end_row: usize,
    valuation: &StorageValuation,
    knowledge: PriceKnowledge,
) -> Vec<Vec<TerminalValue>> {
    outlook.terminal_values(fleet, profiles, end_row.saturating_sub(1), 1, valuation, knowledge)
}

/// The same span optimised at once with everything known (T = number of rows), same start, same end valuation.
///
/// # Errors
/// Input that does not fit, or a failing optimisation.
#[allow(clippy::too_many_arguments)]
pub fn perfect_information_optimum(
    fleet: &Fleet,
    profiles: &Profiles,
    rows: Range<usize>,
    start: &[MicrogridStart],
    terminal: &[Vec<TerminalValue>],
    curvature: &[LossCurvature],
    settings: &CentralSettings,
    ws: &mut PhysicsWorkspace,
) -> Result<Optimum, DispatchError> {
    check_span(fleet, profiles, &rows)?;
    let window = Window::from_profiles(profiles, rows.start, rows.len(), start, terminal)
        .ok_or(DispatchError::Span { start: rows.start, end: rows.end, rows: profiles.rows() })?;
    crate::window_check::check_window(fleet, &window)?;
    Ok(optimise(fleet, &window, None, curvature, settings, ws)?)
}

/// A span that is not empty and lies within profiles that fit the fleet.
pub(crate) fn check_span(fleet: &Fleet, profiles: &Profiles, rows: &Range<usize>) -> Result<(), DispatchError> {
    check_profiles(fleet, profiles)?;
    if rows.is_empty() || rows.end > profiles.rows() {
        return Err(DispatchError::Span { start: rows.start, end: rows.end, rows: profiles.rows() });
    }
    Ok(())
}

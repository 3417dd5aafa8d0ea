//! Sizes and finiteness of a window and of actions for it: checked once per decision, so that nothing behind it
//! indexes out of bounds or computes with NaN.

use crate::error::DispatchError;
use covolt_fleet::{Fleet, TerminalValue, Window};

/// Checks a window against the fleet.
pub(crate) fn check_window(fleet: &Fleet, window: &Window) -> Result<(), DispatchError> {
    let steps = window.steps;
    if steps == 0 {
        return Err(DispatchError::BadSetting { setting: "window steps", value: 0.0, range: "at least 1" });
    }
    if !(window.dt_h.is_finite() && window.dt_h > 0.0) {
        let range = "positive and finite, in h";
        return Err(DispatchError::BadSetting { setting: "dt_h", value: window.dt_h, range });
    }
    check_length(|| "the window's list of microgrids".into(), window.microgrids.len(), fleet.microgrids.len())?;
    let feeder = fleet.feeder_loads.len();
    check_series(|| "feeder loads, kW".into(), &window.feeder_p_kw, feeder, steps)?;
    check_series(|| "feeder loads, kvar".into(), &window.feeder_q_kvar, feeder, steps)?;
    for (mg, w) in fleet.microgrids.iter().zip(&window.microgrids) {
        let of = |what: &'static str| move || format!("{what} of microgrid {}", mg.name);
        check_series(of("loads, kW,"), &w.load_p_kw, mg.loads.len(), steps)?;
        check_series(of("loads, kvar,"), &w.load_q_kvar, mg.loads.len(), steps)?;
        check_series(of("PV power, kW,"), &w.pv_kw, mg.pvs.len(), steps)?;
        check_series(of("price, $/kWh,"), &w.price_per_kwh, 1, steps)?;
        check_series(of("states of charge at the start"), &w.start.soc, mg.batteries.len(), 1)?;
        check_series(of("generator power at the start, kW,"), &w.start.p_dg_kw, mg.dgs.len(), 1)?;
        check_length(of("terminal values"), w.terminal.len(), mg.batteries.len())?;
        for value in &w.terminal {
            check_terminal(of("terminal value"), value)?;
        }
    }
    Ok(())
}

/// Checks the sizes of a joint action; its entries may be anything, the feasible map takes care of them.
pub(crate) fn check_actions(fleet: &Fleet, steps: usize, actions: &[Vec<f64>]) -> Result<(), DispatchError> {
    check_length(|| "the joint action".into(), actions.len(), fleet.microgrids.len())?;
    for (mg, action) in fleet.microgrids.iter().zip(actions) {
        check_length(|| format!("the action of microgrid {}", mg.name), action.len(), mg.layout(steps).len())?;
    }
    Ok(())
}

/// Checks the number of entries of something.
pub(crate) fn check_length(what: impl Fn() -> String, found: usize, expected: usize) -> Result<(), DispatchError> {
    if found == expected { Ok(()) } else { Err(DispatchError::Shape { what: what(), found, expected }) }
}

fn check_series(what: impl Fn() -> String, series: &[f64], count: usize, steps: usize) -> Result<(), DispatchError> {
    check_length(&what, series.len(), count * steps)?;
    match series.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(DispatchError::NotFinite { what: what(), step: at % steps, value: series[at] }),
    }
}

fn check_terminal(what: impl Fn() -> String, value: &TerminalValue) -> Result<(), DispatchError> {
    check_series(&what, &value.slopes, value.slopes.len().max(1), 1)?;
    check_series(&what, &value.breakpoints, value.slopes.len() + 1, 1)
}

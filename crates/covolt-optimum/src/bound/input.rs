//! Does the window fit the fleet, and can the relaxation represent the network?

use super::error::BoundError;
use covolt_fleet::{Fleet, Window};
use covolt_grid::{Grid, Network};

/// The balanced network that the relaxation is about.
pub(super) fn balanced(fleet: &Fleet) -> Result<&Network, BoundError> {
    fleet.grid.balanced().map(Grid::network).ok_or(BoundError::Multiphase)
}

/// Lengths and finiteness of what the window brings.
pub(super) fn check(fleet: &Fleet, window: &Window) -> Result<(), BoundError> {
    let network = balanced(fleet)?;
    if !network.is_radial() {
        return Err(BoundError::NotRadial { buses: network.buses().len(), branches: network.branches().len() });
    }
    let fits = |what: &str, found: usize, expected: usize| {
        if found == expected {
            Ok(())
        } else {
            Err(BoundError::WindowMismatch { row: window.row, what: what.to_string(), found, expected })
        }
    };
    let finite = |what: &str, values: &[f64]| {
        if values.iter().all(|x| x.is_finite()) {
            Ok(())
        } else {
            Err(BoundError::NotFinite { row: window.row, what: what.to_string() })
        }
    };
    let steps = window.steps;
    fits("list of microgrids", window.microgrids.len(), fleet.microgrids.len())?;
    fits("active feeder load", window.feeder_p_kw.len(), fleet.feeder_loads.len() * steps)?;
    fits("reactive feeder load", window.feeder_q_kvar.len(), fleet.feeder_loads.len() * steps)?;
    finite("step length", &[window.dt_h])?;
    finite("active feeder load", &window.feeder_p_kw)?;
    finite("reactive feeder load", &window.feeder_q_kvar)?;
    for (mg, w) in fleet.microgrids.iter().zip(&window.microgrids) {
        let series: [(&str, &[f64], usize); 6] = [
            ("active load", &w.load_p_kw, mg.loads.len() * steps),
            ("reactive load", &w.load_q_kvar, mg.loads.len() * steps),
            ("PV power", &w.pv_kw, mg.pvs.len() * steps),
            ("price", &w.price_per_kwh, steps),
            ("state of charge at the start", &w.start.soc, mg.batteries.len()),
            ("generator power before the start", &w.start.p_dg_kw, mg.dgs.len()),
        ];
        for (quantity, values, expected) in series {
            let what = format!("{quantity} of microgrid {}", mg.name);
            fits(&what, values.len(), expected)?;
            finite(&what, values)?;
        }
        let what = format!("terminal value of microgrid {}", mg.name);
        fits(&what, w.terminal.len(), mg.batteries.len())?;
        for terminal in &w.terminal {
            fits(&what, terminal.breakpoints.len(), terminal.slopes.len() + 1)?;
            finite(&what, &terminal.breakpoints)?;
            finite(&what, &terminal.slopes)?;
        }
    }
    Ok(())
}

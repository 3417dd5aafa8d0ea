//! Self supply: every microgrid serves its own load with its generators, so that its exchange is as small as they can make it.
//!
//! The opposite of [`crate::merit_order`]: no price, no battery. Reactive power as there. What the grid carries then is what no dispatch of generators can take off it,
//! save for batteries; limits of generated cases are chosen above it.

use crate::fleet::Microgrid;
use crate::layout::ActionLayout;
use crate::merit_order::merit_order;
use crate::window::MicrogridWindow;

/// Writes the set-points (kW, kvar) to `action`; they pass through the feasible map before use.
pub fn self_supply(mg: &Microgrid, window: &MicrogridWindow, dt_h: f64, layout: &ActionLayout, action: &mut [f64]) {
    merit_order(mg, window, dt_h, layout, action);
    let p_rating: f64 = mg.dgs.iter().map(|d| d.p_max_kw).sum();
    for t in 0..layout.steps {
        let at_step = |series: &[f64], count: usize| (0..count).map(|d| series[d * layout.steps + t]).sum::<f64>();
        let net = at_step(&window.load_p_kw, mg.loads.len()) - at_step(&window.pv_kw, mg.pvs.len());
        let share = if p_rating > 0.0 { (net / p_rating).clamp(0.0, 1.0) } else { 0.0 };
        mg.dgs.iter().enumerate().for_each(|(i, d)| action[layout.p_dg(t, i)] = share * d.p_max_kw);
        (0..mg.batteries.len()).for_each(|k| action[layout.p_ess(t, k)] = 0.0);
    }
}

//! The merit-order set-point: what a price taker without a grid would do. Policies learn the residual to it.
//!
//! Generators run where marginal fuel cost meets the price, P = (lambda_R / lambda_F - b) / (2 a); batteries follow the
//! exact dynamic program of [`crate::storage_value`] over the window and its terminal value; reactive power serves the
//! microgrid's own reactive load, shared in proportion to the reactive ratings.

use crate::fleet::Microgrid;
use crate::layout::ActionLayout;
use crate::storage_value::price_taker_path;
use crate::window::MicrogridWindow;

/// Writes the set-points (kW, kvar) to `action`; they pass through the feasible map before use.
pub fn merit_order(mg: &Microgrid, window: &MicrogridWindow, dt_h: f64, layout: &ActionLayout, action: &mut [f64]) {
    let steps = layout.steps;
    for (i, dg) in mg.dgs.iter().enumerate() {
        for t in 0..steps {
            action[layout.p_dg(t, i)] = generator_set_point(mg, i, window.price_per_kwh[t]).clamp(0.0, dg.p_max_kw);
        }
    }
    let mut path = vec![0.0; steps];
    for (k, battery) in mg.batteries.iter().enumerate() {
        price_taker_path(battery, window.start.soc[k], &window.price_per_kwh, dt_h, &window.terminal[k], &mut path);
        for (t, p) in path.iter().enumerate() {
            action[layout.p_ess(t, k)] = *p;
        }
    }
    let q_rating: f64 = mg.dgs.iter().map(|d| d.q_max_kvar).sum::<f64>()
        + mg.pvs.iter().map(|d| d.q_max_kvar).sum::<f64>()
        + mg.batteries.iter().map(|d| d.q_max_kvar).sum::<f64>();
    for t in 0..steps {
        let q_load: f64 = (0..mg.loads.len()).map(|l| window.load_q_kvar[l * steps + t]).sum();
        let share = if q_rating > 0.0 { (q_load / q_rating).clamp(-1.0, 1.0) } else { 0.0 };
        mg.dgs.iter().enumerate().for_each(|(i, d)| action[layout.q_dg(t, i)] = (share * d.q_max_kvar).max(0.0));
        mg.pvs.iter().enumerate().for_each(|(j, d)| action[layout.q_pv(t, j)] = share * d.q_max_kvar);
        mg.batteries.iter().enumerate().for_each(|(k, d)| action[layout.q_ess(t, k)] = -share * d.q_max_kvar);
    }
}

/// Active power at which the marginal fuel cost of generator `i` meets `price` ($/kWh), kW, before limits.
pub fn generator_set_point(mg: &Microgrid, i: usize, price: f64) -> f64 {
    let fuel = &mg.dgs[i].fuel;
    let surplus = price - mg.fuel_price_per_l * fuel.b_l_per_kwh; // $/kWh
    let slope = 2.0 * mg.fuel_price_per_l * fuel.a_l_per_kw2h; // $/(kW^2 h)
    if slope > 0.0 {
        surplus / slope
    } else if surplus > 0.0 {
        mg.dgs[i].p_max_kw
    } else {
        0.0
    }
}

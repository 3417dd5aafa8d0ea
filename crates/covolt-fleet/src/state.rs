//! What an agent sees: its state S_n of (16), local to its microgrid, or the paper's smaller set.
//!
//! Local set: price, own loads and PV over the window, states of charge, generator power of the step before, value of
//! stored energy, time of day, and the merit-order set-points. The paper's set: available PV power (irradiance) and
//! aggregate load over the window only. No entry ever depends on another microgrid.

use crate::devices::Battery;
use crate::fleet::Microgrid;
use crate::layout::ActionLayout;
use crate::window::{TerminalValue, Window};
use serde::{Deserialize, Serialize};

/// Which features make up the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum StateKind {
    /// Everything local that bears on the decision.
    #[default]
    Local,
    /// PV power and aggregate load over the window, as in the paper.
    Paper,
}

/// Slopes of the value of stored energy that a state carries per battery: over quarters of the reachable range.
const VALUE_SAMPLES: usize = 4;
/// Scale at which a price counts as clearly above or below the value of stored energy, $/kWh.
const PRICE_SCALE: f64 = 0.004;

/// Names of the features, in order; their number is the length of the state.
pub fn feature_names(kind: StateKind, mg: &Microgrid, layout: &ActionLayout) -> Vec<String> {
    let mut names = Vec::new();
    let steps = layout.steps;
    let mut per_step = |prefix: &str| names.extend((0..steps).map(|t| format!("{prefix}[{t}]")));
    per_step("load_p_kw");
    match kind {
        StateKind::Paper => per_step("pv_kw"),
        StateKind::Local => {
            per_step("load_q_kvar");
            per_step("price_per_kwh");
            (0..layout.pvs).for_each(|j| per_step(&format!("pv{}_kw", j + 1)));
            (0..layout.dgs).for_each(|i| per_step(&format!("merit_order_dg{}", i + 1)));
            (0..layout.batteries).for_each(|k| {
                per_step(&format!("merit_order_ess{}", k + 1));
                per_step(&format!("charge_signal{}", k + 1));
                per_step(&format!("discharge_signal{}", k + 1));
            });
            names.extend((0..mg.loads.len()).map(|l| format!("mean_load{}_kw", l + 1)));
            names.extend((0..layout.dgs).map(|i| format!("previous_dg{}_kw", i + 1)));
            for k in 0..layout.batteries {
                names.push(format!("soc{}", k + 1));
                names.extend((0..VALUE_SAMPLES).map(|s| format!("value_of_energy{}[{s}]", k + 1)));
            }
            names.extend(["hour_sin", "hour_cos", "hour_sin2", "hour_cos2", "weekend"].map(String::from));
        }
    }
    names
}

/// Writes the state of microgrid `n`; `merit_order` are its merit-order set-points for the same window.
pub fn observe(
    kind: StateKind,
    mg: &Microgrid,
    n: usize,
    window: &Window,
    layout: &ActionLayout,
    merit_order: &[f64],
    features: &mut Vec<f64>,
) {
    features.clear();
    let w = &window.microgrids[n];
    let steps = layout.steps;
    let sum_over = |series: &[f64], count: usize, t: usize| (0..count).map(|d| series[d * steps + t]).sum::<f64>();
    features.extend((0..steps).map(|t| sum_over(&w.load_p_kw, mg.loads.len(), t)));
    if kind == StateKind::Paper {
        features.extend((0..steps).map(|t| sum_over(&w.pv_kw, mg.pvs.len(), t)));
        return;
    }
    features.extend((0..steps).map(|t| sum_over(&w.load_q_kvar, mg.loads.len(), t)));
    features.extend(&w.price_per_kwh);
    features.extend(&w.pv_kw);
    for i in 0..layout.dgs {
        features.extend((0..steps).map(|t| merit_order[layout.p_dg(t, i)]));
    }
    for (k, battery) in mg.batteries.iter().enumerate() {
        features.extend((0..steps).map(|t| merit_order[layout.p_ess(t, k)]));
        let value_per_kwh = w.terminal[k].slope(w.start.soc[k]) / battery.capacity_kwh;
        let signal = |value: f64, price: f64| ((value - price) / PRICE_SCALE).tanh();
        features.extend(w.price_per_kwh.iter().map(|&price| signal(value_per_kwh * battery.eta_charge, price)));
        features.extend(w.price_per_kwh.iter().map(|&price| signal(value_per_kwh / battery.eta_discharge, price)));
    }
    features.extend(
        (0..mg.loads.len()).map(|l| w.load_p_kw[l * steps..(l + 1) * steps].iter().sum::<f64>() / steps as f64),
    );
    features.extend(&w.start.p_dg_kw);
    for (k, battery) in mg.batteries.iter().enumerate() {
        features.push(w.start.soc[k]);
        let span = reachable_soc(battery, w.start.soc[k], window.dt_h * steps as f64);
        features.extend(value_samples(&w.terminal[k], span).map(|slope| slope / battery.capacity_kwh));
    }
    let angle = window.hour_of_day * std::f64::consts::TAU / 24.0;
    features.extend([angle.sin(), angle.cos(), (2.0 * angle).sin(), (2.0 * angle).cos()]);
    features.push(if window.weekday >= 5 { 1.0 } else { 0.0 });
}

/// States of charge that a battery can reach within `hours`.
fn reachable_soc(battery: &Battery, soc: f64, hours: f64) -> (f64, f64) {
    let low = (soc + battery.soc_change(-battery.p_discharge_max_kw, hours)).max(battery.soc_min);
    let high = (soc + battery.soc_change(battery.p_charge_max_kw, hours)).min(battery.soc_max);
    (low.min(high), high)
}

/// Mean slopes over equal parts of the reachable range, $ per unit of state of charge.
fn value_samples(value: &TerminalValue, (low, high): (f64, f64)) -> impl Iterator<Item = f64> + '_ {
    let part = ((high - low) / VALUE_SAMPLES as f64).max(1e-6);
    (0..VALUE_SAMPLES).map(move |s| {
        let start = low + part * s as f64;
        (value.value(start + part) - value.value(start)) / part
    })
}

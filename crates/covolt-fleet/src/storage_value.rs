//! Value of stored energy under a price forecast, by an exact dynamic program for a price taker.
//!
//! V_t(s) = max over the change of state of charge d of  -c_t(d) + V_(t+1)(s + d),
//! c_t(d) = lambda_t * E_cap * (d / eta_ch for d > 0, d * eta_dis for d < 0)   [$]
//!
//! With lambda >= 0 the stage reward -c_t is concave and piecewise linear in d, so V_t is concave and piecewise linear
//! too and the maximum is the sup-convolution of two such functions: their linear pieces, sorted by falling slope.
//! No grid over the state of charge is needed.
//!
//! With lambda < 0 the stage reward has a convex kink at d = 0 (the losses earn too), so V_t need not be concave, which the
//! window's convex program needs. The stage reward is then replaced by its concave envelope, the chord from full discharge to
//! full charge. Making room for a deeper hour is so valued right; what is overestimated is standing still, by what a battery
//! would earn if it could charge and discharge at once: at most |lambda| E_cap ch dis / (ch + dis) (1/eta_ch - eta_dis) per
//! step, with ch, dis the largest changes of state of charge. V is then an upper bound, close in its slopes.
//! [`price_taker_path`] never uses the envelope for the step it decides on.

use crate::devices::Battery;
use crate::window::TerminalValue;

/// Pieces narrower than this are merged into their neighbour; states of charge are of order one.
const NARROWEST_PIECE: f64 = 1e-9;

/// Concave piecewise-linear function on [soc_min, soc_max], stored as pieces of falling slope.
#[derive(Debug, Clone, Default)]
struct Concave {
    /// (width in state of charge, slope in $ per unit of state of charge)
    pieces: Vec<(f64, f64)>,
}

/// Backward dynamic program over a price forecast; reusable workspace.
#[derive(Debug, Clone, Default)]
pub struct StorageValue {
    now: Concave,
    next: Concave,
}

impl StorageValue {
    /// Value function at the start of `prices` ($/kWh per step of `dt_h`), with `end_slope` ($ per unit of state of
    /// charge) for what is left after the last one.
    pub fn backward(&mut self, battery: &Battery, prices: &[f64], dt_h: f64, end: &TerminalValue) -> TerminalValue {
        self.now.pieces.clear();
        self.now.pieces.extend(restrict(end, battery.soc_min, battery.soc_max));
        for &price in prices.iter().rev() {
            self.step_back(battery, price, dt_h);
        }
        self.value(battery)
    }

    /// One step back in time.
    fn step_back(&mut self, battery: &Battery, price: f64, dt_h: f64) {
        // Stage reward over d in [-dis, +ch]: as function of s, V_t(s) = max_e [ h(s - e) + V(e) ] with e = s + d.
        let charge = battery.p_charge_max_kw * battery.eta_charge * dt_h / battery.capacity_kwh;
        let discharge = battery.p_discharge_max_kw / battery.eta_discharge * dt_h / battery.capacity_kwh;
        let (buy, sell) =
            (price * battery.capacity_kwh / battery.eta_charge, price * battery.capacity_kwh * battery.eta_discharge);
        // s - e runs from -charge to +discharge; slope of h in (s - e): buy while charging, sell while discharging.
        let chord = (charge * buy + discharge * sell) / (charge + discharge).max(f64::MIN_POSITIVE);
        let stage =
            if price >= 0.0 { [(charge, buy), (discharge, sell)] } else { [(charge, chord), (discharge, chord)] };
        // The sup-convolution lives on [soc_min - charge, soc_max + discharge]: merge the pieces by falling slope.
        self.next.pieces.clear();
        let mut stage_at = 0;
        for &piece in &self.now.pieces {
            while stage_at < 2 && stage[stage_at].1 > piece.1 {
                push(&mut self.next.pieces, stage[stage_at]);
                stage_at += 1;
            }
            push(&mut self.next.pieces, piece);
        }
        for &piece in &stage[stage_at..] {
            push(&mut self.next.pieces, piece);
        }
        // Cut back to [soc_min, soc_max].
        let mut skip = charge;
        let mut keep = battery.soc_max - battery.soc_min;
        self.now.pieces.clear();
        for &(mut width, slope) in &self.next.pieces {
            let skipped = width.min(skip);
            skip -= skipped;
            width = (width - skipped).min(keep);
            if width > 0.0 {
                push(&mut self.now.pieces, (width, slope));
                keep -= width;
            }
        }
    }

    fn value(&self, battery: &Battery) -> TerminalValue {
        let mut breakpoints = vec![battery.soc_min];
        let mut slopes = Vec::with_capacity(self.now.pieces.len());
        for &(width, slope) in &self.now.pieces {
            breakpoints.push(breakpoints[breakpoints.len() - 1] + width);
            slopes.push(slope);
        }
        if slopes.is_empty() {
            return TerminalValue::linear(0.0);
        }
        TerminalValue { breakpoints, slopes }
    }
}

/// Net powers (kW, positive = charging) of a price taker over a window that starts at `soc` and ends with `terminal`.
///
/// `path` receives one entry per price.
pub fn price_taker_path(
    battery: &Battery,
    soc: f64,
    prices: &[f64],
    dt_h: f64,
    terminal: &TerminalValue,
    path: &mut [f64],
) {
    let mut program = StorageValue::default();
    let mut soc = soc.clamp(battery.soc_min, battery.soc_max);
    for (t, p) in path.iter_mut().enumerate().take(prices.len()) {
        let next = program.backward(battery, &prices[t + 1..], dt_h, terminal);
        let (low, high) = crate::feasible_map::battery_range(battery, soc, dt_h);
        let span = (soc + battery.soc_change(low, dt_h), soc + battery.soc_change(high, dt_h));
        let target = best_target(battery, soc, span, prices[t], &next);
        *p = battery.power_for_soc_change(target - soc, dt_h).clamp(low, high);
        soc += battery.soc_change(*p, dt_h);
    }
}

/// State of charge that a price taker wants after this step, the best within [low, high]. Charging pays while the value of
/// energy exceeds its price, discharging while the price exceeds the value; at positive prices losses open a band between
/// the two in which standing still is best, at negative ones both may pay, and the better is taken.
fn best_target(battery: &Battery, soc: f64, (low, high): (f64, f64), price: f64, next: &TerminalValue) -> f64 {
    let buy = price * battery.capacity_kwh / battery.eta_charge;
    let sell = price * battery.capacity_kwh * battery.eta_discharge;
    let reach = |threshold: f64| {
        // Highest state of charge up to which the slope still exceeds the threshold.
        next.slopes
            .iter()
            .zip(&next.breakpoints[1..])
            .take_while(|(slope, _)| **slope > threshold)
            .map(|(_, end)| *end)
            .last()
            .unwrap_or(battery.soc_min)
    };
    let fill_to = reach(buy).clamp(soc, high.max(soc));
    let drain_to = reach(sell).clamp(low.min(soc), soc);
    let gain = |target: f64, slope: f64| next.value(target) - next.value(soc) - slope * (target - soc);
    if gain(fill_to, buy) >= gain(drain_to, sell) { fill_to } else { drain_to }
}

/// The pieces of a terminal value on [low, high]; outside its breakpoints the outermost slopes go on.
fn restrict(value: &TerminalValue, low: f64, high: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
    let last = value.slopes.len().saturating_sub(1);
    value.slopes.iter().enumerate().filter_map(move |(k, &slope)| {
        let start = if k == 0 { low } else { value.breakpoints[k].clamp(low, high) };
        let end = if k == last { high } else { value.breakpoints[k + 1].clamp(low, high) };
        (end > start).then_some((end - start, slope))
    })
}

fn push(pieces: &mut Vec<(f64, f64)>, piece: (f64, f64)) {
    match pieces.last_mut() {
        Some(last) if last.1 == piece.1 || piece.0 < NARROWEST_PIECE => last.0 += piece.0,
        _ if piece.0 > 0.0 => pieces.push(piece),
        _ => {}
    }
}

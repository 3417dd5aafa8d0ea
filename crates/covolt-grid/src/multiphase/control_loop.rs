//! Taps and switched capacitors, moved between power flows until none wants to move: OpenDSS's static control mode.
//!
//! After each power flow every control is sampled. One that wants to act is **armed** with its delay; one that no longer does is
//! disarmed. Of the armed ones those with the least delay act, all others wait for the next round. No time passes.
//!
//! Regulator: voltage across the measured phase of the winding on the meter's side, with the line drop to the load taken off,
//!
//! ```text
//!   V = V_winding / PT + (R + jX) I / CT           I into the terminal, so it is minus the load current
//! ```
//!
//! outside v_set -+ band / 2 the winding needs a boost of (v_set - |V|) PT / V_rated. In whole steps that is the pending change (the
//! other way round where the tap sits on another winding); the tap moves by 70 % of it, at least one step, at most
//! `max_steps_per_move`, and stays in its range.
//!
//! Capacitor: switched on above `on_setting` and off below `off_setting` (reactive power into the watched terminal in kvar,
//! current), or on below and off above (voltage); the voltage override comes first.

use super::controls::{CapacitorControl, CapacitorRule, Control, MonitoredPhase, RegulatorControl};
use super::grid::MultiphaseGrid;
use super::network::{ElementIndex, ElementModel};
use super::transformer::{Transformer, Winding};
use super::transformer_admittance::{coil, delta_goes_forward};
use super::workspace::MultiphaseWorkspace;
use crate::error::GridError;
use crate::power_flow::{FlowInfo, FlowOptions};
use num_complex::Complex64;

/// Share of the pending change that a tap moves at once.
const SHARE_OF_CHANGE: f64 = 0.7;

/// Settings of the loop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlOptions {
    /// Power flows allowed. Default 15.
    pub max_iterations: usize,
}

impl Default for ControlOptions {
    fn default() -> Self {
        ControlOptions { max_iterations: 15 }
    }
}

/// Where the controls came to rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Power flows solved.
    pub iterations: usize,
    /// The last of them.
    pub flow: FlowInfo,
    /// Regulated transformers: element, winding, tap in per unit; one entry per regulator, in the order of controls.
    pub taps: Vec<(ElementIndex, usize, f64)>,
    /// Controlled capacitors and whether they are on, in the order of controls.
    pub capacitors: Vec<(ElementIndex, bool)>,
}

/// What a control wants to do.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wish {
    /// Change of the tap, per unit.
    Tap(f64),
    /// State of the capacitor.
    Close(bool),
}

/// A control that waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Armed {
    delay_s: f64,
    wish: Wish,
}

impl MultiphaseGrid {
    /// Solves the power flow and moves taps and capacitors until no control wants to act any more. The grid keeps their states.
    ///
    /// # Errors
    /// Those of [`MultiphaseGrid::solve`]; [`GridError::ControlsNotSettled`] when the iterations run out.
    pub fn settle_controls(
        &mut self,
        p: &[f64],
        q: &[f64],
        ws: &mut MultiphaseWorkspace,
        options: &FlowOptions,
        control_options: &ControlOptions,
    ) -> Result<Settled, GridError> {
        let controls = self.network.parts().controls.clone();
        let mut armed: Vec<Option<Armed>> = vec![None; controls.len()];
        let mut last_to_act = String::new();
        let mut options = *options;
        for iterations in 1..=control_options.max_iterations {
            let flow = self.solve(p, q, ws, &options)?;
            // What follows is a small change.
            options.warm_start = true;
            for (control, armed) in controls.iter().zip(&mut armed) {
                *armed = self.sample(control, ws.v(), *armed);
            }
            let next = armed.iter().flatten().map(|a| a.delay_s).fold(f64::INFINITY, f64::min);
            if armed.iter().all(Option::is_none) {
                return Ok(self.settled(&controls, iterations, flow));
            }
            let mut changed = false;
            for (control, armed) in controls.iter().zip(&mut armed) {
                if let Some(due) = armed.filter(|a| a.delay_s <= next) {
                    changed |= self.act(control, due.wish)?;
                    *armed = None;
                    last_to_act.clone_from(match control {
                        Control::Regulator(r) => &r.id,
                        Control::Capacitor(c) => &c.id,
                    });
                }
            }
            if changed {
                self.renew()?;
            }
        }
        Err(GridError::ControlsNotSettled { iterations: control_options.max_iterations, control: last_to_act })
    }

    fn settled(&self, controls: &[Control], iterations: usize, flow: FlowInfo) -> Settled {
        let (mut taps, mut capacitors) = (Vec::new(), Vec::new());
        for control in controls {
            match control {
                Control::Regulator(r) => {
                    if let Some(winding) = self.winding(r.transformer, r.tap_winding) {
                        taps.push((r.transformer, r.tap_winding, winding.tap_pu));
                    }
                }
                Control::Capacitor(c) => capacitors.push((c.capacitor, self.is_closed(c.capacitor))),
            }
        }
        Settled { iterations, flow, taps, capacitors }
    }

    fn winding(&self, element: ElementIndex, winding: usize) -> Option<&Winding> {
        match &self.network.parts().elements.get(element.0)?.model {
            ElementModel::Transformer(t) => t.windings.get(winding),
            _ => None,
        }
    }

    fn is_closed(&self, element: ElementIndex) -> bool {
        matches!(
            self.network.parts().elements.get(element.0).map(|e| &e.model),
            Some(ElementModel::Shunt { closed: true, .. })
        )
    }

    /// What a control wants at the voltages `v`: a wish that stays keeps its delay, one that has gone is forgotten.
    fn sample(&self, control: &Control, v: &[Complex64], armed: Option<Armed>) -> Option<Armed> {
        let (delay_s, wish) = match control {
            Control::Regulator(r) if r.enabled => (r.delay_s, self.wanted_tap(r, v)?),
            Control::Capacitor(c) if c.enabled => self.wanted_state(c, v)?,
            _ => return None,
        };
        Some(Armed { delay_s: armed.map_or(delay_s, |a| a.delay_s), wish })
    }

    fn wanted_tap(&self, r: &RegulatorControl, v: &[Complex64]) -> Option<Wish> {
        let t = match &self.network.parts().elements.get(r.transformer.0)?.model {
            ElementModel::Transformer(t) => t,
            _ => return None,
        };
        let (measured, tapped) = (t.windings.get(r.winding)?, t.windings.get(r.tap_winding)?);
        let phases = t.phases;
        let v_meter = match r.remote_node {
            Some(node) => *v.get(node.0)? * (self.network.v_base_v(node)? / r.pt_ratio),
            None => {
                let across = |phase| self.winding_voltage_v(r.transformer, t, r.winding, phase, v);
                let phase = match r.monitored {
                    MonitoredPhase::One(phase) => phase,
                    MonitoredPhase::Lowest => {
                        (0..phases).min_by(|&a, &b| across(a).norm().total_cmp(&across(b).norm()))?
                    }
                    MonitoredPhase::Highest => {
                        (0..phases).rev().max_by(|&a, &b| across(a).norm().total_cmp(&across(b).norm()))?
                    }
                };
                let current = self.conductor_current_a(r.transformer, r.winding, phase, v) / r.ct_primary_a;
                across(phase) / r.pt_ratio + Complex64::new(r.r_v, r.x_v) * current
            }
        };
        let boost_v = r.v_set_v - v_meter.norm();
        // A NaN is within the band.
        let outside = boost_v.abs() > 0.5 * r.band_v;
        if !outside || r.max_steps_per_move == 0 {
            return None;
        }
        let coil_v = measured.v_coil_v(phases);
        let step = tap_step(tapped)?;
        let mut steps = (boost_v * r.pt_ratio / coil_v / step).round_ties_even();
        if r.tap_winding != r.winding {
            steps = -steps;
        }
        let possible = if steps > 0.0 { tapped.tap_pu < tapped.tap_max_pu } else { tapped.tap_pu > tapped.tap_min_pu };
        if steps == 0.0 || !possible {
            return None;
        }
        let moved = (SHARE_OF_CHANGE * steps.abs()).floor().clamp(1.0, f64::from(r.max_steps_per_move));
        Some(Wish::Tap(moved.copysign(steps) * step))
    }

    /// Voltage across the coil of a phase, V.
    fn winding_voltage_v(
        &self,
        e: ElementIndex,
        t: &Transformer,
        winding: usize,
        phase: usize,
        v: &[Complex64],
    ) -> Complex64 {
        let Some(terminal) = self.network.parts().elements.get(e.0).and_then(|e| e.terminals.get(winding)) else {
            return Complex64::new(f64::NAN, f64::NAN);
        };
        let volts = |conductor: usize| {
            terminal.conductors.get(conductor).copied().flatten().map_or(Complex64::ZERO, |node| {
                v.get(node.0).copied().unwrap_or_default() * self.network.v_base_v(node).unwrap_or(0.0)
            })
        };
        let [start, end] = coil(&t.windings[winding], phase, t.phases, delta_goes_forward(t));
        volts(start) - volts(end)
    }

    fn wanted_state(&self, c: &CapacitorControl, v: &[Complex64]) -> Option<(f64, Wish)> {
        let closed = self.is_closed(c.capacitor);
        let decide = |on: bool, off: bool| match closed {
            false if on => Some((c.delay_on_s, Wish::Close(true))),
            true if off => Some((c.delay_off_s, Wish::Close(false))),
            _ => None,
        };
        let volts = self.mean_over(c, |conductor| {
            let node = self.network.parts().elements.get(c.watched.0)?.terminals.get(c.terminal)?.conductors[conductor];
            Some(node.map_or(0.0, |node| {
                v.get(node.0).map_or(f64::NAN, |v| v.norm()) * self.network.v_base_v(node).unwrap_or(f64::NAN)
            }))
        })? / c.pt_ratio;
        if c.rule != CapacitorRule::Voltage
            && let Some((low, high)) = c.voltage_override_v
            && let Some(wish) = decide(volts < low, volts > high)
        {
            return Some(wish);
        }
        match c.rule {
            CapacitorRule::Voltage => decide(volts < c.on_setting, volts > c.off_setting),
            CapacitorRule::Reactive => {
                let kvar = self.terminal_power(c.watched, c.terminal, v).im * 1e3 * self.network.parts().base_mva;
                decide(kvar > c.on_setting, kvar < c.off_setting)
            }
            CapacitorRule::Current => {
                let amperes = self.mean_over(c, |conductor| {
                    Some(self.conductor_current_a(c.watched, c.terminal, conductor, v).norm())
                })? / c.ct_ratio;
                decide(amperes > c.on_setting, amperes < c.off_setting)
            }
        }
    }

    /// Of the watched conductor, or the mean of all that are not grounded.
    fn mean_over(&self, c: &CapacitorControl, value: impl Fn(usize) -> Option<f64>) -> Option<f64> {
        let terminal = self.network.parts().elements.get(c.watched.0)?.terminals.get(c.terminal)?;
        if let Some(conductor) = c.conductor {
            return (conductor < terminal.conductors.len()).then(|| value(conductor)).flatten();
        }
        let live = || terminal.conductors.iter().enumerate().filter(|(_, node)| node.is_some()).map(|(k, _)| k);
        let sum: f64 = live().map(&value).sum::<Option<f64>>()?;
        Some(sum / live().count().max(1) as f64)
    }

    /// True when a state changed; `renew` has to follow.
    fn act(&mut self, control: &Control, wish: Wish) -> Result<bool, GridError> {
        let (element, changed) = match (control, wish) {
            (Control::Regulator(r), Wish::Tap(change)) => {
                let Some(winding) = self.winding(r.transformer, r.tap_winding) else { return Ok(false) };
                // Not `clamp`, which panics where the data have the limits the wrong way round.
                let tap = (winding.tap_pu + change).min(winding.tap_max_pu).max(winding.tap_min_pu);
                (r.transformer, self.network.set_tap(r.transformer, r.tap_winding, tap))
            }
            (Control::Capacitor(c), Wish::Close(state)) => (c.capacitor, self.network.set_closed(c.capacitor, state)),
            _ => return Ok(false),
        };
        if changed {
            self.system.set_element(&self.network, element.0)?;
        }
        Ok(changed)
    }
}

/// Size of a tap step, per unit; `None` where the data give none.
fn tap_step(winding: &Winding) -> Option<f64> {
    let step = (winding.tap_max_pu - winding.tap_min_pu) / f64::from(winding.tap_steps);
    (step > 0.0 && step.is_finite()).then_some(step)
}

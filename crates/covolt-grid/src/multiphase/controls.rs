//! Controls that move a tap or switch a capacitor between power flows, as data.

use super::network::{ElementIndex, NodeIndex};
use serde::{Deserialize, Serialize};

/// Moves the tap of one transformer winding so that a (compensated) voltage stays within a band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegulatorControl {
    /// Id as the user wrote it.
    pub id: String,
    /// The transformer.
    pub transformer: ElementIndex,
    /// Winding (terminal of the element) whose voltage and current are measured, from 0.
    pub winding: usize,
    /// Winding whose tap moves, from 0.
    pub tap_winding: usize,
    /// Set voltage on the meter's side, V.
    pub v_set_v: f64,
    /// Width of the band around it, V.
    pub band_v: f64,
    /// Ratio of the voltage transformer.
    pub pt_ratio: f64,
    /// Primary rating of the current transformer, A (its secondary is 0.2 A in OpenDSS's convention).
    pub ct_primary_a: f64,
    /// Line-drop compensation, V (resistive part).
    pub r_v: f64,
    /// Line-drop compensation, V (reactive part).
    pub x_v: f64,
    /// Conductors of the winding that are measured, from 0; the least of several, the largest, or one.
    pub monitored: MonitoredPhase,
    /// A node of another bus whose voltage is regulated instead, without compensation.
    pub remote_node: Option<NodeIndex>,
    /// Delay before the first move, s: the order in which controls act.
    pub delay_s: f64,
    /// Most tap steps in one move.
    pub max_steps_per_move: u32,
    /// False: the tap stays as it is.
    pub enabled: bool,
}

/// Which conductor a regulator watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MonitoredPhase {
    /// One conductor of the winding, from 0.
    One(usize),
    /// The one with the lowest voltage.
    Lowest,
    /// The one with the highest voltage.
    Highest,
}

/// What switches a capacitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CapacitorRule {
    /// Reactive power through the watched element's terminal, kvar.
    Reactive,
    /// Voltage on the meter's side, V: on below, off above.
    Voltage,
    /// Current on the meter's side, A.
    Current,
}

/// Switches a capacitor between two states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacitorControl {
    /// Id as the user wrote it.
    pub id: String,
    /// The capacitor.
    pub capacitor: ElementIndex,
    /// Element that is watched.
    pub watched: ElementIndex,
    /// Its terminal, from 0.
    pub terminal: usize,
    /// Conductor of the terminal, from 0; `None`: the average (or sum) of all.
    pub conductor: Option<usize>,
    /// What is watched.
    pub rule: CapacitorRule,
    /// Switches on above this (below, for a voltage).
    pub on_setting: f64,
    /// Switches off below this (above, for a voltage).
    pub off_setting: f64,
    /// Ratio of the voltage transformer.
    pub pt_ratio: f64,
    /// Ratio of the current transformer.
    pub ct_ratio: f64,
    /// Voltages (on the meter's side, V) at which the capacitor is switched on and off whatever the rule says.
    pub voltage_override_v: Option<(f64, f64)>,
    /// Delay before switching on, s.
    pub delay_on_s: f64,
    /// Delay before switching off, s.
    pub delay_off_s: f64,
    /// False: the capacitor stays as it is.
    pub enabled: bool,
}

/// A control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Control {
    /// Of a transformer's tap.
    Regulator(RegulatorControl),
    /// Of a capacitor.
    Capacitor(CapacitorControl),
}

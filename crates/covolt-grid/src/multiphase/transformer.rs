//! A transformer as data: windings with their connections, ratings and taps, and the short-circuit impedances between them.

use serde::{Deserialize, Serialize};

/// How the phases of a winding are connected to its terminal's conductors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WindingConnection {
    /// Phase k between conductor k and the neutral, the terminal's last conductor (phases + 1 conductors).
    Wye,
    /// Phase k between conductor k and conductor k + 1, cyclic (three conductors; one phase: between its two conductors).
    Delta,
}

/// One winding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Winding {
    /// Connection.
    pub connection: WindingConnection,
    /// Rated voltage, kV: line to line where there are two or three phases (whatever the connection), across the coil with one phase.
    pub v_rated_kv: f64,
    /// Rated power of all phases, kVA.
    pub s_rated_kva: f64,
    /// Winding resistance, per cent on the **first** winding's rating, as OpenDSS reads it.
    pub r_percent: f64,
    /// Tap, per unit of the rated voltage.
    pub tap_pu: f64,
    /// Smallest tap, per unit.
    pub tap_min_pu: f64,
    /// Largest tap, per unit.
    pub tap_max_pu: f64,
    /// Steps between smallest and largest tap.
    pub tap_steps: u32,
    /// Impedance from a wye's neutral conductor to ground, ohm (R, X); zero is a solid ground; `None` leaves the neutral to what the
    /// terminal connects it to. A delta ignores it.
    pub neutral_ohm: Option<(f64, f64)>,
}

/// A transformer of one to three phases and two or more windings; winding w is at the element's terminal w.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transformer {
    /// Phases.
    pub phases: usize,
    /// Windings, two or more.
    pub windings: Vec<Winding>,
    /// Short-circuit reactance of each pair of windings in the order 12, 13, .. 1n, 23, ..; per cent on the first winding's rating.
    pub x_percent: Vec<f64>,
    /// No-load losses, per cent on the first winding's rating; drawn at the second winding.
    pub no_load_loss_percent: f64,
    /// Magnetising current, per cent on the first winding's rating.
    pub magnetising_percent: f64,
    /// Small admittance to ground at every conductor that keeps floating windings regular, parts per million of the winding's
    /// rating; zero: none.
    pub antifloat_ppm: f64,
    /// Shift of delta-wye and wye-delta: true when the low side leads the high side by 30 degrees (European, Dy11), false when it
    /// lags (ANSI, Dy1).
    pub low_side_leads: bool,
}

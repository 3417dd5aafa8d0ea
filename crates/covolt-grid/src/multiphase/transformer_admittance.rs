//! Admittance of a transformer over the conductors of its terminals, S.
//!
//! All phases are alike and magnetically apart, so one phase is a set of n coils, one per winding. Three steps:
//!
//! **1. One volt.** Refer every coil to 1 V and let S_1 = S_rated,1 / phases be the power of one phase of the first winding. Per
//! cent then become ohms with z = 1 V^2 / S_1. Winding 1 is the reference; with all other windings but w open, the impedance seen
//! between 1 and w is the short-circuit impedance of this pair, and the impedance shared by two loops follows from the third pair:
//!
//! ```text
//!   ZB_ww = z (r_1 + r_w + j x_1w)                                   w, u = 2 .. n
//!   ZB_wu = (ZB_ww + ZB_uu - z (r_w + r_u + j x_wu)) / 2
//!   A = [-1 | I]       voltage differences of coils 2 .. n to coil 1; currents i = A^T ZB^-1 A v
//!   Y_1 = A^T ZB^-1 A                                                rows sum to zero: ampere-turns balance
//!   Y_1[2, 2] += (g_0 - j b_m) / z                                   no-load loss and magnetising current at the second winding
//! ```
//!
//! **2. Turns.** Coil w has V_w tap_w volts per volt: V_w is the rated voltage with one phase and in delta, divided by the square
//! root of three in wye with two or three phases. Y_coil[w, u] = Y_1[w, u] / (V_w tap_w V_u tap_u).
//!
//! **3. Connection.** Coil w of phase k lies between two conductors (+1 at the first, -1 at the second), into which Y_coil is
//! stamped: conductor k and the neutral in wye, conductor k and k + d (cyclic) in delta. The direction d is +1, and -1 where the
//! first two windings differ in connection and
//!
//! - the high side is delta and the low side lags (V_1 - V_3 lags V_1 by 30 degrees; so does the wye that is wound on it), or
//! - the high side is wye and the low side leads.
//!
//! With two phases a delta is open: its coils lie between three conductors all the same.
//!
//! **To ground.** Every coil's both ends get -j (ppm 1e-6 / 2) S_1 / V_w^2 so that a floating winding stays regular; a wye's neutral
//! conductor gets 1 / (R + jX) where an impedance is given (1e6 S where it is zero), else the anti-float admittance once more.
//!
//! Signs: a current into the transformer is positive. The shape: conductors of terminal 1, then of terminal 2 and so on; a wye has
//! phases + 1 conductors, the neutral last. Resistances of all windings are on the rating of the **first** one, and the other
//! ratings do not enter, as in OpenDSS, whose Yprim this is.

use super::matrix::ConductorMatrix;
use super::transformer::{Transformer, Winding, WindingConnection};
use num_complex::Complex64;

/// Admittance of a neutral that is solidly grounded, S: OpenDSS's, a micro-ohm.
const SOLID_GROUND_S: f64 = 1e6;

impl Winding {
    /// Number of conductors of the winding's terminal.
    pub fn n_conductors(&self, phases: usize) -> usize {
        match self.connection {
            WindingConnection::Wye => phases + 1,
            WindingConnection::Delta if phases == 1 => 2,
            WindingConnection::Delta => 3,
        }
    }

    /// Rated voltage across one coil, V.
    pub fn v_coil_v(&self, phases: usize) -> f64 {
        let across = 1e3 * self.v_rated_kv;
        if self.connection == WindingConnection::Wye && phases > 1 { across / 3f64.sqrt() } else { across }
    }
}

/// Admittance over the conductors of all terminals, one after the other, S. `None` for a transformer that no validated network
/// holds (no windings, a missing reactance, a rating of zero) and where short-circuit impedances contradict one another.
pub fn admittance_s(t: &Transformer) -> Option<ConductorMatrix> {
    let (n, phases) = (t.windings.len(), t.phases);
    if n < 2 || !(1..=3).contains(&phases) || t.x_percent.len() != n * (n - 1) / 2 {
        return None;
    }
    let s_1 = 1e3 * t.windings[0].s_rated_kva / phases as f64;
    let y_1 = one_volt(t, s_1)?;
    let coil_v: Vec<f64> = t.windings.iter().map(|w| w.v_coil_v(phases)).collect();
    let turns: Vec<f64> = t.windings.iter().zip(&coil_v).map(|(w, v)| v * w.tap_pu).collect();
    let (first, size) = first_conductors(t);
    let forward = delta_goes_forward(t);
    let mut y = ConductorMatrix::zero(size);
    for phase in 0..phases {
        let ends: Vec<[usize; 2]> =
            t.windings.iter().zip(&first).map(|(w, f)| coil(w, phase, phases, forward).map(|c| f + c)).collect();
        for w in 0..n {
            for u in 0..n {
                let y_coil = y_1.at(w, u) / (turns[w] * turns[u]);
                for (&row, sign_w) in ends[w].iter().zip([1.0, -1.0]) {
                    for (&column, sign_u) in ends[u].iter().zip([1.0, -1.0]) {
                        y.add(row, column, y_coil * (sign_w * sign_u));
                    }
                }
            }
            let floating = antifloat(t, s_1, coil_v[w]);
            ends[w].iter().for_each(|&end| y.add(end, end, floating));
        }
    }
    for (w, winding) in t.windings.iter().enumerate().filter(|(_, w)| w.connection == WindingConnection::Wye) {
        let neutral = first[w] + phases;
        let to_ground = match winding.neutral_ohm {
            Some((0.0, 0.0)) => Complex64::from(SOLID_GROUND_S),
            Some((r, x)) => Complex64::new(r, x).inv(),
            None => antifloat(t, s_1, coil_v[w]),
        };
        y.add(neutral, neutral, to_ground);
    }
    y.is_sound().then_some(y)
}

/// Y_1: one phase with every coil at 1 V.
fn one_volt(t: &Transformer, s_1: f64) -> Option<ConductorMatrix> {
    let n = t.windings.len();
    let z = 0.01 / s_1;
    let pair = |w: usize, u: usize| {
        // Pairs 12, 13, .. 1n, 23, ..: those before row w, then those of the row.
        let position = w * (2 * n - w - 1) / 2 + (u - w - 1);
        z * Complex64::new(t.windings[w].r_percent + t.windings[u].r_percent, t.x_percent[position])
    };
    let zb = ConductorMatrix::from_fn(n - 1, |i, j| {
        if i == j {
            return pair(0, i + 1);
        }
        let (i, j) = (i.min(j), i.max(j));
        0.5 * (pair(0, i + 1) + pair(0, j + 1) - pair(i + 1, j + 1))
    });
    let yb = zb.inverse()?;
    let mut y = ConductorMatrix::zero(n);
    for i in 1..n {
        for j in 1..n {
            let value = yb.at(i - 1, j - 1);
            for (row, column, sign) in [(i, j, 1.0), (0, j, -1.0), (i, 0, -1.0), (0, 0, 1.0)] {
                y.add(row, column, sign * value);
            }
        }
    }
    y.add(1, 1, Complex64::new(t.no_load_loss_percent, -t.magnetising_percent) * (0.01 * s_1));
    Some(y)
}

/// Conductor of the whole element at which each terminal begins, and the number of all conductors.
fn first_conductors(t: &Transformer) -> (Vec<usize>, usize) {
    let mut size = 0;
    let first = t.windings.iter().map(|w| {
        size += w.n_conductors(t.phases);
        size - w.n_conductors(t.phases)
    });
    (first.collect(), size)
}

/// True: a delta coil goes from conductor k to k + 1; false: to k - 1.
pub(super) fn delta_goes_forward(t: &Transformer) -> bool {
    let (one, two) = (&t.windings[0], &t.windings[1]);
    if one.connection == two.connection {
        return true;
    }
    let high = if one.v_rated_kv >= two.v_rated_kv { one } else { two };
    match high.connection {
        WindingConnection::Wye => !t.low_side_leads,
        WindingConnection::Delta => t.low_side_leads,
    }
}

/// The two conductors of the terminal between which the coil of a phase lies.
pub(super) fn coil(winding: &Winding, phase: usize, phases: usize, forward: bool) -> [usize; 2] {
    match winding.connection {
        _ if phases == 1 => [0, 1],
        WindingConnection::Wye => [phase, phases],
        WindingConnection::Delta if forward => [phase, (phase + 1) % 3],
        WindingConnection::Delta => [phase, (phase + 2) % 3],
    }
}

/// Half of a coil's anti-float admittance.
fn antifloat(t: &Transformer, s_1: f64, coil_v: f64) -> Complex64 {
    Complex64::new(0.0, -0.5e-6 * t.antifloat_ppm * s_1 / (coil_v * coil_v))
}

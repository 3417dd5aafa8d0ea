//! Sequence values turned into matrices over phases, short-circuit powers into impedances.
//!
//! ```text
//!   diagonal (2 z_1 + z_0) / 3, off the diagonal (z_0 - z_1) / 3     also for two phases of such a line; one phase: z_1 alone
//!   z_2 other than z_1 (three phases):  Z = A diag(z_0, z_1, z_2) A^-1, A the transformation with a = 1 at 120 degrees
//! ```
//!
//! A source is given by its three-phase and one-phase short circuit. With the voltage V line to line, ratios k_1 = x_1/r_1, k_0 = x_0/r_0:
//!
//! ```text
//!   |z_1| = V^2 / S_3                      x_1 = |z_1| / sqrt(1 + 1/k_1^2), r_1 = x_1 / k_1
//!   |2 z_1 + z_0| = 3 V_phase / I_1        with z_0 = r_0 (1 + j k_0): a quadratic equation for r_0, of which the larger root counts
//!     (1 + k_0^2) r_0^2 + 4 (r_1 + x_1 k_0) r_0 + 4 |z_1|^2 - (3 V_phase / I_1)^2 = 0
//! ```
//!
//! Its voltages are `V pu / (2 sin(pi / n))` to ground for n phases, each 360/n degrees behind the one before. One phase: V itself,
//! and z_0 is derived the same way, so the one conductor's impedance is (2 z_1 + z_0) / 3. All this is as in OpenDSS.

use super::matrix::ConductorMatrix;
use num_complex::Complex64;
use std::f64::consts::PI;

/// Matrix over `phases` conductors with these positive and zero sequence values: impedances, or admittances.
pub fn sequence_matrix(phases: usize, one: Complex64, zero: Complex64) -> ConductorMatrix {
    if phases == 1 {
        return ConductorMatrix::from_fn(1, |_, _| one);
    }
    let (own, mutual) = ((2.0 * one + zero) / 3.0, (zero - one) / 3.0);
    ConductorMatrix::from_fn(phases, |i, j| if i == j { own } else { mutual })
}

/// Matrix over three phases whose negative sequence value differs from the positive one.
pub fn sequence_matrix_012(zero: Complex64, one: Complex64, two: Complex64) -> ConductorMatrix {
    ConductorMatrix::from_fn(3, |i, j| {
        let turn = |k: usize| Complex64::from_polar(1.0, 2.0 * PI / 3.0 * k as f64);
        let steps = (j + 3 - i) % 3;
        (zero + turn(steps) * one + turn(2 * steps) * two) / 3.0
    })
}

/// Shunt admittance, S, of sequence capacitances, F.
pub fn sequence_capacitance_matrix(phases: usize, one_f: f64, zero_f: f64, f_hz: f64) -> ConductorMatrix {
    let susceptance = |c: f64| Complex64::new(0.0, 2.0 * PI * f_hz * c);
    sequence_matrix(phases, susceptance(one_f), susceptance(zero_f))
}

/// How strong a source is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ShortCircuit {
    /// Powers of a three-phase and of a one-phase short circuit, MVA.
    Power {
        /// Three-phase.
        three_mva: f64,
        /// One-phase.
        one_mva: f64,
    },
    /// Currents of a three-phase and of a one-phase short circuit, A.
    Current {
        /// Three-phase.
        three_a: f64,
        /// One-phase.
        one_a: f64,
    },
}

/// Sequence impedances of a source, ohm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceSequence {
    /// Positive (and negative) sequence.
    pub one: Complex64,
    /// Zero sequence.
    pub zero: Complex64,
}

impl SourceSequence {
    /// From the short circuits at a voltage (kV, line to line; one phase: across it) and the ratios x/r of positive and zero
    /// sequence. `None` where a number is not positive, or the one-phase short circuit is too strong for any resistance.
    pub fn from_short_circuit(
        phases: usize,
        v_kv: f64,
        strength: ShortCircuit,
        x1_r1: f64,
        x0_r0: f64,
    ) -> Option<SourceSequence> {
        let to_phase = if phases == 1 { 1.0 } else { 3f64.sqrt() };
        let (three_mva, one_a) = match strength {
            ShortCircuit::Power { three_mva, one_mva } => (three_mva, 1e3 * one_mva / (to_phase * v_kv)),
            ShortCircuit::Current { three_a, one_a } => (1e-3 * 3f64.sqrt() * v_kv * three_a, one_a),
        };
        if ![v_kv, three_mva, one_a, x1_r1].iter().all(|&x| x.is_finite() && x > 0.0) || !x0_r0.is_finite() {
            return None;
        }
        let x_1 = v_kv * v_kv / three_mva / (1.0 + x1_r1.powi(-2)).sqrt();
        let one = Complex64::new(x_1 / x1_r1, x_1);
        let a = 1.0 + x0_r0 * x0_r0;
        let b = 4.0 * (one.re + one.im * x0_r0);
        let c = 4.0 * one.norm_sqr() - (3e3 * v_kv / (to_phase * one_a)).powi(2);
        let discriminant = b * b - 4.0 * a * c;
        if discriminant.is_nan() || discriminant < 0.0 {
            return None;
        }
        let r_0 = (discriminant.sqrt() - b) / (2.0 * a);
        Some(SourceSequence { one, zero: Complex64::new(r_0, r_0 * x0_r0) })
    }

    /// Impedance over the phases of the source, ohm.
    pub fn matrix_ohm(&self, phases: usize) -> ConductorMatrix {
        let (own, mutual) = ((2.0 * self.one + self.zero) / 3.0, (self.zero - self.one) / 3.0);
        ConductorMatrix::from_fn(phases, |i, j| if i == j { own } else { mutual })
    }
}

/// Order in which the phases of a source follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PhaseOrder {
    /// Each behind the one before.
    #[default]
    Positive,
    /// Each ahead of the one before.
    Negative,
    /// All together.
    Zero,
}

/// Voltages of a source to ground, V.
pub fn source_voltages_v(phases: usize, v_kv: f64, v_pu: f64, angle_degrees: f64, order: PhaseOrder) -> Vec<Complex64> {
    let to_ground = if phases <= 1 { 1.0 } else { 2.0 * (PI / phases as f64).sin() };
    let step = match order {
        PhaseOrder::Positive => -360.0,
        PhaseOrder::Negative => 360.0,
        PhaseOrder::Zero => 0.0,
    } / phases.max(1) as f64;
    (0..phases)
        .map(|k| Complex64::from_polar(1e3 * v_kv * v_pu / to_ground, (angle_degrees + step * k as f64).to_radians()))
        .collect()
}

//! A conductor of a line: wire, place and, of a cable, insulation and shield; its internal impedance.
//!
//! Inside a round wire of direct-current resistance R (ohm/m) the current crowds to the surface. With z = (1 + j) sqrt(f mu / R), which
//! is the radius in complex skin depths,
//!
//! ```text
//!   Z_int = R (z / 2) I_0(z) / I_1(z)        -> R at low frequency
//! ```
//!
//! Carson's formulas take the tabulated alternating-current resistance instead, and omega mu / 8 pi. At power frequencies (40 to 1000
//! Hz) the internal reactance is in the tabulated GMR, so only the real part is used and the distance of a wire to itself is its
//! GMR; outside, it is the radius.

use super::earth_return::{EarthModel, MU_0};
use num_complex::Complex64;

/// A wire, or the core of a cable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wire {
    /// Geometric mean radius, m.
    pub gmr_m: f64,
    /// Radius, m.
    pub radius_m: f64,
    /// Radius for the capacitance, m; other than the radius only where the wire stands for a bundle.
    pub capacitance_radius_m: f64,
    /// Resistance to direct current, ohm/m; Deri's model uses it.
    pub r_dc_ohm_per_m: f64,
    /// Resistance to alternating current, ohm/m; Carson's models use it.
    pub r_ac_ohm_per_m: f64,
}

/// The earthed metal around a cable's insulation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ShieldKind {
    /// Strands of a concentric neutral.
    Strands {
        /// Number of strands.
        count: u32,
        /// Diameter of a strand, m.
        diameter_m: f64,
        /// GMR of a strand, m.
        gmr_m: f64,
        /// Resistance of a strand, ohm/m.
        r_ohm_per_m: f64,
        /// Diameter over the neutral, m.
        outer_diameter_m: f64,
    },
    /// Lapped copper tape.
    Tape {
        /// Diameter over the shield, m.
        outer_diameter_m: f64,
        /// Thickness of the tape, m.
        thickness_m: f64,
        /// Lap, per cent of the width: 20 is usual.
        lap_percent: f64,
    },
}

/// Insulation and shield of a cable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CableShield {
    /// Relative permittivity of the insulation.
    pub relative_permittivity: f64,
    /// Thickness of the insulation, m.
    pub insulation_m: f64,
    /// Diameter over the insulation, m.
    pub insulation_diameter_m: f64,
    /// The metal.
    pub kind: ShieldKind,
}

/// A conductor in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineConductor {
    /// The wire.
    pub wire: Wire,
    /// Horizontal position, m.
    pub x_m: f64,
    /// Height over ground, m; negative below.
    pub height_m: f64,
    /// Of a cable.
    pub shield: Option<CableShield>,
}

/// Resistivity of copper tape over pi, ohm m: 2.3718e-8 (Kersting's value, at 50 degrees) times 0.3183, with OpenDSS's digits; the
/// exact quotient would differ by 3e-5.
const TAPE_RESISTIVITY_OVER_PI: f64 = 7.5494394e-9;
/// From this |z| on the ratio of Bessel functions is one to 1.5 per cent; OpenDSS takes one.
const SKIN_LIMIT: f64 = 35.0;
/// Terms of a Bessel series at most: at |z| = 35 they fall below 1e-16 of the largest after fewer than 100.
const BESSEL_TERMS: usize = 200;

impl ShieldKind {
    /// Resistance, ohm/m.
    pub(crate) fn r_ohm_per_m(&self) -> f64 {
        match *self {
            ShieldKind::Strands { count, r_ohm_per_m, .. } => r_ohm_per_m / f64::from(count),
            ShieldKind::Tape { outer_diameter_m, thickness_m, lap_percent } => {
                TAPE_RESISTIVITY_OVER_PI / (outer_diameter_m * thickness_m * (50.0 / (100.0 - lap_percent)).sqrt())
            }
        }
    }

    /// Radius of the circle on which the metal lies, m: its distance to the core.
    pub(crate) fn circle_m(&self) -> f64 {
        match *self {
            ShieldKind::Strands { diameter_m, outer_diameter_m, .. } => 0.5 * (outer_diameter_m - diameter_m),
            ShieldKind::Tape { outer_diameter_m, thickness_m, .. } => 0.5 * (outer_diameter_m - thickness_m),
        }
    }

    /// GMR of the whole shield, m: of k strands on a circle R, (k GMR_s R^(k-1))^(1/k).
    pub(crate) fn gmr_m(&self) -> f64 {
        match *self {
            ShieldKind::Strands { count, gmr_m, .. } => {
                let k = f64::from(count);
                // As a product of powers: R^(k-1) alone would underflow for many strands.
                (k * gmr_m / self.circle_m()).powf(1.0 / k) * self.circle_m()
            }
            ShieldKind::Tape { .. } => self.circle_m(),
        }
    }

    /// Mean distance, m, of the shield's metal to something at distance `d` of its centre: (d^k - R^k)^(1/k) with k strands.
    pub(crate) fn distance_m(&self, d: f64) -> f64 {
        match *self {
            ShieldKind::Strands { count, .. } => {
                let k = f64::from(count);
                d * (1.0 - (self.circle_m() / d).powf(k)).powf(1.0 / k)
            }
            ShieldKind::Tape { .. } => d,
        }
    }
}

/// Internal impedance of a wire, ohm/m, and the distance it has to itself, m.
pub(crate) fn internal_impedance(wire: &Wire, model: EarthModel, f_hz: f64) -> (Complex64, f64) {
    let z = match model {
        EarthModel::SimpleCarson | EarthModel::FullCarson => Complex64::new(wire.r_ac_ohm_per_m, f_hz * MU_0 / 4.0),
        EarthModel::Deri => {
            let r = wire.r_dc_ohm_per_m;
            let z = Complex64::new(1.0, 1.0) * (f_hz * MU_0 / r).sqrt();
            let ratio = if z.norm() > SKIN_LIMIT { Complex64::ONE } else { bessel(z, 0) / bessel(z, 1) };
            0.5 * r * z * ratio
        }
    };
    let power_frequency = f_hz > 40.0 && f_hz < 1000.0;
    if power_frequency { (Complex64::from(z.re), wire.gmr_m) } else { (z, wire.radius_m) }
}

/// Modified Bessel function of the first kind, order 0 or 1, by its series sum (z/2)^(2k + order) / (k! (k + order)!).
fn bessel(z: Complex64, order: u32) -> Complex64 {
    let quarter = 0.25 * z * z;
    let mut term = (0.5 * z).powu(order);
    let mut sum = term;
    for k in 1..BESSEL_TERMS {
        term *= quarter / (k as f64 * (k as f64 + f64::from(order)));
        sum += term;
        if term.norm() <= 1e-17 * sum.norm() {
            break;
        }
    }
    sum
}

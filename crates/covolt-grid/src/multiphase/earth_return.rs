//! What the earth adds to the series impedance of conductors above it, ohm/m.
//!
//! Conductor i stands at (x_i, h_i). Without the earth its flux to a distance of 1 m gives j (omega mu / 2 pi) ln(1 / D_ij) (D_ii =
//! GMR); the current returning through the earth adds Z_e so that the sum has no metre in it. Three formulas:
//!
//! ```text
//!   Deri (complex depth p = 1 / sqrt(j omega mu / rho)):
//!     Z_e = j (omega mu / 2 pi) ln sqrt((h_i + h_j + 2p)^2 + (x_i - x_j)^2)
//!   Carson, first terms:
//!     Z_e = omega mu / 8 + j (omega mu / 2 pi) ln(658.5 sqrt(rho / f))
//!   Carson, series to the fourth power of m = 2.8099e-3 D' sqrt(f / rho), D' the distance to the image of j, cos theta = (h_i + h_j) / D':
//!     Z_e = (omega mu / pi) (P + j (Q + ln(D') / 2))
//!     P = pi/8 - b1 m cos th + b2 m^2 ((c2 - ln m) cos 2th + th sin 2th) + b3 m^3 cos 3th - d4 m^4 cos 4th
//!     Q = ln(1.85138 / m) / 2 + b1 m cos th - d2 m^2 cos 2th + b3 m^3 cos 3th - b4 m^4 ((c4 - ln m) cos 4th + th sin 4th)
//! ```
//!
//! Sources: Deri et al., "The complex ground return plane", IEEE Trans. PAS 100(8), 1981; Carson, "Wave propagation in overhead
//! wires with ground return", BSTJ 5, 1926. Heights count by their magnitude, so that a buried cable is mirrored like a line.

use num_complex::Complex64;
use std::f64::consts::{FRAC_PI_4, FRAC_PI_8, PI};

/// Permeability, H/m, with the digits OpenDSS has, so that results can be compared to the last.
pub(crate) const MU_0: f64 = 12.56637e-7;

/// How the return through the earth is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarthModel {
    /// Complex depth of return; OpenDSS's default.
    #[default]
    Deri,
    /// First terms of Carson's series: no influence of height.
    SimpleCarson,
    /// Carson's series.
    FullCarson,
}

/// The earth below a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Earth {
    /// How the return is computed.
    pub model: EarthModel,
    /// Resistivity rho, ohm m.
    pub resistivity_ohm_m: f64,
}

impl Default for Earth {
    /// OpenDSS's: Deri, 100 ohm m.
    fn default() -> Earth {
        Earth { model: EarthModel::Deri, resistivity_ohm_m: 100.0 }
    }
}

/// Z_e of two conductors at (x, height), m; the self impedance where both are the same. Ohm/m.
pub(crate) fn earth_return_ohm_per_m(earth: &Earth, f_hz: f64, a: (f64, f64), b: (f64, f64)) -> Complex64 {
    let (omega, rho) = (2.0 * PI * f_hz, earth.resistivity_ohm_m);
    let (dx, h) = (a.0 - b.0, a.1.abs() + b.1.abs());
    let per_log = Complex64::new(0.0, omega * MU_0 / (2.0 * PI));
    match earth.model {
        EarthModel::Deri => {
            let p = Complex64::new(0.0, omega * MU_0 / rho).sqrt().inv();
            per_log * (((h + 2.0 * p) * (h + 2.0 * p) + dx * dx).sqrt()).ln()
        }
        EarthModel::SimpleCarson => omega * MU_0 / 8.0 + per_log * (658.5 * (rho / f_hz).sqrt()).ln(),
        EarthModel::FullCarson => carson(h.hypot(dx), dx.abs().atan2(h), f_hz, rho) * (omega * MU_0 / PI),
    }
}

/// P + j (Q + ln(D') / 2).
fn carson(d_image: f64, th: f64, f_hz: f64, rho: f64) -> Complex64 {
    let (b1, b2) = (1.0 / (3.0 * 2f64.sqrt()), 1.0 / 16.0);
    let (b3, b4) = (b1 / 15.0, b2 / 24.0);
    let (d2, d4) = (b2 * FRAC_PI_4, b4 * FRAC_PI_4);
    let c2 = 1.3659315;
    let c4 = c2 + 1.0 / 4.0 + 1.0 / 6.0;
    let m = 2.8099e-3 * d_image * (f_hz / rho).sqrt();
    let even = |c: f64, k: f64| (c - m.ln()) * (k * th).cos() + th * (k * th).sin();
    let p = FRAC_PI_8 - b1 * m * th.cos() + b2 * m.powi(2) * even(c2, 2.0) + b3 * m.powi(3) * (3.0 * th).cos()
        - d4 * m.powi(4) * (4.0 * th).cos();
    let q = 0.5 * (1.85138 / m).ln() + b1 * m * th.cos() - d2 * m.powi(2) * (2.0 * th).cos()
        + b3 * m.powi(3) * (3.0 * th).cos()
        - b4 * m.powi(4) * even(c4, 4.0);
    Complex64::new(p, q + 0.5 * d_image.ln())
}

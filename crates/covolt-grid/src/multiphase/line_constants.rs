//! Series impedance (ohm/m) and shunt admittance (S/m) of a line from its geometry.
//!
//! ```text
//!   Z_ii = Z_int + j (omega mu / 2 pi) ln(1 / GMR_i) + Z_e,ii       Z_ij = j (omega mu / 2 pi) ln(1 / D_ij) + Z_e,ij
//!   shields of cables are further conductors, earthed all along: eliminated (Kron) before anything else
//!
//!   bare wires:  P_ii = ln(2 h_i / r_i) / (2 pi eps_0), P_ij = ln(D'_ij / D_ij) / (2 pi eps_0), Y = j omega P^-1   (D' to the image)
//!   cables:      Y_ii = j omega 2 pi eps_r eps_0 / ln(R_outer / R_inner), nothing between them; a bare wire beside cables has none
//! ```
//!
//! The result has one row per conductor, in the order given. [`LineConstants::reduced`] eliminates the neutrals that are grounded
//! along the line. Sources: Kersting, Distribution System Modeling and Analysis, chapters 4 and 5; the choices that textbooks leave
//! open are OpenDSS's, so are the digits of the constants (eps_0 = 8.854e-12 F/m), see `earth_return.rs` and `line_conductor.rs`.

use super::earth_return::{Earth, MU_0, earth_return_ohm_per_m};
use super::kron::{kron_reduced, leading_block};
use super::line_conductor::{LineConductor, ShieldKind, internal_impedance};
use super::matrix::ConductorMatrix;
use num_complex::Complex64;
use std::f64::consts::PI;
use thiserror::Error;

/// Permittivity of air, F/m.
const EPS_0: f64 = 8.854e-12;

/// Impedance and admittance of a metre of line.
#[derive(Debug, Clone, PartialEq)]
pub struct LineConstants {
    /// Series impedance, ohm/m.
    pub series_ohm_per_m: ConductorMatrix,
    /// Shunt admittance, S/m.
    pub shunt_s_per_m: ConductorMatrix,
}

/// Why a geometry has no constants.
#[derive(Debug, Clone, PartialEq, Error)]
#[allow(missing_docs)] // the message of each variant explains its fields
pub enum GeometryFault {
    #[error("a line has no conductor")]
    NoConductor,
    #[error("conductor {conductor}: {quantity} is {value}, must be {expected}")]
    OutOfRange { conductor: usize, quantity: &'static str, value: f64, expected: &'static str },
    #[error("{quantity} is {value}, must be positive")]
    Surroundings { quantity: &'static str, value: f64 },
    #[error("conductors {first} and {second} occupy the same space")]
    SameSpace { first: usize, second: usize },
    #[error("the impedances contradict one another: a matrix that must be inverted is singular")]
    Singular,
}

impl LineConstants {
    /// The first `n_phases` conductors, the others being neutrals that are grounded along the line; `None` where they are singular.
    pub fn reduced(&self, n_phases: usize) -> Option<LineConstants> {
        Some(LineConstants {
            series_ohm_per_m: kron_reduced(&self.series_ohm_per_m, n_phases)?,
            shunt_s_per_m: leading_block(&self.shunt_s_per_m, n_phases),
        })
    }
}

/// Constants of a line of these conductors at a frequency, Hz.
///
/// # Errors
/// Everything that is wrong with the geometry.
pub fn line_constants(
    conductors: &[LineConductor],
    earth: &Earth,
    f_hz: f64,
) -> Result<LineConstants, Vec<GeometryFault>> {
    let faults = find_faults(conductors, earth, f_hz);
    if !faults.is_empty() {
        return Err(faults);
    }
    let (Some(series_ohm_per_m), Some(shunt_s_per_m)) =
        (series(conductors, earth, f_hz), shunt(conductors, 2.0 * PI * f_hz))
    else {
        return Err(vec![GeometryFault::Singular]);
    };
    if !series_ohm_per_m.is_sound() || !shunt_s_per_m.is_sound() {
        return Err(vec![GeometryFault::Singular]);
    }
    Ok(LineConstants { series_ohm_per_m, shunt_s_per_m })
}

fn distance_m(a: &LineConductor, b: &LineConductor) -> f64 {
    (a.x_m - b.x_m).hypot(a.height_m - b.height_m)
}

fn series(conductors: &[LineConductor], earth: &Earth, f_hz: f64) -> Option<ConductorMatrix> {
    let n = conductors.len();
    let shields: Vec<(usize, ShieldKind)> =
        conductors.iter().enumerate().filter_map(|(i, c)| Some((i, c.shield?.kind))).collect();
    let per_log = 2.0 * PI * f_hz * MU_0 / (2.0 * PI);
    let owner = |k: usize| if k < n { k } else { shields[k - n].0 };
    let z = ConductorMatrix::from_fn(n + shields.len(), |i, j| {
        let (i, j) = (i.min(j), i.max(j));
        let (a, b) = (&conductors[owner(i)], &conductors[owner(j)]);
        let (own, d) = match (j.checked_sub(n), i == j, owner(i) == owner(j)) {
            (None, true, _) => internal_impedance(&a.wire, earth.model, f_hz),
            (Some(k), true, _) => (Complex64::from(shields[k].1.r_ohm_per_m()), shields[k].1.gmr_m()),
            (Some(k), false, true) => (Complex64::ZERO, shields[k].1.circle_m()),
            (Some(k), false, false) if i < n => (Complex64::ZERO, shields[k].1.distance_m(distance_m(a, b))),
            _ => (Complex64::ZERO, distance_m(a, b)),
        };
        let through_earth = earth_return_ohm_per_m(earth, f_hz, (a.x_m, a.height_m), (b.x_m, b.height_m));
        own + Complex64::new(0.0, -per_log * d.ln()) + through_earth
    });
    kron_reduced(&z, n)
}

fn shunt(conductors: &[LineConductor], omega: f64) -> Option<ConductorMatrix> {
    let n = conductors.len();
    if conductors.iter().any(|c| c.shield.is_some()) {
        return Some(ConductorMatrix::from_fn(n, |i, j| match conductors[i].shield {
            Some(cable) if i == j => {
                let outer = 0.5 * cable.insulation_diameter_m;
                let capacitance =
                    2.0 * PI * EPS_0 * cable.relative_permittivity / (outer / (outer - cable.insulation_m)).ln();
                Complex64::new(0.0, omega * capacitance)
            }
            _ => Complex64::ZERO,
        }));
    }
    let potential = ConductorMatrix::from_fn(n, |i, j| {
        let (a, b) = (&conductors[i], &conductors[j]);
        let ratio = if i == j {
            2.0 * a.height_m / a.wire.capacitance_radius_m
        } else {
            (a.x_m - b.x_m).hypot(a.height_m + b.height_m) / distance_m(a, b)
        };
        // P / (j omega), so that the inverse is Y itself.
        Complex64::new(0.0, -ratio.ln() / (2.0 * PI * EPS_0 * omega))
    });
    potential.inverse()
}

fn find_faults(conductors: &[LineConductor], earth: &Earth, f_hz: f64) -> Vec<GeometryFault> {
    let mut faults = Vec::new();
    if conductors.is_empty() {
        faults.push(GeometryFault::NoConductor);
    }
    for (quantity, value) in
        [("the frequency, Hz", f_hz), ("the resistivity of the earth, ohm m", earth.resistivity_ohm_m)]
    {
        if !(value.is_finite() && value > 0.0) {
            faults.push(GeometryFault::Surroundings { quantity, value });
        }
    }
    let cables = conductors.iter().any(|c| c.shield.is_some());
    for (conductor, c) in conductors.iter().enumerate() {
        let mut check = |quantity, value: f64, good: bool, expected| {
            if !(value.is_finite() && good) {
                faults.push(GeometryFault::OutOfRange { conductor, quantity, value, expected });
            }
        };
        let mut positive = |quantity, value: f64| check(quantity, value, value > 0.0, "positive and finite");
        positive("the GMR, m", c.wire.gmr_m);
        positive("the radius, m", c.wire.radius_m);
        positive("the radius for the capacitance, m", c.wire.capacitance_radius_m);
        positive("the resistance to direct current, ohm/m", c.wire.r_dc_ohm_per_m);
        positive("the resistance to alternating current, ohm/m", c.wire.r_ac_ohm_per_m);
        check("the position, m", c.x_m, true, "finite");
        check("the height, m", c.height_m, cables || c.height_m > 0.0, "positive (finite for cables)");
        let Some(cable) = &c.shield else { continue };
        let mut positive = |quantity, value: f64| check(quantity, value, value > 0.0, "positive and finite");
        positive("the permittivity", cable.relative_permittivity);
        positive("the thickness of the insulation, m", cable.insulation_m);
        positive("the resistance of the shield, ohm/m", cable.kind.r_ohm_per_m());
        positive("the radius of the shield, m", cable.kind.circle_m());
        positive("the GMR of the shield, m", cable.kind.gmr_m());
        let diameter = cable.insulation_diameter_m;
        check(
            "the diameter over the insulation, m",
            diameter,
            diameter > 2.0 * cable.insulation_m,
            "over twice its thickness",
        );
    }
    for second in 0..conductors.len() {
        for first in 0..second {
            let (a, b) = (&conductors[first], &conductors[second]);
            if distance_m(a, b) < a.wire.radius_m + b.wire.radius_m {
                faults.push(GeometryFault::SameSpace { first, second });
            }
        }
    }
    faults
}

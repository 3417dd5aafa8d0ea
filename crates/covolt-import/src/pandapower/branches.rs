//! Lines, impedances and switches with an impedance in per unit, and what is left of a branch that is open at one end.
//!
//! With Z = kV^2 / MVA at the from bus, n parallel systems of length l:
//!
//! ```text
//!   z = (r + j x) l / (n Z)        y = (g + j 2 pi f c) l n Z        half of y at each end
//! ```
//!
//! A branch that is open at one end is a shunt at the other: its charging there, in parallel with the series impedance
//! and the charging of the open end. With y_o the shunt behind the impedance, seen from the ideal ratio's to side,
//!
//! ```text
//!   open at the to side:    y = y_from + (y_o / (1 + z y_o)) / |t|^2      y_o = y_to
//!   open at the from side:  y = y_to   +  y_o / (1 + z y_o)               y_o = y_from |t|^2
//! ```

use super::frames::{Frames, Row};
use crate::error::Complaint;
use crate::report::Place;
use covolt_grid::{BranchKind, Complex64};
use std::f64::consts::PI;

/// A branch between two buses of the file, in our terms (shunts at the terminals).
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub place: Place,
    pub id: String,
    pub from: i64,
    pub to: i64,
    pub kind: BranchKind,
    pub z: Complex64,
    pub y_from: Complex64,
    pub y_to: Complex64,
    pub tap: Complex64,
    pub rating_a: Option<f64>,
    /// An open switch, or a bus out of service.
    pub open_from: bool,
    pub open_to: bool,
}

impl Element {
    pub fn line(row: &Row<'_>, from: i64, to: i64, z: Complex64, y: [Complex64; 2]) -> Element {
        Element {
            place: row.place(),
            id: row.id(),
            from,
            to,
            kind: BranchKind::Line,
            z,
            y_from: y[0],
            y_to: y[1],
            tap: Complex64::ONE,
            rating_a: None,
            open_from: false,
            open_to: false,
        }
    }

    /// Admittance at the from terminal of a branch whose to end is open.
    pub fn open_at_to(&self) -> Complex64 {
        self.y_from + behind(self.z, self.y_to) / self.tap.norm_sqr()
    }

    /// Admittance at the to terminal of a branch whose from end is open.
    pub fn open_at_from(&self) -> Complex64 {
        self.y_to + behind(self.z, self.y_from * self.tap.norm_sqr())
    }
}

fn behind(z: Complex64, y: Complex64) -> Complex64 {
    y / (1.0 + z * y)
}

/// A line in service.
pub(super) fn line(row: &Row<'_>, net: &Frames, from_kv: f64) -> Result<Element, Complaint> {
    let (length, parallel) = (row.positive("length_km")?, row.positive_or_one("parallel")?);
    let z_base = from_kv * from_kv / net.sn_mva;
    let z = Complex64::new(row.number("r_ohm_per_km")?, row.number("x_ohm_per_km")?) * (length / parallel / z_base);
    let conductance = row.number_or("g_us_per_km", 0.0)? * 1e-6;
    let susceptance = 2.0 * PI * net.f_hz * row.number_or("c_nf_per_km", 0.0)? * 1e-9;
    let y = Complex64::new(conductance, susceptance) * (length * parallel * z_base / 2.0);
    let mut element = Element::line(row, row.reference("from_bus")?, row.reference("to_bus")?, z, [y, y]);
    element.rating_a = match row.optional("max_i_ka")? {
        Some(ka) => rating(row, ka * 1e3 * parallel)?,
        None => None,
    };
    Ok(element)
}

/// A limit in A with the derating and the loading that the operator allows; `None` when none is written down.
pub(super) fn rating(row: &Row<'_>, amperes: f64) -> Result<Option<f64>, Complaint> {
    let limit = amperes * row.positive_or_one("df")? * row.number_or("max_loading_percent", 100.0)? / 100.0;
    Ok((limit > 0.0 && limit.is_finite()).then_some(limit))
}

/// An impedance in service: per unit on its own power, the same in both directions.
pub(super) fn impedance(row: &Row<'_>, net: &Frames) -> Result<Element, Complaint> {
    let own = net.sn_mva / row.positive("sn_mva")?;
    let z = |r: &str, x: &str| Ok(Complex64::new(row.number(r)?, row.number(x)?) * own);
    let y = |g: &str, b: &str| Ok(Complex64::new(row.number_or(g, 0.0)?, row.number_or(b, 0.0)?) / own);
    let (there, back) = (z("rft_pu", "xft_pu")?, z("rtf_pu", "xtf_pu")?);
    if there != back {
        return Err(row.fault("an impedance that differs by direction is not supported"));
    }
    let y = [y("gf_pu", "bf_pu")?, y("gt_pu", "bt_pu")?];
    let mut element = Element::line(row, row.reference("from_bus")?, row.reference("to_bus")?, there, y);
    // It may join two voltages; in per unit that is a transformer of nominal ratio.
    element.kind = BranchKind::Transformer;
    Ok(element)
}

/// Resistance of a switch over its reactance that `runpp` takes.
const SWITCH_R_OVER_X: f64 = 2.0;

/// A closed switch between two buses with an impedance.
pub(super) fn switch(row: &Row<'_>, net: &Frames, z_ohm: f64, kv: f64) -> Result<Element, Complaint> {
    let along = Complex64::new(SWITCH_R_OVER_X, 1.0);
    let z = along / along.norm() * z_ohm * net.sn_mva / (kv * kv);
    let none = [Complex64::ZERO; 2];
    Ok(Element::line(row, row.reference("bus")?, row.reference("element")?, z, none))
}

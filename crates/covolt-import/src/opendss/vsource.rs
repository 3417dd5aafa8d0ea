//! Vsource: voltages behind an impedance.
//!
//! The impedance is given by short-circuit powers (default: 2000 and 2100 MVA), by currents, or in ohm; whichever was written
//! last counts. From powers, with V the rated line-to-line voltage and k = X/R:
//!
//! ```text
//!   X1 = V^2 / S3 / sqrt(1 + 1/k1^2),  R1 = X1 / k1,   and R0, X0 = k0 R0 such that |2 Z1 + Z0| = 3 V_f / I1
//! ```

use super::class::{Class, Effect, Library};
use super::line_code::positive;
use super::numbers::{count, number, pair};
use super::properties::VSOURCE;
use super::tokens::Value;
use covolt_grid::multiphase::ConductorMatrix;
use num_complex::Complex64;

/// How the impedance is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenBy {
    Power,
    Current,
    Ohm,
}

/// Direction in which the phases follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sequence {
    Positive,
    Negative,
    Zero,
}

/// A source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SourceData {
    /// Bus of the voltages, with nodes.
    pub bus1: String,
    /// Bus of the return, with nodes; empty: ground.
    pub bus2: String,
    /// Phases.
    pub phases: usize,
    /// Rated voltage, kV: line to line, of one phase where there is one.
    pub base_kv: f64,
    pu: f64,
    angle_deg: f64,
    sequence: Sequence,
    given_by: GivenBy,
    mva_sc3: f64,
    mva_sc1: f64,
    i_sc3: f64,
    i_sc1: f64,
    x1r1: f64,
    x0r0: f64,
    z1: Complex64,
    z2: Complex64,
    z0: Complex64,
    z2_given: bool,
    z0_given: bool,
    pu_z: [Option<Complex64>; 3],
    base_mva: f64,
    ideal: bool,
    pu_ideal: Complex64,
}

impl Class for SourceData {
    const PROPERTIES: &'static [&'static str] = VSOURCE;

    fn new(_: &Library) -> Self {
        SourceData {
            bus1: "sourcebus".to_owned(),
            bus2: String::new(),
            phases: 3,
            base_kv: 115.0,
            pu: 1.0,
            angle_deg: 0.0,
            sequence: Sequence::Positive,
            given_by: GivenBy::Power,
            mva_sc3: 2000.0,
            mva_sc1: 2100.0,
            i_sc3: 10_000.0,
            i_sc1: 10_540.0,
            x1r1: 4.0,
            x0r0: 3.0,
            z1: Complex64::new(1.65, 6.6),
            z2: Complex64::new(1.65, 6.6),
            z0: Complex64::new(1.9, 5.7),
            z2_given: false,
            z0_given: false,
            pu_z: [None; 3],
            base_mva: 100.0,
            ideal: false,
            pu_ideal: Complex64::new(1e-6, 1e-3),
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        let complex = |value: &Value| pair(value).map(|(re, im)| Complex64::new(re, im));
        match property {
            "bus1" => self.bus1.clone_from(&value.text),
            "bus2" => self.bus2.clone_from(&value.text),
            "basekv" => self.base_kv = number(value).and_then(positive)?,
            "pu" => self.pu = number(value)?,
            "angle" => self.angle_deg = number(value)?,
            "phases" => self.phases = count(value, library.max_conductors)?,
            "mvasc3" => (self.mva_sc3, self.given_by) = (number(value).and_then(positive)?, GivenBy::Power),
            "mvasc1" => (self.mva_sc1, self.given_by) = (number(value).and_then(positive)?, GivenBy::Power),
            "isc3" => (self.i_sc3, self.given_by) = (number(value).and_then(positive)?, GivenBy::Current),
            "isc1" => (self.i_sc1, self.given_by) = (number(value).and_then(positive)?, GivenBy::Current),
            "x1r1" => self.x1r1 = number(value)?,
            "x0r0" => self.x0r0 = number(value)?,
            "r1" => {
                (self.z1.re, self.given_by) = (number(value)?, GivenBy::Ohm);
                self.z2.re = self.z1.re;
            }
            "x1" => {
                (self.z1.im, self.given_by) = (number(value)?, GivenBy::Ohm);
                self.z2.im = self.z1.im;
            }
            "r0" => (self.z0.re, self.given_by) = (number(value)?, GivenBy::Ohm),
            "x0" => (self.z0.im, self.given_by) = (number(value)?, GivenBy::Ohm),
            "z1" => {
                (self.z1, self.given_by) = (complex(value)?, GivenBy::Ohm);
                if !self.z2_given {
                    self.z2 = self.z1;
                }
                if !self.z0_given {
                    self.z0 = self.z1;
                }
            }
            "z2" => (self.z2, self.z2_given, self.given_by) = (complex(value)?, true, GivenBy::Ohm),
            "z0" => (self.z0, self.z0_given, self.given_by) = (complex(value)?, true, GivenBy::Ohm),
            "puz1" => (self.pu_z[1], self.given_by) = (Some(complex(value)?), GivenBy::Ohm),
            "puz2" => (self.pu_z[2], self.given_by) = (Some(complex(value)?), GivenBy::Ohm),
            "puz0" => (self.pu_z[0], self.given_by) = (Some(complex(value)?), GivenBy::Ohm),
            "basemva" => self.base_mva = number(value).and_then(positive)?,
            "sequence" => {
                self.sequence = match value.text.trim().to_ascii_lowercase().chars().next() {
                    Some('p') => Sequence::Positive,
                    Some('n') => Sequence::Negative,
                    Some('z') => Sequence::Zero,
                    _ => return Err(format!("'{}' is no sequence (pos, neg, zero)", value.text)),
                }
            }
            "model" => self.ideal = value.text.trim().to_ascii_lowercase().starts_with('i'),
            "puzideal" => self.pu_ideal = complex(value)?,
            "frequency" | "basefreq" => {
                let hz = number(value)?;
                if hz != library.base_hz {
                    return Ok(Effect::LeftOut(format!("a source of {hz} Hz in a network of {} Hz", library.base_hz)));
                }
            }
            "yearly" | "daily" | "duty" => {
                return Ok(Effect::LeftOut(format!("the shape '{}' of the source's voltage", value.text)));
            }
            "scantype" | "spectrum" => return Ok(Effect::Irrelevant),
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }

    fn finish(&mut self) -> Result<(), String> {
        let factor = if self.phases == 1 { 1.0 } else { 3f64.sqrt() };
        let v = self.base_kv;
        match self.given_by {
            GivenBy::Power => {
                self.i_sc3 = 1e3 * self.mva_sc3 / (3f64.sqrt() * v);
                self.i_sc1 = 1e3 * self.mva_sc1 / (factor * v);
                self.by_short_circuit(factor)?;
            }
            GivenBy::Current => {
                self.mva_sc3 = 3f64.sqrt() * v * self.i_sc3 / 1e3;
                self.mva_sc1 = factor * v * self.i_sc1 / 1e3;
                self.by_short_circuit(factor)?;
            }
            GivenBy::Ohm => {
                if let [z0, Some(z1), z2] = self.pu_z {
                    let base = v * v / self.base_mva;
                    (self.z1, self.z2, self.z0) = (z1 * base, z2.unwrap_or(z1) * base, z0.unwrap_or(z1) * base);
                }
                if self.phases == 1 {
                    (self.z0, self.z2) = (self.z1, self.z1);
                }
            }
        }
        Ok(())
    }
}

impl SourceData {
    fn by_short_circuit(&mut self, factor: f64) -> Result<(), String> {
        let v = self.base_kv;
        let x1 = v * v / self.mva_sc3 / (1.0 + self.x1r1.powi(2).recip()).sqrt();
        let r1 = x1 / self.x1r1;
        let (a, b) = (1.0 + self.x0r0.powi(2), 4.0 * (r1 + x1 * self.x0r0));
        let c = 4.0 * (r1 * r1 + x1 * x1) - (3e3 * v / factor / self.i_sc1).powi(2);
        let r0 = (-b + (b * b - 4.0 * a * c).sqrt()) / (2.0 * a);
        if !(r0.is_finite() && r1.is_finite()) {
            return Err("no impedance has these short-circuit powers".to_owned());
        }
        self.z1 = Complex64::new(r1, x1);
        (self.z2, self.z0) = (self.z1, Complex64::new(r0, r0 * self.x0r0));
        Ok(())
    }

    /// Voltage of each phase to ground, V.
    pub fn emf_v(&self) -> Vec<Complex64> {
        let n = self.phases as f64;
        let magnitude =
            1e3 * self.base_kv * self.pu / if self.phases == 1 { 1.0 } else { 2.0 * (180.0 / n).to_radians().sin() };
        let step_deg = match self.sequence {
            Sequence::Positive => -360.0 / n,
            Sequence::Negative => 360.0 / n,
            Sequence::Zero => 0.0,
        };
        let angle = |k: usize| (self.angle_deg + step_deg * k as f64).to_radians();
        (0..self.phases).map(|k| Complex64::from_polar(magnitude, angle(k))).collect()
    }

    /// Series impedance, ohm.
    pub fn series_ohm(&self) -> ConductorMatrix {
        let n = self.phases;
        if self.ideal {
            let z = self.pu_ideal * (self.base_kv * self.base_kv / self.base_mva);
            return ConductorMatrix::from_fn(n, |i, j| if i == j { z } else { Complex64::ZERO });
        }
        if self.z1 == self.z2 {
            let (own, mutual) = ((2.0 * self.z1 + self.z0) / 3.0, (self.z0 - self.z1) / 3.0);
            return ConductorMatrix::from_fn(n, |i, j| if i == j { own } else { mutual });
        }
        // Different impedances of both directions of rotation: circulant, defined for three phases.
        let a = Complex64::from_polar(1.0, 120f64.to_radians());
        let entry = |d: usize| match (d, n) {
            (0, _) => (self.z0 + self.z1 + self.z2) / 3.0,
            (1, 3) => (self.z0 + a * self.z2 + a * a * self.z1) / 3.0,
            (_, 3) => (self.z0 + a * self.z1 + a * a * self.z2) / 3.0,
            _ => Complex64::ZERO,
        };
        ConductorMatrix::from_fn(n, |i, j| entry((n + i - j) % n))
    }
}

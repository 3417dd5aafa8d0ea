//! Reactor: an impedance across its terminal or in series between two buses.
//!
//! Given by its kvar at the rated voltage (default: 100 at 12.47 kV), by R and X in series, by sequence
//! impedances, or by matrices of R and X (in series, or side by side with `parallel=yes`); whichever was written last counts. `Rp`
//! lies in parallel with it.

use super::class::{Class, Effect, Library, is_delta};
use super::numbers::{count, number, pair, symmetric, yes};
use super::properties::REACTOR;
use super::tokens::Value;
use covolt_grid::multiphase::ConductorMatrix;
use num_complex::Complex64;
use std::f64::consts::PI;

/// How it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenBy {
    Kvar,
    Impedance,
    Sequence,
    Matrices,
}

/// A reactor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReactorData {
    /// Its bus, with nodes.
    pub bus1: String,
    /// The bus on the other side; empty: the neutral is grounded.
    pub bus2: String,
    /// Phases.
    pub phases: usize,
    /// Between phases?
    pub is_delta: bool,
    /// Normal current, A, where the file gives one.
    pub normal_a: Option<f64>,
    given_by: GivenBy,
    kvar: f64,
    kv: f64,
    z: Complex64,
    parallel: bool,
    rp_ohm: f64,
    sequence: [Option<Complex64>; 3],
    r_matrix: Vec<f64>,
    x_matrix: Vec<f64>,
}

impl Class for ReactorData {
    const PROPERTIES: &'static [&'static str] = REACTOR;

    fn new(_: &Library) -> Self {
        ReactorData {
            bus1: String::new(),
            bus2: String::new(),
            phases: 3,
            is_delta: false,
            normal_a: None,
            given_by: GivenBy::Kvar,
            kvar: 100.0,
            kv: 12.47,
            z: Complex64::ZERO,
            parallel: false,
            rp_ohm: 0.0,
            sequence: [None; 3],
            r_matrix: Vec::new(),
            x_matrix: Vec::new(),
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        let complex = |value: &Value| pair(value).map(|(re, im)| Complex64::new(re, im));
        match property {
            "bus1" => self.bus1.clone_from(&value.text),
            "bus2" => self.bus2.clone_from(&value.text),
            "phases" => self.phases = count(value, library.max_conductors)?,
            "kvar" => (self.kvar, self.given_by) = (number(value)?, GivenBy::Kvar),
            "kv" => self.kv = number(value)?,
            "conn" => self.is_delta = is_delta(&value.text)?,
            "rmatrix" => (self.r_matrix, self.given_by) = (symmetric(value, self.phases)?, GivenBy::Matrices),
            "xmatrix" => (self.x_matrix, self.given_by) = (symmetric(value, self.phases)?, GivenBy::Matrices),
            "parallel" => self.parallel = yes(value)?,
            "r" => (self.z.re, self.given_by) = (number(value)?, GivenBy::Impedance),
            "x" => (self.z.im, self.given_by) = (number(value)?, GivenBy::Impedance),
            "lmh" => {
                (self.z.im, self.given_by) = (2.0 * PI * library.base_hz * 1e-3 * number(value)?, GivenBy::Impedance);
            }
            "z" => (self.z, self.given_by) = (complex(value)?, GivenBy::Impedance),
            "rp" => self.rp_ohm = number(value)?,
            "z1" => (self.sequence[1], self.given_by) = (Some(complex(value)?), GivenBy::Sequence),
            "z2" => self.sequence[2] = Some(complex(value)?),
            "z0" => self.sequence[0] = Some(complex(value)?),
            "normamps" => self.normal_a = Some(number(value)?).filter(|a| *a > 0.0),
            "basefreq" => {
                let hz = number(value)?;
                if hz != library.base_hz {
                    return Ok(Effect::LeftOut(format!("a reactance at {hz} Hz, taken as at {} Hz", library.base_hz)));
                }
            }
            "rcurve" | "lcurve" | "emergamps" | "faultrate" | "pctperm" | "repair" => return Ok(Effect::Irrelevant),
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }

    fn without_buses(&self) -> Self {
        ReactorData { bus1: String::new(), bus2: String::new(), ..self.clone() }
    }
}

impl ReactorData {
    /// Admittance over its phases, S, one end of each phase at zero voltage.
    pub fn admittance_s(&self) -> Result<ConductorMatrix, String> {
        let n = self.phases;
        let singular = || "its impedance has no inverse".to_owned();
        let parallel = if self.rp_ohm == 0.0 { 0.0 } else { 1.0 / self.rp_ohm };
        let diagonal = |y: Complex64| {
            let y = y + parallel;
            if !y.is_finite() {
                return Err(singular());
            }
            Ok(ConductorMatrix::from_fn(n, |i, j| if i == j { y } else { Complex64::ZERO }))
        };
        match self.given_by {
            GivenBy::Kvar => {
                let v_kv = if !self.is_delta && matches!(n, 2 | 3) { self.kv / 3f64.sqrt() } else { self.kv };
                diagonal(Complex64::new(0.0, -self.kvar / n as f64 / (1e3 * v_kv * v_kv)))
            }
            GivenBy::Impedance => diagonal(self.z.inv()),
            GivenBy::Matrices => {
                let entry = |list: &[f64], k: usize| list.get(k).copied().unwrap_or(0.0);
                let z = |i: usize, j: usize| {
                    Complex64::new(entry(&self.r_matrix, i * n + j), entry(&self.x_matrix, i * n + j))
                };
                if !self.parallel {
                    return ConductorMatrix::from_fn(n, z).inverse().ok_or_else(singular);
                }
                let real = ConductorMatrix::from_fn(n, |i, j| Complex64::from(z(i, j).re)).inverse();
                let imaginary = ConductorMatrix::from_fn(n, |i, j| Complex64::new(0.0, z(i, j).im)).inverse();
                let (real, imaginary) = (real.ok_or_else(singular)?, imaginary.ok_or_else(singular)?);
                Ok(ConductorMatrix::from_fn(n, |i, j| real.at(i, j) + imaginary.at(i, j)))
            }
            GivenBy::Sequence => {
                let z1 = self.sequence[1].unwrap_or(self.z);
                let (z2, z0) = (self.sequence[2].unwrap_or(z1), self.sequence[0].unwrap_or(z1));
                if z2 != z1 {
                    return Err("Z2 other than Z1 is not supported".to_owned());
                }
                if n == 1 {
                    return diagonal(z1.inv());
                }
                let (own, mutual) = ((2.0 * z1 + z0) / 3.0, (z0 - z1) / 3.0);
                ConductorMatrix::from_fn(n, |i, j| if i == j { own } else { mutual }).inverse().ok_or_else(singular)
            }
        }
    }
}

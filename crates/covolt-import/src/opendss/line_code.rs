//! LineCode: impedance and charging of a line per length, by sequence values or by matrices.
//!
//! ```text
//!   Z_self = (2 Z1 + Z0) / 3,   Z_mutual = (Z0 - Z1) / 3,   the same for the admittance Y = j 2 pi f C
//! ```
//!
//! A matrix that is not given keeps what the sequence values (or their defaults) make of it. `Kron=Y` eliminates the neutral
//! conductor from Z (its voltage is zero, its current is not) and drops its row and column from Y.

use super::class::{Class, Effect, Library};
use super::numbers::{count, number, symmetric, yes};
use super::properties::LINE_CODE;
use super::tokens::Value;
use super::units::LengthUnit;
use num_complex::Complex64;
use std::f64::consts::PI;

/// Sequence values per length: ohm and F.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sequence {
    /// Positive-sequence impedance, ohm.
    pub z1: Complex64,
    /// Zero-sequence impedance, ohm.
    pub z0: Complex64,
    /// Positive-sequence capacitance, F.
    pub c1: f64,
    /// Zero-sequence capacitance, F.
    pub c0: f64,
}

impl Default for Sequence {
    /// 336 MCM ACSR on 4 ft spacing, per thousand feet.
    fn default() -> Self {
        let (z1, z0) = (Complex64::new(0.058, 0.1206), Complex64::new(0.1784, 0.4047));
        Sequence { z1, z0, c1: 3.4e-9, c0: 1.6e-9 }
    }
}

impl Sequence {
    /// Sets a sequence value by its property; false where it is none.
    pub fn set(&mut self, property: &str, value: &Value, base_hz: f64) -> Result<bool, String> {
        let siemens_per_farad = 2.0 * PI * base_hz;
        match property {
            "r1" => self.z1.re = number(value)?,
            "x1" => self.z1.im = number(value)?,
            "r0" => self.z0.re = number(value)?,
            "x0" => self.z0.im = number(value)?,
            "c1" => self.c1 = 1e-9 * number(value)?,
            "c0" => self.c0 = 1e-9 * number(value)?,
            "b1" => self.c1 = 1e-6 * number(value)? / siemens_per_farad,
            "b0" => self.c0 = 1e-6 * number(value)? / siemens_per_farad,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Matrices of `n` phases at `hz`.
    pub fn matrices(&self, n: usize, hz: f64) -> Matrices {
        let omega = 2.0 * PI * hz;
        let (z_self, z_mutual) = ((2.0 * self.z1 + self.z0) / 3.0, (self.z0 - self.z1) / 3.0);
        let (b_self, b_mutual) = (omega * (2.0 * self.c1 + self.c0) / 3.0, omega * (self.c0 - self.c1) / 3.0);
        let mut matrices = Matrices { n, z: vec![z_mutual; n * n], b: vec![b_mutual; n * n] };
        for i in 0..n {
            matrices.z[i * n + i] = z_self;
            matrices.b[i * n + i] = b_self;
        }
        matrices
    }
}

/// Series impedance, ohm, and shunt susceptance, S, of n phases per length, row after row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Matrices {
    /// Phases.
    pub n: usize,
    /// Impedance.
    pub z: Vec<Complex64>,
    /// Susceptance at the base frequency.
    pub b: Vec<f64>,
}

impl Matrices {
    /// Sets a matrix by its property; false where it is none. Capacitances are in nF.
    pub fn set(&mut self, property: &str, value: &Value, base_hz: f64) -> Result<bool, String> {
        if !matches!(property, "rmatrix" | "xmatrix" | "cmatrix") {
            return Ok(false);
        }
        let given = symmetric(value, self.n)?;
        match property {
            "rmatrix" => self.z.iter_mut().zip(given).for_each(|(z, r)| z.re = r),
            "xmatrix" => self.z.iter_mut().zip(given).for_each(|(z, x)| z.im = x),
            _ => self.b.iter_mut().zip(given).for_each(|(b, c)| *b = 2.0 * PI * base_hz * 1e-9 * c),
        }
        Ok(true)
    }

    /// Without conductor `out` (from 0), which is at zero voltage all along; `None` when its own impedance is zero.
    fn reduced(&self, out: usize) -> Option<Matrices> {
        let n = self.n;
        let own = self.z.get(out * n + out).copied().filter(|z| z.norm() > 0.0)?;
        let kept: Vec<usize> = (0..n).filter(|&i| i != out).collect();
        let pairs = || kept.iter().flat_map(|&i| kept.iter().map(move |&j| (i, j)));
        let z = pairs().map(|(i, j)| self.z[i * n + j] - self.z[i * n + out] * self.z[out * n + j] / own).collect();
        let b = pairs().map(|(i, j)| self.b[i * n + j]).collect();
        Some(Matrices { n: n - 1, z, b })
    }
}

/// Carson's earth return at the base frequency, which tells how an impedance changes with frequency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EarthReturn {
    /// Resistance per length, ohm.
    pub rg: f64,
    /// Reactance per length, ohm.
    pub xg: f64,
    /// Resistivity, ohm m.
    pub rho: f64,
}

impl Default for EarthReturn {
    fn default() -> Self {
        EarthReturn { rg: 0.01805, xg: 0.155081, rho: 100.0 }
    }
}

impl EarthReturn {
    /// Sets a value by its property; false where it is none.
    pub fn set(&mut self, property: &str, value: &Value) -> Result<bool, String> {
        match property {
            "rg" => self.rg = number(value)?,
            "xg" => self.xg = number(value)?,
            "rho" => self.rho = number(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A line code.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LineCode {
    /// Phases.
    pub phases: usize,
    /// True: sequence values count, false: the matrices.
    pub by_sequence: bool,
    /// Sequence values.
    pub sequence: Sequence,
    /// Matrices.
    pub matrices: Matrices,
    /// Unit that the values are per.
    pub unit: LengthUnit,
    /// Frequency of the reactances, Hz.
    pub base_hz: f64,
    /// Earth return.
    pub earth: EarthReturn,
    /// Normal current, A, where the file gives one.
    pub normal_a: Option<f64>,
    neutral: usize,
    reduce: bool,
    sequence_changed: bool,
}

impl Class for LineCode {
    const PROPERTIES: &'static [&'static str] = LINE_CODE;

    fn new(library: &Library) -> Self {
        let sequence = Sequence::default();
        LineCode {
            phases: 3,
            by_sequence: true,
            sequence,
            matrices: sequence.matrices(3, library.base_hz),
            unit: LengthUnit::None,
            base_hz: library.base_hz,
            earth: EarthReturn::default(),
            normal_a: None,
            neutral: 3,
            reduce: false,
            sequence_changed: false,
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        if self.sequence.set(property, value, self.base_hz)? {
            (self.by_sequence, self.sequence_changed) = (true, true);
            return Ok(Effect::Taken);
        }
        if self.matrices.set(property, value, self.base_hz)? {
            self.by_sequence = false;
            return Ok(Effect::Taken);
        }
        if self.earth.set(property, value)? {
            return Ok(Effect::Taken);
        }
        match property {
            "nphases" => {
                let phases = count(value, library.max_conductors)?;
                if phases != self.phases {
                    (self.phases, self.neutral) = (phases, phases);
                    self.matrices = self.sequence.matrices(phases, self.base_hz);
                }
            }
            "units" => self.unit = LengthUnit::parse(&value.text)?,
            "basefreq" => self.base_hz = number(value).and_then(positive)?,
            "normamps" => self.normal_a = Some(number(value)?).filter(|a| *a > 0.0),
            "kron" => self.reduce = yes(value)?,
            "neutral" => self.neutral = count(value, self.phases)?,
            "emergamps" | "faultrate" | "pctperm" | "repair" | "seasons" | "ratings" | "linetype" => {
                return Ok(Effect::Irrelevant);
            }
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }

    fn finish(&mut self) -> Result<(), String> {
        if std::mem::take(&mut self.sequence_changed) {
            self.matrices = self.sequence.matrices(self.phases, self.base_hz);
        }
        if std::mem::take(&mut self.reduce) {
            if self.phases < 2 {
                return Err("a code of one phase has no neutral to eliminate".to_owned());
            }
            let reduced = self.matrices.reduced(self.neutral - 1);
            self.matrices = reduced.ok_or("the neutral has no impedance of its own: it cannot be eliminated")?;
            self.phases -= 1;
            (self.neutral, self.by_sequence) = (self.phases, false);
        }
        Ok(())
    }
}

/// A number that must be positive.
pub(crate) fn positive(value: f64) -> Result<f64, String> {
    if value > 0.0 { Ok(value) } else { Err(format!("{value} must be positive")) }
}

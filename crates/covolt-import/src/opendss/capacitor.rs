//! Capacitor: a bank of one or more steps, across its terminal or in series between two buses.
//!
//! Each step is given by its kvar at the rated voltage, by its capacitance, or (all steps together) by a matrix. A step may
//! have a resistor and a reactor in series: `Y = 1 / (R + j (XL - Xc))`.

use super::class::{Class, Effect, Library, is_delta};
use super::numbers::{count, number, numbers, symmetric, whole};
use super::properties::CAPACITOR;
use super::tokens::Value;
use covolt_grid::multiphase::ConductorMatrix;
use num_complex::Complex64;
use std::f64::consts::PI;

/// Most steps of a bank.
const MOST_STEPS: usize = 200;

/// How the size is given.
#[derive(Debug, Clone, PartialEq)]
enum Size {
    Kvar(Vec<f64>),
    Microfarad(Vec<f64>),
    Matrix(Vec<f64>),
}

/// A capacitor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CapacitorData {
    /// Its bus, with nodes.
    pub bus1: String,
    /// The bus on the other side; empty: the neutral is grounded.
    pub bus2: String,
    /// Phases.
    pub phases: usize,
    /// Between phases?
    pub is_delta: bool,
    /// Rated voltage, kV: line to line with two or three phases.
    pub kv: f64,
    /// Normal current, A, where the file gives one.
    pub normal_a: Option<f64>,
    size: Size,
    steps: usize,
    states: Vec<bool>,
    r_ohm: Vec<f64>,
    x_ohm: Vec<f64>,
    harmonic: Vec<f64>,
}

impl Class for CapacitorData {
    const PROPERTIES: &'static [&'static str] = CAPACITOR;

    fn new(_: &Library) -> Self {
        CapacitorData {
            bus1: String::new(),
            bus2: String::new(),
            phases: 3,
            is_delta: false,
            kv: 12.47,
            normal_a: None,
            size: Size::Kvar(vec![1200.0]),
            steps: 1,
            states: vec![true],
            r_ohm: Vec::new(),
            x_ohm: Vec::new(),
            harmonic: Vec::new(),
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        match property {
            "bus1" => self.bus1.clone_from(&value.text),
            "bus2" => self.bus2.clone_from(&value.text),
            "phases" => self.phases = count(value, library.max_conductors)?,
            "kvar" => {
                let kvar = self.per_step(value)?;
                let unequal = kvar.iter().any(|k| *k != kvar[0]);
                self.size = Size::Kvar(kvar);
                if unequal {
                    let what = "each step has its own size (the reference engine gives all of them that of the first)";
                    return Ok(Effect::Assumed(what.to_owned()));
                }
            }
            "cuf" => self.size = Size::Microfarad(self.per_step(value)?),
            "cmatrix" => self.size = Size::Matrix(symmetric(value, self.phases)?),
            "kv" => self.kv = number(value)?,
            "conn" => {
                self.is_delta = is_delta(&value.text)?;
            }
            "r" => self.r_ohm = self.per_step(value)?,
            "xl" => self.x_ohm = self.per_step(value)?,
            "harm" => self.harmonic = self.per_step(value)?,
            "numsteps" => {
                let steps = count(value, MOST_STEPS)?;
                // A bank of one step is divided; one that had several is not, as in the reference engine.
                if let Size::Kvar(kvar) | Size::Microfarad(kvar) = &mut self.size {
                    let total: f64 = kvar.iter().sum();
                    if self.steps == 1 {
                        *kvar = vec![total / steps as f64; steps];
                    } else {
                        kvar.resize(steps, 0.0);
                    }
                }
                self.steps = steps;
                self.states = vec![true; steps];
            }
            "states" => {
                let given = super::tokens::values(&value.text).map_err(|_| "a bracket has no end".to_owned())?;
                let given = given.iter().map(|v| Ok(whole(v)? != 0)).collect::<Result<Vec<bool>, String>>()?;
                if given.len() > self.steps {
                    return Err(format!("{} states for {} steps", given.len(), self.steps));
                }
                self.states.iter_mut().zip(given).for_each(|(state, new)| *state = new);
            }
            "normamps" => self.normal_a = Some(number(value)?).filter(|a| *a > 0.0),
            "basefreq" => {
                let hz = number(value)?;
                if hz != library.base_hz {
                    return Ok(Effect::LeftOut(format!("a rating at {hz} Hz, taken as at {} Hz", library.base_hz)));
                }
            }
            "emergamps" | "faultrate" | "pctperm" | "repair" => return Ok(Effect::Irrelevant),
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }

    fn without_buses(&self) -> Self {
        CapacitorData { bus1: String::new(), bus2: String::new(), ..self.clone() }
    }
}

impl CapacitorData {
    /// Values of all steps; those that are not given are zero.
    fn per_step(&self, value: &Value) -> Result<Vec<f64>, String> {
        // A single expression such as (600 3 /) is a number, not a list.
        let mut given = numbers(value).or_else(|problem| number(value).map(|n| vec![n]).map_err(|_| problem))?;
        if given.len() > self.steps {
            return Err(format!("{} values for {} step(s)", given.len(), self.steps));
        }
        given.resize(self.steps, 0.0);
        Ok(given)
    }

    /// Are all steps in the same state, and which?
    pub fn states(&self) -> (bool, bool) {
        let any = self.states.iter().any(|s| *s);
        (any, any && !self.states.iter().all(|s| *s))
    }

    /// Admittance over its phases, S, of the steps that are on (of all where none is), one end of each phase at zero voltage.
    pub fn admittance_s(&self, hz: f64) -> Result<ConductorMatrix, String> {
        let (any_on, _) = self.states();
        let omega = 2.0 * PI * hz;
        let n = self.phases;
        let values = match &self.size {
            Size::Matrix(c) => {
                let mut total = ConductorMatrix::zero(n);
                (0..n * n).for_each(|k| total.add(k / n, k % n, Complex64::new(0.0, omega * 1e-6 * c[k])));
                return Ok(total);
            }
            Size::Kvar(values) | Size::Microfarad(values) => values,
        };
        let v_kv = if !self.is_delta && matches!(n, 2 | 3) { self.kv / 3f64.sqrt() } else { self.kv };
        let mut y = Complex64::ZERO;
        for (k, &value) in values.iter().enumerate() {
            let on = !any_on || self.states.get(k).copied().unwrap_or(false);
            let b = match self.size {
                Size::Kvar(_) => value / n as f64 / (1e3 * v_kv * v_kv),
                _ => omega * 1e-6 * value,
            };
            if !on || b == 0.0 {
                continue;
            }
            let at = |list: &[f64]| list.get(k).copied().unwrap_or(0.0);
            let x_c = 1.0 / b;
            let (mut r, mut x_l) = (at(&self.r_ohm), at(&self.x_ohm));
            if at(&self.harmonic) > 0.0 {
                x_l = x_c / at(&self.harmonic).powi(2);
                // The reference engine's quality of a filter whose resistance is not given.
                r = if r == 0.0 { x_l / 1000.0 } else { r };
            }
            y += if r == 0.0 && x_l == 0.0 { Complex64::new(0.0, b) } else { Complex64::new(r, x_l - x_c).inv() };
        }
        if !y.is_finite() {
            return Err("its rated voltage or its size gives no admittance".to_owned());
        }
        Ok(ConductorMatrix::from_fn(n, |i, j| if i == j { y } else { Complex64::ZERO }))
    }
}

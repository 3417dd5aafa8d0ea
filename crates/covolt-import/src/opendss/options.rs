//! `Set`: what holds for all.

use super::commands::OPTIONS;
use super::names::look_up;
use super::numbers::{number, numbers, whole};
use super::tokens::Value;
use serde::{Deserialize, Serialize};

/// Options of the script that concern a solution, as it left them; a solver may follow them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Voltages, kV line to line, that buses may have as their base; empty: any.
    pub voltage_bases_kv: Vec<f64>,
    /// Multiplier of all variable loads; already in the ports' powers.
    pub load_multiplier: f64,
    /// Multiplier of all generators; already in the ports' powers.
    pub generator_multiplier: f64,
    /// Largest change of a voltage at the end, per unit.
    pub tolerance: f64,
    /// Most iterations of a power flow.
    pub max_iterations: u32,
    /// Most iterations of the controls.
    pub max_control_iterations: u32,
    /// False: `Set controlmode=off`, taps and capacitors stay.
    pub controls_act: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            voltage_bases_kv: Vec::new(),
            load_multiplier: 1.0,
            generator_multiplier: 1.0,
            tolerance: 1e-4,
            max_iterations: 15,
            max_control_iterations: 10,
            controls_act: true,
        }
    }
}

/// What an option did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OptionEffect {
    /// It was taken over.
    Taken,
    /// The frequency of everything that follows, Hz.
    Frequency(f64),
    /// The earth model of everything that follows.
    EarthModel(String),
    /// The thing that following lines change: its name with the class.
    Active(String),
    /// The class of the thing that following lines change.
    ActiveClass(String),
    /// It does not change a power flow.
    Irrelevant,
    /// It could, and is left out.
    LeftOut(String),
}

/// Most voltages of a list.
const MOST_BASES: usize = 1000;

impl Options {
    /// Sets an option by its possibly abbreviated name.
    pub(crate) fn set(&mut self, name: &str, value: &Value) -> Result<OptionEffect, String> {
        let name = look_up(OPTIONS, name).ok_or_else(|| format!("there is no option '{name}'"))?;
        let text = value.text.trim().to_ascii_lowercase();
        let steps = |value: &Value| {
            let n = whole(value)?;
            u32::try_from(n).map_err(|_| format!("{n} iterations"))
        };
        match name {
            "voltagebases" => {
                let bases = numbers(value)?;
                if bases.len() > MOST_BASES || bases.iter().any(|v| *v <= 0.0) {
                    return Err("voltage bases must be positive, and not more than a thousand".to_owned());
                }
                self.voltage_bases_kv = bases;
            }
            "loadmult" => self.load_multiplier = number(value)?,
            "genmult" => self.generator_multiplier = number(value)?,
            "tolerance" => self.tolerance = number(value)?,
            "maxiterations" => self.max_iterations = steps(value)?,
            "maxcontroliter" => self.max_control_iterations = steps(value)?,
            "controlmode" => self.controls_act = !text.starts_with("of") && text != "-1",
            "defaultbasefrequency" | "basefrequency" => {
                let hz = number(value)?;
                if hz <= 0.0 {
                    return Err(format!("a frequency of {hz} Hz"));
                }
                return Ok(OptionEffect::Frequency(hz));
            }
            "earthmodel" => return Ok(OptionEffect::EarthModel(text)),
            "element" | "object" => return Ok(OptionEffect::Active(text)),
            "type" | "class" => return Ok(OptionEffect::ActiveClass(text)),
            "cktmodel" if text.starts_with('p') => {
                return Err("a positive-sequence model is not supported".to_owned());
            }
            "frequency" => return Ok(OptionEffect::LeftOut(format!("a solution at {text} Hz"))),
            "loadmodel" if text.starts_with('a') => {
                return Ok(OptionEffect::LeftOut("loads as admittances".to_owned()));
            }
            "year" if text != "0" => return Ok(OptionEffect::LeftOut(format!("growth until year {text}"))),
            "neglectloady" | "allocationfactors" | "cfactors" | "longlinecorrection" | "circuit" => {
                return Ok(OptionEffect::LeftOut(format!("option {name}={text}")));
            }
            _ => return Ok(OptionEffect::Irrelevant),
        }
        Ok(OptionEffect::Taken)
    }
}

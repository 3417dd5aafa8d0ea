//! LoadShape: a series of multipliers (or of kW).

use super::class::{Class, Effect, Library};
use super::numbers::{number, numbers, yes};
use super::properties::LOAD_SHAPE;
use super::tokens::Value;

/// A series of multipliers, or of kW and kvar.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LoadShape {
    /// Hours between values; zero: the times stand in `hours`.
    pub interval_h: f64,
    /// Times, h, where the interval is zero.
    pub hours: Vec<f64>,
    /// Multipliers of the active power.
    pub p: Vec<f64>,
    /// Multipliers of the reactive power; empty: those of the active power.
    pub q: Vec<f64>,
    /// True: the values are kW and kvar, not multipliers.
    pub use_actual: bool,
    /// How many values count, where the file says so.
    pub(crate) points: Option<usize>,
}

impl Class for LoadShape {
    const PROPERTIES: &'static [&'static str] = LOAD_SHAPE;

    fn new(_: &Library) -> Self {
        LoadShape { interval_h: 1.0, hours: Vec::new(), p: Vec::new(), q: Vec::new(), use_actual: false, points: None }
    }

    fn set(&mut self, property: &'static str, value: &Value, _: &Library) -> Result<Effect, String> {
        match property {
            "npts" => {
                let points = number(value)?;
                // Only a bound on values that are given: nothing is allocated by it.
                self.points = (points >= 1.0).then_some(points as usize);
            }
            "interval" => self.interval_h = number(value)?,
            "minterval" => self.interval_h = number(value)? / 60.0,
            "sinterval" => self.interval_h = number(value)? / 3600.0,
            "mult" | "pmult" => self.p = numbers(value)?,
            "qmult" => self.q = numbers(value)?,
            "hour" => self.hours = numbers(value)?,
            "useactual" => self.use_actual = yes(value)?,
            "action" => {
                if value.text.trim().to_ascii_lowercase().starts_with('n') {
                    let peak = self.p.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
                    if peak > 0.0 {
                        self.p.iter_mut().for_each(|x| *x /= peak);
                    }
                    self.use_actual = false;
                }
            }
            "mean" | "stddev" | "pmax" | "qmax" | "pbase" | "qbase" | "memorymapping" | "interpolation" => {
                return Ok(Effect::Irrelevant);
            }
            // Text files (csvfile, pqcsvfile) come as values of mult, hour and qmult; binary ones are not read.
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }

    fn finish(&mut self) -> Result<(), String> {
        if !(self.interval_h.is_finite() && self.interval_h >= 0.0) {
            return Err(format!("an interval of {} h", self.interval_h));
        }
        if let Some(points) = self.points {
            for series in [&mut self.p, &mut self.q, &mut self.hours] {
                series.truncate(points);
            }
        }
        Ok(())
    }
}

impl LoadShape {
    /// Largest active power, and reactive power at the same position where the shape gives any.
    pub(crate) fn largest(&self) -> (f64, Option<f64>) {
        let at = (0..self.p.len()).max_by(|&a, &b| self.p[a].abs().total_cmp(&self.p[b].abs()));
        (at.map_or(1.0, |k| self.p[k]), at.and_then(|k| self.q.get(k).copied()))
    }
}

//! LoadShape: a series of multipliers (or of kW).

use super::class::{Class, Effect, Library};
use super::numbers::{number, numbers, yes};
use super::properties::LOAD_SHAPE;
use super::tokens::{Value, values};

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
            "csvfile" | "pqcsvfile" => self.take_table(&value.text, property == "pqcsvfile")?,
            // Binary files are not read.
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
    /// Takes the content of a text file: multipliers (or active and reactive ones), after the hour where there is no interval.
    fn take_table(&mut self, text: &str, with_reactive: bool) -> Result<(), String> {
        let with_hours = self.interval_h == 0.0;
        let columns = 1 + usize::from(with_hours) + usize::from(with_reactive);
        let mut table: Vec<Vec<f64>> = vec![Vec::new(); columns];
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let row = values(line).map_err(|_| "a bracket has no end".to_owned())?;
            if row.len() < columns {
                return Err(format!("'{line}' has {} columns, {columns} are needed", row.len()));
            }
            for (column, cell) in table.iter_mut().zip(&row) {
                column.push(number(cell)?);
            }
        }
        let mut table = table.into_iter();
        self.hours = if with_hours { table.next().unwrap_or_default() } else { Vec::new() };
        self.p = table.next().unwrap_or_default();
        self.q = table.next().unwrap_or_default();
        Ok(())
    }

    /// Memory of its values.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<f64>() * (self.p.len() + self.q.len() + self.hours.len())
    }

    /// Largest active power, and reactive power at the same position where the shape gives any.
    pub(crate) fn largest(&self) -> (f64, Option<f64>) {
        let at = (0..self.p.len()).max_by(|&a, &b| self.p[a].abs().total_cmp(&self.p[b].abs()));
        (at.map_or(1.0, |k| self.p[k]), at.and_then(|k| self.q.get(k).copied()))
    }
}

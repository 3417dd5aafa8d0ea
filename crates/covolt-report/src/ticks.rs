//! Ends of an axis and its ticks, at round numbers or whole decades.

use kuva::render::layout::TickFormat;
use std::sync::Arc;

/// A wanted tick distance that gives more ticks than this is not used.
const MOST_TICKS: f64 = 15.0;

/// Ends of an axis and distance of its ticks.
pub(crate) struct Ticks {
    pub low: f64,
    pub high: f64,
    pub step: f64,
    log: bool,
}

impl Ticks {
    /// Round numbers around the range; `exact` keeps the given ends.
    pub fn linear((low, high): (f64, f64), step: Option<f64>, exact: bool) -> Self {
        // Below this span the ticks could not be told apart, and stepping from one to the next would not end.
        let least = 1e-6_f64.max(1e-9 * low.abs().max(high.abs()));
        let margin = if high - low > least { 0.0 } else { (low.abs() * 0.1).max(1e-6) };
        let (low, high) = (low - margin, high + margin);
        let sensible = |s: &f64| *s > 0.0 && (high - low) / *s <= MOST_TICKS;
        let step = step.filter(sensible).unwrap_or_else(|| round_step((high - low) / 5.0));
        let log = false;
        if exact {
            return Self { low, high, step, log };
        }
        let (low, high) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        Self { low, high, step, log }
    }

    pub fn decades((low, high): (f64, f64)) -> Self {
        // More than 14 decades say nothing; the tail below is cut.
        let top = 10f64.powf(high.max(f64::MIN_POSITIVE).log10().ceil());
        let bottom = 10f64.powf(low.max(top * 1e-14).log10().floor());
        let low = if bottom < top { bottom } else { top / 10.0 };
        Self { low, high: top, step: 1.0, log: true }
    }

    pub fn format(&self) -> TickFormat {
        let (step, log) = (self.step, self.log);
        TickFormat::Custom(Arc::new(move |value: f64| {
            if log {
                return power_of_ten(value);
            }
            let digits = (-(step * 1.000_001).log10().floor()).clamp(0.0, 9.0) as usize;
            let extra = usize::from(
                (step * 10f64.powi(digits as i32)).fract() > 1e-6
                    && (step * 10f64.powi(digits as i32)).fract() < 1.0 - 1e-6,
            );
            let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
            format!("{value:.*}", digits + extra).replace('-', "\u{2212}")
        }))
    }
}

fn power_of_ten(value: f64) -> String {
    let exponent = value.log10().round() as i32;
    match exponent {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        2 => "100".to_owned(),
        _ => format!("1e{exponent}").replace('-', "\u{2212}"),
    }
}

/// Next larger of 1, 2, 2.5, 5 times a power of ten.
pub(crate) fn round_step(rough: f64) -> f64 {
    let decade = 10f64.powf(rough.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fitting = steps.iter().find(|step| *step * decade >= rough * 0.999);
    fitting.unwrap_or(&10.0) * decade
}

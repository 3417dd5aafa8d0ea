//! The window an agent sees: its first step measured, the later ones forecast.
//!
//! Loads and PV power of step k (lead time k dt) are
//! - perfect: the true values, of the next day too where the window crosses midnight (an upper bound on any forecast);
//! - noisy: true value * (1 + e_k), with e_k a random walk over the lead time, standard deviation sd * sqrt(lead in h),
//!   one walk for the loads and one for the PV systems of each microgrid, one for the feeder's loads;
//! - persistence: the measured first step goes on.
//!
//! Except with a perfect forecast nothing of another day is read: beyond the last row of the local day the last
//! forecast value of the day goes on. (A policy is made for one window length, so windows are extended, not cut.)
//! Prices are not forecast here: within the local day they are known, beyond it they follow
//! [`covolt_fleet::PriceOutlook`]. Same seed and row, same forecast.

use crate::error::DispatchError;
use covolt_fleet::{
    Fleet, MicrogridStart, MicrogridWindow, PriceKnowledge, PriceOutlook, Profiles, ScaledSeries, StorageValuation,
    Window,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is known of loads and PV power ahead.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ForecastKind {
    /// The true values.
    Perfect,
    /// The true values with errors that grow with the lead time.
    Noisy {
        /// Relative standard deviation of the loads after one hour.
        load_sd: f64,
        /// Relative standard deviation of PV power after one hour.
        pv_sd: f64,
        /// Seed.
        seed: u64,
    },
    /// The measured values go on.
    Persistence,
}

impl Default for ForecastKind {
    /// Errors of ordinary intraday forecasts: 5 % of the load and 15 % of PV power after one hour.
    fn default() -> Self {
        ForecastKind::Noisy { load_sd: 0.05, pv_sd: 0.15, seed: 1 }
    }
}

impl fmt::Display for ForecastKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForecastKind::Perfect => write!(f, "perfect"),
            ForecastKind::Persistence => write!(f, "persistence"),
            ForecastKind::Noisy { load_sd, pv_sd, seed } => write!(
                f,
                "noisy (after one hour {:.3} % of load and {:.3} % of PV power, growing with the root of the lead time; seed {seed})",
                100.0 * load_sd,
                100.0 * pv_sd
            ),
        }
    }
}

/// Makes windows as an agent sees them.
#[derive(Debug, Clone, Copy)]
pub struct Forecast<'a> {
    /// Series of the whole span.
    pub profiles: &'a Profiles,
    /// Mean price profiles of the training days.
    pub outlook: &'a PriceOutlook,
    /// Loads and PV power.
    pub kind: ForecastKind,
    /// Prices beyond the present.
    pub knowledge: PriceKnowledge,
    /// Value of energy left at the end of the window.
    pub valuation: &'a StorageValuation,
}

impl Forecast<'_> {
    /// The window of `steps` steps seen at `row`, devices at `starts`.
    ///
    /// # Errors
    /// A row outside the profiles, or starts that do not fit the fleet.
    pub fn window(
        &self,
        fleet: &Fleet,
        row: usize,
        steps: usize,
        starts: &[MicrogridStart],
    ) -> Result<Window, DispatchError> {
        let profiles = self.profiles;
        check_profiles(fleet, profiles)?;
        crate::window_check::check_length(|| "the list of start states".into(), starts.len(), fleet.microgrids.len())?;
        let Some(&today) = profiles.day.get(row).filter(|_| row < profiles.rows()) else {
            return Err(DispatchError::Span { start: row, end: row + 1, rows: profiles.rows() });
        };
        // A span of data may end within a day, and forecasts of the last day must not read on.
        let known_rows = match self.kind {
            ForecastKind::Perfect => profiles.rows() - row,
            _ => profiles.day[row..].iter().take_while(|&&day| day == today).count(),
        };
        let view = View { row, steps, known_rows, dt_h: profiles.dt_h, kind: self.kind };
        let mut rng = view.generator();
        let feeder_errors = view.errors(Series::Load, rng.as_mut());
        let (mut feeder_p_kw, mut feeder_q_kvar) = (Vec::new(), Vec::new());
        for load in &profiles.feeder_loads {
            view.extend(&load.p_kw, &feeder_errors, &mut feeder_p_kw);
            view.extend(&load.q_kvar, &feeder_errors, &mut feeder_q_kvar);
        }
        let terminals = self.outlook.terminal_values(fleet, profiles, row, steps, self.valuation, self.knowledge);
        let mut microgrids = Vec::with_capacity(fleet.microgrids.len());
        for (n, ((series, start), terminal)) in profiles.microgrids.iter().zip(starts).zip(terminals).enumerate() {
            let load_errors = view.errors(Series::Load, rng.as_mut());
            let pv_errors = view.errors(Series::Pv, rng.as_mut());
            let mut w = MicrogridWindow {
                load_p_kw: Vec::new(),
                load_q_kvar: Vec::new(),
                pv_kw: Vec::new(),
                price_per_kwh: Vec::new(),
                start: start.clone(),
                terminal,
            };
            for load in &series.loads {
                view.extend(&load.p_kw, &load_errors, &mut w.load_p_kw);
                view.extend(&load.q_kvar, &load_errors, &mut w.load_q_kvar);
            }
            series.pvs_kw.iter().for_each(|pv| view.extend(pv, &pv_errors, &mut w.pv_kw));
            self.outlook.expect(profiles, n, row, row..row + steps, self.knowledge, &mut w.price_per_kwh);
            // The present price is always known.
            if let Some(first) = w.price_per_kwh.first_mut()
                && row < series.price_per_kwh.shape.len()
            {
                *first = series.price_per_kwh.at(row);
            }
            microgrids.push(w);
        }
        Ok(Window {
            dt_h: profiles.dt_h,
            steps,
            row,
            hour_of_day: profiles.hour_of_day[row],
            weekday: profiles.weekday[row],
            feeder_p_kw,
            feeder_q_kvar,
            microgrids,
            pcc: None,
        })
    }
}

/// Sizes of the profiles against the fleet and their own calendar.
pub(crate) fn check_profiles(fleet: &Fleet, profiles: &Profiles) -> Result<(), DispatchError> {
    use crate::window_check::check_length;
    let rows = profiles.rows();
    check_length(|| "the profiles' list of microgrids".into(), profiles.microgrids.len(), fleet.microgrids.len())?;
    check_length(|| "the profiles' feeder loads".into(), profiles.feeder_loads.len(), fleet.feeder_loads.len())?;
    check_length(|| "the profiles' hours of day".into(), profiles.hour_of_day.len(), rows)?;
    check_length(|| "the profiles' weekdays".into(), profiles.weekday.len(), rows)?;
    check_length(|| "the profiles' days".into(), profiles.day.len(), rows)?;
    // Words are made for faults only: this is checked at every step.
    let series_rows = |what: &dyn Fn() -> String, series: &ScaledSeries| {
        if series.shape.len() >= rows {
            Ok(())
        } else {
            Err(DispatchError::Shape { what: what(), found: series.shape.len(), expected: rows })
        }
    };
    for load in &profiles.feeder_loads {
        series_rows(&|| "the series of a feeder load, kW,".into(), &load.p_kw)?;
        series_rows(&|| "the series of a feeder load, kvar,".into(), &load.q_kvar)?;
    }
    for (mg, series) in fleet.microgrids.iter().zip(&profiles.microgrids) {
        let of = |what: &str| format!("the profiles' {what} of microgrid {}", mg.name);
        check_length(|| of("loads"), series.loads.len(), mg.loads.len())?;
        check_length(|| of("PV systems"), series.pvs_kw.len(), mg.pvs.len())?;
        for load in &series.loads {
            series_rows(&|| of("load, kW,"), &load.p_kw)?;
            series_rows(&|| of("load, kvar,"), &load.q_kvar)?;
        }
        series.pvs_kw.iter().try_for_each(|pv| series_rows(&|| of("PV power"), pv))?;
        series_rows(&|| of("price"), &series.price_per_kwh)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Series {
    Load,
    Pv,
}

/// One look ahead.
struct View {
    row: usize,
    steps: usize,
    known_rows: usize,
    dt_h: f64,
    kind: ForecastKind,
}

impl View {
    /// A stream of its own for every row, so that a forecast does not depend on the ones before.
    fn generator(&self) -> Option<ChaCha8Rng> {
        let ForecastKind::Noisy { seed, .. } = self.kind else { return None };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(self.row as u64);
        Some(rng)
    }

    /// Factors 1 + e_k of every step; the measured first step has none.
    fn errors(&self, series: Series, rng: Option<&mut ChaCha8Rng>) -> Vec<f64> {
        let mut factors = vec![1.0; self.steps];
        if let (ForecastKind::Noisy { load_sd, pv_sd, .. }, Some(rng)) = (self.kind, rng) {
            let sd = match series {
                Series::Load => load_sd,
                Series::Pv => pv_sd,
            };
            let mut error = 0.0;
            for factor in factors.iter_mut().skip(1) {
                let normal: f64 = StandardNormal.sample(rng);
                error += sd * self.dt_h.sqrt() * normal;
                *factor = 1.0 + error;
            }
        }
        factors
    }

    fn extend(&self, series: &ScaledSeries, factors: &[f64], out: &mut Vec<f64>) {
        let mut last = 0.0;
        for (k, factor) in factors.iter().enumerate() {
            let known = match self.kind {
                ForecastKind::Persistence => k == 0,
                _ => k < self.known_rows,
            };
            if known {
                // A load may feed in (negative); an error never turns its sign.
                last = series.at(self.row + k) * factor.max(0.0);
            }
            out.push(last);
        }
    }
}

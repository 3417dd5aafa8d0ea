//! Prices beyond the window, and the value of stored energy that follows from them.
//!
//! A day-ahead price is known to the end of its local day; further ahead the mean profile (weekday or weekend, step of
//! day) of the training days stands in. Nothing of another day is ever read, so that test days stay unseen.

use crate::devices::Battery;
use crate::fleet::Fleet;
use crate::profiles::Profiles;
use crate::storage_value::StorageValue;
use crate::window::TerminalValue;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What is known of prices beyond the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum PriceKnowledge {
    /// The true prices (an upper bound on what any forecast can do).
    Perfect,
    /// True prices to the end of the local day, the mean profile afterwards.
    #[default]
    DayAhead,
    /// The mean profile only.
    Profile,
}

/// How energy left at the end of a window is valued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StorageValuation {
    /// Not at all: a short window then empties every battery.
    None,
    /// The same value always.
    Constant {
        /// $/kWh.
        value_per_kwh: f64,
    },
    /// One value per local hour of the day at the end of the window.
    TimeOfDay {
        /// $/kWh, 24 entries.
        value_per_kwh: Vec<f64>,
    },
    /// Exact dynamic program over the prices after the window.
    #[default]
    PriceForecast,
}

/// Steps looked ahead by the dynamic program, h.
const HORIZON_H: f64 = 36.0;

/// Mean price profiles of the training days, per microgrid.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceOutlook {
    steps_per_day: usize,
    /// `[n][weekend][step of day]`, $/kWh.
    profile: Vec<[Vec<f64>; 2]>,
    mean: Vec<f64>,
}

impl PriceOutlook {
    /// Averages the prices of `training_days`.
    pub fn from_days(profiles: &Profiles, training_days: &[usize]) -> PriceOutlook {
        let steps_per_day = (24.0 / profiles.dt_h).round().max(1.0) as usize;
        let mut outlook = PriceOutlook { steps_per_day, profile: Vec::new(), mean: Vec::new() };
        for m in &profiles.microgrids {
            let (mut sum, mut count) = (
                [vec![0.0; steps_per_day], vec![0.0; steps_per_day]],
                [vec![0.0; steps_per_day], vec![0.0; steps_per_day]],
            );
            let (mut all, mut rows) = (0.0, 0.0);
            for r in training_days.iter().flat_map(|&d| profiles.rows_of_day(d)) {
                let (w, s) = (weekend(profiles.weekday[r]), outlook.step_of_day(profiles.hour_of_day[r]));
                sum[w][s] += m.price_per_kwh.at(r);
                count[w][s] += 1.0;
                all += m.price_per_kwh.at(r);
                rows += 1.0;
            }
            let mean = if rows > 0.0 { all / rows } else { 0.0 };
            for w in 0..2 {
                for s in 0..steps_per_day {
                    sum[w][s] = if count[w][s] > 0.0 { sum[w][s] / count[w][s] } else { mean };
                }
            }
            outlook.profile.push(sum);
            outlook.mean.push(mean);
        }
        outlook
    }

    fn step_of_day(&self, hour: f64) -> usize {
        ((hour / 24.0 * self.steps_per_day as f64).round() as usize) % self.steps_per_day
    }

    /// Prices of microgrid `n` expected in `rows`, as seen at row `now`, $/kWh.
    pub fn expect(
        &self,
        profiles: &Profiles,
        n: usize,
        now: usize,
        rows: Range<usize>,
        knowledge: PriceKnowledge,
        out: &mut Vec<f64>,
    ) {
        out.clear();
        let Some(last) = profiles.rows().checked_sub(1) else { return };
        let today = profiles.day[now.min(last)];
        for r in rows {
            let known = r <= last
                && match knowledge {
                    PriceKnowledge::Perfect => true,
                    PriceKnowledge::DayAhead => profiles.day[r] == today,
                    PriceKnowledge::Profile => false,
                };
            out.push(if known {
                profiles.microgrids[n].price_per_kwh.at(r)
            } else {
                let anchor = r.min(last);
                let hours_on = (r - anchor) as f64 * profiles.dt_h;
                let hour = (profiles.hour_of_day[anchor] + hours_on) % 24.0;
                self.profile[n][weekend(profiles.weekday[anchor])][self.step_of_day(hour)]
            });
        }
    }

    /// Value of stored energy after the window of `steps` rows at `row`, per microgrid and battery.
    pub fn terminal_values(
        &self,
        fleet: &Fleet,
        profiles: &Profiles,
        row: usize,
        steps: usize,
        valuation: &StorageValuation,
        knowledge: PriceKnowledge,
    ) -> Vec<Vec<TerminalValue>> {
        let mut program = StorageValue::default();
        let mut prices = Vec::new();
        let count = (HORIZON_H / profiles.dt_h).round() as usize;
        let end_hour = (profiles.hour_of_day.get(row).copied().unwrap_or(0.0) + steps as f64 * profiles.dt_h) % 24.0;
        fleet
            .microgrids
            .iter()
            .enumerate()
            .map(|(n, mg)| {
                if *valuation == StorageValuation::PriceForecast {
                    self.expect(profiles, n, row, row + steps..row + steps + count, knowledge, &mut prices);
                }
                let mut value = |battery: &Battery| match valuation {
                    StorageValuation::None => TerminalValue::linear(0.0),
                    StorageValuation::Constant { value_per_kwh } => {
                        TerminalValue::linear(value_per_kwh * battery.capacity_kwh)
                    }
                    StorageValuation::TimeOfDay { value_per_kwh } => {
                        let at = end_hour as usize % value_per_kwh.len().max(1);
                        TerminalValue::linear(value_per_kwh.get(at).copied().unwrap_or(0.0) * battery.capacity_kwh)
                    }
                    StorageValuation::PriceForecast => {
                        let end = TerminalValue::linear(self.mean[n] * battery.capacity_kwh);
                        program.backward(battery, &prices, profiles.dt_h, &end)
                    }
                };
                mg.batteries.iter().map(&mut value).collect()
            })
            .collect()
    }
}

fn weekend(weekday: u8) -> usize {
    usize::from(weekday >= 5)
}

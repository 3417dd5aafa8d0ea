//! Settings of a case that are no part of the fleet: window, clock, currency, value of stored energy.

use crate::case_file::{CaseFile, StorageValueKind};
use crate::fault::CaseFault;
use crate::toml_document::KeyPlaces;

/// Value of the energy left in a battery after the window, as the case asks for it.
#[derive(Debug, Clone, PartialEq)]
pub enum StorageValueSetting {
    /// No value.
    None,
    /// The same value at every time, currency per kWh stored.
    Constant {
        /// Currency per kWh.
        value_per_kwh: f64,
    },
    /// A value per local hour of day.
    TimeOfDay {
        /// 24 values, currency per kWh.
        values_per_kwh: Vec<f64>,
    },
    /// Dynamic program over the price forecast.
    PriceForecast {
        /// Hours of forecast behind the window.
        horizon_hours: f64,
        /// Levels of the state of charge.
        soc_levels: usize,
    },
}

/// Settings of a case that are not part of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseSettings {
    /// One sentence about the case.
    pub description: String,
    /// Currency of prices and costs.
    pub currency: String,
    /// Window length T in steps.
    pub steps: usize,
    /// Step length, h.
    pub dt_h: f64,
    /// Local time minus UTC, h.
    pub utc_offset_hours: f64,
    /// Terminal value of stored energy.
    pub storage_value: StorageValueSetting,
}

/// A window longer than this is taken for a mistake: a week of quarter hours.
const LONGEST_WINDOW: usize = 672;

pub(crate) fn scalars(file: &CaseFile, places: &KeyPlaces, faults: &mut Vec<CaseFault>) {
    if file.name.trim().is_empty() {
        faults.push(places.fault("name", "the name is empty", "name the case"));
    }
    if !(1..=LONGEST_WINDOW).contains(&file.window.steps) {
        faults.push(places.fault(
            "window.steps",
            format!("a window of {} steps", file.window.steps),
            format!("1 to {LONGEST_WINDOW} steps"),
        ));
    }
    if file.calendar.utc_offset_hours.abs() > 14.0 {
        faults.push(places.fault(
            "calendar.utc_offset_hours",
            format!("{} hours", file.calendar.utc_offset_hours),
            "local time minus UTC lies between -14 and 14 hours",
        ));
    }
    let mut factor = |key: String, v: f64| {
        if !(0.0..=1e6).contains(&v) {
            faults.push(places.fault(&key, format!("factor {v}"), "must be at least 0"));
        }
    };
    factor("scaling.load".into(), file.scaling.load);
    factor("scaling.pv".into(), file.scaling.pv);
    for (n, m) in file.microgrid.iter().enumerate() {
        factor(format!("microgrid[{n}].load_scale"), m.load_scale);
        factor(format!("microgrid[{n}].pv_scale"), m.pv_scale);
    }
    for (n, m) in file.microgrid.iter().enumerate() {
        let price = m.fuel_price_per_l;
        if !(0.0..=100.0).contains(&price) {
            faults.push(places.fault(
                &format!("microgrid[{n}].fuel_price_per_l"),
                format!("fuel price {price} {}/L", file.currency),
                "must be at least 0, per litre",
            ));
        }
    }
}

pub(crate) fn storage_value(
    file: &CaseFile,
    places: &KeyPlaces,
    faults: &mut Vec<CaseFault>,
) -> Option<StorageValueSetting> {
    let s = &file.storage_value;
    let mut fault =
        |key: &str, what: String, hint: &str| faults.push(places.fault(&format!("storage_value.{key}"), what, hint));
    let implausible = |v: f64| v.abs() > 100.0;
    match s.kind {
        StorageValueKind::None => Some(StorageValueSetting::None),
        StorageValueKind::Constant => match s.value_per_kwh {
            Some(v) if !implausible(v) => Some(StorageValueSetting::Constant { value_per_kwh: v }),
            other => {
                fault(
                    "value_per_kwh",
                    format!("the constant value is {other:?}"),
                    "give the value of stored energy, currency per kWh, e.g. 0.09",
                );
                None
            }
        },
        StorageValueKind::TimeOfDay => match &s.values_per_kwh {
            Some(list) if list.len() == 24 && !list.iter().any(|&v| implausible(v)) => {
                Some(StorageValueSetting::TimeOfDay { values_per_kwh: list.clone() })
            }
            other => {
                let found = other.as_ref().map_or(0, Vec::len);
                fault(
                    "values_per_kwh",
                    format!("{found} values"),
                    "give 24 values, one per local hour, currency per kWh",
                );
                None
            }
        },
        StorageValueKind::PriceForecast => {
            let horizon_hours = s.horizon_hours.unwrap_or(24.0);
            let soc_levels = s.soc_levels.unwrap_or(41);
            if !(horizon_hours > 0.0 && horizon_hours <= 336.0) {
                fault("horizon_hours", format!("{horizon_hours} hours"), "above 0 and at most 336 hours");
                return None;
            }
            if !(3..=1001).contains(&soc_levels) {
                fault("soc_levels", format!("{soc_levels} levels"), "3 to 1001 levels");
                return None;
            }
            Some(StorageValueSetting::PriceForecast { horizon_hours, soc_levels })
        }
    }
}

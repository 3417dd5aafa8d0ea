//! Columns -> profiles of prices, PV systems and loads in kW, kvar and currency per kWh, checked for units and signs.

use crate::case_file::PriceSection;
use crate::device_tables::implausible_power;
use crate::fault::CaseFault;
use crate::series_store::{Column, SeriesStore};
use crate::table::Row;
use crate::table_rows::{LoadRow, PvRow};
use crate::toml_document::KeyPlaces;
use crate::units::{self, PriceUnitFault};
use covolt_fleet::{LoadProfile, ScaledSeries};
use std::sync::Arc;

/// A mean price beyond this is taken for a wrong unit, currency per kWh.
const LARGEST_MEAN_PRICE: f64 = 5.0;
/// Night values down to this fraction of the peak count as zero of a PV system; more is a wrong sign.
const PV_NIGHT: f64 = 0.02;

/// A column and its factor.
struct Scaled {
    column: Column,
    scale: f64,
}

impl SeriesStore {
    /// Exchange price, currency per kWh.
    pub fn price(
        &mut self,
        p: &PriceSection,
        currency: &str,
        key: &str,
        places: &KeyPlaces,
        faults: &mut Vec<CaseFault>,
    ) -> Option<ScaledSeries> {
        let factor = match units::price(&p.unit, currency) {
            Ok(f) => f,
            Err(PriceUnitFault::Unknown) => {
                faults.push(places.fault(
                    &format!("{key}.unit"),
                    format!("unknown price unit \"{}\"", p.unit),
                    format!("use {currency}/kWh, {currency}/MWh or ct/kWh"),
                ));
                return None;
            }
            Err(PriceUnitFault::OtherCurrency(money)) => {
                faults.push(places.fault(
                    &format!("{key}.unit"),
                    format!("the price is in \"{money}\", the case's currency is \"{currency}\""),
                    format!("set currency = \"{money}\", or convert with scale and write {currency}/..."),
                ));
                return None;
            }
        };
        let series = ScaledSeries::new(self.column(&p.series, &p.column, 0)?.shape, factor * p.scale);
        let mean = series.shape.iter().map(|v| v.abs()).sum::<f64>() / series.shape.len() as f64 * series.scale.abs();
        if mean > LARGEST_MEAN_PRICE {
            faults.push(places.fault(
                &format!("{key}.unit"),
                format!("prices of {mean:.1} {currency}/kWh on average"),
                format!("a wrong unit? perhaps {currency}/MWh"),
            ));
        }
        Some(series)
    }

    /// Available power of a PV system, kW.
    pub fn pv(
        &mut self,
        row: &Row<PvRow>,
        factor: f64,
        kv: f64,
        faults: &mut Vec<CaseFault>,
        warnings: &mut Vec<String>,
    ) -> Option<ScaledSeries> {
        let (p, at) = (&row.value, &row.at);
        let unit = p.p_unit.as_deref().unwrap_or("kW");
        let Some(to_kw) = units::active_power(unit) else {
            faults.push(at.fault("p_unit", format!("unknown unit \"{unit}\""), "use W, kW, MW or pu"));
            return None;
        };
        let shift = self.shift_rows(p.shift_minutes, at, faults)?;
        let column = self.column(&p.series, &p.p_column, shift)?;
        let scale = to_kw * p.p_scale.unwrap_or(1.0) * factor;
        let (low, high) = column.range(scale);
        if let Some((what, hint)) = implausible_power(high.max(-low), kv) {
            faults.push(at.fault("p_scale", format!("\"{}\": {what}", p.id), hint));
        }
        if low < -PV_NIGHT * high.max(0.0) || (low < 0.0 && high <= 0.0) {
            faults.push(at.fault(
                "p_column",
                format!("\"{}\": available power down to {low:.3} kW", p.id),
                "available power is not negative; turn the sign with p_scale",
            ));
        }
        let cap = p.s_max_kva.unwrap_or(f64::INFINITY);
        if low < 0.0 || high > cap {
            if high > cap {
                warnings
                    .push(format!("PV system \"{}\" reaches {high:.1} kW; cut off at its rating of {cap} kVA", p.id));
            }
            let cut: Arc<[f64]> = column.shape.iter().map(|v| (v * scale).clamp(0.0, cap)).collect();
            return Some(ScaledSeries::new(cut, 1.0));
        }
        Some(ScaledSeries::new(column.shape, scale))
    }

    /// Active and reactive power of a load.
    pub fn load(
        &mut self,
        row: &Row<LoadRow>,
        factor: f64,
        kv: f64,
        faults: &mut Vec<CaseFault>,
    ) -> Option<LoadProfile> {
        let (l, at) = (&row.value, &row.at);
        let before = faults.len();
        let shift = self.shift_rows(l.shift_minutes, at, faults)?;
        let offset = self.offset(l.offset_days, at, faults)?;
        let mut side = |key: &str,
                        column: &Option<String>,
                        unit: &Option<String>,
                        scale: Option<f64>,
                        fixed: Option<f64>,
                        to_kw: fn(&str) -> Option<f64>,
                        default: &str,
                        known: &str| {
            let unit = unit.as_deref().unwrap_or(default);
            let Some(to_kw) = to_kw(unit) else {
                faults.push(at.fault(
                    &format!("{key}_unit"),
                    format!("unknown unit \"{unit}\""),
                    format!("use {known}"),
                ));
                return None;
            };
            match (column, fixed, &l.series) {
                (Some(_), Some(_), _) => {
                    faults.push(at.fault(
                        &format!("{key}_column"),
                        format!("load \"{}\" has both a series and a constant", l.id),
                        "leave one of the two empty",
                    ));
                    None
                }
                (Some(column), None, Some(series)) => {
                    let scale = to_kw * scale.unwrap_or(1.0) * factor;
                    self.column(series, column, shift).map(|column| Scaled { column, scale })
                }
                (Some(_), None, None) => {
                    faults.push(at.fault(
                        "series",
                        format!("load \"{}\" names a column but no series", l.id),
                        "fill the column series",
                    ));
                    None
                }
                (None, Some(v), _) => Some(Scaled { column: self.constant(), scale: v * factor }),
                (None, None, _) => None,
            }
        };
        let p = side("p", &l.p_column, &l.p_unit, l.p_scale, l.p_kw, units::active_power, "kW", "W, kW, MW or pu");
        let q = side(
            "q",
            &l.q_column,
            &l.q_unit,
            l.q_scale,
            l.q_kvar,
            units::reactive_power,
            "kvar",
            "var, kvar, Mvar or pu",
        );
        if p.is_none() && l.p_column.is_none() && l.p_kw.is_none() {
            faults.push(at.fault(
                "p_column",
                format!("load \"{}\" has no active power", l.id),
                "fill p_column with series, or p_kw",
            ));
        }
        if let Some(pf) = l.power_factor {
            if !(pf != 0.0 && pf.abs() <= 1.0) {
                faults.push(at.fault(
                    "power_factor",
                    format!("load \"{}\": power factor {pf}", l.id),
                    "between 0 and 1, or -1 and 0 for a capacitive load",
                ));
            }
            if l.q_column.is_some() || l.q_kvar.is_some() {
                faults.push(at.fault(
                    "power_factor",
                    format!("load \"{}\" has a power factor and a reactive power", l.id),
                    "leave one of the two empty",
                ));
            }
        }
        let p = p.filter(|_| faults.len() == before)?;
        let q = q.unwrap_or_else(|| {
            let tangent = l.power_factor.map_or(0.0, |pf| (1.0 - pf * pf).max(0.0).sqrt() / pf);
            Scaled { column: p.column.clone(), scale: p.scale * tangent }
        });
        let peak = |s: &Scaled| {
            let (low, high) = s.column.range(s.scale);
            high.max(-low)
        };
        for (key, s) in [("p_scale", &p), ("q_scale", &q)] {
            if let Some((what, hint)) = implausible_power(peak(s), kv) {
                faults.push(at.fault(key, format!("load \"{}\": {what}", l.id), hint));
            }
        }
        let series = |s: Scaled| ScaledSeries { shape: s.column.shape, scale: s.scale, offset };
        Some(LoadProfile { p_kw: series(p), q_kvar: series(q) })
    }
}

//! Series of the files -> profiles of the devices, on one common time axis, in kW, kvar and currency per kWh.

use crate::case_file::{CaseFile, LoadRow, PriceSection, PvRow};
use crate::case_files::CaseFiles;
use crate::device_tables::implausible_power;
use crate::fault::{CaseFault, Place, suggestion};
use crate::network_tables::BusTable;
use crate::series_file::{SeriesFile, read_series};
use crate::table::Row;
use crate::time_axis::show;
use crate::toml_document::KeyPlaces;
use crate::units::{self, PriceUnitFault};
use covolt_fleet::{LoadProfile, ScaledSeries};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A mean price beyond this is taken for a wrong unit, currency per kWh.
const LARGEST_MEAN_PRICE: f64 = 5.0;
/// Night values down to this fraction of the peak count as zero of a PV system; more is a wrong sign.
const PV_NIGHT: f64 = 0.02;

/// All used series on the common axis.
#[derive(Debug)]
pub(crate) struct SeriesStore {
    pub dt_s: i64,
    pub unix_s: Vec<i64>,
    series: BTreeMap<String, SeriesFile>,
    cache: BTreeMap<(String, String, i64), Arc<[f64]>>,
}

type Wanted = BTreeMap<String, BTreeSet<String>>;

fn want(wanted: &mut Wanted, series: &str, column: &str) {
    wanted.entry(series.to_string()).or_default().insert(column.to_string());
}

/// Columns that prices and devices refer to; unknown series become faults.
fn wanted_columns(
    file: &CaseFile,
    pvs: &[Row<PvRow>],
    loads: &[Row<LoadRow>],
    places: &KeyPlaces,
    faults: &mut Vec<CaseFault>,
) -> Wanted {
    let mut wanted = Wanted::new();
    let mut ask = |series: &str, column: &str, at: &Place, key: &str| {
        if file.series.contains_key(series) {
            want(&mut wanted, series, column);
        } else {
            faults.push(at.fault(
                key,
                format!("unknown series \"{series}\""),
                suggestion(series, file.series.keys().map(String::as_str)),
            ));
        }
    };
    if let Some(p) = &file.price {
        ask(&p.series, &p.column, &places.place("price.series"), "price.series");
    }
    for (n, m) in file.microgrid.iter().enumerate() {
        if let Some(p) = &m.price {
            let key = format!("microgrid[{n}].price.series");
            ask(&p.series, &p.column, &places.place(&key), &key);
        }
    }
    for r in pvs {
        ask(&r.value.series, &r.value.p_column, &r.at, "series");
    }
    for r in loads {
        if let Some(series) = &r.value.series {
            for column in [&r.value.p_column, &r.value.q_column].into_iter().flatten() {
                ask(series, column, &r.at, "series");
            }
        }
    }
    wanted
}

impl SeriesStore {
    /// Reads what is needed and finds the common axis. `warnings` tells what was cut.
    pub fn read(
        files: &CaseFiles<'_>,
        file: &CaseFile,
        pvs: &[Row<PvRow>],
        loads: &[Row<LoadRow>],
        places: &KeyPlaces,
        faults: &mut Vec<CaseFault>,
        warnings: &mut Vec<String>,
    ) -> Option<SeriesStore> {
        let wanted = wanted_columns(file, pvs, loads, places, faults);
        let before = faults.len();
        let mut series = BTreeMap::new();
        for (name, section) in &file.series {
            if section.time_offset_hours.abs() > 14.0 {
                faults.push(places.fault(
                    &format!("series.{name}.time_offset_hours"),
                    format!("{} hours", section.time_offset_hours),
                    "local time minus UTC lies between -14 and 14 hours",
                ));
            }
            match wanted.get(name) {
                Some(columns) => {
                    if let Some(s) = read_series(files, section, columns, faults) {
                        series.insert(name.clone(), s);
                    }
                }
                None => warnings.push(format!("series \"{name}\" is not used by any device or price")),
            }
        }
        if series.is_empty() || faults.len() > before {
            return None;
        }
        Self::align(file, series, places, faults, warnings)
    }

    fn align(
        file: &CaseFile,
        series: BTreeMap<String, SeriesFile>,
        places: &KeyPlaces,
        faults: &mut Vec<CaseFault>,
        warnings: &mut Vec<String>,
    ) -> Option<SeriesStore> {
        let finest = series.values().map(|s| s.step_s).min()?;
        let key = "window.step_minutes";
        let dt_s = match file.window.step_minutes {
            None => finest,
            Some(m) if m.is_finite() && m > 0.0 && (m * 60.0).fract() == 0.0 && m <= 1440.0 => (m * 60.0) as i64,
            Some(m) => {
                faults.push(places.fault(key, format!("step of {m} min"), "give whole seconds, at most a day"));
                return None;
            }
        };
        let shown = |s: i64| format!("{} min", s as f64 / 60.0);
        if dt_s < finest {
            faults.push(places.fault(
                key,
                format!("step of {}, but the finest series has {}", shown(dt_s), shown(finest)),
                format!("set {}", finest as f64 / 60.0),
            ));
        }
        if 86_400 % dt_s != 0 {
            faults.push(places.fault(
                key,
                format!("step of {} does not divide a day", shown(dt_s)),
                "use a step that divides 24 hours",
            ));
        }
        let start = series.values().map(|s| s.start_s).max()?;
        let end = series.values().map(SeriesFile::end_s).min()?;
        for (name, s) in &series {
            let at = || places.place(&format!("series.{name}.file"));
            if s.step_s % dt_s != 0 && dt_s % s.step_s != 0 {
                faults.push(at().fault(
                    name,
                    format!("its step of {} does not fit the step of {}", shown(s.step_s), shown(dt_s)),
                    "resample it to a multiple or a fraction of the step",
                ));
            }
            if (s.start_s - start).rem_euclid(dt_s.min(s.step_s)) != 0 {
                faults.push(at().fault(
                    name,
                    format!("begins at {}, off the grid of the other series", show(s.start_s)),
                    "shift its stamps to whole steps",
                ));
            }
            if s.start_s != start || s.end_s() != end {
                warnings.push(format!(
                    "series \"{name}\" runs from {} to {}; used is {} to {}",
                    show(s.start_s),
                    show(s.end_s()),
                    show(start),
                    show(end)
                ));
            }
        }
        // Begin on a whole step of the coarsest grid in use.
        let rows = (end - start) / dt_s;
        if rows < 1 || (rows as u64) < file.window.steps as u64 {
            faults.push(places.fault(
                "series",
                format!("the series have {} common steps, the window needs {}", rows.max(0), file.window.steps),
                "give series that cover the same time",
            ));
        }
        if rows < 1 {
            return None;
        }
        let unix_s = (0..rows).map(|r| start + r * dt_s).collect();
        Some(SeriesStore { dt_s, unix_s, series, cache: BTreeMap::new() })
    }

    pub fn dt_h(&self) -> f64 {
        self.dt_s as f64 / 3600.0
    }

    /// A column on the common axis: held where it is coarser, averaged where it is finer, delayed by `shift` rows
    /// (rows before the data repeat its first value, rows after it the last).
    fn column(&mut self, series: &str, column: &str, shift: i64) -> Option<Arc<[f64]>> {
        let key = (series.to_string(), column.to_string(), shift);
        if let Some(found) = self.cache.get(&key) {
            return Some(found.clone());
        }
        let s = self.series.get(series)?;
        let values = s.columns.get(column)?;
        let last = values.len().checked_sub(1)?;
        let dt = self.dt_s;
        let shape: Arc<[f64]> = self
            .unix_s
            .iter()
            .map(|t| {
                let from = (t - shift * dt - s.start_s).div_euclid(s.step_s);
                let count = (dt / s.step_s).max(1);
                let sum: f64 = (from..from + count).map(|i| values[usize::try_from(i).unwrap_or(0).min(last)]).sum();
                sum / count as f64
            })
            .collect();
        self.cache.insert(key, shape.clone());
        Some(shape)
    }

    fn shift_rows(&self, minutes: Option<f64>, at: &Place, faults: &mut Vec<CaseFault>) -> Option<i64> {
        let rows = minutes.unwrap_or(0.0) * 60.0 / self.dt_s as f64;
        if rows.fract() != 0.0 || rows.abs() > self.unix_s.len() as f64 {
            faults.push(at.fault(
                "shift_minutes",
                format!("a delay of {} min is no whole number of steps", minutes.unwrap_or(0.0)),
                "give a multiple of the step, within the data",
            ));
            return None;
        }
        Some(rows as i64)
    }

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
        let series = ScaledSeries { shape: self.column(&p.series, &p.column, 0)?, scale: factor * p.scale };
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
        let shape = self.column(&p.series, &p.p_column, shift)?;
        let scale = to_kw * p.p_scale.unwrap_or(1.0) * factor;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for v in shape.iter().map(|v| v * scale) {
            low = low.min(v);
            high = high.max(v);
        }
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
            let cut: Arc<[f64]> = shape.iter().map(|v| (v * scale).clamp(0.0, cap)).collect();
            return Some(ScaledSeries { shape: cut, scale: 1.0 });
        }
        Some(ScaledSeries { shape, scale })
    }

    /// Active and reactive power of a load.
    pub fn load(
        &mut self,
        row: &Row<LoadRow>,
        factor: f64,
        buses: &BusTable,
        faults: &mut Vec<CaseFault>,
    ) -> Option<LoadProfile> {
        let (l, at) = (&row.value, &row.at);
        let before = faults.len();
        let shift = self.shift_rows(l.shift_minutes, at, faults)?;
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
                    self.column(series, column, shift).map(|shape| ScaledSeries { shape, scale })
                }
                (Some(_), None, None) => {
                    faults.push(at.fault(
                        "series",
                        format!("load \"{}\" names a column but no series", l.id),
                        "fill the column series",
                    ));
                    None
                }
                (None, Some(v), _) => {
                    Some(ScaledSeries { shape: vec![1.0; self.unix_s.len()].into(), scale: v * factor })
                }
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
            ScaledSeries { shape: p.shape.clone(), scale: p.scale * tangent }
        });
        let peak = |s: &ScaledSeries| s.shape.iter().fold(0.0, |m: f64, v| m.max((v * s.scale).abs()));
        let kv = buses.index.get(&l.bus).and_then(|&i| buses.rows.get(i)).map_or(0.0, |r| r.value.kv);
        for (key, s) in [("p_scale", &p), ("q_scale", &q)] {
            if let Some((what, hint)) = implausible_power(peak(s), kv) {
                faults.push(at.fault(key, format!("load \"{}\": {what}", l.id), hint));
            }
        }
        Some(LoadProfile { p_kw: p, q_kvar: q })
    }
}

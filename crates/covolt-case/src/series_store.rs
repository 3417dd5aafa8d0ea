//! All used series on one common time axis.
//!
//! The axis is the time that all used series share, in steps of the case. A coarser series is held, a finer one averaged, a
//! delayed one shifted by whole rows with its ends held. An offset by whole days is no copy: the same values are read at
//! other rows.

use crate::case_file::CaseFile;
use crate::case_files::CaseFiles;
use crate::fault::{CaseFault, Place, suggestion};
use crate::series_file::{SeriesFile, read_series};
use crate::table::Row;
use crate::table_rows::{LoadRow, PvRow};
use crate::time_axis::show;
use crate::toml_document::KeyPlaces;
use covolt_fleet::RowOffset;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All used series on the common axis.
#[derive(Debug)]
pub(crate) struct SeriesStore {
    pub dt_s: i64,
    pub unix_s: Vec<i64>,
    series: BTreeMap<String, SeriesFile>,
    cache: BTreeMap<(String, String, i64), Column>,
    constant: Option<Column>,
}

/// Values on the common axis, shared by all who follow them, and their range.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub shape: Arc<[f64]>,
    pub low: f64,
    pub high: f64,
}

impl Column {
    fn new(shape: Arc<[f64]>) -> Column {
        let range = |(low, high): (f64, f64), &v: &f64| (low.min(v), high.max(v));
        let (low, high) = shape.iter().fold((f64::INFINITY, f64::NEG_INFINITY), range);
        Column { shape, low, high }
    }

    /// Lowest and highest value times `scale`.
    pub fn range(&self, scale: f64) -> (f64, f64) {
        let (a, b) = (self.low * scale, self.high * scale);
        (a.min(b), a.max(b))
    }
}

/// Ten years; more is a slip.
const LARGEST_OFFSET_DAYS: f64 = 3660.0;

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
        // The clock of a part is that of the whole, also where nothing of its own follows a series.
        let clock_alone = BTreeSet::new();
        let in_part = file.part.is_some().then_some(&clock_alone);
        for (name, section) in &file.series {
            if section.time_offset_hours.abs() > 14.0 {
                faults.push(places.fault(
                    &format!("series.{name}.time_offset_hours"),
                    format!("{} hours", section.time_offset_hours),
                    "local time minus UTC lies between -14 and 14 hours",
                ));
            }
            match wanted.get(name).or(in_part) {
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
        Some(SeriesStore { dt_s, unix_s, series, cache: BTreeMap::new(), constant: None })
    }

    pub fn dt_h(&self) -> f64 {
        self.dt_s as f64 / 3600.0
    }

    /// A column on the common axis: held where it is coarser, averaged where it is finer, delayed by `shift` rows
    /// (rows before the data repeat its first value, rows after it the last).
    pub fn column(&mut self, series: &str, column: &str, shift: i64) -> Option<Column> {
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
        let found = Column::new(shape);
        self.cache.insert(key, found.clone());
        Some(found)
    }

    /// One at every row.
    pub fn constant(&mut self) -> Column {
        let rows = self.unix_s.len();
        self.constant.get_or_insert_with(|| Column::new(vec![1.0; rows].into())).clone()
    }

    /// Whole days by which a series is read later, going on after a whole number of weeks (days, where the data has less
    /// than a week), so that weekdays stay what they are.
    pub fn offset(&self, days: Option<f64>, at: &Place, faults: &mut Vec<CaseFault>) -> Option<RowOffset> {
        let days = days.unwrap_or(0.0);
        if days == 0.0 {
            return Some(RowOffset::default());
        }
        let (rows, day) = (self.unix_s.len(), (86_400 / self.dt_s).max(1) as usize);
        let unit = if rows >= 7 * day { 7 * day } else { day };
        let offset = (days.fract() == 0.0 && days.abs() <= LARGEST_OFFSET_DAYS)
            .then(|| RowOffset::cyclic(days as i64 * day as i64, rows / unit * unit))
            .flatten();
        if offset.is_none() {
            faults.push(at.fault(
                "offset_days",
                format!("an offset of {days} days"),
                "give whole days, at most 3660, and data of at least one day",
            ));
        }
        offset
    }

    pub fn shift_rows(&self, minutes: Option<f64>, at: &Place, faults: &mut Vec<CaseFault>) -> Option<i64> {
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
}

//! Reads one series file: time stamps and the columns that are used, from CSV (plain or gzip) or Parquet.

use crate::case_file::SeriesSection;
use crate::case_files::CaseFiles;
use crate::fault::{CaseFault, Place, suggestion};
use crate::parquet_columns::{ParquetColumns, read_parquet};
use crate::table::{csv_reader, parse_number};
use crate::time_axis::{LISTED, interval_start, parse_stamp, plausible, uniform_step};
use std::collections::{BTreeMap, BTreeSet};

/// Series of one file on their own uniform time axis.
#[derive(Debug)]
pub(crate) struct SeriesFile {
    /// Start of the first interval, seconds since 1970 UTC.
    pub start_s: i64,
    /// Step, seconds.
    pub step_s: i64,
    pub rows: usize,
    pub columns: BTreeMap<String, Vec<f64>>,
}

impl SeriesFile {
    pub fn end_s(&self) -> i64 {
        self.start_s + self.step_s * self.rows as i64
    }
}

struct Raw {
    stamps: Vec<i64>,
    lines: Vec<usize>,
    columns: BTreeMap<String, Vec<f64>>,
}

/// Reads `wanted` columns; unknown columns, bad numbers and an uneven time axis become faults.
pub(crate) fn read_series(
    files: &CaseFiles<'_>,
    section: &SeriesSection,
    wanted: &BTreeSet<String>,
    faults: &mut Vec<CaseFault>,
) -> Option<SeriesFile> {
    let name = section.file.as_str();
    let before = faults.len();
    let bytes = match files.read_plain(name) {
        Ok(b) => b,
        Err(f) => {
            faults.push(f);
            return None;
        }
    };
    let raw = if bytes.starts_with(b"PAR1") {
        from_parquet(bytes, section, wanted, faults)?
    } else {
        match String::from_utf8(bytes) {
            Ok(text) => from_csv(text.strip_prefix('\u{feff}').unwrap_or(&text), section, wanted, faults)?,
            Err(e) => {
                let good = e.utf8_error().valid_up_to();
                let line = e.as_bytes()[..good].iter().filter(|&&b| b == b'\n').count() + 1;
                faults.push(Place::new(name, Some(line)).fault(
                    "",
                    "is neither UTF-8 text nor Parquet nor gzip",
                    "write the series as CSV (UTF-8), CSV.GZ or Parquet",
                ));
                return None;
            }
        }
    };
    if faults.len() > before {
        return None;
    }
    let step_s = uniform_step(&raw.stamps, |i| raw.lines.get(i).copied().unwrap_or(0), name, section, faults)?;
    let start_s = interval_start(*raw.stamps.first()?, step_s, section.time_label);
    Some(SeriesFile { start_s, step_s, rows: raw.stamps.len(), columns: raw.columns })
}

fn offset_s(section: &SeriesSection) -> i64 {
    (section.time_offset_hours * 3600.0).round() as i64
}

fn missing_column(name: &str, column: &str, known: &[&str]) -> CaseFault {
    Place::new(name, Some(1)).fault(
        column,
        format!("there is no column \"{column}\""),
        suggestion(column, known.iter().copied()),
    )
}

/// Lists the first faults of a column and counts the rest.
struct Tally {
    count: usize,
}

impl Tally {
    fn push(&mut self, faults: &mut Vec<CaseFault>, fault: impl FnOnce() -> CaseFault) {
        self.count += 1;
        if self.count <= LISTED {
            faults.push(fault());
        }
    }

    fn close(&self, faults: &mut Vec<CaseFault>, name: &str, column: &str) {
        if self.count > LISTED {
            faults.push(Place::new(name, None).fault(
                column,
                format!("{} more faults in this column", self.count - LISTED),
                "see the first ones",
            ));
        }
    }
}

fn from_csv(
    text: &str,
    section: &SeriesSection,
    wanted: &BTreeSet<String>,
    faults: &mut Vec<CaseFault>,
) -> Option<Raw> {
    let name = section.file.as_str();
    let mut reader = csv_reader(text);
    let header = match reader.headers() {
        Ok(h) if h.iter().any(|name| !name.is_empty()) => h.clone(),
        _ => {
            faults.push(Place::new(name, Some(1)).fault("", "the file is empty", "begin with a header line"));
            return None;
        }
    };
    let known: Vec<&str> = header.iter().collect();
    let position = |column: &str| known.iter().position(|c| *c == column);
    let time_at = position(&section.time_column);
    if time_at.is_none() {
        faults.push(missing_column(name, &section.time_column, &known));
    }
    let mut at = Vec::new();
    for column in wanted {
        match position(column) {
            Some(i) => at.push((column, i, Vec::new(), Tally { count: 0 })),
            None => faults.push(missing_column(name, column, &known)),
        }
    }
    let time_at = time_at?;
    let offset = offset_s(section);
    let mut raw = Raw { stamps: Vec::new(), lines: Vec::new(), columns: BTreeMap::new() };
    let (mut time_tally, mut width_tally) = (Tally { count: 0 }, Tally { count: 0 });
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => {
                let line = e.position().map(|p| p.line() as usize);
                faults.push(Place::new(name, line).fault("", e.to_string(), "check the quotes of this line"));
                break;
            }
        }
        let line = record.position().map_or(0, |p| p.line() as usize);
        if record.len() != header.len() {
            width_tally.push(faults, || {
                Place::new(name, Some(line)).fault(
                    "",
                    format!("has {} cells, the header has {}", record.len(), header.len()),
                    "give every column a cell",
                )
            });
            continue;
        }
        let stamp = record.get(time_at).unwrap_or("");
        match parse_stamp(stamp, &section.time_format, offset) {
            Some(s) if plausible(s) => raw.stamps.push(s),
            _ => {
                let shown: String = stamp.chars().take(40).collect();
                time_tally.push(faults, || {
                    Place::new(name, Some(line)).fault(
                        &section.time_column,
                        format!("\"{shown}\" is not a time stamp of the format \"{}\"", section.time_format),
                        "set time_format of the series: iso, unix-s, unix-ms or a pattern such as %d.%m.%Y %H:%M",
                    )
                });
                continue;
            }
        }
        raw.lines.push(line);
        for (column, i, values, tally) in &mut at {
            match parse_number(record.get(*i).unwrap_or("")) {
                Ok(v) => values.push(v),
                Err((what, hint)) => {
                    values.push(0.0);
                    let empty = record.get(*i).is_none_or(str::is_empty);
                    let (what, hint) = if empty {
                        (
                            "the value is missing".to_string(),
                            "fill the gap; the program does not guess values".to_string(),
                        )
                    } else {
                        (what, hint)
                    };
                    tally.push(faults, || Place::new(name, Some(line)).fault(column, what, hint));
                }
            }
        }
    }
    time_tally.close(faults, name, &section.time_column);
    width_tally.close(faults, name, "");
    for (column, _, values, tally) in at {
        tally.close(faults, name, column);
        raw.columns.insert(column.clone(), values);
    }
    Some(raw)
}

fn from_parquet(
    bytes: Vec<u8>,
    section: &SeriesSection,
    wanted: &BTreeSet<String>,
    faults: &mut Vec<CaseFault>,
) -> Option<Raw> {
    let name = section.file.as_str();
    let ParquetColumns { names, times, numbers } = match read_parquet(bytes, &section.time_column, wanted) {
        Ok(c) => c,
        Err(reason) => {
            faults.push(Place::new(name, None).fault(
                "",
                format!("cannot be read as Parquet: {reason}"),
                "write it again, uncompressed or with snappy or zstd, columns of numbers",
            ));
            return None;
        }
    };
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    for column in std::iter::once(&section.time_column).chain(wanted) {
        if !names.contains(column) {
            faults.push(missing_column(name, column, &known));
        }
    }
    let offset = offset_s(section);
    let mut stamps = Vec::new();
    for (r, value) in times?.into_iter().enumerate() {
        let seconds = match value {
            Some(t) if t.is_stamp => Some(t.value - if t.is_utc { 0 } else { offset }),
            Some(t) => match section.time_format.as_str() {
                "unix-ms" => Some(t.value.div_euclid(1000)),
                _ => Some(t.value),
            },
            None => None,
        };
        match seconds.filter(|s| plausible(*s)) {
            Some(s) => stamps.push(s),
            None => {
                faults.push(Place::new(name, Some(r + 1)).fault(
                    &section.time_column,
                    "is not a plausible time stamp",
                    "store time stamps, or set time_format to unix-s or unix-ms",
                ));
                return None;
            }
        }
    }
    let mut columns = BTreeMap::new();
    for (column, values) in numbers {
        let mut tally = Tally { count: 0 };
        let mut plain = Vec::with_capacity(values.len());
        for (r, v) in values.into_iter().enumerate() {
            if !v.is_finite() {
                tally.push(faults, || {
                    Place::new(name, Some(r + 1)).fault(
                        &column,
                        "the value is missing or not finite",
                        "fill the gap; the program does not guess values",
                    )
                });
            }
            plain.push(v);
        }
        tally.close(faults, name, &column);
        if plain.len() != stamps.len() {
            faults.push(Place::new(name, None).fault(
                &column,
                format!("{} values, {} time stamps", plain.len(), stamps.len()),
                "write the file again",
            ));
        }
        columns.insert(column, plain);
    }
    let lines = (1..=stamps.len()).collect();
    Some(Raw { stamps, lines, columns })
}

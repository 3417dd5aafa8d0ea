//! Times, rows and days: from the command line to rows of the data, and back to text.
//!
//! Times with an offset or Z are UTC moments; without one they are on the case's local clock (UTC plus one offset all year).

use crate::cli::MomentArg;
use crate::exit::CliError;
use covolt_case::Case;
use jiff::{Timestamp, civil::DateTime};
use std::ops::Range;

/// UTC text of a stamp, e.g. `2016-07-14T11:00:00Z`.
pub fn utc_text(unix_s: i64) -> String {
    Timestamp::from_second(unix_s).map_or_else(|_| format!("{unix_s} s"), |t| t.to_string())
}

/// UTC text of the start of a row.
pub fn time_of_row(case: &Case, row: usize) -> String {
    case.profiles.unix_s.get(row).map_or_else(|| format!("row {row}"), |&s| utc_text(s))
}

/// Local date of a day of the data, e.g. `2016-07-14`.
pub fn date_of_day(case: &Case, day: usize) -> String {
    let row = case.profiles.rows_of_day(day).start;
    let offset_s = (case.settings.utc_offset_hours * 3600.0).round() as i64;
    case.profiles
        .unix_s
        .get(row)
        .map_or_else(|| format!("day {day}"), |s| utc_text(s.saturating_add(offset_s)).chars().take(10).collect())
}

/// Seconds since 1970 UTC of a written time.
fn parse_time(case: &Case, text: &str) -> Result<i64, CliError> {
    if let Ok(t) = text.parse::<Timestamp>() {
        return Ok(t.as_second());
    }
    let local: DateTime = text.parse().map_err(|e| {
        CliError::bad_input(format!("--at {text}: not a time ({e}); write e.g. 2016-07-14T12:00 or 2016-07-14T11:00Z"))
    })?;
    let utc = jiff::tz::Offset::UTC
        .to_timestamp(local)
        .map_err(|e| CliError::bad_input(format!("--at {text}: not a time ({e})")))?;
    Ok(utc.as_second() - (case.settings.utc_offset_hours * 3600.0).round() as i64)
}

/// The row asked for; `None` where neither a time nor a row was given.
pub fn row_of(case: &Case, moment: &MomentArg) -> Result<Option<usize>, CliError> {
    let data = &case.profiles;
    let (first, last) = (time_of_row(case, 0), time_of_row(case, data.rows().saturating_sub(1)));
    if let Some(row) = moment.row {
        if row >= data.rows() {
            return Err(CliError::bad_input(format!(
                "--row {row}: the data has {} rows, counted from 0 ({first} to {last})",
                data.rows()
            )));
        }
        return Ok(Some(row));
    }
    let Some(text) = &moment.at else { return Ok(None) };
    let unix_s = parse_time(case, text)?;
    let row = data.unix_s.partition_point(|&s| s <= unix_s).checked_sub(1);
    let step_s = data.dt_h * 3600.0;
    match row {
        Some(row) if ((unix_s - data.unix_s[row]) as f64) < step_s => Ok(Some(row)),
        _ => Err(CliError::bad_input(format!("--at {text}: outside the data, which runs from {first} to {last}"))),
    }
}

/// A written span `N..M`, M excluded, or a single number.
fn parse_span(option: &str, text: &str) -> Result<Range<usize>, CliError> {
    let bad = || CliError::bad_input(format!("{option} {text}: write a number N or a span N..M with M excluded"));
    let number = |s: &str| s.trim().parse::<usize>().map_err(|_| bad());
    let span = match text.split_once("..") {
        Some((a, b)) => number(a)?..number(b)?,
        None => {
            let n = number(text)?;
            n..n.saturating_add(1)
        }
    };
    if span.is_empty() { Err(bad()) } else { Ok(span) }
}

/// Days of a set or of a span of day numbers, as rows of each day.
pub fn days(case: &Case, text: &str) -> Result<Vec<usize>, CliError> {
    let set = match text {
        "test" => case.days.test.clone(),
        "validation" => case.days.validation.clone(),
        "train" => case.days.train.clone(),
        _ => {
            let span = parse_span("--days", text)?;
            let count = case.profiles.days();
            if span.end > count {
                return Err(CliError::bad_input(format!("--days {text}: the data has {count} days, counted from 0")));
            }
            span.collect()
        }
    };
    if set.is_empty() {
        return Err(CliError::bad_input(format!("--days {text}: the case has no such day")));
    }
    Ok(set)
}

/// A continuous span of rows.
pub fn rows(case: &Case, text: &str) -> Result<Range<usize>, CliError> {
    let span = parse_span("--rows", text)?;
    if span.end > case.profiles.rows() {
        return Err(CliError::bad_input(format!(
            "--rows {text}: the data has {} rows, counted from 0",
            case.profiles.rows()
        )));
    }
    Ok(span)
}

//! Time stamps, the common time axis of all series, and the local calendar.
//!
//! Rows are uniform in UTC. Daylight saving would give days of 23 and 25 hours, whose windows and hours of day fit no
//! other day; the local clock is therefore UTC plus one offset all year.

use crate::case_file::{SeriesSection, TimeLabel};
use crate::fault::{CaseFault, Place};
use jiff::{Timestamp, civil::DateTime};

/// At most this many faults of one kind per file are listed one by one.
pub(crate) const LISTED: usize = 5;

/// Seconds since 1970 UTC of a written stamp; `offset_s` is the clock of stamps that carry none.
pub(crate) fn parse_stamp(text: &str, format: &str, offset_s: i64) -> Option<i64> {
    let local = |d: DateTime| {
        let utc = jiff::tz::Offset::UTC.to_timestamp(d).ok()?;
        Some(utc.as_second() - offset_s)
    };
    match format {
        "iso" => match text.parse::<Timestamp>() {
            Ok(t) => Some(t.as_second()),
            Err(_) => local(text.parse::<DateTime>().ok()?),
        },
        "unix-s" => text.parse().ok().filter(|s| plausible(*s)),
        "unix-ms" => text.parse::<i64>().ok().map(|ms| ms.div_euclid(1000)).filter(|s| plausible(*s)),
        pattern => {
            let parsed = jiff::fmt::strtime::parse(pattern, text).ok()?;
            match parsed.offset() {
                Some(_) => Some(parsed.to_timestamp().ok()?.as_second()),
                None => local(parsed.to_datetime().ok()?),
            }
        }
    }
}

/// Years 1900 to 2200; anything else is a wrong unit.
pub(crate) fn plausible(unix_s: i64) -> bool {
    (-2_208_988_800..7_258_118_400).contains(&unix_s)
}

/// Text of a UTC stamp.
pub(crate) fn show(unix_s: i64) -> String {
    Timestamp::from_second(unix_s).map_or_else(|_| format!("{unix_s} s"), |t| t.to_string())
}

/// Step length in seconds of stamps that lie evenly; otherwise faults that name the lines.
pub(crate) fn uniform_step(
    stamps: &[i64],
    line_of: impl Fn(usize) -> usize,
    file: &str,
    section: &SeriesSection,
    faults: &mut Vec<CaseFault>,
) -> Option<i64> {
    let column = section.time_column.as_str();
    if stamps.len() < 2 {
        faults.push(Place::new(file, None).fault(
            column,
            format!("has {} rows", stamps.len()),
            "a series needs at least two rows",
        ));
        return None;
    }
    let mut steps: Vec<i64> = stamps.windows(2).map(|w| w[1] - w[0]).collect();
    let middle = steps.len() / 2;
    let step = *steps.select_nth_unstable(middle).1;
    if step <= 0 {
        faults.push(Place::new(file, Some(line_of(1))).fault(
            column,
            "time stamps do not increase",
            "sort the rows by time, oldest first",
        ));
        return None;
    }
    let mut count = 0;
    for (i, pair) in stamps.windows(2).enumerate() {
        let found = pair[1] - pair[0];
        if found == step {
            continue;
        }
        count += 1;
        if count > LISTED {
            continue;
        }
        let (what, hint) = irregularity(pair[0], found, step);
        faults.push(Place::new(file, Some(line_of(i + 1))).fault(column, what, hint));
    }
    if count > LISTED {
        faults.push(Place::new(file, None).fault(
            column,
            format!("{} more irregular time stamps", count - LISTED),
            "see the first ones",
        ));
    }
    (count == 0).then_some(step)
}

fn irregularity(before: i64, found: i64, step: i64) -> (String, String) {
    let at = show(before);
    let minutes = |s: i64| s as f64 / 60.0;
    if found == step - 3600 {
        (
            format!("time goes back by an hour after {at} (repeated hour)"),
            "looks like the end of daylight saving: write stamps in UTC, or with their offset (+01:00, +02:00)".into(),
        )
    } else if found == step + 3600 {
        (
            format!("an hour is missing after {at}"),
            "looks like the start of daylight saving: write stamps in UTC, or with their offset (+01:00, +02:00)"
                .into(),
        )
    } else if found == 0 {
        (format!("stamp {at} is repeated"), "remove one of the two rows".into())
    } else if found < 0 {
        (format!("time goes back by {} min after {at}", minutes(-found)), "sort the rows by time, oldest first".into())
    } else if found % step == 0 {
        (
            format!("{} rows are missing after {at}", found / step - 1),
            "fill the gap; the program does not guess values".into(),
        )
    } else {
        (
            format!("step of {} min after {at}, the others have {} min", minutes(found), minutes(step)),
            "resample the series to an even step".into(),
        )
    }
}

/// Stamp of the start of the interval.
pub(crate) fn interval_start(stamp: i64, step: i64, label: TimeLabel) -> i64 {
    match label {
        TimeLabel::Start => stamp,
        TimeLabel::End => stamp - step,
    }
}

/// Local calendar of each row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calendar {
    pub hour_of_day: Vec<f64>,
    pub weekday: Vec<u8>,
    pub day: Vec<usize>,
    /// Local date (days since 1970-01-01) of day 0.
    pub first_date: i64,
}

/// Hour, weekday (0 = Monday) and day number of each row on the local clock.
pub(crate) fn calendar(unix_s: &[i64], offset_s: i64) -> Calendar {
    const DAY: i64 = 86_400;
    let first_date = unix_s.first().map_or(0, |s| (s + offset_s).div_euclid(DAY));
    let mut c = Calendar { first_date, ..Calendar::default() };
    for s in unix_s {
        let local = s + offset_s;
        let date = local.div_euclid(DAY);
        c.hour_of_day.push(local.rem_euclid(DAY) as f64 / 3600.0);
        // 1970-01-01 was a Thursday.
        c.weekday.push((date + 3).rem_euclid(7) as u8);
        c.day.push((date - first_date).max(0) as usize);
    }
    c
}

/// ISO date of a number of days since 1970-01-01.
pub(crate) fn date_text(days: i64) -> String {
    show(days.saturating_mul(86_400)).chars().take(10).collect()
}

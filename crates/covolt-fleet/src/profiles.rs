//! Series over the whole data span: loads, PV power, prices, calendar.
//!
//! Every series has one value per step of `dt_h` hours; row r covers the interval that starts at `unix_s[r]`.

use std::sync::Arc;

/// A series `scale * shape[r]`; shapes are shared between loads that follow the same customer.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledSeries {
    /// Common shape.
    pub shape: Arc<[f64]>,
    /// Factor.
    pub scale: f64,
}

impl ScaledSeries {
    /// Value of row `r`.
    pub fn at(&self, r: usize) -> f64 {
        self.scale * self.shape[r]
    }
}

/// Active and reactive power of one load.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadProfile {
    /// Active power, kW.
    pub p_kw: ScaledSeries,
    /// Reactive power, kvar (positive = inductive consumption).
    pub q_kvar: ScaledSeries,
}

/// Series of one microgrid, in the order of its devices.
#[derive(Debug, Clone, PartialEq)]
pub struct MicrogridProfiles {
    /// One per load.
    pub loads: Vec<LoadProfile>,
    /// Available PV power per PV system, kW.
    pub pvs_kw: Vec<ScaledSeries>,
    /// Exchange price lambda_R, $/kWh.
    pub price_per_kwh: ScaledSeries,
}

/// Everything that is given from outside, over the whole data span.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    /// Length of a step, h.
    pub dt_h: f64,
    /// Start of each interval, seconds since 1970 UTC; strictly increasing by `dt_h`.
    pub unix_s: Vec<i64>,
    /// Local hour of day at the start of each interval, 0 <= h < 24.
    pub hour_of_day: Vec<f64>,
    /// Local weekday, 0 = Monday.
    pub weekday: Vec<u8>,
    /// Local calendar day of each row, counted from 0 in order of time.
    pub day: Vec<usize>,
    /// One per feeder load.
    pub feeder_loads: Vec<LoadProfile>,
    /// One per microgrid.
    pub microgrids: Vec<MicrogridProfiles>,
}

impl Profiles {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.unix_s.len()
    }

    /// Rows of calendar day `day`, as a half-open range; empty when there is no such day.
    pub fn rows_of_day(&self, day: usize) -> std::ops::Range<usize> {
        let start = self.day.partition_point(|&d| d < day);
        let end = self.day.partition_point(|&d| d <= day);
        start..end
    }

    /// Number of calendar days.
    pub fn days(&self) -> usize {
        self.day.last().map_or(0, |d| d + 1)
    }
}

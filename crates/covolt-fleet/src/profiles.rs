//! Series over the whole data span: loads, PV power, prices, calendar.
//!
//! Every series has one value per step of `dt_h` hours; row r covers the interval that starts at `unix_s[r]`.

use std::sync::Arc;

/// A series `scale * shape[r + later]`; shapes are shared between loads that follow the same customer, also at other times.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledSeries {
    /// Common shape.
    pub shape: Arc<[f64]>,
    /// Factor.
    pub scale: f64,
    /// At which rows the shape is read.
    pub offset: RowOffset,
}

/// Rows by which a shape is read later; past its end it goes on `period` rows earlier. The default reads row r at row r.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowOffset {
    later: u32,
    period: u32,
}

impl RowOffset {
    /// Offset of `rows` (negative = earlier) in a shape that goes on after `period` rows; `None` unless
    /// 0 < `period`, and both fit into 32 bits.
    pub fn cyclic(rows: i64, period: usize) -> Option<RowOffset> {
        let period = u32::try_from(period).ok().filter(|&p| p > 0)?;
        let later = u32::try_from(rows.rem_euclid(i64::from(period))).ok()?;
        Some(RowOffset { later, period })
    }

    /// Rows by which it is later, 0 to the period; and the period, 0 where there is no offset.
    pub fn later_and_period(self) -> (usize, usize) {
        (self.later as usize, self.period as usize)
    }

    /// Bytes that tell offsets apart.
    pub fn to_bytes(self) -> [u8; 8] {
        (u64::from(self.later) << 32 | u64::from(self.period)).to_le_bytes()
    }

    /// Row of a shape with `rows` rows that stands for row `r`.
    fn row(self, r: usize, rows: usize) -> usize {
        let at = r + self.later as usize;
        if at < rows { at } else { at - self.period as usize }
    }
}

impl ScaledSeries {
    /// `scale * shape[r]`.
    pub fn new(shape: Arc<[f64]>, scale: f64) -> ScaledSeries {
        ScaledSeries { shape, scale, offset: RowOffset::default() }
    }

    /// Value of row `r`.
    pub fn at(&self, r: usize) -> f64 {
        self.scale * self.shape[self.offset.row(r, self.shape.len())]
    }

    /// All values, in order of rows.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.shape.len()).map(|r| self.at(r))
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

    /// Mean exchange price of the microgrids at row `r`, $/kWh; exactly the common price where they have one. Zero without microgrids.
    pub fn mean_price_per_kwh(&self, r: usize) -> f64 {
        let mut prices = self.microgrids.iter().map(|m| m.price_per_kwh.at(r));
        let Some(first) = prices.next() else { return 0.0 };
        first + prices.map(|price| price - first).sum::<f64>() / self.microgrids.len() as f64
    }

    /// Number of calendar days.
    pub fn days(&self) -> usize {
        self.day.last().map_or(0, |d| d + 1)
    }
}

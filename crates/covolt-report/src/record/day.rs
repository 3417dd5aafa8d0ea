//! One dispatched day per microgrid (Fig. 3 and 4), all devices of a kind added up.

use super::number;
use serde::{Deserialize, Serialize};

/// One day of all microgrids on a common time axis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DayProfile {
    /// The day, as the user writes dates, for example `2016-07-14`.
    pub date: String,
    /// Start of each step, hours after midnight.
    #[serde(deserialize_with = "number::series")]
    pub hour: Vec<f64>,
    /// Exchange price of each step, $/kWh; empty when it is not the same for all microgrids.
    #[serde(default, deserialize_with = "number::series")]
    pub price_usd_per_kwh: Vec<f64>,
    /// One entry per microgrid, in the order of the case.
    pub microgrids: Vec<MicrogridDay>,
}

/// The day of one microgrid; every list has one value per step of the day, in kW unless named otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MicrogridDay {
    /// Name of the microgrid.
    pub name: String,
    /// Load, positive = consumption.
    #[serde(deserialize_with = "number::series")]
    pub demand_kw: Vec<f64>,
    /// Generation of the DGs.
    #[serde(deserialize_with = "number::series")]
    pub dg_kw: Vec<f64>,
    /// Generation of the PV systems.
    #[serde(deserialize_with = "number::series")]
    pub pv_kw: Vec<f64>,
    /// Batteries, positive = discharging, negative = charging.
    #[serde(deserialize_with = "number::series")]
    pub battery_kw: Vec<f64>,
    /// Exchange at the PCC, positive = export to the feeder.
    #[serde(deserialize_with = "number::series")]
    pub exchange_kw: Vec<f64>,
    /// Stored energy at the start of the step, fraction of the capacity (0-1), all batteries together.
    #[serde(deserialize_with = "number::series")]
    pub soc: Vec<f64>,
}

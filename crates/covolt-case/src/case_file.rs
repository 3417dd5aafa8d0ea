//! The keys of `case.toml`. The doc comments here are the source of the JSON schema;
//! `docs/case-format.md` documents every key with unit, default and example.

use crate::table_rows::{BatteryRow, GeneratorRow, LoadRow, PvRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A networked-microgrid case: network, devices, series, settings.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// Name of the case.
    pub name: String,
    /// One sentence about the case.
    #[serde(default)]
    pub description: String,
    /// Currency of all prices and costs, e.g. "$" or "EUR". Default "$".
    #[serde(default = "dollar")]
    pub currency: String,
    /// Network tables and source.
    pub network: NetworkSection,
    /// Voltage band of the whole network.
    pub limits: LimitsSection,
    /// Device tables; devices may also be written as lists of `generator`, `pv`, `battery`, `load`.
    #[serde(default)]
    pub devices: DevicesSection,
    /// Look-ahead window.
    #[serde(default)]
    pub window: WindowSection,
    /// Local clock.
    #[serde(default)]
    pub calendar: CalendarSection,
    /// Series files by a name of your choice.
    pub series: BTreeMap<String, SeriesSection>,
    /// Exchange price lambda_R of all microgrids that give none of their own.
    pub price: Option<PriceSection>,
    /// What energy left in a battery after the window is worth.
    #[serde(default)]
    pub storage_value: StorageValueSection,
    /// Split of the days into training, validation and test.
    #[serde(default)]
    pub days: DaysSection,
    /// Factors on all loads and all PV systems.
    #[serde(default, skip_serializing_if = "ScalingSection::is_none")]
    pub scaling: ScalingSection,
    /// What a part of a split case keeps of the whole; absent in a whole case. Written by `covolt case split`.
    pub part: Option<PartSection>,
    /// The microgrids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub microgrid: Vec<MicrogridSection>,
    /// Generators, in place of or besides the table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generator: Vec<GeneratorRow>,
    /// PV systems, in place of or besides the table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pv: Vec<PvRow>,
    /// Batteries, in place of or besides the table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub battery: Vec<BatteryRow>,
    /// Loads, in place of or besides the table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<LoadRow>,
}

/// Network tables and source.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSection {
    /// Table of buses (CSV).
    pub buses: String,
    /// Table of branches (CSV) of a balanced network.
    pub branches: Option<String>,
    /// Network file of a multi-phase network, as `covolt case import` writes it; in place of branches and source.
    pub model: Option<String>,
    /// Three-phase power base, MVA; unit of r_pu, x_pu, b_pu. Default 1.
    #[serde(default = "one")]
    pub base_mva: f64,
    /// Frequency, Hz. Default 50.
    #[serde(default = "fifty")]
    pub frequency_hz: f64,
    /// Bus of the substation, which keeps its voltage; needed in a balanced network.
    pub source_bus: Option<String>,
    /// Voltage of the source, pu. Default 1.
    #[serde(default = "one")]
    pub source_v_pu: f64,
    /// Angle of the source voltage, degrees. Default 0.
    #[serde(default)]
    pub source_angle_deg: f64,
}

/// Voltage band of the whole network.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    /// Lowest voltage of every bus that gives none of its own, pu.
    pub v_min_pu: f64,
    /// Highest voltage of every bus that gives none of its own, pu.
    pub v_max_pu: f64,
    /// Highest voltage unbalance factor |V2| / |V1| of every three-phase bus, per cent. Default: no limit.
    pub unbalance_max_percent: Option<f64>,
}

/// Device tables.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DevicesSection {
    /// Table of generators (CSV).
    pub generators: Option<String>,
    /// Table of PV systems (CSV).
    pub pv: Option<String>,
    /// Table of batteries (CSV).
    pub batteries: Option<String>,
    /// Table of loads (CSV).
    pub loads: Option<String>,
}

/// Look-ahead window.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowSection {
    /// Window length T in steps, 1 to 96 times a day's worth. Default 4.
    #[serde(default = "four")]
    pub steps: usize,
    /// Step length, minutes; checked against the series. Default: the finest step of the series.
    pub step_minutes: Option<f64>,
}

impl Default for WindowSection {
    fn default() -> Self {
        WindowSection { steps: four(), step_minutes: None }
    }
}

/// Local clock: one offset all year, no daylight saving.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarSection {
    /// Local time minus UTC, hours; decides where days begin and the hour of day. Default 0.
    #[serde(default)]
    pub utc_offset_hours: f64,
}

/// One series file.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesSection {
    /// CSV, CSV compressed with gzip, or Parquet; relative to the case folder or absolute.
    pub file: String,
    /// Column of the time stamps.
    pub time_column: String,
    /// How stamps are written: "iso" (2016-01-31T23:45Z, 2016-01-31 23:45:00), "unix-s", "unix-ms", or a pattern such as "%d.%m.%Y %H:%M". Default "iso". Parquet time stamps need none.
    #[serde(default = "iso")]
    pub time_format: String,
    /// Clock of stamps that carry no offset themselves: that clock minus UTC, hours. Default 0.
    #[serde(default)]
    pub time_offset_hours: f64,
    /// Whether a stamp names the start or the end of its interval. Default "start".
    #[serde(default)]
    pub time_label: TimeLabel,
}

/// What a time stamp names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeLabel {
    /// The start of the interval.
    #[default]
    Start,
    /// The end of the interval.
    End,
}

/// Exchange price.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSection {
    /// Name of the series.
    pub series: String,
    /// Column of the series.
    pub column: String,
    /// Unit, currency per energy: "$/kWh", "EUR/MWh", "ct/kWh" (hundredths).
    pub unit: String,
    /// Factor, e.g. an exchange rate. Default 1.
    #[serde(default = "one")]
    pub scale: f64,
}

/// What energy left in a battery after the window is worth.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageValueSection {
    /// Kind of value. Default "none".
    #[serde(default)]
    pub kind: StorageValueKind,
    /// For "constant": value of stored energy, currency per kWh.
    pub value_per_kwh: Option<f64>,
    /// For "time-of-day": 24 values by local hour, currency per kWh.
    pub values_per_kwh: Option<Vec<f64>>,
    /// For "price-forecast": hours of price forecast behind the window. Default 24.
    pub horizon_hours: Option<f64>,
    /// For "price-forecast": levels of the state of charge in the dynamic program. Default 41.
    pub soc_levels: Option<usize>,
}

/// Kind of terminal value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StorageValueKind {
    /// Stored energy is worth nothing after the window.
    #[default]
    None,
    /// The same value at every time.
    Constant,
    /// A value per local hour of day at the end of the window.
    TimeOfDay,
    /// A dynamic program over the price forecast.
    PriceForecast,
}

/// Split of the days into training, validation and test.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DaysSection {
    /// Day d of the data (counted from 0) belongs to the set that lists d modulo `period`. Default 24.
    #[serde(default = "twenty_four", skip_serializing_if = "is_twenty_four")]
    pub period: usize,
    /// Residues of test days. Default [3, 9, 15, 21].
    #[serde(default = "test_residues", skip_serializing_if = "is_test_residues")]
    pub test: Vec<usize>,
    /// Residues of validation days. Default [0, 8, 16].
    #[serde(default = "validation_residues", skip_serializing_if = "is_validation_residues")]
    pub validation: Vec<usize>,
    /// Test days as dates, in place of the rule.
    pub test_dates: Option<Vec<String>>,
    /// Validation days as dates, in place of the rule.
    pub validation_dates: Option<Vec<String>>,
    /// Training days as dates, in place of all remaining days.
    pub train_dates: Option<Vec<String>>,
}

impl Default for DaysSection {
    fn default() -> Self {
        DaysSection {
            period: twenty_four(),
            test: test_residues(),
            validation: validation_residues(),
            test_dates: None,
            validation_dates: None,
            train_dates: None,
        }
    }
}

/// Factors on all loads and all PV systems.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScalingSection {
    /// Factor on P and Q of every load. Default 1.
    #[serde(default = "one")]
    pub load: f64,
    /// Factor on the power of every PV system. Default 1.
    #[serde(default = "one")]
    pub pv: f64,
}

impl ScalingSection {
    /// True where it changes nothing.
    fn is_none(&self) -> bool {
        is_one(&self.load) && is_one(&self.pv)
    }
}

impl Default for ScalingSection {
    fn default() -> Self {
        ScalingSection { load: 1.0, pv: 1.0 }
    }
}

/// What a part of a split case keeps of the whole.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartSection {
    /// Whose part it is: "operator" or "agent".
    pub role: PartRoleName,
    /// Name of the whole case.
    pub whole: String,
    /// Fingerprint of the whole case; parts of one whole carry the same, and policies trained on it too.
    pub whole_fingerprint: String,
    /// What messages between the parts carry to say that they belong together: made of the operator's part and the names of the
    /// microgrids alone, so that nobody can test guesses of what a microgrid holds against it.
    pub cut: String,
    /// Of an agent: number of its microgrid among those of the whole, counted from 0.
    pub seat: Option<usize>,
    /// Of an agent: number of microgrids of the whole.
    pub seats: Option<usize>,
    /// Of the operator: where each microgrid hangs, in the order of the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pcc: Vec<PccSection>,
}

/// Whose part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartRoleName {
    /// The feeder without its microgrids.
    Operator,
    /// One microgrid with its PCC branch.
    Agent,
}

/// Where a microgrid hangs on the feeder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PccSection {
    /// Name of the microgrid.
    pub microgrid: String,
    /// Bus of the feeder at its PCC branch.
    pub bus: String,
}

/// One microgrid.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MicrogridSection {
    /// Name; a bus belongs to it when the bus table's column `microgrid` says so.
    pub name: String,
    /// Branch of the point of common coupling, from the feeder to the microgrid. Needed.
    #[serde(default)]
    pub pcc: String,
    /// Buses of the microgrid, besides those of the bus table's column.
    pub buses: Option<Vec<String>>,
    /// Every bus whose id starts so belongs to the microgrid.
    pub bus_prefix: Option<String>,
    /// Fuel price lambda_F, currency per litre. Default 0: no fuel is used.
    #[serde(default)]
    pub fuel_price_per_l: f64,
    /// Exchange price of this microgrid, in place of the common one.
    pub price: Option<PriceSection>,
    /// Factor on P and Q of this microgrid's loads. Default 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub load_scale: f64,
    /// Factor on the power of this microgrid's PV systems. Default 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub pv_scale: f64,
}

fn dollar() -> String {
    "$".to_string()
}
fn iso() -> String {
    "iso".to_string()
}
fn one() -> f64 {
    1.0
}
fn is_one(value: &f64) -> bool {
    *value == 1.0
}
fn is_twenty_four(value: &usize) -> bool {
    *value == twenty_four()
}
fn is_test_residues(value: &[usize]) -> bool {
    value == test_residues()
}
fn is_validation_residues(value: &[usize]) -> bool {
    value == validation_residues()
}
fn fifty() -> f64 {
    50.0
}
fn four() -> usize {
    4
}
fn twenty_four() -> usize {
    24
}
fn test_residues() -> Vec<usize> {
    vec![3, 9, 15, 21]
}
fn validation_residues() -> Vec<usize> {
    vec![0, 8, 16]
}

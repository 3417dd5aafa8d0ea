//! The columns of a case's tables. The doc comments here are the source of their JSON schemas; `docs/case-format.md` documents
//! every column with unit, default and example.

use crate::connections::PhaseConnection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A row of the bus table.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusRow {
    /// Identifier.
    pub id: String,
    /// Nominal voltage, line to line, kV.
    pub kv: f64,
    /// Microgrid it belongs to; empty for the feeder.
    pub microgrid: Option<String>,
    /// Lowest voltage of this bus, pu. Default: the case's.
    pub v_min_pu: Option<f64>,
    /// Highest voltage of this bus, pu. Default: the case's.
    pub v_max_pu: Option<f64>,
    /// Conductance of a shunt at nominal voltage, kW (consumed). Default 0.
    pub shunt_g_kw: Option<f64>,
    /// Susceptance of a shunt at nominal voltage, kvar (delivered by a capacitor). Default 0.
    pub shunt_b_kvar: Option<f64>,
}

/// A row of the branch table. The impedance is given in ohm, per unit, or per cent of the rating.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BranchRow {
    /// Identifier.
    pub id: String,
    /// "line" or "transformer".
    pub kind: BranchKindName,
    /// Bus at the from side; at a transformer the side of the tap.
    pub from: String,
    /// Bus at the to side.
    pub to: String,
    /// Series resistance, ohm, of a transformer referred to its to side.
    pub r_ohm: Option<f64>,
    /// Series reactance, ohm.
    pub x_ohm: Option<f64>,
    /// Total charging susceptance, microsiemens. Default 0.
    pub b_us: Option<f64>,
    /// Series resistance, pu of `base_mva` and the to bus's voltage.
    pub r_pu: Option<f64>,
    /// Series reactance, pu.
    pub x_pu: Option<f64>,
    /// Total charging susceptance, pu. Default 0.
    pub b_pu: Option<f64>,
    /// Series resistance, per cent of the rated power.
    pub r_percent: Option<f64>,
    /// Series reactance, per cent of the rated power.
    pub x_percent: Option<f64>,
    /// Rated power of a transformer, kVA; needed with r_percent and x_percent.
    pub rated_kva: Option<f64>,
    /// Ratio at the from side over the nominal ratio. Default 1.
    pub tap: Option<f64>,
    /// Highest current at the to side, A. Default: no limit.
    pub rating_a: Option<f64>,
}

/// Kind of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BranchKindName {
    /// A line or cable.
    Line,
    /// A transformer.
    Transformer,
}

/// A dispatchable generator.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GeneratorRow {
    /// Identifier.
    pub id: String,
    /// Bus; its microgrid owns the generator.
    pub bus: String,
    /// In a multi-phase network: "wye" or "delta". Default wye.
    pub connection: Option<PhaseConnection>,
    /// Largest active power, kW.
    pub p_max_kw: f64,
    /// Largest reactive power, kvar.
    pub q_max_kvar: f64,
    /// Apparent-power rating, kVA. Default: none.
    pub s_max_kva: Option<f64>,
    /// Largest change of active power, kW per minute. Default: no limit.
    pub ramp_kw_per_min: Option<f64>,
    /// Fuel use F = a P^2 + b P + c in L/h with P in kW: a, L/(kW^2 h). Default 0.
    pub fuel_a_l_per_kw2h: Option<f64>,
    /// b, L/kWh. Default 0.
    pub fuel_b_l_per_kwh: Option<f64>,
    /// c, L/h. Default 0.
    pub fuel_c_l_per_h: Option<f64>,
    /// Active power just before the data begins, kW. Default 0.
    pub p_start_kw: Option<f64>,
}

/// A PV system.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PvRow {
    /// Identifier.
    pub id: String,
    /// Bus; its microgrid owns the system.
    pub bus: String,
    /// In a multi-phase network: "wye" or "delta". Default wye.
    pub connection: Option<PhaseConnection>,
    /// Largest reactive power in either direction, kvar.
    pub q_max_kvar: f64,
    /// Apparent-power rating of the inverter, kVA. Default: none. Power beyond it is cut off.
    pub s_max_kva: Option<f64>,
    /// Name of the series.
    pub series: String,
    /// Column of the available power.
    pub p_column: String,
    /// Unit of the column: "W", "kW", "MW", or "pu" (then p_scale is in kW). Default "kW".
    pub p_unit: Option<String>,
    /// Factor. Default 1.
    pub p_scale: Option<f64>,
    /// Delay of the series, minutes, a multiple of the step. Default 0.
    pub shift_minutes: Option<f64>,
}

/// A battery.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatteryRow {
    /// Identifier.
    pub id: String,
    /// Bus; its microgrid owns the battery.
    pub bus: String,
    /// In a multi-phase network: "wye" or "delta". Default wye.
    pub connection: Option<PhaseConnection>,
    /// Capacity, kWh.
    pub capacity_kwh: f64,
    /// Lowest state of charge, 0 to 1. Default 0.
    pub soc_min: Option<f64>,
    /// Highest state of charge, 0 to 1. Default 1.
    pub soc_max: Option<f64>,
    /// State of charge just before the data begins. Default: middle of the range.
    pub soc_start: Option<f64>,
    /// Largest charging power, kW.
    pub p_charge_max_kw: f64,
    /// Largest discharging power, kW.
    pub p_discharge_max_kw: f64,
    /// Charging efficiency, above 0 and at most 1.
    pub eta_charge: f64,
    /// Discharging efficiency, above 0 and at most 1.
    pub eta_discharge: f64,
    /// Largest reactive power in either direction, kvar.
    pub q_max_kvar: f64,
    /// Apparent-power rating of the inverter, kVA. Default: none.
    pub s_max_kva: Option<f64>,
}

/// A load: a series, or a constant.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadRow {
    /// Identifier.
    pub id: String,
    /// Bus.
    pub bus: String,
    /// In a multi-phase network: "wye" or "delta". Default wye.
    pub connection: Option<PhaseConnection>,
    /// In a multi-phase network: ports of the network file, separated by spaces, in place of ports of its own.
    pub ports: Option<String>,
    /// Name of the series.
    pub series: Option<String>,
    /// Column of the active power.
    pub p_column: Option<String>,
    /// Unit: "W", "kW", "MW", or "pu" (then p_scale is in kW). Default "kW".
    pub p_unit: Option<String>,
    /// Factor. Default 1.
    pub p_scale: Option<f64>,
    /// Column of the reactive power (positive = inductive).
    pub q_column: Option<String>,
    /// Unit: "var", "kvar", "Mvar", or "pu" (then q_scale is in kvar). Default "kvar".
    pub q_unit: Option<String>,
    /// Factor. Default 1.
    pub q_scale: Option<f64>,
    /// In place of a column: Q = P tan(acos(power factor)); negative for a capacitive load.
    pub power_factor: Option<f64>,
    /// Constant active power, kW, in place of a series.
    pub p_kw: Option<f64>,
    /// Constant reactive power, kvar, in place of a series.
    pub q_kvar: Option<f64>,
    /// Delay of the series, minutes, a multiple of the step. Default 0.
    pub shift_minutes: Option<f64>,
    /// The series of this many days later stands in, whole days; past its end it goes on a whole number of weeks earlier. Default 0.
    pub offset_days: Option<f64>,
}

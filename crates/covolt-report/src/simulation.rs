//! Row types of the files that `simulate` writes, one struct per file; a field is a column of the same name.
//!
//! Injections here are net **injections** (positive = generation), the negative of the net demand used inside
//! the model. Empty cells mean "does not apply".

use serde::{Deserialize, Serialize};

/// One row of `dispatch.csv`: the applied set point of one device in one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchRow {
    /// Start of the step, as in the case's series.
    pub time: String,
    /// Name of the microgrid.
    pub microgrid: String,
    /// Id of the device.
    pub device: String,
    /// Active power, kW; positive = delivered to the network (a charging battery is negative, a load too).
    pub p_kw: f64,
    /// Reactive power, kvar; positive = delivered to the network.
    pub q_kvar: f64,
    /// State of charge at the end of the step, fraction (0-1); empty for anything but a battery.
    pub soc: Option<f64>,
}

/// One row of `injections.csv`: net injection of one bus in one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InjectionRow {
    /// Number of the step, from 0.
    pub t: usize,
    /// Id of the bus.
    pub bus: String,
    /// Active power, kW; positive = into the network.
    pub p_kw: f64,
    /// Reactive power, kvar; positive = into the network.
    pub q_kvar: f64,
}

/// One row of `buses.csv`: solved voltage of one bus in one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusRow {
    /// Number of the step, from 0.
    pub t: usize,
    /// Id of the bus.
    pub bus: String,
    /// Voltage magnitude, per unit of the bus's nominal voltage.
    pub vm_pu: f64,
    /// Voltage angle against the slack bus, degrees.
    pub va_deg: f64,
}

/// One row of `branches.csv`: solved current of one branch in one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchRow {
    /// Number of the step, from 0.
    pub t: usize,
    /// Id of the branch.
    pub branch: String,
    /// Current magnitude at the from end, A.
    pub i_from_a: f64,
    /// Current magnitude at the to end, A.
    pub i_to_a: f64,
    /// Largest current over its limit, fraction (1 = at the limit); empty without a limit.
    pub loading: Option<f64>,
}

/// One row of `decisions.csv`: one decision of all agents with its certificate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DecisionRow {
    /// Start of the step that was decided.
    pub time: String,
    /// Layer that produced the applied action: bare, repaired, polished, rule or least_violation.
    pub layer: String,
    /// True when every limit of the window holds after the true AC power flow.
    pub certified: bool,
    /// Version (fingerprint) of the policies that acted.
    pub policy: String,
    /// Smallest distance of any bus voltage to its limit, per unit; negative = violated.
    pub voltage_margin_pu: f64,
    /// Bus of that smallest distance.
    pub voltage_bus: String,
    /// Smallest distance of any branch current to its limit, percent of the limit; negative = violated.
    pub current_margin_percent: f64,
    /// Branch of that smallest distance.
    pub current_branch: String,
    /// Limits that bind, separated by semicolons.
    pub binding: String,
    /// Quadratic programs solved for repair and polish.
    pub programs: usize,
    /// Cost of the window, dollars, terminal value of stored energy included.
    pub window_cost_usd: f64,
    /// Cost of the applied step alone, dollars, without terminal value.
    pub cost_usd: f64,
    /// Distance to the lower bound, percent; empty where it was not asked for.
    pub bound_gap_percent: Option<f64>,
    /// Time taken by the decision and its certificate, microseconds.
    pub time_us: f64,
}

/// `summary.json` of a simulation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SimulationSummary {
    /// Name of the case.
    pub case: String,
    /// First step, as in the case's series.
    pub from: String,
    /// Days simulated.
    pub days: usize,
    /// Decisions taken.
    pub steps: usize,
    /// Steps with any limit violated after the true AC power flow.
    pub violating_steps: usize,
    /// Steps in which no safe dispatch existed.
    pub infeasible_steps: usize,
    /// Forecast used.
    pub forecast: String,
    /// Total cost of the applied steps, dollars, stored energy left over valued at its terminal value.
    pub cost_usd: f64,
    /// Cost above that of a decision maker who knows the future, percent; `null` where not computed.
    pub gap_perfect_information_percent: Option<f64>,
    /// Worst voltage violation, per unit; 0 = none.
    pub max_voltage_violation_pu: f64,
    /// Worst current above its limit, percent of the limit; 0 = none.
    pub max_current_violation_percent: f64,
    /// Median and 99th percentile of the decision time, microseconds.
    pub decision_us: Option<crate::record::Quantiles>,
}

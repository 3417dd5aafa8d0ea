//! What a simulation is told and what it leaves: plain numbers per step, in kW, kvar, A, pu and $.

use crate::certificate::{Certificate, Verdict};
use crate::forecast::ForecastKind;
use crate::guard::GuardSettings;
use covolt_fleet::{Cost, MicrogridStart, PriceKnowledge, StorageValuation};
use covolt_grid::Complex64;
use std::ops::Range;

/// Settings of a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationSettings {
    /// Window length T, steps.
    pub steps: usize,
    /// What is known of loads and PV power.
    pub forecast: ForecastKind,
    /// What is known of prices.
    pub knowledge: PriceKnowledge,
    /// Value of energy left at the end of a window, and at the end of the span.
    pub valuation: StorageValuation,
    /// The guard.
    pub guard: GuardSettings,
    /// Keep voltages, currents and injections of every step (large).
    pub keep_network: bool,
}

impl Default for SimulationSettings {
    fn default() -> Self {
        SimulationSettings {
            steps: 4,
            forecast: ForecastKind::default(),
            knowledge: PriceKnowledge::default(),
            valuation: StorageValuation::default(),
            guard: GuardSettings::default(),
            keep_network: true,
        }
    }
}

/// One monitored current in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BranchReading {
    /// Magnitude at the from end, A.
    pub from_a: f64,
    /// Magnitude at the to end, A.
    pub to_a: f64,
    /// Larger of both over the limit; `None` without a limit.
    pub loading: Option<f64>,
}

/// One applied step.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// Row of the profiles.
    pub row: usize,
    /// Start of the step, seconds since 1970 UTC.
    pub unix_s: i64,
    /// Applied action per microgrid in the layout of one step (`Microgrid::layout(1)`), kW and kvar.
    pub actions: Vec<Vec<f64>>,
    /// State of charge per microgrid and battery at the end of the step.
    pub soc: Vec<Vec<f64>>,
    /// Export per microgrid, kW.
    pub export_kw: Vec<f64>,
    /// Cost per microgrid: fuel and exchange of the step, no storage value.
    pub costs: Vec<Cost>,
    /// Net **demand** per bus, kW (empty unless kept); the substation's own entry holds no exchange.
    pub demand_kw: Vec<f64>,
    /// Net demand per port, kvar (empty unless kept).
    pub demand_kvar: Vec<f64>,
    /// Voltage per node, pu (empty unless kept).
    pub voltages: Vec<Complex64>,
    /// Per monitored current (empty unless kept).
    pub branches: Vec<BranchReading>,
    /// Certificate of the window's decision: as the agent saw it.
    pub decision: Certificate,
    /// Certificate of the applied step against the true data.
    pub applied: Certificate,
    /// Time from forecast window to certified step, microseconds.
    pub time_us: f64,
}

impl StepRecord {
    /// Cost of the step over all microgrids, $.
    pub fn cost_usd(&self) -> f64 {
        self.costs.iter().map(Cost::total).sum()
    }

    /// Every limit held in the applied step.
    pub fn is_safe(&self) -> bool {
        self.applied.is_certified()
    }
}

/// A simulated span.
#[derive(Debug, Clone)]
pub struct SimulationRecord {
    /// Rows asked for.
    pub rows: Range<usize>,
    /// The steps; fewer than rows when the progress callback stopped the run.
    pub steps: Vec<StepRecord>,
    /// Devices before the first step.
    pub start: Vec<MicrogridStart>,
    /// Devices after the last step.
    pub end: Vec<MicrogridStart>,
    /// Gain in value of stored energy over the span, $.
    pub stored_value_gain_usd: f64,
}

impl SimulationRecord {
    /// Cost of the span, $: steps minus the gain in value of stored energy.
    pub fn cost_usd(&self) -> f64 {
        self.steps.iter().map(StepRecord::cost_usd).sum::<f64>() - self.stored_value_gain_usd
    }

    /// Applied steps in which a limit was broken.
    pub fn violating_steps(&self) -> usize {
        self.steps.iter().filter(|step| !step.is_safe()).count()
    }

    /// Applied steps for which no safe dispatch was found although repair was allowed.
    pub fn infeasible_steps(&self) -> usize {
        let infeasible = |step: &&StepRecord| {
            matches!(step.applied.verdict, Verdict::LeastViolation { .. } | Verdict::NoPowerFlow { .. })
        };
        self.steps.iter().filter(infeasible).count()
    }

    /// All rows were simulated.
    pub fn is_complete(&self) -> bool {
        self.steps.len() == self.rows.len()
    }
}

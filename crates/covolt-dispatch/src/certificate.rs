//! The certificate of a decision: what is known about it after the true AC power flow.
//!
//! Excesses are positive when a limit is broken and negative when there is room: pu of the nominal voltage, fractions
//! of a current limit, kW, kvar, kVA or state of charge for devices. Costs are those of the window with the terminal
//! value of stored energy, $. A gap is a fraction of the optimum's (or bound's) size.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What the check after the power flow found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Verdict {
    /// Every limit of the network and of every device holds.
    Certified,
    /// Limits are broken, and nothing was tried against it (bare proposals only).
    Violating {
        /// Broken limits, worst first.
        limits: Vec<LimitReading>,
    },
    /// No safe dispatch was found by repair nor by the central optimum, or there is none: this is the least violation.
    LeastViolation {
        /// Limits that are broken, worst first.
        limits: Vec<LimitReading>,
        /// Limits that no action can keep together from the present states of the devices, worst first, with the excess
        /// where the sum of all is least: proven by the cone relaxation, whatever the AC power flow. Empty without proof.
        #[serde(default)]
        unavoidable: Vec<LimitReading>,
    },
    /// The AC power flow has no solution.
    NoPowerFlow {
        /// The power flow's own words: bus, mismatch, how far it got.
        reason: String,
    },
}

impl Verdict {
    /// True when every limit holds.
    pub fn is_certified(&self) -> bool {
        matches!(self, Verdict::Certified)
    }

    /// Broken limits, empty when certified.
    pub fn limits(&self) -> &[LimitReading] {
        match self {
            Verdict::Violating { limits } | Verdict::LeastViolation { limits, .. } => limits,
            Verdict::Certified | Verdict::NoPowerFlow { .. } => &[],
        }
    }
}

/// How far the proposal was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Not beyond the feasible map.
    Bare,
    /// Moved until the limits hold.
    Repaired,
    /// Made cheaper, and repaired where that needed it.
    Polished,
}

impl Layer {
    /// The layer in one word.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Bare => "bare",
            Layer::Repaired => "repaired",
            Layer::Polished => "polished",
        }
    }
}

/// Unit of an excess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitUnit {
    /// Per unit of the nominal voltage.
    VoltagePu,
    /// Fraction of the current limit.
    CurrentFraction,
    /// kW.
    Kw,
    /// kvar.
    Kvar,
    /// kVA.
    Kva,
    /// State of charge.
    StateOfCharge,
}

/// How a limit stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitReading {
    /// The limit in words, with the user's own names.
    pub name: String,
    /// Id of the bus, branch or device.
    pub element: String,
    /// Step of the window, from 0.
    pub step: usize,
    /// Positive = broken by this much, negative = room left.
    pub excess: f64,
    /// Unit of the excess.
    pub unit: LimitUnit,
}

impl LimitReading {
    /// Room left, negative when broken.
    pub fn margin(&self) -> f64 {
        -self.excess
    }
}

impl fmt::Display for LimitReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (amount, unit) = match self.unit {
            LimitUnit::VoltagePu => (self.excess.abs(), "pu"),
            LimitUnit::CurrentFraction => (100.0 * self.excess.abs(), "% of the limit"),
            LimitUnit::Kw => (self.excess.abs(), "kW"),
            LimitUnit::Kvar => (self.excess.abs(), "kvar"),
            LimitUnit::Kva => (self.excess.abs(), "kVA"),
            LimitUnit::StateOfCharge => (self.excess.abs(), "of the capacity"),
        };
        let how = if self.excess > 0.0 { "exceeded by" } else { "kept with" };
        write!(f, "{} in step {}: {how} {amount:.3e} {unit}", self.name, self.step + 1)
    }
}

/// What is known about a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Safe, or why not.
    pub verdict: Verdict,
    /// How far the proposal was changed.
    pub layer: Layer,
    /// Version of the policies (or name of the rule) that proposed.
    pub policy_version: String,
    /// Voltage limit nearest to being broken, or broken most; `None` without a power flow.
    pub worst_voltage: Option<LimitReading>,
    /// Current limit nearest to being broken, or broken most; `None` without a power flow or without any rating.
    pub worst_current: Option<LimitReading>,
    /// Network limits that bind (see [`BINDING_VOLTAGE_PU`], [`BINDING_CURRENT`]), each named once.
    pub binding: Vec<String>,
    /// Rounds of repair.
    pub repairs: u32,
    /// Accepted polish steps.
    pub polish_steps: u32,
    /// Convex programs solved, all purposes.
    pub programs: u32,
    /// True when the central optimum had to step in.
    pub central: bool,
    /// Cost of the window, $; `None` without a power flow.
    pub cost_usd: Option<f64>,
    /// Cost above the central optimum, fraction, where asked for.
    pub optimum_gap: Option<f64>,
    /// Cost above the lower bound, fraction, where asked for.
    pub bound_gap: Option<f64>,
}

/// A voltage limit binds when less room than this is left, pu.
pub const BINDING_VOLTAGE_PU: f64 = 1e-4;
/// A current limit binds when less than this fraction of it is left.
pub const BINDING_CURRENT: f64 = 1e-3;

impl Certificate {
    /// True when every limit holds.
    pub fn is_certified(&self) -> bool {
        self.verdict.is_certified()
    }

    /// Room at the worst voltage, pu, negative when broken; NaN without a power flow.
    pub fn voltage_margin_pu(&self) -> f64 {
        self.worst_voltage.as_ref().map_or(f64::NAN, LimitReading::margin)
    }

    /// Room at the worst current, percent of the limit, negative when broken; NaN without a power flow or rating.
    pub fn current_margin_percent(&self) -> f64 {
        self.worst_current.as_ref().map_or(f64::NAN, |reading| 100.0 * reading.margin())
    }

    /// Sets the gap to the central optimum's cost, $.
    pub fn compare_with_optimum(&mut self, optimum_usd: f64) {
        self.optimum_gap = self.cost_usd.map(|cost| relative_gap(cost, optimum_usd));
    }

    /// Sets the gap to a lower bound of the cost, $.
    pub fn compare_with_bound(&mut self, bound_usd: f64) {
        self.bound_gap = self.cost_usd.map(|cost| relative_gap(cost, bound_usd));
    }
}

fn relative_gap(cost: f64, yardstick: f64) -> f64 {
    (cost - yardstick) / yardstick.abs().max(f64::MIN_POSITIVE)
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Certified => writeln!(f, "Certified: all limits hold after the AC power flow.")?,
            Verdict::Violating { .. } => writeln!(f, "NOT SAFE: the proposal breaks limits and was not repaired.")?,
            Verdict::LeastViolation { unavoidable, .. } if unavoidable.is_empty() => {
                writeln!(f, "NOT SAFE: no safe dispatch was found; this is the least violation.")?;
            }
            Verdict::LeastViolation { unavoidable, .. } => {
                writeln!(
                    f,
                    "NOT SAFE: no action keeps all limits; this is the least violation found. Not to be met together:"
                )?;
                unavoidable.iter().try_for_each(|limit| writeln!(f, "  {limit}"))?;
                writeln!(f, "Here:")?;
            }
            Verdict::NoPowerFlow { reason } => writeln!(f, "NOT SAFE: {reason}.")?,
        }
        for limit in self.verdict.limits() {
            writeln!(f, "  {limit}")?;
        }
        write!(f, "{} decision of {}", self.layer.name(), self.policy_version)?;
        if let Some(cost) = self.cost_usd {
            write!(f, ", cost {cost:.4} $")?;
        }
        writeln!(f, "; {} repairs, {} polish steps, {} programs", self.repairs, self.polish_steps, self.programs)?;
        for (reading, what) in [(&self.worst_voltage, "voltage"), (&self.worst_current, "current")] {
            if let Some(reading) = reading {
                writeln!(f, "nearest {what} limit: {reading}")?;
            }
        }
        if !self.binding.is_empty() {
            writeln!(f, "binding: {}", self.binding.join("; "))?;
        }
        for (gap, what) in [(self.optimum_gap, "central optimum"), (self.bound_gap, "lower bound")] {
            if let Some(gap) = gap {
                writeln!(f, "cost above the {what}: {:.4} %", 100.0 * gap)?;
            }
        }
        Ok(())
    }
}

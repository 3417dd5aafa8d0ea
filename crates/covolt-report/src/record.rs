//! The record of one study: everything the report shows, as plain data, kept as `record.json` in the
//! run folder. Tables, figures and the summary are pure functions of it, so a report can be drawn again
//! without running anything.
//!
//! Units are in the field names (`_kw`, `_pu`, `_usd`, `_percent`, `_us`, `_s`). A section that was not
//! run is `None` or empty and shows as "no data"; inside a section a value that is not known is NaN
//! (`null` in the file). Costs are in dollars, positive = money spent; rewards are their negative.

mod coordination;
mod day;
mod network;
mod provenance;
mod training;
mod windows;

pub use coordination::{CoordinationMethod, RoundsTrace, Transmitted};
pub use day::{DayProfile, MicrogridDay};
pub use network::{BranchPicture, BusPicture, NetworkPicture};
pub use provenance::{Item, Provenance, Source};
pub use training::{
    CapacityStudy, ConstraintReturns, LearningPoint, Network, ParameterTrace, RewardTrace, TrainingRecord,
};
pub use windows::{
    ClosedLoopRecord, CostRow, CostTable, DecisionTimes, LayerFigures, Layers, OptimumRecord, Quantiles, SeedRun,
    WindowStudy,
};

use serde::{Deserialize, Serialize};

/// Version of the layout of `record.json`; raised when a field changes its meaning.
pub const RECORD_VERSION: u32 = 1;

/// Everything one report shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StudyRecord {
    /// Layout version, [`RECORD_VERSION`] when written by this code.
    pub version: u32,
    /// Heading of the report, for example the name of the study.
    pub title: String,
    /// The command line that made the run, as typed.
    pub command_line: String,
    /// Version of the program that made the run.
    pub program_version: String,
    /// True for a shortened run; the report then says so beside its numbers.
    pub quick: bool,
    /// What was studied.
    pub case: CaseFacts,
    /// The default trainer's run.
    pub training: Option<TrainingRecord>,
    /// The run of the paper's trainer.
    pub paper_training: Option<TrainingRecord>,
    /// Chosen parameters of both networks over the episodes (Fig. 5a, 5b).
    pub parameters: Vec<ParameterTrace>,
    /// One dispatched day (Fig. 3 and 4).
    pub day: Option<DayProfile>,
    /// Training with and without DG capacity constraints (Fig. 6 and 7).
    pub capacity_study: Option<CapacityStudy>,
    /// Coordination methods side by side, with their rounds in one update (Fig. 8).
    pub coordination: Vec<CoordinationMethod>,
    /// Cost per microgrid in one decision window (Table II).
    pub cost_table: Option<CostTable>,
    /// Layers of dispatch of the default policies over the test windows.
    pub windows: Option<WindowStudy>,
    /// The default trainer with several seeds, all runs, the one of `windows` first.
    pub seeds: Vec<SeedRun>,
    /// The same for the policies of the paper's trainer.
    pub paper_windows: Option<WindowStudy>,
    /// Time taken per decision, all agents together.
    pub decision_times: Option<DecisionTimes>,
    /// Central optimum and its lower bound.
    pub optimum: Option<OptimumRecord>,
    /// Receding-horizon simulation over the test days.
    pub closed_loop: Option<ClosedLoopRecord>,
    /// The network with voltages and loadings.
    pub network: Option<NetworkPicture>,
    /// Where the results differ from the paper's, and why.
    pub deviations: Vec<Deviation>,
    /// For every table and figure: the file of the run it was drawn from and the command.
    pub provenance: Provenance,
}

impl Default for StudyRecord {
    fn default() -> Self {
        Self {
            version: RECORD_VERSION,
            title: "covolt study".to_owned(),
            command_line: String::new(),
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            quick: false,
            case: CaseFacts::default(),
            training: None,
            paper_training: None,
            parameters: Vec::new(),
            day: None,
            capacity_study: None,
            coordination: Vec::new(),
            cost_table: None,
            windows: None,
            seeds: Vec::new(),
            paper_windows: None,
            decision_times: None,
            optimum: None,
            closed_loop: None,
            network: None,
            deviations: Vec::new(),
            provenance: Provenance::default(),
        }
    }
}

/// What was studied; the keys are those of `summary.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CaseFacts {
    /// Name of the case.
    pub name: String,
    /// Number of buses of the whole network.
    pub buses: usize,
    /// Number of microgrids.
    pub microgrids: usize,
    /// Days used for training.
    pub days_train: usize,
    /// Days used for choosing settings.
    pub days_validation: usize,
    /// Days read for neither.
    pub days_test: usize,
}

/// One difference from the paper's results.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// What differs, for example "Table II" or "Equations (34)-(40)".
    pub topic: String,
    /// The paper's value or statement, in our own words.
    pub paper: String,
    /// What this run shows.
    pub here: String,
    /// The reason.
    pub why: String,
}

/// Reads numbers that JSON has no sign for: NaN and infinities are written as `null` and read as NaN.
pub(crate) mod number {
    use serde::{Deserialize, Deserializer};

    /// A number that an older file does not have.
    pub fn unknown() -> f64 {
        f64::NAN
    }

    /// One number, `null` read as NaN.
    pub fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }

    /// A list of numbers, each `null` read as NaN.
    pub fn series<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())
    }

    /// A list of lists of numbers, each `null` read as NaN.
    pub fn curves<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<f64>>, D::Error> {
        let rows = Vec::<Vec<Option<f64>>>::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect()).collect())
    }
}

//! `summary.json`: the numbers of a study under fixed names, for machines. A part that was not run is `null`.

use crate::record::{CaseFacts, ClosedLoopRecord, Layers, Quantiles, SeedRun, StudyRecord, WindowStudy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All of `summary.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What was studied.
    pub case: CaseFacts,
    /// The default trainer's run.
    pub training: Option<TrainingSummary>,
    /// Layers of dispatch over the test windows.
    pub windows: Option<WindowStudy>,
    /// The default trainer with several seeds, all runs.
    pub seeds: Vec<SeedRun>,
    /// The same for the policies of the paper's trainer.
    pub paper_trainer: Option<PaperTrainerSummary>,
    /// Central optimum and lower bound.
    pub optimum: Option<OptimumSummary>,
    /// Coordination methods by name.
    pub coordination: BTreeMap<String, CoordinationSummary>,
    /// Receding-horizon simulation over the test days.
    pub closed_loop: Option<ClosedLoopRecord>,
    /// Time of one decision for all agents, microseconds.
    pub decision_us: DecisionSummary,
}

/// Facts of a training run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingSummary {
    /// Name of the trainer.
    pub trainer: String,
    /// Seed.
    pub seed: u64,
    /// Wall-clock time, seconds.
    pub wall_s: Option<f64>,
    /// Episodes run.
    pub episodes: usize,
    /// Largest resident memory, MiB.
    pub peak_memory_mib: Option<f64>,
}

/// The paper's trainer: training facts and layers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PaperTrainerSummary {
    /// Number of windows.
    pub count: usize,
    /// The layers.
    pub layers: Layers,
    /// Facts of its training run.
    pub training: Option<TrainingSummary>,
}

/// Central optimum and lower bound.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OptimumSummary {
    /// Largest relative distance between optimum and lower bound.
    pub bound_gap_relative_max: Option<f64>,
    /// Median time, milliseconds.
    pub time_ms_median: Option<f64>,
}

/// One coordination method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoordinationSummary {
    /// Most rounds until cost and violation stay below 1e-4; `null` where an update did not get there.
    pub rounds_to_1e4_max: Option<usize>,
    /// Bytes one agent sends in one update.
    pub bytes_per_agent: u64,
}

/// Decision times, microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DecisionSummary {
    /// Policy mean, feasible map, power flow and certificate.
    pub bare_certified: Option<Quantiles>,
    /// With repair where needed.
    pub repaired: Option<Quantiles>,
    /// With a polish step.
    pub polished: Option<Quantiles>,
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

impl From<&crate::record::TrainingRecord> for TrainingSummary {
    fn from(training: &crate::record::TrainingRecord) -> Self {
        Self {
            trainer: training.trainer.clone(),
            seed: training.seed,
            wall_s: known(training.wall_s),
            episodes: training.episodes,
            peak_memory_mib: known(training.peak_memory_mib),
        }
    }
}

impl From<&StudyRecord> for Summary {
    fn from(record: &StudyRecord) -> Self {
        let paper_trainer = record.paper_windows.as_ref().map(|study| PaperTrainerSummary {
            count: study.count,
            layers: study.layers.clone(),
            training: record.paper_training.as_ref().map(TrainingSummary::from),
        });
        let coordination = record.coordination.iter().map(|method| {
            let figures = CoordinationSummary {
                rounds_to_1e4_max: method.rounds_to_1e4_max,
                bytes_per_agent: method.bytes_per_agent,
            };
            (method.name.clone(), figures)
        });
        let times = record.decision_times.clone().unwrap_or_default();
        Self {
            case: record.case.clone(),
            training: record.training.as_ref().map(TrainingSummary::from),
            windows: record.windows.clone(),
            seeds: record.seeds.clone(),
            paper_trainer,
            optimum: record.optimum.as_ref().map(|optimum| OptimumSummary {
                bound_gap_relative_max: known(optimum.bound_gap_relative_max),
                time_ms_median: known(optimum.time_ms_median),
            }),
            coordination: coordination.collect(),
            closed_loop: record.closed_loop.clone(),
            decision_us: DecisionSummary {
                bare_certified: times.bare_certified,
                repaired: times.repaired,
                polished: times.polished,
            },
        }
    }
}

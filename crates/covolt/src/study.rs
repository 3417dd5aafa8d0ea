//! The whole study of `covolt reproduce`: stages in order, each filling its part of the record.
//!
//! | stage | file | of the paper |
//! |---|---|---|
//! | train the default and the paper's trainer | `study/training_stage.rs` | Algorithm 1, Fig. 5 |
//! | test windows with their optimum and bound | `study/test_windows.rs` | - |
//! | layers of dispatch | `study/window_layers.rs` | - |
//! | the default trainer with further seeds | `study/seeds.rs` | - |
//! | cost per microgrid in one window | `study/cost_table.rs` | Table II |
//! | closed loop over the test days | `study/closed_loop.rs` | - |
//! | one dispatched day, the network | `study/day_profile.rs`, `study/network_picture.rs` | Fig. 3, 4 |
//! | coordination methods | `study/coordination.rs` | Fig. 8 |
//! | DG capacity limits in all, some, none | `study/capacity.rs` | Fig. 6, 7 |
//! | decision times | `study/decision_times.rs` | - |
//! | differences from the paper | `study/deviations.rs` | - |

mod capacity;
mod closed_loop;
mod coordination;
mod cost_table;
mod day_profile;
mod decision_times;
mod deviations;
mod network_picture;
mod plan;
mod seeds;
mod test_windows;
mod training_stage;
mod window_layers;

pub use plan::Plan;

use crate::case_argument;
use crate::cli::TrainerChoice;
use crate::exit::CliError;
use crate::progress::note;
use covolt_case::Case;
use covolt_dispatch::PolicyFleet;
use covolt_fleet::{LossCurvature, PriceOutlook, StorageValuation};
use covolt_report::StudyRecord;
use covolt_report::record::{CaseFacts, WindowStudy};
use std::path::PathBuf;
use std::time::Instant;

/// What every stage needs.
pub struct Study {
    /// The case.
    pub case: Case,
    /// Mean prices of the training days.
    pub outlook: PriceOutlook,
    /// Value of stored energy.
    pub valuation: StorageValuation,
    /// Curvature of the losses per microgrid.
    pub curvature: Vec<LossCurvature>,
    /// Sizes of the stages.
    pub plan: Plan,
    /// Seed of all randomness.
    pub seed: u64,
    /// Run folder.
    pub dir: PathBuf,
}

impl Study {
    /// A study of a case.
    pub fn new(case: Case, plan: Plan, seed: u64, dir: PathBuf) -> Study {
        let outlook = case_argument::outlook(&case);
        let valuation = case_argument::valuation(&case);
        let curvature = LossCurvature::of_fleet(&case.fleet);
        Study { case, outlook, valuation, curvature, plan, seed, dir }
    }

    /// Layers of dispatch of other policies, on the windows that a study of this seed would take, and what was left out of them.
    pub fn evaluate(&self, proposer: &PolicyFleet) -> Result<(WindowStudy, Vec<String>), CliError> {
        let mut record = StudyRecord::default();
        let windows = test_windows::solve(self, &mut record)?;
        let left_out = record.optimum.map_or_else(Vec::new, |optimum| optimum.remarks);
        Ok((window_layers::study(self, &windows, proposer)?, left_out))
    }

    /// Runs all stages; stages that fail are named in the result and leave their part of the record empty.
    pub fn run(&self, record: &mut StudyRecord) -> Result<Stages, CliError> {
        record.case = self.facts();
        let mut stages = Stages::default();
        let trained = stages.run("train, default trainer", || training_stage::run(self, TrainerChoice::Default))?;
        training_stage::note_default(&trained, self, record);
        let paper = stages.run_on("train, paper's trainer", || training_stage::run(self, TrainerChoice::Paper));
        if let Some(paper) = &paper {
            training_stage::note_paper(paper, self, record);
        }
        let default_fleet = training_stage::proposer(self, &trained, "default", self.seed)?;
        let windows = stages.run("optimum and bound of the test windows", || test_windows::solve(self, record))?;
        stages.run("layers, default trainer", || {
            record.windows = Some(window_layers::study(self, &windows, &default_fleet)?);
            Ok(())
        })?;
        stages.run_on("default trainer with further seeds", || seeds::run(self, &windows, &trained, record));
        if let Some(paper) = &paper {
            stages.run_on("layers, paper's trainer", || {
                let fleet = training_stage::proposer(self, paper, "paper", self.seed)?;
                record.paper_windows = Some(window_layers::study(self, &windows, &fleet)?);
                Ok(())
            });
        }
        stages.run_on("Table II", || {
            record.cost_table = cost_table::table(self, &windows, &default_fleet)?;
            Ok(())
        });
        stages.run_on("coordination methods", || {
            record.coordination = coordination::methods(self, &windows, default_fleet.policies())?;
            Ok(())
        });
        stages.run_on("closed loop", || closed_loop::run(self, &default_fleet, record));
        stages.run_on("decision times", || {
            record.decision_times = Some(decision_times::measure(self, &windows, &default_fleet)?);
            Ok(())
        });
        stages.run_on("DG capacity limits", || {
            record.capacity_study = Some(capacity::study(self)?);
            Ok(())
        });
        if let Some(training) = &mut record.training {
            training.peak_memory_mib = crate::memory::peak_mib();
        }
        record.deviations = deviations::list(record);
        Ok(stages)
    }

    fn facts(&self) -> CaseFacts {
        CaseFacts {
            name: self.case.name.clone(),
            buses: self.case.fleet.grid.n_buses(),
            microgrids: self.case.fleet.microgrids.len(),
            days_train: self.case.days.train.len(),
            days_validation: self.case.days.validation.len(),
            days_test: self.case.days.test.len(),
        }
    }
}

/// Stages that ran, with their wall-clock times, and those that failed.
#[derive(Default)]
pub struct Stages {
    /// (stage, seconds).
    pub times: Vec<(String, f64)>,
    /// (stage, reason).
    pub failed: Vec<(String, CliError)>,
}

impl Stages {
    /// A stage that the others need.
    fn run<T>(&mut self, name: &str, stage: impl FnOnce() -> Result<T, CliError>) -> Result<T, CliError> {
        note(&format!("{}. {name}", self.times.len() + 1));
        let clock = Instant::now();
        let result = stage();
        let seconds = clock.elapsed().as_secs_f64();
        note(&format!("   {seconds:.1} s"));
        self.times.push((name.to_owned(), seconds));
        result
    }

    /// A stage whose failure leaves a gap in the report and nothing else.
    fn run_on<T>(&mut self, name: &str, stage: impl FnOnce() -> Result<T, CliError>) -> Option<T> {
        match self.run(name, stage) {
            Ok(value) => Some(value),
            Err(error) => {
                note(&format!("   failed: {error}"));
                self.failed.push((name.to_owned(), error));
                None
            }
        }
    }
}

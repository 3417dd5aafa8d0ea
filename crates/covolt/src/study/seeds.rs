//! The default trainer with several seeds on the same test windows: all runs, the study's own seed first.

use super::Study;
use super::test_windows::TestWindow;
use super::{training_stage, window_layers};
use crate::exit::CliError;
use crate::training::Trained;
use covolt_report::StudyRecord;
use covolt_report::record::SeedRun;

/// Trains and evaluates the further seeds; notes all runs in the record.
pub fn run(study: &Study, windows: &[TestWindow], first: &Trained, record: &mut StudyRecord) -> Result<(), CliError> {
    if let Some(known) = &record.windows {
        record.seeds.push(SeedRun { seed: study.seed, wall_s: first.wall_s, windows: known.clone() });
    }
    for seed in (1..=study.plan.further_seeds).map(|k| study.seed.wrapping_add(k)) {
        let trained = training_stage::run_with_seed(study, seed)?;
        let fleet = training_stage::proposer(study, &trained, "default", seed)?;
        let windows = window_layers::study(study, windows, &fleet)?;
        record.seeds.push(SeedRun { seed, wall_s: trained.wall_s, windows });
    }
    Ok(())
}

//! The default trainer with several seeds on the same test windows: all runs, the study's own seed first.

use super::Study;
use super::test_windows::TestWindow;
use super::{training_stage, window_layers};
use crate::exit::CliError;
use crate::training::Trained;
use covolt_report::StudyRecord;
use covolt_report::record::SeedRun;

/// Trains and evaluates the further seeds; notes all runs in the record. A seed that fails does not keep the others from running,
/// and the stage then counts as failed.
pub fn run(study: &Study, windows: &[TestWindow], first: &Trained, record: &mut StudyRecord) -> Result<(), CliError> {
    if let Some(known) = &record.windows {
        record.seeds.push(SeedRun { seed: study.seed, wall_s: first.wall_s, windows: known.clone() });
    }
    let mut failed = None;
    for seed in (1..=study.plan.further_seeds).map(|k| study.seed.wrapping_add(k)) {
        match one(study, windows, seed) {
            Ok(run) => record.seeds.push(run),
            Err(error) => failed = Some(CliError::no_answer(format!("seed {seed}: {error}"))),
        }
    }
    failed.map_or(Ok(()), Err)
}

fn one(study: &Study, windows: &[TestWindow], seed: u64) -> Result<SeedRun, CliError> {
    let trained = training_stage::run_with_seed(study, seed)?;
    let fleet = training_stage::proposer(study, &trained, "default", seed)?;
    Ok(SeedRun { seed, wall_s: trained.wall_s, windows: window_layers::study(study, windows, &fleet)? })
}

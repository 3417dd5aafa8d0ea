//! Files of a training in its run folder: policies, learning record, transcript, checkpoint of an interrupted one.

use crate::cli::TrainerChoice;
use crate::exit::CliError;
use crate::memory::peak_mib;
use crate::participants::sent;
use crate::policy_folder;
use crate::run_folder;
use crate::training::Trained;
use covolt_case::Case;
use covolt_report::record::{LearningPoint, ParameterTrace, TrainingRecord};
use serde::Serialize;
use std::path::Path;

/// Where an interrupted training stands.
pub const CHECKPOINT: &str = "checkpoint";
const RECORD: &str = "training.json";
const TRANSCRIPT: &str = "transcript.txt";

/// `training.json`.
#[derive(Serialize)]
struct TrainingFile<'a> {
    case: &'a str,
    fingerprint: &'a str,
    training: TrainingRecord,
    stopped: bool,
    parameters: &'a [ParameterTrace],
}

/// Writes policies, checkpoint, record and transcript.
pub fn write_run(
    case: &Case,
    trained: &Trained,
    trainer: TrainerChoice,
    seed: u64,
    dir: &Path,
) -> Result<(), CliError> {
    policy_folder::save(case, &trained.policies, trainer.name(), seed, dir)?;
    let checkpoint = dir.join(CHECKPOINT);
    if trained.stopped && !trained.checkpoint.is_empty() {
        run_folder::write(&checkpoint, &trained.checkpoint)?;
    } else if checkpoint.exists() {
        // A finished training has nothing to resume.
        std::fs::remove_file(&checkpoint)?;
    }
    if !trained.sent.is_empty() {
        sent::write(dir, &trained.sent)?;
    }
    let file = TrainingFile {
        case: &case.name,
        fingerprint: &case.fingerprint,
        training: record(trained, trainer, seed),
        stopped: trained.stopped,
        parameters: &trained.parameters,
    };
    run_folder::write_json(&dir.join(RECORD), &file)?;
    run_folder::write(&dir.join(TRANSCRIPT), trained.transcript.join("\n") + "\n")
}

/// The training as the report shows it.
pub fn record(trained: &Trained, trainer: TrainerChoice, seed: u64) -> TrainingRecord {
    TrainingRecord {
        trainer: trainer.name().to_owned(),
        seed,
        wall_s: trained.wall_s,
        episodes: trained.curve.len(),
        peak_memory_mib: peak_mib(),
        curve: thinned(&trained.curve),
    }
}

/// Points of a curve that a drawing can tell apart.
const CURVE_POINTS: usize = 400;

fn thinned(curve: &[LearningPoint]) -> Vec<LearningPoint> {
    let every = curve.len().div_ceil(CURVE_POINTS).max(1);
    let last = curve.len().saturating_sub(1);
    curve.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last).map(|(_, p)| p.clone()).collect()
}

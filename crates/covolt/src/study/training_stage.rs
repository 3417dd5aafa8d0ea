//! Training of the study's policies, and their part of the record.

use super::Study;
use crate::cli::TrainerChoice;
use crate::exit::CliError;
use crate::policy_folder::LoadedPolicies;
use crate::training::{Trained, TrainingJob};
use crate::training_folder::{record as training_record, write_run};
use crate::training_watch::ShownProgress;
use covolt_dispatch::PolicyFleet;
use covolt_report::StudyRecord;

/// Trains with the study's seed, and writes policies, learning record and transcript to `training-TRAINER` in the run folder.
pub fn run(study: &Study, trainer: TrainerChoice) -> Result<Trained, CliError> {
    run_in(study, trainer, study.seed, &format!("training-{}", trainer.name()))
}

/// The default trainer with another seed, in `training-default-seed-SEED`.
pub fn run_with_seed(study: &Study, seed: u64) -> Result<Trained, CliError> {
    run_in(study, TrainerChoice::Default, seed, &format!("training-default-seed-{seed}"))
}

fn run_in(study: &Study, trainer: TrainerChoice, seed: u64, folder: &str) -> Result<Trained, CliError> {
    let job = TrainingJob {
        case: &study.case,
        outlook: &study.outlook,
        valuation: &study.valuation,
        trainer,
        state: covolt_fleet::StateKind::Local,
        seed,
        episodes: None,
        windows: None,
        coarsening: covolt_parties::Coarsening::default(),
        quick: study.plan.quick,
        from: None,
        resume: None,
    };
    let mut watch = ShownProgress::new(&format!("train {}", trainer.name()));
    let trained = crate::training::train(&job, &mut watch)?;
    watch.finish();
    if trained.stopped {
        return Err(CliError::no_answer("interrupted"));
    }
    let dir = study.dir.join(folder);
    std::fs::create_dir_all(&dir)
        .map_err(|e| CliError::bad_input(format!("cannot make folder {}: {e}", dir.display())))?;
    write_run(&study.case, &trained, trainer, seed, &dir)?;
    Ok(trained)
}

/// The default trainer's part of the record.
pub fn note_default(trained: &Trained, study: &Study, record: &mut StudyRecord) {
    record.training = Some(training_record(trained, TrainerChoice::Default, study.seed));
    record.parameters = trained.parameters.clone();
}

/// The paper's trainer's part of the record; Fig. 5 shows its parameters, since only it moves both networks.
pub fn note_paper(trained: &Trained, study: &Study, record: &mut StudyRecord) {
    record.paper_training = Some(training_record(trained, TrainerChoice::Paper, study.seed));
    if !trained.parameters.is_empty() {
        record.parameters = trained.parameters.clone();
    }
}

/// Trained policies as proposers.
pub fn proposer(study: &Study, trained: &Trained, name: &str, seed: u64) -> Result<PolicyFleet, CliError> {
    let policies = trained.policies.clone();
    LoadedPolicies { policies, state: trained.state, version: format!("{name} seed {seed}") }.into_fleet(&study.case)
}

//! `covolt train`: policies of all microgrids, with checkpoint, learning record and transcript in the run folder.

use crate::case_argument;
use crate::cli::{TrainArgs, TrainerChoice};
use crate::exit::CliError;
use crate::output::Output;
use crate::policy_folder;
use crate::run_folder;
use crate::training::{Trained, TrainingJob, train};
use crate::training_folder::{CHECKPOINT, write_run};
use crate::training_watch::{ShownProgress, listen_for_interrupt};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// File of what was asked for, in the run folder.
const ASKED: &str = "asked.json";

/// What was asked for, kept beside the checkpoint so that resuming asks for the same.
#[derive(Serialize, Deserialize)]
struct Asked {
    case: String,
    fingerprint: String,
    trainer: String,
    seed: u64,
    episodes: Option<usize>,
    windows: Option<usize>,
    from: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &TrainArgs, out: &mut Output) -> Result<(), CliError> {
    let (asked, dir, resume) = match &args.resume {
        Some(dir) => {
            let (asked, checkpoint) = read_interrupted(dir)?;
            (asked, dir.clone(), Some(checkpoint))
        }
        None => {
            let asked = Asked {
                case: args.case.case.clone(),
                fingerprint: String::new(),
                trainer: args.trainer.name().to_owned(),
                seed: args.seed,
                episodes: args.episodes,
                windows: args.windows,
                from: args.from.clone(),
            };
            (asked, PathBuf::new(), None)
        }
    };
    if asked.trainer == TrainerChoice::Parties.name() && (resume.is_some() || asked.from.is_some()) {
        return Err(CliError::bad_input(
            "--trainer parties neither resumes nor continues from policies; covolt operator and covolt agent go on from their \
             run folders",
        ));
    }
    let case = case_argument::load(&asked.case)?;
    if resume.is_some() && asked.fingerprint != case.fingerprint {
        return Err(CliError::bad_input(format!(
            "{}: the case has changed since the training was interrupted",
            dir.display()
        )));
    }
    let asked = Asked { fingerprint: case.fingerprint.clone(), ..asked };
    let from = match &asked.from {
        Some(folder) => Some(policy_folder::load(&case, folder)?.policies),
        None => None,
    };
    let dir = match resume {
        Some(_) => dir,
        None => run_folder::create("train", args.out.out.as_deref(), args.out.force)?,
    };
    run_folder::write_json(&dir.join(ASKED), &asked)?;
    listen_for_interrupt();
    let outlook = case_argument::outlook(&case);
    let valuation = case_argument::valuation(&case);
    let trainer = match asked.trainer.as_str() {
        "paper" => TrainerChoice::Paper,
        "parties" => TrainerChoice::Parties,
        _ => TrainerChoice::Default,
    };
    let job = TrainingJob {
        case: &case,
        outlook: &outlook,
        valuation: &valuation,
        trainer,
        state: args.state.kind(),
        seed: asked.seed,
        episodes: asked.episodes,
        windows: asked.windows,
        coarsening: args.coarsening.coarsening(),
        quick: false,
        from,
        resume,
    };
    let mut watch = ShownProgress::new("train").stopping_after(args.stop_after);
    let trained = train(&job, &mut watch)?;
    watch.finish();
    write_run(&case, &trained, trainer, asked.seed, &dir)?;
    say(&trained, &dir, out)
}

fn read_interrupted(dir: &Path) -> Result<(Asked, Vec<u8>), CliError> {
    let nothing = |path: &Path, e: &dyn std::fmt::Display| {
        CliError::bad_input(format!("{} holds no interrupted training: {}: {e}", dir.display(), path.display()))
    };
    let path = dir.join(ASKED);
    let text = std::fs::read_to_string(&path).map_err(|e| nothing(&path, &e))?;
    let asked = serde_json::from_str(&text).map_err(|e| nothing(&path, &e))?;
    let path = dir.join(CHECKPOINT);
    let checkpoint = std::fs::read(&path).map_err(|e| nothing(&path, &e))?;
    Ok((asked, checkpoint))
}

fn say(trained: &Trained, dir: &Path, out: &mut Output) -> Result<(), CliError> {
    let last = trained.curve.last();
    if out.is_json() {
        return out.json(&serde_json::json!({
            "run": dir,
            "stopped": trained.stopped,
            "episodes": trained.curve.len(),
            "wall_s": trained.wall_s,
            "last": last,
        }));
    }
    let count = trained.curve.len();
    out.line(format!("{count} episode(s) in {:.1} s", trained.wall_s))?;
    if let Some(point) = last {
        out.line(format!(
            "last episode: mean cost of a window {:.4} $, worst violation {:.2e} pu of voltage, {:.3} % of a current limit",
            point.cost_usd, point.max_voltage_violation_pu, point.max_current_violation_percent
        ))?;
    }
    out.line(format!("Policies: {}", dir.join(policy_folder::POLICIES).display()))?;
    if trained.stopped && trained.checkpoint.is_empty() {
        out.line("Interrupted; this trainer does not go on")?;
    } else if trained.stopped {
        out.line(format!("Interrupted. Go on with: covolt train --resume {}", dir.display()))?;
    }
    Ok(())
}

//! Training from the command line: every call of the trainers is in this file and its folder.
//!
//! Windows are drawn from the training days; test days are never read.

mod checkpoint;
mod default_run;
mod paper_run;
mod parameter_traces;
mod parties_run;
pub mod preset;

use crate::cli::TrainerChoice;
use crate::exit::CliError;
use crate::participants::sent::Sent;
use covolt_case::Case;
use covolt_fleet::{PriceOutlook, Profiles, StateKind, StorageValuation};
use covolt_learn::{
    DrawnWindow, Episode, NetworkShape, Scenario, ScenarioSource, Seats, StateSpread, draw_rare_rows, draw_rows,
    draw_windows, untrained_policy,
};
use covolt_parties::Coarsening;
use covolt_policy::GaussianPolicy;
use covolt_report::record::{LearningPoint, ParameterTrace};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::time::Instant;

/// What is trained.
pub struct TrainingJob<'a> {
    /// The case.
    pub case: &'a Case,
    /// Prices beyond the window.
    pub outlook: &'a PriceOutlook,
    /// Value of stored energy.
    pub valuation: &'a StorageValuation,
    /// Trainer.
    pub trainer: TrainerChoice,
    /// What the policies see.
    pub state: StateKind,
    /// Seed of all randomness.
    pub seed: u64,
    /// Policy updates; `None` for the trainer's own number.
    pub episodes: Option<usize>,
    /// Training windows; `None` for the trainer's own number.
    pub windows: Option<usize>,
    /// What agents tell the operator less exactly; for the trainer parties.
    pub coarsening: Coarsening,
    /// Short training for a first look.
    pub quick: bool,
    /// Policies to start from.
    pub from: Option<Vec<GaussianPolicy>>,
    /// Checkpoint to resume.
    pub resume: Option<Vec<u8>>,
}

/// Share of the training windows drawn among the rarest prices; test and validation windows are drawn as they come.
const RARE_SHARE: f64 = 0.25;

/// Who watches a training.
pub trait Watch {
    /// A new stage begins.
    fn stage(&mut self, text: &str);
    /// An episode is done.
    fn episode(&mut self, point: &LearningPoint, total: usize);
    /// Stop after the present episode?
    fn stop_requested(&self) -> bool;
}

/// A finished or interrupted training.
pub struct Trained {
    /// One policy per microgrid.
    pub policies: Vec<GaussianPolicy>,
    /// State they see.
    pub state: StateKind,
    /// One point per episode.
    pub curve: Vec<LearningPoint>,
    /// Chosen parameters of both networks over the episodes.
    pub parameters: Vec<ParameterTrace>,
    /// True when it was interrupted.
    pub stopped: bool,
    /// What resuming needs.
    pub checkpoint: Vec<u8>,
    /// Wall-clock time, s.
    pub wall_s: f64,
    /// What left each agent, in words.
    pub transcript: Vec<String>,
    /// What each participant sent, where they spoke by messages.
    pub sent: Vec<Sent>,
}

/// What a trainer brings home; the rest of [`Trained`] is the same for all.
struct Course {
    policies: Vec<GaussianPolicy>,
    curve: Vec<LearningPoint>,
    parameters: Vec<ParameterTrace>,
    stopped: bool,
    checkpoint: Vec<u8>,
    transcript: Vec<String>,
    sent: Vec<Sent>,
}

/// Trains.
pub fn train(job: &TrainingJob<'_>, watch: &mut dyn Watch) -> Result<Trained, CliError> {
    let clock = Instant::now();
    let course = match job.trainer {
        TrainerChoice::Default => default_run::run(job, watch)?,
        TrainerChoice::Paper => paper_run::run(job, watch)?,
        TrainerChoice::Parties => parties_run::run(job, watch)?,
    };
    Ok(Trained {
        policies: course.policies,
        state: job.state,
        curve: course.curve,
        parameters: course.parameters,
        stopped: course.stopped,
        checkpoint: course.checkpoint,
        wall_s: clock.elapsed().as_secs_f64(),
        transcript: course.transcript,
        sent: course.sent,
    })
}

/// Fleet and data of the job.
fn source<'a>(job: &TrainingJob<'a>) -> ScenarioSource<'a> {
    ScenarioSource {
        fleet: &job.case.fleet,
        profiles: &job.case.profiles,
        outlook: job.outlook,
        valuation: job.valuation,
        steps: job.case.settings.steps,
    }
}

/// Draws the training windows of the job.
fn windows(job: &TrainingJob<'_>, count: usize, watch: &mut dyn Watch) -> Result<Vec<DrawnWindow>, CliError> {
    watch.stage(&format!("drawing {count} training windows"));
    let (profiles, days) = (&job.case.profiles, &job.case.days.train);
    let price = |row: usize| profiles.mean_price_per_kwh(row);
    let rows = training_rows(profiles, price, job.case.settings.steps, days, count, job.seed)?;
    Ok(draw_windows(&source(job), &rows, &StateSpread::default(), Seats::all(job.seed)))
}

/// Rows at which the `count` windows of a training start.
pub fn training_rows(
    profiles: &Profiles,
    price: impl Fn(usize) -> f64 + Sync,
    steps: usize,
    days: &[usize],
    count: usize,
    seed: u64,
) -> Result<Vec<usize>, CliError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let rare = (count as f64 * RARE_SHARE) as usize;
    let mut rows = draw_rows(profiles, steps, days, count - rare, &mut rng)?;
    rows.extend(draw_rare_rows(profiles, price, steps, days, rare, &mut rng)?);
    Ok(rows)
}

/// Policies to start from: given ones, or untrained with features normalised over `scenarios`.
fn policies(
    job: &TrainingJob<'_>,
    shape: &NetworkShape,
    scenarios: &[Scenario],
) -> Result<Vec<GaussianPolicy>, CliError> {
    let seats = Seats::all(job.seed);
    let fleet = &job.case.fleet;
    let mut policies = Vec::with_capacity(fleet.microgrids.len());
    for (n, (mg, layout)) in fleet.microgrids.iter().zip(&fleet.layouts(job.case.settings.steps)).enumerate() {
        policies.push(match job.from.as_ref().and_then(|from| from.get(n)) {
            Some(given) => given.clone(),
            None => untrained_policy(mg, n, layout, job.state, shape, scenarios, &mut seats.weights(n))?,
        });
    }
    Ok(policies)
}

/// An episode as a point of the learning curve.
fn point(episode: &Episode) -> LearningPoint {
    LearningPoint {
        episode: episode.episode,
        cost_usd: episode.cost,
        max_voltage_violation_pu: episode.voltage_violation_pu,
        max_current_violation_percent: 100.0 * episode.current_violation,
        rounds: episode.rounds,
    }
}

//! Training from the command line: every call of the trainers is in this file.
//!
//! A run is drawn from the training days, its policies are chosen on the validation days; test days are never read.

use crate::cli::TrainerChoice;
use crate::exit::CliError;
use crate::learner_checkpoint::Checkpoint;
use covolt_case::Case;
use covolt_consensus::{Method, disclosure};
use covolt_fleet::{PriceOutlook, StateKind, StorageValuation};
use covolt_learn::limit_prices::limit_prices;
use covolt_learn::{
    ExactSettings, ExactTrainer, Learner, NetworkShape, ScenarioSource, StateSpread, draw, untrained_policy,
};
use covolt_policy::GaussianPolicy;
use covolt_report::record::{LearningPoint, Network, ParameterTrace};
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
    /// Seed of all randomness.
    pub seed: u64,
    /// Policy updates; `None` for the trainer's own number.
    pub episodes: Option<usize>,
    /// Training windows; `None` for the trainer's own number.
    pub windows: Option<usize>,
    /// Short training for a first look.
    pub quick: bool,
    /// Policies to start from.
    pub from: Option<Vec<GaussianPolicy>>,
    /// Checkpoint to resume.
    pub resume: Option<Vec<u8>>,
}

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
}

/// Sizes of a training.
struct Sizes {
    windows: usize,
    settings: ExactSettings,
}

fn sizes(job: &TrainingJob<'_>) -> Sizes {
    let usual = ExactSettings::default();
    let (windows, episodes) = if job.quick { (300, 200) } else { (3000, 2500) };
    let windows = job.windows.unwrap_or(windows).max(1);
    Sizes {
        windows,
        settings: ExactSettings {
            episodes: job.episodes.unwrap_or(episodes),
            batch: usual.batch.min(windows),
            ..usual
        },
    }
}

/// Trains.
pub fn train(job: &TrainingJob<'_>, watch: &mut dyn Watch) -> Result<Trained, CliError> {
    if job.trainer == TrainerChoice::Paper {
        return Err(CliError::bad_input("the paper's trainer is not part of this program yet: use --trainer default"));
    }
    let clock = Instant::now();
    let fleet = &job.case.fleet;
    let steps = job.case.settings.steps;
    let sizes = sizes(job);
    let source =
        ScenarioSource { fleet, profiles: &job.case.profiles, outlook: job.outlook, valuation: job.valuation, steps };
    let state = StateKind::Local;
    let mut rng = ChaCha8Rng::seed_from_u64(job.seed);
    watch.stage(&format!("drawing {} training windows", sizes.windows));
    let scenarios = draw(&source, &job.case.days.train, sizes.windows, &StateSpread::default(), state, &mut rng)?;
    watch.stage("pricing the limits of every window by the agents' coordination");
    let (prices, stage) = limit_prices(fleet, &scenarios, &|_| ());
    let layouts = fleet.layouts(steps);
    let mut learners = Vec::with_capacity(fleet.microgrids.len());
    for (n, (mg, layout)) in fleet.microgrids.iter().zip(&layouts).enumerate() {
        let fresh = untrained_policy(mg, n, layout, state, &NetworkShape::default(), &scenarios, &mut rng)?;
        let policy = job.from.as_ref().and_then(|from| from.get(n).cloned()).unwrap_or(fresh);
        learners.push(Learner::new(policy, *layout, sizes.settings.batch));
    }
    let total = sizes.settings.episodes;
    let mut trainer = ExactTrainer::new(fleet, &scenarios, &prices, learners, sizes.settings, job.seed)?;
    let mut curve = Vec::with_capacity(total);
    let mut traces = ParameterTraces::new(job.case, &trainer.learners);
    if let Some(bytes) = &job.resume {
        let checkpoint = Checkpoint::read(bytes)?;
        checkpoint.restore(job.seed, total, &mut trainer, &mut curve)?;
    }
    watch.stage(&format!("{total} episodes"));
    let rounds = stage.rounds.checked_div(stage.programs).unwrap_or(0);
    let mut stopped = false;
    let note_every = (total / 200).max(1);
    while !trainer.is_done() {
        let episode = trainer.step()?;
        let point = LearningPoint {
            episode: episode.episode,
            cost_usd: episode.cost,
            max_voltage_violation_pu: episode.voltage_violation_pu,
            max_current_violation_percent: 100.0 * episode.current_violation,
            rounds,
        };
        watch.episode(&point, total);
        if episode.episode % note_every == 0 || trainer.is_done() {
            traces.note(episode.episode, &trainer.learners);
        }
        curve.push(point);
        if watch.stop_requested() && !trainer.is_done() {
            stopped = true;
            break;
        }
    }
    let checkpoint = Checkpoint::of(job.seed, total, &trainer, &curve).write()?;
    let mut transcript = vec![format!(
        "{} programs coordinated between the agents in {} rounds ({} windows without an answer). In every round each agent sends, and sends nothing else:",
        stage.programs, stage.rounds, stage.failed
    )];
    for field in disclosure(Method::InteriorPoint) {
        transcript.push(format!("{}: {} ({} bytes, {})", field.name, field.meaning, field.bytes, field.when));
    }
    Ok(Trained {
        policies: trainer.learners.iter().map(Learner::averaged).collect(),
        state,
        curve,
        parameters: traces.list,
        stopped,
        checkpoint,
        wall_s: clock.elapsed().as_secs_f64(),
        transcript,
    })
}

/// A few parameters of both networks of the first agents (Fig. 5).
struct ParameterTraces {
    list: Vec<ParameterTrace>,
    places: Vec<(usize, Network, usize)>,
}

impl ParameterTraces {
    fn new(case: &Case, learners: &[Learner]) -> ParameterTraces {
        let mut traces = ParameterTraces { list: Vec::new(), places: Vec::new() };
        for (n, (mg, learner)) in case.fleet.microgrids.iter().zip(learners).enumerate() {
            for (network, count) in [
                (Network::Mean, learner.policy.mean_net().parameter_count()),
                (Network::Covariance, learner.policy.covariance_net().parameter_count()),
            ] {
                // One parameter from the middle of the vector and one near its end: an inner weight and an output's.
                for place in [count / 2, count.saturating_sub(1)] {
                    traces.places.push((n, network, place));
                    traces.list.push(ParameterTrace {
                        microgrid: mg.name.clone(),
                        network,
                        parameter: format!("theta[{place}]"),
                        episode: Vec::new(),
                        value: Vec::new(),
                    });
                }
            }
        }
        traces
    }

    fn note(&mut self, episode: usize, learners: &[Learner]) {
        for (trace, &(n, network, place)) in self.list.iter_mut().zip(&self.places) {
            let Some(learner) = learners.get(n) else { continue };
            let net = match network {
                Network::Mean => learner.policy.mean_net(),
                Network::Covariance => learner.policy.covariance_net(),
            };
            trace.episode.push(episode);
            trace.value.push(net.parameters().get(place).copied().unwrap_or(f64::NAN));
        }
    }
}

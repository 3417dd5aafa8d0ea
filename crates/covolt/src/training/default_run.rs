//! A run of the default trainer.

use super::checkpoint::{Checkpoint, DefaultAgent, Standing};
use super::parameter_traces::ParameterTraces;
use super::{Course, TrainingJob, Watch, begin, point};
use crate::exit::CliError;
use covolt_learn::{ExactSettings, ExactTrainer, Learner, NetworkShape};
use covolt_policy::GaussianPolicy;

/// Training windows of a whole run. Fewer are learned by heart: with 4 000 the violations on validation windows grow while the
/// cost on training windows still falls; from 20 000 on they do not.
const WINDOWS: usize = 30_000;
/// The same for a first look.
const QUICK_WINDOWS: usize = 600;
const QUICK_EPISODES: usize = 250;

/// Runs the trainer.
pub fn run(job: &TrainingJob<'_>, watch: &mut dyn Watch) -> Result<Course, CliError> {
    let usual = ExactSettings::default();
    let (windows, episodes) = if job.quick { (QUICK_WINDOWS, QUICK_EPISODES) } else { (WINDOWS, usual.episodes) };
    let windows = job.windows.unwrap_or(windows).max(1);
    let total = job.episodes.unwrap_or(episodes);
    let settings = ExactSettings { episodes: total, batch: usual.batch.min(windows), ..usual };
    let (scenarios, policies) = begin(job, windows, &NetworkShape::default(), watch)?;
    let fleet = &job.case.fleet;
    let layouts = fleet.layouts(job.case.settings.steps);
    let learners: Vec<Learner> = policies
        .into_iter()
        .zip(layouts)
        .map(|(policy, layout)| Learner::new(policy, layout, settings.batch))
        .collect();
    let mut trainer = ExactTrainer::new(fleet, &scenarios, learners, settings, job.seed)?;
    let mut curve = Vec::new();
    let mut traces = ParameterTraces::new(job.case, &policies_of(&trainer), total);
    if let Some(bytes) = &job.resume {
        let checkpoint = Checkpoint::read(bytes, job, total, windows)?;
        curve = checkpoint.curve();
        traces.restore(&checkpoint.traces);
        let Standing::Default { agents, prices } = checkpoint.standing else {
            return Err(CliError::bad_input("the checkpoint is of another trainer"));
        };
        for (learner, agent) in trainer.learners.iter_mut().zip(agents) {
            agent.restore(learner)?;
        }
        trainer.restore(prices, checkpoint.next)?;
    }
    watch.stage(&format!("{total} episodes"));
    let mut stopped = false;
    while !trainer.is_done() {
        let episode = point(&trainer.step()?);
        traces.note(episode.episode, &policies_of(&trainer));
        watch.episode(&episode, total);
        curve.push(episode);
        if watch.stop_requested() && !trainer.is_done() {
            stopped = true;
            break;
        }
    }
    let standing = Standing::Default {
        agents: trainer.learners.iter().map(DefaultAgent::of).collect(),
        prices: trainer.prices().to_vec(),
    };
    let checkpoint = Checkpoint::of(job, total, windows, trainer.episode, standing, &curve, traces.values());
    Ok(Course {
        policies: trainer.learners.iter().map(Learner::averaged).collect(),
        checkpoint: checkpoint.write()?,
        transcript: transcript(job, trainer.episode, windows.min(ExactSettings::default().batch)),
        curve,
        parameters: traces.into_list(),
        stopped,
    })
}

fn policies_of<'a>(trainer: &'a ExactTrainer<'_>) -> Vec<&'a GaussianPolicy> {
    trainer.learners.iter().map(|learner| &learner.policy).collect()
}

/// What left each agent: set points of the batch's windows to the grid, whose answer is dL/d(own action).
fn transcript(job: &TrainingJob<'_>, episodes: usize, batch: usize) -> Vec<String> {
    let steps = job.case.settings.steps;
    let mut lines = vec![format!(
        "{episodes} episode(s). In every episode each agent sends, once: its set points in {batch} windows, which together with its loads and PV power (data that whoever solves the power flow holds) give the net power at its buses. It receives the slope of the common cost with respect to its own set points. Parameters, gradients of parameters and states never leave an agent."
    )];
    for mg in &job.case.fleet.microgrids {
        let numbers = batch * mg.layout(steps).len();
        lines.push(format!("{}: {numbers} numbers (kW, kvar) per episode, {} bytes", mg.name, 8 * numbers));
    }
    lines
}

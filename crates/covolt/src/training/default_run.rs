//! A run of the default trainer.

use super::checkpoint::{Checkpoint, DefaultAgent, Standing};
use super::parameter_traces::ParameterTraces;
use super::{Course, TrainingJob, Watch, point, policies, preset, source};
use crate::exit::CliError;
use covolt_learn::{DrawnWindow, ExactSettings, ExactTrainer, Learner, TrainingWindows, scenarios};
use covolt_policy::GaussianPolicy;

/// Windows over which features are normalised where not all are held.
const NORMALISED: usize = 128;

/// Runs the trainer.
pub fn run(job: &TrainingJob<'_>, watch: &mut dyn Watch) -> Result<Course, CliError> {
    let microgrids = job.case.fleet.microgrids.len();
    let usual = if job.quick { preset::quick(microgrids) } else { preset::of(microgrids) };
    let count = job.windows.unwrap_or(usual.windows).max(1);
    let total = job.episodes.unwrap_or(usual.episodes);
    let settings = ExactSettings { episodes: total, batch: usual.batch.min(count), ..ExactSettings::default() };
    let batch = settings.batch;
    let drawn = super::windows(job, count, watch)?;
    let source = source(job);
    let held = preset::holds(count, microgrids);
    let some: Vec<&DrawnWindow> = drawn.iter().step_by(if held { 1 } else { count.div_ceil(NORMALISED) }).collect();
    let scenarios = scenarios(&source, job.state, some)?;
    let policies = policies(job, &usual.shape, &scenarios)?;
    let scenarios = if held { scenarios } else { Vec::new() };
    let windows = match held {
        true => TrainingWindows::Held(&scenarios),
        false => TrainingWindows::Drawn { source, kind: job.state, windows: &drawn },
    };
    let fleet = &job.case.fleet;
    let layouts = fleet.layouts(job.case.settings.steps);
    let learners: Vec<Learner> = policies
        .into_iter()
        .zip(layouts)
        .map(|(policy, layout)| Learner::new(policy, layout, settings.batch))
        .collect();
    let mut trainer = ExactTrainer::new(fleet, windows, learners, settings, job.seed)?;
    let mut curve = Vec::new();
    let mut traces = ParameterTraces::new(job.case, &policies_of(&trainer), total);
    if let Some(bytes) = &job.resume {
        let checkpoint = Checkpoint::read(bytes, job, total, count)?;
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
    // A finished training has nothing to resume, and a large one no room for a copy of its agents.
    let mut checkpoint = Vec::new();
    if stopped {
        let agents = trainer.learners.iter().map(DefaultAgent::of).collect();
        let standing = Standing::Default { agents, prices: trainer.prices().to_vec() };
        checkpoint = Checkpoint::of(job, total, count, trainer.episode, standing, &curve, traces.values()).write()?;
    }
    Ok(Course {
        policies: trainer.learners.iter().map(Learner::averaged).collect(),
        checkpoint,
        transcript: transcript(job, trainer.episode, batch),
        curve,
        parameters: traces.into_list(),
        stopped,
        sent: Vec::new(),
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

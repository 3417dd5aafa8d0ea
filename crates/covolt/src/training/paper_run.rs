//! A run of the paper's trainer, Algorithm 1.

use super::checkpoint::{Checkpoint, Standing};
use super::parameter_traces::ParameterTraces;
use super::{Course, TrainingJob, Watch, point, policies, source};
use crate::exit::CliError;
use covolt_consensus::{Method, disclosure};
use covolt_learn::{NetworkShape, PaperTrainer, PaperTrainerSettings, scenarios};

/// Training windows of a whole run and of a first look.
const WINDOWS: usize = 2000;
const QUICK_WINDOWS: usize = 300;
/// Episodes of a first look; a whole run has the trainer's own number.
const QUICK_EPISODES: usize = 20;

/// Runs the trainer.
pub fn run(job: &TrainingJob<'_>, watch: &mut dyn Watch) -> Result<Course, CliError> {
    let usual = PaperTrainerSettings::default();
    let windows = job.windows.unwrap_or(if job.quick { QUICK_WINDOWS } else { WINDOWS }).max(1);
    let total = job.episodes.unwrap_or(if job.quick { QUICK_EPISODES } else { usual.episodes });
    let settings = PaperTrainerSettings { episodes: total, ..usual };
    let drawn = super::windows(job, windows, watch)?;
    let scenarios = scenarios(&source(job), job.state, &drawn)?;
    let policies = policies(job, &NetworkShape::default(), &scenarios)?;
    let mut trainer = PaperTrainer::new(&job.case.fleet, &scenarios, policies, settings, job.seed)?;
    let mut curve = Vec::new();
    let mut traces = ParameterTraces::new(job.case, &trainer.policies(), total);
    if let Some(bytes) = &job.resume {
        let checkpoint = Checkpoint::read(bytes, job, total, windows)?;
        curve = checkpoint.curve();
        traces.restore(&checkpoint.traces);
        let Standing::Paper { parameters } = checkpoint.standing else {
            return Err(CliError::bad_input("the checkpoint is of another trainer"));
        };
        trainer.restore(&parameters, checkpoint.next)?;
    }
    watch.stage(&format!("{total} episodes"));
    let mut stopped = false;
    let mut sent = Sent::default();
    while !trainer.is_done() {
        let episode = point(&trainer.step()?);
        traces.note(episode.episode, &trainer.policies());
        sent.add(&trainer);
        watch.episode(&episode, total);
        curve.push(episode);
        if watch.stop_requested() && !trainer.is_done() {
            stopped = true;
            break;
        }
    }
    let standing = Standing::Paper { parameters: trainer.parameters() };
    let checkpoint = Checkpoint::of(job, total, windows, trainer.episode, standing, &curve, traces.values());
    Ok(Course {
        policies: trainer.averaged()?,
        checkpoint: checkpoint.write()?,
        transcript: sent.lines(&trainer),
        curve,
        parameters: traces.into_list(),
        stopped,
        sent: Vec::new(),
    })
}

/// What left the agents in this run.
#[derive(Default)]
struct Sent {
    episodes: usize,
    messages: usize,
    bytes: usize,
}

impl Sent {
    fn add(&mut self, trainer: &PaperTrainer<'_>) {
        self.episodes += 1;
        if let Some(run) = &trainer.last_run {
            self.messages += run.transcript.len();
            self.bytes += run.transcript.iter().map(|entry| entry.bytes).sum::<usize>();
        }
    }

    /// Totals, every field with its meaning, and the last episode message by message.
    fn lines(&self, trainer: &PaperTrainer<'_>) -> Vec<String> {
        let mut lines = vec![format!(
            "{} messages between agents, {} bytes in {} episode(s). Besides, whoever solves the power flow sees the net power at every bus under the sampled set points. What a message holds, and nothing else goes from agent to agent:",
            self.messages, self.bytes, self.episodes
        )];
        for field in disclosure(Method::Paper) {
            lines.push(format!("{}: {} ({} bytes, {})", field.name, field.meaning, field.bytes, field.when));
        }
        let Some(run) = &trainer.last_run else { return lines };
        lines.push("Last episode, message by message:".to_owned());
        for entry in &run.transcript {
            let fields: Vec<String> = entry.fields.iter().map(|(name, count)| format!("{name} x {count}")).collect();
            lines.push(format!(
                "round {}: agent {} to agent {}: {} ({}), {} bytes",
                entry.round,
                entry.from + 1,
                entry.to + 1,
                entry.kind,
                fields.join(", "),
                entry.bytes
            ));
        }
        lines
    }
}

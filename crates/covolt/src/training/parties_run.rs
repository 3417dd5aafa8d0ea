//! A run of operator and agents as the processes do it, in this process: every message is encoded and decoded, handed over in memory.

use super::parameter_traces::ParameterTraces;
use super::{Course, TrainingJob, Watch, preset};
use crate::exit::CliError;
use crate::participants::parts::{OperatorPart, cut};
use crate::participants::plan::training_plan;
use crate::participants::sent::{Role, Sent, total};
use covolt_parties::memory::train_in_memory;
use covolt_parties::{AgentTraining, Coarsening, OperatorTraining, Timing};
use covolt_policy::GaussianPolicy;
use covolt_report::record::LearningPoint;
use covolt_wire::TrainingPlan;

/// Number of the run; nobody else is there to be confused.
const RUN: u64 = 1;

/// Runs the trainer.
pub fn run(job: &TrainingJob<'_>, watch: &mut dyn Watch) -> Result<Course, CliError> {
    watch.stage("cutting the case into the parts of operator and agents");
    let (operator_part, parts) = cut(job.case)?;
    let plan = plan(job, &operator_part)?;
    let total = plan.episodes as usize;
    watch.stage(&format!("{} training windows for each of {} agents", plan.rows.len(), parts.len()));
    let timing = Timing::default();
    let network = preset::of(parts.len()).shape;
    let mut operator = OperatorTraining::new(operator_part.place(), plan, timing, RUN, None)?;
    let mut agents = parts
        .iter()
        .map(|part| AgentTraining::new(part.place(job.state), network.clone(), timing, None))
        .collect::<Result<Vec<_>, _>>()?;
    for (n, agent) in agents.iter_mut().enumerate() {
        // Each agent has noise of its own.
        let noise_seed = job.coarsening.noise_seed.wrapping_add(n as u64);
        agent.set_coarsening(Coarsening { noise_seed, ..job.coarsening })?;
    }
    let mut curve = Vec::new();
    let mut traces: Option<ParameterTraces> = None;
    let mut stopped = false;
    train_in_memory(&mut operator, &mut agents, &mut |_, _, _, _| {}, &mut |operator, agents| {
        let episode = point(operator, agents);
        let policies = policies(agents);
        let all: Vec<&GaussianPolicy> = policies.iter().collect();
        traces.get_or_insert_with(|| ParameterTraces::new(job.case, &all, total)).note(episode.episode, &all);
        watch.episode(&episode, total);
        let last = episode.episode + 1 >= total;
        curve.push(episode);
        stopped = watch.stop_requested() && !last;
        stopped
    })?;
    let sent = sent(job, &operator, &agents);
    Ok(Course {
        policies: policies(&agents),
        checkpoint: Vec::new(),
        transcript: transcript(&sent, curve.len(), operator.exchanges),
        curve,
        parameters: traces.map(ParameterTraces::into_list).unwrap_or_default(),
        stopped,
        sent,
    })
}

fn plan(job: &TrainingJob<'_>, part: &OperatorPart) -> Result<TrainingPlan, CliError> {
    let quick = job.quick.then(|| preset::quick(part.names().len()));
    let windows = job.windows.or(quick.as_ref().map(|quick| quick.windows));
    training_plan(part, windows, job.episodes.or(quick.map(|quick| quick.episodes)), job.seed)
}

fn policies(agents: &[AgentTraining<'_>]) -> Vec<GaussianPolicy> {
    agents.iter().filter_map(AgentTraining::policy).collect()
}

/// The round that closed last; its cost is known here alone, where all agents are in one place.
fn point(operator: &OperatorTraining<'_>, agents: &[AgentTraining<'_>]) -> LearningPoint {
    let note = operator.note;
    let worst = |feeder: f64, own: fn(&AgentTraining<'_>) -> f64| agents.iter().map(own).fold(feeder, f64::max);
    LearningPoint {
        episode: note.round as usize,
        cost_usd: agents.iter().map(|agent| agent.returns.cost).sum(),
        max_voltage_violation_pu: worst(note.voltage_violation_pu, |agent| agent.returns.voltage_violation_pu),
        max_current_violation_percent: 100.0 * worst(note.current_violation, |agent| agent.returns.current_violation),
        rounds: usize::from(note.exchanges),
    }
}

fn sent(job: &TrainingJob<'_>, operator: &OperatorTraining<'_>, agents: &[AgentTraining<'_>]) -> Vec<Sent> {
    let of_operator =
        Sent { participant: "operator".to_owned(), role: Role::Operator, tally: operator.tally.clone(), kills: 0 };
    let names = job.case.fleet.microgrids.iter().map(|mg| mg.name.clone());
    let of_agents = names.zip(agents).map(|(participant, agent)| Sent {
        participant,
        role: Role::Agent,
        tally: agent.tally.clone(),
        kills: 0,
    });
    std::iter::once(of_operator).chain(of_agents).collect()
}

fn transcript(sent: &[Sent], updates: usize, exchanges: u64) -> Vec<String> {
    let mut lines = vec![format!(
        "{updates} update(s) in {exchanges} exchange(s) of voltages and powers. Each participant solved its own part; what crossed is listed \
         below, and field by field in docs/messages.md. Parameters, loads, states of charge, costs and limits of devices are in no message."
    )];
    for sent in sent {
        let (messages, bytes) = total(&sent.tally);
        lines.push(format!("{} sent {messages} message(s), {bytes} bytes", sent.participant));
        for (kind, line) in sent.tally.lines() {
            lines.push(format!("  {kind}: {} message(s), {} bytes", line.messages, line.bytes));
        }
    }
    lines
}

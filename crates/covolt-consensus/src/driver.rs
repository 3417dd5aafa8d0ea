//! Runs the agents of one method in one process over any connected graph, with every message really encoded and decoded.
//!
//! A round is one exchange among all agents. Where a message is meant for everyone and the graph is not complete, neighbours pass
//! it on along shortest ways: the transcript then shows every link it crossed, and `hops` how many link times a round takes.

use crate::coupled_rows::CoupledRows;
use crate::error::ConsensusError;
use crate::messages::Message;
use crate::method::{Agent, Audience};
use crate::weights::CommunicationGraph;

/// One message on one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptEntry {
    /// Round, counted from 1.
    pub round: usize,
    /// Agent whose numbers these are.
    pub from: usize,
    /// Agent that passed them on over this link (the same as `from` on a direct link).
    pub by: usize,
    /// Agent that received them over this link.
    pub to: usize,
    /// Kind of message.
    pub kind: &'static str,
    /// Encoded size.
    pub bytes: usize,
    /// Name and count of numbers of every field.
    pub fields: Vec<(&'static str, usize)>,
}

/// State of the run after a round.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundTrace {
    /// Rounds so far; 0 is the start.
    pub round: usize,
    /// Average of the agents' multipliers, per row.
    pub multipliers: Vec<f64>,
    /// Largest difference between two agents' multipliers of one row.
    pub disagreement: f64,
    /// Largest amount by which a summed row is exceeded.
    pub violation: f64,
    /// Sum of costs.
    pub cost: f64,
}

/// Record of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Rounds until all agents were done.
    pub rounds: usize,
    /// Link times per round (1 on a complete graph or for messages to neighbours).
    pub hops: usize,
    /// Bytes that each agent put on links of its own numbers, each recipient counted.
    pub bytes_sent: Vec<usize>,
    /// x of every agent at the end.
    pub x: Vec<Vec<f64>>,
    /// Multipliers at the end (average of the agents').
    pub multipliers: Vec<f64>,
    /// Everything that left every agent.
    pub transcript: Vec<TranscriptEntry>,
    /// The run over the rounds.
    pub trace: Vec<RoundTrace>,
}

/// A run that ended without an answer: why, and its record up to there.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedRun {
    /// Why.
    pub error: ConsensusError,
    /// The record so far.
    pub record: Run,
}

/// Adds agent n's part `B_n x` of the rows: what the study looks at, not the agents.
pub type ActivityOf<'a> = dyn Fn(usize, &[f64], &mut [f64]) + 'a;

/// Runs the agents until all are done; `activity` serves the trace only.
///
/// # Errors
/// The first error of an agent, with the record so far.
pub fn run(
    agents: &mut [Box<dyn Agent + '_>],
    graph: &CommunicationGraph,
    rows: &CoupledRows,
    activity: &ActivityOf<'_>,
) -> Result<Run, Box<FailedRun>> {
    let mut record = Run {
        rounds: 0,
        hops: 1,
        bytes_sent: vec![0; agents.len()],
        x: Vec::new(),
        multipliers: Vec::new(),
        transcript: Vec::new(),
        trace: Vec::new(),
    };
    let outcome = advance(agents, graph, rows, activity, &mut record);
    // Where the agents stand is part of the record whether they agreed or not.
    record.x = agents.iter().map(|agent| agent.observe().x.to_vec()).collect();
    record.multipliers = record.trace.last().map(|t| t.multipliers.clone()).unwrap_or_default();
    match outcome {
        Ok(()) => Ok(record),
        Err(error) => Err(Box::new(FailedRun { error, record })),
    }
}

fn advance(
    agents: &mut [Box<dyn Agent + '_>],
    graph: &CommunicationGraph,
    rows: &CoupledRows,
    activity: &ActivityOf<'_>,
    record: &mut Run,
) -> Result<(), ConsensusError> {
    if graph.agents() != agents.len() {
        return Err(ConsensusError::BadShape {
            what: "agents of the communication graph",
            expected: agents.len(),
            found: graph.agents(),
        });
    }
    let mut bodies = Vec::with_capacity(agents.len());
    for agent in agents.iter_mut() {
        bodies.push(agent.start()?);
    }
    record.trace.push(observe(0, agents, rows, activity));
    loop {
        let round = record.rounds + 1;
        let mut inboxes: Vec<Vec<Message>> = vec![Vec::new(); agents.len()];
        for (from, body) in bodies.iter().enumerate() {
            let message = Message { sender: index_of(from)?, round: count_of(round)?, body: body.clone() };
            let bytes = message.encode(rows.len())?;
            let deliver = |to: usize, by: usize, record: &mut Run| -> Result<Message, ConsensusError> {
                record.transcript.push(TranscriptEntry {
                    round,
                    from,
                    by,
                    to,
                    kind: body.kind(),
                    bytes: bytes.len(),
                    fields: body.fields(),
                });
                record.bytes_sent[from] += bytes.len();
                Message::decode(&bytes, rows.len())
            };
            match agents[from].audience() {
                Audience::Neighbours => {
                    for &to in graph.neighbours(from) {
                        inboxes[to].push(deliver(to, from, record)?);
                    }
                }
                Audience::Everyone => {
                    let distance = graph.distances(from);
                    for to in (0..agents.len()).filter(|&to| to != from) {
                        let nearer = |by: &&usize| distance[**by] < distance[to];
                        let by = graph.neighbours(to).iter().find(nearer).copied().unwrap_or(from);
                        record.hops = record.hops.max(distance[to].unwrap_or(1));
                        inboxes[to].push(deliver(to, by, record)?);
                    }
                }
            }
        }
        record.rounds = round;
        let mut finished = false;
        for ((agent, inbox), body) in agents.iter_mut().zip(&inboxes).zip(&mut bodies) {
            match agent.on_round(inbox)? {
                Some(next) => *body = next,
                None => finished = true,
            }
        }
        record.trace.push(observe(round, agents, rows, activity));
        if finished || agents.iter().all(|agent| agent.done()) {
            return Ok(());
        }
    }
}

fn index_of(agent: usize) -> Result<u16, ConsensusError> {
    u16::try_from(agent).map_err(|_| ConsensusError::BadGraph(format!("agent {agent} has no 16-bit number")))
}

fn count_of(round: usize) -> Result<u32, ConsensusError> {
    u32::try_from(round).map_err(|_| ConsensusError::BadMessage(format!("round {round} has no 32-bit number")))
}

fn observe(round: usize, agents: &[Box<dyn Agent + '_>], rows: &CoupledRows, activity: &ActivityOf<'_>) -> RoundTrace {
    let m = rows.len();
    let mut total = vec![0.0; m];
    let (mut low, mut high, mut mean) = (vec![f64::INFINITY; m], vec![f64::NEG_INFINITY; m], vec![0.0; m]);
    let mut cost = 0.0;
    for (index, agent) in agents.iter().enumerate() {
        let seen = agent.observe();
        activity(index, seen.x, &mut total);
        cost += seen.cost;
        for (i, &lambda) in seen.multipliers.iter().enumerate().take(m) {
            low[i] = low[i].min(lambda);
            high[i] = high[i].max(lambda);
            mean[i] += lambda / agents.len() as f64;
        }
    }
    RoundTrace {
        round,
        multipliers: mean,
        disagreement: high.iter().zip(&low).fold(0.0, |worst, (high, low)| worst.max(high - low)),
        violation: rows.violation(&total),
        cost,
    }
}

/// Number of rounds after which cost and violation stay within `tolerance` of the central optimum: the cost relative to
/// `|central_cost|`, the violation relative to `row_scale` (the unit in which a violation counts). `None` if they never do.
#[must_use]
pub fn rounds_to_accuracy(
    trace: impl DoubleEndedIterator<Item = (usize, f64, f64)>,
    central_cost: f64,
    row_scale: f64,
    tolerance: f64,
) -> Option<usize> {
    let mut first = None;
    for (round, cost, violation) in trace.rev() {
        let near = (cost - central_cost).abs() <= tolerance * central_cost.abs() && violation <= tolerance * row_scale;
        if !near {
            break;
        }
        first = Some(round);
    }
    first
}

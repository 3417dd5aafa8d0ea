//! Operator and agents in one process: every message is really encoded, handed over in memory, and decoded.
//!
//! The result does not depend on the number of threads: agents work side by side between two exchanges, and their messages are
//! delivered in the order of their seats.

use crate::agent_dispatch::AgentDispatch;
use crate::agent_training::AgentTraining;
use crate::error::PartyError;
use crate::operator_dispatch::OperatorDispatch;
use crate::operator_training::OperatorTraining;
use crate::party::{Event, Output, Party};
use rayon::prelude::*;

/// Every message on its way, as a test or an audit sees it.
pub type Recorder<'a> = dyn FnMut(Party, Party, &'static str, &[u8]) + 'a;

/// Trains until all agents have kept their policies, or `stop` says so after a round.
///
/// # Errors
/// What ends the run of a participant.
pub fn train_in_memory(
    operator: &mut OperatorTraining<'_>,
    agents: &mut [AgentTraining<'_>],
    record: &mut Recorder<'_>,
    stop: &mut dyn FnMut(&OperatorTraining<'_>, &[AgentTraining<'_>]) -> bool,
) -> Result<(), PartyError> {
    let mut out = Vec::new();
    operator.on_event(0, Event::Start, &mut out)?;
    let mut closed = operator.note;
    while !operator.is_done() {
        let mut inboxes: Vec<Vec<Vec<u8>>> = vec![Vec::new(); agents.len()];
        for output in out.drain(..) {
            if let Output::Send { to: Party::Agent(n), kind, bytes } = output {
                record(Party::Operator, Party::Agent(n), kind, &bytes);
                inboxes[n].push(bytes);
            }
        }
        let answers: Vec<Result<Vec<Output>, PartyError>> = agents
            .par_iter_mut()
            .zip(&inboxes)
            .map(|(agent, inbox)| {
                let mut out = Vec::new();
                for bytes in inbox {
                    agent.on_event(0, Event::Message { from: Party::Operator, bytes }, &mut out)?;
                }
                Ok(out)
            })
            .collect();
        for (n, answer) in answers.into_iter().enumerate() {
            for output in answer? {
                if let Output::Send { to: Party::Operator, kind, bytes } = output {
                    record(Party::Agent(n), Party::Operator, kind, &bytes);
                    operator.on_event(0, Event::Message { from: Party::Agent(n), bytes: &bytes }, &mut out)?;
                }
            }
        }
        if operator.note != closed {
            closed = operator.note;
            if stop(operator, agents) {
                break;
            }
        }
    }
    Ok(())
}

/// Dispatches all rows of the operator's run; where nobody has anything to say, time passes.
///
/// # Errors
/// What ends the run of a participant.
pub fn dispatch_in_memory(
    operator: &mut OperatorDispatch<'_>,
    agents: &mut [AgentDispatch<'_>],
    record: &mut Recorder<'_>,
) -> Result<(), PartyError> {
    let (mut now_ms, mut out) = (0, Vec::new());
    operator.on_event(now_ms, Event::Start, &mut out)?;
    while !operator.is_done() || !out.is_empty() {
        let mut answers = Vec::new();
        if out.is_empty() {
            now_ms += TICK_MS;
            operator.on_event(now_ms, Event::Tick, &mut out)?;
            for (n, agent) in agents.iter_mut().enumerate() {
                let mut own = Vec::new();
                agent.on_event(now_ms, Event::Tick, &mut own)?;
                answers.extend(own.into_iter().map(|output| (n, output)));
            }
        }
        for output in std::mem::take(&mut out) {
            if let Output::Send { to: Party::Agent(n), kind, bytes } = output {
                record(Party::Operator, Party::Agent(n), kind, &bytes);
                let mut own = Vec::new();
                agents[n].on_event(now_ms, Event::Message { from: Party::Operator, bytes: &bytes }, &mut own)?;
                answers.extend(own.into_iter().map(|output| (n, output)));
            }
        }
        for (n, output) in answers {
            if let Output::Send { to: Party::Operator, kind, bytes } = output {
                record(Party::Agent(n), Party::Operator, kind, &bytes);
                operator.on_event(now_ms, Event::Message { from: Party::Agent(n), bytes: &bytes }, &mut out)?;
            }
        }
    }
    Ok(())
}

/// Time that passes in one process while nobody has anything to say, ms.
const TICK_MS: u64 = 50;

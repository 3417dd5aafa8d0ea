//! No agent waits beyond its deadline after the first question of a row, nor beyond the longest silence without one. A restart begins
//! either anew, the deadline if the agent had answered before.

use crate::simulation::patience::Patience;
use crate::simulation::record::OfAgent;

/// After a tick: what is still open must not be due.
pub fn check(n: usize, agent: &OfAgent, patience: &Patience, now_ms: u64) -> Result<(), String> {
    let (deadline_ms, silence_ms) = (patience.agent.deadline_ms, patience.agent.silence_ms);
    let (since_ms, most_ms) = match agent.asked_ms {
        Some(asked_ms) => (asked_ms, deadline_ms),
        None if agent.restarted => (agent.idle_since_ms, silence_ms.max(deadline_ms)),
        None => (agent.idle_since_ms, silence_ms),
    };
    if now_ms - since_ms >= most_ms {
        return Err(format!("agent {n} still waits after {} ms of {most_ms}", now_ms - since_ms));
    }
    Ok(())
}

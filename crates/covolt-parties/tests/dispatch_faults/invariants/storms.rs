//! Messages per row are bounded: the operator's by its exchanges and retries, an agent's by what it hears.

use crate::simulation::patience::Patience;
use crate::simulation::record::Record;
use crate::simulation::world::SEATS;

/// `restarts` of agents, and messages of theirs that strayed: each may be asked once more.
pub fn check(record: &Record, patience: &Patience, tick_ms: u64, causes: u64) -> Result<(), String> {
    let settings = &patience.operator;
    let retries = settings.answer_ms / settings.retry_ms.max(tick_ms) + 2;
    let most = SEATS as u64 * u64::from(settings.most_exchanges.max(1)) * retries + causes;
    match record.asked.iter().find(|(_, count)| **count > most) {
        Some((at, count)) => Err(format!("{count} questions for (run, row) {at:?}, {most} are plausible")),
        None => Ok(()),
    }
}

/// An agent says at most one thing for each that happens to it.
pub fn check_answers(sent: usize) -> Result<(), String> {
    if sent > 1 { Err(format!("an agent said {sent} things at once")) } else { Ok(()) }
}

//! Messages stay in proportion to what causes them, and end when the run does: nobody answers answers for ever.

use crate::simulation::weather::{ALL, Weather};
use crate::simulation::world::{CALM, SEATS};

/// What happened in a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    pub sent: u64,
    /// Messages doubled, delivered late or made up, each a cause of its own.
    pub strays: u64,
    pub crashes: u64,
}

/// Answers that one cause may lead to.
const PER_CAUSE: u64 = 2;

/// Messages that a run of this length may take.
pub fn bound(traffic: &Traffic, weather: &Weather, now_ms: u64) -> u64 {
    let periods = now_ms / weather.timing.retry_ms.max(weather.tick_ms)
        + now_ms / weather.timing.heartbeat_ms.max(weather.tick_ms);
    let causes = CALM.messages + traffic.strays + traffic.crashes * ALL as u64 * 2 + periods * SEATS as u64;
    PER_CAUSE * causes
}

pub fn check(traffic: &Traffic, weather: &Weather, now_ms: u64) -> Result<(), String> {
    let most = bound(traffic, weather, now_ms);
    if traffic.sent > most {
        return Err(format!("{} messages were sent, {most} are plausible: {traffic:?}", traffic.sent));
    }
    Ok(())
}

/// After the end and the last delivery.
pub fn check_silence(sent_after: u64) -> Result<(), String> {
    if sent_after > 0 {
        return Err(format!("{sent_after} messages were sent after the run was over"));
    }
    Ok(())
}

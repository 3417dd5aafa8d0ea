//! Rounds do not go back: not within a life, and not over a restart once what the streams hold was gone through.
//!
//! An operator that went on without some cannot repeat its rounds from the streams; it learns from the agents where they stand.

use crate::simulation::participant::Process;
use crate::simulation::run::Mode;
use crate::simulation::weather::OPERATOR;

/// `before`: the round before the step, unless the process just started.
pub fn check(process: &mut Process, before: Option<u32>, mode: Mode) -> Result<(), String> {
    let Some(machine) = &process.machine else { return Ok(()) };
    let now = machine.round();
    if before.is_some_and(|before| now < before) {
        return Err(format!("round {} became {now}", before.unwrap_or(0)));
    }
    if now < process.reached && !(mode == Mode::GoOn && process.who == OPERATOR) {
        return Err(format!("stands at round {now} after a restart, and had reached {}", process.reached));
    }
    process.reached = process.reached.max(now);
    Ok(())
}

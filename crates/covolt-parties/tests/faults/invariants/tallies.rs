//! A participant's tally is what it sent in this life, no more and no less.

use crate::simulation::participant::Process;

pub fn check(process: &Process) -> Result<(), String> {
    let Some(machine) = &process.machine else { return Ok(()) };
    if *machine.tally() != process.sent {
        return Err(format!("the tally says {:?}, {:?} was sent", machine.tally(), process.sent));
    }
    Ok(())
}

//! What nobody in this run sent changes no state, asks for no checkpoint and ends nothing.

use crate::simulation::desk::Desk;
use crate::simulation::participant::Machine;
use covolt_parties::Output;
use covolt_parties::driver::Participant;

/// Everything of a machine that can be seen.
#[derive(PartialEq)]
pub struct Seen {
    checkpoint: Option<Vec<u8>>,
    row: usize,
    done: usize,
    over: bool,
}

pub fn look(machine: &Machine) -> Seen {
    Seen { checkpoint: machine.checkpoint(), row: machine.row(), done: machine.done(), over: machine.is_over() }
}

pub fn check(before: &Seen, machine: &Machine, desk: &Desk<'_>) -> Result<(), String> {
    if *before != look(machine) {
        return Err("garbage changed a state".into());
    }
    if desk.kept_checkpoint || desk.notices.contains(&Output::Finished) {
        return Err("garbage led to a checkpoint or to an end".into());
    }
    Ok(())
}

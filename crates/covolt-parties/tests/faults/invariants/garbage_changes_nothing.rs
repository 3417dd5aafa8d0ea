//! What nobody in this run sent changes no state, asks for no checkpoint and ends nothing. An agent that is not in the run yet joins any
//! later one than its own, and is not asked.

use crate::simulation::desk::Desk;
use crate::simulation::participant::Machine;
use covolt_parties::Output;
use covolt_parties::driver::Participant;

/// Everything of a machine that can be seen.
#[derive(PartialEq)]
pub struct Seen {
    checkpoint: Option<Vec<u8>>,
    awaiting: Option<(u32, u16, Vec<usize>)>,
    round: u32,
    over: bool,
    shown: String,
}

pub fn look(machine: &Machine) -> Seen {
    let (awaiting, shown) = match machine {
        Machine::Operator(operator) => (Some(operator.awaiting()), format!("{:?}", operator.note)),
        Machine::Agent(agent) => (None, format!("{:?}", agent.returns)),
    };
    Seen { checkpoint: machine.checkpoint(), awaiting, round: machine.round(), over: machine.is_over(), shown }
}

pub fn check(before: &Seen, machine: &Machine, desk: &Desk<'_>) -> Result<(), String> {
    if *before != look(machine) {
        return Err("garbage changed a state".into());
    }
    if desk.kept_checkpoint || desk.caught_up || desk.notices.contains(&Output::Finished) {
        return Err("garbage led to a checkpoint, to catching up, or to an end".into());
    }
    Ok(())
}

//! A run that waits for all ends where the run without faults does: every parameter, multiplier and moment, bit for bit.

use crate::simulation::participant::{Machine, Process};
use crate::simulation::world::CALM;
use covolt_parties::driver::Participant;

pub fn check(processes: &[Process]) -> Result<(), String> {
    for process in processes {
        let machine = process.machine.as_ref().ok_or("nobody lives there")?;
        let (expected, exchanges) = match machine {
            Machine::Operator(operator) => (&CALM.operator, operator.exchanges),
            Machine::Agent(_) => (&CALM.agents[process.who], CALM.exchanges),
        };
        if exchanges != CALM.exchanges {
            return Err(format!("{exchanges} exchanges, {} without faults", CALM.exchanges));
        }
        if machine.checkpoint().as_ref() != Some(expected) {
            return Err(format!("participant {} ends in another state than without faults", process.who));
        }
        if process.store.checkpoint.as_ref() != Some(expected) {
            return Err(format!("participant {} has not kept what it ends with", process.who));
        }
    }
    Ok(())
}

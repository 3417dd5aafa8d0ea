//! Every message decodes at its receiver, is of the closed list and of the kind that its sender said, and of this case.

use crate::simulation::KINDS;
use crate::simulation::world::{FINGERPRINT, WORLD};
use covolt_parties::Party;
use covolt_wire::{decode_down, decode_up};

/// `to`: whose message it is to read.
pub fn check(from: Party, to: Party, kind: &str, bytes: &[u8]) -> Result<(), String> {
    let (header, found) = match (from, to) {
        (Party::Operator, Party::Agent(_)) => {
            let message = decode_down(bytes, &WORLD.shape).map_err(|e| format!("{kind} does not decode: {e}"))?;
            (message.header, message.body.kind())
        }
        (Party::Agent(_), Party::Operator) => {
            let message = decode_up(bytes, &WORLD.shape).map_err(|e| format!("{kind} does not decode: {e}"))?;
            (message.header, message.body.kind())
        }
        _ => return Err(format!("{from:?} speaks to {to:?}")),
    };
    if found != kind || !KINDS.contains(&kind) {
        return Err(format!("a message of kind {found} was called {kind}"));
    }
    if header.fingerprint != FINGERPRINT {
        return Err(format!("a message of kind {kind} is of another case"));
    }
    Ok(())
}

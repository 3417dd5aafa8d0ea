//! Messages that nobody in this run sent: random bytes, damaged ones, those of other runs, cases and senders.
//!
//! What cannot be told from a message of this run is not among them: that nobody forges is for the transport to ensure
//! (`docs/messages.md`).

use super::network::{Flight, party_of};
use super::participant::passes_for_ours;
use super::weather::OPERATOR;
use super::world::{RUN, WORLD};
use covolt_parties::Party;
use covolt_wire::{Down, Envelope, Header, Up, decode_down, decode_up, encode_down, encode_up};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::rc::Rc;

/// Garbage for `to`, made of messages that were once sent to it (`seen`) or to others.
pub fn make(to: usize, seen: &[Vec<Rc<[u8]>>], rng: &mut ChaCha8Rng) -> Option<Flight> {
    let pick = |of: usize, rng: &mut ChaCha8Rng| {
        let list = &seen[of];
        (!list.is_empty()).then(|| list[rng.random_range(0..list.len())].to_vec())
    };
    let mut from = if to == OPERATOR { Party::Agent(rng.random_range(0..OPERATOR)) } else { Party::Operator };
    let bytes = match rng.random_range(0..8) {
        0 => (0..rng.random_range(0..200)).map(|_| rng.random()).collect(),
        1 => flipped(pick(to, rng)?, rng),
        2 => {
            let mut bytes = pick(to, rng)?;
            bytes.truncate(rng.random_range(0..bytes.len()));
            bytes
        }
        3 => of_another_run(to, &pick(to, rng)?, rng)?,
        4 => {
            let mut bytes = pick(to, rng)?;
            bytes[1] ^= 1;
            bytes
        }
        // The right bytes from the wrong sender.
        5 => {
            from = if to == OPERATOR { Party::Operator } else { Party::Agent(rng.random_range(0..OPERATOR)) };
            pick(to, rng)?
        }
        // What was for others.
        6 => pick(if to == OPERATOR { rng.random_range(0..OPERATOR) } else { OPERATOR }, rng)?,
        _ => {
            from = Party::Agent(OPERATOR + 7);
            pick(to, rng)?
        }
    };
    let vouched =
        from == Party::Operator && to != OPERATOR || matches!(from, Party::Agent(n) if to == OPERATOR && n < OPERATOR);
    if vouched && passes_for_ours(to, &bytes) {
        return None;
    }
    Some(Flight { to, from, bytes: bytes.into(), number: None, garbage: true })
}

/// Garbage that the server took for a message, so that it lies in the stream.
pub fn reaches_stream(flight: &Flight) -> bool {
    flight.from == Party::Operator && flight.to != OPERATOR
        || flight.to == OPERATOR && flight.from != party_of(OPERATOR)
}

fn flipped(mut bytes: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len());
        bytes[at] ^= 1 << rng.random_range(0..8);
    }
    bytes
}

/// A message as an earlier run had it, or one of a later run that does not fit the data.
fn of_another_run(to: usize, bytes: &[u8], rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let shape = &WORLD.shape;
    let elsewhere = |header: Header, rng: &mut ChaCha8Rng| Header { run: rng.random_range(0..RUN), ..header };
    if to == OPERATOR {
        let Envelope { header, body } = decode_up(bytes, shape).ok()?;
        let header = elsewhere(header, rng);
        let body = match rng.random_range(0..6) {
            0 => Up::Kept,
            1 => Up::Absent(covolt_wire::Absence::Behind),
            2 => Up::Here { updates: rng.random_range(0..9), has_plan: true },
            _ => body,
        };
        return encode_up(&Envelope { header, body }, shape).ok();
    }
    let Envelope { header, body } = decode_down(bytes, shape).ok()?;
    let header = elsewhere(header, rng);
    let (header, body) = match rng.random_range(0..6) {
        0 => (header, Down::Begin(Box::new(WORLD.plan.clone()))),
        1 => {
            let mut plan = WORLD.plan.clone();
            plan.rows[rng.random_range(0..4)] = rng.random_range(22..500);
            (Header { run: RUN + 1, ..header }, Down::Begin(Box::new(plan)))
        }
        2 => (header, Down::Finish { settled: None }),
        _ => (header, body),
    };
    encode_down(&Envelope { header, body }, shape).ok()
}

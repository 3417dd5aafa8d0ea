//! Events and messages by hand, for tests of one fault.

use super::world::{FINGERPRINT, WORLD};
use covolt_parties::driver::Participant;
use covolt_parties::{Event, Output, Party};
use covolt_wire::{Down, Envelope, Header, Up, decode_down, decode_up, encode_down, encode_up};

pub fn header(run: u64, round: u32, exchange: u16) -> Header {
    Header { fingerprint: FINGERPRINT, run, round, exchange }
}

pub fn down(header: Header, body: Down) -> Vec<u8> {
    encode_down(&Envelope { header, body }, &WORLD.shape).unwrap()
}

pub fn up(header: Header, body: Up) -> Vec<u8> {
    encode_up(&Envelope { header, body }, &WORLD.shape).unwrap()
}

pub fn hear(machine: &mut impl Participant, now_ms: u64, from: Party, bytes: &[u8]) -> Vec<Output> {
    let mut out = Vec::new();
    machine.on_event(now_ms, Event::Message { from, bytes }, &mut out).unwrap();
    out
}

pub fn tick(machine: &mut impl Participant, now_ms: u64) -> Vec<Output> {
    let mut out = Vec::new();
    machine.on_event(now_ms, Event::Tick, &mut out).unwrap();
    out
}

pub fn sent(out: &[Output]) -> impl Iterator<Item = (Party, &[u8])> {
    out.iter().filter_map(|output| match output {
        Output::Send { to, bytes, .. } => Some((*to, bytes.as_slice())),
        _ => None,
    })
}

/// What is said to agent `n`.
pub fn to_agent(out: &[Output], n: usize) -> Vec<Envelope<Down>> {
    sent(out).filter(|(to, _)| *to == Party::Agent(n)).map(|(_, b)| decode_down(b, &WORLD.shape).unwrap()).collect()
}

pub fn to_operator(out: &[Output]) -> Vec<Up> {
    sent(out).map(|(_, bytes)| decode_up(bytes, &WORLD.shape).unwrap().body).collect()
}

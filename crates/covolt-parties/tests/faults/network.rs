//! What becomes of a message: kept by the server unless it is lost on the way there; then delivered late, twice, or never.

use super::store::Store;
use super::weather::{OPERATOR, Weather};
use covolt_parties::Party;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::rc::Rc;

/// A message on its way from the server.
#[derive(Clone)]
pub struct Flight {
    pub to: usize,
    pub from: Party,
    pub bytes: Rc<[u8]>,
    /// Its number in the stream.
    pub number: Option<u64>,
    /// Made up: nothing may change by it.
    pub garbage: bool,
}

pub fn number_of(party: Party) -> usize {
    match party {
        Party::Operator => OPERATOR,
        Party::Agent(n) => n,
    }
}

pub fn party_of(number: usize) -> Party {
    if number == OPERATOR { Party::Operator } else { Party::Agent(number) }
}

/// Sends over the server; returns deliveries with their delays.
pub fn send(
    (from, to): (usize, usize),
    bytes: Rc<[u8]>,
    weather: &Weather,
    now_ms: u64,
    store: &mut Store,
    rng: &mut ChaCha8Rng,
) -> Vec<(u64, Flight)> {
    let ended = now_ms >= weather.ends_ms;
    let spared = weather.spared[from.min(to)]; // the agent of the two
    let foul = !ended && !spared;
    let mut hits = |rate: f64| foul && rng.random_bool(rate);
    if weather.cut_off(from, now_ms) || hits(weather.lost_before) {
        return Vec::new();
    }
    let number = Some(store.append(party_of(from), bytes.clone()));
    let flight = Flight { to, from: party_of(from), bytes, number, garbage: false };
    let copies = 1 + usize::from(hits(weather.doubled));
    let mut flights = Vec::new();
    for _ in 0..copies {
        if hits(weather.lost_behind) {
            continue;
        }
        let late = if hits(weather.late) { weather.late_ms } else { 0 };
        flights.push((late, flight.clone()));
    }
    let slow = if spared { 1 } else { weather.slow[from].max(weather.slow[to]) };
    let delay = |rng: &mut ChaCha8Rng, late: u64| {
        let late = if late > 0 { rng.random_range(0..late) } else { 0 };
        rng.random_range(1..=weather.delay_ms) * slow + late
    };
    flights.into_iter().map(|(late, flight)| (delay(rng, late), flight)).collect()
}

//! What an authentic agent may send and cannot mean: numbers that decode and that no feeder carries.

use super::world::WORLD;
use covolt_wire::{Up, decode_up, encode_up};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::rc::Rc;

/// The answer with one of its kinds of numbers out of this world.
pub fn absurd(bytes: &[u8], rng: &mut ChaCha8Rng) -> Option<Rc<[u8]>> {
    let mut message = decode_up(bytes, &WORLD.shape).ok()?;
    let Up::Dispatch(answer) = &mut message.body else { return None };
    let size = [1e15, -1e15, 1e9, 1e7][rng.random_range(0..4)];
    let at = rng.random_range(0..answer.points.len());
    match rng.random_range(0..6) {
        0 => answer.points[at].p_kw = size,
        1 => answer.points[at].q_kvar = size,
        2 => (answer.points[at].p_kw, answer.points[at].dp_dv) = (size, size),
        3 => answer.points[at].slope = size,
        4 => answer.excess[at] = size,
        _ => answer.response.iter_mut().for_each(|entry| *entry = size),
    }
    Some(encode_up(&message, &WORLD.shape).ok()?.into())
}

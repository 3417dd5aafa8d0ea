//! Multipliers are finite, not negative, and not above their cap.

use crate::simulation::participant::Machine;
use crate::simulation::world::WORLD;

/// A mean of numbers at the cap may be rounded up.
const ROUNDING: f64 = 1e-12;

pub fn check(machine: &Machine) -> Result<(), String> {
    let cap = WORLD.plan.multiplier_cap;
    let all = machine.multipliers().iter().flat_map(|of| &of.entries);
    match all.map(|entry| entry.2).find(|price| !(0.0..=cap * (1.0 + ROUNDING)).contains(price)) {
        Some(price) => Err(format!("a multiplier is {price}, the cap {cap}")),
        None => Ok(()),
    }
}

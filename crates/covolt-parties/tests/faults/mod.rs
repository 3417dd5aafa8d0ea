//! The simulation: a world of its own, its clock, its weather, and what must hold in it.
//!
//! | question | file |
//! |---|---|
//! | who trains on what, and with which result when nothing goes wrong? | `world` |
//! | what comes next? | `clock` |
//! | how bad is it? | `weather` |
//! | what becomes of a message? | `network`, `garbage` |
//! | what outlives a crash? | `store` |
//! | who lives, and what does it see of the world? | `machine`, `participant`, `desk` |
//! | in which order does all of it happen, and how often? | `run`, `repeat` |
//! | what must hold? | `invariants`, one file each |
//! | what went wrong once? | `regress`, `by_hand` |
//!
//! Clock, weather, network, garbage, store, machine, desk and the parts of the world serve the simulation of dispatch (`dispatch_faults`), too.

pub mod by_hand;
pub mod clock;
pub mod desk;
pub mod garbage;
pub mod invariants;
pub mod machine;
pub mod network;
pub mod participant;
mod regress;
pub mod repeat;
pub mod run;
pub mod store;
pub mod weather;
pub mod world;

/// Where it is run from, for the command that repeats a run.
const TEST_FILE: &str = "faults";
/// Steps of a window.
const STEPS: usize = 2;
/// Voltages of the fleet stay within, pu.
const BAND_PU: (f64, f64) = (0.95, 1.05);
/// What decodes at an operator and at an agent is called this.
const KINDS: [&str; 8] = ["begin", "voltages", "finish", "where are you", "here", "powers", "kept", "absent"];

#[path = "../../../covolt-fleet/tests/common/mod.rs"]
mod fleet;

//! The simulation: a world of its own, its clock, its weather, and what must hold in it.
//!
//! | question | file |
//! |---|---|
//! | who trains on what, and with which result when nothing goes wrong? | `world` |
//! | what comes next? | `clock` |
//! | how bad is it? | `weather` |
//! | what becomes of a message? | `network`, `garbage` |
//! | what outlives a crash? | `store` |
//! | who lives, and what does it see of the world? | `participant` |
//! | in which order does all of it happen? | `run` |
//! | what must hold? | `invariants`, one file each |
//! | what went wrong once? | `regress` |

pub mod clock;
pub mod garbage;
pub mod invariants;
pub mod network;
pub mod participant;
mod regress;
pub mod run;
pub mod store;
pub mod weather;
pub mod world;

#[path = "../../../covolt-fleet/tests/common/mod.rs"]
mod fleet;

//! The simulation of dispatch: the world, clock and weather of the simulation of training, other machines, other invariants.
//!
//! | question | file |
//! |---|---|
//! | what is shared with the simulation of training? | `tests/faults`: `world`, `clock`, `weather`, `network`, `garbage`, `store`, `machine`, `desk`, `repeat`, `by_hand` |
//! | how patient are operator and agents, what do they dispatch? | `patience` |
//! | who lives? | `participant` |
//! | what may an authentic agent send that cannot be? | `liar` |
//! | what was said, settled and applied? | `record` |
//! | in which order does all of it happen? | `run` |
//! | what must hold? | `invariants`, one file each |
//! | what went wrong once? | `regress` |

#![allow(dead_code)] // the shared files serve training, too

#[path = "../faults/by_hand.rs"]
pub mod by_hand;
#[path = "../faults/clock.rs"]
pub mod clock;
#[path = "../faults/desk.rs"]
pub mod desk;
#[path = "../../../covolt-fleet/tests/common/mod.rs"]
mod fleet;
#[path = "../faults/garbage.rs"]
pub mod garbage;
pub mod invariants;
pub mod liar;
#[path = "../faults/machine.rs"]
pub mod machine;
#[path = "../faults/network.rs"]
pub mod network;
pub mod participant;
pub mod patience;
pub mod record;
mod regress;
#[path = "../faults/repeat.rs"]
pub mod repeat;
pub mod run;
#[path = "../faults/store.rs"]
pub mod store;
#[path = "../faults/weather.rs"]
pub mod weather;
#[path = "../faults/world.rs"]
pub mod world;

/// Where it is run from, for the command that repeats a run.
const TEST_FILE: &str = "dispatch_faults";
/// Steps of a window.
const STEPS: usize = 2;
/// Voltages of the fleet stay within, pu: so near to each other that prices are needed in some rows.
const BAND_PU: (f64, f64) = (0.98, 1.03);
/// What dispatch says.
const KINDS: [&str; 5] = ["ask", "settled", "here", "dispatch", "absent"];

//! Everything that crosses between an agent and the operator of the feeder, and nothing else.
//!
//! | question | file |
//! |---|---|
//! | what may the operator say? | [`down`] |
//! | what may an agent say? | [`up`] |
//! | how does a message look as bytes? | [`envelope`] |
//! | which lengths and numbers are refused? | `plausibility` |
//! | what is every field, and what does it tell? | [`disclosure`] |
//! | how much of what did a participant send? | [`tally`] |
//!
//! [`Down`] and [`Up`] are closed: what has no field has no way out of an agent. Vectors hold one entry per window, step or pair of
//! steps; decoding checks every length against the window length, the number of windows and the size of the whole message, and
//! refuses numbers that are not finite or not plausible. The crate knows neither grids nor policies nor sockets. Byte by byte: `docs/messages.md`.

pub mod disclosure;
pub mod down;
pub mod envelope;
mod error;
mod plausibility;
pub mod tally;
pub mod up;

pub use down::{Certainty, Down, PriceOfPower, TrainingPlan};
pub use envelope::{Envelope, Header, MESSAGE_VERSION, Shape, decode_down, decode_up, encode_down, encode_up};
pub use error::WireError;
pub use tally::{Tally, TallyLine};
pub use up::{Absence, BoundaryPoint, DispatchAnswer, Up};

//! The operator of a feeder and the agents of its microgrids as state machines: events in, messages out.
//!
//! | question | file |
//! |---|---|
//! | what may happen to a participant, and what may it want? | [`party`] |
//! | when is something late, and what then? | [`timing`] |
//! | when are bytes a message? | `reception.rs` |
//! | how does an agent train? | [`agent_training`] |
//! | how may an agent tell less in training? | [`coarsening`] |
//! | how does the operator train all of them? | [`operator_training`] |
//! | how does a plan become settings and windows? | [`plan_windows`] |
//! | how does an agent dispatch, and what does it do alone? | [`agent_dispatch`] |
//! | how does the operator settle a row? | [`operator_dispatch`] |
//! | with which prices are limits mended? | `feeder_prices.rs` |
//! | how does all of it run in one process? | [`memory`] |
//! | how does a participant run in the world, and restart in it? | [`driver`] |
//!
//! No sockets, no files, no clocks: time comes in as milliseconds, bytes go out in [`Output`]. The same machines run over memory, over
//! NATS, and in the simulation of faults. What crosses is in `covolt-wire` alone.

pub mod agent_dispatch;
pub mod agent_training;
pub mod coarsening;
mod descent;
pub mod driver;
mod error;
mod feeder_prices;
mod feeder_rounds;
pub mod memory;
pub mod operator_dispatch;
pub mod operator_training;
pub mod party;
pub mod plan_windows;
mod reception;
pub mod timing;

pub use agent_dispatch::{AgentDispatch, AgentDispatchSettings, AppliedStep, How};
pub use agent_training::{AgentPlace, AgentTraining};
pub use coarsening::Coarsening;
pub use error::PartyError;
pub use operator_dispatch::{OperatorDispatch, OperatorDispatchSettings, RowNote};
pub use operator_training::{OperatorPlace, OperatorTraining, RoundNote};
pub use party::{Event, Output, Party};
pub use plan_windows::plan_of;
pub use timing::{OnAbsence, Timing};

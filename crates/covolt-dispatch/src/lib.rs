//! Dispatch: from a proposed joint action to one that is certified after the true AC power flow.
//!
//! | question | file |
//! |---|---|
//! | where does a proposal come from? | [`proposal`] |
//! | does an action keep the devices' own limits (5)-(14)? | [`local_limits`] |
//! | what is known about a decision? | [`certificate`] |
//! | who decides, and when is a proposal changed? | [`guard`] |
//! | how is a broken limit mended? | [`repair`] |
//! | what does an agent decide in its own part of a cut network? | [`own_part`] |
//! | is there a safe action at all? | `last_resort.rs` |
//! | how does a decision get cheaper? | [`polish`] |
//! | what does an agent know of the next hours? | [`forecast`] |
//! | what happens over a day? | [`mod@simulate`], [`simulation_record`] |
//! | what would somebody reach who knows the day? | [`perfect_information`] |
//! | what are the layers of dispatch worth? | [`layers`] |
//!
//! Guarantee: a [`Decision`] is made by [`guard::decide`] alone, so every decision carries a [`Certificate`] that was
//! written after the AC power flow and an independent check of every device limit; a decision that breaks a limit says
//! so, which limit and by how much. Nothing here trains and nothing reads or writes files.

pub mod certificate;
mod certify;
mod error;
pub mod forecast;
pub mod guard;
mod last_resort;
pub mod layers;
pub mod local_limits;
pub mod own_part;
mod parts;
pub mod perfect_information;
pub mod polish;
pub mod proposal;
pub mod repair;
pub mod simulate;
pub mod simulation_record;
mod start_state;
mod window_check;

pub use certificate::{Certificate, Layer, LimitReading, LimitUnit, Verdict};
pub use error::DispatchError;
pub use forecast::{Forecast, ForecastKind};
pub use guard::{Decision, GuardMode, GuardSettings, decide, propose_and_decide};
pub use layers::{LayerOutcome, LayerSettings, LayerSummary, WindowLayers, evaluate_window, evaluate_windows};
pub use own_part::{MOST_ROOM, OwnAnswer, OwnPart};
pub use perfect_information::{perfect_information_optimum, terminal_after};
pub use polish::PolishSettings;
pub use proposal::{MeritOrder, PolicyFleet, Proposer};
pub use repair::{RepairMetric, RepairSettings};
pub use simulate::simulate;
pub use simulation_record::{BranchReading, SimulationRecord, SimulationSettings, StepRecord};
pub use start_state::{advance, first_step, start_state};

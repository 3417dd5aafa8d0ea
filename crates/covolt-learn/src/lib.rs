//! Training: gradient factors, multipliers from the coordination, policy updates (Algorithm 1).
//!
//! | question | file | equations |
//! |---|---|---|
//! | which windows are trained on? | [`window_draws`], [`mod@scenarios`] | - |
//! | which of them does an episode see? | [`BatchOrder`] | - |
//! | are they held, or made anew for every batch? | `training_windows.rs` | - |
//! | what does one agent hold while it learns? | [`learner`] | (20)-(22) |
//! | how are policies updated by default? | [`exact_trainer`] | (15)-(18) |
//! | Algorithm 1 as the paper has it? | [`paper_trainer`] | (23)-(28), (50)-(55) |
//!
//! The crate knows no files and no transport.

mod batch_order;
pub mod error;
pub mod exact_trainer;
mod grid_answer;
pub mod learner;
mod paper_agent;
pub mod paper_trainer;
pub mod scenarios;
mod training_windows;
pub mod window_draws;

pub use batch_order::BatchOrder;
pub use error::LearnError;
pub use exact_trainer::{Episode, ExactSettings, ExactTrainer, TRAINING_TOLERANCE_PU};
pub use learner::{Learner, NetworkShape, Pace, untrained_policy};
pub use paper_trainer::{PaperTrainer, PaperTrainerSettings, SharedRow, UpdateProgram, VOLTAGE_UNIT_PU};
pub use scenarios::{DrawnWindow, Scenario, ScenarioSource, scenarios};
pub use training_windows::TrainingWindows;
pub use window_draws::{Seats, StateSpread, draw, draw_rare_rows, draw_rows, draw_windows};

//! When something is late, and what then. Milliseconds of whatever clock the participant is run by.

use crate::error::PartyError;
use serde::{Deserialize, Serialize};

/// What a training does without an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnAbsence {
    /// Waits until all have answered: the result is that of a run without faults.
    #[default]
    Wait,
    /// Goes on with those present, after so long; the power of the others is assumed to be what it was when the window was last seen.
    GoOn {
        /// Patience, ms.
        after_ms: u64,
    },
}

/// Settings of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// A message without an answer is sent again after this, ms. Default 1000.
    pub retry_ms: u64,
    /// What a training does without an agent. Default: wait.
    pub on_absence: OnAbsence,
    /// Rounds between two checkpoints. Default 20.
    pub checkpoint_rounds: u32,
    /// A participant says that it is here this often while nothing else happens, ms. Default 5000.
    pub heartbeat_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { retry_ms: 1000, on_absence: OnAbsence::Wait, checkpoint_rounds: 20, heartbeat_ms: 5000 }
    }
}

impl Timing {
    /// Refuses settings that would never let a run advance.
    ///
    /// # Errors
    /// The first setting outside its range.
    pub fn check(&self) -> Result<(), PartyError> {
        let least = [
            ("retry_ms", self.retry_ms as f64),
            ("checkpoint_rounds", f64::from(self.checkpoint_rounds)),
            ("heartbeat_ms", self.heartbeat_ms as f64),
        ];
        match least.into_iter().find(|(_, value)| *value < 1.0) {
            Some((setting, value)) => Err(PartyError::BadSetting { setting, value, range: "at least 1" }),
            None => Ok(()),
        }
    }
}

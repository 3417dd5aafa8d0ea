//! Training windows, held in memory or made anew for every batch.
//!
//! A scenario takes about 4 kB per microgrid, a drawn window 32 bytes. Which way is taken changes no number.

use crate::error::LearnError;
use crate::scenarios::{DrawnWindow, Scenario, ScenarioSource, scenarios};
use covolt_fleet::StateKind;
use rayon::prelude::*;

/// Where a trainer finds its windows.
#[derive(Debug, Clone, Copy)]
pub enum TrainingWindows<'a> {
    /// All in memory.
    Held(&'a [Scenario]),
    /// Each made when its batch comes.
    Drawn {
        /// Fleet and data.
        source: ScenarioSource<'a>,
        /// What the policies see.
        kind: StateKind,
        /// The windows.
        windows: &'a [DrawnWindow],
    },
}

impl<'a> From<&'a [Scenario]> for TrainingWindows<'a> {
    fn from(scenarios: &'a [Scenario]) -> Self {
        TrainingWindows::Held(scenarios)
    }
}

impl<'a> From<&'a Vec<Scenario>> for TrainingWindows<'a> {
    fn from(scenarios: &'a Vec<Scenario>) -> Self {
        TrainingWindows::Held(scenarios)
    }
}

impl<'a, const N: usize> From<&'a [Scenario; N]> for TrainingWindows<'a> {
    fn from(scenarios: &'a [Scenario; N]) -> Self {
        TrainingWindows::Held(scenarios)
    }
}

impl<'a> TrainingWindows<'a> {
    /// Number of windows.
    pub fn len(&self) -> usize {
        match self {
            TrainingWindows::Held(list) => list.len(),
            TrainingWindows::Drawn { windows, .. } => windows.len(),
        }
    }

    /// True without any window.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Window length, steps; zero without any window.
    pub fn steps(&self) -> usize {
        match self {
            TrainingWindows::Held(list) => list.first().map_or(0, |s| s.window.steps),
            TrainingWindows::Drawn { source, .. } => source.steps,
        }
    }

    /// The windows of a batch; those made for it are put into `made`.
    pub(crate) fn batch<'b>(
        &self,
        indices: &[usize],
        made: &'b mut Vec<Scenario>,
    ) -> Result<Vec<&'b Scenario>, LearnError>
    where
        'a: 'b,
    {
        match *self {
            TrainingWindows::Held(list) => Ok(indices.iter().map(|&i| &list[i]).collect()),
            TrainingWindows::Drawn { source, kind, windows } => {
                // The old ones go first: two batches of large systems are not held at once.
                made.clear();
                *made = scenarios(&source, kind, indices.par_iter().map(|&i| &windows[i]))?;
                Ok(made.iter().collect())
            }
        }
    }
}

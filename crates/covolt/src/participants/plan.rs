//! What is trained, from the operator's part alone: the windows are those that `covolt train` draws from the whole case.

use super::parts::OperatorPart;
use crate::exit::CliError;
use crate::training::{preset, training_rows};
use covolt_learn::ExactSettings;
use covolt_parties::plan_of;
use covolt_wire::{Shape, TrainingPlan};

/// Most training windows of a plan: both sides have to know a bound before the first message.
const MOST_WINDOWS: usize = 200_000;

/// Bounds of messages, the same for all participants.
pub fn shape(steps: usize, seats: usize) -> Shape {
    Shape { steps, most_windows: preset::of(seats).batch, most_rows: MOST_WINDOWS }
}

/// The plan of a training; `None` for the usual number of windows or updates.
pub fn training_plan(
    part: &OperatorPart,
    windows: Option<usize>,
    episodes: Option<usize>,
    seed: u64,
) -> Result<TrainingPlan, CliError> {
    let usual = preset::of(part.names().len());
    let count = windows.unwrap_or(usual.windows).max(1);
    if count > MOST_WINDOWS {
        return Err(CliError::bad_input(format!("--windows {count}: at most {MOST_WINDOWS}")));
    }
    let case = &part.case;
    let rows =
        training_rows(&case.profiles, |row| part.price(row), case.settings.steps, &case.days.train, count, seed)?;
    let settings = ExactSettings {
        episodes: episodes.unwrap_or(usual.episodes),
        batch: usual.batch.min(count),
        ..ExactSettings::default()
    };
    Ok(plan_of(&settings, seed, &rows))
}

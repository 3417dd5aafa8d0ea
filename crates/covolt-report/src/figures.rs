//! The figures of the report, one file each, every one a pure function of the record.
//!
//! A figure is a set of charts with common legends. The charts are separate SVG drawings, so that a page can
//! set them side by side or below each other, as its width allows.

mod capacity_reward;
mod constraint_returns;
mod day_balance;
mod day_storage;
mod learning_curve;
mod network_drawing;
mod parameters;
mod rounds;
mod tree_layout;
mod voltage_profile;

use crate::chart::{Key, Panel};
use crate::record::{Item, StudyRecord};

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Which figure.
    pub item: Item,
    /// Id of its place in the page.
    pub id: &'static str,
    /// Title.
    pub title: String,
    /// What to see in it.
    pub caption: String,
    /// Charts with a common legend; none = no data.
    pub groups: Vec<Group>,
}

/// Charts with a common legend.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    /// Heading, empty when the figure has one group only.
    pub heading: String,
    /// Legend.
    pub keys: Vec<Key>,
    /// Drawings (SVG).
    pub drawings: Vec<String>,
    /// True when a drawing takes the full width.
    pub wide: bool,
}

impl Group {
    fn small(heading: impl Into<String>, keys: Vec<Key>, panels: &[Panel]) -> Self {
        Self { heading: heading.into(), keys, drawings: panels.iter().map(Panel::svg).collect(), wide: false }
    }
}

/// All figures in the order of the report.
pub fn all(record: &StudyRecord) -> Vec<Figure> {
    vec![
        day_balance::draw(record),
        day_storage::draw(record),
        voltage_profile::draw(record),
        network_drawing::draw(record),
        learning_curve::draw(record),
        parameters::draw(record),
        capacity_reward::draw(record),
        constraint_returns::draw(record),
        rounds::draw(record),
    ]
}

/// Pairs of abscissa and ordinate; the shorter list ends the curve.
fn pairs(x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
    x.iter().copied().zip(y.iter().copied()).collect()
}

/// Pairs of episode number and value.
fn over_episodes(episode: &[usize], value: &[f64]) -> Vec<(f64, f64)> {
    episode.iter().map(|e| *e as f64).zip(value.iter().copied()).collect()
}

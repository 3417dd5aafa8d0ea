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

use crate::chart::Panel;
use crate::error::ReportError;
use crate::palette::Key;
use crate::palette::palette_css;
use crate::record::{Item, StudyRecord};
use std::path::Path;

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

/// Writes every drawing as an SVG file of its own into `dir` (made if missing), named after its id; returns the
/// file names. The files follow light and dark like the page.
pub fn write_figures(record: &StudyRecord, dir: &Path) -> Result<Vec<String>, ReportError> {
    std::fs::create_dir_all(dir).map_err(|source| ReportError::write(dir, source))?;
    let mut files = Vec::new();
    for figure in all(record) {
        for drawing in figure.groups.iter().flat_map(|group| &group.drawings) {
            let id = drawing.split('"').nth(1).unwrap_or(figure.id);
            let file = format!("{id}.svg");
            let path = dir.join(&file);
            std::fs::write(&path, standalone(drawing)).map_err(|source| ReportError::write(&path, source))?;
            files.push(file);
        }
    }
    Ok(files)
}

/// A drawing with what it takes from the page: the name of its format, font and colours.
fn standalone(drawing: &str) -> String {
    // With its own ground: a viewer may be light where the system prefers dark.
    let style = format!("<style>{}svg{{background:var(--paper)}}</style>", palette_css());
    let opening = "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\" ";
    let drawing = drawing.replacen("<svg ", opening, 1);
    drawing.replacen("</desc>", &format!("</desc>{style}"), 1)
}

/// Pairs of abscissa and ordinate; the shorter list ends the curve.
fn pairs(x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
    x.iter().copied().zip(y.iter().copied()).collect()
}

/// Pairs of episode number and value.
fn over_episodes(episode: &[usize], value: &[f64]) -> Vec<(f64, f64)> {
    episode.iter().map(|e| *e as f64).zip(value.iter().copied()).collect()
}

//! The head of the page: what was studied, and the handful of numbers that matter, each gap with its safety beside it.

use crate::record::{LayerFigures, StudyRecord};
use crate::table::{grouped, short};
use maud::{Markup, html};

/// Facts about case and run.
pub fn facts(record: &StudyRecord) -> Markup {
    let case = &record.case;
    html! {
        p class="facts" {
            "Case " strong { (if case.name.is_empty() { "(no name)" } else { &case.name }) } ": "
            (case.buses) " buses, " (case.microgrids) " microgrids. "
            (case.days_train) " days for training, " (case.days_validation) " for choosing settings, "
            (case.days_test) " for testing, read for neither."
            @if let Some(training) = &record.training { " Seed " (training.seed) "." }
            @if !record.command_line.is_empty() { " Made by " code { (record.command_line) } "." }
        }
        @if record.quick {
            p class="note" { "A shortened run for a first look: trained briefly, on fewer windows. Its numbers are not the results of the full study." }
        }
    }
}

struct Tile {
    name: String,
    value: String,
    unit: &'static str,
    safety: String,
    /// `None` where nothing can be safe or unsafe.
    safe: Option<bool>,
}

/// The tiles; a number that is not known has none.
pub fn tiles(record: &StudyRecord) -> Markup {
    let mut tiles = Vec::new();
    if let Some(study) = &record.windows {
        let layers = [
            ("Bare policy", &study.layers.bare),
            ("Policy, repaired", &study.layers.repaired),
            ("Policy, polished", &study.layers.polished),
        ];
        let shown = layers.iter().filter_map(|(name, layer)| Some(gap(name, layer.as_ref()?, study.count)));
        tiles.extend(shown);
    }
    if let Some(paper) = &record.paper_windows {
        tiles.extend(paper.layers.repaired.as_ref().map(|l| gap("Paper\u{2019}s trainer, repaired", l, paper.count)));
    }
    if let Some(closed) = &record.closed_loop {
        tiles.push(Tile {
            name: format!("Closed loop, {} days", closed.days),
            value: headline(closed.gap_perfect_information_percent),
            unit: "% above perfect information",
            safety: format!(
                "{} of {} steps violate a limit{}",
                closed.violating_steps,
                closed.steps,
                match closed.infeasible_steps {
                    0 => String::new(),
                    none => format!("; in {none} no safe dispatch existed"),
                }
            ),
            safe: Some(closed.violating_steps == 0),
        });
    }
    if let Some(bare) = record.decision_times.as_ref().and_then(|t| t.bare_certified.as_ref()) {
        let speedup = record.decision_times.as_ref().and_then(|t| t.speedup());
        tiles.push(Tile {
            name: "Certified decision, all agents".to_owned(),
            value: headline(bare.median),
            unit: "\u{b5}s (median)",
            safety: speedup.map_or(String::new(), |s| format!("{s:.0} times faster than the optimum")),
            safe: None,
        });
    }
    if let Some(training) = &record.training {
        tiles.push(Tile {
            name: "Training, all agents".to_owned(),
            value: headline(training.wall_s),
            unit: "s",
            safety: format!("{} episodes, at most {} MiB", training.episodes, headline(training.peak_memory_mib)),
            safe: None,
        });
    }
    if let Some(optimum) = &record.optimum {
        tiles.push(Tile {
            name: "Optimum to lower bound".to_owned(),
            value: headline(optimum.bound_gap_relative_max),
            unit: "relative, at most",
            safety: format!("over {} windows", optimum.windows),
            safe: None,
        });
    }
    html! {
        div class="tiles" {
            @if tiles.is_empty() { p { "no data" } }
            @for tile in &tiles {
                div class="tile" {
                    span class="name" { (tile.name) }
                    span class="value" { (tile.value) " " small { (tile.unit) } }
                    span class={ "safety " (match tile.safe { Some(true) => "safe", Some(false) => "unsafe", None => "" }) } {
                        @match tile.safe { Some(true) => "\u{2713} ", Some(false) => "\u{26a0} ", None => "" }
                        (tile.safety)
                    }
                }
            }
        }
    }
}

fn gap(name: &str, layer: &LayerFigures, windows: usize) -> Tile {
    Tile {
        name: name.to_owned(),
        value: headline(layer.gap_percent),
        unit: "% above the optimum",
        safety: match layer.violating_windows {
            0 => format!("all {windows} windows within all limits"),
            broken => format!("{broken} of {windows} windows violate a limit"),
        },
        safe: Some(layer.violating_windows == 0),
    }
}

/// A number with three significant digits.
fn headline(value: f64) -> String {
    let decimals = match value.abs() {
        size if !(1e-3..1e4).contains(&size) => return short(value),
        size if size >= 100.0 && value > 0.0 => return grouped(size.round() as u64),
        size => (2.0 - size.log10().floor()).max(0.0) as usize,
    };
    format!("{value:.decimals$}").replace('-', "\u{2212}")
}

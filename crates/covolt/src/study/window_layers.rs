//! Layers of dispatch over the test windows: bare, repaired, polished, and the merit-order rule; gap and violations together.

use super::Study;
use super::test_windows::TestWindow;
use crate::exit::CliError;
use covolt_dispatch::{LayerOutcome, LayerSettings, LayerSummary, PolicyFleet, WindowLayers, evaluate_windows};
use covolt_fleet::Window;
use covolt_report::record::{LayerFigures, Layers, WindowStudy};

/// Runs all layers on every window.
pub fn study(study: &Study, windows: &[TestWindow], proposer: &PolicyFleet) -> Result<WindowStudy, CliError> {
    let list: Vec<Window> = windows.iter().map(|w| w.window.clone()).collect();
    let optima: Vec<f64> = windows.iter().map(|w| w.optimum.returns.total()).collect();
    let outcomes =
        evaluate_windows(&study.case.fleet, &list, &optima, proposer, &study.curvature, &LayerSettings::default())?;
    let figures = |pick: fn(&WindowLayers) -> Option<&LayerOutcome>| {
        let picked: Vec<&LayerOutcome> = outcomes.iter().filter_map(pick).collect();
        (!picked.is_empty()).then(|| figures_of(&LayerSummary::of(picked)))
    };
    let layers = Layers {
        bare: figures(|w| Some(&w.bare)),
        repaired: figures(|w| Some(&w.repaired)),
        polished: figures(|w| Some(&w.polished)),
        rule: figures(|w| w.rule.as_ref()),
    };
    Ok(WindowStudy { count: outcomes.len(), layers })
}

fn figures_of(summary: &LayerSummary) -> LayerFigures {
    LayerFigures {
        gap_percent: summary.gap_percent,
        violating_windows: summary.violating_windows,
        max_voltage_violation_pu: summary.max_voltage_violation_pu,
        max_current_violation_percent: summary.max_current_violation_percent,
        max_gap_usd: summary.max_gap_usd,
        programs_mean: summary.programs_mean,
    }
}

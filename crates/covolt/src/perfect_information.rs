//! What a simulated span would have cost with everything known, T = all its rows at once.
//!
//! The yardstick is the lower bound of that cost (second-order cone relaxation): one program per span instead of a
//! sequence, and nobody can do better, so a gap above it is never flattered. On networks that are not radial, where there
//! is no bound, the central optimum of the span stands in.

use crate::exit::CliError;
use covolt_case::Case;
use covolt_dispatch::{SimulationRecord, SimulationSettings, perfect_information_optimum, terminal_after};
use covolt_fleet::{LossCurvature, MicrogridStart, PhysicsWorkspace, PriceOutlook, TerminalValue, Window};
use covolt_optimum::CentralSettings;
use covolt_optimum::bound::{BoundError, BoundSettings, lower_bound};
use rayon::prelude::*;
use std::ops::Range;

/// What the yardstick of perfect information needs of each span.
#[derive(Default)]
pub struct Perfect {
    spans: Vec<PerfectSpan>,
}

struct PerfectSpan {
    rows: Range<usize>,
    start: Vec<MicrogridStart>,
    terminal: Vec<Vec<TerminalValue>>,
}

impl Perfect {
    /// Notes a simulated span: its start and how energy left at its end is valued.
    pub fn keep(
        &mut self,
        case: &Case,
        outlook: &PriceOutlook,
        settings: &SimulationSettings,
        record: &SimulationRecord,
    ) {
        let rows = record.rows.clone();
        let terminal =
            terminal_after(&case.fleet, &case.profiles, outlook, rows.end, &settings.valuation, settings.knowledge);
        self.spans.push(PerfectSpan { rows, start: record.start.clone(), terminal });
    }

    /// 100 (sum of costs - sum of yardsticks) / sum |yardsticks|, percent, over the spans that have one; spans in
    /// parallel. `None` where none has.
    pub fn gap_percent(
        &self,
        case: &Case,
        curvature: &[LossCurvature],
        costs: &[f64],
    ) -> Result<Option<f64>, CliError> {
        let yardsticks: Vec<Result<Option<f64>, CliError>> =
            self.spans.par_iter().map(|span| yardstick(case, curvature, span)).collect();
        let (mut above, mut size) = (0.0, 0.0);
        for (yardstick, cost) in yardsticks.into_iter().zip(costs) {
            if let Some(yardstick) = yardstick? {
                above += cost - yardstick;
                size += yardstick.abs();
            }
        }
        Ok((size > 0.0).then(|| 100.0 * above / size))
    }
}

/// Least cost of a span with everything known; `None` where no action keeps all limits, or none was found.
fn yardstick(case: &Case, curvature: &[LossCurvature], span: &PerfectSpan) -> Result<Option<f64>, CliError> {
    let (fleet, profiles) = (&case.fleet, &case.profiles);
    let Some(window) = Window::from_profiles(profiles, span.rows.start, span.rows.len(), &span.start, &span.terminal)
    else {
        return Ok(None);
    };
    match lower_bound(fleet, &window, &BoundSettings::default()) {
        Ok(bound) => Ok(Some(bound.value_usd)),
        Err(BoundError::Multiphase | BoundError::NotRadial { .. } | BoundError::NotConverged { .. }) => {
            let mut ws = PhysicsWorkspace::new(fleet);
            let settings = CentralSettings::default();
            let optimum = perfect_information_optimum(
                fleet,
                profiles,
                span.rows.clone(),
                &span.start,
                &span.terminal,
                curvature,
                &settings,
                &mut ws,
            )?;
            Ok(optimum.returns.is_safe().then(|| optimum.returns.total()))
        }
        Err(BoundError::Infeasible { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

//! What a simulated span would have cost with everything known: the same span optimised at once, T = all its rows.

use crate::exit::CliError;
use covolt_case::Case;
use covolt_dispatch::{SimulationRecord, SimulationSettings, perfect_information_optimum, terminal_after};
use covolt_fleet::{LossCurvature, MicrogridStart, PhysicsWorkspace, PriceOutlook, TerminalValue};
use covolt_optimum::{CentralSettings, OptimumStatus};
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

    /// 100 (sum of costs - sum of optima) / sum |optima|, percent, over the spans that could be optimised; spans in
    /// parallel. `None` where none could.
    pub fn gap_percent(
        &self,
        case: &Case,
        curvature: &[LossCurvature],
        costs: &[f64],
    ) -> Result<Option<f64>, CliError> {
        let optima: Vec<Result<Option<f64>, CliError>> = self
            .spans
            .par_iter()
            .map(|span| {
                let mut ws = PhysicsWorkspace::new(&case.fleet);
                let optimum = perfect_information_optimum(
                    &case.fleet,
                    &case.profiles,
                    span.rows.clone(),
                    &span.start,
                    &span.terminal,
                    curvature,
                    &CentralSettings::default(),
                    &mut ws,
                )?;
                let usable = !matches!(optimum.status, OptimumStatus::Infeasible { .. }) && optimum.returns.is_safe();
                Ok(usable.then(|| optimum.returns.total()))
            })
            .collect();
        let (mut above, mut size) = (0.0, 0.0);
        for (optimum, cost) in optima.into_iter().zip(costs) {
            if let Some(optimum) = optimum? {
                above += cost - optimum;
                size += optimum.abs();
            }
        }
        Ok((size > 0.0).then(|| 100.0 * above / size))
    }
}

//! Receding horizon over the test days with a noisy forecast, polished; and what perfect information would have cost.

use super::Study;
use super::day_profile::day_profile;
use super::network_picture::network_picture;
use crate::exit::CliError;
use crate::moment::date_of_day;
use crate::perfect_information::Perfect;
use crate::simulation_run::{Decider, Spans, write_step};
use covolt_dispatch::{ForecastKind, GuardMode, GuardSettings, PolicyFleet, SimulationSettings};
use covolt_report::record::ClosedLoopRecord;
use covolt_report::{SimulationFiles, StudyRecord};

/// State of charge of every battery at the start of each day.
const START_SOC: f64 = 0.5;

/// Simulates the days into `closed-loop` of the run folder; notes closed loop, one day and the network.
pub fn run(study: &Study, proposer: &PolicyFleet, record: &mut StudyRecord) -> Result<(), CliError> {
    let case = &study.case;
    let wanted = study.plan.days.unwrap_or(usize::MAX);
    let days: Vec<usize> = case.days.test.iter().copied().take(wanted).collect();
    let spans: Vec<_> = days.iter().map(|&d| case.profiles.rows_of_day(d)).collect();
    let forecast = match ForecastKind::default() {
        ForecastKind::Noisy { load_sd, pv_sd, .. } => ForecastKind::Noisy { load_sd, pv_sd, seed: study.seed },
        other => other,
    };
    let settings = SimulationSettings {
        steps: case.settings.steps,
        forecast,
        valuation: study.valuation.clone(),
        guard: GuardSettings::with_mode(GuardMode::Polish { steps: 1 }),
        ..SimulationSettings::default()
    };
    let decider = Decider::Policies(proposer.clone());
    let work =
        Spans { case, outlook: &study.outlook, spans: &spans, soc: START_SOC, settings: &settings, decider: &decider };
    let mut files = SimulationFiles::create(&study.dir.join("closed-loop"))?;
    let mut noted = ClosedLoopRecord { days: days.len(), forecast: forecast.to_string(), ..Default::default() };
    let (mut perfect, mut costs, mut t) = (Perfect::default(), Vec::new(), 0);
    let shown = shown_day(study, &days);
    work.run(&study.curvature, |number, simulated| {
        for step in &simulated.steps {
            write_step(&mut files, case, step, t, false)?;
            t += 1;
        }
        noted.steps += simulated.steps.len();
        noted.violating_steps += simulated.violating_steps();
        noted.infeasible_steps += simulated.infeasible_steps();
        costs.push(simulated.cost_usd());
        perfect.keep(case, &study.outlook, &settings, &simulated);
        if number == shown {
            let date = days.get(number).map_or_else(String::new, |&d| date_of_day(case, d));
            record.day = Some(day_profile(case, &date, &simulated));
            record.network = Some(network_picture(case, &date, &simulated));
        }
        Ok(())
    })?;
    files.finish()?;
    noted.gap_perfect_information_percent = perfect.gap_percent(case, &study.curvature, &costs)?.unwrap_or(f64::NAN);
    record.closed_loop = Some(noted);
    Ok(())
}

/// The day that the figures show: the one with most PV energy, where the microgrids export.
fn shown_day(study: &Study, days: &[usize]) -> usize {
    let profiles = &study.case.profiles;
    let sun = |day: usize| -> f64 {
        let rows = profiles.rows_of_day(day);
        let of_system = |s: &covolt_fleet::ScaledSeries| rows.clone().map(|r| s.at(r)).sum::<f64>();
        profiles.microgrids.iter().flat_map(|m| &m.pvs_kw).map(of_system).sum()
    };
    let sums = days.iter().map(|&d| sun(d)).enumerate();
    sums.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(i, _)| i)
}

//! `covolt simulate`: receding horizon over days or a span of rows; every applied step and its certificate as files.

use crate::case_argument;
use crate::cli::{ForecastChoice, SimulateArgs};
use crate::commands::dispatch::{decider, guard};
use crate::commands::optimize::check_soc;
use crate::exit::{CliError, NO_ANSWER};
use crate::moment;
use crate::output::Output;
use crate::perfect_information::Perfect;
use crate::progress::Progress;
use crate::run_folder;
use crate::simulation_run::{Spans, write_step};
use covolt_dispatch::{ForecastKind, SimulationRecord, SimulationSettings, Verdict};
use covolt_fleet::LossCurvature;
use covolt_report::SimulationFiles;
use covolt_report::record::Quantiles;
use covolt_report::simulation::SimulationSummary;
use std::ops::Range;

/// Forecast of the command line.
pub fn forecast(choice: ForecastChoice, seed: u64) -> ForecastKind {
    match (choice, ForecastKind::default()) {
        (ForecastChoice::Perfect, _) => ForecastKind::Perfect,
        (ForecastChoice::Persistence, _) => ForecastKind::Persistence,
        (ForecastChoice::Noisy, ForecastKind::Noisy { load_sd, pv_sd, .. }) => {
            ForecastKind::Noisy { load_sd, pv_sd, seed }
        }
        (ForecastChoice::Noisy, other) => other,
    }
}

/// Sums over the steps of a run.
#[derive(Default)]
struct Tally {
    steps: usize,
    violating: usize,
    infeasible: usize,
    voltage_pu: f64,
    current_percent: f64,
    cost_usd: f64,
    costs: Vec<f64>,
    times_us: Vec<f64>,
}

impl Tally {
    fn add(&mut self, record: &SimulationRecord) {
        self.steps += record.steps.len();
        self.violating += record.violating_steps();
        self.infeasible += record.infeasible_steps();
        self.cost_usd += record.cost_usd();
        self.costs.push(record.cost_usd());
        for step in &record.steps {
            self.times_us.push(step.time_us);
            if matches!(step.applied.verdict, Verdict::Certified) {
                continue; // excess within the tolerances is no violation
            }
            self.voltage_pu = self.voltage_pu.max(-step.applied.voltage_margin_pu());
            self.current_percent = self.current_percent.max(-step.applied.current_margin_percent());
        }
    }
}

/// Runs the command.
pub fn run(args: &SimulateArgs, out: &mut Output) -> Result<(), CliError> {
    check_soc(args.soc)?;
    let case = case_argument::load(&args.case.case)?;
    let spans: Vec<Range<usize>> = match &args.rows {
        Some(text) => vec![moment::rows(&case, text)?],
        None if args.all_days => (0..case.profiles.days()).map(|day| case.profiles.rows_of_day(day)).collect(),
        None => moment::days(&case, &args.days)?.into_iter().map(|day| case.profiles.rows_of_day(day)).collect(),
    };
    let decider = decider(&case, args.policy.as_deref())?;
    let dir = run_folder::create("simulate", args.out.out.as_deref(), args.out.force)?;
    let outlook = case_argument::outlook(&case);
    let settings = SimulationSettings {
        steps: case.settings.steps,
        forecast: forecast(args.forecast, args.seed),
        valuation: case_argument::valuation(&case),
        guard: guard(args.layer),
        ..SimulationSettings::default()
    };
    let curvature = LossCurvature::of_fleet(&case.fleet);
    let work =
        Spans { case: &case, outlook: &outlook, spans: &spans, soc: args.soc, settings: &settings, decider: &decider };
    let mut files = SimulationFiles::create(&dir)?;
    let mut tally = Tally::default();
    let mut progress = Progress::start("simulate", spans.len());
    let mut t = 0;
    let mut perfect = Perfect::default();
    work.run(&curvature, |done, record| {
        for step in &record.steps {
            write_step(&mut files, &case, step, t, decider.is_rule())?;
            t += 1;
        }
        tally.add(&record);
        if args.perfect_information {
            perfect.keep(&case, &outlook, &settings, &record);
        }
        progress.at(done + 1, spans.len(), || {
            format!("cost {:.2} $, {} violating step(s)", tally.cost_usd, tally.violating)
        });
        Ok(())
    })?;
    files.finish()?;
    let wall_s = progress.finish();
    let gap = if args.perfect_information { perfect.gap_percent(&case, &curvature, &tally.costs)? } else { None };
    let summary = SimulationSummary {
        case: case.name.clone(),
        from: moment::time_of_row(&case, spans.first().map_or(0, |s| s.start)),
        days: spans.len(),
        steps: tally.steps,
        violating_steps: tally.violating,
        infeasible_steps: tally.infeasible,
        forecast: settings.forecast.to_string(),
        cost_usd: tally.cost_usd,
        gap_perfect_information_percent: gap,
        max_voltage_violation_pu: tally.voltage_pu.max(0.0),
        max_current_violation_percent: tally.current_percent.max(0.0),
        decision_us: Quantiles::of(&tally.times_us),
    };
    summary.write(&dir.join("summary.json"))?;
    if out.is_json() {
        out.json(&serde_json::json!({ "run": dir, "summary": summary, "wall_s": wall_s }))?;
    } else {
        out.line(format!("{} step(s) in {} span(s), {wall_s:.1} s", summary.steps, summary.days))?;
        out.line(format!("cost {:.4} $, forecast {}", summary.cost_usd, summary.forecast))?;
        if let Some(gap) = gap {
            out.line(format!("cost above perfect information: {gap:.4} %"))?;
        }
        out.line(format!(
            "{} violating step(s), {} without a safe dispatch; worst voltage {:.2e} pu, worst current {:.3} % beyond its limit",
            summary.violating_steps,
            summary.infeasible_steps,
            summary.max_voltage_violation_pu,
            summary.max_current_violation_percent
        ))?;
        if let Some(times) = &summary.decision_us {
            out.line(format!("decision time: median {:.0} us, 99th percentile {:.0} us", times.median, times.p99))?;
        }
        out.line(format!("Files and their columns: {}", dir.join("COLUMNS.md").display()))?;
    }
    if tally.violating == 0 { Ok(()) } else { Err(CliError::Said(NO_ANSWER)) }
}

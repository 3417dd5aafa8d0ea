//! Training with DG capacity limits in all microgrids, in all but two, and in none (Fig. 6 and 7).
//!
//! A limit is taken away by raising the capacity far beyond what pays. The training is taken in pieces, so that the
//! policies can be looked at on one window between them.

use super::Study;
use crate::cli::TrainerChoice;
use crate::exit::CliError;
use crate::training::{TrainingJob, Watch, train};
use covolt_case::Case;
use covolt_dispatch::{PolicyFleet, Proposer};
use covolt_fleet::{Fleet, PriceKnowledge, Window};
use covolt_report::record::{CapacityStudy, ConstraintReturns, LearningPoint, RewardTrace};

/// Capacities without a limit are this many times larger.
const RAISED: f64 = 10.0;

/// A watcher that only listens for Ctrl-C's absence: the pieces are short.
struct Quiet;

impl Watch for Quiet {
    fn stage(&mut self, _text: &str) {}
    fn episode(&mut self, _point: &LearningPoint, _total: usize) {}
    fn stop_requested(&self) -> bool {
        false
    }
}

/// One training: reward per episode, and the DG power of the watched microgrid per step and look.
struct Course {
    trace: RewardTrace,
    looks: Vec<usize>,
    /// `[step][look]`, kW.
    dg_kw: Vec<Vec<f64>>,
}

/// Runs the three trainings.
pub fn study(study: &Study) -> Result<CapacityStudy, CliError> {
    let count = study.case.fleet.microgrids.len();
    let two_free = count.saturating_sub(2);
    let cases = [
        (format!("limits in all {count} microgrids"), count),
        (format!("limits in {two_free} microgrids"), two_free),
        ("limits in no microgrid".to_owned(), 0),
    ];
    // The watched microgrid is the last one: it is among the two that lose their limits first.
    let watched = count.saturating_sub(1);
    let mut courses = Vec::new();
    for (label, limited) in cases {
        courses.push(course(study, label, limited, watched)?);
    }
    let mut result = CapacityStudy { rewards: Vec::new(), returns: None };
    if let (Some(with), Some(without), Some(mg)) =
        (courses.first(), courses.get(1), study.case.fleet.microgrids.get(watched))
    {
        result.returns = Some(ConstraintReturns {
            microgrid: mg.name.clone(),
            limit_kw: mg.dgs.iter().map(|d| d.p_max_kw).sum(),
            step_minutes: 60.0 * study.case.settings.dt_h,
            episode: with.looks.clone(),
            with_constraint_kw: with.dg_kw.clone(),
            without_constraint_kw: without.dg_kw.clone(),
        });
    }
    result.rewards = courses.into_iter().map(|c| c.trace).collect();
    Ok(result)
}

fn course(study: &Study, label: String, limited: usize, watched: usize) -> Result<Course, CliError> {
    let case = raised(study, limited)?;
    let window = shown_window(study, &case)?;
    let mut course = Course {
        trace: RewardTrace { label, ..RewardTrace::default() },
        looks: Vec::new(),
        dg_kw: vec![Vec::new(); case.settings.steps],
    };
    let mut from = None;
    let mut done = 0;
    while done < study.plan.capacity_episodes {
        let job = TrainingJob {
            case: &case,
            outlook: &study.outlook,
            valuation: &study.valuation,
            trainer: TrainerChoice::Paper,
            state: covolt_fleet::StateKind::Local,
            // A seed of its own for every piece; the same for all three trainings.
            seed: study.seed.wrapping_add(done as u64),
            episodes: Some(study.plan.capacity_piece),
            windows: None,
            coarsening: covolt_parties::Coarsening::default(),
            quick: true,
            from,
            resume: None,
        };
        let trained = train(&job, &mut Quiet)?;
        for (i, point) in trained.curve.iter().enumerate() {
            course.trace.episode.push(done + i);
            course.trace.reward_usd.push(-point.cost_usd);
        }
        done += study.plan.capacity_piece;
        course.looks.push(done);
        let mut fleet = PolicyFleet::try_new(
            &case.fleet,
            case.settings.steps,
            trained.state,
            trained.policies.clone(),
            "capacity study",
        )?;
        let mut actions = Vec::new();
        fleet.propose(&case.fleet, &window, &mut actions)?;
        if let (Some(mg), Some(action)) = (case.fleet.microgrids.get(watched), actions.get(watched)) {
            let layout = mg.layout(case.settings.steps);
            for (t, curve) in course.dg_kw.iter_mut().enumerate() {
                curve.push((0..mg.dgs.len()).filter_map(|i| action.get(layout.p_dg(t, i))).sum());
            }
        }
        from = Some(trained.policies);
    }
    Ok(course)
}

/// The case with DG capacity limits in the first `limited` microgrids only.
fn raised(study: &Study, limited: usize) -> Result<Case, CliError> {
    let old = &study.case;
    let mut microgrids = old.fleet.microgrids.clone();
    for dg in microgrids.iter_mut().skip(limited).flat_map(|m| &mut m.dgs) {
        dg.p_max_kw *= RAISED;
        dg.ramp_kw_per_min *= RAISED;
        dg.s_max_kva = dg.s_max_kva.map(|s| s * RAISED);
    }
    let grid = old.fleet.grid.compile_again()?;
    let fleet = Fleet::try_new(grid, microgrids, old.fleet.feeder_loads.clone(), old.fleet.limits.clone())?;
    Ok(Case {
        name: old.name.clone(),
        fleet,
        profiles: old.profiles.clone(),
        days: old.days.clone(),
        settings: old.settings.clone(),
        starts: old.starts.clone(),
        fingerprint: old.fingerprint.clone(),
        part: old.part.clone(),
        exchange_price: old.exchange_price.clone(),
    })
}

/// The validation row with the highest price: there a generator without a limit would run far beyond it.
fn shown_window(study: &Study, case: &Case) -> Result<Window, CliError> {
    let (profiles, steps) = (&case.profiles, case.settings.steps);
    let price = |row: usize| -> f64 { profiles.microgrids.iter().map(|m| m.price_per_kwh.at(row)).sum() };
    let rows = case.days.validation.iter().flat_map(|&d| {
        let rows = profiles.rows_of_day(d);
        rows.start..rows.end.saturating_sub(steps)
    });
    let row = rows
        .max_by(|&a, &b| price(a).total_cmp(&price(b)).then(b.cmp(&a)))
        .ok_or_else(|| CliError::bad_input("the case has no validation day"))?;
    let starts = covolt_dispatch::start_state(&case.fleet, profiles, row, 0.5)?;
    let knowledge = PriceKnowledge::DayAhead;
    let terminals = study.outlook.terminal_values(&case.fleet, profiles, row, steps, &study.valuation, knowledge);
    Window::from_profiles(profiles, row, steps, &starts, &terminals)
        .ok_or_else(|| CliError::bad_input(format!("no window of {steps} steps at row {row}")))
}

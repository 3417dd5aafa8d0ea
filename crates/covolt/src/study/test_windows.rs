//! Windows of the test days with drawn device states, their central optimum and lower bound.

use super::Study;
use crate::exit::CliError;
use crate::moment::time_of_row;
use covolt_fleet::{PhysicsWorkspace, StateKind, Window};
use covolt_learn::{ScenarioSource, StateSpread, draw};
use covolt_optimum::bound::{BoundError, BoundSettings, bound_optimum, lower_bound};
use covolt_optimum::{CentralSettings, Optimum, OptimumStatus, optimise};
use covolt_report::StudyRecord;
use covolt_report::record::{OptimumRecord, Quantiles};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use std::time::Instant;

/// A test window that has a safe optimum.
pub struct TestWindow {
    /// The window.
    pub window: Window,
    /// Its central optimum.
    pub optimum: Optimum,
    /// Lower bound of its cost, $; `None` where none was found.
    pub bound_usd: Option<f64>,
}

/// Windows are drawn with their own stream, so that they are the same whatever was trained before.
const STREAM: u64 = 0x7E57;
/// Relative distance of optimum and bound above which a window is named in the report.
const WANTED_GAP: f64 = 1e-5;

struct Solved {
    optimum: Result<Optimum, String>,
    bound: Result<f64, String>,
    time_ms: f64,
}

/// Draws and solves the windows; notes the optimum's part of the record.
pub fn solve(study: &Study, record: &mut StudyRecord) -> Result<Vec<TestWindow>, CliError> {
    let fleet = &study.case.fleet;
    let source = ScenarioSource {
        fleet,
        profiles: &study.case.profiles,
        outlook: &study.outlook,
        valuation: &study.valuation,
        steps: study.case.settings.steps,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(study.seed);
    rng.set_stream(STREAM);
    let days = &study.case.days.test;
    let drawn = draw(&source, days, study.plan.windows, &StateSpread::default(), StateKind::Local, &mut rng)?;
    let windows: Vec<Window> = drawn.into_iter().map(|s| s.window).collect();
    let solved: Vec<Solved> = windows.par_iter().map(|window| solve_one(study, window)).collect();
    let mut kept = Vec::new();
    let mut noted = OptimumRecord::default();
    let balanced = study.case.fleet.grid.balanced().is_some();
    if !balanced {
        noted.remarks.push(BoundError::Multiphase.to_string());
    }
    let mut times = Vec::new();
    for (window, solved) in windows.into_iter().zip(solved) {
        let name = format!("window at row {} ({})", window.row, time_of_row(&study.case, window.row));
        let optimum = match solved.optimum {
            Ok(optimum) => optimum,
            Err(why) => {
                noted.remarks.push(format!("{name}: {why}"));
                continue;
            }
        };
        noted.windows += 1;
        times.push(solved.time_ms);
        let cost = optimum.returns.total();
        let bound_usd = match solved.bound {
            Ok(bound) => {
                let gap = (cost - bound) / cost.abs().max(f64::MIN_POSITIVE);
                if gap > WANTED_GAP {
                    noted.remarks.push(format!("{name}: optimum {gap:.1e} above the bound"));
                }
                noted.bound_gap_relative.push(gap);
                Some(bound)
            }
            // One remark for all windows, below.
            Err(_) if !balanced => None,
            Err(why) => {
                noted.remarks.push(format!("{name}: {why}"));
                None
            }
        };
        kept.push(TestWindow { window, optimum, bound_usd });
    }
    noted.bound_gap_relative_max = noted.bound_gap_relative.iter().copied().fold(f64::NAN, f64::max);
    noted.time_ms_median = Quantiles::of(&times).map_or(f64::NAN, |q| q.median);
    record.optimum = Some(noted);
    if kept.is_empty() {
        return Err(CliError::no_answer("no test window has a safe optimum"));
    }
    Ok(kept)
}

fn solve_one(study: &Study, window: &Window) -> Solved {
    let fleet = &study.case.fleet;
    let mut ws = PhysicsWorkspace::new(fleet);
    let clock = Instant::now();
    let optimum = optimise(fleet, window, None, &study.curvature, &CentralSettings::default(), &mut ws);
    let time_ms = 1e3 * clock.elapsed().as_secs_f64();
    let optimum = match optimum {
        Err(error) => Err(error.to_string()),
        Ok(optimum) if !optimum.returns.is_safe() => Err(match &optimum.status {
            OptimumStatus::Infeasible { limits } => {
                let named: Vec<String> = limits.iter().map(|n| n.limit.describe(fleet)).collect();
                format!("left out, no action keeps all limits: {}", named.join(", "))
            }
            _ => "left out, the optimum did not converge to a safe action".to_owned(),
        }),
        Ok(optimum) => Ok(optimum),
    };
    let settings = BoundSettings::default();
    let bound = match &optimum {
        Ok(optimum) => bound_optimum(fleet, window, optimum, &settings).map(|b| b.value_usd),
        Err(_) => lower_bound(fleet, window, &settings).map(|b| b.value_usd),
    };
    let bound = bound.map_err(|error| error.to_string());
    Solved { optimum, bound, time_ms }
}

//! Time of one decision for all agents, certificate included, on one thread; and of the central optimum of the same windows.

use super::Study;
use super::test_windows::TestWindow;
use crate::exit::CliError;
use covolt_dispatch::{GuardMode, GuardSettings, PolicyFleet, propose_and_decide};
use covolt_fleet::PhysicsWorkspace;
use covolt_optimum::{CentralSettings, optimise};
use covolt_report::record::{DecisionTimes, Quantiles};
use std::time::Instant;

/// Decides every window several times, one after the other on this thread.
pub fn measure(study: &Study, windows: &[TestWindow], proposer: &PolicyFleet) -> Result<DecisionTimes, CliError> {
    let fleet = &study.case.fleet;
    let timed = &windows[..windows.len().min(study.plan.timed_windows)];
    let mut ws = PhysicsWorkspace::new(fleet);
    let mut proposer = proposer.clone();
    let mut layer = |mode: GuardMode| -> Result<Option<Quantiles>, CliError> {
        let settings = GuardSettings::with_mode(mode);
        let mut times = Vec::with_capacity(timed.len() * study.plan.repetitions);
        for w in timed {
            for _ in 0..study.plan.repetitions {
                let decision =
                    propose_and_decide(fleet, &w.window, &mut proposer, &settings, &study.curvature, &mut ws)?;
                times.push(decision.time_us());
            }
        }
        Ok(Quantiles::of(&times))
    };
    let bare_certified = layer(GuardMode::Bare)?;
    let repaired = layer(GuardMode::Repair)?;
    let polished = layer(GuardMode::Polish { steps: 1 })?;
    let mut times = Vec::with_capacity(timed.len());
    for w in timed {
        let clock = Instant::now();
        optimise(fleet, &w.window, None, &study.curvature, &CentralSettings::default(), &mut ws)?;
        times.push(1e6 * clock.elapsed().as_secs_f64());
    }
    Ok(DecisionTimes { bare_certified, repaired, polished, central_optimum: Quantiles::of(&times) })
}

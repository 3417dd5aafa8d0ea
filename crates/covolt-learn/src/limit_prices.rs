//! Multipliers of every training window, found by the agents' coordination.
//!
//! For each window: sequential convex steps on the exact physics, each solved by the distributed interior point between
//! the agents (section 5 of the method). What comes out is the vector of multipliers of that window's limits, the same
//! for all agents; what each agent would do in it stays with the agent.

use crate::coordination::Coordination;
use crate::scenarios::Scenario;
use covolt_fleet::{Fleet, LimitPrices, LossCurvature, PhysicsWorkspace, Reach};
use covolt_optimum::{CentralSettings, OptimumError, ProgramSettings, optimise_with};
use rayon::prelude::*;

/// Accuracy of the multipliers: relative, of one program and of the sequence.
const PRICE_TOLERANCE: f64 = 1e-6;

/// What the stage did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PriceStage {
    /// Coordination programs solved.
    pub programs: usize,
    /// Communication rounds, all programs.
    pub rounds: usize,
    /// Windows where the coordination failed; their limits carry no multiplier.
    pub failed: usize,
}

/// Multipliers per scenario, in order; same result for any number of threads.
pub fn limit_prices(
    fleet: &Fleet,
    scenarios: &[Scenario],
    progress: &(dyn Fn(usize) + Sync),
) -> (Vec<LimitPrices>, PriceStage) {
    let curvature = LossCurvature::of_fleet(fleet);
    let settings = CentralSettings {
        max_rounds: 8,
        tolerance: PRICE_TOLERANCE,
        reach: Reach { voltage_pu: 0.01, current_fraction: 0.75 },
        program: ProgramSettings { tolerance: PRICE_TOLERANCE, ..ProgramSettings::default() },
        ..CentralSettings::default()
    };
    let results: Vec<(Result<LimitPrices, OptimumError>, usize, usize)> = scenarios
        .par_iter()
        .enumerate()
        .map_init(
            || (PhysicsWorkspace::new(fleet), Coordination::with_tolerance(PRICE_TOLERANCE)),
            |(ws, coordination), (w, scenario)| {
                (coordination.programs, coordination.rounds) = (0, 0);
                let solved = optimise_with(
                    fleet,
                    &scenario.window,
                    Some(&scenario.merit_order),
                    &curvature,
                    &settings,
                    ws,
                    &mut |program, settings| coordination.solve(program, settings),
                );
                progress(w);
                (solved.map(|optimum| optimum.prices), coordination.programs, coordination.rounds)
            },
        )
        .collect();
    let mut stage = PriceStage::default();
    let prices = results
        .into_iter()
        .map(|(prices, programs, rounds)| {
            stage.programs += programs;
            stage.rounds += rounds;
            prices.unwrap_or_else(|_| {
                stage.failed += 1;
                LimitPrices::default()
            })
        })
        .collect();
    (prices, stage)
}

//! Live dispatch under faults: messages delayed, lost, doubled, reordered and made up, participants cut off and killed, answers that
//! cannot be.
//!
//! Every run is a function of its seed: time is virtual, nothing runs beside it. `COVOLT_FAULT_RUNS` is the number of runs of
//! each test, `COVOLT_FAULT_SEED` the first seed, `COVOLT_FAULT_LOG` prints what happens. What fails says how to repeat it.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

#[path = "dispatch_faults/mod.rs"]
mod simulation;

use simulation::run::{Sky, run, runs};

#[test]
fn law_every_row_is_decided_in_time_and_none_is_called_safer_than_it_is() {
    runs("law_every_row_is_decided_in_time_and_none_is_called_safer_than_it_is", Sky::Foul);
}

#[test]
fn law_without_faults_every_row_is_certified_for_everybody() {
    runs("law_without_faults_every_row_is_certified_for_everybody", Sky::Clear);
}

#[test]
fn law_a_seed_of_dispatch_gives_one_run() {
    for seed in 1000..1003 {
        let run = || run("law_a_seed_of_dispatch_gives_one_run", Sky::Foul, seed, false);
        assert_eq!(run(), run());
    }
}

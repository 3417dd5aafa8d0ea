//! Training under faults: messages delayed, lost, doubled, reordered and made up, participants cut off and killed.
//!
//! Every run is a function of its seed: time is virtual, nothing runs beside it. `COVOLT_FAULT_RUNS` is the number of runs of
//! each test, `COVOLT_FAULT_SEED` the first seed, `COVOLT_FAULT_LOG` prints what happens. What fails says how to repeat it.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

#[path = "faults/mod.rs"]
mod simulation;

use simulation::run::{Mode, run, runs};

#[test]
fn law_waiting_for_all_gives_the_result_without_faults() {
    runs("law_waiting_for_all_gives_the_result_without_faults", Mode::Wait);
}

#[test]
fn law_going_on_finishes_with_those_present() {
    runs("law_going_on_finishes_with_those_present", Mode::GoOn);
}

#[test]
fn law_a_seed_gives_one_run() {
    for seed in 1000..1010 {
        let run = || run("law_a_seed_gives_one_run", Mode::Wait, seed, false);
        assert_eq!(run(), run());
    }
}

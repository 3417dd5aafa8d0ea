//! Counts allocations: an episode of the default trainer allocates a few lists of its own, and nothing per window.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::state::StateKind;
use covolt_learn::{ExactSettings, ExactTrainer};

#[test]
fn law_an_episode_allocates_nothing_per_window() {
    let fleet = fleet();
    // Counted on the one thread that does all the work.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let counts = [8, 64].map(|batch| {
        let scenarios = scenarios(&fleet, batch, StateKind::Local, 1);
        // Networks and multipliers at rest, so that no list grows once every window has been in every lane.
        let still = ExactSettings { batch, rate: 0.0, multiplier_share: 0.0, ..ExactSettings::default() };
        let learners = learners(&fleet, policies(&fleet, &scenarios, StateKind::Local, 11), batch);
        let mut trainer = ExactTrainer::new(&fleet, &scenarios, learners, still, 5).unwrap();
        let counted = pool.install(|| {
            for _ in 0..40 {
                trainer.step().unwrap();
            }
            allocation_counter::measure(|| assert!(trainer.step().is_ok()))
        });
        counted.count_total
    });
    println!("allocations of an episode of 8 and of 64 windows: {counts:?}");
    // Lists of the batch, and what threads need to share work.
    assert_eq!(counts[0], counts[1]);
    assert!(counts[0] < 32);
}

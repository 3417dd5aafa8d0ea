//! Windows stay within a day of the list, their device states within the devices' limits, and follow from the seed.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::state::StateKind;
use covolt_fleet::{Fleet, PriceOutlook, Profiles, StorageValuation};
use covolt_learn::{LearnError, Scenario, ScenarioSource, StateSpread, draw};
use std::collections::BTreeSet;

fn drawn(
    fleet: &Fleet,
    profiles: &Profiles,
    (days, steps): (&[usize], usize),
    count: usize,
    spread: &StateSpread,
    seed: u64,
) -> Result<Vec<Scenario>, LearnError> {
    let outlook = PriceOutlook::from_days(profiles, days);
    let valuation = StorageValuation::default();
    let source = ScenarioSource { fleet, profiles, outlook: &outlook, valuation: &valuation, steps };
    draw(&source, days, count, spread, StateKind::Local, &mut rng(seed))
}

#[test]
fn law_windows_stay_within_a_day_of_the_list() {
    let fleet = fleet();
    let profiles = profiles(&fleet);
    let spread = StateSpread::default();
    let scenarios = drawn(&fleet, &profiles, (&[0, 2, 3], 4), 300, &spread, 1).unwrap();
    assert_eq!(scenarios.len(), 300);
    for s in &scenarios {
        let (first, last) = (s.window.row, s.window.row + s.window.steps - 1);
        assert_eq!(profiles.day[first], profiles.day[last], "row {first} leaves its day");
        assert!([0, 3].contains(&profiles.day[first]), "day {} is not in the list or too short", profiles.day[first]);
    }
    assert!(scenarios.iter().any(|s| profiles.day[s.window.row] == 0));
    // Every place of a day, the first and the last included.
    let all: BTreeSet<usize> =
        drawn(&fleet, &profiles, (&[3], 4), 100, &spread, 2).unwrap().iter().map(|s| s.window.row).collect();
    let start = profiles.rows_of_day(3).start;
    assert_eq!(all, (start..start + 3).collect());
    // A window as long as its day has one place only.
    assert!(
        drawn(&fleet, &profiles, (&[3], 6), 5, &spread, 3).unwrap().iter().all(|s| s.window.row == start),
        "a window of a whole day"
    );
}

#[test]
fn law_no_day_long_enough_is_an_error() {
    let fleet = fleet();
    let profiles = profiles(&fleet);
    for (days, steps) in [(vec![2], 3), (vec![2, 3], 7), (vec![0, 1], 97), (vec![], 3), (vec![99], 3), (vec![0], 0)] {
        let result = drawn(&fleet, &profiles, (&days, steps), 4, &StateSpread::default(), 1);
        assert!(matches!(result, Err(LearnError::NoScenario { .. })), "days {days:?}, {steps} steps");
    }
}

#[test]
fn law_same_generator_state_same_windows() {
    let fleet = fleet();
    let profiles = profiles(&fleet);
    let draw = |seed| drawn(&fleet, &profiles, (&[0, 1], STEPS), 30, &StateSpread::default(), seed).unwrap();
    let (a, b, other) = (draw(7), draw(7), draw(8));
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(a.window, b.window);
        assert_eq!(a.features, b.features);
        assert_eq!(a.merit_order, b.merit_order);
    }
    assert!(a.iter().zip(&other).any(|(a, b)| a.window != b.window));
}

#[test]
fn law_device_states_lie_within_their_limits() {
    let fleet = fleet();
    let profiles = profiles(&fleet);
    let wide = StateSpread { soc_extreme: 0.2, p_dg_relative: 5.0, value_per_kwh: 0.006 };
    let extreme = StateSpread { soc_extreme: 0.5, ..wide };
    let (mut empty, mut full, mut between) = (0, 0, 0);
    for (spread, seed) in [(wide, 1), (extreme, 2)] {
        for s in drawn(&fleet, &profiles, (&[0, 1], STEPS), 100, &spread, seed).unwrap() {
            for (mg, w) in fleet.microgrids.iter().zip(&s.window.microgrids) {
                assert_eq!((w.start.soc.len(), w.start.p_dg_kw.len()), (mg.batteries.len(), mg.dgs.len()));
                for (b, &soc) in mg.batteries.iter().zip(&w.start.soc) {
                    assert!((b.soc_min..=b.soc_max).contains(&soc), "{soc}");
                    let inner = soc > b.soc_min && soc < b.soc_max;
                    assert!(!(inner && spread == extreme), "half and half leaves nothing in between");
                    empty += usize::from(soc == b.soc_min);
                    full += usize::from(soc == b.soc_max);
                    between += usize::from(inner);
                }
                for (d, &p) in mg.dgs.iter().zip(&w.start.p_dg_kw) {
                    assert!((0.0..=d.p_max_kw).contains(&p), "{p}");
                }
                for (b, value) in mg.batteries.iter().zip(&w.terminal) {
                    assert!(value.slopes.iter().all(|s| s.is_finite()));
                    assert!(value.slopes.windows(2).all(|s| s[0] >= s[1] - 1e-12), "concave, battery {}", b.id);
                }
            }
        }
    }
    assert!(empty > 50 && full > 50 && between > 50, "{empty} empty, {full} full, {between} in between");
}

#[test]
fn law_no_spread_keeps_generators_at_their_set_point_and_the_value_of_energy() {
    let fleet = fleet();
    let profiles = profiles(&fleet);
    let none = StateSpread { soc_extreme: 0.0, p_dg_relative: 0.0, value_per_kwh: 0.0 };
    let outlook = PriceOutlook::from_days(&profiles, &[0]);
    for s in drawn(&fleet, &profiles, (&[0], STEPS), 20, &none, 4).unwrap() {
        let row = s.window.row;
        let known = covolt_fleet::PriceKnowledge::DayAhead;
        let value = outlook.terminal_values(&fleet, &profiles, row, STEPS, &StorageValuation::default(), known);
        for (n, mg) in fleet.microgrids.iter().enumerate() {
            assert_eq!(s.window.microgrids[n].terminal, value[n]);
            let price = profiles.microgrids[n].price_per_kwh.at(row.saturating_sub(1));
            for (i, d) in mg.dgs.iter().enumerate() {
                let set_point = covolt_fleet::merit_order::generator_set_point(mg, i, price).clamp(0.0, d.p_max_kw);
                assert_eq!(s.window.microgrids[n].start.p_dg_kw[i], set_point);
            }
        }
    }
}

//! The check of the devices' limits finds each broken limit and nothing else.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::small;
use covolt_dispatch::local_limits::{LocalLimit, check};
use covolt_fleet::*;

fn set_up() -> (Fleet, Window, Vec<Vec<f64>>) {
    let fleet = small::fleet();
    let mut window = small::window(&fleet, 4, 2);
    window.microgrids.iter_mut().for_each(|w| w.pv_kw.iter_mut().for_each(|p| *p = 50.0));
    let resting: Vec<Vec<f64>> = fleet
        .microgrids
        .iter()
        .map(|mg| {
            let layout = mg.layout(4);
            let mut action = vec![0.0; layout.len()];
            (0..4).for_each(|t| (0..layout.dgs).for_each(|i| action[layout.p_dg(t, i)] = 0.5 * mg.dgs[i].p_max_kw));
            action
        })
        .collect();
    (fleet, window, resting)
}

#[test]
fn law_the_feasible_map_passes_the_check() {
    let fleet = small::fleet();
    let mut rng = small::rng(3);
    for seed in 0..50 {
        let window = small::window(&fleet, 4, seed);
        let raw = small::random_raw(&fleet, 4, 300.0, &mut rng);
        assert_eq!(check(&fleet, &window, &small::feasible(&fleet, &window, &raw)), vec![]);
        assert!(!check(&fleet, &window, &raw).is_empty());
    }
}

#[test]
fn law_each_broken_limit_is_named() {
    let (fleet, window, resting) = set_up();
    assert_eq!(check(&fleet, &window, &resting), vec![]);
    let layout = fleet.microgrids[0].layout(4);
    // (entry, value, device, limit, excess)
    let cases = [
        (layout.p_dg(3, 1), 112.0, "gA2", LocalLimit::ActivePower, 12.0),
        (layout.p_dg(2, 1), -1.0, "gA2", LocalLimit::ActivePower, 1.0),
        (layout.q_dg(1, 0), 91.0, "gA1", LocalLimit::ReactivePower, 1.0),
        (layout.q_dg(1, 0), -2.0, "gA1", LocalLimit::ReactivePower, 2.0),
        (layout.p_dg(3, 0), 140.0, "gA1", LocalLimit::Ramp, 5.0),
        (layout.q_pv(0, 0), 61.0, "sA1", LocalLimit::ReactivePower, 1.0),
        (layout.q_ess(0, 1), -26.0, "bA2", LocalLimit::ReactivePower, 1.0),
        (layout.p_ess(0, 1), 51.0, "bA2", LocalLimit::ActivePower, 1.0),
        (layout.p_ess(0, 1), -46.0, "bA2", LocalLimit::ActivePower, 1.0),
        (layout.q_ess(2, 1), f64::NAN, "bA2", LocalLimit::NotFinite, f64::INFINITY),
    ];
    for (entry, value, device, limit, excess) in cases {
        let mut actions = resting.clone();
        actions[0][entry] = value;
        let found = check(&fleet, &window, &actions);
        assert!(
            found.iter().any(|v| v.device == device
                && v.microgrid == "A"
                && v.limit == limit
                && (v.excess == excess || (v.excess - excess).abs() < 1e-9)),
            "{device} {limit:?}: {found:?}"
        );
        assert!(found.iter().all(|v| v.device == device));
    }
}

#[test]
fn law_circles_and_energy_are_checked() {
    let (fleet, mut window, mut actions) = set_up();
    let layout = fleet.microgrids[0].layout(4);
    actions[0][layout.p_ess(0, 0)] = 78.0;
    actions[0][layout.q_ess(0, 0)] = 39.0;
    let found = check(&fleet, &window, &actions);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].limit, LocalLimit::ApparentPower);
    assert!((found[0].excess - (78.0_f64.hypot(39.0) - 84.0)).abs() < 1e-12);
    actions[0][layout.q_ess(0, 0)] = 0.0;
    window.microgrids[0].start.soc[0] = 0.85;
    let found = check(&fleet, &window, &actions);
    assert_eq!((found.len(), found[0].limit, found[0].step), (1, LocalLimit::StateOfCharge, 0));
    assert!((found[0].excess - (0.85 + 78.0 * 0.95 * 0.25 / 160.0 - 0.9)).abs() < 1e-12);
}

#[test]
fn law_a_start_outside_the_limits_may_only_move_inwards() {
    let (fleet, mut window, mut actions) = set_up();
    let layout = fleet.microgrids[0].layout(4);
    window.microgrids[0].start.soc[0] = 0.05; // below the minimum of 0.1
    window.microgrids[0].start.p_dg_kw[1] = 500.0; // above its rating of 100 kW, further than the ramp
    actions[0][layout.p_dg(0, 1)] = 100.0;
    assert_eq!(check(&fleet, &window, &actions), vec![]);
    actions[0][layout.p_ess(0, 0)] = -1.0;
    assert_eq!(check(&fleet, &window, &actions).len(), 1);
}

//! The feasible map: what it returns keeps (5)-(14) for every vector, and its reverse derivative is that of the map
//! (inside the limits) or the one-sided one (at an active limit).

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::*;
use proptest::prelude::*;
use rand::RngExt;

/// Rounding of sums of energies of about 100 kWh.
const ROUNDING: f64 = 1e-10;

fn check_feasible_and_idempotent(fleet: &Fleet, window: &Window, raw: &[Vec<f64>]) {
    let actions = feasible(fleet, window, raw);
    for ((mg, w), action) in fleet.microgrids.iter().zip(&window.microgrids).zip(&actions) {
        let violation = local_violation(mg, w, window.dt_h, window.steps, action);
        assert!(violation <= ROUNDING, "microgrid {} breaks a limit by {violation:e}", mg.name);
    }
    assert_eq!(feasible(fleet, window, &actions), actions, "the map must leave a feasible action alone");
}

#[test]
fn law_feasible_map_keeps_the_limits_for_random_vectors() {
    let fleet = fleet();
    let mut rng = rng(1);
    for round in 0..400 {
        let steps = [1, 4, 16][round % 3];
        let mut window = window(&fleet, steps, round as u64);
        for (mg, w) in fleet.microgrids.iter().zip(&mut window.microgrids) {
            for (b, soc) in mg.batteries.iter().zip(&mut w.start.soc) {
                *soc = rng.random_range(b.soc_min..=b.soc_max);
            }
            for (d, p) in mg.dgs.iter().zip(&mut w.start.p_dg_kw) {
                *p = rng.random_range(0.0..=d.p_max_kw);
            }
        }
        let size = [30.0, 150.0, 1e4][round / 3 % 3];
        let raw = random_raw(&fleet, steps, size, &mut rng);
        check_feasible_and_idempotent(&fleet, &window, &raw);
    }
}

#[test]
fn law_feasible_map_at_the_ends_of_the_state_of_charge_and_outside() {
    let fleet = fleet();
    let mut rng = rng(2);
    for soc in [0.0, 0.05, 0.1, 0.1 + 1e-9, 0.9 - 1e-9, 0.9, 0.95, 1.0] {
        for size in [20.0, 500.0] {
            let mut window = window(&fleet, 4, 3);
            window.microgrids.iter_mut().for_each(|w| w.start.soc.fill(soc));
            for _ in 0..20 {
                check_feasible_and_idempotent(&fleet, &window, &random_raw(&fleet, 4, size, &mut rng));
            }
        }
    }
}

#[test]
fn law_feasible_map_returns_into_the_box_as_fast_as_the_ramp_allows() {
    let fleet = fleet();
    let mg = &fleet.microgrids[1];
    let mut window = window(&fleet, 4, 4);
    let layout = mg.layout(4);
    let ramp = 3.0 * 15.0;
    for (start, expected) in [(190.0, [145.0, 100.0, 55.0, 10.0]), (400.0, [180.0, 135.0, 90.0, 45.0])] {
        window.microgrids[1].start.p_dg_kw[0] = start;
        let mut action = vec![0.0; layout.len()];
        feasible_map::apply(mg, &window.microgrids[1], 0.25, &layout, &vec![-1e3; layout.len()], &mut action);
        for (t, p) in expected.iter().enumerate() {
            assert!((action[layout.p_dg(t, 0)] - p).abs() < 1e-9, "ramp {ramp}, step {t}: {action:?}");
        }
    }
}

#[test]
fn law_feasible_map_leaves_inner_vectors_alone_and_clips_to_the_nearest_limit() {
    let fleet = fleet();
    let window = window(&fleet, 1, 5);
    let mg = &fleet.microgrids[0];
    let layout = mg.layout(1);
    let apply = |raw: &[f64]| {
        let mut action = vec![0.0; raw.len()];
        feasible_map::apply(mg, &window.microgrids[0], 0.25, &layout, raw, &mut action);
        action
    };
    // Start: gA1 75 kW (ramp 60), gA2 50 kW, batteries at 0.45 and 0.52.
    let inner = [100.0, 60.0, -20.0, 30.0, 12.0, 8.0, -5.0, 7.0, -9.0];
    assert_eq!(apply(&inner), inner);
    let mut raw = inner;
    raw[layout.p_dg(0, 0)] = 500.0;
    raw[layout.q_dg(0, 0)] = 500.0;
    let action = apply(&raw);
    assert_eq!(action[layout.p_dg(0, 0)], 135.0, "start plus ramp");
    let circle = (160.0_f64.powi(2) - 135.0_f64.powi(2)).sqrt();
    assert!((action[layout.q_dg(0, 0)] - circle).abs() < 1e-9, "what the rating leaves, {circle}");
    for at in 2..inner.len() {
        if at != layout.q_dg(0, 0) {
            assert_eq!(action[at], inner[at]);
        }
    }
}

/// dL/d raw of L = c . action.
fn pull_back(fleet: &Fleet, window: &Window, n: usize, raw: &[f64], c: &[f64]) -> Vec<f64> {
    let (mg, w) = (&fleet.microgrids[n], &window.microgrids[n]);
    let layout = mg.layout(window.steps);
    let mut action = vec![0.0; raw.len()];
    feasible_map::apply(mg, w, window.dt_h, &layout, raw, &mut action);
    let mut cotangent = c.to_vec();
    feasible_map::pull_back(mg, w, window.dt_h, &layout, raw, &action, &mut cotangent);
    cotangent
}

/// True where a ramp limit coincides with an end of the box, as after 0, ramp, 0.
fn ramp_meets_box(mg: &Microgrid, layout: &ActionLayout, action: &[f64], dt_h: f64) -> bool {
    mg.dgs.iter().enumerate().any(|(i, dg)| {
        (0..layout.steps).map(|t| action[layout.p_dg(t, i)]).any(|p| {
            let ramp = dg.ramp_kw(dt_h);
            (p - ramp).abs() < 1e-9 || (p + ramp - dg.p_max_kw).abs() < 1e-9
        })
    })
}

#[test]
fn fd_feasible_map_pull_back() {
    // An entry outside its limits passes a gradient exactly where descent leads back inside. Such entries are put
    // just inside their limit (the one-sided point of view), the blocked ones stay outside; there the map is smooth,
    // the pull-back must not change, and it must equal the differences of the map.
    // Later entries are put further inside, since earlier ones move their limits.
    const INSIDE: f64 = 1e-6;
    let fleet = fleet();
    let mut rng = rng(7);
    let (mut passing, mut blocked, mut inner, mut left_out) = (0, 0, 0, 0);
    for round in 0..600 {
        let steps = [1, 3, 5][round % 3];
        let n = round / 3 % 3;
        let mut window = window(&fleet, steps, 1000 + round as u64);
        for (b, soc) in fleet.microgrids[n].batteries.iter().zip(&mut window.microgrids[n].start.soc) {
            // Often at the very ends, where charging and discharging stop.
            *soc = [b.soc_min, rng.random_range(b.soc_min..b.soc_max), b.soc_max][rng.random_range(0..3)];
        }
        for (d, p) in fleet.microgrids[n].dgs.iter().zip(&mut window.microgrids[n].start.p_dg_kw) {
            *p = rng.random_range(0.0..d.p_max_kw);
        }
        let raw = random_raw(&fleet, steps, 150.0, &mut rng).swap_remove(n);
        let c: Vec<f64> = raw.iter().map(|_| rng.random_range(-1.0..1.0)).collect();
        let (mg, w) = (&fleet.microgrids[n], &window.microgrids[n]);
        let layout = mg.layout(steps);
        let apply = |raw: &[f64]| {
            let mut action = vec![0.0; raw.len()];
            feasible_map::apply(mg, w, window.dt_h, &layout, raw, &mut action);
            action
        };
        let action = apply(&raw);
        if ramp_meets_box(mg, &layout, &action, window.dt_h) {
            continue; // a kink of its own: which of the two limits moves depends on the direction
        }
        let gradient = pull_back(&fleet, &window, n, &raw, &c);
        let mut point = raw.clone();
        for at in 0..raw.len() {
            if raw[at] == action[at] {
                inner += 1;
            } else if gradient[at] != 0.0 {
                passing += 1;
                let step = at / layout.per_step();
                let reactive = at % layout.per_step() >= layout.dgs + layout.batteries;
                let inside = INSIDE * 8.0_f64.powi(step as i32) * if reactive { 5.0 } else { 1.0 };
                point[at] = action[at] - inside * gradient[at].signum();
                assert!((point[at] - action[at]) * (raw[at] - action[at]) < 0.0, "a passing entry descends inwards");
            } else {
                blocked += 1;
            }
        }
        let at_point = pull_back(&fleet, &window, n, &point, &c);
        let value = |raw: &[f64]| apply(raw).iter().zip(&c).map(|(a, c)| a * c).sum::<f64>();
        let mut moved = point.clone();
        let smooth = |moved: &mut Vec<f64>, at: usize, h: f64| {
            moved[at] = point[at] + h;
            let up = value(moved);
            moved[at] = point[at] - h;
            let down = value(moved);
            moved[at] = point[at];
            (up - value(&point), value(&point) - down)
        };
        for at in 0..raw.len() {
            let h = 1e-7;
            let (up, down) = smooth(&mut moved, at, h);
            if (up - down).abs() > 1e-3 * h {
                left_out += 1; // a kink of a later limit happens to be within the step
                continue;
            }
            let expected = (up + down) / (2.0 * h);
            assert!(
                (at_point[at] - expected).abs() < 2e-5 * (1.0 + expected.abs()),
                "round {round}, entry {at} {}: {} but differences give {expected}",
                layout.names()[at],
                at_point[at]
            );
            assert!(
                (at_point[at] - gradient[at]).abs() < 3e-3 * (1.0 + expected.abs()),
                "round {round}, entry {at} {}: {} outside, {} at the limit",
                layout.names()[at],
                gradient[at],
                at_point[at]
            );
        }
    }
    println!("{inner} inner, {passing} passing, {blocked} blocked, {left_out} left out");
    assert!(inner > 500 && passing > 500 && blocked > 500 && left_out * 50 < inner, "every kind must be met");
}

#[test]
fn fd_feasible_map_pull_back_is_the_identity_inside() {
    let fleet = fleet();
    let window = window(&fleet, 1, 5);
    let inner = [100.0, 60.0, -20.0, 30.0, 12.0, 8.0, -5.0, 7.0, -9.0];
    let c = [0.3, -0.2, 0.7, 1.0, -1.0, 0.4, 0.5, -0.6, 0.9];
    assert_eq!(pull_back(&fleet, &window, 0, &inner, &c), c);
}

#[test]
fn regress_pull_back_of_an_empty_battery_that_is_asked_to_discharge() {
    // Step 0 leaves the battery empty, step 1 asks for more: energy kept in step 0 would leave in step 1 through the
    // discharging efficiency, whole, so what is worth at the end of the window cancels.
    let fleet = fleet();
    let mut window = window(&fleet, 2, 8);
    let mg = &fleet.microgrids[1];
    let b = &mg.batteries[0];
    window.microgrids[1].start.soc[0] = b.soc_min;
    let layout = mg.layout(2);
    let mut raw = vec![0.0; layout.len()];
    (raw[layout.p_ess(0, 0)], raw[layout.p_ess(1, 0)]) = (10.0, -60.0);
    let mut c = vec![0.0; layout.len()];
    c[layout.p_ess(1, 0)] = 1.0; // descent wants more discharge in step 1
    let gradient = pull_back(&fleet, &window, 1, &raw, &c);
    let expected = -b.eta_charge * b.eta_discharge;
    assert!((gradient[layout.p_ess(0, 0)] - expected).abs() < 1e-12, "{gradient:?}");
    // The same with an empty step 0 in between, and a pull on the last step.
    let mut window = self::window(&fleet, 3, 8);
    window.microgrids[1].start.soc[0] = b.soc_min;
    let layout = mg.layout(3);
    let mut raw = vec![0.0; layout.len()];
    (raw[layout.p_ess(0, 0)], raw[layout.p_ess(1, 0)], raw[layout.p_ess(2, 0)]) = (-5.0, -5.0, -60.0);
    let mut c = vec![0.0; layout.len()];
    (c[layout.p_ess(0, 0)], c[layout.p_ess(1, 0)], c[layout.p_ess(2, 0)]) = (-0.2, 0.1, 0.5);
    let gradient = pull_back(&fleet, &window, 1, &raw, &c);
    // Step 1 had better charge for step 2; step 0 is blocked no more than step 1 is worth: charging there serves
    // step 2 as well.
    let round_trip = b.eta_charge * b.eta_discharge;
    let expected = 0.1 - 0.5 * round_trip;
    assert!((gradient[layout.p_ess(1, 0)] - expected).abs() < 1e-12, "{gradient:?} {expected}");
    let expected = -0.2 - 0.5 * round_trip;
    assert!((gradient[layout.p_ess(0, 0)] - expected).abs() < 1e-12, "{gradient:?} {expected}");
}

#[test]
fn regress_pull_back_where_the_rating_leaves_nothing() {
    let fleet = fleet();
    let mut window = window(&fleet, 1, 9);
    window.microgrids[1].pv_kw = vec![20.0, 75.0]; // sB2 is rated 70 kVA
    let mg = &fleet.microgrids[1];
    let layout = mg.layout(1);
    let mut raw = vec![0.0; layout.len()];
    raw[layout.q_pv(0, 1)] = 12.0;
    for pull in [-1.0, 1.0] {
        let mut c = vec![0.0; layout.len()];
        c[layout.q_pv(0, 1)] = pull;
        assert_eq!(pull_back(&fleet, &window, 1, &raw, &c), vec![0.0; layout.len()]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Any bit pattern: NaN, infinities, denormals; starts anywhere in their ranges.
    #[test]
    fn law_feasible_map_keeps_the_limits_for_any_floats(
        raw in proptest::collection::vec(proptest::num::f64::ANY, 36),
        soc in proptest::collection::vec(0.1..=0.9f64, 2),
        previous in 0.0..=100.0f64,
    ) {
        let fleet = fleet();
        let mut window = window(&fleet, 4, 6);
        window.microgrids[0].start = MicrogridStart { soc, p_dg_kw: vec![previous; 2] };
        let raws: Vec<Vec<f64>> =
            fleet.layouts(4).iter().map(|l| raw.iter().copied().cycle().take(l.len()).collect()).collect();
        prop_assert_eq!(raws[0].len(), raw.len());
        check_feasible_and_idempotent(&fleet, &window, &raws);
    }

    /// Near the limits, where rounding decides.
    #[test]
    fn law_feasible_map_keeps_the_limits_near_them(
        raw in proptest::collection::vec(prop_oneof![-100.0..100.0f64, Just(0.0), Just(-0.0), Just(80.0), Just(-45.0)], 144),
        soc in prop_oneof![Just(0.1), Just(0.9), 0.1..0.9f64],
    ) {
        let fleet = fleet();
        let mut window = window(&fleet, 16, 6);
        window.microgrids.iter_mut().for_each(|w| w.start.soc.fill(soc));
        let raws: Vec<Vec<f64>> =
            fleet.layouts(16).iter().map(|l| raw.iter().copied().cycle().take(l.len()).collect()).collect();
        check_feasible_and_idempotent(&fleet, &window, &raws);
    }
}

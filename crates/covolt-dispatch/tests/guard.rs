//! Laws of the guard on the small test fleet.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{assert_safe, fleet_with, independent_margins, small, tight_fleet};
use covolt_dispatch::*;
use covolt_fleet::*;

fn modes() -> [GuardMode; 3] {
    [GuardMode::Bare, GuardMode::Repair, GuardMode::Polish { steps: 1 }]
}

fn decide_in(fleet: &Fleet, window: &Window, proposal: &[Vec<f64>], mode: GuardMode) -> Decision {
    let curvature = LossCurvature::of_fleet(fleet);
    let mut ws = PhysicsWorkspace::new(fleet);
    decide(fleet, window, proposal, "test", &GuardSettings::with_mode(mode), &curvature, &mut ws).unwrap()
}

fn rule(fleet: &Fleet, window: &Window) -> Vec<Vec<f64>> {
    let mut actions = Vec::new();
    MeritOrder::default().propose(fleet, window, &mut actions).unwrap();
    actions
}

#[test]
fn law_certified_means_every_limit_holds() {
    let fleet = tight_fleet();
    let mut rng = small::rng(5);
    let (mut repaired, mut bare_unsafe) = (0, 0);
    for seed in 0..40 {
        let window = small::window(&fleet, 4, seed);
        let proposals = [rule(&fleet, &window), small::random_raw(&fleet, 4, 150.0, &mut rng)];
        for proposal in &proposals {
            for mode in modes() {
                let decision = decide_in(&fleet, &window, proposal, mode);
                let certificate = decision.certificate();
                let (voltage, current) = independent_margins(&fleet, &window, decision.actions());
                common::assert_devices_keep_limits(&fleet, &window, decision.actions());
                assert!((certificate.voltage_margin_pu() - voltage).abs() < 1e-8);
                assert!((certificate.current_margin_percent() / 100.0 - current).abs() < 1e-7);
                if certificate.is_certified() {
                    assert_safe(&fleet, &window, &decision);
                } else {
                    assert!(voltage < -1e-5 || current < -1e-4);
                    assert!(!certificate.verdict.limits().is_empty());
                    bare_unsafe += usize::from(mode == GuardMode::Bare);
                }
                repaired += usize::from(certificate.is_certified() && certificate.repairs > 0);
            }
        }
    }
    // The law is empty unless limits were broken and mended.
    assert!(bare_unsafe >= 20 && repaired >= 20, "{bare_unsafe} {repaired}");
}

#[test]
fn law_repair_ends_safe_wherever_the_optimum_does() {
    let fleet = tight_fleet();
    let curvature = LossCurvature::of_fleet(&fleet);
    let mut ws = PhysicsWorkspace::new(&fleet);
    let mut rng = small::rng(6);
    let mut counted = 0;
    for seed in 100..120 {
        let window = small::window(&fleet, 4, seed);
        let optimum =
            covolt_optimum::optimise(&fleet, &window, None, &curvature, &Default::default(), &mut ws).unwrap();
        if !optimum.returns.is_safe() {
            continue;
        }
        counted += 1;
        let proposal = small::random_raw(&fleet, 4, 200.0, &mut rng);
        for mode in [GuardMode::Repair, GuardMode::Polish { steps: 2 }] {
            let decision = decide_in(&fleet, &window, &proposal, mode);
            assert_safe(&fleet, &window, &decision);
            // No safe action costs less than the optimum by more than the tolerances are worth.
            let cost = decision.certificate().cost_usd.unwrap();
            assert!(cost > optimum.returns.total() - 2e-3 * optimum.returns.total().abs(), "{seed}");
        }
    }
    assert!(counted >= 10, "{counted}");
}

#[test]
fn law_a_safe_proposal_is_left_alone() {
    let fleet = tight_fleet();
    for seed in 0..10 {
        let window = small::window(&fleet, 4, seed);
        let first = decide_in(&fleet, &window, &rule(&fleet, &window), GuardMode::Repair);
        if !first.certificate().is_certified() {
            continue;
        }
        let second = decide_in(&fleet, &window, first.actions(), GuardMode::Repair);
        assert_eq!(second.certificate().programs, 0);
        assert_eq!(second.certificate().layer, Layer::Bare);
        for (a, b) in first.actions().iter().flatten().zip(second.actions().iter().flatten()) {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
    }
}

#[test]
fn law_polish_never_costs_more_than_a_safe_proposal() {
    let fleet = fleet_with(0.95, 1.05, 1.0);
    let mut cheaper = 0;
    for seed in 0..15 {
        let window = small::window(&fleet, 4, seed);
        let proposal = rule(&fleet, &window);
        let bare = decide_in(&fleet, &window, &proposal, GuardMode::Bare);
        let polished = decide_in(&fleet, &window, &proposal, GuardMode::Polish { steps: 1 });
        if bare.certificate().is_certified() {
            let (before, after) = (bare.certificate().cost_usd.unwrap(), polished.certificate().cost_usd.unwrap());
            assert!(after <= before);
            cheaper += usize::from(after < before - 1e-6);
            assert_safe(&fleet, &window, &polished);
        }
    }
    assert!(cheaper >= 5, "{cheaper}");
}

#[test]
fn law_an_impossible_limit_yields_the_marked_least_violation() {
    // The substation stands at 1.01 pu: nothing lifts F1 to 1.1 pu.
    let impossible_voltage = fleet_with(1.1, 1.2, 1.0);
    // A hundredth of the current limits does not carry the loads.
    let impossible_current = fleet_with(0.9, 1.1, 0.01);
    for (fleet, word) in [(impossible_voltage, "lower voltage limit at bus"), (impossible_current, "current limit of")]
    {
        let window = small::window(&fleet, 2, 3);
        let proposal = rule(&fleet, &window);
        let decision = decide_in(&fleet, &window, &proposal, GuardMode::Repair);
        let bare = decide_in(&fleet, &window, &proposal, GuardMode::Bare);
        let certificate = decision.certificate();
        let Verdict::LeastViolation { limits, unavoidable } = &certificate.verdict else { panic!("{certificate}") };
        // Proven, since the network is radial.
        assert!(unavoidable.iter().any(|limit| limit.name.contains(word)), "{unavoidable:?}");
        assert!(unavoidable.iter().all(|limit| limit.excess > 0.0), "{unavoidable:?}");
        assert!(certificate.programs <= 24, "a search for what cannot be: {} programs", certificate.programs);
        assert!(!certificate.is_certified());
        assert!(limits.iter().all(|limit| limit.excess > 0.0 && limit.margin() < 0.0));
        assert!(limits[0].name.contains(word), "{}", limits[0].name);
        let text = certificate.to_string();
        assert!(text.contains("no action keeps all limits") && text.contains(&limits[0].element), "{text}");
        assert!(matches!(bare.certificate().verdict, Verdict::Violating { .. }));
        let sum = |d: &Decision| {
            let r = d.returns().unwrap();
            2e4 * r.voltage_violation_sum_pu + 4e3 * r.current_violation_sum
        };
        assert!(sum(&decision) < sum(&bare), "{} {}", sum(&decision), sum(&bare));
        common::assert_devices_keep_limits(&fleet, &window, decision.actions());
    }
}

#[test]
fn law_any_proposal_gets_a_certificate() {
    let fleet = tight_fleet();
    let window = small::window(&fleet, 4, 11);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 0.0] {
        let proposal: Vec<Vec<f64>> = fleet.layouts(4).iter().map(|layout| vec![value; layout.len()]).collect();
        for mode in modes() {
            let decision = decide_in(&fleet, &window, &proposal, mode);
            assert!(decision.actions().iter().flatten().all(|entry| entry.is_finite()));
            common::assert_devices_keep_limits(&fleet, &window, decision.actions());
            if mode != GuardMode::Bare {
                assert_safe(&fleet, &window, &decision);
            }
        }
    }
}

#[test]
fn law_without_a_power_flow_the_verdict_says_so() {
    let fleet = tight_fleet();
    let mut window = small::window(&fleet, 2, 1);
    window.feeder_p_kw.iter_mut().for_each(|p| *p = 4e5);
    for mode in modes() {
        let decision = decide_in(&fleet, &window, &rule(&fleet, &window), mode);
        let Verdict::NoPowerFlow { reason } = &decision.certificate().verdict else { panic!() };
        assert!(reason.contains("bus"), "{reason}");
        assert!(decision.returns().is_none() && decision.certificate().cost_usd.is_none());
    }
}

#[test]
fn law_input_that_does_not_fit_is_an_error() {
    let fleet = tight_fleet();
    let window = small::window(&fleet, 4, 1);
    let curvature = LossCurvature::of_fleet(&fleet);
    let mut ws = PhysicsWorkspace::new(&fleet);
    let settings = GuardSettings::default();
    let proposal = rule(&fleet, &window);
    let mut refuses = |window: &Window, proposal: &[Vec<f64>], curvature: &[LossCurvature], word: &str| {
        let error = decide(&fleet, window, proposal, "test", &settings, curvature, &mut ws).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refuses(&window, &proposal[..2], &curvature, "joint action");
    refuses(&window, &[vec![0.0], proposal[1].clone(), proposal[2].clone()], &curvature, "microgrid A");
    refuses(&window, &proposal, &curvature[..1], "loss curvatures");
    let broken = |change: &dyn Fn(&mut Window)| {
        let mut window = window.clone();
        change(&mut window);
        window
    };
    refuses(&broken(&|w| w.steps = 0), &proposal, &curvature, "window steps");
    refuses(&broken(&|w| w.dt_h = f64::NAN), &proposal, &curvature, "dt_h");
    refuses(&broken(&|w| w.microgrids[1].price_per_kwh[2] = f64::NAN), &proposal, &curvature, "step 2");
    refuses(&broken(&|w| w.microgrids[0].load_p_kw.truncate(3)), &proposal, &curvature, "loads, kW");
    refuses(&broken(&|w| w.microgrids[0].terminal[0].slopes.clear()), &proposal, &curvature, "terminal value");
    refuses(&broken(&|w| w.microgrids[0].terminal[0].breakpoints.clear()), &proposal, &curvature, "terminal value");
    refuses(&broken(&|w| w.microgrids[2].start.p_dg_kw.clear()), &proposal, &curvature, "generator power");
}

#[test]
fn law_negative_prices_never_burn_energy_in_a_full_battery() {
    let fleet = tight_fleet();
    for seed in 0..8 {
        let mut window = small::window(&fleet, 4, seed);
        for w in &mut window.microgrids {
            w.price_per_kwh.iter_mut().for_each(|price| *price = -0.3);
            w.start.soc.iter_mut().for_each(|soc| *soc = 0.895);
            w.terminal.iter_mut().for_each(|value| *value = TerminalValue::linear(0.0));
        }
        // At these prices a relaxed program charges and discharges at once, to burn energy that it is paid to take.
        for mode in [GuardMode::Repair, GuardMode::Polish { steps: 2 }] {
            let decision = decide_in(&fleet, &window, &rule(&fleet, &window), mode);
            common::assert_devices_keep_limits(&fleet, &window, decision.actions());
            if let Some(returns) = decision.returns() {
                // The cost is that of the signed powers: what they store is what they are billed for.
                for ((mg, action), export) in
                    fleet.microgrids.iter().zip(decision.actions()).zip(returns.export_kw.chunks(4))
                {
                    let layout = mg.layout(4);
                    for k in 0..layout.batteries {
                        let stored: f64 =
                            (0..4).map(|t| mg.batteries[k].soc_change(action[layout.p_ess(t, k)], 0.25)).sum();
                        assert!(stored <= 0.005 + 1e-9, "{stored}");
                    }
                    assert!(export.iter().all(|kw| kw.is_finite()));
                }
            }
        }
    }
}

#[test]
fn law_certificates_survive_a_round_trip() {
    let fleet = fleet_with(1.1, 1.2, 1.0);
    let window = small::window(&fleet, 2, 3);
    let decision = decide_in(&fleet, &window, &rule(&fleet, &window), GuardMode::Repair).compared_with_optimum(10.0);
    let text = serde_json::to_string(decision.certificate()).unwrap();
    let back: Certificate = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    assert_eq!(back.verdict.limits().len(), decision.certificate().verdict.limits().len());
    assert!(back.optimum_gap.is_some());
}

//! Proposals, layers of dispatch, and the built-in case.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{assert_safe, small, tight_fleet};
use covolt_case::Case;
use covolt_dispatch::*;
use covolt_fleet::state::feature_names;
use covolt_fleet::*;
use covolt_policy::{Action, Activation, CovarianceKind, Feature, GaussianPolicy, LogSigma, PolicySpec};
use std::ops::ControlFlow;

fn policies(fleet: &Fleet, steps: usize, state: StateKind) -> Vec<GaussianPolicy> {
    let mut rng = small::rng(8);
    let spec = |mg: &Microgrid| {
        let layout = mg.layout(steps);
        let feature = |name| Feature { name, mean: 10.0, std: 50.0 };
        PolicySpec {
            features: feature_names(state, mg, &layout).into_iter().map(feature).collect(),
            actions: layout.names().into_iter().map(|name| Action { name, scale: 20.0 }).collect(),
            mean_hidden: vec![8],
            covariance_hidden: vec![4],
            activation: Activation::LeakyRelu,
            covariance: CovarianceKind::Diagonal,
            log_sigma: LogSigma::default(),
        }
    };
    fleet.microgrids.iter().map(|mg| GaussianPolicy::try_new(spec(mg), &mut rng).unwrap()).collect()
}

#[test]
fn law_an_untrained_policy_proposes_the_merit_order() {
    let fleet = tight_fleet();
    for state in [StateKind::Local, StateKind::Paper] {
        let mut fleet_of_policies =
            PolicyFleet::try_new(&fleet, 4, state, policies(&fleet, 4, state), "untrained").unwrap();
        let (mut by_policy, mut by_rule) = (Vec::new(), Vec::new());
        for seed in 0..5 {
            let window = small::window(&fleet, 4, seed);
            fleet_of_policies.propose(&fleet, &window, &mut by_policy).unwrap();
            MeritOrder::default().propose(&fleet, &window, &mut by_rule).unwrap();
            assert_eq!(by_policy, by_rule);
        }
    }
}

#[test]
fn law_a_trained_parameter_changes_the_proposal_and_keeps_it_feasible() {
    let fleet = tight_fleet();
    let mut nets = policies(&fleet, 4, StateKind::Local);
    for policy in &mut nets {
        let mut theta = vec![0.0; policy.parameter_count()];
        policy.copy_parameters(&mut theta).unwrap();
        theta.iter_mut().enumerate().for_each(|(i, x)| *x += 0.3 * ((i % 7) as f64 - 3.0));
        policy.set_parameters(&theta).unwrap();
    }
    let mut proposer = PolicyFleet::try_new(&fleet, 4, StateKind::Local, nets, "v1").unwrap();
    let window = small::window(&fleet, 4, 3);
    let (mut actions, mut by_rule) = (Vec::new(), Vec::new());
    proposer.propose(&fleet, &window, &mut actions).unwrap();
    MeritOrder::default().propose(&fleet, &window, &mut by_rule).unwrap();
    assert_ne!(actions, by_rule);
    common::assert_devices_keep_limits(&fleet, &window, &actions);
    let mut again = Vec::new();
    proposer.propose(&fleet, &window, &mut again).unwrap();
    assert_eq!(actions, again);
}

#[test]
fn law_policies_that_do_not_fit_are_refused() {
    let fleet = tight_fleet();
    let refuse = |steps, state, policies: Vec<GaussianPolicy>, word: &str| {
        let error = PolicyFleet::try_new(&fleet, steps, state, policies, "x").unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refuse(4, StateKind::Paper, policies(&fleet, 4, StateKind::Local), "state of the policy of microgrid A");
    refuse(5, StateKind::Local, policies(&fleet, 4, StateKind::Local), "microgrid A");
    refuse(4, StateKind::Local, policies(&fleet, 4, StateKind::Local).split_off(1), "list of policies");
    let four = policies(&fleet, 4, StateKind::Local);
    let mut proposer = PolicyFleet::try_new(&fleet, 4, StateKind::Local, four, "x").unwrap();
    let window = small::window(&fleet, 3, 1);
    assert!(matches!(proposer.propose(&fleet, &window, &mut Vec::new()), Err(DispatchError::Shape { .. })));
}

#[test]
fn law_a_gap_is_the_sum_of_costs_over_the_sum_of_sizes() {
    let outcome = |cost, optimum, safe, programs| LayerOutcome {
        cost_usd: cost,
        optimum_usd: optimum,
        voltage_violation_pu: if safe { 0.0 } else { 2e-3 },
        current_violation: if safe { 0.0 } else { 0.03 },
        safe,
        programs,
        time_us: 1.0,
    };
    let outcomes =
        [outcome(Some(-9.0), -10.0, true, 1), outcome(Some(31.0), 30.0, false, 2), outcome(None, 60.0, false, 3)];
    let summary = LayerSummary::of(&outcomes);
    assert!((summary.gap_percent - 5.0).abs() < 1e-12);
    assert_eq!((summary.windows, summary.violating_windows, summary.windows_without_power_flow), (3, 2, 1));
    assert_eq!((summary.programs_mean, summary.programs_max), (2.0, 3));
    assert_eq!((summary.max_voltage_violation_pu, summary.max_current_violation_percent), (2e-3, 3.0));
    assert!((outcomes[0].gap_percent().unwrap() - 10.0).abs() < 1e-12);
    assert_eq!(LayerSummary::of(&[]).gap_percent, 0.0);
}

#[test]
fn law_layers_do_not_depend_on_the_number_of_threads() {
    let fleet = tight_fleet();
    let curvature = LossCurvature::of_fleet(&fleet);
    let windows: Vec<Window> = (0..6).map(|seed| small::window(&fleet, 4, seed)).collect();
    let optimum = vec![1.0; 6];
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let settings = LayerSettings::default();
        let mut layers = pool
            .install(|| evaluate_windows(&fleet, &windows, &optimum, &MeritOrder::default(), &curvature, &settings))
            .unwrap();
        for l in &mut layers {
            for outcome in [&mut l.bare, &mut l.repaired, &mut l.polished].into_iter().chain(&mut l.rule) {
                outcome.time_us = 0.0;
            }
        }
        layers
    };
    let one = run(1);
    assert_eq!(one, run(3));
    assert!(one.iter().any(|l| !l.bare.safe) && one.iter().all(|l| l.repaired == *l.rule.as_ref().unwrap()));
}

#[test]
fn law_on_the_builtin_case_repaired_and_polished_windows_are_safe_and_near_the_optimum() {
    let mut case = Case::builtin().unwrap();
    // A narrower band, so that limits bind in most of these windows whatever the case's own numbers are.
    case.fleet.limits.v_max_pu.iter_mut().for_each(|v| *v -= 0.02);
    let fleet = &case.fleet;
    let outlook = PriceOutlook::from_days(&case.profiles, &case.days.train);
    let curvature = LossCurvature::of_fleet(fleet);
    let mut ws = PhysicsWorkspace::new(fleet);
    let valuation = StorageValuation::default();
    let forecast = Forecast {
        profiles: &case.profiles,
        outlook: &outlook,
        kind: ForecastKind::Perfect,
        knowledge: PriceKnowledge::DayAhead,
        valuation: &valuation,
    };
    let (mut windows, mut optima) = (Vec::new(), Vec::new());
    for (i, &day) in case.days.validation.iter().step_by(5).take(6).enumerate() {
        let row = case.profiles.rows_of_day(day).start + 36 + 7 * i;
        let start = start_state(fleet, &case.profiles, row, 0.5).unwrap();
        let window = forecast.window(fleet, row, case.settings.steps, &start).unwrap();
        let optimum = covolt_optimum::optimise(fleet, &window, None, &curvature, &Default::default(), &mut ws).unwrap();
        if optimum.returns.is_safe() {
            optima.push(optimum.returns.total());
            windows.push(window);
        }
    }
    assert!(windows.len() >= 3);
    let settings = LayerSettings::default();
    let layers = evaluate_windows(fleet, &windows, &optima, &MeritOrder::default(), &curvature, &settings).unwrap();
    let (bare, polished) =
        (LayerSummary::of(layers.iter().map(|l| &l.bare)), LayerSummary::of(layers.iter().map(|l| &l.polished)));
    let repaired = LayerSummary::of(layers.iter().map(|l| &l.repaired));
    println!("bare {bare:?}\nrepaired {repaired:?}\npolished {polished:?}");
    assert!(bare.violating_windows > 0, "the limits never mattered");
    assert_eq!((repaired.violating_windows, polished.violating_windows), (0, 0));
    assert!(repaired.gap_percent < 1.0 && polished.gap_percent < 0.1);
    let decision = propose_and_decide(
        fleet,
        &windows[0],
        &mut MeritOrder::default(),
        &GuardSettings::default(),
        &curvature,
        &mut ws,
    )
    .unwrap();
    let (voltage, current) = common::independent_margins(fleet, &windows[0], decision.actions());
    assert!(voltage > -1.01e-5 && current > -1.01e-4);
}

#[test]
fn law_a_simulated_stretch_of_the_builtin_case_is_safe() {
    let case = Case::builtin().unwrap();
    let outlook = PriceOutlook::from_days(&case.profiles, &case.days.train);
    let curvature = LossCurvature::of_fleet(&case.fleet);
    let first = case.profiles.rows_of_day(case.days.validation[20]).start + 44;
    let start = start_state(&case.fleet, &case.profiles, first, 0.5).unwrap();
    let record = simulate(
        &case.fleet,
        &case.profiles,
        &outlook,
        first..first + 12,
        &start,
        &mut MeritOrder::default(),
        &curvature,
        &SimulationSettings::default(),
        &mut PhysicsWorkspace::new(&case.fleet),
        &mut |_| ControlFlow::Continue(()),
    )
    .unwrap();
    assert_eq!((record.violating_steps(), record.steps.len()), (0, 12));
    // What was applied is what a power flow of the recorded demand gives.
    let base_kva = case.fleet.grid.balanced().unwrap().network().base_mva() * 1e3;
    let mut flow = case.fleet.grid.workspace();
    for step in &record.steps {
        let pu = |kw: &[f64]| kw.iter().map(|p| p / base_kva).collect::<Vec<f64>>();
        case.fleet.grid.solve(&pu(&step.demand_kw), &pu(&step.demand_kvar), &mut flow, &Default::default()).unwrap();
        assert!(flow.v().iter().zip(&step.voltages).all(|(a, b)| (a - b).norm() < 1e-9));
    }
}

#[test]
fn law_a_repaired_rule_is_safe_on_the_small_fleet() {
    let fleet = tight_fleet();
    let curvature = LossCurvature::of_fleet(&fleet);
    let mut ws = PhysicsWorkspace::new(&fleet);
    let window = small::window(&fleet, 16, 4);
    let settings = GuardSettings::default();
    let decision =
        propose_and_decide(&fleet, &window, &mut MeritOrder::default(), &settings, &curvature, &mut ws).unwrap();
    assert_safe(&fleet, &window, &decision);
    for steps in [1, 96] {
        let window = small::window(&fleet, steps, 4);
        let decision =
            propose_and_decide(&fleet, &window, &mut MeritOrder::default(), &settings, &curvature, &mut ws).unwrap();
        assert!(decision.certificate().programs > 0 || decision.certificate().is_certified());
    }
}

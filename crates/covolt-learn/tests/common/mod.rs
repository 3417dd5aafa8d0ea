//! The test fleet of covolt-fleet with series for a few days, small policies, and what windows cost under a policy.

#![allow(clippy::unwrap_used)] // a test may fail loudly
#![allow(dead_code)] // each test file uses its own part

#[path = "../../../covolt-fleet/tests/common/mod.rs"]
pub mod test_fleet;

use covolt_fleet::state::StateKind;
use covolt_fleet::*;
use covolt_grid::{DistributionGrid, Grid};
use covolt_learn::*;
use covolt_policy::{CovarianceKind, GaussianPolicy};
use std::sync::Arc;
pub use test_fleet::rng;

/// Steps of a window.
pub const STEPS: usize = 3;
/// Rows of each day, quarter hours; day 2 is too short for a window, day 3 holds exactly six rows.
pub const ROWS_OF_DAY: [usize; 5] = [96, 96, 2, 6, 96];

/// The test fleet within a band that the untrained policy leaves.
pub fn fleet() -> Fleet {
    fleet_within(0.985, 1.03)
}

/// The test fleet within a voltage band of its own.
pub fn fleet_within(v_min_pu: f64, v_max_pu: f64) -> Fleet {
    let grid = DistributionGrid::from(Grid::new(test_fleet::network()).unwrap());
    let limits = NetworkLimits::uniform(&grid, v_min_pu, v_max_pu);
    Fleet::try_new(grid, test_fleet::microgrids(), test_fleet::feeder_loads(), limits).unwrap()
}

/// Smooth series over the days of [`ROWS_OF_DAY`].
pub fn profiles(fleet: &Fleet) -> Profiles {
    let day: Vec<usize> = ROWS_OF_DAY.iter().enumerate().flat_map(|(d, &count)| vec![d; count]).collect();
    let hour: Vec<f64> = ROWS_OF_DAY.iter().flat_map(|&count| (0..count).map(|r| 0.25 * r as f64)).collect();
    let wave = |at: f64, phase: f64| (std::f64::consts::TAU * (at + phase) / 24.0).sin();
    let series = |value: &dyn Fn(f64, f64) -> f64| {
        ScaledSeries::new(hour.iter().zip(&day).map(|(&h, &d)| value(h, d as f64)).collect::<Arc<[f64]>>(), 1.0)
    };
    let load = |size: f64, phase: f64| LoadProfile {
        p_kw: series(&|h, d| size * (1.0 + 0.4 * wave(h, phase) + 0.1 * wave(5.0 * h, d))),
        q_kvar: series(&|h, d| 0.4 * size * (1.0 + 0.3 * wave(h, phase + 1.0) + 0.1 * wave(3.0 * h, d))),
    };
    let microgrids = (fleet.microgrids.iter().enumerate())
        .map(|(n, mg)| MicrogridProfiles {
            loads: (0..mg.loads.len()).map(|l| load(80.0, 2.0 * n as f64 + l as f64)).collect(),
            pvs_kw: (0..mg.pvs.len())
                .map(|j| series(&|h, d| (100.0 - 10.0 * j as f64 - 5.0 * d) * wave(h, -6.0).max(0.0)))
                .collect(),
            price_per_kwh: series(&|h, d| 0.2 + 0.08 * wave(h, -9.0) + 0.03 * wave(7.0 * h, d)),
        })
        .collect();
    Profiles {
        dt_h: 0.25,
        unix_s: (0..day.len() as i64).map(|r| 900 * r).collect(),
        hour_of_day: hour.clone(),
        weekday: day.iter().map(|&d| (d % 7) as u8).collect(),
        day: day.clone(),
        feeder_loads: (0..fleet.feeder_loads.len()).map(|l| load(180.0, 3.0 * l as f64)).collect(),
        microgrids,
    }
}

/// `count` windows of the long days.
pub fn scenarios(fleet: &Fleet, count: usize, kind: StateKind, seed: u64) -> Vec<Scenario> {
    let profiles = profiles(fleet);
    let days = [0, 1, 4];
    let outlook = PriceOutlook::from_days(&profiles, &days);
    let valuation = StorageValuation::default();
    let source = ScenarioSource { fleet, profiles: &profiles, outlook: &outlook, valuation: &valuation, steps: STEPS };
    draw(&source, &days, count, &StateSpread::default(), kind, &mut rng(seed)).unwrap()
}

/// An untrained policy with small networks per microgrid.
pub fn policies(fleet: &Fleet, scenarios: &[Scenario], kind: StateKind, seed: u64) -> Vec<GaussianPolicy> {
    let shape =
        NetworkShape { mean_hidden: vec![16], covariance_hidden: vec![8], covariance: CovarianceKind::Diagonal };
    let mut rng = rng(seed);
    (fleet.microgrids.iter().enumerate())
        .map(|(n, mg)| untrained_policy(mg, n, &mg.layout(STEPS), kind, &shape, scenarios, &mut rng).unwrap())
        .collect()
}

/// Learners around policies.
pub fn learners(fleet: &Fleet, policies: Vec<GaussianPolicy>, batch: usize) -> Vec<Learner> {
    policies.into_iter().zip(fleet.layouts(STEPS)).map(|(p, layout)| Learner::new(p, layout, batch)).collect()
}

/// The parameters of a policy.
pub fn parameters(policy: &GaussianPolicy) -> Vec<f64> {
    let mut theta = vec![0.0; policy.parameter_count()];
    policy.copy_parameters(&mut theta).unwrap();
    theta
}

/// Feasible means of all policies in one window, from the policies alone.
pub fn mean_actions(fleet: &Fleet, policies: &[GaussianPolicy], scenario: &Scenario) -> Vec<Vec<f64>> {
    let raw: Vec<Vec<f64>> = (policies.iter().enumerate())
        .map(|(n, policy)| {
            let mut ws = policy.workspace(1);
            policy.mean(&scenario.features[n], &scenario.merit_order[n], 1, &mut ws).unwrap().to_vec()
        })
        .collect();
    test_fleet::feasible(fleet, &scenario.window, &raw)
}

/// Cost and limits of a joint action, measured with no price on any limit.
pub fn measure(fleet: &Fleet, scenario: &Scenario, actions: &[Vec<f64>]) -> LagrangianValue {
    let pricing =
        LimitPricing { voltage_curvature: 0.0, current_curvature: 0.0, voltage_margin_pu: 0.0, current_margin: 0.0 };
    let mut gradients: Vec<Vec<f64>> = actions.iter().map(|a| vec![0.0; a.len()]).collect();
    lagrangian_gradient(
        fleet,
        &scenario.window,
        &scenario.base,
        actions,
        &LimitPrices::default(),
        &pricing,
        &mut PhysicsWorkspace::new(fleet),
        &mut PriceScratch::default(),
        &mut gradients,
    )
    .unwrap()
}

/// Means over `scenarios` under the policies' means: cost $, worst voltage excess pu, worst current excess fraction.
pub fn means(fleet: &Fleet, policies: &[GaussianPolicy], scenarios: &[Scenario]) -> (f64, f64, f64) {
    let share = 1.0 / scenarios.len() as f64;
    scenarios.iter().fold((0.0, 0.0, 0.0), |(cost, voltage, current), s| {
        let v = measure(fleet, s, &mean_actions(fleet, policies, s));
        let excess = |x: f64| share * x.max(0.0);
        (cost + share * v.cost, voltage + excess(v.voltage_violation_pu), current + excess(v.current_violation))
    })
}

//! The fleet crate's test fleet, profiles for it, and a check of joint actions that shares no code with the guard.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(dead_code)] // each test file uses its own part

#[path = "../../../covolt-fleet/tests/common/mod.rs"]
pub mod small;

use covolt_dispatch::Decision;
use covolt_fleet::*;
use covolt_grid::{FlowMethod, FlowOptions};
use rand::RngExt;
use std::sync::Arc;

/// Margins of a decision's action after a power flow by the sparse method: (voltage room pu, current room fraction).
pub fn independent_margins(fleet: &Fleet, window: &Window, actions: &[Vec<f64>]) -> (f64, f64) {
    let mut ws = PhysicsWorkspace::new(fleet);
    ws.options =
        FlowOptions { method: FlowMethod::SparseNewton, tolerance_pu: 1e-11, max_iterations: 60, warm_start: false };
    let base = BaseDemand::new(fleet, window);
    let network = fleet.grid.balanced().unwrap().network();
    let (mut voltage, mut current) = (f64::INFINITY, f64::INFINITY);
    for t in 0..window.steps {
        ws.solve_step(fleet, &base, actions, window.steps, t).unwrap();
        let v = ws.flow.v();
        for (bus, v) in v.iter().enumerate().filter(|(bus, _)| *bus != network.source().bus.0) {
            voltage = voltage.min(v.norm() - fleet.limits.v_min_pu[bus]).min(fleet.limits.v_max_pu[bus] - v.norm());
        }
        for (branch, limit) in fleet.limits.i_max_pu.iter().enumerate() {
            let index = covolt_grid::BranchIndex(branch);
            let from =
                fleet.grid.balanced().unwrap().current_from(index, v).norm() * network.branches()[branch].tap.norm();
            current = current.min(1.0 - from.max(fleet.grid.balanced().unwrap().current_to(index, v).norm()) / limit);
        }
    }
    (voltage, current)
}

/// The device limits once more, in the words of (5)-(14), written against the entries' names.
pub fn assert_devices_keep_limits(fleet: &Fleet, window: &Window, actions: &[Vec<f64>]) {
    let tiny = 1e-6;
    for ((mg, w), a) in fleet.microgrids.iter().zip(&window.microgrids).zip(actions) {
        let layout = mg.layout(window.steps);
        let at = |name: String| a[layout.names().iter().position(|n| *n == name).unwrap()];
        for t in 0..window.steps {
            for (i, dg) in mg.dgs.iter().enumerate() {
                let (p, q) = (at(format!("p_dg{}[{t}]", i + 1)), at(format!("q_dg{}[{t}]", i + 1)));
                let before = if t == 0 { w.start.p_dg_kw[i] } else { at(format!("p_dg{}[{}]", i + 1, t - 1)) };
                assert!(p >= -tiny && p <= dg.p_max_kw + tiny && q >= -tiny && q <= dg.q_max_kvar + tiny);
                assert!((p - before).abs() <= dg.ramp_kw_per_min * 15.0 + tiny, "{} {before} {p}", dg.id);
                assert!(dg.s_max_kva.is_none_or(|s| p * p + q * q <= s * s + tiny));
            }
            for (j, pv) in mg.pvs.iter().enumerate() {
                let (p, q) = (w.pv_kw[j * window.steps + t], at(format!("q_pv{}[{t}]", j + 1)));
                assert!(q.abs() <= pv.q_max_kvar + tiny);
                assert!(pv.s_max_kva.is_none_or(|s| p > s || p * p + q * q <= s * s + tiny));
            }
            for (k, battery) in mg.batteries.iter().enumerate() {
                let (p, q) = (at(format!("p_ess{}[{t}]", k + 1)), at(format!("q_ess{}[{t}]", k + 1)));
                let mut soc = w.start.soc[k];
                for s in 0..=t {
                    let p = at(format!("p_ess{}[{s}]", k + 1));
                    let stored = if p > 0.0 { 0.95 * p } else { p / 0.92 };
                    soc += 0.25 * stored / battery.capacity_kwh;
                }
                assert!(soc >= battery.soc_min - 1e-9 && soc <= battery.soc_max + 1e-9, "{} {soc}", battery.id);
                assert!(p <= battery.p_charge_max_kw + tiny && p >= -battery.p_discharge_max_kw - tiny);
                assert!(q.abs() <= battery.q_max_kvar + tiny);
                assert!(battery.s_max_kva.is_none_or(|s| p * p + q * q <= s * s + tiny));
            }
        }
    }
}

/// A certified decision keeps every limit by the checks above.
pub fn assert_safe(fleet: &Fleet, window: &Window, decision: &Decision) {
    assert!(decision.certificate().is_certified(), "{}", decision.certificate());
    let (voltage, current) = independent_margins(fleet, window, decision.actions());
    assert!(voltage >= -1.01e-5, "{voltage:e}");
    assert!(current >= -1.01e-4, "{current:e}");
    assert_devices_keep_limits(fleet, window, decision.actions());
}

/// A fleet with narrower limits than the ordinary test fleet, so that proposals often break them.
pub fn tight_fleet() -> Fleet {
    fleet_with(0.985, 1.025, 0.8)
}

/// The test fleet within another voltage band and with scaled current limits.
pub fn fleet_with(v_min: f64, v_max: f64, current_scale: f64) -> Fleet {
    let grid = covolt_grid::DistributionGrid::from(covolt_grid::Grid::new(small::network()).unwrap());
    let mut limits = NetworkLimits::uniform(&grid, v_min, v_max);
    limits.i_max_pu.iter_mut().for_each(|limit| *limit *= current_scale);
    Fleet::try_new(grid, small::microgrids(), small::feeder_loads(), limits).unwrap()
}

/// Days of hourly profiles for the test fleet (24 rows a day): loads with an evening peak, PV by day, prices with two
/// peaks and a few negative hours.
pub fn profiles(fleet: &Fleet, days: usize, seed: u64) -> Profiles {
    let mut rng = small::rng(seed);
    let rows = 24 * days;
    let hour = |r: usize| (r % 24) as f64;
    let shape = |rng: &mut rand_chacha::ChaCha8Rng, f: &dyn Fn(f64) -> f64, noise: f64| -> Arc<[f64]> {
        (0..rows).map(|r| f(hour(r)) * (1.0 + rng.random_range(-noise..noise))).collect()
    };
    let evening = |h: f64| 0.6 + 0.4 * (-(h - 19.0).powi(2) / 8.0).exp();
    let sun = |h: f64| (1.0 - ((h - 12.5) / 6.0).powi(2)).max(0.0);
    let price = |h: f64| {
        0.2 + 0.08 * (-(h - 8.0).powi(2) / 4.0).exp() + 0.12 * (-(h - 19.0).powi(2) / 6.0).exp() - 0.23 * sun(h).powi(2)
    };
    let series = |shape: Arc<[f64]>, scale: f64| ScaledSeries::new(shape, scale);
    let mut load = |scale: f64| {
        let shape = shape(&mut rng, &evening, 0.1);
        LoadProfile { p_kw: series(shape.clone(), scale), q_kvar: series(shape, 0.35 * scale) }
    };
    let feeder_loads: Vec<LoadProfile> = fleet.feeder_loads.iter().map(|_| load(180.0)).collect();
    let loads: Vec<Vec<LoadProfile>> =
        fleet.microgrids.iter().map(|mg| mg.loads.iter().map(|_| load(90.0)).collect()).collect();
    let prices = shape(&mut rng, &price, 0.1);
    let microgrids = fleet
        .microgrids
        .iter()
        .zip(loads)
        .map(|(mg, loads)| MicrogridProfiles {
            loads,
            pvs_kw: mg.pvs.iter().map(|_| series(shape(&mut rng, &sun, 0.2), 90.0)).collect(),
            price_per_kwh: series(prices.clone(), 1.0),
        })
        .collect();
    Profiles {
        dt_h: 1.0,
        unix_s: (0..rows as i64).map(|r| 1_500_000_000 + 3600 * r).collect(),
        hour_of_day: (0..rows).map(hour).collect(),
        weekday: (0..rows).map(|r| ((r / 24) % 7) as u8).collect(),
        day: (0..rows).map(|r| r / 24).collect(),
        feeder_loads,
        microgrids,
    }
}

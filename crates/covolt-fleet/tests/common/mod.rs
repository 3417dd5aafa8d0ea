//! The test fleet: three microgrids on a 14-bus feeder, and windows for it.
//!
//! ```text
//! F0 (source) - F1 - F2 - F3     12.66 kV, lines with charging, one without a rating
//!               |    |    |
//!               A1   B1   C1     A: transformer, tap 0.975, 0.4 kV; B: transformer, nominal tap; C: a line
//! ```
//!
//! A: two generators, one PV system, two batteries; B: one generator, two PV systems, one battery; C: one generator,
//! one PV system, no battery. Apparent-power ratings cut into the boxes of one generator, one PV system and one battery.

#![allow(clippy::unwrap_used)] // a test may fail loudly
#![allow(dead_code)] // each test file uses its own part

use covolt_fleet::*;
use covolt_grid::*;
use num_complex::Complex64;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Seeded generator of the tests.
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn branch(
    id: &str,
    ends: (usize, usize),
    z: (f64, f64),
    charging: f64,
    tap: Option<f64>,
    rating_a: Option<f64>,
) -> Branch {
    let half = Complex64::new(0.0, charging / 2.0);
    Branch {
        id: BranchId(id.into()),
        from: BusIndex(ends.0),
        to: BusIndex(ends.1),
        kind: if tap.is_some() { BranchKind::Transformer } else { BranchKind::Line },
        series_z_pu: Complex64::new(z.0, z.1),
        shunt_from_pu: half,
        shunt_to_pu: half,
        tap: Complex64::new(tap.unwrap_or(1.0), 0.0),
        rating_a,
    }
}

/// Bus names of the test network, in order.
pub const BUSES: [&str; 14] = ["F0", "F1", "F2", "F3", "A1", "A2", "A3", "A4", "B1", "B2", "B3", "C1", "C2", "C3"];

/// Index of a bus by its name.
pub fn bus(name: &str) -> BusIndex {
    BusIndex(BUSES.iter().position(|b| *b == name).unwrap())
}

/// The network; 1 MVA base.
pub fn network() -> Network {
    let buses = BUSES
        .iter()
        .map(|name| Bus {
            id: BusId((*name).into()),
            v_base_kv: if name.starts_with(['A', 'B']) { 0.4 } else { 12.66 },
        })
        .collect();
    let branches = vec![
        branch("F0-F1", (0, 1), (0.004, 0.006), 0.02, None, Some(60.0)),
        branch("F1-F2", (1, 2), (0.006, 0.007), 0.03, None, None),
        branch("F2-F3", (2, 3), (0.008, 0.006), 0.01, None, Some(30.0)),
        branch("TA", (1, 4), (0.012, 0.05), 0.0, Some(0.975), Some(700.0)),
        branch("A1-A2", (4, 5), (0.02, 0.012), 0.001, None, Some(500.0)),
        // Written against the flow of the tree, as users do.
        branch("A3-A1", (6, 4), (0.025, 0.014), 0.001, None, Some(400.0)),
        branch("A2-A4", (5, 7), (0.03, 0.015), 0.0, None, Some(300.0)),
        branch("TB", (2, 8), (0.015, 0.045), 0.0, Some(1.0), Some(600.0)),
        branch("B1-B2", (8, 9), (0.022, 0.013), 0.001, None, Some(450.0)),
        branch("B2-B3", (9, 10), (0.028, 0.016), 0.001, None, Some(350.0)),
        branch("F3-C1", (3, 11), (0.01, 0.011), 0.004, None, Some(20.0)),
        branch("C1-C2", (11, 12), (0.012, 0.01), 0.004, None, Some(15.0)),
        branch("C1-C3", (11, 13), (0.014, 0.01), 0.003, None, Some(15.0)),
    ];
    let shunt = Shunt { bus: bus("F2"), y_pu: Complex64::new(0.0, 0.03) };
    let source = Source { bus: BusIndex(0), v_pu: 1.01, angle_deg: 3.0 };
    Network::try_new("test", 1.0, 50.0, buses, branches, vec![shunt], source).unwrap()
}

/// A diesel generator with everything but its rating at ordinary values.
pub fn generator(id: &str, at: &str, p_max_kw: f64, ramp_kw_per_min: f64, s_max_kva: Option<f64>) -> DieselGenerator {
    DieselGenerator {
        id: id.into(),
        connection: bus(at).into(),
        p_max_kw,
        q_max_kvar: 0.6 * p_max_kw,
        ramp_kw_per_min,
        s_max_kva,
        fuel: FuelCurve { a_l_per_kw2h: 0.0003, b_l_per_kwh: 0.12 + 0.0001 * p_max_kw, c_l_per_h: 2.5 },
    }
}

/// A battery with a two-hour capacity.
pub fn battery(id: &str, at: &str, p_kw: f64, s_max_kva: Option<f64>) -> Battery {
    Battery {
        id: id.into(),
        connection: bus(at).into(),
        capacity_kwh: 2.0 * p_kw,
        soc_min: 0.1,
        soc_max: 0.9,
        p_charge_max_kw: p_kw,
        p_discharge_max_kw: 0.9 * p_kw,
        eta_charge: 0.95,
        eta_discharge: 0.92,
        q_max_kvar: 0.5 * p_kw,
        s_max_kva,
    }
}

fn load(id: &str, at: &str) -> Load {
    Load { id: id.into(), connection: bus(at).into() }
}

fn pv(id: &str, at: &str, q_max_kvar: f64, s_max_kva: Option<f64>) -> Photovoltaic {
    Photovoltaic { id: id.into(), connection: bus(at).into(), q_max_kvar, s_max_kva }
}

/// The microgrids of the test fleet.
pub fn microgrids() -> Vec<Microgrid> {
    let buses = |prefix: &str| (0..14).filter(|&b| BUSES[b].starts_with(prefix)).map(BusIndex).collect();
    vec![
        Microgrid {
            name: "A".into(),
            pcc: BranchIndex(3),
            buses: buses("A"),
            dgs: vec![generator("gA1", "A2", 150.0, 4.0, Some(160.0)), generator("gA2", "A3", 100.0, 20.0, None)],
            pvs: vec![pv("sA1", "A4", 60.0, Some(120.0))],
            batteries: vec![battery("bA1", "A3", 80.0, Some(84.0)), battery("bA2", "A4", 50.0, None)],
            loads: vec![load("lA1", "A2"), load("lA2", "A4")],
            fuel_price_per_l: 0.9,
        },
        Microgrid {
            name: "B".into(),
            pcc: BranchIndex(7),
            buses: buses("B"),
            dgs: vec![generator("gB1", "B3", 180.0, 3.0, None)],
            pvs: vec![pv("sB1", "B1", 40.0, None), pv("sB2", "B2", 50.0, Some(70.0))],
            batteries: vec![battery("bB1", "B2", 100.0, None)],
            loads: vec![load("lB1", "B3")],
            fuel_price_per_l: 1.0,
        },
        Microgrid {
            name: "C".into(),
            pcc: BranchIndex(10),
            buses: buses("C"),
            dgs: vec![generator("gC1", "C2", 120.0, 2.0, Some(125.0))],
            pvs: vec![pv("sC1", "C3", 30.0, None)],
            batteries: vec![],
            loads: vec![load("lC1", "C1"), load("lC2", "C3")],
            fuel_price_per_l: 1.1,
        },
    ]
}

/// The feeder's own loads.
pub fn feeder_loads() -> Vec<Load> {
    vec![load("lF1", "F1"), load("lF3", "F3")]
}

/// The whole fleet within a voltage band of 0.95 to 1.05 pu.
pub fn fleet() -> Fleet {
    let grid = DistributionGrid::from(Grid::new(network()).unwrap());
    let limits = NetworkLimits::uniform(&grid, 0.95, 1.05);
    Fleet::try_new(grid, microgrids(), feeder_loads(), limits).unwrap()
}

/// A concave terminal value with breakpoints, $ per unit of state of charge.
pub fn concave_value() -> TerminalValue {
    TerminalValue { breakpoints: vec![0.1, 0.35, 0.6, 0.9], slopes: vec![45.0, 30.0, 12.0] }
}

/// A random window of `steps` quarter hours; prices between 0.1 and 0.35 $/kWh, concave terminal values.
pub fn window(fleet: &Fleet, steps: usize, seed: u64) -> Window {
    let mut rng = rng(seed);
    let mut series = |count: usize, low: f64, high: f64| -> Vec<f64> {
        (0..count * steps).map(|_| rng.random_range(low..high)).collect()
    };
    let price_per_kwh = series(1, 0.1, 0.35);
    let microgrids = fleet
        .microgrids
        .iter()
        .map(|mg| MicrogridWindow {
            load_p_kw: series(mg.loads.len(), 40.0, 120.0),
            load_q_kvar: series(mg.loads.len(), 10.0, 50.0),
            pv_kw: series(mg.pvs.len(), 0.0, 110.0),
            price_per_kwh: price_per_kwh.clone(),
            start: MicrogridStart {
                soc: (0..mg.batteries.len()).map(|k| 0.45 + 0.07 * k as f64).collect(),
                p_dg_kw: mg.dgs.iter().map(|d| 0.5 * d.p_max_kw).collect(),
            },
            terminal: vec![concave_value(); mg.batteries.len()],
        })
        .collect();
    Window {
        dt_h: 0.25,
        steps,
        row: 0,
        hour_of_day: 14.5,
        weekday: 2,
        feeder_p_kw: series(fleet.feeder_loads.len(), 80.0, 250.0),
        feeder_q_kvar: series(fleet.feeder_loads.len(), 20.0, 100.0),
        microgrids,
        pcc: None,
    }
}

/// Random vectors of every microgrid, entries between +-`size`.
pub fn random_raw(fleet: &Fleet, steps: usize, size: f64, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let draw =
        |layout: ActionLayout, rng: &mut ChaCha8Rng| (0..layout.len()).map(|_| rng.random_range(-size..size)).collect();
    fleet.layouts(steps).into_iter().map(|layout| draw(layout, rng)).collect()
}

/// Maps raw vectors of every microgrid to feasible actions.
pub fn feasible(fleet: &Fleet, window: &Window, raw: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (fleet.microgrids.iter().zip(&window.microgrids).zip(raw))
        .map(|((mg, w), raw)| {
            let mut action = vec![f64::NAN; raw.len()];
            feasible_map::apply(mg, w, window.dt_h, &mg.layout(window.steps), raw, &mut action);
            action
        })
        .collect()
}

/// Fourth-order central difference of `f` at 0 with step `h`.
pub fn difference(h: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

/// Worst violation of the local limits (5)-(14) and of the apparent-power circles, in kW, kvar, kVA, or kWh.
///
/// Written from the limits themselves, without the code under test; a start outside its range may only come nearer.
pub fn local_violation(mg: &Microgrid, w: &MicrogridWindow, dt_h: f64, steps: usize, action: &[f64]) -> f64 {
    let layout = mg.layout(steps);
    let mut worst: f64 = 0.0;
    let mut keep =
        |value: f64, limit: f64| worst = if value <= limit { worst } else { worst.max(value - limit).max(0.0) };
    let circle = |s: Option<f64>, p: f64, q: f64| match s {
        Some(s) if s > p.abs() => p.hypot(q) - s,
        Some(_) => q.abs(), // the active power alone uses the rating
        None => 0.0,
    };
    assert!(action.iter().all(|a| a.is_finite()), "an action must be finite");
    for (i, dg) in mg.dgs.iter().enumerate() {
        let mut before = w.start.p_dg_kw[i];
        let ramp = dg.ramp_kw_per_min * 60.0 * dt_h;
        for t in 0..steps {
            let (p, q) = (action[layout.p_dg(t, i)], action[layout.q_dg(t, i)]);
            keep(-p, 0.0);
            keep(p, dg.p_max_kw);
            keep((p - before).abs(), ramp);
            keep(-q, 0.0);
            keep(q, dg.q_max_kvar);
            keep(circle(dg.s_max_kva, p, q), 0.0);
            before = p;
        }
    }
    for (j, pv) in mg.pvs.iter().enumerate() {
        for t in 0..steps {
            let q = action[layout.q_pv(t, j)];
            keep(q.abs(), pv.q_max_kvar);
            keep(circle(pv.s_max_kva, w.pv_kw[j * steps + t], q), 0.0);
        }
    }
    for (k, b) in mg.batteries.iter().enumerate() {
        let mut energy = w.start.soc[k] * b.capacity_kwh;
        let (mut low, mut high) = (b.soc_min * b.capacity_kwh, b.soc_max * b.capacity_kwh);
        for t in 0..steps {
            (low, high) = (low.min(energy), high.max(energy));
            let (p, q) = (action[layout.p_ess(t, k)], action[layout.q_ess(t, k)]);
            keep(p, b.p_charge_max_kw);
            keep(-p, b.p_discharge_max_kw);
            energy += dt_h * (b.eta_charge * p.max(0.0) - (-p).max(0.0) / b.eta_discharge);
            keep(energy, high);
            keep(low, energy);
            keep(q.abs(), b.q_max_kvar);
            keep(circle(b.s_max_kva, p, q), 0.0);
            (low, high) = (b.soc_min * b.capacity_kwh, b.soc_max * b.capacity_kwh);
        }
    }
    worst
}

//! A hand-made fleet for the tests of the bound: 12 buses, two microgrids, every feature of the grid model once.
//!
//! ```text
//!   S --- F1 ==(reg)== F2 --- F3          S: source; reg: regulator whose *to* side faces the source; F3: capacitor
//!         |                   |
//!      (PCC A, tap 0.98)   (PCC B, tap 1.02, from shunt)
//!         A1 --- A2           B1 --- B2        B1-B2 is listed from B2 to B1, with charging
//!         |                   |
//!         A3 --- A4           B3
//! ```
#![allow(dead_code, clippy::unwrap_used)]

use covolt_fleet::fleet::Microgrid;
use covolt_fleet::{
    Battery, DieselGenerator, Fleet, FuelCurve, Load, MicrogridStart, MicrogridWindow, NetworkLimits, Photovoltaic,
    TerminalValue, Window,
};
use covolt_grid::{
    Branch, BranchId, BranchIndex, BranchKind, Bus, BusId, BusIndex, Complex64, DistributionGrid, Grid, Network, Shunt,
    Source,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub const BASE_KVA: f64 = 1000.0;

fn c(re: f64, im: f64) -> Complex64 {
    Complex64::new(re, im)
}

fn branch(id: &str, from: usize, to: usize, z: Complex64, tap: f64, shunts: [Complex64; 2]) -> Branch {
    Branch {
        id: BranchId(id.to_string()),
        from: BusIndex(from),
        to: BusIndex(to),
        kind: if tap == 1.0 { BranchKind::Line } else { BranchKind::Transformer },
        series_z_pu: z,
        shunt_from_pu: shunts[0],
        shunt_to_pu: shunts[1],
        tap: c(tap, 0.0),
        rating_a: None,
    }
}

pub const BUSES: [&str; 11] = ["S", "F1", "F2", "F3", "A1", "A2", "A3", "A4", "B1", "B2", "B3"];

/// The network; with `loop_closed` a branch more than a tree has.
pub fn network(loop_closed: bool) -> Network {
    let bus = |(i, id): (usize, &&str)| Bus { id: BusId(id.to_string()), v_base_kv: if i < 4 { 12.66 } else { 0.48 } };
    let none = [Complex64::ZERO; 2];
    let mut branches = vec![
        branch("S-F1", 0, 1, c(0.004, 0.003), 1.0, [c(0.0, 0.01), c(0.0, 0.01)]),
        branch("reg", 2, 1, c(0.002, 0.012), 1.015, [c(0.001, 0.004), c(0.0005, 0.002)]),
        branch("F2-F3", 2, 3, c(0.008, 0.006), 1.0, none),
        branch("PCC-A", 1, 4, c(0.008, 0.045), 0.98, none),
        branch("A1-A2", 4, 5, c(0.025, 0.015), 1.0, [c(0.0, 0.003), c(0.0, 0.003)]),
        branch("A1-A3", 4, 6, c(0.018, 0.012), 1.0, none),
        branch("A3-A4", 6, 7, c(0.022, 0.010), 1.0, none),
        branch("PCC-B", 3, 8, c(0.010, 0.050), 1.02, [c(0.002, -0.006), Complex64::ZERO]),
        branch("B1-B2", 9, 8, c(0.020, 0.012), 1.0, [c(0.0, 0.02), c(0.001, 0.02)]),
        branch("B1-B3", 8, 10, c(0.030, 0.018), 1.0, none),
    ];
    if loop_closed {
        branches.push(branch("tie", 5, 7, c(0.02, 0.01), 1.0, none));
    }
    let shunts = vec![Shunt { bus: BusIndex(3), y_pu: c(0.0, 0.05) }];
    let source = Source { bus: BusIndex(0), v_pu: 1.01, angle_deg: 0.0 };
    Network::try_new("two microgrids", 1.0, 60.0, BUSES.iter().enumerate().map(bus).collect(), branches, shunts, source)
        .unwrap()
}

fn load(id: &str, bus: usize) -> Load {
    Load { id: id.to_string(), connection: BusIndex(bus).into() }
}

fn generator(id: &str, bus: usize, p_max_kw: f64, a: f64, b: f64) -> DieselGenerator {
    DieselGenerator {
        id: id.to_string(),
        connection: BusIndex(bus).into(),
        p_max_kw,
        q_max_kvar: 0.8 * p_max_kw,
        ramp_kw_per_min: p_max_kw / 40.0,
        s_max_kva: Some(1.1 * p_max_kw),
        fuel: FuelCurve { a_l_per_kw2h: a, b_l_per_kwh: b, c_l_per_h: 3.0 },
    }
}

fn battery(id: &str, bus: usize, p_kw: f64) -> Battery {
    Battery {
        id: id.to_string(),
        connection: BusIndex(bus).into(),
        capacity_kwh: 2.0 * p_kw,
        soc_min: 0.1,
        soc_max: 0.9,
        p_charge_max_kw: p_kw,
        p_discharge_max_kw: 0.9 * p_kw,
        eta_charge: 0.95,
        eta_discharge: 0.93,
        q_max_kvar: 0.8 * p_kw,
        s_max_kva: Some(1.05 * p_kw),
    }
}

fn pv(id: &str, bus: usize, s_kva: f64) -> Photovoltaic {
    Photovoltaic {
        id: id.to_string(),
        connection: BusIndex(bus).into(),
        q_max_kvar: 0.5 * s_kva,
        s_max_kva: Some(s_kva),
    }
}

/// What a test varies.
#[derive(Clone, Copy)]
pub struct Variant {
    pub devices: bool,
    pub v_min_pu: f64,
    pub v_max_pu: f64,
    /// Current limits as a fraction of 1 pu at the PCCs and 0.5 pu at the lines inside; infinite without.
    pub rating: f64,
}

pub const WIDE: Variant = Variant { devices: true, v_min_pu: 0.8, v_max_pu: 1.2, rating: f64::INFINITY };

pub fn fleet(variant: Variant) -> Fleet {
    let network = network(false);
    let grid = DistributionGrid::from(Grid::new(network.clone()).unwrap());
    let mut limits = NetworkLimits::uniform(&grid, variant.v_min_pu, variant.v_max_pu);
    if variant.rating.is_finite() {
        for (b, branch) in network.branches().iter().enumerate() {
            let own = if branch.id.0.starts_with("PCC") { 1.0 } else { 0.5 };
            if b >= 3 {
                limits.i_max_pu[b] = variant.rating * own;
            }
        }
    }
    let mut a = Microgrid {
        name: "A".into(),
        pcc: BranchIndex(3),
        buses: (4..8).map(BusIndex).collect(),
        dgs: vec![generator("DG1", 5, 300.0, 0.00015, 0.24), generator("DG2", 7, 150.0, 0.0004, 0.26)],
        pvs: vec![pv("PV1", 6, 150.0)],
        batteries: vec![battery("B1", 7, 120.0)],
        loads: vec![load("L1", 5), load("L2", 6), load("L3", 7)],
        fuel_price_per_l: 0.27,
    };
    let mut b = Microgrid {
        name: "B".into(),
        pcc: BranchIndex(7),
        buses: (8..11).map(BusIndex).collect(),
        dgs: vec![generator("DG1", 9, 350.0, 0.00012, 0.23)],
        pvs: vec![pv("PV1", 10, 250.0)],
        batteries: vec![battery("B1", 10, 150.0), battery("B2", 9, 60.0)],
        loads: vec![load("L1", 9), load("L2", 10)],
        fuel_price_per_l: 0.26,
    };
    if !variant.devices {
        for mg in [&mut a, &mut b] {
            mg.dgs.clear();
            mg.pvs.clear();
            mg.batteries.clear();
        }
    }
    let grid = Grid::new(network).unwrap();
    Fleet::try_new(grid, vec![a, b], vec![load("F2", 2), load("F3", 3)], limits).unwrap()
}

/// A random window; prices (in $/kWh) lie between `prices.0` and `prices.1`.
pub fn window(fleet: &Fleet, steps: usize, prices: (f64, f64), seed: u64) -> Window {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut series = |count: usize, low: f64, high: f64| -> Vec<f64> {
        (0..count * steps).map(|_| rng.random_range(low..high)).collect()
    };
    let price = series(1, prices.0, prices.1);
    let feeder_p_kw = series(2, 80.0, 200.0);
    let feeder_q_kvar = series(2, 20.0, 80.0);
    let parts: Vec<_> = fleet
        .microgrids
        .iter()
        .map(|mg| {
            (series(mg.loads.len(), 40.0, 160.0), series(mg.loads.len(), 10.0, 60.0), series(mg.pvs.len(), 0.0, 140.0))
        })
        .collect();
    let mut states = ChaCha8Rng::seed_from_u64(seed + 1000);
    let microgrids = fleet
        .microgrids
        .iter()
        .zip(parts)
        .map(|(mg, (load_p_kw, load_q_kvar, pv_kw))| MicrogridWindow {
            load_p_kw,
            load_q_kvar,
            pv_kw,
            price_per_kwh: price.clone(),
            start: MicrogridStart {
                soc: mg.batteries.iter().map(|_| states.random_range(0.2..0.8)).collect(),
                p_dg_kw: mg.dgs.iter().map(|dg| dg.p_max_kw * states.random_range(0.2..0.9)).collect(),
            },
            terminal: mg
                .batteries
                .iter()
                .map(|battery| {
                    let v = 0.07 * battery.capacity_kwh;
                    TerminalValue { breakpoints: vec![0.1, 0.4, 0.6, 0.9], slopes: vec![1.3 * v, v, 0.6 * v] }
                })
                .collect(),
        })
        .collect();
    Window {
        dt_h: 0.25,
        steps,
        row: 0,
        hour_of_day: 12.0,
        weekday: 2,
        feeder_p_kw,
        feeder_q_kvar,
        microgrids,
        pcc: None,
    }
}

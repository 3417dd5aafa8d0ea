//! Published feeders and the 98-bus case solved by OpenDSS.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use covolt_grid::{BranchIndex, FlowMethod, FlowOptions, Grid};

fn check_feeder(buses: usize, losses_kw: f64, lowest_pu: f64, lowest_bus: usize) {
    for base_mva in [1.0, 10.0] {
        let case = baran_wu(buses, base_mva, false);
        let grid = Grid::new(case.network).unwrap();
        for method in [FlowMethod::TreeNewton, FlowMethod::TreeSweep, FlowMethod::SparseNewton] {
            let mut ws = grid.workspace();
            let options = FlowOptions { method, ..FlowOptions::default() };
            let info = grid.solve(&case.p, &case.q, &mut ws, &options).unwrap();
            assert_eq!(info.method, method);
            let losses = grid.network().pu_to_kw(grid.losses_pu(ws.v()).re);
            assert!((losses - losses_kw).abs() < 5.1e-3, "{method:?}: {losses} kW");
            let (bus, lowest) =
                (ws.v().iter().map(|v| v.norm()).enumerate()).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
            assert_eq!(bus + 1, lowest_bus);
            assert!((lowest - lowest_pu).abs() < 5.1e-6, "{method:?}: {lowest} pu");
        }
    }
}

#[test]
fn ref_33_bus_feeder() {
    check_feeder(33, 202.68, 0.91309, 18);
}

#[test]
fn ref_69_bus_feeder() {
    check_feeder(69, 224.99, 0.90919, 65);
}

#[test]
fn ref_net98_opendss() {
    let Some(case) = net98() else { return };
    let folder = shared("reference/net98").unwrap();
    let grid = Grid::new(case.network).unwrap();
    let mut ws = grid.workspace();
    let options = FlowOptions::default();
    grid.solve(&case.p, &case.q, &mut ws, &options).unwrap();
    let v = ws.v();

    let read = |file: &str| -> Vec<Vec<f64>> {
        let mut reader = csv::Reader::from_path(folder.join(file)).unwrap();
        (reader.records()).map(|r| r.unwrap().iter().map(|x| x.parse().unwrap()).collect()).collect()
    };
    let voltages = read("opendss_voltages.csv");
    assert_eq!(voltages.len(), grid.n_buses());
    let mut worst = 0.0f64;
    for row in &voltages {
        let reference = covolt_grid::Complex64::from_polar(row[2], row[3].to_radians());
        worst = worst.max((v[row[1] as usize] - reference).norm());
    }
    println!("largest complex voltage difference {worst:.2e} pu");
    assert!(worst < 1e-6, "{worst}");

    let currents = read("opendss_currents.csv");
    assert_eq!(currents.len(), grid.n_branches());
    let (mut worst_a, mut worst_loading) = (0.0f64, 0.0f64);
    for row in &currents {
        let b = BranchIndex(row[1] as usize);
        let amperes = grid.amperes(b).unwrap();
        let i_from = grid.current_from(b, v).norm() * amperes.base_from_a;
        let i_to = grid.current_to(b, v).norm() * amperes.base_to_a;
        worst_a = worst_a.max((i_from - row[2]).abs()).max((i_to - row[3]).abs());
        worst_loading = worst_loading.max((grid.loading(b, v).unwrap() - row[4]).abs());
    }
    println!("largest current difference {worst_a:.2e} A, loading {worst_loading:.2e}");
    assert!(worst_a < 0.01, "{worst_a} A");
    // The reference prints six digits.
    assert!(worst_loading < 1e-5, "{worst_loading}");

    let summary = &read("opendss_summary.csv")[0];
    let slack = grid.slack_power_pu(v) * 1e3 * grid.network().base_mva();
    assert!((slack.re - summary[3]).abs() < 1e-2, "{slack}");
    assert!((slack.im - summary[4]).abs() < 1e-2, "{slack}");
    let losses = grid.network().pu_to_kw(grid.losses_pu(v).re);
    assert!((losses - summary[5]).abs() < 1e-3, "{losses} kW");
}

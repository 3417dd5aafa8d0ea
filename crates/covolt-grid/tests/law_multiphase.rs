//! Laws of the multi-phase power flow on hand-written and random networks.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/multiphase.rs"]
mod multiphase;

use covolt_grid::multiphase::{
    ConductorMatrix, ElementIndex, ElementModel, MultiphaseGrid, MultiphaseNetwork, VoltageDependence,
};
use covolt_grid::{
    Branch, BranchId, BranchKind, Bus, BusId, BusIndex, Complex64, FlowMethod, FlowOptions, Grid, GridError, Network,
    Source,
};
use multiphase::{Builder, c, feeder, random};

fn networks() -> Vec<MultiphaseNetwork> {
    let mut all = vec![feeder(false), feeder(true)];
    all.extend((0..6).map(|seed| random(seed, 40, 0)));
    all.extend((6..12).map(|seed| random(seed, 40, 5)));
    all
}

#[test]
fn law_all_methods_find_the_same_voltages_and_gradients() {
    for (k, network) in networks().into_iter().enumerate() {
        let grid = MultiphaseGrid::new(network).unwrap();
        let (p, q) = grid.nominal_demand();
        let n = grid.n_nodes();
        let mut ws = grid.workspace();
        let mut all: Vec<Vec<f64>> = Vec::new();
        for method in [FlowMethod::TreeSweep, FlowMethod::TreeNewton, FlowMethod::SparseNewton] {
            let info = grid.solve(&p, &q, &mut ws, &FlowOptions { method, ..Default::default() }).unwrap();
            println!("{k} {method:?}: {} iterations, {:.1e}", info.iterations, info.mismatch_pu);
            grid.linearise(&p, &q, &mut ws).unwrap();
            let weights: Vec<Complex64> = (0..n).map(|i| Complex64::new(1.0, 0.1 * i as f64)).collect();
            let (mut dp, mut dq) = (vec![0.0; p.len()], vec![0.0; p.len()]);
            grid.adjoint(&weights, &mut dp, &mut dq, &mut ws);
            all.push(ws.v().iter().flat_map(|v| [v.re, v.im]).chain(dp).chain(dq).collect());
        }
        for other in &all[1..] {
            for (i, (a, b)) in all[0].iter().zip(other).enumerate() {
                assert!((a - b).abs() <= 1e-8 * (1.0 + a.abs()), "network {k}, number {i}: {a} {b}");
            }
        }
    }
}

#[test]
fn law_source_power_is_losses_plus_demand() {
    for (k, network) in networks().into_iter().enumerate() {
        let grid = MultiphaseGrid::new(network).unwrap();
        let (p, q) = grid.nominal_demand();
        let mut ws = grid.workspace();
        grid.solve(&p, &q, &mut ws, &FlowOptions::default()).unwrap();
        let v = ws.v();
        let drawn: Complex64 = (0..grid.n_ports()).map(|port| grid.port_power(port, (p[port], q[port]), v)).sum();
        let balance = grid.source_power(v) - grid.losses(v) - drawn;
        assert!(balance.norm() < 1e-9, "network {k}: {balance}");
        assert!(grid.losses(v).re > 0.0);
    }
}

#[test]
fn law_power_into_elements_and_ports_sums_to_nothing_at_a_bus() {
    let network = feeder(true);
    let grid = MultiphaseGrid::new(network.clone()).unwrap();
    let (p, q) = grid.nominal_demand();
    let mut ws = grid.workspace();
    grid.solve(&p, &q, &mut ws, &FlowOptions::default()).unwrap();
    let parts = network.parts();
    let mut at_bus = vec![Complex64::ZERO; parts.buses.len()];
    for (e, element) in parts.elements.iter().enumerate() {
        for (t, terminal) in element.terminals.iter().enumerate() {
            at_bus[terminal.bus.0] += grid.terminal_power(ElementIndex(e), t, ws.v());
        }
    }
    for (k, port) in parts.ports.iter().enumerate() {
        at_bus[parts.nodes[port.from.0].bus.0] += grid.port_power(k, (p[k], q[k]), ws.v());
    }
    at_bus[parts.sources[0].bus.0] -= grid.source_power(ws.v());
    for (bus, power) in parts.buses.iter().zip(at_bus) {
        assert!(power.norm() < 1e-8, "{}: {power}", bus.id);
    }
}

/// A balanced network of lines, once with three phases and once as its positive-sequence equivalent.
#[test]
fn law_a_balanced_network_is_its_positive_sequence() {
    let mut b = Builder::new(1.0);
    let kv = 12.47 / 3f64.sqrt();
    let n = 20;
    let parent = |k: usize| (k - 1) / 2;
    for k in 0..n {
        b.bus(&k.to_string(), kv, &[1, 2, 3]);
    }
    // Stiff enough to count as the fixed voltage of the single-phase grid.
    b.source(BusIndex(0), kv * 1e3 * 1.02, c(0.0, 1e-9), 3);
    let (own, mutual) = (c(0.3, 0.8), c(0.1, 0.3));
    let (mut branches, mut buses) = (vec![], vec![]);
    let z_base = 12.47 * 12.47 / 3.0;
    for k in 0..n {
        buses.push(Bus { id: BusId(k.to_string()), v_base_kv: 12.47 });
        if k > 0 {
            let series_ohm = ConductorMatrix::from_fn(3, |i, j| if i == j { own } else { mutual });
            let shunt_s = Some(ConductorMatrix::from_fn(3, |i, j| if i == j { c(0.0, 5e-6) } else { c(0.0, -1e-6) }));
            let ends = vec![b.terminal(BusIndex(parent(k)), &[1, 2, 3]), b.terminal(BusIndex(k), &[1, 2, 3])];
            b.element(&format!("line.{k}"), ends, ElementModel::Line { series_ohm, shunt_s });
            let half = c(0.0, 6e-6 / 2.0) * z_base;
            branches.push(Branch {
                id: BranchId(k.to_string()),
                from: BusIndex(parent(k)),
                to: BusIndex(k),
                kind: BranchKind::Line,
                series_z_pu: (own - mutual) / z_base,
                shunt_from_pu: half,
                shunt_to_pu: half,
                tap: Complex64::ONE,
                rating_a: None,
            });
        }
    }
    let (mut p, mut q) = (vec![0.0; n], vec![0.0; n]);
    for k in 1..n {
        let s = (60.0 + 5.0 * k as f64, 30.0 - 2.0 * k as f64);
        // Every other load in delta: the same three-phase power.
        for i in 1..=3 {
            let nodes = if k % 2 == 0 { (i, 0) } else { (i, i % 3 + 1) };
            b.port(BusIndex(k), nodes, kv, VoltageDependence::Power, s);
        }
        // Per unit of three times the power base of a node: one phase's power.
        (p[k], q[k]) = (1e-3 * s.0, 1e-3 * s.1);
    }
    let source = Source { bus: BusIndex(0), v_pu: 1.02, angle_deg: 0.0 };
    let single =
        Grid::new(Network::try_new("single".to_owned(), 3.0, 60.0, buses, branches, vec![], source).unwrap()).unwrap();
    let mut single_ws = single.workspace();
    single.solve(&p, &q, &mut single_ws, &FlowOptions::default()).unwrap();
    let grid = MultiphaseGrid::new(b.build()).unwrap();
    let (p, q) = grid.nominal_demand();
    let mut ws = grid.workspace();
    grid.solve(&p, &q, &mut ws, &FlowOptions::default()).unwrap();
    for (k, expected) in single_ws.v().iter().enumerate() {
        for phase in 0..3 {
            let turned =
                ws.v()[3 * k + phase] * Complex64::from_polar(1.0, 2.0 * phase as f64 * std::f64::consts::PI / 3.0);
            assert!((turned - expected).norm() < 1e-9, "bus {k}, phase {phase}: {turned} {expected}");
        }
        assert!(grid.unbalance_factor(BusIndex(k), ws.v()).unwrap() < 1e-9);
    }
}

#[test]
fn law_too_much_demand_names_a_bus() {
    let grid = MultiphaseGrid::new(random(1, 30, 0)).unwrap();
    let (p, q) = grid.nominal_demand();
    let heavy: Vec<f64> = p.iter().map(|p| 200.0 * p.abs()).collect();
    let mut ws = grid.workspace();
    match grid.solve(&heavy, &q, &mut ws, &FlowOptions::default()) {
        Err(GridError::NoSolution { bus, solved_fraction, .. }) => {
            assert!(!bus.0.is_empty());
            assert!(solved_fraction > 0.0 && solved_fraction < 1.0, "{solved_fraction}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(grid.solve(&p[1..], &q, &mut ws, &FlowOptions::default()), Err(GridError::WrongLength { .. })));
    let mut bad = p.clone();
    bad[3] = f64::NAN;
    assert!(matches!(grid.solve(&bad, &q, &mut ws, &FlowOptions::default()), Err(GridError::NotFinite { .. })));
}

#[test]
fn law_up_to_the_collapse_all_methods_find_the_upper_branch() {
    let grid = MultiphaseGrid::new(random(1, 30, 0)).unwrap();
    let (p, q) = grid.nominal_demand();
    let mut ws = grid.workspace();
    let (mut low, mut high) = (1.0, 200.0);
    while high - low > 1e-6 * high {
        let factor = 0.5 * (low + high);
        let heavy: Vec<f64> = p.iter().map(|p| factor * p.abs()).collect();
        match grid.solve(&heavy, &q, &mut ws, &FlowOptions::default()) {
            Ok(_) => low = factor,
            Err(GridError::NoSolution { .. }) => high = factor,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(low > 2.0, "{low}");
    let heavy: Vec<f64> = p.iter().map(|p| 0.9999 * low * p.abs()).collect();
    grid.solve(&heavy, &q, &mut ws, &FlowOptions::default()).unwrap();
    let mut other = grid.workspace();
    let newton = FlowOptions { method: FlowMethod::TreeNewton, ..Default::default() };
    grid.solve(&heavy, &q, &mut other, &newton).unwrap();
    assert!(ws.v().iter().zip(other.v()).all(|(a, b)| (a - b).norm() < 1e-6));
}

#[test]
fn law_nothing_allocates_once_the_workspace_exists() {
    for network in [feeder(false), random(3, 60, 4)] {
        let grid = MultiphaseGrid::new(network).unwrap();
        let (p, q) = grid.nominal_demand();
        let (n, ports) = (grid.n_nodes(), grid.n_ports());
        let mut ws = grid.workspace();
        let weights = vec![Complex64::ONE; n];
        let (mut dp, mut dq, mut dv) = (vec![0.0; ports], vec![0.0; ports], weights.clone());
        let counted = allocation_counter::measure(|| {
            for method in [FlowMethod::Auto, FlowMethod::TreeNewton] {
                grid.solve(&p, &q, &mut ws, &FlowOptions { method, ..Default::default() }).unwrap();
                grid.linearise(&p, &q, &mut ws).unwrap();
                grid.adjoint(&weights, &mut dp, &mut dq, &mut ws);
                grid.forward(&p, &q, &mut dv, &mut ws);
            }
        });
        assert_eq!(counted.count_total, 0);
    }
}

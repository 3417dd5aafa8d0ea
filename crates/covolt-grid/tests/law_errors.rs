//! Bad input and impossible demand: the error says what and where, and nothing panics or loops.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use covolt_grid::{
    Branch, Bus, BusId, BusIndex, Complex64, FlowMethod, FlowOptions, Grid, GridError, Network, NetworkFault, Shunt,
    Source,
};

fn parts() -> (Vec<Bus>, Vec<Branch>, Vec<Shunt>, Option<Source>) {
    let buses = vec![bus("substation", 12.66), bus("mid", 12.66), bus("end", 0.4)];
    let branches =
        vec![line("cable", 0, 1, c(0.01, 0.02), 0.001), transformer("trafo", 1, 2, c(0.01, 0.05), c(1.02, 0.0))];
    (buses, branches, vec![], Some(source(0, 1.0)))
}

type Parts = (Vec<Bus>, Vec<Branch>, Vec<Shunt>, Option<Source>);

fn faults(break_it: impl Fn(&mut Parts)) -> Vec<NetworkFault> {
    let mut parts = parts();
    break_it(&mut parts);
    let (buses, branches, shunts, source) = parts;
    Network::try_new("n", 1.0, 50.0, buses, branches, shunts, source).err().unwrap_or_default()
}

/// Exactly one thing is broken; exactly one fault, with this text, must come out.
#[track_caller]
fn one_fault(break_it: impl Fn(&mut Parts), text: &str) {
    let found = faults(break_it);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].to_string().contains(text), "'{}' does not say '{text}'", found[0]);
}

#[test]
fn law_each_fault_is_found_and_named() {
    assert!(faults(|_| ()).is_empty());
    one_fault(|p| p.3 = None, "no source");
    one_fault(|p| p.0[2].id = BusId("mid".into()), "'mid' is used more than once");
    one_fault(|p| p.1[1].id = p.1[0].id.clone(), "'cable' is used more than once");
    one_fault(|p| p.0[1].v_base_kv = f64::NAN, "bus 'mid': the voltage base (kV) is not a finite number");
    one_fault(|p| p.0[2].v_base_kv = 0.0, "bus 'end': the voltage base (kV) must be positive");
    one_fault(|p| p.1[0].series_z_pu = Complex64::ZERO, "'cable' has no series impedance");
    one_fault(|p| p.1[0].series_z_pu = c(f64::INFINITY, 0.0), "series impedance is not a finite");
    one_fault(|p| p.1[1].tap = Complex64::ZERO, "'trafo' has tap 0");
    one_fault(|p| p.1[1].tap = c(f64::NAN, 0.0), "'trafo' has tap");
    one_fault(|p| p.1[0].tap = c(1.1, 0.0), "only a transformer");
    one_fault(|p| p.0[1].v_base_kv = 11.0, "voltage bases 12.66 kV and 11 kV");
    one_fault(|p| p.1[0].rating_a = Some(-5.0), "'cable': the current limit (A) must be positive");
    one_fault(|p| p.0.push(bus("lost", 0.4)), "bus 'lost' and 0 other bus(es) are not connected");
    one_fault(|p| p.3 = Some(source(0, -1.0)), "the source: the voltage (pu) must be positive");
    one_fault(|p| p.3 = Some(source(9, 1.0)), "the source refers to bus number 9");
    let shunt = |bus| Shunt { bus: BusIndex(bus), y_pu: c(0.0, 0.1) };
    one_fault(|p| p.2.push(shunt(7)), "a shunt refers to bus number 7");
    one_fault(
        |p| {
            p.0.extend([bus("x", 0.4), bus("y", 0.4), bus("z", 0.4)]);
            p.1.extend([line("xy", 3, 4, c(0.1, 0.1), 0.0), line("yz", 4, 5, c(0.1, 0.1), 0.0)]);
        },
        "bus 'x' and 2 other bus(es) are not connected",
    );
}

#[test]
fn law_all_faults_come_at_once() {
    let found = faults(|p| {
        p.0[1].v_base_kv = -1.0;
        p.1[0].to = BusIndex(12);
        p.1[1].tap = c(100.0, 0.0);
        p.0.push(bus("mid", 0.4));
        p.3 = None;
    });
    let text: Vec<String> = found.iter().map(ToString::to_string).collect();
    for part in ["must be positive", "number 12", "tap 100", "used more than once", "no source"] {
        assert!(text.iter().any(|t| t.contains(part)), "'{part}' missing in {text:?}");
    }
    let empty = Network::try_new("n", f64::NAN, 0.0, vec![], vec![], vec![], None).unwrap_err();
    assert!(empty.contains(&NetworkFault::NoBus) && empty.contains(&NetworkFault::NoSource));
    assert_eq!(empty.len(), 4);
}

fn two_buses(loops: bool) -> Grid {
    let mut branches = vec![line("a", 0, 1, c(0.0, 0.2), 0.0)];
    if loops {
        branches = vec![line("a", 0, 1, c(0.0, 0.4), 0.0), line("b", 0, 1, c(0.0, 0.4), 0.0)];
    }
    let buses = vec![bus("source", 12.66), bus("load", 12.66)];
    let network = Network::try_new("n", 1.0, 50.0, buses, branches, vec![], source(0, 1.0)).unwrap();
    Grid::new(network).unwrap()
}

/// Two buses, x = 0.2, unity power factor: the largest power is V^2 / 2x = 2.5 pu, so 4 pu has a solution up to 62.5 %.
#[test]
fn ref_no_solution_says_how_far_it_got() {
    for loops in [false, true] {
        let grid = two_buses(loops);
        for method in [FlowMethod::Auto, FlowMethod::SparseNewton] {
            let options = FlowOptions { method, ..FlowOptions::default() };
            let mut ws = grid.workspace();
            match grid.solve(&[0.0, 4.0], &[0.0, 0.0], &mut ws, &options) {
                Err(GridError::NoSolution { solved_fraction, bus, iterations, mismatch_pu }) => {
                    assert!((solved_fraction - 0.625).abs() < 1e-4, "{loops} {method:?}: {solved_fraction}");
                    assert_eq!(bus, BusId("load".into()));
                    assert!(iterations > 30 && mismatch_pu > 1e-10);
                }
                other => panic!("{other:?}"),
            }
            // The workspace then holds the last solution found, just before the nose at 1/sqrt(2).
            assert!((ws.v()[1].norm() - 0.5f64.sqrt()).abs() < 0.01, "{}", ws.v()[1].norm());
        }
    }
}

/// Close to the nose the flat start must still find the upper solution, whose voltage is known in closed form.
#[test]
fn ref_heavy_load_close_to_the_nose() {
    for loops in [false, true] {
        let grid = two_buses(loops);
        for p in [2.0, 2.4, 2.49, 2.4999, 2.499_999] {
            let mut ws = grid.workspace();
            let info = grid.solve(&[0.0, p], &[0.0, 0.0], &mut ws, &FlowOptions::default()).unwrap();
            let expected = ((1.0 + (1.0f64 - (0.4 * p).powi(2)).sqrt()) / 2.0).sqrt();
            let found = ws.v()[1].norm();
            assert!((found - expected).abs() < 1e-6, "{loops} {p}: {found} {expected} {info:?}");
        }
    }
}

#[test]
fn law_demand_that_is_not_finite_names_the_bus() {
    let case = random(3, 30, 0);
    let grid = Grid::new(case.network).unwrap();
    let mut ws = grid.workspace();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut q = case.q.clone();
        q[17] = bad;
        match grid.solve(&case.p, &q, &mut ws, &FlowOptions::default()) {
            Err(GridError::NotFinite { bus, quantity, .. }) => {
                assert_eq!((bus, quantity), (BusId("bus 17".into()), "reactive demand"));
            }
            other => panic!("{other:?}"),
        }
        // The source's own entry is ignored, whatever it is.
        let mut p = case.p.clone();
        p[0] = bad;
        grid.solve(&p, &case.q, &mut ws, &FlowOptions::default()).unwrap();
        grid.linearise(&p, &case.q, &mut ws).unwrap();
        assert!(ws.v().iter().all(|v| v.is_finite()));
    }
}

#[test]
fn law_huge_and_tiny_demand_end_with_an_error_or_a_solution() {
    for (loops, method) in [(0, FlowMethod::TreeNewton), (0, FlowMethod::TreeSweep), (2, FlowMethod::SparseNewton)] {
        let case = random(4, 12, loops);
        let grid = Grid::new(case.network).unwrap();
        let mut ws = grid.workspace();
        let options = FlowOptions { method, ..FlowOptions::default() };
        for scale in [1e2, 1e8, 1e150, 1e300, f64::MAX, -1e300] {
            let p: Vec<f64> = case.p.iter().map(|p| (p.signum() * scale).clamp(-f64::MAX, f64::MAX)).collect();
            let error = grid.solve(&p, &case.q, &mut ws, &options).unwrap_err();
            assert!(matches!(error, GridError::NoSolution { .. }), "{error}");
            assert!(ws.v().iter().all(|v| v.is_finite()));
        }
        let tiny: Vec<f64> = case.p.iter().map(|p| p * 1e-300).collect();
        grid.solve(&tiny, &tiny, &mut ws, &options).unwrap();
    }
}

#[test]
fn law_wrong_use_is_an_error_not_a_panic() {
    let case = random(5, 10, 0);
    let grid = Grid::new(case.network).unwrap();
    let other = Grid::new(random(6, 12, 0).network).unwrap();
    let mut ws = grid.workspace();
    let options = FlowOptions::default();
    let short = grid.solve(&case.p[..5], &case.q, &mut ws, &options).unwrap_err();
    assert_eq!(short, GridError::WrongLength { quantity: "active demand", found: 5, expected: 10 });
    let foreign = other.solve(&[0.0; 12], &[0.0; 12], &mut ws, &options).unwrap_err();
    assert_eq!(foreign, GridError::ForeignWorkspace);
    let never = FlowOptions { tolerance_pu: f64::NAN, ..options };
    assert!(matches!(grid.solve(&case.p, &case.q, &mut ws, &never), Err(GridError::BadSetting { .. })));
    let never = FlowOptions { max_iterations: 0, ..options };
    assert!(matches!(grid.solve(&case.p, &case.q, &mut ws, &never), Err(GridError::BadSetting { .. })));

    // Products without a linearisation, or of the wrong length, are NaN rather than something plausible.
    grid.solve(&case.p, &case.q, &mut ws, &options).unwrap();
    let w = vec![Complex64::ONE; 10];
    let (mut dp, mut dq) = (vec![0.0; 10], vec![0.0; 10]);
    grid.adjoint(&w, &mut dp, &mut dq, &mut ws);
    assert!(dp.iter().chain(&dq).all(|x| x.is_nan()));
    grid.linearise(&case.p, &case.q, &mut ws).unwrap();
    grid.adjoint(&w[..4], &mut dp, &mut dq, &mut ws);
    assert!(dp.iter().chain(&dq).all(|x| x.is_nan()));
    grid.adjoint(&w, &mut dp, &mut dq, &mut ws);
    assert!(dp.iter().chain(&dq).all(|x| x.is_finite()));

    let meshed = Grid::new(random(6, 12, 1).network).unwrap();
    let tree = FlowOptions { method: FlowMethod::TreeNewton, ..options };
    let refused = meshed.solve(&[0.0; 12], &[0.0; 12], &mut meshed.workspace(), &tree).unwrap_err();
    assert!(matches!(refused, GridError::NotRadial { buses: 12, branches: 12 }), "{refused}");
}

#[test]
fn law_a_single_bus_is_a_network() {
    let network = Network::try_new("n", 1.0, 50.0, vec![bus(0, 12.66)], vec![], vec![], source(0, 1.03)).unwrap();
    let grid = Grid::new(network).unwrap();
    for method in [FlowMethod::Auto, FlowMethod::TreeSweep, FlowMethod::SparseNewton] {
        let mut ws = grid.workspace();
        grid.solve(&[1.0], &[0.0], &mut ws, &FlowOptions { method, ..FlowOptions::default() }).unwrap();
        grid.linearise(&[1.0], &[0.0], &mut ws).unwrap();
        assert_eq!(ws.v(), [c(1.03, 0.0)]);
    }
}

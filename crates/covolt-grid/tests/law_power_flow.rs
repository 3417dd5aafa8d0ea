//! Properties that hold on every network: balance, independence of names and order, adjoint = transpose of forward.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use covolt_grid::{BusIndex, Complex64, CurrentSide, FlowOptions, Grid, Network};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

fn cases() -> impl Iterator<Item = Case> {
    (0..30u64).map(|seed| random(500 + seed, 2 + 5 * seed as usize, if seed % 3 == 0 && seed > 2 { 2 } else { 0 }))
}

#[test]
fn law_losses_equal_net_injection() {
    for case in cases() {
        let grid = Grid::new(case.network).unwrap();
        let mut ws = grid.workspace();
        // The mismatches of all buses add up, so each must be well below the tolerance of the sum.
        let options = FlowOptions { tolerance_pu: 1e-13, ..FlowOptions::default() };
        grid.solve(&case.p, &case.q, &mut ws, &options).unwrap();
        let slack = grid.network().source().bus.0;
        let demand: Complex64 = (0..grid.n_buses()).filter(|&i| i != slack).map(|i| c(case.p[i], case.q[i])).sum();
        let losses = grid.losses_pu(ws.v());
        assert!((grid.slack_power_pu(ws.v()) - demand - losses).norm() < 1e-10);
        // Series and shunt conductances are positive.
        assert!(losses.re > 0.0);
    }
}

/// Kirchhoff at every bus from the branch currents alone, not from the solver's own residual.
#[test]
fn law_power_balance_of_every_bus() {
    for case in cases() {
        let grid = Grid::new(case.network).unwrap();
        let mut ws = grid.workspace();
        let info = grid.solve(&case.p, &case.q, &mut ws, &FlowOptions::default()).unwrap();
        let v = ws.v();
        let mut into_network = vec![Complex64::ZERO; v.len()];
        for branch in grid.branch_admittances() {
            into_network[branch.from.0] += branch.power(CurrentSide::From, v);
            into_network[branch.to.0] += branch.power(CurrentSide::To, v);
        }
        for shunt in grid.network().shunts() {
            into_network[shunt.bus.0] += (v[shunt.bus.0] * shunt.y_pu).conj() * v[shunt.bus.0];
        }
        for (i, injected) in into_network.iter().enumerate() {
            if i != grid.network().source().bus.0 {
                let mismatch = (injected + c(case.p[i], case.q[i])).norm();
                assert!(mismatch < 1e-10, "bus {i}: {mismatch}, solver says {info:?}");
            }
        }
    }
}

#[test]
fn law_relabelling_buses_changes_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for case in cases() {
        let n = case.p.len();
        let mut new_index: Vec<usize> = (0..n).collect();
        new_index.shuffle(&mut rng);
        let old = &case.network;
        let mut buses = old.buses().to_vec();
        let (mut p, mut q) = (vec![0.0; n], vec![0.0; n]);
        for i in 0..n {
            buses[new_index[i]] = bus(format!("renamed {}", n - i), old.buses()[i].v_base_kv);
            p[new_index[i]] = case.p[i];
            q[new_index[i]] = case.q[i];
        }
        let mut branches = old.branches().to_vec();
        branches.shuffle(&mut rng);
        for b in &mut branches {
            b.from = BusIndex(new_index[b.from.0]);
            b.to = BusIndex(new_index[b.to.0]);
        }
        let mut shunts = old.shunts().to_vec();
        for s in &mut shunts {
            s.bus = BusIndex(new_index[s.bus.0]);
        }
        let mut source = old.source().clone();
        source.bus = BusIndex(new_index[source.bus.0]);
        let new = Network::try_new("new", old.base_mva(), old.f_hz(), buses, branches, shunts, source).unwrap();
        let [a, b] = [(case.network.clone(), &case.p, &case.q), (new, &p, &q)].map(|(network, p, q)| {
            let grid = Grid::new(network).unwrap();
            let mut ws = grid.workspace();
            grid.solve(p, q, &mut ws, &FlowOptions::default()).unwrap();
            ws.v().to_vec()
        });
        for i in 0..n {
            assert!((a[i] - b[new_index[i]]).norm() < 1e-9);
        }
    }
}

#[test]
fn law_adjoint_is_the_transpose_of_forward() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    for case in cases() {
        let grid = Grid::new(case.network).unwrap();
        let n = grid.n_buses();
        let mut ws = grid.workspace();
        grid.solve(&case.p, &case.q, &mut ws, &FlowOptions::default()).unwrap();
        grid.linearise(&case.p, &case.q, &mut ws).unwrap();
        let mut random = || -> Vec<f64> { (0..n).map(|_| rng.random_range(-1.0..1.0)).collect() };
        let (dp, dq, re, im) = (random(), random(), random(), random());
        let w: Vec<Complex64> = (0..n).map(|i| c(re[i], im[i])).collect();
        let (mut dl_dp, mut dl_dq, mut dv) = (vec![0.0; n], vec![0.0; n], vec![Complex64::ZERO; n]);
        grid.adjoint(&w, &mut dl_dp, &mut dl_dq, &mut ws);
        grid.forward(&dp, &dq, &mut dv, &mut ws);
        let left: f64 = (0..n).map(|i| dl_dp[i] * dp[i] + dl_dq[i] * dq[i]).sum();
        let right: f64 = (0..n).map(|i| (w[i].conj() * dv[i]).re).sum();
        assert!((left - right).abs() < 1e-12, "{left} {right}");
    }
}

/// The result is a function of the inputs alone: not of the workspace's past, nor of other threads.
#[test]
fn law_same_result_from_any_workspace_and_thread() {
    let case = random(7, 80, 0);
    let grid = Grid::new(case.network).unwrap();
    let options = FlowOptions::default();
    let mut used = grid.workspace();
    let half: Vec<f64> = case.p.iter().map(|p| 0.5 * p).collect();
    grid.solve(&half, &case.q, &mut used, &options).unwrap();
    grid.solve(&case.p, &case.q, &mut used, &options).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut fresh = grid.workspace();
                grid.solve(&case.p, &case.q, &mut fresh, &options).unwrap();
                assert_eq!(fresh.v(), used.v());
            });
        }
    });
}

#[test]
fn law_warm_start_reaches_the_same_voltages_in_fewer_steps() {
    let case = random(8, 80, 0);
    let grid = Grid::new(case.network).unwrap();
    let mut ws = grid.workspace();
    let cold = grid.solve(&case.p, &case.q, &mut ws, &FlowOptions::default()).unwrap();
    let v = ws.v().to_vec();
    let options = FlowOptions { warm_start: true, ..FlowOptions::default() };
    let warm = grid.solve(&case.p, &case.q, &mut ws, &options).unwrap();
    assert!(warm.iterations < cold.iterations, "{warm:?} {cold:?}");
    assert!(v.iter().zip(ws.v()).all(|(a, b)| (a - b).norm() < 1e-10));
}

//! Times of the multi-phase power flow and its derivatives: methods, sizes, radial against meshed.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../tests/common/multiphase.rs"]
mod multiphase;

use covolt_grid::multiphase::MultiphaseGrid;
use covolt_grid::{Complex64, FlowMethod, FlowOptions};
use criterion::{Criterion, criterion_group, criterion_main};
use multiphase::{feeder, random};
use std::hint::black_box;

fn bench(c: &mut Criterion) {
    let cases = [
        ("feeder", feeder(false)),
        ("300", random(2, 300, 0)),
        ("300 meshed", random(2, 300, 10)),
        ("3000", random(3, 3000, 0)),
    ];
    for (name, network) in cases {
        let mut group = c.benchmark_group(format!("multi-phase {name}"));
        group.sample_size(20);
        group.bench_function("compile", |b| b.iter(|| MultiphaseGrid::new(network.clone()).unwrap().n_nodes()));
        let grid = MultiphaseGrid::new(network).unwrap();
        let (p, q) = grid.nominal_demand();
        let mut ws = grid.workspace();
        for method in [FlowMethod::TreeSweep, FlowMethod::TreeNewton, FlowMethod::SparseNewton] {
            let options = FlowOptions { method, ..FlowOptions::default() };
            let info = grid.solve(&p, &q, &mut ws, &options).unwrap();
            println!("{name}, {method:?}: {} iterations, mismatch {:.1e} pu", info.iterations, info.mismatch_pu);
            group.bench_function(format!("solve, {method:?}"), |b| {
                b.iter(|| grid.solve(black_box(&p), &q, &mut ws, &options).unwrap().iterations)
            });
        }
        grid.solve(&p, &q, &mut ws, &FlowOptions::default()).unwrap();
        let mut dv = vec![Complex64::ONE; grid.n_nodes()];
        let (mut dl_dp, mut dl_dq) = (p.clone(), q.clone());
        group.bench_function("linearise", |b| b.iter(|| grid.linearise(black_box(&p), &q, &mut ws).unwrap()));
        group.bench_function("adjoint", |b| b.iter(|| grid.adjoint(black_box(&dv), &mut dl_dp, &mut dl_dq, &mut ws)));
        group.bench_function("forward", |b| b.iter(|| grid.forward(black_box(&p), &q, &mut dv, &mut ws)));
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);

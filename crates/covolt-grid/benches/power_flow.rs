//! Times of a power flow and of a power flow with its adjoint, tree against sparse, and the work they take.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Case, baran_wu, net98, random};
use covolt_grid::{Complex64, FlowMethod, FlowOptions, Grid};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn bench(c: &mut Criterion) {
    // Without the reference data a random tree of the same size stands in for the 98-bus case.
    let cases: [(&str, Case); 3] = [
        ("33", baran_wu(33, 10.0, false)),
        ("98", net98().unwrap_or_else(|| random(1, 98, 0))),
        ("1000", random(2, 1000, 0)),
    ];
    for (name, case) in cases {
        let mut group = c.benchmark_group(format!("{name} buses"));
        group.sample_size(30);
        let (p, q) = (case.p, case.q);
        let grid = Grid::new(case.network).unwrap();
        let n = grid.n_buses();
        let weights: Vec<Complex64> = (0..n).map(|i| Complex64::new(1.0, i as f64 * 0.01)).collect();
        let (mut dl_dp, mut dl_dq) = (vec![0.0; n], vec![0.0; n]);
        let mut dv = vec![Complex64::ZERO; n];
        for method in [FlowMethod::TreeNewton, FlowMethod::TreeSweep, FlowMethod::SparseNewton] {
            let options = FlowOptions { method, ..FlowOptions::default() };
            let mut ws = grid.workspace();
            let info = grid.solve(&p, &q, &mut ws, &options).unwrap();
            println!("{name} buses, {method:?}: {} iterations, mismatch {:.1e} pu", info.iterations, info.mismatch_pu);
            group.bench_function(format!("solve, {method:?}"), |b| {
                b.iter(|| grid.solve(black_box(&p), &q, &mut ws, &options).unwrap().iterations)
            });
            if method == FlowMethod::TreeSweep {
                continue;
            }
            group.bench_function(format!("linearise + adjoint, {method:?}"), |b| {
                b.iter(|| {
                    grid.linearise(black_box(&p), &q, &mut ws).unwrap();
                    grid.adjoint(black_box(&weights), &mut dl_dp, &mut dl_dq, &mut ws);
                    dl_dp[n - 1]
                })
            });
            group.bench_function(format!("forward, {method:?}"), |b| {
                b.iter(|| {
                    grid.forward(black_box(&p), &q, &mut dv, &mut ws);
                    dv[n - 1]
                })
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);

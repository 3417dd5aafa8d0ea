//! Times and sweeps of batched power flows and gradients, against the single solver, at three sizes and by instruction set.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::feeder::{feeder, scenarios};
use common::{Case, net98};
use covolt_grid::{Complex64, ComplexLanes, FlowOptions, Grid, Instructions, LANES};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const TOLERANCE: f64 = 1e-8;

fn bench(c: &mut Criterion) {
    let cases: [(&str, Case); 4] = [
        ("98 (reference)", net98().unwrap_or_else(|| feeder(4, 98))),
        ("98", feeder(1, 98)),
        ("1502", feeder(2, 1502)),
        ("15002", feeder(3, 15002)),
    ];
    for (name, case) in cases {
        let mut group = c.benchmark_group(format!("{name} buses, {LANES} scenarios"));
        group.sample_size(20);
        let (p, q) = scenarios(&case, LANES, 5);
        let grid = Grid::new(case.network).unwrap();
        let n = grid.n_buses();
        let cold = FlowOptions { tolerance_pu: TOLERANCE, ..FlowOptions::default() };
        let warm = FlowOptions { warm_start: true, ..cold };
        let mut single = grid.workspace();
        let steps = grid.solve(&p[..n], &q[..n], &mut single, &cold).unwrap().iterations;
        group.bench_function(format!("one scenario alone, {steps} Newton steps"), |b| {
            b.iter(|| grid.solve(black_box(&p[..n]), &q[..n], &mut single, &cold).unwrap().iterations)
        });
        let weights = vec![Complex64::new(1.0, 0.3); n];
        let (mut dp, mut dq) = (vec![0.0; n], vec![0.0; n]);
        group.bench_function("one scenario alone, solve + gradient", |b| {
            b.iter(|| {
                grid.solve(black_box(&p[..n]), &q[..n], &mut single, &cold).unwrap();
                grid.linearise(&p[..n], &q[..n], &mut single).unwrap();
                grid.adjoint(&weights, &mut dp, &mut dq, &mut single);
                dp[n - 1]
            })
        });
        for instructions in [Instructions::Widest, Instructions::AtMostAvx2, Instructions::Portable] {
            let mut batch = grid.batch_with(instructions).unwrap();
            let width = batch.machine().width();
            batch.load(&p, &q).unwrap();
            let outcome = grid.solve_batch(&mut batch, &cold).unwrap();
            assert_eq!(outcome.fallbacks, 0);
            let sweeps = outcome.infos.map(|info| info.iterations);
            group.bench_function(format!("solve, vectors of {width}, sweeps {sweeps:?}"), |b| {
                b.iter(|| {
                    batch.load(black_box(&p), &q).unwrap();
                    grid.solve_batch(&mut batch, &cold).unwrap().fallbacks
                })
            });
            group.bench_function(format!("solve + gradient, vectors of {width}"), |b| {
                b.iter(|| {
                    batch.load(black_box(&p), &q).unwrap();
                    grid.solve_batch(&mut batch, &cold).unwrap();
                    batch.dl_dv_mut().fill(ComplexLanes::splat(black_box(Complex64::new(1.0, 0.3))));
                    grid.linearise_adjoint_batch(&mut batch).unwrap().len()
                })
            });
            if instructions == Instructions::Widest {
                let near: Vec<f64> = p.iter().map(|p| p * 1.01).collect();
                let mut sweeps = [0; LANES];
                group.bench_function("two solves, each warm from the other at demands 1 % apart", |b| {
                    b.iter(|| {
                        batch.load(black_box(&p), &q).unwrap();
                        grid.solve_batch(&mut batch, &warm).unwrap();
                        batch.load(black_box(&near), &q).unwrap();
                        sweeps = grid.solve_batch(&mut batch, &warm).unwrap().infos.map(|info| info.iterations);
                    })
                });
                println!("{name} buses, warm sweeps {sweeps:?}");
                grid.linearise_batch(&mut batch).unwrap();
                group.bench_function("adjoint with kept factors", |b| b.iter(|| grid.adjoint_batch(&mut batch)));
            }
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);

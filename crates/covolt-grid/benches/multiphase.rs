//! Times of the multi-phase power flow and its derivatives: methods, sizes, radial against meshed, one scenario and eight together.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../tests/common/multiphase.rs"]
mod multiphase;

use covolt_grid::multiphase::MultiphaseGrid;
use covolt_grid::{Complex64, ComplexLanes, FlowMethod, FlowOptions, Instructions, LANES};
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
        for instructions in [Instructions::Widest, Instructions::AtMostAvx2, Instructions::Portable] {
            let mut batch = grid.batch_with(instructions);
            // Eight demands, between half and all of the nominal one at each port.
            for (k, demand) in batch.demand_mut().iter_mut().enumerate() {
                for lane in 0..LANES {
                    let share = 0.5 + ((7 * k + 3 * lane) % 11) as f64 / 22.0;
                    demand.set_lane(lane, Complex64::new(p[k], q[k]) * share);
                }
            }
            let (options, width) = (FlowOptions::default(), batch.machine().width());
            let outcome = grid.solve_batch(&mut batch, &options).unwrap();
            let iterations = outcome.infos.map(|info| info.iterations);
            println!("{name}, {LANES} together: {iterations:?} iterations, {} by the single solver", outcome.fallbacks);
            group.bench_function(format!("solve, {LANES} together, {width} per vector"), |b| {
                b.iter(|| grid.solve_batch(black_box(&mut batch), &options).unwrap().fallbacks)
            });
            batch.dl_dv_mut().fill(ComplexLanes::splat(Complex64::ONE));
            group.bench_function(format!("linearise and adjoint, {LANES} together, {width} per vector"), |b| {
                b.iter(|| grid.linearise_adjoint_batch(black_box(&mut batch)).unwrap().len())
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);

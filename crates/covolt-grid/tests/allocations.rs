//! Counts allocations: once its memory exists, neither a single nor a batched power flow or derivative allocates.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/multiphase.rs"]
mod multiphase;

use common::random;
use covolt_grid::multiphase::MultiphaseGrid;
use covolt_grid::{Complex64, ComplexLanes, FlowOptions, Grid, LANES};

#[test]
fn law_solving_and_differentiating_allocate_nothing() {
    let case = random(8, 98, 0);
    let grid = Grid::new(case.network).unwrap();
    let n = grid.n_buses();
    let (p, q) = (case.p.repeat(LANES), case.q.repeat(LANES));
    let options = FlowOptions::default();
    let (mut batch, mut ws) = (grid.batch().unwrap(), grid.workspace());
    let ones = vec![Complex64::ONE; n];
    let (mut dp, mut dq) = (vec![0.0; n], vec![0.0; n]);
    let ds = vec![ComplexLanes::splat(Complex64::ONE); n];
    let mut dv = ds.clone();
    let counted = allocation_counter::measure(|| {
        for _ in 0..3 {
            batch.load(&p, &q).unwrap();
            grid.solve_batch(&mut batch, &options).unwrap();
            batch.dl_dv_mut().copy_from_slice(&ds);
            grid.linearise_adjoint_batch(&mut batch).unwrap();
            grid.linearise_batch(&mut batch).unwrap();
            grid.adjoint_batch(&mut batch);
            grid.forward_batch(&ds, &mut dv, &mut batch);
            grid.solve(&p[..n], &q[..n], &mut ws, &options).unwrap();
            grid.linearise(&p[..n], &q[..n], &mut ws).unwrap();
            grid.adjoint(&ones, &mut dp, &mut dq, &mut ws);
        }
    });
    assert_eq!(counted.count_total, 0);
    // The counter does count.
    assert_eq!(allocation_counter::measure(|| drop(vec![1.0; n])).count_total, 1);
}

#[test]
fn law_multiphase_batches_allocate_nothing() {
    let grid = MultiphaseGrid::new(multiphase::feeder(true)).unwrap();
    let (p, q) = grid.nominal_demand();
    let (p, q) = (p.repeat(LANES), q.repeat(LANES));
    let options = FlowOptions::default();
    let mut batch = grid.batch();
    let counted = allocation_counter::measure(|| {
        for _ in 0..3 {
            batch.load(&p, &q).unwrap();
            grid.solve_batch(&mut batch, &options).unwrap();
            batch.dl_dv_mut().fill(ComplexLanes::splat(Complex64::ONE));
            grid.linearise_adjoint_batch(&mut batch).unwrap();
        }
    });
    assert_eq!(counted.count_total, 0);
}

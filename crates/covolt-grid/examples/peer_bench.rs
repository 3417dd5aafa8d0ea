//! Solves the scenarios of a comparison file, for `bench/peers/compare.py`: writes voltages, prints times.
//!
//! Two uses:
//!
//! ```text
//!   peer_bench make <buses> <scenarios> <file>     writes a feeder of tests/common/feeder.rs with its scenarios
//!   peer_bench run <file> <voltages>               solves them on one thread, tolerance 1e-9 pu, flat start
//! ```
//!
//! The file is little-endian f64: buses, scenarios, source voltage; then per bus from 1 the position of its parent, r and x (pu);
//! then p of every scenario, row by row, and q (pu on 1 MVA, consumption positive). Voltages are written as re, im per bus, row by row.
//! `run` prints minima of the CPU time per scenario in microseconds: solve; solve and full gradient.

#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::feeder::{feeder, scenarios};
use common::{bus, c, line, source};
use covolt_grid::{Complex64, ComplexLanes, FlowOptions, Grid, LANES, Network};
use std::time::{Duration, Instant};

/// Ten times tighter than the other engines are asked for: sweeps stop just below their tolerance, Newton steps far below.
const TOLERANCE_PU: f64 = 1e-9;
/// Time given to each measurement.
const BUDGET: Duration = Duration::from_secs(2);

fn write(path: &str, values: impl Iterator<Item = f64>) {
    std::fs::write(path, values.flat_map(f64::to_le_bytes).collect::<Vec<u8>>()).unwrap();
}

fn make(n: usize, count: usize, path: &str) {
    let case = feeder(n as u64, n);
    let (p, q) = scenarios(&case, count, 5);
    let head = [n as f64, count as f64, case.network.source().v_pu];
    let rows = case.network.branches().iter().flat_map(|b| {
        let z = b.series_z_pu;
        [b.from.0 as f64, z.re, z.im]
    });
    write(path, head.into_iter().chain(rows).chain(p).chain(q));
}

/// Fewest microseconds per scenario.
fn minimum_us(scenarios: usize, mut call: impl FnMut()) -> f64 {
    let (start, mut least) = (Instant::now(), f64::INFINITY);
    while start.elapsed() < BUDGET {
        let one = Instant::now();
        call();
        least = least.min(one.elapsed().as_secs_f64());
    }
    least * 1e6 / scenarios as f64
}

fn run(path: &str, voltages: &str) {
    let bytes = std::fs::read(path).unwrap();
    let values: Vec<f64> = bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    let (n, count) = (values[0] as usize, values[1] as usize);
    let (rows, demand) = values[3..].split_at(3 * (n - 1));
    let (p, q) = demand.split_at(n * count);
    let branches = rows.chunks_exact(3).enumerate();
    let branches = branches.map(|(k, r)| line(k + 1, r[0] as usize, k + 1, c(r[1], r[2]), 0.0)).collect();
    let buses = (0..n).map(|k| bus(k, 12.66)).collect();
    let network = Network::try_new("peers", 1.0, 50.0, buses, branches, vec![], source(0, values[2])).unwrap();
    let grid = Grid::new(network).unwrap();
    let options = FlowOptions { tolerance_pu: TOLERANCE_PU, ..FlowOptions::default() };
    let mut batch = grid.batch().unwrap();
    let (mut v, mut sweeps) = (vec![Complex64::ZERO; n * count], 0);
    let chunk = LANES * n;
    let mut solve = |with_gradient: bool, v: &mut [Complex64]| {
        for ((p, q), v) in p.chunks(chunk).zip(q.chunks(chunk)).zip(v.chunks_mut(chunk)) {
            batch.load(p, q).unwrap();
            let outcome = grid.solve_batch(&mut batch, &options).unwrap();
            assert!(outcome.failures.is_empty());
            sweeps = sweeps.max(outcome.infos.iter().map(|info| info.iterations).max().unwrap_or(0));
            if with_gradient {
                batch.dl_dv_mut().fill(ComplexLanes::splat(Complex64::new(1.0, 0.5)));
                assert!(grid.linearise_adjoint_batch(&mut batch).unwrap().is_empty());
            }
            batch.store_voltages(v);
        }
    };
    solve(false, &mut v);
    write(voltages, v.iter().flat_map(|v| [v.re, v.im]));
    let alone = minimum_us(count, || solve(false, &mut v));
    let with_gradient = minimum_us(count, || solve(true, &mut v));
    println!("{alone} {with_gradient} {sweeps}");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", buses, count, path] => make(buses.parse().unwrap(), count.parse().unwrap(), path),
        ["run", path, voltages] => run(path, voltages),
        _ => println!("peer_bench make <buses> <scenarios> <file> | peer_bench run <file> <voltages>"),
    }
}

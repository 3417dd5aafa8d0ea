//! Compares and times the multi-phase solver on a network with its reference solution, both in a JSON file:
//! `multiphase_compare FILE.json [ITERATIONS]`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use covolt_grid::multiphase::{ControlOptions, MultiphaseGrid, MultiphaseNetwork, MultiphaseParts};
use covolt_grid::{Complex64, FlowMethod, FlowOptions};
use serde::Deserialize;
use std::time::Instant;

#[derive(Deserialize)]
struct Solution {
    v: Vec<Complex64>,
    total_power_kw: [f64; 2],
    losses_w: [f64; 2],
}

#[derive(Deserialize)]
struct Reference {
    parts: MultiphaseParts,
    solution: Solution,
}

fn best(mut f: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..60 {
        let start = Instant::now();
        f();
        best = f64::min(best, start.elapsed().as_secs_f64());
    }
    best * 1e6
}

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let reference: Reference =
        serde_json::from_reader(std::io::BufReader::new(std::fs::File::open(path).unwrap())).unwrap();
    let network = match MultiphaseNetwork::try_new(reference.parts) {
        Ok(network) => network,
        Err(faults) => {
            for fault in faults.iter().take(20) {
                println!("{fault}");
            }
            panic!("{} faults", faults.len());
        }
    };
    let start = Instant::now();
    let mut grid = MultiphaseGrid::new(network).unwrap();
    println!(
        "compiled in {:.2} ms; {} nodes, {} ports, radial {}",
        1e3 * start.elapsed().as_secs_f64(),
        grid.n_nodes(),
        grid.n_ports(),
        grid.is_radial()
    );
    let (p, q) = grid.nominal_demand();
    let n = grid.n_nodes();
    let mut ws = grid.workspace();
    for method in [FlowMethod::TreeSweep, FlowMethod::TreeNewton, FlowMethod::SparseNewton] {
        for tolerance_pu in [1e-6, 1e-10] {
            let options = FlowOptions { method, tolerance_pu, ..Default::default() };
            let info = match grid.solve(&p, &q, &mut ws, &options) {
                Ok(info) => info,
                Err(error) => {
                    println!("{method:?}: {error}");
                    continue;
                }
            };
            let time = best(|| {
                grid.solve(&p, &q, &mut ws, &options).unwrap();
            });
            let mut worst = (0.0, 0);
            for (i, (a, b)) in ws.v().iter().zip(&reference.solution.v).enumerate() {
                let base = grid.network().v_base_v(covolt_grid::multiphase::NodeIndex(i)).unwrap();
                let error = (a - b / base).norm();
                if error > worst.0 {
                    worst = (error, i);
                }
            }
            let power = grid.source_power(ws.v()) * grid.network().parts().base_mva * 1e3;
            let losses = grid.losses(ws.v()) * grid.network().parts().base_mva * 1e6;
            println!(
                "{method:?} {tolerance_pu:.0e}: {} iterations, {:.1e}, {time:.1} us; worst voltage {:.2e} pu at {}; source {power:.4} kW (ref {:?}), losses {losses:.2} W (ref {:?})",
                info.iterations,
                info.mismatch_pu,
                worst.0,
                grid.network().node_name(covolt_grid::multiphase::NodeIndex(worst.1)),
                reference.solution.total_power_kw,
                reference.solution.losses_w
            );
        }
    }
    if let Some(repeat) = std::env::args().nth(2) {
        for _ in 0..repeat.parse::<usize>().unwrap() {
            grid.solve(&p, &q, &mut ws, &FlowOptions::default()).unwrap();
        }
        return;
    }
    grid.solve(&p, &q, &mut ws, &FlowOptions::default()).unwrap();
    let weights = vec![Complex64::ONE; n];
    let (mut dp, mut dq) = (vec![0.0; p.len()], vec![0.0; p.len()]);
    let mut dv = weights.clone();
    println!("linearise {:.1} us", best(|| grid.linearise(&p, &q, &mut ws).unwrap()));
    println!("adjoint {:.1} us", best(|| grid.adjoint(&weights, &mut dp, &mut dq, &mut ws)));
    println!("forward {:.1} us", best(|| grid.forward(&p, &q, &mut dv, &mut ws)));
    if !grid.network().parts().controls.is_empty() {
        let start = Instant::now();
        let settled = grid.settle_controls(&p, &q, &mut ws, &FlowOptions::default(), &ControlOptions::default());
        println!("{:.2} ms {settled:?}", 1e3 * start.elapsed().as_secs_f64());
    }
}

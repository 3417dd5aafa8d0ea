//! Large radial feeders of a given size and voltage drop, for timing: plain lines, as a distribution operator has them.
#![allow(dead_code, clippy::unwrap_used)]

use super::{Case, bus, c, line, source};
use covolt_grid::{Complex64, Network};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Largest voltage drop along the feeder at the given demand, pu, by the linear approximation.
const DROP_PU: f64 = 0.06;

/// A feeder of `n` buses: a main line with laterals, four buses of five with a load, one of ten with generation.
pub fn feeder(seed: u64, n: usize) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let parents: Vec<usize> = (1..n)
        .map(|k| if rng.random_bool(0.75) { k - 1 } else { rng.random_range(k.saturating_sub(k / 3 + 4)..k) })
        .collect();
    let mut z: Vec<Complex64> = (1..n).map(|_| c(rng.random_range(0.2..1.0), rng.random_range(0.1..1.0))).collect();
    let (mut p, mut q) = (vec![0.0; n], vec![0.0; n]);
    for k in 1..n {
        if rng.random_bool(0.8) {
            p[k] = rng.random_range(0.2..1.8);
            q[k] = p[k] * rng.random_range(0.1..0.5);
        }
        if rng.random_bool(0.1) {
            p[k] -= rng.random_range(0.0..4.0);
        }
    }
    // A mean net demand of 0.01 pu (10 kW on 1 MVA) a bus at every size, so that one tolerance means the same; impedances
    // scaled to the drop.
    let total: f64 = p.iter().sum();
    p.iter_mut().chain(&mut q).for_each(|x| *x *= 0.01 * n as f64 / total);
    let (mut flow, mut drop) = (p.iter().zip(&q).map(|(&p, &q)| c(p, q)).collect::<Vec<_>>(), vec![0.0; n]);
    for k in (1..n).rev() {
        let below = flow[k];
        flow[parents[k - 1]] += below;
    }
    for k in 1..n {
        drop[k] = drop[parents[k - 1]] + z[k - 1].re * flow[k].re + z[k - 1].im * flow[k].im;
    }
    let largest = drop.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
    z.iter_mut().for_each(|z| *z *= DROP_PU / largest);
    let branches = (1..n).map(|k| line(k, parents[k - 1], k, z[k - 1], 0.0)).collect();
    let buses = (0..n).map(|k| bus(k, 12.66)).collect();
    let network = Network::try_new(format!("feeder {n}"), 1.0, 50.0, buses, branches, vec![], source(0, 1.0)).unwrap();
    Case { network, p, q }
}

/// `count` scenarios, a row each: every demand times its own factor.
pub fn scenarios(case: &Case, count: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut p, mut q) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let level = rng.random_range(0.4..1.1);
        for (p_0, q_0) in case.p.iter().zip(&case.q) {
            let factor = level * rng.random_range(0.7..1.3);
            p.push(p_0 * factor);
            q.push(q_0 * factor);
        }
    }
    (p, q)
}

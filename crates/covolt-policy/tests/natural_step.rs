//! Natural-gradient steps and least-squares fits against dense solutions and the exact divergence.
#![allow(clippy::unwrap_used)]

mod common;

use common::{inverse, matmul, policy, uniform};
use covolt_policy::{
    CgSettings, CgWorkspace, CovarianceKind, FisherWorkspace, GaussianPolicy, OutputFit, fisher_product, kl_divergence,
    natural_step,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const EXACT: CgSettings = CgSettings { iterations: 2000, tolerance: 1e-12, damping: 1e-3 };

fn mean_divergence(old: &GaussianPolicy, new: &GaussianPolicy, s: &[f64], base: &[f64]) -> f64 {
    let (d, batch) = (old.actions(), base.len() / old.actions());
    let (mut a, mut b) = (old.workspace(batch), new.workspace(batch));
    old.evaluate(s, base, batch, &mut a).unwrap();
    new.evaluate(s, base, batch, &mut b).unwrap();
    let mut scratch = vec![0.0; 2 * d];
    (0..batch)
        .map(|k| {
            let rows = k * d..(k + 1) * d;
            let (p, q) = (old.factor(&a, k).unwrap(), new.factor(&b, k).unwrap());
            kl_divergence(&a.mean()[rows.clone()], &p, &b.mean()[rows], &q, &mut scratch).unwrap()
        })
        .sum::<f64>()
        / batch as f64
}

#[test]
fn law_natural_step_has_the_divergence_asked_for() {
    for kind in [CovarianceKind::Diagonal, CovarianceKind::Full] {
        let mut rng = ChaCha8Rng::seed_from_u64(19);
        let p = policy(5, 3, &[10, 10], kind, &mut rng);
        let (s, base) = (uniform(&mut rng, 20), uniform(&mut rng, 12));
        let mut ws = p.workspace(4);
        p.evaluate(&s, &base, 4, &mut ws).unwrap();
        let n = p.parameter_count();
        // A gradient of outputs, so that it lies in the range of H as every real one does.
        let mut g = vec![0.0; n];
        let d_eta = uniform(&mut rng, 4 * p.covariance_coordinates());
        p.vjp(&mut ws, &uniform(&mut rng, 12), &d_eta, &mut g).unwrap();
        let mut step = vec![0.0; n];
        let (mut fisher, mut cg) = (FisherWorkspace::new(&p, 4), CgWorkspace::new(n));
        let mut ratio = |delta: f64| {
            let settings = CgSettings::default();
            natural_step(&p, &mut ws, &g, delta, &settings, &mut fisher, &mut cg, &mut step).unwrap();
            assert!(step.iter().zip(&g).map(|(s, g)| s * g).sum::<f64>() > 0.0);
            let mut theta = vec![0.0; n];
            p.copy_parameters(&mut theta).unwrap();
            theta.iter_mut().zip(&step).for_each(|(t, s)| *t += s);
            let mut q = p.clone();
            q.set_parameters(&theta).unwrap();
            mean_divergence(&p, &q, &s, &base) / delta
        };
        let (coarse, fine) = (ratio(1e-4), ratio(1e-8));
        assert!((fine - 1.0).abs() < 2e-3, "{kind:?}: {coarse} then {fine}");
        let zero = vec![0.0; n];
        let settings = CgSettings::default();
        natural_step(&p, &mut ws, &zero, 1.0, &settings, &mut fisher, &mut cg, &mut step).unwrap();
        assert_eq!(step, zero);
    }
}

#[test]
fn ref_natural_step_equals_dense_solution() {
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    let p = policy(3, 2, &[4], CovarianceKind::Full, &mut rng);
    let mut ws = p.workspace(3);
    p.evaluate(&uniform(&mut rng, 9), &uniform(&mut rng, 6), 3, &mut ws).unwrap();
    let n = p.parameter_count();
    let mut fisher = FisherWorkspace::new(&p, 3);
    let mut h = vec![0.0; n * n];
    for c in 0..n {
        let mut v = vec![0.0; n];
        v[c] = 1.0;
        let mut column = vec![0.0; n];
        fisher_product(&p, &mut ws, &v, &mut column, &mut fisher).unwrap();
        (0..n).for_each(|r| h[r * n + c] = column[r]);
    }
    let g = uniform(&mut rng, n);
    let mut step = vec![0.0; n];
    let mut cg = CgWorkspace::new(n);
    let info = natural_step(&p, &mut ws, &g, 0.01, &EXACT, &mut fisher, &mut cg, &mut step).unwrap();
    assert!((info.curvature - 0.02).abs() < 1e-12);
    let mut damped = h.clone();
    (0..n).for_each(|i| damped[i * n + i] += info.damping);
    let mut dense = matmul(&inverse(&damped, n), &g, n, n, 1);
    let hv = matmul(&h, &dense, n, n, 1);
    let quadratic: f64 = hv.iter().zip(&dense).map(|(a, b)| a * b).sum();
    dense.iter_mut().for_each(|v| *v *= (0.02 / quadratic).sqrt());
    let size = dense.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    for (a, b) in step.iter().zip(&dense) {
        assert!((a - b).abs() < 1e-6 * size, "{a} against {b}");
    }
}

#[test]
fn ref_fit_equals_dense_least_squares() {
    let mut rng = ChaCha8Rng::seed_from_u64(29);
    let p = policy(3, 2, &[4], CovarianceKind::Diagonal, &mut rng);
    let batch = 30;
    let rows = batch * 2;
    let mut ws = p.workspace(batch);
    p.mean(&uniform(&mut rng, batch * 3), &vec![0.0; rows], batch, &mut ws).unwrap();
    let n = p.mean_net().parameter_count();
    let dx = uniform(&mut rng, rows);
    let w: Vec<f64> = uniform(&mut rng, rows).iter().map(|w| 1.2 + w).collect();
    let mut step = vec![0.0; n];
    let info = OutputFit::new(&p, batch).mean_step(&p, &mut ws, &dx, &w, &EXACT, &mut step).unwrap();
    let mut j = vec![0.0; rows * n];
    for r in 0..rows {
        let mut e = vec![0.0; rows];
        e[r] = 1.0;
        p.vjp_mean(&mut ws, &e, &mut j[r * n..(r + 1) * n]).unwrap();
    }
    let mut normal = vec![0.0; n * n];
    let mut rhs = vec![0.0; n];
    for a in 0..n {
        for b in 0..n {
            normal[a * n + b] = (0..rows).map(|r| w[r] * j[r * n + a] * j[r * n + b]).sum();
        }
        normal[a * n + a] += info.damping;
        rhs[a] = (0..rows).map(|r| w[r] * j[r * n + a] * dx[r]).sum();
    }
    let dense = matmul(&inverse(&normal, n), &rhs, n, n, 1);
    let size = dense.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    for (a, b) in step.iter().zip(&dense) {
        assert!((a - b).abs() < 1e-6 * size, "{a} against {b}");
    }
}

//! The policy's outputs, their Jacobians as whole matrices, and its density.
#![allow(clippy::unwrap_used)]

mod common;

use common::{policy, uniform};
use covolt_policy::{CovarianceKind, Factor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const KINDS: [CovarianceKind; 2] = [CovarianceKind::Diagonal, CovarianceKind::Full];

#[test]
fn fd_policy_jacobians_agree() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut p = policy(5, 4, &[6, 7], kind, &mut rng);
        let batch = 3;
        let features = uniform(&mut rng, batch * 5);
        let base = uniform(&mut rng, batch * 4);
        let (d, k) = (p.actions(), p.covariance_coordinates());
        let (rows, cols) = (batch * (d + k), p.parameter_count());
        let mut ws = p.workspace(batch);
        p.evaluate(&features, &base, batch, &mut ws).unwrap();
        let mut from_vjp = vec![0.0; rows * cols];
        for r in 0..rows {
            let mut c = vec![0.0; rows];
            c[r] = 1.0;
            let (d_mean, d_eta) = c.split_at(batch * d);
            p.vjp(&mut ws, d_mean, d_eta, &mut from_vjp[r * cols..(r + 1) * cols]).unwrap();
        }
        let mut theta = vec![0.0; cols];
        p.copy_parameters(&mut theta).unwrap();
        let outputs = |p: &covolt_policy::GaussianPolicy| {
            let mut ws = p.workspace(batch);
            p.evaluate(&features, &base, batch, &mut ws).unwrap();
            [ws.mean(), ws.eta()].concat()
        };
        let (mut worst_fd, mut worst_pair, mut size) = (0f64, 0f64, 0f64);
        for c in 0..cols {
            let mut v = vec![0.0; cols];
            v[c] = 1.0;
            let mut column = vec![0.0; rows];
            let (d_mean, d_eta) = column.split_at_mut(batch * d);
            p.jvp(&mut ws, &v, d_mean, d_eta).unwrap();
            let h = 1e-6;
            let mut moved = theta.clone();
            moved[c] += h;
            let mut q = p.clone();
            q.set_parameters(&moved).unwrap();
            let up = outputs(&q);
            moved[c] -= 2.0 * h;
            q.set_parameters(&moved).unwrap();
            let down = outputs(&q);
            for r in 0..rows {
                let fd = (up[r] - down[r]) / (2.0 * h);
                size = size.max(fd.abs());
                worst_fd = worst_fd.max((fd - column[r]).abs() / (1.0 + fd.abs()));
                worst_pair = worst_pair.max((column[r] - from_vjp[r * cols + c]).abs());
            }
        }
        assert!(size > 1.0);
        assert!(worst_fd < 1e-7, "{kind:?}: {worst_fd:e}");
        assert!(worst_pair < 1e-12, "{kind:?}: {worst_pair:e}");
        p.set_parameters(&theta).unwrap();
    }
}

#[test]
fn law_covariance_positive_definite_for_random_parameters() {
    for kind in KINDS {
        for seed in 0..40 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut p = policy(5, 6, &[8], kind, &mut rng);
            // Far beyond trained networks, so that the bounds saturate.
            let size = if seed % 2 == 0 { 1.0 } else { 1e6 };
            let theta: Vec<f64> = uniform(&mut rng, p.parameter_count()).iter().map(|t| t * size).collect();
            p.set_parameters(&theta).unwrap();
            let mut ws = p.workspace(1);
            p.evaluate(&uniform(&mut rng, 5), &[0.0; 6], 1, &mut ws).unwrap();
            let l = p.factor(&ws, 0).unwrap().to_dense();
            let sigma = common::product_with_transpose(&l, 6);
            assert!(common::cholesky_succeeds(&sigma, 6), "{kind:?} seed {seed}");
            for i in 0..6 {
                assert!(l[i * 6 + i] > 0.0 && l[i * 6 + i].is_finite());
            }
        }
    }
}

#[test]
fn law_factor_solves_invert_apply() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let d = 5;
        let scale: Vec<f64> = uniform(&mut rng, d).iter().map(|s| 2.0 + s).collect();
        let eta = uniform(&mut rng, kind.coordinates(d));
        let factor = Factor::try_new(kind, &scale, &eta).unwrap();
        let l = factor.to_dense();
        let x = uniform(&mut rng, d);
        let mut y = vec![0.0; d];
        factor.apply(&x, &mut y);
        for i in 0..d {
            let dense: f64 = (0..d).map(|j| l[i * d + j] * x[j]).sum();
            assert!((dense - y[i]).abs() < 1e-13);
        }
        factor.solve(&mut y);
        let mut z: Vec<f64> = (0..d).map(|j| (0..d).map(|i| l[i * d + j] * x[i]).sum()).collect();
        factor.solve_transposed(&mut z);
        for i in 0..d {
            assert!((y[i] - x[i]).abs() < 1e-12 && (z[i] - x[i]).abs() < 1e-12);
        }
        let log_det: f64 = (0..d).map(|i| l[i * d + i].ln()).sum();
        assert!((log_det - factor.log_det()).abs() < 1e-12);
    }
}

#[test]
fn law_samples_have_mean_and_covariance() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(21);
        let p = policy(5, 3, &[6], kind, &mut rng);
        let mut ws = p.workspace(1);
        p.evaluate(&uniform(&mut rng, 5), &uniform(&mut rng, 3), 1, &mut ws).unwrap();
        let l = p.factor(&ws, 0).unwrap().to_dense();
        let sigma = common::product_with_transpose(&l, 3);
        let n = 200_000;
        let (mut mean, mut second) = ([0.0; 3], [0.0; 9]);
        let (mut a, mut eps) = ([0.0; 3], [0.0; 3]);
        for _ in 0..n {
            p.sample(&ws, &mut rng, &mut a, &mut eps).unwrap();
            for i in 0..3 {
                let di = a[i] - ws.mean()[i];
                mean[i] += di / n as f64;
                for j in 0..3 {
                    second[3 * i + j] += di * (a[j] - ws.mean()[j]) / n as f64;
                }
            }
        }
        for i in 0..3 {
            let si = sigma[4 * i].sqrt();
            assert!(mean[i].abs() < 5.0 * si / (n as f64).sqrt());
            for j in 0..3 {
                let sj = sigma[4 * j].sqrt();
                let tolerance = 5.0 * 2f64.sqrt() * si * sj / (n as f64).sqrt();
                assert!((second[3 * i + j] - sigma[3 * i + j]).abs() < tolerance);
            }
        }
    }
}

#[test]
fn law_density_integrates_to_one() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let p = policy(5, 2, &[6], kind, &mut rng);
        let mut ws = p.workspace(1);
        p.evaluate(&uniform(&mut rng, 5), &[0.0; 2], 1, &mut ws).unwrap();
        let l = p.factor(&ws, 0).unwrap().to_dense();
        let sigma = common::product_with_transpose(&l, 2);
        let (mu, reach) = (ws.mean().to_vec(), [9.0 * sigma[0].sqrt(), 9.0 * sigma[3].sqrt()]);
        let n = 400;
        let mut sum = 0.0;
        for i in 0..n {
            for j in 0..n {
                let at = |k: usize, m: f64| mu[k] + reach[k] * (2.0 * (m + 0.5) / n as f64 - 1.0);
                sum += p.log_density(&ws, 0, &[at(0, i as f64), at(1, j as f64)]).unwrap().exp();
            }
        }
        sum *= 4.0 * reach[0] * reach[1] / (n * n) as f64;
        assert!((sum - 1.0).abs() < 1e-6, "{kind:?}: {sum}");
    }
}

#[test]
fn law_untrained_policy_follows_its_base() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let spec = common::spec(5, 4, &[6], CovarianceKind::Full);
    let p = covolt_policy::GaussianPolicy::try_new(spec.clone(), &mut rng).unwrap();
    let base = uniform(&mut rng, 8);
    let mut ws = p.workspace(2);
    p.evaluate(&uniform(&mut rng, 10), &base, 2, &mut ws).unwrap();
    assert_eq!(ws.mean(), &base);
    let l = p.factor(&ws, 1).unwrap().to_dense();
    for i in 0..4 {
        let expected = spec.actions[i].scale * spec.log_sigma.initial.exp();
        assert!((l[5 * i] - expected).abs() < 1e-12 * expected);
    }
}

/// What lies beyond four spreads acts like four spreads; within them nothing is cut.
#[test]
fn law_features_are_cut_off_at_four_spreads() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let p = policy(5, 4, &[6, 7], CovarianceKind::Full, &mut rng);
    let outputs = |spreads: f64| {
        let features: Vec<f64> = p.spec().features.iter().map(|f| f.mean + spreads * f.std).collect();
        let mut ws = p.workspace(1);
        p.evaluate(&features, &[0.0; 4], 1, &mut ws).unwrap();
        [ws.mean(), ws.eta()].concat()
    };
    assert_eq!(outputs(4.001), outputs(40.0));
    assert_eq!(outputs(-4.001), outputs(-1e9));
    assert_ne!(outputs(3.9), outputs(3.99));
}

#[test]
fn law_stale_results_are_not_used() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let p = policy(5, 4, &[6], CovarianceKind::Diagonal, &mut rng);
    let other = policy(5, 3, &[6], CovarianceKind::Diagonal, &mut rng);
    let mut ws = p.workspace(2);
    let (mut a, mut eps) = ([0.0; 4], [0.0; 4]);
    assert!(p.sample(&ws, &mut rng, &mut a, &mut eps).is_err());
    p.evaluate(&[0.1; 5], &[0.0; 4], 1, &mut ws).unwrap();
    assert!(p.sample(&ws, &mut rng, &mut a, &mut eps).is_ok());
    p.mean(&[0.2; 5], &[0.0; 4], 1, &mut ws).unwrap();
    assert!(p.sample(&ws, &mut rng, &mut a, &mut eps).is_err(), "eta belongs to an older state");
    assert!(other.mean(&[0.2; 5], &[0.0; 3], 1, &mut ws).is_err());
    assert!(p.mean(&[0.2; 15], &[0.0; 12], 3, &mut ws).is_err());
    let bad = vec![f64::NAN; p.parameter_count()];
    assert!(p.clone().set_parameters(&bad).is_err());
}

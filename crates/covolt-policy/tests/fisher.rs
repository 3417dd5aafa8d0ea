//! Fisher information (26): against its formula, the divergence and sampling, as whole matrices.
#![allow(clippy::unwrap_used)]

mod common;

use common::{gaussian, inverse, matmul, policy, product_with_transpose, uniform};
use covolt_policy::{
    CovarianceKind, Factor, FisherWorkspace, OutputMetric, fisher_product, kl_divergence, log_density_gradient,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const KINDS: [CovarianceKind; 2] = [CovarianceKind::Diagonal, CovarianceKind::Full];

fn metric_matrix(kind: CovarianceKind, scale: &[f64], eta: &[f64]) -> Vec<f64> {
    let d = scale.len();
    let n = d + eta.len();
    let factor = Factor::try_new(kind, scale, eta).unwrap();
    let mut metric = OutputMetric::new(d);
    let mut m = vec![0.0; n * n];
    for c in 0..n {
        let mut x = vec![0.0; n];
        x[c] = 1.0;
        let (mean, cov) = x.split_at_mut(d);
        metric.apply(&factor, mean, cov).unwrap();
        for r in 0..n {
            m[r * n + c] = x[r];
        }
    }
    m
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |m, (a, b)| m.max((a - b).abs()))
}

#[test]
fn fd_metric_is_the_corrected_formula() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let d = 4;
        let (scale, eta, _) = gaussian(kind, d, &mut rng);
        let sigma = |eta: &[f64]| product_with_transpose(&Factor::try_new(kind, &scale, eta).unwrap().to_dense(), d);
        let sigma_inverse = inverse(&sigma(&eta), d);
        let k = eta.len();
        let n = d + k;
        // Sigma^-1 dSigma per coordinate, dSigma by central differences.
        let relative: Vec<Vec<f64>> = (0..k)
            .map(|c| {
                let (mut up, mut down) = (eta.clone(), eta.clone());
                up[c] += 1e-5;
                down[c] -= 1e-5;
                let (up, down) = (sigma(&up), sigma(&down));
                let ds: Vec<f64> = up.iter().zip(&down).map(|(u, d)| (u - d) / 2e-5).collect();
                matmul(&sigma_inverse, &ds, d, d, d)
            })
            .collect();
        let mut expected = vec![0.0; n * n];
        for i in 0..d {
            for j in 0..d {
                expected[i * n + j] = sigma_inverse[i * d + j];
            }
        }
        for a in 0..k {
            for b in 0..k {
                let product = matmul(&relative[a], &relative[b], d, d, d);
                let trace: f64 = (0..d).map(|i| product[i * d + i]).sum();
                expected[(d + a) * n + d + b] = 0.5 * trace;
            }
        }
        let worst = largest_difference(&metric_matrix(kind, &scale, &eta), &expected);
        assert!(worst < 1e-7, "{kind:?}: {worst:e}");
    }
}

#[test]
fn fd_metric_is_the_second_derivative_of_the_divergence() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let d = 3;
        let (scale, eta, mean) = gaussian(kind, d, &mut rng);
        let n = d + eta.len();
        let p = Factor::try_new(kind, &scale, &eta).unwrap();
        let mut scratch = vec![0.0; 2 * d];
        let mut divergence = |steps: &[(usize, f64)]| {
            let mut x = [mean.clone(), eta.clone()].concat();
            for (at, step) in steps {
                x[*at] += step;
            }
            let q = Factor::try_new(kind, &scale, &x[d..]).unwrap();
            kl_divergence(&mean, &p, &x[..d], &q, &mut scratch).unwrap()
        };
        assert_eq!(divergence(&[]), 0.0);
        let h = 1e-3;
        let mut hessian = vec![0.0; n * n];
        for a in 0..n {
            for b in 0..n {
                // Richardson's combination of h and 2h removes the h^2 error.
                let mut mixed = |h: f64| {
                    (divergence(&[(a, h), (b, h)]) - divergence(&[(a, h), (b, -h)]) - divergence(&[(a, -h), (b, h)])
                        + divergence(&[(a, -h), (b, -h)]))
                        / (4.0 * h * h)
                };
                hessian[a * n + b] = (4.0 * mixed(h) - mixed(2.0 * h)) / 3.0;
            }
        }
        let metric = metric_matrix(kind, &scale, &eta);
        let worst = largest_difference(&metric, &hessian);
        assert!(worst < 1e-7, "{kind:?}: {worst:e}");
    }
}

/// Sampling decides between (26) as corrected and as printed (twice that).
#[test]
fn law_metric_is_the_variance_of_the_score_and_the_printed_one_is_twice_it() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let d = 3;
        let (scale, eta, _) = gaussian(kind, d, &mut rng);
        let factor = Factor::try_new(kind, &scale, &eta).unwrap();
        let n = d + eta.len();
        let samples = 400_000;
        let (mut sum, mut squares) = (vec![0.0; n * n], vec![0.0; n * n]);
        let (mut eps, mut score) = (vec![0.0; d], vec![0.0; n]);
        for _ in 0..samples {
            eps.iter_mut().for_each(|e| *e = StandardNormal.sample(&mut rng));
            let (d_mean, d_eta) = score.split_at_mut(d);
            log_density_gradient(&factor, &eps, d_mean, d_eta).unwrap();
            for a in 0..n {
                for b in 0..n {
                    let p = score[a] * score[b];
                    sum[a * n + b] += p / samples as f64;
                    squares[a * n + b] += p * p / samples as f64;
                }
            }
        }
        let metric = metric_matrix(kind, &scale, &eta);
        let mut printed_off = 0;
        for at in 0..n * n {
            let error = ((squares[at] - sum[at] * sum[at]) / samples as f64).sqrt();
            assert!(
                (sum[at] - metric[at]).abs() < 5.5 * error + 1e-12,
                "{kind:?} entry {at}: sampled {} +- {error}, formula {}",
                sum[at],
                metric[at]
            );
            printed_off += usize::from((sum[at] - 2.0 * metric[at]).abs() > 50.0 * error);
        }
        assert!(printed_off >= n, "the printed form was not told apart");
    }
}

#[test]
fn law_metric_solve_inverts_apply() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let d = 7;
        let (scale, eta, x) = gaussian(kind, d, &mut rng);
        let factor = Factor::try_new(kind, &scale, &eta).unwrap();
        let c = uniform(&mut rng, eta.len());
        let (mut mean, mut cov) = (x.clone(), c.clone());
        let mut metric = OutputMetric::new(d);
        metric.apply(&factor, &mut mean, &mut cov).unwrap();
        metric.solve(&factor, &mut mean, &mut cov).unwrap();
        assert!(largest_difference(&mean, &x) < 1e-10);
        assert!(largest_difference(&cov, &c) < 1e-10);
    }
}

#[test]
fn law_fisher_product_is_the_whole_matrix_and_positive_semidefinite() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let p = policy(4, 3, &[5], kind, &mut rng);
        let batch = 2;
        let mut ws = p.workspace(batch);
        p.evaluate(&uniform(&mut rng, 8), &uniform(&mut rng, 6), batch, &mut ws).unwrap();
        let (d, k, n) = (3, p.covariance_coordinates(), p.parameter_count());
        let mut scratch = FisherWorkspace::new(&p, batch);
        let mut h = vec![0.0; n * n];
        let mut jacobian = vec![0.0; batch * (d + k) * n];
        for c in 0..n {
            let mut v = vec![0.0; n];
            v[c] = 1.0;
            let mut column = vec![0.0; n];
            fisher_product(&p, &mut ws, &v, &mut column, &mut scratch).unwrap();
            for r in 0..n {
                h[r * n + c] = column[r];
            }
            let (mut d_mean, mut d_eta) = (vec![0.0; batch * d], vec![0.0; batch * k]);
            p.jvp(&mut ws, &v, &mut d_mean, &mut d_eta).unwrap();
            for s in 0..batch {
                for i in 0..d {
                    jacobian[(s * (d + k) + i) * n + c] = d_mean[s * d + i];
                }
                for i in 0..k {
                    jacobian[(s * (d + k) + d + i) * n + c] = d_eta[s * k + i];
                }
            }
        }
        let mut expected = vec![0.0; n * n];
        for s in 0..batch {
            let metric = metric_matrix(kind, p.scale(), &ws.eta()[s * k..(s + 1) * k]);
            let j = &jacobian[s * (d + k) * n..(s + 1) * (d + k) * n];
            let mj = matmul(&metric, j, d + k, d + k, n);
            for a in 0..n {
                for b in 0..n {
                    let sum: f64 = (0..d + k).map(|r| j[r * n + a] * mj[r * n + b]).sum();
                    expected[a * n + b] += sum / batch as f64;
                }
            }
        }
        let size = expected.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        assert!(largest_difference(&h, &expected) < 1e-11 * size);
        for _ in 0..50 {
            let v = uniform(&mut rng, n);
            let hv = matmul(&h, &v, n, n, 1);
            let quadratic: f64 = v.iter().zip(&hv).map(|(a, b)| a * b).sum();
            assert!(quadratic >= -1e-12 * size);
        }
    }
}

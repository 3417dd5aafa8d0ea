//! Estimators (47)-(49): exact derivatives sample by sample, agreement with closed forms in expectation.
#![allow(clippy::unwrap_used)]

mod common;

use common::{gaussian, matmul, policy, uniform};
use covolt_policy::{
    CovarianceKind, Factor, log_density_gradient, pathwise_gradient, pathwise_gradient_at, score_function_gradient,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const KINDS: [CovarianceKind; 2] = [CovarianceKind::Diagonal, CovarianceKind::Full];

/// R(a) = c . a - 1/2 a^T Q a, a return whose expectation under a Gaussian is known exactly.
struct Quadratic {
    c: Vec<f64>,
    q: Vec<f64>,
}

impl Quadratic {
    fn random(d: usize, rng: &mut ChaCha8Rng) -> Self {
        let q = common::product_with_transpose(&uniform(rng, d * d), d);
        Quadratic { c: uniform(rng, d), q }
    }
    fn gradient(&self, a: &[f64]) -> Vec<f64> {
        let qa = matmul(&self.q, a, a.len(), a.len(), 1);
        self.c.iter().zip(&qa).map(|(c, q)| c - q).collect()
    }
    fn value(&self, a: &[f64]) -> f64 {
        let qa = matmul(&self.q, a, a.len(), a.len(), 1);
        a.iter().zip(self.c.iter().zip(&qa)).map(|(a, (c, q))| a * (c - 0.5 * q)).sum()
    }
    /// Gradient of E[R] = c . mu - 1/2 mu^T Q mu - 1/2 tr(Q L L^T) in (mu, eta): dE/dL = -Q L.
    fn expected_gradient(&self, mean: &[f64], factor: &Factor<'_>) -> Vec<f64> {
        let d = mean.len();
        let l = factor.to_dense();
        let ql = matmul(&self.q, &l, d, d, d);
        let mut g = self.gradient(mean);
        for i in 0..d {
            for j in 0..factor.row(i).len() {
                g.push(-ql[i * d + j] * factor.diagonal(i));
            }
            g.push(-(0..d).map(|j| ql[i * d + j] * l[i * d + j]).sum::<f64>());
        }
        g
    }
}

fn action(mean: &[f64], factor: &Factor<'_>, eps: &[f64]) -> Vec<f64> {
    let mut a = vec![0.0; mean.len()];
    factor.apply(eps, &mut a);
    a.iter().zip(mean).map(|(a, m)| a + m).collect()
}

#[test]
fn fd_pathwise_gradient_of_each_coordinate() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let d = 5;
        let (scale, eta, mean) = gaussian(kind, d, &mut rng);
        let reward = Quadratic::random(d, &mut rng);
        let eps = uniform(&mut rng, d);
        let x = [mean, eta].concat();
        let value = |x: &[f64]| {
            let factor = Factor::try_new(kind, &scale, &x[d..]).unwrap();
            reward.value(&action(&x[..d], &factor, &eps))
        };
        let factor = Factor::try_new(kind, &scale, &x[d..]).unwrap();
        let d_action = reward.gradient(&action(&x[..d], &factor, &eps));
        let mut g = vec![0.0; x.len()];
        let (d_mean, d_eta) = g.split_at_mut(d);
        pathwise_gradient_at(&factor, &eps, &d_action, d_mean, d_eta).unwrap();
        for at in 0..x.len() {
            let (mut up, mut down) = (x.clone(), x.clone());
            up[at] += 1e-5;
            down[at] -= 1e-5;
            let fd = (value(&up) - value(&down)) / 2e-5;
            assert!((fd - g[at]).abs() < 1e-7 * (1.0 + fd.abs()), "{kind:?} {at}");
        }
    }
}

#[test]
fn fd_score_of_each_coordinate() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        let d = 5;
        let (scale, eta, mean) = gaussian(kind, d, &mut rng);
        let eps = uniform(&mut rng, d);
        let x = [mean, eta].concat();
        let factor = Factor::try_new(kind, &scale, &x[d..]).unwrap();
        let a = action(&x[..d], &factor, &eps);
        let log_density = |x: &[f64]| {
            let factor = Factor::try_new(kind, &scale, &x[d..]).unwrap();
            let mut y: Vec<f64> = a.iter().zip(x).map(|(a, m)| a - m).collect();
            factor.solve(&mut y);
            -0.5 * y.iter().map(|y| y * y).sum::<f64>() - factor.log_det()
        };
        let mut g = vec![0.0; x.len()];
        let (d_mean, d_eta) = g.split_at_mut(d);
        log_density_gradient(&factor, &eps, d_mean, d_eta).unwrap();
        for at in 0..x.len() {
            let (mut up, mut down) = (x.clone(), x.clone());
            up[at] += 1e-5;
            down[at] -= 1e-5;
            let fd = (log_density(&up) - log_density(&down)) / 2e-5;
            assert!((fd - g[at]).abs() < 1e-7 * (1.0 + fd.abs()), "{kind:?} {at}");
        }
    }
}

/// Mean and variance per coordinate of both estimators: (pathwise, score), each (means, variances).
type Moments = (Vec<f64>, Vec<f64>);
fn moments(kind: CovarianceKind, d: usize, samples: usize, seed: u64) -> (Moments, Moments, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (scale, mut eta, mean) = gaussian(kind, d, &mut rng);
    // Mild correlations, sigma about a fifth of the range: strong ones would make the score
    // function's variance astronomical and the comparison unfair.
    eta.iter_mut().for_each(|e| *e *= 0.2);
    for i in 0..d {
        eta[kind.log_sigma_at(i)] -= 1.5;
    }
    let reward = Quadratic::random(d, &mut rng);
    let factor = Factor::try_new(kind, &scale, &eta).unwrap();
    let baseline = reward.value(&mean);
    let n = d + eta.len();
    let (mut path, mut score) = ((vec![0.0; n], vec![0.0; n]), (vec![0.0; n], vec![0.0; n]));
    let (mut eps, mut g) = (vec![0.0; d], vec![0.0; n]);
    let add = |(sum, squares): &mut Moments, g: &[f64], weight: f64| {
        for at in 0..n {
            sum[at] += weight * g[at] / samples as f64;
            squares[at] += (weight * g[at]).powi(2) / samples as f64;
        }
    };
    for _ in 0..samples {
        eps.iter_mut().for_each(|e| *e = StandardNormal.sample(&mut rng));
        let a = action(&mean, &factor, &eps);
        let (d_mean, d_eta) = g.split_at_mut(d);
        pathwise_gradient_at(&factor, &eps, &reward.gradient(&a), d_mean, d_eta).unwrap();
        add(&mut path, &g, 1.0);
        let (d_mean, d_eta) = g.split_at_mut(d);
        log_density_gradient(&factor, &eps, d_mean, d_eta).unwrap();
        add(&mut score, &g, reward.value(&a) - baseline);
    }
    for (sum, squares) in [&mut path, &mut score] {
        for (v, m) in squares.iter_mut().zip(&*sum) {
            *v -= m * m;
        }
    }
    (path, score, reward.expected_gradient(&mean, &factor))
}

#[test]
fn law_both_estimators_are_unbiased() {
    for kind in KINDS {
        let samples = 300_000;
        let (path, score, exact) = moments(kind, 4, samples, 31);
        for (name, (mean, variance)) in [("pathwise", path), ("score", score)] {
            for at in 0..exact.len() {
                let error = (variance[at] / samples as f64).sqrt();
                assert!(
                    (mean[at] - exact[at]).abs() < 5.0 * error + 1e-12,
                    "{kind:?} {name} {at}: {} +- {error}, exact {}",
                    mean[at],
                    exact[at]
                );
            }
        }
    }
}

#[test]
fn law_pathwise_has_by_far_the_smaller_variance() {
    let d = 36;
    let ((_, path), (_, score), _) = moments(CovarianceKind::Full, d, 4_000, 17);
    let total = |v: &[f64]| v.iter().sum::<f64>();
    let mean_ratio = total(&score[..d]) / total(&path[..d]);
    let eta_ratio = total(&score[d..]) / total(&path[d..]);
    println!("variance, score function over pathwise, {d} actions: mu {mean_ratio:.1}, eta {eta_ratio:.1}");
    assert!(mean_ratio > 10.0 && eta_ratio > 10.0);
}

/// Why (47)-(48) are not used as printed: their product is -1 whatever the sample, the right value is +1.
#[test]
fn law_printed_factors_multiply_to_minus_one() {
    for (mu, sigma, a) in [(0.3, 0.5, 0.9), (-2.0, 0.01, -2.02), (4.0, 3.0, 1.0)] {
        let z: f64 = (a - mu) / (sigma * sigma);
        let density = (-0.5 * (a - mu) * z).exp() / (sigma * (2.0 * std::f64::consts::PI).sqrt());
        let printed_47 = -1.0 / (z * density);
        let printed_48 = z * density;
        assert!((printed_47 * printed_48 + 1.0).abs() < 1e-12);
        let (scale, eta) = ([1.0], [f64::ln(sigma)]);
        let factor = Factor::try_new(CovarianceKind::Diagonal, &scale, &eta).unwrap();
        let (mut d_mean, mut d_eta) = ([0.0], [0.0]);
        let eps = [(a - mu) / sigma];
        pathwise_gradient_at(&factor, &eps, &[1.0], &mut d_mean, &mut d_eta).unwrap();
        assert_eq!(d_mean, [1.0]);
        assert!((d_eta[0] - (a - mu)).abs() < 1e-12);
    }
}

#[test]
fn law_batched_estimators_equal_single_ones() {
    for kind in KINDS {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let p = policy(5, 3, &[6], kind, &mut rng);
        let batch = 4;
        let mut ws = p.workspace(batch);
        p.evaluate(&uniform(&mut rng, 20), &uniform(&mut rng, 12), batch, &mut ws).unwrap();
        let k = p.covariance_coordinates();
        let (mut a, mut eps) = (vec![0.0; 12], vec![0.0; 12]);
        p.sample(&ws, &mut rng, &mut a, &mut eps).unwrap();
        let d_action = uniform(&mut rng, 12);
        let (returns, baselines) = (uniform(&mut rng, 4), uniform(&mut rng, 4));
        let (mut pm, mut pe) = (vec![0.0; 12], vec![0.0; 4 * k]);
        let (mut sm, mut se) = (vec![0.0; 12], vec![0.0; 4 * k]);
        pathwise_gradient(&p, &ws, &eps, &d_action, &mut pm, &mut pe).unwrap();
        score_function_gradient(&p, &ws, &eps, &returns, &baselines, &mut sm, &mut se).unwrap();
        for s in 0..batch {
            let factor = p.factor(&ws, s).unwrap();
            let (rows, etas) = (3 * s..3 * s + 3, k * s..k * s + k);
            let (mut m, mut e) = (vec![0.0; 3], vec![0.0; k]);
            pathwise_gradient_at(&factor, &eps[rows.clone()], &d_action[rows.clone()], &mut m, &mut e).unwrap();
            assert_eq!((&m[..], &e[..]), (&pm[rows.clone()], &pe[etas.clone()]));
            log_density_gradient(&factor, &eps[rows.clone()], &mut m, &mut e).unwrap();
            let w = returns[s] - baselines[s];
            m.iter_mut().chain(&mut e).for_each(|g| *g *= w);
            assert_eq!((&m[..], &e[..]), (&sm[rows], &se[etas]));
        }
    }
}

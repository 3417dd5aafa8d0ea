//! Divergence (18) against its definition by sampling, and its sign.
#![allow(clippy::unwrap_used)]

mod common;

use common::{gaussian, uniform};
use covolt_policy::{CovarianceKind, Factor, kl_divergence};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

#[test]
fn law_divergence_is_the_expected_log_ratio() {
    for kind in [CovarianceKind::Diagonal, CovarianceKind::Full] {
        let mut rng = ChaCha8Rng::seed_from_u64(41);
        let d = 3;
        let (scale, eta_p, mean_p) = gaussian(kind, d, &mut rng);
        let (eta_q, mean_q) = (uniform(&mut rng, eta_p.len()), uniform(&mut rng, d));
        let p = Factor::try_new(kind, &scale, &eta_p).unwrap();
        let q = Factor::try_new(kind, &scale, &eta_q).unwrap();
        let samples = 200_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        let (mut eps, mut a) = (vec![0.0; d], vec![0.0; d]);
        for _ in 0..samples {
            eps.iter_mut().for_each(|e| *e = StandardNormal.sample(&mut rng));
            p.apply(&eps, &mut a);
            for ((a, p), q) in a.iter_mut().zip(&mean_p).zip(&mean_q) {
                *a += p - q;
            }
            q.solve(&mut a);
            let half = |v: &[f64]| 0.5 * v.iter().map(|v| v * v).sum::<f64>();
            let log_ratio = half(&a) + q.log_det() - half(&eps) - p.log_det();
            sum += log_ratio / samples as f64;
            squares += log_ratio * log_ratio / samples as f64;
        }
        let error = ((squares - sum * sum) / samples as f64).sqrt();
        let mut scratch = vec![0.0; 2 * d];
        let exact = kl_divergence(&mean_p, &p, &mean_q, &q, &mut scratch).unwrap();
        assert!(exact > 50.0 * error, "too small to tell anything");
        assert!((sum - exact).abs() < 5.0 * error, "{kind:?}: {sum} +- {error} against {exact}");
    }
}

#[test]
fn law_divergence_is_never_negative() {
    for kind in [CovarianceKind::Diagonal, CovarianceKind::Full] {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (scale, eta, mean) = gaussian(kind, 4, &mut rng);
            // From far apart down to nearly equal, where the terms cancel.
            let size = 10f64.powi(-((seed % 6) as i32));
            let move_by = |x: &[f64], rng: &mut ChaCha8Rng| -> Vec<f64> {
                let by = uniform(rng, x.len());
                x.iter().zip(&by).map(|(x, b)| x + size * b).collect()
            };
            let (eta_q, mean_q) = (move_by(&eta, &mut rng), move_by(&mean, &mut rng));
            let p = Factor::try_new(kind, &scale, &eta).unwrap();
            let q = Factor::try_new(kind, &scale, &eta_q).unwrap();
            let mut scratch = vec![0.0; 8];
            let kl = kl_divergence(&mean, &p, &mean_q, &q, &mut scratch).unwrap();
            assert!(kl > 0.0, "{kind:?} seed {seed}: {kl:e}");
        }
    }
}

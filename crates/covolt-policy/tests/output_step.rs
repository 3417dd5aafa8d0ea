//! Output steps: made to first order, of smallest length, refused where they cannot be made.
#![allow(clippy::unwrap_used)]

mod common;

use common::{inverse, matmul, policy, uniform};
use covolt_policy::{CovarianceKind, DEFAULT_DAMPING, OutputStep, PolicyError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// dtheta = J^T (J J^T)^-1 dx with J formed from vjps.
fn dense_step(jacobian: &[f64], rows: usize, cols: usize, dx: &[f64]) -> Vec<f64> {
    let mut gram = vec![0.0; rows * rows];
    for a in 0..rows {
        for b in 0..rows {
            gram[a * rows + b] = (0..cols).map(|c| jacobian[a * cols + c] * jacobian[b * cols + c]).sum();
        }
    }
    let y = matmul(&inverse(&gram, rows), dx, rows, rows, 1);
    (0..cols).map(|c| (0..rows).map(|r| jacobian[r * cols + c] * y[r]).sum()).collect()
}

#[test]
fn ref_step_equals_dense_formula() {
    for kind in [CovarianceKind::Diagonal, CovarianceKind::Full] {
        for states in [1, 3] {
            let mut rng = ChaCha8Rng::seed_from_u64(12);
            let p = policy(5, 3, &[12, 9], kind, &mut rng);
            let mut ws = p.workspace(states);
            p.evaluate(&uniform(&mut rng, states * 5), &vec![0.0; states * 3], states, &mut ws).unwrap();
            let (d, k) = (3 * states, p.covariance_coordinates() * states);
            let (n_mean, n_cov) = (p.mean_net().parameter_count(), p.covariance_net().parameter_count());
            let unit = |n: usize, at: usize| {
                let mut e = vec![0.0; n];
                e[at] = 1.0;
                e
            };
            let mut j_mean = vec![0.0; d * n_mean];
            for r in 0..d {
                p.vjp_mean(&mut ws, &unit(d, r), &mut j_mean[r * n_mean..(r + 1) * n_mean]).unwrap();
            }
            let mut j_cov = vec![0.0; k * n_cov];
            for r in 0..k {
                p.vjp_covariance(&mut ws, &unit(k, r), &mut j_cov[r * n_cov..(r + 1) * n_cov]).unwrap();
            }
            let (dx, de) = (uniform(&mut rng, d), uniform(&mut rng, k));
            let (mut step, mut step_cov) = (vec![0.0; n_mean], vec![0.0; n_cov]);
            let info = OutputStep::new(p.mean_net(), states).mean_step(&p, &mut ws, &dx, 0.0, &mut step).unwrap();
            OutputStep::new(p.covariance_net(), states).covariance_step(&p, &mut ws, &de, 0.0, &mut step_cov).unwrap();
            for (step, dense) in
                [(&step, dense_step(&j_mean, d, n_mean, &dx)), (&step_cov, dense_step(&j_cov, k, n_cov, &de))]
            {
                let size = dense.iter().fold(0.0f64, |m, x| m.max(x.abs()));
                for (a, b) in step.iter().zip(&dense) {
                    assert!((a - b).abs() < 1e-7 * size, "{a} against {b}");
                }
            }
            let length = step.iter().map(|s| s * s).sum::<f64>().sqrt();
            assert!((info.length - length).abs() < 1e-9 * length);
        }
    }
}

#[test]
fn law_step_is_made_to_first_order_and_is_shortest() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut p = policy(6, 4, &[20, 20], CovarianceKind::Diagonal, &mut rng);
    let (features, base) = (uniform(&mut rng, 12), uniform(&mut rng, 8));
    let mut ws = p.workspace(2);
    p.evaluate(&features, &base, 2, &mut ws).unwrap();
    let before = ws.mean().to_vec();
    let dx = uniform(&mut rng, 8);
    let n = p.mean_net().parameter_count();
    let mut step = vec![0.0; n];
    let mut solver = OutputStep::new(p.mean_net(), 2);
    let info = solver.mean_step(&p, &mut ws, &dx, DEFAULT_DAMPING, &mut step).unwrap();
    assert!(info.missed < 1e-7);
    let mut made = vec![0.0; 8];
    p.jvp_mean(&mut ws, &step, &mut made).unwrap();
    for (made, dx) in made.iter().zip(&dx) {
        assert!((made - dx).abs() <= info.missed + 1e-10);
    }
    // Any other step with the same effect differs by a null vector, to which the shortest is orthogonal.
    let other = uniform(&mut rng, n);
    let mut effect = vec![0.0; 8];
    p.jvp_mean(&mut ws, &other, &mut effect).unwrap();
    let mut back = vec![0.0; n];
    solver.mean_step(&p, &mut ws, &effect, 0.0, &mut back).unwrap();
    let null: Vec<f64> = other.iter().zip(&back).map(|(o, b)| o - b).collect();
    let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let inner: f64 = null.iter().zip(&step).map(|(a, b)| a * b).sum();
    assert!(length(&null) > 0.1 && inner.abs() < 1e-8 * length(&null) * length(&step));

    // The true change approaches the wanted one linearly as the step shrinks.
    let error_at = |t: f64, p: &mut covolt_policy::GaussianPolicy| {
        let kept = p.mean_net().parameters().to_vec();
        for (theta, s) in p.mean_net_mut().parameters_mut().iter_mut().zip(&step) {
            *theta += t * s;
        }
        let mut ws = p.workspace(2);
        p.mean(&features, &base, 2, &mut ws).unwrap();
        let worst =
            ws.mean().iter().zip(before.iter().zip(&dx)).map(|(a, (b, d))| ((a - b) / t - d).abs()).fold(0.0, f64::max);
        p.mean_net_mut().parameters_mut().copy_from_slice(&kept);
        worst
    };
    let (coarse, fine) = (error_at(1e-3, &mut p), error_at(1e-5, &mut p));
    assert!(fine < 0.02 * coarse + 1e-8 && fine < 1e-3, "{coarse:e} {fine:e}");
}

#[test]
fn law_equal_states_need_damping_and_share_the_step() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let p = policy(3, 2, &[8], CovarianceKind::Diagonal, &mut rng);
    let state = uniform(&mut rng, 3);
    let mut ws = p.workspace(2);
    p.mean(&[state.clone(), state].concat(), &[0.0; 4], 2, &mut ws).unwrap();
    let mut step = vec![0.0; p.mean_net().parameter_count()];
    let mut solver = OutputStep::new(p.mean_net(), 2);
    // Contradictory wishes for one state: the damped step makes their average.
    let info = solver.mean_step(&p, &mut ws, &[1.0, 0.0, 0.0, 0.0], 1e-6, &mut step).unwrap();
    assert!((info.missed - 0.5).abs() < 1e-3);
    let mut made = [0.0; 4];
    p.jvp_mean(&mut ws, &step, &mut made).unwrap();
    assert!((made[0] - 0.5).abs() < 1e-3 && (made[2] - 0.5).abs() < 1e-3);
}

#[test]
fn law_bad_steps_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let p = policy(3, 2, &[8], CovarianceKind::Diagonal, &mut rng);
    let mut ws = p.workspace(2);
    let mut step = vec![0.0; p.mean_net().parameter_count()];
    let mut solver = OutputStep::new(p.mean_net(), 1);
    let refused = solver.mean_step(&p, &mut ws, &[1.0, 0.0], 0.0, &mut step);
    assert!(matches!(refused, Err(PolicyError::NoForward { .. })));
    p.mean(&[0.0; 6], &[0.0; 4], 2, &mut ws).unwrap();
    let refused = solver.mean_step(&p, &mut ws, &[1.0; 4], 0.0, &mut step);
    assert!(matches!(refused, Err(PolicyError::Batch { .. })));
    p.mean(&[0.0; 3], &[0.0; 2], 1, &mut ws).unwrap();
    let refused = solver.mean_step(&p, &mut ws, &[1.0], 0.0, &mut step);
    assert!(matches!(refused, Err(PolicyError::Length { .. })));
    let refused = solver.mean_step(&p, &mut ws, &[f64::NAN, 0.0], 0.0, &mut step);
    assert!(matches!(refused, Err(PolicyError::NotFinite { .. })));
}

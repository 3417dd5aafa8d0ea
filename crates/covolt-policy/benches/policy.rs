//! Networks of 40-128-128-32: one decision, and the passes of a training step over 200 states.
#![allow(missing_docs, clippy::unwrap_used)]

use covolt_policy::{
    Action, Activation, CovarianceKind, Feature, FisherWorkspace, GaussianPolicy, LogSigma, OutputStep, PolicySpec,
    fisher_product,
};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const FEATURES: usize = 40;
const ACTIONS: usize = 32;
const BATCH: usize = 200;

fn policy(covariance: CovarianceKind, rng: &mut ChaCha8Rng) -> GaussianPolicy {
    let spec = PolicySpec {
        features: (0..FEATURES).map(|i| Feature { name: i.to_string(), mean: 0.0, std: 1.0 }).collect(),
        actions: (0..ACTIONS).map(|i| Action { name: i.to_string(), scale: 1.0 }).collect(),
        mean_hidden: vec![128, 128],
        covariance_hidden: vec![128, 128],
        activation: Activation::LeakyRelu,
        covariance,
        log_sigma: LogSigma::default(),
    };
    let mut policy = GaussianPolicy::try_new(spec, rng).unwrap();
    let mut theta = vec![0.0; policy.parameter_count()];
    policy.copy_parameters(&mut theta).unwrap();
    theta.iter_mut().for_each(|t| *t += rng.random_range(-0.05..0.05));
    policy.set_parameters(&theta).unwrap();
    policy
}

fn bench(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let p = policy(CovarianceKind::Diagonal, &mut rng);
    let features: Vec<f64> = (0..BATCH * FEATURES).map(|_| rng.random_range(-1.0..1.0)).collect();
    let base = vec![0.0; BATCH * ACTIONS];
    let (n_mean, n) = (p.mean_net().parameter_count(), p.parameter_count());
    let cotangent = vec![1.0; BATCH * ACTIONS];
    let tangent = vec![1e-3; n];
    let mut ws = p.workspace(BATCH);
    let mut gradient = vec![0.0; n];
    let mut product = vec![0.0; n];
    let mut change = vec![0.0; BATCH * ACTIONS];
    let (mut actions, mut noise) = (base.clone(), base.clone());

    c.bench_function("mean, 1 state", |b| {
        b.iter(|| p.mean(&features[..FEATURES], &base[..ACTIONS], 1, &mut ws).map(|m| m[0]));
    });
    c.bench_function("mean, 200 states", |b| {
        b.iter(|| p.mean(&features, &base, BATCH, &mut ws).map(|m| m[0]));
    });
    p.evaluate(&features, &base, BATCH, &mut ws).unwrap();
    c.bench_function("mean vjp, 200 states", |b| {
        b.iter(|| p.vjp_mean(&mut ws, &cotangent, &mut gradient[..n_mean]));
    });
    c.bench_function("mean jvp, 200 states", |b| {
        b.iter(|| p.jvp_mean(&mut ws, &tangent[..n_mean], &mut change));
    });
    c.bench_function("sample, 200 states", |b| {
        b.iter(|| p.sample(&ws, &mut rng, &mut actions, &mut noise));
    });
    let mut fisher = FisherWorkspace::new(&p, BATCH);
    c.bench_function("Fisher product, 200 states", |b| {
        b.iter(|| fisher_product(&p, &mut ws, &tangent, &mut product, &mut fisher));
    });
    for states in [1, 4] {
        p.evaluate(&features[..states * FEATURES], &base[..states * ACTIONS], states, &mut ws).unwrap();
        let mut step = OutputStep::new(p.mean_net(), states);
        c.bench_function(&format!("output step, {states} states"), |b| {
            b.iter(|| step.mean_step(&p, &mut ws, &cotangent[..states * ACTIONS], 1e-10, &mut gradient[..n_mean]));
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);

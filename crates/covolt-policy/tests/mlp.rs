//! Jacobians of the networks, as whole matrices, three ways.
#![allow(clippy::unwrap_used)]

use covolt_policy::{Activation, LastLayer, Mlp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn normal(rng: &mut ChaCha8Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

#[test]
fn fd_jacobians_agree() {
    for activation in [Activation::LeakyRelu, Activation::Tanh] {
        for batch in [1, 3] {
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let mut net = Mlp::try_new(&[5, 9, 7, 4], activation, LastLayer::Random, &mut rng).unwrap();
            let bias = normal(&mut rng, net.parameter_count());
            for (p, b) in net.parameters_mut().iter_mut().zip(&bias) {
                *p += 0.1 * b;
            }
            let x = normal(&mut rng, batch * 5);
            let (rows, cols) = (batch * 4, net.parameter_count());
            let mut tape = net.tape(batch + 2);
            let mut y = vec![0.0; rows];
            net.forward(&x, batch, &mut tape, &mut y).unwrap();

            let mut worst_jvp: f64 = 0.0;
            let mut worst_vjp: f64 = 0.0;
            let mut size: f64 = 0.0;
            let mut from_vjp = vec![0.0; rows * cols];
            for r in 0..rows {
                let mut c = vec![0.0; rows];
                c[r] = 1.0;
                net.vjp(&mut tape, &c, &mut from_vjp[r * cols..(r + 1) * cols], None).unwrap();
            }
            let h = 1e-6;
            for p in 0..cols {
                let mut v = vec![0.0; cols];
                v[p] = 1.0;
                let mut column = vec![0.0; rows];
                net.jvp(&mut tape, &v, &mut column).unwrap();
                let mut scratch = net.tape(batch);
                let (mut up, mut down) = (vec![0.0; rows], vec![0.0; rows]);
                let kept = net.parameters()[p];
                net.parameters_mut()[p] = kept + h;
                net.forward(&x, batch, &mut scratch, &mut up).unwrap();
                net.parameters_mut()[p] = kept - h;
                net.forward(&x, batch, &mut scratch, &mut down).unwrap();
                net.parameters_mut()[p] = kept;
                for r in 0..rows {
                    let fd = (up[r] - down[r]) / (2.0 * h);
                    worst_jvp = worst_jvp.max((fd - column[r]).abs());
                    worst_vjp = worst_vjp.max((column[r] - from_vjp[r * cols + p]).abs());
                    size = size.max(fd.abs());
                }
            }
            assert!(size > 0.5, "Jacobian of size {size} shows nothing");
            assert!(worst_jvp < 1e-7, "{activation:?} jvp off by {worst_jvp:e}");
            assert!(worst_vjp < 1e-13, "{activation:?} vjp off by {worst_vjp:e}");
        }
    }
}

#[test]
fn fd_input_gradient() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let net = Mlp::try_new(&[4, 8, 3], Activation::Tanh, LastLayer::Random, &mut rng).unwrap();
    let x = normal(&mut rng, 8);
    let c = normal(&mut rng, 6);
    let mut tape = net.tape(2);
    let mut y = vec![0.0; 6];
    net.forward(&x, 2, &mut tape, &mut y).unwrap();
    let mut gradient = vec![0.0; net.parameter_count()];
    let mut dx = vec![0.0; 8];
    net.vjp(&mut tape, &c, &mut gradient, Some(&mut dx)).unwrap();
    let mut value = |x: &[f64]| {
        net.forward(x, 2, &mut tape, &mut y).unwrap();
        y.iter().zip(&c).map(|(y, c)| y * c).sum::<f64>()
    };
    for i in 0..8 {
        let (mut up, mut down) = (x.clone(), x.clone());
        up[i] += 1e-6;
        down[i] -= 1e-6;
        let fd = (value(&up) - value(&down)) / 2e-6;
        assert!((fd - dx[i]).abs() < 1e-7, "input {i}: {fd} against {}", dx[i]);
    }
}

#[test]
fn law_one_sample_equals_batch() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let net = Mlp::try_new(&[41, 128, 127, 33], Activation::LeakyRelu, LastLayer::Random, &mut rng).unwrap();
    let x = normal(&mut rng, 5 * 41);
    let mut tape = net.tape(5);
    let mut all = vec![0.0; 5 * 33];
    net.forward(&x, 5, &mut tape, &mut all).unwrap();
    for s in 0..5 {
        let mut one = vec![0.0; 33];
        net.forward(&x[s * 41..(s + 1) * 41], 1, &mut tape, &mut one).unwrap();
        for (a, b) in one.iter().zip(&all[s * 33..]) {
            assert!((a - b).abs() < 1e-12);
        }
    }
}

#[test]
fn law_same_seed_same_network() {
    let make = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Mlp::try_new(&[3, 4, 2], Activation::Tanh, LastLayer::Random, &mut rng).unwrap()
    };
    assert_eq!(make(5), make(5));
    assert_ne!(make(5), make(6));
}

#[test]
fn law_wrong_shapes_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let make = |sizes: &[usize], rng: &mut ChaCha8Rng| Mlp::try_new(sizes, Activation::Tanh, LastLayer::Zero, rng);
    assert!(make(&[3], &mut rng).is_err());
    assert!(make(&[3, 0, 2], &mut rng).is_err());
    assert!(make(&[usize::MAX, 2], &mut rng).is_err());
    let net = make(&[3, 4, 2], &mut rng).unwrap();
    let other = make(&[3, 5, 2], &mut rng).unwrap();
    let mut tape = net.tape(2);
    let mut y = vec![0.0; 2];
    let mut g = vec![0.0; net.parameter_count()];
    assert!(net.vjp(&mut tape, &y, &mut g, None).is_err(), "no forward pass yet");
    assert!(net.forward(&[0.0; 3], 1, &mut other.tape(2), &mut y).is_err());
    assert!(net.forward(&[0.0; 9], 3, &mut tape, &mut [0.0; 6]).is_err());
    assert!(net.forward(&[0.0; 4], 1, &mut tape, &mut y).is_err());
    assert!(net.forward(&[0.0; 3], 1, &mut tape, &mut y).is_ok());
    assert!(net.jvp(&mut tape, &g[1..], &mut y).is_err());
}

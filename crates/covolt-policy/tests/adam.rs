//! Adam: reaches a minimum, and continues exactly from a serialised state.
#![allow(clippy::unwrap_used)]

use covolt_policy::{Adam, CosineSchedule};

fn gradient(x: &[f64]) -> Vec<f64> {
    x.iter().enumerate().map(|(i, x)| 10f64.powi(i as i32) * (x - 1.0 - i as f64)).collect()
}

#[test]
fn law_reaches_the_minimum_of_a_badly_scaled_quadratic() {
    let schedule = CosineSchedule { peak: 0.1, floor: 1e-4, warmup: 10, total: 1500 };
    let mut x = vec![0.0; 4];
    let mut adam = Adam::new(4);
    for step in 0..1600 {
        let g = gradient(&x);
        adam.descend(&mut x, &g, schedule.rate(step)).unwrap();
    }
    for (i, x) in x.iter().enumerate() {
        assert!((x - 1.0 - i as f64).abs() < 1e-3, "{i}: {x}");
    }
    assert!(adam.descend(&mut x, &[0.0; 3], 0.1).is_err());
}

#[test]
fn law_resumed_run_is_the_uninterrupted_run() {
    let mut x = vec![0.0; 3];
    let mut adam = Adam::new(3);
    for _ in 0..20 {
        let g = gradient(&x);
        adam.descend(&mut x, &g, 0.05).unwrap();
    }
    // JSON only to the last digit; checkpoints in binary give the state back exactly.
    let mut resumed: Adam = serde_json::from_str(&serde_json::to_string(&adam).unwrap()).unwrap();
    assert_eq!(resumed.steps(), 20);
    let mut y = x.clone();
    for _ in 0..20 {
        let g = gradient(&x);
        adam.descend(&mut x, &g, 0.05).unwrap();
        let g = gradient(&y);
        resumed.descend(&mut y, &g, 0.05).unwrap();
    }
    for (x, y) in x.iter().zip(&y) {
        assert!((x - y).abs() < 1e-13);
    }
}

#[test]
fn law_schedule_rises_falls_and_rests() {
    let s = CosineSchedule { peak: 3e-3, floor: 1e-5, warmup: 5, total: 100 };
    assert!(s.rate(0) > 0.0 && s.rate(0) < s.rate(4));
    assert_eq!(s.rate(4), s.peak);
    assert_eq!(s.rate(5), s.peak);
    assert!((5..99).all(|k| s.rate(k + 1) < s.rate(k)));
    assert_eq!(s.rate(100), s.floor);
    assert_eq!(s.rate(u64::MAX), s.floor);
}

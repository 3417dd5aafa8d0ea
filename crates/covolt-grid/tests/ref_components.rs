//! Elements of multi-phase networks against the admittance matrices OpenDSS gives them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod opendss;

use covolt_grid::multiphase::{Transformer, admittance_s};
use opendss::{cases, difference, expected};

#[test]
fn ref_transformers_opendss() {
    let cases = cases("transformers.json");
    assert!(cases.len() >= 48);
    let mut worst = 0.0f64;
    for case in &cases {
        let transformer: Transformer = serde_json::from_value(case["transformer"].clone()).unwrap();
        let found = admittance_s(&transformer).unwrap();
        let difference = difference(&found, &expected(&case["yprim_s"]));
        if difference > 1e-9 {
            println!("{}: {difference:.2e}", case["name"]);
        }
        worst = worst.max(difference);
    }
    println!("largest relative difference {worst:.2e}");
    assert!(worst < 1e-9, "{worst:.2e}");
}

#[test]
fn law_impossible_transformers_have_no_admittance() {
    let case = &cases("transformers.json")[0]["transformer"];
    let good: Transformer = serde_json::from_value(case.clone()).unwrap();
    assert!(admittance_s(&good).is_some());
    let broken: [fn(&mut Transformer); 9] = [
        |t| t.windings.clear(),
        |t| t.phases = 0,
        |t| t.phases = 4,
        |t| t.x_percent.clear(),
        |t| t.windings[0].s_rated_kva = 0.0,
        |t| t.windings[1].v_rated_kv = 0.0,
        |t| t.windings[1].tap_pu = 0.0,
        |t| t.windings[0].s_rated_kva = f64::NAN,
        |t| {
            t.x_percent[0] = 0.0;
            t.windings.iter_mut().for_each(|w| w.r_percent = 0.0);
        },
    ];
    for (k, spoil) in broken.iter().enumerate() {
        let mut t = good.clone();
        spoil(&mut t);
        assert!(admittance_s(&t).is_none(), "{k}");
    }
}

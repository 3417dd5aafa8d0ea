//! Random damage to a valid case: whatever the bytes, loading returns a case or faults, it never panics.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_case::{Case, check};
use proptest::prelude::*;
use support::{copy_case, small_files};

#[derive(Debug, Clone)]
enum Damage {
    SetByte(usize, u8),
    DeleteBytes(usize, usize),
    InsertBytes(usize, Vec<u8>),
    DeleteLine(usize),
    RepeatLine(usize),
    SwapLines(usize, usize),
    InsertText(usize, &'static str),
    Truncate(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = || 0usize..8192;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(a, b)| Damage::SetByte(a, b)),
        (at(), 0usize..40).prop_map(|(a, n)| Damage::DeleteBytes(a, n)),
        (at(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(a, v)| Damage::InsertBytes(a, v)),
        at().prop_map(Damage::DeleteLine),
        at().prop_map(Damage::RepeatLine),
        (at(), at()).prop_map(|(a, b)| Damage::SwapLines(a, b)),
        (
            at(),
            prop::sample::select(vec![
                "1e308",
                "-1e308",
                "NaN",
                "inf",
                "-0",
                "9999999999999999999999",
                "\"",
                ",",
                "\n",
                "[[",
                "=",
                "0",
                "é",
                "\u{feff}",
                "-"
            ])
        )
            .prop_map(|(a, t)| Damage::InsertText(a, t)),
        at().prop_map(Damage::Truncate),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    let at = |a: usize, n: usize| if n == 0 { 0 } else { a % n };
    let n = bytes.len();
    let lines = |b: &[u8]| b.split_inclusive(|c| *c == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    match damage {
        Damage::SetByte(a, b) if n > 0 => bytes[a % n] = *b,
        Damage::DeleteBytes(a, k) => {
            let start = at(*a, n);
            bytes.drain(start..(start + k).min(n));
        }
        Damage::InsertBytes(a, v) => drop(bytes.splice(at(*a, n)..at(*a, n), v.iter().copied())),
        Damage::InsertText(a, t) => drop(bytes.splice(at(*a, n)..at(*a, n), t.bytes())),
        Damage::Truncate(a) => bytes.truncate(at(*a, n)),
        Damage::DeleteLine(a) | Damage::RepeatLine(a) | Damage::SwapLines(a, _) => {
            let mut l = lines(bytes);
            if l.is_empty() {
                return;
            }
            let i = a % l.len();
            match damage {
                Damage::DeleteLine(_) => drop(l.remove(i)),
                Damage::RepeatLine(_) => l.insert(i, l[i].clone()),
                Damage::SwapLines(_, b) => {
                    let j = b % l.len();
                    l.swap(i, j);
                }
                _ => {}
            }
            *bytes = l.concat();
        }
        Damage::SetByte(..) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn law_no_damage_makes_loading_panic(file in 0usize..8, list in prop::collection::vec(damage(), 1..4)) {
        let names = small_files();
        let name = &names[file % names.len()];
        let folder = copy_case("small");
        let path = folder.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        list.iter().for_each(|d| apply(&mut bytes, d));
        std::fs::write(&path, &bytes).unwrap();
        match Case::load(folder.path()) {
            Ok(case) => {
                // What loads is complete: every series reaches over all rows and is finite.
                let rows = case.profiles.rows();
                prop_assert!(rows >= case.settings.steps);
                for m in &case.profiles.microgrids {
                    prop_assert!((0..rows).all(|r| m.price_per_kwh.at(r).is_finite()));
                    prop_assert!(m.loads.iter().all(|l| (0..rows).all(|r| l.p_kw.at(r).is_finite() && l.q_kvar.at(r).is_finite())));
                }
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
        let _ = check(folder.path());
    }
}

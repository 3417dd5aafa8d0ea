//! Generated cases pass the check, depend on their seed alone, grow linearly, and share their series.
#![allow(clippy::unwrap_used, clippy::panic)]

use covolt_case::{Case, GeneratedCase, LARGEST, PER_FEEDER, Stress, check};
use covolt_fleet::{LoadProfile, RowOffset, ScaledSeries};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeSet;
use std::path::Path;

fn draw(count: usize, seed: u64) -> GeneratedCase {
    GeneratedCase::draw(count, "test", &mut ChaCha8Rng::seed_from_u64(seed)).unwrap()
}

/// What power flows might have found.
fn stress(case: &GeneratedCase, price_takers_a: f64, self_supply_a: f64) -> Stress {
    let rows = 20;
    Stress {
        price_takers_a: (0..rows).map(|r| vec![price_takers_a * (1.0 + 0.01 * f64::from(r)); case.groups()]).collect(),
        price_takers_v_pu: (0..rows).map(|r| (0.99 - 0.001 * f64::from(r), 1.01 + 0.001 * f64::from(r))).collect(),
        self_supply_a: vec![self_supply_a; case.group_of_branch().len()],
        self_supply_v_pu: (1.0, 1.01),
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let names = ["case.toml", "buses.csv", "branches.csv", "generators.csv", "pv.csv", "batteries.csv", "loads.csv"];
    names.iter().map(|name| ((*name).to_owned(), std::fs::read(folder.join(name)).unwrap())).collect()
}

fn written(case: &GeneratedCase) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    case.write(folder.path()).unwrap();
    folder
}

fn loads(case: &Case) -> impl Iterator<Item = &LoadProfile> {
    case.profiles.microgrids.iter().flat_map(|m| &m.loads).chain(&case.profiles.feeder_loads)
}

#[test]
fn law_generated_case_passes_the_check() {
    for count in [1, 7, 23] {
        let mut case = draw(count, 3);
        case.set_limits(&stress(&case, 200.0, 50.0));
        let folder = written(&case);
        let report = check(folder.path());
        assert!(report.faults.is_empty(), "{count}: {:?}", report.faults);
        assert!(report.warnings.is_empty(), "{count}: {:?}", report.warnings);
        for name in ["LICENSE.simbench", "NOTICE", "series/measured.csv.gz"] {
            assert!(folder.path().join(name).is_file(), "{name}");
        }
        let loaded = Case::load(folder.path()).unwrap();
        assert_eq!(loaded.fleet.microgrids.len(), count);
        assert!(loaded.fleet.microgrids.iter().all(|m| m.buses.len() == 13));
        // Substation transformers and lines alike have a rating.
        assert!(loaded.fleet.limits.i_max_pu.iter().all(|i| i.is_finite()));
    }
}

#[test]
fn law_same_seed_same_case() {
    let of = |seed| files(written(&draw(12, seed)).path());
    assert_eq!(of(5), of(5));
    let (a, b) = (of(5), of(6));
    for name in ["branches.csv", "generators.csv", "pv.csv", "batteries.csv", "loads.csv", "case.toml"] {
        let file = |list: &[(String, Vec<u8>)]| list.iter().find(|f| f.0 == name).unwrap().1.clone();
        assert_ne!(file(&a), file(&b), "{name}");
    }
}

#[test]
fn law_offsets_differ_between_copies() {
    let case = draw(60, 1).to_case().unwrap();
    let of = |n: usize| -> Vec<RowOffset> { case.profiles.microgrids[n].loads.iter().map(|l| l.p_kw.offset).collect() };
    for copy in (5..60).step_by(5) {
        // Microgrids 0, 5, 10, ... are copies of the same one: same customers, other weeks.
        let same = |l: &ScaledSeries, k: &ScaledSeries| std::sync::Arc::ptr_eq(&l.shape, &k.shape);
        let (first, other) = (&case.profiles.microgrids[0], &case.profiles.microgrids[copy]);
        assert!(first.loads.iter().zip(&other.loads).all(|(a, b)| same(&a.p_kw, &b.p_kw)));
        for earlier in (0..copy).step_by(5) {
            assert_ne!(of(earlier), of(copy), "microgrids {earlier} and {copy}");
        }
    }
    // Active and reactive power of a load stay together.
    assert!(loads(&case).all(|l| l.p_kw.offset == l.q_kvar.offset));
}

#[test]
fn law_series_are_shared() {
    let shapes = |count: usize| {
        let case = draw(count, 2).to_case().unwrap();
        let all: Vec<&ScaledSeries> = loads(&case)
            .flat_map(|l| [&l.p_kw, &l.q_kvar])
            .chain(case.profiles.microgrids.iter().flat_map(|m| m.pvs_kw.iter().chain([&m.price_per_kwh])))
            .collect();
        all.iter().map(|s| s.shape.as_ptr() as usize).collect::<BTreeSet<_>>().len()
    };
    // Fourteen customers with two columns, four PV systems at three delays, one price: however many microgrids follow them.
    assert!(shapes(40) <= 28 + 12 + 1);
    assert!(shapes(120) <= 28 + 12 + 1);
}

#[test]
fn law_size_grows_linearly() {
    for count in [1, 99, 100, 101, 250] {
        let case = draw(count, 1).to_case().unwrap();
        let feeders = count.div_ceil(PER_FEEDER);
        assert_eq!(case.fleet.grid.n_buses(), 1 + feeders + 15 * count);
        assert!(case.fleet.grid.balanced().unwrap().network().is_radial());
    }
    assert_eq!(draw(0, 1).to_case().unwrap().fleet.microgrids.len(), 1);
    assert_eq!(LARGEST, 10_000);
}

#[test]
fn law_limits_bind_but_leave_room_for_self_supply() {
    let mut case = draw(30, 4);
    let group = case.group_of_branch().to_vec();
    let chosen = case.set_limits(&stress(&case, 200.0, 50.0));
    for (rating, group) in chosen.rating_a.iter().zip(&group) {
        assert!(*rating >= 1.1 * 50.0, "self supply must fit");
        if group.is_some() {
            assert!(*rating < 200.0 * 1.19, "the highest currents of price takers must not fit: {rating}");
        }
    }
    assert!(chosen.v_min_pu > 0.99 - 0.019 && chosen.v_max_pu < 1.01 + 0.019);
    assert!(chosen.v_min_pu < 1.0 && chosen.v_max_pu > 1.01);
    // Where self supply needs more than price takers, it decides.
    let chosen = case.set_limits(&stress(&case, 10.0, 400.0));
    assert!(chosen.rating_a.iter().all(|rating| *rating >= 1.1 * 400.0));
}

#[test]
fn law_offset_reads_other_days_and_keeps_weekdays() {
    let case = draw(10, 9).to_case().unwrap();
    let (rows, week, period) = (case.profiles.rows(), 7 * 96, 52 * 7 * 96);
    let mut offsets = BTreeSet::new();
    for load in loads(&case) {
        let series = &load.p_kw;
        let plain = ScaledSeries::new(series.shape.clone(), series.scale);
        let later = (0..=20)
            .map(|w| (w - 10) * week as i64)
            .find(|&rows| {
                RowOffset::cyclic(rows, period) == Some(series.offset)
                    || (rows == 0 && series.offset == RowOffset::default())
            })
            .unwrap();
        offsets.insert(later);
        for r in (0..rows).step_by(997) {
            let mut at = r as i64 + later.rem_euclid(period as i64);
            if at >= rows as i64 {
                at -= period as i64;
            }
            assert_eq!(series.at(r), plain.at(at as usize));
            assert_eq!((at - r as i64).rem_euclid(week as i64), 0, "a weekday turned into another");
        }
    }
    assert!(offsets.len() > 10, "{offsets:?}");
}

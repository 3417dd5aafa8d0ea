//! Parquet series: every compression gives what the CSV gives, a null is named, damage never panics the program.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_case::{Case, CaseFault};
use proptest::prelude::*;
use std::path::Path;
use support::{cases, copy_case};

fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

fn load_with(bytes: &[u8]) -> Result<Case, Vec<CaseFault>> {
    let folder = copy_case("small");
    let path = folder.path().join("case.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("series.csv", "series.parquet");
    std::fs::write(&path, text).unwrap();
    std::fs::write(folder.path().join("series.parquet"), bytes).unwrap();
    Case::load(folder.path())
}

#[test]
fn ref_parquet_equals_csv() {
    let csv = Case::load(&cases().join("small")).unwrap();
    for name in ["series_zstd.parquet", "series_zstd_pages_v2.parquet", "series_snappy.parquet"] {
        let case = load_with(&bytes_of(name)).unwrap_or_else(|f| panic!("{name}: {f:#?}"));
        assert_eq!(case.profiles.unix_s, csv.profiles.unix_s, "{name}");
        for (a, b) in case.profiles.microgrids.iter().zip(&csv.profiles.microgrids) {
            assert_eq!(a.price_per_kwh, b.price_per_kwh, "{name}");
            assert_eq!(a.loads, b.loads, "{name}");
            // Stored as 32-bit numbers.
            assert!((0..96).all(|r| (a.pvs_kw[0].at(r) - b.pvs_kw[0].at(r)).abs() < 1e-5), "{name}");
        }
    }
}

#[test]
fn law_null_is_named() {
    let faults = load_with(&bytes_of("series_null.parquet")).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert_eq!((faults[0].line, faults[0].key.as_deref()), (Some(29), Some("house")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn law_damaged_parquet_gives_faults_or_a_case(
        which in 0usize..3,
        hits in prop::collection::vec((0usize..100_000, any::<u8>()), 1..4),
        cut in prop::option::weighted(0.1, 0usize..100_000),
    ) {
        let mut bytes = bytes_of(["series_zstd.parquet", "series_zstd_pages_v2.parquet", "series_snappy.parquet"][which]);
        let n = bytes.len();
        hits.iter().for_each(|(at, b)| bytes[at % n] = *b);
        if let Some(cut) = cut {
            bytes.truncate(cut % n);
        }
        if let Err(faults) = load_with(&bytes) {
            prop_assert!(!faults.is_empty());
        }
    }
}

//! Measured data outside the repository: a user's own Parquet file runs unchanged; the built-in series are the reference extraction.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_case::{Case, check, check_builtin};
use support::{copy_case, shared};

#[test]
fn ref_case_of_german_data_2024_loads() {
    let Some(shared) = shared() else { return };
    let folder = copy_case("de2024");
    let path = folder.path().join("case.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("../../../../../../shared", &shared.display().to_string());
    std::fs::write(&path, text).unwrap();
    let clock = std::time::Instant::now();
    let report = check(folder.path());
    println!("checked in {:?}: {:#?}", clock.elapsed(), report);
    assert!(report.faults.is_empty());
    let case = Case::load(folder.path()).unwrap();
    assert_eq!(case.profiles.rows(), 35_136);
    let m = &case.profiles.microgrids[0];
    let prices: Vec<f64> = (0..case.profiles.rows()).map(|r| m.price_per_kwh.at(r) * 1e3).collect();
    assert_eq!(prices.iter().filter(|p| **p < 0.0).count(), 457 * 4, "negative hours");
    let mean = prices.iter().sum::<f64>() / prices.len() as f64;
    assert!((mean - 78.512).abs() < 0.01, "{mean}");
    assert!((prices.iter().copied().fold(0.0, f64::max) - 936.28).abs() < 0.01);
    // 620 MWh a year of the workshop, stored as W per MWh a year.
    let load = &case.profiles.feeder_loads[0];
    let mwh: f64 = (0..case.profiles.rows()).map(|r| load.p_kw.at(r)).sum::<f64>() * 0.25 / 1e3;
    assert!((mwh - 620.0).abs() < 3.0, "{mwh}");
    assert!((load.q_kvar.at(7) / load.p_kw.at(7) - 0.425998).abs() < 1e-5);
    assert_eq!(case.profiles.hour_of_day[0], 0.0);
}

/// A case that reads columns of the reference Parquet file next to the built-in CSV.
#[test]
fn ref_builtin_series_are_the_reference_extraction() {
    let Some(shared) = shared() else { return };
    let builtin = Case::builtin().unwrap();
    let folder = tempfile::tempdir().unwrap();
    covolt_case::write_builtin(folder.path()).unwrap();
    let path = folder.path().join("case.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let file = shared.join("data/simbench2016/simbench2016_15min.parquet");
    let text = text.replace("series/measured.csv.gz", &file.display().to_string());
    std::fs::write(&path, text).unwrap();
    let pv = std::fs::read_to_string(folder.path().join("pv.csv")).unwrap();
    let pv = pv
        .replace(",PV", ",QQ")
        .replace("QQ1,", "PV1_raw,")
        .replace("QQ4,", "PV4_raw,")
        .replace("QQ5,", "PV5_raw,")
        .replace("QQ8,", "PV8_raw,");
    std::fs::write(folder.path().join("pv.csv"), &pv).unwrap();
    let reference = Case::load(folder.path()).unwrap_or_else(|f| panic!("{f:#?}"));
    let mut worst = 0.0f64;
    let mut compare = |a: &covolt_fleet::ScaledSeries, b: &covolt_fleet::ScaledSeries| {
        for r in 0..builtin.profiles.rows() {
            worst = worst.max(((a.at(r) - b.at(r)) / a.scale).abs());
        }
    };
    for (a, b) in builtin.profiles.feeder_loads.iter().zip(&reference.profiles.feeder_loads) {
        compare(&a.p_kw, &b.p_kw);
        compare(&a.q_kvar, &b.q_kvar);
    }
    for (a, b) in builtin.profiles.microgrids.iter().zip(&reference.profiles.microgrids) {
        a.loads.iter().zip(&b.loads).for_each(|(x, y)| compare(&x.p_kw, &y.p_kw));
        a.pvs_kw.iter().zip(&b.pvs_kw).for_each(|(x, y)| compare(x, y));
    }
    println!("largest difference of a shape: {worst:.2e}");
    assert!(worst < 5.1e-4, "three decimals: {worst}");
    // The hour's delay of the case equals the reference's shifted column.
    let pv5 = pv.replace("PV5_raw,pu", "PV5_plus60min,pu");
    let shifted: String = pv5
        .lines()
        .map(|l| if l.contains("plus60min") { l.replace(",60", ",0") } else { l.to_string() } + "\n")
        .collect();
    std::fs::write(folder.path().join("pv.csv"), shifted).unwrap();
    let shifted = Case::load(folder.path()).unwrap_or_else(|f| panic!("{f:#?}"));
    let (a, b) = (&reference.profiles.microgrids[2].pvs_kw[0], &shifted.profiles.microgrids[2].pvs_kw[0]);
    assert!((0..35_136).all(|r| (a.at(r) - b.at(r)).abs() < 1e-6));
}

#[test]
fn law_check_of_the_builtin_case() {
    let report = check_builtin();
    report.facts.iter().for_each(|(k, v)| println!("{k}: {v}"));
    report.warnings.iter().for_each(|w| println!("warning: {w}"));
    assert!(report.faults.is_empty() && report.warnings.is_empty());
}

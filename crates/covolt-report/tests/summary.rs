//! `summary.json` has the promised keys, to the letter; records survive being written and read.

mod demo;

use covolt_report::record::{DayProfile, MicrogridDay, StudyRecord};
use covolt_report::{ReportError, Summary};
use serde_json::Value;

fn summary(record: &StudyRecord) -> Value {
    serde_json::to_value(Summary::from(record)).expect("a summary is plain data")
}

fn has_keys(value: &Value, place: &str, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "{place}.{key} is missing in {value}");
    }
}

#[test]
fn ref_summary_has_the_promised_keys() {
    let summary = summary(&demo::record(1));
    let part = |path: &str| summary.pointer(path).unwrap_or_else(|| panic!("{path} is missing"));
    has_keys(
        &summary,
        "",
        &["case", "training", "windows", "paper_trainer", "optimum", "coordination", "closed_loop", "decision_us"],
    );
    has_keys(part("/case"), "case", &["name", "buses", "microgrids", "days_train", "days_validation", "days_test"]);
    has_keys(part("/training"), "training", &["trainer", "seed", "wall_s", "episodes", "peak_memory_mib"]);
    has_keys(part("/windows"), "windows", &["count", "layers"]);
    for study in ["/windows/layers", "/paper_trainer/layers"] {
        for layer in ["bare", "repaired", "polished", "rule"] {
            let keys = [
                "gap_percent",
                "violating_windows",
                "max_voltage_violation_pu",
                "max_current_violation_percent",
                "programs_mean",
            ];
            has_keys(part(&format!("{study}/{layer}")), layer, &keys);
        }
    }
    has_keys(part("/optimum"), "optimum", &["bound_gap_relative_max", "time_ms_median"]);
    for method in ["paper", "primal_dual", "interior_point"] {
        has_keys(part(&format!("/coordination/{method}")), method, &["rounds_to_1e4_max", "bytes_per_agent"]);
    }
    let closed =
        ["days", "steps", "violating_steps", "infeasible_steps", "forecast", "gap_perfect_information_percent"];
    has_keys(part("/closed_loop"), "closed_loop", &closed);
    for layer in ["bare_certified", "repaired", "polished"] {
        has_keys(part(&format!("/decision_us/{layer}")), layer, &["median", "p99"]);
    }
    assert_eq!(part("/windows/layers/bare/gap_percent"), 0.19);
    assert_eq!(part("/coordination/paper/rounds_to_1e4_max"), &Value::Null);
    assert_eq!(part("/coordination/interior_point/rounds_to_1e4_max"), 9);
}

#[test]
fn law_summary_of_nothing_has_the_same_top_level() {
    let (full, empty) = (summary(&demo::record(1)), summary(&StudyRecord::default()));
    let keys = |v: &Value| v.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
    assert_eq!(keys(&full), keys(&empty));
}

#[test]
fn law_record_survives_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.json");
    let record = demo::record(3);
    // NaN has no equality: the demo's one unlimited branch is compared as text.
    record.write(&path).expect("written");
    let again = StudyRecord::read(&path).expect("read");
    let same = format!("{record:?}") == format!("{again:?}");
    assert!(same, "the record changed in the file");
    assert_eq!(Summary::from(&record), Summary::from(&again));
}

#[test]
fn law_missing_numbers_come_back_as_nan() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.json");
    let record = StudyRecord {
        day: Some(DayProfile {
            hour: vec![0.0, f64::INFINITY],
            microgrids: vec![MicrogridDay { demand_kw: vec![f64::NAN, 2.0], ..MicrogridDay::default() }],
            ..DayProfile::default()
        }),
        ..StudyRecord::default()
    };
    record.write(&path).expect("written");
    let day = StudyRecord::read(&path).expect("read").day.expect("a day");
    assert!(day.hour[1].is_nan() && day.microgrids[0].demand_kw[0].is_nan());
    assert_eq!(day.microgrids[0].demand_kw[1], 2.0);
}

#[test]
fn law_bad_files_are_refused_with_their_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.json");
    assert!(matches!(StudyRecord::read(&path), Err(ReportError::Read { .. })));
    std::fs::write(&path, "{\"version\": 1, \"case\": 3}").expect("written");
    let error = StudyRecord::read(&path).expect_err("not a record");
    assert!(matches!(error, ReportError::Json { .. }) && error.to_string().contains("record.json"));
    std::fs::write(&path, "{\"version\": 99}").expect("written");
    assert!(matches!(StudyRecord::read(&path), Err(ReportError::Version { found: 99, .. })));
}

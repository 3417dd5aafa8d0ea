//! Each test breaks exactly one thing in the valid small case and expects it named: file, line, key, hint.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_case::{Case, CaseFault, check};
use support::{broken, cases, copy_case};

fn show(faults: &[CaseFault]) -> String {
    faults.iter().map(|f| format!("{f}\n")).collect()
}

/// One fault in `file` at `line` whose key, text and hint contain the words given.
#[track_caller]
fn expect(faults: &[CaseFault], file: &str, line: Option<usize>, key: &str, what: &str, hint: &str) {
    let hit = faults.iter().any(|f| {
        f.file == file
            && (line.is_none() || f.line == line)
            && f.key.as_deref().unwrap_or("").contains(key)
            && f.what.contains(what)
            && f.hint.contains(hint)
    });
    assert!(hit, "expected {file}:{line:?} [{key}] {what:?} -> {hint:?}, found\n{}", show(faults));
}

/// Like [`expect`], and nothing else is reported: one slip must not drown in consequences.
#[track_caller]
fn expect_only(faults: &[CaseFault], file: &str, line: Option<usize>, key: &str, what: &str, hint: &str) {
    expect(faults, file, line, key, what, hint);
    assert_eq!(faults.len(), 1, "{}", show(faults));
}

#[test]
fn law_small_case_is_valid() {
    let case = Case::load(&cases().join("small")).unwrap_or_else(|f| panic!("{}", show(&f)));
    assert_eq!(case.fleet.microgrids[1].buses.len(), 2);
    assert_eq!(case.profiles.rows(), 96);
    assert_eq!(
        (case.days.train.clone(), case.days.validation.clone(), case.days.test.clone()),
        (vec![0, 3], vec![2], vec![1])
    );
    assert_eq!(case.starts[0].soc, vec![0.5]);
    assert_eq!(case.starts[0].p_dg_kw, vec![40.0]);
    assert_eq!(case.fleet.limits.v_min_pu[2], 0.94);
    assert!((case.profiles.microgrids[0].price_per_kwh.at(0) - 0.06).abs() < 1e-3);
    // Q from the power factor: tan(acos(0.95)).
    let load = &case.profiles.microgrids[0].loads[0];
    assert!((load.q_kvar.at(5) / load.p_kw.at(5) - 0.328684).abs() < 1e-5);
    // Delay of an hour: south's PV equals north's one row earlier.
    let pv = |m: usize, r: usize| case.profiles.microgrids[m].pvs_kw[0].at(r);
    assert!((8..20).all(|r| pv(1, r) == pv(0, r - 1)) && pv(1, 12) != pv(0, 12));
    let by_file = Case::load(&cases().join("small/case.toml")).unwrap();
    assert_eq!(by_file.fingerprint, case.fingerprint);
    assert!(check(&cases().join("small")).faults.is_empty());
}

#[test]
fn law_unknown_bus() {
    expect_only(
        &broken("loads.csv", "LF,F1", "LF,F11"),
        "loads.csv",
        Some(2),
        "bus",
        "unknown bus \"F11\"",
        "did you mean \"F1\"",
    );
    expect_only(
        &broken("branches.csv", "LN,line,N1,N2", "LN,line,N1,N7"),
        "branches.csv",
        Some(6),
        "to",
        "unknown bus \"N7\"",
        "did you mean",
    );
    expect_only(
        &broken("case.toml", "source_bus = \"S\"", "source_bus = \"X\""),
        "case.toml",
        Some(10),
        "source_bus",
        "unknown bus \"X\"",
        "",
    );
}

#[test]
fn law_island() {
    let faults = broken("branches.csv", "LN,line,N1,N2,0.01,0.008,,,,,,400\n", "");
    expect_only(&faults, "buses.csv", Some(6), "id", "'N2'", "branch that connects it");
}

#[test]
fn law_duplicate_id() {
    expect(&broken("buses.csv", "F2,20", "F1,20"), "buses.csv", Some(4), "id", "\"F1\" is there twice", "line 3");
    expect_only(
        &broken("branches.csv", "L2,line", "L1,line"),
        "branches.csv",
        Some(3),
        "id",
        "\"L1\" is there twice",
        "line 2",
    );
    expect_only(
        &broken("pv.csv", "PN,", "GN,"),
        "pv.csv",
        Some(2),
        "id",
        "\"GN\" is there twice",
        "generators.csv line 2",
    );
    expect(
        &broken("case.toml", "name = \"south\"", "name = \"north\""),
        "case.toml",
        None,
        "microgrid[1].name",
        "there twice",
        "rename",
    );
}

#[test]
fn law_limits() {
    expect_only(
        &broken("branches.csv", "60,,,,,300\nL2", "60,,,,,-300\nL2"),
        "branches.csv",
        Some(2),
        "rating_a",
        "-300",
        "above 0",
    );
    expect_only(
        &broken("case.toml", "v_min_pu = 0.95\nv_max_pu = 1.05", "v_min_pu = 1.05\nv_max_pu = 0.95"),
        "case.toml",
        Some(14),
        "v_min_pu",
        "not below",
        "swap",
    );
    expect_only(&broken("buses.csv", "0.94,1.06", "1.06,0.94"), "buses.csv", Some(4), "v_min_pu", "F2", "swap");
    expect_only(
        &broken("generators.csv", "GN,N2,100", "GN,N2,-100"),
        "generators.csv",
        Some(2),
        "p_max_kw",
        "negative",
        "at least 0",
    );
    expect_only(
        &broken("generators.csv", "100,60,120", "100,60,90"),
        "generators.csv",
        Some(2),
        "s_max_kva",
        "below the largest",
        "raise",
    );
}

#[test]
fn law_storage() {
    expect_only(
        &broken("batteries.csv", "0.1,0.9,0.5", "0.1,0.9,0.95"),
        "batteries.csv",
        Some(2),
        "soc_start",
        "0.95",
        "between",
    );
    expect_only(
        &broken("batteries.csv", "0.1,0.9,0.5", "0.1,90,0.5"),
        "batteries.csv",
        Some(2),
        "soc_max",
        "90",
        "not per cent",
    );
    expect_only(
        &broken("batteries.csv", "0.1,0.9,0.5", "0.9,0.1,0.5"),
        "batteries.csv",
        Some(2),
        "soc_min",
        "not below",
        "swap",
    );
    expect_only(
        &broken("batteries.csv", "0.95,0.95", "1.05,0.95"),
        "batteries.csv",
        Some(2),
        "eta_charge",
        "1.05",
        "fraction",
    );
    expect_only(
        &broken("batteries.csv", "BN,N1,100", "BN,N1,0"),
        "batteries.csv",
        Some(2),
        "capacity_kwh",
        "0 kWh",
        "above 0",
    );
    expect_only(
        &broken("batteries.csv", "BN,N1", "BN,F1"),
        "batteries.csv",
        Some(2),
        "bus",
        "no microgrid",
        "only loads",
    );
}

#[test]
fn law_units() {
    expect_only(&broken("buses.csv", "F1,20,", "F1,20000,"), "buses.csv", Some(3), "kv", "20000", "20");
    expect_only(
        &broken("loads.csv", "shop,kW,1", "shop,MW,100"),
        "loads.csv",
        Some(2),
        "p_scale",
        "7000 MW",
        "wrong unit",
    );
    expect_only(&broken("loads.csv", "shop,kW,1", "shop,kWh,1"), "loads.csv", Some(2), "p_unit", "kWh", "W, kW, MW");
    expect_only(&broken("case.toml", "EUR/MWh", "EUR/kWh"), "case.toml", Some(37), "price.unit", "on average", "MWh");
    expect_only(
        &broken("case.toml", "EUR/MWh", "$/MWh"),
        "case.toml",
        Some(37),
        "price.unit",
        "currency is \"EUR\"",
        "set currency",
    );
    expect_only(
        &broken("case.toml", "v_min_pu = 0.95", "v_min_pu = 380"),
        "case.toml",
        Some(14),
        "v_min_pu",
        "380",
        "pu",
    );
}

#[test]
fn law_pcc() {
    expect_only(
        &broken("case.toml", "pcc = \"TN\"\n", ""),
        "case.toml",
        None,
        "microgrid[0].pcc",
        "has no PCC",
        "name the branch",
    );
    expect(
        &broken("case.toml", "pcc = \"TN\"", "pcc = \"\""),
        "case.toml",
        None,
        "microgrid[0].pcc",
        "has no PCC",
        "name the branch",
    );
    expect(
        &broken("case.toml", "pcc = \"TN\"", "pcc = \"TX\""),
        "case.toml",
        None,
        "microgrid[0].pcc",
        "unknown branch \"TX\"",
        "did you mean",
    );
    expect_only(
        &broken("branches.csv", "TN,transformer,F1,N1", "TN,transformer,N1,F1"),
        "case.toml",
        None,
        "microgrid[0].pcc",
        "to the feeder",
        "swap",
    );
    let second = broken("branches.csv", "LS,line", "LX,transformer,F1,N2,,,,1,4,630,1,\nLS,line");
    expect_only(&second, "branches.csv", Some(7), "id", "besides its PCC", "PCC only");
}

#[test]
fn law_keys() {
    expect_only(
        &broken("case.toml", "step_minutes = 60", "step_minuts = 60"),
        "case.toml",
        Some(25),
        "window.step_minuts",
        "unknown key",
        "did you mean \"step_minutes\"",
    );
    expect_only(
        &broken("case.toml", "steps = 4", "steps = \"4\""),
        "case.toml",
        Some(24),
        "window.steps",
        "wrong type",
        "whole number",
    );
    expect_only(
        &broken("case.toml", "kind = \"constant\"", "kind = \"constnt\""),
        "case.toml",
        Some(40),
        "storage_value.kind",
        "not allowed",
        "did you mean \"constant\"",
    );
    expect_only(&broken("case.toml", "steps = 4", "steps = = 4"), "case.toml", Some(24), "", "not valid TOML", "toml");
    expect_only(
        &broken("case.toml", "steps = 4", "steps = 0"),
        "case.toml",
        Some(24),
        "window.steps",
        "0 steps",
        "1 to",
    );
    expect_only(
        &broken("case.toml", "step_minutes = 60", "step_minutes = 15"),
        "case.toml",
        Some(25),
        "step_minutes",
        "finest series has 60 min",
        "set 60",
    );
    expect_only(
        &broken("case.toml", "[price]\nseries = \"data\"", "[price]\nseries = \"dat\""),
        "case.toml",
        Some(35),
        "price.series",
        "unknown series",
        "did you mean \"data\"",
    );
    expect(
        &broken("case.toml", "bus_prefix = \"S-\"", "bus_prefix = \"Z-\""),
        "case.toml",
        None,
        "microgrid[1].bus_prefix",
        "starts with \"Z-\"",
        "prefix",
    );
}

#[test]
fn law_tables() {
    expect_only(
        &broken("generators.csv", "GN,N2,100", "GN,N2,1e2x"),
        "generators.csv",
        Some(2),
        "p_max_kw",
        "\"1e2x\" is not a number",
        "plain number",
    );
    expect(
        &broken("generators.csv", "id,bus,p_max_kw", "id,bus,pmax_kw"),
        "generators.csv",
        Some(1),
        "pmax_kw",
        "unknown column",
        "did you mean \"p_max_kw\"",
    );
    expect(
        &broken("generators.csv", "id,bus,p_max_kw", "id,bus,pmax_kw"),
        "generators.csv",
        Some(1),
        "p_max_kw",
        "is missing",
        "kW",
    );
    expect_only(
        &broken("generators.csv", "GN,N2,100,", "GN,N2,,"),
        "generators.csv",
        Some(2),
        "p_max_kw",
        "is empty",
        "value",
    );
    expect_only(&broken("generators.csv", "GN,N2,100,", "GN,N2,100,,"), "generators.csv", Some(2), "", "cells", "cell");
    expect_only(
        &broken("generators.csv", "GN,N2,100,", "GN,N2,inf,"),
        "generators.csv",
        Some(2),
        "p_max_kw",
        "finite",
        "number",
    );
    expect_only(
        &broken("branches.csv", "L1,line,S,F1,0.5,0.4", "L1,line,S,F1,0.5,"),
        "branches.csv",
        Some(2),
        "x_ohm",
        "empty",
        "reactance",
    );
    expect_only(
        &broken("branches.csv", "L1,line", "L1,cable"),
        "branches.csv",
        Some(2),
        "kind",
        "\"cable\"",
        "line, transformer",
    );
    expect_only(
        &broken("branches.csv", "L1,line,S,F1,0.5,0.4", "L1,line,S,F1,0,0"),
        "branches.csv",
        Some(2),
        "r_ohm",
        "no series impedance",
        "merge",
    );
}

#[test]
fn law_files() {
    for (name, hint) in [("buses.csv", "relative"), ("series.csv", "relative"), ("case.toml", "relative")] {
        let folder = copy_case("small");
        std::fs::remove_file(folder.path().join(name)).unwrap();
        expect(&Case::load(folder.path()).unwrap_err(), name, None, "", "not found", hint);
    }
    let folder = copy_case("small");
    std::fs::write(folder.path().join("pv.csv"), "").unwrap();
    expect_only(&Case::load(folder.path()).unwrap_err(), "pv.csv", Some(1), "", "empty", "header");
    std::fs::write(folder.path().join("pv.csv"), "id,bus,q_max_kvar,series,p_column\n").unwrap();
    expect_only(&Case::load(folder.path()).unwrap_err(), "pv.csv", Some(1), "", "no rows", "add rows");
    std::fs::write(folder.path().join("pv.csv"), b"id,bus\nPN\xff,N2\n").unwrap();
    expect_only(&Case::load(folder.path()).unwrap_err(), "pv.csv", Some(2), "", "UTF-8", "UTF-8");
    let none = Case::load(std::path::Path::new("no/such/folder")).unwrap_err();
    expect_only(&none, "no/such/folder", None, "", "no such folder", "case.toml");
}

#[test]
fn law_series() {
    let row = "2024-02-29T03:00Z";
    let line = Some(29);
    expect_only(
        &broken("series.csv", row, "2024-02-29T03:0Z"),
        "series.csv",
        line,
        "time",
        "not a time stamp",
        "time_format",
    );
    expect(&broken("series.csv", row, "2024-02-29T02:00Z"), "series.csv", line, "time", "repeated", "");
    expect(&broken("series.csv", row, "2024-02-28T03:00Z"), "series.csv", line, "time", "goes back", "sort");
    let text = std::fs::read_to_string(cases().join("small/series.csv")).unwrap();
    let whole = text.lines().nth(28).unwrap();
    let next = text.lines().nth(29).unwrap();
    let gone = broken("series.csv", &format!("{whole}\n{next}\n"), "");
    expect_only(&gone, "series.csv", line, "time", "2 rows are missing after 2024-02-29T02:00:00Z", "fill the gap");
    let cells: Vec<&str> = whole.split(',').collect();
    let with = |value: &str| [cells[0], value, cells[2], cells[3], cells[4], cells[5]].join(",");
    expect_only(&broken("series.csv", whole, &with("NaN")), "series.csv", line, "house", "not a finite number", "");
    expect_only(&broken("series.csv", whole, &with("")), "series.csv", line, "house", "missing", "fill the gap");
    expect_only(&broken("series.csv", whole, &with("ten")), "series.csv", line, "house", "\"ten\" is not a number", "");
    expect_only(
        &broken("series.csv", "time,house", "time,hause"),
        "series.csv",
        Some(1),
        "house",
        "no column \"house\"",
        "did you mean \"hause\"",
    );
    expect_only(
        &broken("loads.csv", "data,house,pu,70", "date,house,pu,70"),
        "loads.csv",
        Some(4),
        "series",
        "unknown series \"date\"",
        "did you mean \"data\"",
    );
    expect_only(
        &broken("pv.csv", "pv,pu,60,60", "pv,pu,60,50"),
        "pv.csv",
        Some(3),
        "shift_minutes",
        "whole number of steps",
        "multiple",
    );
    expect_only(&broken("pv.csv", "pv,pu,60,60", "pv,pu,-60,60"), "pv.csv", Some(3), "p_column", "down to", "sign");
}

/// Hourly local stamps, four days long, that follow a clock change after row `at`.
fn local_stamps(first: &str, at: usize, change_h: i64) -> String {
    let mut text = String::from("time,house,shop,shop_q,pv,price\n");
    let first: jiff::civil::DateTime = first.parse().unwrap();
    for h in 0..96 {
        let skip = if h > at { change_h } else { 0 };
        let local = first.checked_add(jiff::SignedDuration::from_hours(h as i64 + skip)).unwrap();
        text.push_str(&format!("{},0.4,40,16,0,60\n", local.strftime("%Y-%m-%d %H:%M")));
    }
    text
}

#[test]
fn law_daylight_saving() {
    let cases = [
        ("2024-03-30T00:00", 25, 1, "an hour is missing after 2024-03-31T01:00", "start of daylight saving"),
        ("2024-10-26T00:00", 26, -1, "repeated hour", "end of daylight saving"),
    ];
    for (first, at, change, what, hint) in cases {
        let folder = copy_case("small");
        std::fs::write(folder.path().join("series.csv"), local_stamps(first, at, change)).unwrap();
        let faults = Case::load(folder.path()).unwrap_err();
        expect_only(&faults, "series.csv", Some(at + 3), "time", what, hint);
    }
}

#[test]
fn law_days() {
    expect_only(
        &broken("case.toml", "test = [1]", "test = [2]"),
        "case.toml",
        Some(46),
        "days.validation",
        "both",
        "one set",
    );
    expect_only(
        &broken("case.toml", "test = [1]", "test = [7]"),
        "case.toml",
        Some(45),
        "days.test",
        "never occurs",
        "residues",
    );
    expect_only(
        &broken("case.toml", "period = 3", "test_dates = [\"2025-01-01\"]\nperiod = 3"),
        "case.toml",
        None,
        "days.test_dates[0]",
        "no complete day",
        "2024-02-28 to 2024-03-02",
    );
    let folder = copy_case("small");
    let path = folder.path().join("case.toml");
    let text =
        std::fs::read_to_string(&path).unwrap().replace("period = 3", "period = 3\ntest_dates = [\"2024-03-02\"]");
    std::fs::write(&path, text).unwrap();
    let case = Case::load(folder.path()).unwrap();
    assert_eq!((case.days.train, case.days.validation, case.days.test), (vec![0, 1], vec![2], vec![3]));
}

#[test]
fn law_all_faults_at_once() {
    let folder = copy_case("small");
    let edit = |file: &str, from: &str, to: &str| {
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    edit("case.toml", "[window]\nsteps = 4", "[window]\nstep = 4");
    edit("case.toml", "v_min_pu = 0.95", "v_min_pu = 1.2");
    edit("loads.csv", "LF,F1", "LF,nowhere");
    edit("batteries.csv", "0.95,0.95", "95,0.95");
    edit("series.csv", "2024-02-29T03:00Z,", "2024-02-29T03:00Z,x");
    let faults = Case::load(folder.path()).unwrap_err();
    expect(&faults, "case.toml", None, "window.step", "unknown key", "steps");
    expect(&faults, "case.toml", None, "v_min_pu", "not below", "");
    expect(&faults, "batteries.csv", Some(2), "eta_charge", "95", "");
    expect(&faults, "series.csv", Some(29), "house", "not a number", "");
    assert!(show(&faults).contains("nowhere"), "{}", show(&faults));
}

#[test]
fn law_fingerprint_follows_what_a_policy_depends_on() {
    let original = Case::load(&cases().join("small")).unwrap().fingerprint;
    let after = |file: &str, from: &str, to: &str| {
        let folder = copy_case("small");
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        Case::load(folder.path()).unwrap_or_else(|f| panic!("{}", show(&f))).fingerprint
    };
    assert_eq!(after("series.csv", "2024-02-28T00:00Z,0", "2024-02-28T00:00Z,1"), original, "new data, same policy");
    assert_eq!(after("case.toml", "name = \"small\"", "name = \"other\""), original);
    for (file, from, to) in [
        ("branches.csv", "L1,line,S,F1,0.5", "L1,line,S,F1,0.6"),
        ("branches.csv", "0.008,,,,,,400\nLS", "0.008,,,,,,410\nLS"),
        ("generators.csv", "GN,N2,100", "GN,N2,101"),
        ("batteries.csv", "BN,N1,100", "BN,N1,101"),
        ("case.toml", "steps = 4", "steps = 5"),
        ("case.toml", "v_max_pu = 1.05", "v_max_pu = 1.04"),
        ("case.toml", "fuel_price_per_l = 0.3", "fuel_price_per_l = 0.31"),
    ] {
        assert_ne!(after(file, from, to), original, "{file}: {from} -> {to}");
    }
}

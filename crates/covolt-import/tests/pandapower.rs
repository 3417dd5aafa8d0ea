//! pandapower networks: each against `runpp` (`scripts/make_import_references.py`), and with one thing broken.
#![allow(clippy::unwrap_used, clippy::panic)]

mod balanced;

use balanced::{data, notes, read, solve, with};
use covolt_grid::{BranchId, BusId, Complex64};
use covolt_import::{Action, GeneratorRole, ImportError, Imported, pandapower};

fn imported(name: &str) -> Imported {
    pandapower::import_file(&data(&format!("{name}.json"))).unwrap()
}

/// Largest difference to the expected voltages; every expected bus has to be there.
fn difference(imported: &Imported, voltages: &str) -> f64 {
    let (v, _) = solve(imported);
    let mut largest: f64 = 0.0;
    for line in voltages.lines().filter(|l| !l.starts_with('#')).skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let bus = imported.bus_index(&BusId(cells[0].to_owned())).unwrap();
        let expected = Complex64::new(cells[1].parse().unwrap(), cells[2].parse().unwrap());
        largest = largest.max((v[bus.0] - expected).norm());
    }
    assert_eq!(voltages.lines().count() - 2, v.len() + imported.merged.len());
    largest
}

fn faults(text: &str) -> Vec<String> {
    match pandapower::import(text, "net.json") {
        Err(ImportError::Faulty(faults)) => faults.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    }
}

#[test]
fn ref_runpp() {
    for name in ["radial", "meshed", "before_version_3"] {
        let worst = difference(&imported(name), &read(&format!("{name}_voltages.csv")));
        println!("{name}: {worst:.1e} pu");
        assert!(worst < 1e-10, "{name}: {worst:e}");
    }
}

/// Networks made elsewhere: `NAME.json` with `NAME_voltages.csv` in the folder that the variable names.
#[test]
fn ref_runpp_of_a_folder() {
    let Some(folder) = std::env::var_os("COVOLT_PANDAPOWER") else {
        println!("SKIPPED: no folder of networks (set COVOLT_PANDAPOWER)");
        return;
    };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "json") {
            let imported = pandapower::import_file(&path).unwrap_or_else(|e| panic!("{e}"));
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let voltages = std::fs::read_to_string(path.with_file_name(format!("{stem}_voltages.csv"))).unwrap();
            let worst = difference(&imported, &voltages);
            println!("{stem}: {} buses, {worst:.1e} pu", imported.network.buses().len());
            assert!(worst < 1e-8, "{stem}: {worst:e}");
        }
    }
}

#[test]
fn law_radial_is_read_as_written() {
    let imported = imported("radial");
    let network = &imported.network;
    assert_eq!((network.name(), network.base_mva(), network.f_hz()), ("radial", 10.0, 50.0));
    assert!(network.is_radial());
    let ids: Vec<&str> = network.buses().iter().map(|b| b.id.0.as_str()).collect();
    assert_eq!(ids, ["0", "10", "11", "13", "14", "15", "30", "31"]);
    let merged: Vec<(&str, usize)> = imported.merged.iter().map(|(id, b)| (id.0.as_str(), b.0)).collect();
    assert_eq!(merged, [("12", 2), ("16", 5)]);
    let rating = |id: &str| {
        let branch = network.branch_index(&BranchId(id.to_owned())).unwrap();
        network.branches()[branch.0].rating_a.unwrap()
    };
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b.abs(), "{a} {b}");
    close(rating("line 0"), 300.0 * 2.0 * 0.8);
    close(rating("line 1"), 300.0 * 0.8);
    close(rating("trafo 1"), 0.63 * 2.0 * 0.9 * 1e3 / (3f64.sqrt() * 0.42));
    let bus = |id: &str| imported.bus_index(&BusId(id.to_owned())).unwrap();
    close(imported.p_kw[bus("13").0], 960.0);
    close(imported.q_kvar[bus("13").0], 320.0);
    let given: Vec<_> = imported.generators.iter().map(|g| (g.id.as_str(), g.bus, g.role, g.p_kw)).collect();
    let expected = [
        ("sgen 0", bus("16"), GeneratorRole::FixedPower, 1650.0),
        ("sgen 1", bus("30"), GeneratorRole::FixedPower, 50.0),
        ("storage 0", bus("31"), GeneratorRole::FixedPower, -40.0),
        ("ext_grid 0", bus("0"), GeneratorRole::Source, 0.0),
    ];
    assert_eq!(given.len(), expected.len());
    for (given, expected) in given.iter().zip(expected) {
        assert_eq!((given.0, given.1, given.2), (expected.0, expected.1, expected.2));
        assert!((given.3 - expected.3).abs() < 1e-9);
    }
    let left_out = notes(&imported, Action::LeftOut);
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(left_out[0].contains("bus 40 is not connected to the source"));
    let line = read("radial.json").lines().position(|l| l.trim_start().starts_with("\"bus\"")).unwrap() + 1;
    assert!(left_out[0].starts_with(&format!("radial.json:{line}: ")), "{}", left_out[0]);
}

/// A network of one line, to be broken; written with little, so that what is missing has its default.
const SMALL: &str = r#"{"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": {
"bus": {"_class": "DataFrame", "orient": "split", "_object": {"columns": ["vn_kv"], "index": [0, 1], "data": [[20], [20.0]]}},
"ext_grid": {"_class": "DataFrame", "_object": {"columns": ["bus", "vm_pu"], "index": [0], "data": [[0, 1.0]]}},
"line": {"_class": "DataFrame", "_object": {"columns": ["from_bus", "to_bus", "length_km", "r_ohm_per_km", "x_ohm_per_km"],
  "index": [7], "data": [[0, 1.0, 2.0, 0.3, 0.2]]}},
"load": {"_class": "DataFrame", "_object": "{\"columns\": [\"bus\", \"p_mw\"], \"index\": [0], \"data\": [[1, 0.5]]}"},
"sn_mva": 1.0, "std_types": {"line": {"a": {"r": NaN, "x": -Infinity, "name": "\"NaN"}}}
}}"#;

const MORE: &str = "\n\"sn_mva\": 1.0,";

/// The only fault of the small network with another table.
fn with_table(name: &str, columns: &str, row: &str) -> String {
    let table = format!(
        "\n\"{name}\": {{\"_class\": \"DataFrame\", \"_object\": {{\"columns\": [{columns}], \"index\": [3], \"data\": [[{row}]]}}}},"
    );
    let found = faults(&with(SMALL, MORE, &format!("{table}{MORE}")));
    assert!(found.len() <= 1, "{found:?}");
    found.into_iter().next().unwrap_or_default()
}

#[test]
fn law_defaults() {
    let imported = pandapower::import(SMALL, "net.json").unwrap();
    assert_eq!(imported.report.notes, []);
    assert_eq!((imported.network.f_hz(), imported.network.name()), (50.0, "pandapower"));
    assert!((imported.network.branches()[0].series_z_pu - Complex64::new(0.6, 0.4) / 400.0).norm() < 1e-15);
    assert_eq!((imported.p_kw[1], imported.q_kvar[1]), (500.0, 0.0));
    assert_eq!(imported.network.branches()[0].rating_a, None);
}

#[test]
fn regress_one_thing_broken() {
    for (from, to, expected) in [
        ("\"pandapowerNet\"", "\"Network\"", "1: not a pandapower network"),
        ("\"sn_mva\": 1.0", "\"sn_mva\": 0", "7: 'sn_mva' is not a positive number"),
        ("\"sn_mva\": 1.0", "\"sn_mva\": NaN", "7: 'sn_mva' is not a positive number"),
        ("\"sn_mva\": 1.0,", "\"sn_mva\": 1.0,,", "7: not a JSON document"),
        ("\"split\"", "\"records\"", "2: table 'bus': the orientation"),
        ("[0, 1], \"data\"", "[0], \"data\"", "2: table 'bus': 1 index entries for 2 rows"),
        ("[0, 1], \"data\"", "[0, 0], \"data\"", "2: bus 0: the index occurs twice"),
        ("[0, 1], \"data\"", "[0, \"b\"], \"data\"", "2: bus b: the index is not a whole number"),
        ("[[20], [20.0]]", "[[20], []]", "2: table 'bus': row 2 has not one cell"),
        ("[[20], [20.0]]", "[[20], [null]]", "2: bus 1: 'vn_kv' is missing"),
        ("[[20], [20.0]]", "[[20], [\"20\"]]", "2: bus 1: 'vn_kv' is not a number"),
        ("[[20], [20.0]]", "[[20], [-20]]", "2: bus 1: 'vn_kv' is -20"),
        ("[[20], [20.0]]", "[[20], [10]]", "4: line 'line 7' joins voltage bases"),
        ("[\"vn_kv\"]", "[\"vn_kv\", \"vn_kv\"]", "2: table 'bus': the column 'vn_kv' occurs twice"),
        ("[\"vn_kv\"]", "\"vn_kv\"", "2: table 'bus': no list 'columns'"),
        ("[[0, 1.0]]", "[[9, 1.0]]", "3: ext_grid 0: bus 9 does not exist"),
        ("[[0, 1.0]]", "[[0.5, 1.0]]", "3: ext_grid 0: 'bus' is not an index (0.5)"),
        ("[[0, 1.0]]", "[]", "3: table 'ext_grid': 1 index"),
        ("\"ext_grid\"", "\"external\"", "1: no external grid in service"),
        ("2.0, 0.3, 0.2", "0.0, 0.3, 0.2", "4: line 7: 'length_km' is 0"),
        ("2.0, 0.3, 0.2", "2.0, 0.0, 0.0", "4: branch 'line 7' has no series impedance"),
        ("2.0, 0.3, 0.2", "2.0, null, 0.2", "4: line 7: 'r_ohm_per_km' is missing"),
        ("[[0, 1.0, 2.0", "[[0, 5, 2.0", "4: line 7: a bus of that index does not exist"),
        ("[[0, 1.0, 2.0", "[[0, 0, 2.0", "2: bus 1 is not connected"),
        ("{\\\"columns\\\"", "{columns", "6: table 'load': not a JSON document"),
    ] {
        let text = with(SMALL, from, to);
        if expected.contains("is not connected") {
            let imported = pandapower::import(&text, "net.json").unwrap();
            assert!(notes(&imported, Action::LeftOut)[0].starts_with(&format!("net.json:{expected}")));
            continue;
        }
        let found = faults(&text);
        assert!(!found.is_empty(), "{from:?} -> {to:?}");
        assert!(found[0].starts_with(&format!("net.json:{expected}")), "{from:?} -> {to:?}: {}", found[0]);
    }
}

#[test]
fn regress_not_supported_is_refused_by_name() {
    let refused = [
        "trafo3w",
        "ward",
        "xward",
        "motor",
        "asymmetric_load",
        "asymmetric_sgen",
        "dcline",
        "svc",
        "tcsc",
        "vsc",
        "line_dc",
    ];
    for table in refused {
        let found = with_table(table, "\"name\", \"in_service\"", "\"x\", true");
        assert!(found.contains(&format!("{table} 3: '{table}' is not supported")), "{found}");
        assert_eq!(with_table(table, "\"name\", \"in_service\"", "\"x\", false"), "");
    }
    let trafo = "\"hv_bus\", \"lv_bus\", \"sn_mva\", \"vn_hv_kv\", \"vn_lv_kv\", \"vk_percent\", \"vkr_percent\", \"tap_pos\", \
                 \"tap_neutral\", \"tap_side\", \"tap_changer_type\", \"tap_step_percent\", \"tap_step_degree\", \
                 \"tap_dependency_table\"";
    for (row, expected) in [
        ("0, 1, 1, 20, 20, 5, 1, 2, 0, \"hv\", \"Ratio\", 1, 0, false", ""),
        ("0, 1, 1, 20, 20, 5, 1, 2, 0, \"hv\", \"Ratio\", 1, 0, true", "by a table is not supported"),
        ("0, 1, 1, 20, 20, 5, 1, 2, 0, \"hv\", \"Tabular\", 1, 0, false", "of type 'Tabular' is not supported"),
        ("0, 1, 1, 20, 20, 5, 1, 2, 0, \"hv\", \"Ideal\", 1, 1, false", "per cent and degrees"),
        ("0, 1, 1, 20, 20, 5, 1, 2, 0, \"mv\", \"Ratio\", 1, 0, false", "'tap_side' is 'mv'"),
        ("0, 1, 1, 20, 20, 5, 1, 2, null, \"hv\", \"Ratio\", 1, 0, false", "'tap_neutral' is missing"),
        ("0, 1, 1, 20, 20, 5, 1, -99, 1, \"hv\", \"Ratio\", 1, 0, false", "takes more than the rated voltage"),
        ("0, 1, 1, 20, 20, 5, 6, 2, 0, \"hv\", \"Ratio\", 1, 0, false", "'vkr_percent' is larger"),
        ("0, 1, 0, 20, 20, 5, 1, 2, 0, \"hv\", \"Ratio\", 1, 0, false", "'sn_mva' is 0"),
    ] {
        let found = with_table("trafo", trafo, row);
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{row}: {found}");
    }
    let switch = "\"bus\", \"element\", \"et\", \"closed\", \"z_ohm\"";
    for (row, expected) in [
        ("1, 7, \"l\", true, 0", ""),
        ("1, 5, \"l\", false, 0", "opens line 5, which has no end there"),
        ("1, 5, \"b\", true, 0", "a bus of that index does not exist"),
        ("1, 7, \"q\", true, 0", "a switch of type 'q'"),
        ("1, 7, \"l\", 2, 0", "'closed' is neither"),
    ] {
        let found = with_table("switch", switch, row);
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{row}: {found}");
    }
    let second = "[[0, 1.0], [1, 1.0]]";
    for (rows, expected) in
        [(second, ""), ("[[0, 1.0], [1, 1.01]]", "ext_grid 1: its voltage is not that of ext_grid 0")]
    {
        let text =
            with(&with(SMALL, "[[0, 1.0]]", rows), "\"vm_pu\"], \"index\": [0]", "\"vm_pu\"], \"index\": [0, 1]");
        let found = faults(&text).join("");
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{rows}: {found}");
    }
    let found = with_table("gen", "\"bus\", \"p_mw\", \"vm_pu\", \"slack\"", "1, 1, 1, true");
    assert!(found.contains("gen 3: a generator as the slack"), "{found}");
    let found = with_table("shunt", "\"bus\", \"p_mw\", \"q_mvar\", \"step_dependency_table\"", "1, 1, 1, true");
    assert!(found.contains("steps by a table"), "{found}");
    let impedance = "\"from_bus\", \"to_bus\", \"rft_pu\", \"xft_pu\", \"rtf_pu\", \"xtf_pu\", \"sn_mva\"";
    let found = with_table("impedance", impedance, "0, 1, 0.1, 0.1, 0.2, 0.1, 1");
    assert!(found.contains("differs by direction"), "{found}");
}

#[test]
fn law_deviations_are_noted() {
    let table = |name: &str, columns: &str, row: &str| {
        let table = format!(
            "\n\"{name}\": {{\"_class\": \"DataFrame\", \"_object\": {{\"columns\": [{columns}], \"index\": [3], \"data\": [[{row}]]}}}},"
        );
        pandapower::import(&with(SMALL, MORE, &format!("{table}{MORE}")), "net.json").unwrap()
    };
    let imported = table("gen", "\"bus\", \"p_mw\", \"vm_pu\"", "1, 0.1, 1.02");
    assert_eq!(imported.generators[0].role, GeneratorRole::HoldsVoltage(1.02));
    assert!(notes(&imported, Action::LeftOut)[0].contains("gen 3 holds 1.02 pu"));
    let imported = table("controller", "\"object\"", "1");
    assert!(notes(&imported, Action::LeftOut)[0].contains("controllers are not run"));
    let imported = table("poly_cost", "\"x\"", "1");
    assert!(notes(&imported, Action::Irrelevant)[0].contains("'poly_cost' is not read"));
    let text = with(SMALL, "[\\\"bus\\\", \\\"p_mw\\\"]", "[\\\"bus\\\", \\\"const_z_percent\\\", \\\"p_mw\\\"]");
    let imported = pandapower::import(&with(&text, "[[1, 0.5]]", "[[1, 40, 0.5]]"), "net.json").unwrap();
    assert!(notes(&imported, Action::Assumed)[0].contains("load 0: 'const_z_percent' is 40"));
}

#[test]
fn regress_limits() {
    let large = " ".repeat(pandapower::LARGEST_FILE as usize + 1);
    assert!(matches!(pandapower::import(&large, "net.json"), Err(ImportError::TooLarge { .. })));
    assert!(faults(&"[".repeat(1_000_000))[0].contains("recursion limit"));
    let deep = with(SMALL, "{\\\"columns\\\"", &"[".repeat(100_000));
    assert!(faults(&deep)[0].contains("table 'load': not a JSON document"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin.json");
    std::fs::write(&path, b"{\"\xe9\": 1}").unwrap();
    assert!(pandapower::import_file(&path).unwrap_err().to_string().contains("not UTF-8"));
    assert!(matches!(pandapower::import_file(folder.path()), Err(ImportError::Unreadable { .. })));
}

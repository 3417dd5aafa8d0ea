//! MATPOWER cases: published feeders against their known solutions, and a case of our own that computes a lot.
#![allow(clippy::unwrap_used, clippy::panic)]

mod balanced;

use balanced::{notes, read, shared_feeders, solve, with};
use covolt_grid::{BranchKind, BusId, BusIndex, Complex64};
use covolt_import::{Action, GeneratorRole, ImportError, Imported, matpower};

fn conversions() -> Imported {
    matpower::import_file(&balanced::data("conversions.m")).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    match matpower::import(text, "case.m") {
        Err(ImportError::Faulty(faults)) => faults.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    }
}

/// The first fault after one replacement in our case; others may follow from it.
fn broken(from: &str, to: &str) -> String {
    let found = faults(&with(&read("conversions.m"), from, to));
    found.first().cloned().unwrap_or_default()
}

#[test]
fn ref_published_feeders() {
    let Some(folder) = shared_feeders("matpower") else { return };
    let csv = std::fs::read_to_string(folder.join("reference_solutions.csv")).unwrap();
    // `unit_code` is quoted and has a comma in it.
    let cells = |line: &str| line.replace("kW,kvar", "kW and kvar").split(',').map(str::to_owned).collect::<Vec<_>>();
    let header = cells(csv.lines().next().unwrap());
    let mut checked = 0;
    for line in csv.lines().skip(1) {
        let row = cells(line);
        let text = |name: &str| row[header.iter().position(|h| h == name).unwrap()].clone();
        let number = |name: &str| text(name).parse::<f64>().unwrap();
        let imported = matpower::import_file(&folder.join(text("file"))).unwrap();
        let network = &imported.network;
        let (v, losses) = solve(&imported);
        let lowest = (0..v.len()).min_by(|&a, &b| v[a].norm().total_cmp(&v[b].norm())).unwrap();
        println!(
            "{}: losses {:.4} kW {:.4} kvar, {:.6} pu at {}",
            text("file"),
            losses.re,
            losses.im,
            v[lowest].norm(),
            network.buses()[lowest].id
        );
        assert_eq!(network.buses().len() as f64, number("bus"));
        assert_eq!(network.branches().len() as f64, number("branch") - number("open_branches"));
        assert!((imported.p_kw.iter().sum::<f64>() / 1e3 - number("Pd_MW")).abs() < 1e-6);
        assert!((imported.q_kvar.iter().sum::<f64>() / 1e3 - number("Qd_Mvar")).abs() < 1e-6);
        // The table has four decimals of a kW and six of a voltage.
        assert!((losses.re - number("loss_kW")).abs() < 6e-5, "{losses}");
        assert!((losses.im - number("loss_kvar")).abs() < 6e-5, "{losses}");
        assert!((v[lowest].norm() - number("vmin_pu")).abs() < 6e-7);
        assert_eq!(network.buses()[lowest].id, BusId(text("vmin_bus")));
        checked += 1;
    }
    assert_eq!(checked, 4);
}

/// Voltages by MATPOWER's own admittance matrix; `scripts/make_import_references.py` writes them.
#[test]
fn ref_ratio_angle_shunt_and_charging() {
    let imported = conversions();
    let (v, _) = solve(&imported);
    let expected = read("conversions_voltages.csv");
    let mut checked = 0;
    for line in expected.lines().filter(|l| !l.starts_with('#')).skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let bus = imported.bus_index(&BusId(cells[0].to_owned())).unwrap();
        let numbers: Vec<f64> = cells[1..].iter().map(|c| c.parse().unwrap()).collect();
        assert!((v[bus.0] - Complex64::new(numbers[0], numbers[1])).norm() < 1e-10, "{line}: {}", v[bus.0]);
        checked += 1;
    }
    assert_eq!(checked, v.len());
}

#[test]
fn law_conversions_are_computed() {
    let imported = conversions();
    let network = &imported.network;
    assert_eq!(network.name(), "conversions");
    let names: Vec<&str> = network.buses().iter().map(|b| b.id.0.as_str()).collect();
    assert_eq!(names, ["substation", "mill", "farm", "Peter's", "low"]);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} {b}");
    let sin = 0.85f64.acos().sin();
    for (p, expected) in imported.p_kw.iter().zip([0.0, 680.0, 425.0, 255.0, -170.0 + 290.0]) {
        close(*p, expected);
    }
    for (q, expected) in imported.q_kvar.iter().zip([0.0, 800.0 * sin, 500.0 * sin, 300.0 * sin, 200.0 * sin]) {
        close(*q, expected);
    }
    let z = |b: usize| network.branches()[b].series_z_pu;
    close(z(0).re, 1.2 / 40.0);
    close(z(1).im, 0.7 / 40.0);
    // A ratio keeps the transformer out of the conversion.
    close(z(2).im, 0.06);
    close(z(3).re, 0.05 / 10.0);
    close(network.branches()[0].shunt_to_pu.im, 40e-6 * 40.0 / 2.0);
    let transformer = &network.branches()[2];
    assert_eq!((transformer.kind, network.branches()[3].kind), (BranchKind::Transformer, BranchKind::Line));
    close(transformer.tap.norm(), 0.975);
    close(transformer.tap.arg().to_degrees(), -30.0);
    close(transformer.shunt_from_pu.im * 0.975 * 0.975, transformer.shunt_to_pu.im);
    close(transformer.rating_a.unwrap(), 2e3 / (3f64.sqrt() * 10.0));
    assert_eq!(network.branches()[0].rating_a, None);
    assert_eq!(network.source().v_pu, 1.02);
    let farm = network.bus_index(&BusId("farm".to_owned())).unwrap();
    assert_eq!(network.shunts()[0].bus, farm);
    assert!((network.shunts()[0].y_pu - Complex64::new(0.005, 0.04)).norm() < 1e-15);
    let roles: Vec<_> = imported.generators.iter().map(|g| (g.bus, g.role, g.p_kw, g.q_kvar)).collect();
    let expected = [(BusIndex(0), GeneratorRole::Source, 0.0, 0.0), (farm, GeneratorRole::FixedPower, 200.0, -50.0)];
    assert_eq!(roles, expected);
}

#[test]
fn law_what_is_left_out_is_said() {
    let expected = [
        ("mpc.gencost", "'gencost' is not read"),
        ("function", "the format has no frequency: 50 Hz is written down"),
        ("\t50\t4", "bus 50 is isolated (type 4), with 0.595 MW"),
        ("\t10\t30", "branch 10-30 is out of service"),
        ("\t30\t50", "branch 30-50 ends at an isolated bus"),
        ("\t40\t5", "the generator at bus 40 is out of service"),
    ];
    let text = read("conversions.m");
    let found = notes(&conversions(), Action::Irrelevant);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (note, (at, what)) in found.iter().zip(expected) {
        let line = text[..text.find(at).unwrap()].matches('\n').count() + 1;
        assert!(note.starts_with(&format!("conversions.m:{line}: {what}")), "{note}");
    }
    assert!(notes(&conversions(), Action::LeftOut).is_empty());
    let text = with(&read("conversions.m"), "\t30\t1\t500", "\t30\t2\t500");
    let imported = matpower::import(&text, "case.m").unwrap();
    assert_eq!(imported.generators[1].role, GeneratorRole::HoldsVoltage(1.0));
    assert!(notes(&imported, Action::LeftOut).iter().any(|n| n.contains("holds 1 pu")));
    // Two reference buses at one voltage are one bus.
    let text = with(&read("conversions.m"), "\t20\t1\t800", "\t20\t3\t800");
    let imported = matpower::import(&with(&text, "10\t20\t1.2", "20\t30\t1.2"), "case.m").unwrap();
    assert_eq!(imported.bus_index(&BusId("mill".to_owned())), Some(BusIndex(0)));
    assert_eq!(imported.network.branches()[0].from, BusIndex(0));
    assert!(notes(&imported, Action::Irrelevant).iter().any(|n| n.contains("reference bus 20 is one with the first")));
    let text = with(&read("conversions.m"), "mpc.gencost", "mpc.batteries");
    let imported = matpower::import(&text, "case.m").unwrap();
    assert!(notes(&imported, Action::LeftOut).iter().any(|n| n.ends_with("'batteries' is not read")));
}

#[test]
fn regress_one_thing_broken() {
    for (from, to, at, expected) in [
        ("mpc.version = '2'", "mpc.version = '1'", "", "the case format is not version 2"),
        ("function mpc = conversions", "function [baseMVA, bus] = conversions", "", "a case with separate outputs"),
        ("function mpc = conversions", "function mpc = conversions(x)", "", "a case function with arguments"),
        ("\nend\n", "\nmpc.baseMVA = 0;\nend\n", "mpc.baseMVA = 0;", "'baseMVA' is not one positive number"),
        ("\nend\n", "\nmpc.baseMVA = [1 2];\nend\n", "mpc.baseMVA = [", "'baseMVA'"),
        ("mpc.baseMVA = 10;", "mpc.baseMVA = 1j;", "", "'1j' is not a real number"),
        ("\t20\t1\t800", "\t20\t1", "", "a row of 12 numbers below rows of 13"),
        ("\t20\t1\t800", "\t20\t7\t800", "", "bus 20 has type 7"),
        (
            "\t30\t1\t500\t0\t0.05\t0.4\t1\t1\t0",
            "\t30\t3\t500\t0\t0\t0\t1\t1\t9",
            "",
            "reference bus 30 differs in voltage",
        ),
        ("\t40\t1\t300", "\t40\t3\t300", "", "reference bus 40 differs in voltage"),
        ("\t30\t1\t500", "\t30\t3\t500", "\t30\t0.2", "generators at reference bus 30 hold different voltages"),
        ("\t10\t3\t0", "\t10\t1\t0", "", "no bus is the reference"),
        ("\t20\t1\t800", "\t10\t1\t800", "", "bus 10 is written down twice"),
        ("\t20\t1\t800", "\t2.5\t1\t800", "", "the bus number 2.5"),
        ("\t20\t1\t800", "\t20\t1\tNaN", "", "bus 20: Pd is NaN"),
        ("\t40\t1\t300\t0\t0\t0\t1\t1\t0\t10", "\t40\t1\t300\t0\t0\t0\t1\t1\t0\t0", "", "bus 40: baseKV is 0"),
        ("\t10\t20\t1.2", "\t10\t99\t1.2", "", "branch 10-99: a bus of that number"),
        ("\t10\t20\t1.2\t0.8", "\t10\t20\t0\t0", "", "branch 'substation-mill' has no series impedance"),
        ("\t10\t20\t1.2", "\t20\t20\t1.2", "", "branch 'mill-mill' starts and ends"),
        ("0.975\t-30\t1", "0.975\t-30\t2", "", "branch 20-40: the status 2"),
        ("0.975\t-30", "975\t-30", "", "branch 'mill-Peter's' has tap"),
        ("20\t2\t0\t0\t0.975", "20\t-2\t0\t0\t0.975", "", "branch 20-40: rateA is -2"),
        ("1.02\t10\t1\t10", "1.02\t10\t0\t10", "\t10\t3\t0", "the reference bus has no generator in service"),
        ("\t30\t0.2\t-0.05", "\t31\t0.2\t-0.05", "", "a generator at bus 31, which does not exist"),
        (
            "40\t60\t0.05\t0.04\t0\t0\t0\t0\t0\t0\t1",
            "40\t60\t1\t1\t0\t0\t0\t0\t0\t0\t0",
            "200 0 0 0",
            "bus 'low' and 0 other",
        ),
        ("idx_bus;", "idx_buses;", "= idx_", "'idx_buses' with several outputs"),
        ("idx_bus;", "idx_cost;", "= idx_", "14 outputs of 'idx_cost', which has 7"),
        ("sin(acos(pf))", "sin(acos(2))", "", "'acos': 'acos' of 2"),
        ("sin(acos(pf))", "tanh(acos(pf))", "", "'tanh': not defined before"),
        ("pf = 0.85;", "if pf, end", "", "'if' is not supported"),
        ("pf = 0.85;", "mpc = loadcase('x');", "", "a number or a matrix is expected"),
        ("pf = 0.85;", "disp(pf);", "", "'disp' is not a matrix"),
        ("pf = 0.85;", "pf = {0.85;", "mpc.bus(:, QD)", "'=' where a value is expected"),
        ("pf = 0.85;", "pf = [0.85 0.9];", "mpc.bus(:, QD)", "'*' between matrices"),
        ("pf = 0.85;", "mpc.bus(3, :) = [];", "", "removing elements of 'mpc.bus'"),
        ("pf = 0.85;", "mpc.bus(7, :) = 1;", "", "'mpc.bus': row 7 of 6"),
        ("pf = 0.85;", "mpc.bus(1) = 1;", "", "'mpc.bus': one index"),
        ("pf = 0.85;", "mpc.bus(1, 1, 1) = 1;", "", "'mpc.bus': one or two"),
        ("pf = 0.85;", "pf = 0.85 0.9;", "", "the number 0.9 where the statement should end"),
        ("pf = 0.85;", "pf = 'x';", "mpc.bus(:, QD)", "'pf': text where a number"),
        ("pf = 0.85;", "pf = \"x;", "", "the string has no closing"),
        ("pf = 0.85;", "pf = (0.85;", "", "';' where ')' is expected"),
        ("pf = 0.85;", "pf = 0.85);", "", "')' closes nothing"),
        ("pf = 0.85;", "pf = 1:2:1e9;", "", "the range"),
        ("pf = 0.85;", "pf = mpc.bus * mpc.bus;", "", "'*' between matrices"),
        ("pf = 0.85;", "pf = zeros(1e6, 1e6);", "", "'zeros': a"),
        ("pf = 0.85;", "pf = 0.85; mpc.dcline = [1 2 1];", "", "direct-current lines"),
        ("pf = 0.85;", "pf = 0.85; mpc.baseMVA = 'x';", "", "'baseMVA' is not one"),
        ("mpc.branch = [", "mpc.branches = [", "lines = find", "'mpc.branch': ':' as the argument"),
        ("\nend\n", "\nend\nx = 1;\n", "x = 1;", "a statement after the end"),
    ] {
        let text = with(&read("conversions.m"), from, to);
        let at = if at.is_empty() { read("conversions.m").find(from) } else { text.find(at) }.unwrap();
        let line = text[..at].matches('\n').count() + 1;
        let fault = broken(from, to);
        assert!(fault.starts_with(&format!("case.m:{line}: {expected}")), "{from:?} -> {to:?} (line {line}): {fault}");
    }
}

#[test]
fn regress_limits() {
    assert!(faults(&format!("x = {}1;", "(".repeat(100_000)))[0].contains("brackets inside each other"));
    assert!(faults(&format!("x = {}1;", "-".repeat(100_000)))[0].contains("signs in a row"));
    assert!(faults(&format!("x = 1{};", "^1".repeat(100_000)))[0].contains("no table"));
    let repeated = format!("x = ones(2000, 2000);{}", "x = x + x;".repeat(1000));
    assert!(faults(&repeated)[0].contains("computes more than"));
    // Many parallel branches, and many faults: in time that grows with the file.
    let row = "\n\t10\t20\t1.2\t0.8\t40\t0\t0\t0\t0\t0\t1\t-360\t360;";
    let parallel = with(&read("conversions.m"), "\n\t10\t20\t1.2", &format!("{}\n\t10\t20\t1.2", row.repeat(30_000)));
    let imported = matpower::import(&parallel, "case.m").unwrap();
    assert_eq!(imported.network.branches()[30_000].id.0, "substation-mill (30001)");
    assert_eq!(faults(&parallel.replace("\t10\t20\t", "\t10\t99\t")).len(), 30_001);
    let large = " ".repeat(matpower::LARGEST_FILE as usize + 1);
    assert!(matches!(matpower::import(&large, "case.m"), Err(ImportError::TooLarge { .. })));
    let missing = matpower::import_file(std::path::Path::new("no_such_case.m"));
    assert!(matches!(missing, Err(ImportError::Unreadable { .. })));
    assert!(faults("").iter().any(|f| f.contains("no table 'bus'")));
}

/// What we export is read back as the same network.
#[test]
fn law_export_and_import() {
    let case = covolt_case::Case::builtin().unwrap();
    let text = covolt_case::export_matpower(&case, None).unwrap();
    let imported = matpower::import(&text, "export.m").unwrap();
    assert_eq!(notes(&imported, Action::LeftOut), [""; 0]);
    let (ours, read) = (case.fleet.grid.balanced().unwrap().network(), &imported.network);
    assert_eq!(ours.buses(), read.buses());
    assert_eq!((ours.source(), ours.base_mva()), (read.source(), read.base_mva()));
    assert_eq!(ours.branches().len(), read.branches().len());
    for (a, b) in ours.branches().iter().zip(read.branches()) {
        assert_eq!((a.from, a.to, a.kind), (b.from, b.to, b.kind));
        assert!((a.tap - b.tap).norm() < 1e-14);
        for (a, b) in
            [(a.series_z_pu, b.series_z_pu), (a.shunt_from_pu, b.shunt_from_pu), (a.shunt_to_pu, b.shunt_to_pu)]
        {
            assert!((a - b).norm() < 1e-14);
        }
        assert_eq!(a.rating_a.is_some(), b.rating_a.is_some());
        assert!((a.rating_a.unwrap_or(0.0) - b.rating_a.unwrap_or(0.0)).abs() < 1e-9);
    }
}

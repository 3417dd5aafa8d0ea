//! Exports say the same numbers as the network; with `COVOLT_EXPORT_DIR` set, a folder for `scripts/opendss_check.py` is written.
#![allow(clippy::unwrap_used, clippy::panic)]

use covolt_case::{Case, Injections, export_matpower, export_opendss};
use covolt_grid::{BranchAdmittance, BranchAmperes, BranchIndex, BranchKind, CurrentSide, FlowOptions};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A dispatch of the built-in case: generators at `share`, some reactive power everywhere.
fn dispatch(case: &Case, row: usize, share: f64) -> Injections {
    let mut inj = Injections::of_row(case, row).unwrap();
    for m in &case.fleet.microgrids {
        for d in &m.dgs {
            inj.p_kw[d.connection.bus().0] += share * d.p_max_kw;
            inj.q_kvar[d.connection.bus().0] += 0.7 * share * d.q_max_kvar;
        }
        for b in &m.batteries {
            inj.p_kw[b.connection.bus().0] -= 0.4 * b.p_charge_max_kw;
            inj.q_kvar[b.connection.bus().0] += 0.3 * b.q_max_kvar;
        }
    }
    inj
}

fn field(line: &str, key: &str) -> f64 {
    let at = line.find(&format!(" {key}=")).unwrap_or_else(|| panic!("{key} in {line}")) + key.len() + 2;
    line[at..].trim_start_matches(['(', '[']).split([' ', ')', ']']).next().unwrap().parse().unwrap()
}

#[test]
fn law_opendss_script_says_the_networks_numbers() {
    let case = Case::builtin().unwrap();
    let network = case.fleet.grid.balanced().unwrap().network();
    let inj = dispatch(&case, 12_000, 0.6);
    let script = export_opendss(&case, Some(&inj)).unwrap();
    let mut branch_of = BTreeMap::new();
    let (mut lines, mut loads) = (0, 0);
    for line in script.lines() {
        if let Some(rest) = line.strip_prefix("!@branch ") {
            let (element, id) = rest.split_once(' ').unwrap();
            branch_of.insert(element.to_string(), id.to_string());
        }
        let name = line.strip_prefix("New ").and_then(|l| l.split(' ').next()).unwrap_or("");
        if let Some(id) = branch_of.get(name) {
            let b = network.branches().iter().find(|b| b.id.0 == *id).unwrap();
            let z = b.series_z_pu;
            lines += 1;
            let (r, x) = if b.kind == BranchKind::Line {
                let z_base = network.impedance_base_ohm(b.to).unwrap();
                let siemens = field(line, "c1") * 1e-9 * 2.0 * std::f64::consts::PI * network.f_hz();
                assert!((siemens * z_base - 2.0 * b.shunt_to_pu.im).abs() < 1e-15);
                (field(line, "r1") / z_base, field(line, "x1") / z_base)
            } else {
                (2.0 * field(line, "%rs") / 100.0, field(line, "xhl") / 100.0)
            };
            assert!((r - z.re).abs() < 1e-14 && (x - z.im).abs() < 1e-14, "{line}");
        }
        if name.starts_with("Load.j_") {
            loads += 1;
            let bus =
                network.buses().iter().position(|b| name.eq_ignore_ascii_case(&format!("Load.j_{}", b.id))).unwrap();
            assert_eq!(field(line, "kw"), -inj.p_kw[bus] + 0.0);
            assert_eq!(field(line, "kvar"), -inj.q_kvar[bus] + 0.0);
        }
    }
    assert_eq!((lines, loads), (97, 97));
    assert!(export_opendss(&case, Some(&Injections::default())).is_err());
}

#[test]
fn law_matpower_case_says_the_networks_numbers() {
    let case = Case::builtin().unwrap();
    let network = case.fleet.grid.balanced().unwrap().network();
    let inj = dispatch(&case, 12_000, 0.6);
    let text = export_matpower(&case, Some(&inj)).unwrap();
    let table = |name: &str| -> Vec<Vec<f64>> {
        let start = text.find(&format!("mpc.{name} = [")).unwrap();
        let body = &text[start..start + text[start..].find("];").unwrap()];
        body.lines()
            .skip(1)
            .map(|l| l.trim().trim_end_matches(';').split('\t').map(|x| x.parse().unwrap()).collect())
            .collect()
    };
    let (buses, branches) = (table("bus"), table("branch"));
    assert_eq!((buses.len(), branches.len()), (98, 97));
    for (i, row) in buses.iter().enumerate().skip(1) {
        assert!((row[2] * 1e3 + inj.p_kw[i]).abs() < 1e-9 && (row[3] * 1e3 + inj.q_kvar[i]).abs() < 1e-9);
        assert_eq!((row[11], row[12]), (case.fleet.limits.v_max_pu[i], case.fleet.limits.v_min_pu[i]));
    }
    // Kirchhoff with the exported numbers alone gives the same voltages.
    let grid = &case.fleet.grid;
    let mut ws = grid.workspace();
    let p: Vec<f64> = buses.iter().map(|r| r[2] / network.base_mva()).collect();
    let q: Vec<f64> = buses.iter().map(|r| r[3] / network.base_mva()).collect();
    grid.solve(&p, &q, &mut ws, &FlowOptions::default()).unwrap();
    let v = ws.v();
    let mut sum = vec![covolt_grid::Complex64::ZERO; 98];
    for row in &branches {
        let (f, t) = (row[0] as usize - 1, row[1] as usize - 1);
        let y = 1.0 / covolt_grid::Complex64::new(row[2], row[3]);
        let half = covolt_grid::Complex64::new(0.0, row[4] / 2.0);
        let tap = if row[8] == 0.0 { 1.0 } else { row[8] };
        sum[f] += (y + half) / (tap * tap) * v[f] - y / tap * v[t];
        sum[t] += (y + half) * v[t] - y / tap * v[f];
    }
    for i in 1..98 {
        let s = v[i] * sum[i].conj();
        assert!((s.re + p[i]).abs() < 1e-8 && (s.im + q[i]).abs() < 1e-8, "bus {}", i + 1);
    }
}

#[test]
fn law_injections_survive_their_table() {
    let case = Case::builtin().unwrap();
    let network = case.fleet.grid.balanced().unwrap().network();
    let steps: Vec<Injections> = [100, 200].iter().map(|&r| dispatch(&case, r, 0.3)).collect();
    let mut text = String::from("t,bus,p_kw,q_kvar\n");
    for s in &steps {
        for (i, b) in network.buses().iter().enumerate() {
            writeln!(text, "{},{},{},{}", s.label, b.id, s.p_kw[i], s.q_kvar[i]).unwrap();
        }
    }
    assert_eq!(Injections::read_csv(&text, &case.fleet.grid).unwrap(), steps);
    let faults =
        Injections::read_csv("t,bus,p_kw,q_kvar\n0,F1,1,1\n0,F99,1,1\n0,F2,x,1\n", &case.fleet.grid).unwrap_err();
    assert_eq!(faults.iter().map(|f| f.line).collect::<Vec<_>>(), [Some(3), Some(4)]);
    assert!(Injections::read_csv("", &case.fleet.grid).is_err());
}

#[test]
fn ref_folder_for_the_opendss_check() {
    let Some(folder) = std::env::var_os("COVOLT_EXPORT_DIR").map(std::path::PathBuf::from) else {
        println!("SKIPPED: set COVOLT_EXPORT_DIR to write a folder for scripts/opendss_check.py");
        return;
    };
    let case = Case::builtin().unwrap();
    let (grid, network) = (&case.fleet.grid, case.fleet.grid.balanced().unwrap().network());
    let mut ws = grid.workspace();
    let mut injections = String::from("t,bus,p_kw,q_kvar\n");
    let mut buses = String::from("t,bus,vm_pu,va_deg\n");
    let mut branches = String::from("t,branch,i_from_a,i_to_a,loading\n");
    for k in 0..96 {
        let step = dispatch(&case, 17_000 + k, k as f64 / 96.0);
        let demand = |v: &[f64]| v.iter().map(|x| -network.kw_to_pu(*x)).collect::<Vec<_>>();
        grid.solve(&demand(&step.p_kw), &demand(&step.q_kvar), &mut ws, &FlowOptions::default()).unwrap();
        for (i, b) in network.buses().iter().enumerate() {
            let v = ws.v()[i];
            writeln!(injections, "{k},{},{},{}", b.id, step.p_kw[i], step.q_kvar[i]).unwrap();
            writeln!(buses, "{k},{},{},{}", b.id, v.norm(), v.arg().to_degrees()).unwrap();
        }
        for (i, b) in network.branches().iter().enumerate() {
            let (y, a) = (BranchAdmittance::new(b), BranchAmperes::new(network, BranchIndex(i)).unwrap());
            let (f, t) = (y.current(CurrentSide::From, ws.v()).norm(), y.current(CurrentSide::To, ws.v()).norm());
            writeln!(
                branches,
                "{k},{},{},{},{}",
                b.id,
                f * a.base_from_a,
                t * a.base_to_a,
                a.loading(f, t).unwrap_or(0.0)
            )
            .unwrap();
        }
    }
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in [("injections.csv", injections), ("buses.csv", buses), ("branches.csv", branches)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::write(folder.join("network.dss"), export_opendss(&case, None).unwrap()).unwrap();
}

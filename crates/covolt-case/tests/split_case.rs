//! A case split into the operator's part and one per microgrid: nothing lost, nothing of others, the same physics, and written
//! parts come back bit for bit.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_case::{Case, CaseError, GeneratedCase, PartRole, SplitCase, check, part_files, split_case, write_part};
use covolt_fleet::{Fleet, ScaledSeries};
use covolt_grid::{BusIndex, Complex64, CurrentSide, FlowOptions, Grid, Network, Source};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeSet;
use std::path::Path;
use support::{cases, copy_case};

fn builtin() -> Case {
    Case::builtin().unwrap()
}

fn generated(count: usize) -> Case {
    GeneratedCase::draw(count, "drawn", &mut ChaCha8Rng::seed_from_u64(5)).unwrap().to_case().unwrap()
}

/// The small case with whatever is rare in tables: bus shunts, limits of single buses, constants, an offset, a microgrid's own price.
fn rare() -> Case {
    let folder = copy_case("small");
    let change = |file: &str, from: &str, to: &str| {
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    };
    change("buses.csv", "v_max_pu\n", "v_max_pu,shunt_g_kw,shunt_b_kvar\n");
    change("buses.csv", "S,20,,,", "S,20,,,,,");
    change("buses.csv", "F1,20,,,", "F1,20,,,,0.1,33.3");
    change("buses.csv", "F2,20,,0.94,1.06", "F2,20,,0.94,1.06,,7.7");
    change("buses.csv", "N1,0.4,north,,", "N1,0.4,north,,1.07,0.7,-3.1");
    change("buses.csv", "N2,0.4,north,,\n", "N2,0.4,north,0.93,,,\n");
    change("buses.csv", "S-1,0.4,,,", "S-1,0.4,,,,,11.3");
    change("buses.csv", "S-2,0.4,,,", "S-2,0.4,,,,,");
    change("loads.csv", "power_factor\n", "power_factor,p_kw,q_kvar,offset_days\n");
    change("loads.csv", "LF,F1,data,shop,kW,1,shop_q,kvar,1,", "LF,F1,data,shop,kW,1,shop_q,kvar,1,,,,-1");
    change("loads.csv", "pu,90,,,,0.95", "pu,90,,,,0.95,,,2");
    change(
        "loads.csv",
        "pu,70,,,,0.95",
        "pu,70,,,,0.95,,,4\nLS2,S-1,,,,,,,,,3.3,0.7,\nLS3,S-1,data,house,pu,3,,,,,,0.1,",
    );
    change(
        "case.toml",
        "pcc = \"TS\"",
        "pcc = \"TS\"\nload_scale = 1.1\npv_scale = 0.7\nprice.series = \"data\"\nprice.column = \"price\"\nprice.unit = \"ct/kWh\"\nprice.scale = 0.12",
    );
    change("case.toml", "utc_offset_hours = 0.0", "utc_offset_hours = 5.5");
    Case::load(folder.path()).unwrap()
}

fn network(fleet: &Fleet) -> &Network {
    fleet.grid.balanced().unwrap().network()
}

fn parts(case: &Case) -> Vec<Case> {
    let SplitCase { operator, agents } = split_case(case).unwrap();
    std::iter::once(operator).chain(agents).collect()
}

fn written(part: &Case) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_part(part, folder.path()).unwrap();
    folder
}

/// `{:?}` tells every two numbers apart, zeros of different sign too.
fn digits(part: &Case) -> String {
    let n = network(&part.fleet);
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        n.base_mva(),
        n.f_hz(),
        n.buses(),
        n.branches(),
        n.shunts(),
        n.source(),
        part.fleet.limits,
        part.fleet.microgrids,
        part.fleet.feeder_loads,
        part.days,
        part.settings,
        part.starts,
        part.fingerprint,
        part.part,
        part.name,
    ) + &format!("{:?}", part.exchange_price)
}

#[test]
fn law_a_written_part_is_read_back_bit_for_bit() {
    let small = Case::load(&cases().join("small")).unwrap();
    for (case, most) in [(builtin(), 6), (rare(), 3), (small, 3), (generated(23), 4)] {
        for part in parts(&case).iter().take(most) {
            let folder = written(part);
            let back = Case::load(folder.path()).unwrap_or_else(|faults| panic!("{faults:?}"));
            assert_eq!(digits(&back), digits(part));
            assert_eq!(back.profiles, part.profiles);
            assert_eq!(back.data_fingerprint(), part.data_fingerprint());
            assert_eq!(check(folder.path()).warnings, Vec::<String>::new());
        }
    }
}

/// Clock, days and settings are those of the whole; profiles are those of its loads, PV systems, price.
#[test]
fn law_every_series_and_start_is_in_exactly_one_part() {
    for case in [builtin(), rare(), generated(101)] {
        let SplitCase { operator, agents } = split_case(&case).unwrap();
        assert_eq!(agents.len(), case.fleet.microgrids.len());
        assert_eq!(operator.profiles.feeder_loads, case.profiles.feeder_loads);
        assert!(operator.profiles.microgrids.is_empty() && operator.starts.is_empty());
        for (n, agent) in agents.iter().enumerate() {
            assert_eq!(agent.profiles.microgrids, [case.profiles.microgrids[n].clone()]);
            assert_eq!(agent.starts, [case.starts[n].clone()]);
            assert!(agent.profiles.feeder_loads.is_empty());
            assert_eq!(agent.part.as_ref().unwrap().role, PartRole::Agent { seat: n, seats: agents.len() });
        }
        let hang: Vec<_> = (case.fleet.microgrids.iter())
            .map(|m| {
                let branch = &network(&case.fleet).branches()[m.pcc.0];
                (m.name.clone(), case.fleet.grid.bus_id(branch.from).to_owned())
            })
            .collect();
        assert_eq!(operator.part.as_ref().unwrap().role, PartRole::Operator { pccs: hang });
        for part in std::iter::once(&operator).chain(&agents) {
            assert_eq!((&part.days, &part.settings, &part.name), (&case.days, &case.settings, &case.name));
            let (own, all) = (&part.profiles, &case.profiles);
            assert_eq!((own.dt_h, &own.unix_s, &own.day), (all.dt_h, &all.unix_s, &all.day));
            assert_eq!((&own.hour_of_day, &own.weekday), (&all.hour_of_day, &all.weekday));
            assert_eq!(part.part.as_ref().unwrap().whole_fingerprint, case.fingerprint);
            assert_eq!(part.part.as_ref().unwrap().cut, operator.part.as_ref().unwrap().cut);
        }
        let price = operator.exchange_price.as_ref().unwrap();
        assert!((0..all_rows(&case)).all(|r| price.at(r).to_bits() == case.profiles.mean_price_per_kwh(r).to_bits()));
        assert!(agents.iter().all(|agent| agent.exchange_price.is_none()));
        let buses: usize = agents.iter().map(|a| a.fleet.grid.n_buses() - 1).sum();
        assert_eq!(buses + operator.fleet.grid.n_buses(), case.fleet.grid.n_buses());
        let branches: usize = agents.iter().map(|a| a.fleet.grid.n_branches()).sum();
        assert_eq!(branches + operator.fleet.grid.n_branches(), case.fleet.grid.n_branches());
    }
}

fn all_rows(case: &Case) -> usize {
    case.profiles.rows()
}

/// What messages carry does not change with anything that a microgrid holds, and does with the feeder and the names.
#[test]
fn law_the_cut_tells_nothing_of_what_microgrids_hold() {
    let cut = |case: &Case| {
        let part = split_case(case).unwrap().operator.part.unwrap();
        assert_eq!(part.cut, part.cut_bytes().iter().map(|b| format!("{b:02x}")).collect::<String>());
        part.cut
    };
    let before = cut(&rare());
    let mut case = rare();
    let mg = &mut case.fleet.microgrids[0];
    mg.fuel_price_per_l *= 1.01;
    mg.dgs.iter_mut().for_each(|d| d.p_max_kw += 1.0);
    case.profiles.microgrids[0].price_per_kwh.scale *= 2.0;
    assert_eq!(cut(&case), before);
    case.fleet.microgrids[0].name = "elsewhere".into();
    assert_ne!(cut(&case), before);
    let mut case = rare();
    case.fleet.limits.v_max_pu[0] += 0.001;
    assert_ne!(cut(&case), before);
    assert_ne!(cut(&builtin()), before);
}

fn solved(grid: &Grid, p: &[f64], q: &[f64]) -> Vec<Complex64> {
    let mut flow = grid.workspace();
    grid.solve(p, q, &mut flow, &FlowOptions { tolerance_pu: 1e-12, ..FlowOptions::default() }).unwrap();
    flow.v().to_vec()
}

/// Net demand of a case's loads and PV systems at a row, pu.
fn demand(case: &Case, row: usize) -> (Vec<f64>, Vec<f64>) {
    let at = covolt_case::Injections::of_row(case, row).unwrap();
    let pu = |kw: &[f64]| kw.iter().map(|x| -x / case.fleet.grid.base_kva()).collect();
    (pu(&at.p_kw), pu(&at.q_kvar))
}

/// With the whole's voltages at the seam each part has the whole's voltages, at the loads and PV power of its own series.
#[test]
fn law_the_parts_of_the_built_in_case_solve_to_the_whole() {
    let case = builtin();
    let SplitCase { operator, agents } = split_case(&case).unwrap();
    let grid = case.fleet.grid.balanced().unwrap();
    let index = |bus: &str| grid.network().bus_index(&covolt_grid::BusId(bus.to_owned())).unwrap().0;
    for row in (0..case.profiles.rows()).step_by(1733) {
        let (p, q) = demand(&case, row);
        let v = solved(grid, &p, &q);
        let expect = |part: &Case, own: &[Complex64]| {
            for (bus, found) in network(&part.fleet).buses().iter().zip(own) {
                assert!((found - v[index(&bus.id.0)]).norm() < 1e-9, "row {row}, bus {}", bus.id);
            }
        };
        let (mut p_feeder, mut q_feeder) = demand(&operator, row);
        let Some(PartRole::Operator { pccs }) = operator.part.as_ref().map(|part| &part.role) else { panic!() };
        for (agent, (_, at)) in agents.iter().zip(pccs) {
            let given = v[index(at)];
            let nominal = network(&agent.fleet);
            let source = Source { bus: BusIndex(0), v_pu: given.norm(), angle_deg: given.arg().to_degrees() };
            let (buses, branches) = (nominal.buses().to_vec(), nominal.branches().to_vec());
            let (mva, hz, shunts) = (nominal.base_mva(), nominal.f_hz(), nominal.shunts().to_vec());
            let own = Grid::new(Network::try_new("", mva, hz, buses, branches, shunts, source).unwrap()).unwrap();
            let (p, q) = demand(agent, row);
            let own_v = solved(&own, &p, &q);
            expect(agent, &own_v);
            let drawn = own_v[0] * own.branch_admittances()[0].current(CurrentSide::From, &own_v).conj();
            let at = network(&operator.fleet).bus_index(&covolt_grid::BusId(at.clone())).unwrap().0;
            p_feeder[at] += drawn.re;
            q_feeder[at] += drawn.im;
        }
        expect(&operator, &solved(operator.fleet.grid.balanced().unwrap(), &p_feeder, &q_feeder));
    }
}

/// Names that belong to nobody but microgrid `n`, or to nobody but the feeder.
fn names_of(case: &Case, n: Option<usize>) -> BTreeSet<String> {
    let grid = &case.fleet.grid;
    let own = |bus: BusIndex| case.fleet.microgrids.iter().position(|m| m.buses.contains(&bus)) == n;
    let network = network(&case.fleet);
    let buses = (0..grid.n_buses()).map(BusIndex).filter(|b| own(*b)).map(|b| grid.bus_id(b).to_owned());
    let branches = network.branches().iter().filter(|b| own(b.to)).map(|b| b.id.0.clone());
    let mut names: BTreeSet<String> = buses.chain(branches).collect();
    match n.map(|n| &case.fleet.microgrids[n]) {
        None => names.extend(case.fleet.feeder_loads.iter().map(|l| l.id.clone())),
        Some(mg) => {
            names.insert(mg.name.clone());
            names.extend(mg.device_connections().map(|(id, _)| id.to_owned()));
            names.extend(mg.loads.iter().map(|l| l.id.clone()));
        }
    }
    names
}

fn shapes(part: &Case) -> Vec<&[f64]> {
    let p = &part.profiles;
    let loads = p.feeder_loads.iter().chain(p.microgrids.iter().flat_map(|m| &m.loads));
    let of_loads = loads.flat_map(|l| [&l.p_kw, &l.q_kvar]);
    let others =
        p.microgrids.iter().flat_map(|m| m.pvs_kw.iter().chain([&m.price_per_kwh])).chain(&part.exchange_price);
    of_loads.chain(others).map(|s: &ScaledSeries| &s.shape[..]).collect()
}

/// Every word of every file, gzip taken off.
fn words(folder: &Path) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = plain(&path);
            words.extend(text.split([',', '\n', ' ', '"', '[', ']', '=']).map(str::to_owned));
            words.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    words
}

fn plain(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text).unwrap();
        return text;
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn law_a_part_holds_nothing_of_others() {
    for (case, most) in [(builtin(), 6), (generated(7), 8)] {
        for (i, part) in parts(&case).iter().enumerate().take(most) {
            let owner = i.checked_sub(1);
            let folder = written(part);
            let words = words(folder.path());
            let allowed = match part.part.as_ref().map(|part| &part.role) {
                Some(PartRole::Operator { pccs }) => pccs.iter().map(|(name, _)| name.clone()).collect(),
                // The feeder's bus at its own PCC.
                _ => BTreeSet::from([part.fleet.grid.bus_id(BusIndex(0)).to_owned()]),
            };
            assert!(names_of(&case, owner).iter().all(|own| words.contains(own)), "its own names are there");
            for other in std::iter::once(None).chain((0..case.fleet.microgrids.len()).map(Some)) {
                if other == owner {
                    continue;
                }
                let foreign = names_of(&case, other);
                let found: Vec<_> = foreign.intersection(&words).filter(|name| !allowed.contains(*name)).collect();
                assert!(found.is_empty(), "part {i} names {found:?} of {other:?}");
            }
            // Each column of its series is one that it follows itself; the operator's price is that of the exchange.
            let own = shapes(part);
            let text = plain(&folder.path().join("series/own.csv.gz"));
            let columns = text.lines().next().unwrap().split(',').count() - 1;
            let mut read = vec![Vec::new(); columns];
            for line in text.lines().skip(1) {
                line.split(',').skip(1).zip(&mut read).for_each(|(x, column)| column.push(x.parse::<f64>().unwrap()));
            }
            assert!(columns > 0 && read.iter().all(|column| own.contains(&&column[..])));
            assert_eq!(words.contains("fuel_price_per_l") || words.contains("[microgrid.price"), owner.is_some());
        }
    }
}

#[test]
fn law_an_operator_without_loads_keeps_the_clock_and_a_source_alone_is_a_network() {
    let folder = copy_case("small");
    std::fs::write(
        folder.path().join("branches.csv"),
        "id,kind,from,to,r_percent,x_percent,rated_kva\nTN,transformer,S,N1,1,4,630\nTS,transformer,S,S-1,1,4,630\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("buses.csv"), "id,kv,microgrid\nS,20,\nN1,0.4,north\nS-1,0.4,south\n").unwrap();
    for table in ["generators.csv", "pv.csv", "batteries.csv", "loads.csv"] {
        let text = std::fs::read_to_string(folder.path().join(table)).unwrap();
        let text = text.replace("N2", "N1").replace("S-2", "S-1").replace("LF,F1", "LF,S-1");
        std::fs::write(folder.path().join(table), text).unwrap();
    }
    let case = Case::load(folder.path()).unwrap();
    let operator = split_case(&case).unwrap().operator;
    assert_eq!((operator.fleet.grid.n_buses(), operator.fleet.feeder_loads.len()), (1, 0));
    let back = Case::load(written(&operator).path()).unwrap();
    assert_eq!(digits(&back), digits(&operator));
    assert_eq!(back.profiles, case_clock(&case));
}

/// The profiles of nobody.
fn case_clock(case: &Case) -> covolt_fleet::Profiles {
    covolt_fleet::Profiles { feeder_loads: Vec::new(), microgrids: Vec::new(), ..case.profiles.clone() }
}

#[test]
fn regress_a_part_is_not_split_again() {
    for part in parts(&builtin()).iter().take(2) {
        let faults = split_case(part).map(|_| ()).unwrap_err();
        assert!(faults.len() == 1 && faults[0].what.contains("part of case five-microgrids"), "{faults:?}");
    }
}

#[test]
fn regress_a_part_is_not_written_over_files() {
    let part = split_case(&builtin()).unwrap().operator;
    let folder = written(&part);
    assert!(matches!(write_part(&part, folder.path()), Err(CaseError::NotEmpty { .. })));
}

#[test]
fn regress_what_the_format_cannot_express_is_refused() {
    let mut part = split_case(&rare()).unwrap().agents.remove(0);
    part.fleet.limits.i_max_pu[0] = 0.123;
    let refused = part_files(&part).unwrap_err();
    assert!(refused.to_string().contains("limits"), "{refused}");
}

/// Faults of a part after one replacement in one of its files, which must apply.
fn broken(part: &Case, file: &str, from: &str, to: &str) -> Vec<String> {
    let folder = written(part);
    let path = folder.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} does not contain {from:?}:\n{text}");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    Case::load(folder.path()).map_or_else(|faults| faults.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn regress_faults_of_the_part_section() {
    let case = rare();
    let SplitCase { operator, mut agents } = split_case(&case).unwrap();
    let agent = agents.remove(0);
    let print = &case.fingerprint[..];
    let of_operator = [
        ("case.toml", print, "abc", "part.whole_fingerprint"),
        ("case.toml", "cut = \"", "cut = \"0", "part.cut"),
        ("case.toml", "[price]", "[microgrids]", "has no price"),
        ("case.toml", "role = \"operator\"", "role = \"operator\"\nseat = 0", "part.seat"),
        ("case.toml", "bus = \"F2\"", "bus = \"F9\"", "part.pcc[1].bus"),
        ("case.toml", "microgrid = \"south\"", "microgrid = \"north\"", "part.pcc[1].microgrid"),
        ("case.toml", "role = \"operator\"", "role = \"owner\"", "part.role"),
        ("case.toml", "role = \"operator\"", "rule = \"operator\"", "rule"),
        ("case.toml", "[part]", "[[microgrid]]\nname = \"x\"\npcc = \"L2\"\nbuses = [\"F2\"]\n[part]", "no microgrid"),
    ];
    let of_agent = [
        ("case.toml", "seat = 0", "seat = 2", "part.seat"),
        ("case.toml", "seats = 2\n", "", "has no seat"),
        ("case.toml", "seats = 2", "seats = 2\n[[part.pcc]]\nmicrogrid = \"south\"\nbus = \"F1\"", "part.pcc"),
        ("case.toml", "source_bus = \"F1\"", "source_bus = \"N1\"", "the first bus is not the source"),
        ("buses.csv", "N2,0.4,north", "N2,0.4,", "belongs to no microgrid"),
        ("loads.csv", "LN1,N2", "LN1,F1", "operator's part"),
        ("branches.csv", "id,", "id,", ""),
    ];
    for (part, list) in [(&operator, &of_operator[..]), (&agent, &of_agent[..])] {
        for (file, from, to, named) in list {
            let found = broken(part, file, from, to);
            if named.is_empty() {
                assert_eq!(found, Vec::<String>::new());
                continue;
            }
            assert!(found.iter().any(|fault| fault.contains(named)), "{to}: {found:?}");
        }
    }
    // Exactly one branch may stand first.
    let folder = written(&agent);
    let path = folder.path().join("branches.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.swap(1, 2);
    std::fs::write(&path, lines.join("\n")).unwrap();
    let found = Case::load(folder.path()).unwrap_err();
    assert!(found.len() == 1 && found[0].what.contains("the first branch"), "{found:?}");
}

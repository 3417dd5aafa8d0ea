//! A fleet cut at its points of common coupling: nothing is lost, the parts solve to the whole, what cannot be cut says why.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

mod common;
#[path = "common/phases.rs"]
mod phases;

use common::*;
use covolt_fleet::*;
use covolt_grid::{
    Branch, BranchId, BranchIndex, Bus, BusId, BusIndex, Complex64, CurrentSide, FlowOptions, Grid, Network, Source,
};
use rand::RngExt;
use std::collections::BTreeSet;

/// What a test changes in the lists that make the test network.
struct Lists {
    buses: Vec<Bus>,
    branches: Vec<Branch>,
    source: Source,
}

fn changed(change: impl FnOnce(&mut Lists)) -> Network {
    let n = network();
    let mut lists = Lists { buses: n.buses().to_vec(), branches: n.branches().to_vec(), source: n.source().clone() };
    change(&mut lists);
    let Lists { buses, branches, source } = lists;
    Network::try_new(n.name(), n.base_mva(), n.f_hz(), buses, branches, n.shunts().to_vec(), source).unwrap()
}

fn line(id: &str, from: &str, to: &str) -> Branch {
    let like = network().branches()[1].clone();
    Branch { id: BranchId(id.into()), from: bus(from), to: bus(to), ..like }
}

/// The test microgrids on a network, with limits that differ from bus to bus and from branch to branch.
fn fleet_on(network: Network) -> Fleet {
    let grid = covolt_grid::DistributionGrid::from(Grid::new(network).unwrap());
    let mut limits = NetworkLimits::uniform(&grid, 0.95, 1.05);
    limits.v_min_pu.iter_mut().enumerate().for_each(|(b, v)| *v -= 1e-3 * b as f64);
    limits.v_max_pu.iter_mut().enumerate().for_each(|(b, v)| *v += 1e-3 * b as f64);
    limits.i_max_pu.iter_mut().enumerate().for_each(|(b, i)| *i += 1e-3 * b as f64);
    Fleet::try_new(grid, microgrids(), feeder_loads(), limits).unwrap()
}

/// A feeder with a loop, a PCC transformer with a phase shift, and lines with charging as PCC branches.
fn hard_network() -> Network {
    changed(|n| {
        n.branches[7].tap = Complex64::from_polar(1.02, (-30f64).to_radians());
        n.branches[3].shunt_from_pu = Complex64::new(0.001, 0.02);
        n.branches.push(line("F1-F3", "F1", "F3"));
    })
}

fn network_of(fleet: &Fleet) -> &Network {
    fleet.grid.balanced().unwrap().network()
}

#[test]
fn law_everything_is_in_exactly_one_part() {
    let whole = fleet_on(hard_network());
    let Seam { operator, agents } = cut_at_pccs(&whole).unwrap();
    assert!(operator.fleet.microgrids.is_empty());
    assert_eq!(agents.len(), whole.microgrids.len());

    let owned = |part: &AgentPart| part.buses[1..].to_vec();
    let mut buses: Vec<usize> = agents.iter().flat_map(owned).chain(operator.buses.iter().copied()).collect();
    buses.sort_unstable();
    assert_eq!(buses, (0..whole.grid.n_buses()).collect::<Vec<_>>());
    let branches = agents.iter().flat_map(|a| a.branches.iter()).chain(&operator.branches);
    let mut branches: Vec<usize> = branches.copied().collect();
    branches.sort_unstable();
    assert_eq!(branches, (0..whole.grid.n_branches()).collect::<Vec<_>>());
    assert_eq!(operator.loads, (0..whole.feeder_loads.len()).collect::<Vec<_>>());
    let shunts: usize = agents.iter().map(|a| network_of(&a.fleet).shunts().len()).sum();
    assert_eq!(shunts + network_of(&operator.fleet).shunts().len(), network_of(&whole).shunts().len());

    for (n, agent) in agents.iter().enumerate() {
        let (own, of_whole) = (&agent.fleet.microgrids, &whole.microgrids[n]);
        assert_eq!(own.len(), 1);
        assert!(agent.fleet.feeder_loads.is_empty());
        assert_eq!((own[0].pcc, network_of(&agent.fleet).source().bus), (BranchIndex(0), BusIndex(0)));
        // Numbered as in the whole again, it is the same microgrid.
        let place = |b: BusIndex| BusIndex(agent.buses[b.0]);
        let mut back = own[0].clone();
        back.pcc = BranchIndex(agent.branches[back.pcc.0]);
        back.buses.iter_mut().for_each(|b| *b = place(*b));
        back.dgs.iter_mut().for_each(|d| d.connection = place(d.connection.bus()).into());
        back.pvs.iter_mut().for_each(|d| d.connection = place(d.connection.bus()).into());
        back.batteries.iter_mut().for_each(|d| d.connection = place(d.connection.bus()).into());
        back.loads.iter_mut().for_each(|d| d.connection = place(d.connection.bus()).into());
        assert_eq!(&back, of_whole);
        let pcc = &operator.pccs[n];
        let at = network_of(&whole).branches()[of_whole.pcc.0].from;
        assert_eq!((&pcc.microgrid, operator.buses[pcc.bus.0], agent.buses[0]), (&of_whole.name, at.0, at.0));
    }
}

/// Buses, branches and limits are those of the whole, number by number.
#[test]
fn law_a_part_is_per_unit_of_the_same_bases() {
    let whole = fleet_on(hard_network());
    let Seam { operator, agents } = cut_at_pccs(&whole).unwrap();
    let of_agents = agents.iter().map(|a| (&a.fleet, &a.buses, &a.branches));
    for (part, buses, branches) in of_agents.chain([(&operator.fleet, &operator.buses, &operator.branches)]) {
        let (own, all) = (network_of(part), network_of(&whole));
        assert_eq!((own.base_mva(), own.f_hz()), (all.base_mva(), all.f_hz()));
        for (i, &b) in buses.iter().enumerate() {
            assert_eq!(own.buses()[i], all.buses()[b]);
            assert_eq!(part.limits.v_min_pu[i], whole.limits.v_min_pu[b]);
            assert_eq!(part.limits.v_max_pu[i], whole.limits.v_max_pu[b]);
        }
        for (i, &b) in branches.iter().enumerate() {
            let branch = own.branches()[i].clone();
            let (from, to) = (BusIndex(buses[branch.from.0]), BusIndex(buses[branch.to.0]));
            assert_eq!(Branch { from, to, ..branch }, all.branches()[b]);
            assert_eq!(part.limits.i_max_pu[i], whole.limits.i_max_pu[b]);
        }
    }
    let source = network_of(&agents[0].fleet).source();
    assert_eq!((source.v_pu, source.angle_deg), (1.0, 0.0));
    let (own, all) = (network_of(&operator.fleet).source(), network_of(&whole).source());
    assert_eq!((own.v_pu, own.angle_deg), (all.v_pu, all.angle_deg));
}

/// Voltages at this net demand, to the last digits.
fn solved(grid: &Grid, p: &[f64], q: &[f64]) -> Vec<Complex64> {
    let mut flow = grid.workspace();
    let options = FlowOptions { tolerance_pu: 1e-12, ..FlowOptions::default() };
    grid.solve(p, q, &mut flow, &options).unwrap();
    flow.v().to_vec()
}

/// The largest distance of a part's voltages from the whole's.
fn distance(part: &[Complex64], buses: &[usize], whole: &[Complex64]) -> f64 {
    part.iter().zip(buses).map(|(v, &b)| (v - whole[b]).norm()).fold(0.0, f64::max)
}

#[test]
fn law_the_parts_solve_to_the_whole() {
    let mut rng = rng(11);
    for whole in [fleet(), fleet_on(hard_network())] {
        let grid = whole.grid.balanced().unwrap();
        let Seam { operator, agents } = cut_at_pccs(&whole).unwrap();
        for _ in 0..20 {
            let n = grid.n_buses();
            let mut draw = |low, high| (0..n).map(|_| rng.random_range(low..high)).collect::<Vec<f64>>();
            let (p, q) = (draw(-0.06, 0.09), draw(-0.02, 0.04));
            let v = solved(grid, &p, &q);
            let of = |all: &[f64], buses: &[usize]| buses.iter().map(|&b| all[b]).collect::<Vec<f64>>();
            let (mut p_feeder, mut q_feeder) = (of(&p, &operator.buses), of(&q, &operator.buses));
            for (agent, pcc) in agents.iter().zip(&operator.pccs) {
                let given = v[agent.buses[0]];
                let nominal = network_of(&agent.fleet);
                let source = Source { bus: BusIndex(0), v_pu: given.norm(), angle_deg: given.arg().to_degrees() };
                let (buses, branches) = (nominal.buses().to_vec(), nominal.branches().to_vec());
                let (mva, hz, shunts) = (nominal.base_mva(), nominal.f_hz(), nominal.shunts().to_vec());
                let own = Grid::new(Network::try_new("", mva, hz, buses, branches, shunts, source).unwrap()).unwrap();
                let own_v = solved(&own, &of(&p, &agent.buses), &of(&q, &agent.buses));
                assert!(distance(&own_v, &agent.buses, &v) < 1e-9, "{}", pcc.microgrid);
                let drawn = own_v[0] * own.branch_admittances()[0].current(CurrentSide::From, &own_v).conj();
                p_feeder[pcc.bus.0] += drawn.re;
                q_feeder[pcc.bus.0] += drawn.im;
            }
            let v_feeder = solved(operator.fleet.grid.balanced().unwrap(), &p_feeder, &q_feeder);
            assert!(distance(&v_feeder, &operator.buses, &v) < 1e-9);
        }
    }
}

#[test]
fn law_a_feeder_of_its_source_alone_is_a_part() {
    let at_source = changed(|n| {
        n.buses.truncate(3);
        n.branches = vec![line("TA", "F0", "F1"), line("A1-A2", "F1", "F2")];
    });
    let mut mg = microgrids().remove(0);
    (mg.pcc, mg.buses) = (BranchIndex(0), vec![bus("F1"), bus("F2")]);
    mg.dgs.iter_mut().for_each(|d| d.connection = bus("F1").into());
    mg.pvs.iter_mut().for_each(|d| d.connection = bus("F1").into());
    mg.batteries.iter_mut().for_each(|d| d.connection = bus("F2").into());
    mg.loads.iter_mut().for_each(|d| d.connection = bus("F2").into());
    let grid = covolt_grid::DistributionGrid::from(Grid::new(at_source).unwrap());
    let limits = NetworkLimits::uniform(&grid, 0.95, 1.05);
    let seam = cut_at_pccs(&Fleet::try_new(grid, vec![mg], Vec::new(), limits).unwrap()).unwrap();
    assert_eq!(seam.operator.buses, [0]);
    assert_eq!(seam.operator.pccs, [Pcc { microgrid: "A".into(), bus: BusIndex(0) }]);
    assert_eq!(seam.agents[0].buses, [0, 1, 2]);
}

fn faults_of(fleet: &Fleet) -> Vec<SeamFault> {
    cut_at_pccs(fleet).map(|_| ()).unwrap_err()
}

#[test]
fn regress_several_phases() {
    let found = faults_of(&phases::uneven_fleet());
    assert_eq!(found, [SeamFault::SeveralPhases]);
    assert!(found[0].to_string().contains("several phases"));
}

#[test]
fn regress_a_second_branch_out_of_a_microgrid() {
    let found = faults_of(&fleet_on(changed(|n| n.branches.push(line("C3-F1", "C3", "F1")))));
    let [microgrid, branch, inside, outside, pcc] = ["C", "C3-F1", "C3", "F1", "F3-C1"].map(String::from);
    assert_eq!(found, [SeamFault::SecondExit { microgrid, branch, inside, outside, pcc }]);
    // A bus that nobody owns below a microgrid.
    let below = changed(|n| {
        n.buses.push(Bus { id: BusId("X".into()), v_base_kv: 12.66 });
        n.branches.push(Branch { to: BusIndex(14), ..line("C3-X", "C3", "C3") });
    });
    assert!(matches!(&faults_of(&fleet_on(below))[..], [SeamFault::SecondExit { outside, .. }] if outside == "X"));
    // A tie between two microgrids concerns both.
    let tie = Branch { tap: Complex64::ONE, ..line("tie", "A2", "B2") };
    let found = faults_of(&fleet_on(changed(|n| n.branches.push(tie))));
    let names: BTreeSet<&str> = (found.iter())
        .map(|f| match f {
            SeamFault::SecondExit { microgrid, branch, .. } if branch == "tie" => microgrid.as_str(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!((found.len(), names), (2, BTreeSet::from(["A", "B"])));
}

#[test]
fn regress_a_microgrid_below_another() {
    let nested = changed(|n| {
        n.branches[10] =
            Branch { id: BranchId("A4-C1".into()), from: bus("A4"), to: bus("C1"), ..n.branches[7].clone() };
    });
    let [inner, branch, bus, outer] = ["C", "A4-C1", "A4", "A"].map(String::from);
    assert_eq!(faults_of(&fleet_on(nested)), [SeamFault::Nested { inner, branch, bus, outer }]);
}

#[test]
fn regress_a_loop_inside_a_microgrid() {
    let found = faults_of(&fleet_on(changed(|n| n.branches.push(line("C2-C3", "C2", "C3")))));
    let [microgrid, branch, from, to] = ["C", "C2-C3", "C2", "C3"].map(String::from);
    assert_eq!(found, [SeamFault::Loop { microgrid, branch, from, to }]);
}

#[test]
fn regress_the_source_inside_a_microgrid() {
    let found = faults_of(&fleet_on(changed(|n| n.source.bus = bus("C2"))));
    assert_eq!(found, [SeamFault::HoldsSource { microgrid: "C".into(), bus: "C2".into() }]);
}

#[test]
fn regress_a_load_of_the_feeder_inside_a_microgrid() {
    let mut loads = feeder_loads();
    loads[1].connection = bus("B2").into();
    let whole = fleet();
    let limits = whole.limits.clone();
    let found = faults_of(&Fleet::try_new(whole.grid, microgrids(), loads, limits).unwrap());
    let [load, bus, microgrid] = ["lF3", "B2", "B"].map(String::from);
    assert_eq!(found, [SeamFault::FeederLoadInside { load, bus, microgrid }]);
}

#[test]
fn law_all_seam_faults_come_at_once_and_name_what_they_concern() {
    let found = faults_of(&fleet_on(changed(|n| {
        n.source.bus = bus("B1");
        n.branches.push(line("C2-C3", "C2", "C3"));
        n.branches.push(line("C3-F1", "C3", "F1"));
    })));
    assert_eq!(found.len(), 3, "{found:?}");
    for name in ["B1", "C2-C3", "C3-F1"] {
        assert!(found.iter().any(|f| f.to_string().contains(name)), "{name}: {found:?}");
    }
}

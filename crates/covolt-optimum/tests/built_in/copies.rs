//! Copies of the built-in feeder in one network: side by side at the source, or together behind one line.
#![allow(dead_code)] // each test uses its part

use covolt_fleet::*;
use covolt_grid::{Branch, BranchIndex, Bus, BusId, BusIndex, Grid, Network, Source};

/// One copy for each window; `shared_r_pu` puts a line of that resistance and reactance between the source and all of them,
/// rated `rating` times the sum of the first branches' ratings.
pub fn copies(one: &Fleet, windows: &[Window], shared_r_pu: Option<f64>, rating: f64) -> (Fleet, Window) {
    let network = one.grid.balanced().unwrap().network();
    let source = network.source().bus.0;
    let mut buses: Vec<Bus> = vec![network.buses()[source].clone()];
    let mut branches: Vec<Branch> = Vec::new();
    let mut limits = NetworkLimits { v_min_pu: vec![0.5], v_max_pu: vec![1.5], i_max_pu: Vec::new() };
    let mut head = BusIndex(0);
    if let Some(r) = shared_r_pu {
        head = BusIndex(1);
        buses.push(Bus { id: BusId("head".into()), ..buses[0].clone() });
        limits.v_min_pu.push(0.5);
        limits.v_max_pu.push(1.5);
        let first = network.branches().iter().position(|b| b.from.0 == source || b.to.0 == source).unwrap();
        let mut line = network.branches()[first].clone();
        line.id.0 = "shared".into();
        (line.from, line.to) = (BusIndex(0), head);
        line.series_z_pu = covolt_grid::Complex64::new(r, r);
        limits.i_max_pu.push(one.limits.i_max_pu[first] * windows.len() as f64 * rating);
        branches.push(line);
    }
    let (mut microgrids, mut loads) = (Vec::new(), Vec::new());
    for copy in 0..windows.len() {
        let start = buses.len();
        let place = |bus: BusIndex| match bus.0 {
            b if b == source => head,
            b => BusIndex(start + b - usize::from(b > source)),
        };
        for (b, bus) in network.buses().iter().enumerate().filter(|(b, _)| *b != source) {
            buses.push(Bus { id: BusId(format!("{}-{copy}", bus.id.0)), ..bus.clone() });
            limits.v_min_pu.push(one.limits.v_min_pu[b]);
            limits.v_max_pu.push(one.limits.v_max_pu[b]);
        }
        let first_branch = branches.len();
        for (b, branch) in network.branches().iter().enumerate() {
            let mut branch = branch.clone();
            branch.id.0 = format!("{}-{copy}", branch.id.0);
            (branch.from, branch.to) = (place(branch.from), place(branch.to));
            branches.push(branch);
            limits.i_max_pu.push(one.limits.i_max_pu[b]);
        }
        for mg in &one.microgrids {
            let mut mg = mg.clone();
            mg.name = format!("{}-{copy}", mg.name);
            mg.pcc = BranchIndex(first_branch + mg.pcc.0);
            mg.buses.iter_mut().for_each(|b| *b = place(*b));
            mg.dgs.iter_mut().for_each(|d| d.connection = place(d.connection.bus()).into());
            mg.pvs.iter_mut().for_each(|d| d.connection = place(d.connection.bus()).into());
            mg.batteries.iter_mut().for_each(|d| d.connection = place(d.connection.bus()).into());
            mg.loads.iter_mut().for_each(|d| d.connection = place(d.connection.bus()).into());
            microgrids.push(mg);
        }
        for load in &one.feeder_loads {
            loads.push(Load { id: format!("{}-{copy}", load.id), connection: place(load.connection.bus()).into() });
        }
    }
    let source = Source { bus: BusIndex(0), ..network.source().clone() };
    let network =
        Network::try_new("copies", network.base_mva(), network.f_hz(), buses, branches, Vec::new(), source).unwrap();
    let fleet = Fleet::try_new(Grid::new(network).unwrap(), microgrids, loads, limits).unwrap();
    let window = Window {
        feeder_p_kw: windows.iter().flat_map(|w| w.feeder_p_kw.clone()).collect(),
        feeder_q_kvar: windows.iter().flat_map(|w| w.feeder_q_kvar.clone()).collect(),
        microgrids: windows.iter().flat_map(|w| w.microgrids.clone()).collect(),
        ..windows[0].clone()
    };
    (fleet, window)
}

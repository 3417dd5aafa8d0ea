//! Lowest and highest voltages and largest loadings of the built-in case over its rows, under three plain dispatches.
//! (No optimisation: it shows where limits lie, not how often they bind.)

use covolt_case::{Case, Injections};
use covolt_grid::{BranchAdmittance, BranchAmperes, BranchIndex, CurrentSide, FlowOptions};

fn main() {
    let case = match std::env::args().nth(1) {
        Some(path) => Case::load(std::path::Path::new(&path)),
        None => Case::builtin(),
    };
    let case = match case {
        Ok(case) => case,
        Err(faults) => {
            faults.iter().for_each(|f| eprintln!("{f}"));
            std::process::exit(2);
        }
    };
    let grid = &case.fleet.grid;
    let network = grid.balanced().expect("the case is balanced").network();
    let mut ws = grid.workspace();
    let admittances: Vec<_> = network.branches().iter().map(BranchAdmittance::new).collect();
    let amperes: Vec<_> = (0..grid.n_branches()).filter_map(|b| BranchAmperes::new(network, BranchIndex(b))).collect();
    for (name, p_share, q_share) in [
        ("loads and PV only", 0.0, 0.0),
        ("generators at half power", 0.5, 0.0),
        ("generators full with full Q", 1.0, 1.0),
    ] {
        let (mut low, mut high, mut worst) = (Vec::new(), Vec::new(), vec![Vec::new(); grid.n_branches()]);
        for row in (0..case.profiles.rows()).step_by(11) {
            let Some(mut inj) = Injections::of_row(&case, row) else { continue };
            for d in case.fleet.microgrids.iter().flat_map(|m| &m.dgs) {
                inj.p_kw[d.connection.bus().0] += p_share * d.p_max_kw;
                inj.q_kvar[d.connection.bus().0] += q_share * d.q_max_kvar;
            }
            let demand = |v: &[f64]| v.iter().map(|x| -network.kw_to_pu(*x)).collect::<Vec<_>>();
            if let Err(e) = grid.solve(&demand(&inj.p_kw), &demand(&inj.q_kvar), &mut ws, &FlowOptions::default()) {
                println!("row {row}: {e}");
                continue;
            }
            low.push(ws.v().iter().map(|v| v.norm()).fold(f64::INFINITY, f64::min));
            high.push(ws.v().iter().map(|v| v.norm()).fold(0.0, f64::max));
            for (b, (y, a)) in admittances.iter().zip(&amperes).enumerate() {
                let i = |side| y.current(side, ws.v()).norm();
                worst[b].push(a.loading(i(CurrentSide::From), i(CurrentSide::To)).unwrap_or(0.0));
            }
        }
        let at = |v: &mut Vec<f64>, q: f64| {
            v.sort_by(f64::total_cmp);
            v.get(((v.len() - 1) as f64 * q) as usize).copied().unwrap_or(f64::NAN)
        };
        println!("{name}");
        let shown =
            |v: &mut Vec<f64>| [0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0].map(|q| format!("{:.3}", at(v, q))).join(" ");
        println!("  lowest voltage, pu (0 1 10 50 90 99 100 %): {}", shown(&mut low));
        println!("  highest voltage, pu: {}", shown(&mut high));
        let mut order: Vec<usize> = (0..worst.len()).collect();
        let peaks: Vec<f64> = worst.iter_mut().map(|w| at(w, 0.99)).collect();
        order.sort_by(|a, b| peaks[*b].total_cmp(&peaks[*a]));
        for &b in order.iter().take(10) {
            println!(
                "  loading of {} (rating {:?} A): {}",
                network.branches()[b].id,
                network.branches()[b].rating_a,
                shown(&mut worst[b])
            );
        }
    }
}

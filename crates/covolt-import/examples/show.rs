//! What became of a script: counts, notes, admittances, solution.
#![allow(clippy::unwrap_used)]
use covolt_import::{ImportSettings, opendss};
use covolt_grid::multiphase::{ElementModel, admittance_s, MultiphaseGrid, ControlOptions};
use covolt_grid::{Complex64,FlowOptions};
use std::collections::HashMap;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let settings = ImportSettings { root: std::env::args().nth(2).map(Into::into), ..ImportSettings::default() };
    let mode = std::env::args().nth(3).unwrap_or_default();
    let start = std::time::Instant::now();
    match opendss::import(&path, &settings) {
        Err(e) => println!("{path}: ERROR {}", e.to_string().chars().take(3000).collect::<String>()),
        Ok(i) => {
            let p = i.network.parts();
            let kw: f64 = p.ports.iter().map(|p| p.p_kw).sum();
            let kvar: f64 = p.ports.iter().map(|p| p.q_kvar).sum();
            eprintln!("{path}: {} buses {} nodes {} elements {} ports {} controls {} devices {kw:.2} kW {kvar:.2} kvar in {:?}", p.buses.len(), p.nodes.len(), p.elements.len(), p.ports.len(), p.controls.len(), i.devices.len(), start.elapsed());
            for n in i.report.notes.iter().take(30) { eprintln!("   {} {:?} {}", n.place, n.action, n.what); }
            let name = |n: usize| i.network.node_name(covolt_grid::multiphase::NodeIndex(n)).to_lowercase();
            if mode == "y" {
                // element contributions summed by node pair
                let mut y: HashMap<(usize,usize),Complex64> = HashMap::new();
                let mut add = |nodes: &[Option<usize>], m: &dyn Fn(usize,usize)->Complex64| for (a,na) in nodes.iter().enumerate() { for (b,nb) in nodes.iter().enumerate() { if let (Some(na),Some(nb))=(na,nb) { *y.entry((*na,*nb)).or_default() += m(a,b);} } };
                for e in &p.elements {
                    let nodes: Vec<Option<usize>> = e.terminals.iter().flat_map(|t| t.conductors.iter().map(|c| c.map(|n| n.0))).collect();
                    match &e.model {
                        ElementModel::Line { series_ohm, shunt_s } => { let s = series_ohm.inverse().unwrap(); let n = s.n(); add(&nodes, &|i,j| { let sh = shunt_s.as_ref().map_or(Complex64::ZERO, |y| y.at(i%n,j%n)/2.0); if (i<n)==(j<n) { s.at(i%n,j%n)+sh } else { -s.at(i%n,j%n) } }) }
                        ElementModel::Transformer(t) => { let m = admittance_s(t).unwrap(); add(&nodes, &|i,j| m.at(i,j)) }
                        ElementModel::Shunt { admittance_s: m, closed } => if *closed { add(&nodes, &|i,j| m.at(i,j)) },
                        ElementModel::Admittance(m) => add(&nodes, &|i,j| m.at(i,j)),
                    }
                }
                for s in &p.sources { let m = s.series_ohm.inverse().unwrap(); let nodes: Vec<Option<usize>> = s.nodes.iter().map(|n| Some(n.0)).collect(); add(&nodes, &|i,j| m.at(i,j)); }
                let all: Vec<_> = y.iter().map(|((a,b),v)| (name(*a),name(*b),v.re,v.im)).collect();
                println!("{}", serde_json::to_string(&all).unwrap());
            }
            if mode == "v" || mode == "vc" {
                let mut grid = MultiphaseGrid::new(i.network.clone()).unwrap();
                let mut ws = grid.workspace();
                let (pp,qq) = grid.nominal_demand();
                let o = FlowOptions { tolerance_pu: 1e-9, max_iterations: 200, ..FlowOptions::default() };
                if mode == "vc" { match grid.settle_controls(&pp,&qq,&mut ws,&o,&ControlOptions{max_iterations:200}) { Ok(s) => eprintln!("settled {} {:?} {:?}", s.iterations, s.taps.iter().map(|t| t.2).collect::<Vec<_>>(), s.capacitors.iter().map(|c| c.1).collect::<Vec<_>>()), Err(e) => eprintln!("ERR {e}") } }
                else { match grid.solve(&pp,&qq,&mut ws,&o) { Ok(s) => eprintln!("solved {s:?}"), Err(e) => eprintln!("ERR {e}") } }
                let all: Vec<_> = ws.v().iter().enumerate().map(|(n,v)| { let b = i.network.v_base_v(covolt_grid::multiphase::NodeIndex(n)).unwrap(); (name(n), v.re*b, v.im*b, b) }).collect();
                println!("{}", serde_json::to_string(&all).unwrap());
            }
        }
    }
}

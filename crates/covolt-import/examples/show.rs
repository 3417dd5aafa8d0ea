//! What became of a script: counts, notes, nodes.
#![allow(clippy::unwrap_used)]
use covolt_import::{ImportSettings, opendss};
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let settings = ImportSettings { root: std::env::args().nth(2).map(Into::into), ..ImportSettings::default() };
    let start = std::time::Instant::now();
    match opendss::import(&path, &settings) {
        Err(e) => println!("{path}: ERROR {}", e.to_string().chars().take(3000).collect::<String>()),
        Ok(i) => {
            let p = i.network.parts();
            let kw: f64 = p.ports.iter().map(|p| p.p_kw).sum();
            let kvar: f64 = p.ports.iter().map(|p| p.q_kvar).sum();
            println!(
                "{path}: {} buses {} nodes {} elements {} ports {} controls {} devices {kw:.2} kW {kvar:.2} kvar in {:?}",
                p.buses.len(),
                p.nodes.len(),
                p.elements.len(),
                p.ports.len(),
                p.controls.len(),
                i.devices.len(),
                start.elapsed()
            );
            for n in i.report.notes.iter().take(30) {
                println!("   {} {:?} {}", n.place, n.action, n.what);
            }
            if std::env::args().nth(3).is_some() {
                println!("{}", serde_json::to_string(p).unwrap());
            }
        }
    }
}

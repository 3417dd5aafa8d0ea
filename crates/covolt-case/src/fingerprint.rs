//! Fingerprints: SHA-256 over what a trained policy depends on (network, devices, limits, layout), and over the data.

use covolt_fleet::{Fleet, Profiles, ScaledSeries};
use covolt_grid::multiphase::MultiphaseGrid;
use covolt_grid::{BusIndex, Grid};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Bump when the text below changes its meaning.
const VERSION: &str = "covolt case 1";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        // Writing to a String cannot fail.
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// Network, devices, limits, window. Series, names of files, prices and start states are left out: a policy goes on with new data.
pub(crate) fn case_fingerprint(fleet: &Fleet, steps: usize, dt_h: f64) -> String {
    let mut text = String::new();
    let mut line = |parts: &[&str], numbers: &[f64]| {
        // `{:?}` writes the shortest text that reads back to the same number.
        let _ = writeln!(text, "{}|{numbers:?}", parts.join("|"));
    };
    let grid = &fleet.grid;
    let bus = |i: BusIndex| grid.bus_id(i);
    if let Some(network) = grid.balanced().map(Grid::network) {
        line(&[VERSION], &[network.base_mva(), network.f_hz(), steps as f64, dt_h]);
        let s = network.source();
        line(&["source", bus(s.bus)], &[s.v_pu, s.angle_deg]);
        for (i, b) in network.buses().iter().enumerate() {
            let limit = |v: &[f64]| v.get(i).copied().unwrap_or(f64::NAN);
            line(&["bus", &b.id.0], &[b.v_base_kv, limit(&fleet.limits.v_min_pu), limit(&fleet.limits.v_max_pu)]);
        }
        for (i, b) in network.branches().iter().enumerate() {
            let z = [b.series_z_pu, b.shunt_from_pu, b.shunt_to_pu];
            let limit = fleet.limits.i_max_pu.get(i).copied().unwrap_or(f64::NAN);
            let numbers = [z[0].re, z[0].im, z[1].re, z[1].im, z[2].re, z[2].im, b.tap.re, b.tap.im, limit];
            line(&["branch", &b.id.0, bus(b.from), bus(b.to)], &numbers);
        }
        for shunt in network.shunts() {
            let y = shunt.y_pu;
            line(&["shunt", bus(shunt.bus)], &[y.re, y.im]);
        }
    }
    if let Some(network) = grid.multiphase().map(MultiphaseGrid::network) {
        // Loads' nominal powers are data, like series; everything else decides what a policy may do.
        let parts = network.parts();
        line(&[VERSION, "multi-phase"], &[parts.base_mva, parts.f_hz, steps as f64, dt_h]);
        let mut json = |kind: &str, value: serde_json::Result<String>| line(&[kind, &value.unwrap_or_default()], &[]);
        json("nodes", serde_json::to_string(&parts.nodes));
        json("elements", serde_json::to_string(&parts.elements));
        json("sources", serde_json::to_string(&parts.sources));
        for b in &parts.buses {
            line(&["bus", &b.id.0], &[b.v_base_kv]);
        }
        for port in &parts.ports {
            let to = port.to.map_or(f64::NAN, |node| node.0 as f64);
            line(&["port", &port.id], &[port.from.0 as f64, to, port.v_rated_kv]);
            line(&[&format!("{:?} {:?}", port.dependence, port.range)], &[]);
        }
        for (name, limits) in [
            ("lowest", &fleet.limits.v_min_pu),
            ("highest", &fleet.limits.v_max_pu),
            ("current", &fleet.limits.i_max_pu),
        ] {
            line(&[name], limits);
        }
    }
    for l in &fleet.feeder_loads {
        line(&["load", &l.id, bus(l.connection.bus())], &[]);
    }
    for m in &fleet.microgrids {
        let pcc = grid.branch_id(m.pcc);
        line(&["microgrid", &m.name, pcc], &[m.fuel_price_per_l]);
        for b in &m.buses {
            line(&["of", bus(*b)], &[]);
        }
        for d in &m.dgs {
            let f = d.fuel;
            let s = d.s_max_kva.unwrap_or(f64::INFINITY);
            line(
                &["dg", &d.id, bus(d.connection.bus())],
                &[d.p_max_kw, d.q_max_kvar, d.ramp_kw_per_min, s, f.a_l_per_kw2h, f.b_l_per_kwh, f.c_l_per_h],
            );
        }
        for d in &m.pvs {
            line(&["pv", &d.id, bus(d.connection.bus())], &[d.q_max_kvar, d.s_max_kva.unwrap_or(f64::INFINITY)]);
        }
        for d in &m.batteries {
            let s = d.s_max_kva.unwrap_or(f64::INFINITY);
            let numbers = [
                d.capacity_kwh,
                d.soc_min,
                d.soc_max,
                d.p_charge_max_kw,
                d.p_discharge_max_kw,
                d.eta_charge,
                d.eta_discharge,
                d.q_max_kvar,
                s,
            ];
            line(&["battery", &d.id, bus(d.connection.bus())], &numbers);
        }
        for l in &m.loads {
            line(&["load", &l.id, bus(l.connection.bus())], &[]);
        }
    }
    hex(&Sha256::digest(text.as_bytes()))
}

/// What parts of one whole have in common and may show: first half of the SHA-256 over the operator's part, the microgrids' names in
/// order, the window length. Nothing of what a microgrid holds.
pub(crate) fn cut_fingerprint<'a>(operator: &str, microgrids: impl Iterator<Item = &'a str>, steps: usize) -> String {
    let mut text = format!("covolt parts|{operator}|{steps}");
    microgrids.for_each(|name| {
        let _ = write!(text, "|{name:?}");
    });
    hex(&Sha256::digest(text.as_bytes())[..16])
}

/// All values of the profiles with their time stamps. A shape is hashed once, however many series share it.
pub(crate) fn data_fingerprint(profiles: &Profiles) -> String {
    let mut hash = Sha256::new();
    profiles.unix_s.iter().for_each(|s| hash.update(s.to_le_bytes()));
    let mut shapes: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let mut add = |s: &ScaledSeries| {
        // The profiles keep every shape alive, so an address stands for one shape.
        let shape = shapes.entry(s.shape.as_ptr() as usize).or_insert_with(|| {
            let mut hash = Sha256::new();
            s.shape.iter().for_each(|v| hash.update(v.to_le_bytes()));
            hash.finalize().to_vec()
        });
        hash.update(shape);
        hash.update(s.scale.to_le_bytes());
        hash.update(s.offset.to_bytes());
    };
    for l in profiles.feeder_loads.iter().chain(profiles.microgrids.iter().flat_map(|m| &m.loads)) {
        add(&l.p_kw);
        add(&l.q_kvar);
    }
    for m in &profiles.microgrids {
        m.pvs_kw.iter().for_each(&mut add);
        add(&m.price_per_kwh);
    }
    hex(&hash.finalize())
}

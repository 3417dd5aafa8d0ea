//! Networks shared by the tests: the two published feeders, the 98-bus reference case, random networks.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::needless_range_loop)]

pub mod feeder;

use covolt_grid::{Branch, BranchId, BranchKind, Bus, BusId, BusIndex, Complex64, Network, Shunt, Source};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};

pub struct Case {
    pub network: Network,
    pub p: Vec<f64>,
    pub q: Vec<f64>,
}

pub fn c(re: f64, im: f64) -> Complex64 {
    Complex64::new(re, im)
}

pub fn bus(id: impl ToString, v_base_kv: f64) -> Bus {
    Bus { id: BusId(id.to_string()), v_base_kv }
}

pub fn line(id: impl ToString, from: usize, to: usize, z: Complex64, charging: f64) -> Branch {
    let half = c(0.0, charging / 2.0);
    Branch {
        id: BranchId(id.to_string()),
        from: BusIndex(from),
        to: BusIndex(to),
        kind: BranchKind::Line,
        series_z_pu: z,
        shunt_from_pu: half,
        shunt_to_pu: half,
        tap: Complex64::ONE,
        rating_a: None,
    }
}

pub fn transformer(id: impl ToString, from: usize, to: usize, z: Complex64, tap: Complex64) -> Branch {
    Branch { kind: BranchKind::Transformer, tap, ..line(id, from, to, z, 0.0) }
}

pub fn source(bus: usize, v_pu: f64) -> Source {
    Source { bus: BusIndex(bus), v_pu, angle_deg: 0.0 }
}

fn rows(path: &Path) -> Vec<Vec<f64>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().map(|r| r.unwrap().iter().map(|x| x.parse().unwrap()).collect()).collect()
}

/// A published feeder on `base_mva`; with `ties` also its open branches.
pub fn baran_wu(buses: usize, base_mva: f64, ties: bool) -> Case {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let bus_rows = rows(&folder.join(format!("baran_wu_{buses}_buses.csv")));
    let branch_rows = rows(&folder.join(format!("baran_wu_{buses}_branches.csv")));
    let z_base = 12.66 * 12.66 / base_mva;
    let branches = (branch_rows.iter().enumerate())
        .filter(|(_, r)| ties || r[4] == 1.0)
        .map(|(k, r)| {
            let z = c(r[2], r[3]) / z_base;
            line(k + 1, r[0] as usize - 1, r[1] as usize - 1, z, 0.0)
        })
        .collect();
    let network = Network::try_new(
        format!("baran_wu_{buses}"),
        base_mva,
        60.0,
        bus_rows.iter().map(|r| bus(r[0], 12.66)).collect(),
        branches,
        vec![],
        source(0, 1.0),
    )
    .unwrap();
    let scale = 1e-3 / base_mva;
    Case {
        network,
        p: bus_rows.iter().map(|r| r[1] * scale).collect(),
        q: bus_rows.iter().map(|r| r[2] * scale).collect(),
    }
}

/// The folder of shared reference data, or `None` (with a message) when it is not there.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("COVOLT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join(folder);
    if !path.is_dir() {
        println!("SKIPPED: no reference data at {} (set COVOLT_SHARED)", path.display());
        return None;
    }
    Some(path)
}

/// The 98-bus reference case with its base injections, if the shared data is there.
pub fn net98() -> Option<Case> {
    let folder = shared("reference/net98")?;
    let text = std::fs::read_to_string(folder.join("net.json")).unwrap();
    let net: serde_json::Value = serde_json::from_str(&text).unwrap();
    let number = |v: &serde_json::Value, key: &str| v[key].as_f64().unwrap();
    let buses: Vec<Bus> = (net["buses"].as_array().unwrap().iter())
        .map(|b| bus(b["name"].as_str().unwrap(), number(b, "vn_kv")))
        .collect();
    let branches = (net["branches"].as_array().unwrap().iter())
        .map(|b| {
            let (from, to) = (number(b, "from") as usize, number(b, "to") as usize);
            let z = c(number(b, "r_pu"), number(b, "x_pu"));
            let mut branch = if b["kind"] == "line" {
                line(&b["name"], from, to, z, number(b, "b_pu"))
            } else {
                transformer(&b["name"], from, to, z, c(number(b, "tap"), 0.0))
            };
            branch.rating_a = Some(number(b, "imax_a"));
            branch
        })
        .collect();
    let network = Network::try_new(
        "net98",
        number(&net, "base_mva"),
        number(&net, "f_hz"),
        buses,
        branches,
        vec![],
        source(number(&net["source"], "bus") as usize, number(&net["source"], "v_pu")),
    )
    .unwrap();
    let n = network.buses().len();
    let (mut p, mut q) = (vec![0.0; n], vec![0.0; n]);
    for r in rows(&folder.join("injections_base.csv")) {
        p[r[1] as usize] -= network.kw_to_pu(r[2]);
        q[r[1] as usize] -= network.kw_to_pu(r[3]);
    }
    Some(Case { network, p, q })
}

/// A random network with transformers, charging, shunts and generation; `loops` branches close loops.
pub fn random(seed: u64, n: usize, loops: usize) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut kv = vec![12.66; n];
    let mut branches = Vec::new();
    for k in 1..n {
        // Mostly a chain with side branches, so that trees are deep as well as wide.
        let parent = if rng.random_bool(0.6) { k - 1 } else { rng.random_range(0..k) };
        let z = c(rng.random_range(0.0005..0.004), rng.random_range(0.0003..0.004));
        let (from, to) = if rng.random_bool(0.5) { (parent, k) } else { (k, parent) };
        if rng.random_bool(0.15) {
            kv[k] = if kv[parent] > 1.0 { 0.4 } else { 12.66 };
            let tap = Complex64::from_polar(rng.random_range(0.95..1.05), rng.random_range(-0.1..0.1));
            branches.push(transformer(k, from, to, z * 4.0, tap));
        } else {
            kv[k] = kv[parent];
            branches.push(line(k, from, to, z, rng.random_range(0.0..0.002)));
        }
    }
    close_loops(&mut rng, &mut branches, &kv, loops);
    let buses = (0..n).map(|k| bus(format!("bus {k}"), kv[k])).collect();
    let shunts = (0..n / 10)
        .map(|_| Shunt {
            bus: BusIndex(rng.random_range(0..n)),
            y_pu: c(rng.random_range(0.0..0.01), rng.random_range(-0.05..0.05)),
        })
        .collect();
    let scale = 3.0 / n as f64;
    let p = (0..n).map(|_| rng.random_range(-0.5..1.0) * scale).collect();
    let q = (0..n).map(|_| rng.random_range(-0.3..0.5) * scale).collect();
    let mut source = source(0, 1.02);
    source.angle_deg = 7.0;
    let network = Network::try_new("random", 1.0, 50.0, buses, branches, shunts, source).unwrap();
    Case { network, p, q }
}

fn close_loops(rng: &mut impl Rng, branches: &mut Vec<Branch>, kv: &[f64], loops: usize) {
    let n = kv.len();
    let mut closed = 0;
    while closed < loops {
        let (a, b) = (rng.random_range(0..n), rng.random_range(0..n));
        if a == b || kv[a] != kv[b] {
            continue;
        }
        let z = c(rng.random_range(0.01..0.05), rng.random_range(0.01..0.05));
        branches.push(line(format!("tie {closed}"), a, b, z, 0.0));
        closed += 1;
    }
}

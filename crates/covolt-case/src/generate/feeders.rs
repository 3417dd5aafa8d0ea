//! Feeders of a generated case: one source bus, a substation transformer per feeder, mains of up to twenty microgrids.
//!
//! A main is a trunk with one lateral bus at each of its buses; one microgrid hangs at each pair, at the trunk or at the lateral. The trunk
//! forks now and then. Impedances are those of common overhead lines per km, balanced positive-sequence values.

use super::microgrids::{Templates, follow};
use super::{GeneratedCase, PER_FEEDER, round};
use crate::table_rows::{BranchKindName, BranchRow, BusRow};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Bus of the source.
pub(super) const SOURCE: &str = "S";
const SOURCE_KV: f64 = 110.0;
/// Voltage of the feeders, as of the built-in case, whose PCC transformers fit then.
const FEEDER_KV: f64 = 12.66;
/// Microgrids of one main.
const PER_MAIN: usize = 20;
/// Substation transformer: kVA per microgrid, and its impedance.
const SUBSTATION_KVA: f64 = 700.0;
const SUBSTATION_PERCENT: (f64, f64) = (0.5, 8.0);
/// Ohm per km.
const TRUNK_OHM: (f64, f64) = (0.15, 0.32);
const LATERAL_OHM: (f64, f64) = (0.39, 0.36);
/// Lengths, km.
const TRUNK_KM: std::ops::Range<f64> = 0.25..0.6;
const LATERAL_KM: std::ops::Range<f64> = 0.2..0.8;
/// Chance that the trunk goes on from an earlier bus.
const FORK: f64 = 0.25;
/// Loads at feeder buses in units of the built-in feeder's.
const FEEDER_LOAD: std::ops::Range<f64> = 0.25..0.45;

/// Adds source, feeders and their loads; the bus at which each of `count` microgrids hangs.
pub(super) fn add(case: &mut GeneratedCase, count: usize, templates: &Templates, rng: &mut ChaCha8Rng) -> Vec<String> {
    bus(case, SOURCE, SOURCE_KV);
    let mut taps = Vec::with_capacity(count);
    for f in 1..=count.div_ceil(PER_FEEDER) {
        let here = (count - taps.len()).min(PER_FEEDER);
        let [substation, trunk, lateral] = [0, 1, 2].map(|k| case.groups + k);
        case.groups += 3;
        let head = format!("F{f}_0");
        bus(case, &head, FEEDER_KV);
        let (r, x) = SUBSTATION_PERCENT;
        let transformer = BranchRow {
            kind: BranchKindName::Transformer,
            r_percent: Some(r),
            x_percent: Some(x),
            rated_kva: Some(round(SUBSTATION_KVA * here as f64)),
            ..row(&format!("SUB{f}"), SOURCE, &head)
        };
        branch(case, transformer, substation);
        let mut trunks: Vec<String> = Vec::new();
        for i in 0..here {
            if i % PER_MAIN == 0 {
                trunks.clear();
            }
            let from = match trunks.last() {
                None => head.clone(),
                Some(_) if rng.random_bool(FORK) => trunks[rng.random_range(0..trunks.len())].clone(),
                Some(last) => last.clone(),
            };
            let on_trunk = format!("F{f}_{}", 2 * i + 1);
            let on_lateral = format!("F{f}_{}", 2 * i + 2);
            for (from, to, km, ohm, group) in [
                (&from, &on_trunk, rng.random_range(TRUNK_KM), TRUNK_OHM, trunk),
                (&on_trunk, &on_lateral, rng.random_range(LATERAL_KM), LATERAL_OHM, lateral),
            ] {
                bus(case, to, FEEDER_KV);
                let (r, x) = (Some(round(ohm.0 * km)), Some(round(ohm.1 * km)));
                branch(case, BranchRow { r_ohm: r, x_ohm: x, ..row(&format!("{from}-{to}"), from, to) }, group);
                let load = &templates.feeder_loads[rng.random_range(0..templates.feeder_loads.len())];
                let size = rng.random_range(FEEDER_LOAD);
                case.loads.push(follow(load, &format!("L{to}"), to, size, rng));
            }
            taps.push(if rng.random_bool(0.5) { on_trunk.clone() } else { on_lateral });
            trunks.push(on_trunk);
        }
    }
    taps
}

fn bus(case: &mut GeneratedCase, id: &str, kv: f64) {
    case.buses.push(BusRow {
        id: id.to_owned(),
        kv,
        microgrid: None,
        v_min_pu: None,
        v_max_pu: None,
        shunt_g_kw: None,
        shunt_b_kvar: None,
    });
}

fn branch(case: &mut GeneratedCase, row: BranchRow, group: usize) {
    case.branches.push(row);
    case.group.push(Some(group));
}

/// A line without impedance.
fn row(id: &str, from: &str, to: &str) -> BranchRow {
    BranchRow {
        id: id.to_owned(),
        kind: BranchKindName::Line,
        from: from.to_owned(),
        to: to.to_owned(),
        r_ohm: None,
        x_ohm: None,
        b_us: None,
        r_pu: None,
        x_pu: None,
        b_pu: None,
        r_percent: None,
        x_percent: None,
        rated_kva: None,
        tap: None,
        rating_a: None,
    }
}

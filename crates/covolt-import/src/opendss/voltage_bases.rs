//! Which voltage base has each bus?
//!
//! As `CalcVoltageBases` does after its solution without loads: the voltage of the source goes through the network, changed by
//! the ratings of the windings it passes, and each bus takes the nearest of `Set voltagebases` (line to line, by ratio), or what
//! arrived where there is no such list. Bases are to ground: line to line over the square root of three; the 120 V halves of a
//! service transformer have 0.12 kV.

use super::draft::Draft;
use covolt_grid::multiphase::{ElementModel, Transformer, WindingConnection};
use std::collections::{BTreeMap, VecDeque};

/// Base of each bus of the draft, kV to ground; buses that nothing reaches keep the source's.
pub(crate) fn voltage_bases(
    draft: &Draft,
    source_kv: f64,
    legal_kv: &[f64],
    given: &BTreeMap<String, f64>,
) -> Vec<f64> {
    let mut at_bus: Vec<Vec<usize>> = vec![Vec::new(); draft.buses.len()];
    for (e, element) in draft.elements.iter().enumerate() {
        element.terminals.iter().for_each(|t| at_bus[t.bus.0].push(e));
    }
    let mut found: Vec<Option<f64>> = vec![None; draft.buses.len()];
    let mut frontier: VecDeque<(usize, f64)> = draft.sources.iter().take(1).map(|s| (s.bus.0, source_kv)).collect();
    frontier.extend(draft.sources.iter().skip(1).filter_map(|s| {
        let magnitude = s.emf_v.first()?.norm() / 1e3;
        Some((s.bus.0, magnitude))
    }));
    while let Some((bus, kv)) = frontier.pop_front() {
        if found[bus].is_some() {
            continue;
        }
        found[bus] = Some(kv);
        for &e in &at_bus[bus] {
            let element = &draft.elements[e];
            let here = element.terminals.iter().position(|t| t.bus.0 == bus).unwrap_or(0);
            for (there, terminal) in element.terminals.iter().enumerate() {
                let ratio = match &element.model {
                    ElementModel::Transformer(t) => {
                        let to_ground = |w: usize| to_ground_kv(t, w, &element.terminals[w].conductors);
                        to_ground(there) / to_ground(here)
                    }
                    _ => 1.0,
                };
                frontier.push_back((terminal.bus.0, kv * ratio));
            }
        }
    }
    let base = |(bus, kv): (usize, &Option<f64>)| {
        let kv = kv.unwrap_or(source_kv);
        let nearest = |kv: f64| {
            let off = |legal: f64| (1.0 - kv * 3f64.sqrt() / legal).abs();
            legal_kv.iter().copied().min_by(|a, b| off(*a).total_cmp(&off(*b))).map_or(kv, |legal| legal / 3f64.sqrt())
        };
        given.get(&draft.buses[bus].to_lowercase()).copied().unwrap_or_else(|| nearest(kv))
    };
    found.iter().enumerate().map(base).collect()
}

/// Rated voltage of a winding's nodes to ground, kV.
fn to_ground_kv<N>(t: &Transformer, winding: usize, conductors: &[Option<N>]) -> f64 {
    let Some(w) = t.windings.get(winding) else { return 1.0 };
    let between_nodes = conductors.iter().take(2).all(Option::is_some) && conductors.len() >= 2;
    match (w.connection, t.phases) {
        (WindingConnection::Wye, 1) if !between_nodes => w.v_rated_kv,
        _ => w.v_rated_kv / 3f64.sqrt(),
    }
}

//! Feeders: the parts of the network that meet at the source bus only, each as a fleet of its own.
//!
//! The source keeps its voltage whatever flows, so the power flow equations of one part hold no voltage of another: with
//! the source row and column left out, Y of the whole network is block diagonal, one block per connected part of the
//! network without its source bus, and so is every sensitivity. Cost and limits are sums and lists over buses, branches
//! and microgrids. A window of the whole fleet is therefore exactly the windows of its feeders side by side, and the
//! optimum, a repair or a polish of each is that of the whole (`law_feeders_do_not_influence_each_other`).
//!
//! A part may be meshed, may hold no microgrid, and may be a single microgrid at the source.

use crate::fleet::{Fleet, Microgrid};
use crate::limits::NetworkLimits;
use crate::returns::{Limit, Nearest, WindowReturns};
use crate::sub_fleet::{Members, Whole};
use crate::window::Window;
use covolt_grid::{Grid, Network};
use std::sync::{Arc, Mutex, PoisonError};

/// One feeder; bus 0 of its network is the source.
#[derive(Debug)]
pub struct Feeder {
    /// The feeder's own network, microgrids, loads and limits.
    pub fleet: Fleet,
    /// Number in the whole fleet of each of its microgrids, rising.
    pub microgrids: Vec<usize>,
    /// Number in the whole fleet of each of its loads outside microgrids, rising.
    pub loads: Vec<usize>,
    /// Index in the whole network of each of its buses; the source first, the others rising.
    pub buses: Vec<usize>,
    /// Index in the whole network of each of its branches, rising.
    pub branches: Vec<usize>,
}

/// All feeders of a fleet, and what they were cut from.
#[derive(Debug)]
struct Cut {
    feeders: Arc<[Feeder]>,
    microgrids: Vec<Microgrid>,
    limits: NetworkLimits,
}

/// Memory of [`Fleet::feeders`]: cut once, and again where limits or devices were changed since.
#[derive(Debug, Default)]
pub(crate) struct FeederMemory {
    cut: Mutex<Option<Cut>>,
}

impl Fleet {
    /// The feeders in the order of their first bus; none where the network is a single part, which is its own feeder, and none in
    /// multi-phase networks, whose sources are behind an impedance that ties everything together.
    pub fn feeders(&self) -> Arc<[Feeder]> {
        let mut memory = self.feeder_memory.cut.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cut) = memory
            .as_ref()
            .filter(|cut| cut.feeders.is_empty() || (cut.limits == self.limits && cut.microgrids == self.microgrids))
        {
            return Arc::clone(&cut.feeders);
        }
        let feeders: Arc<[Feeder]> = cut_feeders(self).into();
        let kept = if feeders.is_empty() { Vec::new() } else { self.microgrids.clone() };
        *memory = Some(Cut { feeders: Arc::clone(&feeders), microgrids: kept, limits: self.limits.clone() });
        feeders
    }
}

/// Part of each bus, counted from 0 in the order of their first bus; the source's is the number of parts.
fn part_of_bus(network: &Network) -> Vec<usize> {
    let (n, source) = (network.buses().len(), network.source().bus.0);
    let mut neighbours = vec![Vec::new(); n];
    for branch in network.branches() {
        neighbours[branch.from.0].push(branch.to.0);
        neighbours[branch.to.0].push(branch.from.0);
    }
    let mut part = vec![usize::MAX; n];
    let mut parts = 0;
    let mut frontier = Vec::new();
    for first in (0..n).filter(|&bus| bus != source) {
        if part[first] != usize::MAX {
            continue;
        }
        part[first] = parts;
        frontier.push(first);
        while let Some(bus) = frontier.pop() {
            for &next in neighbours[bus].iter().filter(|&&next| next != source) {
                if part[next] == usize::MAX {
                    part[next] = parts;
                    frontier.push(next);
                }
            }
        }
        parts += 1;
    }
    part[source] = parts;
    part
}

fn cut_feeders(fleet: &Fleet) -> Vec<Feeder> {
    let Some(network) = fleet.grid.balanced().map(Grid::network) else { return Vec::new() };
    let source = network.source().bus.0;
    let part = part_of_bus(network);
    let parts = part[source];
    // A microgrid in several parts, or with the source among its buses, ties them together for its owner.
    let branches = network.branches();
    let in_one_part = |mg: &Microgrid| mg.buses.iter().all(|b| part[b.0] == part[branches[mg.pcc.0].to.0]);
    if parts < 2 || fleet.microgrids.iter().any(|mg| part[branches[mg.pcc.0].to.0] == parts || !in_one_part(mg)) {
        return Vec::new();
    }
    // Everything sorted into its part in one pass each, so that cutting is linear in the size of the fleet.
    let of_part = |owners: &mut dyn Iterator<Item = usize>| {
        let mut lists = vec![Vec::new(); parts];
        owners.enumerate().filter(|(_, p)| *p < parts).for_each(|(i, p)| lists[p].push(i));
        lists
    };
    let far_end = |b: &covolt_grid::Branch| if b.from.0 == source { b.to.0 } else { b.from.0 };
    let buses = of_part(&mut part.iter().copied());
    let branch_lists = of_part(&mut branches.iter().map(|b| part[far_end(b)]));
    let shunts = of_part(&mut network.shunts().iter().map(|s| part[s.bus.0]));
    let microgrids = of_part(&mut fleet.microgrids.iter().map(|m| part[branches[m.pcc.0].to.0]));
    let loads = of_part(&mut fleet.feeder_loads.iter().map(|l| part[l.connection.bus().0]));
    let mut whole = Whole::new(fleet, network);
    let mut feeders = Vec::with_capacity(parts);
    for p in 0..parts {
        let members = Members {
            buses: std::iter::once(source).chain(buses[p].iter().copied()).collect(),
            branches: branch_lists[p].clone(),
            shunts: shunts[p].clone(),
            microgrids: microgrids[p].clone(),
            loads: loads[p].clone(),
        };
        // A part of a valid network is valid; were it refused, the fleet stays in one piece.
        let Ok(fleet) = whole.part(&members, network.source().clone()) else { return Vec::new() };
        let Members { buses, branches, microgrids, loads, .. } = members;
        feeders.push(Feeder { fleet, microgrids, loads, buses, branches });
    }
    feeders
}

impl Feeder {
    /// Its part of a window.
    pub fn window(&self, whole: &Window) -> Window {
        let series = |all: &[f64]| {
            self.loads.iter().flat_map(|l| all[l * whole.steps..(l + 1) * whole.steps].iter().copied()).collect()
        };
        Window {
            dt_h: whole.dt_h,
            steps: whole.steps,
            row: whole.row,
            hour_of_day: whole.hour_of_day,
            weekday: whole.weekday,
            feeder_p_kw: series(&whole.feeder_p_kw),
            feeder_q_kvar: series(&whole.feeder_q_kvar),
            microgrids: self.of_microgrids(&whole.microgrids),
            pcc: None,
        }
    }

    /// Its microgrids' entries of a list over all microgrids.
    pub fn of_microgrids<T: Clone>(&self, all: &[T]) -> Vec<T> {
        self.microgrids.iter().map(|&n| all[n].clone()).collect()
    }

    /// A limit of the feeder as the whole network numbers it.
    pub fn limit_in_whole(&self, limit: Limit) -> Limit {
        match limit {
            Limit::VoltageLow(bus) => Limit::VoltageLow(self.buses[bus]),
            Limit::VoltageHigh(bus) => Limit::VoltageHigh(self.buses[bus]),
            Limit::Current(branch) => Limit::Current(self.branches[branch]),
        }
    }
}

/// Returns of a fleet of `microgrids` microgrids from those of its feeders, in the feeders' order.
pub fn join_returns(feeders: &[Feeder], parts: &[WindowReturns], microgrids: usize, steps: usize) -> WindowReturns {
    let mut whole = WindowReturns {
        costs: vec![crate::cost::Cost::default(); microgrids],
        export_kw: vec![0.0; microgrids * steps],
        voltage: None,
        current: None,
        voltage_violation_sum_pu: 0.0,
        current_violation_sum: 0.0,
    };
    for (feeder, part) in feeders.iter().zip(parts) {
        for (own, &n) in feeder.microgrids.iter().enumerate() {
            whole.costs[n] = part.costs[own];
            whole.export_kw[n * steps..(n + 1) * steps]
                .copy_from_slice(&part.export_kw[own * steps..(own + 1) * steps]);
        }
        let named = |nearest: Option<Nearest>| nearest.map(|n| Nearest { limit: feeder.limit_in_whole(n.limit), ..n });
        keep_nearer(&mut whole.voltage, named(part.voltage));
        keep_nearer(&mut whole.current, named(part.current));
        whole.voltage_violation_sum_pu += part.voltage_violation_sum_pu;
        whole.current_violation_sum += part.current_violation_sum;
    }
    whole
}

/// The nearer of two; of equals the one that the whole network lists first, by step and element.
fn keep_nearer(slot: &mut Option<Nearest>, other: Option<Nearest>) {
    let Some(other) = other else { return };
    let place = |n: &Nearest| match n.limit {
        Limit::VoltageLow(i) => (n.step, i, 0),
        Limit::VoltageHigh(i) => (n.step, i, 1),
        Limit::Current(i) => (n.step, i, 2),
    };
    let nearer = slot.is_none_or(|known| {
        other.excess > known.excess
            || (other.excess.is_nan() && !known.excess.is_nan())
            || (other.excess == known.excess && place(&other) < place(&known))
    });
    if nearer {
        *slot = Some(other);
    }
}

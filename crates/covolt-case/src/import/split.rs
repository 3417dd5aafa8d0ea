//! Which parts of a feeder become microgrids: the subtrees behind chosen branches, or branches chosen by rule.
//!
//! The feeder must be a tree of buses below its source. A microgrid is everything behind its PCC, a line, switch or transformer
//! whose first terminal is turned to the feeder (lines are turned where they are not). By rule, N branches are chosen one after the
//! other: of those that no chosen microgrid contains or is contained in, the one whose subtree's load is nearest to the (N+1)-th part of
//! the whole load, switches and three-phase branches first: a missing phase counts as a fifth of the wanted load further away, no
//! switch as a tenth.

use super::FeederLoad;
use covolt_grid::BusIndex;
use covolt_grid::multiphase::{ElementModel, MultiphaseParts};
use thiserror::Error;

/// What the user wants.
#[derive(Debug, Clone, PartialEq)]
pub enum SplitWish {
    /// This many, by rule.
    Count(usize),
    /// Behind these branches: (branch id, name of the microgrid).
    Behind(Vec<(String, String)>),
}

/// One microgrid.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitMicrogrid {
    /// Name.
    pub name: String,
    /// Id of its PCC branch.
    pub pcc: String,
    /// Its buses, rising.
    pub buses: Vec<usize>,
    /// Peak of its loads, kW.
    pub load_kw: f64,
}

/// Why the feeder cannot be split so.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SplitFault {
    /// A loop of branches.
    #[error(
        "the feeder has a loop through {branch}: open a switch of it (a microgrid meets the network at one branch)"
    )]
    Loop {
        /// A branch of the loop.
        branch: String,
    },
    /// No such branch.
    #[error("there is no branch \"{branch}\"; {known}")]
    UnknownBranch {
        /// As the user wrote it.
        branch: String,
        /// Names that are near, or where to find them.
        known: String,
    },
    /// A branch with nothing behind it, or one whose transformer cannot be turned.
    #[error("{branch} cannot be a PCC: {why}")]
    NotAPcc {
        /// The branch.
        branch: String,
        /// Why.
        why: String,
    },
    /// One microgrid inside another.
    #[error("the parts behind {first} and {second} overlap")]
    Overlap {
        /// A branch.
        first: String,
        /// Another one.
        second: String,
    },
    /// Fewer candidates than wanted.
    #[error("only {found} of {wanted} microgrids can be cut out by rule: name the branches with --pcc")]
    TooFew {
        /// Found.
        found: usize,
        /// Wanted.
        wanted: usize,
    },
}

/// The feeder as a tree of buses.
struct BusTree {
    /// Element that feeds each bus; `None` at the source and at buses that are not reached.
    feeding: Vec<Option<usize>>,
    /// Buses in the order in which they were reached.
    order: Vec<usize>,
}

impl BusTree {
    fn new(parts: &MultiphaseParts) -> Result<BusTree, SplitFault> {
        let n = parts.buses.len();
        let mut at_bus: Vec<Vec<usize>> = vec![Vec::new(); n];
        for (e, element) in parts.elements.iter().enumerate().filter(|(_, e)| e.terminals.len() > 1) {
            element.terminals.iter().for_each(|t| at_bus[t.bus.0].push(e));
        }
        let mut tree = BusTree { feeding: vec![None; n], order: Vec::with_capacity(n) };
        let mut reached = vec![false; n];
        let mut used = vec![false; parts.elements.len()];
        for source in &parts.sources {
            if !std::mem::replace(&mut reached[source.bus.0], true) {
                tree.order.push(source.bus.0);
            }
        }
        let mut next = 0;
        while let Some(&bus) = tree.order.get(next) {
            next += 1;
            for &e in &at_bus[bus] {
                if std::mem::replace(&mut used[e], true) {
                    continue;
                }
                let mut behind: Vec<usize> =
                    parts.elements[e].terminals.iter().map(|t| t.bus.0).filter(|&b| b != bus).collect();
                behind.dedup();
                // Phases of one branch may be separate elements side by side (banks of regulators): the first feeds.
                for other in behind {
                    if !std::mem::replace(&mut reached[other], true) {
                        tree.feeding[other] = Some(e);
                        tree.order.push(other);
                    } else if !beside(parts, &tree, e, bus, other) {
                        return Err(SplitFault::Loop { branch: parts.elements[e].id.clone() });
                    }
                }
            }
        }
        Ok(tree)
    }

    fn parent(&self, parts: &MultiphaseParts, bus: usize) -> Option<usize> {
        let element = &parts.elements[self.feeding[bus]?];
        // The bus of the element that was reached first.
        let place = |b: usize| self.order.iter().position(|&o| o == b);
        element.terminals.iter().map(|t| t.bus.0).min_by_key(|&b| place(b))
    }

    /// Everything behind `bus`, the bus itself included, rising.
    fn behind(&self, parents: &[Option<usize>], bus: usize) -> Vec<usize> {
        let mut inside = vec![false; self.feeding.len()];
        inside[bus] = true;
        for &b in &self.order {
            if parents[b].is_some_and(|p| inside[p]) {
                inside[b] = true;
            }
        }
        (0..inside.len()).filter(|&b| inside[b]).collect()
    }
}

/// True for an element that joins the same two buses as the one that feeds one of them.
fn beside(parts: &MultiphaseParts, tree: &BusTree, element: usize, a: usize, b: usize) -> bool {
    let joins = |e: usize| {
        let buses: Vec<usize> = parts.elements[e].terminals.iter().map(|t| t.bus.0).collect();
        buses.contains(&a) && buses.contains(&b)
    };
    joins(element) && [a, b].iter().any(|&bus| tree.feeding[bus].is_some_and(joins))
}

/// A branch that could be a PCC.
struct Candidate {
    element: usize,
    buses: Vec<usize>,
    load_kw: f64,
    /// Its first terminal is turned away from the feeder.
    turned: bool,
}

/// Cuts microgrids out of a feeder; lines that become a PCC are turned so that their first terminal is the feeder's.
///
/// # Errors
/// See [`SplitFault`].
pub fn split(
    parts: &mut MultiphaseParts,
    loads: &[FeederLoad],
    wish: &SplitWish,
) -> Result<Vec<SplitMicrogrid>, SplitFault> {
    let tree = BusTree::new(parts)?;
    let parents: Vec<Option<usize>> = (0..parts.buses.len()).map(|bus| tree.parent(parts, bus)).collect();
    let mut load_kw = vec![0.0; parts.buses.len()];
    for load in loads {
        if let Some(port) = load.ports.first().and_then(|port| parts.ports.get(port.0)) {
            load_kw[parts.nodes[port.from.0].bus.0] += load.p_kw;
        }
    }
    let mut below = load_kw.clone();
    for &bus in tree.order.iter().rev() {
        if let Some(parent) = parents[bus] {
            below[parent] += below[bus];
        }
    }
    let candidate = |element: usize| candidate(parts, &tree, &parents, &load_kw, element);
    let chosen: Vec<(Candidate, String)> = match wish {
        SplitWish::Behind(branches) => {
            let mut chosen = Vec::new();
            for (id, name) in branches {
                let found = parts.elements.iter().position(|e| e.id.eq_ignore_ascii_case(id));
                let element =
                    found.ok_or_else(|| SplitFault::UnknownBranch { branch: id.clone(), known: nearest(parts, id) })?;
                chosen.push((candidate(element)?, name.clone()));
            }
            chosen
        }
        SplitWish::Count(count) => {
            let whole: f64 = load_kw.iter().sum();
            let wanted = whole / (*count + 1) as f64;
            let mut chosen: Vec<(Candidate, String)> = Vec::new();
            let mut far: Vec<(f64, usize)> = (0..parts.elements.len())
                .filter_map(|e| {
                    let load = below[behind_bus(parts, &tree, e)?];
                    (load > 0.0).then(|| (distance(parts, e, load, wanted), e))
                })
                .collect();
            far.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (_, element) in far {
                if chosen.len() == *count {
                    break;
                }
                let Ok(next) = candidate(element) else { continue };
                if chosen.iter().all(|(other, _)| disjoint(&other.buses, &next.buses)) {
                    chosen.push((next, String::new()));
                }
            }
            if chosen.len() < *count {
                return Err(SplitFault::TooFew { found: chosen.len(), wanted: *count });
            }
            // In the order of the feeder, so that names follow it.
            chosen.sort_by_key(|(c, _)| tree.order.iter().position(|b| c.buses.contains(b)));
            chosen.iter_mut().enumerate().for_each(|(n, (_, name))| *name = format!("M{}", n + 1));
            chosen
        }
    };
    for (i, (first, _)) in chosen.iter().enumerate() {
        for (second, _) in &chosen[i + 1..] {
            if !disjoint(&first.buses, &second.buses) {
                let id = |c: &Candidate| parts.elements[c.element].id.clone();
                return Err(SplitFault::Overlap { first: id(first), second: id(second) });
            }
        }
    }
    let mut microgrids = Vec::with_capacity(chosen.len());
    for (candidate, name) in chosen {
        if candidate.turned {
            parts.elements[candidate.element].terminals.swap(0, 1);
        }
        let pcc = parts.elements[candidate.element].id.clone();
        microgrids.push(SplitMicrogrid { name, pcc, buses: candidate.buses, load_kw: candidate.load_kw });
    }
    Ok(microgrids)
}

/// The bus behind an element that feeds exactly one bus alone.
fn behind_bus(parts: &MultiphaseParts, tree: &BusTree, element: usize) -> Option<usize> {
    let [a, b] = parts.elements[element].terminals.as_slice() else { return None };
    [a.bus.0, b.bus.0].into_iter().find(|&bus| tree.feeding[bus] == Some(element))
}

fn candidate(
    parts: &MultiphaseParts,
    tree: &BusTree,
    parents: &[Option<usize>],
    load_kw: &[f64],
    element: usize,
) -> Result<Candidate, SplitFault> {
    let not = |why: &str| SplitFault::NotAPcc { branch: parts.elements[element].id.clone(), why: why.to_owned() };
    let [first, second] = parts.elements[element].terminals.as_slice() else {
        return Err(not("it does not have two terminals"));
    };
    let bus = behind_bus(parts, tree, element).ok_or_else(|| {
        not("it feeds no bus of its own (another phase of the same bank does, or nothing is behind it)")
    })?;
    let joined = |e: &&covolt_grid::multiphase::Element| {
        let has = |bus: BusIndex| e.terminals.iter().any(|t| t.bus == bus);
        e.terminals.len() > 1 && has(first.bus) && has(second.bus)
    };
    if parts.elements.iter().filter(joined).count() > 1 {
        return Err(not("other branches join the same two buses, and a microgrid meets the network at one branch"));
    }
    let turned = second.bus.0 != bus;
    if turned && !matches!(parts.elements[element].model, ElementModel::Line { .. }) {
        return Err(not("its first winding is turned away from the source"));
    }
    let buses = tree.behind(parents, bus);
    let load_kw = buses.iter().map(|&b| load_kw[b]).sum();
    Ok(Candidate { element, buses, load_kw, turned })
}

/// How far a branch is from what the rule wants, in units of the wanted load.
fn distance(parts: &MultiphaseParts, element: usize, load_kw: f64, wanted_kw: f64) -> f64 {
    let element = &parts.elements[element];
    let phases = element.terminals.first().map_or(0, |t| t.conductors.iter().flatten().count()).min(3);
    let missing = 0.2 * (3 - phases) as f64;
    let no_switch = if element.is_switch { 0.0 } else { 0.1 };
    (load_kw / wanted_kw - 1.0).abs() + missing + no_switch
}

fn disjoint(a: &[usize], b: &[usize]) -> bool {
    a.iter().all(|bus| b.binary_search(bus).is_err())
}

fn nearest(parts: &MultiphaseParts, id: &str) -> String {
    crate::fault::suggestion(id, parts.elements.iter().map(|e| e.id.as_str()))
}

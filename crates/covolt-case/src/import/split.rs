//! Which parts of a feeder become microgrids: the subtrees behind chosen branches, or branches chosen by rule.
//!
//! The feeder must be a tree of buses below its source. A microgrid is everything behind its PCC, a line, switch or transformer
//! whose first terminal is turned to the feeder (lines are turned where they are not). By rule, N branches are chosen one after the
//! other: of those that no chosen microgrid contains or is contained in, the one whose subtree's load is nearest to the (N+1)-th part of
//! the whole load, switches and three-phase branches first: a missing phase counts as a fifth of the wanted load further away, no
//! switch as a tenth.

use super::graph::FeederGraph;
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
    /// Number of that branch in the graph, and whether its ends have to be exchanged: the first must be the feeder's.
    pub branch: usize,
    /// See `branch`.
    pub turned: bool,
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
    /// Branch that feeds each bus; `None` at the source and at buses that are not reached.
    feeding: Vec<Option<usize>>,
    /// Bus from which it does.
    parent: Vec<Option<usize>>,
    /// Buses in the order in which they were reached.
    order: Vec<usize>,
}

impl BusTree {
    fn new(graph: &FeederGraph) -> Result<BusTree, SplitFault> {
        let n = graph.buses.len();
        let mut at_bus: Vec<Vec<usize>> = vec![Vec::new(); n];
        for (b, branch) in graph.branches.iter().enumerate() {
            branch.buses.iter().for_each(|&bus| at_bus[bus].push(b));
        }
        let mut tree = BusTree { feeding: vec![None; n], parent: vec![None; n], order: Vec::with_capacity(n) };
        let mut reached = vec![false; n];
        let mut used = vec![false; graph.branches.len()];
        for &source in &graph.sources {
            if !std::mem::replace(&mut reached[source], true) {
                tree.order.push(source);
            }
        }
        let mut next = 0;
        while let Some(&bus) = tree.order.get(next) {
            next += 1;
            for &b in &at_bus[bus] {
                if std::mem::replace(&mut used[b], true) {
                    continue;
                }
                for &other in graph.branches[b].buses.iter().filter(|&&other| other != bus) {
                    if !std::mem::replace(&mut reached[other], true) {
                        tree.feeding[other] = Some(b);
                        tree.parent[other] = Some(bus);
                        tree.order.push(other);
                    } else if tree.feeding[other] != Some(b) && !tree.beside(graph, b, bus, other) {
                        return Err(SplitFault::Loop { branch: graph.branches[b].id.clone() });
                    }
                }
            }
        }
        Ok(tree)
    }

    /// True for a branch between the same two buses as the one that feeds one of them: phases of one bank may be separate branches.
    fn beside(&self, graph: &FeederGraph, branch: usize, a: usize, b: usize) -> bool {
        let joins = |k: usize| graph.branches[k].buses.contains(&a) && graph.branches[k].buses.contains(&b);
        joins(branch) && [a, b].iter().any(|&bus| self.feeding[bus].is_some_and(joins))
    }

    /// Everything behind `bus`, the bus itself included, rising.
    fn behind(&self, bus: usize) -> Vec<usize> {
        let mut inside = vec![false; self.feeding.len()];
        inside[bus] = true;
        for &b in &self.order {
            if self.parent[b].is_some_and(|p| inside[p]) {
                inside[b] = true;
            }
        }
        (0..inside.len()).filter(|&b| inside[b]).collect()
    }

    /// The bus that a branch of two ends feeds.
    fn fed_by(&self, graph: &FeederGraph, branch: usize) -> Option<usize> {
        let [a, b] = *graph.branches[branch].buses.as_slice() else { return None };
        [a, b].into_iter().find(|&bus| self.feeding[bus] == Some(branch))
    }
}

/// A branch that could be a PCC.
struct Candidate {
    branch: usize,
    buses: Vec<usize>,
    load_kw: f64,
    turned: bool,
}

/// Cuts microgrids out of a feeder.
///
/// # Errors
/// See [`SplitFault`].
pub fn split(graph: &FeederGraph, wish: &SplitWish) -> Result<Vec<SplitMicrogrid>, SplitFault> {
    let tree = BusTree::new(graph)?;
    let chosen = match wish {
        SplitWish::Behind(branches) => {
            let mut chosen = Vec::new();
            for (id, name) in branches {
                let found = graph.branches.iter().position(|b| b.id.eq_ignore_ascii_case(id));
                let branch = found.ok_or_else(|| SplitFault::UnknownBranch {
                    branch: id.clone(),
                    known: crate::fault::suggestion(id, graph.branches.iter().map(|b| b.id.as_str())),
                })?;
                chosen.push((candidate(graph, &tree, branch)?, name.clone()));
            }
            chosen
        }
        SplitWish::Count(count) => by_rule(graph, &tree, *count)?,
    };
    for (i, (first, _)) in chosen.iter().enumerate() {
        for (second, _) in &chosen[i + 1..] {
            if !disjoint(&first.buses, &second.buses) {
                let id = |c: &Candidate| graph.branches[c.branch].id.clone();
                return Err(SplitFault::Overlap { first: id(first), second: id(second) });
            }
        }
    }
    let microgrid = |(c, name): (Candidate, String)| SplitMicrogrid {
        name,
        pcc: graph.branches[c.branch].id.clone(),
        branch: c.branch,
        turned: c.turned,
        buses: c.buses,
        load_kw: c.load_kw,
    };
    Ok(chosen.into_iter().map(microgrid).collect())
}

fn by_rule(graph: &FeederGraph, tree: &BusTree, count: usize) -> Result<Vec<(Candidate, String)>, SplitFault> {
    let mut below = graph.load_kw.clone();
    for &bus in tree.order.iter().rev() {
        if let Some(parent) = tree.parent[bus] {
            below[parent] += below[bus];
        }
    }
    let wanted = graph.load_kw.iter().sum::<f64>() / (count + 1) as f64;
    let mut far: Vec<(f64, usize)> = (0..graph.branches.len())
        .filter_map(|b| {
            let load = below[tree.fed_by(graph, b)?];
            (load > 0.0).then(|| (distance(graph, b, load, wanted), b))
        })
        .collect();
    far.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut chosen: Vec<Candidate> = Vec::new();
    for (_, branch) in far {
        if chosen.len() == count {
            break;
        }
        let Ok(next) = candidate(graph, tree, branch) else { continue };
        if chosen.iter().all(|other| disjoint(&other.buses, &next.buses)) {
            chosen.push(next);
        }
    }
    if chosen.len() < count {
        return Err(SplitFault::TooFew { found: chosen.len(), wanted: count });
    }
    // In the order of the feeder, so that names follow it.
    chosen.sort_by_key(|c| tree.order.iter().position(|b| c.buses.contains(b)));
    Ok(chosen.into_iter().enumerate().map(|(n, c)| (c, format!("M{}", n + 1))).collect())
}

fn candidate(graph: &FeederGraph, tree: &BusTree, branch: usize) -> Result<Candidate, SplitFault> {
    let own = &graph.branches[branch];
    let not = |why: &str| SplitFault::NotAPcc { branch: own.id.clone(), why: why.to_owned() };
    let [first, second] = *own.buses.as_slice() else { return Err(not("it does not have two ends")) };
    let bus = tree.fed_by(graph, branch).ok_or_else(|| {
        not("it feeds no bus of its own (another phase of the same bank does, or nothing is behind it)")
    })?;
    let joins = |b: &&super::graph::GraphBranch| b.buses.contains(&first) && b.buses.contains(&second);
    if graph.branches.iter().filter(joins).count() > 1 {
        return Err(not("other branches join the same two buses, and a microgrid meets the network at one branch"));
    }
    let turned = second != bus;
    if turned && !own.can_turn {
        return Err(not("its first winding is turned away from the source"));
    }
    let buses = tree.behind(bus);
    let load_kw = buses.iter().map(|&b| graph.load_kw[b]).sum();
    Ok(Candidate { branch, buses, load_kw, turned })
}

/// How far a branch is from what the rule wants, in units of the wanted load.
fn distance(graph: &FeederGraph, branch: usize, load_kw: f64, wanted_kw: f64) -> f64 {
    let branch = &graph.branches[branch];
    let most = graph.phases.iter().copied().max().unwrap_or(1);
    let missing = 0.2 * most.saturating_sub(branch.phases) as f64;
    let no_switch = if branch.is_switch { 0.0 } else { 0.1 };
    (load_kw / wanted_kw - 1.0).abs() + missing + no_switch
}

fn disjoint(a: &[usize], b: &[usize]) -> bool {
    a.iter().all(|bus| b.binary_search(bus).is_err())
}

//! Where everything stands in the block elimination of the nodal equations: found once, shared by all values.
//!
//! A block is a bus with its n nodes. When it is eliminated it is coupled to m nodes of later blocks (its **later nodes**; on a
//! tree those of its parent that the branch connects). Its values are three dense row-major matrices, one after the other:
//!
//! ```text
//!   D (n x n): own      U (n x m): own rows, later columns      L (m x n): later rows, own columns
//! ```
//!
//! Positions number the nodes in the order of elimination; ground is the position after the last. Sizes and offsets count
//! coefficients, so they hold for complex and for real-linear values alike.
//!
//! A block that a single line joins to later blocks, conductor by conductor, keeps the line as an impedance: its U holds Z, its
//! D and L nothing of the line (`elimination.rs` says why).

use super::ordering::elimination_order;
use std::collections::BTreeSet;

/// A bus in the elimination.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// Position of its first node.
    pub first: u32,
    /// Number of its nodes.
    pub n: u32,
    /// Number of its later nodes.
    pub m: u32,
    /// Offset of D in the values.
    pub values: u32,
    /// Offset of its later nodes in `later`.
    pub later: u32,
    /// Offset of its m x m update in `update`.
    pub update: u32,
    /// True when U holds the impedance of the only line to later blocks.
    pub line: bool,
}

impl Block {
    /// Number of its values.
    pub fn size(&self) -> usize {
        (self.n * self.n + 2 * self.n * self.m) as usize
    }
}

/// Nodes of the terminals of an element, per bus, in network numbers.
pub(crate) struct Coupling {
    /// Nodes that the element joins, without ground.
    pub nodes: Vec<usize>,
    /// A line whose two ends may be kept as an impedance: nodes of its conductors at either end.
    pub line: Option<[Vec<usize>; 2]>,
}

/// The plan.
#[derive(Debug)]
pub(crate) struct Plan {
    pub blocks: Vec<Block>,
    /// Number of idle blocks, which come first: the iterations never visit them.
    pub n_idle: usize,
    /// Number of their nodes.
    pub n_idle_nodes: usize,
    pub later: Vec<u32>,
    /// Offset of the value that an entry of a block's update is added to.
    pub update: Vec<u32>,
    /// Number of values.
    pub n_values: usize,
    /// Position of each network node.
    pub position: Vec<u32>,
    /// Network node at each position.
    pub node_at: Vec<usize>,
    /// Network bus of each block.
    pub bus_of: Vec<usize>,
    /// Block of each position.
    pub block_of: Vec<u32>,
    /// True when the elimination makes no fill over the couplings: a tree of buses.
    pub is_tree: bool,
    /// Coupling that each block keeps as an impedance.
    pub kept_line: Vec<Option<usize>>,
}

impl Plan {
    /// `bus_nodes`: network nodes of each bus (a range); `bus_of_node`: the reverse.
    pub fn new(
        bus_nodes: &[std::ops::Range<usize>],
        bus_of_node: &[usize],
        couplings: &[Coupling],
        idle: &[bool],
        root: usize,
    ) -> Plan {
        let n_nodes = bus_of_node.len();
        let buses_of = |c: &Coupling| c.nodes.iter().map(|&node| bus_of_node[node]).collect::<BTreeSet<usize>>();
        let mut neighbours = vec![BTreeSet::new(); bus_nodes.len()];
        for coupling in couplings {
            let buses = buses_of(coupling);
            for &bus in &buses {
                neighbours[bus].extend(buses.iter().copied().filter(|&other| other != bus));
            }
        }
        let edges: usize = neighbours.iter().map(BTreeSet::len).sum::<usize>() / 2;
        let (order, n_idle) = elimination_order(neighbours, idle, root);
        // A bus without nodes has no equations.
        let occupied = |buses: &[usize]| buses.iter().filter(|&&bus| !bus_nodes[bus].is_empty()).count();
        let n_idle = occupied(&order[..n_idle]);
        let order: Vec<usize> = order.into_iter().filter(|&bus| !bus_nodes[bus].is_empty()).collect();

        let mut position = vec![0u32; n_nodes];
        let mut node_at = Vec::with_capacity(n_nodes);
        let mut block_of = Vec::with_capacity(n_nodes);
        let mut rank = vec![usize::MAX; bus_nodes.len()];
        let mut firsts = Vec::with_capacity(order.len());
        for (k, &bus) in order.iter().enumerate() {
            rank[bus] = k;
            firsts.push(node_at.len());
            for node in bus_nodes[bus].clone() {
                position[node] = node_at.len() as u32;
                node_at.push(node);
                block_of.push(k as u32);
            }
        }

        // Later nodes that the couplings themselves give, and how many couplings lead to later blocks.
        let mut own_later: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); order.len()];
        let mut upward: Vec<Vec<usize>> = vec![Vec::new(); order.len()];
        for (c, coupling) in couplings.iter().enumerate() {
            for bus in buses_of(coupling) {
                let k = rank[bus];
                let end = (firsts[k] + bus_nodes[bus].len()) as u32;
                let beyond = coupling.nodes.iter().map(|&node| position[node]).filter(|&at| at >= end);
                let before = own_later[k].len();
                own_later[k].extend(beyond.clone());
                if own_later[k].len() > before || beyond.count() > 0 {
                    upward[k].push(c);
                }
            }
        }

        let mut plan = Plan {
            blocks: Vec::with_capacity(order.len()),
            n_idle,
            n_idle_nodes: firsts.get(n_idle).copied().unwrap_or(n_nodes),
            later: Vec::new(),
            update: Vec::new(),
            n_values: 0,
            position,
            node_at,
            bus_of: order.clone(),
            block_of,
            is_tree: edges < order.len(),
            kept_line: vec![None; order.len()],
        };
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); order.len()];
        let mut later_lists: Vec<Vec<u32>> = Vec::with_capacity(order.len());
        for k in 0..order.len() {
            let n = bus_nodes[order[k]].len();
            let end = (firsts[k] + n) as u32;
            let mut later = own_later[k].clone();
            let mut filled = false;
            for &child in &children[k] {
                let beyond = later_lists[child].iter().copied().filter(|&at| at >= end);
                filled |= beyond.clone().count() > 0;
                later.extend(beyond);
            }
            if let Some(parent) = later.first().map(|&at| plan.block_of[at as usize] as usize) {
                children[parent].push(k);
            }
            let mut list: Vec<u32> = later.into_iter().collect();
            let kept = match upward[k].as_slice() {
                &[c] if !filled => plan.line_order(couplings[c].line.as_ref(), firsts[k], n).map(|order| (c, order)),
                _ => None,
            };
            if let Some((c, order)) = kept {
                plan.kept_line[k] = Some(c);
                list = order;
            }
            plan.blocks.push(Block {
                first: firsts[k] as u32,
                n: n as u32,
                m: list.len() as u32,
                values: plan.n_values as u32,
                later: plan.later.len() as u32,
                update: 0,
                line: plan.kept_line[k].is_some(),
            });
            plan.n_values += plan.blocks[k].size();
            plan.later.extend(&list);
            later_lists.push(list);
        }
        for (k, later) in later_lists.iter().enumerate() {
            plan.blocks[k].update = plan.update.len() as u32;
            for &row in later {
                for &column in later {
                    // Fill has been planned for, so the entry exists.
                    plan.update.push(plan.entry(row, column).unwrap_or(u32::MAX));
                }
            }
        }
        plan
    }

    /// Later nodes in the order of a line's conductors at the block's own nodes, when the line covers exactly these.
    fn line_order(&self, line: Option<&[Vec<usize>; 2]>, first: usize, n: usize) -> Option<Vec<u32>> {
        let [near, far] = line?;
        let place = |node: usize| self.position[node] as usize;
        let (near, far) = if near.iter().all(|&node| (first..first + n).contains(&place(node))) {
            (near, far)
        } else if far.iter().all(|&node| (first..first + n).contains(&place(node))) {
            (far, near)
        } else {
            return None;
        };
        let mut order = vec![u32::MAX; n];
        for (&own, &other) in near.iter().zip(far) {
            order[place(own) - first] = self.position[other];
        }
        let distinct: BTreeSet<u32> = order.iter().copied().collect();
        let whole = near.len() == n && distinct.len() == n && !distinct.contains(&u32::MAX);
        whole.then_some(order)
    }

    /// Offset of the value at two positions; `None` when it is not in the pattern.
    pub fn entry(&self, row: u32, column: u32) -> Option<u32> {
        let block_at = |at: u32| self.block_of.get(at as usize).map(|&k| k as usize);
        let (r, c) = (block_at(row)?, block_at(column)?);
        let block = &self.blocks[r.min(c)];
        let (n, m) = (block.n, block.m);
        let place = |at: u32| {
            let later = &self.later[block.later as usize..(block.later + block.m) as usize];
            later.iter().position(|&other| other == at).map(|k| k as u32)
        };
        Some(if r == c {
            block.values + (row - block.first) * n + (column - block.first)
        } else if r < c {
            block.values + n * n + (row - block.first) * m + place(column)?
        } else {
            block.values + n * n + n * m + place(row)? * n + (column - block.first)
        })
    }

    /// Network bus of a position; the last one's for ground.
    pub fn bus_at(&self, position: usize) -> usize {
        self.block_of.get(position).or(self.block_of.last()).map_or(0, |&k| self.bus_of[k as usize])
    }
}

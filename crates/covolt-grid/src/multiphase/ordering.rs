//! The order in which buses are eliminated: least degree first, on a tree from the leaves to the source without any fill.
//!
//! Two buses are neighbours when an element or a port joins them. Eliminating a bus makes its remaining neighbours each
//! other's neighbours; the parent of a bus is the first of them to be eliminated. Any order in which every bus comes before
//! its parent has the same fill, and buses of equal depth do not depend on each other: the order returned goes by depth, the
//! deepest first, so a processor works on several buses at once.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// Order of elimination of all buses; `root` (the first source's bus) comes last among its own.
pub(crate) fn elimination_order(mut neighbours: Vec<BTreeSet<usize>>, root: usize) -> Vec<usize> {
    let n = neighbours.len();
    // The source behind every other bus of equal degree, so that a tree hangs from it.
    let degree = |b: usize, neighbours: &[BTreeSet<usize>]| if b == root { usize::MAX } else { neighbours[b].len() };
    let mut heap: BinaryHeap<Reverse<(usize, usize)>> = (0..n).map(|b| Reverse((degree(b, &neighbours), b))).collect();
    let mut rank = vec![usize::MAX; n];
    let mut later: Vec<Vec<usize>> = vec![Vec::new(); n];
    let mut by_rank = Vec::with_capacity(n);
    while let Some(Reverse((d, bus))) = heap.pop() {
        if rank[bus] != usize::MAX || d != degree(bus, &neighbours) {
            continue;
        }
        rank[bus] = by_rank.len();
        by_rank.push(bus);
        let around: Vec<usize> = std::mem::take(&mut neighbours[bus]).into_iter().collect();
        for &a in &around {
            neighbours[a].remove(&bus);
            neighbours[a].extend(around.iter().copied().filter(|&b| b != a));
            heap.push(Reverse((degree(a, &neighbours), a)));
        }
        later[bus] = around;
    }
    let mut depth = vec![0usize; n];
    for &bus in by_rank.iter().rev() {
        depth[bus] = later[bus].iter().min_by_key(|&&b| rank[b]).map_or(0, |&parent| depth[parent] + 1);
    }
    by_rank.sort_by_key(|&bus| (Reverse(depth[bus]), rank[bus]));
    by_rank
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_a_tree_goes_from_the_leaves_to_the_root() {
        let edges = [(0, 1), (1, 2), (1, 3), (3, 4), (0, 5)];
        let mut neighbours = vec![BTreeSet::new(); 6];
        for (a, b) in edges {
            neighbours[a].insert(b);
            neighbours[b].insert(a);
        }
        let order = elimination_order(neighbours, 0);
        let rank = |bus| order.iter().position(|&b| b == bus);
        assert!(edges.iter().all(|&(parent, child)| rank(child) < rank(parent)), "{order:?}");
    }
}

//! Places of the buses in the network drawing: a tree drawn from left to right.
//!
//! The column of a bus is its distance from the root. The child with the deepest subtree continues in its
//! parent's row, the others follow below, so a feeder becomes a straight line with laterals under it and no two
//! subtrees share a row. Lines that close a loop do not move anything. Without recursion: feeders can be deep.

use std::collections::VecDeque;

/// Places of all buses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeLayout {
    /// Column and row of each bus.
    pub place: Vec<(usize, usize)>,
    /// The neighbour towards the root of each bus; `None` for roots.
    pub parent: Vec<Option<usize>>,
    /// Number of columns.
    pub columns: usize,
    /// Number of rows.
    pub rows: usize,
}

/// Lays out `buses` buses joined by `branches`, starting at `root`; parts without connection follow below.
/// Branches that name a bus out of range are ignored.
pub fn lay_out(buses: usize, branches: &[(usize, usize)], root: usize) -> TreeLayout {
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); buses];
    for &(a, b) in branches.iter().filter(|(a, b)| *a < buses && *b < buses && a != b) {
        neighbours[a].push(b);
        neighbours[b].push(a);
    }
    let mut layout = TreeLayout { place: vec![(0, 0); buses], parent: vec![None; buses], ..TreeLayout::default() };
    let mut seen = vec![false; buses];
    for start in std::iter::once(root).chain(0..buses).filter(|b| *b < buses) {
        if !seen[start] {
            lay_out_part(start, &neighbours, &mut seen, &mut layout);
        }
    }
    layout
}

/// One connected part, in the rows below what is there already.
fn lay_out_part(start: usize, neighbours: &[Vec<usize>], seen: &mut [bool], layout: &mut TreeLayout) {
    let buses = neighbours.len();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); buses];
    let mut order = Vec::new();
    let mut waiting = VecDeque::from([start]);
    seen[start] = true;
    layout.place[start] = (0, layout.rows);
    while let Some(bus) = waiting.pop_front() {
        order.push(bus);
        for &next in &neighbours[bus] {
            if !seen[next] {
                seen[next] = true;
                layout.place[next].0 = layout.place[bus].0 + 1;
                layout.columns = layout.columns.max(layout.place[next].0 + 1);
                layout.parent[next] = Some(bus);
                children[bus].push(next);
                waiting.push_back(next);
            }
        }
    }
    layout.columns = layout.columns.max(1);

    let mut depth = vec![0usize; buses];
    let mut rows = vec![1usize; buses];
    for &bus in order.iter().rev() {
        depth[bus] = children[bus].iter().map(|c| depth[*c] + 1).max().unwrap_or(0);
        rows[bus] = children[bus].iter().map(|c| rows[*c]).sum::<usize>().max(1);
    }
    for &bus in &order {
        // Stable, so buses of equal depth keep the order of the case.
        children[bus].sort_by_key(|child| std::cmp::Reverse(depth[*child]));
        let mut row = layout.place[bus].1;
        for &child in &children[bus] {
            layout.place[child].1 = row;
            row += rows[child];
        }
    }
    layout.rows += rows[start];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_no_two_buses_share_a_place() {
        // A feeder with laterals, a loop, and a bus on its own.
        let branches = [(0, 1), (1, 2), (2, 3), (1, 4), (4, 5), (4, 6), (6, 3), (0, 7)];
        let layout = lay_out(9, &branches, 0);
        let mut places = layout.place.clone();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 9);
        assert!(places.iter().all(|p| p.0 < layout.columns && p.1 < layout.rows));
        assert_eq!(layout.place[0], (0, 0));
        assert_eq!(layout.place[8].1, layout.rows - 1);
    }

    #[test]
    fn law_a_very_long_feeder_is_one_row() {
        let branches: Vec<(usize, usize)> = (0..50_000).map(|b| (b, b + 1)).collect();
        let layout = lay_out(50_001, &branches, 0);
        assert_eq!((layout.columns, layout.rows), (50_001, 1));
    }

    #[test]
    fn law_branches_out_of_range_are_ignored() {
        assert_eq!(lay_out(0, &[(0, 1)], 0), TreeLayout::default());
        assert_eq!(lay_out(1, &[(0, 7)], 3).place, [(0, 0)]);
    }
}

//! What is connected to a source? The rest cannot be computed and is taken out.

use super::draft::{Draft, line_without};
use covolt_grid::multiphase::{Control, ElementIndex, ElementModel};

/// What was taken out, by name.
#[derive(Debug, Default)]
pub(crate) struct TakenOut {
    /// Buses none of whose nodes is connected.
    pub buses: Vec<String>,
    /// Nodes of other buses, `bus.node`.
    pub nodes: Vec<String>,
    /// Elements that were between them.
    pub elements: Vec<String>,
    /// Ports at them.
    pub ports: Vec<String>,
    /// For each bus of the draft.
    pub keeps_bus: Vec<bool>,
    /// For each node of the draft.
    pub keeps_node: Vec<bool>,
}

/// Groups of nodes that an element joins: the two ends of each conductor of a line, all nodes of anything else.
fn groups(model: &ElementModel, conductors: &[Vec<Option<usize>>]) -> Vec<Vec<usize>> {
    match model {
        ElementModel::Line { series_ohm, .. } => {
            let pair = |k: usize| conductors.iter().filter_map(|c| c.get(k).copied().flatten()).collect();
            (0..series_ohm.n()).map(pair).collect()
        }
        _ => vec![conductors.iter().flatten().flatten().copied().collect()],
    }
}

/// Takes out every node that no chain of elements joins to a source, with what hangs on it.
pub(crate) fn keep_connected(draft: &mut Draft) -> TakenOut {
    let n = draft.nodes.len();
    let mut joined: Vec<Vec<usize>> = Vec::new();
    for element in &draft.elements {
        let conductors: Vec<Vec<Option<usize>>> =
            element.terminals.iter().map(|t| t.conductors.iter().map(|c| c.map(|n| n.0)).collect()).collect();
        joined.extend(groups(&element.model, &conductors).into_iter().filter(|group| group.len() > 1));
    }
    let mut groups_of = vec![Vec::new(); n];
    for (g, group) in joined.iter().enumerate() {
        group.iter().for_each(|&node| groups_of[node].push(g));
    }
    let mut reached = vec![false; n];
    let mut frontier: Vec<usize> = draft.sources.iter().flat_map(|s| s.nodes.iter().map(|n| n.0)).collect();
    let mut used = vec![false; joined.len()];
    while let Some(node) = frontier.pop() {
        if !std::mem::replace(&mut reached[node], true) {
            for &g in &groups_of[node] {
                if !std::mem::replace(&mut used[g], true) {
                    frontier.extend(joined[g].iter().copied());
                }
            }
        }
    }
    take_out(draft, reached)
}

fn take_out(draft: &mut Draft, reached: Vec<bool>) -> TakenOut {
    let mut taken = TakenOut { keeps_bus: vec![false; draft.buses.len()], keeps_node: reached, ..TakenOut::default() };
    for (node, (bus, _)) in draft.nodes.iter().enumerate() {
        taken.keeps_bus[*bus] |= taken.keeps_node[node];
    }
    taken.buses = (0..draft.buses.len()).filter(|&b| !taken.keeps_bus[b]).map(|b| draft.buses[b].clone()).collect();
    let lost =
        draft.nodes.iter().enumerate().filter(|(node, (bus, _))| !taken.keeps_node[*node] && taken.keeps_bus[*bus]);
    taken.nodes = lost.map(|(_, (bus, number))| format!("{}.{number}", draft.buses[*bus])).collect();
    let kept = &taken.keeps_node;
    let mut new_index = Vec::with_capacity(draft.elements.len());
    let mut elements = Vec::with_capacity(draft.elements.len());
    for element in std::mem::take(&mut draft.elements) {
        let all: Vec<Option<usize>> =
            element.terminals.iter().flat_map(|t| t.conductors.iter().map(|c| c.map(|n| n.0))).collect();
        let out: Vec<usize> = (0..all.len()).filter(|&k| all[k].is_some_and(|node| !kept[node])).collect();
        let left = match element.model {
            _ if all.iter().all(|c| c.is_none_or(|node| !kept[node])) => None,
            _ if out.is_empty() => Some(element.clone()),
            // Only the conductors of a line are joined one by one.
            _ => line_without(&element, &out),
        };
        match left {
            Some(left) => {
                new_index.push(Some(elements.len()));
                elements.push(left);
            }
            None => {
                taken.elements.push(element.id);
                new_index.push(None);
            }
        }
    }
    draft.elements = elements;
    draft.ports.retain(|port| {
        let keep = kept[port.from.0] && port.to.is_none_or(|node| kept[node.0]);
        if !keep {
            taken.ports.push(port.id.clone());
        }
        keep
    });
    let moved = |index: &mut ElementIndex| match new_index.get(index.0).copied().flatten() {
        Some(new) => {
            index.0 = new;
            true
        }
        None => false,
    };
    draft.controls.retain_mut(|control| match control {
        Control::Regulator(r) => moved(&mut r.transformer) && r.remote_node.is_none_or(|node| kept[node.0]),
        Control::Capacitor(c) => moved(&mut c.capacitor) && moved(&mut c.watched),
    });
    taken
}

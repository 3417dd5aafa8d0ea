//! What is connected to a source? The rest cannot be computed and is taken out.

use super::draft::{Draft, line_without};
use covolt_grid::multiphase::{Control, Element, ElementIndex, ElementModel, ElementTerminal, NodeIndex};
use num_complex::Complex64;

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

/// A vertex that stands for ground, beside the nodes.
const GROUND: usize = usize::MAX;

/// Groups of vertices that an element joins: the two ends of each conductor of a line (and ground, where it is charged), all
/// conductors of anything else.
fn groups(element: &Element) -> Vec<Vec<usize>> {
    let vertex = |conductor: &Option<NodeIndex>| conductor.map_or(GROUND, |node| node.0);
    let whole = |terminal: &ElementTerminal| terminal.conductors.iter().map(vertex).collect::<Vec<_>>();
    match &element.model {
        ElementModel::Line { series_ohm, shunt_s } => {
            let charged = |k: usize| shunt_s.as_ref().is_some_and(|y| y.at(k, k) != Complex64::ZERO);
            let joined = |k: usize| {
                let mut group: Vec<usize> =
                    element.terminals.iter().filter_map(|t| t.conductors.get(k)).map(vertex).collect();
                group.extend(charged(k).then_some(GROUND));
                group
            };
            (0..series_ohm.n()).map(joined).collect()
        }
        ElementModel::Shunt { closed: false, .. } => Vec::new(),
        model => {
            let mut group: Vec<usize> = element.terminals.iter().flat_map(whole).collect();
            // Shunts end at ground; so do the small admittances of a transformer.
            let grounded = match model {
                ElementModel::Transformer(transformer) => transformer.antifloat_ppm != 0.0,
                _ => true,
            };
            group.extend(grounded.then_some(GROUND));
            vec![group]
        }
    }
}

/// Takes out every bus that no chain of elements joins to a source, and every node that none joins to a source or to ground,
/// with what hangs on them.
pub(crate) fn keep_connected(draft: &mut Draft) -> TakenOut {
    let mut alive = vec![true; draft.nodes.len()];
    // Nodes that go may be what tied a bus to the others, and a bus takes its nodes along.
    loop {
        let buses = reached_buses(draft, &alive);
        let nodes = reached_nodes(draft, &alive, &buses);
        if nodes == alive {
            return take_out(draft, alive);
        }
        alive = nodes;
    }
}

/// Buses that chains of elements join to a source, over nodes that are alive.
fn reached_buses(draft: &Draft, alive: &[bool]) -> Vec<bool> {
    let lives = |t: &&ElementTerminal| t.conductors.iter().any(|c| c.is_some_and(|node| alive[node.0]));
    let joined = draft.elements.iter().map(|e| e.terminals.iter().filter(lives).map(|t| t.bus.0).collect());
    reached(draft.buses.len(), joined.collect(), draft.sources.iter().map(|s| s.bus.0).collect())
}

/// Nodes of such buses that chains of elements join to a source or to ground.
fn reached_nodes(draft: &Draft, alive: &[bool], buses: &[bool]) -> Vec<bool> {
    let ground = draft.nodes.len();
    let stays = |node: usize| alive[node] && buses[draft.nodes[node].0];
    let vertex = |v: usize| if v == GROUND { Some(ground) } else { Some(v).filter(|v| stays(*v)) };
    let of = |element: &Element| groups(element).into_iter().map(|g| g.into_iter().filter_map(vertex).collect());
    let joined: Vec<Vec<usize>> = draft.elements.iter().flat_map(of).collect();
    let start = draft.sources.iter().flat_map(|s| s.nodes.iter().map(|n| n.0)).chain([ground]);
    let mut found = reached(ground + 1, joined, start.collect());
    found.truncate(ground);
    found
}

/// Vertices that groups join to those of the start.
fn reached(n: usize, joined: Vec<Vec<usize>>, mut frontier: Vec<usize>) -> Vec<bool> {
    let mut groups_of = vec![Vec::new(); n];
    for (g, group) in joined.iter().enumerate().filter(|(_, group)| group.len() > 1) {
        group.iter().for_each(|&vertex| groups_of[vertex].push(g));
    }
    let (mut found, mut used) = (vec![false; n], vec![false; joined.len()]);
    while let Some(vertex) = frontier.pop() {
        if !std::mem::replace(&mut found[vertex], true) {
            for &g in &groups_of[vertex] {
                if !std::mem::replace(&mut used[g], true) {
                    frontier.extend(joined[g].iter().copied());
                }
            }
        }
    }
    found
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

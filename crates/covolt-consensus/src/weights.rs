//! Mixing weights of (50): a communication graph, and a doubly stochastic matrix on it, both checked once at construction.

use crate::error::ConsensusError;

/// Who talks to whom; undirected, connected, without self-loops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommunicationGraph {
    neighbours: Vec<Vec<usize>>,
}

impl CommunicationGraph {
    /// A graph from its edges.
    ///
    /// # Errors
    /// No agents, an edge to an unknown agent, a self-loop, or a graph that is not connected (naming an agent cut off).
    pub fn try_new(agents: usize, edges: &[(usize, usize)]) -> Result<Self, ConsensusError> {
        if agents == 0 {
            return Err(ConsensusError::BadGraph("there are no agents".into()));
        }
        let mut neighbours = vec![Vec::new(); agents];
        for &(a, b) in edges {
            if a >= agents || b >= agents {
                return Err(ConsensusError::BadGraph(format!("edge {a}-{b} names an agent beyond {}", agents - 1)));
            }
            if a == b {
                return Err(ConsensusError::BadGraph(format!("agent {a} has an edge to itself")));
            }
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        for list in &mut neighbours {
            list.sort_unstable();
            list.dedup();
        }
        let graph = Self { neighbours };
        match graph.distances(0).iter().position(Option::is_none) {
            Some(lost) => Err(ConsensusError::BadGraph(format!("agent {lost} cannot be reached from agent 0"))),
            None => Ok(graph),
        }
    }

    /// Everybody talks to everybody.
    ///
    /// # Errors
    /// No agents.
    pub fn complete(agents: usize) -> Result<Self, ConsensusError> {
        let edges: Vec<_> = (0..agents).flat_map(|a| (0..a).map(move |b| (b, a))).collect();
        Self::try_new(agents, &edges)
    }

    /// Each agent talks to the next one, the last one to the first.
    ///
    /// # Errors
    /// No agents.
    pub fn ring(agents: usize) -> Result<Self, ConsensusError> {
        let mut edges: Vec<_> = (1..agents).map(|a| (a - 1, a)).collect();
        if agents > 2 {
            edges.push((agents - 1, 0));
        }
        Self::try_new(agents, &edges)
    }

    /// Each agent talks to the next one.
    ///
    /// # Errors
    /// No agents.
    pub fn path(agents: usize) -> Result<Self, ConsensusError> {
        let edges: Vec<_> = (1..agents).map(|a| (a - 1, a)).collect();
        Self::try_new(agents, &edges)
    }

    /// Number of agents.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.neighbours.len()
    }

    /// Neighbours of an agent in ascending order; empty for an unknown agent.
    #[must_use]
    pub fn neighbours(&self, agent: usize) -> &[usize] {
        self.neighbours.get(agent).map_or(&[], Vec::as_slice)
    }

    /// Links from `agent` to each agent, `None` where there is no way.
    #[must_use]
    pub fn distances(&self, agent: usize) -> Vec<Option<usize>> {
        let mut distance = vec![None; self.agents()];
        let mut queue = std::collections::VecDeque::new();
        if agent < self.agents() {
            distance[agent] = Some(0);
            queue.push_back((agent, 0));
        }
        while let Some((at, d)) = queue.pop_front() {
            for &next in &self.neighbours[at] {
                if distance[next].is_none() {
                    distance[next] = Some(d + 1);
                    queue.push_back((next, d + 1));
                }
            }
        }
        distance
    }

    /// Largest distance between two agents.
    #[must_use]
    pub fn diameter(&self) -> usize {
        (0..self.agents()).flat_map(|a| self.distances(a)).flatten().max().unwrap_or(0)
    }
}

/// Doubly stochastic weights w_n(n') on a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct MixingMatrix {
    agents: usize,
    weights: Vec<f64>,
}

/// Row and column sums may miss 1 by this much, a few roundings per agent.
const SUM_TOLERANCE: f64 = 1e-12;

impl MixingMatrix {
    /// Checks given weights (row-major, agents x agents).
    ///
    /// # Errors
    /// Wrong size, negative weights, sums other than 1, or a weight between agents that are not neighbours.
    pub fn try_new(graph: &CommunicationGraph, weights: Vec<f64>) -> Result<Self, ConsensusError> {
        let n = graph.agents();
        if weights.len() != n * n {
            return Err(ConsensusError::BadShape { what: "mixing weights", expected: n * n, found: weights.len() });
        }
        for a in 0..n {
            let row: f64 = weights[a * n..(a + 1) * n].iter().sum();
            let column: f64 = (0..n).map(|b| weights[b * n + a]).sum();
            for (what, sum) in [("row", row), ("column", column)] {
                if sum.is_nan() || (sum - 1.0).abs() > SUM_TOLERANCE * n as f64 {
                    return Err(ConsensusError::BadWeights(format!("{what} {a} sums to {sum}, not 1")));
                }
            }
            for b in 0..n {
                let w = weights[a * n + b];
                if w < 0.0 || !w.is_finite() {
                    return Err(ConsensusError::BadWeights(format!("weight of agent {a} for {b} is {w}")));
                }
                if w > 0.0 && a != b && graph.neighbours(a).binary_search(&b).is_err() {
                    return Err(ConsensusError::BadWeights(format!("agents {a} and {b} are not neighbours")));
                }
            }
        }
        Ok(Self { agents: n, weights })
    }

    /// Metropolis weights: 1/(1 + max degree of the two) per link, the rest on the agent itself. Doubly stochastic on any graph.
    #[must_use]
    pub fn metropolis(graph: &CommunicationGraph) -> Self {
        let n = graph.agents();
        let mut weights = vec![0.0; n * n];
        for a in 0..n {
            let mut own = 1.0;
            for &b in graph.neighbours(a) {
                let degree = graph.neighbours(a).len().max(graph.neighbours(b).len());
                let w = 1.0 / (1.0 + degree as f64);
                weights[a * n + b] = w;
                own -= w;
            }
            weights[a * n + a] = own;
        }
        Self { agents: n, weights }
    }

    /// w_agent(other).
    #[must_use]
    pub fn weight(&self, agent: usize, other: usize) -> f64 {
        if agent < self.agents && other < self.agents { self.weights[agent * self.agents + other] } else { 0.0 }
    }
}

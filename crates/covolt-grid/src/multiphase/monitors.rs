//! What has limits in a multi-phase network, and the exchange at a PCC: values and gradients as functions of the node voltages.
//!
//! ```text
//!   phase to ground          |V_a|                         g_a += V_a / |V_a|
//!   phase to phase           |V_a - V_b| / sqrt(3)         g_a += D / (sqrt(3) |D|), g_b -= the same, D = V_a - V_b
//!   unbalance factor (VUF)   |V_2| / |V_1|                 V_1 = (V_a + a V_b + a^2 V_c) / 3, V_2 = (V_a + a^2 V_b + a V_c) / 3
//!   conductor of an element  I = sum_j y_j V_j             Re(conj(d) I):  g_j += conj(y_j) d
//!   power into a terminal    P = sum_c Re(V_c conj(I_c))   g_c += I_c, g_j += conj(y_cj) V_c
//! ```
//!
//! with a = exp(j 120 degrees) and dL = Re(conj(g) dV). Monitored are: every phase conductor (numbers 1 to 3) to ground where its zone has
//! a connection to ground, otherwise the phase pairs of each bus; the unbalance factor of each bus with three phases; every conductor of
//! a line, at the end that carries more; every phase conductor of the first winding of a transformer. A zone is what lines join.
//!
//! Per unit: voltages of the bus's base to ground, currents of the power base of a node over that.

use super::admittance::ElementAdmittance;
use super::network::{ElementModel, MultiphaseNetwork, MultiphaseParts};
use super::transformer::WindingConnection;
use crate::branch_flow::CurrentSide;
use crate::distribution_grid::MonitoredCurrent;
use crate::error::GridError;
use num_complex::Complex64;

/// A voltage with limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MonitoredVoltage {
    /// Node to ground.
    ToGround(usize),
    /// Node to node of one bus.
    Between(usize, usize),
    /// Unbalance factor of three nodes.
    Unbalance([usize; 3]),
}

/// A current as a combination of node voltages.
pub(crate) type CurrentRow = Vec<(usize, Complex64)>;

/// A current with a limit: a conductor at one or both ends of an element.
#[derive(Debug, Clone)]
pub(crate) struct ConductorCurrent {
    pub element: usize,
    /// Conductor of the terminal, from 0.
    pub conductor: usize,
    pub first: CurrentRow,
    /// The other end of a line.
    pub second: Option<CurrentRow>,
    /// A per unit.
    pub base_a: f64,
}

/// Active power into the first terminal of an element.
#[derive(Debug, Clone, Default)]
struct TerminalPower {
    /// Node and current row of each conductor.
    conductors: Vec<(usize, CurrentRow)>,
    /// Nodes at the second terminal.
    behind: Vec<usize>,
    loss_resistance_pu: f64,
}

/// Everything monitored in a network.
#[derive(Debug, Clone)]
pub(crate) struct Monitors {
    pub voltages: Vec<MonitoredVoltage>,
    pub currents: Vec<ConductorCurrent>,
    powers: Vec<TerminalPower>,
    /// All element rows by conductor with its node, for losses: (node, row).
    injected: Vec<(usize, CurrentRow)>,
}

impl Monitors {
    /// Compiles the rows of a network.
    pub fn new(network: &MultiphaseNetwork) -> Result<Monitors, GridError> {
        let parts = network.parts();
        let mut monitors = Monitors {
            voltages: monitored_voltages(network),
            currents: Vec::new(),
            powers: Vec::with_capacity(parts.elements.len()),
            injected: Vec::new(),
        };
        for (e, element) in parts.elements.iter().enumerate() {
            let compiled = ElementAdmittance::new(network, element)?;
            let size = compiled.size();
            let row = |c: usize| -> CurrentRow {
                let entries = compiled.nodes.iter().enumerate().filter_map(|(j, node)| {
                    let y = compiled.y[c * size + j];
                    node.filter(|_| y != Complex64::ZERO).map(|node| (node.0, y))
                });
                entries.collect()
            };
            let rows_of = |terminal: usize| -> Vec<(usize, CurrentRow)> {
                let span = compiled.terminal_start[terminal]..compiled.terminal_start[terminal + 1];
                span.filter_map(|c| compiled.nodes[c].map(|node| (node.0, row(c)))).collect()
            };
            (0..element.terminals.len()).for_each(|t| monitors.injected.extend(rows_of(t)));
            let mut power = TerminalPower::default();
            if let [first, second, ..] = element.terminals.as_slice() {
                power.conductors = rows_of(0);
                power.behind = second.conductors.iter().flatten().map(|n| n.0).collect();
                power.loss_resistance_pu = loss_resistance_pu(parts, e);
                let base_a = 1e3 * parts.base_mva / parts.buses[first.bus.0].v_base_kv;
                let n = first.conductors.len();
                let (phases, both_ends) = match &element.model {
                    ElementModel::Transformer(t) => match t.windings.first().map(|w| w.connection) {
                        Some(WindingConnection::Wye) => (t.phases.min(n), false),
                        _ => (n, false),
                    },
                    ElementModel::Line { .. } => (n, true),
                    _ => (n, false),
                };
                for conductor in 0..phases {
                    let second = both_ends.then(|| row(n + conductor));
                    let first = row(conductor);
                    monitors.currents.push(ConductorCurrent { element: e, conductor, first, second, base_a });
                }
            }
            monitors.powers.push(power);
        }
        Ok(monitors)
    }

    /// Value of a monitored voltage.
    pub fn voltage(&self, index: usize, v: &[Complex64]) -> f64 {
        match self.voltages[index] {
            MonitoredVoltage::ToGround(a) => v[a].norm_sqr().sqrt(),
            MonitoredVoltage::Between(a, b) => ((v[a] - v[b]).norm_sqr() / 3.0).sqrt(),
            MonitoredVoltage::Unbalance(nodes) => {
                let [positive, negative] = sequences(nodes, v);
                negative.norm() / positive.norm()
            }
        }
    }

    /// Adds weight times the gradient of a monitored voltage.
    pub fn add_voltage_gradient(&self, index: usize, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
        match self.voltages[index] {
            MonitoredVoltage::ToGround(a) => dl_dv[a] += direction(v[a]) * weight,
            MonitoredVoltage::Between(a, b) => {
                let g = direction(v[a] - v[b]) * (weight / 3f64.sqrt());
                dl_dv[a] += g;
                dl_dv[b] -= g;
            }
            MonitoredVoltage::Unbalance(nodes) => {
                let [positive, negative] = sequences(nodes, v);
                let (p, n) = (positive.norm(), negative.norm());
                let (by_p, by_n) = (direction(positive) * (-n / (p * p)), direction(negative) / p);
                for (k, &node) in nodes.iter().enumerate() {
                    let gradient = COEFFICIENTS[0][k].conj() * by_p + COEFFICIENTS[1][k].conj() * by_n;
                    dl_dv[node] += gradient * (weight / 3.0);
                }
            }
        }
    }

    /// A monitored current at the end that carries more.
    pub fn current(&self, index: usize, v: &[Complex64]) -> MonitoredCurrent {
        let monitored = &self.currents[index];
        let first = product(&monitored.first, v);
        let from = MonitoredCurrent { side: CurrentSide::From, factor: 1.0, current: first };
        match &monitored.second {
            None => from,
            Some(row) => {
                let second = product(row, v);
                if first.norm_sqr() > second.norm_sqr() {
                    from
                } else {
                    MonitoredCurrent { side: CurrentSide::To, factor: 1.0, current: second }
                }
            }
        }
    }

    /// Magnitudes at both ends, A; the same twice where only one is monitored.
    pub fn current_ends_a(&self, index: usize, v: &[Complex64]) -> (f64, f64) {
        let monitored = &self.currents[index];
        let amperes = |row: &CurrentRow| product(row, v).norm() * monitored.base_a;
        let first = amperes(&monitored.first);
        (first, monitored.second.as_ref().map_or(first, amperes))
    }

    /// Adds weight times the gradient of Re(conj(direction) I).
    pub fn add_current_gradient(
        &self,
        index: usize,
        side: CurrentSide,
        direction: Complex64,
        weight: f64,
        dl_dv: &mut [Complex64],
    ) {
        let monitored = &self.currents[index];
        let row = match (side, &monitored.second) {
            (CurrentSide::To, Some(second)) => second,
            _ => &monitored.first,
        };
        row.iter().for_each(|&(node, y)| dl_dv[node] += y.conj() * direction * weight);
    }

    /// Active power exported through an element to its first terminal.
    pub fn export(&self, element: usize, v: &[Complex64]) -> f64 {
        let into = |(node, row): &(usize, CurrentRow)| (v[*node] * product(row, v).conj()).re;
        -self.powers.get(element).map_or(0.0, |power| power.conductors.iter().map(into).sum())
    }

    /// Adds weight times the gradient of the exported power.
    pub fn add_export_gradient(&self, element: usize, v: &[Complex64], weight: f64, dl_dv: &mut [Complex64]) {
        for (node, row) in self.powers.get(element).iter().flat_map(|power| &power.conductors) {
            dl_dv[*node] -= product(row, v) * weight;
            row.iter().for_each(|&(other, y)| dl_dv[other] -= y.conj() * v[*node] * weight);
        }
    }

    /// Mean |V|^2 at the second terminal.
    pub fn v_square_behind(&self, element: usize, v: &[Complex64]) -> f64 {
        let Some(power) = self.powers.get(element) else { return f64::NAN };
        power.behind.iter().map(|&node| v[node].norm_sqr()).sum::<f64>() / power.behind.len() as f64
    }

    /// r of P_loss = r P^2 / |V|^2, P the total power through the element.
    pub fn loss_resistance_pu(&self, element: usize) -> f64 {
        self.powers.get(element).map_or(0.0, |power| power.loss_resistance_pu)
    }

    /// Power that goes into all elements: their losses.
    pub fn losses(&self, v: &[Complex64]) -> Complex64 {
        self.injected.iter().map(|(node, row)| v[*node] * product(row, v).conj()).sum()
    }
}

fn product(row: &CurrentRow, v: &[Complex64]) -> Complex64 {
    row.iter().map(|&(node, y)| y * v[node]).sum()
}

/// z / |z|, and zero at zero, where a magnitude has no gradient.
fn direction(z: Complex64) -> Complex64 {
    let magnitude = z.norm();
    if magnitude > 0.0 { z / magnitude } else { Complex64::ZERO }
}

const HALF_SQRT_3: f64 = 0.866_025_403_784_438_6;
/// exp(j 120 degrees) and its square.
const A: Complex64 = Complex64::new(-0.5, HALF_SQRT_3);
const A2: Complex64 = Complex64::new(-0.5, -HALF_SQRT_3);
/// Three times the positive and the negative sequence by phase.
const COEFFICIENTS: [[Complex64; 3]; 2] = [[Complex64::ONE, A, A2], [Complex64::ONE, A2, A]];

fn sequences(nodes: [usize; 3], v: &[Complex64]) -> [Complex64; 2] {
    COEFFICIENTS.map(|row| row.iter().zip(nodes).map(|(c, node)| c * v[node]).sum::<Complex64>() / 3.0)
}

fn monitored_voltages(network: &MultiphaseNetwork) -> Vec<MonitoredVoltage> {
    let parts = network.parts();
    let grounded = grounded_buses(parts);
    let mut voltages = Vec::new();
    for bus in 0..parts.buses.len() {
        let span = network.nodes_of(crate::network::BusIndex(bus));
        let phases: Vec<usize> = span.filter(|&node| (1..=3).contains(&parts.nodes[node].number)).collect();
        match (grounded[bus], phases.as_slice()) {
            (false, &[a, b]) => voltages.push(MonitoredVoltage::Between(a, b)),
            (false, &[a, b, c]) => {
                voltages.extend([(a, b), (b, c), (c, a)].map(|(a, b)| MonitoredVoltage::Between(a, b)));
            }
            _ => voltages.extend(phases.iter().map(|&node| MonitoredVoltage::ToGround(node))),
        }
        if let &[a, b, c] = phases.as_slice() {
            voltages.push(MonitoredVoltage::Unbalance([a, b, c]));
        }
    }
    voltages
}

/// Whether the zone of each bus has a connection to ground that fixes its voltages there.
fn grounded_buses(parts: &MultiphaseParts) -> Vec<bool> {
    let n = parts.buses.len();
    let mut neighbours = vec![Vec::new(); n];
    let mut grounded = vec![false; n];
    for element in &parts.elements {
        match (&element.model, element.terminals.as_slice()) {
            (ElementModel::Line { .. }, [a, b]) => {
                neighbours[a.bus.0].push(b.bus.0);
                neighbours[b.bus.0].push(a.bus.0);
            }
            (ElementModel::Transformer(t), terminals) => {
                for (winding, terminal) in t.windings.iter().zip(terminals) {
                    let neutral = terminal.conductors.last().copied().flatten();
                    let to_ground = neutral.is_none() || winding.neutral_ohm.is_some();
                    let wye = winding.connection == WindingConnection::Wye;
                    grounded[terminal.bus.0] |= wye && to_ground;
                }
            }
            _ => {}
        }
    }
    for port in parts.ports.iter().filter(|port| port.to.is_none()) {
        grounded[parts.nodes[port.from.0].bus.0] = true;
    }
    parts.sources.iter().for_each(|source| grounded[source.bus.0] = true);
    let mut frontier: Vec<usize> = (0..n).filter(|&bus| grounded[bus]).collect();
    while let Some(bus) = frontier.pop() {
        for &next in &neighbours[bus] {
            if !std::mem::replace(&mut grounded[next], true) {
                frontier.push(next);
            }
        }
    }
    grounded
}

/// Resistance for losses of the total power, spread evenly over n conductors: r / n with r the mean over the conductors of own minus
/// mutual resistance (the positive sequence); of a transformer from its resistances in per cent of the rating.
fn loss_resistance_pu(parts: &MultiphaseParts, element: usize) -> f64 {
    let element = &parts.elements[element];
    match &element.model {
        ElementModel::Line { series_ohm, .. } => {
            let n = series_ohm.n();
            let own: f64 = (0..n).map(|i| series_ohm.at(i, i).re).sum::<f64>() / n as f64;
            let pairs = (0..n).flat_map(|i| (0..n).filter(move |&j| j != i).map(move |j| (i, j)));
            let mutual: f64 = pairs.map(|(i, j)| series_ohm.at(i, j).re).sum::<f64>() / (n * (n - 1)).max(1) as f64;
            let v_base_kv = parts.buses[element.terminals[0].bus.0].v_base_kv;
            (own - mutual) / n as f64 * parts.base_mva / (v_base_kv * v_base_kv)
        }
        ElementModel::Transformer(t) => {
            let of = |w: &super::transformer::Winding| w.r_percent / 100.0 * parts.base_mva * 1e3 / w.s_rated_kva;
            t.windings.iter().take(2).map(of).sum()
        }
        ElementModel::Shunt { .. } | ElementModel::Admittance(_) => 0.0,
    }
}

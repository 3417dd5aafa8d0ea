//! The linearised network of a window as the tree it is: microgrids down to their points of common coupling, the feeder
//! between them bus by bus.
//!
//! In the scaled quantities of the grid's tree, as real pairs, a bus k below p obeys
//!
//! ```text
//!   dV_k = dV_p - Z_k dJ_k        dJ_k = S_k dV_k + dI_k + sum of dJ below        S_k: shunt and slope of the demand current
//! ```
//!
//! A microgrid is eliminated: with a its actions of the step and V the feeder's voltage at its PCC branch,
//!
//! ```text
//!   dV_k = T_k dV + U_k da  inside          drawn from the feeder: dI = Y dV + C da
//! ```
//!
//! T, U, Y, C follow from one pass up and one down its own buses. A limit inside is then a row over its own actions and
//! the pair dV; a limit of the feeder a row over the pairs at both ends of a branch. Everything is linear in the number of
//! buses, while rows over the actions of all microgrids ([`crate::rows`]) cost their number each.

use crate::fleet::Fleet;
use crate::returns::Limit;
use crate::rows::{CurrentRow, VoltageRow};
use covolt_grid::{
    Complex64, CurrentSide, Grid, GridWorkspace, MonitoredCurrent, PortIndex, TreeBus, demand_current,
    demand_current_slope,
};

/// Real 2 x 2 matrix, row after row.
pub type Pairing = [f64; 4];
/// Real and imaginary part.
pub type Pair = [f64; 2];

/// A bus of the feeder; the source is number 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeederNode {
    /// Number of its parent, smaller than its own.
    pub parent: usize,
    /// Impedance of the branch above it.
    pub z: Pairing,
    /// Change of the current drawn at the bus itself with its voltage.
    pub slope: Pairing,
}

/// A microgrid as the feeder sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// The feeder's bus at its PCC branch.
    pub node: usize,
    /// Y.
    pub admittance: Pairing,
    /// C: one pair for each entry of the step's action, per kW or kvar.
    pub exchange: Vec<Pair>,
}

/// The network at one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StepTree {
    /// Buses of the feeder.
    pub nodes: Vec<FeederNode>,
    /// One per microgrid.
    pub ports: Vec<Port>,
}

/// Where a row of a coupled limit belongs.
#[derive(Debug, Clone, PartialEq)]
pub enum TreeRow {
    /// Inside a microgrid, PCC branch included.
    Microgrid {
        /// Its number.
        n: usize,
        /// Coefficients of its actions of the step, the feeder's voltage held.
        own: Vec<f64>,
        /// Coefficients of the feeder's voltage.
        at_port: Pair,
    },
    /// Of the feeder.
    Feeder {
        /// Its bus, below the branch if the limit is that of a branch.
        node: usize,
        /// Coefficients of the voltage there.
        here: Pair,
        /// Coefficients of the voltage of its parent.
        above: Pair,
    },
}

/// The network over a window; rows in the order of the program's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NetworkTree {
    /// Steps.
    pub steps: Vec<StepTree>,
    /// One per voltage row.
    pub voltages: Vec<TreeRow>,
    /// Real and imaginary part of each current row.
    pub currents: Vec<[TreeRow; 2]>,
}

/// What stays the same over the steps.
pub(crate) struct TreePlan<'a> {
    grid: &'a Grid,
    buses: Vec<TreeBus>,
    /// Microgrid of each tree position.
    owner: Vec<Option<usize>>,
    /// Number of each tree position among the feeder's nodes.
    node: Vec<usize>,
    /// Tree position of each network bus.
    place: Vec<usize>,
    /// Tree positions of each microgrid, parents first.
    inside: Vec<Vec<usize>>,
}

impl<'a> TreePlan<'a> {
    /// `None` where the network has loops or several phases, or something of the feeder hangs below a microgrid.
    pub fn new(fleet: &'a Fleet) -> Option<TreePlan<'a>> {
        let grid = fleet.grid.balanced()?;
        let buses = grid.tree_buses()?;
        let mut place = vec![0; buses.len()];
        buses.iter().enumerate().for_each(|(k, b)| place[b.bus.0] = k);
        let mut owner = vec![None; buses.len()];
        for (n, mg) in fleet.microgrids.iter().enumerate() {
            mg.buses.iter().for_each(|b| owner[place[b.0]] = Some(n));
        }
        if owner[0].is_some() {
            return None;
        }
        let mut node = vec![0; buses.len()];
        let mut inside = vec![Vec::new(); fleet.microgrids.len()];
        let mut nodes = 1;
        for (k, bus) in buses.iter().enumerate().skip(1) {
            let above = owner[bus.parent];
            match owner[k] {
                None => {
                    above.is_none().then_some(())?;
                    node[k] = nodes;
                    nodes += 1;
                }
                Some(n) => {
                    let pcc = &grid.network().branches()[fleet.microgrids[n].pcc.0];
                    let entry = pcc.to == bus.bus && pcc.from == buses[bus.parent].bus;
                    (above == Some(n) || (above.is_none() && entry)).then_some(())?;
                    inside[n].push(k);
                }
            }
        }
        Some(TreePlan { grid, buses, owner, node, place, inside })
    }
}

/// What a step's solution says of every tree position.
struct StepMaps {
    /// T of each position in a microgrid.
    t: Vec<Pairing>,
    /// U of each, `width` pairs.
    u: Vec<Vec<Pair>>,
}

impl NetworkTree {
    /// Adds the step solved last: its voltages in `flow`, net demand `p`, `q`, and its rows, the last ones of both lists.
    pub(crate) fn add_step(
        &mut self,
        plan: &TreePlan<'_>,
        fleet: &Fleet,
        flow: &GridWorkspace,
        (p, q): (&[f64], &[f64]),
        voltages: &[VoltageRow],
        currents: &[CurrentRow],
    ) {
        let v = flow.v();
        let scaled_v = |k: usize| v[plan.buses[k].bus.0] / plan.buses[k].scale;
        let slope = |k: usize| {
            let bus = plan.buses[k].bus.0;
            sum(&product_with(plan.buses[k].shunt), &reflection(demand_current_slope(p[bus], q[bus], scaled_v(k))))
        };
        let mut step = StepTree::default();
        for (k, bus) in plan.buses.iter().enumerate().filter(|(k, _)| plan.owner[*k].is_none()) {
            let slope = if k == 0 { [0.0; 4] } else { slope(k) };
            step.nodes.push(FeederNode { parent: plan.node[bus.parent], z: product_with(bus.zeta), slope });
        }
        let mut maps = StepMaps { t: vec![[0.0; 4]; plan.buses.len()], u: vec![Vec::new(); plan.buses.len()] };
        for n in 0..fleet.microgrids.len() {
            step.ports.push(eliminate_microgrid(plan, fleet, n, &slope, &scaled_v, &mut maps));
        }
        let base_kva = fleet.grid.base_kva();
        for port in &mut step.ports {
            port.exchange.iter_mut().flatten().for_each(|c| *c /= base_kva);
        }
        for u in &mut maps.u {
            u.iter_mut().flatten().for_each(|c| *c /= base_kva);
        }
        for row in voltages {
            let (bus, sign) = match row.limit {
                Limit::VoltageLow(bus) => (bus, -1.0),
                Limit::VoltageHigh(bus) | Limit::Current(bus) => (bus, 1.0),
            };
            let gradient = v[bus] * (sign / v[bus].norm());
            self.voltages.push(maps.row(plan, &[(bus, gradient)]));
        }
        for row in currents {
            let admittance = &plan.grid.branch_admittances()[row.branch];
            let MonitoredCurrent { side, factor, .. } = fleet.grid.monitored_current(row.branch, v);
            let weight = factor / fleet.limits.i_max_pu[row.branch];
            let (own, other, near, far) = match side {
                CurrentSide::From => (admittance.yff, admittance.yft, admittance.from.0, admittance.to.0),
                CurrentSide::To => (admittance.ytt, admittance.ytf, admittance.to.0, admittance.from.0),
            };
            let part = |direction: Complex64| {
                let ends = [(near, own.conj() * direction * weight), (far, other.conj() * direction * weight)];
                maps.row(plan, &ends)
            };
            self.currents.push([part(Complex64::ONE), part(Complex64::I)]);
        }
        self.steps.push(step);
    }
}

impl StepMaps {
    /// The row with these gradients dL/dV (network quantities) at one bus, or at both ends of a branch.
    fn row(&self, plan: &TreePlan<'_>, ends: &[(usize, Complex64)]) -> TreeRow {
        let places = ends.iter().map(|&(bus, gradient)| {
            let k = plan.place[bus];
            let g = plan.buses[k].scale.conj() * gradient;
            (k, [g.re, g.im])
        });
        // Parents come first in the tree, so the end below is the one further on.
        let below = places.clone().map(|(k, _)| k).max().unwrap_or(0);
        if let Some(n) = plan.owner[below] {
            let mut own = vec![0.0; self.u[below].len()];
            let mut at_port = [0.0; 2];
            for (k, g) in places {
                if plan.owner[k].is_none() {
                    at_port = [at_port[0] + g[0], at_port[1] + g[1]];
                    continue;
                }
                let t = &self.t[k];
                at_port[0] += t[0] * g[0] + t[2] * g[1];
                at_port[1] += t[1] * g[0] + t[3] * g[1];
                own.iter_mut().zip(&self.u[k]).for_each(|(c, u)| *c += u[0] * g[0] + u[1] * g[1]);
            }
            return TreeRow::Microgrid { n, own, at_port };
        }
        let (mut here, mut above) = ([0.0; 2], [0.0; 2]);
        for (k, g) in places {
            let end = if k == below { &mut here } else { &mut above };
            *end = [end[0] + g[0], end[1] + g[1]];
        }
        TreeRow::Feeder { node: plan.node[below], here, above }
    }
}

/// Y and C of microgrid `n`, and T, U at its buses; C and U per unit of demand.
fn eliminate_microgrid(
    plan: &TreePlan<'_>,
    fleet: &Fleet,
    n: usize,
    slope: &impl Fn(usize) -> Pairing,
    scaled_v: &impl Fn(usize) -> Complex64,
    maps: &mut StepMaps,
) -> Port {
    let mg = &fleet.microgrids[n];
    let layout = mg.layout(1);
    let width = layout.len();
    let inside = &plan.inside[n];
    for &k in inside {
        maps.t[k] = slope(k);
        maps.u[k] = vec![[0.0; 2]; width];
    }
    let mut draw = |port: PortIndex, entry: usize, p: f64, q: f64| {
        let k = plan.place[port.0];
        let current = demand_current(p, q, scaled_v(k));
        maps.u[k][entry][0] += current.re;
        maps.u[k][entry][1] += current.im;
    };
    mg.for_each_device(&layout, 0, |port, active, reactive, sign| {
        if let Some(active) = active {
            draw(port, active, sign, 0.0);
        }
        draw(port, reactive, 0.0, sign);
    });
    // Up: (1 + S Z) J = S V_p + I, seen from the parent.
    let mut port = Port { node: 0, admittance: [0.0; 4], exchange: vec![[0.0; 2]; width] };
    for &k in inside.iter().rev() {
        let z = product_with(plan.buses[k].zeta);
        let factor = inverse(&sum(&[1.0, 0.0, 0.0, 1.0], &times(&maps.t[k], &z)));
        maps.t[k] = times(&factor, &maps.t[k]);
        let mut drawn = std::mem::take(&mut maps.u[k]);
        drawn.iter_mut().for_each(|u| *u = apply(&factor, u));
        let (parent, seen) = (plan.buses[k].parent, maps.t[k]);
        let (admittance, exchange) = if plan.owner[parent].is_none() {
            port.node = plan.node[parent];
            (&mut port.admittance, &mut port.exchange)
        } else {
            (&mut maps.t[parent], &mut maps.u[parent])
        };
        *admittance = sum(admittance, &seen);
        exchange.iter_mut().zip(&drawn).for_each(|(e, d)| *e = [e[0] + d[0], e[1] + d[1]]);
        maps.u[k] = drawn;
    }
    // Down: V_k = V_p - Z J.
    for &k in inside {
        let z = product_with(plan.buses[k].zeta);
        let parent = plan.buses[k].parent;
        let at_pcc = plan.owner[parent].is_none();
        let t_parent = if at_pcc { [1.0, 0.0, 0.0, 1.0] } else { maps.t[parent] };
        let seen = maps.t[k];
        maps.t[k] = difference(&t_parent, &times(&z, &times(&seen, &t_parent)));
        let mut own = std::mem::take(&mut maps.u[k]);
        for (entry, u) in own.iter_mut().enumerate() {
            let u_parent = if at_pcc { [0.0; 2] } else { maps.u[parent][entry] };
            let from_parent = apply(&seen, &u_parent);
            let drop = apply(&z, &[from_parent[0] + u[0], from_parent[1] + u[1]]);
            *u = [u_parent[0] - drop[0], u_parent[1] - drop[1]];
        }
        maps.u[k] = own;
    }
    port
}

/// x -> c x.
fn product_with(c: Complex64) -> Pairing {
    [c.re, -c.im, c.im, c.re]
}

/// x -> c conj(x).
fn reflection(c: Complex64) -> Pairing {
    [c.re, c.im, c.im, -c.re]
}

fn sum(a: &Pairing, b: &Pairing) -> Pairing {
    std::array::from_fn(|i| a[i] + b[i])
}

fn difference(a: &Pairing, b: &Pairing) -> Pairing {
    std::array::from_fn(|i| a[i] - b[i])
}

fn times(a: &Pairing, b: &Pairing) -> Pairing {
    [a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3]]
}

fn apply(a: &Pairing, x: &Pair) -> Pair {
    [a[0] * x[0] + a[1] * x[1], a[2] * x[0] + a[3] * x[1]]
}

fn inverse(a: &Pairing) -> Pairing {
    let scale = 1.0 / (a[0] * a[3] - a[1] * a[2]);
    [a[3] * scale, -a[1] * scale, -a[2] * scale, a[0] * scale]
}

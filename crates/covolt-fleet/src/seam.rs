//! The seam: the fleet cut at its points of common coupling into the operator's part and one part per microgrid.
//!
//! ```text
//!                whole                      operator's part            part of an agent
//!   source - F1 - F2 - ...             source - F1 - F2 - ...          F2 (source)
//!                  |  PCC branch                                        |  PCC branch, number 0
//!                  A1 - A2                                              A1 - A2
//! ```
//!
//! The feeder's bus at a PCC is the only one in two parts: the operator owns it, with its shunts and loads, and the
//! agent's network takes it as its source, whose voltage is given step by step. The PCC branch with both its terminal shunts
//! is the agent's, so the power that crosses is that at the branch's from side, where it is metered. With V the voltage
//! there,
//!
//! ```text
//!   agent:      V -> P, Q drawn at the from side, from the power flow below V
//!   operator:   P, Q as a load of the feeder's bus -> V
//! ```
//!
//! and where both hold, the voltages of all parts are those of the whole
//! (`law_the_parts_solve_to_the_whole`). Everything in a part is per unit of the whole's bases; a tap or phase shift of
//! the PCC branch stays in the branch.
//!
//! A microgrid must hang by its PCC branch alone and be a tree below it; the feeder may be meshed.

use crate::fleet::{Fleet, Microgrid};
use crate::sub_fleet::{Members, Whole};
use covolt_grid::{BusIndex, Grid, Network, Source};
use thiserror::Error;

/// Where a microgrid hangs on the feeder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pcc {
    /// Name of the microgrid.
    pub microgrid: String,
    /// The feeder's bus at its PCC branch, as the operator's part numbers it.
    pub bus: BusIndex,
}

/// The feeder: what no microgrid owns.
#[derive(Debug)]
pub struct OperatorPart {
    /// Its network, loads and limits; no microgrid.
    pub fleet: Fleet,
    /// One per microgrid, in the order of the whole.
    pub pccs: Vec<Pcc>,
    /// Index in the whole network of each of its buses, rising.
    pub buses: Vec<usize>,
    /// Index in the whole network of each of its branches, rising.
    pub branches: Vec<usize>,
    /// Number in the whole fleet of each of its loads, rising.
    pub loads: Vec<usize>,
}

/// One microgrid with its PCC branch.
#[derive(Debug)]
pub struct AgentPart {
    /// The one microgrid. Bus 0 of its network is the feeder's bus at the PCC, a source of 1 pu at angle 0 until the
    /// voltage of a step is given; branch 0 is the PCC branch.
    pub fleet: Fleet,
    /// Index in the whole network of each of its buses; the feeder's first, the microgrid's own rising.
    pub buses: Vec<usize>,
    /// Index in the whole network of each of its branches; the PCC branch first, the others rising.
    pub branches: Vec<usize>,
}

/// A fleet cut at its points of common coupling.
#[derive(Debug)]
pub struct Seam {
    /// The feeder.
    pub operator: OperatorPart,
    /// One per microgrid, in the order of the whole.
    pub agents: Vec<AgentPart>,
}

/// Why a fleet cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SeamFault {
    /// The network has several phases.
    #[error("the network has several phases: only balanced networks can be cut at their points of common coupling")]
    SeveralPhases,
    /// The source is inside a microgrid, so the feeder hangs below it.
    #[error("microgrid {microgrid}: the source bus {bus} is one of its buses, so the feeder would hang below it")]
    HoldsSource {
        /// Microgrid name.
        microgrid: String,
        /// Bus id.
        bus: String,
    },
    /// A branch besides the PCC branch leaves a microgrid.
    #[error(
        "microgrid {microgrid}: branch {branch} leaves it at bus {inside} to bus {outside}; only its PCC branch {pcc} may"
    )]
    SecondExit {
        /// Microgrid name.
        microgrid: String,
        /// Id of the branch.
        branch: String,
        /// Id of its end in the microgrid.
        inside: String,
        /// Id of its other end.
        outside: String,
        /// Id of the PCC branch.
        pcc: String,
    },
    /// A microgrid hangs below another.
    #[error("microgrid {inner} hangs by its PCC branch {branch} at bus {bus} of microgrid {outer}, not at the feeder")]
    Nested {
        /// Name of the microgrid below.
        inner: String,
        /// Its PCC branch.
        branch: String,
        /// Bus it hangs at.
        bus: String,
        /// Name of the microgrid above.
        outer: String,
    },
    /// A microgrid is not a tree.
    #[error("microgrid {microgrid}: branch {branch} between its buses {from} and {to} closes a loop")]
    Loop {
        /// Microgrid name.
        microgrid: String,
        /// Id of a branch that closes a loop.
        branch: String,
        /// Id of one end.
        from: String,
        /// Id of the other.
        to: String,
    },
    /// A load that no microgrid owns stands at a bus of one.
    #[error("load {load} belongs to the feeder, but its bus {bus} to microgrid {microgrid}")]
    FeederLoadInside {
        /// Load id.
        load: String,
        /// Bus id.
        bus: String,
        /// Microgrid name.
        microgrid: String,
    },
    /// A part is no network that can be solved.
    #[error("{part}: {reason}")]
    Refused {
        /// Which part.
        part: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The voltage of an agent's source until that of a step is given, pu.
const NOMINAL_V_PU: f64 = 1.0;

/// Cuts a fleet at its points of common coupling. Linear in its size.
///
/// # Errors
/// Everything that stands against it, never empty.
pub fn cut_at_pccs(fleet: &Fleet) -> Result<Seam, Vec<SeamFault>> {
    let Some(network) = fleet.grid.balanced().map(Grid::network) else { return Err(vec![SeamFault::SeveralPhases]) };
    let owner = owners(network, &fleet.microgrids);
    let faults = faults(fleet, network, &owner);
    if !faults.is_empty() {
        return Err(faults);
    }
    let (mut feeder, mut inside) = (Members::default(), Vec::with_capacity(fleet.microgrids.len()));
    for (n, mg) in fleet.microgrids.iter().enumerate() {
        let at_pcc = network.branches()[mg.pcc.0].from;
        let (buses, branches) = (vec![at_pcc.0], vec![mg.pcc.0]);
        inside.push(Members { buses, branches, microgrids: vec![n], ..Members::default() });
    }
    let mut of = |n: Option<usize>, list: fn(&mut Members) -> &mut Vec<usize>, index: usize| {
        list(n.map_or(&mut feeder, |n| &mut inside[n])).push(index);
    };
    owner.iter().enumerate().for_each(|(bus, &n)| of(n, |m| &mut m.buses, bus));
    network.shunts().iter().enumerate().for_each(|(s, shunt)| of(owner[shunt.bus.0], |m| &mut m.shunts, s));
    for (b, branch) in network.branches().iter().enumerate() {
        // Every branch into a microgrid is its PCC branch, which its part has already.
        if owner[branch.from.0] == owner[branch.to.0] {
            of(owner[branch.to.0], |m| &mut m.branches, b);
        }
    }
    feeder.loads = (0..fleet.feeder_loads.len()).collect();

    let mut whole = Whole::new(fleet, network);
    let refused = |part: String, reason: String| vec![SeamFault::Refused { part, reason }];
    let own = whole.part(&feeder, network.source().clone()).map_err(|reason| refused("the feeder".into(), reason))?;
    let pcc = |mg: &Microgrid| Pcc { microgrid: mg.name.clone(), bus: whole.bus(network.branches()[mg.pcc.0].from) };
    let pccs = fleet.microgrids.iter().map(pcc).collect();
    let Members { buses, branches, loads, .. } = feeder;
    let operator = OperatorPart { fleet: own, pccs, buses, branches, loads };
    let mut agents = Vec::with_capacity(inside.len());
    for (members, mg) in inside.into_iter().zip(&fleet.microgrids) {
        let source = Source { bus: BusIndex(members.buses[0]), v_pu: NOMINAL_V_PU, angle_deg: 0.0 };
        let part = whole.part(&members, source);
        let fleet = part.map_err(|reason| refused(format!("microgrid {}", mg.name), reason))?;
        let Members { buses, branches, .. } = members;
        agents.push(AgentPart { fleet, buses, branches });
    }
    Ok(Seam { operator, agents })
}

/// Microgrid of each bus.
fn owners(network: &Network, microgrids: &[Microgrid]) -> Vec<Option<usize>> {
    let mut owner = vec![None; network.buses().len()];
    for (n, mg) in microgrids.iter().enumerate() {
        mg.buses.iter().for_each(|bus| owner[bus.0] = Some(n));
    }
    owner
}

fn faults(fleet: &Fleet, network: &Network, owner: &[Option<usize>]) -> Vec<SeamFault> {
    let name = |n: usize| fleet.microgrids[n].name.clone();
    let bus_id = |bus: BusIndex| network.buses()[bus.0].id.0.clone();
    let mut faults = Vec::new();
    let source = network.source().bus;
    if let Some(n) = owner[source.0] {
        faults.push(SeamFault::HoldsSource { microgrid: name(n), bus: bus_id(source) });
    }
    // The representative of each bus among those joined by branches inside their microgrid, for the loops.
    let mut joined: Vec<usize> = (0..owner.len()).collect();
    for (b, branch) in network.branches().iter().enumerate() {
        let (from, to) = (owner[branch.from.0], owner[branch.to.0]);
        let id = || branch.id.0.clone();
        if from == to {
            let Some(n) = from else { continue };
            let (one, other) = (representative(&mut joined, branch.from.0), representative(&mut joined, branch.to.0));
            if one == other {
                let (from, to) = (bus_id(branch.from), bus_id(branch.to));
                faults.push(SeamFault::Loop { microgrid: name(n), branch: id(), from, to });
            }
            joined[one] = other;
            continue;
        }
        if let (Some(outer), Some(inner)) = (from, to)
            && fleet.microgrids[inner].pcc.0 == b
        {
            let bus = bus_id(branch.from);
            faults.push(SeamFault::Nested { inner: name(inner), branch: id(), bus, outer: name(outer) });
            continue;
        }
        for (n, inside, outside) in [(from, branch.from, branch.to), (to, branch.to, branch.from)] {
            let Some(n) = n.filter(|&n| fleet.microgrids[n].pcc.0 != b) else { continue };
            faults.push(SeamFault::SecondExit {
                microgrid: name(n),
                branch: id(),
                inside: bus_id(inside),
                outside: bus_id(outside),
                pcc: network.branches()[fleet.microgrids[n].pcc.0].id.0.clone(),
            });
        }
    }
    for load in &fleet.feeder_loads {
        let bus = load.connection.bus();
        if let Some(n) = owner[bus.0] {
            let (load, bus) = (load.id.clone(), bus_id(bus));
            faults.push(SeamFault::FeederLoadInside { load, bus, microgrid: name(n) });
        }
    }
    faults
}

/// The bus that stands for all those joined with `bus`.
fn representative(joined: &mut [usize], bus: usize) -> usize {
    let mut top = bus;
    while joined[top] != top {
        joined[top] = joined[joined[top]];
        top = joined[top];
    }
    top
}

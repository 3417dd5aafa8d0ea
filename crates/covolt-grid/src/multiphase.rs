//! Unbalanced networks of any number of phases: what real feeders are.
//!
//! A [`MultiphaseNetwork`] is plain, validated data in engineering units: buses with their **nodes** (conductors), **elements**
//! that are linear (lines, transformers, capacitors, reactors), **ports** where power is demanded between two nodes, sources
//! behind an impedance, and the controls of taps and capacitors. Solving it needs (Y + Y_source) V = I_source + I_ports(V).
//!
//! | question | file |
//! |---|---|
//! | what is a network made of | `network.rs` |
//! | a small complex matrix of conductors | `matrix.rs` |
//! | what draws power, and how it depends on voltage | `port.rs` |
//! | transformers and their taps as data | `transformer.rs` |
//! | impedance of a line from its geometry | `line_constants.rs` |
//! | wires, cables and their shields | `line_conductor.rs` |
//! | return through the earth | `earth_return.rs` |
//! | sequence values and short-circuit powers turned into matrices | `sequence.rs` |
//! | conductors eliminated | `kron.rs` |
//! | regulators and switched capacitors as data | `controls.rs` |
//! | which faults can data have | `faults.rs` |
//! | the solver as other crates see it | `grid.rs`, `workspace.rs` |
//! | admittance of an element in per unit | `admittance.rs` |
//! | the current of a port and its slopes | `port_current.rs` |
//! | Y of the network | `nodal_system.rs` |
//! | block elimination: order, places, numbers | `ordering.rs`, `elimination_plan.rs`, `elimination.rs`, `coefficient.rs` |
//! | fixed point and Newton iteration | `flow_iterations.rs`, `acceleration.rs`, `passes.rs` |
//! | eight scenarios at once: as other crates see it, iteration, parts | `batch.rs`, `lane_iterations.rs`, `lane_passes.rs`, `lane_ports.rs`, `lane_acceleration.rs` |
//! | what has limits, with names | `monitors.rs`, `monitored.rs` |
//! | currents, powers, losses, unbalance and their gradients | `quantities.rs` |
//! | the same for eight scenarios at once | `lane_forms.rs` |
//! | taps and capacitors moved until they rest | `control_loop.rs` |
//! | the same equations as a sparse matrix | `sparse_system.rs` |

mod acceleration;
mod admittance;
mod batch;
mod coefficient;
mod control_loop;
mod controls;
mod earth_return;
mod elimination;
mod elimination_plan;
mod faults;
mod flow_iterations;
mod grid;
mod kron;
mod lane_acceleration;
mod lane_forms;
mod lane_iterations;
mod lane_passes;
mod lane_ports;
mod line_conductor;
mod line_constants;
mod matrix;
pub(crate) mod monitored;
pub(crate) mod monitors;
mod network;
mod nodal_system;
mod ordering;
mod passes;
mod port;
mod port_current;
mod quantities;
mod sequence;
mod sparse_system;
mod transformer;
mod transformer_admittance;
mod workspace;

pub use batch::MultiphaseBatch;
pub use control_loop::{ControlOptions, Settled};
pub use controls::{CapacitorControl, CapacitorRule, Control, MonitoredPhase, RegulatorControl};
pub use earth_return::{Earth, EarthModel};
pub use faults::MultiphaseFault;
pub use grid::MultiphaseGrid;
pub use kron::{kron_reduced, leading_block};
pub use lane_forms::{CurrentForm, LinearForm, PowerForm, VoltageForm};
pub use line_conductor::{CableShield, LineConductor, ShieldKind, Wire};
pub use line_constants::{GeometryFault, LineConstants, line_constants};
pub use matrix::ConductorMatrix;
pub use monitored::MonitoredMultiphase;
pub use network::{
    Element, ElementIndex, ElementModel, ElementTerminal, MultiphaseBus, MultiphaseNetwork, MultiphaseParts, Node,
    NodeIndex, VoltageSource,
};
pub use port::{Port, PortIndex, VoltageDependence, VoltageRange, ZipShares};
pub use sequence::{
    PhaseOrder, ShortCircuit, SourceSequence, sequence_capacitance_matrix, sequence_matrix, sequence_matrix_012,
    source_voltages_v,
};
pub use transformer::{Transformer, Winding, WindingConnection};
pub use transformer_admittance::admittance_s;
pub use workspace::MultiphaseWorkspace;

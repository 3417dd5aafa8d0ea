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
//! | admittance of a transformer between its terminals | `transformer_admittance.rs` |
//! | regulators and switched capacitors as data | `controls.rs` |
//! | which faults can data have | `faults.rs` |

mod controls;
mod faults;
mod matrix;
mod network;
mod port;
mod transformer;
mod transformer_admittance;

pub use controls::{CapacitorControl, CapacitorRule, Control, MonitoredPhase, RegulatorControl};
pub use faults::MultiphaseFault;
pub use matrix::ConductorMatrix;
pub use network::{
    Element, ElementIndex, ElementModel, ElementTerminal, MultiphaseBus, MultiphaseNetwork, MultiphaseParts, Node,
    NodeIndex, VoltageSource,
};
pub use port::{Port, PortIndex, VoltageDependence, VoltageRange, ZipShares};
pub use transformer::{Transformer, Winding, WindingConnection};
pub use transformer_admittance::admittance_s;

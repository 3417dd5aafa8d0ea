//! AC power flow of distribution networks and its derivatives: section (27)-(46) of the method.
//!
//! What this crate guarantees: a [`Network`] that exists is valid; a power flow that returns `Ok` satisfies the
//! power balance of every bus to the tolerance asked for; a power flow that does not names the bus and the reason;
//! nothing panics or loops on any input; solving and differentiating allocate nothing.
//!
//! | equations | what | file |
//! |---|---|---|
//! | (30), (31), (37)-(40), Table I | demand current and its derivatives | `demand_current.rs` |
//! | (34)-(36) | voltage sensitivities on a tree | `sensitivities.rs` |
//! | (34)-(36) | the same system as a sparse matrix | `linear_system.rs` |
//! | (41), (42), (44)-(46) | branch currents, PCC exchange | `branch_flow.rs` |
//! | (30)-(40) | the same for eight scenarios at once | `batch.rs`, `batch_sweep.rs`, `batch_sensitivities.rs`, `lanes.rs` |
//! | - | both kinds of grids behind one interface | `distribution_grid.rs`, `distribution_flow.rs`, `distribution_batch.rs` |
//! | - | power flow, radial and meshed | `power_flow_radial.rs`, `power_flow_meshed.rs` |
//!
//! Per unit throughout; demand is positive for consumption; the PCC exchange is positive for export.
//! This crate knows no microgrids, no policies and no files.

mod batch;
mod batch_sensitivities;
mod batch_sweep;
mod branch_flow;
mod connection;
mod continuation;
mod demand_current;
mod distribution_batch;
mod distribution_flow;
mod distribution_grid;
mod distribution_names;
mod error;
mod grid;
mod grid_flows;
mod lanes;
mod linear_system;
pub mod multiphase;
mod network;
mod network_faults;
mod power_flow;
mod power_flow_meshed;
mod power_flow_radial;
mod sensitivities;
mod sparse_lu;
mod tree;

pub use batch::{Batch, BatchOutcome};
pub use branch_flow::{BranchAdmittance, BranchAmperes, CurrentSide, add_voltage_magnitude_gradient};
pub use connection::{Connection, MOST_PORTS};
pub use demand_current::{Action, demand_current, demand_current_derivatives, demand_current_slope, injected_current};
pub use distribution_batch::GridBatch;
pub use distribution_flow::GridWorkspace;
pub use distribution_grid::{DistributionGrid, MonitoredCurrent};
pub use error::GridError;
pub use grid::Grid;
pub use lanes::{ComplexLanes, Instructions, LANES, Lanes, Machine, Pair};
pub use multiphase::PortIndex;
pub use network::{Branch, BranchId, BranchIndex, BranchKind, Bus, BusId, BusIndex, Network, Shunt, Source};
pub use network_faults::{NetworkFault, SMALLEST_IMPEDANCE_PU};
pub use num_complex::Complex64;
pub use power_flow::{FlowInfo, FlowMethod, FlowOptions, FlowWorkspace};
pub use tree::TreeBus;

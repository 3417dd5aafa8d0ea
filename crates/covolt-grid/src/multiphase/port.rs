//! Ports: where power is demanded, between two nodes or a node and ground, and how the demand depends on voltage.
//!
//! With V = V_a - V_b across the port, v = |V| / V_rated and the nominal demand S_0 = p + jq (positive = consumption), the port
//! draws I = conj(S(v) / V) out of node a and returns it to node b, where
//!
//! ```text
//!   S(v) = p (p_z v^2 + p_i v + p_p) + j q (q_z v^2 + q_i v + q_p)        shares of constant impedance, current, power
//!   S(v) = p v^a + j q v^b                                                exponents
//! ```
//!
//! A wye load has one port per phase from its node to the neutral node or ground, a delta load one per phase pair. A device of an
//! agent uses constant-power ports. So the vectors (p, q) that agents and loads write have one entry per port.

use super::network::NodeIndex;
use serde::{Deserialize, Serialize};

/// Position of a port in the network's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortIndex(pub usize);

/// Shares of constant impedance, constant current and constant power of one power; a file may give shares that do not sum to one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ZipShares {
    /// Share that goes with v^2.
    pub impedance: f64,
    /// Share that goes with v.
    pub current: f64,
    /// Share that does not change.
    pub power: f64,
}

impl ZipShares {
    /// Sum of the shares.
    pub fn sum(self) -> f64 {
        self.impedance + self.current + self.power
    }
}

/// How the demand of a port depends on the voltage across it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum VoltageDependence {
    /// S = S_0: an agent's device, or a constant-power load.
    #[default]
    Power,
    /// S = S_0 v.
    Current,
    /// S = S_0 v^2.
    Impedance,
    /// Polynomial, active and reactive power each.
    Zip {
        /// Active power.
        p: ZipShares,
        /// Reactive power.
        q: ZipShares,
        /// The current fades to nothing around this v, as (1 + tanh(500 (v - cutoff))) / 2 (0: always on): OpenDSS's cut-off.
        cutoff_pu: f64,
    },
    /// S = p v^a + j q v^b inside the range; at its ends OpenDSS puts the impedance that draws the nominal power there, so the
    /// current jumps. With a = 0, b = 2 this is OpenDSS's load model 3, otherwise model 4.
    Exponential {
        /// a.
        p: f64,
        /// b.
        q: f64,
    },
}

/// Range of v in which [`VoltageDependence`] holds; outside, the port is an impedance that draws the same at the end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VoltageRange {
    /// Lower end, per unit of the rated voltage.
    pub low_pu: f64,
    /// Upper end, per unit of the rated voltage.
    pub high_pu: f64,
    /// From this v down to zero the port is its rated impedance; between it and `low_pu` the current is interpolated. Zero: no such part.
    pub lowest_pu: f64,
}

/// Where power is demanded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Id, unique: the load's or device's name, with the phase where it has several.
    pub id: String,
    /// Node the current is drawn from.
    pub from: NodeIndex,
    /// Node the current returns to; `None` is ground.
    pub to: Option<NodeIndex>,
    /// Rated voltage across the port, kV.
    pub v_rated_kv: f64,
    /// Dependence on voltage.
    pub dependence: VoltageDependence,
    /// Where the dependence holds; `None`: everywhere.
    pub range: Option<VoltageRange>,
    /// Nominal active demand as given with the network, kW; a case's series replace it.
    pub p_kw: f64,
    /// Nominal reactive demand as given with the network, kvar.
    pub q_kvar: f64,
}

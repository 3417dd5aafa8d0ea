//! What an agent says to the operator: the power at its PCC and how it moves with the voltage there.
//!
//! No field has the length of an agent's action, network, policy or state, so none of these has a place to go.

use serde::{Deserialize, Serialize};

/// Power at a PCC in one window and step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BoundaryPoint {
    /// Active power drawn from the feeder, kW.
    pub p_kw: f64,
    /// Reactive power drawn from the feeder, kvar.
    pub q_kvar: f64,
    /// dP/d|V|, kW/pu.
    pub dp_dv: f64,
    /// dQ/d|V|, kvar/pu.
    pub dq_dv: f64,
    /// Training: slope of the agent's cost and priced limits with |V|, $/pu. Dispatch: slope of `excess`, per pu.
    pub slope: f64,
}

/// An agent's answer in dispatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DispatchAnswer {
    /// Row of the window.
    pub row: u32,
    /// One per step.
    pub points: Vec<BoundaryPoint>,
    /// How the voltage limit of the agent's own network stands that is broken most or comes nearest to it, per step, in tolerances:
    /// positive = broken, negative = room, of which at most 1000 tolerances (0.01 pu) are told.
    pub excess: Vec<f64>,
    /// How drawn power and excess answer a price: minus d(P, Q of all steps)/d(prices of all steps), row by row, P and Q of the first step
    /// first, kW or kvar per $/kW or $/kvar; then minus d excess/d(prices) of each step at a PCC voltage that does not move: 3T rows of
    /// 2T numbers. Empty where it was not asked for.
    pub response: Vec<f64>,
    /// The action keeps every limit of devices and network of the agent at these voltages, after an AC power flow.
    pub safe: bool,
}

/// Why an agent does not take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absence {
    /// The message was of another case.
    OtherCase,
    /// A voltage outside what is plausible.
    ImplausibleVoltage,
    /// The round has passed already.
    OldRound,
    /// Its own power flow has no solution there.
    NoPowerFlow,
    /// It has no policy that fits.
    NoPolicy,
    /// Messages are missing that it needs to go on, and the streams no longer hold them.
    Behind,
}

/// A message from one agent to the operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Up {
    /// Present, and where it stands: updates done.
    Here {
        /// Updates of the policy that are done.
        updates: u32,
        /// It has the plan of this run.
        has_plan: bool,
    },
    /// Training: the answer to `Voltages`, window after window.
    Powers {
        /// One per window and step.
        points: Vec<BoundaryPoint>,
    },
    /// Training: the policy is finished and kept.
    Kept,
    /// Dispatch: the answer to `Ask`.
    Dispatch(Box<DispatchAnswer>),
    /// The message was not acted on.
    Absent(Absence),
}

impl Up {
    /// Name of the kind of message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Up::Here { .. } => "here",
            Up::Powers { .. } => "powers",
            Up::Kept => "kept",
            Up::Dispatch(_) => "dispatch",
            Up::Absent(_) => "absent",
        }
    }
}

//! The coordination methods behind one small interface: a state machine per agent, messages in, messages out.

use crate::error::ConsensusError;
use crate::messages::{Body, Message};

/// The methods that are implemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Equations (50)-(55), corrected.
    Paper,
    /// Primal-dual hybrid gradient: exact local steps, extrapolated shares.
    PrimalDualHybrid,
    /// Sharing form of the alternating direction method of multipliers.
    SharingAdmm,
    /// Distributed interior point (default).
    InteriorPoint,
}

impl Method {
    /// All methods, the paper's first.
    pub const ALL: [Self; 4] = [Self::Paper, Self::PrimalDualHybrid, Self::SharingAdmm, Self::InteriorPoint];

    /// Short name for tables and the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::PrimalDualHybrid => "primal-dual-hybrid",
            Self::SharingAdmm => "sharing-admm",
            Self::InteriorPoint => "interior-point",
        }
    }
}

/// Who has to receive an agent's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Its neighbours in the communication graph.
    Neighbours,
    /// All agents; on a graph that is not complete, neighbours pass messages on.
    Everyone,
}

/// What the agent's owner can see of its own machine; none of it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation<'a> {
    /// x_n.
    pub x: &'a [f64],
    /// This agent's multipliers of the coupled rows.
    pub multipliers: &'a [f64],
    /// Cost at x_n.
    pub cost: f64,
}

/// One agent of a coordination method.
pub trait Agent {
    /// Who must receive this agent's messages.
    fn audience(&self) -> Audience;

    /// The message of the first round.
    ///
    /// # Errors
    /// A local program without a solution.
    fn start(&mut self) -> Result<Body, ConsensusError>;

    /// Takes the other agents' messages of this round, in ascending order of their senders, and gives the message of the next
    /// round. Where all agents finish in the same round there is none; an agent that finishes earlier than others keeps
    /// answering until all are done.
    ///
    /// # Errors
    /// Messages that do not belong to this round, infeasibility, or no convergence.
    fn on_round(&mut self, inbox: &[Message]) -> Result<Option<Body>, ConsensusError>;

    /// Whether this agent would stop here.
    fn done(&self) -> bool;

    /// What the owner sees.
    fn observe(&self) -> Observation<'_>;
}

/// Checks that an inbox holds exactly one message of `round` from every agent in `expected` (own index excluded), in that order.
pub(crate) fn check_inbox(
    inbox: &[Message],
    round: u32,
    expected: impl Iterator<Item = usize>,
) -> Result<(), ConsensusError> {
    let mut count = 0;
    for (k, sender) in expected.enumerate() {
        count += 1;
        match inbox.get(k) {
            Some(message) if usize::from(message.sender) == sender && message.round == round => {}
            Some(message) => {
                return Err(ConsensusError::BadMessage(format!(
                    "expected agent {sender} in round {round}, found agent {} in round {}",
                    message.sender, message.round
                )));
            }
            None => return Err(ConsensusError::BadMessage(format!("agent {sender} is missing in round {round}"))),
        }
    }
    if inbox.len() > count {
        return Err(ConsensusError::BadMessage(format!("{} messages, expected {count}", inbox.len())));
    }
    Ok(())
}

pub(crate) fn unexpected(body: &Body) -> ConsensusError {
    ConsensusError::BadMessage(format!("a {} message does not belong here", body.kind()))
}

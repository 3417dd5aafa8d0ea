//! Everything that may leave an agent, and nothing else.
//!
//! [`Body`] is a closed enum of numbers per coupled row (length M, or M (M+1)/2 for a symmetric matrix over rows) and a few
//! scalars. No message has a field of the length of an agent's program, so parameters, set points, loads or states have no place
//! to go; decoding checks every length against M and refuses anything else. Encoding: postcard, 8 bytes per number, a version
//! byte in front. All numbers are finite.
//!
//! Which numbers a method sends and what they tell is listed by [`crate::disclosure`], field by field.

use crate::error::ConsensusError;
use serde::{Deserialize, Serialize};

/// Version of the encoding; other versions are refused.
pub const MESSAGE_VERSION: u8 = 1;

/// One message of one agent in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Sending agent.
    pub sender: u16,
    /// Round it belongs to, counted from 1.
    pub round: u32,
    /// The numbers.
    pub body: Body,
}

/// The numbers of a message; M is the number of coupled rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// The paper's method: the agent's estimate of the multipliers (50) and its running estimate of the rows.
    Multipliers {
        /// lambda_n, length M.
        lambda: Vec<f64>,
        /// Estimate of the average share of the rows, length M (dynamic average of all agents' `B x`).
        average: Vec<f64>,
        /// Rounds for which everything this agent has heard of has been quiet.
        quiet: u32,
    },
    /// Set-up of the methods that exchange shares: what each row can be moved by, and the cost scale.
    Ranges {
        /// sum_j |B_ij| width_j, length M.
        ranges: Vec<f64>,
        /// Largest change of cost that one variable can make.
        cost_scale: f64,
    },
    /// The agent's share of the rows.
    Shares {
        /// `B x`, length M.
        activity: Vec<f64>,
        /// Largest change of a variable in this round, relative to its width.
        change: f64,
    },
    /// Interior point, first all-reduce of an iteration.
    Curvature(Box<Curvature>),
    /// Interior point, second all-reduce of an agreed iteration.
    SecondOrder {
        /// `B K^-1` of the second-order terms, length M.
        vector: Vec<f64>,
        /// Complementarity along the predictor, as a polynomial of the step length.
        complementarity: [f64; 3],
        /// Longest predictor step.
        step: f64,
    },
    /// Interior point, third all-reduce of an agreed iteration.
    StepLength {
        /// Longest step.
        step: f64,
    },
}

/// The interior-point payload: the agent's response over the coupled rows at its present iterate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Curvature {
    /// Lower triangle of `B K^-1 B^T` row by row, length M (M+1)/2.
    pub matrix: Vec<f64>,
    /// `B K^-1` of the target-free right-hand side, length M.
    pub predictor: Vec<f64>,
    /// The same per unit of complementarity, length M.
    pub centring: Vec<f64>,
    /// `B x`, length M.
    pub activity: Vec<f64>,
    /// sum_j |B_ij| width_j, length M in the first round and empty afterwards.
    pub ranges: Vec<f64>,
    /// Cost, complementarity, number of limits, stationarity, local residual, cost scale, last step, and the two numbers of the
    /// infeasibility proof.
    pub scalars: [f64; 9],
    /// Whether the agent's own limits contradict each other.
    pub locally_infeasible: bool,
}

impl Body {
    /// Name of the kind of message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Multipliers { .. } => "multipliers",
            Self::Ranges { .. } => "ranges",
            Self::Shares { .. } => "shares",
            Self::Curvature(_) => "curvature",
            Self::SecondOrder { .. } => "second order",
            Self::StepLength { .. } => "step length",
        }
    }

    /// Names and number counts of the fields, as the transcript lists them.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, usize)> {
        match self {
            Self::Multipliers { lambda, average, quiet: _ } => {
                vec![("lambda", lambda.len()), ("average", average.len()), ("quiet", 1)]
            }
            Self::Ranges { ranges, cost_scale: _ } => vec![("ranges", ranges.len()), ("cost_scale", 1)],
            Self::Shares { activity, change: _ } => vec![("activity", activity.len()), ("change", 1)],
            Self::Curvature(c) => {
                let Curvature { matrix, predictor, centring, activity, ranges, scalars, locally_infeasible: _ } = &**c;
                vec![
                    ("matrix", matrix.len()),
                    ("predictor", predictor.len()),
                    ("centring", centring.len()),
                    ("activity", activity.len()),
                    ("ranges", ranges.len()),
                    ("scalars", scalars.len()),
                    ("locally_infeasible", 1),
                ]
            }
            Self::SecondOrder { vector, complementarity, step: _ } => {
                vec![("vector", vector.len()), ("complementarity", complementarity.len()), ("step", 1)]
            }
            Self::StepLength { step: _ } => vec![("step", 1)],
        }
    }

    /// All numbers and the row-indexed lengths; the exhaustive match is the place where a new field would have to be declared.
    fn check(&self, rows: usize) -> Result<(), String> {
        let length = |name: &str, values: &[f64], expected: usize| {
            if values.len() != expected {
                return Err(format!("{name} has {} numbers, expected {expected}", values.len()));
            }
            finite(name, values)
        };
        match self {
            Self::Multipliers { lambda, average, quiet: _ } => {
                length("lambda", lambda, rows)?;
                if lambda.iter().any(|l| *l < 0.0) {
                    return Err("lambda has a negative entry".into());
                }
                length("average", average, rows)
            }
            Self::Ranges { ranges, cost_scale } => {
                length("ranges", ranges, rows)?;
                finite("cost_scale", &[*cost_scale])
            }
            Self::Shares { activity, change } => {
                length("activity", activity, rows)?;
                finite("change", &[*change])
            }
            Self::Curvature(c) => {
                let Curvature { matrix, predictor, centring, activity, ranges, scalars, locally_infeasible: _ } = &**c;
                length("matrix", matrix, rows * (rows + 1) / 2)?;
                length("predictor", predictor, rows)?;
                length("centring", centring, rows)?;
                length("activity", activity, rows)?;
                length("ranges", ranges, if ranges.is_empty() { 0 } else { rows })?;
                // The proof's two numbers may be infinite for unbounded variables, which only means that there is no proof.
                finite("scalars", &scalars[..7])
            }
            Self::SecondOrder { vector, complementarity, step } => {
                length("vector", vector, rows)?;
                finite("complementarity", complementarity)?;
                finite("step", &[*step])
            }
            Self::StepLength { step } => finite("step", &[*step]),
        }
    }
}

fn finite(name: &str, values: &[f64]) -> Result<(), String> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(format!("{name}[{i}] is not finite")),
        None => Ok(()),
    }
}

/// Bytes that no message over `rows` rows exceeds.
#[must_use]
pub fn size_limit(rows: usize) -> usize {
    // The matrix, five vectors with their length prefixes, and generous room for scalars and the header.
    8 * (rows * (rows + 1) / 2 + 5 * rows) + 256
}

impl Message {
    /// Bytes of the message.
    ///
    /// # Errors
    /// A message that decoding would refuse.
    pub fn encode(&self, rows: usize) -> Result<Vec<u8>, ConsensusError> {
        self.body.check(rows).map_err(ConsensusError::BadMessage)?;
        let bytes = vec![MESSAGE_VERSION];
        postcard::to_extend(self, bytes).map_err(|e| ConsensusError::BadMessage(e.to_string()))
    }

    /// The message in `bytes`, or why it is none over `rows` rows. Never panics and never reserves more than the input's size.
    ///
    /// # Errors
    /// Too long, wrong version, truncated, trailing bytes, wrong lengths, numbers that are not finite.
    pub fn decode(bytes: &[u8], rows: usize) -> Result<Self, ConsensusError> {
        let refuse = |why: String| Err(ConsensusError::BadMessage(why));
        if bytes.len() > size_limit(rows) {
            return refuse(format!("{} bytes, at most {} are possible", bytes.len(), size_limit(rows)));
        }
        let Some((&version, rest)) = bytes.split_first() else {
            return refuse("empty".into());
        };
        if version != MESSAGE_VERSION {
            return refuse(format!("version {version}, expected {MESSAGE_VERSION}"));
        }
        let (message, trailing) =
            postcard::take_from_bytes::<Self>(rest).map_err(|e| ConsensusError::BadMessage(e.to_string()))?;
        if !trailing.is_empty() {
            return refuse(format!("{} trailing bytes", trailing.len()));
        }
        match message.body.check(rows) {
            Ok(()) => Ok(message),
            Err(why) => refuse(why),
        }
    }
}

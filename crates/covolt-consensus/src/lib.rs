//! Multi-agent coordination of a coupled program without sharing what is private: equations (50)-(55) and faster methods.
//!
//! Agents n = 1..N each hold a private [`LocalProgram`]; together they must satisfy public rows `sum_n B_n x_n <= r`
//! ([`CoupledRows`]). Every method is a pure state machine per agent ([`Agent`]): messages in, messages out, no clock, no socket.
//! What may leave an agent is the closed set of types in [`messages`] and nothing else; [`disclosure`] lists it field by field.
//!
//! | equation | where |
//! |---|---|
//! | (50) mixing, doubly stochastic weights | [`MixingMatrix`], [`PaperAgent`] |
//! | (51) primal step, (55) dual step, corrected | [`PaperAgent`] |
//! | (52)-(54) projection | [`LocalSolver::project`] |
//! | (23)-(25) by fewer rounds | [`InteriorPointAgent`], [`InProcess`] (same numbers, no messages) |
//! | comparison | [`HybridAgent`], [`SharingAgent`], [`coordinate`] |
//!
//! Guarantees: the same answer bit for bit in one process and over messages (interior point); infeasible, not converged and bad
//! input are three different errors; nothing panics on bad data or bad bytes.

mod balls;
mod block;
mod cholesky;
mod coupled_rows;
mod disclosure;
mod driver;
mod error;
mod in_process;
mod interior_point;
mod interior_point_rules;
mod linear_limits;
mod local_program;
mod local_solver;
pub mod messages;
mod method;
mod paper;
mod primal_dual_hybrid;
mod shares;
mod sharing_admm;
mod study;
mod weights;

pub use coupled_rows::CoupledRows;
pub use disclosure::{Field, disclosure};
pub use driver::{ActivityOf, FailedRun, RoundTrace, Run, TranscriptEntry, rounds_to_accuracy, run};
pub use error::ConsensusError;
pub use in_process::{InProcess, LocalMultipliers, Solution, TracePoint, WarmStart, solve_in_process};
pub use interior_point::InteriorPointAgent;
pub use interior_point_rules::InteriorPointSettings;
pub use local_program::{Ball, BallAxis, LocalProgram, LocalProgramData, LocalRow, ProgramFault};
pub use local_solver::{LocalCost, LocalOutcome, LocalSolver};
pub use messages::{Body, Curvature, Message};
pub use method::{Agent, Audience, Method, Observation};
pub use paper::{PaperAgent, PaperSettings};
pub use primal_dual_hybrid::HybridAgent;
pub use shares::ShareSettings;
pub use sharing_admm::SharingAgent;
pub use study::{MethodSettings, agents_of, coordinate};
pub use weights::{CommunicationGraph, MixingMatrix};

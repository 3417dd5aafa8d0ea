//! Multi-agent coordination of a coupled program without sharing what is private: equations (50)-(55) and faster methods.
mod balls;
mod block;
mod cholesky;
mod coupled_rows;
mod error;
mod in_process;
mod interior_point_rules;
mod linear_limits;
mod local_program;

pub use coupled_rows::CoupledRows;
pub use error::ConsensusError;
pub use in_process::{InProcess, LocalMultipliers, Solution, TracePoint, WarmStart, solve_in_process};
pub use interior_point_rules::InteriorPointSettings;
pub use local_program::{Ball, BallAxis, LocalProgram, LocalProgramData, LocalRow, ProgramFault};

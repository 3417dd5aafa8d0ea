//! The central optimum of the window problem (1)-(14), and a lower bound that certifies it.
//!
//! | question | file |
//! |---|---|
//! | how is the convexified window solved? | [`conic_program`], [`structured`] |
//! | what is the (locally) optimal joint action of a window? | [`central`] |
//! | how much better could any action be? | [`bound`] |
//! | the same, where the optimum is known? | [`bound::bound_optimum`] |
//! | what if several feeders meet at the source only? | `by_feeder.rs` |
//!
//! The crate knows no policies and no files. Everything is deterministic on any number of threads: one feeder is solved
//! on the caller's thread, several on the caller's pool; callers parallelise over windows.

pub mod bound;
mod by_feeder;
pub mod central;
pub mod conic_program;
mod error;
pub mod structured;

pub use central::{CentralSettings, Optimum, OptimumStatus, optimise};
pub use conic_program::{
    Objective, ProgramSettings, ProgramSolution, ProgramSolver, solve_program, solve_program_with,
};
pub use error::OptimumError;
pub use structured::ProgramWorkspace;

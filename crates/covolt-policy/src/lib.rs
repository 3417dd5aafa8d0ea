//! Gaussian policies (20)-(22) of the agents: networks, Fisher information (26), gradient estimators (47)-(49), files.
//!
//! Pure numbers: this crate knows no grid and no other agent. Everything is `f64`, row-major and
//! deterministic; step loops allocate nothing once their workspace exists; no input panics.
//!
//! | equation | module |
//! |---|---|
//! | (20), (21) networks and their Jacobian products | [`mlp`] |
//! | (20)-(22) policy | [`policy`] |
//! | (21) covariance factor | [`covariance`] |
//! | descent on parameters | [`adam`] |

pub mod adam;
pub mod covariance;
pub mod error;
mod matrix_product;
pub mod mlp;
pub mod policy;

pub use adam::{Adam, CosineSchedule};
pub use covariance::{CovarianceKind, Factor, LogSigma};
pub use error::PolicyError;
pub use mlp::{Activation, LastLayer, Mlp, Tape};
pub use policy::{Action, Feature, GaussianPolicy, PolicySpec, PolicyWorkspace};

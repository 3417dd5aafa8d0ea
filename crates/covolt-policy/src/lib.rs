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
//! | (18) Kullback-Leibler divergence | [`divergence`] |
//! | (26) Fisher information | [`fisher`] |
//! | (47)-(49) pathwise estimator, corrected | [`pathwise`] |
//! | (47)-(49) score-function alternative | [`score_function`] |
//! | (23)-(25) solved in output space, mapped back: few states, many states | [`output_step`], [`output_fit`] |
//! | (25) step along the natural gradient | [`mod@natural_step`], [`conjugate_gradient`] |
//! | descent on parameters | [`adam`] |
//! | files | [`save`] |

pub mod adam;
mod cholesky;
pub mod conjugate_gradient;
pub mod covariance;
pub mod divergence;
pub mod error;
pub mod fisher;
mod matrix_product;
pub mod mlp;
pub mod natural_step;
pub mod output_fit;
pub mod output_step;
pub mod pathwise;
pub mod policy;
pub mod save;
pub mod score_function;

pub use adam::{Adam, CosineSchedule};
pub use conjugate_gradient::{CgInfo, CgSettings, CgWorkspace};
pub use covariance::{CovarianceKind, Factor, LogSigma};
pub use divergence::kl_divergence;
pub use error::PolicyError;
pub use fisher::{FisherWorkspace, OutputMetric, fisher_product};
pub use mlp::{Activation, LastLayer, Mlp, Tape};
pub use natural_step::natural_step;
pub use output_fit::OutputFit;
pub use output_step::{DEFAULT_DAMPING, OutputStep, OutputStepInfo};
pub use pathwise::{pathwise_gradient, pathwise_gradient_at};
pub use policy::{Action, Feature, GaussianPolicy, PolicySpec, PolicyWorkspace};
pub use save::{Expected, FORMAT_VERSION, PolicyHeader, Provenance, load_agent, load_any, read_header, save_agent};
pub use score_function::{log_density_gradient, score_function_gradient};

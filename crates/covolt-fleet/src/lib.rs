//! Microgrids on a distribution grid: devices, limits, cost, and the exact gradients of the returns.
//!
//! | question | file | equations |
//! |---|---|---|
//! | which devices, with which limits? | [`devices`] | (5)-(14) |
//! | which microgrids, on which grid? | [`fleet`] | - |
//! | which parts of it do not influence each other? | [`feeders`] | - |
//! | which part is the operator's, which each agent's? | [`seam`] | - |
//! | what is given from outside, over the year / over one window? | [`profiles`], [`window`] | (32), (33) |
//! | how is an action vector laid out? | [`layout`] | (16) |
//! | how does any vector become an action the devices can follow? | [`feasible_map`] | (5)-(14) |
//! | what does an action cost, what does it do to the grid? | [`returns`], [`cost`] | (1), (2), (19) |
//! | how do cost and limits change with the action? | [`gradient`], [`gradient_batch`], [`rows`] | (27)-(29), (43)-(46) |
//! | what is stored energy worth after the window? | [`storage_value`] | - |
//! | what are prices expected to be after the window? | [`price_outlook`] | - |
//! | what would a price taker do? | [`merit_order`] | - |
//! | what if everyone served his own load? | [`self_supply`] | - |
//! | what does an agent answer to a voltage at its PCC, and what does the operator's feeder do with the answers? | [`pcc_answer`], [`feeder_flow`] | - |
//! | what does an agent see? | [`state`] | S_n of (16) |
//! | the window as a convex program at an action? | [`window_program`], [`loss_curvature`], [`network_tree`] | (1)-(14), (24) |
//!
//! The crate knows neither neural networks nor files nor transport. Powers are in kW and kvar, energy in kWh,
//! currents in A, voltages in per unit; a net demand is positive for consumption.

pub mod cost;
mod demand_lanes;
pub mod devices;
mod exchange_lanes;
pub mod feasible_map;
pub mod feeder_flow;
pub mod feeders;
pub mod fleet;
pub mod gradient;
pub mod gradient_batch;
pub mod layout;
mod limit_forms;
mod limit_lanes;
pub mod limits;
pub mod loss_curvature;
pub mod merit_order;
pub mod network_tree;
pub mod pcc_answer;
pub mod price_outlook;
pub mod profiles;
pub mod returns;
pub mod rows;
pub mod seam;
pub mod self_supply;
pub mod state;
pub mod storage_value;
mod sub_fleet;
pub mod window;
pub mod window_program;

pub use cost::Cost;
pub use devices::{Battery, DieselGenerator, FuelCurve, Load, Photovoltaic};
pub use feeder_flow::{FeederAnswer, FeederWorkspace};
pub use feeders::Feeder;
pub use fleet::{Fleet, FleetFault, Microgrid};
pub use gradient::{LagrangianValue, LimitPrices, LimitPricing, PriceScratch, lagrangian_gradient};
pub use gradient_batch::{GradientAnswer, GradientWorkspace, PricedWindow, lagrangian_gradient_batch};
pub use layout::ActionLayout;
pub use limits::{CURRENT_TOLERANCE_RELATIVE, NetworkLimits, VOLTAGE_TOLERANCE_PU};
pub use loss_curvature::LossCurvature;
pub use pcc_answer::{AnswerWorkspace, PccAnswer, PccPoint};
pub use price_outlook::{PriceKnowledge, PriceOutlook, StorageValuation};
pub use profiles::{LoadProfile, MicrogridProfiles, Profiles, RowOffset, ScaledSeries};
pub use returns::{BaseDemand, Limit, Nearest, PhysicsWorkspace, WindowReturns, evaluate};
pub use rows::Reach;
pub use seam::{AgentPart, OperatorPart, Pcc, Seam, SeamFault, cut_at_pccs};
pub use state::StateKind;
pub use window::{MicrogridStart, MicrogridWindow, PccTerms, TerminalValue, Window};
pub use window_program::{AgentProgram, WindowProgram};

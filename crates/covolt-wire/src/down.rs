//! What the operator says to an agent: voltages at its PCC, prices of its power there, and what became of a round.

use serde::{Deserialize, Serialize};

/// Price of the power that an agent draws at its PCC in one window and step: the multipliers of everybody's limits, seen from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PriceOfPower {
    /// $/kW of active power drawn.
    pub p_per_kw: f64,
    /// $/kvar of reactive power drawn.
    pub q_per_kvar: f64,
}

/// What all agents of a training have to know alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingPlan {
    /// Seed of initial weights and drawn states; every agent draws from a stream of its own.
    pub seed: u64,
    /// Updates.
    pub episodes: u32,
    /// Windows per update.
    pub batch: u32,
    /// Row of the data at which each training window starts.
    pub rows: Vec<u32>,
    /// Highest learning rate.
    pub rate: f64,
    /// Weight of the newest parameters in the average that is kept.
    pub averaging: f64,
    /// Curvature of the price of voltage limits, $/pu^2.
    pub voltage_curvature: f64,
    /// Curvature of the price of current limits, $ per (fraction of the limit)^2.
    pub current_curvature: f64,
    /// Share of the way that multipliers move each time.
    pub multiplier_share: f64,
    /// Largest multiplier.
    pub multiplier_cap: f64,
    /// Tightening of voltage limits while training, pu.
    pub voltage_margin_pu: f64,
    /// Tightening of current limits while training, fraction.
    pub current_margin: f64,
}

/// What became of a dispatched window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Certainty {
    /// Every limit of the feeder and, by the agents' word, of every microgrid holds after an AC power flow.
    Certified,
    /// The least violation that was found; some limit is broken.
    LeastViolation,
    /// Certified for the feeder with those agents that answered; for the others their last agreed power was assumed.
    WithoutSome,
}

/// A message from the operator to one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Down {
    /// A training begins, or goes on for an agent that returned.
    Begin(Box<TrainingPlan>),
    /// Training: solve the windows at these voltages. With `settled`, the last exchange of the round before closed and these are the
    /// prices to descend along first.
    Voltages {
        /// Numbers of the windows in the plan.
        windows: Vec<u32>,
        /// Voltage magnitude at the PCC, pu, window after window.
        v_pu: Vec<f64>,
        /// Prices of the round before, for an agent whose answer took part in it, until it has answered in this round. Nothing with exchange 0
        /// says that the round before went by without it.
        settled: Option<Vec<PriceOfPower>>,
    },
    /// Training: the last round closed; descend along these prices and keep the policy.
    Finish {
        /// As in `Voltages`.
        settled: Option<Vec<PriceOfPower>>,
    },
    /// Dispatch: answer for the window at `row` at these voltages and prices.
    Ask {
        /// Row of the data at which the window starts.
        row: u32,
        /// Voltage magnitude at the PCC per step, pu.
        v_pu: Vec<f64>,
        /// Prices of power per step; empty: the agent's own proposal is asked for.
        prices: Vec<PriceOfPower>,
        /// Keep the action of the last answer and solve it at the new voltages.
        hold: bool,
        /// Also answer how the power would move with the prices.
        with_response: bool,
    },
    /// Dispatch: the round is over, the action of the last answer may be applied.
    Settled {
        /// Row of the window.
        row: u32,
        /// What became of it.
        certainty: Certainty,
        /// Voltage magnitude at the PCC per step, pu.
        v_pu: Vec<f64>,
        /// The largest step that this voltage made lately from one row to the next, pu: what an agent that is left alone tightens by.
        margin_pu: f64,
    },
    /// A participant is wanted: say where you stand.
    WhereAreYou,
}

impl Down {
    /// Name of the kind of message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Down::Begin(_) => "begin",
            Down::Voltages { .. } => "voltages",
            Down::Finish { .. } => "finish",
            Down::Ask { .. } => "ask",
            Down::Settled { .. } => "settled",
            Down::WhereAreYou => "where are you",
        }
    }
}

//! Arguments of `operator` and `agent` for live dispatch.

use super::LayerChoice;
use clap::Args;
use std::path::PathBuf;

/// Which rows are dispatched.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Dispatch, in place of training")]
pub struct LiveRowsArgs {
    /// Dispatch this day of the data, counted from 0; the same for everybody
    #[arg(long, value_name = "DAY")]
    pub dispatch: Option<usize>,
    /// Only the first rows of the day [default: all]
    #[arg(long, value_name = "N", requires = "dispatch")]
    pub rows: Option<usize>,
    /// What may be done to proposals
    #[arg(long, value_enum, default_value_t = LayerChoice::Repaired)]
    pub layer: LayerChoice,
}

/// The operator in dispatch.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Dispatch, in place of training")]
pub struct OperatorLiveArgs {
    /// Which rows.
    #[command(flatten)]
    pub rows: LiveRowsArgs,
    /// A question without an answer is asked again after this, ms
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub ask_again_ms: u64,
    /// A round goes on without an agent that has not answered a question for this long, ms
    #[arg(long, value_name = "MS", default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..))]
    pub answer_ms: u64,
    /// A round is settled after this with what is known by then, ms
    #[arg(long, value_name = "MS", default_value_t = 800, value_parser = clap::value_parser!(u64).range(1..))]
    pub round_ms: u64,
    /// Time between the openings of two rows, ms; 0 opens the next as soon as one is settled
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub row_ms: u64,
}

/// An agent in dispatch.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Dispatch, in place of training")]
pub struct AgentLiveArgs {
    /// Which rows.
    #[command(flatten)]
    pub rows: LiveRowsArgs,
    /// Run folder with the policy
    #[arg(long, value_name = "DIR", conflicts_with = "rule")]
    pub policy: Option<PathBuf>,
    /// Decide by the merit-order rule instead of a policy
    #[arg(long)]
    pub rule: bool,
    /// State of charge of every battery at the start, 0 to 1
    #[arg(long, value_name = "SOC", default_value_t = 0.5)]
    pub soc: f64,
    /// Longest wait for a settlement after the first question of a row, ms
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub deadline_ms: u64,
    /// Longest silence after a row before the next is decided alone, ms
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    pub silence_ms: u64,
    /// Voltages agreed longer ago than this are not relied on, rows
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub stale_rows: usize,
}

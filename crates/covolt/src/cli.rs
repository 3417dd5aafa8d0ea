//! The command line as typed arguments: what may be asked, with units and defaults. What it means is in `commands`.

mod case;
mod evaluate;
mod feeder;
mod keys;
mod live_dispatch;
mod participants;

pub use case::{CaseCommand, CaseImportArgs, CaseSplitArgs, GenerateArgs};
pub use evaluate::EvaluateArgs;
pub use feeder::FeederArgs;
pub use keys::{AgentsArg, KeysCommand, KeysInitArgs, KeysIssueArgs, KeysServerConfigArgs};
pub use live_dispatch::{AgentLiveArgs, LiveRowsArgs, OperatorLiveArgs};
pub use participants::{
    AgentArgs, AuditArgs, ClusterArgs, CoarseningArgs, LinkArgs, OperatorArgs, ParticipantOutArg, StorageChoice,
    StreamArgs, TimingArgs,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXIT_CODES: &str = "Exit codes: 0 success, 2 bad input, 3 no safe dispatch, no feasible action or not converged.";

/// Networked microgrids that run themselves: private neural policies trained against exact AC physics, every dispatch
/// certified.
#[derive(Debug, Parser)]
#[command(name = "covolt", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Worker threads; the results do not depend on it [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Print the result as JSON on standard output
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole study: train, dispatch on unseen days, compare with the central optimum, write the report
    #[command(after_help = EXIT_CODES)]
    Reproduce(ReproduceArgs),
    /// Train the policies of all microgrids
    #[command(after_help = EXIT_CODES)]
    Train(TrainArgs),
    /// Trained policies on windows of the test days against the central optimum: gap and violations
    #[command(after_help = EXIT_CODES)]
    Evaluate(EvaluateArgs),
    /// Decide on one window with trained policies and print the decision with its certificate
    #[command(after_help = EXIT_CODES)]
    Dispatch(DispatchArgs),
    /// Simulate a span of the data: decide on each window, apply its first step, carry the devices on
    #[command(after_help = EXIT_CODES)]
    Simulate(SimulateArgs),
    /// Central optimum of one window, with a lower bound where asked for
    #[command(after_help = EXIT_CODES)]
    Optimize(OptimizeArgs),
    /// AC power flow of one step: voltages, branch loadings, losses
    #[command(after_help = EXIT_CODES)]
    Powerflow(PowerflowArgs),
    /// Solve a feeder file with its regulators and switched capacitors at nominal load: voltages, taps, losses
    #[command(after_help = EXIT_CODES)]
    Feeder(FeederArgs),
    /// List all faults of a case at once
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Write the network with the injections of one step for another program
    #[command(after_help = EXIT_CODES)]
    Export(ExportArgs),
    /// Draw report, tables and summary of a run again from its record
    #[command(after_help = EXIT_CODES)]
    Report(ReportArgs),
    /// Measure times on this machine: power flow, gradient, training episode, decisions, central optimum
    #[command(after_help = EXIT_CODES)]
    Bench(BenchArgs),
    /// Start a case of one's own, describe the case format, show what a case holds
    #[command(subcommand, after_help = EXIT_CODES)]
    Case(CaseCommand),
    /// Run the operator of a feeder: train the agents that connect to the same server
    #[command(after_help = EXIT_CODES)]
    Operator(OperatorArgs),
    /// Run the agent of a microgrid: learn its policy with the operator, and tell nobody
    #[command(after_help = EXIT_CODES)]
    Agent(AgentArgs),
    /// Start server, operator and all agents on this machine, for trying out
    #[command(after_help = EXIT_CODES)]
    Cluster(ClusterArgs),
    /// List what operator and agents sent in a run: kinds, counts, bytes, and what each kind holds
    #[command(after_help = EXIT_CODES)]
    Audit(AuditArgs),
    /// Keys of operator, agents and servers, and the configuration of the server between them
    #[command(subcommand, after_help = EXIT_CODES)]
    Keys(KeysCommand),
}

/// Which case.
#[derive(Debug, Clone, Args)]
pub struct CaseArg {
    /// Folder with case.toml, or the word builtin
    #[arg(value_name = "CASE", default_value = "builtin")]
    pub case: String,
}

/// Which row of the data.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct MomentArg {
    /// Time at which the step or window starts, e.g. 2016-07-14T12:00 (the case's local clock) or 2016-07-14T11:00Z
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Row of the data at which the step or window starts, counted from 0
    #[arg(long, value_name = "N")]
    pub row: Option<usize>,
}

/// Where results go.
#[derive(Debug, Clone, Args)]
pub struct OutArg {
    /// Run folder [default: the next free runs/COMMAND-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write into a run folder that holds files already
    #[arg(long)]
    pub force: bool,
}

/// What may be done to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayerChoice {
    /// Policy mean through the feasible map, certified or reported as unsafe
    Bare,
    /// Moved until all limits hold, where needed
    Repaired,
    /// Made cheaper by one convex program, and repaired where needed
    Polished,
}

impl LayerChoice {
    /// What it allows the guard.
    pub fn mode(self) -> covolt_dispatch::GuardMode {
        match self {
            LayerChoice::Bare => covolt_dispatch::GuardMode::Bare,
            LayerChoice::Repaired => covolt_dispatch::GuardMode::Repair,
            LayerChoice::Polished => covolt_dispatch::GuardMode::Polish { steps: 1 },
        }
    }
}

/// What is known of loads and PV power ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ForecastChoice {
    /// The true values
    Perfect,
    /// True values with errors growing with the lead time: 5 % of load and 15 % of PV power after one hour
    Noisy,
    /// The measured values go on
    Persistence,
}

/// Which trainer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainerChoice {
    /// Exact gradients over many windows at once, a multiplier for each limit of each window
    Default,
    /// Algorithm 1 of the paper: sampled actions, trust region, consensus (corrected equations)
    Paper,
    /// As the default, but operator and agents each solve their own part and exchange messages, as the processes do
    Parties,
}

impl TrainerChoice {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            TrainerChoice::Default => "default",
            TrainerChoice::Paper => "paper",
            TrainerChoice::Parties => "parties",
        }
    }
}

/// Which other program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// OpenDSS script
    Opendss,
    /// MATPOWER case, format version 2
    Matpower,
}

/// Arguments of `reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Where results go.
    #[command(flatten)]
    pub out: OutArg,
    /// A first look within a minute: short training, few windows and days
    #[arg(long)]
    pub quick: bool,
    /// Seed of all randomness
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

/// What a policy sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateChoice {
    /// Everything local that bears on the decision: prices, loads, PV, states of the devices, value of stored energy
    Local,
    /// PV power and aggregate load over the window, as in the paper
    Paper,
}

impl StateChoice {
    /// The library's name of it.
    pub fn kind(self) -> covolt_fleet::StateKind {
        match self {
            StateChoice::Local => covolt_fleet::StateKind::Local,
            StateChoice::Paper => covolt_fleet::StateKind::Paper,
        }
    }
}

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Trainer
    #[arg(long, value_enum, default_value_t = TrainerChoice::Default)]
    pub trainer: TrainerChoice,
    /// What each policy sees of its own microgrid
    #[arg(long, value_enum, default_value_t = StateChoice::Local)]
    pub state: StateChoice,
    /// Continue from the policies of this run folder on the case's data (moving window)
    #[arg(long, value_name = "POLICY")]
    pub from: Option<PathBuf>,
    /// Episodes, that is policy updates [default: the trainer's own]
    #[arg(long, value_name = "N")]
    pub episodes: Option<usize>,
    /// Training windows [default: the trainer's own]
    #[arg(long, value_name = "N")]
    pub windows: Option<usize>,
    /// Seed of all randomness
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// What agents tell the operator; for the trainer parties.
    #[command(flatten)]
    pub coarsening: CoarseningArgs,
    /// Stop after this many episodes and leave a checkpoint, as Ctrl-C would
    #[arg(long, value_name = "N")]
    pub stop_after: Option<usize>,
    /// Where results go.
    #[command(flatten)]
    pub out: OutArg,
    /// Resume the interrupted training of this run folder; the result is that of an uninterrupted run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "from"])]
    pub resume: Option<PathBuf>,
}

/// Arguments of `dispatch`.
#[derive(Debug, Args)]
pub struct DispatchArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Run folder of `train` or `reproduce` with the policies
    #[arg(long, value_name = "DIR", required_unless_present = "rule", conflicts_with = "rule")]
    pub policy: Option<PathBuf>,
    /// Decide by the merit-order rule instead of policies
    #[arg(long)]
    pub rule: bool,
    /// Start of the window [default: row 0]
    #[command(flatten)]
    pub moment: MomentArg,
    /// What may be done to the proposal
    #[arg(long, value_enum, default_value_t = LayerChoice::Repaired)]
    pub layer: LayerChoice,
    /// State of charge of every battery before the window, fraction of the capacity (0 to 1)
    #[arg(long, default_value_t = 0.5, value_name = "FRACTION")]
    pub soc: f64,
    /// Also state the cost above a lower bound of what any action costs (radial networks)
    #[arg(long)]
    pub bound: bool,
    /// Name every limit that binds or is broken, not only the worst; --json always does
    #[arg(long)]
    pub all: bool,
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Run folder of `train` or `reproduce` with the policies
    #[arg(long, value_name = "DIR", required_unless_present = "rule", conflicts_with = "rule")]
    pub policy: Option<PathBuf>,
    /// Decide by the merit-order rule instead of policies
    #[arg(long)]
    pub rule: bool,
    /// Days: test, validation, train, or day numbers as N or N..M (M excluded); every day starts afresh at --soc
    #[arg(long, default_value = "test", value_name = "DAYS", conflicts_with = "rows")]
    pub days: String,
    /// Instead of days, one continuous span of rows N..M (M excluded)
    #[arg(long, value_name = "N..M")]
    pub rows: Option<String>,
    /// All days of the data, those of training included, each starting afresh at --soc: a whole year of decisions, not for
    /// judging a policy
    #[arg(long, conflicts_with_all = ["days", "rows"])]
    pub all_days: bool,
    /// What may be done to a proposal
    #[arg(long, value_enum, default_value_t = LayerChoice::Repaired)]
    pub layer: LayerChoice,
    /// What is known of loads and PV power ahead; prices are known to the end of the day
    #[arg(long, value_enum, default_value_t = ForecastChoice::Noisy)]
    pub forecast: ForecastChoice,
    /// Seed of the forecast errors
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// State of charge of every battery at the start, fraction of the capacity (0 to 1)
    #[arg(long, default_value_t = 0.5, value_name = "FRACTION")]
    pub soc: f64,
    /// Also state the cost above a lower bound of what perfect information would cost (seconds per day)
    #[arg(long)]
    pub perfect_information: bool,
    /// Where results go.
    #[command(flatten)]
    pub out: OutArg,
}

/// Arguments of `optimize`.
#[derive(Debug, Args)]
pub struct OptimizeArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Start of the window [default: row 0]
    #[command(flatten)]
    pub moment: MomentArg,
    /// Window length, steps [default: the case's own]
    #[arg(long, value_name = "T")]
    pub steps: Option<usize>,
    /// Also compute a lower bound on the cost of any action (radial networks)
    #[arg(long)]
    pub bound: bool,
    /// State of charge of every battery before the window, fraction of the capacity (0 to 1)
    #[arg(long, default_value_t = 0.5, value_name = "FRACTION")]
    pub soc: f64,
}

/// Arguments of `powerflow`.
#[derive(Debug, Args)]
pub struct PowerflowArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Which row [default: row 0]
    #[command(flatten)]
    pub moment: MomentArg,
    /// Injections of a run folder of `simulate` instead of loads and available PV power alone; --at or --row picks the
    /// step by its time
    #[arg(long, value_name = "DIR")]
    pub dispatch: Option<PathBuf>,
    /// Step of --dispatch, counted from 0
    #[arg(long, value_name = "K", requires = "dispatch", conflicts_with_all = ["at", "row"])]
    pub step: Option<usize>,
    /// Also write buses.csv and branches.csv into this folder
    #[arg(long, value_name = "DIR")]
    pub csv: Option<PathBuf>,
    /// Replace files in the folder of --csv
    #[arg(long, requires = "csv")]
    pub force: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Format
    #[arg(long, value_enum)]
    pub to: ExportFormat,
    /// Which row: loads and available PV power of that row [default: nothing injected]
    #[command(flatten)]
    pub moment: MomentArg,
    /// Injections of a run folder of `simulate`; --at or --row picks the step by its time
    #[arg(long, value_name = "DIR")]
    pub dispatch: Option<PathBuf>,
    /// Step of --dispatch, counted from 0 [default: 0]
    #[arg(long, value_name = "K", requires = "dispatch", conflicts_with_all = ["at", "row"])]
    pub step: Option<usize>,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file where it exists
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run folder of `reproduce`
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
}

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Run folder of `train` or `reproduce`: decide with its policies instead of untrained ones
    #[arg(long, value_name = "DIR", conflicts_with = "scaling")]
    pub policy: Option<PathBuf>,
    /// Instead, generated cases of growing size, and how the times grow with it
    #[arg(long, conflicts_with = "case")]
    pub scaling: bool,
    /// Microgrids of the generated cases
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', default_values_t = [10u32, 100, 1000],
          value_parser = clap::value_parser!(u32).range(1..=10_000), requires = "scaling")]
    pub sizes: Vec<u32>,
    /// Seed of windows and generated cases
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

//! Arguments of `operator`, `agent`, `cluster` and `audit`.

use super::{AgentLiveArgs, CaseArg, OperatorLiveArgs, StateChoice};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The way to the others.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct LinkArgs {
    /// Address of the NATS server, such as tls://hub.example.org:4222; several of one cluster with commas between them
    #[arg(long, value_name = "URL", default_value = "nats://127.0.0.1:4222")]
    pub server: String,
    /// Folder with own keys as covolt keys issue writes them; needed for a server on another machine
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Name of the fleet [default: made of the name of the whole case]
    #[arg(long, value_name = "NAME")]
    pub fleet: Option<String>,
    /// Connections to the server, 1 to 8; the same messages go over all of them
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub connections: usize,
    /// How long to try to connect at the start, ms
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    pub connect_timeout_ms: u64,
    /// Longest wait between two attempts to connect again, ms
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    pub reconnect_wait_max_ms: u64,
    /// How often a silent server is asked whether it is there, ms; it is given up after three times
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    pub ping_interval_ms: u64,
    /// How long the server may take to answer about its streams, ms
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    pub request_timeout_ms: u64,
    /// Buffer of messages to send, also while there is no connection, MiB
    #[arg(long, value_name = "MIB", default_value_t = 128)]
    pub send_buffer_mib: usize,
    /// Do without streams: nothing is kept for those who are away, and the server needs no JetStream
    #[arg(long)]
    pub no_streams: bool,
}

/// When something is late.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Times")]
pub struct TimingArgs {
    /// A message without an answer is sent again after this, ms
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub retry_ms: u64,
    /// A participant says that it is here this often while nothing else happens, ms
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    pub heartbeat_ms: u64,
    /// Updates between two checkpoints
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub checkpoint_rounds: u32,
}

/// Where the server keeps messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StorageChoice {
    /// On disk
    File,
    /// In memory, gone with the server
    Memory,
}

/// What the server keeps, as the operator sets it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What the server keeps, two streams per agent")]
pub struct StreamArgs {
    /// Where
    #[arg(long, value_enum, default_value_t = StorageChoice::File)]
    pub stream_storage: StorageChoice,
    /// Messages older than this are removed, h; 0 keeps them
    #[arg(long, value_name = "H", default_value_t = 24)]
    pub stream_max_age_h: u64,
    /// Size of a stream, MiB; the oldest messages make room
    #[arg(long, value_name = "MIB", default_value_t = 128, value_parser = clap::value_parser!(u64).range(1..))]
    pub stream_max_mib: u64,
    /// Messages of a stream; the oldest make room
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub stream_max_messages: u64,
    /// Servers of a cluster that hold a stream, 1 to 5
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub stream_replicas: usize,
}

/// What is trained.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Training")]
pub struct PlanArgs {
    /// Policy updates [default: by the number of microgrids, as covolt train]
    #[arg(long, value_name = "N")]
    pub episodes: Option<usize>,
    /// Training windows [default: by the number of microgrids, as covolt train]
    #[arg(long, value_name = "N")]
    pub windows: Option<usize>,
    /// Seed of all randomness
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Go on without an agent that has not answered for this long, ms [default: wait for all]
    #[arg(long, value_name = "MS")]
    pub go_on_after_ms: Option<u64>,
}

/// How much less exactly an agent tells its powers in training.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Telling less in training (docs/what-leaves-an-agent.md)")]
pub struct CoarseningArgs {
    /// Round told powers to multiples of this, kW and kvar
    #[arg(long, value_name = "KW", default_value_t = 0.0)]
    pub round_kw: f64,
    /// Add normal noise of this standard deviation to told powers, kW and kvar
    #[arg(long, value_name = "KW", default_value_t = 0.0, requires = "noise_seed")]
    pub noise_kw: f64,
    /// Seed of the noise: the agent's own, nobody else's to know
    #[arg(long, value_name = "N")]
    pub noise_seed: Option<u64>,
}

impl CoarseningArgs {
    /// What it means.
    pub fn coarsening(&self) -> covolt_parties::Coarsening {
        let CoarseningArgs { round_kw, noise_kw, noise_seed } = *self;
        covolt_parties::Coarsening { round_kw, noise_kw, noise_seed: noise_seed.unwrap_or(0) }
    }
}

/// Run folder of a participant.
#[derive(Debug, Clone, Args)]
pub struct ParticipantOutArg {
    /// Run folder; where it holds a run of this participant, that goes on [default: the next free runs/COMMAND-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Start afresh in a run folder that holds files already
    #[arg(long, conflicts_with = "resume")]
    pub force: bool,
    /// Go on with the run of this folder; unlike --out it has to hold one
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub resume: Option<PathBuf>,
    /// End when standard input ends, as for a parent process that may disappear
    #[arg(long, hide = true)]
    pub end_with_stdin: bool,
}

/// Arguments of `operator`.
#[derive(Debug, Args)]
pub struct OperatorArgs {
    /// The operator's part of a case, or a whole one of which only the feeder is used.
    #[command(flatten)]
    pub case: CaseArg,
    /// What is trained.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Run folder.
    #[command(flatten)]
    pub out: ParticipantOutArg,
    /// The way to the agents.
    #[command(flatten)]
    pub link: LinkArgs,
    /// When something is late.
    #[command(flatten)]
    pub timing: TimingArgs,
    /// What the server keeps.
    #[command(flatten)]
    pub streams: StreamArgs,
    /// Dispatch in place of training.
    #[command(flatten)]
    pub live: OperatorLiveArgs,
}

/// Arguments of `agent`.
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// The part of a microgrid, or a whole case of which only that microgrid is used.
    #[command(flatten)]
    pub case: CaseArg,
    /// Which microgrid; a part has only one
    #[arg(long, value_name = "NAME")]
    pub microgrid: Option<String>,
    /// What the policy sees of the microgrid
    #[arg(long, value_enum, default_value_t = StateChoice::Local)]
    pub state: StateChoice,
    /// Run folder.
    #[command(flatten)]
    pub out: ParticipantOutArg,
    /// The way to the operator.
    #[command(flatten)]
    pub link: LinkArgs,
    /// When something is late.
    #[command(flatten)]
    pub timing: TimingArgs,
    /// Dispatch in place of training.
    #[command(flatten)]
    pub live: AgentLiveArgs,
    /// How much less it tells.
    #[command(flatten)]
    pub coarsening: CoarseningArgs,
    /// After the training, how long the operator has to be silent before the agent ends, ms
    #[arg(long, value_name = "MS", default_value_t = 5000, help_heading = "Times")]
    pub linger_ms: u64,
}

/// Arguments of `cluster`.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// The case.
    #[command(flatten)]
    pub case: CaseArg,
    /// Run folder.
    #[command(flatten)]
    pub out: super::OutArg,
    /// Go on with the interrupted run of this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "force", "tls"])]
    pub resume: Option<PathBuf>,
    /// Make keys, and speak mutual TLS
    #[arg(long)]
    pub tls: bool,
    /// What the policies see
    #[arg(long, value_enum, default_value_t = StateChoice::Local)]
    pub state: StateChoice,
    /// What is trained.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// When something is late.
    #[command(flatten)]
    pub timing: TimingArgs,
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Run folder of cluster, operator, agent, or train --trainer parties; all folders below it count
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
}

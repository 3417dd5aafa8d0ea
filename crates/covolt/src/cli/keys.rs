//! Arguments of `keys`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Private keys of a fleet: an authority, what it issues, and the server that trusts it.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make the authority of a fleet: authority.crt to hand out, authority.key to keep
    #[command(after_help = super::EXIT_CODES)]
    Init(KeysInitArgs),
    /// Issue keys for operator, agents and servers: NAME.crt, NAME.key (for its owner only) and authority.crt
    #[command(after_help = super::EXIT_CODES)]
    Issue(KeysIssueArgs),
    /// List the certificates of a folder: whose, from when to when, serial number, fingerprint
    #[command(after_help = super::EXIT_CODES)]
    Show {
        /// Folder with certificates
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Write nats-server.conf: who may connect, and exactly what each one may do
    #[command(after_help = super::EXIT_CODES)]
    ServerConfig(KeysServerConfigArgs),
}

/// Arguments of `keys init`.
#[derive(Debug, Args)]
pub struct KeysInitArgs {
    /// Folder for the authority
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Name of the fleet: a-z, 0-9, - and _
    #[arg(long, value_name = "NAME", required_unless_present = "case", conflicts_with = "case")]
    pub fleet: Option<String>,
    /// Call the fleet after this case: folder with case.toml, or the word builtin
    #[arg(long, value_name = "CASE")]
    pub case: Option<String>,
    /// How long the authority holds, days
    #[arg(long, value_name = "DAYS", default_value_t = covolt_net::keys::AUTHORITY_DAYS)]
    pub days: u32,
}

/// Which agents.
#[derive(Debug, Clone, Args)]
pub struct AgentsArg {
    /// An agent by name; may be given several times
    #[arg(long = "agent", value_name = "NAME")]
    pub agents: Vec<String>,
    /// All microgrids of this case as agents: folder with case.toml, or the word builtin
    #[arg(long, value_name = "CASE")]
    pub case: Option<String>,
}

/// Arguments of `keys issue`.
#[derive(Debug, Args)]
pub struct KeysIssueArgs {
    /// Folder of the authority
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// For whom.
    #[command(flatten)]
    pub agents: AgentsArg,
    /// For the operator [with --case: always]
    #[arg(long)]
    pub operator: bool,
    /// For a server of this name, reached under each --host
    #[arg(long, value_name = "NAME", requires = "hosts")]
    pub server: Option<String>,
    /// Host name or address of the server; may be given several times
    #[arg(long = "host", id = "hosts", value_name = "HOST", requires = "server")]
    pub hosts: Vec<String>,
    /// How long the keys hold, days
    #[arg(long, value_name = "DAYS", default_value_t = covolt_net::keys::ISSUED_DAYS)]
    pub days: u32,
    /// Folder for the keys [default: that of the authority]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace keys that are there
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `keys server-config`.
#[derive(Debug, Args)]
pub struct KeysServerConfigArgs {
    /// Folder with the keys of the server
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Who may connect, beside the operator.
    #[command(flatten)]
    pub agents: AgentsArg,
    /// Name the server was given with `keys issue --server`
    #[arg(long, value_name = "NAME", default_value = "hub")]
    pub server: String,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:4222")]
    pub listen: String,
    /// Folder of the server for its streams
    #[arg(long, value_name = "DIR", default_value = "/var/lib/nats")]
    pub store_dir: PathBuf,
    /// Where the server writes its log [default: standard error]
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Folder in which the server will find its keys [default: DIR as an absolute path]
    #[arg(long, value_name = "DIR")]
    pub keys_at: Option<PathBuf>,
    /// Let in the keys that lie in DIR now and no others; keys issued later need a new configuration
    #[arg(long)]
    pub pin: bool,
    /// Without TLS, for trying out on one machine: --listen has to be loopback, and names prove nothing
    #[arg(long, requires = "fleet", conflicts_with_all = ["pin", "keys_at"])]
    pub no_tls: bool,
    /// Name of the fleet, where there is no authority to ask
    #[arg(long, value_name = "NAME", requires = "no_tls")]
    pub fleet: Option<String>,
    /// The file [default: nats-server.conf in DIR]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file
    #[arg(long)]
    pub force: bool,
}

//! The server of a cluster: keys where asked for, configuration, the process.

use crate::exit::CliError;
use covolt_net::keys::ISSUED_DAYS;
use covolt_net::{
    Authority, FleetName, Holder, Participant, ServerProcess, ServerSettings, TlsFiles, free_loopback_port,
    server_config,
};
use std::path::Path;
use std::time::Duration;

/// How long the server may take to listen.
const START: Duration = Duration::from_secs(10);
/// Name of the server and address under which it is reached.
const NAME: &str = "hub";
const HOST: &str = "127.0.0.1";

/// Refuses where there is no server program, and says how to get it.
pub fn expect_installed() -> Result<(), CliError> {
    match ServerProcess::is_installed() {
        true => Ok(()),
        false => Err(CliError::bad_input(
            "nats-server is not on the PATH. Debian and Ubuntu: apt install nats-server; elsewhere unpack a release of \
             github.com/nats-io/nats-server (2.9.10 or later) and put the program on the PATH",
        )),
    }
}

/// Makes an authority, keys for the operator, all agents and the server.
pub fn make_keys(dir: &Path, fleet: &FleetName, agents: &[String]) -> Result<(), CliError> {
    let authority = Authority::create(dir, fleet, ISSUED_DAYS)?;
    let server = Holder::Server { name: NAME.to_owned(), hosts: vec![HOST.to_owned()] };
    let agents = agents.iter().map(|name| Participant::Agent(name.clone()));
    let participants = std::iter::once(Participant::Operator).chain(agents).map(Holder::Participant);
    for holder in participants.chain([server]) {
        // They cannot outlive the authority, which was made a moment ago.
        authority.issue(&holder, ISSUED_DAYS - 1, dir, false)?;
    }
    Ok(())
}

/// A server that listens, and its address for the participants.
pub struct Server {
    /// Dropping ends it.
    _process: ServerProcess,
    /// Such as `tls://127.0.0.1:4222`.
    pub url: String,
}

/// Writes the configuration into the folder and starts the server there.
pub fn start(dir: &Path, keys: Option<&Path>, fleet: &FleetName, agents: &[String]) -> Result<Server, CliError> {
    std::fs::create_dir_all(dir)
        .map_err(|e| CliError::bad_input(format!("cannot make folder {}: {e}", dir.display())))?;
    // The server takes paths of its configuration as they are.
    let (dir, keys) = (dir.canonicalize()?, keys.map(Path::canonicalize).transpose()?);
    let stem = Holder::Server { name: NAME.to_owned(), hosts: Vec::new() }.file_stem()?;
    let tls = keys.map(|keys| TlsFiles {
        authority: keys.join("authority.crt"),
        certificate: keys.join(format!("{stem}.crt")),
        key: keys.join(format!("{stem}.key")),
    });
    let scheme = if tls.is_some() { "tls" } else { "nats" };
    let address = free_loopback_port()?;
    let settings = ServerSettings {
        listen: address.to_string(),
        store_dir: dir.join("streams"),
        log_file: Some(dir.join("nats-server.log")),
        tls,
        ..ServerSettings::default()
    };
    let config = dir.join("nats-server.conf");
    crate::run_folder::write(&config, server_config(&settings, fleet, agents)?)?;
    let process = ServerProcess::start(&config, address, START)?;
    Ok(Server { _process: process, url: format!("{scheme}://{address}") })
}

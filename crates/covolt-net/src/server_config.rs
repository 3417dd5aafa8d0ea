//! The configuration of the stock `nats-server`: who may connect, and what each one may do. Everything else is denied.

use crate::NetError;
use crate::server_address::is_loopback;
use crate::settings::{Storage, StreamSettings, TlsFiles};
use crate::subjects::{Direction, FleetName, Participant};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Address and port to listen on. Default: `127.0.0.1:4222`. Anything but loopback needs `tls`.
    pub listen: String,
    /// Name of the server, in its log and in a cluster. Default: `covolt`.
    pub name: String,
    /// Folder in which the streams are kept. Default: `/var/lib/nats`.
    pub store_dir: PathBuf,
    /// Keys of the server and the authority of the participants. Default: none, for trying out on one machine.
    pub tls: Option<TlsFiles>,
    /// Public keys that may connect, as [`crate::KeyInfo::fingerprint`]; empty lets in all the authority has issued. Leaving
    /// one out is how a lost key is locked out. Default: empty.
    pub pinned: Vec<String>,
    /// Largest message the server takes, bytes; larger ones are cut into parts. At least 2 KiB. Default: 1 MiB.
    pub max_payload: usize,
    /// How long a participant may take to read what is sent to it before it is cut off. Default: 10 s.
    pub write_deadline: Duration,
    /// Where the server writes its log; `None` is standard error. Default: none.
    pub log_file: Option<PathBuf>,
    /// What the streams keep; `None` turns JetStream off. The limits of the server are set so that all streams fit.
    pub stream: Option<StreamSettings>,
}

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        ServerSettings {
            listen: "127.0.0.1:4222".to_owned(),
            name: "covolt".to_owned(),
            store_dir: PathBuf::from("/var/lib/nats"),
            tls: None,
            pinned: Vec::new(),
            max_payload: 1 << 20,
            write_deadline: Duration::from_secs(10),
            log_file: None,
            stream: Some(StreamSettings::default()),
        }
    }
}

/// Text of the configuration for a fleet with these agents.
pub fn server_config(settings: &ServerSettings, fleet: &FleetName, agents: &[String]) -> Result<String, NetError> {
    check(settings)?;
    let mut text = head(settings, agents.len())?;
    let mut users = vec![user(&Participant::Operator, fleet, operator_permissions(fleet, agents)?, settings)?];
    let mut seen = BTreeSet::new();
    for name in agents {
        let agent = Participant::Agent(name.clone());
        if !seen.insert(name) {
            return Err(NetError::Name { what: "agent", name: name.clone(), reason: "named twice".to_owned() });
        }
        users.push(user(&agent, fleet, agent_permissions(fleet, &agent)?, settings)?);
    }
    let _ = write!(text, "\nauthorization {{\n  users: [\n{}  ]\n}}\n", users.concat());
    Ok(text)
}

fn check(settings: &ServerSettings) -> Result<(), NetError> {
    let fault = |setting, reason: String| Err(NetError::Setting { setting, reason });
    let host = match settings.listen.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() && !host.is_empty() => host,
        _ => return fault("listen", format!("{:?} is no ADDRESS:PORT", settings.listen)),
    };
    if settings.tls.is_none() && !is_loopback(host) {
        return Err(NetError::NeedsTls { host: host.to_owned() });
    }
    if settings.max_payload < 2048 {
        return fault("max_payload", format!("{} bytes are less than 2048", settings.max_payload));
    }
    if let Some(bad) = settings.pinned.iter().find(|pin| pin.len() != 64 || !pin.chars().all(|c| c.is_ascii_hexdigit()))
    {
        return fault("pinned", format!("{bad:?} is no SHA-256 in hexadecimal digits"));
    }
    Ok(())
}

fn head(settings: &ServerSettings, agents: usize) -> Result<String, NetError> {
    let mut text = format!(
        "# Configuration of nats-server for covolt. Whatever is not allowed below is denied.\n\
         server_name: {}\nlisten: {}\nmax_payload: {}\nwrite_deadline: \"{}ms\"\n",
        quoted(&settings.name)?,
        quoted(&settings.listen)?,
        settings.max_payload,
        settings.write_deadline.as_millis(),
    );
    if let Some(file) = &settings.log_file {
        let _ = writeln!(text, "log_file: {}", quoted_path(file)?);
    }
    if let Some(kept) = &settings.stream {
        // The server reserves the full size of every stream: two per agent, and a tenth to spare.
        let all = kept.max_bytes.saturating_mul(2 * agents as u64);
        let all = all.saturating_add(all / 10).max(64 << 20);
        let (memory, file) = match kept.storage {
            Storage::Memory => (all, 0),
            Storage::File => (0, all),
        };
        let dir = quoted_path(&settings.store_dir)?;
        let _ = write!(
            text,
            "\njetstream {{\n  store_dir: {dir}\n  max_memory_store: {memory}\n  max_file_store: {file}\n}}\n"
        );
    }
    match &settings.tls {
        Some(files) => {
            let _ = write!(
                text,
                "\n# The subject of a participant's certificate names its user below.\n\
                 tls {{\n  cert_file: {}\n  key_file: {}\n  ca_file: {}\n  verify_and_map: true\n  timeout: 5\n",
                quoted_path(&files.certificate)?,
                quoted_path(&files.key)?,
                quoted_path(&files.authority)?,
            );
            if !settings.pinned.is_empty() {
                let pins: Vec<String> =
                    settings.pinned.iter().map(|pin| format!("\"{}\"", pin.to_lowercase())).collect();
                let _ = writeln!(text, "  pinned_certs: [{}]", pins.join(", "));
            }
            text.push_str("}\n");
        }
        None => text.push_str(
            "\n# Without TLS the users below are names without proof: whoever reaches this port can be any of them.\n\
             # For trying out on one machine only.\n",
        ),
    }
    Ok(text)
}

struct Permissions {
    publish: Vec<String>,
    subscribe: Vec<String>,
}

fn agent_permissions(fleet: &FleetName, agent: &Participant) -> Result<Permissions, NetError> {
    let token = agent.token()?;
    Ok(Permissions {
        publish: vec![
            Direction::Up.subject(fleet, &token),
            format!("$JS.API.DIRECT.GET.{}", Direction::Down.stream(fleet, &token)),
            agent.hello_subject(fleet)?,
        ],
        subscribe: vec![Direction::Down.subject(fleet, &token), format!("{}.>", agent.inbox_prefix(fleet)?)],
    })
}

fn operator_permissions(fleet: &FleetName, agents: &[String]) -> Result<Permissions, NetError> {
    let operator = Participant::Operator;
    let mut publish = vec![operator.hello_subject(fleet)?];
    for name in agents {
        let token = Participant::Agent(name.clone()).token()?;
        publish.push(Direction::Down.subject(fleet, &token));
        publish.push(format!("$JS.API.DIRECT.GET.{}", Direction::Up.stream(fleet, &token)));
        for direction in [Direction::Down, Direction::Up] {
            let stream = direction.stream(fleet, &token);
            publish.extend(["CREATE", "UPDATE", "PURGE"].map(|verb| format!("$JS.API.STREAM.{verb}.{stream}")));
        }
    }
    let subscribe = vec![Direction::Up.subject(fleet, "*"), format!("{}.>", operator.inbox_prefix(fleet)?)];
    Ok(Permissions { publish, subscribe })
}

fn user(who: &Participant, fleet: &FleetName, may: Permissions, settings: &ServerSettings) -> Result<String, NetError> {
    let name = quoted(&who.server_user(fleet)?)?;
    let password = if settings.tls.is_some() { "" } else { "\n      password: \"\"" };
    let list = |subjects: &[String]| {
        let lines: Vec<String> = subjects.iter().map(|subject| format!("          \"{subject}\"\n")).collect();
        format!("{{ allow: [\n{}        ] }}", lines.concat())
    };
    Ok(format!(
        "    {{\n      user: {name}{password}\n      permissions: {{\n        publish: {}\n        subscribe: {}\n      }}\n    }}\n",
        list(&may.publish),
        list(&may.subscribe),
    ))
}

/// A text as the configuration takes it.
fn quoted(text: &str) -> Result<String, NetError> {
    if text.chars().any(|c| c.is_control()) {
        let reason = "control characters have no place in the configuration".to_owned();
        return Err(NetError::Name { what: "value", name: text.to_owned(), reason });
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn quoted_path(path: &Path) -> Result<String, NetError> {
    match path.to_str() {
        Some(text) => quoted(text),
        None => Err(NetError::file(path, "not UTF-8, which the configuration of the server needs")),
    }
}

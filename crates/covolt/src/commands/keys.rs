//! `covolt keys`: the authority of a fleet, keys of its participants and servers, the configuration of the server.

use crate::case_argument;
use crate::cli::{AgentsArg, KeysCommand, KeysInitArgs, KeysIssueArgs, KeysServerConfigArgs};
use crate::exit::CliError;
use crate::output::Output;
use covolt_net::keys::{show, utc};
use covolt_net::{Authority, FleetName, Holder, KeyInfo, Participant, ServerSettings, TlsFiles, server_config};
use serde_json::{Value, json};
use std::path::Path;
use std::time::SystemTime;

/// Runs the command.
pub fn run(args: &KeysCommand, out: &mut Output) -> Result<(), CliError> {
    match args {
        KeysCommand::Init(args) => init(args, out),
        KeysCommand::Issue(args) => issue(args, out),
        KeysCommand::Show { dir } => list(&show(dir)?, out),
        KeysCommand::ServerConfig(args) => configure(args, out),
    }
}

fn init(args: &KeysInitArgs, out: &mut Output) -> Result<(), CliError> {
    let fleet = match (&args.fleet, &args.case) {
        (Some(name), _) => FleetName::new(name)?,
        (None, Some(case)) => FleetName::from_case_name(&case_argument::load(case)?.name),
        (None, None) => return Err(CliError::bad_input("--fleet or --case is needed")),
    };
    let authority = Authority::create(&args.dir, &fleet, args.days)?;
    if out.is_json() {
        return out.json(&value(authority.info()));
    }
    out.line(format!(
        "Authority of fleet {fleet} in {}, until {}",
        args.dir.display(),
        utc(authority.info().not_after)
    ))?;
    out.line("authority.key stays here; whoever has it can be anybody of the fleet")?;
    out.line(format!("Next: covolt keys issue {} --case CASE --server hub --host HOST", args.dir.display()))
}

fn issue(args: &KeysIssueArgs, out: &mut Output) -> Result<(), CliError> {
    let authority = Authority::open(&args.dir)?;
    let mut holders = Vec::new();
    if args.operator || args.agents.case.is_some() {
        holders.push(Holder::Participant(Participant::Operator));
    }
    holders.extend(agent_names(&args.agents)?.into_iter().map(|name| Holder::Participant(Participant::Agent(name))));
    if let Some(name) = &args.server {
        holders.push(Holder::Server { name: name.clone(), hosts: args.hosts.clone() });
    }
    if holders.is_empty() {
        return Err(CliError::bad_input(
            "for whom? --agent NAME, --case CASE, --operator or --server NAME --host HOST",
        ));
    }
    let folder = args.out.as_deref().unwrap_or(&args.dir);
    let mut issued = Vec::new();
    for holder in &holders {
        issued.push(authority.issue(holder, args.days, folder, args.force)?.info);
    }
    list(&issued, out)
}

/// The agents asked for, each once.
fn agent_names(args: &AgentsArg) -> Result<Vec<String>, CliError> {
    let mut names = args.agents.clone();
    if let Some(case) = &args.case {
        names.extend(case_argument::load(case)?.fleet.microgrids.iter().map(|microgrid| microgrid.name.clone()));
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    Ok(names)
}

fn list(keys: &[KeyInfo], out: &mut Output) -> Result<(), CliError> {
    if out.is_json() {
        return out.json(&keys.iter().map(value).collect::<Vec<_>>());
    }
    let now = SystemTime::now();
    let row = |info: &KeyInfo| {
        let state = if info.check_time(now).is_ok() { "valid" } else { "out of date" };
        let file = info.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let times = [utc(info.not_before), utc(info.not_after), state.to_owned()];
        let [from, until, state] = times;
        vec![file, info.role.clone(), info.name.clone(), info.fleet.clone(), from, until, state, info.serial.clone()]
    };
    let header = ["file", "role", "name", "fleet", "from", "until", "state", "serial"];
    out.table(&header, &keys.iter().map(row).collect::<Vec<_>>())
}

fn value(info: &KeyInfo) -> Value {
    json!({
        "file": info.file,
        "role": info.role,
        "name": info.name,
        "fleet": info.fleet,
        "not_before": utc(info.not_before),
        "not_after": utc(info.not_after),
        "valid_now": info.check_time(SystemTime::now()).is_ok(),
        "serial": info.serial,
        "fingerprint": info.fingerprint,
        "hosts": info.hosts,
    })
}

fn configure(args: &KeysServerConfigArgs, out: &mut Output) -> Result<(), CliError> {
    let agents = agent_names(&args.agents)?;
    if agents.is_empty() {
        return Err(CliError::bad_input("for which agents? --agent NAME or --case CASE"));
    }
    let mut settings = ServerSettings {
        listen: args.listen.clone(),
        name: args.server.clone(),
        store_dir: args.store_dir.clone(),
        log_file: args.log_file.clone(),
        ..ServerSettings::default()
    };
    let fleet = match (&args.fleet, args.no_tls) {
        (Some(name), true) => FleetName::new(name)?,
        _ => {
            let keys = show(&args.dir)?;
            let own = Holder::Server { name: args.server.clone(), hosts: Vec::new() }.file_stem()?;
            let fleet = keys_of_server(&keys, &args.dir, &own)?;
            let at = match &args.keys_at {
                Some(folder) => folder.clone(),
                None => args.dir.canonicalize()?,
            };
            settings.tls = Some(TlsFiles {
                authority: at.join("authority.crt"),
                certificate: at.join(format!("{own}.crt")),
                key: at.join(format!("{own}.key")),
            });
            if args.pin {
                let participants = keys.iter().filter(|info| ["operator", "agent"].contains(&info.role.as_str()));
                settings.pinned = participants.map(|info| info.fingerprint.clone()).collect();
                if settings.pinned.is_empty() {
                    let text = format!("--pin: no keys of participants in {}", args.dir.display());
                    return Err(CliError::bad_input(text));
                }
            }
            fleet
        }
    };
    let text = server_config(&settings, &fleet, &agents)?;
    let file = args.out.clone().unwrap_or_else(|| args.dir.join("nats-server.conf"));
    if !args.force && file.symlink_metadata().is_ok() {
        return Err(CliError::bad_input(format!("{} is there already; --force replaces it", file.display())));
    }
    std::fs::write(&file, text).map_err(|e| CliError::bad_input(format!("{}: {e}", file.display())))?;
    if out.is_json() {
        return out.json(&json!({ "file": file, "fleet": fleet.as_str(), "agents": agents, "tls": !args.no_tls }));
    }
    out.line(format!("{} for fleet {fleet}: the operator and {} agent(s)", file.display(), agents.len()))?;
    out.line(format!("Start it with: nats-server --config {}", file.display()))
}

/// Fleet of the server whose certificate lies in the folder under this name.
fn keys_of_server(keys: &[KeyInfo], dir: &Path, stem: &str) -> Result<FleetName, CliError> {
    let own = keys.iter().find(|info| info.role == "server" && info.file.file_stem().is_some_and(|s| s == stem));
    let Some(own) = own else {
        let text = format!("{}: no {stem}.crt; covolt keys issue --server NAME --host HOST makes one", dir.display());
        return Err(CliError::bad_input(text));
    };
    own.check_time(SystemTime::now())?;
    Ok(FleetName::new(&own.fleet)?)
}

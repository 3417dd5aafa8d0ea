//! `covolt cluster`: server, operator and all agents as processes on this machine, each with its part of the case alone.

use crate::case_argument;
use crate::cli::{ClusterArgs, StateChoice};
use crate::cluster::children::Children;
use crate::cluster::{Outcome, Rounds, collect_policies, rounds, server, watch};
use crate::exit::CliError;
use crate::interrupt;
use crate::output::Output;
use crate::part_folders::{OPERATOR, write_parts};
use crate::participants::sent::{Role, read_all, total};
use crate::policy_folder::POLICIES;
use crate::progress::note;
use crate::run_folder;
use crate::training::preset;
use covolt_case::split_case;
use covolt_net::FleetName;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// File of what was asked for, in the run folder.
const ASKED: &str = "cluster.json";

/// What was asked for, so that an interrupted run can go on.
#[derive(Serialize, Deserialize)]
struct Asked {
    case: String,
    fleet: String,
    tls: bool,
    /// Name of each microgrid and its folder.
    agents: Vec<(String, String)>,
    updates: usize,
    /// Options of the operator and of the agents.
    operator: Vec<String>,
    agent: Vec<String>,
}

/// Runs the command.
pub fn run(args: &ClusterArgs, threads: Option<usize>, out: &mut Output) -> Result<(), CliError> {
    server::expect_installed()?;
    let (asked, dir) = match &args.resume {
        Some(dir) => (read(dir)?, dir.clone()),
        None => prepare(args, threads)?,
    };
    interrupt::listen("ending operator and agents; Ctrl-C again kills them", || {});
    let names: Vec<String> = asked.agents.iter().map(|agent| agent.0.clone()).collect();
    let fleet = FleetName::new(&asked.fleet)?;
    let keys = asked.tls.then(|| dir.join("keys"));
    let server = server::start(&dir.join("server"), keys.as_deref(), &fleet, &names)?;
    note(&format!("cluster: server on {}, log in {}", server.url, dir.join("log.txt").display()));
    let clock = Instant::now();
    let mut children = Children::new(&dir.join("log.txt"))?;
    let common = |part: &str, run: PathBuf| {
        let mut all =
            vec![dir.join("parts").join(part).display().to_string(), "--out".into(), run.display().to_string()];
        all.extend(["--server".into(), server.url.clone(), "--fleet".into(), asked.fleet.clone()]);
        all.extend(keys.iter().flat_map(|keys| ["--keys".into(), keys.display().to_string()]));
        all.extend(["--end-with-stdin".into(), "--json".into()]);
        all
    };
    let own = |command: &str, more: &[String], rest: Vec<String>| -> Vec<String> {
        [command.to_owned()].into_iter().chain(more.iter().cloned()).chain(rest).collect()
    };
    children.start(OPERATOR, &own("operator", &asked.operator, common(OPERATOR, dir.join(OPERATOR))))?;
    let folders: Vec<PathBuf> = asked.agents.iter().map(|(_, folder)| dir.join("agents").join(folder)).collect();
    for ((name, folder), run) in asked.agents.iter().zip(&folders) {
        children.start(name, &own("agent", &asked.agent, common(folder, run.clone())))?;
    }
    let outcome = watch(&mut children, &dir, asked.updates)?;
    let wall_s = clock.elapsed().as_secs_f64();
    drop(server);
    let policies = collect_policies(&dir, &folders)?;
    say(outcome, policies, wall_s, &dir, out)
}

/// Makes the run folder with parts and keys.
fn prepare(args: &ClusterArgs, threads: Option<usize>) -> Result<(Asked, PathBuf), CliError> {
    let case = case_argument::load(&args.case.case)?;
    let parts = split_case(&case).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        CliError::bad_input(format!(
            "case {} cannot be split among operator and agents:{}",
            args.case.case,
            list.concat()
        ))
    })?;
    let dir = run_folder::create("cluster", args.out.out.as_deref(), args.out.force)?;
    let written = write_parts(&args.case.case, &case, &parts, &dir.join("parts"))?;
    let names: Vec<String> = case.fleet.microgrids.iter().map(|mg| mg.name.clone()).collect();
    let folders = written.iter().skip(1).filter_map(|w| w.folder.file_name()).map(|f| f.to_string_lossy().into_owned());
    let fleet = FleetName::from_case_name(&case.name);
    if args.tls {
        server::make_keys(&dir.join("keys"), &fleet, &names)?;
    }
    let plan = &args.plan;
    let number =
        |name: &str, value: Option<String>| value.into_iter().flat_map(move |v| [format!("--{name}"), v]).collect();
    let times: [Vec<String>; 3] = [
        number("retry-ms", Some(args.timing.retry_ms.to_string())),
        number("heartbeat-ms", Some(args.timing.heartbeat_ms.to_string())),
        number("checkpoint-rounds", Some(args.timing.checkpoint_rounds.to_string())),
    ];
    let threads: Vec<String> = number("threads", threads.map(|n| n.to_string()));
    let training: [Vec<String>; 4] = [
        number("episodes", plan.episodes.map(|n| n.to_string())),
        number("windows", plan.windows.map(|n| n.to_string())),
        number("seed", Some(plan.seed.to_string())),
        number("go-on-after-ms", plan.go_on_after_ms.map(|n| n.to_string())),
    ];
    let state = if args.state == StateChoice::Paper { "paper" } else { "local" };
    let asked = Asked {
        case: args.case.case.clone(),
        fleet: fleet.as_str().to_owned(),
        tls: args.tls,
        updates: plan.episodes.unwrap_or(preset::of(names.len()).episodes),
        agents: names.into_iter().zip(folders).collect(),
        operator: [&training[..], &times, std::slice::from_ref(&threads)].concat().concat(),
        agent: [&[number("state", Some(state.to_owned()))][..], &times, &[threads]].concat().concat(),
    };
    run_folder::write_json(&dir.join(ASKED), &asked)?;
    Ok((asked, dir))
}

fn read(dir: &Path) -> Result<Asked, CliError> {
    let path = dir.join(ASKED);
    let refused = |e: &dyn std::fmt::Display| CliError::bad_input(format!("{}: {e}", path.display()));
    serde_json::from_str(&std::fs::read_to_string(&path).map_err(|e| refused(&e))?).map_err(|e| refused(&e))
}

fn say(outcome: Outcome, policies: usize, wall_s: f64, dir: &Path, out: &mut Output) -> Result<(), CliError> {
    let sent = read_all(dir)?;
    let bytes_of = |role: Role| sent.iter().filter(move |s| s.role == role).map(|s| total(&s.tally).1);
    let largest = bytes_of(Role::Agent).max().unwrap_or(0);
    let operator: u64 = bytes_of(Role::Operator).sum();
    let Rounds { updates, exchanges, wall_s: training_s } = rounds(dir);
    let per_update = exchanges as f64 / updates.max(1) as f64;
    let finished = outcome == Outcome::Finished;
    if out.is_json() {
        return out.json(&json!({
            "run": dir,
            "finished": finished,
            "updates": updates,
            "exchanges": exchanges,
            "exchanges_per_update": per_update,
            "wall_s": wall_s,
            "training_s": training_s,
            "updates_per_s": updates as f64 / training_s.max(1e-9),
            "bytes_sent_by_operator": operator,
            "bytes_sent_by_agent_max": largest,
            "policies": policies,
        }));
    }
    out.line(format!(
        "{updates} update(s) in {training_s:.1} s, {per_update:.2} exchanges per update; {wall_s:.1} s with starting and ending"
    ))?;
    out.line(format!("Sent: by the operator {operator} bytes, by an agent at most {largest} bytes"))?;
    out.line(format!("Policies of {policies} agent(s): {}", dir.join(POLICIES).display()))?;
    out.line(format!("What was sent: covolt audit {}", dir.display()))?;
    if !finished {
        out.line(format!("Interrupted. Go on with: covolt cluster --resume {}", dir.display()))?;
    }
    Ok(())
}

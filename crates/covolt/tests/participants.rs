//! Operator and agents as real processes: the same policies as in one process, also after kill -9 of any of them.
//!
//! What needs a server is skipped, and says so, where nats-server is not installed.

#![allow(clippy::unwrap_used, clippy::panic)]

use covolt_net::{FleetName, ServerProcess, ServerSettings, free_loopback_port, server_config};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const AGENTS: [&str; 5] = ["M1", "M2", "M3", "M4", "M5"];

fn covolt(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_covolt")).args(args).current_dir(folder).output().unwrap()
}

fn ok(folder: &Path, args: &[&str]) -> String {
    let output = covolt(folder, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

/// False, and said, where the server program is missing.
fn server_is_there() -> bool {
    let there = ServerProcess::is_installed();
    if !there {
        println!("skipped: nats-server is not installed");
    }
    there
}

/// Bytes of all policy files below a folder, by name.
fn policies(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(run).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(policies(&path));
        } else if path.extension().is_some_and(|e| e == "safetensors") {
            found.insert(path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// SIGKILL.
    fn kill_9(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn expect_success(mut self, within: Duration) {
        let end = Instant::now() + within;
        while Instant::now() < end {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("still running after {within:?}");
    }
}

/// The folders of a case split among participants, and a server between them.
struct Site {
    here: tempfile::TempDir,
    server: ServerProcess,
}

impl Site {
    fn new() -> Site {
        let here = tempfile::tempdir().unwrap();
        ok(here.path(), &["case", "split", "builtin", "--out", "parts"]);
        let address = free_loopback_port().unwrap();
        let settings = ServerSettings {
            listen: address.to_string(),
            store_dir: here.path().join("streams"),
            ..ServerSettings::default()
        };
        let config = here.path().join("nats-server.conf");
        let names = AGENTS.map(str::to_owned);
        std::fs::write(&config, server_config(&settings, &FleetName::new("five-microgrids").unwrap(), &names).unwrap())
            .unwrap();
        let server = ServerProcess::start(&config, address, Duration::from_secs(10)).unwrap();
        Site { here, server }
    }

    fn run(&self, who: &str) -> PathBuf {
        self.here.path().join("run").join(who)
    }

    fn start(&self, command: &str, who: &str, more: &[&str]) -> Running {
        let url = format!("nats://{}", self.server.address());
        let (part, run) = (self.here.path().join("parts").join(who), self.run(who));
        std::fs::create_dir_all(run.parent().unwrap()).unwrap();
        let said = std::fs::OpenOptions::new().create(true).append(true).open(run.with_extension("said")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_covolt"))
            .arg(command)
            .arg(part)
            .args(["--server", &url, "--retry-ms", "200", "--out"])
            .arg(run)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        Running(child)
    }

    fn updates(&self) -> usize {
        let rounds = std::fs::read_to_string(self.run("operator").join("rounds.csv")).unwrap_or_default();
        rounds.lines().count().saturating_sub(1)
    }

    fn wait_for(&self, updates: usize) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.updates() < updates {
            assert!(Instant::now() < end, "{} of {updates} update(s)", self.updates());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn law_processes_train_the_policies_of_one_process() {
    let here = tempfile::tempdir().unwrap();
    let training = ["--episodes", "12", "--windows", "40", "--seed", "3"];
    let run = |command: &[&str]| ok(here.path(), &[command, &training].concat());
    run(&["train", "builtin", "--trainer", "parties", "--out", "memory"]);
    let expected = policies(&here.path().join("memory"));
    assert_eq!(expected.len(), 5);
    let sent = json(&ok(here.path(), &["audit", "memory", "--json"]));
    assert_eq!(sent["participants"].as_array().unwrap().len(), 6);
    if !server_is_there() {
        return;
    }
    for (name, more) in [("plain", &[][..]), ("tls", &["--tls"][..])] {
        let said = json(&run(&[&["cluster", "builtin", "--json", "--out", name], more].concat()));
        assert_eq!((&said["updates"], &said["finished"], &said["policies"]), (&12.into(), &true.into(), &5.into()));
        assert!(policies(&here.path().join(name).join("policies")) == expected, "{name}: other policies");
        let dispatched = ok(here.path(), &["dispatch", "builtin", "--policy", name, "--layer", "repaired"]);
        assert!(dispatched.contains("M1_DG1"), "{dispatched}");
    }
    audit_is_true(here.path(), "tls");
}

/// Agents send what the page lists and nothing else, as many bytes as their messages have.
fn audit_is_true(here: &Path, run: &str) {
    let audit = json(&ok(here, &["audit", run, "--json"]));
    let participants = audit["participants"].as_array().unwrap();
    let names: Vec<&str> = participants.iter().map(|p| p["participant"].as_str().unwrap()).collect();
    assert_eq!(names, ["operator", "M1", "M2", "M3", "M4", "M5"]);
    for agent in &participants[1..] {
        let kinds = agent["kinds"].as_array().unwrap();
        let names: Vec<&str> = kinds.iter().map(|k| k["kind"].as_str().unwrap()).collect();
        assert_eq!(names, ["here", "kept", "powers"]);
        assert_eq!(kinds[2]["fields"][0]["field"], "points");
        // 40 windows of 4 steps, 40 bytes each, behind a header of at most 41.
        let (messages, bytes) = (kinds[2]["messages"].as_u64().unwrap(), kinds[2]["bytes"].as_u64().unwrap());
        assert!((12..60).contains(&messages), "{messages}");
        assert!((40 * 4 * 40 * messages..(40 * 4 * 40 + 41) * messages).contains(&bytes), "{bytes}");
    }
    let page = ok(here, &["audit", run]);
    assert!(page.contains("M5, all") && page.contains("p_kw (number, kW)"), "{page}");
}

#[test]
fn law_killed_processes_go_on_to_the_same_policies() {
    if !server_is_there() {
        return;
    }
    let site = Site::new();
    let training = ["--episodes", "240", "--windows", "40"];
    ok(site.here.path(), &[&["train", "builtin", "--trainer", "parties", "--out", "memory"][..], &training].concat());
    let mut agents: Vec<Option<Running>> = AGENTS.iter().map(|who| Some(site.start("agent", who, &[]))).collect();
    let operator = site.start("operator", "operator", &training);
    site.wait_for(30);
    agents[2].take().unwrap().kill_9();
    agents[2] = Some(site.start("agent", "M3", &[]));
    site.wait_for(90);
    operator.kill_9();
    let operator = site.start("operator", "operator", &training);
    site.wait_for(130);
    // Both at once, with an agent that comes back only after the operator.
    operator.kill_9();
    agents[0].take().unwrap().kill_9();
    let operator = site.start("operator", "operator", &training);
    std::thread::sleep(Duration::from_millis(300));
    agents[0] = Some(site.start("agent", "M1", &[]));
    operator.expect_success(Duration::from_secs(60));
    agents.into_iter().flatten().for_each(|agent| agent.expect_success(Duration::from_secs(20)));
    assert_eq!(site.updates(), 240);
    let (found, expected) = (policies(&site.here.path().join("run")), policies(&site.here.path().join("memory")));
    let differing: Vec<&String> = expected.keys().filter(|name| found.get(*name) != expected.get(*name)).collect();
    let said = std::fs::read_to_string(site.run("operator").join("log.txt")).unwrap();
    assert!(differing.is_empty() && found.len() == 5, "{differing:?}\n{said}");
    assert!(said.contains("caught up"), "{said}");
    let audit = json(&ok(site.here.path(), &["audit", "run", "--json"]));
    let kills = audit["participants"].as_array().unwrap().iter().map(|p| p["kills"].as_u64().unwrap());
    assert_eq!(kills.collect::<Vec<_>>(), [2, 1, 0, 1, 0, 0]);
    // A run that is over is not begun again.
    let again = &["operator", "parts/operator", "--out", "run/operator"];
    assert!(ok(site.here.path(), &[&again[..], &training].concat()).contains("finished"));
}

/// An interrupt ends server, operator and agents in good order, and the run goes on to the same policies.
#[cfg(unix)]
#[test]
fn law_an_interrupted_cluster_goes_on() {
    if !server_is_there() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    let training = ["--episodes", "500", "--windows", "40", "--seed", "2"];
    ok(here.path(), &[&["train", "builtin", "--trainer", "parties", "--out", "memory"][..], &training].concat());
    let child = Command::new(env!("CARGO_BIN_EXE_covolt"))
        .args(["cluster", "builtin", "--out", "run", "--json"])
        .args(training)
        .current_dir(here.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let rounds = here.path().join("run/operator/rounds.csv");
    let end = Instant::now() + Duration::from_secs(60);
    while std::fs::read_to_string(&rounds).unwrap_or_default().lines().count() < 30 {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = json(&text(&output.stdout));
    assert!(said["finished"] == false && said["updates"].as_u64().unwrap() < 500, "{said}");
    let said = json(&ok(here.path(), &["cluster", "--resume", "run", "--json"]));
    assert_eq!((&said["finished"], &said["updates"]), (&true.into(), &500.into()));
    assert!(policies(&here.path().join("run/policies")) == policies(&here.path().join("memory")));
    let audit = json(&ok(here.path(), &["audit", "run", "--json"]));
    assert!(audit["participants"].as_array().unwrap().iter().all(|p| p["kills"] == 0), "ended in good order");
}

#[test]
fn law_bad_requests_of_participants_end_with_2() {
    let here = tempfile::tempdir().unwrap();
    ok(here.path(), &["case", "split", "builtin", "--out", "parts"]);
    ok(here.path(), &["keys", "init", "k", "--fleet", "five-microgrids"]);
    ok(here.path(), &["keys", "issue", "k", "--agent", "M1"]);
    let nowhere = format!("nats://{}", free_loopback_port().unwrap());
    let cases: [(&[&str], &str); 13] = [
        (&["agent", "builtin"], "--microgrid NAME, one of M1, M2"),
        (&["agent", "builtin", "--microgrid", "M9"], "no microgrid M9"),
        (&["agent", "parts/operator"], "not that of a microgrid"),
        (&["agent", "parts/M2", "--microgrid", "M1"], "the part of microgrid M2"),
        (&["operator", "parts/M1"], "not the operator's part"),
        (&["operator", "--windows", "999999999"], "at most"),
        (&["operator", "--resume", "nothing"], "no run to go on with"),
        (&["agent", "parts/M1", "--server", &nowhere, "--connect-timeout-ms", "300", "--out", "a"], "127.0.0.1"),
        (&["agent", "parts/M1", "--server", "nats://hub.example.org:4222"], "TLS"),
        (&["agent", "parts/M2", "--server", "tls://127.0.0.1:1", "--keys", "k"], "covolt keys issue"),
        (&["audit", "parts"], "no sent.json"),
        (&["train", "--trainer", "parties", "--from", "x"], "neither resumes nor continues"),
        (&["train", "parts/M1"], "needs the whole case"),
    ];
    for (args, words) in cases {
        let output = covolt(here.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(words), "{args:?}: {}", text(&output.stderr));
    }
    // What was asked for before is not mixed with something else.
    for (more, words) in [
        (&["agent", "parts/M1", "--out", "a", "--state", "paper"], "another state: local, now paper"),
        (&["agent", "parts/M2", "--out", "a", "--state", "local"], "another participant: M1, now M2"),
    ] {
        let output = covolt(here.path(), more);
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    // Without the server program there is advice.
    let mut without = Command::new(env!("CARGO_BIN_EXE_covolt"));
    let output = without.args(["cluster", "builtin"]).env("PATH", "").current_dir(here.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("apt install nats-server"), "{}", text(&output.stderr));
}

//! The command `keys`: from an authority to a configuration that the real server takes.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

fn covolt(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_covolt")).args(args).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn law_keys_of_a_case_are_issued_shown_and_configured() {
    let here = tempfile::tempdir().unwrap();
    let ok = |args: &[&str]| {
        let output = covolt(here.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(ok(&["keys", "init", "k", "--case", "builtin"]).contains("Authority of fleet"));
    let issued = ok(&["keys", "issue", "k", "--case", "builtin", "--server", "hub", "--host", "127.0.0.1", "--json"]);
    let issued: serde_json::Value = serde_json::from_str(&issued).unwrap();
    let issued = issued.as_array().unwrap();
    assert_eq!(issued.len(), 7, "the operator, five microgrids, a server");
    assert!(issued.iter().all(|key| key["valid_now"] == true && key["fingerprint"].as_str().unwrap().len() == 64));
    let shown = ok(&["keys", "show", "k"]);
    assert_eq!(shown.lines().count(), 1 + 8, "{shown}");
    assert!(shown.contains("operator.crt") && shown.contains("server-hub.crt") && !shown.contains("out of date"));
    ok(&["keys", "server-config", "k", "--case", "builtin", "--pin", "--store-dir", "store"]);
    let config = std::fs::read_to_string(here.path().join("k/nats-server.conf")).unwrap();
    assert_eq!(config.matches("user: ").count(), 6, "{config}");
    assert!(config.contains("verify_and_map: true") && config.contains("pinned_certs"), "{config}");
    ok(&["keys", "server-config", ".", "--no-tls", "--fleet", "f", "--agent", "a b", "--listen", "127.0.0.1:4222"]);
    if covolt_net::ServerProcess::is_installed() {
        for config in ["k/nats-server.conf", "nats-server.conf"] {
            let checked =
                Command::new("nats-server").args(["-t", "-c", config]).current_dir(here.path()).output().unwrap();
            assert!(checked.status.success(), "{config}: {}", text(&checked.stderr));
        }
    } else {
        println!("skipped: nats-server is not installed");
    }
}

#[test]
fn law_bad_requests_for_keys_end_with_2() {
    let here = tempfile::tempdir().unwrap();
    assert_eq!(covolt(here.path(), &["keys", "init", "k", "--fleet", "f"]).status.code(), Some(0));
    let cases: [(&[&str], &str); 10] = [
        (&["keys", "init", "k", "--fleet", "f"], "is there already"),
        (&["keys", "init", "other", "--fleet", "F f"], "may be used"),
        (&["keys", "init", "other", "--fleet", "f", "--days", "0"], "days"),
        (&["keys", "issue", "k"], "for whom?"),
        (&["keys", "issue", "nowhere", "--operator"], "authority.crt"),
        (&["keys", "issue", "k", "--server", "hub"], "--host"),
        (&["keys", "issue", "k", "--agent", "a", "--days", "9999"], "outlive"),
        (&["keys", "show", "nowhere"], "nowhere"),
        (&["keys", "server-config", "k", "--agent", "a"], "covolt keys issue --server"),
        (&["keys", "server-config", "k", "--no-tls", "--fleet", "f", "--agent", "a"], "loopback"),
    ];
    for (args, words) in cases {
        let output = covolt(here.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(words), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn law_every_command_of_keys_has_help_with_exit_codes() {
    let here = tempfile::tempdir().unwrap();
    for command in ["init", "issue", "show", "server-config"] {
        let output = covolt(here.path(), &["keys", command, "--help"]);
        assert!(text(&output.stdout).contains("Exit codes: 0 success, 2 bad input, 3"), "{command}");
    }
}

//! The built program, command by command: help, exit codes, JSON, run folders, files.
//!
//! Everything runs on the built-in case, so that no file outside the repository is needed.

use std::path::Path;
use std::process::{Command, Output, Stdio};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn covolt(folder: &Path, args: &[&str]) -> Result<Output, std::io::Error> {
    Command::new(env!("CARGO_BIN_EXE_covolt")).args(args).current_dir(folder).output()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn json(output: &Output) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_slice(&output.stdout)
}

#[test]
fn law_every_command_has_help_with_exit_codes() -> Outcome {
    let here = tempfile::tempdir()?;
    let commands: [&[&str]; 21] = [
        &["reproduce"],
        &["train"],
        &["dispatch"],
        &["simulate"],
        &["optimize"],
        &["powerflow"],
        &["feeder"],
        &["check"],
        &["export"],
        &["report"],
        &["case"],
        &["case", "new"],
        &["case", "schema"],
        &["case", "info"],
        &["case", "generate"],
        &["case", "split"],
        &["bench"],
        &["operator"],
        &["agent"],
        &["cluster"],
        &["audit"],
    ];
    for command in commands {
        let output = covolt(here.path(), &[command, &["--help"]].concat())?;
        assert_eq!(code(&output), Some(0), "{command:?}");
        assert!(text(&output.stdout).contains("Exit codes: 0 success, 2 bad input, 3"), "{command:?}");
    }
    Ok(())
}

#[test]
fn law_bad_input_ends_with_2_and_says_what_to_do() -> Outcome {
    let here = tempfile::tempdir()?;
    let cases: [(&[&str], &str); 8] = [
        (&["fly"], "unrecognized subcommand"),
        (&["check", "no-such-folder"], ""),
        (&["powerflow", "no-such-folder"], "there is no such folder"),
        (&["powerflow", "--row", "99999999"], "rows, counted from 0"),
        (&["powerflow", "--at", "yesterday"], "not a time"),
        (&["simulate", "--rule", "--days", "5..5"], "N..M"),
        (&["optimize", "--soc", "1.5"], "between 0 and 1"),
        (&["dispatch", "--policy", "no-such-folder"], "cannot read the policy"),
    ];
    for (args, expected) in cases {
        let output = covolt(here.path(), args)?;
        assert_eq!(code(&output), Some(2), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(expected), "{args:?}: {}", text(&output.stderr));
    }
    Ok(())
}

/// A feeder of the repository.
fn feeder() -> String {
    format!("{}/../../cases/feeders/thirteen-node.dss", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn law_the_exported_state_of_a_feeder_solves_to_the_same_voltages() -> Outcome {
    let here = tempfile::tempdir()?;
    let first =
        covolt(here.path(), &["feeder", &feeder(), "--json", "--csv", "a", "--export", "a.dss", "--repeat", "3"])?;
    assert_eq!(code(&first), Some(0), "{}", text(&first.stderr));
    let found = json(&first)?;
    assert_eq!(found["controls"]["taps"].as_array().map(Vec::len), Some(3));
    assert_eq!(found["time"]["solves"], 3);
    let back = covolt(here.path(), &["feeder", "a.dss", "--json", "--csv", "b", "--strict"])?;
    assert_eq!(code(&back), Some(0), "{}", text(&back.stderr));
    let voltages = |folder: &str| -> Result<Vec<(String, f64)>, Box<dyn std::error::Error>> {
        let table = std::fs::read_to_string(here.path().join(folder).join("voltages.csv"))?;
        let rows = table.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        rows.map(|cells| Ok((format!("{}.{}", cells[0], cells[1]), cells[2].parse()?))).collect()
    };
    let (first, back) = (voltages("a")?, voltages("b")?);
    assert_eq!(first.len(), 38);
    for ((node, v), (_, w)) in first.iter().zip(&back) {
        assert!((v - w).abs() < 1e-8, "{node}: {v} and {w}");
    }
    Ok(())
}

#[test]
fn law_a_feeder_that_cannot_be_read_is_told_in_one_line() -> Outcome {
    let here = tempfile::tempdir()?;
    std::fs::create_dir(here.path().join("in"))?;
    std::fs::write(here.path().join("codes.dss"), "New Linecode.one\n")?;
    let script = "Clear\nNew Circuit.c bus1=s\nRedirect ../codes.dss\nNew Line.l bus1=s bus2=a linecode=one\n";
    std::fs::write(here.path().join("in/a.dss"), script)?;
    for (args, code_expected, told) in [
        (&["feeder", "none.dss"][..], 2, "none.dss"),
        (&["feeder", "in/a.dss"], 2, "--root"),
        (&["feeder", "in/a.dss", "--root", "."], 0, ""),
        (&["feeder", "in/a.dss", "--taps-at", "nan"], 2, "--taps-at"),
    ] {
        let output = covolt(here.path(), args)?;
        let errors = text(&output.stderr);
        assert_eq!(code(&output), Some(code_expected), "{args:?}: {errors}");
        assert!(errors.contains(told) && errors.lines().count() <= 1, "{args:?}: {errors}");
    }
    Ok(())
}

#[test]
fn law_check_lists_several_faults_at_once() -> Outcome {
    let here = tempfile::tempdir()?;
    assert_eq!(code(&covolt(here.path(), &["case", "new", "mine"])?), Some(0));
    assert_eq!(code(&covolt(here.path(), &["check", "mine"])?), Some(0));
    let toml = here.path().join("mine/case.toml");
    let swap = |line: &str| if line.starts_with("v_min_pu") { "v_min_pu = 1.5".to_owned() } else { line.to_owned() };
    let swapped: Vec<String> = std::fs::read_to_string(&toml)?.lines().map(swap).collect();
    std::fs::write(&toml, swapped.join("\n"))?;
    let batteries = here.path().join("mine/batteries.csv");
    let mut table = std::fs::read_to_string(&batteries)?;
    let copy = table.lines().nth(1).unwrap_or("").to_owned();
    table.push_str(&copy);
    table.push('\n');
    std::fs::write(&batteries, table)?;
    let output = covolt(here.path(), &["check", "mine"])?;
    assert_eq!(code(&output), Some(2));
    let said = text(&output.stdout);
    assert!(said.contains("case.toml:") && said.contains("v_min_pu"), "{said}");
    assert!(said.contains("batteries.csv:"), "{said}");
    let report = json(&covolt(here.path(), &["check", "mine", "--json"])?)?;
    assert!(report["faults"].as_array().is_some_and(|list| list.len() >= 2), "{report}");
    assert_eq!(code(&covolt(here.path(), &["case", "new", "mine"])?), Some(2), "a filled folder is refused");
    Ok(())
}

#[test]
fn law_parts_of_a_case_are_checked_shown_and_never_taken_for_the_whole() -> Outcome {
    let here = tempfile::tempdir()?;
    let split = json(&covolt(here.path(), &["case", "split", "--out", "parts", "--json"])?)?;
    assert_eq!(split["parts"].as_array().map(Vec::len), Some(6), "{split}");
    for (folder, told) in
        [("parts/operator", "the operator's part of case five-microgrids"), ("parts/M2", "microgrid 2 of 5")]
    {
        let output = covolt(here.path(), &["check", folder])?;
        assert_eq!(code(&output), Some(0), "{}", text(&output.stdout));
        assert!(text(&output.stdout).contains(told), "{}", text(&output.stdout));
        let info = json(&covolt(here.path(), &["case", "info", folder, "--json"])?)?;
        assert_eq!(info["part"]["whole_fingerprint"], split["fingerprint"]);
        for command in [
            &["powerflow", folder][..],
            &["optimize", folder],
            &["dispatch", folder, "--rule"],
            &["simulate", folder, "--rule"],
            &["train", folder],
            &["reproduce", folder],
            &["bench", folder],
            &["export", folder, "--to", "opendss"],
            &["case", "binding", folder],
        ] {
            let output = covolt(here.path(), command)?;
            assert_eq!(code(&output), Some(2), "{command:?}");
            assert!(text(&output.stderr).contains("needs the whole case"), "{command:?}: {}", text(&output.stderr));
        }
        let again = covolt(here.path(), &["case", "split", folder, "--out", "again"])?;
        assert!(code(&again) == Some(2) && text(&again.stderr).contains("give the whole case"));
    }
    assert!(here.path().join("parts/M5/NOTICE").is_file(), "the licence goes with the data");
    let refused = covolt(here.path(), &["case", "split", "--out", "parts"])?;
    assert!(code(&refused) == Some(2) && text(&refused.stderr).contains("--force"), "{}", text(&refused.stderr));
    assert_eq!(code(&covolt(here.path(), &["case", "split", "--out", "parts", "--force"])?), Some(0));
    Ok(())
}

#[test]
fn law_json_parses() -> Outcome {
    let here = tempfile::tempdir()?;
    let info = json(&covolt(here.path(), &["case", "info", "--json"])?)?;
    assert_eq!(info["buses"], 98);
    assert!(json(&covolt(here.path(), &["case", "schema"])?)?["tables"]["buses"].is_object());
    let flow = json(&covolt(here.path(), &["powerflow", "--row", "40", "--json"])?)?;
    assert_eq!(flow["buses"].as_array().map(Vec::len), Some(98));
    assert!(flow["mismatch_pu"].as_f64().is_some_and(|m| m < 1e-10));
    let optimum = json(&covolt(here.path(), &["optimize", "--row", "40", "--bound", "--json"])?)?;
    assert_eq!(optimum["status"], "optimal");
    assert!(optimum["bound"]["relative_gap"].as_f64().is_some_and(|gap| gap > -1e-6 && gap < 1e-3), "{optimum}");
    let decision = json(&covolt(here.path(), &["dispatch", "--rule", "--row", "40", "--json"])?)?;
    assert_eq!(decision["certificate"]["verdict"]["kind"], "certified");
    Ok(())
}

#[test]
fn law_simulated_files_agree_on_any_number_of_threads_and_are_never_overwritten() -> Outcome {
    let here = tempfile::tempdir()?;
    for (threads, dir) in [("1", "one"), ("2", "two")] {
        let args = ["simulate", "--rule", "--rows", "3000..3008", "--out", dir, "--threads", threads, "--json"];
        let output = covolt(here.path(), &args)?;
        assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
        let summary = json(&output)?;
        assert_eq!(summary["summary"]["steps"], 8);
        assert_eq!(summary["summary"]["violating_steps"], 0);
        let again = covolt(here.path(), &args)?;
        assert_eq!(code(&again), Some(2));
        assert!(text(&again.stderr).contains("--force"));
    }
    for file in ["dispatch.csv", "injections.csv", "buses.csv", "branches.csv", "COLUMNS.md"] {
        let (one, two) =
            (std::fs::read(here.path().join("one").join(file))?, std::fs::read(here.path().join("two").join(file))?);
        assert!(one == two, "{file} differs");
    }
    Ok(())
}

/// The voltages that `simulate` wrote come out again when its injections are solved by `powerflow`.
#[test]
fn law_power_flow_of_a_dispatched_step_gives_the_simulated_voltages() -> Outcome {
    let here = tempfile::tempdir()?;
    let output = covolt(here.path(), &["simulate", "--rule", "--rows", "3000..3003", "--out", "run"])?;
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    let flow = json(&covolt(here.path(), &["powerflow", "--dispatch", "run", "--step", "2", "--json"])?)?;
    let mut table = csv::Reader::from_path(here.path().join("run/buses.csv"))?;
    let mut compared = 0;
    for row in table.records() {
        let row = row?;
        if row.get(0) != Some("2") {
            continue;
        }
        let bus = row.get(1).unwrap_or("");
        let simulated: f64 = row.get(2).unwrap_or("").parse()?;
        let solved = flow["buses"]
            .as_array()
            .and_then(|list| list.iter().find(|b| b["bus"] == bus))
            .and_then(|b| b["vm_pu"].as_f64())
            .ok_or("bus is missing")?;
        assert!((simulated - solved).abs() < 1e-9, "bus {bus}: {simulated} and {solved}");
        compared += 1;
    }
    assert_eq!(compared, 98);
    let by_time = json(&covolt(here.path(), &["powerflow", "--dispatch", "run", "--row", "3002", "--json"])?)?;
    assert_eq!(by_time["buses"], flow["buses"]);
    let export =
        covolt(here.path(), &["export", "--to", "opendss", "--dispatch", "run", "--step", "2", "--out", "a.dss"])?;
    assert_eq!(code(&export), Some(0), "{}", text(&export.stderr));
    assert!(std::fs::read_to_string(here.path().join("a.dss"))?.contains("!@bus"));
    let again = covolt(here.path(), &["export", "--to", "opendss", "--out", "a.dss"])?;
    assert_eq!(code(&again), Some(2));
    let missing = covolt(here.path(), &["export", "--to", "matpower", "--dispatch", "run", "--step", "3"])?;
    assert_eq!(code(&missing), Some(2));
    Ok(())
}

#[test]
fn law_run_folders_take_the_next_free_number() -> Outcome {
    let here = tempfile::tempdir()?;
    for _ in 0..2 {
        let output = covolt(here.path(), &["simulate", "--rule", "--rows", "3000..3001"])?;
        assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    }
    assert!(here.path().join("runs/simulate-1/summary.json").is_file());
    assert!(here.path().join("runs/simulate-2/summary.json").is_file());
    Ok(())
}

fn policies(run: &Path) -> Result<Vec<Vec<u8>>, std::io::Error> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(run.join("policies"))? {
        files.push(entry?.path());
    }
    files.sort();
    files.iter().map(std::fs::read).collect()
}

/// Interrupted after two episodes and resumed, on another number of threads: the same policies bit for bit.
fn resume(here: &Path, trainer: &str) -> Outcome {
    let small = ["train", "--trainer", trainer, "--episodes", "6", "--windows", "12", "--seed", "3"];
    let whole = covolt(here, &[&small[..], &["--out", "whole"]].concat())?;
    assert_eq!(code(&whole), Some(0), "{}", text(&whole.stderr));
    let part = covolt(here, &[&small[..], &["--out", "part", "--stop-after", "2", "--threads", "1"]].concat())?;
    assert_eq!(code(&part), Some(0), "{}", text(&part.stderr));
    assert!(text(&part.stdout).contains("covolt train --resume part"), "{}", text(&part.stdout));
    let (whole, part) = (here.join("whole"), here.join("part"));
    assert!(policies(&whole)? != policies(&part)?, "two episodes are not six");
    let resumed = covolt(here, &["train", "--resume", "part"])?;
    assert_eq!(code(&resumed), Some(0), "{}", text(&resumed.stderr));
    assert_eq!(policies(&whole)?.len(), 5);
    assert!(policies(&whole)? == policies(&part)?);
    assert_eq!(code(&covolt(here, &["train", "--resume", "part"])?), Some(2), "nothing is left to resume");
    Ok(())
}

#[test]
fn law_resumed_training_ends_where_an_uninterrupted_one_does() -> Outcome {
    let here = tempfile::tempdir()?;
    resume(here.path(), "default")?;
    let decision = covolt(here.path(), &["dispatch", "--policy", "part", "--row", "40", "--bound", "--json"])?;
    let decision = json(&decision)?;
    assert!(decision["certificate"]["bound_gap"].as_f64().is_some_and(|gap| gap > -1e-6), "{decision}");
    let renamed = here.path().join("part/policies");
    for entry in std::fs::read_dir(&renamed)? {
        std::fs::write(entry?.path(), b"no policy")?;
    }
    let refused = covolt(here.path(), &["dispatch", "--policy", "part", "--row", "40"])?;
    assert_eq!(code(&refused), Some(2));
    assert!(text(&refused.stderr).contains(".safetensors"), "{}", text(&refused.stderr));
    Ok(())
}

#[test]
fn law_generated_case_is_checked_trained_and_dispatched() -> Outcome {
    let here = tempfile::tempdir()?;
    let generate = ["case", "generate", "--microgrids", "3", "--seed", "2", "--out", "village"];
    let output = covolt(here.path(), &generate)?;
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    let output = covolt(here.path(), &generate)?;
    assert_eq!(code(&output), Some(2), "a filled folder is never written into");
    let output = covolt(here.path(), &["check", "village", "--json"])?;
    assert_eq!(code(&output), Some(0));
    assert_eq!(json(&output)?["warnings"], serde_json::json!([]));
    let train = ["train", "village", "--episodes", "3", "--windows", "20", "--out", "run"];
    let output = covolt(here.path(), &train)?;
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    let output = covolt(here.path(), &["dispatch", "village", "--policy", "run", "--json"])?;
    assert_eq!(code(&output), Some(0), "a safe dispatch exists: {}", text(&output.stdout));
    let output = covolt(here.path(), &["powerflow", "village"])?;
    assert_eq!(code(&output), Some(0));
    let output = covolt(here.path(), &["case", "generate", "--microgrids", "10001", "--out", "city"])?;
    assert_eq!(code(&output), Some(2));
    Ok(())
}

#[test]
fn law_scaling_bench_states_machine_times_and_exponents() -> Outcome {
    let here = tempfile::tempdir()?;
    let output = covolt(here.path(), &["bench", "--scaling", "--sizes", "1,2", "--json"])?;
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    let answer = json(&output)?;
    assert!(answer["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0));
    assert_eq!(answer["sizes"].as_array().map(Vec::len), Some(2));
    let exponents = answer["exponents"].as_array().ok_or("no exponents")?;
    assert_eq!(exponents.len(), 4);
    assert!(exponents.iter().all(|e| e[1].as_f64().is_some_and(f64::is_finite)));
    // Bytes of an update do not depend on how many others there are.
    assert_eq!(answer["sizes"][0]["bytes_per_agent_and_update"], answer["sizes"][1]["bytes_per_agent_and_update"]);
    Ok(())
}

/// Ctrl-C while it trains: a checkpoint is left, and resuming ends where an uninterrupted run does.
#[cfg(unix)]
#[test]
fn law_ctrl_c_leaves_a_checkpoint_that_can_be_resumed() -> Outcome {
    use std::io::{BufRead, BufReader};
    let here = tempfile::tempdir()?;
    let asked = ["train", "--episodes", "3000", "--windows", "24", "--seed", "3"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_covolt"))
        .current_dir(here.path())
        .args([&asked[..], &["--out", "part"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // The stage line comes when the first episode is about to begin.
    let lines = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
    let begun = lines.map_while(Result::ok).find(|line| line.contains("episodes"));
    assert!(begun.is_some(), "training never began");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    assert!(sent.success());
    let stopped = child.wait_with_output()?;
    assert_eq!(code(&stopped), Some(0));
    assert!(text(&stopped.stdout).contains("covolt train --resume part"), "{}", text(&stopped.stdout));
    let resumed = covolt(here.path(), &["train", "--resume", "part"])?;
    assert_eq!(code(&resumed), Some(0), "{}", text(&resumed.stderr));
    let whole = covolt(here.path(), &[&asked[..], &["--out", "whole"]].concat())?;
    assert_eq!(code(&whole), Some(0), "{}", text(&whole.stderr));
    assert!(policies(&here.path().join("whole"))? == policies(&here.path().join("part"))?);
    Ok(())
}

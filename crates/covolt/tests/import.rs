//! Feeder files become cases: the feeder of the repository in several phases, a small MATPOWER case, and what cannot be cut out.

use std::path::Path;
use std::process::{Command, Output};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn covolt(folder: &Path, args: &[&str]) -> Result<Output, std::io::Error> {
    Command::new(env!("CARGO_BIN_EXE_covolt")).args(args).current_dir(folder).output()
}

fn json(output: &Output) -> Result<serde_json::Value, String> {
    serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("{e}: {}", String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat())))
}

fn feeder() -> String {
    format!("{}/../../cases/feeders/thirteen-node.dss", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn law_a_feeder_of_several_phases_becomes_a_case_that_is_dispatched_and_exported() -> Outcome {
    let here = tempfile::tempdir()?;
    let import = |out: &str| {
        let args =
            ["case", "import", &feeder(), "--microgrids", "2", "--v-min", "0.92", "--out", out, "--json", "--strict"];
        covolt(here.path(), &args)
    };
    let report = json(&import("case")?)?;
    assert_eq!((report["buses"].as_u64(), report["nodes"].as_u64()), (Some(15), Some(38)));
    assert_eq!(report["microgrids"].as_array().map(Vec::len), Some(2));
    assert_eq!(json(&import("again")?)?["fingerprint"], report["fingerprint"], "the same file gives the same case");
    let optimum = json(&covolt(here.path(), &["optimize", "case", "--row", "12000", "--json"])?)?;
    assert!(optimum["cost_usd"].is_number(), "{optimum}");
    let bound = covolt(here.path(), &["optimize", "case", "--row", "12000", "--bound"])?;
    let said = String::from_utf8_lossy(&[&bound.stdout[..], &bound.stderr[..]].concat()).into_owned();
    assert!(said.contains("several phases"), "{said}");
    let day = ["simulate", "case", "--rule", "--rows", "12000..12004", "--layer", "repaired", "--out", "run", "--json"];
    let day = json(&covolt(here.path(), &day)?)?;
    assert_eq!(day["summary"]["violating_steps"].as_u64(), Some(0), "{day}");
    let buses = std::fs::read_to_string(here.path().join("run/buses.csv"))?;
    assert_eq!(buses.lines().filter(|line| line.contains(",675.")).count(), 3 * 4, "a row for every phase and step");
    let export = ["export", "case", "--to", "opendss", "--dispatch", "run", "--step", "2"];
    let script = covolt(here.path(), &export)?;
    let script = String::from_utf8_lossy(&script.stdout);
    assert!(script.contains("!@port") && script.to_lowercase().contains("new load"), "{script}");
    Ok(())
}

#[test]
fn law_a_matpower_case_becomes_a_case() -> Outcome {
    let here = tempfile::tempdir()?;
    let text = "function mpc = small\nmpc.version = '2';\nmpc.baseMVA = 1;\nmpc.bus = [\n\
        1 3 0 0 0 0 1 1 0 12.66 1 1.05 0.95;\n2 1 0.1 0.06 0 0 1 1 0 12.66 1 1.05 0.95;\n\
        3 1 0.2 0.08 0 0 1 1 0 12.66 1 1.05 0.95;\n4 1 0.15 0.05 0 0.02 1 1 0 12.66 1 1.05 0.95;\n];\n\
        mpc.gen = [1 0 0 1 -1 1.01 1 1 1 0];\nmpc.branch = [\n\
        1 2 0.001 0.002 0 0 0 0 0 0 1 -360 360;\n3 2 0.002 0.002 0 0.5 0 0 0 0 1 -360 360;\n\
        3 4 0.003 0.003 0 0 0 0 0 0 1 -360 360;\n];\n";
    std::fs::write(here.path().join("small.m"), text)?;
    let import = ["case", "import", "small.m", "--pcc", "3-2=behind", "--out", "case", "--json"];
    let report = json(&covolt(here.path(), &import)?)?;
    assert_eq!(report["microgrids"][0]["name"].as_str(), Some("behind"));
    assert_eq!(report["microgrids"][0]["buses"].as_u64(), Some(2), "the branch is turned, and what is behind it found");
    let check = covolt(here.path(), &["check", "case"])?;
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stdout));
    Ok(())
}

#[test]
fn law_what_cannot_be_cut_out_is_said_with_the_branch() -> Outcome {
    let here = tempfile::tempdir()?;
    let feeder = feeder();
    let wishes: [(&[&str], &str); 5] = [
        (&[&feeder, "--pcc", "line.l632_63"], "line.l632_633"),
        (&[&feeder, "--pcc", "line.l632_670", "--pcc", "line.l671_684"], "overlap"),
        (&[&feeder, "--pcc", "transformer.reg_a"], "other branches join the same two buses"),
        (&[&feeder, "--microgrids", "40"], "of 40 microgrids"),
        (&[&feeder], "--microgrids N"),
    ];
    for (wish, said) in wishes {
        let output = covolt(here.path(), &[&["case", "import"], wish, &["--out", "case"]].concat())?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{wish:?}: {error}");
        assert!(error.contains(said), "{wish:?}: {error}");
        assert!(!here.path().join("case").exists(), "nothing is left behind");
    }
    Ok(())
}

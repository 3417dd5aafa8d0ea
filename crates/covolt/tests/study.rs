//! The short study from end to end: every number that machines read is there, and the report can be drawn again.

use std::path::Path;
use std::process::{Command, Output};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn covolt(folder: &Path, args: &[&str]) -> Result<Output, std::io::Error> {
    Command::new(env!("CARGO_BIN_EXE_covolt")).args(args).current_dir(folder).output()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn read_json(path: &Path) -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

#[test]
fn law_quick_study_fills_the_summary_and_its_report_can_be_drawn_again() -> Outcome {
    let here = tempfile::tempdir()?;
    let output = covolt(here.path(), &["reproduce", "--quick", "--out", "study"])?;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let run = here.path().join("study");
    let summary = read_json(&run.join("summary.json"))?;
    let numbers = [
        "/case/buses",
        "/case/days_train",
        "/case/days_validation",
        "/case/days_test",
        "/training/wall_s",
        "/training/episodes",
        "/windows/count",
        "/windows/layers/bare/gap_percent",
        "/windows/layers/repaired/gap_percent",
        "/windows/layers/polished/programs_mean",
        "/windows/layers/rule/max_voltage_violation_pu",
        "/windows/layers/polished/max_gap_usd",
        "/seeds/0/windows/layers/bare/gap_percent",
        "/seeds/1/windows/layers/repaired/gap_percent",
        "/paper_trainer/layers/repaired/gap_percent",
        "/optimum/bound_gap_relative_max",
        "/optimum/time_ms_median",
        "/coordination/interior_point/rounds_to_1e4_max",
        "/coordination/paper/bytes_per_agent",
        "/closed_loop/steps",
        "/closed_loop/gap_perfect_information_percent",
        "/decision_us/bare_certified/median",
        "/decision_us/repaired/p99",
        "/decision_us/polished/median",
    ];
    for place in numbers {
        assert!(summary.pointer(place).is_some_and(serde_json::Value::is_number), "{place} in {summary:#}");
    }
    for place in ["/windows/layers/repaired/violating_windows", "/closed_loop/violating_steps"] {
        assert_eq!(summary.pointer(place), Some(&serde_json::json!(0)), "{place}");
    }
    for file in ["record.json", "report.html", "stages.json", "tables/COLUMNS.md", "closed-loop/injections.csv"] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let page = std::fs::read(run.join("report.html"))?;
    std::fs::remove_file(run.join("report.html"))?;
    let output = covolt(here.path(), &["report", "study"])?;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(std::fs::read(run.join("report.html"))? == page, "the same record gives the same page");

    let again = covolt(here.path(), &["reproduce", "--quick", "--out", "study"])?;
    assert_eq!(again.status.code(), Some(2), "a filled run folder is refused");
    let policy = run.join("training-default");
    let policy = policy.to_str().ok_or("path is no text")?;
    let args = ["simulate", "--policy", policy, "--rows", "3000..3002", "--layer", "polished", "--out", "two-steps"];
    let output = covolt(here.path(), &args)?;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    Ok(())
}

#[test]
fn law_report_of_no_run_is_bad_input() -> Outcome {
    let here = tempfile::tempdir()?;
    let output = covolt(here.path(), &["report", "nothing"])?;
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("record.json"), "{}", said(&output));
    Ok(())
}

//! Rules of the repository that no compiler checks: the crate graph, documents that name what exists, short files.
//!
//! The documents are the source: the crate graph stands in `ARCHITECTURE.md`, the equations in `docs/paper-map.md`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Edges that would break a promise, whatever the table in `ARCHITECTURE.md` says: (crate, must not depend on).
const FORBIDDEN_EDGES: [(&str, &[&str]); 12] = [
    ("grid", &["fleet", "policy", "consensus", "learn", "optimum", "dispatch", "case", "report"]),
    ("fleet", &["policy", "consensus", "learn", "optimum", "dispatch", "case", "report"]),
    ("policy", &["grid", "fleet", "consensus", "learn", "optimum", "dispatch", "case", "report"]),
    ("consensus", &["grid", "fleet", "policy", "learn", "optimum", "dispatch", "case", "report"]),
    ("optimum", &["policy", "consensus", "learn", "dispatch", "case", "report"]),
    ("learn", &["optimum", "dispatch", "case", "report"]),
    ("dispatch", &["learn", "consensus", "case", "report"]),
    ("case", &["policy", "consensus", "learn", "optimum", "dispatch", "report"]),
    ("net", &["grid", "fleet", "policy", "consensus", "learn", "optimum", "dispatch", "case", "import", "report"]),
    (
        "wire",
        &["grid", "fleet", "policy", "consensus", "learn", "optimum", "dispatch", "case", "report", "parties", "net"],
    ),
    ("parties", &["consensus", "case", "report", "import", "net"]),
    ("report", &["grid", "fleet", "policy", "consensus", "learn", "optimum", "dispatch", "case"]),
];

/// What the sources of a crate must not name: no files, no transport, and where results may not depend on time no clock.
const FORBIDDEN_NAMES: [(&str, &[&str]); 9] = [
    ("wire", &["std::fs", "std::net", "std::process", "std::time"]),
    ("parties", &["std::fs", "std::net", "std::process", "std::time"]),
    ("grid", &["std::fs", "std::net", "std::process", "std::time"]),
    ("fleet", &["std::fs", "std::net", "std::process", "std::time"]),
    ("policy", &["std::fs", "std::net", "std::process", "std::time"]),
    ("consensus", &["std::fs", "std::net", "std::process", "std::time", "theta_mu", "GaussianPolicy"]),
    ("optimum", &["std::fs", "std::net", "std::process"]),
    ("learn", &["std::fs", "std::net", "std::process"]),
    ("dispatch", &["std::fs", "std::net", "std::process"]),
];

/// Longest Rust source and longest Rust test, lines.
const LONGEST: (usize, usize) = (500, 600);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// Files of the repository, with paths relative to its root, in order.
fn files() -> Vec<PathBuf> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && ![".ci", ".gitignore"].contains(&name.as_str());
            let made = ["target", "runs", "__pycache__", "Cargo.lock"].contains(&name.as_str());
            if hidden || made {
                continue;
            }
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    let (root, mut found) = (root(), Vec::new());
    walk(&root, &root, &mut found);
    found.sort();
    found
}

/// The file as text; `None` where it is none.
fn text(path: &Path) -> Option<String> {
    String::from_utf8(std::fs::read(root().join(path)).unwrap()).ok()
}

fn with_extension(extension: &str) -> Vec<(PathBuf, String)> {
    let fits = |path: &PathBuf| path.extension().is_some_and(|e| e == extension);
    files().into_iter().filter(fits).map(|path| (path.clone(), text(&path).unwrap())).collect()
}

/// Names of all test functions, by file.
fn tests_by_file() -> BTreeMap<PathBuf, BTreeSet<String>> {
    let mut tests = BTreeMap::new();
    for (path, source) in with_extension("rs") {
        let names = source.lines().filter_map(|line| line.trim_start().strip_prefix("fn ")?.split(['(', '<']).next());
        tests.insert(path, names.filter(|name| is_test_name(name)).map(str::to_owned).collect());
    }
    tests
}

fn is_test_name(name: &str) -> bool {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    plain && ["ref_", "fd_", "law_", "regress_"].iter().any(|evidence| name.starts_with(evidence))
}

/// Code spans outside fenced blocks.
fn code_spans(markdown: &str) -> Vec<&str> {
    let mut spans = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            spans.extend(line.split('`').skip(1).step_by(2));
        }
    }
    spans
}

/// A span that names a file or folder of the repository.
fn is_path(span: &str) -> bool {
    let plain = !span.contains([' ', '*', '{', '<', ':']);
    plain && ["crates/", "docs/", "scripts/", "cases/", ".ci/"].iter().any(|start| span.starts_with(start))
}

/// Rows of the first table whose header contains `heading`, as cells.
fn table_rows(markdown: &str, heading: &str) -> Vec<Vec<String>> {
    let lines = markdown.lines().skip_while(|line| !(line.starts_with('|') && line.contains(heading)));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn names_of(cell: &str) -> BTreeSet<String> {
    code_spans(cell).into_iter().map(str::to_owned).collect()
}

/// Dependencies between the crates of the workspace, those of tests left out, and the names of all programs.
fn crate_graph() -> (BTreeMap<String, BTreeSet<String>>, Vec<String>) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (mut graph, mut programs) = (BTreeMap::new(), Vec::new());
    for package in metadata["packages"].as_array().unwrap() {
        let own = |d: &&serde_json::Value| d["kind"].is_null() && d["path"].is_string();
        let edges = package["dependencies"].as_array().unwrap().iter().filter(own);
        let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
        graph.insert(name(package), edges.map(name).collect());
        for target in package["targets"].as_array().unwrap() {
            if target["kind"].as_array().unwrap().iter().any(|kind| kind == "bin") {
                programs.push(name(target));
            }
        }
    }
    (graph, programs)
}

#[test]
fn law_crate_graph_is_the_one_of_the_architecture() {
    let document = text(Path::new("ARCHITECTURE.md")).unwrap();
    let mut written = BTreeMap::new();
    for row in table_rows(&document, "must not know") {
        let name = names_of(&row[0]).pop_first().unwrap();
        written.insert(name, names_of(row.last().unwrap()));
    }
    let (graph, programs) = crate_graph();
    assert_eq!(written, graph, "the crate table of ARCHITECTURE.md (left) and the manifests (right) differ");
    for (name, forbidden) in FORBIDDEN_EDGES {
        let edges = &graph[&format!("covolt-{name}")];
        for other in forbidden {
            assert!(!edges.contains(&format!("covolt-{other}")), "covolt-{name} must not depend on covolt-{other}");
        }
    }
    assert_eq!(programs, ["covolt"], "`cargo run` needs exactly one program");
}

#[test]
fn law_sources_name_nothing_their_crate_must_not_know() {
    for (path, source) in with_extension("rs") {
        for (name, forbidden) in FORBIDDEN_NAMES {
            if path.starts_with(format!("crates/covolt-{name}/src")) {
                for word in forbidden {
                    assert!(!source.contains(word), "{} names {word}", path.display());
                }
            }
        }
    }
}

#[test]
fn law_paper_map_has_no_dead_entry() {
    let document = text(Path::new("docs/paper-map.md")).unwrap();
    let rows = table_rows(&document, "of the paper");
    let tests = tests_by_file();
    for row in &rows {
        let [what, sources, evidence] = row.as_slice() else { panic!("a row needs three cells: {row:?}") };
        let (sources, evidence) = (names_of(sources), names_of(evidence));
        assert!(!sources.is_empty() && sources.iter().all(|s| is_path(s)), "{what}: which file? {sources:?}");
        let (places, names): (Vec<_>, Vec<_>) = evidence.into_iter().partition(|e| is_path(e));
        assert!(!names.is_empty(), "{what}: which test?");
        for path in sources.iter().chain(&places) {
            assert!(root().join(path).is_file(), "{what}: {path} does not exist");
        }
        for name in &names {
            let found = places.iter().any(|place| tests.get(Path::new(place)).is_some_and(|t| t.contains(name)));
            assert!(found, "{what}: no test {name} in {places:?}");
        }
    }
    let missing: Vec<String> = everything_in_the_paper().difference(&entries(&rows)).cloned().collect();
    assert!(missing.is_empty(), "docs/paper-map.md does not say where these are: {missing:?}");
}

fn everything_in_the_paper() -> BTreeSet<String> {
    let numbered = (1..=55).map(|n| format!("({n})"));
    let figures = (3..=8).map(|n| format!("Fig. {n}"));
    numbered.chain(figures).chain(["Table I", "Table II", "Algorithm 1"].map(String::from)).collect()
}

/// What the first cells name, with ranges such as (34)-(36) spelt out.
fn entries(rows: &[Vec<String>]) -> BTreeSet<String> {
    let mut entries = BTreeSet::new();
    for part in rows.iter().flat_map(|row| row[0].split([',', ';'])).map(str::trim) {
        let number = |text: &str| text.trim_matches(['(', ')']).parse::<usize>().ok();
        let ends: Vec<Option<usize>> = part.split('-').map(number).collect();
        match ends.as_slice() {
            [Some(first), Some(last)] => entries.extend((*first..=*last).map(|n| format!("({n})"))),
            _ => drop(entries.insert(part.to_owned())),
        }
    }
    entries
}

#[test]
fn law_documents_name_tests_and_files_that_exist() {
    let tests: BTreeSet<String> = tests_by_file().into_values().flatten().collect();
    let mut cited = 0;
    for (path, markdown) in with_extension("md") {
        for span in code_spans(&markdown) {
            if is_test_name(span) {
                assert!(tests.contains(span), "{}: there is no test {span}", path.display());
                cited += 1;
            } else if is_path(span) {
                assert!(root().join(span).exists(), "{}: {span} does not exist", path.display());
                cited += 1;
            }
        }
        for target in markdown.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains("://") {
                let place = root().join(&path).parent().unwrap().join(target);
                assert!(place.exists(), "{}: dead link {target}", path.display());
            }
        }
    }
    assert!(cited > 50, "only {cited} names found: the documents are not read as intended");
}

#[test]
fn law_files_speak_of_the_project_alone() {
    // Broken by a bar, so that this file does not name them itself.
    let broken = "/wo|rk/,/tm|p/,/ro|ot/,/ho|me/,crates|.io,py|pi.,docs|.rs,cla|ude,anth|ropic,open|ai,chat|gpt,copi|lot,\
                  language |model,artificial |intelligence,this |session,issue |#,see |issue,this |issue";
    let words: Vec<String> = broken.split(',').map(|word| word.replace('|', "")).collect();
    for path in files() {
        let Some(content) = text(&path) else { continue };
        for (number, line) in content.to_lowercase().lines().enumerate() {
            let word = words.iter().find(|word| line.contains(word.as_str()));
            assert!(word.is_none(), "{}:{}: {word:?}", path.display(), number + 1);
        }
    }
}

#[test]
fn law_rust_files_are_short_and_say_what_they_are() {
    for (path, source) in with_extension("rs") {
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        let longest = if is_test { LONGEST.1 } else { LONGEST.0 };
        let lines = source.lines().count();
        assert!(lines <= longest, "{}: {lines} lines, at most {longest}", path.display());
        assert!(source.starts_with("//!"), "{} does not open with what it answers", path.display());
    }
}

#[test]
fn law_readme_holds_the_commands_that_are_checked() {
    let readme = text(Path::new("README.md")).unwrap();
    let after = readme.split("<!-- test command -->").nth(1).unwrap();
    let block = after.split("```").nth(1).unwrap();
    assert!(block.starts_with("sh\ncargo test --release --workspace"), "{block}");
    assert!(readme.contains("cargo run --release -- reproduce"));
    assert_eq!(readme.matches("<!-- results:begin -->").count(), 1);
    assert_eq!(readme.matches("<!-- results:end -->").count(), 1);
    let script = text(Path::new(".ci/run")).unwrap();
    assert!(script.contains("<!-- test command -->") && script.contains("README.md"));
}

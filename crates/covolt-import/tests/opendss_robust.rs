//! Nothing panics on any input: random bytes, random words of the language, and working scripts with a few bytes changed.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_import::opendss::import;
use covolt_import::{ImportError, ImportSettings};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
struct Case {
    script: String,
}

/// Scripts that work, one for each thing.
fn scripts() -> Vec<String> {
    let cases: BTreeMap<String, Case> = serde_json::from_str(include_str!("data/opendss/expected.json")).unwrap();
    cases.into_values().map(|case| case.script).collect()
}

/// Imports bytes; a network or an error are both fine.
fn run(bytes: &[u8]) -> Result<(), ImportError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.dss");
    std::fs::write(&path, bytes).unwrap();
    let settings = ImportSettings { max_bytes: 1 << 20, max_elements: 1000, ..ImportSettings::default() };
    import(&path, &settings).map(|_| ())
}

/// Words that mean something somewhere.
const WORDS: [&str; 64] = [
    "New",
    "Edit",
    "~",
    "more",
    "Set",
    "Open",
    "Close",
    "Redirect",
    "case.dss",
    "Compile",
    "BatchEdit",
    "Clear",
    "Disable",
    "Circuit.c",
    "Line.l",
    "Load.x",
    "Transformer.t",
    "Capacitor.k",
    "Reactor.r",
    "Linecode.z",
    "Linegeometry.g",
    "Regcontrol.q",
    "Capcontrol.p",
    "Loadshape.s",
    "Vsource.source",
    "Storage.b",
    "bus1=a",
    "bus2=b.1.2.3.4",
    "bus=s.0.1",
    "phases=2",
    "phases=1",
    "windings=3",
    "wdg=2",
    "kv=0",
    "kv=-1",
    "kw=1e308",
    "kva=(1 0 /)",
    "conn=delta",
    "like=l",
    "like=x",
    "like=t",
    "linecode=z",
    "geometry=g",
    "nphases=2",
    "nconds=2",
    "cond=2",
    "rmatrix=(1|2 3)",
    "xmatrix=[0|0 0]",
    "kron=y",
    "switch=y",
    "length=0",
    "length=-1",
    "units=mi",
    "numsteps=3",
    "states=(0 1 0)",
    "npts=1e18",
    "mult=(file=case.dss)",
    "interval=0",
    "csvfile=case.dss",
    "enabled=no",
    "transformer=t",
    "(",
    "=",
    "'",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn law_random_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = run(&bytes);
    }

    #[test]
    fn law_random_words_do_not_panic(words in proptest::collection::vec((0..WORDS.len(), any::<bool>()), 0..60)) {
        let mut text = String::from("New Circuit.c bus1=s\n");
        for (word, ends) in words {
            text.push_str(WORDS[word]);
            text.push(if ends { '\n' } else { ' ' });
        }
        let _ = run(text.as_bytes());
    }

    #[test]
    fn law_changed_scripts_do_not_panic(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let scripts = scripts();
        let mut bytes = which.get(&scripts).clone().into_bytes();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"0123456789.-()[]|= \n~"[usize::from(byte) % 21]),
            }
            if bytes.is_empty() {
                break;
            }
        }
        let _ = run(&bytes);
    }
}

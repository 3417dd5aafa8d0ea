//! No input panics or takes long: random text, random MATLAB words, and our own files with something changed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod balanced;

use covolt_import::{ImportError, Imported, matpower, pandapower};
use proptest::prelude::*;

type Import = fn(&str, &str) -> Result<Imported, ImportError>;

/// Whatever comes out has to be usable: a network with one number for each bus, or an error that says something.
fn check(import: Import, text: &str) {
    match import(text, "file") {
        Ok(imported) => {
            let n = imported.network.buses().len();
            assert_eq!((imported.p_kw.len(), imported.q_kvar.len()), (n, n));
            let (p, q) = imported.net_demand_pu();
            assert!(p.iter().chain(&q).all(|x| x.is_finite()));
            assert!(imported.generators.iter().all(|g| g.bus.0 < n));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The text with a piece taken out and another put in.
fn mutated(text: &str, at: f64, removed: usize, put: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let start = ((characters.len() as f64 * at) as usize).min(characters.len());
    let end = (start + removed).min(characters.len());
    characters[..start].iter().copied().chain(put.chars()).chain(characters[end..].iter().copied()).collect()
}

const WORDS: [&str; 58] = [
    "mpc",
    ".",
    "bus",
    "gen",
    "branch",
    "baseMVA",
    "=",
    "==",
    "~=",
    "<",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    ":",
    "\n",
    " ",
    "...",
    "%",
    "%{",
    "%}",
    "'",
    "\"",
    "''",
    "+",
    "-",
    "*",
    "/",
    ".*",
    "./",
    "^",
    ".^",
    "~",
    "&",
    "|",
    "1",
    "2.5",
    ".5",
    "1e3",
    "1e999",
    "0",
    "end",
    "idx_bus",
    "define_constants",
    "function",
    "PD",
    "find",
    "zeros",
    "size",
    "Inf",
    "NaN",
    "é",
    "pi",
    "sqrt",
];

fn words() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..12).prop_map(|w| w.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law_random_text(text in "\\PC{0,200}") {
        check(matpower::import, &text);
        check(pandapower::import, &text);
    }

    #[test]
    fn law_random_statements(statements in proptest::collection::vec(words(), 0..12)) {
        check(matpower::import, &statements.join("\n"));
    }

    #[test]
    fn law_mutated_case(at in 0.0..1.0f64, removed in 0usize..40, put in words()) {
        check(matpower::import, &mutated(&balanced::read("conversions.m"), at, removed, &put));
    }

    #[test]
    fn law_mutated_network(at in 0.0..1.0f64, removed in 0usize..6, put in "[0-9a-z,\\[\\]\"{}.-]{0,4}") {
        for name in ["radial.json", "meshed.json"] {
            check(pandapower::import, &mutated(&balanced::read(name), at, removed, &put));
        }
    }

    /// A number in place of another keeps the file well formed, so that it gets further.
    #[test]
    fn law_other_numbers(which in 0usize..2000, value in prop_oneof![
        Just("0"), Just("-1"), Just("1e300"), Just("-1e-300"), Just("null"), Just("true"), Just("3"), Just("0.5")
    ]) {
        for (name, import) in [("radial.json", pandapower::import as Import), ("meshed.json", pandapower::import),
            ("conversions.m", matpower::import)] {
            let text = balanced::read(name);
            let mut numbers = Vec::new();
            let mut start = None;
            for (i, c) in text.char_indices() {
                match (c.is_ascii_digit() || c == '.', start) {
                    (true, None) => start = Some(i),
                    (false, Some(s)) => {
                        numbers.push(s..i);
                        start = None;
                    }
                    _ => {}
                }
            }
            let mut changed = text.clone();
            changed.replace_range(numbers[which % numbers.len()].clone(), value);
            check(import, &changed);
        }
    }
}

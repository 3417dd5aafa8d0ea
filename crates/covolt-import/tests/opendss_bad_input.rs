//! Scripts with one thing wrong each: told with file and line, never taken in silence; limits hold.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_import::{ImportError, ImportSettings};
use support::{HEAD, complaints, files, script};

#[test]
fn law_each_fault_is_told_with_its_line() {
    for (line, told) in [
        ("New Load.x bus1=a kw=abc", "'abc' is not a number"),
        ("New Load.x bus1=a kw=1e999", "not a finite number"),
        ("New Load.x bus1=a bogus=1", "property 'bogus': there is no such property"),
        ("New Load.x bus1=a kw=(1", "'(' has no end"),
        ("New Load.x bus1=a kw=(1 +)", "nothing left for '+'"),
        ("New Load.x bus1=a conn=star", "'star' is no connection"),
        ("New Load.x bus1=a model=9", "9 is not between 1 and 8"),
        ("New Load.x bus1=a phases=1000000000", "1000000000 is not between 1 and 24"),
        ("New Load.x bus1=a phases=0", "0 is not between"),
        ("New Load.x bus1=a pf=1.5", "1.5 is no power factor"),
        ("New Load.x bus1=a yearly=none_such", "there is no load shape 'none_such'"),
        ("New Load.x bus1=a zipv=(1 2 3)", "ZIPV has seven numbers"),
        ("New Load.x like=y", "there is no 'y' to be like"),
        ("New Load.x kw=5", "a bus is missing"),
        ("New Load.x bus1=a.b", "'b' is no node"),
        ("New Load.x bus1=a model=8", "model 8 needs ZIPV"),
        ("New Line.x bus1=a bus2=b linecode=none", "there is no line code 'none'"),
        ("New Line.x bus1=a bus2=b units=furlong", "no unit of length"),
        ("New Line.x bus1=a bus2=b rmatrix=(1|2 3)", "the matrix has 2 rows, but there are 3 phases"),
        ("New Line.x bus1=a bus2=b switch=maybe", "neither yes nor no"),
        ("New Line.x bus1=a bus2=b geometry=g", "there is no line geometry 'g'"),
        ("New Linecode.x nphases=2 rmatrix=(1 2|3 4)", "not symmetric"),
        ("New Linecode.x nphases=1 kron=y", "no neutral to eliminate"),
        ("New Transformer.x windings=1", "two windings or more"),
        ("New Transformer.x wdg=3", "3 is not between 1 and 2"),
        ("New Transformer.x xhl=0 buses=(a b)", "without reactance"),
        ("New Transformer.x buses=(a b c)", "3 values for 2 windings"),
        ("New Transformer.x buses=(a)", "winding 2: a bus is missing"),
        ("New Transformer.x phases=4 buses=(a b)", "4 phases is not supported"),
        ("New Transformer.x numtaps=1e12 buses=(a b)", "no number of tap steps"),
        ("New Transformer.x windings=3 xscarray=(1 2) buses=(a b c)", "3 windings have 3 reactances"),
        ("New Capacitor.x bus1=a numsteps=1000000000", "not between 1 and 200"),
        ("New Capacitor.x bus1=a kv=0", "gives no admittance"),
        ("New Reactor.x bus1=a r=0 x=0", "no inverse"),
        ("New Vsource.x bus1=a bus2=b", "is not supported"),
        ("New AutoTrans.x", "this class is not supported"),
        ("New Bogus.x", "there is no class 'bogus'"),
        ("Enable", "a name is missing"),
        ("New Circuit.second", "a second circuit"),
        ("New Regcontrol.x transformer=none", "there is no transformer 'none'"),
        ("New Linegeometry.x nconds=1 cond=1 wire=none", "there is no wire or cable 'none'"),
        ("New Loadshape.x mult=(file=none.csv)", "there is no file 'none.csv'"),
        ("Bogus command", "there is no command 'Bogus'"),
        ("Load.x.kw=5", "there is no 'x' to change"),
        ("Redirect none.dss", "there is no file 'none.dss'"),
        ("Set bogus=1", "there is no option 'bogus'"),
        ("Set cktmodel=positive", "not supported"),
        ("Set voltagebases=(1 -2)", "must be positive"),
        ("Open Line.none", "there is no 'line.none'"),
        ("BatchEdit Load.( kw=3", "the pattern cannot be read"),
        ("BatchEdit Load.[a kw=3", "the pattern cannot be read"),
        ("Enable Load.none", "there is no 'load.none'"),
        ("bus=5", "neither an option nor"),
    ] {
        let all = complaints(&format!("{HEAD}{line}\n"));
        assert!(all.iter().any(|c| c.contains(told)), "{line}: {all:?}");
        assert!(all.iter().all(|c| c.starts_with("case.dss:5: ")), "{line}: {all:?}");
    }
}

#[test]
fn law_all_faults_are_told_at_once() {
    let all = complaints(&format!("{HEAD}New Load.x bus1=a kw=q\n~ pf=w\nNew Line.l bus1=a bus2=b linecode=z\n"));
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[1].starts_with("case.dss:6: load.x, property 'pf'"), "{all:?}");
    assert_eq!(complaints(&"x\n".repeat(1000)).len(), 100);
}

#[test]
fn law_no_circuit_is_no_network() {
    assert!(complaints("Clear\n")[0].contains("no circuit"));
    assert!(complaints("New Load.x bus1=a")[0].contains("comes before the circuit"));
    assert!(matches!(script("/* never ends"), Err(ImportError::Faulty(_))));
    let missing = covolt_import::opendss::import("does/not/exist.dss", &ImportSettings::default());
    assert!(matches!(missing, Err(ImportError::Unreadable { .. })));
}

#[test]
fn law_strict_refuses_what_is_left_out() {
    let strict = ImportSettings { strict: true, ..ImportSettings::default() };
    let of = |line: &str| files(&[("case.dss", &format!("{HEAD}{line}\n"))], &strict);
    assert!(of("New Monitor.m element=line.feed").is_ok());
    for line in ["New InvControl.i", "Reduce", "New Line.x bus1=q bus2=r", "New Load.x bus1=a model=1 cvrcurve=c"] {
        match of(line) {
            Err(ImportError::NotStrict(notes)) => assert!(!notes.is_empty()),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn law_limits_hold() {
    let endless = [("a.dss", "New Circuit.c bus1=s\nRedirect b.dss"), ("b.dss", "Redirect b.dss")];
    let too_much = |settings: ImportSettings, all: &[(&str, &str)], told: &str| match files(all, &settings) {
        Err(ImportError::TooMuch { what, .. }) => assert!(what.contains(told), "{what}"),
        other => panic!("{told}: {other:?}"),
    };
    too_much(ImportSettings::default(), &endless, "include each other");
    let small = ImportSettings { max_bytes: 40, ..ImportSettings::default() };
    too_much(small, &[("a.dss", HEAD)], "bytes");
    let few = ImportSettings { max_elements: 3, ..ImportSettings::default() };
    let text = format!("{HEAD}New Load.a bus1=a\nNew Load.b bus1=a\n");
    too_much(few, &[("a.dss", &text)], "elements");
}

#[test]
fn law_includes_stay_in_their_folder() {
    let all = [
        ("in/a.dss", "Clear\nNew Circuit.c bus1=s\nRedirect ../out.dss\nNew Line.l bus1=s bus2=a\n"),
        ("out.dss", "! nothing"),
    ];
    match files(&all, &ImportSettings::default()) {
        Err(ImportError::Outside { place, name, .. }) => assert_eq!((place.line, name.as_str()), (3, "../out.dss")),
        other => panic!("{other:?}"),
    }
    let allowed = ImportSettings { allow_outside: true, ..ImportSettings::default() };
    assert!(files(&all, &allowed).is_ok());
}

#[test]
fn law_an_include_that_cannot_be_read_is_the_last_complaint() {
    let text = "Clear\nNew Circuit.c bus1=s\nNonsense\nRedirect codes.dss\nNew Line.l bus1=s bus2=a linecode=one\n";
    match files(&[("a.dss", text)], &ImportSettings::default()) {
        Err(ImportError::Faulty(complaints)) => {
            let lines: Vec<usize> = complaints.iter().map(|c| c.place.line).collect();
            assert_eq!(lines, [3, 4], "{complaints:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn law_files_of_another_encoding_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dss");
    let mut bytes = b"\xef\xbb\xbfClear ! caf\xe9\r\nNew Circuit.c bus1=s\r\nNew Line.l bus1=s bus2=a\r\n".to_vec();
    bytes.push(0x1a);
    std::fs::write(&path, bytes).unwrap();
    assert!(covolt_import::opendss::import(&path, &ImportSettings::default()).is_ok());
}

#[test]
fn law_a_folder_is_no_script() {
    let folder = tempfile::tempdir().unwrap();
    assert!(covolt_import::opendss::import(folder.path(), &ImportSettings::default()).is_err());
}

#[test]
fn law_short_lines_do_not_make_much() {
    let small = ImportSettings { max_bytes: 100_000, ..ImportSettings::default() };
    let long = "9".repeat(5_000);
    let loads: String = (0..200).map(|k| format!("New Load.x{k} bus1=a\n")).collect();
    let values = vec!["1"; 2_000].join(" ");
    for text in [
        format!("{HEAD}var @v={long}\n{}", "~ bus1=@v\n".repeat(100)),
        format!("{HEAD}{loads}BatchEdit Load..* bus1={long}\n"),
        format!("{HEAD}New Loadshape.s mult=({values})\n{}", "New Loadshape.t like=s\n".repeat(20)),
        format!("{HEAD}{loads}{}", "BatchEdit Load.none kw=1\n".repeat(400)),
    ] {
        match files(&[("a.dss", &text)], &small) {
            Err(ImportError::TooMuch { what: "bytes", .. }) => {}
            other => panic!("{}: {:?}", &text[text.len() - 40..], other.map(|_| ())),
        }
    }
}

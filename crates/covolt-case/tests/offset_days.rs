//! Loads that follow a series at other days: whole days only, and the data goes on from its beginning.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_case::{Case, CaseFault};
use support::copy_case;

fn show(faults: &[CaseFault]) -> String {
    faults.iter().map(|f| format!("{f}\n")).collect()
}

#[test]
fn regress_offset_days_must_be_whole_days() {
    let with = |cell: &str| {
        let folder = copy_case("small");
        let path = folder.path().join("loads.csv");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<String> = (text.lines().enumerate())
            .map(|(i, line)| if i == 0 { format!("{line},offset_days") } else { format!("{line},{cell}") })
            .collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        Case::load(folder.path())
    };
    for slip in ["0.5", "4000", "-1e9"] {
        let faults = with(slip).err().unwrap_or_default();
        assert_eq!(faults.len(), 3, "one for each load: {}", show(&faults));
        let named = |f: &CaseFault| f.file == "loads.csv" && f.key.as_deref() == Some("offset_days");
        assert!(faults.iter().all(|f| named(f) && f.hint.contains("whole days")), "{}", show(&faults));
    }
    // Four days of data: less than a week goes on after whole days.
    let (plain, later, earlier) = (with("").unwrap(), with("1").unwrap(), with("-3").unwrap());
    let at = |case: &Case, r: usize| case.profiles.feeder_loads[0].p_kw.at(r);
    for r in 0..96 {
        assert_eq!(at(&later, r), at(&plain, (r + 24) % 96));
        assert_eq!(at(&earlier, r), at(&later, r));
    }
    assert_ne!(plain.data_fingerprint(), later.data_fingerprint());
    assert_eq!(plain.fingerprint, later.fingerprint);
}

//! Keys: what is issued, what is shown, what is refused.

#![allow(clippy::unwrap_used, clippy::panic)]

use covolt_net::keys::show;
use covolt_net::{Authority, FleetName, Holder, NetError, Participant};
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(86_400);

fn agent(name: &str) -> Holder {
    Holder::Participant(Participant::Agent(name.to_owned()))
}

fn server(name: &str, hosts: &[&str]) -> Holder {
    Holder::Server { name: name.to_owned(), hosts: hosts.iter().map(|&host| host.to_owned()).collect() }
}

fn mode(file: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions()) & 0o777
}

fn made(dir: &Path) -> Authority {
    Authority::create(dir, &FleetName::new("fleet-1").unwrap(), 100).unwrap()
}

#[test]
fn law_what_is_issued_is_shown() {
    let dir = TempDir::new().unwrap();
    made(dir.path());
    let authority = Authority::open(dir.path()).unwrap();
    assert_eq!(authority.fleet().as_str(), "fleet-1");
    let names = ["north", "operator", "North", "Süd, \"7\"=a+b", "a.b/../c"];
    for name in names {
        authority.issue(&agent(name), 10, dir.path(), false).unwrap();
    }
    authority.issue(&Holder::Participant(Participant::Operator), 10, dir.path(), false).unwrap();
    let hub = server("hub", &["hub.example.org", "10.0.0.7", "::1"]);
    let hub = authority.issue(&hub, 10, dir.path(), false).unwrap();
    assert_eq!(hub.info.hosts, ["hub.example.org", "10.0.0.7", "::1"]);
    let shown = show(dir.path()).unwrap();
    let mut agents: Vec<_> = shown.iter().filter(|i| i.role == "agent").map(|i| i.name.as_str()).collect();
    let mut expected = names.to_vec();
    agents.sort_unstable();
    expected.sort_unstable();
    assert_eq!(agents, expected);
    assert_eq!(shown.len(), names.len() + 3);
    assert!(shown.contains(&hub.info));
    let distinct = |of: fn(&covolt_net::KeyInfo) -> &String| {
        shown.iter().map(of).collect::<std::collections::BTreeSet<_>>().len() == shown.len()
    };
    assert!(distinct(|i| &i.serial) && distinct(|i| &i.fingerprint));
    for info in &shown {
        assert_eq!((info.fleet.as_str(), info.fingerprint.len(), info.serial.len()), ("fleet-1", 64, 32));
        let days = if info.role == "authority" { 100 } else { 10 };
        let left = info.not_after.duration_since(SystemTime::now()).unwrap();
        assert!(left <= DAY * days && left > DAY * days - Duration::from_secs(60));
        assert_eq!(info.check_time(SystemTime::now()), Ok(()));
        let late = info.check_time(SystemTime::now() + DAY * 101);
        assert!(matches!(late, Err(NetError::OutOfDate { file, .. }) if file == info.file));
        assert_eq!(mode(&info.file.with_extension("key")), 0o600);
        assert_eq!(mode(&info.file), 0o644);
    }
}

#[test]
fn law_nothing_is_replaced_unless_told() {
    let dir = TempDir::new().unwrap();
    let authority = made(dir.path());
    let again = Authority::create(dir.path(), authority.fleet(), 100).unwrap_err();
    assert!(matches!(again, NetError::Exists { .. }), "{again}");
    let out = dir.path().join("out");
    let first = authority.issue(&agent("a"), 10, &out, false).unwrap();
    let again = authority.issue(&agent("a"), 10, &out, false).unwrap_err();
    assert_eq!(again, NetError::Exists { file: first.files.certificate.clone() });
    assert_eq!(show(&out).unwrap()[0], first.info);
    let other = authority.issue(&agent("a"), 10, &out, true).unwrap();
    assert_ne!(other.info.fingerprint, first.info.fingerprint);
    assert_eq!(mode(&other.files.key), 0o600);
    // Keys of another fleet do not mix with these.
    let elsewhere = TempDir::new().unwrap();
    let error = made(elsewhere.path()).issue(&agent("b"), 10, &out, false).unwrap_err();
    assert_eq!(error, NetError::Exists { file: out.join("authority.crt") });
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3);
}

#[test]
fn law_bad_requests_are_named() {
    let dir = TempDir::new().unwrap();
    let authority = made(dir.path());
    let issue = |holder: &Holder, days| authority.issue(holder, days, dir.path(), false).map(|_| ()).unwrap_err();
    for days in [0, 40_000, u32::MAX] {
        assert!(matches!(issue(&agent("a"), days), NetError::Setting { setting: "days", .. }));
    }
    let outlives = issue(&agent("a"), 101);
    assert!(outlives.to_string().contains("outlive"), "{outlives}");
    assert!(matches!(issue(&agent(""), 1), NetError::Name { .. }));
    assert!(matches!(issue(&agent(&"x".repeat(1000)), 1), NetError::Name { .. }));
    assert!(matches!(issue(&server("s", &[]), 1), NetError::Setting { setting: "hosts", .. }));
    assert!(matches!(issue(&server("s", &["a b"]), 1), NetError::Name { .. }));
    let day = SystemTime::now() + DAY;
    let backwards = authority.issue_between(&agent("a"), day, day - DAY, dir.path(), false);
    assert!(matches!(backwards, Err(NetError::Setting { setting: "days", .. })));
    // Nothing was written on the way.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn law_private_keys_readable_by_others_are_not_used() {
    let dir = TempDir::new().unwrap();
    made(dir.path());
    let key = dir.path().join("authority.key");
    let open_to_all = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&key, open_to_all).unwrap();
    let error = Authority::open(dir.path()).unwrap_err();
    assert_eq!(error, NetError::KeyReadable { file: key, mode: 0o644 });
}

#[test]
fn law_broken_files_are_named_and_panic_nowhere() {
    let dir = TempDir::new().unwrap();
    let authority = made(dir.path());
    authority.issue(&agent("a"), 10, dir.path(), false).unwrap();
    let file = dir.path().join("agent-a.crt");
    let good = std::fs::read(&file).unwrap();
    for length in (0..good.len()).step_by(7) {
        std::fs::write(&file, &good[..length]).unwrap();
        assert!(matches!(show(dir.path()), Err(NetError::File { file: named, .. }) if named == file), "{length}");
    }
    for at in (30..good.len() - 30).step_by(5) {
        let mut bad = good.clone();
        bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
        std::fs::write(&file, &bad).unwrap();
        let _ = show(dir.path());
    }
    std::fs::write(&file, good).unwrap();
    std::fs::copy(dir.path().join("agent-a.key"), dir.path().join("authority.key")).unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(NetError::File { .. })));
    std::fs::copy(&file, dir.path().join("authority.crt")).unwrap();
    assert!(matches!(Authority::open(dir.path()), Err(NetError::NotTheHolder { .. })));
    assert!(matches!(Authority::open(&dir.path().join("nowhere")), Err(NetError::File { .. })));
}

#[test]
fn ref_times_are_those_of_the_calendar() {
    // Expected values: `date -u -d @SECONDS`.
    let expected = [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_868_799, "2000-02-29T23:59:59Z"),
        (1_709_164_800, "2024-02-29T00:00:00Z"),
        (1_735_689_599, "2024-12-31T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ];
    for (seconds, text) in expected {
        assert_eq!(covolt_net::keys::utc(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), text);
    }
}

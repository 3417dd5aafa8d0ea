//! Messages over the real server: both ways, copies, large ones, garbage, lost connections.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_net::{Event, FleetName, Link, LinkSettings, NetError, Participant, StreamSettings};
use std::time::{Duration, Instant};
use support::{Fleet, NEVER, SOON, agent, eventually, is_missing, raw_user};

/// Longer than a common name usually is, and full of what a subject cannot hold.
const SOUTH: &str = "South & co: \"the one, beyond = the river\" <ÄÖÜ.*> + 南";

#[test]
fn law_messages_go_both_ways_over_mutual_tls() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["north", SOUTH]);
    let (operator, north, south) = (fleet.operator(), fleet.agent("north"), fleet.agent(SOUTH));
    operator.send(&agent("north"), b"to north").unwrap();
    operator.send(&agent(SOUTH), b"to south").unwrap();
    for (link, expected) in [(&north, b"to north"), (&south, b"to south")] {
        let message = link.receive(SOON).unwrap();
        assert_eq!((message.from, &message.bytes[..]), (Participant::Operator, &expected[..]));
    }
    south.send(&Participant::Operator, b"from south").unwrap();
    let message = operator.receive(SOON).unwrap();
    assert_eq!((message.from, &message.bytes[..]), (agent(SOUTH), &b"from south"[..]));
    north.send(&Participant::Operator, b"").unwrap();
    let message = operator.receive(SOON).unwrap();
    assert_eq!((message.from, message.bytes.len()), (agent("north"), 0));
    assert!(north.receive(NEVER).is_none() && south.receive(NEVER).is_none());
    assert_eq!(north.events(), [Event::Connected { connection: 0 }]);
    let status = operator.status();
    assert_eq!((status.connected, status.sent, status.received, status.refused), (1, 2, 2, 0), "{}", fleet.log());
    assert!(matches!(north.send(&agent(SOUTH), b""), Err(NetError::NotAPartner { .. })));
    assert!(matches!(operator.send(&agent("east"), b""), Err(NetError::NotAPartner { .. })));

    // Time there and back, over one server.
    let mut times: Vec<Duration> = (0..2000)
        .map(|_| {
            let start = Instant::now();
            operator.send(&agent("north"), &[7; 256]).unwrap();
            let ping = north.receive(SOON).unwrap();
            north.send(&Participant::Operator, &ping.bytes).unwrap();
            operator.receive(SOON).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    println!("there and back, 256 bytes, mutual TLS: median {:?}, 99th percentile {:?}", times[1000], times[1980]);
}

#[test]
fn law_copies_over_several_connections_are_dropped() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::without_keys(&["a"], StreamSettings::default());
    let connect = |who| {
        let settings = LinkSettings { connections: 2, ..fleet.settings(who) };
        Link::connect(&settings).unwrap()
    };
    let (operator, a) = (connect(Participant::Operator), connect(agent("a")));
    let large = vec![5; 3 << 20];
    operator.send(&agent("a"), &large).unwrap();
    (0..50_u8).for_each(|k| operator.send(&agent("a"), &[k]).unwrap());
    let mut came: Vec<Vec<u8>> = (0..51).map(|_| a.receive(SOON).unwrap().bytes.to_vec()).collect();
    assert!(a.receive(NEVER).is_none());
    // Over two connections messages may overtake each other.
    came.sort_by_key(|bytes| (bytes.len(), bytes.first().copied()));
    assert!(came.pop() == Some(large));
    assert_eq!(came, (0..50_u8).map(|k| vec![k]).collect::<Vec<_>>());
    // Two ways out and two ways in make four; the large one has four parts.
    assert!(eventually(|| a.status().copies == 3 * (50 + 4)), "{:?}", a.status());
    assert_eq!(a.status().malformed, 0);
}

#[test]
fn law_large_messages_are_cut_and_put_together() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["a"]);
    let (operator, a) = (fleet.operator(), fleet.agent("a"));
    let most = operator.max_payload();
    assert_eq!(most, 1 << 20);
    for size in [0, 1, most - 513, most - 512, most - 511, most, 2 * (most - 512), 7_654_321] {
        let bytes: Vec<u8> = (0..size).map(|k| (k * 31 % 251) as u8).collect();
        a.send(&Participant::Operator, &bytes).unwrap();
        assert!(operator.receive(SOON).unwrap().bytes == bytes, "{size} bytes");
    }
    let error = a.send(&Participant::Operator, &vec![0; (64 << 20) + 1]).unwrap_err();
    assert!(matches!(error, NetError::TooLarge { limit: 67_108_864, .. }), "{error}");
}

#[test]
fn law_garbage_is_counted_and_harms_nobody() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::without_keys(&["a", "b"], StreamSettings::default());
    let (operator, a) = (fleet.operator(), fleet.agent("a"));
    let raw = fleet.raw(None, Some(&raw_user(&fleet, "a"))).unwrap();
    let up = "covolt.test-fleet.up.a";
    let id = |text: &str| format!("{up}.{text}");
    raw.publish(up, &[], b"no identity");
    raw.publish(up, &[("Other", "x")], b"another header");
    let mut bad = vec![String::new(), "x".repeat(4000), "covolt.test-fleet.up.b.1.1.0.1".to_owned()];
    bad.extend(["", "1", "1.1.0", "1.1.0.0", "1.1.1.1", "1.1.0.1.1", "g.1.0.1", "1.-1.0.1"].map(id));
    bad.extend(["1.1.0.4294967295", "1.99999999999999999999.0.1"].map(id));
    bad.iter().for_each(|text| raw.publish(up, &[("Nats-Msg-Id", text)], b"x"));
    let twice = [("Nats-Msg-Id", &*id("1.1.0.1")), ("Nats-Msg-Id", &*id("1.2.0.1"))];
    raw.publish(up, &twice, b"two identities");
    let malformed = 3 + bad.len() as u64;
    assert!(eventually(|| operator.status().malformed == malformed), "{malformed}: {:?}", operator.status());
    // Unfinished and contradicting parts.
    raw.publish(up, &[("Nats-Msg-Id", &id("1.18446744073709551615.0.1048576"))], b"one of many");
    raw.publish(up, &[("Nats-Msg-Id", &id("1.7.0.3"))], b"one of three");
    raw.publish(up, &[("Nats-Msg-Id", &id("1.7.1.2"))], b"or of two");
    assert!(eventually(|| operator.status().malformed == malformed + 1));
    raw.publish(up, &[("Nats-Msg-Id", &id("2.18446744073709551615.0.1"))], b"the largest number");
    assert_eq!(operator.receive(SOON).unwrap().bytes, "the largest number");
    a.send(&Participant::Operator, b"still here").unwrap();
    assert_eq!(operator.receive(SOON).unwrap().bytes, "still here");
    // What the stream has taken of it is left out when catching up.
    let kept = operator.kept(&agent("a"), covolt_net::Since::Start).unwrap();
    assert_eq!(kept.last().map(|k| k.bytes.clone()), Some("still here".into()));
    assert_eq!(kept.len(), 2);
}

#[test]
fn law_a_link_survives_a_restart_of_the_server() {
    if is_missing() {
        return;
    }
    let mut fleet = Fleet::with_keys(&["a"]);
    let (operator, a) = (fleet.operator(), fleet.agent("a"));
    fleet.stop();
    assert!(eventually(|| operator.status().connected == 0 && a.status().connected == 0));
    operator.send(&agent("a"), b"sent while nobody listened").unwrap();
    fleet.start();
    assert!(eventually(|| operator.status().connected == 1 && a.status().connected == 1), "{:?}", a.events());
    // Who comes back later has to catch up.
    let missed = a.receive(Duration::from_secs(1)).map(|message| message.bytes);
    let kept = a.kept(&Participant::Operator, covolt_net::Since::Start).unwrap();
    assert_eq!(kept.last().map(|k| &k.bytes[..]), Some(&b"sent while nobody listened"[..]));
    assert!(missed.is_none_or(|bytes| bytes == "sent while nobody listened"));
    operator.send(&agent("a"), b"again").unwrap();
    assert_eq!(a.receive(SOON).unwrap().bytes, "again");
    let events = a.events();
    assert!(events.contains(&Event::Lost { connection: 0 }), "{events:?}");
    assert_eq!(events.iter().filter(|&e| *e == Event::Connected { connection: 0 }).count(), 2, "{events:?}");
}

#[test]
fn law_a_full_buffer_drops_the_oldest_and_counts_them() {
    if is_missing() {
        return;
    }
    let mut fleet = Fleet::without_keys(&["a"], StreamSettings::default());
    let a = fleet.agent("a");
    let settings = LinkSettings { send_buffer: 20_000, ..fleet.settings(Participant::Operator) };
    let operator = Link::connect(&settings).unwrap();
    fleet.stop();
    assert!(eventually(|| operator.status().connected == 0));
    let start = Instant::now();
    (0..100_u8).for_each(|k| operator.send(&agent("a"), &[k; 1000]).unwrap());
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    let dropped = operator.status().dropped_unsent;
    assert!((50..90).contains(&dropped), "{dropped}");
    fleet.start();
    let last = std::iter::from_fn(|| a.receive(Duration::from_secs(5)).filter(|m| m.bytes[0] != 99)).count();
    assert!(last < 100, "{last}");
    let start = Instant::now();
    drop((operator, a));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn law_what_was_sent_before_closing_arrives() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["a"]);
    let (operator, a) = (fleet.operator(), fleet.agent("a"));
    (0..20).for_each(|_| operator.send(&agent("a"), &vec![1; 100_000]).unwrap());
    let start = Instant::now();
    drop(operator);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    (0..20).for_each(|_| drop(a.receive(SOON).unwrap()));
}

#[test]
fn law_a_link_works_inside_another_runtime() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::without_keys(&["a"], StreamSettings::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (operator, a) = (fleet.operator(), fleet.agent("a"));
        operator.send(&agent("a"), b"x").unwrap();
        assert_eq!(a.receive(SOON).unwrap().bytes, "x");
        assert_eq!(a.kept(&Participant::Operator, covolt_net::Since::Start).unwrap().len(), 1);
    });
}

#[test]
fn law_another_machine_is_not_spoken_to_without_tls() {
    let mut settings = LinkSettings::new(FleetName::new("f").unwrap(), agent("a"));
    for host in ["192.0.2.1", "hub.example.org", "[2001:db8::1]", "127.0.0.1,192.0.2.1", "localhost.example.org"] {
        settings.server = format!("nats://{host}");
        let error = Link::connect(&settings).unwrap_err();
        let last = host.split(',').next_back().unwrap().trim_matches(['[', ']']);
        assert_eq!(error, NetError::NeedsTls { host: last.to_owned() });
    }
    for bad in ["", "http://127.0.0.1", "nats://user:secret@127.0.0.1", "nats://"] {
        settings.server = bad.to_owned();
        assert!(matches!(Link::connect(&settings), Err(NetError::Address { .. })), "{bad}");
    }
    settings.server = "nats://127.0.0.1".to_owned();
    settings.connections = 0;
    assert!(matches!(Link::connect(&settings), Err(NetError::Setting { setting: "connections", .. })));
}

#[test]
fn law_nobody_listening_is_said_in_time() {
    let mut settings = LinkSettings::new(FleetName::new("f").unwrap(), agent("a"));
    settings.server = format!("nats://{}", covolt_net::free_loopback_port().unwrap());
    settings.connect_timeout = Duration::from_millis(400);
    let start = Instant::now();
    let error = Link::connect(&settings).unwrap_err();
    assert!(matches!(error, NetError::Connect { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

//! Catching up from the durable streams of the real server.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_net::{Kept, Link, LinkSettings, NetError, Participant, Since, Storage, StreamSettings, server_config};
use std::time::Duration;
use support::{Fleet, SOON, agent, eventually, is_missing};

fn texts(kept: &[Kept]) -> Vec<String> {
    kept.iter().map(|k| String::from_utf8_lossy(&k.bytes).into_owned()).collect()
}

fn wait_for(link: &Link, from: &Participant, count: usize) -> Vec<Kept> {
    let mut kept = Vec::new();
    assert!(
        eventually(|| {
            kept = link.kept(from, Since::Start).unwrap();
            kept.len() == count
        }),
        "{count}: {:?}",
        texts(&kept)
    );
    kept
}

#[test]
fn law_an_agent_catches_up_after_an_absence() {
    if is_missing() {
        return;
    }
    let mut fleet = Fleet::with_keys(&["a", "b"]);
    let operator = fleet.operator();
    let a = fleet.agent("a");
    operator.send(&agent("a"), b"1").unwrap();
    assert_eq!(a.receive(SOON).unwrap().bytes, "1");
    drop(a);
    operator.send(&agent("a"), b"2").unwrap();
    operator.send(&agent("b"), b"not for a").unwrap();
    operator.send(&agent("a"), b"3").unwrap();
    let a = fleet.agent("a");
    let kept = wait_for(&a, &Participant::Operator, 3);
    assert_eq!(texts(&kept), ["1", "2", "3"]);
    assert_eq!(kept.iter().map(|k| k.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let since = |since| texts(&a.kept(&Participant::Operator, since).unwrap());
    assert_eq!(since(Since::After(1)), ["2", "3"]);
    assert_eq!(since(Since::After(3)).len() + since(Since::After(u64::MAX)).len() + since(Since::Latest(0)).len(), 0);
    assert_eq!(since(Since::Latest(1)), ["3"]);
    assert_eq!(since(Since::Latest(99)), ["1", "2", "3"]);
    // The server goes down and comes back.
    a.send(&Participant::Operator, b"up").unwrap();
    wait_for(&operator, &agent("a"), 1);
    fleet.stop();
    fleet.start();
    assert_eq!(texts(&wait_for(&a, &Participant::Operator, 3)), ["1", "2", "3"]);
    assert_eq!(texts(&wait_for(&operator, &agent("a"), 1)), ["up"]);
    let b = fleet.agent("b");
    assert_eq!(texts(&b.kept(&Participant::Operator, Since::Start).unwrap()), ["not for a"]);
    assert!(matches!(a.kept(&agent("b"), Since::Start), Err(NetError::NotAPartner { .. })));
    // A fresh run.
    assert!(matches!(a.forget(), Err(NetError::NotAPartner { .. })));
    operator.forget().unwrap();
    assert_eq!(a.kept(&Participant::Operator, Since::Start).unwrap(), []);
    assert_eq!(operator.kept(&agent("a"), Since::Start).unwrap(), []);
    operator.send(&agent("a"), b"4").unwrap();
    assert_eq!(texts(&wait_for(&a, &Participant::Operator, 1)), ["4"]);
    assert_eq!(since(Since::After(3)), ["4"]);
}

#[test]
fn law_streams_keep_one_of_all_copies_and_large_messages_whole() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["a"]);
    let settings = LinkSettings { connections: 2, ..fleet.settings(Participant::Operator) };
    let (operator, a) = (Link::connect(&settings).unwrap(), fleet.agent("a"));
    let large: Vec<u8> = (0..3_000_000_u32).map(|k| (k % 249) as u8).collect();
    operator.send(&agent("a"), &large).unwrap();
    (0..300).for_each(|k| operator.send(&agent("a"), format!("{k}").as_bytes()).unwrap());
    let kept = wait_for(&a, &Participant::Operator, 301);
    assert_eq!(kept.iter().filter(|k| k.bytes == large).count(), 1);
    // Three parts and 300 messages, each once.
    assert_eq!(kept.iter().map(|k| k.sequence).max(), Some(303));
}

#[test]
fn law_retention_limits_hold() {
    if is_missing() {
        return;
    }
    let by_count = StreamSettings { max_messages_per_subject: 5, ..StreamSettings::default() };
    let by_bytes = StreamSettings { max_bytes: 20_000, storage: Storage::Memory, ..StreamSettings::default() };
    let by_age = StreamSettings { max_age: Duration::from_secs(1), ..StreamSettings::default() };
    let mut fleet = Fleet::without_keys(&["a"], by_count);
    let (operator, a) = (fleet.operator(), fleet.agent("a"));
    (0..50).for_each(|k| operator.send(&agent("a"), format!("{k}").as_bytes()).unwrap());
    (0..50).for_each(|_| drop(a.receive(SOON).unwrap()));
    assert!(eventually(
        || texts(&a.kept(&Participant::Operator, Since::Start).unwrap()) == ["45", "46", "47", "48", "49"]
    ));
    // New settings are taken over on the next connect; old messages have to meet them.
    drop(operator);
    fleet.stream = by_age;
    let operator = fleet.operator();
    operator.send(&agent("a"), b"young").unwrap();
    assert_eq!(a.receive(SOON).unwrap().bytes, "young");
    assert!(eventually(|| a.kept(&Participant::Operator, Since::Start).unwrap().is_empty()));
    drop((operator, a));

    let mut fleet = Fleet::without_keys(&["a"], by_bytes);
    let (operator, a) = (fleet.operator(), fleet.agent("a"));
    (0..100).for_each(|_| operator.send(&agent("a"), &[7; 1000]).unwrap());
    (0..100).for_each(|_| drop(a.receive(SOON).unwrap()));
    let kept = a.kept(&Participant::Operator, Since::Start).unwrap();
    assert!((10..20).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept.last().map(|k| k.sequence), Some(100));
    // In memory, it goes with the server; the operator makes the streams again when it next connects.
    drop(operator);
    fleet.stop();
    fleet.start();
    let missing = a.kept(&Participant::Operator, Since::Start);
    assert!(matches!(missing, Err(NetError::Stream { .. } | NetError::NoAnswer { .. })), "{missing:?}");
    let _operator = fleet.operator();
    assert_eq!(a.kept(&Participant::Operator, Since::Start).unwrap(), []);
}

#[test]
fn law_a_server_without_streams_is_said_or_done_without() {
    if is_missing() {
        return;
    }
    let mut fleet = Fleet::without_keys(&["a"], StreamSettings::default());
    let settings = covolt_net::ServerSettings { stream: None, ..fleet.server_settings() };
    let text = server_config(&settings, &fleet.name, &fleet.agents).unwrap();
    fleet.start_with(&text);
    let error = Link::connect(&fleet.settings(Participant::Operator)).unwrap_err();
    assert!(matches!(error, NetError::NoJetStream { .. }), "{error}");
    let without = |who| Link::connect(&LinkSettings { stream: None, ..fleet.settings(who) }).unwrap();
    let (operator, a) = (without(Participant::Operator), without(agent("a")));
    a.send(&Participant::Operator, b"x").unwrap();
    assert_eq!(operator.receive(SOON).unwrap().bytes, "x");
    assert_eq!(a.kept(&Participant::Operator, Since::Start), Err(NetError::StreamsOff));
    assert_eq!(operator.forget(), Err(NetError::StreamsOff));
}

#[test]
fn law_streams_that_do_not_fit_are_an_error() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::without_keys(&["a"], StreamSettings::default());
    let mut settings = fleet.settings(Participant::Operator);
    settings.stream = Some(StreamSettings { max_bytes: 1 << 40, ..StreamSettings::default() });
    let error = Link::connect(&settings).unwrap_err();
    assert!(matches!(&error, NetError::Stream { reason, .. } if reason.contains("insufficient")), "{error}");
}

//! Connections that stall, break or are refused for a while.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_net::{Event, Link, LinkSettings, Participant, StreamSettings, server_config};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Fleet, SOON, agent, eventually, is_missing};

/// Passes connections on, and stalls those whose number has its bit set.
struct Line {
    address: SocketAddr,
    stalled: Arc<AtomicUsize>,
}

impl Line {
    fn to(server: SocketAddr) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, stalled) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let bits = stalled.clone();
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else { break };
                let ends = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
                for (from, to) in ends {
                    let bits = bits.clone();
                    std::thread::spawn(move || pass(from.unwrap(), to.unwrap(), number, &bits));
                }
            }
        });
        Line { address, stalled }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, number: usize, stalled: &AtomicUsize) {
    let mut buffer = [0; 65_536];
    while let Ok(count) = from.read(&mut buffer) {
        while stalled.load(Ordering::Relaxed) >> number & 1 == 1 {
            std::thread::sleep(Duration::from_millis(1));
        }
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

#[test]
fn law_of_two_connections_a_stalled_one_delays_nothing() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["a"]);
    let line = Line::to(fleet.address);
    let settings = LinkSettings {
        server: format!("tls://{}", line.address),
        connections: 2,
        send_buffer: 1 << 20,
        ping_interval: Duration::from_millis(200),
        ..fleet.settings(agent("a"))
    };
    let (operator, a) = (fleet.operator(), Link::connect(&settings).unwrap());
    for stalled in [0b01, 0b10] {
        line.stalled.store(stalled, Ordering::Relaxed);
        let start = Instant::now();
        for _ in 0..200 {
            a.send(&Participant::Operator, &[1; 20_000]).unwrap();
            operator.receive(SOON).unwrap();
            operator.send(&agent("a"), &[2; 1000]).unwrap();
            a.receive(SOON).unwrap();
        }
        println!("400 messages with one of two connections stalled: {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        line.stalled.store(0, Ordering::Relaxed);
    }
    // One that stays silent is given up and made anew.
    line.stalled.store(0b11, Ordering::Relaxed);
    assert!(eventually(|| a.status().lost >= 2 && a.status().connected == 2), "{:?}", a.status());
    a.send(&Participant::Operator, b"new connections").unwrap();
    let last = std::iter::from_fn(|| operator.receive(SOON)).find(|m| m.bytes == "new connections");
    assert!(last.is_some());
}

#[test]
fn law_who_is_refused_for_a_while_comes_back() {
    if is_missing() {
        return;
    }
    let mut fleet = Fleet::with_keys(&["a", "b"]);
    let a = fleet.agent("a");
    let without = server_config(&fleet.server_settings(), &fleet.name, &["b".to_owned()]).unwrap();
    fleet.start_with(&without);
    let refused = |event: &Event| matches!(event, Event::Refused { .. });
    assert!(eventually(|| a.events().iter().any(refused)), "{:?}", a.status());
    assert!(a.status().refused > 0 && a.status().connected == 0);
    fleet.assert_logged(&["authentication error"]);
    fleet.start();
    let operator = fleet.operator();
    assert!(eventually(|| a.status().connected == 1));
    a.send(&Participant::Operator, b"back").unwrap();
    assert_eq!(operator.receive(SOON).unwrap().bytes, "back");
}

#[test]
fn law_a_burst_of_small_messages_comes_whole_and_in_order() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::without_keys(&["a"], StreamSettings::default());
    let (operator, a) = (fleet.operator(), fleet.agent("a"));
    let start = Instant::now();
    (0..50_000_u32).for_each(|k| operator.send(&agent("a"), &k.to_le_bytes()).unwrap());
    let sent = start.elapsed();
    for k in 0..50_000_u32 {
        assert_eq!(a.receive(SOON).unwrap().bytes, &k.to_le_bytes()[..], "{:?} {:?}", operator.status(), a.status());
    }
    println!("50 000 messages: sent in {sent:?}, received in {:?}", start.elapsed());
    let start = Instant::now();
    let kept = a.kept(&Participant::Operator, covolt_net::Since::Start).unwrap();
    println!("the 10 000 kept of them read in {:?}", start.elapsed());
    assert_eq!(kept.len(), 10_000);
    assert_eq!(kept.last().map(|k| &k.bytes[..]), Some(&49_999_u32.to_le_bytes()[..]));
}

#[test]
fn law_a_link_may_be_used_from_many_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Link>();
}

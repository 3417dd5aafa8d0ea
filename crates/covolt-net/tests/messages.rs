//! Messages over the real server: both ways, copies, large ones, garbage, lost connections.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_net::{Event, Link, LinkSettings, NetError, Participant, StreamSettings};
use std::time::{Duration, Instant};
use support::{Fleet, NEVER, SOON, agent, eventually, is_missing};

#[test]
fn law_messages_go_both_ways_over_mutual_tls() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["north", "South & co"]);
    let (operator, north, south) = (fleet.operator(), fleet.agent("north"), fleet.agent("South & co"));
    operator.send(&agent("north"), b"to north").unwrap();
    operator.send(&agent("South & co"), b"to south").unwrap();
    for (link, expected) in [(&north, b"to north"), (&south, b"to south")] {
        let message = link.receive(SOON).unwrap();
        assert_eq!((message.from, &message.bytes[..]), (Participant::Operator, &expected[..]));
    }
    south.send(&Participant::Operator, b"from south").unwrap();
    let message = operator.receive(SOON).unwrap();
    assert_eq!((message.from, &message.bytes[..]), (agent("South & co"), &b"from south"[..]));
    north.send(&Participant::Operator, b"").unwrap();
    let message = operator.receive(SOON).unwrap();
    assert_eq!((message.from, message.bytes.len()), (agent("north"), 0));
    assert!(north.receive(NEVER).is_none() && south.receive(NEVER).is_none());
    assert_eq!(north.events(), [Event::Connected { connection: 0 }]);
    let status = operator.status();
    assert_eq!((status.connected, status.sent, status.received, status.refused), (1, 2, 2, 0), "{}", fleet.log());
    assert!(matches!(north.send(&agent("South & co"), b""), Err(NetError::NotAPartner { .. })));
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

//! What the real server refuses, and what a link refuses before it asks: both sides have to say so.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_net::{Authority, Holder, Link, NetError, Participant, ServerSettings, Since, server_config};
use std::io::{Read, Write};
use std::time::{Duration, SystemTime};
use support::{Fleet, NEVER, SOON, agent, eventually, is_missing, server_holder};

const FLEET: &str = "test-fleet";

#[test]
fn law_nobody_reads_the_messages_of_another() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["north", "south"]);
    let (operator, north) = (fleet.operator(), fleet.agent("north"));
    let raw = fleet.raw(Some(&fleet.files("agent-south")), None).unwrap();
    let others = ["up.north", "down.north", "up.south", "down.*", "up.*", ">", "hello.operator.operator"];
    let mut subjects: Vec<String> = others.iter().map(|part| format!("covolt.{FLEET}.{part}")).collect();
    subjects.extend([">", "covolt.>", "_INBOX.>", "$JS.>", "$SYS.>"].map(String::from));
    subjects.push(format!("_INBOX.covolt.{FLEET}.agent.north.>"));
    let mut heard: Vec<_> = subjects.iter().map(|subject| raw.subscribe(subject)).collect();
    for subject in &subjects {
        assert!(raw.was_told(&["Permissions Violation for Subscription", &format!("\"{subject}\"")]), "{subject}");
        fleet.assert_logged(&["Subscription Violation", "CN=south", subject]);
    }
    operator.send(&agent("north"), b"secret").unwrap();
    north.send(&Participant::Operator, b"secret").unwrap();
    assert_eq!(north.receive(SOON).unwrap().bytes, "secret");
    assert_eq!(operator.receive(SOON).unwrap().bytes, "secret");
    raw.runtime.block_on(async {
        for subscriber in &mut heard {
            let next = tokio::time::timeout(Duration::from_millis(20), futures_util::StreamExt::next(subscriber)).await;
            assert!(!matches!(next, Ok(Some(_))), "{next:?}");
        }
    });
}

#[test]
fn law_nobody_speaks_for_another() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["north", "south"]);
    let (operator, north) = (fleet.operator(), fleet.agent("north"));
    let raw = fleet.raw(Some(&fleet.files("agent-south")), None).unwrap();
    let down = format!("covolt_{FLEET}_down_north");
    let mut subjects: Vec<String> =
        ["up.north", "down.north", "down.south"].iter().map(|part| format!("covolt.{FLEET}.{part}")).collect();
    subjects.extend(
        ["DIRECT.GET", "STREAM.INFO", "STREAM.PURGE", "STREAM.DELETE", "STREAM.MSG.GET", "CONSUMER.CREATE"]
            .map(|verb| format!("$JS.API.{verb}.{down}")),
    );
    subjects.push(format!("$JS.API.CONSUMER.CREATE.covolt_{FLEET}_down_south"));
    subjects.extend(["$JS.API.INFO", "$JS.API.STREAM.NAMES", "_INBOX.x"].map(String::from));
    for subject in &subjects {
        let id = format!("{subject}.1.1.0.1");
        raw.publish(subject, &[("Nats-Msg-Id", &id)], b"in the name of north");
        assert!(raw.was_told(&["Permissions Violation for Publish", &format!("\"{subject}\"")]), "{subject}");
        fleet.assert_logged(&["Publish Violation", "CN=south", subject]);
    }
    assert!(operator.receive(NEVER).is_none() && north.receive(NEVER).is_none());
    assert_eq!((operator.status().malformed, north.status().malformed), (0, 0));
    assert_eq!(operator.kept(&agent("north"), Since::Start).unwrap(), []);
}

#[test]
fn law_an_answer_sent_to_another_is_no_message() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["north", "south"]);
    let (operator, north) = (fleet.operator(), fleet.agent("north"));
    operator.send(&agent("south"), b"for south alone").unwrap();
    let south = fleet.agent("south");
    assert!(eventually(|| south.kept(&Participant::Operator, Since::Start).is_ok_and(|kept| kept.len() == 1)));
    // The server publishes its answer wherever the question asks for: here under the subjects of others.
    let raw = fleet.raw(Some(&fleet.files("agent-south")), None).unwrap();
    for target in ["down.north", "up.north", "up.south"] {
        raw.runtime.block_on(async {
            let subject = format!("$JS.API.DIRECT.GET.covolt_{FLEET}_down_south");
            let reply = format!("covolt.{FLEET}.{target}");
            raw.client.publish_with_reply(subject, reply, "{\"seq\":1}".into()).await.unwrap();
            raw.client.flush().await.unwrap();
        });
    }
    assert!(
        eventually(|| north.status().malformed == 1 && operator.status().malformed == 2),
        "{:?}",
        operator.status()
    );
    assert!(north.receive(NEVER).is_none() && operator.receive(NEVER).is_none());
    assert_eq!(north.kept(&Participant::Operator, Since::Start).unwrap(), []);
    assert_eq!(operator.kept(&agent("north"), Since::Start).unwrap(), []);
}

#[test]
fn law_keys_of_another_authority_are_refused() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["a"]);
    let other = fleet.dir.path().join("other");
    let authority = Authority::create(&other, &fleet.name, 30).unwrap();
    let holder = Holder::Participant(agent("a"));
    let mut files = authority.issue(&holder, 20, &other, false).unwrap().files;
    let mut settings = fleet.settings(agent("a"));
    settings.tls = Some(files.clone());
    let error = Link::connect(&settings).unwrap_err();
    assert!(matches!(&error, NetError::Tls { host, .. } if *host == settings.server), "{error}");
    // Such a client does not trust the server; one that does is not trusted by it.
    files.authority = fleet.files("operator").authority;
    settings.tls = Some(files);
    let error = Link::connect(&settings).unwrap_err();
    assert!(matches!(error, NetError::Tls { .. } | NetError::Connect { .. }), "{error}");
    fleet.assert_logged(&["TLS handshake error", "certificate"]);
    fleet.assert_logged(&["TLS handshake error", "unknown authority"]);
}

#[test]
fn law_expired_keys_are_refused() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["a"]);
    let out = fleet.dir.path().join("expired");
    let (day, now) = (Duration::from_secs(86_400), SystemTime::now());
    let holder = Holder::Participant(agent("a"));
    let authority = fleet.authority.as_ref().unwrap();
    let issued = authority.issue_between(&holder, now - 2 * day, now - day, &out, false).unwrap();
    let mut settings = fleet.settings(agent("a"));
    settings.tls = Some(issued.files.clone());
    let error = Link::connect(&settings).unwrap_err();
    assert!(matches!(&error, NetError::OutOfDate { file, .. } if *file == issued.files.certificate), "{error}");
    // The server does not rely on that.
    let error = fleet.raw(Some(&issued.files), None).err().unwrap();
    assert!(matches!(error, NetError::Connect { .. }), "{error}");
    fleet.assert_logged(&["TLS handshake error", "expired"]);
}

#[test]
fn law_without_keys_nobody_comes_in() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["a"]);
    let mut settings = fleet.settings(agent("a"));
    settings.tls = None;
    settings.server = format!("nats://{}", fleet.address);
    let error = Link::connect(&settings).unwrap_err();
    assert!(matches!(error, NetError::Tls { .. }), "{error}");
    // TLS without a certificate of one's own.
    let mut roots = rustls::RootCertStore::empty();
    let authority = std::fs::read(fleet.files("operator").authority).unwrap();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(&authority).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let mut session = rustls::ClientConnection::new(config.into(), name).unwrap();
    let mut socket = std::net::TcpStream::connect(fleet.address).unwrap();
    read_greeting(&mut socket);
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    let spoken = stream.write_all(b"CONNECT {}\r\nPING\r\n").and_then(|()| stream.read(&mut [0; 64]));
    let error = spoken.unwrap_err().to_string();
    assert!(["BadCertificate", "CertificateRequired"].iter().any(|alert| error.contains(alert)), "{error}");
    fleet.assert_logged(&["TLS handshake error", "client didn't provide a certificate"]);
    // No TLS at all.
    let mut socket = std::net::TcpStream::connect(fleet.address).unwrap();
    read_greeting(&mut socket);
    socket.write_all(b"CONNECT {\"verbose\":true}\r\nPING\r\n").unwrap();
    let mut said = Vec::new();
    let _ = socket.read_to_end(&mut said);
    assert!(!String::from_utf8_lossy(&said).contains("PONG"), "{said:?}");
    fleet.assert_logged(&["TLS handshake error", "first record does not look like a TLS handshake"]);
}

/// The server's first line, which comes in the clear.
fn read_greeting(socket: &mut std::net::TcpStream) {
    let mut byte = [0];
    while byte != *b"\n" {
        socket.read_exact(&mut byte).unwrap();
    }
}

#[test]
fn law_whom_the_configuration_does_not_name_is_refused() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::with_keys(&["a"]);
    let holder = Holder::Participant(agent("late"));
    fleet.authority.as_ref().unwrap().issue(&holder, 20, &fleet.keys(), false).unwrap();
    let error = Link::connect(&fleet.settings(agent("late"))).unwrap_err();
    assert!(matches!(&error, NetError::Refused { participant, .. } if participant.contains("late")), "{error}");
    fleet.assert_logged(&["authentication error"]);
}

#[test]
fn law_a_link_that_may_not_listen_says_so() {
    if is_missing() {
        return;
    }
    let mut fleet = Fleet::with_keys(&["a"]);
    let text = server_config(&fleet.server_settings(), &fleet.name, &fleet.agents).unwrap();
    fleet.start_with(&text.replace(&format!("\"covolt.{FLEET}.down.a\"\n          \"_INBOX"), "\"_INBOX"));
    let error = Link::connect(&fleet.settings(agent("a"))).unwrap_err();
    assert!(matches!(&error, NetError::Refused { reason, .. } if reason.contains("down.a")), "{error}");
    fleet.assert_logged(&["Subscription Violation", "down.a"]);
}

#[test]
fn law_a_key_serves_its_holder_and_purpose_only() {
    if is_missing() {
        return;
    }
    let mut fleet = Fleet::with_keys(&["a", "b"]);
    let mut settings = fleet.settings(agent("a"));
    settings.tls = Some(fleet.files("agent-b"));
    assert!(matches!(Link::connect(&settings), Err(NetError::NotTheHolder { .. })));
    settings.tls = Some(covolt_net::TlsFiles { key: fleet.files("agent-b").key, ..fleet.files("agent-a") });
    assert!(matches!(Link::connect(&settings), Err(NetError::File { .. })));
    // The key of a server is none to connect with,
    let error = fleet.raw(Some(&fleet.files("server-hub")), None).err().unwrap();
    assert!(matches!(error, NetError::Connect { .. }), "{error}");
    fleet.assert_logged(&["TLS handshake error", "incompatible key usage"]);
    // and with the key of an agent nobody plays the server.
    let text = server_config(
        &ServerSettings { tls: Some(fleet.files("agent-b")), ..fleet.server_settings() },
        &fleet.name,
        &fleet.agents,
    );
    fleet.start_with(&text.unwrap());
    let error = Link::connect(&fleet.settings(agent("a"))).unwrap_err();
    assert!(matches!(error, NetError::Tls { .. }), "{error}");
    fleet.assert_logged(&["TLS handshake error"]);
}

#[test]
fn law_a_pinned_server_lets_in_the_listed_keys_only() {
    if is_missing() {
        return;
    }
    let mut fleet = Fleet::with_keys(&["a"]);
    let shown = covolt_net::keys::show(&fleet.keys()).unwrap();
    let pinned = shown.iter().filter(|info| ["operator", "agent"].contains(&info.role.as_str()));
    let settings =
        ServerSettings { pinned: pinned.map(|info| info.fingerprint.clone()).collect(), ..fleet.server_settings() };
    fleet.start_with(&server_config(&settings, &fleet.name, &fleet.agents).unwrap());
    let (operator, a) = (fleet.operator(), fleet.agent("a"));
    a.send(&Participant::Operator, b"known").unwrap();
    assert_eq!(operator.receive(SOON).unwrap().bytes, "known");
    drop(a);
    // The same name with new keys: the list decides.
    fleet.authority.as_ref().unwrap().issue(&Holder::Participant(agent("a")), 20, &fleet.keys(), true).unwrap();
    let error = Link::connect(&fleet.settings(agent("a"))).unwrap_err();
    assert!(matches!(error, NetError::Tls { .. } | NetError::Connect { .. }), "{error}");
    fleet.assert_logged(&["not pinned"]);
    assert_eq!(server_holder().role(), "server");
}

//! The server as a child process.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use covolt_net::{NetError, ServerProcess, StreamSettings, free_loopback_port};
use std::net::TcpStream;
use std::time::Duration;
use support::{Fleet, SOON, is_missing};

#[test]
fn law_a_server_ends_with_its_owner() {
    if is_missing() {
        return;
    }
    let mut fleet = Fleet::without_keys(&["a"], StreamSettings::default());
    assert!(TcpStream::connect(fleet.address).is_ok());
    fleet.stop();
    assert!(TcpStream::connect(fleet.address).is_err());
    fleet.assert_logged(&["Server Exiting"]);
}

#[test]
fn law_a_server_that_does_not_start_says_why() {
    if is_missing() {
        return;
    }
    let fleet = Fleet::without_keys(&["a"], StreamSettings::default());
    let config = fleet.dir.path().join("nats-server.conf");
    let taken = ServerProcess::start(&config, fleet.address, SOON).unwrap_err();
    assert!(taken.to_string().contains("already"), "{taken}");
    let broken = fleet.dir.path().join("broken.conf");
    std::fs::write(&broken, "listen: {{{").unwrap();
    let error = ServerProcess::start(&broken, free_loopback_port().unwrap(), SOON).unwrap_err();
    assert!(matches!(&error, NetError::ServerEnded { reason, .. } if reason.contains("nats-server:")), "{error}");
    let elsewhere = fleet.dir.path().join("elsewhere.conf");
    let (said, meant) = (free_loopback_port().unwrap(), free_loopback_port().unwrap());
    std::fs::write(&elsewhere, format!("listen: \"{said}\"")).unwrap();
    let error = ServerProcess::start(&elsewhere, meant, Duration::from_millis(500)).unwrap_err();
    assert!(error.to_string().contains("does not listen"), "{error}");
    assert!(TcpStream::connect(said).is_err());
}

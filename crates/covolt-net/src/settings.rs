//! What can be set about a link: each with its unit and its default.

use crate::subjects::{FleetName, Participant};
use std::path::PathBuf;
use std::time::Duration;

/// Files with which a participant or a server proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate of the authority that both sides trust (PEM).
    pub authority: PathBuf,
    /// Own certificate (PEM).
    pub certificate: PathBuf,
    /// Own private key (PEM), not readable by others.
    pub key: PathBuf,
}

/// Settings of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// Address of the server, such as `tls://hub.example.org:4222`; several of one cluster with commas between them. Default:
    /// `nats://127.0.0.1:4222`.
    pub server: String,
    /// Name of the fleet.
    pub fleet: FleetName,
    /// Who connects.
    pub who: Participant,
    /// The agents the operator speaks with, by name; an agent leaves it empty. Messages of others are dropped.
    pub agents: Vec<String>,
    /// Keys. Default: none, which is allowed towards this machine only.
    pub tls: Option<TlsFiles>,
    /// Connections to the server, 1 to 8. The same message goes over all of them, and the receiver drops the copies, so that
    /// a connection that waits for a lost packet delays nothing. Default: 1.
    pub connections: usize,
    /// How long to try to connect at the start. Default: 5 s.
    pub connect_timeout: Duration,
    /// Wait before the second attempt to connect again; it doubles with each further one. Default: 50 ms.
    pub reconnect_wait: Duration,
    /// Longest wait between two attempts. Default: 2 s.
    pub reconnect_wait_max: Duration,
    /// How often a silent server is asked whether it is still there; after three silent times the connection is given up and
    /// made anew. Default: 5 s.
    pub ping_interval: Duration,
    /// How long the server may take to answer a request about streams. Default: 5 s.
    pub request_timeout: Duration,
    /// Longest wait of `send` for room in a full buffer while connected; while disconnected it does not wait. Default: 100 ms.
    pub send_patience: Duration,
    /// Bytes buffered per connection for sending, so also while disconnected. When full, the oldest messages are dropped and
    /// counted. Default: 128 MiB.
    pub send_buffer: usize,
    /// Bytes received and not yet fetched. When full, the oldest messages are dropped and counted. Default: 256 MiB.
    pub receive_buffer: usize,
    /// Largest message, bytes; also the bound on unfinished parts of large messages, per sender. Default: 64 MiB.
    pub message_limit: usize,
    /// How many messages back a copy is recognised, per sender. What is older than that counts as a copy. Default: 4096.
    pub copies_window: usize,
    /// How long closing may take to hand over what is buffered. Default: 500 ms.
    pub close_timeout: Duration,
    /// What the server keeps for those who are away; `None` keeps nothing and needs no JetStream. Default: see
    /// [`StreamSettings`].
    pub stream: Option<StreamSettings>,
}

impl LinkSettings {
    /// The defaults, for this participant of this fleet.
    pub fn new(fleet: FleetName, who: Participant) -> LinkSettings {
        LinkSettings {
            server: "nats://127.0.0.1:4222".to_owned(),
            fleet,
            who,
            agents: Vec::new(),
            tls: None,
            connections: 1,
            connect_timeout: Duration::from_secs(5),
            reconnect_wait: Duration::from_millis(50),
            reconnect_wait_max: Duration::from_secs(2),
            ping_interval: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            send_patience: Duration::from_millis(100),
            send_buffer: 128 << 20,
            receive_buffer: 256 << 20,
            message_limit: 64 << 20,
            copies_window: 4096,
            close_timeout: Duration::from_millis(500),
            stream: Some(StreamSettings::default()),
        }
    }
}

/// Where the server keeps a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// On disk: survives a restart of the server.
    File,
    /// In memory: faster, and gone with the server.
    Memory,
}

/// Settings of the streams, made by the operator; there are two per agent, one each way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// Where. Default: on disk.
    pub storage: Storage,
    /// Messages older than this are removed; zero keeps them. Default: 24 h.
    pub max_age: Duration,
    /// Bytes per stream; the oldest messages make room. The server reserves this much, so its limit must cover all streams.
    /// Default: 128 MiB.
    pub max_bytes: u64,
    /// Messages per stream, each part of a large message counted; the oldest make room. Default: 10 000.
    pub max_messages_per_subject: u64,
    /// Within this time the server recognises a copy and keeps one; at most `max_age`. Default: 2 min.
    pub duplicate_window: Duration,
    /// Servers of a cluster that hold the stream, 1 to 5. Default: 1.
    pub replicas: usize,
}

impl Default for StreamSettings {
    fn default() -> StreamSettings {
        StreamSettings {
            storage: Storage::File,
            max_age: Duration::from_secs(24 * 3600),
            max_bytes: 128 << 20,
            max_messages_per_subject: 10_000,
            duplicate_window: Duration::from_secs(120),
            replicas: 1,
        }
    }
}

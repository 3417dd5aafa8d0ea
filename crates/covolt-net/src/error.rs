//! What can go wrong, with the host, subject, stream, file or participant it went wrong with.

use std::path::PathBuf;
use thiserror::Error;

/// Why something of the network or of the keys did not work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetError {
    /// A name that no subject can hold.
    #[error("{what} {name:?}: {reason}")]
    Name {
        /// Fleet, agent or server.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A server address that cannot be read.
    #[error("server {address:?}: {reason}")]
    Address {
        /// As given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A server on another machine, and no keys.
    #[error("{host} is not this machine: without TLS files only a loopback address is spoken to")]
    NeedsTls {
        /// The host.
        host: String,
    },
    /// The server could not be reached.
    #[error("{host}: no connection: {reason}")]
    Connect {
        /// The server.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// One side did not accept the other's certificate, or one side does not speak TLS.
    #[error("{host}: TLS: {reason}")]
    Tls {
        /// The server.
        host: String,
        /// What the handshake says.
        reason: String,
    },
    /// The server knows the participant not, or does not permit something it needs.
    #[error("{host} refuses {participant}: {reason}")]
    Refused {
        /// The server.
        host: String,
        /// Who was refused.
        participant: String,
        /// In the words of the server.
        reason: String,
    },
    /// The server keeps no streams.
    #[error(
        "{host} has no JetStream: write `jetstream {{ store_dir: ... }}` into its configuration (`covolt keys server-config` \
         does), or turn the streams off in the settings of the link"
    )]
    NoJetStream {
        /// The server.
        host: String,
    },
    /// A stream could not be made, read or emptied.
    #[error("stream {stream}: {reason}")]
    Stream {
        /// Name of the stream on the server.
        stream: String,
        /// What the server says.
        reason: String,
    },
    /// The settings of the link turn the streams off.
    #[error("nothing is kept: the streams are turned off in the settings of the link")]
    StreamsOff,
    /// Not a pair of participants that speak with each other.
    #[error(
        "{from} cannot do this with {to}: agents speak with their operator, the operator with the agents of its settings"
    )]
    NotAPartner {
        /// Who wanted to.
        from: String,
        /// With whom.
        to: String,
    },
    /// Larger than the limit of the settings.
    #[error("a message of {bytes} bytes to {to}: at most {limit} (setting message_limit)")]
    TooLarge {
        /// The receiver.
        to: String,
        /// Size of the message, bytes.
        bytes: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// No answer in time.
    #[error("{what}: no answer within {seconds} s")]
    NoAnswer {
        /// What was asked.
        what: String,
        /// How long was waited, s.
        seconds: u64,
    },
    /// A setting that makes no sense.
    #[error("setting {setting}: {reason}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is there already.
    #[error("{} is there already and is not replaced unless told to", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// A private key that everybody on the machine can read.
    #[error("{} can be read by others (mode {mode:03o}): chmod 600", file.display())]
    KeyReadable {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A certificate outside its time.
    #[error("{}: the certificate of {holder} is valid from {not_before} to {not_after} only", file.display())]
    OutOfDate {
        /// The file.
        file: PathBuf,
        /// Whose certificate.
        holder: String,
        /// Start, UTC.
        not_before: String,
        /// End, UTC.
        not_after: String,
    },
    /// A certificate of somebody else.
    #[error("{} belongs to {found}, needed is the one of {wanted}", file.display())]
    NotTheHolder {
        /// The file.
        file: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// The server program is missing.
    #[error(
        "{program} cannot be started ({reason}). Debian, Ubuntu: apt install nats-server. Elsewhere: the release archive of \
         the NATS server, its program `nats-server` on the PATH"
    )]
    NoServerProgram {
        /// The program.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// The server program ended or does not listen.
    #[error("nats-server with {}: {reason}", config.display())]
    ServerEnded {
        /// Its configuration.
        config: PathBuf,
        /// Its last words.
        reason: String,
    },
}

impl NetError {
    pub(crate) fn file(file: impl Into<PathBuf>, reason: impl ToString) -> NetError {
        NetError::File { file: file.into(), reason: reason.to_string() }
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

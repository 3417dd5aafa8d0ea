//! Keys: a small private authority, so that every participant and every server can prove who it is.
//!
//! A key pair is ECDSA on P-256 with SHA-256, which both sides of the connection take. Who it belongs to stands in the subject of
//! the certificate, `CN=TOKEN, OU=ROLE, O=FLEET`, which the server turns into a user. A participant's certificate serves to
//! connect and a server's to be connected to; neither does for the other, so that no agent can play the server.
//!
//! | question | file |
//! |---|---|
//! | how is an authority made, how are keys issued? | `keys/authority.rs` |
//! | what stands in a certificate? | `keys/certificate.rs` |
//! | how do files keep private keys private? | `keys/key_file.rs` |

mod authority;
pub(crate) mod certificate;
pub(crate) mod key_file;

pub use authority::{AUTHORITY_DAYS, Authority, ISSUED_DAYS};
pub use certificate::{KeyInfo, show, utc};

use crate::NetError;
use crate::settings::TlsFiles;
use crate::subjects::{Participant, escape};
use std::fmt;

/// Whom keys are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// The operator or an agent.
    Participant(Participant),
    /// A server.
    Server {
        /// What to call it; any text.
        name: String,
        /// Host names and addresses under which it is reached.
        hosts: Vec<String>,
    },
}

/// Keys that were issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The files.
    pub files: TlsFiles,
    /// What stands in the certificate.
    pub info: KeyInfo,
}

impl Holder {
    /// `operator`, `agent` or `server`.
    pub fn role(&self) -> &'static str {
        match self {
            Holder::Participant(participant) => participant.role(),
            Holder::Server { .. } => "server",
        }
    }

    /// The name as a token, as it stands in the certificate.
    pub(crate) fn token(&self) -> Result<String, NetError> {
        match self {
            Holder::Participant(participant) => participant.token(),
            Holder::Server { name, .. } => escape("server", name),
        }
    }

    /// Name of the files without extension: `operator`, `agent-TOKEN`, `server-TOKEN`.
    pub fn file_stem(&self) -> Result<String, NetError> {
        match self {
            Holder::Participant(Participant::Operator) => Ok("operator".to_owned()),
            other => Ok(format!("{}-{}", other.role(), other.token()?)),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Participant(participant) => participant.fmt(f),
            Holder::Server { name, .. } => write!(f, "server {name:?}"),
        }
    }
}

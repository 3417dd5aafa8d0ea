//! Bytes between one operator and its agents over NATS, and the keys that say who is who.
//!
//! This crate knows names and bytes. It knows no grid, no policy and no message: what the bytes mean is decided elsewhere.
//!
//! | question | file |
//! |---|---|
//! | who is called what on the server? | `subjects.rs` |
//! | what can be set, in which unit? | `settings.rs`, `server_address.rs`, `tls_files.rs` |
//! | how is a message sent and received? | `link.rs`, `connection.rs`, `outbox.rs`, `inbox.rs` |
//! | how are copies told apart and large messages cut? | `message_id.rs`, `copies.rs`, `parts.rs`, `arrivals.rs` |
//! | what is kept for those who were away? | `streams.rs`, `kept.rs` |
//! | what happened so far? | `status.rs` |
//! | who may connect? | `keys.rs`, `keys/` |
//! | what may each one do on the server? | `server_config.rs`, `server_process.rs` |
//!
//! What is promised:
//!
//! - The sender of an [`Inbound`] comes from its subject. With TLS the server lets nobody but that participant publish there.
//! - A message comes at most once, over however many connections it was sent. It may be lost; what the server has got can be
//!   read again with [`Link::kept`].
//! - Nothing received makes this crate panic or allocate by a length that the sender states.
//! - A server on another machine is never spoken to without TLS.

mod arrivals;
mod connection;
mod copies;
mod error;
mod inbox;
mod kept;
pub mod keys;
mod link;
mod message_id;
mod outbox;
mod parts;
mod server_address;
mod server_config;
mod server_process;
mod settings;
mod status;
mod streams;
mod subjects;
mod tls_files;

pub use error::NetError;
pub use inbox::Inbound;
pub use kept::{Kept, Since};
pub use keys::{Authority, Holder, Issued, KeyInfo};
pub use link::Link;
pub use server_config::{ServerSettings, server_config};
pub use server_process::{ServerProcess, free_loopback_port};
pub use settings::{LinkSettings, Storage, StreamSettings, TlsFiles};
pub use status::{Event, Status};
pub use subjects::{FleetName, Participant};

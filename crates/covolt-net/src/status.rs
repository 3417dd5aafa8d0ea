//! What happened on a link so far: counters and the latest events.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most events kept for whoever asks; older ones are forgotten.
const KEPT_EVENTS: usize = 256;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A connection stands, for the first time or again.
    Connected {
        /// Which one, from 0.
        connection: usize,
    },
    /// A connection was lost; a new one is being made.
    Lost {
        /// Which one, from 0.
        connection: usize,
    },
    /// The server refused something.
    Refused {
        /// Which connection, from 0.
        connection: usize,
        /// In the words of the server.
        reason: String,
    },
    /// An attempt to connect again failed, or messages came faster than they could be taken.
    Trouble {
        /// Which connection, from 0.
        connection: usize,
        /// What happened.
        reason: String,
    },
}

/// Counters since the link was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Connections that stand now.
    pub connected: usize,
    /// Connections there should be.
    pub connections: usize,
    /// Times a connection was lost.
    pub lost: u64,
    /// Things the server refused.
    pub refused: u64,
    /// Messages handed to `send`.
    pub sent: u64,
    /// Messages handed out or ready for `receive`.
    pub received: u64,
    /// Messages and parts dropped because they had come already.
    pub copies: u64,
    /// Messages dropped because they are none of ours: no identity, a wrong one, an unknown sender, contradicting parts.
    pub malformed: u64,
    /// Large messages given up because parts were missing and room was needed.
    pub incomplete: u64,
    /// Messages dropped before sending since the buffer was full; counted once per connection.
    pub dropped_unsent: u64,
    /// Messages dropped before they were fetched since the buffer was full, and times the connection had to drop some.
    pub dropped_unread: u64,
}

/// The counters as they are counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub lost: AtomicU64,
    pub refused: AtomicU64,
    pub sent: AtomicU64,
    pub received: AtomicU64,
    pub copies: AtomicU64,
    pub malformed: AtomicU64,
    pub incomplete: AtomicU64,
    pub dropped_unsent: AtomicU64,
    pub dropped_unread: AtomicU64,
    events: Mutex<VecDeque<Event>>,
}

impl Counters {
    /// The counters now, with so many of the connections standing.
    pub fn status(&self, connected: usize, connections: usize) -> Status {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            connected,
            connections,
            lost: read(&self.lost),
            refused: read(&self.refused),
            sent: read(&self.sent),
            received: read(&self.received),
            copies: read(&self.copies),
            malformed: read(&self.malformed),
            incomplete: read(&self.incomplete),
            dropped_unsent: read(&self.dropped_unsent),
            dropped_unread: read(&self.dropped_unread),
        }
    }

    /// Notes what the client library says of one connection.
    pub fn note(&self, connection: usize, event: async_nats::Event) {
        let event = match event {
            async_nats::Event::Connected => Event::Connected { connection },
            async_nats::Event::Disconnected => {
                add(&self.lost);
                Event::Lost { connection }
            }
            async_nats::Event::ServerError(error) => {
                add(&self.refused);
                Event::Refused { connection, reason: error.to_string() }
            }
            async_nats::Event::SlowConsumer(_) => {
                add(&self.dropped_unread);
                Event::Trouble { connection, reason: "messages come faster than they are taken".to_owned() }
            }
            async_nats::Event::ClientError(error) => {
                let reason = error.to_string();
                // The server knows the participant no longer; the attempts go on, since it may again.
                if reason.contains("authorization violation") {
                    add(&self.refused);
                    Event::Refused { connection, reason }
                } else {
                    Event::Trouble { connection, reason }
                }
            }
            _ => return,
        };
        let mut events = locked(&self.events);
        if events.len() >= KEPT_EVENTS {
            events.pop_front();
        }
        events.push_back(event);
    }

    /// Takes the events out.
    pub fn take_events(&self) -> Vec<Event> {
        locked(&self.events).drain(..).collect()
    }

    /// The latest refusal, left where it is.
    pub fn refusal(&self) -> Option<String> {
        locked(&self.events).iter().rev().find_map(|event| match event {
            Event::Refused { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }
}

/// Counts one.
pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The value behind a lock, also after another thread panicked while it held it: every update here leaves it consistent.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

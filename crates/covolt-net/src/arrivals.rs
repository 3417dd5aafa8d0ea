//! From what came over all connections to messages: is it one of ours, did it come already, are all its parts there?

use crate::copies::Copies;
use crate::inbox::{Inbound, Inbox};
use crate::message_id::{HEADER, MessageId};
use crate::parts::{Added, Assembly};
use crate::status::{Counters, add, locked};
use crate::subjects::Participant;
use async_nats::Message;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

/// What came from one sender.
#[derive(Debug)]
pub(crate) struct Source {
    copies: Copies,
    assembly: Assembly,
}

/// What became of something received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// A whole message.
    Message(Bytes),
    /// A part; others are missing.
    Waiting,
    /// It came already.
    Copy,
    /// None of ours.
    Malformed,
}

impl Source {
    /// A sender of whom nothing came yet.
    pub fn new(window: usize, limit: usize) -> Source {
        Source { copies: Copies::new(window), assembly: Assembly::new(limit) }
    }

    /// Takes what came under `subject`.
    pub fn take(&mut self, subject: &str, headers: Option<&async_nats::HeaderMap>, bytes: Bytes) -> Arrival {
        // Under a header that stands there twice the stream and we could understand two different things.
        let mut texts = headers.into_iter().flat_map(|headers| headers.get_all(HEADER));
        let (Some(text), None) = (texts.next(), texts.next()) else { return Arrival::Malformed };
        let Some(id) = MessageId::parse(subject, text.as_str()) else { return Arrival::Malformed };
        if self.copies.came(id.epoch, id.number) {
            return Arrival::Copy;
        }
        match self.assembly.add(&id, bytes) {
            Added::Complete(bytes) => {
                self.copies.note(id.epoch, id.number);
                Arrival::Message(bytes)
            }
            Added::Waiting => Arrival::Waiting,
            Added::Copy => Arrival::Copy,
            Added::Malformed => Arrival::Malformed,
        }
    }

    /// Unfinished messages given up since last asked.
    pub fn take_given_up(&mut self) -> u64 {
        std::mem::take(&mut self.assembly.given_up)
    }
}

/// All senders of a link, by the subject they send under.
#[derive(Debug)]
pub(crate) struct Arrivals {
    sources: HashMap<String, (Participant, Mutex<Source>)>,
}

impl Arrivals {
    /// For these senders and their subjects; memory is bounded per sender.
    pub fn new(senders: Vec<(String, Participant)>, window: usize, limit: usize) -> Arrivals {
        let source = |(subject, sender)| (subject, (sender, Mutex::new(Source::new(window, limit))));
        Arrivals { sources: senders.into_iter().map(source).collect() }
    }

    /// Takes what came and hands on what is complete.
    pub fn take(&self, message: Message, inbox: &Inbox, counters: &Counters) {
        let subject = message.subject.as_str();
        let Some((from, source)) = self.sources.get(subject) else { return add(&counters.malformed) };
        // Held until the message is in the inbox: over two connections messages must not overtake each other here.
        let mut source = locked(source);
        match source.take(subject, message.headers.as_ref(), message.payload) {
            Arrival::Message(bytes) => {
                add(&counters.received);
                let dropped = inbox.push(Inbound { from: from.clone(), bytes });
                counters.dropped_unread.fetch_add(dropped, Ordering::Relaxed);
            }
            Arrival::Waiting => {}
            Arrival::Copy => add(&counters.copies),
            Arrival::Malformed => add(&counters.malformed),
        }
        counters.incomplete.fetch_add(source.take_given_up(), Ordering::Relaxed);
    }
}

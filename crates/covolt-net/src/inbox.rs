//! Messages that came and wait to be fetched, within bounded memory.

use crate::status::locked;
use crate::subjects::Participant;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Who sent it, by the subject it came under.
    pub from: Participant,
    /// What was sent.
    pub bytes: Bytes,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    limit: usize,
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Inbound>,
    bytes: usize,
}

/// What a waiting message costs beside its bytes, roughly.
const ENTRY: usize = 64;

impl Inbox {
    /// Holds at most `limit` bytes, and always the latest message.
    pub fn new(limit: usize) -> Inbox {
        Inbox { limit, queue: Mutex::default(), filled: Condvar::new() }
    }

    /// Adds a message; answers how many older ones had to go.
    pub fn push(&self, message: Inbound) -> u64 {
        let mut queue = locked(&self.queue);
        queue.bytes += message.bytes.len() + ENTRY;
        queue.messages.push_back(message);
        let mut dropped = 0;
        while queue.bytes > self.limit && queue.messages.len() > 1 {
            queue.pop();
            dropped += 1;
        }
        drop(queue);
        self.filled.notify_one();
        dropped
    }

    /// The next message, waited for at most this long.
    pub fn next(&self, timeout: Duration) -> Option<Inbound> {
        let queue = locked(&self.queue);
        let waited = self.filled.wait_timeout_while(queue, timeout, |queue| queue.messages.is_empty());
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.pop()
    }
}

impl Queue {
    fn pop(&mut self) -> Option<Inbound> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.bytes.len() + ENTRY;
        Some(message)
    }
}

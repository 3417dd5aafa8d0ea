//! Messages that wait to be sent over one connection, within bounded memory: when full, the oldest go first.

use crate::status::locked;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// One part of a message, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// Where to.
    pub subject: String,
    /// What identifies it.
    pub id: String,
    /// Number of the message it is a part of.
    pub number: u64,
    /// The content.
    pub bytes: Bytes,
}

impl Outgoing {
    fn cost(&self) -> usize {
        self.bytes.len() + self.subject.len() + self.id.len() + 64
    }
}

/// The queue of one connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    limit: usize,
    queue: Mutex<Queue>,
    filled: Notify,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    parts: VecDeque<Outgoing>,
    bytes: usize,
    at_work: bool,
}

impl Outbox {
    /// Holds at most `limit` bytes, and always the latest message.
    pub fn new(limit: usize) -> Outbox {
        Outbox { limit, queue: Mutex::default(), filled: Notify::new(), emptied: Condvar::new() }
    }

    /// True where a message of these parts fits without dropping another.
    pub fn has_room(&self, parts: &[Outgoing]) -> bool {
        let queue = locked(&self.queue);
        queue.parts.is_empty() || queue.bytes + parts.iter().map(Outgoing::cost).sum::<usize>() <= self.limit
    }

    /// Adds all parts of a message, after waiting at most `patience` for room; answers how many messages had to go.
    pub fn push(&self, parts: &[Outgoing], patience: Duration) -> u64 {
        let cost: usize = parts.iter().map(Outgoing::cost).sum();
        let mut queue = locked(&self.queue);
        if !patience.is_zero() {
            let full = |queue: &mut Queue| !queue.parts.is_empty() && queue.bytes + cost > self.limit;
            let waited = self.emptied.wait_timeout_while(queue, patience, full);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut dropped = 0;
        while queue.bytes + cost > self.limit {
            let Some(oldest) = queue.parts.front().map(|part| part.number) else { break };
            while queue.parts.front().is_some_and(|part| part.number == oldest) {
                queue.pop();
            }
            dropped += 1;
        }
        queue.bytes += cost;
        queue.parts.extend(parts.iter().cloned());
        drop(queue);
        self.filled.notify_one();
        dropped
    }

    /// The next part, as soon as there is one. Whoever asks has dealt with the one before.
    pub async fn next(&self) -> Outgoing {
        loop {
            let next = {
                let mut queue = locked(&self.queue);
                let next = queue.pop();
                queue.at_work = next.is_some();
                next
            };
            self.emptied.notify_all();
            match next {
                Some(part) => return part,
                None => self.filled.notified().await,
            }
        }
    }

    /// Waits until nothing is left, at most this long.
    pub fn wait_until_empty(&self, timeout: Duration) {
        let queue = locked(&self.queue);
        let busy = |queue: &mut Queue| queue.at_work || !queue.parts.is_empty();
        drop(self.emptied.wait_timeout_while(queue, timeout, busy));
    }
}

impl Queue {
    fn pop(&mut self) -> Option<Outgoing> {
        let part = self.parts.pop_front()?;
        self.bytes -= part.cost();
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64, parts: usize) -> Vec<Outgoing> {
        let bytes = Bytes::from(vec![0; 100]);
        (0..parts)
            .map(|_| Outgoing { subject: String::new(), id: String::new(), number, bytes: bytes.clone() })
            .collect()
    }

    #[test]
    fn law_a_full_buffer_drops_the_oldest_whole_messages() {
        let outbox = Outbox::new(1000);
        assert_eq!(outbox.push(&message(1, 3), Duration::ZERO), 0);
        assert_eq!(outbox.push(&message(2, 2), Duration::ZERO), 0);
        assert_eq!(outbox.push(&message(3, 2), Duration::from_millis(5)), 1);
        let numbers: Vec<u64> = locked(&outbox.queue).parts.iter().map(|part| part.number).collect();
        assert_eq!(numbers, [2, 2, 3, 3]);
        assert_eq!(outbox.push(&message(4, 50), Duration::ZERO), 2);
        assert_eq!(locked(&outbox.queue).parts.len(), 50);
    }
}

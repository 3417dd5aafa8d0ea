//! Virtual time: what comes next, in order of its time, and of its planning where times are equal.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

struct Due<E> {
    at_ms: u64,
    number: u64,
    event: E,
}

impl<E> PartialEq for Due<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E> Eq for Due<E> {}

impl<E> PartialOrd for Due<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Due<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.number).cmp(&(other.at_ms, other.number))
    }
}

/// What is planned.
pub struct Clock<E> {
    pub now_ms: u64,
    planned: u64,
    queue: BinaryHeap<Reverse<Due<E>>>,
}

impl<E> Clock<E> {
    pub fn new() -> Clock<E> {
        Clock { now_ms: 0, planned: 0, queue: BinaryHeap::new() }
    }

    pub fn plan(&mut self, after_ms: u64, event: E) {
        self.queue.push(Reverse(Due { at_ms: self.now_ms + after_ms, number: self.planned, event }));
        self.planned += 1;
    }

    /// The next event; time moves on to it.
    pub fn next(&mut self) -> Option<E> {
        let Reverse(due) = self.queue.pop()?;
        self.now_ms = due.at_ms;
        Some(due.event)
    }
}

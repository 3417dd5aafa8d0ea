//! Messages larger than the server takes: cut into numbered parts, and put together again within bounded memory.

use crate::message_id::MessageId;
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, VecDeque};

/// What an entry of the table costs beside its bytes, roughly; so that empty parts are not free.
const ENTRY: usize = 128;

/// The parts of a message, each with at most `size` bytes; one for an empty message.
pub(crate) fn cut(bytes: &Bytes, size: usize) -> Vec<Bytes> {
    let size = size.max(1);
    let starts = (0..bytes.len().max(1)).step_by(size);
    starts.map(|start| bytes.slice(start..bytes.len().min(start + size))).collect()
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Added {
    /// The whole message.
    Complete(Bytes),
    /// Others are missing.
    Waiting,
    /// It was there already.
    Copy,
    /// It contradicts the others, or the message is larger than the limit: all of it is dropped.
    Malformed,
}

/// Unfinished messages of one sender.
#[derive(Debug)]
pub(crate) struct Assembly {
    limit: usize,
    held: usize,
    unfinished: BTreeMap<(u64, u64), Unfinished>,
    oldest_first: VecDeque<(u64, u64)>,
    /// Unfinished messages given up for lack of room.
    pub given_up: u64,
}

#[derive(Debug, Default)]
struct Unfinished {
    parts: u32,
    came: BTreeMap<u32, Bytes>,
    held: usize,
}

impl Assembly {
    /// Holds at most `limit` bytes.
    pub fn new(limit: usize) -> Assembly {
        Assembly { limit, held: 0, unfinished: BTreeMap::new(), oldest_first: VecDeque::new(), given_up: 0 }
    }

    /// Takes a part.
    pub fn add(&mut self, id: &MessageId, bytes: Bytes) -> Added {
        if id.parts == 1 {
            return if bytes.len() > self.limit { Added::Malformed } else { Added::Complete(bytes) };
        }
        let key = (id.epoch, id.number);
        if !self.unfinished.contains_key(&key) {
            self.oldest_first.push_back(key);
        }
        let message = self.unfinished.entry(key).or_default();
        if message.came.is_empty() {
            message.parts = id.parts;
        }
        if message.parts != id.parts {
            self.remove(key);
            return Added::Malformed;
        }
        if message.came.contains_key(&id.part) {
            return Added::Copy;
        }
        let cost = bytes.len() + ENTRY;
        message.came.insert(id.part, bytes);
        message.held += cost;
        self.held += cost;
        // The bytes alone count against the limit of a message, so that one of exactly that size goes through.
        if message.held - message.came.len() * ENTRY > self.limit {
            self.remove(key);
            return Added::Malformed;
        }
        if message.came.len() == id.parts as usize {
            return self.remove(key).map_or(Added::Malformed, |whole| Added::Complete(join(&whole)));
        }
        self.make_room(key)
    }

    /// Gives up the oldest messages until the rest fits; the one at work last.
    fn make_room(&mut self, at_work: (u64, u64)) -> Added {
        let allowance = self.limit.saturating_add(self.limit / 8).saturating_add(64 * ENTRY);
        while self.held > allowance {
            let others = self.oldest_first.iter().copied().find(|&key| key != at_work);
            self.given_up += 1;
            let Some(oldest) = others else {
                self.remove(at_work);
                return Added::Malformed;
            };
            self.remove(oldest);
        }
        Added::Waiting
    }

    fn remove(&mut self, key: (u64, u64)) -> Option<Unfinished> {
        self.oldest_first.retain(|other| *other != key);
        let message = self.unfinished.remove(&key)?;
        self.held -= message.held;
        Some(message)
    }
}

fn join(message: &Unfinished) -> Bytes {
    let mut whole = BytesMut::with_capacity(message.came.values().map(Bytes::len).sum());
    message.came.values().for_each(|part| whole.extend_from_slice(part));
    whole.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(number: u64, parts: u32) -> impl Iterator<Item = MessageId> {
        (0..parts).map(move |part| MessageId { epoch: 1, number, part, parts })
    }

    proptest! {
        #[test]
        fn law_cut_and_shuffled_parts_give_the_message_again(
            content in prop::collection::vec(any::<u8>(), 0..2000),
            size in 1_usize..300,
            order in any::<u64>(),
        ) {
            let whole = Bytes::from(content);
            let mut parts: Vec<_> = cut(&whole, size).into_iter().enumerate().collect();
            let n = parts.len() as u32;
            parts.sort_by_key(|(k, _)| (*k as u64 + 1).wrapping_mul(order | 1).rotate_left(17));
            let mut assembly = Assembly::new(1 << 20);
            let mut complete = None;
            for (k, part) in parts {
                let id = MessageId { epoch: 3, number: 9, part: k as u32, parts: n };
                match assembly.add(&id, part.clone()) {
                    Added::Complete(bytes) => complete = Some(bytes),
                    Added::Waiting => prop_assert_eq!(assembly.add(&id, part), Added::Copy),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            prop_assert_eq!(complete, Some(whole));
            prop_assert_eq!(assembly.held, 0);
        }

        #[test]
        fn law_memory_stays_bounded_whatever_comes(
            garbage in prop::collection::vec((0_u64..3, 0_u64..40, 0_u32..50, 1_u32..50, 0_usize..400), 1..400),
        ) {
            let mut assembly = Assembly::new(2000);
            for (epoch, number, part, parts, size) in garbage {
                assembly.add(&MessageId { epoch, number, part: part % parts, parts }, Bytes::from(vec![0; size]));
                prop_assert!(assembly.held <= 2000 + 250 + 64 * ENTRY);
                prop_assert_eq!(assembly.held, assembly.unfinished.values().map(|m| m.held).sum::<usize>());
                prop_assert_eq!(assembly.oldest_first.len(), assembly.unfinished.len());
            }
        }

        #[test]
        fn law_any_text_as_an_identity_is_read_or_refused(text in ".{0,60}") {
            for text in [text.clone(), format!("covolt.f.up.a.{text}")] {
                if let Some(id) = MessageId::parse("covolt.f.up.a", &text) {
                    prop_assert_eq!(MessageId::parse("covolt.f.up.a", &id.text("covolt.f.up.a")), Some(id));
                }
            }
        }
    }

    #[test]
    fn law_a_huge_stated_number_of_parts_allocates_nothing() {
        let mut assembly = Assembly::new(1000);
        let id = MessageId { epoch: 0, number: 0, part: 5, parts: u32::MAX };
        assert_eq!(assembly.add(&id, Bytes::from_static(b"x")), Added::Waiting);
        assert_eq!(assembly.held, 1 + ENTRY);
    }

    #[test]
    fn law_too_large_a_message_is_dropped_and_others_go_on() {
        let mut assembly = Assembly::new(1000);
        let last = ids(1, 3).map(|id| assembly.add(&id, Bytes::from(vec![0; 400]))).last();
        assert_eq!(last, Some(Added::Malformed));
        let last = ids(2, 2).map(|id| assembly.add(&id, Bytes::from(vec![0; 500]))).last();
        assert_eq!(last, Some(Added::Complete(Bytes::from(vec![0; 1000]))));
    }
}

//! Bytes that are no message: refused without panic, and without more memory than their number explains.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::by_hand::{self, Dump};
use common::{all_kinds, envelope, headers, longest, shapes};
use covolt_wire::{Shape, WireError, decode_down, decode_up, encode_down, encode_up};
use proptest::prelude::*;

/// Bytes that decoding may hold at once. A list of one-byte integers, 4 bytes each in memory, grows by doubling: up to 8 for each that
/// was read, and half of that while it moves. And an error's text.
fn most_held(input: usize) -> u64 {
    12 * input as u64 + 512
}

/// What both decoders make of the bytes: no panic, little memory, and what passes is what its own encoding says.
fn decode_both(bytes: &[u8], shape: &Shape) -> (Option<WireError>, Option<WireError>) {
    let (mut down, mut up) = (None, None);
    let held = allocation_counter::measure(|| down = Some(decode_down(bytes, shape))).bytes_max;
    assert!(held <= most_held(bytes.len()), "{held} bytes held for {} ({down:?})", bytes.len());
    let held = allocation_counter::measure(|| up = Some(decode_up(bytes, shape))).bytes_max;
    assert!(held <= most_held(bytes.len()), "{held} bytes held for {} ({up:?})", bytes.len());
    let (down, up) = (down.unwrap(), up.unwrap());
    if let Ok(message) = &down {
        assert_eq!(encode_down(message, shape).unwrap(), bytes);
    }
    if let Ok(message) = &up {
        assert_eq!(encode_up(message, shape).unwrap(), bytes);
    }
    (down.err(), up.err())
}

/// Every message of both directions as bytes.
fn legal((shape, header, down, up): common::AllKinds) -> (Shape, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let down = down.into_iter().map(|body| encode_down(&envelope(header, body), &shape).unwrap()).collect();
    let up = up.into_iter().map(|body| encode_up(&envelope(header, body), &shape).unwrap()).collect();
    (shape, down, up)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn law_garbage_is_refused_without_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000), shape in shapes(0), header in headers(), tag in 0u8..8,
    ) {
        decode_both(&bytes, &shape);
        // Past the version, and past header and kind.
        decode_both(&[&[1], &bytes[..]].concat(), &shape);
        let mut start = Dump::header(&header);
        start.kind(tag, "");
        decode_both(&[start.bytes(), bytes].concat(), &shape);
    }

    #[test]
    fn law_flipped_bits_never_panic(kinds in all_kinds(1), flips in proptest::collection::vec(any::<(u16, u8)>(), 1..4)) {
        let (shape, down, up) = legal(kinds);
        for mut bytes in down.into_iter().chain(up) {
            for (at, bit) in &flips {
                let at = usize::from(*at) % bytes.len();
                bytes[at] ^= 1 << (bit % 8);
            }
            decode_both(&bytes, &shape);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn law_truncations_and_trailing_bytes_are_refused(kinds in all_kinds(1), more in proptest::collection::vec(any::<u8>(), 1..20)) {
        let (shape, down, up) = legal(kinds);
        for (bytes, is_down) in down.into_iter().map(|b| (b, true)).chain(up.into_iter().map(|b| (b, false))) {
            let refused = |bytes: &[u8]| {
                let (down, up) = decode_both(bytes, &shape);
                if is_down { down } else { up }
            };
            prop_assert_eq!(refused(&bytes), None);
            for cut in 0..bytes.len() {
                prop_assert!(refused(&bytes[..cut]).is_some());
            }
            let longer = [&bytes[..], &more].concat();
            let trailing = matches!(refused(&longer), Some(WireError::Malformed { .. } | WireError::TooLong { .. }));
            prop_assert!(trailing);
        }
    }

    #[test]
    fn law_huge_length_prefixes_reserve_nothing(shape in shapes(1), header in headers(), count in 0u64..u64::MAX, filler in any::<u8>()) {
        // Many bytes behind the prefix, so that a prefix may promise that many entries and be believed for a while.
        let room = shape.size_limit() - 120;
        for count in [count, room as u64, room as u64 - 1, room as u64 / 8, u64::from(u32::MAX), u64::MAX] {
            // The first list of each kind that has one, behind the fields that stand before it.
            for (tag, before) in [(0, 3), (1, 0), (2, 0), (3, 1), (4, 2)] {
                let mut start = Dump::header(&header);
                start.kind(tag, "");
                for _ in 0..before {
                    start.integer("", 1);
                }
                if tag == 2 {
                    start.kind(1, "there");
                }
                start.entries("", count);
                let mut bytes = start.bytes();
                bytes.resize(bytes.len() + room, filler);
                decode_both(&bytes, &shape);
            }
        }
    }

    #[test]
    fn law_padded_integers_are_refused(kinds in all_kinds(1)) {
        let (_, header, ..) = &kinds;
        // Behind version and fingerprint: run, round, exchange, the kind.
        let mut at = vec![17];
        for value in [header.run, u64::from(header.round), u64::from(header.exchange)] {
            at.push(at[at.len() - 1] + by_hand::integer(value).len());
        }
        let (shape, down, up) = legal(kinds);
        for (bytes, is_down) in down.into_iter().map(|b| (b, true)).chain(up.into_iter().map(|b| (b, false))) {
            for start in &at {
                let last = start + bytes[*start..].iter().position(|b| b & 0x80 == 0).unwrap();
                let mut padded = bytes.clone();
                padded[last] |= 0x80;
                padded.insert(last + 1, 0);
                let (down, up) = decode_both(&padded, &shape);
                let refused = if is_down { down } else { up };
                let padding = matches!(refused, Some(WireError::Malformed { .. } | WireError::TooLong { .. }));
                prop_assert!(padding, "{:?}", refused);
            }
        }
    }
}

#[test]
fn law_the_longest_messages_hold_little_more_than_their_bytes() {
    let shape = Shape { steps: 24, most_windows: 32, most_rows: 4000 };
    let (down, up) = longest(shape);
    let header = common::LONGEST_HEADER;
    let down = down.into_iter().map(|body| encode_down(&envelope(header, body), &shape).unwrap());
    let up = up.into_iter().map(|body| encode_up(&envelope(header, body), &shape).unwrap());
    for bytes in down.chain(up) {
        let held = allocation_counter::measure(|| {
            drop(decode_down(&bytes, &shape));
            drop(decode_up(&bytes, &shape));
        });
        // What was asked for, and at worst a list that had to grow.
        assert!(held.bytes_max <= 2 * bytes.len() as u64 + 512, "{} for {}", held.bytes_max, bytes.len());
    }
    // The counter does count.
    assert_eq!(allocation_counter::measure(|| drop(std::hint::black_box(vec![0u8; 999]))).bytes_max, 999);
}

//! Any bytes as a message of either direction: a message that encodes to the same bytes again, or an error, never a panic.
//!
//! Run with `cargo +nightly fuzz run messages` in the repository's root.

#![no_main]

use covolt_wire::{Shape, decode_down, decode_up, encode_down, encode_up};
use libfuzzer_sys::fuzz_target;

// The first byte chooses the shape, the others are the message.
fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let choice = usize::from(choice);
    let shape = Shape { steps: choice % 4, most_windows: choice / 4 % 4, most_rows: choice / 16 };
    if let Ok(message) = decode_down(bytes, &shape) {
        let again = encode_down(&message, &shape).expect("what was decoded can be encoded");
        assert_eq!(again, bytes);
        assert_eq!(decode_down(&again, &shape), Ok(message));
    }
    if let Ok(message) = decode_up(bytes, &shape) {
        let again = encode_up(&message, &shape).expect("what was decoded can be encoded");
        assert_eq!(again, bytes);
        assert_eq!(decode_up(&again, &shape), Ok(message));
    }
});

//! Why bytes are no message.

use thiserror::Error;

/// A message that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// More bytes than any message may have.
    #[error("{found} bytes, at most {most} are possible")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// The most.
        most: usize,
    },
    /// Nothing at all.
    #[error("the message is empty")]
    Empty,
    /// Another version of the encoding.
    #[error("version {found}, this program speaks version {expected}")]
    Version {
        /// Version found.
        found: u8,
        /// Version spoken.
        expected: u8,
    },
    /// The bytes end early, go on behind the message, or are of no known kind.
    #[error("the bytes are no message: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// A list of the wrong length.
    #[error("{field} has {found} entries, expected {expected}")]
    Length {
        /// Field.
        field: &'static str,
        /// Entries found.
        found: usize,
        /// What fits.
        expected: String,
    },
    /// A number that is not finite, or outside what it can be.
    #[error("{field}[{at}] is {value}, expected {expected}")]
    Number {
        /// Field.
        field: &'static str,
        /// Which entry.
        at: usize,
        /// The number, as text (it may be NaN).
        value: String,
        /// What fits.
        expected: &'static str,
    },
}

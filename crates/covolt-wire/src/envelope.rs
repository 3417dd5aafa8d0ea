//! A message as bytes: version, header, body.
//!
//! ```text
//!   byte 0        version (1)
//!   bytes 1..17   fingerprint of the cut of the case
//!   then          run, round, exchange as variable-length integers, the body: postcard 1.x, 8 bytes per number
//! ```
//!
//! A message has one form only: integers and lengths in as few bytes as they need, nothing behind the body.

use crate::down::Down;
use crate::error::WireError;
use crate::plausibility::{check_down, check_up};
use crate::up::Up;
use postcard::de_flavors::{Flavor, Slice};
use postcard::ser_flavors::Size;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Version of the encoding; other versions are refused.
pub const MESSAGE_VERSION: u8 = 1;

/// What the parts of one case have in common, and every message carries.
pub type Fingerprint = [u8; 16];

/// Where a message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What the parts of the case have in common: of the feeder and of names, nothing of what a microgrid holds.
    pub fingerprint: Fingerprint,
    /// Number of the run, chosen by the operator when it begins; later runs have higher ones, and agents stay in the latest.
    pub run: u64,
    /// Update of a training, or dispatched window, counted from 0.
    pub round: u32,
    /// Exchange within the round, counted from 0.
    pub exchange: u16,
}

/// A message with its header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope<B> {
    /// Where it belongs.
    pub header: Header,
    /// What it says.
    pub body: B,
}

/// What decoding measures messages against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Steps of a window.
    pub steps: usize,
    /// Most windows in one message.
    pub most_windows: usize,
    /// Most windows of a training plan, one row each.
    pub most_rows: usize,
}

impl Shape {
    /// Bytes that no message exceeds.
    #[must_use]
    pub fn size_limit(&self) -> usize {
        // A row is at most 5 bytes. A point is 40, which covers a voltage, a price and a window's number (8 + 16 + 5). A dispatch answer
        // has a point, an excess and 6 T responses per step.
        let plan = self.most_rows.saturating_mul(5);
        let windows = self.most_windows.saturating_mul(self.steps).saturating_mul(40);
        let answer = self.steps.saturating_mul(self.steps.saturating_mul(48).saturating_add(48));
        // Header, prefixes and single fields take less than 200.
        plan.max(windows).max(answer).saturating_add(256)
    }
}

fn encode<B: Serialize>(envelope: &Envelope<B>, shape: &Shape) -> Result<Vec<u8>, WireError> {
    let malformed = |e: postcard::Error| WireError::Malformed { reason: e.to_string() };
    let bytes = postcard::to_extend(envelope, vec![MESSAGE_VERSION]).map_err(malformed)?;
    within(&bytes, shape)?;
    Ok(bytes)
}

fn within(bytes: &[u8], shape: &Shape) -> Result<(), WireError> {
    let most = shape.size_limit();
    if bytes.len() > most { Err(WireError::TooLong { found: bytes.len(), most }) } else { Ok(()) }
}

/// A slice that promises an eighth of what it holds: lists reserve their memory by this hint, and would otherwise reserve one entry
/// (up to 40 bytes) for every byte left, before any has been read. Where a list outruns the hint it grows as it is read.
struct Frugal<'de>(Slice<'de>);

impl<'de> Flavor<'de> for Frugal<'de> {
    type Remainder = &'de [u8];
    type Source = &'de [u8];

    fn pop(&mut self) -> postcard::Result<u8> {
        self.0.pop()
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint().map(|bytes| bytes / 8)
    }

    fn try_take_n(&mut self, n: usize) -> postcard::Result<&'de [u8]> {
        self.0.try_take_n(n)
    }

    fn finalize(self) -> postcard::Result<&'de [u8]> {
        self.0.finalize()
    }
}

fn decode<B: Serialize + DeserializeOwned>(bytes: &[u8], shape: &Shape) -> Result<Envelope<B>, WireError> {
    let (&version, rest) = bytes.split_first().ok_or(WireError::Empty)?;
    if version != MESSAGE_VERSION {
        return Err(WireError::Version { found: version, expected: MESSAGE_VERSION });
    }
    within(bytes, shape)?;
    let malformed = |e: postcard::Error| WireError::Malformed { reason: e.to_string() };
    let mut reader = postcard::Deserializer::from_flavor(Frugal(Slice::new(rest)));
    let envelope = Envelope::<B>::deserialize(&mut reader).map_err(malformed)?;
    let trailing = reader.finalize().map_err(malformed)?.len();
    if trailing > 0 {
        return Err(WireError::Malformed { reason: format!("{trailing} trailing bytes") });
    }
    // An integer can be padded with zero groups; whoever did so could write something between the lines.
    let shortest = postcard::serialize_with_flavor(&envelope, Size::default()).map_err(malformed)?;
    if shortest != rest.len() {
        return Err(WireError::Malformed { reason: format!("{} bytes of padding", rest.len() - shortest) });
    }
    Ok(envelope)
}

/// Bytes of a message from the operator.
///
/// # Errors
/// A message that decoding would refuse.
pub fn encode_down(envelope: &Envelope<Down>, shape: &Shape) -> Result<Vec<u8>, WireError> {
    check_down(&envelope.body, shape)?;
    encode(envelope, shape)
}

/// Bytes of a message from an agent.
///
/// # Errors
/// A message that decoding would refuse.
pub fn encode_up(envelope: &Envelope<Up>, shape: &Shape) -> Result<Vec<u8>, WireError> {
    check_up(&envelope.body, shape)?;
    encode(envelope, shape)
}

/// The operator's message in `bytes`. Never panics; never holds more than a small multiple of the input's size.
///
/// Whether fingerprint, run, round and exchange are the expected ones is for the caller to check.
///
/// # Errors
/// Empty, another version, too long, truncated, trailing bytes, padding, wrong lengths, numbers that are not plausible.
pub fn decode_down(bytes: &[u8], shape: &Shape) -> Result<Envelope<Down>, WireError> {
    let envelope = decode(bytes, shape)?;
    check_down(&envelope.body, shape)?;
    Ok(envelope)
}

/// The agent's message in `bytes`. Never panics; never holds more than a small multiple of the input's size.
///
/// Who sent it is for the transport to say: no field names the sender.
///
/// # Errors
/// As [`decode_down`].
pub fn decode_up(bytes: &[u8], shape: &Shape) -> Result<Envelope<Up>, WireError> {
    let envelope = decode(bytes, shape)?;
    check_up(&envelope.body, shape)?;
    Ok(envelope)
}

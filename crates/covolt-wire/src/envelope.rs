//! A message as bytes: version, header, body; and what is refused.
//!
//! ```text
//!   byte 0        version (1)
//!   bytes 1..17   fingerprint of the whole case
//!   then          run, round, exchange as variable-length integers, the body: postcard 1.x, 8 bytes per number
//! ```

use crate::down::{Down, PriceOfPower};
use crate::error::WireError;
use crate::up::{BoundaryPoint, DispatchAnswer, Up};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Version of the encoding; other versions are refused.
pub const MESSAGE_VERSION: u8 = 1;

/// Bytes of the case's fingerprint that every message carries.
pub type Fingerprint = [u8; 16];

/// Where a message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The whole case, first bytes of its SHA-256.
    pub fingerprint: Fingerprint,
    /// Number of the run, drawn by the operator when it begins.
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
    /// Most windows of a training plan.
    pub most_rows: usize,
}

impl Shape {
    /// Bytes that no message exceeds.
    #[must_use]
    pub fn size_limit(&self) -> usize {
        let (steps, windows) = (self.steps, self.most_windows);
        // The widest of: a plan's rows; a point per window and step; a response matrix; with room for headers and prefixes.
        let widest = (5 * self.most_rows).max(windows * (5 + 40 * steps)).max(8 * (4 * steps * steps + 10 * steps));
        widest + 1024
    }
}

/// Largest magnitude of a number in a message: powers in kW, prices in $/kW, slopes; anything above is garbage.
const LARGEST: f64 = 1e15;

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

fn decode<B: DeserializeOwned>(bytes: &[u8], shape: &Shape) -> Result<Envelope<B>, WireError> {
    within(bytes, shape)?;
    let (&version, rest) = bytes.split_first().ok_or(WireError::Empty)?;
    if version != MESSAGE_VERSION {
        return Err(WireError::Version { found: version, expected: MESSAGE_VERSION });
    }
    let malformed = |reason: String| WireError::Malformed { reason };
    let (envelope, trailing) = postcard::take_from_bytes(rest).map_err(|e| malformed(e.to_string()))?;
    if !trailing.is_empty() {
        return Err(malformed(format!("{} trailing bytes", trailing.len())));
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

/// The operator's message in `bytes`. Never panics; never reserves more than a little beyond the input's size.
///
/// # Errors
/// Too long, another version, truncated, trailing bytes, wrong lengths, numbers that are not finite.
pub fn decode_down(bytes: &[u8], shape: &Shape) -> Result<Envelope<Down>, WireError> {
    let envelope = decode(bytes, shape)?;
    check_down(&envelope.body, shape)?;
    Ok(envelope)
}

/// The agent's message in `bytes`. Never panics; never reserves more than a little beyond the input's size.
///
/// # Errors
/// As [`decode_down`].
pub fn decode_up(bytes: &[u8], shape: &Shape) -> Result<Envelope<Up>, WireError> {
    let envelope = decode(bytes, shape)?;
    check_up(&envelope.body, shape)?;
    Ok(envelope)
}

fn check_down(body: &Down, shape: &Shape) -> Result<(), WireError> {
    match body {
        Down::Begin(plan) => {
            length("rows", plan.rows.len(), (1..=shape.most_rows).contains(&plan.rows.len()), || {
                format!("1 to {}", shape.most_rows)
            })?;
            let batch = plan.batch as usize;
            let fits = (1..=shape.most_windows.min(plan.rows.len())).contains(&batch);
            length("batch", batch, fits, || format!("1 to {}", shape.most_windows.min(plan.rows.len())))?;
            let p = plan;
            numbers("rate", &[p.rate, p.averaging, p.voltage_curvature, p.current_curvature], 0.0)?;
            numbers("multiplier_share", &[p.multiplier_share, p.multiplier_cap], 0.0)?;
            numbers("voltage_margin_pu", &[p.voltage_margin_pu, p.current_margin], -LARGEST)
        }
        Down::Voltages { windows, v_pu, settled } => {
            let count = windows.len();
            length("windows", count, (1..=shape.most_windows).contains(&count), || {
                format!("1 to {}", shape.most_windows)
            })?;
            exactly("v_pu", v_pu.len(), count * shape.steps)?;
            voltages(v_pu)?;
            settled.as_ref().map_or(Ok(()), |s| prices("settled", s, shape.most_windows * shape.steps, shape.steps))
        }
        Down::Finish { settled } => {
            settled.as_ref().map_or(Ok(()), |s| prices("settled", s, shape.most_windows * shape.steps, shape.steps))
        }
        Down::Ask { row: _, v_pu, prices: own, hold: _, with_response: _ } => {
            exactly("v_pu", v_pu.len(), shape.steps)?;
            voltages(v_pu)?;
            if own.is_empty() { Ok(()) } else { exactly("prices", own.len(), shape.steps) }?;
            prices("prices", own, shape.steps, shape.steps)
        }
        Down::Settled { row: _, certainty: _, v_pu, margin_pu } => {
            exactly("v_pu", v_pu.len(), shape.steps)?;
            voltages(v_pu)?;
            numbers("margin_pu", &[*margin_pu], 0.0)
        }
        Down::WhereAreYou => Ok(()),
    }
}

fn check_up(body: &Up, shape: &Shape) -> Result<(), WireError> {
    match body {
        Up::Here { updates: _, has_plan: _ } | Up::Kept | Up::Absent(_) => Ok(()),
        Up::Powers { points: own } => {
            let (found, most) = (own.len(), shape.most_windows * shape.steps);
            let fits = found > 0 && found <= most && found.is_multiple_of(shape.steps.max(1));
            length("points", found, fits, || format!("a multiple of {}, at most {most}", shape.steps))?;
            points(own)
        }
        Up::Dispatch(answer) => {
            let DispatchAnswer { row: _, points: own, excess, response, safe: _ } = &**answer;
            exactly("points", own.len(), shape.steps)?;
            points(own)?;
            exactly("excess", excess.len(), shape.steps)?;
            numbers("excess", excess, 0.0)?;
            if response.is_empty() { Ok(()) } else { exactly("response", response.len(), 4 * shape.steps.pow(2)) }?;
            numbers("response", response, -LARGEST)
        }
    }
}

fn length(field: &'static str, found: usize, fits: bool, expected: impl Fn() -> String) -> Result<(), WireError> {
    if fits { Ok(()) } else { Err(WireError::Length { field, found, expected: expected() }) }
}

fn exactly(field: &'static str, found: usize, expected: usize) -> Result<(), WireError> {
    length(field, found, found == expected, || expected.to_string())
}

fn numbers(field: &'static str, values: &[f64], least: f64) -> Result<(), WireError> {
    let good = |v: &f64| (least..=LARGEST).contains(v);
    match values.iter().position(|v| !good(v)) {
        None => Ok(()),
        Some(at) => {
            let expected = if least < 0.0 { "a finite number" } else { "a finite number, not negative" };
            Err(WireError::Number { field, at, value: values[at].to_string(), expected })
        }
    }
}

fn voltages(v_pu: &[f64]) -> Result<(), WireError> {
    match v_pu.iter().position(|v| !(*v > 0.0 && *v <= LARGEST)) {
        None => Ok(()),
        Some(at) => Err(WireError::Number {
            field: "v_pu",
            at,
            value: v_pu[at].to_string(),
            expected: "a finite number above 0",
        }),
    }
}

fn prices(field: &'static str, list: &[PriceOfPower], most: usize, steps: usize) -> Result<(), WireError> {
    let fits = list.len() <= most && list.len().is_multiple_of(steps.max(1));
    length(field, list.len(), fits, || format!("a multiple of {steps}, at most {most}"))?;
    list.iter().try_for_each(|price| numbers(field, &[price.p_per_kw, price.q_per_kvar], -LARGEST))
}

fn points(list: &[BoundaryPoint]) -> Result<(), WireError> {
    list.iter().try_for_each(|p| numbers("points", &[p.p_kw, p.q_kvar, p.dp_dv, p.dq_dv, p.slope], -LARGEST))
}

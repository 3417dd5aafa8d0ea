//! Where bytes become messages: who may speak to whom, of which case, and what is refused with which words.

use crate::party::{Output, Party};
use covolt_fleet::PccPoint;
use covolt_wire::envelope::Fingerprint;
use covolt_wire::{BoundaryPoint, Down, Envelope, Header, Shape, Up, decode_down, decode_up};

const OTHER_CASE: &str = "the message is of another case";

/// An agent's message to the operator, and its seat; what is none is refused in `out`.
pub(crate) fn take_up(
    from: Party,
    bytes: &[u8],
    seats: usize,
    (shape, fingerprint): (&Shape, &Fingerprint),
    out: &mut Vec<Output>,
) -> Option<(usize, Envelope<Up>)> {
    let refusal = match (from, decode_up(bytes, shape)) {
        (Party::Operator, _) => "the operator does not speak to itself".to_owned(),
        (Party::Agent(n), _) if n >= seats => format!("there is no seat {n}"),
        (_, Err(error)) => error.to_string(),
        (_, Ok(message)) if message.header.fingerprint != *fingerprint => OTHER_CASE.to_owned(),
        (Party::Agent(n), Ok(message)) => return Some((n, message)),
    };
    out.push(Output::Refused { from, reason: refusal });
    None
}

/// An agent is here, or went missing: told where it is news.
pub(crate) fn note_presence(n: usize, was_here: &mut bool, here: bool, out: &mut Vec<Output>) {
    if std::mem::replace(was_here, here) != here {
        out.push(Output::Presence { who: Party::Agent(n), here });
    }
}

/// What an agent was sent.
pub(crate) enum Received {
    /// A message for it.
    Message(Envelope<Down>),
    /// One of another case: its sender is told so.
    OtherCase(Header),
}

/// The operator's message to an agent; what is none is refused in `out`.
pub(crate) fn take_down(
    from: Party,
    bytes: &[u8],
    (shape, fingerprint): (&Shape, &Fingerprint),
    out: &mut Vec<Output>,
) -> Option<Received> {
    let mut refuse = |reason: String| out.push(Output::Refused { from, reason });
    match (from, decode_down(bytes, shape)) {
        (Party::Agent(_), _) => refuse("only the operator speaks to an agent".into()),
        (Party::Operator, Err(error)) => refuse(error.to_string()),
        (Party::Operator, Ok(message)) if message.header.fingerprint != *fingerprint => {
            refuse(OTHER_CASE.into());
            return Some(Received::OtherCase(message.header));
        }
        (Party::Operator, Ok(message)) => return Some(Received::Message(message)),
    }
    None
}

/// An answer as it is told; `slope` is dL/d|V| in training, that of the excess in dispatch.
pub(crate) fn told(p: &PccPoint) -> BoundaryPoint {
    BoundaryPoint { p_kw: p.p_kw, q_kvar: p.q_kvar, dp_dv: p.dp_dv, dq_dv: p.dq_dv, slope: p.dl_dv }
}

/// What was told, with the voltage that it holds at.
pub(crate) fn heard(v_pu: f64, p: &BoundaryPoint) -> PccPoint {
    PccPoint { v_pu, p_kw: p.p_kw, q_kvar: p.q_kvar, dp_dv: p.dp_dv, dq_dv: p.dq_dv, dl_dv: p.slope }
}

//! What the operator could not certify is said: a certified row has nobody assumed, nothing broken and a feeder that was solved.

use crate::simulation::patience::Patience;
use covolt_parties::RowNote;
use covolt_wire::Certainty;

pub fn check(note: &RowNote, patience: &Patience) -> Result<(), String> {
    let whole = note.assumed.is_empty() && note.broken.is_empty() && note.reason.is_none();
    let fits = match note.certainty {
        Certainty::Certified => whole,
        Certainty::WithoutSome => !note.assumed.is_empty() && note.broken.is_empty() && note.reason.is_none(),
        Certainty::LeastViolation => true,
    };
    let settings = &patience.operator;
    let bounded = note.exchanges <= settings.most_exchanges.max(1) && note.priced <= settings.most_priced.max(1);
    if fits && bounded { Ok(()) } else { Err(format!("a note says too little or took too much: {note:?}")) }
}

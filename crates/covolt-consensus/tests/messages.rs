//! What can leave an agent: only numbers per coupled row, and nothing that garbage could turn into a panic.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use covolt_consensus::messages::{MESSAGE_VERSION, size_limit};
use covolt_consensus::{Body, Curvature, Message, Method, disclosure};
use proptest::prelude::*;

const ROWS: usize = 6;

fn bodies(rows: usize) -> Vec<Body> {
    vec![
        Body::Multipliers { lambda: vec![0.5; rows], average: vec![-1.0; rows], quiet: 3 },
        Body::Ranges { ranges: vec![2.0; rows], cost_scale: 7.0 },
        Body::Shares { activity: vec![0.25; rows], change: 1e-3 },
        Body::Curvature(Box::new(Curvature {
            matrix: vec![1.0; rows * (rows + 1) / 2],
            predictor: vec![1.0; rows],
            centring: vec![1.0; rows],
            activity: vec![1.0; rows],
            ranges: Vec::new(),
            scalars: [1.0; 9],
            locally_infeasible: false,
        })),
        Body::SecondOrder { vector: vec![1.0; rows], complementarity: [1.0; 3], step: 0.5 },
        Body::StepLength { step: 0.5 },
    ]
}

/// The only shapes that a message may have. A new kind or a new field does not compile here until it has been declared.
fn row_lengths(body: &Body, rows: usize) -> bool {
    match body {
        Body::Multipliers { lambda, average, quiet: _ } => lambda.len() == rows && average.len() == rows,
        Body::Ranges { ranges, cost_scale: _ } => ranges.len() == rows,
        Body::Shares { activity, change: _ } => activity.len() == rows,
        Body::Curvature(c) => {
            let Curvature { matrix, predictor, centring, activity, ranges, scalars: _, locally_infeasible: _ } = &**c;
            matrix.len() == rows * (rows + 1) / 2
                && [predictor, centring, activity].iter().all(|v| v.len() == rows)
                && (ranges.is_empty() || ranges.len() == rows)
        }
        Body::SecondOrder { vector, complementarity: _, step: _ } => vector.len() == rows,
        Body::StepLength { step: _ } => true,
    }
}

#[test]
fn law_every_kind_survives_the_wire_and_only_row_lengths_pass() {
    for body in bodies(ROWS) {
        let message = Message { sender: 2, round: 9, body };
        let bytes = message.encode(ROWS).unwrap();
        assert!(bytes.len() <= size_limit(ROWS));
        assert_eq!(Message::decode(&bytes, ROWS).unwrap(), message);
        assert!(row_lengths(&message.body, ROWS));
        let carries_rows = message.body.fields().iter().any(|(_, n)| *n == ROWS);
        // The same numbers are refused wherever the rows are counted differently: a vector of parameters has no length that fits.
        assert_eq!(Message::decode(&bytes, ROWS + 1).is_err(), carries_rows);
        assert_eq!(message.encode(ROWS + 1).is_err(), carries_rows);
        for cut in 0..bytes.len() {
            assert!(Message::decode(&bytes[..cut], ROWS).is_err());
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Message::decode(&longer, ROWS).is_err());
        let mut other = bytes;
        other[0] = MESSAGE_VERSION + 1;
        assert!(Message::decode(&other, ROWS).unwrap_err().to_string().contains("version"));
    }
}

#[test]
fn law_numbers_that_are_not_finite_are_refused() {
    for bad in [f64::NAN, f64::INFINITY] {
        let body = Body::Shares { activity: vec![bad; ROWS], change: 0.0 };
        assert!(Message { sender: 0, round: 1, body }.encode(ROWS).is_err());
    }
    let body = Body::Multipliers { lambda: vec![-1.0; ROWS], average: vec![0.0; ROWS], quiet: 0 };
    assert!(Message { sender: 0, round: 1, body }.encode(ROWS).is_err());
}

#[test]
fn law_every_method_declares_what_it_sends() {
    for method in Method::ALL {
        let fields = disclosure(method);
        assert!(!fields.is_empty());
        assert!(fields.iter().all(|f| !f.meaning.is_empty() && !f.bytes.is_empty()));
    }
}

proptest! {
    #[test]
    fn law_garbage_is_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), rows in 0usize..20) {
        if let Ok(message) = Message::decode(&bytes, rows) {
            prop_assert!(row_lengths(&message.body, rows));
        }
    }

    #[test]
    fn law_flipped_bytes_never_pass_with_wrong_lengths(kind in 0usize..6, at in 0usize..2000, value in any::<u8>()) {
        let message = Message { sender: 1, round: 1, body: bodies(ROWS)[kind].clone() };
        let mut bytes = message.encode(ROWS).unwrap();
        let at = at % bytes.len();
        bytes[at] = value;
        if let Ok(message) = Message::decode(&bytes, ROWS) {
            prop_assert!(row_lengths(&message.body, ROWS));
        }
    }
}

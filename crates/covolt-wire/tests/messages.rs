//! What can cross: every kind survives, and only with the lengths, numbers, sizes and the version that it may have.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{LONGEST_HEADER, all_kinds, by_hand, envelope, longest};
use covolt_wire::{
    BoundaryPoint, DispatchAnswer, Down, Header, PriceOfPower, Shape, TrainingPlan, Up, WireError, decode_down,
    decode_up, encode_down, encode_up,
};
use proptest::prelude::*;

/// Encoding refuses the message, and so does decoding of its bytes; both for the same reason.
fn refusal_of_down(body: &Down, header: Header, shape: &Shape) -> Option<WireError> {
    let message = envelope(header, body.clone());
    let (encoded, decoded) =
        (encode_down(&message, shape).err(), decode_down(&by_hand::down(&message).bytes(), shape).err());
    // A list that is too long may make the message too long as well, which decoding sees first.
    assert!(encoded == decoded || matches!(decoded, Some(WireError::TooLong { .. })), "{encoded:?} {decoded:?}");
    assert_eq!(encoded.is_some(), decoded.is_some());
    encoded
}

fn refusal_of_up(body: &Up, header: Header, shape: &Shape) -> Option<WireError> {
    let message = envelope(header, body.clone());
    let (encoded, decoded) = (encode_up(&message, shape).err(), decode_up(&by_hand::up(&message).bytes(), shape).err());
    assert!(encoded == decoded || matches!(decoded, Some(WireError::TooLong { .. })), "{encoded:?} {decoded:?}");
    assert_eq!(encoded.is_some(), decoded.is_some());
    encoded
}

/// A list of a message: its name, and how to add entries or to take one away.
enum List<'a> {
    Integers(&'static str, &'a mut Vec<u32>),
    Numbers(&'static str, &'a mut Vec<f64>),
    Prices(&'static str, &'a mut Vec<PriceOfPower>),
    Points(&'static str, &'a mut Vec<BoundaryPoint>),
}

impl List<'_> {
    fn name(&self) -> &'static str {
        match self {
            List::Integers(name, _) | List::Numbers(name, _) | List::Prices(name, _) | List::Points(name, _) => name,
        }
    }

    /// The list with `length` entries, all of them plausible.
    fn resize(&mut self, length: usize) {
        match self {
            List::Integers(_, list) => list.resize(length, 0),
            List::Numbers(_, list) => list.resize(length, 1.0),
            List::Prices(_, list) => list.resize(length, PriceOfPower::default()),
            List::Points(_, list) => list.resize(length, BoundaryPoint::default()),
        }
    }

    fn len(&self) -> usize {
        match self {
            List::Integers(_, list) => list.len(),
            List::Numbers(_, list) => list.len(),
            List::Prices(_, list) => list.len(),
            List::Points(_, list) => list.len(),
        }
    }
}

/// Every list of the message; the patterns are exhaustive, so that a new one is not forgotten.
fn lists_of_down(body: &mut Down) -> Vec<List<'_>> {
    match body {
        Down::Begin(plan) => vec![List::Integers("rows", &mut plan.rows)],
        Down::Voltages { windows, v_pu, settled } => {
            let mut lists = vec![List::Integers("windows", windows), List::Numbers("v_pu", v_pu)];
            lists.extend(settled.as_mut().map(|list| List::Prices("settled", list)));
            lists
        }
        Down::Finish { settled } => settled.as_mut().map(|list| List::Prices("settled", list)).into_iter().collect(),
        Down::Ask { row: _, v_pu, prices, hold: _, with_response: _ } => {
            vec![List::Numbers("v_pu", v_pu), List::Prices("prices", prices)]
        }
        Down::Settled { row: _, certainty: _, v_pu, margin_pu: _ } => vec![List::Numbers("v_pu", v_pu)],
        Down::WhereAreYou => Vec::new(),
    }
}

fn lists_of_up(body: &mut Up) -> Vec<List<'_>> {
    match body {
        Up::Here { updates: _, has_plan: _ } | Up::Kept | Up::Absent(_) => Vec::new(),
        Up::Powers { points } => vec![List::Points("points", points)],
        Up::Dispatch(answer) => {
            let DispatchAnswer { row: _, points, excess, response, safe: _ } = &mut **answer;
            vec![List::Points("points", points), List::Numbers("excess", excess), List::Numbers("response", response)]
        }
    }
}

/// Lengths that no list of this name and kind has, next to the legal ones.
fn wrong_lengths(kind: &str, list: &List<'_>, shape: &Shape) -> Vec<usize> {
    let (steps, all, length) = (shape.steps, shape.steps * shape.most_windows, list.len());
    match (kind, list.name()) {
        ("begin", _) => vec![0, shape.most_rows + 1],
        ("voltages", "windows") => vec![0, length - 1, length + 1, shape.most_windows + 1],
        ("voltages", "v_pu") => vec![0, length - 1, length + 1, length + steps, all + steps],
        (_, "settled") | ("powers", _) => {
            let mut lengths = vec![0, all + 1, all + steps];
            lengths.extend(if steps > 1 { vec![length - 1, length + 1] } else { Vec::new() });
            lengths
        }
        // May be left out altogether.
        ("ask", "prices") => vec![steps + 1, 2 * steps].into_iter().chain((steps > 1).then(|| steps - 1)).collect(),
        ("dispatch", "response") => vec![1, 2 * steps, 6 * steps * steps - 1, 6 * steps * steps + 1],
        _ => vec![0, steps - 1, steps + 1, 2 * steps],
    }
}

/// What a number may be.
#[derive(Clone, Copy, PartialEq)]
enum Sort {
    Signed,
    NotNegative,
    Share,
    Margin,
    Voltage,
}

impl Sort {
    fn bad(self) -> Vec<f64> {
        let mut bad = vec![f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.1e15, -1.1e15, f64::MAX, f64::MIN];
        bad.extend(match self {
            Sort::Signed => Vec::new(),
            Sort::NotNegative => vec![-5e-324, -1e-3, -1.0],
            Sort::Share => vec![-5e-324, -1e-3, 1.0 + f64::EPSILON],
            Sort::Margin => vec![-1.0 - f64::EPSILON, 1.0 + f64::EPSILON],
            Sort::Voltage => vec![0.0, -0.0, -1.0, 5e-324, 1e-310, f64::MIN_POSITIVE, 9e-4, 1001.0],
        });
        bad
    }

    /// Tiny numbers are numbers: multipliers and slopes fade to them.
    fn takes_subnormal(self) -> bool {
        self != Sort::Voltage
    }
}

fn all_of(list: &mut [f64], sort: Sort) -> impl Iterator<Item = (&mut f64, Sort)> {
    list.iter_mut().map(move |x| (x, sort))
}

fn of_prices(list: &mut [PriceOfPower]) -> Vec<(&mut f64, Sort)> {
    list.iter_mut()
        .flat_map(|PriceOfPower { p_per_kw, q_per_kvar }| [(p_per_kw, Sort::Signed), (q_per_kvar, Sort::Signed)])
        .collect()
}

fn of_points(list: &mut [BoundaryPoint]) -> Vec<(&mut f64, Sort)> {
    list.iter_mut()
        .flat_map(|BoundaryPoint { p_kw, q_kvar, dp_dv, dq_dv, slope }| [p_kw, q_kvar, dp_dv, dq_dv, slope])
        .map(|x| (x, Sort::Signed))
        .collect()
}

/// Every number of the message and what it may be.
fn numbers_of_down(body: &mut Down) -> Vec<(&mut f64, Sort)> {
    match body {
        Down::Begin(plan) => {
            let TrainingPlan {
                seed: _,
                episodes: _,
                batch: _,
                rows: _,
                rate,
                averaging,
                voltage_curvature,
                current_curvature,
                multiplier_share,
                multiplier_cap,
                voltage_margin_pu,
                current_margin,
            } = &mut **plan;
            vec![
                (rate, Sort::NotNegative),
                (averaging, Sort::Share),
                (voltage_curvature, Sort::NotNegative),
                (current_curvature, Sort::NotNegative),
                (multiplier_share, Sort::Share),
                (multiplier_cap, Sort::NotNegative),
                (voltage_margin_pu, Sort::Margin),
                (current_margin, Sort::Margin),
            ]
        }
        Down::Voltages { windows: _, v_pu, settled } => {
            let mut numbers: Vec<_> = all_of(v_pu, Sort::Voltage).collect();
            numbers.extend(settled.as_mut().map_or(Vec::new(), |list| of_prices(list)));
            numbers
        }
        Down::Finish { settled } => settled.as_mut().map_or(Vec::new(), |list| of_prices(list)),
        Down::Ask { row: _, v_pu, prices, hold: _, with_response: _ } => {
            all_of(v_pu, Sort::Voltage).chain(of_prices(prices)).collect()
        }
        Down::Settled { row: _, certainty: _, v_pu, margin_pu } => {
            all_of(v_pu, Sort::Voltage).chain([(margin_pu, Sort::NotNegative)]).collect()
        }
        Down::WhereAreYou => Vec::new(),
    }
}

fn numbers_of_up(body: &mut Up) -> Vec<(&mut f64, Sort)> {
    match body {
        Up::Here { updates: _, has_plan: _ } | Up::Kept | Up::Absent(_) => Vec::new(),
        Up::Powers { points } => of_points(points),
        Up::Dispatch(answer) => {
            let DispatchAnswer { row: _, points, excess, response, safe: _ } = &mut **answer;
            let numbers = of_points(points).into_iter().chain(all_of(excess, Sort::Signed));
            numbers.chain(all_of(response, Sort::Signed)).collect()
        }
    }
}

/// Puts every bad value into every number of the message (a sample of long lists); `refusal` must refuse each with a number's error.
fn spoil<B: Clone>(
    body: &B,
    numbers: fn(&mut B) -> Vec<(&mut f64, Sort)>,
    refusal: impl Fn(&B) -> Option<WireError>,
) -> Result<(), TestCaseError> {
    let count = numbers(&mut body.clone()).len();
    for k in (0..count).step_by(1 + count / 12) {
        let sort = numbers(&mut body.clone())[k].1;
        for bad in sort.bad() {
            let mut spoilt = body.clone();
            *numbers(&mut spoilt)[k].0 = bad;
            prop_assert!(matches!(refusal(&spoilt), Some(WireError::Number { .. })), "number {k} may be {bad:e}");
        }
        if sort.takes_subnormal() {
            let mut tiny = body.clone();
            *numbers(&mut tiny)[k].0 = 5e-324;
            prop_assert!(refusal(&tiny).is_none());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn law_every_kind_survives_the_wire((shape, header, down, up) in all_kinds(1)) {
        for body in down {
            let message = envelope(header, body);
            let bytes = encode_down(&message, &shape).unwrap();
            // Equality of the bytes, too: it tells -0 from 0.
            prop_assert_eq!(&bytes, &by_hand::down(&message).bytes());
            let decoded = decode_down(&bytes, &shape).unwrap();
            prop_assert_eq!(encode_down(&decoded, &shape).unwrap(), bytes);
            prop_assert_eq!(decoded, message);
        }
        for body in up {
            let message = envelope(header, body);
            let bytes = encode_up(&message, &shape).unwrap();
            prop_assert_eq!(&bytes, &by_hand::up(&message).bytes());
            let decoded = decode_up(&bytes, &shape).unwrap();
            prop_assert_eq!(encode_up(&decoded, &shape).unwrap(), bytes);
            prop_assert_eq!(decoded, message);
        }
    }

    #[test]
    fn law_wrong_lengths_are_refused((shape, header, down, up) in all_kinds(1)) {
        for body in down {
            for k in 0..lists_of_down(&mut body.clone()).len() {
                let wrong = wrong_lengths(body.kind(), &lists_of_down(&mut body.clone())[k], &shape);
                for length in wrong {
                    let mut spoilt = body.clone();
                    lists_of_down(&mut spoilt)[k].resize(length);
                    let refused = refusal_of_down(&spoilt, header, &shape);
                    prop_assert!(matches!(refused, Some(WireError::Length { .. })), "{length}: {spoilt:?}");
                }
            }
            if let Down::Begin(plan) = &body {
                for batch in [0, plan.rows.len() + 1, shape.most_windows + 1, u32::MAX as usize] {
                    let spoilt = Down::Begin(Box::new(TrainingPlan { batch: batch as u32, ..(**plan).clone() }));
                    let refused = refusal_of_down(&spoilt, header, &shape);
                    prop_assert!(matches!(refused, Some(WireError::Length { .. })), "{spoilt:?}");
                }
            }
        }
        for body in up {
            for k in 0..lists_of_up(&mut body.clone()).len() {
                let wrong = wrong_lengths(body.kind(), &lists_of_up(&mut body.clone())[k], &shape);
                for length in wrong {
                    let mut spoilt = body.clone();
                    lists_of_up(&mut spoilt)[k].resize(length);
                    let refused = refusal_of_up(&spoilt, header, &shape);
                    prop_assert!(matches!(refused, Some(WireError::Length { .. })), "{length}: {spoilt:?}");
                }
            }
        }
    }

    #[test]
    fn law_numbers_out_of_range_are_refused((shape, header, down, up) in all_kinds(1)) {
        for body in &down {
            spoil(body, numbers_of_down, |body| refusal_of_down(body, header, &shape))?;
        }
        for body in &up {
            spoil(body, numbers_of_up, |body| refusal_of_up(body, header, &shape))?;
        }
    }

    #[test]
    fn law_no_message_exceeds_its_size_limit(steps in 1usize..100, most_windows in 1usize..70, most_rows in 1usize..6000) {
        let shape = Shape { steps, most_windows, most_rows };
        let (down, up) = longest(shape);
        let encoded = |bytes: Result<Vec<u8>, WireError>| bytes.map(|bytes| bytes.len());
        let down = down.into_iter().map(|body| encoded(encode_down(&envelope(LONGEST_HEADER, body), &shape)));
        let up = up.into_iter().map(|body| encoded(encode_up(&envelope(LONGEST_HEADER, body), &shape)));
        let lengths: Result<Vec<usize>, _> = down.chain(up).collect();
        let longest = lengths.unwrap().into_iter().max().unwrap();
        prop_assert!(longest <= shape.size_limit());
        // And not by much: the limit is what keeps garbage short.
        prop_assert!(shape.size_limit() <= longest + 256);
    }
}

#[test]
fn regress_windows_outside_the_plan() {
    let shape = Shape { steps: 1, most_windows: 2, most_rows: 5 };
    let (down, _) = longest(shape);
    assert!(refusal_of_down(&down[1], LONGEST_HEADER, &shape).is_none());
    let Down::Voltages { v_pu, settled, .. } = down[1].clone() else { panic!("voltages") };
    for outside in [5, u32::MAX] {
        let spoilt = Down::Voltages { windows: vec![4, outside], v_pu: v_pu.clone(), settled: settled.clone() };
        let refused = refusal_of_down(&spoilt, LONGEST_HEADER, &shape).unwrap();
        assert!(matches!(refused, WireError::Number { field: "windows", at: 1, .. }), "{refused}");
    }
}

#[test]
fn regress_version_byte() {
    let shape = Shape { steps: 4, most_windows: 2, most_rows: 10 };
    let (down, up) = longest(shape);
    let down = down.into_iter().map(|body| (true, encode_down(&envelope(LONGEST_HEADER, body), &shape).unwrap()));
    let up = up.into_iter().map(|body| (false, encode_up(&envelope(LONGEST_HEADER, body), &shape).unwrap()));
    for (is_down, bytes) in down.chain(up) {
        assert_eq!(bytes[0], 1);
        for version in (0..=255).filter(|v| *v != 1) {
            // Also when the other version has longer messages: what is said is the version, not the length.
            for more in [0, shape.size_limit()] {
                let mut other = bytes.clone();
                other[0] = version;
                other.resize(bytes.len() + more, 0);
                let refused = if is_down { decode_down(&other, &shape).err() } else { decode_up(&other, &shape).err() };
                assert_eq!(refused, Some(WireError::Version { found: version, expected: 1 }));
            }
        }
    }
    assert_eq!(decode_down(&[], &shape), Err(WireError::Empty));
    assert_eq!(decode_up(&[], &shape), Err(WireError::Empty));
}

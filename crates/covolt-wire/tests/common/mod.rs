//! Legal messages of every kind, and what is needed to break them.
#![allow(dead_code)]

pub mod by_hand;

use covolt_wire::{
    Absence, BoundaryPoint, Certainty, DispatchAnswer, Down, Envelope, Header, PriceOfPower, Shape, TrainingPlan, Up,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Kinds of messages from the operator and from an agent.
pub const KINDS: (usize, usize) = (6, 5);

pub const CERTAINTIES: [Certainty; 3] = [Certainty::Certified, Certainty::LeastViolation, Certainty::WithoutSome];
pub const ABSENCES: [Absence; 6] = [
    Absence::OtherCase,
    Absence::ImplausibleVoltage,
    Absence::OldRound,
    Absence::NoPowerFlow,
    Absence::NoPolicy,
    Absence::Behind,
];

pub fn envelope<B>(header: Header, body: B) -> Envelope<B> {
    Envelope { header, body }
}

pub fn shapes(least_steps: usize) -> impl Strategy<Value = Shape> {
    let shape = |(steps, most_windows, most_rows)| Shape { steps, most_windows, most_rows };
    (least_steps..7, 1usize..6, 1usize..40).prop_map(shape)
}

/// Integers of every encoded length.
fn integer() -> impl Strategy<Value = u32> {
    (0u32..33, any::<u32>()).prop_map(|(bits, value)| value.checked_shr(bits).unwrap_or(0))
}

pub fn headers() -> impl Strategy<Value = Header> {
    let header = |(fingerprint, run, round, exchange)| Header { fingerprint, run, round, exchange };
    (any::<[u8; 16]>(), prop_oneof![0u64..300, any::<u64>()], integer(), any::<u16>()).prop_map(header)
}

fn voltage() -> impl Strategy<Value = f64> {
    prop_oneof![8 => 0.8..1.2f64, 1 => Just(1e-3), 1 => Just(1e3)]
}

fn signed() -> impl Strategy<Value = f64> {
    let extreme = [0.0, -0.0, 1e15, -1e15, f64::MIN_POSITIVE, 5e-324, -5e-324, 1e-310];
    prop_oneof![8 => -1e4..1e4f64, 2 => proptest::sample::select(extreme.to_vec())]
}

fn not_negative() -> impl Strategy<Value = f64> {
    prop_oneof![4 => Just(0.0), 8 => 0.0..1e4f64, 1 => Just(1e15)]
}

fn price() -> impl Strategy<Value = PriceOfPower> {
    (signed(), signed()).prop_map(|(p_per_kw, q_per_kvar)| PriceOfPower { p_per_kw, q_per_kvar })
}

fn point() -> impl Strategy<Value = BoundaryPoint> {
    let point = |(p_kw, q_kvar, dp_dv, dq_dv, slope)| BoundaryPoint { p_kw, q_kvar, dp_dv, dq_dv, slope };
    (signed(), signed(), signed(), signed(), signed()).prop_map(point)
}

fn settled(shape: Shape) -> impl Strategy<Value = Option<Vec<PriceOfPower>>> {
    let list = (1..=shape.most_windows).prop_flat_map(move |w| vec(price(), w * shape.steps));
    proptest::option::of(list)
}

fn plan(shape: Shape) -> impl Strategy<Value = Down> {
    let rows = vec(integer(), 1..=shape.most_rows);
    let batch = move |rows: Vec<u32>| (1..=shape.most_windows.min(rows.len()) as u32, Just(rows));
    let numbers = (not_negative(), 0.0..=1.0f64, not_negative(), not_negative(), 0.0..=1.0f64, not_negative());
    let margins = (-1.0..=1.0f64, -1.0..=1.0f64);
    let all = (any::<u64>(), integer(), rows.prop_flat_map(batch), numbers, margins);
    all.prop_map(|(seed, episodes, (batch, rows), n, margins)| {
        Down::Begin(Box::new(TrainingPlan {
            seed,
            episodes,
            batch,
            rows,
            rate: n.0,
            averaging: n.1,
            voltage_curvature: n.2,
            current_curvature: n.3,
            multiplier_share: n.4,
            multiplier_cap: n.5,
            voltage_margin_pu: margins.0,
            current_margin: margins.1,
        }))
    })
}

/// Messages of the given kind, in the order of their bytes.
pub fn down_of_kind(kind: usize, shape: Shape) -> BoxedStrategy<Down> {
    let v_pu = || vec(voltage(), shape.steps);
    match kind {
        0 => plan(shape).boxed(),
        1 => (1..=shape.most_windows)
            .prop_flat_map(move |w| {
                let windows = vec(0..shape.most_rows as u32, w);
                (windows, vec(voltage(), w * shape.steps), settled(shape))
            })
            .prop_map(|(windows, v_pu, settled)| Down::Voltages { windows, v_pu, settled })
            .boxed(),
        2 => settled(shape).prop_map(|settled| Down::Finish { settled }).boxed(),
        3 => {
            let prices = prop_oneof![Just(Vec::new()), vec(price(), shape.steps)];
            let ask = |(row, v_pu, prices, hold, with_response)| Down::Ask { row, v_pu, prices, hold, with_response };
            (integer(), v_pu(), prices, any::<bool>(), any::<bool>()).prop_map(ask).boxed()
        }
        4 => {
            let settle = |(row, certainty, v_pu, margin_pu)| Down::Settled { row, certainty, v_pu, margin_pu };
            let certainty = proptest::sample::select(CERTAINTIES.to_vec());
            (integer(), certainty, v_pu(), not_negative()).prop_map(settle).boxed()
        }
        _ => Just(Down::WhereAreYou).boxed(),
    }
}

pub fn up_of_kind(kind: usize, shape: Shape) -> BoxedStrategy<Up> {
    let steps = shape.steps;
    match kind {
        0 => (integer(), any::<bool>()).prop_map(|(updates, has_plan)| Up::Here { updates, has_plan }).boxed(),
        1 => (1..=shape.most_windows)
            .prop_flat_map(move |w| vec(point(), w * steps))
            .prop_map(|points| Up::Powers { points })
            .boxed(),
        2 => Just(Up::Kept).boxed(),
        3 => {
            let response = prop_oneof![Just(Vec::new()), vec(signed(), 6 * steps * steps)];
            let lists = (vec(point(), steps), vec(not_negative(), steps), response);
            let answer =
                |(row, (points, excess, response), safe)| DispatchAnswer { row, points, excess, response, safe };
            let boxed = move |parts| Up::Dispatch(Box::new(answer(parts)));
            (integer(), lists, any::<bool>()).prop_map(boxed).boxed()
        }
        _ => proptest::sample::select(ABSENCES.to_vec()).prop_map(Up::Absent).boxed(),
    }
}

/// A shape with one message of each kind.
pub type AllKinds = (Shape, Header, Vec<Down>, Vec<Up>);

pub fn all_kinds(least_steps: usize) -> impl Strategy<Value = AllKinds> {
    (shapes(least_steps), headers()).prop_flat_map(|(shape, header)| {
        let down: Vec<_> = (0..KINDS.0).map(|kind| down_of_kind(kind, shape)).collect();
        let up: Vec<_> = (0..KINDS.1).map(|kind| up_of_kind(kind, shape)).collect();
        (Just(shape), Just(header), down, up)
    })
}

/// The longest header there is.
pub const LONGEST_HEADER: Header =
    Header { fingerprint: [0xff; 16], run: u64::MAX, round: u32::MAX, exchange: u16::MAX };

/// The longest message of each kind.
pub fn longest(shape: Shape) -> (Vec<Down>, Vec<Up>) {
    let Shape { steps, most_windows, most_rows } = shape;
    let all = most_windows * steps;
    let prices = |n| vec![PriceOfPower { p_per_kw: 1.0, q_per_kvar: 1.0 }; n];
    let points = |n| vec![BoundaryPoint::default(); n];
    let plan = TrainingPlan {
        seed: u64::MAX,
        episodes: u32::MAX,
        batch: most_windows.min(most_rows) as u32,
        rows: vec![u32::MAX; most_rows],
        rate: 1.0,
        averaging: 1.0,
        voltage_curvature: 1.0,
        current_curvature: 1.0,
        multiplier_share: 1.0,
        multiplier_cap: 1.0,
        voltage_margin_pu: 1.0,
        current_margin: 1.0,
    };
    let down = vec![
        Down::Begin(Box::new(plan)),
        Down::Voltages {
            windows: vec![most_rows as u32 - 1; most_windows],
            v_pu: vec![1.0; all],
            settled: Some(prices(all)),
        },
        Down::Finish { settled: Some(prices(all)) },
        Down::Ask { row: u32::MAX, v_pu: vec![1.0; steps], prices: prices(steps), hold: true, with_response: true },
        Down::Settled { row: u32::MAX, certainty: Certainty::WithoutSome, v_pu: vec![1.0; steps], margin_pu: 1.0 },
        Down::WhereAreYou,
    ];
    let answer = DispatchAnswer {
        row: u32::MAX,
        points: points(steps),
        excess: vec![0.0; steps],
        response: vec![0.0; 6 * steps * steps],
        safe: true,
    };
    let up = vec![
        Up::Here { updates: u32::MAX, has_plan: true },
        Up::Powers { points: points(all) },
        Up::Kept,
        Up::Dispatch(Box::new(answer)),
        Up::Absent(Absence::Behind),
    ];
    (down, up)
}

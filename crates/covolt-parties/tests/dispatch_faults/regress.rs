//! What the machines do at single faults, each by hand.

use super::by_hand::{down, header, hear, tick, to_agent, to_operator, up};
use super::participant::start;
use super::world::{RUN, SEATS, WORLD};
use covolt_dispatch::{ForecastKind, GuardMode, MeritOrder};
use covolt_fleet::PriceKnowledge;
use covolt_parties::driver::Participant;
use covolt_parties::operator_dispatch::NO_ANSWER;
use covolt_parties::*;
use covolt_wire::{Absence, BoundaryPoint, Certainty, DispatchAnswer, Down, Envelope, Header, Up};

const FIRST: usize = 3;
const DEADLINE_MS: u64 = 1000;

fn agent(n: usize) -> AgentDispatch<'static> {
    let settings = AgentDispatchSettings {
        mode: GuardMode::Repair,
        deadline_ms: DEADLINE_MS,
        silence_ms: 5000,
        stale_rows: 8,
        last_row: FIRST + 9,
        forecast: ForecastKind::Perfect,
        knowledge: PriceKnowledge::default(),
    };
    let proposer = Box::new(MeritOrder::default());
    AgentDispatch::new(WORLD.agent_place(n), settings, proposer, start(n, FIRST), FIRST).unwrap()
}

fn operator(row_ms: u64) -> OperatorDispatch<'static> {
    let settings = OperatorDispatchSettings { row_ms, ..OperatorDispatchSettings::default() };
    OperatorDispatch::new(WORLD.operator_place(), settings, RUN, FIRST..FIRST + 10)
}

fn begin(machine: &mut impl Participant, now_ms: u64) -> Vec<Output> {
    let mut out = Vec::new();
    machine.on_event(now_ms, Event::Start, &mut out).unwrap();
    out
}

fn at(run: u64, row: usize, exchange: u16) -> Header {
    header(run, (row - FIRST) as u32, exchange)
}

fn ask(run: u64, row: usize, exchange: u16, v: f64) -> Vec<u8> {
    let body =
        Down::Ask { row: row as u32, v_pu: vec![v; 2], prices: Vec::new(), hold: exchange > 0, with_response: false };
    down(at(run, row, exchange), body)
}

fn settled(run: u64, row: usize, exchange: u16, v: f64) -> Vec<u8> {
    let certainty = Certainty::Certified;
    let body = Down::Settled { row: row as u32, certainty, v_pu: vec![v; 2], margin_pu: 0.002 };
    down(at(run, row, exchange), body)
}

/// An answer that draws `p_kw` in all steps.
fn answer(header: Header, row: usize, p_kw: f64) -> Vec<u8> {
    let points = vec![BoundaryPoint { p_kw, ..BoundaryPoint::default() }; 2];
    let (excess, response) = (vec![-1000.0; 2], Vec::new());
    let answer = DispatchAnswer { row: row as u32, points, excess, response, safe: true };
    up(header, Up::Dispatch(Box::new(answer)))
}

fn from_operator(machine: &mut impl Participant, now_ms: u64, bytes: &[u8]) -> Vec<Output> {
    hear(machine, now_ms, Party::Operator, bytes)
}

/// An agent, safe with what it proposes, that has settled its first row and answered two exchanges of the second.
fn answered() -> AgentDispatch<'static> {
    let mut agent = agent(2);
    begin(&mut agent, 0);
    from_operator(&mut agent, 0, &ask(RUN, FIRST, 0, 1.005));
    from_operator(&mut agent, 10, &settled(RUN, FIRST, 0, 1.005));
    assert_eq!(agent.applied[0].how, How::Certified);
    let first = from_operator(&mut agent, 20, &ask(RUN, FIRST + 1, 0, 1.005));
    let place = |what: fn(&Output) -> bool| first.iter().position(what).unwrap();
    let kept = place(|o| *o == Output::Checkpoint);
    assert!(kept < place(|o| matches!(o, Output::Send { .. })), "an answer is kept before it leaves");
    from_operator(&mut agent, 30, &ask(RUN, FIRST + 1, 1, 1.004));
    agent
}

fn last(agent: &AgentDispatch<'_>) -> (usize, How, bool) {
    let step = agent.applied.last().unwrap();
    (step.row, step.how, step.as_answered)
}

#[test]
fn law_who_answered_keeps_its_word_over_silence_and_a_crash() {
    let mut settling = answered();
    from_operator(&mut settling, 40, &settled(RUN, FIRST + 1, 1, 1.004));
    assert_eq!(last(&settling), (FIRST + 1, How::Certified, true));

    let mut silent = answered();
    tick(&mut silent, DEADLINE_MS + 19);
    assert_eq!(silent.next_row(), FIRST + 1);
    tick(&mut silent, DEADLINE_MS + 20);
    assert_eq!(last(&silent), (FIRST + 1, How::Alone, true));
    assert_eq!(silent.applied[1].action, settling.applied[1].action);
    assert_eq!(silent.applied[1].margin_pu, 0.002);

    let kept = answered().checkpoint().unwrap();
    for hears in [false, true] {
        let mut restarted = agent(2);
        restarted.restore(&kept).unwrap();
        begin(&mut restarted, 500);
        if hears {
            from_operator(&mut restarted, 600, &settled(RUN, FIRST + 1, 1, 1.004));
        }
        tick(&mut restarted, 500 + DEADLINE_MS);
        assert_eq!(last(&restarted), (FIRST + 1, if hears { How::Certified } else { How::Alone }, true));
        assert_eq!(restarted.applied[0].action, settling.applied[1].action);
    }
}

#[test]
fn regress_a_settlement_of_another_answer_is_not_called_settled() {
    for (run, exchange, v) in [(RUN, 0, 1.005), (RUN, NO_ANSWER, 1.004), (RUN + 1, 1, 1.004), (RUN, 1, 1.0041)] {
        let mut agent = answered();
        from_operator(&mut agent, 40, &settled(run, FIRST + 1, exchange, v));
        assert_eq!(last(&agent), (FIRST + 1, How::Alone, true), "run {run}, exchange {exchange}");
        assert_eq!(agent.applied[1].v_pu, v);
    }
}

#[test]
fn regress_a_late_question_does_not_change_the_answer_that_counts() {
    let mut agent = answered();
    assert!(from_operator(&mut agent, 40, &ask(RUN, FIRST + 1, 0, 0.99)).is_empty());
    from_operator(&mut agent, 50, &settled(RUN, FIRST + 1, 1, 1.004));
    assert_eq!(last(&agent), (FIRST + 1, How::Certified, true));
}

#[test]
fn regress_an_operator_that_restarts_has_a_run_of_its_own() {
    let mut first = operator(0);
    assert_eq!(begin(&mut first, 0)[0], Output::Checkpoint, "kept before the first question");
    let mut second = operator(0);
    second.restore(&first.checkpoint().unwrap()).unwrap();
    let out = begin(&mut second, 100);
    let asked = to_agent(&out, 0);
    assert_eq!((asked[0].header.run, second.row()), (RUN + 1, FIRST));

    let mut agent = answered();
    let again = from_operator(&mut agent, 40, &ask(RUN + 1, FIRST + 1, 0, 1.003));
    assert_eq!(to_operator(&again).len(), 1, "the open row is answered again");
    let old = from_operator(&mut agent, 50, &settled(RUN, FIRST + 1, 1, 1.004));
    assert!(matches!(old[..], [Output::Refused { .. }]), "{old:?}");
    from_operator(&mut agent, 60, &settled(RUN + 1, FIRST + 1, 0, 1.003));
    assert_eq!(last(&agent), (FIRST + 1, How::Certified, true));
}

#[test]
fn regress_rows_that_went_by_are_decided_and_late_words_are_taken_for_their_voltages() {
    let mut agent = answered();
    let out = from_operator(&mut agent, 40, &ask(RUN, FIRST + 3, 0, 1.004));
    assert!(out.iter().any(|output| matches!(output, Output::Warning { .. })));
    let decided: Vec<_> = agent.applied.iter().skip(1).map(|step| (step.row, step.how)).collect();
    assert_eq!(decided, [(FIRST + 1, How::Alone), (FIRST + 2, How::SafeSetPoint)]);
    assert_eq!(agent.next_row(), FIRST + 3);

    let late = Down::Settled {
        row: FIRST as u32 + 2,
        certainty: Certainty::LeastViolation,
        v_pu: vec![1.006; 2],
        margin_pu: 0.003,
    };
    assert!(from_operator(&mut agent, 50, &down(at(RUN, FIRST + 2, 4), late)).is_empty());
    assert_eq!(agent.applied.len(), 3);
    tick(&mut agent, 40 + DEADLINE_MS);
    assert_eq!(agent.applied[3].margin_pu, 0.003);

    let before = agent.checkpoint();
    let stale = from_operator(&mut agent, 5000, &ask(RUN, FIRST, 0, 1.0));
    assert_eq!(to_operator(&stale), [Up::Absent(Absence::OldRound)]);
    assert_eq!((agent.checkpoint(), agent.applied.len()), (before, 4));
}

#[test]
fn regress_the_operator_moves_on_to_the_row_of_agents_that_are_ahead() {
    let mut operator = operator(900_000);
    begin(&mut operator, 0);
    for row in FIRST..FIRST + 3 {
        assert_eq!(operator.row(), row);
        for n in 0..SEATS {
            let gone = up(at(RUN, row, 0), Up::Absent(Absence::OldRound));
            hear(&mut operator, 10, Party::Agent(n), &gone);
        }
    }
    assert_eq!(operator.row(), FIRST + 3, "at once, whatever the time between rows");
    assert!(operator.notes.iter().all(|note| note.certainty == Certainty::WithoutSome && note.assumed == [0, 1, 2]));
    // Two are here again; the third is ahead by one.
    hear(&mut operator, 20, Party::Agent(2), &up(at(RUN, FIRST + 3, 0), Up::Absent(Absence::OldRound)));
    for exchange in 0..4 {
        for n in 0..2 {
            hear(&mut operator, 20, Party::Agent(n), &answer(at(RUN, FIRST + 3, exchange), FIRST + 3, 10.0));
        }
    }
    let note = operator.notes.last().unwrap();
    assert_eq!((note.row, note.certainty, note.assumed.clone()), (FIRST + 3, Certainty::WithoutSome, vec![2]));
    assert_eq!(note.wall_ms, 10, "nobody waits for who has decided");
}

#[test]
fn regress_who_is_silent_is_waited_for_once_a_row() {
    let mut operator = operator(0);
    begin(&mut operator, 0);
    let heard = |operator: &mut OperatorDispatch<'_>, now_ms: u64, exchange: u16| {
        for n in 1..SEATS {
            hear(
                operator,
                now_ms,
                Party::Agent(n),
                &answer(at(RUN, FIRST, exchange), FIRST, 10.0 + f64::from(exchange)),
            );
        }
    };
    heard(&mut operator, 10, 0);
    let asked = tick(&mut operator, OperatorDispatchSettings::default().answer_ms);
    assert_eq!(to_agent(&asked, 0).len(), 1, "it is asked all the same");
    (1..20).for_each(|exchange| heard(&mut operator, 401, exchange));
    let note = &operator.notes[0];
    assert_eq!((note.wall_ms, note.assumed.clone()), (401, vec![0]));
}

#[test]
fn regress_powers_that_no_feeder_carries_count_as_no_answer() {
    for size in [1e15, -1e15, 1e9] {
        let mut operator = operator(900_000);
        begin(&mut operator, 0);
        let mut warned = false;
        for exchange in 0..20 {
            for n in 0..SEATS {
                let p_kw = if n == 1 { size } else { 10.0 };
                let out = hear(&mut operator, 10, Party::Agent(n), &answer(at(RUN, FIRST, exchange), FIRST, p_kw));
                warned |= out.iter().any(|output| matches!(output, Output::Warning { .. }));
            }
        }
        let note = &operator.notes[0];
        assert_eq!((note.certainty, note.assumed.clone()), (Certainty::WithoutSome, vec![1]));
        assert!(warned);
    }
}

#[test]
fn regress_a_feeder_without_a_power_flow_is_the_least_violation_with_its_reason() {
    let settle = |p_kw: f64| {
        let mut operator = operator(900_000);
        let mut out = begin(&mut operator, 0);
        for exchange in 0..20 {
            for n in 0..SEATS {
                let bytes = answer(at(RUN, FIRST, exchange), FIRST, p_kw);
                out.extend(hear(&mut operator, 10, Party::Agent(n), &bytes));
            }
        }
        (operator.notes[0].clone(), out)
    };
    // Each of them alone can be carried, all together cannot.
    let (note, out) = (1..60)
        .map(|i| settle(1000.0 * f64::from(i)))
        .find(|(note, _)| note.reason.is_some() && note.assumed.is_empty())
        .expect("some power is too much for all");
    assert_eq!(note.certainty, Certainty::LeastViolation);
    let told = |n: usize| {
        let is_told = |message: &Envelope<Down>| {
            matches!(message.body, Down::Settled { certainty: Certainty::LeastViolation, .. })
        };
        to_agent(&out, n).iter().any(is_told)
    };
    assert!((0..SEATS).all(told));
}

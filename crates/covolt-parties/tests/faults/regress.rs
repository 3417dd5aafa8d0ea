//! Faults of the machines that the simulation found or led to, each by hand.

use super::by_hand::{down, header, hear, sent, tick, to_agent, to_operator, up};
use super::world::{RUN, SEATS, WORLD};
use covolt_parties::{AgentTraining, Event, OnAbsence, OperatorTraining, Output, Party, Timing};
use covolt_wire::{Absence, Down, Header, PriceOfPower, Up};

const GO_ON: Timing =
    Timing { retry_ms: 1000, on_absence: OnAbsence::GoOn { after_ms: 500 }, checkpoint_rounds: 2, heartbeat_ms: 5000 };

fn begin(run: u64) -> Vec<u8> {
    down(header(run, 0, 0), Down::Begin(Box::new(WORLD.plan.clone())))
}

fn here(run: u64, updates: u32) -> Vec<u8> {
    up(header(run, updates, 0), Up::Here { updates, has_plan: true })
}

fn agent(n: usize) -> AgentTraining<'static> {
    let mut agent = WORLD.agent(n, Timing::default(), None).unwrap();
    hear(&mut agent, 0, Party::Operator, &begin(RUN));
    agent
}

fn operator(timing: Timing) -> OperatorTraining<'static> {
    WORLD.operator(timing, None).unwrap()
}

/// Delivers messages until none are left, those of agents that `answers` says so; all that agents said is kept.
struct Table {
    operator: OperatorTraining<'static>,
    agents: Vec<AgentTraining<'static>>,
    out: Vec<Output>,
    said: Vec<(Party, Vec<u8>)>,
}

impl Table {
    fn new(timing: Timing) -> Table {
        let (mut operator, mut out) = (operator(timing), Vec::new());
        operator.on_event(0, Event::Start, &mut out).unwrap();
        Table { operator, agents: (0..SEATS).map(agent).collect(), out, said: Vec::new() }
    }

    fn deliver(&mut self, now_ms: u64, mut answers: impl FnMut(usize, Header) -> bool) {
        while !self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            for (n, agent) in self.agents.iter_mut().enumerate() {
                for message in to_agent(&out, n) {
                    if !answers(n, message.header) {
                        continue;
                    }
                    let said = hear(agent, now_ms, Party::Operator, &down(message.header, message.body));
                    for (_, bytes) in sent(&said) {
                        self.said.push((Party::Agent(n), bytes.to_vec()));
                        self.out.extend(hear(&mut self.operator, now_ms, Party::Agent(n), bytes));
                    }
                }
            }
        }
    }
}

#[test]
fn regress_plan_that_does_not_fit_the_data() {
    let mut agent = agent(0);
    let before = agent.checkpoint();
    let mut plan = WORLD.plan.clone();
    plan.rows[2] = 4000;
    let message = down(header(RUN + 1, 0, 0), Down::Begin(Box::new(plan)));
    let out = hear(&mut agent, 0, Party::Operator, &message);
    assert_eq!(to_operator(&out), [Up::Absent(Absence::NoPolicy)]);
    assert!(agent.run() == Some(RUN) && agent.checkpoint() == before);
}

#[test]
fn regress_late_begin_of_an_earlier_run() {
    let mut agent = agent(0);
    let out = hear(&mut agent, 0, Party::Operator, &begin(RUN - 1));
    assert!(agent.run() == Some(RUN) && !out.contains(&Output::Checkpoint));
    hear(&mut agent, 0, Party::Operator, &begin(RUN + 1));
    assert_eq!(agent.run(), Some(RUN + 1));
}

#[test]
fn regress_voltages_within_a_round_pass_over_no_update() {
    let mut agent = agent(0);
    let windows = vec![0, 1, 2, 3];
    let v_pu = vec![1.0; 8];
    let body = Down::Voltages { windows, v_pu, settled: None };
    let out = hear(&mut agent, 0, Party::Operator, &down(header(RUN, 3, 1), body.clone()));
    assert_eq!(to_operator(&out), [Up::Absent(Absence::Behind)]);
    assert!(agent.updates() == 0 && out.contains(&Output::CatchUp));
    // With the first exchange it is told that the rounds went by without it.
    hear(&mut agent, 0, Party::Operator, &down(header(RUN, 3, 0), body));
    assert_eq!((agent.updates(), agent.descents()), (3, 0));
}

#[test]
fn regress_kept_messages_of_a_run_before_its_plan() {
    let (windows, v_pu) = (vec![0, 1, 2, 3], vec![1.0; 8]);
    let voltages = down(header(RUN, 3, 0), Down::Voltages { windows, v_pu, settled: None });
    let mut agent = WORLD.agent(0, Timing::default(), None).unwrap();
    agent.catch_up(&[voltages, begin(RUN)].map(|bytes| (Party::Operator, bytes))).unwrap();
    assert_eq!((agent.run(), agent.updates(), agent.descents()), (Some(RUN), 3, 0));
}

#[test]
fn regress_prices_of_a_round_that_an_agent_lacks() {
    let mut agent = agent(0);
    let (windows, v_pu) = (vec![0, 1, 2, 3], vec![1.0; 8]);
    let first = Down::Voltages { windows: windows.clone(), v_pu: v_pu.clone(), settled: None };
    hear(&mut agent, 0, Party::Operator, &down(header(RUN, 0, 0), first));
    let settled = Some(vec![PriceOfPower::default(); 8]);
    let out = hear(&mut agent, 0, Party::Operator, &down(header(RUN, 2, 0), Down::Voltages { windows, v_pu, settled }));
    assert_eq!(to_operator(&out), [Up::Absent(Absence::Behind)]);
    assert_eq!(agent.updates(), 0);
}

#[test]
fn regress_prices_come_until_an_agent_has_answered() {
    let mut table = Table::new(GO_ON);
    // Agent 0 does not hear of round 1 before its second exchange.
    let silent = |n: usize, of: Header| n > 0 || (of.round, of.exchange) < (1, 0);
    table.deliver(0, silent);
    table.out = tick(&mut table.operator, 600);
    let asked = to_agent(&table.out, 0).pop().unwrap();
    assert_eq!((asked.header.round, asked.header.exchange), (1, 1));
    assert!(matches!(asked.body, Down::Voltages { settled: Some(_), .. }));
    assert!(matches!(to_agent(&table.out, 1).pop().unwrap().body, Down::Voltages { settled: None, .. }));
    table.deliver(600, |_, of| of.round == 1);
    assert_eq!(table.agents[0].descents(), 1);
}

#[test]
fn regress_messages_of_another_run_are_not_counted() {
    let mut table = Table::new(Timing::default());
    table.deliver(0, |_, of| of.round == 0);
    let round = table.operator.awaiting().0;
    for run in [RUN - 1; 100] {
        let behind = up(header(run, round, 0), Up::Absent(Absence::Behind));
        hear(&mut table.operator, 0, Party::Agent(0), &behind);
    }
    // The first of this run does not end it.
    hear(&mut table.operator, 0, Party::Agent(0), &up(header(RUN, round, 0), Up::Absent(Absence::Behind)));
}

#[test]
fn regress_one_agent_that_asks_keeps_no_other_waiting() {
    let mut table = Table::new(Timing::default());
    table.deliver(0, |_, of| of.round == 0);
    let round = table.operator.awaiting().0;
    let mut repeated = 0;
    for now_ms in (100..2000).step_by(100) {
        hear(&mut table.operator, now_ms, Party::Agent(0), &here(RUN, round - 1));
        repeated += to_agent(&tick(&mut table.operator, now_ms), 1).len();
    }
    assert_eq!(repeated, 1);
}

#[test]
fn regress_whoever_returns_after_the_end_hears_of_it() {
    let mut table = Table::new(GO_ON);
    let mut now_ms = 0;
    while !table.operator.is_done() {
        table.deliver(now_ms, |n, _| n > 0);
        now_ms += 600;
        table.out = tick(&mut table.operator, now_ms);
    }
    assert!(!table.agents[0].is_finished());
    table.out = hear(&mut table.operator, now_ms, Party::Agent(0), &here(RUN, 0));
    table.deliver(now_ms, |_, _| true);
    assert!(table.agents[0].is_finished() && table.agents[0].descents() == 0);
    assert!(hear(&mut table.operator, now_ms, Party::Agent(0), &here(RUN, 6)).is_empty(), "the end is said once");
}

#[test]
fn regress_operator_restarted_after_the_end_waits_for_nobody() {
    let mut table = Table::new(Timing::default());
    table.deliver(0, |_, _| true);
    assert!(table.operator.is_done());
    let mut again = operator(Timing::default());
    again.replay(&table.said).unwrap();
    assert!(again.is_done() && again.checkpoint() == table.operator.checkpoint());
}

#[test]
fn regress_agent_restored_after_its_last_round_is_finished() {
    let mut table = Table::new(Timing::default());
    table.deliver(0, |_, _| true);
    let kept = table.agents[1].checkpoint().unwrap();
    let mut again = WORLD.agent(1, Timing::default(), Some(&kept)).unwrap();
    assert!(again.is_finished() && again.policy().is_some() && again.checkpoint() == Some(kept));
    assert!(tick(&mut again, 100_000).is_empty());
}

#[test]
fn regress_agents_that_answer_every_other_exchange() {
    let mut table = Table::new(GO_ON);
    let mut now_ms = 0;
    while !table.operator.is_done() && now_ms < 1_000_000 {
        table.deliver(now_ms, |n, of| n == 0 || usize::from(of.exchange) % 2 != n % 2);
        now_ms += 600;
        table.out = tick(&mut table.operator, now_ms);
    }
    assert!(table.operator.is_done(), "{:?}", table.operator.awaiting());
}

#[test]
fn regress_operator_keeps_its_last_state() {
    let mut table = Table::new(Timing::default());
    table.deliver(0, |_, of| of.round < 6);
    assert_eq!(table.operator.awaiting().0, 6);
    let mut last = Vec::new();
    for n in 0..SEATS {
        last = hear(&mut table.operator, 0, Party::Agent(n), &up(header(RUN, 6, 0), Up::Kept));
    }
    assert_eq!(last, [Output::Checkpoint, Output::Finished]);
}

#[test]
fn regress_absent_agents_are_remembered_over_a_restart() {
    let mut table = Table::new(GO_ON);
    table.deliver(0, |n, of| n > 0 || of.round < 2);
    let kept = table.operator.checkpoint().unwrap();
    let again = WORLD.operator(GO_ON, Some(&kept)).unwrap();
    assert_eq!(again.checkpoint(), Some(kept.clone()));
    let waiting = WORLD.operator(Timing::default(), Some(&kept)).unwrap();
    assert!(waiting.checkpoint().unwrap().len() < kept.len(), "who waits for all needs no memory");
}

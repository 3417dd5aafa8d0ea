//! One run from its seed, and many of them.

use super::clock::Clock;
use super::desk::{Desk, Happening, Stop, happen};
use super::invariants::{
    alone, certified, deadlines, device_limits, garbage_changes_nothing, joint, messages, notes, prices, rows,
    safe_set_point, storms, tallies,
};
use super::network::{self, Flight, number_of, party_of};
use super::participant::{Machine, Process};
use super::patience::Patience;
use super::record::{Record, Settled};
use super::repeat::{Repeat, many};
use super::weather::{ALL, Mode, OPERATOR, Weather};
use super::world::{FINGERPRINT, SEATS, WORLD};
use super::{garbage, liar};
use covolt_parties::{Event, How};
use covolt_wire::{Certainty, Down, decode_down, decode_up};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::rc::Rc;

/// With or without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sky {
    Clear,
    Foul,
}

enum Next {
    Delivery(Flight),
    Tick(usize),
    Restart(usize),
}

/// What a run took and led to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Course {
    pub steps: u64,
    pub crashes: u64,
    pub messages: u64,
    pub strays: u64,
    pub rows: u64,
    pub priced: u64,
    /// Rows certified by the operator, and called so by all.
    pub certified: [u64; 2],
    /// Decisions: certified, least violation, without some, alone, safe set point; as answered though alone.
    pub how: [u64; 6],
}

struct Run {
    sky: Sky,
    weather: Weather,
    patience: Patience,
    rng: ChaCha8Rng,
    clock: Clock<Next>,
    processes: Vec<Process>,
    record: Record,
    /// What was sent, by receiver: what garbage is made of.
    seen: Vec<Vec<Rc<[u8]>>>,
    course: Course,
    log: bool,
}

/// How a decision came about, counted.
fn number(how: How) -> usize {
    [How::Certified, How::LeastViolation, How::WithoutSome, How::Alone, How::SafeSetPoint]
        .iter()
        .position(|known| *known == how)
        .unwrap()
}

impl Run {
    fn new(sky: Sky, seed: u64, log: bool) -> Run {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weather = Weather::draw(Mode::GoOn, &mut rng);
        if sky == Sky::Clear {
            (weather.spared, weather.slow) = ([true; ALL], [1; ALL]);
            weather.partitions.clear();
        }
        let patience = Patience::draw(sky, weather.tick_ms, &mut rng);
        let mut run = Run {
            sky,
            processes: (0..ALL).map(|who| Process::new(who, weather.trims)).collect(),
            weather,
            record: Record::new(&patience),
            patience,
            rng,
            clock: Clock::new(),
            seen: vec![Vec::new(); ALL],
            course: Course::default(),
            log,
        };
        for who in 0..ALL {
            let (starts_ms, ticks_ms) = run.weather.first_start_and_tick(who, &mut run.rng);
            run.clock.plan(starts_ms, Next::Restart(who));
            run.clock.plan(ticks_ms, Next::Tick(who));
        }
        run
    }

    /// After this a run that has not finished never will.
    fn patience_ms(&self) -> u64 {
        let Patience { agent, operator, rows, .. } = &self.patience;
        let row = agent.silence_ms + agent.deadline_ms + operator.row_ms + operator.round_ms + operator.answer_ms;
        let Weather { ends_ms, down_ms, late_ms, tick_ms, .. } = self.weather;
        ends_ms + down_ms + late_ms + (rows.len() as u64 + 2) * (row + 4 * tick_ms)
    }

    fn go(&mut self) -> Result<(), String> {
        if self.log {
            println!("{:#?} {:#?}", self.weather, self.patience);
        }
        while let Some(next) = self.clock.next() {
            self.course.steps += 1;
            match next {
                Next::Delivery(flight) => self.deliver(&flight)?,
                Next::Tick(who) => {
                    self.clock.plan(self.weather.tick_ms, Next::Tick(who));
                    self.happen(who, Happening::Event(Event::Tick), None, false)?;
                    let alive = self.processes[who].machine.is_some() && !self.processes[who].is_over();
                    if who != OPERATOR && alive {
                        deadlines::check(who, &self.record.agents[who], &self.patience, self.clock.now_ms)?;
                    }
                    self.throw_garbage(who);
                }
                Next::Restart(who) => {
                    self.processes[who].make(&self.patience).map_err(|e| format!("cannot start again: {e}"))?;
                    self.happen(who, Happening::Starts, None, false)?;
                }
            }
            let causes = self.course.strays + self.course.crashes + ALL as u64;
            storms::check(&self.record, &self.patience, self.weather.tick_ms, causes)?;
            if self.processes.iter().all(Process::is_over) {
                break;
            }
            if self.clock.now_ms > self.patience_ms() {
                let stand = |p: &Process| p.machine.as_ref().map(|m| (m.row(), p.is_over()));
                let stand: Vec<_> = self.processes.iter().map(stand).collect();
                return Err(format!("does not finish: {stand:?}"));
            }
        }
        self.end()
    }

    fn end(&mut self) -> Result<(), String> {
        rows::check_end(&self.record, self.patience.rows.len())?;
        let certified = joint::check(&self.record)?;
        let settled = |wanted| self.record.settled.iter().filter(|s| s.note.certainty == wanted).count() as u64;
        self.course.rows = self.record.settled.len() as u64;
        self.course.priced = self.record.settled.iter().map(|s| u64::from(s.note.priced > 0)).sum();
        self.course.certified = [settled(Certainty::Certified), certified];
        for applied in self.record.agents.iter().flat_map(|agent| &agent.applied) {
            self.course.how[number(applied.step.how)] += 1;
            self.course.how[5] += u64::from(applied.step.how == How::Alone && applied.step.as_answered);
        }
        if self.sky == Sky::Clear && certified != self.course.rows {
            let notes: Vec<_> = self.record.settled.iter().map(|settled| &settled.note).collect();
            return Err(format!("{certified} of {} rows were certified for all: {notes:#?}", self.course.rows));
        }
        Ok(())
    }

    fn foul(&self, who: usize) -> bool {
        self.sky == Sky::Foul && self.clock.now_ms < self.weather.ends_ms && !self.weather.spared[who]
    }

    fn deliver(&mut self, flight: &Flight) -> Result<(), String> {
        let to = flight.to;
        let Some(machine) = &self.processes[to].machine else { return Ok(()) };
        // A fresh agent believes the first run that it hears of.
        let believes = flight.garbage && !machine.knows_the_run();
        if self.weather.cut_off(to, self.clock.now_ms) || believes {
            return Ok(());
        }
        let mut bytes = flight.bytes.clone();
        if to == OPERATOR && !flight.garbage {
            let lies = self.foul(number_of(flight.from)) && self.rng.random_bool(self.patience.absurd);
            if lies {
                bytes = liar::absurd(&bytes, &mut self.rng).unwrap_or(bytes);
            }
            self.note_heard(number_of(flight.from), &bytes);
        }
        let event = Event::Message { from: flight.from, bytes: &bytes };
        self.happen(to, Happening::Event(event), flight.number, flight.garbage)
    }

    /// The first of several with the same name is what the operator takes.
    fn note_heard(&mut self, from: usize, bytes: &Rc<[u8]>) {
        let message = decode_up(bytes, &WORLD.shape).unwrap();
        if let covolt_wire::Up::Dispatch(answer) = &message.body {
            let name = (message.header.run, answer.row as usize, message.header.exchange);
            self.record.heard.entry((from, name)).or_insert_with(|| bytes.clone());
        }
    }

    fn throw_garbage(&mut self, to: usize) {
        if !self.foul(to) || !self.rng.random_bool(self.weather.garbage) {
            return;
        }
        let Some(flight) = garbage::make(to, &self.seen, &mut self.rng) else { return };
        self.course.strays += 1;
        self.clock.plan(self.rng.random_range(0..200), Next::Delivery(flight));
    }

    /// Notes when an agent's row began to wait for a settlement.
    fn note_asked(&mut self, who: usize, machine: &Machine, bytes: &[u8]) {
        let (Machine::Agent(agent), Ok(message)) = (machine, decode_down(bytes, &WORLD.shape)) else { return };
        let Down::Ask { row, v_pu, .. } = message.body else { return };
        let current = message.header.run == agent.run() && message.header.fingerprint == FINGERPRINT;
        let plausible = v_pu.iter().all(|v| (0.5..=1.5).contains(v));
        if current && plausible && row as usize == agent.next_row() {
            self.record.agents[who].asked_ms.get_or_insert(self.clock.now_ms);
        }
    }

    fn happen(&mut self, who: usize, what: Happening<'_>, number: Option<u64>, made_up: bool) -> Result<(), String> {
        let now_ms = self.clock.now_ms;
        let dies = self.foul(who) && self.rng.random_bool(self.weather.crash);
        let lives_for = dies.then(|| self.rng.random_range(0..6));
        let Some(mut machine) = self.processes[who].machine.take() else { return Ok(()) };
        if self.log {
            self.describe(who, &machine, &what, made_up);
        }
        if matches!(what, Happening::Starts) && who != OPERATOR {
            let of = &mut self.record.agents[who];
            (of.idle_since_ms, of.asked_ms, of.restarted) = (now_ms, None, true);
        }
        let question = match &what {
            Happening::Event(Event::Message { bytes, .. }) if !made_up => Some(bytes.to_vec()),
            _ => None,
        };
        let seen = made_up.then(|| garbage_changes_nothing::look(&machine));
        let (row, done) = (machine.row(), machine.done());
        let process = &mut self.processes[who];
        let mut desk = Desk::new(&mut process.store, number, lives_for);
        let ended = happen(&mut machine, now_ms, what, &mut desk);
        if let (Some(seen), Ok(())) = (seen, &ended) {
            garbage_changes_nothing::check(&seen, &machine, &desk)?;
        }
        let (sent, kept) = (desk.sent, desk.kept_checkpoint);
        if let Err(Stop::Gave(error)) = ended {
            return Err(format!("participant {who} gave up: {error}"));
        }
        if machine.row() < row {
            return Err(format!("row {row} became {} at {who}", machine.row()));
        }
        for (_, kind, bytes) in &sent {
            process.sent.count(kind, bytes.len());
        }
        // What was decided but not kept has not happened: nothing left the process.
        if kept {
            self.note_done(who, &machine, done)?;
        } else if machine.done() > done && ended.is_ok() {
            return Err(format!("participant {who} decided without keeping it"));
        }
        if let Some(bytes) = question {
            self.note_asked(who, &machine, &bytes);
        }
        if who != OPERATOR {
            storms::check_answers(sent.len())?;
        }
        for (to, kind, bytes) in sent {
            self.send(who, number_of(to), kind, bytes)?;
        }
        for (n, agent) in self.record.agents.iter().enumerate().filter(|(n, _)| *n == who && kept) {
            for applied in agent.applied.iter().rev().take(machine.done() - done) {
                certified::check(&self.record, n, applied)?;
            }
        }
        if dies {
            self.killed(who);
            return Ok(());
        }
        if let Machine::Agent(agent) = &machine {
            device_limits::check_state(who, &self.record.agents[who], agent.state())?;
        }
        let process = &mut self.processes[who];
        process.machine = Some(machine);
        if !matches!(ended, Err(Stop::Killed)) {
            tallies::check(process)?;
        }
        Ok(())
    }

    /// Rows that a step settled or decided, and kept.
    fn note_done(&mut self, who: usize, machine: &Machine, from: usize) -> Result<(), String> {
        match machine {
            Machine::Operator(operator) => {
                for note in &operator.notes[from..] {
                    notes::check(note, &self.patience)?;
                    self.record.settled.push(Settled { run: operator.run(), note: note.clone() });
                }
            }
            Machine::Agent(agent) => {
                for step in &agent.applied[from..] {
                    if self.log {
                        println!(
                            "{}    {who} applies row {} {:?} as answered {}",
                            self.clock.now_ms, step.row, step.how, step.as_answered
                        );
                    }
                    self.record.applies(who, self.clock.now_ms, step.clone());
                    let of = &self.record.agents[who];
                    let applied = of.applied.last().unwrap();
                    device_limits::check(who, applied)?;
                    alone::check(who, of, applied)?;
                    safe_set_point::check(who, applied)?;
                }
            }
        }
        rows::check(&self.record)
    }

    fn killed(&mut self, who: usize) {
        if self.log {
            println!("{} {who} is killed", self.clock.now_ms);
        }
        self.course.crashes += 1;
        let down = self.rng.random_range(0..=self.weather.down_ms);
        self.clock.plan(down, Next::Restart(who));
    }

    fn send(&mut self, from: usize, to: usize, kind: &'static str, bytes: Rc<[u8]>) -> Result<(), String> {
        let now_ms = self.clock.now_ms;
        messages::check(party_of(from), party_of(to), kind, &bytes)?;
        if from == OPERATOR {
            let message = decode_down(&bytes, &WORLD.shape).unwrap();
            prices::check(&message.body)?;
            self.record.down(to, &message);
        } else {
            self.record.up(from, &decode_up(&bytes, &WORLD.shape).unwrap(), &bytes);
        }
        if self.log {
            println!("{now_ms}    {from} says {}", text(to, &bytes));
        }
        self.course.messages += 1;
        if self.seen[to].len() < 64 {
            self.seen[to].push(bytes.clone());
        }
        if self.sky == Sky::Clear {
            let flight = Flight { to, from: party_of(from), bytes, number: None, garbage: false };
            // In the order of sending, as a server has it that loses nothing.
            self.clock.plan(self.weather.delay_ms, Next::Delivery(flight));
            return Ok(());
        }
        let store = &mut self.processes[to].store;
        let flights = network::send((from, to), bytes, &self.weather, now_ms, store, &mut self.rng);
        self.course.strays += flights.len().saturating_sub(1) as u64;
        for (delay_ms, flight) in flights {
            self.clock.plan(delay_ms, Next::Delivery(flight));
        }
        Ok(())
    }

    fn describe(&self, who: usize, machine: &Machine, what: &Happening<'_>, made_up: bool) {
        let (now_ms, row) = (self.clock.now_ms, machine.row());
        match what {
            Happening::Starts => println!("{now_ms} {who} starts at row {row}"),
            Happening::Event(Event::Message { from, bytes }) => {
                let garbage = if made_up { " garbage" } else { "" };
                println!("{now_ms} {who} at row {row} hears {from:?}{garbage}: {}", text(who, bytes));
            }
            Happening::Event(_) => {}
        }
    }
}

fn text(to: usize, bytes: &[u8]) -> String {
    let shown = |header: covolt_wire::Header, body: String| {
        format!("run {} ({}, {}) {body:.600}", header.run, header.round, header.exchange)
    };
    if to == OPERATOR {
        decode_up(bytes, &WORLD.shape).map_or("garbage".into(), |m| shown(m.header, format!("{:?}", m.body)))
    } else {
        decode_down(bytes, &WORLD.shape).map_or("garbage".into(), |m| shown(m.header, format!("{:?}", m.body)))
    }
}

/// One run.
pub fn run(test: &'static str, sky: Sky, seed: u64, log: bool) -> Course {
    let _repeat = Repeat { test, seed };
    let mut run = Run::new(sky, seed, log);
    if let Err(reason) = run.go() {
        panic!("{sky:?}, seed {seed}, step {}, {} ms: {reason}", run.course.steps, run.clock.now_ms);
    }
    run.course
}

/// As many runs as the environment wants, on one thread.
pub fn runs(test: &'static str, sky: Sky) {
    let mut all = Course::default();
    let (count, run_ms) = many(if sky == Sky::Clear { 10 } else { 40 }, |seed, log| {
        let course = run(test, sky, seed, log);
        all.steps += course.steps;
        all.crashes += course.crashes;
        all.messages += course.messages;
        all.strays += course.strays;
        all.rows += course.rows;
        all.priced += course.priced;
        all.certified.iter_mut().zip(course.certified).for_each(|(sum, one)| *sum += one);
        all.how.iter_mut().zip(course.how).for_each(|(sum, one)| *sum += one);
    });
    println!("{sky:?}: {count} runs of {SEATS} agents, {run_ms:.2} ms each; in all {all:?}");
}

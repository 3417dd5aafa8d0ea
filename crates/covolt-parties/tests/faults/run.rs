//! One run from its seed, and many of them.

use super::clock::Clock;
use super::desk::{Desk, Happening, Stop, happen};
use super::invariants::{
    garbage_changes_nothing, going_on, messages, multipliers, rounds, same_result, storms, tallies,
};
use super::network::{self, Flight, number_of, party_of};
use super::participant::Process;
use super::repeat::{Repeat, many};
pub use super::weather::Mode;
use super::weather::{ALL, OPERATOR, Weather};
use super::{garbage, world};
use covolt_parties::{Event, Output};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::rc::Rc;

enum Next {
    Delivery(Flight),
    Tick(usize),
    Restart(usize),
}

/// What a run took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Course {
    pub steps: u64,
    pub crashes: u64,
    pub messages: u64,
    pub garbage: u64,
    /// Messages in parts of what the bound on storms allows.
    pub of_bound: f64,
    pub virtual_ms: u64,
}

struct Run {
    mode: Mode,
    weather: Weather,
    rng: ChaCha8Rng,
    clock: Clock<Next>,
    processes: Vec<Process>,
    /// What was sent, by receiver: what garbage is made of.
    seen: Vec<Vec<Rc<[u8]>>>,
    traffic: storms::Traffic,
    course: Course,
    over_ms: Option<u64>,
    sent_after: u64,
    log: bool,
}

impl Run {
    fn new(mode: Mode, seed: u64, log: bool) -> Run {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let weather = Weather::draw(mode, &mut rng);
        let processes = (0..ALL).map(|who| Process::new(who, weather.trims)).collect();
        let mut run = Run {
            mode,
            weather,
            rng,
            clock: Clock::new(),
            processes,
            seen: vec![Vec::new(); ALL],
            traffic: storms::Traffic::default(),
            course: Course::default(),
            over_ms: None,
            sent_after: 0,
            log,
        };
        for who in 0..ALL {
            let (starts_ms, ticks_ms) = run.weather.first_start_and_tick(who, &mut run.rng);
            run.clock.plan(starts_ms, Next::Restart(who));
            run.clock.plan(ticks_ms, Next::Tick(who));
        }
        run
    }

    /// The longest that a message is on its way.
    fn longest_ms(&self) -> u64 {
        let slowest = self.weather.slow.iter().max().unwrap();
        self.weather.delay_ms * slowest + self.weather.late_ms
    }

    fn go(&mut self) -> Result<(), String> {
        if self.log {
            println!("{:#?}", self.weather);
        }
        let timing = self.weather.timing;
        let quiet_ms = 2 * self.longest_ms() + 2 * (timing.retry_ms + timing.heartbeat_ms + self.weather.tick_ms);
        while let Some(next) = self.clock.next() {
            self.course.steps += 1;
            match next {
                Next::Delivery(flight) => self.deliver(&flight)?,
                Next::Tick(who) => {
                    self.clock.plan(self.weather.tick_ms, Next::Tick(who));
                    self.happen(who, Happening::Event(Event::Tick), None, false)?;
                    self.throw_garbage(who);
                }
                Next::Restart(who) => {
                    self.processes[who].make(timing).map_err(|e| format!("cannot start again: {e}"))?;
                    self.happen(who, Happening::Starts, None, false)?;
                }
            }
            let now_ms = self.clock.now_ms;
            storms::check(&self.traffic, &self.weather, now_ms)?;
            let over = self.processes.iter().all(Process::is_over) && now_ms >= self.weather.ends_ms;
            match self.over_ms {
                None if over => self.over_ms = Some(now_ms),
                None if now_ms > self.weather.patience_ms() => {
                    let stand: Vec<_> =
                        self.processes.iter().map(|p| p.machine.as_ref().map(|m| (m.round(), p.is_over()))).collect();
                    return Err(format!("does not finish: {stand:?}"));
                }
                Some(at) if now_ms > at + quiet_ms => break,
                _ => {}
            }
        }
        self.course.virtual_ms = self.over_ms.unwrap_or(0);
        self.course.messages = self.traffic.sent;
        self.course.of_bound =
            self.traffic.sent as f64 / storms::bound(&self.traffic, &self.weather, self.clock.now_ms) as f64;
        storms::check_silence(self.sent_after)?;
        match self.mode {
            Mode::Wait => same_result::check(&self.processes),
            Mode::GoOn => going_on::check(&self.processes, &self.weather),
        }
    }

    fn foul(&self, who: usize) -> bool {
        self.clock.now_ms < self.weather.ends_ms && !self.weather.spared[who]
    }

    fn deliver(&mut self, flight: &Flight) -> Result<(), String> {
        let to = flight.to;
        if self.weather.cut_off(to, self.clock.now_ms) || self.processes[to].machine.is_none() {
            return Ok(());
        }
        let event = Event::Message { from: flight.from, bytes: &flight.bytes };
        self.happen(to, Happening::Event(event), flight.number, flight.garbage)
    }

    fn throw_garbage(&mut self, to: usize) {
        if !self.foul(to) || !self.rng.random_bool(self.weather.garbage) {
            return;
        }
        let Some(mut flight) = garbage::make(to, &self.seen, &mut self.rng) else { return };
        self.course.garbage += 1;
        self.traffic.strays += 1;
        if garbage::reaches_stream(&flight) && self.rng.random_bool(0.5) {
            flight.number = Some(self.processes[to].store.append(flight.from, flight.bytes.clone()));
        }
        self.clock.plan(self.rng.random_range(0..200), Next::Delivery(flight));
    }

    fn happen(&mut self, who: usize, what: Happening<'_>, number: Option<u64>, made_up: bool) -> Result<(), String> {
        let now_ms = self.clock.now_ms;
        let dies = self.foul(who) && self.rng.random_bool(self.weather.crash);
        let lives_for = dies.then(|| self.rng.random_range(0..6));
        let starts = matches!(what, Happening::Starts);
        let process = &mut self.processes[who];
        let Some(mut machine) = process.machine.take() else { return Ok(()) };
        if self.log {
            match &what {
                Happening::Starts => println!("{now_ms} {who} starts at {}", machine.round()),
                Happening::Event(Event::Message { from, bytes }) => {
                    let text = describe(who, bytes);
                    println!(
                        "{now_ms} {who} at {} hears {from:?}{}: {text}",
                        machine.round(),
                        if made_up { " garbage" } else { "" }
                    );
                }
                Happening::Event(_) => {}
            }
        }
        let before = (!starts).then(|| machine.round());
        let seen = (made_up && machine.in_run()).then(|| garbage_changes_nothing::look(&machine));
        let mut desk = Desk::new(&mut process.store, number, lives_for);
        let ended = happen(&mut machine, now_ms, what, &mut desk);
        if let (Some(seen), Ok(())) = (seen, &ended) {
            garbage_changes_nothing::check(&seen, &machine, &desk)?;
        }
        let (sent, notices) = (desk.sent, desk.notices);
        for (_, kind, bytes) in &sent {
            process.sent.count(kind, bytes.len());
        }
        let warned = notices.iter().find(|n| matches!(n, Output::Warning { .. }) && self.mode == Mode::Wait);
        if let Some(Output::Warning { text }) = warned {
            return Err(format!("{who} warns: {text}"));
        }
        for (to, kind, bytes) in sent {
            self.send(who, number_of(to), kind, bytes)?;
        }
        let process = &mut self.processes[who];
        match ended {
            Err(Stop::Gave(error)) => return Err(format!("participant {who} gave up: {error}")),
            Err(Stop::Killed) => {
                self.killed(who);
                return Ok(());
            }
            Ok(()) if dies => {
                self.killed(who);
                return Ok(());
            }
            Ok(()) => {}
        }
        if let Some(number) = number {
            process.store.take(number);
        }
        if before.is_none_or(|before| before != machine.round()) {
            multipliers::check(&machine)?;
        }
        process.machine = Some(machine);
        tallies::check(process)?;
        rounds::check(process, before, self.mode)
    }

    fn killed(&mut self, who: usize) {
        if self.log {
            println!("{} {who} is killed", self.clock.now_ms);
        }
        self.processes[who].crashes += 1;
        self.traffic.crashes += 1;
        self.course.crashes += 1;
        let down = self.rng.random_range(0..=self.weather.down_ms);
        self.clock.plan(down, Next::Restart(who));
    }

    fn send(&mut self, from: usize, to: usize, kind: &'static str, bytes: Rc<[u8]>) -> Result<(), String> {
        let now_ms = self.clock.now_ms;
        messages::check(party_of(from), party_of(to), kind, &bytes)?;
        if self.log {
            println!("{now_ms}    {from} says {}", describe(to, &bytes));
        }
        self.traffic.sent += 1;
        if self.over_ms.is_some_and(|at| now_ms > at + 2 * self.longest_ms()) {
            self.sent_after += 1;
        }
        if self.seen[to].len() < 64 {
            self.seen[to].push(bytes.clone());
        }
        let store = &mut self.processes[to].store;
        let flights = network::send((from, to), bytes, &self.weather, now_ms, store, &mut self.rng);
        self.traffic.strays += flights.len().saturating_sub(1) as u64;
        for (delay_ms, flight) in flights {
            self.traffic.strays += u64::from(delay_ms > self.weather.timing.retry_ms);
            self.clock.plan(delay_ms, Next::Delivery(flight));
        }
        Ok(())
    }
}

fn describe(to: usize, bytes: &[u8]) -> String {
    let shape = &world::WORLD.shape;
    let text = |header: covolt_wire::Header, body: String| {
        let short: String = body.chars().take(60).collect();
        let settled = body.contains("settled: Some");
        format!(
            "run {} ({}, {}) {short} {}",
            header.run,
            header.round,
            header.exchange,
            if settled { "settled" } else { "" }
        )
    };
    if to == OPERATOR {
        covolt_wire::decode_up(bytes, shape).map_or("garbage".into(), |m| text(m.header, format!("{:?}", m.body)))
    } else {
        covolt_wire::decode_down(bytes, shape).map_or("garbage".into(), |m| text(m.header, format!("{:?}", m.body)))
    }
}

/// One run.
pub fn run(test: &'static str, mode: Mode, seed: u64, log: bool) -> Course {
    let repeat = Repeat { test, seed };
    let mut run = Run::new(mode, seed, log);
    if let Err(reason) = run.go() {
        panic!("{mode:?}, seed {}, step {}, {} ms: {reason}", repeat.seed, run.course.steps, run.clock.now_ms);
    }
    run.course
}

/// As many runs as the environment wants, on one thread.
pub fn runs(test: &'static str, mode: Mode) {
    let (mut all, mut most) = (Course::default(), 0.0f64);
    let (count, run_ms) = many(300, |seed, log| {
        let course = run(test, mode, seed, log);
        all.steps += course.steps;
        all.crashes += course.crashes;
        all.messages += course.messages;
        all.garbage += course.garbage;
        all.virtual_ms += course.virtual_ms;
        most = most.max(course.of_bound);
    });
    let each = |total: u64| total as f64 / count as f64;
    println!(
        "{mode:?}: {count} runs, {run_ms:.2} ms each; in a run {:.0} steps, {:.1} crashes, {:.0} messages, {:.0} made up, {:.1} s; {:.0} % of the most messages",
        each(all.steps),
        each(all.crashes),
        each(all.messages),
        each(all.garbage),
        each(all.virtual_ms) / 1e3,
        1e2 * most,
    );
}

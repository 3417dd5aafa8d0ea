//! The operator in training: opens rounds, exchanges voltages for powers until they fit, and sends the prices.
//!
//! ```text
//!   gather   begin to all, until every agent is here with the plan
//!   round r  voltages to all (exchange 0, 1, ...), until the feeder's voltages at their powers are those that they answered
//!            to within 1e-8 pu; then prices and multipliers of the feeder's limits; the prices travel with round r + 1
//!   finish   the last prices, until every agent has kept its policy
//! ```
//!
//! With voltages of each window remembered from the epoch before, a round takes two exchanges. Multipliers of the
//! feeder's limits stay with the operator, those inside a microgrid with its agent.

mod restart;
mod seat;

use crate::error::PartyError;
use crate::feeder_rounds::FeederRounds;
use crate::party::{Event, Output, Party};
use crate::plan_windows::settings_of;
use crate::reception::{note_presence, take_up};
use crate::timing::{OnAbsence, Timing};
use covolt_fleet::{Fleet, LimitPrices, Profiles};
use covolt_grid::BusIndex;
use covolt_learn::TRAINING_TOLERANCE_PU;
use covolt_wire::envelope::Fingerprint;
use covolt_wire::{Absence, Down, Envelope, Header, Shape, Tally, TrainingPlan, Up, encode_down};

use seat::{Held, Seat};

pub use crate::feeder_rounds::RoundNote;

/// What the operator knows: the feeder and its loads, and where the microgrids hang.
#[derive(Debug, Clone, Copy)]
pub struct OperatorPlace<'a> {
    /// What the parts of one whole case have in common.
    pub fingerprint: Fingerprint,
    /// The feeder; no microgrid.
    pub fleet: &'a Fleet,
    /// Its series.
    pub profiles: &'a Profiles,
    /// Name and bus of each microgrid's PCC, by seat.
    pub pccs: &'a [(String, BusIndex)],
    /// Window length.
    pub steps: usize,
    /// Bounds of messages.
    pub shape: Shape,
}

/// Exchanges after which a round that does not settle fails.
const MOST_EXCHANGES: u16 = 30;

/// An agent that says so often in a row that messages are missing will not find them any more.
const MOST_BEHIND: u32 = 30;

/// Where the training stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Gather,
    Round,
    Finish,
    Done,
}

/// The operator in training.
pub struct OperatorTraining<'a> {
    place: OperatorPlace<'a>,
    plan: TrainingPlan,
    timing: Timing,
    run: u64,
    stage: Stage,
    round: u32,
    exchange: u16,
    /// Exchange with which an agent answered first in the round, the last of them: from there on it settles.
    joined: u16,
    rounds: FeederRounds<'a>,
    seats: Vec<Seat>,
    asked_ms: u64,
    /// Sends nothing: replays what it was sent before.
    replaying: bool,
    /// What was sent.
    pub tally: Tally,
    /// The round closed last.
    pub note: RoundNote,
    /// Exchanges of all rounds.
    pub exchanges: u64,
}

impl<'a> OperatorTraining<'a> {
    /// A run with number `run` (higher than that of every earlier run of the case, such as the time at which it begins), or one that goes on from a checkpoint.
    ///
    /// # Errors
    /// Several phases or loops in the feeder, rows outside the data, a checkpoint that does not fit, settings out of range.
    pub fn new(
        place: OperatorPlace<'a>,
        plan: TrainingPlan,
        timing: Timing,
        run: u64,
        checkpoint: Option<&[u8]>,
    ) -> Result<OperatorTraining<'a>, PartyError> {
        timing.check()?;
        let rounds = FeederRounds::new(place, &plan, settings_of(&plan))?;
        let remembers = match timing.on_absence {
            OnAbsence::Wait => 0,
            OnAbsence::GoOn { .. } => rounds.windows(),
        };
        let mut training = OperatorTraining {
            seats: place.pccs.iter().map(|_| Seat::new(remembers)).collect(),
            place,
            plan,
            rounds,
            timing,
            run,
            stage: Stage::Gather,
            round: 0,
            exchange: 0,
            joined: 0,
            asked_ms: 0,
            replaying: false,
            tally: Tally::default(),
            note: RoundNote::default(),
            exchanges: 0,
        };
        if let Some(bytes) = checkpoint {
            training.restore(bytes)?;
        }
        Ok(training)
    }

    /// Number of the run.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Round and exchange whose answers are awaited, and from which seats.
    pub fn awaiting(&self) -> (u32, u16, Vec<usize>) {
        let open = |(n, seat): (usize, &Seat)| (seat.answer.is_none()).then_some(n);
        (self.round, self.exchange, self.seats.iter().enumerate().filter_map(open).collect())
    }

    /// Multipliers of the feeder's limits by window.
    pub fn multipliers(&self) -> &[LimitPrices] {
        &self.rounds.memory.prices
    }

    /// All rounds are done and every agent has kept its policy.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// What the event leads to.
    ///
    /// # Errors
    /// What ends the run; messages that do not fit are refused in `out`.
    pub fn on_event(&mut self, now_ms: u64, event: Event<'_>, out: &mut Vec<Output>) -> Result<(), PartyError> {
        match event {
            Event::Start => {
                self.asked_ms = now_ms;
                self.begin_all(now_ms, out)
            }
            Event::Tick => self.on_tick(now_ms, out),
            Event::Message { from, bytes } => {
                let (seats, ours) = (self.seats.len(), (&self.place.shape, &self.place.fingerprint));
                match take_up(from, bytes, seats, ours, out) {
                    Some((n, message)) => self.on_message(now_ms, n, message, out),
                    None => Ok(()),
                }
            }
        }
    }

    fn on_message(
        &mut self,
        now_ms: u64,
        n: usize,
        Envelope { header, body }: Envelope<Up>,
        out: &mut Vec<Output>,
    ) -> Result<(), PartyError> {
        note_presence(n, &mut self.seats[n].here, true, out);
        match body {
            Up::Here { updates, has_plan } => {
                let knows = has_plan && header.run == self.run;
                self.seats[n].ready = knows;
                if !knows {
                    return self.send_begin(now_ms, n, out);
                }
                if updates > self.round {
                    self.skip_to(updates, out);
                }
                if self.stage == Stage::Gather {
                    return self.open_when_all_ready(now_ms, out);
                }
                // It came back, or missed a message: the present one is what it needs, also after the end.
                if self.is_missing(&self.seats[n]) { self.send_present(now_ms, n, out) } else { Ok(()) }
            }
            Up::Powers { points } => {
                let (round, exchange) = (self.round, self.exchange);
                let expected = self.rounds.batch.len() * self.place.steps;
                let fits = header.run == self.run
                    && self.stage == Stage::Round
                    && (header.round, header.exchange) == (round, exchange)
                    && points.len() == expected;
                if !fits {
                    return Ok(()); // late, doubled, or of another run
                }
                let seat = &mut self.seats[n];
                if !seat.heard {
                    self.joined = exchange;
                }
                (seat.behind, seat.heard) = (0, true);
                seat.answer.get_or_insert(points);
                self.close_when_all_answered(now_ms, out)
            }
            Up::Kept => {
                if header.run == self.run && matches!(self.stage, Stage::Finish | Stage::Done) {
                    self.seats[n].kept = true;
                    if self.stage == Stage::Finish && self.seats.iter().all(|seat| seat.kept) {
                        self.stage = Stage::Done;
                        out.extend([Output::Checkpoint, Output::Finished]);
                    }
                }
                Ok(())
            }
            Up::Absent(absence) => {
                let name = &self.place.pccs[n].0;
                let reason = format!("{absence:?} in round {}", header.round);
                out.push(Output::Refused { from: Party::Agent(n), reason: reason.clone() });
                let of_now = header.run == self.run && header.round == self.round;
                self.seats[n].behind += u32::from(of_now && absence == Absence::Behind);
                let lost = matches!(absence, Absence::NoPowerFlow | Absence::NoPolicy);
                if of_now && (lost || self.seats[n].behind > MOST_BEHIND) && self.timing.on_absence == OnAbsence::Wait {
                    return Err(PartyError::Agent { agent: name.clone(), reason });
                }
                Ok(())
            }
            Up::Dispatch(_) => {
                let reason = "dispatch is not training".into();
                out.push(Output::Refused { from: Party::Agent(n), reason });
                Ok(())
            }
        }
    }

    fn on_tick(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if let OnAbsence::GoOn { after_ms } = self.timing.on_absence
            && now_ms.saturating_sub(self.asked_ms) >= after_ms
        {
            match self.stage {
                Stage::Gather if self.seats.iter().any(|seat| seat.ready) => return self.open_or_resume(now_ms, out),
                Stage::Round if self.seats.iter().any(|seat| seat.answer.is_some()) => {
                    for (n, seat) in self.seats.iter_mut().enumerate().filter(|(_, seat)| seat.answer.is_none()) {
                        note_presence(n, &mut seat.here, false, out);
                    }
                    return self.close_exchange(now_ms, out);
                }
                Stage::Finish if self.seats.iter().any(|seat| seat.kept) => {
                    self.stage = Stage::Done;
                    out.extend([Output::Checkpoint, Output::Finished]);
                    return Ok(());
                }
                _ => {}
            }
        }
        let late = |seat: &Seat| now_ms.saturating_sub(seat.sent_ms) >= self.timing.retry_ms;
        let seats = self.seats.iter().enumerate();
        let missing: Vec<usize> = seats.filter(|(_, s)| self.is_missing(s) && late(s)).map(|(n, _)| n).collect();
        missing.into_iter().try_for_each(|n| match self.stage {
            Stage::Gather => self.send_begin(now_ms, n, out),
            Stage::Round | Stage::Finish => self.send_present(now_ms, n, out),
            // Who was away when the run ended asks for itself.
            Stage::Done => Ok(()),
        })
    }

    /// Whether something is awaited from this seat.
    fn is_missing(&self, seat: &Seat) -> bool {
        match self.stage {
            Stage::Gather => !seat.ready,
            Stage::Round => seat.answer.is_none(),
            Stage::Finish | Stage::Done => !seat.kept,
        }
    }

    fn begin_all(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let missing: Vec<usize> = (0..self.seats.len()).filter(|&n| !self.seats[n].ready).collect();
        missing.into_iter().try_for_each(|n| self.send_begin(now_ms, n, out))
    }

    fn open_when_all_ready(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.seats.iter().all(|seat| seat.ready) { self.open_or_resume(now_ms, out) } else { Ok(()) }
    }

    fn open_or_resume(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.rounds.batch.is_empty() {
            return self.open_round(now_ms, out);
        }
        // Opened by a replay already.
        self.stage = Stage::Round;
        self.ask_all(now_ms, out)
    }

    /// An agent is further than the operator: what lies between is lost to it.
    fn skip_to(&mut self, round: u32, out: &mut Vec<Output>) {
        let text = format!(
            "agents have done {round} updates, checkpoint and streams of the operator reach to {}: the multipliers of the feeder stay as they were then",
            self.round
        );
        out.push(Output::Warning { text });
        self.round = round.min(self.plan.episodes);
        self.rounds.memory.settled = None;
        self.rounds.batch.clear();
        self.stage = Stage::Gather;
        self.seats.iter_mut().for_each(|seat| (seat.took_part, seat.answer) = (false, None));
    }

    /// Exchange 0 of the present round, or the end.
    fn open_round(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        (self.exchange, self.joined) = (0, 0);
        for seat in &mut self.seats {
            (seat.answer, seat.held, seat.heard) = (None, None, false);
        }
        if self.round >= self.plan.episodes {
            self.stage = Stage::Finish;
        } else {
            self.stage = Stage::Round;
            self.rounds.open(self.round);
        }
        self.ask_all(now_ms, out)
    }

    fn ask_all(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.asked_ms = now_ms;
        (0..self.seats.len()).try_for_each(|n| self.send_present(now_ms, n, out))
    }

    /// The message that agent `n` has to answer now.
    fn send_present(&mut self, now_ms: u64, n: usize, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let settled = self.rounds.memory.settled.as_ref().filter(|_| self.seats[n].took_part).map(|all| all[n].clone());
        let body = match self.stage {
            Stage::Gather => return Ok(()),
            Stage::Finish | Stage::Done => Down::Finish { settled },
            Stage::Round => Down::Voltages {
                windows: self.rounds.batch.iter().map(|&w| u32::try_from(w).unwrap_or(u32::MAX)).collect(),
                v_pu: self.asked_of(n),
                settled: settled.filter(|_| self.exchange == 0 || !self.seats[n].heard),
            },
        };
        self.send(now_ms, n, body, out)
    }

    fn send_begin(&mut self, now_ms: u64, n: usize, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.send(now_ms, n, Down::Begin(Box::new(self.plan.clone())), out)
    }

    fn send(&mut self, now_ms: u64, n: usize, body: Down, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.seats[n].sent_ms = now_ms;
        if self.replaying {
            return Ok(());
        }
        let header =
            Header { fingerprint: self.place.fingerprint, run: self.run, round: self.round, exchange: self.exchange };
        let kind = body.kind();
        let bytes = encode_down(&Envelope { header, body }, &self.place.shape)?;
        self.tally.count(kind, bytes.len());
        out.push(Output::Send { to: Party::Agent(n), kind, bytes });
        Ok(())
    }

    fn close_when_all_answered(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        // Whoever is known to be missing was waited for once.
        let goes_on = self.timing.on_absence != OnAbsence::Wait;
        let settled = |seat: &Seat| seat.answer.is_some() || (goes_on && !seat.here);
        if self.seats.iter().all(settled) { self.close_exchange(now_ms, out) } else { Ok(()) }
    }

    /// Voltages that agent `n` is asked for.
    fn asked_of(&self, n: usize) -> Vec<f64> {
        self.rounds.asked_v_pu.iter().skip(n).step_by(self.seats.len()).copied().collect()
    }

    /// Holds on to the answers, and moves those of who has fallen silent since.
    fn hold(&mut self) {
        for n in 0..self.seats.len() {
            let v_pu = self.asked_of(n);
            let seat = &mut self.seats[n];
            match (&seat.answer, &mut seat.held) {
                (Some(answer), held) if !seat.remembered.is_empty() => {
                    *held = Some(Held { points: answer.clone(), v_pu })
                }
                (None, Some(held)) => held.move_to(v_pu),
                _ => {}
            }
        }
    }

    /// Solves the feeder with the answers; the next exchange, or the next round.
    fn close_exchange(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.exchanges += 1;
        self.hold();
        let (steps, seats, batch) = (self.place.steps, &self.seats, self.rounds.batch.clone());
        let answer = |n: usize| seats[n].answer.as_ref().or(seats[n].held.as_ref().map(|held| &held.points));
        let distance_pu = self.rounds.close_exchange(|n, w| match answer(n) {
            Some(all) => (Some(&all[w * steps..(w + 1) * steps]), true),
            None => (seats[n].remembered.get(batch[w]).and_then(|known| known.as_deref()), false),
        })?;
        if distance_pu > TRAINING_TOLERANCE_PU {
            if self.exchange + 1 - self.joined >= MOST_EXCHANGES {
                let (round, exchanges) = (self.round, self.exchange + 1);
                return Err(PartyError::NotSettled { round, exchanges, distance_pu });
            }
            self.exchange += 1;
            self.seats.iter_mut().for_each(|seat| seat.answer = None);
            return self.ask_all(now_ms, out);
        }
        self.remember(&batch);
        let present = self.seats.iter().filter(|seat| seat.took_part).count();
        let note = self.rounds.settle();
        self.note = RoundNote { round: self.round, exchanges: self.exchange + 1, present, ..note };
        self.round += 1;
        if self.round.is_multiple_of(self.timing.checkpoint_rounds) || self.round >= self.plan.episodes {
            out.push(Output::Checkpoint);
        }
        self.open_round(now_ms, out)
    }

    /// Who took part in the round that closes, and with which powers.
    fn remember(&mut self, batch: &[usize]) {
        let steps = self.place.steps;
        for seat in &mut self.seats {
            seat.took_part = seat.answer.is_some();
            if let Some(answer) = seat.answer.as_ref().filter(|_| !seat.remembered.is_empty()) {
                for (w, &window) in batch.iter().enumerate() {
                    seat.remembered[window] = Some(answer[w * steps..(w + 1) * steps].to_vec());
                }
            }
        }
    }
}

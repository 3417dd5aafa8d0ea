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

use crate::descent::TIGHTER;
use crate::error::PartyError;
use crate::party::{Event, Output, Party};
use crate::plan_windows::settings_of;
use crate::timing::{OnAbsence, Timing};
use covolt_fleet::feeder_flow::solve_feeder;
use covolt_fleet::{
    BaseDemand, FeederAnswer, FeederWorkspace, Fleet, LimitPrices, PccPoint, PricedWindow, Profiles, Window,
};
use covolt_grid::{BusIndex, GridError, LANES};
use covolt_learn::{BatchOrder, ExactSettings, TRAINING_TOLERANCE_PU};
use covolt_wire::envelope::Fingerprint;
use covolt_wire::{
    Absence, BoundaryPoint, Down, Envelope, Header, PriceOfPower, Shape, Tally, TrainingPlan, Up, decode_up,
    encode_down,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// What the operator knows: the feeder and its loads, and where the microgrids hang.
#[derive(Debug, Clone, Copy)]
pub struct OperatorPlace<'a> {
    /// The whole case that the parts were cut from.
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

/// What a closed round measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RoundNote {
    /// Round, counted from 0.
    pub round: u32,
    /// Exchanges that it took.
    pub exchanges: u16,
    /// Worst voltage violation of the feeder, pu.
    pub voltage_violation_pu: f64,
    /// Worst current violation of the feeder, fraction.
    pub current_violation: f64,
    /// Agents that took part.
    pub present: usize,
}

/// Where the training stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Gather,
    Round,
    Finish,
    Done,
}

struct Seat {
    here: bool,
    /// Sent something since the exchange began.
    answer: Option<Vec<BoundaryPoint>>,
    /// Took part in the round before, so that its settled prices concern it.
    took_part: bool,
    kept: bool,
    /// It has the plan and stands at the present round.
    ready: bool,
    /// Its powers by window, where the training goes on without those absent.
    remembered: Vec<Option<Vec<BoundaryPoint>>>,
}

/// The operator in training.
pub struct OperatorTraining<'a> {
    place: OperatorPlace<'a>,
    plan: TrainingPlan,
    settings: ExactSettings,
    timing: Timing,
    run: u64,
    stage: Stage,
    round: u32,
    exchange: u16,
    order: BatchOrder,
    windows: Vec<(Window, BaseDemand)>,
    prices: Vec<LimitPrices>,
    /// Voltages at the PCCs by window, `[t * pccs + n]`; empty where it was not seen yet.
    voltages: Vec<Vec<f64>>,
    /// Means over the round before, `[t * pccs + n]`: of its voltages, and of their change since each window was last seen.
    typical_v_pu: Vec<f64>,
    drift_pu: Vec<f64>,
    /// Windows of the present round, and their voltages asked for, `[(w * steps + t) * pccs + n]`.
    batch: Vec<usize>,
    asked_v_pu: Vec<f64>,
    settled: Option<Vec<Vec<PriceOfPower>>>,
    seats: Vec<Seat>,
    asked_ms: u64,
    sent_ms: u64,
    workspaces: Mutex<Vec<FeederWorkspace>>,
    answers: Vec<FeederAnswer>,
    /// Sends nothing: replays what it was sent before.
    pub replaying: bool,
    /// What was sent.
    pub tally: Tally,
    /// The round closed last.
    pub note: RoundNote,
    /// Exchanges of all rounds.
    pub exchanges: u64,
}

/// Where the operator stands between two rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperatorCheckpoint {
    run: u64,
    round: u32,
    prices: Vec<LimitPrices>,
    voltages: Vec<Vec<f64>>,
    typical_v_pu: Vec<f64>,
    drift_pu: Vec<f64>,
    settled: Option<Vec<Vec<(f64, f64)>>>,
    took_part: Vec<bool>,
    exchanges: u64,
}

impl<'a> OperatorTraining<'a> {
    /// A run with number `run` (anything that no other run of the case has), or one that goes on from a checkpoint.
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
        let workspace = FeederWorkspace::new(place.fleet)?;
        let settings = settings_of(&plan);
        let mut windows = Vec::with_capacity(plan.rows.len());
        for &row in &plan.rows {
            let window = Window::from_profiles(place.profiles, row as usize, place.steps, &[], &[]);
            let window = window.ok_or_else(|| covolt_learn::LearnError::NoScenario {
                reason: format!("row {row} has no complete window"),
            })?;
            windows.push((window.clone(), BaseDemand::new(place.fleet, &window)));
        }
        let count = windows.len();
        let remembers = matches!(timing.on_absence, OnAbsence::GoOn { .. });
        let seat = || Seat {
            here: false,
            answer: None,
            took_part: false,
            kept: false,
            ready: false,
            remembered: vec![None; if remembers { count } else { 0 }],
        };
        let (place_steps, seats) = (place.steps, place.pccs.len());
        let mut training = OperatorTraining {
            order: BatchOrder::new(count, settings.batch, plan.seed),
            seats: place.pccs.iter().map(|_| seat()).collect(),
            place,
            plan,
            settings,
            timing,
            run,
            stage: Stage::Gather,
            round: 0,
            exchange: 0,
            windows,
            prices: vec![LimitPrices::default(); count],
            voltages: vec![Vec::new(); count],
            typical_v_pu: vec![1.0; place_steps * seats],
            drift_pu: vec![0.0; place_steps * seats],
            batch: Vec::new(),
            asked_v_pu: Vec::new(),
            settled: None,
            asked_ms: 0,
            sent_ms: 0,
            workspaces: Mutex::new(vec![workspace]),
            answers: Vec::new(),
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

    fn restore(&mut self, bytes: &[u8]) -> Result<(), PartyError> {
        let refuse = |reason: String| PartyError::Checkpoint { reason };
        let kept: OperatorCheckpoint =
            postcard::from_bytes(bytes).map_err(|e| refuse(format!("it cannot be read ({e})")))?;
        if kept.prices.len() != self.prices.len() || kept.took_part.len() != self.seats.len() {
            let (windows, agents) = (kept.prices.len(), kept.took_part.len());
            return Err(refuse(format!(
                "{windows} windows and {agents} agents, the plan has {} and {}",
                self.prices.len(),
                self.seats.len()
            )));
        }
        self.run = kept.run;
        self.round = kept.round;
        self.prices = kept.prices;
        self.voltages = kept.voltages;
        self.typical_v_pu = kept.typical_v_pu;
        self.drift_pu = kept.drift_pu;
        let price = |&(p_per_kw, q_per_kvar): &(f64, f64)| PriceOfPower { p_per_kw, q_per_kvar };
        self.settled = kept.settled.map(|all| all.iter().map(|own| own.iter().map(price).collect()).collect());
        self.exchanges = kept.exchanges;
        self.seats.iter_mut().zip(kept.took_part).for_each(|(seat, took_part)| seat.took_part = took_part);
        Ok(())
    }

    /// The bytes of a checkpoint.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let numbers = |own: &Vec<PriceOfPower>| own.iter().map(|p| (p.p_per_kw, p.q_per_kvar)).collect();
        let kept = OperatorCheckpoint {
            run: self.run,
            round: self.round,
            prices: self.prices.clone(),
            voltages: self.voltages.clone(),
            typical_v_pu: self.typical_v_pu.clone(),
            drift_pu: self.drift_pu.clone(),
            settled: self.settled.as_ref().map(|all| all.iter().map(numbers).collect()),
            took_part: self.seats.iter().map(|seat| seat.took_part).collect(),
            exchanges: self.exchanges,
        };
        postcard::to_stdvec(&kept).ok()
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
                let Party::Agent(n) = from else {
                    out.push(Output::Refused { from, reason: "the operator does not speak to itself".into() });
                    return Ok(());
                };
                let refusal = match decode_up(bytes, &self.place.shape) {
                    _ if n >= self.seats.len() => format!("there is no seat {n}"),
                    Err(error) => error.to_string(),
                    Ok(message) if message.header.fingerprint != self.place.fingerprint => {
                        "the message is of another case".into()
                    }
                    Ok(message) => return self.on_message(now_ms, n, message, out),
                };
                out.push(Output::Refused { from, reason: refusal });
                Ok(())
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
        self.note_presence(n, out);
        match body {
            Up::Here { updates, has_plan } => {
                let knows = has_plan && header.run == self.run;
                let was_ready = std::mem::replace(&mut self.seats[n].ready, knows);
                if self.stage == Stage::Done {
                    return Ok(());
                }
                if !knows {
                    return self.send_begin(now_ms, n, out);
                }
                if self.stage == Stage::Gather {
                    return self.open_when_all_ready(now_ms, out);
                }
                // It came back, or missed a message: the present one is what it needs.
                if self.seats[n].answer.is_none() && (!was_ready || updates <= self.round) {
                    return self.send_present(now_ms, n, out);
                }
                Ok(())
            }
            Up::Powers { points } => {
                let (round, exchange) = (self.round, self.exchange);
                let expected = self.batch.len() * self.place.steps;
                let fits = header.run == self.run
                    && self.stage == Stage::Round
                    && (header.round, header.exchange) == (round, exchange)
                    && points.len() == expected;
                if !fits {
                    return Ok(()); // late, doubled, or of another run
                }
                self.seats[n].answer.get_or_insert(points);
                self.close_when_all_answered(now_ms, out)
            }
            Up::Kept => {
                if self.stage == Stage::Finish && header.run == self.run {
                    self.seats[n].kept = true;
                    if self.seats.iter().all(|seat| seat.kept) {
                        self.stage = Stage::Done;
                        out.push(Output::Finished);
                    }
                }
                Ok(())
            }
            Up::Absent(absence) => {
                let name = &self.place.pccs[n].0;
                let reason = format!("{absence:?} in round {}", header.round);
                out.push(Output::Refused { from: Party::Agent(n), reason: reason.clone() });
                let of_now = header.run == self.run && header.round == self.round;
                if absence == Absence::NoPowerFlow && of_now && self.timing.on_absence == OnAbsence::Wait {
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

    fn note_presence(&mut self, n: usize, out: &mut Vec<Output>) {
        if !std::mem::replace(&mut self.seats[n].here, true) {
            out.push(Output::Presence { who: Party::Agent(n), here: true });
        }
    }

    fn on_tick(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if let OnAbsence::GoOn { after_ms } = self.timing.on_absence
            && now_ms.saturating_sub(self.asked_ms) >= after_ms
        {
            match self.stage {
                Stage::Gather if self.seats.iter().any(|seat| seat.ready) => return self.open_round(now_ms, out),
                Stage::Round if self.seats.iter().any(|seat| seat.answer.is_some()) => {
                    for (n, seat) in self.seats.iter_mut().enumerate().filter(|(_, seat)| seat.answer.is_none()) {
                        if std::mem::replace(&mut seat.here, false) {
                            out.push(Output::Presence { who: Party::Agent(n), here: false });
                        }
                    }
                    return self.close_exchange(now_ms, out);
                }
                Stage::Finish if self.seats.iter().any(|seat| seat.kept) => {
                    self.stage = Stage::Done;
                    out.push(Output::Finished);
                    return Ok(());
                }
                _ => {}
            }
        }
        if now_ms.saturating_sub(self.sent_ms) < self.timing.retry_ms {
            return Ok(());
        }
        match self.stage {
            Stage::Gather => self.begin_all(now_ms, out),
            Stage::Round | Stage::Finish => {
                let open = |seat: &Seat| if self.stage == Stage::Finish { !seat.kept } else { seat.answer.is_none() };
                let missing: Vec<usize> = (0..self.seats.len()).filter(|&n| open(&self.seats[n])).collect();
                missing.into_iter().try_for_each(|n| self.send_present(now_ms, n, out))
            }
            Stage::Done => Ok(()),
        }
    }

    fn begin_all(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let missing: Vec<usize> = (0..self.seats.len()).filter(|&n| !self.seats[n].ready).collect();
        missing.into_iter().try_for_each(|n| self.send_begin(now_ms, n, out))
    }

    fn open_when_all_ready(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        if self.seats.iter().all(|seat| seat.ready) { self.open_round(now_ms, out) } else { Ok(()) }
    }

    /// Exchange 0 of the present round, or the end.
    fn open_round(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.exchange = 0;
        self.seats.iter_mut().for_each(|seat| seat.answer = None);
        if self.round >= self.plan.episodes {
            self.stage = Stage::Finish;
        } else {
            self.stage = Stage::Round;
            self.batch.clear();
            self.batch.extend_from_slice(self.order.of_episode(self.round as usize));
            let per_window = self.place.steps * self.seats.len();
            self.asked_v_pu.clear();
            for &w in &self.batch {
                match self.voltages[w].len() == per_window {
                    true => self.asked_v_pu.extend(self.voltages[w].iter().zip(&self.drift_pu).map(|(v, d)| v + d)),
                    false => self.asked_v_pu.extend_from_slice(&self.typical_v_pu),
                }
            }
        }
        self.ask_all(now_ms, out)
    }

    fn ask_all(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.asked_ms = now_ms;
        (0..self.seats.len()).try_for_each(|n| self.send_present(now_ms, n, out))
    }

    /// The message that agent `n` has to answer now.
    fn send_present(&mut self, now_ms: u64, n: usize, out: &mut Vec<Output>) -> Result<(), PartyError> {
        let seats = self.seats.len();
        let settled = self.settled.as_ref().filter(|_| self.seats[n].took_part).map(|all| all[n].clone());
        let body = match self.stage {
            Stage::Gather | Stage::Done => return Ok(()),
            Stage::Finish => Down::Finish { settled },
            Stage::Round => Down::Voltages {
                windows: self.batch.iter().map(|&w| u32::try_from(w).unwrap_or(u32::MAX)).collect(),
                v_pu: self.asked_v_pu.iter().skip(n).step_by(seats).copied().collect(),
                settled: settled.filter(|_| self.exchange == 0),
            },
        };
        self.send(now_ms, n, body, out)
    }

    fn send_begin(&mut self, now_ms: u64, n: usize, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.send(now_ms, n, Down::Begin(Box::new(self.plan.clone())), out)
    }

    fn send(&mut self, now_ms: u64, n: usize, body: Down, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.sent_ms = now_ms;
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
        if self.seats.iter().all(|seat| seat.answer.is_some()) { self.close_exchange(now_ms, out) } else { Ok(()) }
    }

    /// Solves the feeder with the answers; the next exchange, or the next round.
    fn close_exchange(&mut self, now_ms: u64, out: &mut Vec<Output>) -> Result<(), PartyError> {
        self.exchanges += 1;
        let points = self.points();
        self.solve(&points)?;
        let distance_pu = self.answers.iter().map(|a| a.distance_pu).fold(0.0, f64::max);
        self.asked_v_pu.clear();
        self.answers.iter().for_each(|answer| self.asked_v_pu.extend_from_slice(&answer.v_pu));
        if distance_pu > TRAINING_TOLERANCE_PU {
            if self.exchange + 1 >= MOST_EXCHANGES {
                let (round, exchanges) = (self.round, self.exchange + 1);
                return Err(PartyError::NotSettled { round, exchanges, distance_pu });
            }
            self.exchange += 1;
            self.seats.iter_mut().for_each(|seat| seat.answer = None);
            return self.ask_all(now_ms, out);
        }
        self.settle();
        self.round += 1;
        if self.round.is_multiple_of(self.timing.checkpoint_rounds) || self.round >= self.plan.episodes {
            out.push(Output::Checkpoint);
        }
        self.open_round(now_ms, out)
    }

    /// The answers as the feeder's solver takes them; for an absent agent what is remembered of it.
    fn points(&self) -> Vec<PccPoint> {
        let (steps, seats) = (self.place.steps, self.seats.len());
        let mut points = vec![PccPoint::default(); self.batch.len() * steps * seats];
        for (n, seat) in self.seats.iter().enumerate() {
            for (w, &window) in self.batch.iter().enumerate() {
                let own = match &seat.answer {
                    Some(all) => Some(&all[w * steps..(w + 1) * steps]),
                    None => seat.remembered.get(window).and_then(|known| known.as_deref()),
                };
                for t in 0..steps {
                    let at = (w * steps + t) * seats + n;
                    let p = own.map_or(BoundaryPoint::default(), |own| own[t]);
                    let slope = if seat.answer.is_some() { p.slope } else { 0.0 };
                    points[at] = PccPoint {
                        v_pu: self.asked_v_pu[at],
                        p_kw: p.p_kw,
                        q_kvar: p.q_kvar,
                        dp_dv: p.dp_dv,
                        dq_dv: p.dq_dv,
                        dl_dv: slope,
                    };
                }
            }
        }
        points
    }

    fn solve(&mut self, points: &[PccPoint]) -> Result<(), PartyError> {
        let OperatorPlace { fleet, pccs, steps, .. } = self.place;
        let buses: Vec<BusIndex> = pccs.iter().map(|pcc| pcc.1).collect();
        let pricing = self.settings.limit_pricing();
        let per_window = steps * buses.len();
        self.answers.resize_with(self.batch.len().div_ceil(LANES), FeederAnswer::default);
        let (windows, prices, workspaces) = (&self.windows, &self.prices, &self.workspaces);
        let work = self.answers.par_iter_mut().zip(self.batch.par_chunks(LANES)).enumerate();
        work.try_for_each(|(c, (answer, chunk))| -> Result<(), GridError> {
            let kept = workspaces.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut ws = kept.map_or_else(|| FeederWorkspace::new(fleet), Ok)?;
            ws.options.tolerance_pu = TRAINING_TOLERANCE_PU * TIGHTER;
            let priced: Vec<PricedWindow<'_>> = chunk
                .iter()
                .map(|&w| PricedWindow { window: &windows[w].0, base: &windows[w].1, prices: &prices[w] })
                .collect();
            let own = &points[c * LANES * per_window..][..chunk.len() * per_window];
            let solved = solve_feeder(fleet, &buses, &priced, own, &pricing, &mut ws, answer);
            workspaces.lock().unwrap_or_else(PoisonError::into_inner).push(ws);
            solved
        })?;
        Ok(())
    }

    /// Keeps voltages, moves the multipliers, and makes the prices that travel with the next round.
    fn settle(&mut self) {
        let (steps, seats) = (self.place.steps, self.seats.len());
        let per_window = steps * seats;
        let mut spare = LimitPrices::default();
        let mut settled = vec![Vec::with_capacity(self.batch.len() * steps); seats];
        let (mut known, mut seen) = (0.0, 0.0);
        self.typical_v_pu.fill(0.0);
        self.drift_pu.fill(0.0);
        let mut note = RoundNote { round: self.round, exchanges: self.exchange + 1, ..RoundNote::default() };
        for (w, &window) in self.batch.iter().enumerate() {
            let answer = &mut self.answers[w / LANES];
            let lane = w % LANES;
            let span = lane * per_window..(lane + 1) * per_window;
            let now = &answer.v_pu[span.clone()];
            seen += 1.0;
            self.typical_v_pu.iter_mut().zip(now).for_each(|(mean, v)| *mean += (v - *mean) / seen);
            if self.voltages[window].len() == per_window {
                known += 1.0;
                let moved = now.iter().zip(&self.voltages[window]).map(|(now, before)| now - before);
                self.drift_pu.iter_mut().zip(moved).for_each(|(mean, d)| *mean += (d - *mean) / known);
            }
            self.voltages[window].clear();
            self.voltages[window].extend_from_slice(now);
            for (at, &(p_per_kw, q_per_kvar)) in answer.prices[span].iter().enumerate() {
                settled[at % seats].push(PriceOfPower { p_per_kw, q_per_kvar });
            }
            let (share, cap) = (self.settings.multiplier_share, self.settings.multiplier_cap);
            self.prices[window].move_towards(&mut answer.slopes[lane], share, cap, &mut spare);
            let value = &answer.values[lane];
            note.voltage_violation_pu = note.voltage_violation_pu.max(value.voltage_violation_pu);
            note.current_violation = note.current_violation.max(value.current_violation);
        }
        for seat in &mut self.seats {
            seat.took_part = seat.answer.is_some();
            note.present += usize::from(seat.took_part);
            if let Some(answer) = seat.answer.as_ref().filter(|_| !seat.remembered.is_empty()) {
                for (w, &window) in self.batch.iter().enumerate() {
                    seat.remembered[window] = Some(answer[w * steps..(w + 1) * steps].to_vec());
                }
            }
        }
        self.settled = Some(settled);
        self.note = note;
    }
}

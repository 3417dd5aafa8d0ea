//! How bad a run is: rates of faults, drawn from its seed, and when the last fault is over.

use super::world::SEATS;
use covolt_parties::{OnAbsence, Timing};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What training does without somebody; going on, some are spared all faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Wait,
    GoOn,
}

/// A participant by number: agents by their seats, then the operator.
pub const OPERATOR: usize = SEATS;
pub const ALL: usize = SEATS + 1;

/// Nobody reaches or hears a participant in between.
#[derive(Debug)]
pub struct Partition {
    pub who: usize,
    pub from_ms: u64,
    pub to_ms: u64,
}

#[derive(Debug)]
pub struct Weather {
    pub timing: Timing,
    pub tick_ms: u64,
    /// Time on the way.
    pub delay_ms: u64,
    /// What slow links multiply it by.
    pub slow: [u64; ALL],
    /// Shares of messages.
    pub lost_before: f64,
    pub lost_behind: f64,
    pub doubled: f64,
    pub late: f64,
    pub late_ms: u64,
    /// Shares of ticks and of steps.
    pub garbage: f64,
    pub crash: f64,
    pub down_ms: u64,
    pub partitions: Vec<Partition>,
    /// Who is spared all of it.
    pub spared: [bool; ALL],
    /// Streams forget what checkpoints cover.
    pub trims: bool,
    /// No fault begins after it.
    pub ends_ms: u64,
}

impl Weather {
    /// When a participant first starts, and when it first hears of the time, ms.
    pub fn first_start_and_tick(&self, who: usize, rng: &mut ChaCha8Rng) -> (u64, u64) {
        let spread = if self.spared[who] { 1 } else { self.down_ms };
        (rng.random_range(0..=spread), rng.random_range(0..self.tick_ms))
    }

    pub fn draw(mode: Mode, rng: &mut ChaCha8Rng) -> Weather {
        // None, some or much of each, independently; now and then much of all.
        let worst = rng.random_bool(0.1);
        let mut rate = |most: f64| {
            let level: f64 = [0.0, 0.0, 0.1, 0.4, 1.0][rng.random_range(0..5)];
            (if worst { 1.2 } else { level }) * rng.random_range(0.3..1.0) * most
        };
        let (lost_before, lost_behind, doubled, late) = (rate(0.4), rate(0.4), rate(0.5), rate(0.4));
        let (garbage, crash, cut) = (rate(0.8), rate(0.06), rate(4.0));
        let retry_ms = rng.random_range(40..1500);
        let delay_ms = rng.random_range(1..60);
        let ends_ms = rng.random_range(500..20_000);
        let after_ms = rng.random_range(8 * delay_ms..8 * delay_ms + 3000);
        let timing = Timing {
            retry_ms,
            on_absence: if mode == Mode::Wait { OnAbsence::Wait } else { OnAbsence::GoOn { after_ms } },
            checkpoint_rounds: rng.random_range(1..5),
            heartbeat_ms: rng.random_range(50..4000),
        };
        let spares = mode == Mode::GoOn;
        let mut weather = Weather {
            timing,
            tick_ms: rng.random_range(20..300),
            delay_ms,
            slow: std::array::from_fn(|_| if rng.random_bool(0.2) { rng.random_range(2..30) } else { 1 }),
            lost_before,
            lost_behind,
            doubled,
            late,
            late_ms: rng.random_range(100..6000),
            garbage,
            crash,
            down_ms: rng.random_range(1..4000),
            partitions: Vec::new(),
            spared: std::array::from_fn(|_| spares && rng.random_bool(0.4)),
            trims: rng.random_bool(0.5),
            ends_ms,
        };
        for _ in 0..cut.round() as usize {
            let (who, from_ms) = (rng.random_range(0..ALL), rng.random_range(0..ends_ms));
            let to_ms = (from_ms + rng.random_range(1..5000)).min(ends_ms);
            weather.partitions.extend((!weather.spared[who]).then_some(Partition { who, from_ms, to_ms }));
        }
        for who in (0..ALL).filter(|&who| weather.spared[who]) {
            weather.slow[who] = 1;
        }
        weather
    }

    pub fn cut_off(&self, who: usize, now_ms: u64) -> bool {
        self.partitions.iter().any(|p| p.who == who && (p.from_ms..p.to_ms).contains(&now_ms))
    }

    /// After this a run that has not finished never will.
    pub fn patience_ms(&self) -> u64 {
        let Timing { retry_ms, heartbeat_ms, .. } = self.timing;
        let after_ms = if let OnAbsence::GoOn { after_ms } = self.timing.on_absence { after_ms } else { 0 };
        let round_trip = 2 * self.delay_ms * self.slow.iter().max().unwrap();
        self.ends_ms
            + self.down_ms
            + self.late_ms
            + 80 * (round_trip + self.tick_ms + after_ms)
            + 20 * (retry_ms + heartbeat_ms)
    }
}

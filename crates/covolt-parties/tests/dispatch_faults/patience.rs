//! Settings of operator and agents, drawn from the seed of a run.

use super::run::Sky;
use covolt_dispatch::{ForecastKind, GuardMode};
use covolt_fleet::PriceKnowledge;
use covolt_parties::{AgentDispatchSettings, OperatorDispatchSettings};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// What all of them need to know.
#[derive(Debug, Clone)]
pub struct Patience {
    pub agent: AgentDispatchSettings,
    pub operator: OperatorDispatchSettings,
    pub rows: Range<usize>,
    /// Share of answers that reach the operator as what cannot be.
    pub absurd: f64,
}

impl Patience {
    pub fn draw(sky: Sky, tick_ms: u64, rng: &mut ChaCha8Rng) -> Patience {
        let first = rng.random_range(1..12);
        let rows = first..first + rng.random_range(6..=10);
        let mode = match rng.random_range(0..6) {
            0 => GuardMode::Bare,
            1 => GuardMode::Polish { steps: 1 },
            _ => GuardMode::Repair,
        };
        let clear = sky == Sky::Clear;
        let mode = if clear && mode == GuardMode::Bare { GuardMode::Repair } else { mode };
        let deadline_ms = if clear { 60_000 } else { rng.random_range(300..3000) };
        let round_ms = if clear { 50_000 } else { (deadline_ms as f64 * rng.random_range(0.5..1.2)) as u64 };
        let row_ms = if rng.random_bool(0.5) { 0 } else { rng.random_range(50..3000) };
        let agent = AgentDispatchSettings {
            mode,
            deadline_ms,
            silence_ms: if clear { 60_000 } else { rng.random_range(500..6000) },
            stale_rows: rng.random_range(0..8),
            last_row: rows.end - 1,
            forecast: ForecastKind::Perfect,
            knowledge: PriceKnowledge::default(),
        };
        let operator = OperatorDispatchSettings {
            mode,
            most_priced: rng.random_range(if clear { 10..12 } else { 0..12 }),
            most_exchanges: rng.random_range(if clear { 20..24 } else { 1..24 }),
            retry_ms: rng.random_range(2 * tick_ms..1000),
            answer_ms: if clear { 40_000 } else { rng.random_range(60..1000) },
            round_ms,
            row_ms,
            forecast: ForecastKind::Perfect,
        };
        let absurd = if clear || rng.random_bool(0.6) { 0.0 } else { rng.random_range(0.0..0.2) };
        Patience { agent, operator, rows, absurd }
    }
}

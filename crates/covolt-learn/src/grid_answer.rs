//! What the grid answers to a batch of windows: dL/d action and the moved multipliers, in parallel over chunks of windows.
//!
//! A chunk is the [`LANES`] windows that one batched power flow takes, in the order of the batch, whatever the number of threads;
//! and a window's numbers do not depend on its chunk. Everything is kept from one episode to the next: chunks their
//! answers, threads their workspaces.

use crate::error::LearnError;
use crate::scenarios::Scenario;
use covolt_fleet::{
    Fleet, GradientAnswer, GradientWorkspace, LagrangianValue, LimitPrices, LimitPricing, PricedWindow,
    lagrangian_gradient_batch,
};
use covolt_grid::{GridError, LANES};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// How limits are priced and multipliers move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pricing {
    pub limits: LimitPricing,
    /// Share of the way that multipliers move.
    pub share: f64,
    /// Largest multiplier.
    pub cap: f64,
    /// Of the power flow, pu.
    pub tolerance_pu: f64,
}

/// Memory and result of the last answer.
#[derive(Debug, Default)]
pub(crate) struct GridAnswer {
    chunks: Vec<Chunk>,
    workspaces: Vec<Mutex<Option<GradientWorkspace>>>,
    values: Vec<LagrangianValue>,
}

#[derive(Debug, Default)]
struct Chunk {
    answer: GradientAnswer,
    /// Multipliers of the chunk's windows while it works on them.
    prices: [LimitPrices; LANES],
    spare: LimitPrices,
}

impl GridAnswer {
    /// Prices the windows `batch` (whose multipliers are `prices[indices[w]]`) under `actions[n][w]` and moves its multipliers towards the slopes found.
    ///
    /// # Errors
    /// The power flow's own, of the first window that fails; multipliers of other windows may have moved.
    pub fn answer(
        &mut self,
        fleet: &Fleet,
        batch: &[&Scenario],
        indices: &[usize],
        actions: &[Vec<Vec<f64>>],
        prices: &mut [LimitPrices],
        pricing: &Pricing,
    ) -> Result<&[LagrangianValue], LearnError> {
        let chunks = indices.len().div_ceil(LANES);
        self.chunks.resize_with(chunks, Chunk::default);
        self.workspaces.resize_with(self.workspaces.len().max(rayon::current_num_threads()), Mutex::default);
        for (chunk, indices) in self.chunks.iter_mut().zip(indices.chunks(LANES)) {
            for (own, &i) in chunk.prices.iter_mut().zip(indices) {
                std::mem::swap(own, &mut prices[i]);
            }
        }
        let workspaces = &self.workspaces;
        let work = self.chunks.par_iter_mut().zip(batch.par_chunks(LANES)).enumerate();
        let solved = work.try_for_each(|(c, (chunk, windows))| {
            let slot = &workspaces[rayon::current_thread_index().unwrap_or(0)];
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let ws = slot.get_or_insert_with(|| GradientWorkspace::new(fleet));
            chunk.work(fleet, windows, |lane, n| &actions[n][c * LANES + lane], pricing, ws)
        });
        for (chunk, indices) in self.chunks.iter_mut().zip(indices.chunks(LANES)) {
            for (own, &i) in chunk.prices.iter_mut().zip(indices) {
                std::mem::swap(own, &mut prices[i]);
            }
        }
        solved?;
        self.values.clear();
        for (chunk, indices) in self.chunks.iter().zip(indices.chunks(LANES)) {
            self.values.extend_from_slice(&chunk.answer.values[..indices.len()]);
        }
        Ok(&self.values)
    }

    /// dL/d action of agent `n` in window `w` of the last batch.
    pub fn gradient(&self, n: usize, w: usize) -> &[f64] {
        self.chunks[w / LANES].answer.gradient(n, w % LANES)
    }
}

impl Chunk {
    fn work<'a>(
        &mut self,
        fleet: &Fleet,
        scenarios: &[&Scenario],
        action: impl Fn(usize, usize) -> &'a [f64],
        pricing: &Pricing,
        ws: &mut GradientWorkspace,
    ) -> Result<(), GridError> {
        let Some(&first) = scenarios.first() else { return Ok(()) };
        let of = |lane: usize| {
            let Scenario { window, base, .. } = scenarios.get(lane).copied().unwrap_or(first);
            PricedWindow { window, base, prices: &self.prices[lane] }
        };
        let windows: [PricedWindow<'_>; LANES] = std::array::from_fn(of);
        ws.options.tolerance_pu = pricing.tolerance_pu;
        lagrangian_gradient_batch(fleet, &windows[..scenarios.len()], action, &pricing.limits, ws, &mut self.answer)?;
        for (prices, slopes) in self.prices.iter_mut().zip(&mut self.answer.slopes).take(scenarios.len()) {
            prices.move_towards(slopes, pricing.share, pricing.cap, &mut self.spare);
        }
        Ok(())
    }
}

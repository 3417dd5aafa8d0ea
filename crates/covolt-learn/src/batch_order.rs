//! Which windows an episode sees: a fresh seeded shuffle every epoch, independent of where a run was resumed.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The order of the windows, made anew when an epoch begins.
#[derive(Debug, Clone)]
pub struct BatchOrder {
    windows: usize,
    batch: usize,
    seed: u64,
    order: Vec<usize>,
    epoch: Option<usize>,
}

impl BatchOrder {
    /// Batches of `batch` among so many windows.
    pub fn new(windows: usize, batch: usize, seed: u64) -> BatchOrder {
        BatchOrder { windows, batch: batch.clamp(1, windows.max(1)), seed, order: Vec::new(), epoch: None }
    }

    /// The windows of an episode. What an epoch leaves over is not seen in it.
    pub fn of_episode(&mut self, episode: usize) -> &[usize] {
        let per_epoch = (self.windows / self.batch).max(1);
        let epoch = episode / per_epoch;
        if self.epoch != Some(epoch) {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(1 + epoch as u64);
            self.order.clear();
            self.order.extend(0..self.windows);
            self.order.shuffle(&mut rng);
            self.epoch = Some(epoch);
        }
        let start = (episode % per_epoch) * self.batch;
        &self.order[start..(start + self.batch).min(self.windows)]
    }
}

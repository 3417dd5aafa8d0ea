//! What an agent may do in training to tell less: round its powers, or add noise to them.
//!
//! The operator then solves the feeder with slightly other powers, so prices are slightly other as well; the agent's own network and
//! cost stay exact. Noise of a window and round is the same in all exchanges of that round, so that these settle as before. In
//! dispatch nothing is coarsened: there a certificate rests on what is said. What it costs is measured in
//! docs/what-leaves-an-agent.md.

use crate::error::PartyError;
use covolt_wire::BoundaryPoint;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// How much less exactly an agent tells its powers in training.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Coarsening {
    /// Powers are rounded to multiples of this, kW and kvar; 0 leaves them.
    pub round_kw: f64,
    /// Standard deviation of the noise on powers, kW and kvar; 0 for none.
    pub noise_kw: f64,
    /// Seed of the noise: the agent's own, nobody else's to know.
    pub noise_seed: u64,
}

impl Coarsening {
    /// Refuses settings that are no size.
    ///
    /// # Errors
    /// The first one.
    pub fn check(&self) -> Result<(), PartyError> {
        for (setting, value) in [("round_kw", self.round_kw), ("noise_kw", self.noise_kw)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(PartyError::BadSetting { setting, value, range: "finite and at least 0, kW" });
            }
        }
        Ok(())
    }

    /// The points as they are told, `points[w * steps + t]` of window `windows[w]` in a round.
    pub(crate) fn apply(&self, round: u32, windows: &[u32], steps: usize, points: &mut [BoundaryPoint]) {
        if self.noise_kw > 0.0 {
            for (points, &window) in points.chunks_mut(steps.max(1)).zip(windows) {
                let mut rng = ChaCha8Rng::seed_from_u64(self.noise_seed);
                rng.set_stream((u64::from(round) << 32) | u64::from(window));
                for point in points {
                    let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
                    point.p_kw += self.noise_kw * draw();
                    point.q_kvar += self.noise_kw * draw();
                }
            }
        }
        if self.round_kw > 0.0 {
            for point in points {
                point.p_kw = (point.p_kw / self.round_kw).round() * self.round_kw;
                point.q_kvar = (point.q_kvar / self.round_kw).round() * self.round_kw;
            }
        }
    }
}

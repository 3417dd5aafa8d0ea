//! How a case is trained by the default trainer unless told otherwise: windows, batch, episodes and widths by its size.
//!
//! The work of an episode grows with microgrids x batch x width; memory with microgrids x width^2, and with microgrids x windows x 4 kB
//! where the windows are held. Small systems get what their certificates need most; large ones what fits 15 minutes on two cores and 8 GiB
//! (1 000 microgrids). Documented in docs/generated-cases.md.

use covolt_learn::NetworkShape;

/// Size of a training run.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Training windows.
    pub windows: usize,
    /// Windows per episode.
    pub batch: usize,
    /// Policy updates.
    pub episodes: usize,
    /// Widths of the networks.
    pub shape: NetworkShape,
}

/// Training windows of a small case. Fewer are learned by heart: with 4 000 the violations on validation windows grow while the
/// cost on training windows still falls; from 20 000 on they do not.
const WINDOWS: usize = 30_000;
/// Most windows times microgrids that are held in memory as they are (about 1.2 GB); beyond, they are made anew for every batch.
const HELD: usize = 300_000;

/// The preset of a case with so many microgrids.
pub fn of(microgrids: usize) -> Preset {
    let shape = |mean: usize, covariance: usize| NetworkShape {
        mean_hidden: vec![mean, mean],
        covariance_hidden: vec![covariance],
        ..NetworkShape::default()
    };
    match microgrids {
        0..=20 => Preset { windows: WINDOWS, batch: 200, episodes: 10_000, shape: NetworkShape::default() },
        21..=200 => Preset { windows: 8000, batch: 100, episodes: 4000, shape: shape(96, 24) },
        201..=1000 => Preset { windows: 4000, batch: 32, episodes: 3000, shape: shape(64, 16) },
        _ => Preset { windows: 2000, batch: 16, episodes: 4_000_000 / microgrids, shape: shape(48, 8) },
    }
}

/// The same for a first look.
pub fn quick(microgrids: usize) -> Preset {
    let usual = of(microgrids);
    let episodes = if microgrids <= 20 { 250 } else { usual.episodes / 20 };
    Preset { windows: 600, episodes: episodes.max(1), ..usual }
}

/// Whether the windows are held in memory.
pub fn holds(windows: usize, microgrids: usize) -> bool {
    windows.saturating_mul(microgrids) <= HELD
}

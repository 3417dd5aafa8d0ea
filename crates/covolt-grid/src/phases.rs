//! Phases of a bus and phase matrices of a branch or shunt.
//!
//! A branch holds a (phases x phases) complex matrix, in per unit, row and column in the order of its
//! phases. [`Phases::BALANCED`] stands for the positive-sequence equivalent of a balanced three-phase
//! network: one phase, one number per matrix, powers and currents of the whole three-phase system in per
//! unit of the three-phase base.

use num_complex::Complex64;
use serde::{Deserialize, Serialize};

/// A set of phases: any of A, B, C, or the balanced positive-sequence equivalent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Phases(u8);

impl Phases {
    /// Phase A alone.
    pub const A: Phases = Phases(1);
    /// Phase B alone.
    pub const B: Phases = Phases(2);
    /// Phase C alone.
    pub const C: Phases = Phases(4);
    /// All three phases.
    pub const ABC: Phases = Phases(7);
    /// The positive-sequence equivalent of a balanced three-phase network, counted as one phase.
    pub const BALANCED: Phases = Phases(8);

    /// The phases of either set. The balanced equivalent cannot be mixed with real phases: `None`.
    pub fn union(self, other: Phases) -> Option<Phases> {
        (self.is_balanced() == other.is_balanced()).then_some(Phases(self.0 | other.0))
    }

    /// Number of phases, 1 to 3.
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// True for the positive-sequence equivalent.
    pub fn is_balanced(self) -> bool {
        self == Phases::BALANCED
    }

    /// True when every phase of `other` is in this set.
    pub fn contains(self, other: Phases) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A complex matrix of up to three phases, in per unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhaseMatrix {
    n: usize,
    entries: [[Complex64; 3]; 3],
}

impl PhaseMatrix {
    /// The 1 x 1 matrix of a balanced or one-phase element.
    pub fn single(z: Complex64) -> PhaseMatrix {
        let mut m = PhaseMatrix::zero(1);
        m.entries[0][0] = z;
        m
    }

    /// The zero matrix of `n` phases; `n` is limited to 1..=3.
    pub fn zero(n: usize) -> PhaseMatrix {
        PhaseMatrix { n: n.clamp(1, 3), entries: [[Complex64::ZERO; 3]; 3] }
    }

    /// A 2 x 2 matrix.
    pub fn two(rows: [[Complex64; 2]; 2]) -> PhaseMatrix {
        let mut m = PhaseMatrix::zero(2);
        for (to, from) in m.entries.iter_mut().zip(rows) {
            to[..2].copy_from_slice(&from);
        }
        m
    }

    /// A 3 x 3 matrix.
    pub fn three(rows: [[Complex64; 3]; 3]) -> PhaseMatrix {
        PhaseMatrix { n: 3, entries: rows }
    }

    /// Number of rows and columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Entry of a row and a column; `None` outside the matrix.
    pub fn get(&self, row: usize, column: usize) -> Option<Complex64> {
        (row < self.n && column < self.n).then(|| self.entries[row][column])
    }

    /// The first diagonal entry: the whole matrix of a balanced element.
    pub fn first(&self) -> Complex64 {
        self.entries[0][0]
    }

    /// True when every entry is finite.
    pub fn is_finite(&self) -> bool {
        self.entries.iter().flatten().all(|z| z.is_finite())
    }

    /// Largest magnitude of an entry.
    pub fn max_norm(&self) -> f64 {
        self.entries.iter().flatten().fold(0.0, |m, z| f64::max(m, z.norm()))
    }
}

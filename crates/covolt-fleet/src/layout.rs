//! Order of the entries of one microgrid's action vector (16).
//!
//! Step by step; within a step: P_DG per generator, net storage power P_ESS = P_Ch - P_Dis per battery, Q_DG per
//! generator, Q_PV per PV system, Q_ESS per battery. P_Ch = \[P_ESS\]+ and P_Dis = \[-P_ESS\]+, so that (13),
//! P_Ch P_Dis = 0, holds for every vector (docs/deviations.md). kW and kvar.

use serde::{Deserialize, Serialize};

/// Shape of one microgrid's action vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionLayout {
    /// Window length T in steps.
    pub steps: usize,
    /// Number of diesel generators.
    pub dgs: usize,
    /// Number of PV systems.
    pub pvs: usize,
    /// Number of batteries.
    pub batteries: usize,
}

impl ActionLayout {
    /// Entries of one step.
    pub fn per_step(&self) -> usize {
        2 * self.dgs + self.pvs + 2 * self.batteries
    }

    /// Entries of the whole window.
    pub fn len(&self) -> usize {
        self.steps * self.per_step()
    }

    /// True when the microgrid has no controllable device.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Active power of generator `i` at step `t`.
    pub fn p_dg(&self, t: usize, i: usize) -> usize {
        t * self.per_step() + i
    }

    /// Net power (positive = charging) of battery `k` at step `t`.
    pub fn p_ess(&self, t: usize, k: usize) -> usize {
        t * self.per_step() + self.dgs + k
    }

    /// Reactive power of generator `i` at step `t`.
    pub fn q_dg(&self, t: usize, i: usize) -> usize {
        t * self.per_step() + self.dgs + self.batteries + i
    }

    /// Reactive power of PV system `j` at step `t`.
    pub fn q_pv(&self, t: usize, j: usize) -> usize {
        t * self.per_step() + 2 * self.dgs + self.batteries + j
    }

    /// Reactive power (positive = consumption) of battery `k` at step `t`.
    pub fn q_ess(&self, t: usize, k: usize) -> usize {
        t * self.per_step() + 2 * self.dgs + self.batteries + self.pvs + k
    }

    /// Short names of all entries, e.g. `p_dg1[0]`, for headers of saved policies and tables.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.len());
        for t in 0..self.steps {
            names.extend((0..self.dgs).map(|i| format!("p_dg{}[{t}]", i + 1)));
            names.extend((0..self.batteries).map(|k| format!("p_ess{}[{t}]", k + 1)));
            names.extend((0..self.dgs).map(|i| format!("q_dg{}[{t}]", i + 1)));
            names.extend((0..self.pvs).map(|j| format!("q_pv{}[{t}]", j + 1)));
            names.extend((0..self.batteries).map(|k| format!("q_ess{}[{t}]", k + 1)));
        }
        names
    }
}

//! Which elimination order a program is solved in: the one with less work, by count.
//!
//! Along the steps the work is linear in their number and cubic in that of the microgrids, along the tree the other way
//! round. The count is made again whenever rows join, and depends on the program only.

use super::form::Form;
use super::newton_system::{NewtonSystem, RightHandSide, Step, Weights};
use super::time_major::{self, TimeMajor};
use super::tree_major::{self, TreeMajor};

/// Both orders, and which is in use.
#[derive(Debug, Default)]
pub(super) struct EliminationOrder {
    time_major: TimeMajor,
    tree_major: TreeMajor,
    along_tree: bool,
    /// Not the order with less work, but the tree where there is one.
    pub always_along_tree: bool,
}

impl NewtonSystem for EliminationOrder {
    fn prepare(&mut self, form: &Form) {
        let work = tree_major::work(form);
        self.along_tree = work < time_major::work(form) || (self.always_along_tree && work.is_finite());
        if self.along_tree { self.tree_major.prepare(form) } else { self.time_major.prepare(form) }
    }

    fn factor(&mut self, form: &Form, weights: &Weights) -> bool {
        if self.along_tree { self.tree_major.factor(form, weights) } else { self.time_major.factor(form, weights) }
    }

    fn solve(&mut self, form: &Form, rhs: &RightHandSide, step: &mut Step) {
        if self.along_tree { self.tree_major.solve(form, rhs, step) } else { self.time_major.solve(form, rhs, step) }
    }
}

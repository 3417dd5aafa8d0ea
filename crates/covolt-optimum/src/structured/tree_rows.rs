//! The coupled rows of a [`Form`] through the network as a tree (`covolt_fleet::network_tree`), in the form's units.

use super::form::{CoupledLimit, FIXED, Form};
use crate::conic_program::VOLTAGE_UNIT_PU;
use covolt_fleet::network_tree::{NetworkTree, Pair, TreeRow};
use covolt_fleet::window_program::WindowProgram;
use std::sync::Arc;

/// A coupled row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum PlacedRow {
    /// Inside microgrid `n`: its first coefficient in `own`, as many as the block has variables, and those of the voltage.
    Microgrid { n: usize, own: usize, at_port: Pair },
    /// Of the feeder, with the voltages at a node and at its parent.
    Feeder { node: usize, here: Pair, above: Pair },
}

/// The network and the rows in use; without a network the rows are empty.
#[derive(Debug, Default)]
pub(super) struct TreeRows {
    pub tree: Option<Arc<NetworkTree>>,
    pub rows: Vec<PlacedRow>,
    pub own: Vec<f64>,
    /// First entry in `exchange` of block t * agents + n: real parts over its variables, then imaginary parts.
    pub exchange_start: Vec<usize>,
    pub exchange: Vec<f64>,
}

impl Form {
    /// Forgets the rows of the last program and takes its network; [`Form::push_tree_rows`] follows for each limit.
    pub(super) fn open_tree(&mut self, program: &WindowProgram) {
        let mut rows = std::mem::take(&mut self.tree_rows);
        rows.tree.clone_from(&program.tree);
        rows.rows.clear();
        rows.own.clear();
        rows.exchange_start.clear();
        rows.exchange.clear();
        for (t, step) in program.tree.iter().flat_map(|tree| tree.steps.iter().enumerate()) {
            for (n, port) in step.ports.iter().enumerate() {
                rows.exchange_start.push(rows.exchange.len());
                for part in 0..2 {
                    self.spread(program, t, n, &mut rows.exchange, port.exchange.iter().map(|pair| pair[part]));
                }
            }
        }
        self.tree_rows = rows;
    }

    /// Places the rows of one limit of step `t`.
    pub(super) fn push_tree_rows(&mut self, program: &WindowProgram, t: usize, limit: CoupledLimit) {
        let Some(tree) = &program.tree else { return };
        match limit {
            CoupledLimit::Voltage(m) => self.push_tree_row(program, t, &tree.voltages[m], 1.0 / VOLTAGE_UNIT_PU),
            CoupledLimit::Current(m) => {
                tree.currents[m].iter().for_each(|row| self.push_tree_row(program, t, row, 1.0));
            }
        }
    }

    fn push_tree_row(&mut self, program: &WindowProgram, t: usize, row: &TreeRow, scale: f64) {
        let scaled = |pair: &Pair| [scale * pair[0], scale * pair[1]];
        let mut rows = std::mem::take(&mut self.tree_rows);
        let placed = match row {
            TreeRow::Microgrid { n, own, at_port } => {
                let first = rows.own.len();
                self.spread(program, t, *n, &mut rows.own, own.iter().map(|c| scale * c));
                PlacedRow::Microgrid { n: *n, own: first, at_port: scaled(at_port) }
            }
            TreeRow::Feeder { node, here, above } => {
                PlacedRow::Feeder { node: *node, here: scaled(here), above: scaled(above) }
            }
        };
        rows.rows.push(placed);
        self.tree_rows = rows;
    }

    /// Appends coefficients of one step's action as coefficients of the block's scaled variables.
    fn spread(
        &self,
        program: &WindowProgram,
        t: usize,
        n: usize,
        target: &mut Vec<f64>,
        coefficients: impl Iterator<Item = f64>,
    ) {
        let block = &self.blocks[t * self.agents + n];
        let start = target.len();
        target.resize(start + block.len(), 0.0);
        for (entry, coefficient) in coefficients.enumerate() {
            for (variable, factor) in program.agents[n].layout.of_action(t, entry) {
                let position = self.position[self.agent_start[n] + variable];
                if factor != 0.0 && position != FIXED {
                    target[start + position - block.x] += factor * coefficient * self.unit[position];
                }
            }
        }
    }
}

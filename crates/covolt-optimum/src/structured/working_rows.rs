//! Which coupled rows the program really needs: few of those within reach bind.
//!
//! Rows are looked at in groups: same step, same kind, same microgrid that moves them most; buses along one feeder part
//! rise and fall together. The program starts with the worst row of each group that is nearly broken where it was
//! linearised. Whenever its solution breaks rows that were left out, the worst of each group joins. It ends when none is
//! broken by more than the tolerance of the other constraints: rows that are kept without being asked for carry no
//! multiplier, so the solution is that of the program with all rows. Rows that link steps (ramps, stored energy) are
//! treated likewise: a step that no row links to the next is decided by itself.

use super::form::{CoupledLimit, Form, step_of_limit};
use crate::conic_program::{ProgramSettings, VOLTAGE_UNIT_PU};
use covolt_fleet::Limit;
use covolt_fleet::window_program::WindowProgram;

/// Rows nearer to their limit than this where the program was linearised are asked for from the start, in units of 0.01
/// pu and of the current limit.
const NEAR: f64 = 0.2;
/// A row counts as broken above this, in the same units.
const BROKEN: f64 = 1e-7;
/// Rows that link steps are asked for from the start where they leave less room than this share of their width.
const NEAR_LINK: f64 = 0.15;

/// Rows asked for, and scratch.
#[derive(Debug, Default)]
pub(super) struct WorkingRows {
    /// Sorted by step, then as in the program.
    pub wanted: Vec<CoupledLimit>,
    /// Group of each voltage row, then of each current row: step, kind, microgrid.
    groups: Vec<(usize, usize, usize)>,
    asked: Vec<bool>,
    /// Rows of a group that join at once: one at first, since more make each iteration dearer than they save of them;
    /// doubled every time, so that the rounds are few whatever the program.
    at_once: usize,
    values: Vec<f64>,
    change: Vec<f64>,
    starts: Vec<usize>,
    /// (group, excess, row).
    candidates: Vec<((usize, usize, usize), f64, usize)>,
}

impl WorkingRows {
    /// Forgets the last program and asks for the rows near their limits.
    pub fn open(&mut self, program: &WindowProgram, settings: &ProgramSettings, form: &mut Form) {
        form.values_of_action(program, &mut self.values);
        self.set_change(program, form);
        self.groups.clear();
        for row in &program.voltages {
            let kind = usize::from(matches!(row.limit, Limit::VoltageHigh(_)));
            self.groups.push((row.step, kind, moved_by(&[&row.coefficients])));
        }
        for row in &program.currents {
            self.groups.push((row.step, 2, moved_by(&[&row.re, &row.im])));
        }
        self.asked.clear();
        self.asked.resize(self.groups.len(), false);
        self.wanted.clear();
        self.at_once = 1;
        self.ask(program, settings, -NEAR);
        self.ask_links(program, form, NEAR_LINK);
    }

    /// Asks for rows that the solution `x` breaks; false where it breaks none.
    pub fn add_broken(
        &mut self,
        program: &WindowProgram,
        settings: &ProgramSettings,
        form: &mut Form,
        x: &[f64],
    ) -> bool {
        form.values(x, &mut self.values);
        self.set_change(program, form);
        let coupled = self.ask(program, settings, 0.0);
        self.at_once *= 2;
        self.ask_links(program, form, -BROKEN) || coupled
    }

    /// Variables last looked at, in the program's order and units.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Change of the joint action from the program's own.
    fn set_change(&mut self, program: &WindowProgram, form: &Form) {
        self.change.clear();
        self.starts.clear();
        for (n, (agent, at)) in program.agents.iter().zip(&program.at).enumerate() {
            self.starts.push(self.change.len());
            let (per_step, own) = (agent.layout.action.per_step(), &self.values[form.of_agent(n)]);
            for (entry, at) in at.iter().enumerate() {
                let [(first, _), (second, factor)] = agent.layout.of_action(entry / per_step, entry % per_step);
                let other = if factor == 0.0 { 0.0 } else { factor * own[second] };
                self.change.push(own[first] + other - at);
            }
        }
    }

    /// Asks for rows that link steps and leave less room than this share of their width; true where there are any.
    fn ask_links(&mut self, program: &WindowProgram, form: &mut Form, share: f64) -> bool {
        let mut found = false;
        for at in 0..form.placed.len() {
            let placed = form.placed[at];
            if placed.wanted {
                continue;
            }
            let row = &program.agents[placed.agent].rows[placed.index];
            let own = &self.values[form.of_agent(placed.agent)];
            let value: f64 = row.terms.iter().map(|&(i, c)| c * own[i]).sum();
            let width = row.upper - row.lower;
            let room = (row.upper - value).min(value - row.lower);
            // Written so that a row without a value (no start for its epigraph) or of infinite width is asked for.
            if !(width.is_finite() && room >= share * width) {
                form.placed[at].wanted = true;
                found = true;
            }
        }
        found
    }

    /// Asks for the worst of each group among the rows whose excess after `self.change` is above `threshold`.
    fn ask(&mut self, program: &WindowProgram, settings: &ProgramSettings, threshold: f64) -> bool {
        self.candidates.clear();
        let mut broken = false;
        let (change, starts) = (&self.change, &self.starts);
        let moved = |step: usize, coefficients: &[Vec<f64>]| -> f64 {
            let mut sum = 0.0;
            for (c, &start) in coefficients.iter().zip(starts) {
                let from = start + step * c.len();
                sum += c.iter().zip(&change[from..]).map(|(c, d)| c * d).sum::<f64>();
            }
            sum
        };
        for (m, row) in program.voltages.iter().enumerate().filter(|(m, _)| !self.asked[*m]) {
            let excess = row.excess + moved(row.step, &row.coefficients) + settings.voltage_margin_pu;
            broken |= excess > BROKEN * VOLTAGE_UNIT_PU;
            if excess > threshold * VOLTAGE_UNIT_PU {
                self.candidates.push((self.groups[m], excess / VOLTAGE_UNIT_PU, m));
            }
        }
        let first = program.voltages.len();
        for (m, row) in program.currents.iter().enumerate().filter(|(m, _)| !self.asked[first + m]) {
            let (re, im) = (row.value.re + moved(row.step, &row.re), row.value.im + moved(row.step, &row.im));
            let current = (re * re + im * im).sqrt();
            let excess = current - 1.0 + settings.current_margin;
            broken |= excess > BROKEN;
            if excess > threshold {
                self.candidates.push((self.groups[first + m], excess, first + m));
            }
        }
        if !broken && threshold > -NEAR {
            return false;
        }
        self.candidates.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let (mut group, mut taken) = (None, 0);
        for &(of, _, row) in &self.candidates {
            taken = if group == Some(of) { taken + 1 } else { 0 };
            group = Some(of);
            if taken < self.at_once {
                self.asked[row] = true;
                self.wanted.push(if row < first {
                    CoupledLimit::Voltage(row)
                } else {
                    CoupledLimit::Current(row - first)
                });
            }
        }
        self.wanted.sort_unstable_by_key(|&limit| (step_of_limit(program, limit), limit));
        broken
    }
}

/// The microgrid whose actions move the row most.
fn moved_by(parts: &[&[Vec<f64>]]) -> usize {
    let size = |n: usize| -> f64 { parts.iter().flat_map(|p| &p[n]).map(|c| c * c).sum() };
    let count = parts.first().map_or(0, |p| p.len());
    (0..count).map(|n| (n, size(n))).fold((0, -1.0), |best, (n, s)| if s > best.1 { (n, s) } else { best }).0
}

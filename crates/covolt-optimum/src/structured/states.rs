//! What one step hands to the next.
//!
//! A state of a microgrid is a number s_t that depends on its decisions up to step t,
//!
//! ```text
//!   energy   s_t = s_(t-1) + g_c P_Ch,t - g_d P_Dis,t        SOC rows (9), (10) and the pieces of the terminal value
//!   copy     s_t = one variable of step t                    ramp limits (7)
//! ```
//!
//! so that every local row is a sum over variables of **one** step plus at most one state before it. States are carried, not
//! variables: no equality enters the program, and a row over all steps of the window costs as much as any other. A step
//! receives only those states that a row of the program asks for, there or later.

use covolt_fleet::window_program::VariableLayout;

/// How a state follows from the step's variables.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum StateKind {
    /// The variable at this place within its step.
    Copy { place: usize },
    /// Running sum over charging and discharging of a battery.
    Energy { battery: usize, charge: f64, discharge: f64 },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub agent: usize,
    pub kind: StateKind,
    unit: f64,
}

/// Variable that enters a state, and its column among the linked variables of its step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StateTerm {
    pub x: usize,
    pub column: usize,
    pub coefficient: f64,
}

/// No state.
pub(super) const NONE: usize = usize::MAX;

/// A state as a step receives it: the same before the step before, if it adds up, plus terms of that step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming {
    pub state: usize,
    /// Its place among all incoming states one step earlier, or [`NONE`].
    pub from: usize,
    pub terms: [StateTerm; 2],
}

#[derive(Debug, Default)]
pub(super) struct States {
    pub list: Vec<State>,
    /// First state of each microgrid, and one past the last.
    starts: Vec<usize>,
    /// Step t needs state i from before: `[t * len + i]`.
    needed: Vec<bool>,
    /// Of all steps, sorted by step and state.
    pub incoming: Vec<Incoming>,
    /// First incoming state of each step, and one past the last.
    pub step_start: Vec<usize>,
}

/// Relative difference at which two coefficients count as proportional.
const SAME_RATIO: f64 = 1e-12;

impl States {
    pub fn clear(&mut self) {
        self.list.clear();
        self.starts.clear();
    }
    pub fn open_agent(&mut self) {
        self.starts.push(self.list.len());
    }
    pub fn close(&mut self) {
        self.starts.push(self.list.len());
    }
    pub fn unit_of(&self, state: usize) -> f64 {
        self.list.get(state).map_or(1.0, |s| s.unit)
    }

    /// Step of a row of the microgrid opened last, its state (made where it is new) and the coefficient; `None` for a row
    /// that is not of this kind.
    pub fn place(&mut self, layout: &VariableLayout, terms: &[(usize, f64)]) -> Option<(usize, usize, f64)> {
        let last = layout.action.steps - 1;
        let step_of = |variable: usize| (variable / layout.per_step()).min(last);
        let step = terms.iter().map(|&(variable, _)| step_of(variable)).max()?;
        let earlier = terms.iter().filter(|(variable, _)| step_of(*variable) < step).count();
        if earlier == 0 {
            return Some((step, NONE, 0.0));
        }
        if earlier == 1 {
            let &(variable, coefficient) = terms.iter().find(|(variable, _)| step_of(*variable) < step)?;
            (step_of(variable) + 1 == step).then_some(())?;
            let kind = StateKind::Copy { place: variable % layout.per_step() };
            return Some((step, self.find_or_add(|k| *k == kind, kind), coefficient));
        }
        (earlier == 2 * step).then_some(())?;
        let battery = (0..layout.action.batteries).find(|&k| terms[0].0 == layout.p_charge(0, k))?;
        let (charge, discharge) = (terms[0].1, terms[1].1);
        let made = StateKind::Energy { battery, charge, discharge };
        let state = self.find_or_add(|k| matches!(k, StateKind::Energy { battery: b, .. } if *b == battery), made);
        let StateKind::Energy { charge, discharge, .. } = self.list[state].kind else { return None };
        let ratio = terms[0].1 / charge;
        let same = |a: f64, b: f64| (a - b).abs() <= SAME_RATIO * b.abs();
        let regular = terms[..2 * step].chunks_exact(2).enumerate().all(|(t, pair)| {
            pair[0].0 == layout.p_charge(t, battery)
                && pair[1].0 == layout.p_discharge(t, battery)
                && same(pair[0].1, ratio * charge)
                && same(pair[1].1, ratio * discharge)
        });
        (regular && ratio.is_finite()).then_some((step, state, ratio))
    }

    fn find_or_add(&mut self, same: impl Fn(&StateKind) -> bool, made: StateKind) -> usize {
        let from = self.starts.last().copied().unwrap_or(0);
        let known = self.list[from..].iter().position(|s| same(&s.kind));
        known.map_or_else(
            || {
                self.list.push(State { agent: self.starts.len() - 1, kind: made, unit: 1.0 });
                self.list.len() - 1
            },
            |at| from + at,
        )
    }

    /// Lays out which states each step receives, given the (step, state) of every row.
    pub fn receive(&mut self, steps: usize, rows: impl Iterator<Item = (usize, usize)>) {
        let count = self.list.len();
        self.needed.clear();
        self.needed.resize(steps * count, false);
        for (step, state) in rows.filter(|(_, state)| *state != NONE) {
            self.needed[step * count + state] = true;
        }
        for t in (2..steps).rev() {
            for i in 0..count {
                if self.adds_up(i) && self.needed[t * count + i] {
                    self.needed[(t - 1) * count + i] = true;
                }
            }
        }
        self.incoming.clear();
        self.step_start.clear();
        for t in 0..steps {
            self.step_start.push(self.incoming.len());
            for state in (0..count).filter(|i| self.needed[t * count + i]) {
                let from = if t > 1 && self.adds_up(state) { self.find(t - 1, state) } else { NONE };
                self.incoming.push(Incoming { state, from, terms: [StateTerm::default(); 2] });
            }
        }
        self.step_start.push(self.incoming.len());
    }

    fn adds_up(&self, state: usize) -> bool {
        matches!(self.list[state].kind, StateKind::Energy { .. })
    }

    /// Incoming states of a step.
    pub fn of_step(&self, t: usize) -> std::ops::Range<usize> {
        self.step_start[t]..self.step_start[t + 1]
    }

    /// Incoming states of one microgrid at a step, counted from the step's first.
    pub fn of_block(&self, t: usize, n: usize) -> (usize, usize) {
        let list = &self.incoming[self.of_step(t)];
        let below = |state: usize| list.partition_point(|s| s.state < state);
        (below(self.starts[n]), below(self.starts[n + 1]))
    }

    /// Place of a state among all incoming ones.
    pub fn find(&self, t: usize, state: usize) -> usize {
        let from = self.step_start[t];
        let to = self.step_start.get(t + 1).copied().unwrap_or(self.incoming.len());
        self.incoming[from..to].binary_search_by_key(&state, |s| s.state).map_or(NONE, |at| from + at)
    }

    /// True when the variable of microgrid n at this place of step t enters a state that the next step receives.
    pub fn is_linked(&self, t: usize, n: usize, layout: &VariableLayout, place: usize) -> bool {
        let (from, to) = self.of_block(t + 1, n);
        let first = self.step_start[t + 1];
        self.incoming[first + from..first + to].iter().any(|s| match self.list[s.state].kind {
            StateKind::Copy { place: copied } => copied == place,
            StateKind::Energy { battery, .. } => {
                place == layout.p_charge(0, battery) || place == layout.p_discharge(0, battery)
            }
        })
    }

    /// Brings every state to the size of one step's largest change.
    pub fn scale(&mut self) {
        let States { list, incoming, .. } = self;
        list.iter_mut().for_each(|s| s.unit = 0.0);
        for s in incoming.iter() {
            let unit = &mut list[s.state].unit;
            *unit = s.terms.iter().fold(*unit, |m, term| m.max(term.coefficient.abs()));
        }
        list.iter_mut().filter(|s| s.unit == 0.0).for_each(|s| s.unit = 1.0);
        for s in incoming {
            let unit = list[s.state].unit;
            s.terms.iter_mut().for_each(|term| term.coefficient /= unit);
        }
    }
}

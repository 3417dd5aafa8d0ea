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
//! variables: no equality enters the program, and a row over all steps of the window costs as much as any other.

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

/// Variable that enters a state, and its column among the linked variables of the step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StateTerm {
    pub x: usize,
    pub column: usize,
    pub coefficient: f64,
}

#[derive(Debug, Default)]
pub(super) struct States {
    pub list: Vec<State>,
    /// First state of each microgrid, and one past the last.
    starts: Vec<usize>,
    /// Of state i at step t: `terms[t * len + i]`.
    pub terms: Vec<[StateTerm; 2]>,
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
    pub fn len(&self) -> usize {
        self.list.len()
    }
    pub fn of_agent(&self, n: usize) -> (usize, usize) {
        (self.starts[n], self.starts[n + 1])
    }
    /// True where s_(t-1) enters s_t.
    pub fn adds_up(&self, state: usize) -> bool {
        matches!(self.list[state].kind, StateKind::Energy { .. })
    }
    pub fn unit_of(&self, state: usize) -> f64 {
        self.list.get(state).map_or(1.0, |s| s.unit)
    }

    /// True when the variable at this place of its step enters a state.
    pub fn is_linked(&self, n: usize, layout: &VariableLayout, place: usize) -> bool {
        let (from, to) = self.of_agent(n);
        self.list[from..to].iter().any(|state| match state.kind {
            StateKind::Copy { place: copied } => copied == place,
            StateKind::Energy { battery, .. } => {
                place == layout.p_charge(0, battery) || place == layout.p_discharge(0, battery)
            }
        })
    }

    /// Step of a row of the microgrid opened last, its state (made where it is new) and the coefficient; `None` for a row
    /// that is not of this kind.
    pub fn place(&mut self, layout: &VariableLayout, terms: &[(usize, f64)]) -> Option<(usize, usize, f64)> {
        let last = layout.action.steps - 1;
        let step_of = |variable: usize| (variable / layout.per_step()).min(last);
        let step = terms.iter().map(|&(variable, _)| step_of(variable)).max()?;
        let earlier = terms.iter().filter(|(variable, _)| step_of(*variable) < step).count();
        if earlier == 0 {
            return Some((step, 0, 0.0));
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

    /// Brings every state to the size of one step's largest change.
    pub fn scale(&mut self) {
        let count = self.list.len();
        for (i, state) in self.list.iter_mut().enumerate() {
            let of_state = self.terms.iter().skip(i).step_by(count);
            let largest = of_state.flatten().fold(0.0_f64, |m, term| m.max(term.coefficient.abs()));
            state.unit = if largest > 0.0 { largest } else { 1.0 };
        }
        for (i, pair) in self.terms.iter_mut().enumerate() {
            let unit = self.list[i % count].unit;
            pair.iter_mut().for_each(|term| term.coefficient /= unit);
        }
    }
}

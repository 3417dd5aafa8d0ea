//! Coupled rows of a [`Form`]: voltages as elastic sides, currents as elastic cones, each over the variables of its step.

use super::form::{Cone, CoupledLimit, FIXED, Form, Side, step_of_limit};
use crate::conic_program::{ProgramSettings, VOLTAGE_UNIT_PU, offset};
use covolt_fleet::window_program::WindowProgram;

impl Form {
    /// Adds the coupled rows of `wanted`, sorted by step, after [`Form::load`].
    pub fn load_coupled(&mut self, program: &WindowProgram, settings: &ProgramSettings, wanted: &[CoupledLimit]) {
        self.coupled_start.clear();
        self.coupled_constant.clear();
        self.coefficients.clear();
        self.step_coupled.clear();
        self.limits.clear();
        self.open_tree(program);
        let mut next = 0;
        for t in 0..self.steps {
            self.step_coupled.push(self.coupled_start.len());
            while let Some(&limit) = wanted.get(next).filter(|l| step_of_limit(program, **l) == t) {
                next += 1;
                self.push_tree_rows(program, t, limit);
                let at = self.coupled_from() + self.coupled_start.len();
                match limit {
                    CoupledLimit::Voltage(m) => {
                        let row = &program.voltages[m];
                        let value = (row.excess + settings.voltage_margin_pu) / VOLTAGE_UNIT_PU;
                        self.push_coupled(program, t, &row.coefficients, value, 1.0 / VOLTAGE_UNIT_PU);
                        self.limits.push((limit, self.sides.len()));
                        let weight = settings.voltage_weight * VOLTAGE_UNIT_PU;
                        self.sides.push(Side { at, sign: 1.0, right: 0.0, weight });
                    }
                    CoupledLimit::Current(m) => {
                        let row = &program.currents[m];
                        self.push_coupled(program, t, &row.re, row.value.re, 1.0);
                        self.push_coupled(program, t, &row.im, row.value.im, 1.0);
                        self.limits.push((limit, self.cones.len()));
                        let (radius, weight) = (1.0 - settings.current_margin, settings.current_weight);
                        self.cones.push(Cone { first: at, radius, weight });
                    }
                }
            }
        }
        self.step_coupled.push(self.coupled_start.len());
    }

    fn push_coupled(&mut self, program: &WindowProgram, t: usize, coefficients: &[Vec<f64>], value: f64, scale: f64) {
        let start = self.coefficients.len();
        self.coupled_start.push(start);
        self.coefficients.resize(start + self.step_width(t), 0.0);
        let mut constant = value - offset(program, t, coefficients) * scale;
        for (n, (agent, coefficients)) in program.agents.iter().zip(coefficients).enumerate() {
            for (entry, &coefficient) in coefficients.iter().enumerate() {
                for (variable, factor) in agent.layout.of_action(t, entry) {
                    if factor * coefficient == 0.0 {
                        continue;
                    }
                    let slot = self.agent_start[n] + variable;
                    constant += scale * factor * coefficient * self.at_origin(slot);
                    let position = self.position[slot];
                    if position != FIXED {
                        self.coefficients[start + position - self.step_x[t]] +=
                            scale * factor * coefficient * self.unit[position];
                    }
                }
            }
        }
        self.coupled_constant.push(constant);
    }
}

//! The linear maps of a [`Form`]: functionals of the variables, their transpose, and the Hessian.

use super::form::Form;
use super::newton_system::dot;
use super::states::NONE;

/// All functionals and the states before each step, at x.
pub(super) fn evaluate(form: &Form, x: &[f64], states: &mut [f64], functional: &mut [f64]) {
    for (at, state) in form.states.incoming.iter().enumerate() {
        let before = if state.from == NONE { 0.0 } else { states[state.from] };
        states[at] = before + state.terms.iter().map(|term| term.coefficient * x[term.x]).sum::<f64>();
    }
    apply(form, x, states, functional);
    let (n, coupled_from) = (form.n(), form.coupled_from());
    functional[n..coupled_from].iter_mut().zip(&form.rows).for_each(|(f, row)| *f += row.constant);
    functional[coupled_from..].iter_mut().zip(&form.coupled_constant).for_each(|(f, c)| *f += c);
}

/// A x, without constants.
pub(super) fn apply(form: &Form, x: &[f64], states: &[f64], functional: &mut [f64]) {
    let (n, coupled_from) = (form.n(), form.coupled_from());
    functional[..n].copy_from_slice(x);
    for block in &form.blocks {
        for (r, row) in form.rows[block.rows.0..block.rows.1].iter().enumerate() {
            let terms = &form.terms[row.terms.0..row.terms.1];
            let mut value: f64 = terms.iter().map(|&(i, c)| c * x[block.x + i]).sum();
            if row.state_coefficient != 0.0 {
                value += row.state_coefficient * states[row.state];
            }
            functional[n + block.rows.0 + r] = value;
        }
    }
    for t in 0..form.steps {
        let own = &x[form.step_x[t]..form.step_x[t + 1]];
        for r in form.step_coupled[t]..form.step_coupled[t + 1] {
            let coefficients = &form.coefficients[form.coupled_start[r]..][..own.len()];
            functional[coupled_from + r] = dot(coefficients, own);
        }
    }
}

/// Adds A^T pull to variables and states; the coupled rows only where asked for.
pub(super) fn gather(form: &Form, pull: &[f64], coupled: bool, gradient: &mut [f64], state_gradient: &mut [f64]) {
    let (n, coupled_from) = (form.n(), form.coupled_from());
    gradient.iter_mut().zip(&pull[..n]).for_each(|(g, p)| *g += p);
    for block in &form.blocks {
        for (r, row) in form.rows[block.rows.0..block.rows.1].iter().enumerate() {
            let pull = pull[n + block.rows.0 + r];
            for &(i, c) in &form.terms[row.terms.0..row.terms.1] {
                gradient[block.x + i] += pull * c;
            }
            if row.state_coefficient != 0.0 {
                state_gradient[row.state] += pull * row.state_coefficient;
            }
        }
    }
    if coupled {
        for t in 0..form.steps {
            let own = &mut gradient[form.step_x[t]..form.step_x[t + 1]];
            for r in form.step_coupled[t]..form.step_coupled[t + 1] {
                let coefficients = &form.coefficients[form.coupled_start[r]..][..own.len()];
                let pull = pull[coupled_from + r];
                own.iter_mut().zip(coefficients).for_each(|(g, a)| *g += pull * a);
            }
        }
    }
}

pub(super) fn times_hessian(form: &Form, x: &[f64], out: &mut [f64]) {
    for block in &form.blocks {
        let (own, width) = (&x[block.x..block.x + block.len()], block.len());
        for i in 0..width {
            let row = &form.hessian[block.hessian + i * width..][..width];
            out[block.x + i] = dot(row, own);
        }
    }
}

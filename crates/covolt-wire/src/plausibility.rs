//! Which lists and numbers of a message are refused, whether it is to be sent or was received.
//!
//! Lengths follow from the [`Shape`] and from each other. Numbers lie in one of the [`Range`]s below; these are wide, since they keep
//! garbage from the solvers and leave it to an agent to say what it can work with.

use crate::down::{Down, PriceOfPower, TrainingPlan};
use crate::envelope::Shape;
use crate::error::WireError;
use crate::up::{BoundaryPoint, DispatchAnswer, Up};

/// What a number may be; NaN lies in no range.
struct Range {
    least: f64,
    most: f64,
    text: &'static str,
}

/// Powers, prices, slopes: nothing in kW, kvar, $ or per unit gets anywhere near 1e15, where squares and sums still stay finite.
const SIGNED: Range = Range { least: -1e15, most: 1e15, text: "a number from -1e15 to 1e15" };
const NOT_NEGATIVE: Range = Range { least: 0.0, most: 1e15, text: "a number from 0 to 1e15" };
const SHARE: Range = Range { least: 0.0, most: 1.0, text: "a share from 0 to 1" };
/// Margins in per unit of voltage or as fraction of a limit; below 0 limits are widened.
const MARGIN: Range = Range { least: -1.0, most: 1.0, text: "a margin from -1 to 1" };
/// No voltage of a feeder in service; keeps 1/V and V^2 harmless.
const VOLTAGE: Range = Range { least: 1e-3, most: 1e3, text: "a voltage from 0.001 to 1000 pu" };

pub(crate) fn check_down(body: &Down, shape: &Shape) -> Result<(), WireError> {
    match body {
        Down::Begin(plan) => check_plan(plan, shape),
        Down::Voltages { windows, v_pu, settled } => {
            let (count, most) = (windows.len(), shape.most_windows);
            length("windows", count, (1..=most).contains(&count), || format!("1 to {most}"))?;
            exactly("v_pu", v_pu.len(), count.saturating_mul(shape.steps))?;
            if let Some(at) = windows.iter().position(|w| *w as usize >= shape.most_rows) {
                let (value, expected) = (windows[at].to_string(), "a window of the plan");
                return Err(WireError::Number { field: "windows", at, value, expected });
            }
            numbers("v_pu", v_pu, &VOLTAGE)?;
            check_settled(settled.as_deref(), shape)
        }
        Down::Finish { settled } => check_settled(settled.as_deref(), shape),
        Down::Ask { row: _, v_pu, prices: own, hold: _, with_response: _ } => {
            exactly("v_pu", v_pu.len(), shape.steps)?;
            numbers("v_pu", v_pu, &VOLTAGE)?;
            if own.is_empty() { Ok(()) } else { exactly("prices", own.len(), shape.steps) }?;
            prices("prices", own)
        }
        Down::Settled { row: _, certainty: _, v_pu, margin_pu } => {
            exactly("v_pu", v_pu.len(), shape.steps)?;
            numbers("v_pu", v_pu, &VOLTAGE)?;
            number("margin_pu", 0, *margin_pu, &NOT_NEGATIVE)
        }
        Down::WhereAreYou => Ok(()),
    }
}

pub(crate) fn check_up(body: &Up, shape: &Shape) -> Result<(), WireError> {
    match body {
        Up::Here { updates: _, has_plan: _ } | Up::Kept | Up::Absent(_) => Ok(()),
        Up::Powers { points: own } => {
            whole_windows("points", own.len(), shape)?;
            points(own)
        }
        Up::Dispatch(answer) => {
            let DispatchAnswer { row: _, points: own, excess, response, safe: _ } = &**answer;
            exactly("points", own.len(), shape.steps)?;
            points(own)?;
            exactly("excess", excess.len(), shape.steps)?;
            numbers("excess", excess, &SIGNED)?;
            let size = shape.steps.saturating_mul(shape.steps).saturating_mul(6);
            if response.is_empty() { Ok(()) } else { exactly("response", response.len(), size) }?;
            numbers("response", response, &SIGNED)
        }
    }
}

fn check_plan(plan: &TrainingPlan, shape: &Shape) -> Result<(), WireError> {
    let TrainingPlan {
        seed: _,
        episodes: _,
        batch,
        rows,
        rate,
        averaging,
        voltage_curvature,
        current_curvature,
        multiplier_share,
        multiplier_cap,
        voltage_margin_pu,
        current_margin,
    } = plan;
    let most = shape.most_rows;
    length("rows", rows.len(), (1..=most).contains(&rows.len()), || format!("1 to {most}"))?;
    let (batch, most) = (*batch as usize, shape.most_windows.min(rows.len()));
    length("batch", batch, (1..=most).contains(&batch), || format!("1 to {most}"))?;
    for (field, value, range) in [
        ("rate", rate, &NOT_NEGATIVE),
        ("averaging", averaging, &SHARE),
        ("voltage_curvature", voltage_curvature, &NOT_NEGATIVE),
        ("current_curvature", current_curvature, &NOT_NEGATIVE),
        ("multiplier_share", multiplier_share, &SHARE),
        ("multiplier_cap", multiplier_cap, &NOT_NEGATIVE),
        ("voltage_margin_pu", voltage_margin_pu, &MARGIN),
        ("current_margin", current_margin, &MARGIN),
    ] {
        number(field, 0, *value, range)?;
    }
    Ok(())
}

fn check_settled(settled: Option<&[PriceOfPower]>, shape: &Shape) -> Result<(), WireError> {
    let Some(list) = settled else { return Ok(()) };
    whole_windows("settled", list.len(), shape)?;
    prices("settled", list)
}

/// One entry per step of 1 to all windows.
fn whole_windows(field: &'static str, found: usize, shape: &Shape) -> Result<(), WireError> {
    let (steps, windows) = (shape.steps, shape.most_windows);
    let fits = found > 0 && found <= windows.saturating_mul(steps) && found.is_multiple_of(steps);
    length(field, found, fits, || format!("{steps} for each of 1 to {windows} windows"))
}

fn length(field: &'static str, found: usize, fits: bool, expected: impl Fn() -> String) -> Result<(), WireError> {
    if fits { Ok(()) } else { Err(WireError::Length { field, found, expected: expected() }) }
}

fn exactly(field: &'static str, found: usize, expected: usize) -> Result<(), WireError> {
    length(field, found, found == expected, || expected.to_string())
}

fn number(field: &'static str, at: usize, value: f64, range: &Range) -> Result<(), WireError> {
    if (range.least..=range.most).contains(&value) {
        return Ok(());
    }
    Err(WireError::Number { field, at, value: format!("{value:e}"), expected: range.text })
}

fn numbers(field: &'static str, values: &[f64], range: &Range) -> Result<(), WireError> {
    values.iter().enumerate().try_for_each(|(at, value)| number(field, at, *value, range))
}

fn prices(field: &'static str, list: &[PriceOfPower]) -> Result<(), WireError> {
    let each = |(at, price): (usize, &PriceOfPower)| {
        let PriceOfPower { p_per_kw, q_per_kvar } = price;
        [p_per_kw, q_per_kvar].into_iter().try_for_each(|value| number(field, at, *value, &SIGNED))
    };
    list.iter().enumerate().try_for_each(each)
}

fn points(list: &[BoundaryPoint]) -> Result<(), WireError> {
    let each = |(at, point): (usize, &BoundaryPoint)| {
        let BoundaryPoint { p_kw, q_kvar, dp_dv, dq_dv, slope } = point;
        [p_kw, q_kvar, dp_dv, dq_dv, slope].into_iter().try_for_each(|value| number("points", at, *value, &SIGNED))
    };
    list.iter().enumerate().try_for_each(each)
}

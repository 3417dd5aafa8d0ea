//! Is the window infeasible, and which limits cannot be met, by how much?
//!
//! Every voltage and current limit gets a slack sigma >= 0 (in pu^2 of voltage, in units of the squared limit of a
//! current) and their sum is minimised instead of the cost. A certified minimum above zero proves that no action keeps
//! all limits; the slacks name the limits that no dispatch of the relaxation can meet. A lower voltage limit also stands
//! in the cut on the current into its bus (l w_low <= ...), which its slack therefore widens by sigma l_max.

use super::BoundSettings;
use super::certificate::{dual_bound, is_infeasible};
use super::columns::RowKind;
use super::conic::ConicData;
use super::error::UnmetLimit;
use super::program::ConicProgram;
use clarabel::algebra::CscMatrix;
use clarabel::solver::SupportedConeT::NonnegativeConeT;
use covolt_fleet::{Fleet, Limit};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Slack beyond any use: twice the voltage, three times the current.
const LARGEST_SLACK: f64 = 9.0;
/// Slacks below this share of the largest one are the solver's rounding.
const SMALLEST_SHARE: f64 = 1e-2;
/// Most limits named.
const MOST_LIMITS: usize = 10;

/// The unmet limits when the window is proven infeasible, worst first; `None` without proof.
pub(super) fn unmet_limits(
    fleet: &Fleet,
    program: &ConicProgram,
    settings: &BoundSettings,
) -> Result<Option<Vec<UnmetLimit>>, String> {
    let (data, rows) = elastic(program);
    let solution = data.solve(settings)?;
    let least = dual_bound(&data, &solution.x, &solution.z);
    let named = solution.solved || data.objective(&solution.x) < 2.0 * least;
    if !(named && least > 0.0) {
        // Even without voltage and current limits there may be no power flow at all.
        return Ok((!solution.solved && is_infeasible(&data, &solution.z)).then(Vec::new));
    }
    let first = program.data.q.len();
    let largest = solution.x[first..].iter().copied().fold(0.0, f64::max);
    let mut limits: Vec<UnmetLimit> = (rows.iter().zip(&solution.x[first..]))
        .filter(|&(_, &slack)| slack > SMALLEST_SHARE * largest)
        .filter_map(|(&row, &slack)| {
            let label = program.label[row];
            let (limit, excess) = match label.kind {
                RowKind::VoltageLow(bus) => {
                    let low = fleet.limits.v_min_pu[bus];
                    (Limit::VoltageLow(bus), low - (low * low - slack).max(0.0).sqrt())
                }
                RowKind::VoltageHigh(bus) => {
                    let high = fleet.limits.v_max_pu[bus];
                    (Limit::VoltageHigh(bus), (high * high + slack).sqrt() - high)
                }
                RowKind::Current(branch) => (Limit::Current(branch), (1.0 + slack).sqrt() - 1.0),
                _ => return None,
            };
            Some(UnmetLimit { step: label.step, limit, description: limit.describe(fleet), excess })
        })
        .collect();
    limits.sort_by(|a, b| b.excess.partial_cmp(&a.excess).unwrap_or(Ordering::Equal));
    limits.truncate(MOST_LIMITS);
    Ok(Some(limits))
}

/// The program with slacks, and the row of each slack.
fn elastic(program: &ConicProgram) -> (ConicData, Vec<usize>) {
    let data = &program.data;
    let n = data.q.len();
    let rows: Vec<usize> = (0..program.label.len())
        .filter(|&row| {
            matches!(program.label[row].kind, RowKind::VoltageLow(_) | RowKind::VoltageHigh(_) | RowKind::Current(_))
        })
        .collect();
    let cut_at: BTreeMap<(usize, usize), usize> = (program.label.iter().enumerate())
        .filter_map(|(row, label)| match label.kind {
            RowKind::Cut(bus) => Some(((label.step, bus), row)),
            _ => None,
        })
        .collect();
    let mut a = data.a.clone();
    // Column of a slack: its limit's row, the cut that relies on the limit, and its own sign row in one more cone at the end.
    for (k, &row) in rows.iter().enumerate() {
        let label = program.label[row];
        let cut = match label.kind {
            RowKind::VoltageLow(bus) => cut_at.get(&(label.step, bus)).copied(),
            _ => None,
        };
        let mut entries: Vec<(usize, f64)> =
            cut.into_iter().chain([row]).map(|row| (row, -program.unit[row])).collect();
        entries.sort_by_key(|entry| entry.0);
        entries.push((data.a.m + k, -1.0));
        a.rowval.extend(entries.iter().map(|entry| entry.0));
        a.nzval.extend(entries.iter().map(|entry| entry.1));
        a.colptr.push(a.rowval.len());
    }
    let slacks = rows.len();
    (a.n, a.m) = (n + slacks, a.m + slacks);
    let extended = |values: &[f64], value: f64| [values, &vec![value; slacks]].concat();
    let mut cones = data.cones.clone();
    cones.push(NonnegativeConeT(slacks));
    let elastic = ConicData {
        p: CscMatrix::zeros((a.n, a.n)),
        q: extended(&vec![0.0; n], 1.0),
        a,
        b: extended(&data.b, 0.0),
        cones,
        low: extended(&data.low, 0.0),
        high: extended(&data.high, LARGEST_SLACK),
    };
    (elastic, rows)
}

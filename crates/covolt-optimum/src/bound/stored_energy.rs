//! Running sums of a microgrid's rows as variables of their own.
//!
//! The limits on the state of charge (10) say low <= sum over t' <= t of (charge - discharge terms) <= high: row t has all
//! terms of row t - 1 and two more, T^2 entries in all. With y_t = y_(t-1) + the new terms they become bounds on y_t, and
//! the terminal value a row in y_T: O(T) entries, and a factorisation that stays sparse at T = 96.

use covolt_fleet::AgentProgram;

/// One running sum: the row of the program it stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RunningSum {
    /// Row of the agent's program.
    pub row: usize,
    /// Running sum before it.
    pub before: Option<usize>,
    /// Terms added to it.
    pub added: Vec<(usize, f64)>,
    /// Least value: of the row, or of its terms.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

/// Chains of rows, each of which begins with all terms of the one before.
pub(super) fn running_sums(agent: &AgentProgram) -> Vec<RunningSum> {
    let mut sums: Vec<RunningSum> = Vec::new();
    for (i, row) in agent.rows.iter().enumerate() {
        let extends = i > 0 && is_extended(&agent.rows[i - 1].terms, &row.terms);
        let extended = agent.rows.get(i + 1).is_some_and(|next| is_extended(&row.terms, &next.terms));
        if !extends && !extended {
            continue;
        }
        let before = (extends && !sums.is_empty()).then(|| sums.len() - 1);
        let from = if before.is_some() { agent.rows[i - 1].terms.len() } else { 0 };
        let added = row.terms[from..].to_vec();
        let range = |pick: fn(f64, f64) -> f64| -> f64 {
            let start = before.map_or(0.0, |b| pick(sums[b].low, sums[b].high));
            start + added.iter().map(|&(v, c)| pick(c * agent.lower[v], c * agent.upper[v])).sum::<f64>()
        };
        let (low, high) = (range(f64::min).max(row.lower), range(f64::max).min(row.upper));
        sums.push(RunningSum { row: i, before, added, low, high: high.max(low) });
    }
    sums
}

/// `longer` begins with all terms of `shorter` and goes on.
fn is_extended(shorter: &[(usize, f64)], longer: &[(usize, f64)]) -> bool {
    longer.len() > shorter.len() && !shorter.is_empty() && longer.starts_with(shorter)
}

/// ratio times running sum `sum` plus `rest`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Multiple {
    pub sum: usize,
    pub ratio: f64,
    pub rest: Vec<(usize, f64)>,
}

/// Writes `terms` with a running sum where they begin with a multiple of its terms.
pub(super) fn as_multiple(agent: &AgentProgram, sums: &[RunningSum], terms: &[(usize, f64)]) -> Option<Multiple> {
    // Exact multiples but for the rounding of one product.
    const SAME: f64 = 4.0 * f64::EPSILON;
    (0..sums.len()).rev().find_map(|sum| {
        let own = &agent.rows[sums[sum].row].terms;
        let (&(_, first), &(_, first_own)) = (terms.first()?, own.first()?);
        let ratio = first / first_own;
        let fits = terms.len() >= own.len()
            && own.len() > 2
            && own.iter().zip(terms).all(|(a, b)| a.0 == b.0 && (a.1 * ratio - b.1).abs() <= SAME * b.1.abs());
        fits.then(|| Multiple { sum, ratio, rest: terms[own.len()..].to_vec() })
    })
}

//! What leaves an agent, per method and field by field, and what the numbers tell about it.

use crate::method::Method;

/// One field that leaves an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Message kind and field name.
    pub name: &'static str,
    /// What the numbers are and what a reader could learn from them.
    pub meaning: &'static str,
    /// Size in bytes as a formula in M, the number of coupled rows.
    pub bytes: &'static str,
    /// When it is sent.
    pub when: &'static str,
}

const fn field(name: &'static str, meaning: &'static str, bytes: &'static str, when: &'static str) -> Field {
    Field { name, meaning, bytes, when }
}

const RANGES: Field = field(
    "ranges.ranges",
    "how far the agent could move each coupled row at most; tells the size of its flexibility seen from the rows",
    "8 M",
    "once",
);
const COST_SCALE: Field =
    field("ranges.cost_scale", "largest change of cost that one decision can make; a scale, not a price", "8", "once");
const ACTIVITY: Field = field(
    "shares.activity",
    "the agent's share B x of each coupled row at its present proposal, as a voltmeter at the rows would see it",
    "8 M",
    "every round",
);

const PAPER: &[Field] = &[
    field(
        "multipliers.lambda",
        "the agent's estimate of the price of each coupled row; mixes all agents' estimates",
        "8 M",
        "every round, to neighbours",
    ),
    field(
        "multipliers.average",
        "running estimate of the average share of each row, needed to stop on the summed rows",
        "8 M",
        "every round, to neighbours",
    ),
    field("multipliers.quiet", "for how many rounds nothing has changed", "1-5", "every round, to neighbours"),
];

const SHARES: &[Field] = &[
    RANGES,
    COST_SCALE,
    ACTIVITY,
    field("shares.change", "largest relative change of the proposal; for stopping", "8", "every round"),
];

const INTERIOR_POINT: &[Field] = &[
    field(
        "curvature.matrix",
        "B K^-1 B^T: how the agent's shares would answer to a change of the rows' prices; says something about local \
                 flexibility, nothing about single decisions or costs",
        "4 M (M+1)",
        "every iteration",
    ),
    field(
        "curvature.predictor, curvature.centring, curvature.activity",
        "three vectors over the rows: present shares and where the agent's own limits and costs would move them",
        "24 M",
        "every iteration",
    ),
    field("curvature.ranges", RANGES.meaning, "8 M", "first iteration"),
    field(
        "curvature.scalars, curvature.locally_infeasible",
        "total cost, complementarity, number of limits, residuals, step length and the two sums of the infeasibility proof",
        "73",
        "every iteration",
    ),
    field(
        "second order.vector, .complementarity, .step",
        "second-order correction seen from the rows, and three numbers for the common centring",
        "8 M + 32",
        "agreed iterations only",
    ),
    field("step length.step", "longest step that the agent's limits allow", "8", "agreed iterations only"),
];

/// Everything that leaves an agent with `method`. Parameters, policies, single decisions, loads and states never do.
#[must_use]
pub fn disclosure(method: Method) -> &'static [Field] {
    match method {
        Method::Paper => PAPER,
        Method::PrimalDualHybrid | Method::SharingAdmm => SHARES,
        Method::InteriorPoint => INTERIOR_POINT,
    }
}

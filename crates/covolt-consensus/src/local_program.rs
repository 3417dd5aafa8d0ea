//! The private program of one agent: the block n of the QCLP (23)-(25) with its local limits (53) and its trust ball (54).
//!
//! ```text
//! minimise   1/2 x^T P x + c^T x                       (c = -g_n: rewards are maximised)
//! subject to lower <= x <= upper
//!            lower_i <= G_i x <= upper_i               local rows (53)
//!            1/2 sum_j h_j (x_j - x0_j)^2 <= level     trust ball (54), apparent-power circles
//! and, with all other agents,  sum_n B_n x_n <= r      coupled rows
//! ```
//!
//! Nothing of this type implements serialisation: it never leaves the agent. The sign of (53) is that of (24); the printed
//! (53) has `theta(0) - theta`, which would turn every limit around (`docs/deviations.md`).

/// One local row `lower <= sum_j coefficient_j x_j <= upper`; equal bounds make an equality.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LocalRow {
    /// Non-zero coefficients as (variable, value).
    pub coefficients: Vec<(usize, f64)>,
    /// Lower bound, `-inf` if there is none.
    pub lower: f64,
    /// Upper bound, `+inf` if there is none.
    pub upper: f64,
}

/// One weighted coordinate of a [`Ball`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BallAxis {
    /// Variable.
    pub variable: usize,
    /// Weight h of the square, >= 0.
    pub weight: f64,
    /// Centre x0 of the coordinate.
    pub centre: f64,
}

/// A convex quadratic limit `1/2 sum_j h_j (x_j - x0_j)^2 <= level`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ball {
    /// The coordinates that take part.
    pub axes: Vec<BallAxis>,
    /// Right-hand side, > 0.
    pub level: f64,
}

impl Ball {
    /// The trust ball (54): `1/2 (x - centre)^T diag(weights) (x - centre) <= delta`.
    #[must_use]
    pub fn trust(weights: &[f64], centre: &[f64], delta: f64) -> Self {
        let axes = weights
            .iter()
            .zip(centre)
            .enumerate()
            .filter(|(_, (weight, _))| **weight != 0.0)
            .map(|(variable, (&weight, &centre))| BallAxis { variable, weight, centre })
            .collect();
        Self { axes, level: delta }
    }

    /// An apparent-power circle on a pair of variables that are changes: `(p0 + x_p)^2 + (q0 + x_q)^2 <= radius^2`.
    ///
    /// Several variables may add up to one of the two powers in other models; use local rows or [`Ball::trust`] there.
    #[must_use]
    pub fn circle(p: (usize, f64), q: (usize, f64), radius: f64) -> Self {
        let axis = |(variable, offset): (usize, f64)| BallAxis { variable, weight: 1.0, centre: -offset };
        Self { axes: vec![axis(p), axis(q)], level: 0.5 * radius * radius }
    }
}

/// The numbers of a local program before validation; see the module for the form.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LocalProgramData {
    /// P, n x n row-major, symmetric positive semidefinite; `None` for a linear cost. Symmetry and the diagonal are checked; a P
    /// that is indefinite otherwise ends as not converged.
    pub quadratic: Option<Vec<f64>>,
    /// c, length n.
    pub linear: Vec<f64>,
    /// Lower bounds, `-inf` allowed.
    pub lower: Vec<f64>,
    /// Upper bounds, `+inf` allowed; equal to the lower bound fixes the variable.
    pub upper: Vec<f64>,
    /// Local rows.
    pub rows: Vec<LocalRow>,
    /// Trust balls and circles.
    pub balls: Vec<Ball>,
    /// B_n, rows x n row-major: this agent's columns of the coupled rows.
    pub coupled: Vec<f64>,
}

/// One fault of a local program.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProgramFault {
    /// There is nothing to decide.
    #[error("the program has no variables")]
    Empty,
    /// A vector or matrix has the wrong length.
    #[error("{what} has length {found}, expected {expected}")]
    Length {
        /// Which one.
        what: &'static str,
        /// Length that fits.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// A number is NaN or infinite where that makes no sense.
    #[error("{what} [{index}] is {value}")]
    NotFinite {
        /// Which quantity.
        what: &'static str,
        /// Position.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A lower bound lies above its upper bound.
    #[error("{what} [{index}]: lower bound {lower} is above upper bound {upper}")]
    Swapped {
        /// Which bounds.
        what: &'static str,
        /// Position.
        index: usize,
        /// Lower bound.
        lower: f64,
        /// Upper bound.
        upper: f64,
    },
    /// A row or ball names a variable that does not exist.
    #[error("{what} [{index}] names variable {variable}, but there are {count}")]
    UnknownVariable {
        /// Row or ball.
        what: &'static str,
        /// Its position.
        index: usize,
        /// The variable named.
        variable: usize,
        /// Number of variables.
        count: usize,
    },
    /// P is not symmetric.
    #[error("quadratic cost is not symmetric at ({row}, {column}): difference {difference:.3e}")]
    NotSymmetric {
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// P_ij - P_ji.
        difference: f64,
    },
    /// P has a negative diagonal entry, hence is not positive semidefinite.
    #[error("quadratic cost has the negative diagonal entry {value:.3e} at variable {variable}")]
    NegativeCurvature {
        /// Variable.
        variable: usize,
        /// The entry.
        value: f64,
    },
    /// A ball has a negative weight.
    #[error("ball [{ball}] has the negative weight {weight} at variable {variable}")]
    NegativeWeight {
        /// Ball.
        ball: usize,
        /// Variable.
        variable: usize,
        /// Weight.
        weight: f64,
    },
    /// A ball has no interior.
    #[error("ball [{ball}] has level {level}; it must be positive")]
    EmptyBall {
        /// Ball.
        ball: usize,
        /// Level.
        level: f64,
    },
}

/// A validated private program; see the module for the form.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalProgram {
    data: LocalProgramData,
    coupled_rows: usize,
}

/// Relative asymmetry of P that rounding explains.
const SYMMETRY_TOLERANCE: f64 = 1e-9;

impl LocalProgram {
    /// Checks the data against each other and against the number of coupled rows.
    ///
    /// # Errors
    /// All faults found, not only the first one.
    pub fn try_new(data: LocalProgramData, coupled_rows: usize) -> Result<Self, Vec<ProgramFault>> {
        let mut faults = Vec::new();
        let n = data.linear.len();
        if n == 0 {
            faults.push(ProgramFault::Empty);
        }
        let mut length = |what, expected, found| {
            if expected != found {
                faults.push(ProgramFault::Length { what, expected, found });
            }
        };
        length("lower", n, data.lower.len());
        length("upper", n, data.upper.len());
        length("coupled", n * coupled_rows, data.coupled.len());
        if let Some(quadratic) = &data.quadratic {
            length("quadratic", n * n, quadratic.len());
        }
        finite("linear", &data.linear, &mut faults);
        finite("coupled", &data.coupled, &mut faults);
        for (index, (&lower, &upper)) in data.lower.iter().zip(&data.upper).enumerate() {
            bounds("box", index, lower, upper, &mut faults);
        }
        if let Some(quadratic) = &data.quadratic {
            check_quadratic(quadratic, n, &mut faults);
        }
        for (index, row) in data.rows.iter().enumerate() {
            bounds("row", index, row.lower, row.upper, &mut faults);
            for &(variable, value) in &row.coefficients {
                if variable >= n {
                    faults.push(ProgramFault::UnknownVariable { what: "row", index, variable, count: n });
                }
                if !value.is_finite() {
                    faults.push(ProgramFault::NotFinite { what: "row", index, value });
                }
            }
        }
        for (index, ball) in data.balls.iter().enumerate() {
            check_ball(index, ball, n, &mut faults);
        }
        if faults.is_empty() { Ok(Self { data, coupled_rows }) } else { Err(faults) }
    }

    /// Number of variables n.
    #[must_use]
    pub fn variables(&self) -> usize {
        self.data.linear.len()
    }

    /// Number of coupled rows M.
    #[must_use]
    pub fn coupled_rows(&self) -> usize {
        self.coupled_rows
    }

    /// The validated numbers.
    #[must_use]
    pub fn data(&self) -> &LocalProgramData {
        &self.data
    }

    /// Gives the numbers back, for changing and validating them again.
    #[must_use]
    pub fn into_data(self) -> LocalProgramData {
        self.data
    }

    /// Cost `1/2 x^T P x + c^T x`; variables beyond the shorter of the two lengths are ignored.
    #[must_use]
    pub fn cost(&self, x: &[f64]) -> f64 {
        let linear: f64 = self.data.linear.iter().zip(x).map(|(c, x)| c * x).sum();
        let n = self.variables();
        let quadratic: f64 = match &self.data.quadratic {
            Some(p) if n > 0 => {
                p.chunks_exact(n).zip(x).map(|(row, xi)| xi * row.iter().zip(x).map(|(p, x)| p * x).sum::<f64>()).sum()
            }
            _ => 0.0,
        };
        linear + 0.5 * quadratic
    }

    /// This agent's part `B_n x` of the coupled rows, added to `activity` (length M).
    pub fn add_activity(&self, x: &[f64], activity: &mut [f64]) {
        let n = self.variables();
        if n == 0 {
            return;
        }
        for (row, out) in self.data.coupled.chunks_exact(n).zip(activity) {
            *out += row.iter().zip(x).map(|(b, x)| b * x).sum::<f64>();
        }
    }

    /// Worst violation of the agent's own limits at `x`, in the units of each limit (0 if all hold).
    #[must_use]
    pub fn local_violation(&self, x: &[f64]) -> f64 {
        let mut worst: f64 = 0.0;
        for ((&x, &lower), &upper) in x.iter().zip(&self.data.lower).zip(&self.data.upper) {
            worst = worst.max(lower - x).max(x - upper);
        }
        let at = |variable: usize| x.get(variable).copied().unwrap_or(0.0);
        for row in &self.data.rows {
            let value: f64 = row.coefficients.iter().map(|&(j, g)| g * at(j)).sum();
            worst = worst.max(row.lower - value).max(value - row.upper);
        }
        for ball in &self.data.balls {
            let value: f64 = ball.axes.iter().map(|a| 0.5 * a.weight * (at(a.variable) - a.centre).powi(2)).sum();
            worst = worst.max(value - ball.level);
        }
        worst
    }
}

fn finite(what: &'static str, values: &[f64], faults: &mut Vec<ProgramFault>) {
    for (index, &value) in values.iter().enumerate() {
        if !value.is_finite() {
            faults.push(ProgramFault::NotFinite { what, index, value });
        }
    }
}

fn bounds(what: &'static str, index: usize, lower: f64, upper: f64, faults: &mut Vec<ProgramFault>) {
    if lower.is_nan() || lower == f64::INFINITY {
        faults.push(ProgramFault::NotFinite { what, index, value: lower });
    } else if upper.is_nan() || upper == f64::NEG_INFINITY {
        faults.push(ProgramFault::NotFinite { what, index, value: upper });
    } else if lower > upper {
        faults.push(ProgramFault::Swapped { what, index, lower, upper });
    }
}

fn check_quadratic(p: &[f64], n: usize, faults: &mut Vec<ProgramFault>) {
    if p.len() != n * n {
        return;
    }
    finite("quadratic", p, faults);
    let scale = p.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    for i in 0..n {
        if p[i * n + i] < 0.0 {
            faults.push(ProgramFault::NegativeCurvature { variable: i, value: p[i * n + i] });
        }
        for j in 0..i {
            let difference = p[i * n + j] - p[j * n + i];
            if difference.abs() > SYMMETRY_TOLERANCE * scale {
                faults.push(ProgramFault::NotSymmetric { row: i, column: j, difference });
            }
        }
    }
}

fn check_ball(index: usize, ball: &Ball, n: usize, faults: &mut Vec<ProgramFault>) {
    if !(ball.level > 0.0 && ball.level.is_finite()) {
        faults.push(ProgramFault::EmptyBall { ball: index, level: ball.level });
    }
    for axis in &ball.axes {
        if axis.variable >= n {
            faults.push(ProgramFault::UnknownVariable { what: "ball", index, variable: axis.variable, count: n });
        }
        if !axis.centre.is_finite() || !axis.weight.is_finite() {
            faults.push(ProgramFault::NotFinite { what: "ball", index, value: axis.weight + axis.centre });
        }
        if axis.weight < 0.0 {
            faults.push(ProgramFault::NegativeWeight { ball: index, variable: axis.variable, weight: axis.weight });
        }
    }
}

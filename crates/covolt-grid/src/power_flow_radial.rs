//! Power flow of a radial network: Newton by elimination along the tree.
//!
//! Scaled quantities of `tree.rs` (primes left out). With the demand s = p + jq (positive = consumption) bus k draws,
//! (30)-(31), I(V) = conj(s) / conj(V), which around V0 is linear in conj(V):
//!
//! ```text
//!   I = gamma + beta conj(V)        beta = -conj(s) / conj(V0)^2        gamma = 2 conj(s) / conj(V0)
//! ```
//!
//! So the whole subtree below a branch draws, linearised,
//!
//! ```text
//!   J = alpha V + beta conj(V) + gamma                                              (a)
//! ```
//!
//! with alpha = shunts, and (alpha, beta, gamma) summed over the children. Write [u w] for the map x -> u x + w conj(x),
//! and N = [alpha beta]. Across the branch V = V_p - zeta J, hence
//!
//! ```text
//!   V = K V_p - K zeta gamma                   K = (1 + zeta N)^-1
//!   J = M V_p + C gamma                        C = (1 + N zeta)^-1,  M = N K         (b)
//! ```
//!
//! and (b) adds to (a) of the parent. With A = 1 + zeta alpha and D = |A|^2 - |zeta beta|^2, written out,
//!
//! ```text
//!   K = [conj(A)  -zeta beta] / D                        K zeta = [zeta + |zeta|^2 conj(alpha)  -|zeta|^2 beta] / D
//!   C = [conj(A)  -conj(zeta) beta] / D                  M = [alpha + conj(zeta) (|alpha|^2 - |beta|^2)  beta] / D
//! ```
//!
//! One pass from the leaves gathers (a), one pass from the source gives all voltages: a full Newton step of
//! (Y + Y_D) dV = -(Y V + I) in O(buses), without ever forming Y. Impedances enter by multiplication only, so a branch
//! of 1e-9 pu costs no digits (1/z in Y would).
//!
//! Both Kirchhoff laws hold after a step, with the linearised demand. What is left is the second-order rest of I, and the
//! power mismatch of a bus is exactly |s| |V - V0|^2 / |V0|^2: no residual is computed.
//!
//! The sweep method ([`FlowMethod::TreeSweep`](crate::FlowMethod)) is the same with beta = 0 and gamma = I(V0).

use crate::power_flow::{Attempt, FlowOptions};
use crate::tree::{Tree, TreeBranch};
use num_complex::Complex64;

/// u1 x + u2 conj(x): the general real-linear map of the complex plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RealLinear(pub Complex64, pub Complex64);

impl RealLinear {
    pub const ZERO: RealLinear = RealLinear(Complex64::ZERO, Complex64::ZERO);

    #[inline(always)]
    pub fn apply(self, x: Complex64) -> Complex64 {
        let RealLinear(u, w) = self;
        // Written out in the sums and differences of the coefficients: 4 multiplications instead of 8.
        Complex64::new((u.re + w.re) * x.re + (w.im - u.im) * x.im, (u.im + w.im) * x.re + (u.re - w.re) * x.im)
    }

    /// The transpose with respect to Re(conj(x) y): [conj(u1) u2].
    #[inline(always)]
    pub fn transposed(self) -> RealLinear {
        RealLinear(self.0.conj(), self.1)
    }
}

/// What the elimination of one branch leaves behind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Eliminated {
    pub parent: usize,
    /// V of the bus from V of the parent: K.
    pub voltage: RealLinear,
    /// V of the bus from gamma: -K zeta.
    pub drop: RealLinear,
    /// Current drawn from the parent from gamma: C.
    pub current: RealLinear,
}

/// N of (a), summed while going towards the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subtree {
    pub alpha: Complex64,
    pub beta: Complex64,
}

/// Per-thread memory of the tree methods, everything in tree order and in scaled quantities.
#[derive(Debug)]
pub(crate) struct TreeWorkspace {
    pub v: Vec<Complex64>,
    pub s: Vec<Complex64>,
    pub subtree: Vec<Subtree>,
    pub gamma: Vec<Complex64>,
    pub eliminated: Vec<Eliminated>,
    /// Right-hand side of the adjoint.
    pub rhs: Vec<Complex64>,
}

impl TreeWorkspace {
    pub fn new(tree: &Tree) -> TreeWorkspace {
        let (v, s, subtree) = (Vec::new(), Vec::new(), Vec::new());
        let (gamma, eliminated, rhs) = (Vec::new(), Vec::new(), Vec::new());
        let mut ws = TreeWorkspace { v, s, subtree, gamma, eliminated, rhs };
        ws.fit(tree);
        ws
    }

    /// As many entries as the tree has buses, with whatever was there: every solve begins with voltages and demand.
    pub fn fit(&mut self, tree: &Tree) {
        let n = tree.branches.len();
        let nothing =
            Eliminated { parent: 0, voltage: RealLinear::ZERO, drop: RealLinear::ZERO, current: RealLinear::ZERO };
        self.v.resize(n, tree.v_source);
        self.s.resize(n, Complex64::ZERO);
        self.subtree.resize(n, Subtree { alpha: Complex64::ZERO, beta: Complex64::ZERO });
        self.gamma.resize(n, Complex64::ZERO);
        self.eliminated.resize(n, nothing);
        self.rhs.resize(n, Complex64::ZERO);
    }
}

/// Eliminates one bus: returns what is left behind, the M that its parent sees, and the determinant D, which is positive
/// on the upper (high-voltage) branch of solutions.
#[inline(always)]
pub(crate) fn eliminate(branch: &TreeBranch, subtree: Subtree) -> (Eliminated, Subtree, f64) {
    let TreeBranch { parent, zeta, zeta_square, .. } = *branch;
    let Subtree { alpha, beta } = subtree;
    let a = Complex64::ONE + zeta * alpha;
    let beta_square = beta.norm_sqr();
    let determinant = a.norm_sqr() - zeta_square * beta_square;
    let scale = 1.0 / determinant;
    let own = a.conj() * scale;
    let beta_scaled = beta * scale;
    let eliminated = Eliminated {
        parent,
        voltage: RealLinear(own, -(zeta * beta_scaled)),
        drop: RealLinear((zeta + alpha.conj() * zeta_square) * -scale, beta_scaled * zeta_square),
        current: RealLinear(own, -(zeta.conj() * beta_scaled)),
    };
    let seen_by_parent =
        Subtree { alpha: (alpha + zeta.conj() * (alpha.norm_sqr() - beta_square)) * scale, beta: beta_scaled };
    (eliminated, seen_by_parent, determinant)
}

/// Newton from the voltages in `ws.v` (tree order) at `ws.s`.
pub(crate) fn solve_newton(tree: &Tree, ws: &mut TreeWorkspace, options: &FlowOptions) -> Attempt {
    iterate(tree, ws, options.max_iterations, options.tolerance_pu, newton_step)
}

/// Backward-forward sweep from the voltages in `ws.v` (tree order) at `ws.s`.
pub(crate) fn solve_sweep(tree: &Tree, ws: &mut TreeWorkspace, options: &FlowOptions) -> Attempt {
    // The sweep converges linearly, so it needs far more of its (cheaper) iterations.
    let limit = options.max_iterations.saturating_mul(10);
    for (k, branch) in tree.branches.iter().enumerate() {
        ws.subtree[k] = Subtree { alpha: branch.shunt, beta: Complex64::ZERO };
    }
    for k in (1..tree.branches.len()).rev() {
        let (eliminated, seen, _) = eliminate(&tree.branches[k], ws.subtree[k]);
        ws.eliminated[k] = eliminated;
        ws.subtree[eliminated.parent].alpha += seen.alpha;
    }
    iterate(tree, ws, limit, options.tolerance_pu, sweep_step)
}

/// Mismatch squared, summed and at its worst, and the smallest determinant met.
struct Step {
    worst_squared: f64,
    worst_at: usize,
    sum: f64,
    smallest_determinant: f64,
}

fn iterate(
    tree: &Tree,
    ws: &mut TreeWorkspace,
    max_iterations: usize,
    tolerance_pu: f64,
    step: fn(&Tree, &mut TreeWorkspace) -> Step,
) -> Attempt {
    let mut attempt =
        Attempt { iterations: 0, mismatch_pu: f64::INFINITY, worst_bus: 0, converged: false, upper_branch: false };
    while attempt.iterations < max_iterations && !attempt.converged {
        attempt.iterations += 1;
        let done = step(tree, ws);
        // A NaN would slip through the maximum, never through the sum.
        if !done.sum.is_finite() {
            attempt.mismatch_pu = f64::INFINITY;
            return attempt;
        }
        attempt.mismatch_pu = done.worst_squared.sqrt();
        attempt.worst_bus = done.worst_at;
        attempt.converged = attempt.mismatch_pu <= tolerance_pu;
        attempt.upper_branch = done.smallest_determinant > 0.0;
    }
    attempt
}

fn newton_step(tree: &Tree, ws: &mut TreeWorkspace) -> Step {
    let n = tree.branches.len();
    let TreeWorkspace { v, s, subtree, gamma, eliminated, .. } = ws;
    for k in 0..n {
        let inverse = v[k] * (1.0 / v[k].norm_sqr());
        let current = s[k].conj() * inverse;
        subtree[k] = Subtree { alpha: tree.branches[k].shunt, beta: -(current * inverse) };
        gamma[k] = current + current;
    }
    let mut smallest_determinant = f64::INFINITY;
    for k in (1..n).rev() {
        let (left, seen, determinant) = eliminate(&tree.branches[k], subtree[k]);
        if determinant < smallest_determinant {
            smallest_determinant = determinant;
        }
        let parent = left.parent;
        subtree[parent].alpha += seen.alpha;
        subtree[parent].beta += seen.beta;
        let drawn = left.current.apply(gamma[k]);
        gamma[parent] += drawn;
        gamma[k] = left.drop.apply(gamma[k]);
        eliminated[k] = left;
    }
    v[0] = tree.v_source;
    let (mut worst_squared, mut worst_at, mut sum) = (0.0, 0, 0.0);
    for k in 1..n {
        let new = eliminated[k].voltage.apply(v[eliminated[k].parent]) + gamma[k];
        let relative = (new - v[k]).norm_sqr() / v[k].norm_sqr();
        let mismatch_squared = s[k].norm_sqr() * relative * relative;
        if mismatch_squared > worst_squared {
            worst_squared = mismatch_squared;
            worst_at = k;
        }
        sum += mismatch_squared + relative;
        v[k] = new;
    }
    Step { worst_squared, worst_at, sum, smallest_determinant }
}

fn sweep_step(tree: &Tree, ws: &mut TreeWorkspace) -> Step {
    let n = tree.branches.len();
    let TreeWorkspace { v, s, gamma, eliminated, .. } = ws;
    for k in 0..n {
        gamma[k] = s[k].conj() * (v[k] * (1.0 / v[k].norm_sqr()));
    }
    for k in (1..n).rev() {
        let left = &eliminated[k];
        let drawn = left.current.apply(gamma[k]);
        gamma[left.parent] += drawn;
        gamma[k] = left.drop.apply(gamma[k]);
    }
    v[0] = tree.v_source;
    let (mut worst_squared, mut worst_at, mut sum) = (0.0, 0, 0.0);
    for k in 1..n {
        let new = eliminated[k].voltage.apply(v[eliminated[k].parent]) + gamma[k];
        // conj(V) times the change of I: the power mismatch at the new voltage.
        let mismatch_squared = s[k].norm_sqr() * (new - v[k]).norm_sqr() / v[k].norm_sqr();
        if mismatch_squared > worst_squared {
            worst_squared = mismatch_squared;
            worst_at = k;
        }
        sum += mismatch_squared + new.norm_sqr();
        v[k] = new;
    }
    Step {
        worst_squared,
        worst_at,
        sum,
        // The sweep is a contraction only on the upper branch.
        smallest_determinant: f64::INFINITY,
    }
}

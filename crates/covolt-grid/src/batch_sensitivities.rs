//! Sensitivities of eight scenarios on one tree, (34)-(40): the elimination, J^T w and J d, one scenario per lane.
//!
//! The adjoint system of `sensitivities.rs`, conj(Y) mu + beta conj(mu) = -g, conjugated, reads with x = conj(mu)
//!
//! ```text
//!   Y x + b conj(x) + gamma = 0        b = conj(beta) = -s / V^2        gamma = conj(g)
//! ```
//!
//! which is the forward system Y dV + beta conj(dV) + dI = 0 with beta conjugated. Both are solved by one elimination: the
//! subtree below a branch draws J = alpha x + b conj(x) + gamma at its bus, and with
//!
//! ```text
//!   A = 1 + zeta alpha      D = |A|^2 - |zeta b|^2      c = conj(A) / D      b' = b / D
//!   m = (alpha + conj(zeta) (|alpha|^2 - |b|^2)) / D    gamma' = c gamma - conj(zeta) b' conj(gamma)
//! ```
//!
//! it draws J = m x_p + b' conj(x_p) + gamma' at the parent, where (m, b', gamma') add to the parent's (alpha, b, gamma).
//! Alpha, m, c and D do not change when b is conjugated, and b' is conjugated with it. So
//!
//! ```text
//!   leaves -> source:  gamma'        source -> leaves:  J = m x_p + b' conj(x_p) + gamma',   x = x_p - zeta J
//! ```
//!
//! and (m, b', c), six numbers a bus, are all that has to be kept. The impedance enters by multiplication only.
//! In the end dL/dp = Re(x V) / |V|^2 and dL/dq = Im(x V) / |V|^2, since mu / V = conj(x V) / |V|^2.

use crate::lanes::{ComplexLanes, LANES, Lanes, Pair};
use crate::tree::{Tree, TreeBranch};
use pulp::{Simd, WithSimd};

/// What the elimination leaves at one bus.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EliminatedLanes {
    /// alpha on the way in, m on the way out.
    pub m: ComplexLanes,
    /// b on the way in, b' on the way out.
    pub b: ComplexLanes,
    /// c.
    pub c: ComplexLanes,
}

impl EliminatedLanes {
    pub const NONE: EliminatedLanes =
        EliminatedLanes { m: ComplexLanes::ZERO, b: ComplexLanes::ZERO, c: ComplexLanes::ZERO };
}

/// 1 / V.
#[inline(always)]
fn inverse<S: Simd>(simd: S, v: Pair<S>) -> Pair<S> {
    let factor = simd.div_f64s(simd.splat_f64s(1.0), v.norm_sqr(simd));
    v.conj(simd).scaled(simd, factor)
}

/// b = -s / V^2.
#[inline(always)]
fn slope<S: Simd>(simd: S, s: Pair<S>, v: Pair<S>) -> Pair<S> {
    let inverse = inverse(simd, v);
    let zero = Pair { re: simd.splat_f64s(0.0), im: simd.splat_f64s(0.0) };
    zero.minus_product(simd, s.times(simd, inverse), inverse)
}

/// (m, b', c) and D of one bus.
#[inline(always)]
fn eliminate<S: Simd>(
    simd: S,
    branch: &TreeBranch,
    alpha: Pair<S>,
    b: Pair<S>,
) -> (Pair<S>, Pair<S>, Pair<S>, S::f64s) {
    let zeta = Pair::splat(simd, branch.zeta);
    let one = Pair { re: simd.splat_f64s(1.0), im: simd.splat_f64s(0.0) };
    let a = one.plus_product(simd, zeta, alpha);
    let b_square = b.norm_sqr(simd);
    let zeta_square = simd.splat_f64s(branch.zeta_square);
    let determinant = simd.negate_mul_add_e_f64s(zeta_square, b_square, a.norm_sqr(simd));
    let scale = simd.div_f64s(simd.splat_f64s(1.0), determinant);
    let difference = simd.sub_f64s(alpha.norm_sqr(simd), b_square);
    let m = Pair {
        re: simd.mul_add_e_f64s(zeta.re, difference, alpha.re),
        im: simd.negate_mul_add_e_f64s(zeta.im, difference, alpha.im),
    };
    (m.scaled(simd, scale), b.scaled(simd, scale), a.conj(simd).scaled(simd, scale), determinant)
}

/// gamma' = c gamma - conj(zeta) b' conj(gamma).
#[inline(always)]
fn passed_on<S: Simd>(simd: S, branch: &TreeBranch, c: Pair<S>, b: Pair<S>, gamma: Pair<S>) -> Pair<S> {
    let product = b.times(simd, gamma.conj(simd));
    c.times(simd, gamma).minus_product(simd, Pair::splat(simd, branch.zeta.conj()), product)
}

/// x = x_p - zeta (m x_p + b' conj(x_p) + gamma').
#[inline(always)]
fn follow<S: Simd>(simd: S, branch: &TreeBranch, m: Pair<S>, b: Pair<S>, gamma: Pair<S>, x_parent: Pair<S>) -> Pair<S> {
    let j = gamma.plus_product(simd, m, x_parent).plus_product(simd, b, x_parent.conj(simd));
    x_parent.minus_product(simd, Pair::splat(simd, branch.zeta), j)
}

/// Eliminates at the voltages and the demand; with GAMMA the right-hand side of one adjoint goes up along with it. Returns
/// the smallest |D| of each scenario and a sum of all D, which is not finite where one of them was not.
pub(crate) struct Eliminate<'a, const GAMMA: bool> {
    pub tree: &'a Tree,
    pub s: &'a [ComplexLanes],
    pub v: &'a [ComplexLanes],
    pub eliminated: &'a mut [EliminatedLanes],
    /// dL/dV, network order; read with GAMMA only.
    pub dl_dv: &'a [ComplexLanes],
    /// gamma' on the way out; written with GAMMA only.
    pub gamma: &'a mut [ComplexLanes],
}

impl<const GAMMA: bool> WithSimd for Eliminate<'_, GAMMA> {
    type Output = (Lanes, Lanes);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (Lanes, Lanes) {
        let Eliminate { tree, s, v, eliminated, dl_dv, gamma } = self;
        let n = tree.branches.len().min(s.len()).min(v.len()).min(eliminated.len()).min(gamma.len());
        for k in 0..n {
            let shunt = Pair::splat(simd, tree.branches[k].shunt);
            for h in 0..LANES / S::F64_LANES {
                eliminated[k].m.set::<S>(h, shunt);
                eliminated[k].b.set::<S>(h, slope(simd, s[k].get::<S>(h), v[k].get::<S>(h)));
                if GAMMA {
                    let scale = Pair::splat(simd, tree.scale[k]);
                    let g = dl_dv[tree.bus_at[k]].get::<S>(h);
                    gamma[k].set::<S>(h, scale.times(simd, g.conj(simd)));
                }
            }
        }
        let (mut smallest, mut sum) = ([simd.splat_f64s(f64::INFINITY); LANES], [simd.splat_f64s(0.0); LANES]);
        for k in (1..n).rev() {
            let branch = &tree.branches[k];
            let (above, own) = eliminated.split_at_mut(k);
            let (parent, own) = (&mut above[branch.parent], &mut own[0]);
            for h in 0..LANES / S::F64_LANES {
                let (m, b, c, determinant) = eliminate(simd, branch, own.m.get::<S>(h), own.b.get::<S>(h));
                smallest[h] = simd.min_f64s(smallest[h], simd.abs_f64s(determinant));
                sum[h] = simd.add_f64s(sum[h], determinant);
                own.m.set::<S>(h, m);
                own.b.set::<S>(h, b);
                own.c.set::<S>(h, c);
                parent.m.set::<S>(h, parent.m.get::<S>(h).plus(simd, m));
                parent.b.set::<S>(h, parent.b.get::<S>(h).plus(simd, b));
                if GAMMA {
                    let (above, own) = gamma.split_at_mut(k);
                    let (above, own) = (&mut above[branch.parent], &mut own[0]);
                    let drawn = passed_on(simd, branch, c, b, own.get::<S>(h));
                    own.set::<S>(h, drawn);
                    above.set::<S>(h, above.get::<S>(h).plus(simd, drawn));
                }
            }
        }
        let mut found = (Lanes::splat(0.0), Lanes::splat(0.0));
        for h in 0..LANES / S::F64_LANES {
            found.0.set::<S>(h, smallest[h]);
            found.1.set::<S>(h, sum[h]);
        }
        found
    }
}

/// The right-hand side of an adjoint from dL/dV in network order, eliminated from the leaves to the source.
pub(crate) struct AdjointUp<'a> {
    pub tree: &'a Tree,
    pub eliminated: &'a [EliminatedLanes],
    pub dl_dv: &'a [ComplexLanes],
    pub gamma: &'a mut [ComplexLanes],
}

impl WithSimd for AdjointUp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let AdjointUp { tree, eliminated, dl_dv, gamma } = self;
        for (k, gamma) in gamma.iter_mut().enumerate() {
            let scale = Pair::splat(simd, tree.scale[k]);
            for h in 0..LANES / S::F64_LANES {
                gamma.set::<S>(h, scale.times(simd, dl_dv[tree.bus_at[k]].get::<S>(h).conj(simd)));
            }
        }
        climb::<S, false>(simd, tree, eliminated, gamma);
    }
}

/// Leaves to source with stored factors; the forward system has b' conjugated.
#[inline(always)]
fn climb<S: Simd, const FORWARD: bool>(
    simd: S,
    tree: &Tree,
    eliminated: &[EliminatedLanes],
    gamma: &mut [ComplexLanes],
) {
    for k in (1..tree.branches.len().min(eliminated.len()).min(gamma.len())).rev() {
        let branch = &tree.branches[k];
        let (above, own) = gamma.split_at_mut(k);
        let (above, own) = (&mut above[branch.parent], &mut own[0]);
        for h in 0..LANES / S::F64_LANES {
            let b = eliminated[k].b.get::<S>(h);
            let b = if FORWARD { b.conj(simd) } else { b };
            let drawn = passed_on(simd, branch, eliminated[k].c.get::<S>(h), b, own.get::<S>(h));
            own.set::<S>(h, drawn);
            above.set::<S>(h, above.get::<S>(h).plus(simd, drawn));
        }
    }
}

/// Source to leaves of an adjoint; writes dL/dp + j dL/dq in network order.
pub(crate) struct AdjointDown<'a> {
    pub tree: &'a Tree,
    pub v: &'a [ComplexLanes],
    pub eliminated: &'a [EliminatedLanes],
    /// gamma' on the way in, x on the way out.
    pub gamma: &'a mut [ComplexLanes],
    pub dl_ds: &'a mut [ComplexLanes],
}

impl WithSimd for AdjointDown<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let AdjointDown { tree, v, eliminated, gamma, dl_ds } = self;
        let n = tree.branches.len().min(v.len()).min(eliminated.len()).min(gamma.len());
        gamma[0] = ComplexLanes::ZERO;
        dl_ds[tree.bus_at[0]] = ComplexLanes::ZERO;
        for k in 1..n {
            let branch = &tree.branches[k];
            let (above, own) = gamma.split_at_mut(k);
            let (above, own) = (&above[branch.parent], &mut own[0]);
            for h in 0..LANES / S::F64_LANES {
                let (m, b) = (eliminated[k].m.get::<S>(h), eliminated[k].b.get::<S>(h));
                let x = follow(simd, branch, m, b, own.get::<S>(h), above.get::<S>(h));
                own.set::<S>(h, x);
                let v = v[k].get::<S>(h);
                let factor = simd.div_f64s(simd.splat_f64s(1.0), v.norm_sqr(simd));
                dl_ds[tree.bus_at[k]].set::<S>(h, x.times(simd, v).scaled(simd, factor));
            }
        }
    }
}

/// J d: from a change dp + j dq of the demand to dV, both in network order.
pub(crate) struct ForwardProduct<'a> {
    pub tree: &'a Tree,
    pub v: &'a [ComplexLanes],
    pub eliminated: &'a [EliminatedLanes],
    pub ds: &'a [ComplexLanes],
    pub gamma: &'a mut [ComplexLanes],
    pub dv: &'a mut [ComplexLanes],
}

impl WithSimd for ForwardProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let ForwardProduct { tree, v, eliminated, ds, gamma, dv } = self;
        let n = tree.branches.len().min(v.len()).min(eliminated.len()).min(gamma.len());
        for k in 0..n {
            for h in 0..LANES / S::F64_LANES {
                // dI = conj(ds) / conj(V).
                let drawn = ds[tree.bus_at[k]].get::<S>(h).times(simd, inverse(simd, v[k].get::<S>(h)));
                gamma[k].set::<S>(h, drawn.conj(simd));
            }
        }
        climb::<S, true>(simd, tree, eliminated, gamma);
        gamma[0] = ComplexLanes::ZERO;
        dv[tree.bus_at[0]] = ComplexLanes::ZERO;
        for k in 1..n {
            let branch = &tree.branches[k];
            let (above, own) = gamma.split_at_mut(k);
            let (above, own) = (&above[branch.parent], &mut own[0]);
            let scale = Pair::splat(simd, tree.scale[k]);
            for h in 0..LANES / S::F64_LANES {
                let (m, b) = (eliminated[k].m.get::<S>(h), eliminated[k].b.get::<S>(h).conj(simd));
                let x = follow(simd, branch, m, b, own.get::<S>(h), above.get::<S>(h));
                own.set::<S>(h, x);
                dv[tree.bus_at[k]].set::<S>(h, scale.times(simd, x));
            }
        }
    }
}

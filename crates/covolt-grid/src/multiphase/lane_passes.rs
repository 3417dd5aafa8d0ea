//! Solving with the factors of Y for eight scenarios at once, one per lane.
//!
//! Loads are not in Y, so the factors E, K, C of `elimination.rs` are those of every scenario: each is read once and multiplied
//! into eight right-hand sides, where the single solver reads it for one. Formulas and order are those of `elimination::solve`
//! and `elimination::solve_transposed`.

use super::elimination::MOST_NODES;
use super::elimination_plan::{Block, Plan};
use crate::lanes::{ComplexLanes, LANES, Pair};
use num_complex::Complex64;
use pulp::Simd;

/// Factors of a block, row-major, and the positions of its later nodes.
struct Parts<'a> {
    first: usize,
    e: &'a [Complex64],
    k: &'a [Complex64],
    c: &'a [Complex64],
    later: &'a [u32],
}

impl<'a> Parts<'a> {
    #[inline(always)]
    fn of(plan: &'a Plan, block: &Block, factors: &'a [Complex64]) -> Parts<'a> {
        let (n, m) = (block.n as usize, block.m as usize);
        let start = block.values as usize;
        let (e, rest) = factors[start..start + n * n + 2 * n * m].split_at(n * n);
        let (k, c) = rest.split_at(n * m);
        Parts { first: block.first as usize, e, k, c, later: &plan.later[block.later as usize..][..m] }
    }
}

/// Y x = r in place for all blocks but the idle ones.
#[inline(always)]
pub(super) fn solve<S: Simd>(simd: S, plan: &Plan, factors: &[Complex64], x: &mut [ComplexLanes]) {
    let active = &plan.blocks[plan.n_idle..];
    for block in active {
        let parts = Parts::of(plan, block, factors);
        match block.n {
            1 => gather::<S, 1>(simd, parts, x),
            2 => gather::<S, 2>(simd, parts, x),
            3 => gather::<S, 3>(simd, parts, x),
            n => gather_any(simd, n as usize, parts, x),
        }
    }
    for block in active.iter().rev() {
        let parts = Parts::of(plan, block, factors);
        match block.n {
            1 => spread::<S, 1>(simd, parts, x),
            2 => spread::<S, 2>(simd, parts, x),
            3 => spread::<S, 3>(simd, parts, x),
            n => spread_any(simd, n as usize, parts, x),
        }
    }
}

/// Y^T x = g in place for all blocks but the idle ones, which [`collect_idle`] has seen to.
#[inline(always)]
pub(super) fn solve_transposed<S: Simd>(simd: S, plan: &Plan, factors: &[Complex64], x: &mut [ComplexLanes]) {
    let active = &plan.blocks[plan.n_idle..];
    for block in active {
        let parts = Parts::of(plan, block, factors);
        match block.n {
            1 => gather_transposed::<S, 1>(simd, parts, x),
            2 => gather_transposed::<S, 2>(simd, parts, x),
            3 => gather_transposed::<S, 3>(simd, parts, x),
            n => gather_transposed_any(simd, n as usize, parts, x),
        }
    }
    for block in active.iter().rev() {
        let parts = Parts::of(plan, block, factors);
        match block.n {
            1 => spread_transposed::<S, 1>(simd, parts, x),
            2 => spread_transposed::<S, 2>(simd, parts, x),
            3 => spread_transposed::<S, 3>(simd, parts, x),
            n => spread_transposed_any(simd, n as usize, parts, x),
        }
    }
}

/// The unknowns of the idle blocks from those of the others.
#[inline(always)]
pub(super) fn expand_idle<S: Simd>(simd: S, plan: &Plan, factors: &[Complex64], x: &mut [ComplexLanes]) {
    x[..plan.n_idle_nodes].fill(ComplexLanes::ZERO);
    for block in plan.blocks[..plan.n_idle].iter().rev() {
        spread_any(simd, block.n as usize, Parts::of(plan, block, factors), x);
    }
}

/// The transpose of [`expand_idle`].
#[inline(always)]
pub(super) fn collect_idle<S: Simd>(simd: S, plan: &Plan, factors: &[Complex64], x: &mut [ComplexLanes]) {
    for block in &plan.blocks[..plan.n_idle] {
        gather_transposed_any(simd, block.n as usize, Parts::of(plan, block, factors), x);
    }
}

#[inline(always)]
fn zero<S: Simd>(simd: S) -> Pair<S> {
    Pair::splat(simd, Complex64::ZERO)
}

/// sum + y x.
#[inline(always)]
fn add<S: Simd>(simd: S, sum: Pair<S>, y: Complex64, x: Pair<S>) -> Pair<S> {
    sum.plus_product(simd, Pair::splat(simd, y), x)
}

/// sum + conj(y) x.
#[inline(always)]
fn add_conj<S: Simd>(simd: S, sum: Pair<S>, y: Complex64, x: Pair<S>) -> Pair<S> {
    sum.plus_conj_product(simd, Pair::splat(simd, y), x)
}

/// r_z += C r, then E r in the place of r.
#[inline(always)]
fn gather<S: Simd, const N: usize>(simd: S, parts: Parts<'_>, x: &mut [ComplexLanes]) {
    for h in 0..LANES / S::F64_LANES {
        let own: [Pair<S>; N] = std::array::from_fn(|i| x[parts.first + i].get::<S>(h));
        for (row, &at) in parts.c.chunks_exact(N).zip(parts.later) {
            let mut sum = x[at as usize].get::<S>(h);
            for (&c, &r) in row.iter().zip(&own) {
                sum = add(simd, sum, c, r);
            }
            x[at as usize].set::<S>(h, sum);
        }
        for (row, x) in parts.e.chunks_exact(N).zip(&mut x[parts.first..parts.first + N]) {
            let mut sum = zero(simd);
            for (&e, &r) in row.iter().zip(&own) {
                sum = add(simd, sum, e, r);
            }
            x.set::<S>(h, sum);
        }
    }
}

/// The same for any number of nodes.
#[inline(always)]
fn gather_any<S: Simd>(simd: S, n: usize, parts: Parts<'_>, x: &mut [ComplexLanes]) {
    let mut own = [ComplexLanes::ZERO; MOST_NODES];
    own[..n].copy_from_slice(&x[parts.first..parts.first + n]);
    for h in 0..LANES / S::F64_LANES {
        for (row, &at) in parts.c.chunks_exact(n).zip(parts.later) {
            let mut sum = x[at as usize].get::<S>(h);
            for (&c, r) in row.iter().zip(&own) {
                sum = add(simd, sum, c, r.get::<S>(h));
            }
            x[at as usize].set::<S>(h, sum);
        }
        for (row, x) in parts.e.chunks_exact(n).zip(&mut x[parts.first..parts.first + n]) {
            let mut sum = zero(simd);
            for (&e, r) in row.iter().zip(&own) {
                sum = add(simd, sum, e, r.get::<S>(h));
            }
            x.set::<S>(h, sum);
        }
    }
}

/// x = E r + K z.
#[inline(always)]
fn spread<S: Simd, const N: usize>(simd: S, parts: Parts<'_>, x: &mut [ComplexLanes]) {
    let m = parts.later.len();
    for h in 0..LANES / S::F64_LANES {
        let mut own: [Pair<S>; N] = std::array::from_fn(|i| x[parts.first + i].get::<S>(h));
        for (a, &at) in parts.later.iter().enumerate() {
            let z = x[at as usize].get::<S>(h);
            for (i, own) in own.iter_mut().enumerate() {
                *own = add(simd, *own, parts.k[i * m + a], z);
            }
        }
        for (x, own) in x[parts.first..parts.first + N].iter_mut().zip(own) {
            x.set::<S>(h, own);
        }
    }
}

/// The same for any number of nodes.
#[inline(always)]
fn spread_any<S: Simd>(simd: S, n: usize, parts: Parts<'_>, x: &mut [ComplexLanes]) {
    let m = parts.later.len();
    for (i, h) in (0..n).flat_map(|i| (0..LANES / S::F64_LANES).map(move |h| (i, h))) {
        let mut sum = x[parts.first + i].get::<S>(h);
        for (&k, &at) in parts.k[i * m..(i + 1) * m].iter().zip(parts.later) {
            sum = add(simd, sum, k, x[at as usize].get::<S>(h));
        }
        x[parts.first + i].set::<S>(h, sum);
    }
}

/// g_z += K^T g.
#[inline(always)]
fn gather_transposed<S: Simd, const N: usize>(simd: S, parts: Parts<'_>, x: &mut [ComplexLanes]) {
    let m = parts.later.len();
    for h in 0..LANES / S::F64_LANES {
        let own: [Pair<S>; N] = std::array::from_fn(|i| x[parts.first + i].get::<S>(h));
        for (a, &at) in parts.later.iter().enumerate() {
            let mut sum = x[at as usize].get::<S>(h);
            for (i, own) in own.iter().enumerate() {
                sum = add_conj(simd, sum, parts.k[i * m + a], *own);
            }
            x[at as usize].set::<S>(h, sum);
        }
    }
}

/// The same for any number of nodes.
#[inline(always)]
fn gather_transposed_any<S: Simd>(simd: S, n: usize, parts: Parts<'_>, x: &mut [ComplexLanes]) {
    let m = parts.later.len();
    for (a, &at) in parts.later.iter().enumerate() {
        for h in 0..LANES / S::F64_LANES {
            let mut sum = x[at as usize].get::<S>(h);
            for i in 0..n {
                sum = add_conj(simd, sum, parts.k[i * m + a], x[parts.first + i].get::<S>(h));
            }
            x[at as usize].set::<S>(h, sum);
        }
    }
}

/// x = E^T g + C^T mu_z.
#[inline(always)]
fn spread_transposed<S: Simd, const N: usize>(simd: S, parts: Parts<'_>, x: &mut [ComplexLanes]) {
    for h in 0..LANES / S::F64_LANES {
        let own: [Pair<S>; N] = std::array::from_fn(|i| x[parts.first + i].get::<S>(h));
        let mut sums = [zero(simd); N];
        for (row, own) in parts.e.chunks_exact(N).zip(own) {
            for (sum, &e) in sums.iter_mut().zip(row) {
                *sum = add_conj(simd, *sum, e, own);
            }
        }
        for (row, &at) in parts.c.chunks_exact(N).zip(parts.later) {
            let z = x[at as usize].get::<S>(h);
            for (sum, &c) in sums.iter_mut().zip(row) {
                *sum = add_conj(simd, *sum, c, z);
            }
        }
        for (x, sum) in x[parts.first..parts.first + N].iter_mut().zip(sums) {
            x.set::<S>(h, sum);
        }
    }
}

/// The same for any number of nodes.
#[inline(always)]
fn spread_transposed_any<S: Simd>(simd: S, n: usize, parts: Parts<'_>, x: &mut [ComplexLanes]) {
    let mut own = [ComplexLanes::ZERO; MOST_NODES];
    own[..n].copy_from_slice(&x[parts.first..parts.first + n]);
    for (j, h) in (0..n).flat_map(|j| (0..LANES / S::F64_LANES).map(move |h| (j, h))) {
        let mut sum = zero(simd);
        for (i, own) in own.iter().enumerate().take(n) {
            sum = add_conj(simd, sum, parts.e[i * n + j], own.get::<S>(h));
        }
        for (a, &at) in parts.later.iter().enumerate() {
            sum = add_conj(simd, sum, parts.c[a * n + j], x[at as usize].get::<S>(h));
        }
        x[parts.first + j].set::<S>(h, sum);
    }
}

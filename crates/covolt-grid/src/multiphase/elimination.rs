//! Block elimination of the nodal equations, and the solution with its factors.
//!
//! A block has own unknowns x and later unknowns z, and D x + U z = r, L x + (..) z = r_z. Eliminating x leaves
//!
//! ```text
//!   x = E r + K z                   E = D^-1        K = -E U
//!   r_z <- r_z + C r                C = -L E        (..) <- (..) + L K
//! ```
//!
//! A block that one line of impedance Z joins to z has D = N + Z^-1, U = L = -Z^-1, with N what else hangs on it. Written with
//! W = 1 + Z N,
//!
//! ```text
//!   K = W^-1        E = K Z        C = 1 - N E        (..) <- (..) + N K        (without Z^-1 in z's own D)
//! ```
//!
//! so impedances enter by multiplication only: a switch of 1e-9 pu costs no digits, where 1/Z in Y would.
//!
//! The idle blocks come first (`ordering.rs`). Their r is zero, and no port changes their coefficients: they are eliminated once per
//! network, and only the voltages found at the end are expanded to them.
//!
//! After [`factorise`] the values of a block are E, K and C in the places of D, U and L. Solving runs r once from the first
//! block to the last and back; the transposed system exchanges K^T and C.

use super::coefficient::Coefficient;
use super::elimination_plan::{Block, Plan};
use num_complex::Complex64;
use std::ops::Range;

/// A pivot whose determinant is below this times the square of the largest value it came from is no number but rounding.
const SMALLEST_PIVOT: f64 = 1e-26;

/// Replaces values by factors; the position of the node where that broke down is the error.
///
/// `diagonal` holds |D_ii|^2 of each node before anything was eliminated: what a pivot is compared with.
pub(crate) fn factorise<T: Coefficient>(
    plan: &Plan,
    blocks: Range<usize>,
    values: &mut [T],
    diagonal: &[f64],
    scratch: &mut [T],
) -> Result<(), usize> {
    for block in &plan.blocks[blocks] {
        let (start, size) = (block.values as usize, block.size());
        let (before, later) = values.split_at_mut(start + size);
        let own = &mut before[start..];
        let largest = &diagonal[block.first as usize..(block.first + block.n) as usize];
        let to = &plan.update[block.update as usize..(block.update + block.m * block.m) as usize];
        let done = match block.n {
            1 => eliminate(1, block, own, (to, later, start + size), largest, scratch),
            2 => eliminate(2, block, own, (to, later, start + size), largest, scratch),
            3 => eliminate(3, block, own, (to, later, start + size), largest, scratch),
            n => eliminate(n as usize, block, own, (to, later, start + size), largest, scratch),
        };
        done.map_err(|node| block.first as usize + node)?;
    }
    Ok(())
}

/// Number of scratch values a plan needs.
pub(crate) fn scratch_size(plan: &Plan) -> usize {
    plan.blocks.iter().map(|b| (2 * b.n * b.n) as usize).max().unwrap_or(0)
}

#[inline(always)]
fn eliminate<T: Coefficient>(
    n: usize,
    block: &Block,
    own: &mut [T],
    (to, later, later_start): (&[u32], &mut [T], usize),
    largest: &[f64],
    scratch: &mut [T],
) -> Result<(), usize> {
    let m = block.m as usize;
    let (d, rest) = own.split_at_mut(n * n);
    let (u, l) = rest.split_at_mut(n * m);
    if block.line {
        // m = n: Z is in U.
        let (w, e) = scratch[..2 * n * n].split_at_mut(n * n);
        for i in 0..n {
            for j in 0..n {
                let mut sum = if i == j { T::ONE } else { T::ZERO };
                for k in 0..n {
                    sum += u[i * n + k] * d[k * n + j];
                }
                w[i * n + j] = sum;
            }
        }
        invert(n, w, None)?;
        for i in 0..n {
            for j in 0..n {
                let (mut e_ij, mut m_ij) = (T::ZERO, T::ZERO);
                for k in 0..n {
                    e_ij += w[i * n + k] * u[k * n + j];
                    m_ij += d[i * n + k] * w[k * n + j];
                }
                e[i * n + j] = e_ij;
                later[to[i * n + j] as usize - later_start] += m_ij;
            }
        }
        for i in 0..n {
            for j in 0..n {
                let mut sum = if i == j { T::ONE } else { T::ZERO };
                for k in 0..n {
                    sum = sum - d[i * n + k] * e[k * n + j];
                }
                l[i * n + j] = sum;
            }
        }
        u.copy_from_slice(w);
        d.copy_from_slice(e);
        return Ok(());
    }
    invert(n, d, Some(largest))?;
    for b in 0..m {
        for i in 0..n {
            let mut sum = T::ZERO;
            for k in 0..n {
                sum += d[i * n + k] * u[k * m + b];
            }
            scratch[i] = -sum;
        }
        for i in 0..n {
            u[i * m + b] = scratch[i];
        }
        for a in 0..m {
            let mut sum = T::ZERO;
            for i in 0..n {
                sum += l[a * n + i] * u[i * m + b];
            }
            later[to[a * m + b] as usize - later_start] += sum;
        }
    }
    for a in 0..m {
        for j in 0..n {
            let mut sum = T::ZERO;
            for k in 0..n {
                sum += l[a * n + k] * d[k * n + j];
            }
            scratch[j] = -sum;
        }
        l[a * n..(a + 1) * n].copy_from_slice(&scratch[..n]);
    }
    Ok(())
}

/// The inverse in place, by Gauss-Jordan elimination with pivots from the diagonal, relative to `largest` (one without) the largest
/// first; where none is left is the error.
#[inline(always)]
fn invert<T: Coefficient>(n: usize, a: &mut [T], largest: Option<&[f64]>) -> Result<(), usize> {
    let relative = |k: usize, pivot: T| pivot.determinant() / largest.map_or(1.0, |largest| largest[k]);
    if n == 1 {
        // Written so that a NaN is an error.
        if relative(0, a[0]) > SMALLEST_PIVOT {
            a[0] = a[0].inverse();
            return Ok(());
        }
        return Err(0);
    }
    let mut done = 0u64;
    for _ in 0..n {
        let (mut k, mut best) = (0, SMALLEST_PIVOT);
        for i in (0..n).filter(|&i| done & (1 << i) == 0) {
            let own = relative(i, a[i * n + i]);
            if own > best {
                (k, best) = (i, own);
            }
        }
        if best <= SMALLEST_PIVOT {
            return Err((0..n).find(|&i| done & (1 << i) == 0).unwrap_or(0));
        }
        done |= 1 << k;
        let pivot = a[k * n + k].inverse();
        a[k * n + k] = T::ONE;
        for j in 0..n {
            a[k * n + j] = pivot * a[k * n + j];
        }
        for i in (0..n).filter(|&i| i != k) {
            let factor = a[i * n + k];
            a[i * n + k] = T::ZERO;
            for j in 0..n {
                a[i * n + j] = a[i * n + j] - factor * a[k * n + j];
            }
        }
    }
    Ok(())
}

/// Most nodes of a bus: a block's pivots are marked in the bits of one word.
pub(crate) const MOST_NODES: usize = 64;

/// Solves for the unknowns of all blocks but the idle ones, in place: on entry `x` holds r, which is zero at idle blocks.
#[inline(always)]
pub(crate) fn solve<T: Coefficient>(plan: &Plan, factors: &[T], x: &mut [Complex64]) {
    let active = &plan.blocks[plan.n_idle..];
    for block in active {
        let parts = Parts::of(plan, block, factors);
        match block.n {
            1 => gather::<T, 1>(parts, block, x),
            2 => gather::<T, 2>(parts, block, x),
            3 => gather::<T, 3>(parts, block, x),
            _ => gather_any(parts, block, x),
        }
    }
    for block in active.iter().rev() {
        let parts = Parts::of(plan, block, factors);
        match block.n {
            1 => spread::<T, 1>(parts, block, x),
            2 => spread::<T, 2>(parts, block, x),
            3 => spread::<T, 3>(parts, block, x),
            _ => spread_any(parts, block, x),
        }
    }
}

/// The unknowns of the idle blocks from those of the others: z is all that x = K z needs, because r is zero.
pub(crate) fn expand_idle(plan: &Plan, factors: &[Complex64], x: &mut [Complex64]) {
    x[..plan.n_idle_nodes].fill(Complex64::ZERO);
    for block in plan.blocks[..plan.n_idle].iter().rev() {
        spread_any(Parts::of(plan, block, factors), block, x);
    }
}

/// The transpose of [`expand_idle`]: what the idle blocks' entries of `x` mean for the others.
pub(crate) fn collect_idle(plan: &Plan, factors: &[Complex64], x: &mut [Complex64]) {
    for block in &plan.blocks[..plan.n_idle] {
        gather_transposed(Parts::of(plan, block, factors), block, x);
    }
}

/// Solves the transposed system in place; the idle blocks have been collected and get no value.
pub(crate) fn solve_transposed<T: Coefficient>(plan: &Plan, factors: &[T], x: &mut [Complex64]) {
    let active = &plan.blocks[plan.n_idle..];
    for block in active {
        gather_transposed(Parts::of(plan, block, factors), block, x);
    }
    let mut own = [Complex64::ZERO; MOST_NODES];
    for block in active.iter().rev() {
        let (parts, n) = (Parts::of(plan, block, factors), block.n as usize);
        let first = block.first as usize;
        for (j, own) in own.iter_mut().enumerate().take(n) {
            let mut sum = Complex64::ZERO;
            for i in 0..n {
                sum += parts.e[i * n + j].apply_transposed(x[first + i]);
            }
            for (a, &at) in parts.later.iter().enumerate() {
                sum += parts.c[a * n + j].apply_transposed(x[at as usize]);
            }
            *own = sum;
        }
        x[first..first + n].copy_from_slice(&own[..n]);
    }
}

/// g_z += K^T g.
fn gather_transposed<T: Coefficient>(parts: Parts<'_, T>, block: &Block, x: &mut [Complex64]) {
    let (first, n, m) = (block.first as usize, block.n as usize, block.m as usize);
    for (a, &at) in parts.later.iter().enumerate() {
        let mut sum = x[at as usize];
        for i in 0..n {
            sum += parts.k[i * m + a].apply_transposed(x[first + i]);
        }
        x[at as usize] = sum;
    }
}

/// Factors of a block.
struct Parts<'a, T> {
    e: &'a [T],
    k: &'a [T],
    c: &'a [T],
    later: &'a [u32],
}

impl<'a, T> Parts<'a, T> {
    #[inline(always)]
    fn of(plan: &'a Plan, block: &Block, factors: &'a [T]) -> Parts<'a, T> {
        let (n, m) = (block.n as usize, block.m as usize);
        let start = block.values as usize;
        let own = &factors[start..start + n * n + 2 * n * m];
        let (e, rest) = own.split_at(n * n);
        let (k, c) = rest.split_at(n * m);
        Parts { e, k, c, later: &plan.later[block.later as usize..block.later as usize + m] }
    }
}

/// r_z += C r, then E r in the place of r.
#[inline(always)]
fn gather<T: Coefficient, const N: usize>(parts: Parts<'_, T>, block: &Block, x: &mut [Complex64]) {
    let first = block.first as usize;
    let own: [Complex64; N] = std::array::from_fn(|i| x[first + i]);
    for (row, &at) in parts.c.chunks_exact(N).zip(parts.later) {
        let mut sum = Complex64::ZERO;
        for (c, r) in row.iter().zip(&own) {
            sum += c.apply(*r);
        }
        x[at as usize] += sum;
    }
    for (i, row) in parts.e.chunks_exact(N).enumerate() {
        let mut sum = Complex64::ZERO;
        for (e, r) in row.iter().zip(&own) {
            sum += e.apply(*r);
        }
        x[first + i] = sum;
    }
}

/// The same for any number of nodes.
fn gather_any<T: Coefficient>(parts: Parts<'_, T>, block: &Block, x: &mut [Complex64]) {
    let (first, n) = (block.first as usize, block.n as usize);
    let mut own = [Complex64::ZERO; MOST_NODES];
    own[..n].copy_from_slice(&x[first..first + n]);
    for (row, &at) in parts.c.chunks_exact(n).zip(parts.later) {
        x[at as usize] += row.iter().zip(&own).map(|(c, r)| c.apply(*r)).sum::<Complex64>();
    }
    for (i, row) in parts.e.chunks_exact(n).enumerate() {
        x[first + i] = row.iter().zip(&own).map(|(e, r)| e.apply(*r)).sum();
    }
}

/// x = E r + K z.
#[inline(always)]
fn spread<T: Coefficient, const N: usize>(parts: Parts<'_, T>, block: &Block, x: &mut [Complex64]) {
    let (first, m) = (block.first as usize, block.m as usize);
    let mut own: [Complex64; N] = std::array::from_fn(|i| x[first + i]);
    for (a, &at) in parts.later.iter().enumerate() {
        let z = x[at as usize];
        for (i, own) in own.iter_mut().enumerate() {
            *own += parts.k[i * m + a].apply(z);
        }
    }
    x[first..first + N].copy_from_slice(&own);
}

/// The same for any number of nodes.
fn spread_any<T: Coefficient>(parts: Parts<'_, T>, block: &Block, x: &mut [Complex64]) {
    let (first, m) = (block.first as usize, block.m as usize);
    for i in 0..block.n as usize {
        let row = &parts.k[i * m..(i + 1) * m];
        let sum: Complex64 = row.iter().zip(parts.later).map(|(k, &at)| k.apply(x[at as usize])).sum();
        x[first + i] += sum;
    }
}

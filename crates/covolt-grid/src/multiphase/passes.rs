//! The two passes of the fixed point iteration, laid out for vector instructions.
//!
//! The factors E, K, C of `elimination.rs` once more, complex, column after column and in the order in which they are read. A
//! complex matrix times a vector is then two real sums over the same contiguous column,
//!
//! ```text
//!   P += column re(x_j)        Q += column im(x_j)        re y_i = P_2i - Q_2i+1        im y_i = P_2i+1 + Q_2i
//! ```
//!
//! without any exchange of real and imaginary parts inside the loop. Sizes up to three nodes are known to the compiler; other
//! blocks take the general way.

use super::elimination_plan::{Block, Plan};
use num_complex::Complex64;

/// A block in the passes.
#[derive(Debug, Clone, Copy)]
struct Step {
    first: u32,
    n: u8,
    m: u8,
    later: u32,
    /// Offset of C and E in `inward`.
    inward: u32,
    /// Offset of K in `outward`.
    outward: u32,
}

/// The factors of all blocks but the idle ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passes {
    steps: Vec<Step>,
    later: Vec<u32>,
    /// Columns of C, then of E, block after block.
    inward: Vec<Complex64>,
    /// Columns of K, block after block, the last block first.
    outward: Vec<Complex64>,
}

impl Passes {
    /// Copies factors.
    pub fn new(plan: &Plan, factors: &[Complex64]) -> Passes {
        let mut passes = Passes::default();
        let active = &plan.blocks[plan.n_idle..];
        for block in active {
            let (e, _, c) = parts(block, factors);
            let (n, m) = (block.n as usize, block.m as usize);
            let at = block.later as usize;
            passes.steps.push(Step {
                first: block.first,
                // At most 64 nodes to a bus; more later nodes than fit make a block that is split no further.
                n: block.n as u8,
                m: u8::try_from(block.m).unwrap_or(u8::MAX),
                later: passes.later.len() as u32,
                inward: passes.inward.len() as u32,
                outward: 0,
            });
            passes.later.extend(&plan.later[at..at + m]);
            for (matrix, rows) in [(c, m), (e, n)] {
                for column in 0..n {
                    passes.inward.extend((0..rows).map(|row| matrix[row * n + column]));
                }
            }
        }
        for (block, step) in active.iter().zip(&mut passes.steps).rev() {
            let (_, k, _) = parts(block, factors);
            step.outward = passes.outward.len() as u32;
            for column in 0..block.m as usize {
                passes.outward.extend((0..block.n as usize).map(|row| k[row * block.m as usize + column]));
            }
        }
        passes
    }

    /// Solves in place as `elimination::solve` does. False, with nothing done, where a block is too large for this layout.
    #[inline(always)]
    pub fn solve(&self, x: &mut [Complex64]) -> bool {
        if self.steps.iter().any(|step| step.m == u8::MAX) {
            return false;
        }
        for step in &self.steps {
            let (n, m) = (usize::from(step.n), usize::from(step.m));
            let inward = &self.inward[step.inward as usize..step.inward as usize + n * (n + m)];
            let later = &self.later[step.later as usize..step.later as usize + m];
            match (n, m) {
                (1, 1) => gather::<1, 1>(step, inward, later, x),
                (2, 1) => gather::<2, 1>(step, inward, later, x),
                (2, 2) => gather::<2, 2>(step, inward, later, x),
                (3, 3) => gather::<3, 3>(step, inward, later, x),
                _ => gather_any(step, inward, later, x),
            }
        }
        for step in self.steps.iter().rev() {
            let (n, m) = (usize::from(step.n), usize::from(step.m));
            let outward = &self.outward[step.outward as usize..step.outward as usize + n * m];
            let later = &self.later[step.later as usize..step.later as usize + m];
            match (n, m) {
                (1, 1) => spread::<1, 1>(step, outward, later, x),
                (2, 1) => spread::<2, 1>(step, outward, later, x),
                (2, 2) => spread::<2, 2>(step, outward, later, x),
                (3, 3) => spread::<3, 3>(step, outward, later, x),
                _ => spread_any(step, outward, later, x),
            }
        }
        true
    }
}

/// E, K, C of a block.
fn parts<'a>(block: &Block, factors: &'a [Complex64]) -> (&'a [Complex64], &'a [Complex64], &'a [Complex64]) {
    let (n, m) = (block.n as usize, block.m as usize);
    let own = &factors[block.values as usize..block.values as usize + block.size()];
    (&own[..n * n], &own[n * n..n * n + n * m], &own[n * n + n * m..])
}

/// A sum of columns, each times a number: P and Q of the header.
#[derive(Clone, Copy)]
struct Columns<const N: usize> {
    p: [[f64; 2]; N],
    q: [[f64; 2]; N],
}

impl<const N: usize> Columns<N> {
    const ZERO: Columns<N> = Columns { p: [[0.0; 2]; N], q: [[0.0; 2]; N] };

    #[inline(always)]
    fn add(&mut self, column: &[Complex64], x: Complex64) {
        let column: &[Complex64; N] = match column.first_chunk() {
            Some(column) => column,
            None => return,
        };
        for ((p, q), c) in self.p.iter_mut().zip(&mut self.q).zip(column) {
            p[0] += c.re * x.re;
            p[1] += c.im * x.re;
            q[0] += c.re * x.im;
            q[1] += c.im * x.im;
        }
    }

    #[inline(always)]
    fn get(&self, i: usize) -> Complex64 {
        Complex64::new(self.p[i][0] - self.q[i][1], self.p[i][1] + self.q[i][0])
    }
}

/// r_z += C r, then E r in the place of r.
#[inline(always)]
fn gather<const N: usize, const M: usize>(step: &Step, inward: &[Complex64], later: &[u32], x: &mut [Complex64]) {
    let first = step.first as usize;
    let own: [Complex64; N] = std::array::from_fn(|i| x[first + i]);
    let (c, e) = inward.split_at(N * M);
    let mut sum = Columns::<M>::ZERO;
    for (j, r) in own.iter().enumerate() {
        sum.add(&c[j * M..], *r);
    }
    for (a, &at) in later.iter().enumerate().take(M) {
        x[at as usize] += sum.get(a);
    }
    let mut sum = Columns::<N>::ZERO;
    for (j, r) in own.iter().enumerate() {
        sum.add(&e[j * N..], *r);
    }
    for i in 0..N {
        x[first + i] = sum.get(i);
    }
}

fn gather_any(step: &Step, inward: &[Complex64], later: &[u32], x: &mut [Complex64]) {
    let (first, n, m) = (step.first as usize, usize::from(step.n), usize::from(step.m));
    let mut own = [Complex64::ZERO; super::elimination::MOST_NODES];
    own[..n].copy_from_slice(&x[first..first + n]);
    x[first..first + n].fill(Complex64::ZERO);
    let (c, e) = inward.split_at(n * m);
    for (j, r) in own.iter().enumerate().take(n) {
        for (c, &at) in c[j * m..(j + 1) * m].iter().zip(later) {
            x[at as usize] += c * r;
        }
        for (e, x) in e[j * n..(j + 1) * n].iter().zip(&mut x[first..first + n]) {
            *x += e * r;
        }
    }
}

/// x = E r + K z.
#[inline(always)]
fn spread<const N: usize, const M: usize>(step: &Step, outward: &[Complex64], later: &[u32], x: &mut [Complex64]) {
    let first = step.first as usize;
    let mut sum = Columns::<N>::ZERO;
    for (a, &at) in later.iter().enumerate().take(M) {
        sum.add(&outward[a * N..], x[at as usize]);
    }
    for i in 0..N {
        x[first + i] += sum.get(i);
    }
}

fn spread_any(step: &Step, outward: &[Complex64], later: &[u32], x: &mut [Complex64]) {
    let (first, n) = (step.first as usize, usize::from(step.n));
    for (a, &at) in later.iter().enumerate() {
        let z = x[at as usize];
        for (k, x) in outward[a * n..(a + 1) * n].iter().zip(&mut x[first..first + n]) {
            *x += k * z;
        }
    }
}

//! The acceleration of `acceleration.rs` for eight iterations side by side, each with weights of its own.
//!
//! All lanes step together, so differences are stored and overwritten together; a lane that rests keeps its x, and its
//! differences, which are zero from then on, get no weight. No lane's numbers enter another's.

use crate::lanes::{ComplexLanes, LANES, Lanes, Pair};
use pulp::Simd;

/// Differences that are kept: with two some feeders take a step more, and a fourth costs more memory traffic than it saves (measured
/// at 33 to 3 000 nodes).
const DEPTH: usize = 3;
/// Added to the diagonal of the normal equations, relative: below it a difference says nothing new.
const REGULARISATION: f64 = 1e-14;

/// The history of eight iterations.
#[derive(Debug)]
pub(super) struct LaneAcceleration {
    /// f = g - x and g of the last step.
    f: Vec<ComplexLanes>,
    g: Vec<ComplexLanes>,
    /// Differences, those of one entry beside each other; the oldest is overwritten.
    df: Vec<[ComplexLanes; DEPTH]>,
    dg: Vec<[ComplexLanes; DEPTH]>,
    /// <df_i, df_j>.
    gram: [[Lanes; DEPTH]; DEPTH],
    stored: usize,
    next: usize,
    started: bool,
}

impl LaneAcceleration {
    pub fn new(n: usize) -> LaneAcceleration {
        LaneAcceleration {
            f: vec![ComplexLanes::ZERO; n],
            g: vec![ComplexLanes::ZERO; n],
            df: vec![[ComplexLanes::ZERO; DEPTH]; n],
            dg: vec![[ComplexLanes::ZERO; DEPTH]; n],
            gram: [[Lanes::splat(0.0); DEPTH]; DEPTH],
            stored: 0,
            next: 0,
            started: false,
        }
    }

    /// Forgets all steps.
    pub fn restart(&mut self) {
        (self.stored, self.next, self.started) = (0, 0, false);
    }

    /// From the point `x` and `g` = g(x) to the next point, left in `x`, in the lanes where `active` is positive.
    #[inline(always)]
    pub fn step<S: Simd>(&mut self, simd: S, active: &Lanes, x: &mut [ComplexLanes], g: &[ComplexLanes]) {
        let (slot, started) = (self.next, self.started);
        if started {
            self.stored = (self.stored + 1).min(DEPTH);
            self.next = (slot + 1) % DEPTH;
        }
        self.started = true;
        for h in 0..LANES / S::F64_LANES {
            let right = if started { self.record(simd, h, slot, x, g) } else { self.begin(simd, h, x, g) };
            let gamma = self.weights(simd, h, right);
            let active = simd.less_than_f64s(simd.splat_f64s(0.0), active.get::<S>(h));
            for ((x, g), dg) in x.iter_mut().zip(g).zip(&self.dg) {
                let mut new = g.get::<S>(h);
                for (dg, &gamma) in dg.iter().zip(&gamma).take(self.stored) {
                    let dg = dg.get::<S>(h);
                    new.re = simd.negate_mul_add_e_f64s(gamma, dg.re, new.re);
                    new.im = simd.negate_mul_add_e_f64s(gamma, dg.im, new.im);
                }
                x.set::<S>(h, Pair::select(simd, active, new, x.get::<S>(h)));
            }
        }
    }

    #[inline(always)]
    fn begin<S: Simd>(&mut self, simd: S, h: usize, x: &[ComplexLanes], g: &[ComplexLanes]) -> [S::f64s; DEPTH] {
        for (((x, g), f), old_g) in x.iter().zip(g).zip(&mut self.f).zip(&mut self.g) {
            let g = g.get::<S>(h);
            f.set::<S>(h, g.minus(simd, x.get::<S>(h)));
            old_g.set::<S>(h, g);
        }
        [simd.splat_f64s(0.0); DEPTH]
    }

    /// Stores the newest differences and their products; returns <df_j, f>.
    #[inline(always)]
    fn record<S: Simd>(
        &mut self,
        simd: S,
        h: usize,
        slot: usize,
        x: &[ComplexLanes],
        g: &[ComplexLanes],
    ) -> [S::f64s; DEPTH] {
        let zero = simd.splat_f64s(0.0);
        let (mut products, mut right) = ([zero; DEPTH], [zero; DEPTH]);
        let history = self.f.iter_mut().zip(&mut self.g).zip(self.df.iter_mut().zip(&mut self.dg));
        for ((x, g), ((old_f, old_g), (df, dg))) in x.iter().zip(g).zip(history) {
            let g = g.get::<S>(h);
            let f = g.minus(simd, x.get::<S>(h));
            let newest = f.minus(simd, old_f.get::<S>(h));
            df[slot].set::<S>(h, newest);
            dg[slot].set::<S>(h, g.minus(simd, old_g.get::<S>(h)));
            old_f.set::<S>(h, f);
            old_g.set::<S>(h, g);
            for j in 0..DEPTH {
                let own = df[j].get::<S>(h);
                products[j] = add_product(simd, products[j], newest, own);
                right[j] = add_product(simd, right[j], f, own);
            }
        }
        for (j, product) in products.into_iter().enumerate() {
            self.gram[slot][j].set::<S>(h, product);
            self.gram[j][slot].set::<S>(h, product);
        }
        right
    }

    /// Solves the normal equations by elimination; a difference without a pivot of its own gets no weight.
    #[inline(always)]
    fn weights<S: Simd>(&self, simd: S, h: usize, mut right: [S::f64s; DEPTH]) -> [S::f64s; DEPTH] {
        let (zero, m) = (simd.splat_f64s(0.0), self.stored);
        let mut a = [[zero; DEPTH]; DEPTH];
        for (row, gram) in a.iter_mut().zip(&self.gram) {
            for (entry, gram) in row.iter_mut().zip(gram) {
                *entry = gram.get::<S>(h);
            }
        }
        let (mut gamma, mut inverse) = ([zero; DEPTH], [zero; DEPTH]);
        for k in 0..m {
            let smallest = simd.mul_f64s(simd.splat_f64s(REGULARISATION), self.gram[k][k].get::<S>(h));
            a[k][k] = simd.add_f64s(a[k][k], smallest);
            let used = simd.less_than_f64s(smallest, a[k][k]);
            inverse[k] = simd.select_f64s(used, simd.div_f64s(simd.splat_f64s(1.0), a[k][k]), zero);
            let (pivot_row, pivot_right) = (a[k], right[k]);
            for i in k + 1..m {
                let factor = simd.mul_f64s(a[i][k], inverse[k]);
                for j in k..m {
                    a[i][j] = simd.negate_mul_add_e_f64s(factor, pivot_row[j], a[i][j]);
                }
                right[i] = simd.negate_mul_add_e_f64s(factor, pivot_right, right[i]);
            }
        }
        for k in (0..m).rev() {
            let mut rest = right[k];
            for j in k + 1..m {
                rest = simd.negate_mul_add_e_f64s(a[k][j], gamma[j], rest);
            }
            gamma[k] = simd.mul_f64s(rest, inverse[k]);
        }
        gamma
    }
}

/// sum + Re(conj(a) b).
#[inline(always)]
fn add_product<S: Simd>(simd: S, sum: S::f64s, a: Pair<S>, b: Pair<S>) -> S::f64s {
    simd.mul_add_e_f64s(a.im, b.im, simd.mul_add_e_f64s(a.re, b.re, sum))
}

//! Eight scenarios side by side: the storage of the batched methods and the instruction set they run with.
//!
//! A quantity of a bus is an array of [`LANES`] numbers, one per scenario and one cache line long, real and imaginary parts
//! apart. A processor with 512-bit vectors does one such array per instruction, one with 256 bits half of it, any other one
//! number: the kernels are written once, generic over `pulp::Simd`, and the processor is asked at run time. Where it fuses
//! a product with a sum, results differ in the last digit from those of a processor that rounds in between.

use num_complex::Complex64;
use pulp::{Arch, Simd, WithSimd};

/// Scenarios of one batch.
pub const LANES: usize = 8;

/// One number per scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes(pub [f64; LANES]);

/// One complex number per scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct ComplexLanes {
    /// Real parts.
    pub re: Lanes,
    /// Imaginary parts.
    pub im: Lanes,
}

impl Lanes {
    /// The same number in every scenario.
    pub const fn splat(x: f64) -> Lanes {
        Lanes([x; LANES])
    }

    /// Vector `h` of the lanes in the width of the instruction set: there are `LANES / S::F64_LANES` of them.
    #[inline(always)]
    pub fn get<S: Simd>(&self, h: usize) -> S::f64s {
        S::as_simd_f64s(&self.0).0[h]
    }

    /// Overwrites vector `h`.
    #[inline(always)]
    pub fn set<S: Simd>(&mut self, h: usize, x: S::f64s) {
        S::as_mut_simd_f64s(&mut self.0).0[h] = x;
    }
}

impl ComplexLanes {
    /// Zero in every scenario.
    pub const ZERO: ComplexLanes = ComplexLanes { re: Lanes::splat(0.0), im: Lanes::splat(0.0) };

    /// The same number in every scenario.
    pub const fn splat(z: Complex64) -> ComplexLanes {
        ComplexLanes { re: Lanes::splat(z.re), im: Lanes::splat(z.im) }
    }

    /// The number of one scenario. Panics beyond [`LANES`], as indexing does.
    #[inline]
    pub fn lane(&self, lane: usize) -> Complex64 {
        Complex64::new(self.re.0[lane], self.im.0[lane])
    }

    /// Overwrites the number of one scenario.
    #[inline]
    pub fn set_lane(&mut self, lane: usize, z: Complex64) {
        self.re.0[lane] = z.re;
        self.im.0[lane] = z.im;
    }

    /// Vector `h`, real and imaginary part.
    #[inline(always)]
    pub fn get<S: Simd>(&self, h: usize) -> Pair<S> {
        Pair { re: self.re.get::<S>(h), im: self.im.get::<S>(h) }
    }

    /// Overwrites vector `h`.
    #[inline(always)]
    pub fn set<S: Simd>(&mut self, h: usize, z: Pair<S>) {
        self.re.set::<S>(h, z.re);
        self.im.set::<S>(h, z.im);
    }
}

/// A complex number per lane, in registers.
#[derive(Debug)]
pub struct Pair<S: Simd> {
    /// Real parts.
    pub re: S::f64s,
    /// Imaginary parts.
    pub im: S::f64s,
}

impl<S: Simd> Clone for Pair<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd> Copy for Pair<S> {}

impl<S: Simd> Pair<S> {
    /// The same number in every lane.
    #[inline(always)]
    pub fn splat(simd: S, z: Complex64) -> Self {
        Pair { re: simd.splat_f64s(z.re), im: simd.splat_f64s(z.im) }
    }

    /// conj(z).
    #[inline(always)]
    pub fn conj(self, simd: S) -> Self {
        Pair { re: self.re, im: simd.neg_f64s(self.im) }
    }

    /// x + y.
    #[inline(always)]
    pub fn plus(self, simd: S, y: Self) -> Self {
        Pair { re: simd.add_f64s(self.re, y.re), im: simd.add_f64s(self.im, y.im) }
    }

    /// x - y.
    #[inline(always)]
    pub fn minus(self, simd: S, y: Self) -> Self {
        Pair { re: simd.sub_f64s(self.re, y.re), im: simd.sub_f64s(self.im, y.im) }
    }

    /// x times a real number.
    #[inline(always)]
    pub fn scaled(self, simd: S, factor: S::f64s) -> Self {
        Pair { re: simd.mul_f64s(self.re, factor), im: simd.mul_f64s(self.im, factor) }
    }

    /// x y.
    #[inline(always)]
    pub fn times(self, simd: S, y: Self) -> Self {
        let (rr, ri) = (simd.mul_f64s(self.re, y.re), simd.mul_f64s(self.re, y.im));
        Pair { re: simd.negate_mul_add_e_f64s(self.im, y.im, rr), im: simd.mul_add_e_f64s(self.im, y.re, ri) }
    }

    /// self + x y.
    #[inline(always)]
    pub fn plus_product(self, simd: S, x: Self, y: Self) -> Self {
        let (re, im) = (simd.mul_add_e_f64s(x.re, y.re, self.re), simd.mul_add_e_f64s(x.re, y.im, self.im));
        Pair { re: simd.negate_mul_add_e_f64s(x.im, y.im, re), im: simd.mul_add_e_f64s(x.im, y.re, im) }
    }

    /// self + conj(x) y.
    #[inline(always)]
    pub fn plus_conj_product(self, simd: S, x: Self, y: Self) -> Self {
        let (re, im) = (simd.mul_add_e_f64s(x.re, y.re, self.re), simd.mul_add_e_f64s(x.re, y.im, self.im));
        Pair { re: simd.mul_add_e_f64s(x.im, y.im, re), im: simd.negate_mul_add_e_f64s(x.im, y.re, im) }
    }

    /// self - x y.
    #[inline(always)]
    pub fn minus_product(self, simd: S, x: Self, y: Self) -> Self {
        let re = simd.negate_mul_add_e_f64s(x.re, y.re, self.re);
        let im = simd.negate_mul_add_e_f64s(x.re, y.im, self.im);
        Pair { re: simd.mul_add_e_f64s(x.im, y.im, re), im: simd.negate_mul_add_e_f64s(x.im, y.re, im) }
    }

    /// |z|^2.
    #[inline(always)]
    pub fn norm_sqr(self, simd: S) -> S::f64s {
        simd.mul_add_e_f64s(self.im, self.im, simd.mul_f64s(self.re, self.re))
    }

    /// `yes` in the lanes of the mask, `no` in the others.
    #[inline(always)]
    pub fn select(simd: S, mask: S::m64s, yes: Self, no: Self) -> Self {
        Pair { re: simd.select_f64s(mask, yes.re, no.re), im: simd.select_f64s(mask, yes.im, no.im) }
    }
}

/// Which instructions the batched methods use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Instructions {
    /// The widest that the processor has: AVX-512, else AVX2 with FMA, else portable ones.
    #[default]
    Widest,
    /// At most AVX2 with FMA, else portable ones.
    AtMostAvx2,
    /// Those that every processor has.
    Portable,
}

/// An instruction set that the processor was found to have.
#[derive(Debug, Clone, Copy)]
pub struct Machine(Arch);

impl Machine {
    /// Asks the processor.
    pub fn detect(instructions: Instructions) -> Machine {
        Machine(match instructions {
            Instructions::Widest => Arch::new(),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Instructions::AtMostAvx2 => pulp::x86::V3::try_new().map_or(Arch::Scalar, Arch::V3),
            _ => Arch::Scalar,
        })
    }

    /// Numbers per vector.
    pub fn width(self) -> usize {
        struct Width;
        impl WithSimd for Width {
            type Output = usize;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::F64_LANES
            }
        }
        self.run(Width)
    }

    /// Runs a kernel compiled for this instruction set.
    #[inline(always)]
    pub fn run<K: WithSimd>(self, kernel: K) -> K::Output {
        self.0.dispatch(kernel)
    }
}

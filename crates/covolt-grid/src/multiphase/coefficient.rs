//! The coefficients of the nodal equations: complex numbers, or general real-linear maps of the complex plane.
//!
//! The fixed point iteration solves Y V = I, whose coefficients are complex. Newton and the derivatives solve
//! Y dV + A dV + B conj(dV) = -dI, whose coefficients are the maps x -> a x + b conj(x): 2 x 2 real matrices that act on
//! (x_re, x_im). Both are rings, so one block elimination serves both.

use num_complex::Complex64;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// A real-linear map of the complex plane that can be added, composed and inverted.
pub(crate) trait Coefficient:
    Copy
    + Debug
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    const ZERO: Self;
    const ONE: Self;
    /// The map x -> y x.
    fn of(y: Complex64) -> Self;
    /// The map applied.
    fn apply(self, x: Complex64) -> Complex64;
    /// The transpose of the real matrix applied: of x -> y x it is x -> conj(y) x.
    fn apply_transposed(self, x: Complex64) -> Complex64;
    /// The inverse map; not finite for a singular one.
    fn inverse(self) -> Self;
    /// |determinant| of the real matrix.
    fn determinant(self) -> f64;
    /// Half the sum of squares of the real matrix: an upper bound of the determinant.
    fn size(self) -> f64;
}

impl Coefficient for Complex64 {
    const ZERO: Complex64 = Complex64::ZERO;
    const ONE: Complex64 = Complex64::ONE;

    #[inline(always)]
    fn of(y: Complex64) -> Complex64 {
        y
    }

    #[inline(always)]
    fn apply(self, x: Complex64) -> Complex64 {
        self * x
    }

    #[inline(always)]
    fn apply_transposed(self, x: Complex64) -> Complex64 {
        self.conj() * x
    }

    #[inline(always)]
    fn inverse(self) -> Complex64 {
        self.conj() * (1.0 / self.norm_sqr())
    }

    #[inline(always)]
    fn determinant(self) -> f64 {
        self.norm_sqr()
    }

    #[inline(always)]
    fn size(self) -> f64 {
        self.norm_sqr()
    }
}

/// A real 2 x 2 matrix, row after row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RealTile(pub [f64; 4]);

impl RealTile {
    /// x -> a x + b conj(x).
    #[inline(always)]
    pub fn new(a: Complex64, b: Complex64) -> RealTile {
        RealTile([a.re + b.re, b.im - a.im, a.im + b.im, a.re - b.re])
    }
}

impl Add for RealTile {
    type Output = RealTile;
    #[inline(always)]
    fn add(self, other: RealTile) -> RealTile {
        RealTile(std::array::from_fn(|k| self.0[k] + other.0[k]))
    }
}

impl AddAssign for RealTile {
    #[inline(always)]
    fn add_assign(&mut self, other: RealTile) {
        *self = *self + other;
    }
}

impl Sub for RealTile {
    type Output = RealTile;
    #[inline(always)]
    fn sub(self, other: RealTile) -> RealTile {
        RealTile(std::array::from_fn(|k| self.0[k] - other.0[k]))
    }
}

impl Neg for RealTile {
    type Output = RealTile;
    #[inline(always)]
    fn neg(self) -> RealTile {
        RealTile(self.0.map(|x| -x))
    }
}

impl Mul for RealTile {
    type Output = RealTile;
    #[inline(always)]
    fn mul(self, other: RealTile) -> RealTile {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        RealTile([a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h])
    }
}

impl Coefficient for RealTile {
    const ZERO: RealTile = RealTile([0.0; 4]);
    const ONE: RealTile = RealTile([1.0, 0.0, 0.0, 1.0]);

    #[inline(always)]
    fn of(y: Complex64) -> RealTile {
        RealTile([y.re, -y.im, y.im, y.re])
    }

    #[inline(always)]
    fn apply(self, x: Complex64) -> Complex64 {
        let [a, b, c, d] = self.0;
        Complex64::new(a * x.re + b * x.im, c * x.re + d * x.im)
    }

    #[inline(always)]
    fn apply_transposed(self, x: Complex64) -> Complex64 {
        let [a, b, c, d] = self.0;
        Complex64::new(a * x.re + c * x.im, b * x.re + d * x.im)
    }

    #[inline(always)]
    fn inverse(self) -> RealTile {
        let [a, b, c, d] = self.0;
        let scale = 1.0 / (a * d - b * c);
        RealTile([d * scale, -b * scale, -c * scale, a * scale])
    }

    #[inline(always)]
    fn determinant(self) -> f64 {
        let [a, b, c, d] = self.0;
        (a * d - b * c).abs()
    }

    #[inline(always)]
    fn size(self) -> f64 {
        0.5 * self.0.iter().map(|x| x * x).sum::<f64>()
    }
}

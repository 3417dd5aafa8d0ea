//! Currents of the ports for eight scenarios at once: `port_current.rs` with one scenario per lane.
//!
//! Every dependence but exponents and cut-offs is, piece by piece in x = |V|^2,
//!
//! ```text
//!   f = a + b / sqrt(x) + c / x        f' = -(b / (2 sqrt(x)) + c / x) / x
//! ```
//!
//! with (a, b, c) chosen per lane by the piece its x lies in. Constant power within its range, the usual case, is c = 1 alone.
//! What has another form is evaluated lane by lane.

use super::port_current::{CompiledPort, Pieces, Shape};
use crate::lanes::{ComplexLanes, LANES, Lanes, Pair};
use pulp::Simd;

/// A port as the loop over all of them reads it.
#[derive(Debug, Clone, Copy)]
struct LanePort {
    /// Range of x in which the dependence holds.
    low_square: f64,
    high_square: f64,
    /// Constant power within the range.
    power: bool,
}

/// All ports of a grid.
#[derive(Debug, Default)]
pub(super) struct LanePorts {
    ports: Vec<LanePort>,
    pieces: Vec<Option<Pieces>>,
}

/// f_p, f_q and their slopes over x.
struct LaneShape<S: Simd> {
    p: S::f64s,
    q: S::f64s,
    p_slope: S::f64s,
    q_slope: S::f64s,
}

/// A port's current linearised, alpha and beta, with (dI/dp, dI/dq).
#[derive(Debug, Clone, Copy)]
pub(super) struct PortSlopes {
    alpha: ComplexLanes,
    beta: ComplexLanes,
    by_p: ComplexLanes,
    by_q: ComplexLanes,
}

impl LanePorts {
    pub fn new(ports: &[CompiledPort]) -> LanePorts {
        let compile = |port: &CompiledPort| {
            let (low_square, high_square) = port.range();
            LanePort { low_square, high_square, power: port.is_power() }
        };
        LanePorts {
            ports: ports.iter().map(compile).collect(),
            pieces: ports.iter().map(CompiledPort::pieces).collect(),
        }
    }

    /// Shape of port `k` at x; `compiled` is the same port.
    #[inline(always)]
    fn shape<S: Simd>(&self, simd: S, k: usize, compiled: &CompiledPort, x: S::f64s) -> LaneShape<S> {
        let (port, zero) = (&self.ports[k], simd.splat_f64s(0.0));
        let inverse = simd.div_f64s(simd.splat_f64s(1.0), x);
        if port.power {
            let above = simd.less_than_f64s(simd.splat_f64s(port.low_square), x);
            let below = simd.less_than_or_equal_f64s(x, simd.splat_f64s(port.high_square));
            let inside = simd.select_f64s(simd.and_m64s(above, below), zero, simd.splat_f64s(1.0));
            if simd.reduce_max_f64s(inside) == 0.0 {
                let slope = simd.neg_f64s(simd.mul_f64s(inverse, inverse));
                return LaneShape { p: inverse, q: inverse, p_slope: slope, q_slope: slope };
            }
        }
        match &self.pieces[k] {
            Some(pieces) => by_pieces(simd, pieces, x, inverse),
            None => lane_by_lane(simd, compiled, x),
        }
    }

    /// Current of port `k` at the demand s and the voltage v across it.
    #[inline(always)]
    pub fn current<S: Simd>(&self, simd: S, k: usize, compiled: &CompiledPort, s: Pair<S>, v: Pair<S>) -> Pair<S> {
        let shape = self.shape(simd, k, compiled, v.norm_sqr(simd));
        v.times(simd, factor(simd, s, shape.p, shape.q))
    }

    /// Slopes of the current of port `k` at the demand s and the voltage v across it.
    #[inline(always)]
    pub fn linearise<S: Simd>(
        &self,
        simd: S,
        (k, h): (usize, usize),
        compiled: &CompiledPort,
        (s, v): (Pair<S>, Pair<S>),
        slopes: &mut PortSlopes,
    ) {
        let x = v.norm_sqr(simd);
        let shape = self.shape(simd, k, compiled, x);
        let f_slope = factor(simd, s, shape.p_slope, shape.q_slope);
        let f = factor(simd, s, shape.p, shape.q);
        slopes.alpha.set::<S>(h, f.plus(simd, f_slope.scaled(simd, x)));
        slopes.beta.set::<S>(h, f_slope.times(simd, v).times(simd, v));
        slopes.by_p.set::<S>(h, v.scaled(simd, shape.p));
        slopes.by_q.set::<S>(h, Pair { re: v.im, im: simd.neg_f64s(v.re) }.scaled(simd, shape.q));
    }
}

impl PortSlopes {
    pub const NONE: PortSlopes = PortSlopes {
        alpha: ComplexLanes::ZERO,
        beta: ComplexLanes::ZERO,
        by_p: ComplexLanes::ZERO,
        by_q: ComplexLanes::ZERO,
    };

    /// The transpose of d -> alpha d + beta conj(d): conj(alpha) mu + beta conj(mu).
    #[inline(always)]
    pub fn apply_transposed<S: Simd>(&self, simd: S, h: usize, mu: Pair<S>) -> Pair<S> {
        let (alpha, beta) = (self.alpha.get::<S>(h), self.beta.get::<S>(h));
        beta.times(simd, mu.conj(simd)).plus_conj_product(simd, alpha, mu)
    }

    /// dL/dp + j dL/dq = -Re(conj(dI/dp) mu) - j Re(conj(dI/dq) mu).
    #[inline(always)]
    pub fn demand_gradient<S: Simd>(&self, simd: S, h: usize, mu: Pair<S>) -> Pair<S> {
        Pair { re: minus_along(simd, self.by_p.get::<S>(h), mu), im: minus_along(simd, self.by_q.get::<S>(h), mu) }
    }
}

/// -Re(conj(by) mu).
#[inline(always)]
fn minus_along<S: Simd>(simd: S, by: Pair<S>, mu: Pair<S>) -> S::f64s {
    simd.neg_f64s(simd.mul_add_e_f64s(by.re, mu.re, simd.mul_f64s(by.im, mu.im)))
}

/// p f_p - j q f_q.
#[inline(always)]
fn factor<S: Simd>(simd: S, s: Pair<S>, f_p: S::f64s, f_q: S::f64s) -> Pair<S> {
    Pair { re: simd.mul_f64s(s.re, f_p), im: simd.neg_f64s(simd.mul_f64s(s.im, f_q)) }
}

/// The pieces that x lies in up to the first, second and third end.
struct Places<S: Simd> {
    first: S::m64s,
    second: S::m64s,
    third: S::m64s,
}

#[inline(always)]
fn by_pieces<S: Simd>(simd: S, pieces: &Pieces, x: S::f64s, inverse: S::f64s) -> LaneShape<S> {
    let Pieces { ends: [first, second, third], pieces: [lowest, low, inside, high] } = pieces;
    let places = Places {
        first: simd.less_than_or_equal_f64s(x, simd.splat_f64s(*first)),
        second: simd.less_than_or_equal_f64s(x, simd.splat_f64s(*second)),
        third: simd.less_than_or_equal_f64s(x, simd.splat_f64s(*third)),
    };
    let root = simd.sqrt_f64s(inverse);
    let (p, p_slope) = one_by_pieces(simd, &places, [&lowest.p, &low.p, &inside.p, &high.p], root, inverse);
    let (q, q_slope) = one_by_pieces(simd, &places, [&lowest.q, &low.q, &inside.q, &high.q], root, inverse);
    LaneShape { p, q, p_slope, q_slope }
}

/// f and its slope from 1 / sqrt(x) and 1 / x.
#[inline(always)]
fn one_by_pieces<S: Simd>(
    simd: S,
    places: &Places<S>,
    pieces: [&[f64; 3]; 4],
    root: S::f64s,
    inverse: S::f64s,
) -> (S::f64s, S::f64s) {
    let constant = pick(simd, places, pieces, 0);
    let by_root = simd.mul_f64s(pick(simd, places, pieces, 1), root);
    let by_inverse = simd.mul_f64s(pick(simd, places, pieces, 2), inverse);
    let f = simd.add_f64s(constant, simd.add_f64s(by_root, by_inverse));
    // -(b / (2 sqrt(x)) + c / x) / x.
    let twice = simd.add_f64s(by_root, simd.add_f64s(by_inverse, by_inverse));
    let half_inverse = simd.mul_f64s(simd.splat_f64s(-0.5), inverse);
    (f, simd.mul_f64s(half_inverse, twice))
}

/// Coefficient `i` of the piece that each lane is in.
#[inline(always)]
fn pick<S: Simd>(simd: S, places: &Places<S>, [lowest, low, inside, high]: [&[f64; 3]; 4], i: usize) -> S::f64s {
    let upper = simd.select_f64s(places.third, simd.splat_f64s(inside[i]), simd.splat_f64s(high[i]));
    let lower = simd.select_f64s(places.second, simd.splat_f64s(low[i]), upper);
    simd.select_f64s(places.first, simd.splat_f64s(lowest[i]), lower)
}

#[inline(always)]
fn lane_by_lane<S: Simd>(simd: S, compiled: &CompiledPort, x: S::f64s) -> LaneShape<S> {
    let zero = Lanes::splat(0.0);
    let (mut own, mut p, mut q, mut p_slope, mut q_slope) = (zero, zero, zero, zero, zero);
    own.set::<S>(0, x);
    for lane in 0..S::F64_LANES.min(LANES) {
        let shape = scalar_shape(compiled, own.0[lane]);
        (p.0[lane], q.0[lane], p_slope.0[lane], q_slope.0[lane]) = (shape.p, shape.q, shape.p_slope, shape.q_slope);
    }
    let _ = simd;
    LaneShape { p: p.get::<S>(0), q: q.get::<S>(0), p_slope: p_slope.get::<S>(0), q_slope: q_slope.get::<S>(0) }
}

/// Not inlined: once per program instead of once per instruction set and place.
#[inline(never)]
fn scalar_shape(compiled: &CompiledPort, x: f64) -> Shape {
    compiled.shape(x)
}

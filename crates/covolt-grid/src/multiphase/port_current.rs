//! The current a port draws, and its derivatives.
//!
//! With V the voltage across the port and x = |V|^2, every dependence of `port.rs` has the form
//!
//! ```text
//!   I = V (p f_p(x) - j q f_q(x)) = V f          f_p = share of p at |V| over x,  f_q likewise
//!   dI = alpha dV + beta conj(dV)                alpha = f + f' x,  beta = f' V^2
//!   dI/dp = V f_p         dI/dq = -j V f_q
//! ```
//!
//! because dx = conj(V) dV + V conj(dV). So a dependence is two real functions of x with their slopes ([`Shape`]).
//!
//! Per unit: power of the network's base, voltage of the base of the port's first node. A second node with another base
//! enters through `ratio` = V_base(to) / V_base(from): V = V_from - ratio V_to, and the current returns as ratio I.

use super::network::MultiphaseNetwork;
use super::port::{Port, VoltageDependence, VoltageRange, ZipShares};
use num_complex::Complex64;

/// f_p, f_q and their slopes over x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    pub p: f64,
    pub q: f64,
    pub p_slope: f64,
    pub q_slope: f64,
}

/// Current with its linearisation at a voltage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linearised {
    pub current: Complex64,
    pub alpha: Complex64,
    pub beta: Complex64,
}

/// What happens outside the range: constant f at its ends, a linear current between `lowest` and `low`, the rated impedance below.
#[derive(Debug, Clone, Copy)]
struct Ends {
    lowest: f64,
    lowest_square: f64,
    /// f of the rated impedance, below `lowest`.
    nominal: f64,
    at_lowest: (f64, f64),
    at_low: (f64, f64),
    at_high: (f64, f64),
    /// Slope of |I| / p and |I| / q over |V| between `lowest` and `low`.
    slope: (f64, f64),
}

/// f_p and f_q as a + b / sqrt(x) + c / x, in a part of the range of x.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub p: [f64; 3],
    pub q: [f64; 3],
}

/// A dependence that has that form everywhere: pieces from low to high, and the x up to which each but the last holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pieces {
    pub ends: [f64; 3],
    pub pieces: [Piece; 4],
}

/// Where a port is connected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PortEnds {
    /// Position of the first node.
    pub from: u32,
    /// Position of the second node; ground is the position after the last node.
    pub to: u32,
    /// V_base(to) / V_base(from); 1 for ground.
    pub ratio: f64,
}

/// A port ready for evaluation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompiledPort {
    /// Position of the first node.
    pub from: u32,
    /// Position of the second node; ground is the position after the last node.
    pub to: u32,
    /// V_base(to) / V_base(from); 1 for ground.
    pub ratio: f64,
    /// Range of x in which the dependence holds.
    low_square: f64,
    high_square: f64,
    /// 1 / rated voltage, per unit.
    inverse_rated: f64,
    dependence: VoltageDependence,
    /// At and below this the port draws nothing; zero: no cut-off.
    cutoff_pu: f64,
    ends: Ends,
}

impl CompiledPort {
    /// `position` maps a node to its place in the vectors, `ground` is the place of ground.
    pub fn new(port: &Port, network: &MultiphaseNetwork, position: &[u32], ground: u32) -> CompiledPort {
        let base = |node| network.v_base_v(node).unwrap_or(1.0);
        let rated = 1e3 * port.v_rated_kv / base(port.from);
        let inverse_rated = 1.0 / rated;
        let mut compiled = CompiledPort {
            from: position[port.from.0],
            to: port.to.map_or(ground, |node| position[node.0]),
            ratio: port.to.map_or(1.0, |node| base(node) / base(port.from)),
            low_square: 0.0,
            high_square: f64::INFINITY,
            inverse_rated,
            dependence: port.dependence,
            ends: Ends {
                lowest: 0.0,
                lowest_square: 0.0,
                nominal: 0.0,
                at_lowest: (0.0, 0.0),
                at_low: (0.0, 0.0),
                at_high: (0.0, 0.0),
                slope: (0.0, 0.0),
            },
            cutoff_pu: 0.0,
        };
        if let VoltageDependence::Zip { cutoff_pu, .. } = port.dependence {
            compiled.cutoff_pu = cutoff_pu;
        }
        let impedance = matches!(port.dependence, VoltageDependence::Impedance);
        if let Some(range) = port.range.filter(|_| !impedance) {
            compiled.set_range(range, rated);
        }
        compiled
    }

    fn set_range(&mut self, VoltageRange { low_pu, high_pu, lowest_pu }: VoltageRange, rated: f64) {
        let nominal = self.inverse_rated * self.inverse_rated;
        let (low, lowest) = (low_pu * rated, lowest_pu * rated);
        let at = |v: f64| match self.dependence {
            // An exponent holds inside the range only; at the ends the nominal power counts (as OpenDSS has it).
            VoltageDependence::Exponential { .. } => (1.0 / (v * v), 1.0 / (v * v)),
            _ => {
                let shape = self.inside(v * v);
                (shape.p, shape.q)
            }
        };
        let at_lowest = match self.dependence {
            VoltageDependence::Zip { p, q, .. } => (p.sum() * nominal, q.sum() * nominal),
            _ => (nominal, nominal),
        };
        let at_low = at(low);
        let slope = |f_low: f64, f_lowest: f64| {
            let run = low - lowest;
            if run > 0.0 { (f_low * low - f_lowest * lowest) / run } else { f_low }
        };
        self.ends = Ends {
            lowest,
            lowest_square: if lowest > 0.0 { lowest * lowest } else { 0.0 },
            nominal,
            at_lowest,
            at_low,
            at_high: at(high_pu * rated),
            slope: (slope(at_low.0, at_lowest.0), slope(at_low.1, at_lowest.1)),
        };
        self.low_square = if low > 0.0 { low * low } else { 0.0 };
        self.high_square = (high_pu * rated) * (high_pu * rated);
    }

    /// Voltage across the port.
    #[inline(always)]
    pub fn voltage(&self, v: &[Complex64]) -> Complex64 {
        v[self.from as usize] - v[self.to as usize] * self.ratio
    }

    /// True at x = |V|^2 below the range, and for an impedance: such a port has no second solution at a lower voltage.
    pub fn draws_less_at_less_voltage(&self, x: f64) -> bool {
        x <= self.low_square || matches!(self.dependence, VoltageDependence::Impedance)
    }

    /// x up to which, and x from which on, the dependence does not hold.
    pub fn range(&self) -> (f64, f64) {
        (self.low_square, self.high_square)
    }

    /// True for constant power within the range.
    pub fn is_power(&self) -> bool {
        matches!(self.dependence, VoltageDependence::Power)
    }

    /// The pieces of the dependence; none with an exponent or a cut-off.
    pub fn pieces(&self) -> Option<Pieces> {
        let a = self.inverse_rated;
        let zip = |s: ZipShares| [s.impedance * a * a, s.current * a, s.power];
        let (p, q) = match self.dependence {
            VoltageDependence::Power => ([0.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
            VoltageDependence::Current => ([0.0, a, 0.0], [0.0, a, 0.0]),
            VoltageDependence::Impedance => ([a * a, 0.0, 0.0], [a * a, 0.0, 0.0]),
            VoltageDependence::Zip { p, q, .. } if self.cutoff_pu == 0.0 => (zip(p), zip(q)),
            VoltageDependence::Zip { .. } | VoltageDependence::Exponential { .. } => return None,
        };
        let Ends { lowest, lowest_square, nominal, at_lowest, at_low, at_high, slope } = self.ends;
        let constant = |(p, q)| Piece { p: [p, 0.0, 0.0], q: [q, 0.0, 0.0] };
        let line = |slope: f64, at_lowest: f64| [slope, (at_lowest - slope) * lowest, 0.0];
        let (first, second) = if lowest_square == 0.0 {
            (constant(at_low), constant(at_low))
        } else {
            (constant((nominal, nominal)), Piece { p: line(slope.0, at_lowest.0), q: line(slope.1, at_lowest.1) })
        };
        let ends = [lowest_square, self.low_square, self.high_square];
        Some(Pieces { ends, pieces: [first, second, Piece { p, q }, constant(at_high)] })
    }

    /// f_p, f_q and slopes at x = |V|^2.
    #[inline(always)]
    pub fn shape(&self, x: f64) -> Shape {
        let shape = if x > self.low_square && x <= self.high_square { self.inside(x) } else { self.outside(x) };
        if self.cutoff_pu > 0.0 && x > self.ends.lowest_square {
            let magnitude = x.sqrt();
            return shape
                .cut_off(magnitude * self.inverse_rated - self.cutoff_pu, self.inverse_rated / (2.0 * magnitude));
        }
        shape
    }

    #[inline(always)]
    fn inside(&self, x: f64) -> Shape {
        if let VoltageDependence::Power = self.dependence {
            let inverse = 1.0 / x;
            let slope = -inverse * inverse;
            return Shape { p: inverse, q: inverse, p_slope: slope, q_slope: slope };
        }
        self.inside_other(x)
    }

    fn inside_other(&self, x: f64) -> Shape {
        let a = self.inverse_rated;
        let both = |f: f64, slope: f64| Shape { p: f, q: f, p_slope: slope, q_slope: slope };
        match self.dependence {
            VoltageDependence::Power => both(1.0 / x, -1.0 / (x * x)),
            VoltageDependence::Impedance => both(a * a, 0.0),
            VoltageDependence::Current => {
                let f = a / x.sqrt();
                both(f, -0.5 * f / x)
            }
            VoltageDependence::Zip { p, q, .. } => {
                let magnitude = x.sqrt();
                let part = |s: ZipShares| {
                    let (current, power) = (s.current * a / magnitude, s.power / x);
                    (s.impedance * a * a + current + power, (-0.5 * current - power) / x)
                };
                let ((p, p_slope), (q, q_slope)) = (part(p), part(q));
                Shape { p, q, p_slope, q_slope }
            }
            VoltageDependence::Exponential { p, q } => {
                let part = |exponent: f64| {
                    let f = (x * a * a).powf(0.5 * exponent) / x;
                    (f, (0.5 * exponent - 1.0) * f / x)
                };
                let ((p, p_slope), (q, q_slope)) = (part(p), part(q));
                Shape { p, q, p_slope, q_slope }
            }
        }
    }

    #[cold]
    fn outside(&self, x: f64) -> Shape {
        let Ends { lowest, lowest_square, nominal, at_lowest, at_low, at_high, slope } = self.ends;
        let constant = |(p, q): (f64, f64)| Shape { p, q, p_slope: 0.0, q_slope: 0.0 };
        if x > self.high_square {
            return constant(at_high);
        }
        if lowest_square == 0.0 {
            return constant(at_low);
        }
        if x <= lowest_square {
            return constant((nominal, nominal));
        }
        // |I| = at_lowest lowest + slope (|V| - lowest), f = |I| / |V|.
        let magnitude = x.sqrt();
        let part = |slope: f64, at_lowest: f64| {
            let offset = (at_lowest - slope) * lowest;
            (slope + offset / magnitude, -0.5 * offset / (x * magnitude))
        };
        let ((p, p_slope), (q, q_slope)) = (part(slope.0, at_lowest.0), part(slope.1, at_lowest.1));
        Shape { p, q, p_slope, q_slope }
    }

    /// Current drawn at the voltage `v` across the port.
    #[inline(always)]
    pub fn current(&self, p: f64, q: f64, v: Complex64) -> Complex64 {
        // A port without demand draws nothing, whatever its voltage (0 / 0 at a dead node).
        if p == 0.0 && q == 0.0 {
            return Complex64::ZERO;
        }
        let shape = self.shape(v.norm_sqr());
        v * Complex64::new(p * shape.p, -q * shape.q)
    }

    /// Current with its slopes alpha, beta.
    #[inline(always)]
    pub fn linearise(&self, p: f64, q: f64, v: Complex64) -> Linearised {
        if p == 0.0 && q == 0.0 {
            return Linearised { current: Complex64::ZERO, alpha: Complex64::ZERO, beta: Complex64::ZERO };
        }
        let x = v.norm_sqr();
        let shape = self.shape(x);
        let f = Complex64::new(p * shape.p, -q * shape.q);
        let slope = Complex64::new(p * shape.p_slope, -q * shape.q_slope);
        Linearised { current: v * f, alpha: f + slope * x, beta: slope * v * v }
    }

    /// (dI/dp, dI/dq).
    #[inline(always)]
    pub fn demand_slopes(&self, v: Complex64) -> (Complex64, Complex64) {
        let shape = self.shape(v.norm_sqr());
        (v * shape.p, v * Complex64::new(0.0, -shape.q))
    }
}

/// Steepness of the cut-off over per-unit voltage: from nothing to everything within about 1 % of the rated voltage.
const CUTOFF_STEEPNESS: f64 = 500.0;

impl Shape {
    /// Times (1 + tanh(steepness above)) / 2; `above_slope` is d above / dx.
    fn cut_off(self, above: f64, above_slope: f64) -> Shape {
        let t = (CUTOFF_STEEPNESS * above).tanh();
        let (share, slope) = (0.5 * (1.0 + t), 0.5 * (1.0 - t * t) * CUTOFF_STEEPNESS * above_slope);
        Shape {
            p: self.p * share,
            q: self.q * share,
            p_slope: self.p_slope * share + self.p * slope,
            q_slope: self.q_slope * share + self.q * slope,
        }
    }
}

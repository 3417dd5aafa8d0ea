//! Monitored voltages and currents, and the power into a branch, as linear forms of the node voltages: what their values and gradients
//! are made of when eight scenarios are evaluated at once.
//!
//! A form is l(V) = sum_k c_k (V_a - V_b), with the other node left out where it is ground. With dL = Re(conj(g) dV),
//!
//! ```text
//!   |l(V)|:   g += conj(c_k) d at a, -conj(c_k) d at b       d = l / |l|
//! ```
//!
//! Differences are kept as such: a line's current is y (V_1 - V_2), which a sum of y V_1 and -y V_2 would round at the size of y.

use super::admittance::ElementAdmittance;
use super::monitored::MonitoredMultiphase;
use super::monitors::MonitoredVoltage;
use super::network::ElementIndex;
use super::quantities::A;
use crate::lanes::{ComplexLanes, Pair};
use crate::network::BranchIndex;
use num_complex::Complex64;
use pulp::Simd;

/// c (V_a - V_b), or c V_a.
#[derive(Debug, Clone, Copy)]
struct Term {
    coefficient: Complex64,
    node: u32,
    /// [`GROUND`]: none.
    minus: u32,
}

const GROUND: u32 = u32::MAX;

/// A linear form of the node voltages.
#[derive(Debug, Clone, Default)]
pub struct LinearForm {
    terms: Vec<Term>,
}

/// A monitored voltage.
#[derive(Debug, Clone)]
pub enum VoltageForm {
    /// |l|.
    Magnitude(LinearForm),
    /// |l_1| / |l_2|.
    Ratio(LinearForm, LinearForm),
}

/// A monitored current: that of the end that carries more.
#[derive(Debug, Clone)]
pub struct CurrentForm {
    /// At the first terminal.
    pub first: LinearForm,
    /// At the second, where that is monitored.
    pub second: Option<LinearForm>,
}

/// Active power into a branch at its first terminal: the sum of Re(V_c conj(I_c)) over its conductors c.
#[derive(Debug, Clone, Default)]
pub struct PowerForm {
    conductors: Vec<(u32, LinearForm)>,
}

impl LinearForm {
    fn add(&mut self, coefficient: Complex64, node: Option<usize>, minus: Option<usize>) {
        let at = |node: Option<usize>| node.map_or(GROUND, |node| node as u32);
        let (coefficient, node, minus) = match node {
            None => (-coefficient, at(minus), GROUND),
            _ => (coefficient, at(node), at(minus)),
        };
        if coefficient != Complex64::ZERO && node != GROUND {
            self.terms.push(Term { coefficient, node, minus });
        }
    }

    /// The current into a conductor of an element; zero for an unknown one.
    fn current(element: &ElementAdmittance, conductor: Option<usize>) -> LinearForm {
        let mut form = LinearForm::default();
        if let Some(conductor) = conductor {
            element.for_each_term(conductor, |y, a, b| form.add(y, a.map(|n| n.0), b.map(|n| n.0)));
        }
        form
    }

    /// Vector `h` of its values at the voltages `v`, network order.
    #[inline(always)]
    pub fn value<S: Simd>(&self, simd: S, h: usize, v: &[ComplexLanes]) -> Pair<S> {
        let mut sum = Pair::splat(simd, Complex64::ZERO);
        for term in &self.terms {
            let mut across = v[term.node as usize].get::<S>(h);
            if term.minus != GROUND {
                across = across.minus(simd, v[term.minus as usize].get::<S>(h));
            }
            sum = sum.plus_product(simd, Pair::splat(simd, term.coefficient), across);
        }
        sum
    }

    /// Adds the gradient of Re(conj(direction) l) to vector `h` of `dl_dv`.
    #[inline(always)]
    pub fn add_gradient<S: Simd>(&self, simd: S, h: usize, direction: Pair<S>, dl_dv: &mut [ComplexLanes]) {
        for term in &self.terms {
            let zero = Pair::splat(simd, Complex64::ZERO);
            let part = zero.plus_conj_product(simd, Pair::splat(simd, term.coefficient), direction);
            let at = &mut dl_dv[term.node as usize];
            at.set::<S>(h, at.get::<S>(h).plus(simd, part));
            if term.minus != GROUND {
                let at = &mut dl_dv[term.minus as usize];
                at.set::<S>(h, at.get::<S>(h).minus(simd, part));
            }
        }
    }
}

/// |z|.
#[inline(always)]
fn size<S: Simd>(simd: S, z: Pair<S>) -> S::f64s {
    simd.sqrt_f64s(z.norm_sqr(simd))
}

/// weight z / |z|; zero where z is.
#[inline(always)]
fn along<S: Simd>(simd: S, z: Pair<S>, size: S::f64s, weight: S::f64s) -> Pair<S> {
    let zero = simd.splat_f64s(0.0);
    let scale = simd.select_f64s(simd.less_than_f64s(zero, size), simd.div_f64s(weight, size), zero);
    z.scaled(simd, scale)
}

impl VoltageForm {
    /// Vector `h` of its values, per unit.
    #[inline(always)]
    pub fn value<S: Simd>(&self, simd: S, h: usize, v: &[ComplexLanes]) -> S::f64s {
        match self {
            VoltageForm::Magnitude(form) => simd.sqrt_f64s(form.value(simd, h, v).norm_sqr(simd)),
            VoltageForm::Ratio(above, below) => {
                let (above, below) = (above.value(simd, h, v), below.value(simd, h, v));
                simd.sqrt_f64s(simd.div_f64s(above.norm_sqr(simd), below.norm_sqr(simd)))
            }
        }
    }

    /// Adds weight times its gradient to vector `h` of `dl_dv`; nothing where it is zero.
    #[inline(always)]
    pub fn add_gradient<S: Simd>(
        &self,
        simd: S,
        h: usize,
        v: &[ComplexLanes],
        weight: S::f64s,
        dl_dv: &mut [ComplexLanes],
    ) {
        match self {
            VoltageForm::Magnitude(form) => {
                let z = form.value(simd, h, v);
                form.add_gradient(simd, h, along(simd, z, size(simd, z), weight), dl_dv);
            }
            VoltageForm::Ratio(above, below) => {
                // d(|a| / |b|) = d|a| / |b| - (|a| / |b|) d|b| / |b|; none at a = 0, as of the single value.
                let (a, b) = (above.value(simd, h, v), below.value(simd, h, v));
                let (size_a, size_b) = (size(simd, a), size(simd, b));
                let by_a = simd.div_f64s(weight, size_b);
                let by_b = simd.neg_f64s(simd.mul_f64s(by_a, simd.div_f64s(size_a, size_b)));
                above.add_gradient(simd, h, along(simd, a, size_a, by_a), dl_dv);
                below.add_gradient(simd, h, along(simd, b, size_b, by_b), dl_dv);
            }
        }
    }
}

impl CurrentForm {
    /// Vector `h` of the current at the end that carries more, and the lanes where that is the second.
    #[inline(always)]
    pub fn value<S: Simd>(&self, simd: S, h: usize, v: &[ComplexLanes]) -> (Pair<S>, S::m64s) {
        let first = self.first.value(simd, h, v);
        let zero = simd.splat_f64s(0.0);
        let Some(second) = &self.second else { return (first, simd.less_than_f64s(zero, zero)) };
        let second = second.value(simd, h, v);
        let at_second = simd.less_than_or_equal_f64s(first.norm_sqr(simd), second.norm_sqr(simd));
        (Pair::select(simd, at_second, second, first), at_second)
    }

    /// Adds the gradient of Re(conj(direction) I) at that end to vector `h` of `dl_dv`.
    #[inline(always)]
    pub fn add_gradient<S: Simd>(
        &self,
        simd: S,
        h: usize,
        at_second: S::m64s,
        direction: Pair<S>,
        dl_dv: &mut [ComplexLanes],
    ) {
        let zero = Pair::splat(simd, Complex64::ZERO);
        self.first.add_gradient(simd, h, Pair::select(simd, at_second, zero, direction), dl_dv);
        if let Some(second) = &self.second {
            second.add_gradient(simd, h, Pair::select(simd, at_second, direction, zero), dl_dv);
        }
    }
}

impl PowerForm {
    /// Adds weight times the gradient of P to vector `h` of `dl_dv` and returns weight times P.
    #[inline(always)]
    pub fn add_weighted<S: Simd>(
        &self,
        simd: S,
        h: usize,
        v: &[ComplexLanes],
        weight: S::f64s,
        dl_dv: &mut [ComplexLanes],
    ) -> S::f64s {
        let mut power = simd.splat_f64s(0.0);
        for (node, form) in &self.conductors {
            let (voltage, current) = (v[*node as usize].get::<S>(h), form.value(simd, h, v).scaled(simd, weight));
            power = simd.mul_add_e_f64s(voltage.re, current.re, power);
            power = simd.mul_add_e_f64s(voltage.im, current.im, power);
            let at = &mut dl_dv[*node as usize];
            at.set::<S>(h, at.get::<S>(h).plus(simd, current));
            form.add_gradient(simd, h, voltage.scaled(simd, weight), dl_dv);
        }
        power
    }
}

impl MonitoredMultiphase {
    /// Forms of all monitored voltages, in their order.
    pub fn voltage_forms(&self) -> Vec<VoltageForm> {
        let of = |voltage: &MonitoredVoltage| {
            let mut form = LinearForm::default();
            match *voltage {
                MonitoredVoltage::ToGround(a) => form.add(Complex64::ONE, Some(a.0), None),
                MonitoredVoltage::Between(a, b) => {
                    form.add(Complex64::from(1.0 / 3f64.sqrt()), Some(a.0), Some(b.0));
                }
                MonitoredVoltage::Unbalance(bus) => {
                    let mut positive = LinearForm::default();
                    let turns = [(Complex64::ONE, Complex64::ONE), (A, A * A), (A * A, A)];
                    for (node, (one, two)) in self.grid.three_phases(bus).into_iter().flatten().zip(turns) {
                        positive.add(one / 3.0, Some(node), None);
                        form.add(two / 3.0, Some(node), None);
                    }
                    return VoltageForm::Ratio(form, positive);
                }
            }
            VoltageForm::Magnitude(form)
        };
        self.monitors.voltages.iter().map(of).collect()
    }

    /// Form of a monitored current; of an unknown one zero.
    pub fn current_form(&self, index: usize) -> CurrentForm {
        let monitored = self.monitors.currents.get(index);
        let element = monitored.and_then(|own| self.grid.system.elements.get(own.element.0));
        let (Some(own), Some(element)) = (monitored, element) else {
            return CurrentForm { first: LinearForm::default(), second: None };
        };
        let at = |terminal| LinearForm::current(element, element.conductor(terminal, own.conductor));
        CurrentForm { first: at(0), second: own.both_ends.then(|| at(1)) }
    }

    /// Form of the power into a branch at its first terminal; of an unknown one zero.
    pub fn power_form(&self, branch: BranchIndex) -> PowerForm {
        let Some(element) = self.grid.system.elements.get(ElementIndex(branch.0).0) else {
            return PowerForm::default();
        };
        let conductors = element.conductors(0).filter_map(|c| {
            let node = element.nodes[c]?;
            Some((node.0 as u32, LinearForm::current(element, Some(c))))
        });
        PowerForm { conductors: conductors.collect() }
    }
}

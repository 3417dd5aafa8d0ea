//! Cost of the exchange of eight windows at one step, (1), and its part of dL/dV, (44)-(46).
//!
//! Minus lambda_R P_PCC dt, summed over all microgrids. On a balanced network P_PCC = -Re(V_f conj(I_f)) with I_f = yff V_f + yft V_t; its
//! gradient at the from bus is minus I_f + conj(yff) V_f, at the to bus minus conj(yft) V_f. On several phases it is minus the sum of
//! such products over the conductors.

use crate::fleet::Fleet;
use crate::gradient::LagrangianValue;
use covolt_grid::multiphase::PowerForm;
use covolt_grid::{BranchAdmittance, ComplexLanes, LANES, Lanes, Machine};
use pulp::{Simd, WithSimd};

/// The points of common coupling of a fleet, in the order of its microgrids.
#[derive(Debug)]
pub(crate) enum ExchangeLanes {
    /// Of a balanced network.
    Balanced(Vec<BranchAdmittance>),
    /// Of one with several phases.
    Multiphase(Vec<PowerForm>),
}

impl ExchangeLanes {
    pub fn new(fleet: &Fleet) -> ExchangeLanes {
        let pccs = fleet.microgrids.iter().map(|mg| mg.pcc);
        match (fleet.grid.monitored(), fleet.grid.balanced()) {
            (Some(grid), _) => ExchangeLanes::Multiphase(pccs.map(|pcc| grid.power_form(pcc)).collect()),
            (None, Some(grid)) => ExchangeLanes::Balanced(pccs.map(|pcc| grid.branch_admittances()[pcc.0]).collect()),
            (None, None) => ExchangeLanes::Balanced(Vec::new()),
        }
    }

    /// Adds cost and gradient; `weight(lane, k)` is lambda_R dt of microgrid `k`, $ per unit of power.
    pub fn add(
        &self,
        machine: Machine,
        weight: impl Fn(usize, usize) -> f64,
        v: &[ComplexLanes],
        dl_dv: &mut [ComplexLanes],
        values: &mut [LagrangianValue],
    ) {
        match self {
            ExchangeLanes::Balanced(pccs) => {
                for (k, pcc) in pccs.iter().enumerate() {
                    let (from, to) = (pcc.from.0, pcc.to.0);
                    for (lane, value) in values.iter_mut().enumerate() {
                        let weight = weight(lane, k);
                        let (v_from, v_to) = (v[from].lane(lane), v[to].lane(lane));
                        let current = pcc.yff * v_from + pcc.yft * v_to;
                        value.cost += weight * (v_from.re * current.re + v_from.im * current.im);
                        let (at_from, at_to) = (current + pcc.yff.conj() * v_from, pcc.yft.conj() * v_from);
                        dl_dv[from].set_lane(lane, dl_dv[from].lane(lane) + at_from * weight);
                        dl_dv[to].set_lane(lane, dl_dv[to].lane(lane) + at_to * weight);
                    }
                }
            }
            ExchangeLanes::Multiphase(pccs) => {
                for (k, form) in pccs.iter().enumerate() {
                    let count = values.len();
                    let weights = Lanes(std::array::from_fn(|lane| if lane < count { weight(lane, k) } else { 0.0 }));
                    let cost = machine.run(AddForm { form, weights, v, dl_dv });
                    values.iter_mut().zip(cost.0).for_each(|(value, cost)| value.cost += cost);
                }
            }
        }
    }
}

struct AddForm<'a> {
    form: &'a PowerForm,
    weights: Lanes,
    v: &'a [ComplexLanes],
    dl_dv: &'a mut [ComplexLanes],
}

impl WithSimd for AddForm<'_> {
    type Output = Lanes;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Lanes {
        let mut cost = Lanes::splat(0.0);
        for h in 0..LANES / S::F64_LANES {
            let weight = self.weights.get::<S>(h);
            cost.set::<S>(h, self.form.add_weighted(simd, h, self.v, weight, self.dl_dv));
        }
        cost
    }
}

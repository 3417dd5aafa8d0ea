//! (32), (33) for a batch of power flows: the net demand of one step under a joint action, in one lane.

use crate::fleet::Fleet;
use crate::returns::BaseDemand;
use covolt_grid::ComplexLanes;

/// Writes the net demand per bus of step `t`, pu, to lane `lane`; `action(n)` is that of microgrid `n` over `steps` steps.
pub(crate) fn load_demand<'a>(
    fleet: &Fleet,
    base: &BaseDemand,
    action: impl Fn(usize) -> &'a [f64],
    steps: usize,
    t: usize,
    lane: usize,
    demand: &mut [ComplexLanes],
) {
    let per_kva = 1e-3 / fleet.grid.network().base_mva();
    let (p, q) = base.step(t);
    for ((demand, p), q) in demand.iter_mut().zip(p).zip(q) {
        demand.re.0[lane] = *p;
        demand.im.0[lane] = *q;
    }
    for (n, mg) in fleet.microgrids.iter().enumerate() {
        let (layout, action) = (mg.layout(steps), action(n));
        for (i, dg) in mg.dgs.iter().enumerate() {
            demand[dg.bus.0].re.0[lane] -= action[layout.p_dg(t, i)] * per_kva;
            demand[dg.bus.0].im.0[lane] -= action[layout.q_dg(t, i)] * per_kva;
        }
        for (j, pv) in mg.pvs.iter().enumerate() {
            demand[pv.bus.0].im.0[lane] -= action[layout.q_pv(t, j)] * per_kva;
        }
        for (k, battery) in mg.batteries.iter().enumerate() {
            demand[battery.bus.0].re.0[lane] += action[layout.p_ess(t, k)] * per_kva;
            demand[battery.bus.0].im.0[lane] += action[layout.q_ess(t, k)] * per_kva;
        }
    }
}

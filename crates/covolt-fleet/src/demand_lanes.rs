//! (32), (33) for a batch of power flows: the net demand of one step under a joint action, in one lane.

use crate::fleet::Fleet;
use crate::returns::BaseDemand;
use covolt_grid::ComplexLanes;

/// Writes the net demand per port of step `t`, pu, to lane `lane`; `action(n)` is that of microgrid `n` over `steps` steps.
pub(crate) fn load_demand<'a>(
    fleet: &Fleet,
    base: &BaseDemand,
    action: impl Fn(usize) -> &'a [f64],
    steps: usize,
    t: usize,
    lane: usize,
    demand: &mut [ComplexLanes],
) {
    let (p, q) = base.step(t);
    for ((demand, p), q) in demand.iter_mut().zip(p).zip(q) {
        demand.re.0[lane] = *p;
        demand.im.0[lane] = *q;
    }
    add_devices(fleet, action, steps, t, lane, demand);
}

/// What the agents' devices add to the demand of step `t` in lane `lane`.
pub(crate) fn add_devices<'a>(
    fleet: &Fleet,
    action: impl Fn(usize) -> &'a [f64],
    steps: usize,
    t: usize,
    lane: usize,
    demand: &mut [ComplexLanes],
) {
    let per_kva = 1.0 / fleet.grid.base_kva();
    for (n, mg) in fleet.microgrids.iter().enumerate() {
        let action = action(n);
        mg.for_each_device(&mg.layout(steps), t, |port, active, reactive, sign| {
            if let Some(active) = active {
                demand[port.0].re.0[lane] += sign * action[active] * per_kva;
            }
            demand[port.0].im.0[lane] += sign * action[reactive] * per_kva;
        });
    }
}

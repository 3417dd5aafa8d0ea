//! The gradient of [`crate::gradient`] for up to eight windows at once, one window per lane of a batched power flow.
//!
//! The same numbers as [`lagrangian_gradient`], window by window, whatever stands in the other
//! lanes. All windows take their step t together: demand, power flow, limits and exchange, one adjoint. Nothing is allocated
//! once the memory has seen windows of its size. On a balanced grid with loops the windows are solved one by one. A window without a solution fails the call with the power flow's own error.
//!
//! Feeders that meet at the source only do not influence each other (`feeders.rs`), so all steps of one are done before the next
//! begins, in the same memory: eight power flows of 1 500 buses with their adjoints need about 3 MB, which stays in the nearer caches,
//! where those of ten such feeders side by side do not. Sums over feeders are taken feeder by feeder.

use crate::cost::{fuel_cost, storage_cost};
use crate::demand_lanes::add_devices;
use crate::exchange_lanes::ExchangeLanes;
use crate::feeders::Feeder;
use crate::fleet::Fleet;
use crate::gradient::{LagrangianValue, LimitPrices, LimitPricing, PriceScratch, lagrangian_gradient};
use crate::limit_lanes::{LimitLanes, NetworkRatings, Priced};
use crate::returns::{BaseDemand, Limit, PhysicsWorkspace};
use crate::window::Window;
use covolt_grid::{ComplexLanes, FlowOptions, GridBatch, GridError, LANES, Lanes};
use std::sync::Arc;

/// A window and the multipliers of its limits.
#[derive(Debug, Clone, Copy)]
pub struct PricedWindow<'a> {
    /// The window.
    pub window: &'a Window,
    /// Its net demand outside the agents' control.
    pub base: &'a BaseDemand,
    /// Its multipliers.
    pub prices: &'a LimitPrices,
}

/// Memory for [`lagrangian_gradient_batch`] on the fleet as it is; one per thread.
#[derive(Debug)]
pub struct GradientWorkspace {
    /// Settings of the power flow. Default: those of [`FlowOptions`].
    pub options: FlowOptions,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// Balanced radial grids, and grids of several phases.
    Together(Box<Together>),
    /// Balanced grids with loops: window after window.
    OneByOne { physics: Box<PhysicsWorkspace>, scratch: PriceScratch, actions: Vec<Vec<f64>>, gradients: Vec<Vec<f64>> },
}

impl GradientWorkspace {
    /// Memory for `fleet`.
    pub fn new(fleet: &Fleet) -> GradientWorkspace {
        let way = match Together::new(fleet) {
            Ok(together) => Way::Together(Box::new(together)),
            Err(_) => Way::OneByOne {
                physics: Box::new(PhysicsWorkspace::new(fleet)),
                scratch: PriceScratch::default(),
                actions: vec![Vec::new(); fleet.microgrids.len()],
                gradients: vec![Vec::new(); fleet.microgrids.len()],
            },
        };
        GradientWorkspace { options: FlowOptions::default(), way }
    }
}

/// A part of the fleet that is solved by itself: a feeder, or the whole.
#[derive(Debug)]
struct Part {
    /// Number of the feeder; `None` for the whole.
    feeder: Option<usize>,
    /// Index in the whole of each of its ports (buses, in a balanced network) and microgrids.
    ports: Vec<usize>,
    microgrids: Vec<usize>,
    ratings: NetworkRatings,
    exchange: ExchangeLanes,
}

/// Part and index there of a monitored voltage or current of the whole; the source's part is [`NOWHERE`], it has no limits.
type Place = (usize, usize);
const NOWHERE: usize = usize::MAX;

/// A multiplier of one part and step: window, limit as the part numbers it, value.
type Multiplier = (usize, Limit, f64);

#[derive(Debug)]
struct Together {
    batch: GridBatch,
    limits: LimitLanes,
    feeders: Arc<[Feeder]>,
    parts: Vec<Part>,
    place_of_voltage: Vec<Place>,
    place_of_current: Vec<Place>,
    /// Of step t and part p at `p * steps + t`.
    multipliers: Vec<Vec<Multiplier>>,
    order: SlopeOrder,
}

impl Together {
    fn new(fleet: &Fleet) -> Result<Together, GridError> {
        let feeders = fleet.feeders();
        let batch = match &feeders[..] {
            [] => fleet.grid.batch()?,
            [first, rest @ ..] => {
                let mut batch = first.fleet.grid.batch()?;
                rest.iter().try_for_each(|feeder| feeder.fleet.grid.fit_batch(&mut batch))?;
                batch
            }
        };
        let (n_voltages, n_currents) = (fleet.grid.n_voltages(), fleet.grid.n_currents());
        let mut parts = Vec::new();
        let mut place_of_voltage: Vec<Place> = (0..n_voltages).map(|i| (0, i)).collect();
        let mut place_of_current: Vec<Place> = (0..n_currents).map(|i| (0, i)).collect();
        for (f, feeder) in feeders.iter().enumerate() {
            feeder.buses.iter().enumerate().for_each(|(own, &bus)| place_of_voltage[bus] = (f, own));
            feeder.branches.iter().enumerate().for_each(|(own, &branch)| place_of_current[branch] = (f, own));
            parts.push(Part {
                feeder: Some(f),
                ports: feeder.buses.clone(),
                microgrids: feeder.microgrids.clone(),
                ratings: NetworkRatings::new(&feeder.fleet)?,
                exchange: ExchangeLanes::new(&feeder.fleet),
            });
        }
        if feeders.is_empty() {
            parts.push(Part {
                feeder: None,
                ports: (0..fleet.grid.n_ports()).collect(),
                microgrids: (0..fleet.microgrids.len()).collect(),
                ratings: NetworkRatings::new(fleet)?,
                exchange: ExchangeLanes::new(fleet),
            });
        }
        (0..n_voltages).filter(|&i| fleet.grid.is_fixed_voltage(i)).for_each(|i| place_of_voltage[i].0 = NOWHERE);
        Ok(Together {
            batch,
            limits: LimitLanes::default(),
            feeders,
            parts,
            place_of_voltage,
            place_of_current,
            multipliers: Vec::new(),
            order: SlopeOrder::default(),
        })
    }

    /// Values and gradients, part after part.
    fn run<'a>(
        &mut self,
        fleet: &Fleet,
        windows: &[PricedWindow<'_>],
        action: &impl Fn(usize, usize) -> &'a [f64],
        pricing: &LimitPricing,
        options: &FlowOptions,
        answer: &mut GradientAnswer,
    ) -> Result<(), GridError> {
        let (count, steps) = (windows.len(), windows.first().map_or(0, |w| w.window.steps));
        self.sort_multipliers(windows, steps);
        let Together { batch, limits, feeders, parts, multipliers, order, .. } = self;
        let machine = batch.machine();
        order.ends.clear();
        for (part, multipliers) in parts.iter().zip(multipliers.chunks_exact(steps.max(1))) {
            let own = part.feeder.map_or(fleet, |f| &feeders[f].fleet);
            own.grid.fit_batch(batch)?;
            batch.set_scenarios(count);
            limits.open(&part.ratings);
            for (t, multipliers) in multipliers.iter().enumerate().take(steps) {
                part.load_demand(own, windows, action, t, batch.demand_mut());
                let solved = own.grid.solve_batch(batch, options)?;
                if let Some((_, error)) = solved.failures.into_iter().next() {
                    return Err(error);
                }
                let (v, dl_dv) = batch.voltages_and_dl_dv_mut();
                dl_dv.fill(ComplexLanes::ZERO);
                for &(lane, limit, price) in multipliers {
                    if let Some(known) = limits.of(&part.ratings, limit) {
                        known.0[lane] += price;
                    }
                }
                let slopes = &mut answer.slopes[..count];
                let priced = limits.price(machine, own, &part.ratings, pricing, t, v, dl_dv, slopes);
                for &(_, limit, _) in multipliers {
                    if let Some(known) = limits.of(&part.ratings, limit) {
                        *known = Lanes::splat(0.0);
                    }
                }
                note(&priced, &mut answer.values[..count]);
                let base_kva = own.grid.base_kva();
                let weight = |lane: usize, k: usize| {
                    let PricedWindow { window, base, .. }: &PricedWindow<'_> = &windows[lane];
                    base.price_per_kwh(t)[part.microgrids[k]] * window.dt_h * base_kva
                };
                part.exchange.add(machine, weight, v, dl_dv, &mut answer.values[..count]);
                if let Some((_, error)) = own.grid.linearise_adjoint_batch(batch)?.into_iter().next() {
                    return Err(error);
                }
                part.pull_to_actions(own, steps, count, t, batch.demand_gradient(), answer);
            }
            part.add_local_cost(own, windows, action, answer);
            order.close_part(part.feeder.map(|f| &feeders[f]), &mut answer.slopes);
        }
        order.restore(steps, &mut answer.slopes);
        Ok(())
    }

    /// Hands the multipliers of all windows to their parts and steps, in the order of windows.
    fn sort_multipliers(&mut self, windows: &[PricedWindow<'_>], steps: usize) {
        self.multipliers.resize_with(self.parts.len() * steps, Vec::new);
        self.multipliers.iter_mut().for_each(Vec::clear);
        for (lane, window) in windows.iter().enumerate() {
            for &(step, limit, price) in window.prices.entries.iter().filter(|entry| entry.0 < steps) {
                let ((part, _), own) = match limit {
                    Limit::VoltageLow(bus) => {
                        (self.place_of_voltage[bus], Limit::VoltageLow(self.place_of_voltage[bus].1))
                    }
                    Limit::VoltageHigh(bus) => {
                        (self.place_of_voltage[bus], Limit::VoltageHigh(self.place_of_voltage[bus].1))
                    }
                    Limit::Current(branch) => {
                        let place = self.place_of_current[branch];
                        (place, Limit::Current(place.1))
                    }
                };
                if part != NOWHERE {
                    self.multipliers[part * steps + step].push((lane, own, price));
                }
            }
        }
    }
}

/// Puts slopes that were found part by part into the order of the whole: steps, kinds of limits, elements.
#[derive(Debug, Default)]
struct SlopeOrder {
    /// Where each part's slopes end, per window.
    ends: Vec<[usize; LANES]>,
    /// How far each part has been read.
    read: Vec<usize>,
    spare: Vec<(usize, Limit, f64)>,
}

impl SlopeOrder {
    /// Names the slopes of the part that was just solved as the whole does.
    fn close_part(&mut self, feeder: Option<&Feeder>, slopes: &mut [LimitPrices; LANES]) {
        let Some(feeder) = feeder else { return };
        let known = self.ends.last().copied().unwrap_or_default();
        for (slopes, from) in slopes.iter_mut().zip(known) {
            slopes.entries[from..].iter_mut().for_each(|entry| entry.1 = feeder.limit_in_whole(entry.1));
        }
        self.ends.push(std::array::from_fn(|lane| slopes[lane].entries.len()));
    }

    /// Part by part each list is in order already, and the parts' elements usually lie one after the other.
    fn restore(&mut self, steps: usize, slopes: &mut [LimitPrices; LANES]) {
        let Some(parts_but_one) = self.ends.len().checked_sub(1) else { return };
        let kind = |limit: Limit| match limit {
            Limit::VoltageLow(_) => 0,
            Limit::VoltageHigh(_) => 1,
            Limit::Current(_) => 2,
        };
        for (lane, slopes) in slopes.iter_mut().enumerate() {
            self.read.clear();
            self.read.push(0);
            self.read.extend(self.ends[..parts_but_one].iter().map(|ends| ends[lane]));
            self.spare.clear();
            for (step, of_kind) in (0..steps).flat_map(|t| [(t, 0), (t, 1), (t, 2)]) {
                let start = self.spare.len();
                for (read, ends) in self.read.iter_mut().zip(&self.ends) {
                    let rest = &slopes.entries[*read..ends[lane]];
                    let run = rest.iter().take_while(|(t, limit, _)| *t == step && kind(*limit) == of_kind).count();
                    self.spare.extend_from_slice(&rest[..run]);
                    *read += run;
                }
                let key = |entry: &(usize, Limit, f64)| entry.1;
                let found = &mut self.spare[start..];
                if !found.is_sorted_by_key(key) {
                    found.sort_unstable_by_key(key);
                }
            }
            std::mem::swap(&mut slopes.entries, &mut self.spare);
        }
    }
}

/// What the grid answers to the joint actions in up to [`LANES`] windows.
#[derive(Debug, Clone, Default)]
pub struct GradientAnswer {
    /// Cost, priced limits and worst violations, per window.
    pub values: [LagrangianValue; LANES],
    /// Slopes \[lambda + rho g\]+ above zero, per window: estimates of the multipliers.
    pub slopes: [LimitPrices; LANES],
    /// dL/d action: agent after agent, window after window.
    gradient: Vec<f64>,
    /// Where each agent's part starts, and the entries of one action.
    parts: Vec<(usize, usize)>,
}

impl GradientAnswer {
    /// dL/d action of agent `n` in the window of lane `lane`, $ per kW or kvar.
    pub fn gradient(&self, n: usize, lane: usize) -> &[f64] {
        let (start, entries) = self.parts[n];
        &self.gradient[start + lane * entries..start + (lane + 1) * entries]
    }

    fn gradient_mut(&mut self, n: usize, lane: usize) -> &mut [f64] {
        let (start, entries) = self.parts[n];
        &mut self.gradient[start + lane * entries..start + (lane + 1) * entries]
    }

    fn clear(&mut self, fleet: &Fleet, steps: usize) {
        self.values = [LagrangianValue::default(); LANES];
        self.slopes.iter_mut().for_each(|s| s.entries.clear());
        self.parts.clear();
        let mut start = 0;
        for mg in &fleet.microgrids {
            let entries = mg.layout(steps).len();
            self.parts.push((start, entries));
            start += entries * LANES;
        }
        self.gradient.clear();
        self.gradient.resize(start, 0.0);
    }
}

/// Values and gradients of L in `windows` under the joint action `action(lane, n)`.
///
/// # Errors
/// More than [`LANES`] windows, or windows of different lengths; the power flow's own, of the first part of the network, step and window
/// that fails.
pub fn lagrangian_gradient_batch<'a>(
    fleet: &Fleet,
    windows: &[PricedWindow<'_>],
    action: impl Fn(usize, usize) -> &'a [f64],
    pricing: &LimitPricing,
    ws: &mut GradientWorkspace,
    answer: &mut GradientAnswer,
) -> Result<(), GridError> {
    if windows.len() > LANES {
        return Err(GridError::TooManyScenarios { found: windows.len(), most: LANES });
    }
    let steps = windows.first().map_or(0, |w| w.window.steps);
    if let Some(other) = windows.iter().find(|w| w.window.steps != steps) {
        return Err(GridError::UnequalScenarios { quantity: "steps", first: steps, other: other.window.steps });
    }
    answer.clear(fleet, steps);
    match &mut ws.way {
        Way::Together(together) => together.run(fleet, windows, &action, pricing, &ws.options, answer)?,
        Way::OneByOne { physics, scratch, actions, gradients } => {
            physics.options = ws.options;
            for (lane, w) in windows.iter().enumerate() {
                for (n, (own, gradient)) in actions.iter_mut().zip(gradients.iter_mut()).enumerate() {
                    own.clear();
                    own.extend_from_slice(action(lane, n));
                    gradient.resize(own.len(), 0.0);
                }
                let PricedWindow { window, base, prices } = *w;
                answer.values[lane] =
                    lagrangian_gradient(fleet, window, base, actions, prices, pricing, physics, scratch, gradients)?;
                answer.slopes[lane].entries.extend_from_slice(&scratch.slopes.entries);
                for (n, gradient) in gradients.iter().enumerate() {
                    answer.gradient_mut(n, lane).copy_from_slice(gradient);
                }
            }
        }
    }
    Ok(())
}

fn note(priced: &Priced, values: &mut [LagrangianValue]) {
    for (lane, value) in values.iter_mut().enumerate() {
        value.priced += priced.sum.0[lane];
        value.voltage_violation_pu = value.voltage_violation_pu.max(priced.voltage_excess.0[lane]);
        value.current_violation = value.current_violation.max(priced.current_excess.0[lane]);
    }
}

/// `own` is the part's fleet; windows, actions and answers are those of the whole.
impl Part {
    /// Net demand of step `t` of every window.
    fn load_demand<'a>(
        &self,
        own: &Fleet,
        windows: &[PricedWindow<'_>],
        action: &impl Fn(usize, usize) -> &'a [f64],
        t: usize,
        demand: &mut [ComplexLanes],
    ) {
        for (lane, w) in windows.iter().enumerate() {
            let (p, q) = w.base.step(t);
            for (demand, &port) in demand.iter_mut().zip(&self.ports) {
                demand.re.0[lane] = p[port];
                demand.im.0[lane] = q[port];
            }
            add_devices(own, |n| action(lane, self.microgrids[n]), w.window.steps, t, lane, demand);
        }
    }

    /// Chain rule through (32), (33) at step `t` of every window.
    fn pull_to_actions(
        &self,
        own: &Fleet,
        steps: usize,
        count: usize,
        t: usize,
        dl_ds: &[ComplexLanes],
        answer: &mut GradientAnswer,
    ) {
        let per_kva = 1.0 / own.grid.base_kva();
        for (mg, &n) in own.microgrids.iter().zip(&self.microgrids) {
            let layout = mg.layout(steps);
            for lane in 0..count {
                let gradient = answer.gradient_mut(n, lane);
                mg.for_each_device(&layout, t, |port, active, reactive, sign| {
                    if let Some(active) = active {
                        gradient[active] += sign * dl_ds[port.0].re.0[lane] * per_kva;
                    }
                    gradient[reactive] += sign * dl_ds[port.0].im.0[lane] * per_kva;
                });
            }
        }
    }

    /// Fuel and stored energy; the latter's kink needs the rest of the gradient to stand there already.
    fn add_local_cost<'a>(
        &self,
        own: &Fleet,
        windows: &[PricedWindow<'_>],
        action: &impl Fn(usize, usize) -> &'a [f64],
        answer: &mut GradientAnswer,
    ) {
        for (lane, w) in windows.iter().enumerate() {
            for (mg, &n) in own.microgrids.iter().zip(&self.microgrids) {
                let (layout, dt_h) = (mg.layout(w.window.steps), w.window.dt_h);
                let (action, gradient) = (action(lane, n), answer.gradient_mut(n, lane));
                let local = fuel_cost(mg, dt_h, &layout, action, Some(&mut *gradient))
                    + storage_cost(mg, &w.window.microgrids[n], dt_h, &layout, action, Some(gradient));
                answer.values[lane].cost += local;
            }
        }
    }
}

//! The batched gradient gives the numbers of the single one, window by window, and allocates nothing once warm.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

mod common;
#[path = "../../covolt-optimum/tests/built_in/copies.rs"]
mod copies;
#[path = "common/phases.rs"]
mod phases;

use common::*;
use copies::copies;
use covolt_fleet::*;
use covolt_grid::{BranchIndex, Bus, BusIndex, DistributionGrid, Grid, GridError, LANES, Network, Source};
use phases::uneven_fleet;
use rand::RngExt;

const TOLERANCE_PU: f64 = 1e-13;

/// Windows with multipliers and joint actions, limits so narrow that all kinds are violated somewhere.
struct Drawn {
    fleet: Fleet,
    pricing: LimitPricing,
    windows: Vec<Window>,
    bases: Vec<BaseDemand>,
    prices: Vec<LimitPrices>,
    actions: Vec<Vec<Vec<f64>>>,
}

fn drawn(count: usize, steps: usize, seed: u64) -> Drawn {
    drawn_on(fleet(), count, steps, seed)
}

fn drawn_on(mut fleet: Fleet, count: usize, steps: usize, seed: u64) -> Drawn {
    let mut limits = NetworkLimits::uniform(&fleet.grid, 1.0, 1.02);
    limits.i_max_pu.iter_mut().for_each(|i| *i /= 12.0);
    fleet.limits = limits;
    drawn_within(fleet, count, steps, seed)
}

/// With the limits that the fleet has.
fn drawn_within(fleet: Fleet, count: usize, steps: usize, seed: u64) -> Drawn {
    let mut draw = rng(seed);
    let pricing =
        LimitPricing { voltage_curvature: 4e3, current_curvature: 30.0, voltage_margin_pu: 2e-4, current_margin: 1e-3 };
    let windows: Vec<Window> = (0..count).map(|w| window(&fleet, steps, seed + 10 * w as u64)).collect();
    let bases = windows.iter().map(|w| BaseDemand::new(&fleet, w)).collect();
    let prices = (0..count)
        .map(|_| {
            let mut entries = Vec::new();
            for t in 0..steps {
                for bus in (1..fleet.grid.n_voltages()).filter(|_| draw.random_bool(0.2)).collect::<Vec<_>>() {
                    entries.push((t, Limit::VoltageLow(bus), draw.random_range(0.0..30.0)));
                    entries.push((t, Limit::VoltageHigh(bus), draw.random_range(0.0..30.0)));
                }
                for branch in (0..fleet.grid.n_currents()).filter(|_| draw.random_bool(0.2)).collect::<Vec<_>>() {
                    entries.push((t, Limit::Current(branch), draw.random_range(0.0..5.0)));
                }
            }
            LimitPrices { entries }
        })
        .collect();
    let actions = (0..count).map(|_| random_raw(&fleet, steps, 60.0, &mut draw)).collect();
    Drawn { fleet, pricing, windows, bases, prices, actions }
}

impl Drawn {
    fn priced(&self) -> Vec<PricedWindow<'_>> {
        let of = |w| PricedWindow { window: &self.windows[w], base: &self.bases[w], prices: &self.prices[w] };
        (0..self.windows.len()).map(of).collect()
    }

    fn batch(&self, ws: &mut GradientWorkspace, answer: &mut GradientAnswer) -> Result<(), GridError> {
        let action = |lane: usize, n: usize| self.actions[lane][n].as_slice();
        lagrangian_gradient_batch(&self.fleet, &self.priced(), action, &self.pricing, ws, answer)
    }

    fn workspace(&self) -> GradientWorkspace {
        let mut ws = GradientWorkspace::new(&self.fleet);
        ws.options.tolerance_pu = TOLERANCE_PU;
        ws
    }
}

/// Three feeders that meet at the source, their buses and branches one after the other.
fn three_feeders() -> Fleet {
    let one = fleet();
    let windows = [1, 2, 3].map(|seed| window(&one, 1, seed));
    copies(&one, &windows, None, 1.0).0
}

/// The same fleet with buses and branches in an order in which feeders are mixed.
fn mixed(fleet: &Fleet) -> Fleet {
    let network = fleet.grid.balanced().unwrap().network();
    // Every seventh one, then every seventh beginning with the next, and so on.
    let order = |count: usize| (0..7).flat_map(|first| (first..count).step_by(7)).collect::<Vec<_>>();
    let inverse = |order: &[usize]| {
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &old)| place[old] = at);
        place
    };
    let (buses, branches) = (order(network.buses().len()), order(network.branches().len()));
    let (place, branch_place) = (inverse(&buses), inverse(&branches));
    let bus = |b: BusIndex| BusIndex(place[b.0]);
    let new_buses: Vec<Bus> = buses.iter().map(|&b| network.buses()[b].clone()).collect();
    let new_branches = branches.iter().map(|&b| {
        let mut branch = network.branches()[b].clone();
        (branch.from, branch.to) = (bus(branch.from), bus(branch.to));
        branch
    });
    let source = Source { bus: bus(network.source().bus), ..network.source().clone() };
    let (base_mva, f_hz) = (network.base_mva(), network.f_hz());
    let new = Network::try_new("mixed", base_mva, f_hz, new_buses, new_branches.collect(), Vec::new(), source).unwrap();
    let mut microgrids = fleet.microgrids.clone();
    for mg in &mut microgrids {
        mg.pcc = BranchIndex(branch_place[mg.pcc.0]);
        mg.buses.iter_mut().for_each(|b| *b = bus(*b));
        mg.dgs.iter_mut().for_each(|d| d.connection = bus(d.connection.bus()).into());
        mg.pvs.iter_mut().for_each(|d| d.connection = bus(d.connection.bus()).into());
        mg.batteries.iter_mut().for_each(|d| d.connection = bus(d.connection.bus()).into());
        mg.loads.iter_mut().for_each(|d| d.connection = bus(d.connection.bus()).into());
    }
    let mut loads = fleet.feeder_loads.clone();
    loads.iter_mut().for_each(|load| load.connection = bus(load.connection.bus()).into());
    let grid = DistributionGrid::from(Grid::new(new).unwrap());
    let limits = NetworkLimits::uniform(&grid, 1.0, 1.02);
    Fleet::try_new(grid, microgrids, loads, limits).unwrap()
}

#[test]
fn law_batched_gradient_equals_the_single_one() {
    let mut all: Vec<Drawn> =
        [(LANES, 4, 1), (1, 4, 2), (5, 1, 3), (3, 16, 4)].map(|(count, steps, seed)| drawn(count, steps, seed)).into();
    // A pure Lagrangian.
    let pricing = LimitPricing { voltage_curvature: 0.0, current_curvature: 0.0, ..all[0].pricing };
    all.push(Drawn { pricing, ..drawn(LANES, 2, 5) });
    equal_single_gradients(all);
}

#[test]
fn law_batched_gradient_equals_the_single_one_on_many_feeders() {
    assert_eq!((three_feeders().feeders().len(), mixed(&three_feeders()).feeders().len()), (3, 3));
    equal_single_gradients(vec![
        drawn_on(three_feeders(), LANES, 4, 11),
        drawn_on(three_feeders(), 3, 2, 12),
        drawn_on(mixed(&three_feeders()), LANES, 4, 13),
    ]);
}

#[test]
fn law_batched_gradient_equals_the_single_one_on_several_phases() {
    let mut all: Vec<Drawn> = [(LANES, 4, 21), (1, 4, 22), (5, 1, 23)]
        .map(|(count, steps, seed)| drawn_within(uneven_fleet(), count, steps, seed))
        .into();
    // A pure Lagrangian.
    let pricing = LimitPricing { voltage_curvature: 0.0, current_curvature: 0.0, ..all[0].pricing };
    all.push(Drawn { pricing, ..drawn_within(uneven_fleet(), LANES, 2, 24) });
    assert!(all[0].fleet.grid.multiphase().is_some());
    equal_single_gradients(all);
}

fn equal_single_gradients(all: Vec<Drawn>) {
    let (mut priced, mut violated) = (0.0, 0);
    for drawn in all {
        let count = drawn.windows.len();
        let mut answer = GradientAnswer::default();
        drawn.batch(&mut drawn.workspace(), &mut answer).unwrap();
        let mut ws = PhysicsWorkspace::new(&drawn.fleet);
        ws.options.tolerance_pu = TOLERANCE_PU;
        let mut scratch = PriceScratch::default();
        for lane in 0..count {
            let actions = &drawn.actions[lane];
            let mut gradients: Vec<Vec<f64>> = actions.iter().map(|a| vec![f64::NAN; a.len()]).collect();
            let value = lagrangian_gradient(
                &drawn.fleet,
                &drawn.windows[lane],
                &drawn.bases[lane],
                actions,
                &drawn.prices[lane],
                &drawn.pricing,
                &mut ws,
                &mut scratch,
                &mut gradients,
            )
            .unwrap();
            let found = answer.values[lane];
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-10 * b.abs().max(1.0);
            assert!(close(found.cost, value.cost), "cost {} and {}", found.cost, value.cost);
            assert!(close(found.priced, value.priced), "priced {} and {}", found.priced, value.priced);
            assert!(close(found.voltage_violation_pu, value.voltage_violation_pu));
            assert!(close(found.current_violation, value.current_violation));
            priced += value.priced.abs();
            violated += usize::from(value.voltage_violation_pu > 0.0) + usize::from(value.current_violation > 0.0);
            scratch.slopes.entries.sort_by_key(|&(t, limit, _)| (t, limit));
            let keys = |p: &LimitPrices| p.entries.iter().map(|&(t, limit, _)| (t, limit)).collect::<Vec<_>>();
            assert_eq!(keys(&answer.slopes[lane]), keys(&scratch.slopes));
            for (a, b) in answer.slopes[lane].entries.iter().zip(&scratch.slopes.entries) {
                assert!(close(a.2, b.2), "slope {} and {}", a.2, b.2);
            }
            let largest = gradients.iter().flatten().fold(0.0, |m: f64, g| m.max(g.abs()));
            for (n, gradient) in gradients.iter().enumerate() {
                for (a, b) in answer.gradient(n, lane).iter().zip(gradient) {
                    assert!((a - b).abs() <= 1e-10 * largest, "agent {n}, window {lane}: {a} and {b}");
                }
            }
        }
    }
    assert!(priced > 1.0 && violated > 10, "limits must matter: {priced}, {violated}");
}

#[test]
fn law_a_window_does_not_depend_on_its_neighbours() {
    independent(&drawn(LANES, 4, 7));
    independent(&drawn_within(uneven_fleet(), LANES, 4, 7));
}

fn independent(drawn_all: &Drawn) {
    let mut ws = GradientWorkspace::new(&drawn_all.fleet);
    ws.options.tolerance_pu = 1e-8;
    let (mut together, mut alone) = (GradientAnswer::default(), GradientAnswer::default());
    drawn_all.batch(&mut ws, &mut together).unwrap();
    for lane in 0..LANES {
        let action = |_: usize, n: usize| drawn_all.actions[lane][n].as_slice();
        let window = &drawn_all.priced()[lane..lane + 1];
        lagrangian_gradient_batch(&drawn_all.fleet, window, action, &drawn_all.pricing, &mut ws, &mut alone).unwrap();
        assert_eq!(alone.values[0], together.values[lane]);
        assert_eq!(alone.slopes[0], together.slopes[lane]);
        for n in 0..drawn_all.fleet.microgrids.len() {
            assert_eq!(alone.gradient(n, 0), together.gradient(n, lane));
        }
    }
}

#[test]
fn law_batched_gradient_allocates_nothing_once_warm() {
    for drawn in [drawn(LANES, 4, 8), drawn_on(three_feeders(), LANES, 4, 8), drawn_within(uneven_fleet(), LANES, 4, 8)]
    {
        let (mut ws, mut answer) = (drawn.workspace(), GradientAnswer::default());
        // Lists of slopes change places among windows until each is long enough for all.
        for _ in 0..2 * LANES {
            drawn.batch(&mut ws, &mut answer).unwrap();
        }
        let (priced, action) = (drawn.priced(), |lane: usize, n: usize| drawn.actions[lane][n].as_slice());
        let counted = allocation_counter::measure(|| {
            lagrangian_gradient_batch(&drawn.fleet, &priced, action, &drawn.pricing, &mut ws, &mut answer).unwrap();
        });
        assert_eq!(counted.count_total, 0);
    }
}

#[test]
fn regress_windows_beyond_a_batch_are_refused() {
    let nine = drawn(LANES + 1, 2, 10);
    let (mut ws, mut answer) = (nine.workspace(), GradientAnswer::default());
    let refused = Err(GridError::TooManyScenarios { found: LANES + 1, most: LANES });
    assert_eq!(nine.batch(&mut ws, &mut answer), refused);
    let (two, three) = (drawn(1, 2, 10), drawn(1, 3, 10));
    let unequal = [two.priced()[0], three.priced()[0]];
    let action = |lane: usize, n: usize| [&two, &three][lane].actions[0][n].as_slice();
    let found = lagrangian_gradient_batch(&two.fleet, &unequal, action, &two.pricing, &mut ws, &mut answer);
    assert_eq!(found, Err(GridError::UnequalScenarios { quantity: "steps", first: 2, other: 3 }));
}

#[test]
fn law_a_window_without_solution_is_the_power_flows_error() {
    let mut drawn = drawn(3, 2, 9);
    drawn.actions[1][0].iter_mut().for_each(|a| *a = 1e9);
    let result = drawn.batch(&mut drawn.workspace(), &mut GradientAnswer::default());
    assert!(matches!(result, Err(GridError::NoSolution { .. })), "{result:?}");
}

#[test]
fn law_multipliers_move_as_a_sum_over_both_lists() {
    let prices = |list: &[(usize, Limit, f64)]| LimitPrices { entries: list.to_vec() };
    let (low, high, current) = (Limit::VoltageLow(3), Limit::VoltageHigh(2), Limit::Current(1));
    let mut moved = prices(&[(0, low, 10.0), (1, current, 1e-3), (1, high, 4.0)]);
    // Not in order, above the cap, and new.
    let mut estimate = prices(&[(1, high, 8.0), (0, current, 500.0), (0, low, 20.0)]);
    let mut spare = LimitPrices::default();
    moved.move_towards(&mut estimate, 0.25, 100.0, &mut spare);
    assert_eq!(moved, prices(&[(0, low, 12.5), (0, current, 25.0), (1, high, 5.0)]));
    // Without an estimate they fade.
    moved.move_towards(&mut LimitPrices::default(), 0.5, 100.0, &mut spare);
    assert_eq!(moved, prices(&[(0, low, 6.25), (0, current, 12.5), (1, high, 2.5)]));
}

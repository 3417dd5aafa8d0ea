//! Power flow and gradients across the seam: a few exchanges give what the undivided network gives.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::feeder_flow::solve_feeder;
use covolt_fleet::pcc_answer::answer_voltages;
use covolt_fleet::seam::{Seam, cut_at_pccs};
use covolt_fleet::*;
use covolt_grid::{BusIndex, FlowOptions, LANES};
use rand::RngExt;

const PRICING: LimitPricing =
    LimitPricing { voltage_curvature: 4e3, current_curvature: 30.0, voltage_margin_pu: 2e-4, current_margin: 1e-3 };

/// Windows of the whole with multipliers and actions; limits so narrow that all kinds are violated somewhere.
struct Whole {
    fleet: Fleet,
    windows: Vec<Window>,
    prices: Vec<LimitPrices>,
    actions: Vec<Vec<Vec<f64>>>,
}

fn whole(count: usize, steps: usize, seed: u64) -> Whole {
    let mut fleet = fleet();
    let mut limits = NetworkLimits::uniform(&fleet.grid, 1.0, 1.02);
    limits.i_max_pu.iter_mut().for_each(|i| *i /= 12.0);
    fleet.limits = limits;
    let mut draw = rng(seed);
    let windows: Vec<Window> = (0..count).map(|w| window(&fleet, steps, seed + 10 * w as u64)).collect();
    let mut prices = vec![LimitPrices::default(); count];
    for own in &mut prices {
        for t in 0..steps {
            for bus in 1..fleet.grid.n_voltages() {
                own.entries.push((t, Limit::VoltageLow(bus), draw.random_range(0.0..30.0)));
                own.entries.push((t, Limit::VoltageHigh(bus), draw.random_range(0.0..30.0)));
            }
            for branch in 0..fleet.grid.n_currents() {
                own.entries.push((t, Limit::Current(branch), draw.random_range(0.0..5.0)));
            }
        }
    }
    let actions = windows
        .iter()
        .map(|w| {
            let raw = random_raw(&fleet, steps, 300.0, &mut draw);
            feasible(&fleet, w, &raw)
        })
        .collect();
    Whole { fleet, windows, prices, actions }
}

/// The multipliers of a part's own limits.
fn own_prices(whole: &LimitPrices, buses: &[usize], branches: &[usize], source: usize) -> LimitPrices {
    let bus_at = |i: usize| buses.iter().position(|&b| b == i).filter(|&at| at != source);
    let own = |limit: Limit| match limit {
        Limit::VoltageLow(i) => bus_at(i).map(Limit::VoltageLow),
        Limit::VoltageHigh(i) => bus_at(i).map(Limit::VoltageHigh),
        Limit::Current(i) => branches.iter().position(|&b| b == i).map(Limit::Current),
    };
    let entries = whole.entries.iter().filter_map(|&(t, l, price)| own(l).map(|l| (t, l, price))).collect();
    LimitPrices { entries }
}

struct Parts {
    seam: Seam,
    pccs: Vec<BusIndex>,
    windows: Vec<Vec<Window>>,
    bases: Vec<Vec<BaseDemand>>,
    prices: Vec<Vec<LimitPrices>>,
}

/// Agents first, the operator last.
fn parts(whole: &Whole) -> Parts {
    let seam = cut_at_pccs(&whole.fleet).unwrap();
    let pccs = seam.operator.pccs.iter().map(|pcc| pcc.bus).collect();
    let (mut windows, mut bases, mut prices) = (Vec::new(), Vec::new(), Vec::new());
    for (n, part) in seam.agents.iter().enumerate() {
        let of_agent = |w: &Window| Window {
            feeder_p_kw: Vec::new(),
            feeder_q_kvar: Vec::new(),
            microgrids: vec![w.microgrids[n].clone()],
            ..w.clone()
        };
        let own: Vec<Window> = whole.windows.iter().map(of_agent).collect();
        bases.push(own.iter().map(|w| BaseDemand::new(&part.fleet, w)).collect());
        windows.push(own);
        prices.push(whole.prices.iter().map(|p| own_prices(p, &part.buses, &part.branches, 0)).collect());
    }
    let part = &seam.operator;
    let own: Vec<Window> = whole.windows.iter().map(|w| Window { microgrids: Vec::new(), ..w.clone() }).collect();
    bases.push(own.iter().map(|w| BaseDemand::new(&part.fleet, w)).collect());
    windows.push(own);
    prices.push(whole.prices.iter().map(|p| own_prices(p, &part.buses, &part.branches, usize::MAX)).collect());
    Parts { seam, pccs, windows, bases, prices }
}

fn priced<'a>(windows: &'a [Window], bases: &'a [BaseDemand], prices: &'a [LimitPrices]) -> Vec<PricedWindow<'a>> {
    (windows.iter().zip(bases).zip(prices))
        .map(|((window, base), prices)| PricedWindow { window, base, prices })
        .collect()
}

#[test]
fn law_a_few_exchanges_give_the_gradients_of_the_undivided_network() {
    let (count, steps) = (LANES - 1, 3);
    let whole = whole(count, steps, 5);
    let parts = parts(&whole);
    let n_pcc = parts.pccs.len();
    let tight = FlowOptions { tolerance_pu: 1e-13, ..FlowOptions::default() };
    let (mut workspaces, mut answers): (Vec<AnswerWorkspace>, Vec<PccAnswer>) =
        parts.seam.agents.iter().map(|p| (AnswerWorkspace::new(&p.fleet).unwrap(), PccAnswer::default())).unzip();
    workspaces.iter_mut().for_each(|ws| ws.options = tight);
    let mut feeder_ws = FeederWorkspace::new(&parts.seam.operator.fleet).unwrap();
    feeder_ws.options = tight;
    let mut feeder = FeederAnswer::default();
    let mut v_pu = vec![1.0; count * steps * n_pcc];
    let mut distances = Vec::new();
    for _ in 0..4 {
        let mut points = vec![PccPoint::default(); v_pu.len()];
        for (n, part) in parts.seam.agents.iter().enumerate() {
            let windows = priced(&parts.windows[n], &parts.bases[n], &parts.prices[n]);
            let voltage = |lane: usize, t: usize| v_pu[(lane * steps + t) * n_pcc + n];
            let action = |lane: usize| whole.actions[lane][n].as_slice();
            answer_voltages(&part.fleet, &windows, voltage, action, &PRICING, &mut workspaces[n], &mut answers[n])
                .unwrap();
            for lane in 0..count {
                for (t, point) in answers[n].points(lane).iter().enumerate() {
                    points[(lane * steps + t) * n_pcc + n] = *point;
                }
            }
        }
        let windows = priced(&parts.windows[n_pcc], &parts.bases[n_pcc], &parts.prices[n_pcc]);
        let part = &parts.seam.operator.fleet;
        solve_feeder(part, &parts.pccs, &windows, &points, &PRICING, &mut feeder_ws, &mut feeder).unwrap();
        distances.push(feeder.distance_pu);
        v_pu.copy_from_slice(&feeder.v_pu);
    }
    println!("distances over exchanges: {distances:?}");
    assert!(distances[1] < 1e-5 && distances[2] < 1e-9 && distances[3] < 1e-12);

    let mut ws = PhysicsWorkspace::new(&whole.fleet);
    ws.options = tight;
    let mut scratch = PriceScratch::default();
    let mut worst = 0.0_f64;
    for lane in 0..count {
        let base = BaseDemand::new(&whole.fleet, &whole.windows[lane]);
        let mut gradients: Vec<Vec<f64>> = whole.actions[lane].iter().map(|a| vec![0.0; a.len()]).collect();
        let (window, actions, prices) = (&whole.windows[lane], &whole.actions[lane], &whole.prices[lane]);
        let fleet = &whole.fleet;
        let value =
            lagrangian_gradient(fleet, window, &base, actions, prices, &PRICING, &mut ws, &mut scratch, &mut gradients)
                .unwrap();
        let sum = |of: fn(&LagrangianValue) -> f64| -> f64 {
            answers.iter().map(|a| of(&a.values[lane])).sum::<f64>() + of(&feeder.values[lane])
        };
        assert!((sum(|v| v.cost) - value.cost).abs() < 1e-8 * value.cost.abs().max(1.0));
        assert!((sum(|v| v.priced) - value.priced).abs() < 1e-8 * value.priced.abs().max(1.0));
        for (n, gradient) in gradients.iter().enumerate() {
            let prices: Vec<(f64, f64)> = (0..steps).map(|t| feeder.prices[(lane * steps + t) * n_pcc + n]).collect();
            let mut own = vec![0.0; gradient.len()];
            answers[n].gradient(lane, &prices, &mut own);
            let scale = gradient.iter().fold(1e-3_f64, |m, g| m.max(g.abs()));
            for (own, whole) in own.iter().zip(gradient) {
                worst = worst.max((own - whole).abs() / scale);
            }
        }
    }
    println!("gradients: {worst:.1e}");
    assert!(worst < 1e-8, "{worst:.1e}");
}

#[test]
fn fd_derivatives_by_the_pcc_voltage() {
    let steps = 2;
    let whole = whole(1, steps, 9);
    let parts = parts(&whole);
    for (n, part) in parts.seam.agents.iter().enumerate() {
        let mut ws = AnswerWorkspace::new(&part.fleet).unwrap();
        ws.options.tolerance_pu = 1e-13;
        let windows = priced(&parts.windows[n], &parts.bases[n], &parts.prices[n]);
        let mut points = |u: f64| {
            let mut answer = PccAnswer::default();
            let action = |lane: usize| whole.actions[lane][n].as_slice();
            answer_voltages(&part.fleet, &windows, |_, t| u + 0.01 * t as f64, action, &PRICING, &mut ws, &mut answer)
                .unwrap();
            let value = answer.values[0];
            (answer.points(0).to_vec(), value.cost + value.priced)
        };
        let here = points(1.013).0;
        for (t, point) in here.iter().enumerate() {
            let by = |of: fn(&PccPoint) -> f64, points: &mut dyn FnMut(f64) -> (Vec<PccPoint>, f64)| {
                difference(1e-5, |h| of(&points(1.013 + h).0[t]))
            };
            let (p, q) = (by(|p| p.p_kw, &mut points), by(|p| p.q_kvar, &mut points));
            assert!((p - point.dp_dv).abs() < 1e-5 * (1.0 + p.abs()), "dP/du {p} {}", point.dp_dv);
            assert!((q - point.dq_dv).abs() < 1e-5 * (1.0 + q.abs()), "dQ/du {q} {}", point.dq_dv);
        }
        // L is a sum over steps whose voltages move together here.
        let l = difference(1e-6, |h| points(1.013 + h).1);
        let sum: f64 = here.iter().map(|p| p.dl_dv).sum();
        assert!((l - sum).abs() < 1e-5 * (1.0 + l.abs()), "dL/du {l} {sum}");
    }
}

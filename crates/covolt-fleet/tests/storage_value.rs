//! The value of stored energy: the exact dynamic program against one on a grid of states of charge, its concavity, the
//! path that earns it, and how far it may be off where prices are negative.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::storage_value::{StorageValue, price_taker_path};
use covolt_fleet::*;
use rand::RngExt;

const DT_H: f64 = 0.25;

/// A battery whose steps and breakpoints fall on multiples of [`LATTICE`], so that the program on that grid is exact:
/// charging fills 0.1 of it in a step, discharging empties 0.125.
fn lattice_battery() -> Battery {
    Battery {
        id: "lattice".into(),
        connection: bus("A1").into(),
        capacity_kwh: 100.0,
        soc_min: 0.1,
        soc_max: 0.9,
        p_charge_max_kw: 50.0,
        p_discharge_max_kw: 40.0,
        eta_charge: 0.8,
        eta_discharge: 0.8,
        q_max_kvar: 10.0,
        s_max_kva: None,
    }
}

const LATTICE: f64 = 0.025;

/// A battery whose numbers fit no grid.
fn odd_battery() -> Battery {
    Battery {
        capacity_kwh: 137.0,
        soc_min: 0.07,
        soc_max: 0.93,
        p_charge_max_kw: 41.0,
        p_discharge_max_kw: 67.0,
        eta_charge: 0.937,
        eta_discharge: 0.921,
        ..lattice_battery()
    }
}

/// $ earned in one step by a change `d` of the state of charge.
fn reward(battery: &Battery, price: f64, d: f64) -> f64 {
    let grid_kwh = battery.capacity_kwh * if d > 0.0 { d / battery.eta_charge } else { d * battery.eta_discharge };
    -price * grid_kwh
}

/// Value of every one of `points` states of charge by exhaustive search over all changes between them; absolute, with
/// `end` for what is left.
fn on_a_grid(battery: &Battery, prices: &[f64], end: &TerminalValue, points: usize) -> Vec<(f64, f64)> {
    let step = (battery.soc_max - battery.soc_min) / (points - 1) as f64;
    let soc = |i: usize| battery.soc_min + step * i as f64;
    let charge = battery.p_charge_max_kw * battery.eta_charge * DT_H / battery.capacity_kwh;
    let discharge = battery.p_discharge_max_kw / battery.eta_discharge * DT_H / battery.capacity_kwh;
    let up = (charge / step + 1e-6).floor() as usize;
    let down = (discharge / step + 1e-6).floor() as usize;
    let mut value: Vec<f64> = (0..points).map(|i| end.value(soc(i)) - end.value(0.0)).collect();
    for &price in prices.iter().rev() {
        value = (0..points)
            .map(|i| {
                (i.saturating_sub(down)..=(i + up).min(points - 1))
                    .map(|j| reward(battery, price, (j as f64 - i as f64) * step) + value[j])
                    .fold(f64::NEG_INFINITY, f64::max)
            })
            .collect();
    }
    value.into_iter().enumerate().map(|(i, v)| (soc(i), v)).collect()
}

fn lattice_points() -> usize {
    (0.8 / LATTICE).round() as usize + 1
}

fn terminals() -> Vec<TerminalValue> {
    vec![
        TerminalValue::linear(0.0),
        TerminalValue::linear(22.0),
        TerminalValue { breakpoints: vec![0.1, 0.3, 0.55, 0.9], slopes: vec![40.0, 21.0, 3.0] },
        // Reaches beyond the battery's range, and falls at the top.
        TerminalValue { breakpoints: vec![0.0, 0.2, 0.7, 1.0], slopes: vec![60.0, 15.0, -4.0] },
    ]
}

/// Price series in $/kWh; the last ones with negative hours.
fn price_series() -> Vec<Vec<f64>> {
    let mut rng = rng(77);
    let mut series = vec![
        vec![],
        vec![0.2],
        vec![0.1, 0.4],
        vec![0.3; 6],
        vec![0.4, 0.35, 0.1, 0.05, 0.2, 0.6, 0.5, 0.1],
        vec![0.0, 0.0, 0.3, 0.0],
        vec![-0.05],
        vec![0.2, -0.1, 0.3, -0.02, -0.02, 0.5],
        vec![-0.3, -0.1, -0.2],
    ];
    for low in [0.0, -0.3] {
        series.extend((0..6).map(|_| (0..40).map(|_| rng.random_range(low..0.5)).collect::<Vec<f64>>()));
    }
    series
}

/// What a battery that charged and discharged at once would earn at most, $: the error that negative prices may cause.
fn burning_earns(battery: &Battery, prices: &[f64]) -> f64 {
    let charge = battery.p_charge_max_kw * battery.eta_charge * DT_H / battery.capacity_kwh;
    let discharge = battery.p_discharge_max_kw / battery.eta_discharge * DT_H / battery.capacity_kwh;
    let lost_kwh = battery.capacity_kwh * charge * discharge / (charge + discharge)
        * (1.0 / battery.eta_charge - battery.eta_discharge);
    prices.iter().map(|price| (-price).max(0.0) * lost_kwh).sum()
}

fn differences(values: &[(f64, f64)]) -> Vec<(f64, f64)> {
    values.iter().map(|(s, v)| (*s, v - values[0].1)).collect()
}

#[test]
fn law_storage_value_is_that_of_an_exhaustive_search() {
    let battery = lattice_battery();
    let mut program = StorageValue::default();
    for prices in price_series().into_iter().filter(|prices| burning_earns(&battery, prices) == 0.0) {
        for end in terminals() {
            let found = program.backward(&battery, &prices, DT_H, &end);
            let expected = on_a_grid(&battery, &prices, &end, lattice_points());
            for (soc, value) in differences(&expected) {
                let at = found.value(soc);
                assert!((at - value).abs() < 1e-7, "prices {prices:?}, end {end:?}, at {soc}: {at} instead of {value}");
            }
        }
    }
}

#[test]
fn law_storage_value_is_the_limit_of_finer_and_finer_grids() {
    let battery = odd_battery();
    let mut program = StorageValue::default();
    let mut rng = rng(78);
    for high in [0.5, 0.2] {
        let prices: Vec<f64> = (0..12).map(|_| rng.random_range(0.0..high)).collect();
        let end = concave_value();
        let found = program.backward(&battery, &prices, DT_H, &end);
        // A grid rounds every change down, so it earns less, by at most a step's worth a time.
        let error = |points: usize| {
            let expected = on_a_grid(&battery, &prices, &end, points);
            (differences(&expected).iter()).map(|(s, v)| (found.value(*s) - v).abs()).fold(0.0, f64::max)
        };
        let (coarse, fine) = (error(201), error(1601));
        println!("error of the grid: {coarse:.4} $ with 201 points, {fine:.4} $ with 1601");
        assert!(fine < 0.3 * coarse && fine < 0.08, "{coarse} {fine}");
    }
}

#[test]
fn law_storage_value_is_concave_and_spans_the_range() {
    let mut program = StorageValue::default();
    for battery in [lattice_battery(), odd_battery()] {
        for prices in price_series() {
            for end in terminals() {
                let value = program.backward(&battery, &prices, DT_H, &end);
                assert_eq!(value.breakpoints.len(), value.slopes.len() + 1);
                assert!(value.slopes.windows(2).all(|s| s[0] > s[1]), "{:?}", value.slopes);
                assert!(value.breakpoints.windows(2).all(|b| b[0] < b[1]), "{:?}", value.breakpoints);
                assert!((value.breakpoints[0] - battery.soc_min).abs() < 1e-12);
                assert!((value.breakpoints[value.slopes.len()] - battery.soc_max).abs() < 1e-9);
            }
        }
    }
}

/// $ earned along a path from `soc`, with the limits checked.
fn earned(battery: &Battery, start: f64, prices: &[f64], end: &TerminalValue, path: &[f64]) -> f64 {
    let mut soc = start;
    let mut total = 0.0;
    for (&price, &p) in prices.iter().zip(path) {
        assert!(p <= battery.p_charge_max_kw && -p <= battery.p_discharge_max_kw);
        total -= price * p * DT_H;
        soc += battery.soc_change(p, DT_H);
        assert!(soc >= battery.soc_min - 1e-9 && soc <= battery.soc_max + 1e-9, "soc {soc}");
    }
    total + end.value(soc) - end.value(0.0)
}

#[test]
fn law_price_taker_path_earns_the_value() {
    for (battery, points) in [(lattice_battery(), lattice_points()), (odd_battery(), 0)] {
        for prices in price_series() {
            for end in terminals() {
                let value = StorageValue::default().backward(&battery, &prices, DT_H, &end);
                let walk = |soc: f64| {
                    let mut path = vec![f64::NAN; prices.len()];
                    price_taker_path(&battery, soc, &prices, DT_H, &end, &mut path);
                    earned(&battery, soc, &prices, &end, &path)
                };
                let lowest = walk(battery.soc_min);
                let allowed = 1e-7 + burning_earns(&battery, &prices);
                for soc in [0.1, 0.125, 0.3, 0.45, 0.61, 0.9] {
                    let found = walk(soc) - lowest;
                    let expected = value.value(soc);
                    assert!((found - expected).abs() < allowed, "{prices:?} {end:?} from {soc}: {found} {expected}");
                }
                if points > 0 {
                    let best = on_a_grid(&battery, &prices, &end, points)[0].1;
                    assert!(lowest <= best + 1e-7 && lowest >= best - allowed, "{lowest} {best}");
                }
            }
        }
    }
}

#[test]
fn law_storage_value_at_negative_prices_is_off_by_less_than_burning_earns() {
    let battery = lattice_battery();
    let end = TerminalValue::linear(22.0);
    let mut series = price_series();
    series.push(vec![-0.05, -1.0]); // worth making room for the second hour
    let mut worst_share = 0.0_f64;
    for prices in series {
        let allowed = burning_earns(&battery, &prices);
        let found = StorageValue::default().backward(&battery, &prices, DT_H, &end);
        for (soc, value) in differences(&on_a_grid(&battery, &prices, &end, lattice_points())) {
            let error = (found.value(soc) - value).abs();
            assert!(error <= allowed + 1e-9, "{prices:?} at {soc}: off by {error}, burning earns {allowed}");
            if allowed > 1e-6 {
                worst_share = worst_share.max(error / allowed);
            }
        }
    }
    println!("largest error {worst_share:.2} of what burning would earn");
    assert!(worst_share > 0.01, "the envelope never mattered: the series hold no test of it");
}

#[test]
fn law_room_is_made_for_a_deeper_hour() {
    let battery = odd_battery();
    let mut path = [0.0; 2];
    price_taker_path(&battery, battery.soc_max, &[-0.05, -1.0], DT_H, &TerminalValue::linear(0.0), &mut path);
    assert!(path[0] < -1.0 && path[1] > 1.0, "{path:?}");
}

#[test]
fn law_terminal_value_and_slope_agree() {
    let mut values = terminals();
    values.push(concave_value());
    values.push(StorageValue::default().backward(&odd_battery(), &[0.3, 0.1, 0.4, 0.2], DT_H, &concave_value()));
    for value in values {
        assert_eq!(value.value(value.breakpoints[0]), 0.0);
        let mut rng = rng(5);
        for _ in 0..300 {
            let soc: f64 = rng.random_range(-0.2..1.2);
            if value.breakpoints.iter().any(|b| (b - soc).abs() < 1e-5) {
                continue;
            }
            let quotient = (value.value(soc + 1e-6) - value.value(soc - 1e-6)) / 2e-6;
            assert!((value.slope(soc) - quotient).abs() < 1e-6, "at {soc}: {} {quotient}", value.slope(soc));
        }
        for (k, &slope) in value.slopes.iter().enumerate().skip(1) {
            assert_eq!(value.slope(value.breakpoints[k]), slope, "at a breakpoint the segment above it counts");
        }
        // Concave: a chord never lies above.
        for _ in 0..300 {
            let (a, b): (f64, f64) = (rng.random_range(-0.2..1.2), rng.random_range(-0.2..1.2));
            assert!(value.value(0.5 * (a + b)) >= 0.5 * (value.value(a) + value.value(b)) - 1e-9);
        }
    }
    assert!((TerminalValue::linear(7.0).value(0.4) - 2.8).abs() < 1e-12);
    assert_eq!(TerminalValue::linear(7.0).slope(3.0), 7.0);
}

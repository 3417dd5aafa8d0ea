//! Each fault of a fleet arises from breaking exactly one thing in a sound one, and all faults come at once.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly
#![allow(clippy::type_complexity)] // tables of (what is named, how it is broken)

mod common;

use common::*;
use covolt_fleet::*;
use covolt_grid::{BranchIndex, BusIndex, DistributionGrid, Grid};

/// Faults of the test fleet after `break_it`.
fn faults(break_it: impl FnOnce(&mut Vec<Microgrid>, &mut Vec<Load>, &mut NetworkLimits)) -> Vec<FleetFault> {
    let (mut microgrids, mut loads) = (microgrids(), feeder_loads());
    let grid = DistributionGrid::from(Grid::new(network()).unwrap());
    let mut limits = NetworkLimits::uniform(&grid, 0.95, 1.05);
    break_it(&mut microgrids, &mut loads, &mut limits);
    Fleet::try_new(grid, microgrids, loads, limits).map(|_| ()).err().unwrap_or_default()
}

#[test]
fn regress_the_sound_fleet_has_no_fault() {
    assert_eq!(faults(|_, _, _| {}), []);
}

/// Breaks one number at a time; the fault must name the owner and carry the value.
#[test]
fn regress_numbers_out_of_range() {
    type Break = fn(&mut Microgrid, f64);
    let on_a: [(&str, &str, Break, &[f64]); 18] = [
        ("A", "fuel price", |m, x| m.fuel_price_per_l = x, &[-0.1, f64::NAN, f64::INFINITY]),
        ("gA1", "largest active power", |m, x| m.dgs[0].p_max_kw = x, &[-1.0, f64::NAN]),
        ("gA2", "reactive limit", |m, x| m.dgs[1].q_max_kvar = x, &[-1.0, f64::NAN, f64::INFINITY]),
        ("gA1", "coefficient a", |m, x| m.dgs[0].fuel.a_l_per_kw2h = x, &[-1e-9, f64::NAN]),
        ("gA1", "coefficient b", |m, x| m.dgs[0].fuel.b_l_per_kwh = x, &[-1e-9, f64::NAN]),
        ("gA1", "coefficient c", |m, x| m.dgs[0].fuel.c_l_per_h = x, &[-1e-9, f64::INFINITY]),
        ("gA1", "ramp", |m, x| m.dgs[0].ramp_kw_per_min = x, &[0.0, -1.0, f64::NAN]),
        ("gA1", "apparent-power rating", |m, x| m.dgs[0].s_max_kva = Some(x), &[149.0, f64::NAN]),
        ("sA1", "reactive limit", |m, x| m.pvs[0].q_max_kvar = x, &[-1.0, f64::NAN]),
        ("sA1", "apparent-power rating", |m, x| m.pvs[0].s_max_kva = Some(x), &[-1.0, f64::NAN]),
        ("bA1", "capacity", |m, x| m.batteries[0].capacity_kwh = x, &[0.0, -1.0, f64::NAN, f64::INFINITY]),
        ("bA1", "charging efficiency", |m, x| m.batteries[0].eta_charge = x, &[0.0, 1.01, f64::NAN]),
        ("bA1", "discharging efficiency", |m, x| m.batteries[0].eta_discharge = x, &[0.0, 1.01, f64::NAN]),
        ("bA2", "largest charging power", |m, x| m.batteries[1].p_charge_max_kw = x, &[-1.0, f64::NAN]),
        ("bA2", "largest discharging power", |m, x| m.batteries[1].p_discharge_max_kw = x, &[-1.0, f64::NAN]),
        ("bA2", "reactive limit", |m, x| m.batteries[1].q_max_kvar = x, &[-1.0, f64::NAN]),
        ("bA1", "apparent-power rating", |m, x| m.batteries[0].s_max_kva = Some(x), &[79.0, f64::NAN]),
        ("bA1", "lowest state of charge", |m, x| m.batteries[0].soc_min = x, &[-0.1, 0.9, 0.95, f64::NAN]),
    ];
    for (owner, quantity, set, bad) in on_a {
        for &bad in bad {
            let found = faults(|m, _, _| set(&mut m[0], bad));
            match &found[..] {
                [FleetFault::OutOfRange { owner: by, quantity: of, value, .. }] => {
                    assert_eq!(by, owner);
                    assert!(of.starts_with(quantity) || of.contains(quantity), "{of} instead of {quantity}");
                    assert!(*value == bad || (value.is_nan() && bad.is_nan()), "{value} instead of {bad}");
                    let message = found[0].to_string();
                    assert!(message.contains(owner) && message.contains(quantity), "{message}");
                }
                other => panic!("{owner}, {quantity} = {bad}: {other:?}"),
            }
        }
    }
    let found = faults(|m, _, _| m[0].batteries[0].soc_max = 1.2);
    assert!(matches!(&found[..], [FleetFault::OutOfRange { owner, .. }] if owner == "bA1"), "{found:?}");
}

#[test]
fn regress_network_limits_out_of_range() {
    for (low, high) in [(0.0, 1.05), (-0.9, 1.05), (1.05, 1.05), (1.1, 1.05), (f64::NAN, 1.05), (0.95, f64::NAN)] {
        let found = faults(|_, _, l| (l.v_min_pu[5], l.v_max_pu[5]) = (low, high));
        assert!(matches!(&found[..], [FleetFault::OutOfRange { owner, .. }] if owner == "A2"), "{found:?}");
    }
    for limit in [0.0, -1.0, f64::NAN] {
        let found = faults(|_, _, l| l.i_max_pu[3] = limit);
        assert!(matches!(&found[..], [FleetFault::OutOfRange { owner, .. }] if owner == "TA"), "{found:?}");
    }
    assert_eq!(faults(|_, _, l| l.i_max_pu.fill(f64::INFINITY)), []);
}

#[test]
fn regress_devices_at_a_foreign_bus() {
    let moves: [(&str, fn(&mut Microgrid, BusIndex)); 4] = [
        ("gA1", |m, b| m.dgs[0].connection = b.into()),
        ("sA1", |m, b| m.pvs[0].connection = b.into()),
        ("bA2", |m, b| m.batteries[1].connection = b.into()),
        ("lA1", |m, b| m.loads[0].connection = b.into()),
    ];
    for (owner, set) in moves {
        for foreign in ["B2", "F1"] {
            let found = faults(|m, _, _| set(&mut m[0], bus(foreign)));
            let expected = FleetFault::ForeignBus { owner: owner.into(), bus: foreign.into(), microgrid: "A".into() };
            assert_eq!(found, [expected]);
        }
    }
}

#[test]
fn regress_pcc_of_the_wrong_direction() {
    for (branch, id) in [(4, "A1-A2"), (5, "A3-A1"), (0, "F0-F1"), (7, "TB")] {
        let found = faults(|m, _, _| m[0].pcc = BranchIndex(branch));
        assert_eq!(found, [FleetFault::PccDirection { microgrid: "A".into(), branch: id.into() }]);
    }
}

#[test]
fn regress_shared_bus() {
    let found = faults(|m, _, _| m[1].buses.push(bus("A4")));
    let expected = FleetFault::SharedBus { bus: "A4".into(), first: "A".into(), second: "B".into() };
    assert_eq!(found, [expected]);
}

#[test]
fn regress_duplicate_names() {
    let found = faults(|m, _, _| m[2].name = "A".into());
    assert_eq!(found, [FleetFault::DuplicateId { id: "A".into(), kind: "microgrids" }]);
    let found = faults(|m, _, _| m[0].batteries[1].id = "gA1".into());
    assert_eq!(found, [FleetFault::DuplicateId { id: "gA1".into(), kind: "devices of one microgrid" }]);
    assert_eq!(faults(|m, _, _| m[1].dgs[0].id = "gA1".into()), [], "two microgrids may use the same id");
}

#[test]
fn regress_indices_beyond_the_network() {
    let far = 99;
    let breaks: [(&str, fn(&mut Vec<Microgrid>, &mut Vec<Load>)); 7] = [
        ("A", |m, _| m[0].pcc = BranchIndex(99)),
        ("A", |m, _| m[0].buses.push(BusIndex(99))),
        ("gA1", |m, _| m[0].dgs[0].connection = BusIndex(99).into()),
        ("sA1", |m, _| m[0].pvs[0].connection = BusIndex(99).into()),
        ("bA1", |m, _| m[0].batteries[0].connection = BusIndex(99).into()),
        ("lA1", |m, _| m[0].loads[0].connection = BusIndex(99).into()),
        ("lF1", |_, l| l[0].connection = BusIndex(99).into()),
    ];
    for (by, set) in breaks {
        let found = faults(|m, l, _| set(m, l));
        assert!(
            matches!(&found[..], [FleetFault::Unknown { owner, index, .. }] if owner == by && *index == far),
            "{found:?}"
        );
    }
}

#[test]
fn regress_limits_of_the_wrong_length() {
    let breaks: [(&str, fn(&mut NetworkLimits)); 3] = [
        ("lowest voltages", |l| l.v_min_pu.truncate(3)),
        ("highest voltages", |l| l.v_max_pu.push(1.05)),
        ("current limits", |l| l.i_max_pu.clear()),
    ];
    for (what, set) in breaks {
        let found = faults(|_, _, l| set(l));
        assert!(matches!(&found[..], [FleetFault::LimitCount { quantity, .. }] if *quantity == what), "{found:?}");
    }
}

#[test]
fn law_all_faults_come_at_once() {
    let found = faults(|m, _, l| {
        m[0].dgs[0].p_max_kw = f64::NAN;
        m[1].batteries[0].eta_charge = 2.0;
        m[2].loads[0].connection = bus("F2").into();
        l.v_min_pu[1] = 2.0;
    });
    assert_eq!(found.len(), 4, "{found:?}");
}

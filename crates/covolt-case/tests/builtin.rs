//! The built-in case loads, is what its page says, and its data are those of the reference extraction.
#![allow(clippy::unwrap_used, clippy::panic)]

use covolt_case::Case;
use covolt_grid::FlowOptions;

fn builtin() -> Case {
    Case::builtin().unwrap_or_else(|faults| panic!("{}", faults.iter().map(|f| format!("{f}\n")).collect::<String>()))
}

#[test]
fn law_builtin_case_is_complete() {
    let clock = std::time::Instant::now();
    let case = builtin();
    println!("loaded in {:?}", clock.elapsed());
    let network = case.fleet.grid.balanced().unwrap().network();
    assert_eq!(network.buses().len(), 98);
    assert_eq!(network.branches().len(), 97);
    assert!(network.is_radial());
    assert_eq!(case.fleet.microgrids.len(), 5);
    for m in &case.fleet.microgrids {
        assert_eq!(
            (m.buses.len(), m.dgs.len(), m.pvs.len(), m.batteries.len(), m.loads.len()),
            (13, 2, 2, 1, 9),
            "{}",
            m.name
        );
    }
    assert_eq!(case.fleet.feeder_loads.len(), 32);
    assert_eq!(case.profiles.rows(), 366 * 96);
    assert_eq!(case.profiles.days(), 366);
    assert_eq!(case.profiles.hour_of_day[0], 0.0);
    assert_eq!(case.profiles.weekday[0], 4, "1 January 2016 was a Friday");
    assert_eq!((case.days.train.len(), case.days.validation.len(), case.days.test.len()), (259, 46, 61));
    assert_eq!(case.fingerprint.len(), 64);
    assert_eq!(case.settings.steps, 4);
}

#[test]
fn law_builtin_base_state_has_a_power_flow() {
    let case = builtin();
    let grid = &case.fleet.grid;
    let kva = grid.base_kva();
    let mut ws = grid.workspace();
    let (mut worst, mut best) = (f64::INFINITY, 0.0f64);
    for row in (0..case.profiles.rows()).step_by(37) {
        let mut p = vec![0.0; grid.n_buses()];
        let mut q = vec![0.0; grid.n_buses()];
        let all = case.fleet.microgrids.iter().zip(&case.profiles.microgrids).map(|(m, s)| (&m.loads, &s.loads));
        for (loads, series) in all.chain([(&case.fleet.feeder_loads, &case.profiles.feeder_loads)]) {
            for (l, s) in loads.iter().zip(series) {
                p[l.connection.bus().0] += s.p_kw.at(row) / kva;
                q[l.connection.bus().0] += s.q_kvar.at(row) / kva;
            }
        }
        grid.solve(&p, &q, &mut ws, &FlowOptions::default()).unwrap();
        for v in ws.v() {
            worst = worst.min(v.norm());
            best = best.max(v.norm());
        }
    }
    println!("voltages of the loads alone: {worst:.4} to {best:.4} pu");
    assert!(worst > 0.75 && best <= 1.03);
}

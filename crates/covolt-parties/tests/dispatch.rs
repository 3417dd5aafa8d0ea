//! Dispatch across the seam: what is settled is safe in the undivided network, and close to what a repair of the whole finds.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::*;
use covolt_dispatch::{
    GuardMode, GuardSettings, MeritOrder, SimulationSettings, StepRecord, simulate, start_state, terminal_after,
};
use covolt_fleet::{
    BaseDemand, LossCurvature, MicrogridStart, PhysicsWorkspace, PriceKnowledge, PriceOutlook, evaluate,
};
use covolt_parties::memory::dispatch_in_memory;
use covolt_parties::*;
use covolt_wire::Certainty;
use std::ops::{ControlFlow, Range};

/// A test day in July: much PV, so that limits bind.
const DAY: usize = 195;

#[test]
fn law_a_day_across_the_seam_is_safe_in_the_undivided_network() {
    let cut = built_in();
    let rows = cut.case.profiles.rows_of_day(DAY);
    for mode in [GuardMode::Repair, GuardMode::Polish { steps: 1 }] {
        let mut operator = cut.operator_dispatch(mode, rows.clone());
        let mut agents = cut.agents_dispatch(mode, rows.clone());
        let clock = std::time::Instant::now();
        dispatch_in_memory(&mut operator, &mut agents, &mut |_, _, _, _| ()).unwrap();
        let wall = clock.elapsed().as_secs_f64() / rows.len() as f64;
        let (mut exchanges, mut priced) = (Vec::new(), 0);
        for note in &operator.notes {
            if note.certainty != Certainty::Certified {
                println!("{note:?}");
            }
            exchanges.push(note.exchanges);
            priced += note.priced;
        }
        let mut counts = std::collections::BTreeMap::new();
        exchanges.iter().for_each(|e| *counts.entry(*e).or_insert(0) += 1);
        println!("{mode:?}: exchanges {counts:?}, priced {priced}, {:.1} ms a row", 1e3 * wall);
        assert!(operator.notes.iter().all(|note| note.certainty == Certainty::Certified));
        let fleet = &cut.case.fleet;
        let mut states = start_state(fleet, &cut.case.profiles, rows.start, 0.5).unwrap();
        let mut ws = PhysicsWorkspace::new(fleet);
        let mut cost = 0.0;
        for (i, row) in rows.clone().enumerate() {
            let steps: Vec<&AppliedStep> = agents.iter().map(|agent| &agent.applied[i]).collect();
            assert!(steps.iter().all(|step| step.row == row && step.how == How::Certified));
            let actions: Vec<Vec<f64>> = steps.iter().map(|step| step.action.clone()).collect();
            let terminals = vec![vec![covolt_fleet::TerminalValue::linear(0.0)]; 5];
            let window = covolt_fleet::Window::from_profiles(&cut.case.profiles, row, 1, &states, &terminals).unwrap();
            let returns = evaluate(fleet, &window, &BaseDemand::new(fleet, &window), &actions, &mut ws).unwrap();
            assert!(returns.is_safe(), "row {row}: {:?} {:?}", returns.voltage, returns.current);
            cost += returns.total();
            covolt_dispatch::advance(fleet, window.dt_h, &actions, &mut states);
            for (step, agent) in steps.iter().zip(&cut.seam.agents) {
                let bus = agent.buses[0];
                let v = ws_voltage(fleet, &window, &actions, bus);
                assert!((v - step.v_pu).abs() < 1e-8, "row {row}: {v} against {}", step.v_pu);
            }
        }
        let settled = cost - stored_value(&cut, rows.clone(), &states);
        let whole = whole_day(&cut, mode, rows.clone());
        println!("cost of the day less the gain of stored energy: {settled:.3} $, by one program {whole:.3} $");
        assert!(settled < 1.01 * whole);
    }
}

fn ws_voltage(fleet: &covolt_fleet::Fleet, window: &covolt_fleet::Window, actions: &[Vec<f64>], bus: usize) -> f64 {
    let mut ws = PhysicsWorkspace::new(fleet);
    ws.options.tolerance_pu = 1e-12;
    ws.solve_step(fleet, &BaseDemand::new(fleet, window), actions, 1, 0).unwrap();
    ws.flow.v()[bus].norm()
}

/// Gain of the value of stored energy over the rows, $.
fn stored_value(cut: &Cut, rows: Range<usize>, end: &[MicrogridStart]) -> f64 {
    let (fleet, profiles) = (&cut.case.fleet, &cut.case.profiles);
    let outlook = PriceOutlook::from_days(profiles, &cut.case.days.train);
    let start = start_state(fleet, profiles, rows.start, 0.5).unwrap();
    let knowledge = PriceKnowledge::default();
    let values = terminal_after(fleet, profiles, &outlook, rows.end, &cut.valuation, knowledge);
    let mut gain = 0.0;
    for ((values, start), end) in values.iter().zip(&start).zip(end) {
        for ((value, start), end) in values.iter().zip(&start.soc).zip(&end.soc) {
            gain += value.value(*end) - value.value(*start);
        }
    }
    gain
}

/// The same day by one program that knows everything.
fn whole_day(cut: &Cut, mode: GuardMode, rows: Range<usize>) -> f64 {
    let (fleet, profiles) = (&cut.case.fleet, &cut.case.profiles);
    let outlook = PriceOutlook::from_days(profiles, &cut.case.days.train);
    let start = start_state(fleet, profiles, rows.start, 0.5).unwrap();
    let settings = SimulationSettings {
        steps: STEPS,
        valuation: cut.valuation.clone(),
        guard: GuardSettings::with_mode(mode),
        keep_network: false,
        ..SimulationSettings::default()
    };
    let (curvature, mut ws) = (LossCurvature::of_fleet(fleet), PhysicsWorkspace::new(fleet));
    let (mut rule, mut watch) = (MeritOrder::default(), |_: &StepRecord| ControlFlow::Continue(()));
    simulate(fleet, profiles, &outlook, rows, &start, &mut rule, &curvature, &settings, &mut ws, &mut watch)
        .unwrap()
        .cost_usd()
}

//! A recording peer: what it hears of a training and of a dispatched day holds none of the numbers that are an agent's own.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::*;
use covolt_dispatch::GuardMode;
use covolt_learn::{ScenarioSource, Seats, StateSpread, draw_windows, scenarios};
use covolt_parties::memory::{dispatch_in_memory, train_in_memory};
use covolt_parties::*;
use std::collections::BTreeMap;

/// Every 8 bytes of what an agent sent, at whatever offset: a number has no other place to hide in the clear.
fn heard(bytes: &[u8], into: &mut BTreeMap<u64, usize>) {
    for window in bytes.windows(8) {
        *into.entry(u64::from_le_bytes(window.try_into().unwrap())).or_default() += 1;
    }
}

/// Private numbers by what they are; small integers and powers of two say nothing.
#[derive(Default)]
struct Private {
    numbers: BTreeMap<u64, &'static str>,
}

impl Private {
    fn add(&mut self, what: &'static str, values: impl IntoIterator<Item = f64>) {
        for value in values {
            let telling = value.is_finite() && value.fract() != 0.0 && value.abs() > 1e-9;
            if telling {
                // Also with the other sign, and per unit of 1 MVA.
                for told in [value, -value, value / 1e3, -value / 1e3] {
                    self.numbers.insert(told.to_bits(), what);
                }
            }
        }
    }

    fn found(&self, heard: &BTreeMap<u64, usize>) -> Vec<&'static str> {
        self.numbers.iter().filter(|(bits, _)| heard.contains_key(bits)).map(|(_, what)| *what).collect()
    }
}

fn devices(cut: &Cut, n: usize, private: &mut Private) {
    let mg = &cut.seam.agents[n].fleet.microgrids[0];
    private.add("fuel price", [mg.fuel_price_per_l]);
    for d in &mg.dgs {
        private.add("fuel curve", [d.fuel.a_l_per_kw2h, d.fuel.b_l_per_kwh, d.fuel.c_l_per_h]);
        private.add("generator limit", [d.p_max_kw, d.q_max_kvar, d.ramp_kw_per_min].into_iter().chain(d.s_max_kva));
    }
    for d in &mg.batteries {
        private
            .add("battery", [d.capacity_kwh, d.soc_min, d.soc_max, d.eta_charge, d.eta_discharge, d.p_charge_max_kw]);
    }
    for b in cut.seam.agents[n].fleet.grid.balanced().unwrap().network().branches() {
        private.add("branch", [b.series_z_pu.re, b.series_z_pu.im].into_iter().chain(b.rating_a));
    }
}

#[test]
fn law_a_recording_peer_reads_nothing_private_of_a_training() {
    let cut = built_in();
    let plan = plan(&cut, 12, 8, 24);
    let mut operator = cut.operator(&plan, Timing::default());
    let mut agents = cut.agents(&plan, Timing::default(), &small_network());
    let mut all = vec![BTreeMap::new(); agents.len()];
    let mut parameters: Vec<Vec<f64>> = vec![Vec::new(); agents.len()];
    let mut record = |from: Party, _: Party, _: &'static str, bytes: &[u8]| {
        if let Party::Agent(n) = from {
            heard(bytes, &mut all[n]);
        }
    };
    let mut watch = |_: &OperatorTraining<'_>, agents: &[AgentTraining<'_>]| {
        for (n, agent) in agents.iter().enumerate() {
            parameters[n].extend(agent.policy().unwrap().mean_net().parameters());
        }
        false
    };
    train_in_memory(&mut operator, &mut agents, &mut record, &mut watch).unwrap();
    let rows: Vec<usize> = plan.rows.iter().map(|&row| row as usize).collect();
    for (n, heard) in all.iter().enumerate() {
        let mut private = Private::default();
        devices(&cut, n, &mut private);
        private.add("parameter", parameters[n].iter().copied());
        let place = cut.agent_place(n, cut.shape(8, 24));
        let (fleet, profiles, outlook, valuation) = (place.fleet, place.profiles, place.outlook, place.valuation);
        let source = ScenarioSource { fleet, profiles, outlook, valuation, steps: STEPS };
        let seats = Seats { seed: plan.seed, first: n };
        let drawn = draw_windows(&source, &rows, &StateSpread::default(), seats);
        for scenario in scenarios(&source, place.state, &drawn).unwrap() {
            let w = &scenario.window.microgrids[0];
            private.add("load", w.load_p_kw.iter().chain(&w.load_q_kvar).copied());
            private.add("total load", (0..STEPS).map(|t| w.load_p_kw.iter().skip(t).step_by(STEPS).sum()));
            private.add("PV power", w.pv_kw.iter().copied());
            private.add("state of charge", w.start.soc.iter().copied());
            private.add("generator power", w.start.p_dg_kw.iter().copied());
            private.add("price", w.price_per_kwh.iter().copied());
            private.add("value of energy", w.terminal.iter().flat_map(|v| v.slopes.clone()));
            private.add("feature", scenario.features[0].iter().copied());
        }
        private.add("cost", [agents[n].returns.cost]);
        println!("agent {n}: {} private numbers, {} heard", private.numbers.len(), heard.len());
        assert!(private.numbers.len() > 1000 && heard.len() > 1000);
        assert_eq!(private.found(heard), Vec::<&str>::new());
    }
}

#[test]
fn law_a_recording_peer_reads_nothing_private_of_a_day() {
    let cut = built_in();
    let rows = cut.case.profiles.rows_of_day(195);
    let rows = rows.start + 40..rows.start + 60;
    let mode = GuardMode::Repair;
    let mut operator = cut.operator_dispatch(mode, rows.clone());
    let mut agents = cut.agents_dispatch(mode, rows.clone());
    let mut all = vec![BTreeMap::new(); agents.len()];
    let mut record = |from: Party, _: Party, _: &'static str, bytes: &[u8]| {
        if let Party::Agent(n) = from {
            heard(bytes, &mut all[n]);
        }
    };
    dispatch_in_memory(&mut operator, &mut agents, &mut record).unwrap();
    for (n, heard) in all.iter().enumerate() {
        let mut private = Private::default();
        devices(&cut, n, &mut private);
        for step in &agents[n].applied {
            private.add("set point", step.action.iter().copied());
        }
        private.add("state of charge", agents[n].state().soc.iter().copied());
        for row in rows.clone() {
            let m = &cut.own[n].microgrids[0];
            private.add("load", m.loads.iter().flat_map(|l| [l.p_kw.at(row), l.q_kvar.at(row)]));
            private.add("PV power", m.pvs_kw.iter().map(|pv| pv.at(row)));
            private.add("price", [m.price_per_kwh.at(row)]);
        }
        assert!(private.numbers.len() > 300 && heard.len() > 1000);
        assert_eq!(private.found(heard), Vec::<&str>::new());
    }
}

#[test]
fn law_the_recording_peer_would_find_a_number_sent_in_the_clear() {
    let mut all = BTreeMap::new();
    heard(&[&[1, 2, 3][..], &(-342.17f64 / 1e3).to_le_bytes()].concat(), &mut all);
    let mut private = Private::default();
    private.add("load", [342.17]);
    assert_eq!(private.found(&all), ["load"]);
}

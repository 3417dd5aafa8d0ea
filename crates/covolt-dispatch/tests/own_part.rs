//! An agent's answers to prices: what the response foresees is what happens, and what is told of its voltages is so.

#![allow(clippy::unwrap_used)] // a test may fail loudly

use covolt_case::Case;
use covolt_dispatch::{Forecast, ForecastKind, GuardMode, MOST_ROOM, MeritOrder, OwnPart, Proposer, start_state};
use covolt_fleet::seam::cut_at_pccs;
use covolt_fleet::{
    BaseDemand, Fleet, PccTerms, PhysicsWorkspace, PriceKnowledge, PriceOutlook, Profiles, StorageValuation, Window,
};

const STEPS: usize = 4;

/// Windows of microgrid `n` alone at some rows, with the merit order's proposals.
fn windows(case: &Case, part: &Fleet, n: usize, v_pu: f64) -> Vec<(Window, Vec<f64>)> {
    let profiles = Profiles {
        feeder_loads: Vec::new(),
        microgrids: vec![case.profiles.microgrids[n].clone()],
        ..case.profiles.clone()
    };
    let outlook = PriceOutlook::from_days(&profiles, &case.days.train);
    let forecast = Forecast {
        profiles: &profiles,
        outlook: &outlook,
        kind: ForecastKind::Perfect,
        knowledge: PriceKnowledge::default(),
        valuation: &StorageValuation::PriceForecast,
    };
    let day = case.profiles.rows_of_day(195);
    (day.start..day.end - STEPS)
        .step_by(11)
        .map(|row| {
            let start = start_state(part, &profiles, row, 0.5).unwrap();
            let mut window = forecast.window(part, row, STEPS, &start).unwrap();
            window.pcc = Some(PccTerms::at(vec![v_pu; STEPS]));
            let mut actions = Vec::new();
            MeritOrder::default().propose(part, &window, &mut actions).unwrap();
            (window, actions.remove(0))
        })
        .collect()
}

fn drawn(own: &mut OwnPart<'_>, window: &Window, action: &[f64]) -> Vec<f64> {
    own.examine(window, action, "test").unwrap().points.iter().flat_map(|p| [p.p_kw, p.q_kvar]).collect()
}

#[test]
fn fd_the_response_foresees_answers_to_prices() {
    let case = Case::builtin().unwrap();
    let seam = cut_at_pccs(&case.fleet).unwrap();
    let part = &seam.agents[2].fleet;
    let mut own = OwnPart::new(part).unwrap();
    let wide = 2 * STEPS;
    let (mut compared, mut near) = (0, 0);
    for (window, proposal) in windows(&case, part, 2, 1.0) {
        let (rest, response) = own.respond(&window, &proposal, true).unwrap();
        assert_eq!(response.len(), 3 * STEPS * wide);
        let before = drawn(&mut own, &window, &rest);
        for i in 0..wide {
            let mut priced = window.clone();
            let terms = priced.pcc.as_mut().unwrap();
            let list = if i % 2 == 0 { &mut terms.p_price_per_kw } else { &mut terms.q_price_per_kvar };
            list[i / 2] = 5e-4;
            let after_action = own.respond(&priced, &proposal, false).unwrap().0;
            let after = drawn(&mut own, &window, &after_action);
            // Its own power moves against its price, and by what was foreseen, up to the curvature of the power flow.
            assert!(after[i] <= before[i] + 1e-6, "price {i}: {} to {}", before[i], after[i]);
            let foreseen = -response[i * wide + i] * 5e-4;
            compared += 1;
            near += usize::from((after[i] - before[i] - foreseen).abs() <= 0.02 * foreseen.abs() + 0.05);
        }
        for i in 0..wide {
            assert!(response[i * wide + i] >= -1e-6, "own response {}", response[i * wide + i]);
        }
    }
    println!("{near} of {compared} within 2 %");
    // The others took a second linearisation for a current of their own.
    assert!(near as f64 >= 0.9 * compared as f64, "{near} of {compared}");
}

#[test]
fn law_what_is_told_of_voltages_is_how_they_stand() {
    let case = Case::builtin().unwrap();
    let seam = cut_at_pccs(&case.fleet).unwrap();
    let part = &seam.agents[0].fleet;
    let mut own = OwnPart::new(part).unwrap();
    for v_pu in [0.94, 0.955, 1.0, 1.045, 1.06] {
        for (window, proposal) in windows(&case, part, 0, v_pu) {
            let action = own.propose(&window, proposal, GuardMode::Bare).unwrap();
            let answer = own.examine(&window, &action, "test").unwrap();
            let base = BaseDemand::new(part, &window);
            let mut ws = PhysicsWorkspace::new(part);
            for t in 0..STEPS {
                ws.solve_step(part, &base, std::slice::from_ref(&action), STEPS, t).unwrap();
                let worst = (1..part.grid.n_buses()).fold(f64::NEG_INFINITY, |worst, i| {
                    let v = ws.flow.v()[i].norm();
                    worst.max(part.limits.v_min_pu[i] - v).max(v - part.limits.v_max_pu[i])
                });
                let told = (worst / 1e-5).max(-MOST_ROOM);
                assert!((answer.excess[t] - told).abs() < 1e-3, "{} {told}", answer.excess[t]);
                assert!(!answer.safe || answer.excess[t] <= 1.0 + 1e-6);
            }
        }
    }
}

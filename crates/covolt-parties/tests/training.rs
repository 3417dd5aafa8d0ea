//! Training across the seam gives what training of the undivided network gives.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::*;
use covolt_fleet::{PriceOutlook, StateKind};
use covolt_learn::{
    ExactTrainer, Learner, NetworkShape, ScenarioSource, Seats, StateSpread, draw_windows, scenarios, untrained_policy,
};
use covolt_parties::memory::train_in_memory;
use covolt_parties::*;
use covolt_policy::GaussianPolicy;
use covolt_wire::TrainingPlan;

fn whole(cut: &Cut, plan: &TrainingPlan, network: &NetworkShape) -> Vec<GaussianPolicy> {
    let case = &cut.case;
    let outlook = PriceOutlook::from_days(&case.profiles, &case.days.train);
    let source = ScenarioSource {
        fleet: &case.fleet,
        profiles: &case.profiles,
        outlook: &outlook,
        valuation: &cut.valuation,
        steps: STEPS,
    };
    let rows: Vec<usize> = plan.rows.iter().map(|&row| row as usize).collect();
    let seats = Seats::all(plan.seed);
    let drawn = draw_windows(&source, &rows, &StateSpread::default(), seats);
    let scenarios = scenarios(&source, StateKind::Local, &drawn).unwrap();
    let settings = plan_windows::settings_of(plan);
    let learners = case
        .fleet
        .microgrids
        .iter()
        .enumerate()
        .map(|(n, mg)| {
            let (layout, mut rng) = (mg.layout(STEPS), seats.weights(n));
            let policy = untrained_policy(mg, n, &layout, StateKind::Local, network, &scenarios, &mut rng).unwrap();
            Learner::new(policy, layout, settings.batch)
        })
        .collect();
    let mut trainer = ExactTrainer::new(&case.fleet, &scenarios, learners, settings, plan.seed).unwrap();
    let clock = std::time::Instant::now();
    while !trainer.is_done() {
        trainer.step().unwrap();
    }
    println!("whole: {:.2} s", clock.elapsed().as_secs_f64());
    trainer.learners.iter().map(Learner::averaged).collect()
}

fn split(cut: &Cut, plan: &TrainingPlan, network: &NetworkShape) -> (Vec<GaussianPolicy>, f64) {
    let timing = Timing::default();
    let mut operator = cut.operator(plan, timing);
    let mut agents = cut.agents(plan, timing, network);
    let clock = std::time::Instant::now();
    train_in_memory(&mut operator, &mut agents, &mut |_, _, _, _| (), &mut |_, _| false).unwrap();
    println!("split: {:.2} s", clock.elapsed().as_secs_f64());
    assert!(operator.is_done());
    let exchanges = operator.exchanges as f64 / f64::from(plan.episodes);
    (agents.iter().map(|agent| agent.policy().unwrap()).collect(), exchanges)
}

#[test]
fn law_an_update_across_the_seam_is_an_update_of_the_whole() {
    let cut = built_in();
    let plan = plan(&cut, 1, 48, 48);
    let split = parameters(&split(&cut, &plan, &small_network()).0);
    let whole = parameters(&whole(&cut, &plan, &small_network()));
    let worst = split.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("parameters differ by {worst:.1e}");
    assert!(worst < 1e-8, "{worst:.1e}");
}

#[test]
fn law_two_exchanges_a_round_once_every_window_was_seen() {
    let cut = built_in();
    let (_, exchanges) = split(&cut, &plan(&cut, 60, 24, 48), &small_network());
    println!("{exchanges:.2} exchanges a round");
    assert!(exchanges < 2.2, "{exchanges}");
}

#[test]
fn law_rounding_and_noise_settle_and_change_the_policies_a_little() {
    let cut = built_in();
    let plan = plan(&cut, 20, 24, 48);
    let exact = parameters(&split(&cut, &plan, &small_network()).0);
    let scale = exact.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    for coarsening in [
        Coarsening { round_kw: 5.0, ..Coarsening::default() },
        Coarsening { noise_kw: 5.0, noise_seed: 3, ..Coarsening::default() },
    ] {
        let mut operator = cut.operator(&plan, Timing::default());
        let mut agents = cut.agents(&plan, Timing::default(), &small_network());
        agents.iter_mut().for_each(|agent| agent.set_coarsening(coarsening).unwrap());
        let mut whole = true;
        let mut record = |from: Party, _: Party, _: &'static str, bytes: &[u8]| {
            let shape = cut.shape(24, 48);
            if let (Party::Agent(_), Ok(message)) = (from, covolt_wire::decode_up(bytes, &shape))
                && let covolt_wire::Up::Powers { points } = message.body
            {
                whole &= points.iter().all(|p| (p.p_kw / 5.0).fract() == 0.0 && (p.q_kvar / 5.0).fract() == 0.0);
            }
        };
        train_in_memory(&mut operator, &mut agents, &mut record, &mut |_, _| false).unwrap();
        assert_eq!(whole, coarsening.round_kw == 5.0);
        let policies: Vec<GaussianPolicy> = agents.iter().map(|agent| agent.policy().unwrap()).collect();
        let worst = parameters(&policies).iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / scale;
        println!("{coarsening:?}: parameters differ by {worst:.1e}");
        assert!(worst > 0.0 && worst < 0.5);
    }
    let bad = Coarsening { noise_kw: -1.0, ..Coarsening::default() };
    assert!(bad.check().is_err());
}

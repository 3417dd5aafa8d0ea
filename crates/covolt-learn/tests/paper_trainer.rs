//! Algorithm 1: its gradient factors against finite differences of the sampled window, its trust region, its runs.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::*;
use covolt_consensus::{InteriorPointSettings, solve_in_process};
use covolt_fleet::state::StateKind;
use covolt_fleet::{BaseDemand, Fleet, Limit, PhysicsWorkspace};
use covolt_grid::CurrentSide;
use covolt_learn::{Episode, LearnError, PaperTrainer, PaperTrainerSettings, Scenario, UpdateProgram, VOLTAGE_UNIT_PU};
use covolt_policy::{GaussianPolicy, PolicyWorkspace};
use std::collections::BTreeMap;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

const KIND: StateKind = StateKind::Local;
const SEED: u64 = 21;

fn settings(episodes: usize, samples: usize, delta: f64) -> PaperTrainerSettings {
    PaperTrainerSettings { episodes, samples, delta, ..PaperTrainerSettings::default() }
}

fn trainer<'a>(
    fleet: &'a Fleet,
    scenarios: &'a [Scenario],
    settings: PaperTrainerSettings,
    seed: u64,
) -> PaperTrainer<'a> {
    PaperTrainer::new(fleet, scenarios, policies(fleet, scenarios, KIND, 12), settings, seed).unwrap()
}

fn train(trainer: &mut PaperTrainer<'_>) -> Vec<Episode> {
    let mut episodes = Vec::new();
    while !trainer.is_done() {
        episodes.push(trainer.step().unwrap());
    }
    episodes
}

/// (mu, eta) of a policy in a window.
fn outputs(policy: &GaussianPolicy, scenario: &Scenario, n: usize) -> PolicyWorkspace {
    let mut ws = policy.workspace(1);
    policy.evaluate(&scenario.features[n], &scenario.merit_order[n], 1, &mut ws).unwrap();
    ws
}

/// What the outputs of one agent are at the expansion and which noise the sample has.
struct Sampled {
    mean: Vec<f64>,
    sigma: Vec<f64>,
    noise: Vec<f64>,
}

impl Sampled {
    /// The raw sample where the whitened outputs have moved by `z`: mu + sigma z, log sigma + z / sqrt 2.
    fn at(&self, z: &[f64]) -> Vec<f64> {
        let d = self.mean.len();
        (0..d)
            .map(|i| {
                let sigma = self.sigma[i] * (z[d + i] * FRAC_1_SQRT_2).exp();
                self.mean[i] + self.sigma[i] * z[i] + sigma * self.noise[i]
            })
            .collect()
    }
}

/// The first joint sample of `episode`, by the seeding rule of the trainer.
fn first_sample(policies: &[GaussianPolicy], scenario: &Scenario, seed: u64, episode: u64) -> Vec<Sampled> {
    let mut rng = rng(seed);
    rng.set_stream((1 << 32) + episode);
    (policies.iter().enumerate())
        .map(|(n, policy)| {
            let ws = outputs(policy, scenario, n);
            let d = policy.actions();
            let (mut action, mut noise) = (vec![0.0; d], vec![0.0; d]);
            policy.sample(&ws, &mut rng, &mut action, &mut noise).unwrap();
            let factor = policy.factor(&ws, 0).unwrap();
            let sampled =
                Sampled { mean: ws.mean().to_vec(), sigma: (0..d).map(|i| factor.diagonal(i)).collect(), noise };
            for (a, b) in sampled.at(&vec![0.0; 2 * d]).iter().zip(&action) {
                assert!((a - b).abs() < 1e-9 * b.abs().max(1.0));
            }
            sampled
        })
        .collect()
}

/// Cost of a window and the excess over every network limit.
type Returns = (f64, BTreeMap<(usize, Limit), f64>);

/// What a sample returns, from the power flow alone.
fn sampled_returns(fleet: &Fleet, s: &Scenario, raw: &[Vec<f64>]) -> Returns {
    let actions = test_fleet::feasible(fleet, &s.window, raw);
    let mut ws = PhysicsWorkspace::new(fleet);
    ws.options.tolerance_pu = 1e-13;
    let mut excess = BTreeMap::new();
    let cost = covolt_fleet::evaluate(fleet, &s.window, &s.base, &actions, &mut ws).unwrap().total();
    for t in 0..s.window.steps {
        ws.solve_step(fleet, &s.base, &actions, s.window.steps, t).unwrap();
        let v = ws.flow.v();
        for (bus, v) in v.iter().enumerate() {
            let magnitude = v.norm();
            excess.insert((t, Limit::VoltageLow(bus)), fleet.limits.v_min_pu[bus] - magnitude);
            excess.insert((t, Limit::VoltageHigh(bus)), magnitude - fleet.limits.v_max_pu[bus]);
        }
        for branch in 0..fleet.grid.n_branches() {
            if fleet.limits.i_max_pu[branch].is_finite() {
                let admittance = &fleet.grid.balanced().unwrap().branch_admittances()[branch];
                let tap = fleet.grid.balanced().unwrap().network().branches()[branch].tap.norm();
                let (from, to) =
                    (admittance.current(CurrentSide::From, v) * tap, admittance.current(CurrentSide::To, v));
                let loading = from.norm().max(to.norm()) / fleet.limits.i_max_pu[branch];
                excess.insert((t, Limit::Current(branch)), loading - 1.0);
            }
        }
    }
    (cost, excess)
}

fn unit(limit: Limit) -> f64 {
    if matches!(limit, Limit::Current(_)) { 1.0 } else { VOLTAGE_UNIT_PU }
}

/// Puts the window's set-points well within every device limit: the derivative of the feasible map is one-sided at them.
fn within_limits(fleet: &Fleet, scenario: &mut Scenario) {
    for (n, mg) in fleet.microgrids.iter().enumerate() {
        let layout = mg.layout(STEPS);
        let start = &mut scenario.window.microgrids[n].start;
        let base = &mut scenario.merit_order[n];
        for t in 0..STEPS {
            for (i, d) in mg.dgs.iter().enumerate() {
                start.p_dg_kw[i] = 0.5 * d.p_max_kw;
                base[layout.p_dg(t, i)] = 0.5 * d.p_max_kw;
                base[layout.q_dg(t, i)] = 0.4 * d.q_max_kvar;
            }
            for (k, b) in mg.batteries.iter().enumerate() {
                start.soc[k] = 0.5;
                base[layout.p_ess(t, k)] = 0.3 * b.p_charge_max_kw;
                base[layout.q_ess(t, k)] = 0.1 * b.q_max_kvar;
            }
            (0..mg.pvs.len()).for_each(|j| base[layout.q_pv(t, j)] = 0.1 * mg.pvs[j].q_max_kvar);
        }
        scenario.window.microgrids[n].pv_kw.iter_mut().for_each(|pv| *pv *= 0.5);
    }
    scenario.base = BaseDemand::new(fleet, &scenario.window);
}

#[test]
fn fd_gradient_factors() {
    let mut fleet = fleet();
    // So that currents are within reach, too.
    fleet.limits.i_max_pu.iter_mut().for_each(|limit| *limit *= 0.3);
    let mut scenarios = scenarios(&fleet, 1, KIND, 3);
    within_limits(&fleet, &mut scenarios[0]);
    let mut run = trainer(&fleet, &scenarios, settings(20, 1, 1.0), SEED);
    // Away from the untrained outputs, where every entry of the two networks is alive.
    for _ in 0..4 {
        run.step().unwrap();
    }
    let update = run.update_program().unwrap();
    let policies: Vec<GaussianPolicy> = run.policies().into_iter().cloned().collect();
    let sampled = first_sample(&policies, &scenarios[0], SEED, 4);
    let at_rest: Vec<Vec<f64>> = sampled.iter().map(|s| s.at(&vec![0.0; 2 * s.mean.len()])).collect();
    assert_eq!(
        test_fleet::feasible(&fleet, &scenarios[0].window, &at_rest),
        at_rest,
        "a kink is no place for this test"
    );
    let row_count = update.meaning.len();
    assert!(update.meaning.iter().any(|m| matches!(m.limit, Limit::VoltageLow(_) | Limit::VoltageHigh(_))));
    assert!(update.meaning.iter().any(|m| matches!(m.limit, Limit::Current(_))));
    let h = 1e-4;
    for (n, program) in update.programs.iter().enumerate() {
        let data = program.data();
        let size = data.linear.len();
        assert_eq!((size, data.coupled.len()), (2 * sampled[n].mean.len(), size * row_count));
        let scale = data.linear.iter().fold(0.0, |m: f64, c| m.max(c.abs()));
        let row_scale = data.coupled.iter().fold(0.0, |m: f64, c| m.max(c.abs()));
        assert!(scale > 1e-3 && row_scale > 1e-3, "agent {n}: nothing to compare");
        for j in 0..size {
            let moved = |step: f64| {
                let mut z = vec![0.0; size];
                z[j] = step;
                let mut raw = at_rest.clone();
                raw[n] = sampled[n].at(&z);
                sampled_returns(&fleet, &scenarios[0], &raw)
            };
            let points = [moved(h), moved(-h), moved(2.0 * h), moved(-2.0 * h)];
            let slope = |of: &dyn Fn(&Returns) -> f64| {
                let [a, b, c, d] = [of(&points[0]), of(&points[1]), of(&points[2]), of(&points[3])];
                (8.0 * (a - b) - (c - d)) / (12.0 * h)
            };
            let cost = slope(&|p| p.0);
            assert!(
                (cost - data.linear[j]).abs() < 1e-5 * scale,
                "agent {n}, entry {j}: cost slope {} and {cost} $",
                data.linear[j]
            );
            for (m, row) in update.meaning.iter().enumerate() {
                let expected = slope(&|p| p.1[&(row.step, row.limit)]) / unit(row.limit);
                let found = data.coupled[m * size + j];
                assert!(
                    (found - expected).abs() < 1e-5 * row_scale,
                    "agent {n}, entry {j}, {:?} at step {}: slope {found} and {expected}",
                    row.limit,
                    row.step
                );
            }
        }
    }
}

#[test]
fn law_rows_predict_the_excess() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 6, KIND, 4);
    let (mut violated, mut currents) = (0, 0);
    for scenario in scenarios.chunks(1) {
        let mut run = trainer(&fleet, scenario, settings(20, 1, 1.0), SEED);
        let update = run.update_program().unwrap();
        let policies: Vec<GaussianPolicy> = run.policies().into_iter().cloned().collect();
        let sampled = first_sample(&policies, &scenario[0], SEED, 0);
        let raw: Vec<Vec<f64>> = sampled.iter().map(|s| s.at(&vec![0.0; 2 * s.mean.len()])).collect();
        let (_, mut excess) = sampled_returns(&fleet, &scenario[0], &raw);
        assert_eq!(update.rows.len(), update.meaning.len());
        for (row, limit) in update.meaning.iter().zip(update.rows.limits()) {
            assert_eq!(row.price_scale, 1.0 / unit(row.limit));
            let measured = excess.remove(&(row.step, row.limit)).expect("a row per limit, once");
            assert!(
                (limit * unit(row.limit) + measured).abs() < 1e-7,
                "{:?} at step {}: room {limit}, measured excess {measured}",
                row.limit,
                row.step
            );
            violated += usize::from(measured > 0.0);
            currents += usize::from(matches!(row.limit, Limit::Current(_)));
        }
        // The bus of the source is held by it; every other limit that is exceeded or nearly has a row.
        let source = fleet.grid.balanced().unwrap().network().source().bus.0;
        excess.retain(|(_, limit), _| !matches!(limit, Limit::VoltageLow(b) | Limit::VoltageHigh(b) if *b == source));
        let left = excess.values().fold(f64::NEG_INFINITY, |m, e| m.max(*e));
        assert!(left < -1e-3, "a limit with excess {left} has no row");
    }
    assert!(violated > 0 && currents > 0, "{violated} violated rows, {currents} currents: nothing to predict");
}

/// Limits that leave the untrained policy a little room in this window, so that every row can be met.
fn with_room(mut fleet: Fleet, scenario: &[Scenario]) -> Fleet {
    let untrained = policies(&fleet, scenario, KIND, 12);
    let sampled = first_sample(&untrained, &scenario[0], SEED, 0);
    let raw: Vec<Vec<f64>> = sampled.iter().map(|s| s.at(&vec![0.0; 2 * s.mean.len()])).collect();
    let (mut low, mut high, mut current) = (0.0_f64, 0.0_f64, 0.0_f64);
    for ((_, limit), excess) in sampled_returns(&fleet, &scenario[0], &raw).1 {
        match limit {
            Limit::VoltageLow(_) => low = low.max(excess + 0.003),
            Limit::VoltageHigh(_) => high = high.max(excess + 0.003),
            Limit::Current(_) => current = current.max(excess + 0.1),
        }
    }
    fleet.limits.v_min_pu.iter_mut().for_each(|v| *v -= low);
    fleet.limits.v_max_pu.iter_mut().for_each(|v| *v += high);
    fleet.limits.i_max_pu.iter_mut().for_each(|i| *i *= 1.0 + current);
    fleet
}

#[test]
fn law_update_keeps_the_trust_region() {
    let scenarios = scenarios(&fleet(), 4, KIND, 5);
    for (which, delta) in [(0, 10.0), (1, 1.0), (2, 0.01), (3, 10.0)] {
        let scenario = &scenarios[which..=which];
        let fleet = with_room(fleet(), scenario);
        let mut run = trainer(&fleet, scenario, settings(20, 2, delta), SEED);
        let update = run.update_program().unwrap();
        let before: Vec<PolicyWorkspace> =
            run.policies().iter().enumerate().map(|(n, p)| outputs(p, &scenario[0], n)).collect();
        let sigma: Vec<Vec<f64>> = (run.policies().iter().zip(&before))
            .map(|(p, ws)| (0..p.actions()).map(|i| p.factor(ws, 0).unwrap().diagonal(i)).collect())
            .collect();
        let ball = |z: &[f64]| 0.5 * z.iter().map(|z| z * z).sum::<f64>();
        let solution = solve_in_process(&update.programs, &update.rows, &InteriorPointSettings::default()).unwrap();
        let mut fullest: f64 = 0.0;
        for (n, (program, z)) in update.programs.iter().zip(&solution.x).enumerate() {
            assert!(ball(z) <= delta * (1.0 + 1e-6), "agent {n}: {} beyond {delta}", ball(z));
            assert!(program.local_violation(z) < 1e-6, "agent {n}");
            assert!(program.local_violation(&vec![0.0; z.len()]) <= 1e-12, "agent {n}: rest must be allowed");
            fullest = fullest.max(ball(z) / delta);
        }
        assert!(fullest > 0.5, "the trust region must matter: {fullest} of it used");
        run.step().unwrap();
        let taken = run.last_run.as_ref().unwrap().x.clone();
        let mut longest: f64 = 0.0;
        for (n, policy) in run.policies().iter().enumerate() {
            let after = outputs(policy, &scenario[0], n);
            let mean = after.mean().iter().zip(before[n].mean()).zip(&sigma[n]).map(|((a, b), s)| (a - b) / s);
            let eta = after.eta().iter().zip(before[n].eta()).map(|(a, b)| SQRT_2 * (a - b));
            let z: Vec<f64> = mean.chain(eta).collect();
            assert!(ball(&taken[n]) <= delta * (1.0 + 1e-6), "agent {n}: step of {}", ball(&taken[n]));
            // The mean of an untrained network is linear in its only live layer: only damping parts it from its step.
            // Log sigma is bounded by a tanh: to second order it misses at most 0.047 |z|^2
            // (tanh at 1/4, half width 4, all of z in one entry).
            let d = policy.actions();
            let missed = |part: std::ops::Range<usize>| {
                let gap: Vec<f64> = z[part.clone()].iter().zip(&taken[n][part]).map(|(a, b)| a - b).collect();
                (2.0 * ball(&gap)).sqrt()
            };
            let (asked, radius) = ((2.0 * ball(&taken[n])).sqrt(), (2.0 * delta).sqrt());
            let (mean, eta) = (missed(0..d), missed(d..z.len()));
            assert!(mean < 1e-4 * asked, "agent {n}: the mean missed its step of {asked} by {mean}");
            assert!(eta < (1e-4 + 0.05 * asked) * asked, "agent {n}: log sigma missed its step of {asked} by {eta}");
            let moved = (2.0 * ball(&z)).sqrt();
            assert!(moved <= radius * (1.0 + 0.05 * radius), "agent {n}: moved {moved}, radius {radius}");
            longest = longest.max(ball(&z));
        }
        assert!(longest > 1e-3 * delta, "something must have moved: {longest}");
    }
}

#[test]
fn regress_update_that_cannot_meet_its_rows_is_solved() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 4, KIND, 5);
    for (which, delta) in [(0, 10.0), (1, 1.0), (2, 0.01), (3, 10.0)] {
        let mut run = trainer(&fleet, &scenarios[which..=which], settings(20, 2, delta), SEED);
        let update = run.update_program().unwrap();
        let solution = solve_in_process(&update.programs, &update.rows, &UpdateProgram::interior_point(1e-8));
        assert!(solution.is_ok(), "window {which}, delta {delta}: {solution:?}");
    }
}

#[test]
fn law_update_program_leaves_the_run_as_it_is() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 3, KIND, 6);
    let (mut plain, mut asked) = (
        trainer(&fleet, &scenarios, settings(6, 2, 1.0), SEED),
        trainer(&fleet, &scenarios, settings(6, 2, 1.0), SEED),
    );
    while !plain.is_done() {
        asked.update_program().unwrap();
        assert_eq!(plain.step().unwrap(), asked.step().unwrap());
    }
    assert_eq!(plain.parameters(), asked.parameters());
}

#[test]
fn law_same_seed_same_parameters() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 5, KIND, 7);
    let run = |threads: usize, seed: u64| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let mut trainer = trainer(&fleet, &scenarios, settings(8, 2, 2.0), seed);
            let episodes = train(&mut trainer);
            (trainer.parameters(), episodes)
        })
    };
    let one = run(1, SEED);
    assert_eq!(one, run(3, SEED));
    assert_ne!(one.0, run(1, SEED + 1).0, "another seed, other samples");
}

#[test]
fn law_resumed_run_equals_uninterrupted_run() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 3, KIND, 8);
    for ring in [false, true] {
        let settings = PaperTrainerSettings { ring, ..settings(9, 2, 2.0) };
        let mut whole = trainer(&fleet, &scenarios, settings.clone(), SEED);
        let episodes = train(&mut whole);
        for stop in [0, 3, 5] {
            let mut first = trainer(&fleet, &scenarios, settings.clone(), SEED);
            for _ in 0..stop {
                first.step().unwrap();
            }
            let mut second = trainer(&fleet, &scenarios, settings.clone(), SEED);
            second.restore(&first.parameters(), first.episode).unwrap();
            assert_eq!(train(&mut second), episodes[stop..], "stopped after {stop}");
            assert_eq!(second.parameters(), whole.parameters(), "stopped after {stop}");
        }
        let averaged = whole.averaged().unwrap();
        for (policy, (theta, average)) in averaged.iter().zip(whole.parameters()) {
            assert_eq!(parameters(policy), average);
            assert_ne!(theta, average);
        }
    }
}

#[test]
fn law_many_episodes_do_not_raise_the_cost_plus_violation() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 4, KIND, 9);
    // $ per pu and per fraction of a limit; the multipliers of the elastic rows end at 100 $ per 0.01 pu.
    let priced = |(cost, voltage, current): (f64, f64, f64)| cost + 1e3 * voltage + 1e2 * current;
    let before = means(&fleet, &policies(&fleet, &scenarios, KIND, 12), &scenarios);
    let mut run = trainer(&fleet, &scenarios, settings(32, 2, 10.0), SEED);
    let episodes = train(&mut run);
    assert!(episodes.iter().enumerate().all(|(i, e)| e.episode == i && e.rounds > 0));
    let present: Vec<GaussianPolicy> = run.policies().into_iter().cloned().collect();
    for (which, kept) in [("present", present), ("averaged", run.averaged().unwrap())] {
        let after = means(&fleet, &kept, &scenarios);
        println!("{which}: cost, voltage, current {before:?} -> {after:?}");
        assert!(priced(after) <= priced(before), "{which}: {} after {}", priced(after), priced(before));
    }
}

#[test]
fn law_runs_that_cannot_start_are_errors() {
    let fleet = fleet();
    let scenarios = scenarios(&fleet, 2, KIND, 10);
    let all = || policies(&fleet, &scenarios, KIND, 12);
    let empty = PaperTrainer::new(&fleet, &[], all(), settings(3, 1, 1.0), SEED);
    assert!(matches!(empty, Err(LearnError::NoScenario { .. })));
    let two = all().into_iter().take(2).collect();
    let few = PaperTrainer::new(&fleet, &scenarios, two, settings(3, 1, 1.0), SEED);
    assert!(matches!(few, Err(LearnError::PolicyCount { count: 2, microgrids: 3 })));
    let mut run = trainer(&fleet, &scenarios, settings(3, 1, 1.0), SEED);
    let saved = run.parameters();
    assert!(matches!(run.restore(&saved[..2], 1), Err(LearnError::PolicyCount { .. })));
    let mut short = saved.clone();
    short[2].0.pop();
    assert!(matches!(run.restore(&short, 1), Err(LearnError::Policy(_))));
    let mut short = saved.clone();
    short[0].1.pop();
    assert!(matches!(run.restore(&short, 1), Err(LearnError::Checkpoint { .. })));
    assert_eq!((run.episode, run.parameters()), (0, saved));
}

//! A made-up record with every section filled: shapes as in a real study, numbers from a seeded generator.

use covolt_report::record::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

/// The record; the same seed gives the same record.
pub fn record(seed: u64) -> StudyRecord {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let names: Vec<String> = (1..=5).map(|n| format!("MG{n}")).collect();
    let mut record = StudyRecord {
        title: "Five microgrids on a 33-bus feeder (made-up demo record)".to_owned(),
        command_line: format!("demo_report --seed {seed}"),
        case: CaseFacts {
            name: "feeder33-mg5".to_owned(),
            buses: 98,
            microgrids: 5,
            days_train: 240,
            days_validation: 60,
            days_test: 65,
        },
        training: Some(training("default", 400, 9, &mut random)),
        paper_training: Some(training("paper", 800, 120, &mut random)),
        parameters: parameters(&names, &mut random),
        day: Some(day(&names, &mut random)),
        capacity_study: Some(capacity(&mut random)),
        coordination: vec![
            method("paper", "complete", None, 250, &mut random),
            method("primal_dual", "ring", Some(96), 96, &mut random),
            method("interior_point", "complete", Some(9), 9, &mut random),
        ],
        cost_table: Some(CostTable {
            window_start: "2016-07-14 17:00".to_owned(),
            window_h: 1.0,
            layer: "repaired".to_owned(),
            rows: [(22.101, 22.120), (-4.520, -4.533), (20.770, 20.812), (36.378, 36.391), (0.061, 0.064)]
                .iter()
                .zip(&names)
                .map(|((central, policy), name)| CostRow {
                    microgrid: name.clone(),
                    central_usd: *central,
                    policy_usd: *policy,
                })
                .collect(),
            lower_bound_usd: Some(74.7897),
        }),
        windows: Some(windows(0.19)),
        seeds: (1..=5)
            .map(|seed| SeedRun { seed, wall_s: 27.0 + seed as f64, windows: windows(0.2 + 0.01 * seed as f64) })
            .collect(),
        paper_windows: Some(windows(0.94)),
        decision_times: Some(DecisionTimes {
            bare_certified: Some(Quantiles { median: 412.0, p99: 655.0 }),
            repaired: Some(Quantiles { median: 930.0, p99: 8_410.0 }),
            polished: Some(Quantiles { median: 6_120.0, p99: 17_300.0 }),
            central_optimum: Some(Quantiles { median: 143_000.0, p99: 410_000.0 }),
        }),
        optimum: Some(OptimumRecord {
            windows: 100,
            bound_gap_relative_max: 3.1e-6,
            time_ms_median: 143.0,
            bound_gap_relative: (0..100).map(|_| 3.1e-6 * random.random::<f64>()).collect(),
            remarks: vec!["Every window is within the wanted distance.".to_owned()],
        }),
        closed_loop: Some(ClosedLoopRecord {
            days: 65,
            steps: 6240,
            violating_steps: 0,
            infeasible_steps: 2,
            forecast: "noisy, 8 % of the load, 12 % of PV".to_owned(),
            gap_perfect_information_percent: 0.371,
        }),
        network: Some(network(&names, &mut random)),
        deviations: vec![
            Deviation {
                topic: "Table II".to_owned(),
                paper: "Sum of five microgrids 1.13 % above the central optimum".to_owned(),
                here: "0.19 % above, every window within its limits".to_owned(),
                why: "The state includes price, stored energy and the value of stored energy.".to_owned(),
            },
            Deviation {
                topic: "Fig. 8".to_owned(),
                paper: "All multipliers go to zero".to_owned(),
                here: "Multipliers of binding limits stay above zero".to_owned(),
                why: "A limit that binds at the optimum has a price; zero multipliers mean that no limit mattered."
                    .to_owned(),
            },
        ],
        ..StudyRecord::default()
    };
    for item in Item::ALL {
        record.provenance.note(item, "record.json", "demo_report");
    }
    record.provenance.note(Item::Layers, "windows.json", "covolt reproduce --out run");
    record
}

fn training(trainer: &str, episodes: usize, rounds: usize, random: &mut ChaCha8Rng) -> TrainingRecord {
    let point = |episode: usize, random: &mut ChaCha8Rng| {
        let left = (-(episode as f64) / (0.15 * episodes as f64)).exp();
        LearningPoint {
            episode,
            cost_usd: 74.9 + 18.0 * left + 0.4 * random.random::<f64>(),
            max_voltage_violation_pu: 0.021 * left * random.random::<f64>(),
            max_current_violation_percent: (34.0 * left - 0.4).max(0.0) * (0.7 + 0.3 * random.random::<f64>()),
            rounds: rounds / 2 + random.random_range(0..=rounds / 2),
        }
    };
    TrainingRecord {
        trainer: trainer.to_owned(),
        seed: 7,
        wall_s: episodes as f64 * 0.34,
        episodes,
        peak_memory_mib: 412.0,
        curve: (0..episodes).step_by(4).map(|e| point(e, random)).collect(),
    }
}

fn parameters(names: &[String], random: &mut ChaCha8Rng) -> Vec<ParameterTrace> {
    let mut traces = Vec::new();
    for (network, size) in [(Network::Mean, 0.2), (Network::Covariance, 0.02)] {
        for name in names {
            for number in 0..3 {
                let (start, end) = (random.random_range(-0.5..0.5), random.random_range(-size..size));
                let episode: Vec<usize> = (0..400).step_by(5).collect();
                let value = episode.iter().map(|e| {
                    let done = 1.0 - (-(*e as f64) / 60.0).exp();
                    start + end * done + 0.02 * size * random.random_range(-1.0..1.0)
                });
                traces.push(ParameterTrace {
                    microgrid: name.clone(),
                    network,
                    parameter: format!("layer{number}.weight[3,7]"),
                    value: value.collect(),
                    episode,
                });
            }
        }
    }
    traces
}

fn day(names: &[String], random: &mut ChaCha8Rng) -> DayProfile {
    let hour: Vec<f64> = (0..96).map(|s| 0.25 * f64::from(s)).collect();
    let sun = |h: f64| ((h - 12.5) / 4.5).powi(2).mul_add(-1.0, 1.0).max(0.0);
    let mut microgrids = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let size = if number == 3 { 2.3 } else { 1.0 };
        let mut m = MicrogridDay { name: name.clone(), ..MicrogridDay::default() };
        let mut soc = 0.5;
        for &h in &hour {
            let evening = (-((h - 19.0) / 2.5).powi(2)).exp();
            let load = size
                * (310.0 + 60.0 * (TAU * (h - 9.0) / 24.0).sin() + 190.0 * evening + 18.0 * random.random::<f64>());
            let dg = 250.0 + 130.0 * evening + 20.0 * number as f64;
            let pv = 240.0 * sun(h) * (0.85 + 0.15 * random.random::<f64>());
            let battery = if (1.0..5.0).contains(&h) {
                -55.0
            } else if (17.5..21.0).contains(&h) {
                62.0
            } else {
                0.0
            };
            m.soc.push(soc);
            soc -= battery * 0.25 / 500.0;
            m.demand_kw.push(load);
            m.dg_kw.push(dg);
            m.pv_kw.push(pv);
            m.battery_kw.push(battery);
            m.exchange_kw.push(dg + pv + battery - load);
        }
        microgrids.push(m);
    }
    DayProfile {
        date: "2016-07-14".to_owned(),
        price_usd_per_kwh: hour.iter().map(|h| 0.06 + 0.03 * (TAU * (h - 13.0) / 24.0).sin()).collect(),
        hour,
        microgrids,
    }
}

fn capacity(random: &mut ChaCha8Rng) -> CapacityStudy {
    let episode: Vec<usize> = (0..800).step_by(10).collect();
    let mut reward = |label: &str, end: f64| RewardTrace {
        label: label.to_owned(),
        episode: episode.clone(),
        reward_usd: episode
            .iter()
            .map(|e| end - (150.0 + end) * (-(*e as f64) / 130.0).exp() + 2.0 * random.random::<f64>())
            .collect(),
    };
    let rewards = vec![
        reward("constraints in all microgrids", -75.0),
        reward("none in MG1 and MG2", -60.0),
        reward("none in any microgrid", -41.0),
    ];
    let curve = |end: f64, step: usize| -> Vec<f64> {
        episode
            .iter()
            .map(|e| end - 6.0 * step as f64 - 160.0 * (-(*e as f64) / (110.0 + 20.0 * step as f64)).exp())
            .collect()
    };
    CapacityStudy {
        rewards,
        returns: Some(ConstraintReturns {
            microgrid: "MG1".to_owned(),
            limit_kw: 400.0,
            step_minutes: 15.0,
            with_constraint_kw: (0..4).map(|step| curve(400.0, step)).collect(),
            without_constraint_kw: (0..4).map(|step| curve(520.0, step)).collect(),
            episode,
        }),
    }
}

fn method(
    name: &str,
    graph: &str,
    reached: Option<usize>,
    rounds: usize,
    random: &mut ChaCha8Rng,
) -> CoordinationMethod {
    let limit: Vec<String> = (0..9).map(|n| format!("bus MG4.{} lower voltage, step {}", 640 + n, n % 4 + 1)).collect();
    let multipliers = limit.iter().enumerate().map(|(number, _)| {
        let end = if number < 3 { random.random_range(10.0..50.0) } else { 0.0 };
        (0..=rounds)
            .map(|r| {
                let done = r as f64 / rounds as f64 * 5.0;
                (end + 60.0 * (-done).exp() * (done * 3.0 + number as f64).sin().abs()
                    - 60.0 * f64::from(u8::from(r == 0)))
                .max(0.0)
            })
            .collect()
    });
    CoordinationMethod {
        name: name.to_owned(),
        graph: graph.to_owned(),
        updates: 40,
        updates_reached: if reached.is_some() { 40 } else { 17 },
        rounds_to_1e4_max: reached,
        bytes_per_agent: 2_480 * rounds as u64,
        leaves_agent: vec![
            Transmitted { field: "multipliers".to_owned(), meaning: "prices of the shared limits, $/pu".to_owned() },
            Transmitted { field: "usage".to_owned(), meaning: "own share of each shared limit, pu".to_owned() },
        ],
        trace: Some(RoundsTrace {
            multiplier_usd_per_pu: multipliers.collect(),
            max_violation_pu: (0..=rounds)
                .map(|r| {
                    if r == rounds && rounds < 100 {
                        0.0
                    } else {
                        0.02 * (-8.0 * r as f64 / rounds as f64).exp() * random.random_range(0.3..1.0)
                    }
                })
                .collect(),
            limit,
        }),
    }
}

fn windows(bare: f64) -> WindowStudy {
    let layer = |gap: f64, broken: usize, programs: f64| {
        let share = if broken == 0 { 0.0 } else { 1.0 };
        Some(LayerFigures {
            gap_percent: gap,
            violating_windows: broken,
            max_voltage_violation_pu: 4.1e-4 * share,
            max_current_violation_percent: 1.74 * share,
            max_gap_usd: gap.abs(),
            programs_mean: programs,
        })
    };
    WindowStudy {
        count: 120,
        layers: Layers {
            bare: layer(bare, 34, 0.0),
            repaired: layer(bare + 0.03, 0, 0.52),
            polished: layer(0.0094, 0, 1.9),
            rule: layer(1.02, 0, 2.4),
        },
    }
}

/// The 33-bus feeder's shape with a 13-bus microgrid behind a transformer at five of its buses.
fn network(names: &[String], random: &mut ChaCha8Rng) -> NetworkPicture {
    let mut picture = NetworkPicture { span: "2016-07-14, 96 steps".to_owned(), ..NetworkPicture::default() };
    let mut bus = |id: String, area: &str, mean: f64, random: &mut ChaCha8Rng| {
        let slack = id == "1";
        let spread = if slack { 0.0 } else { random.random_range(0.006..0.018) };
        picture.buses.push(BusPicture {
            id,
            area: area.to_owned(),
            slack,
            min_pu: mean - spread,
            mean_pu: mean,
            max_pu: mean + spread,
            lower_limit_pu: 0.95,
            upper_limit_pu: 1.05,
        });
    };
    let mut branches: Vec<(String, String, bool)> = Vec::new();
    for n in 1..=33 {
        bus(n.to_string(), "", 1.02 - 0.0016 * f64::from(n), random);
        let parent = match n {
            1 => continue,
            19 => 2,
            23 => 3,
            26 => 6,
            _ => n - 1,
        };
        branches.push((parent.to_string(), n.to_string(), false));
    }
    let parents = [0usize, 0, 1, 2, 1, 4, 1, 6, 6, 8, 8, 6, 11];
    for (name, at) in names.iter().zip([8, 14, 18, 25, 31]) {
        for (n, parent) in parents.iter().enumerate() {
            let lift = if name == "MG4" { -0.03 } else { 0.022 };
            bus(format!("{name}.{n}"), name, 1.0 + lift * n as f64 / 12.0, random);
            let from = if n == 0 { at.to_string() } else { format!("{name}.{parent}") };
            branches.push((from, format!("{name}.{n}"), n == 0));
        }
    }
    branches.push(("21".to_owned(), "8".to_owned(), false));
    for (number, (from, to, transformer)) in branches.into_iter().enumerate() {
        picture.branches.push(BranchPicture {
            id: format!("L{}", number + 1),
            loading_max_percent: if number == 40 {
                f64::NAN
            } else {
                random.random_range(8.0f64..99.0).powi(2) / 100.0
            },
            from,
            to,
            transformer,
        });
    }
    picture
}

//! The built-in case cut at its PCCs, with participants for it.

#![allow(clippy::unwrap_used)] // a test may fail loudly
#![allow(dead_code)] // each test file uses its own part

use covolt_case::Case;
use covolt_dispatch::{ForecastKind, GuardMode, MeritOrder, start_state};
use covolt_fleet::seam::{Seam, cut_at_pccs};
use covolt_fleet::{PriceKnowledge, PriceOutlook, Profiles, StateKind, StorageValuation};
use covolt_grid::BusIndex;
use covolt_learn::{ExactSettings, NetworkShape, draw_rows};
use covolt_parties::*;
use covolt_policy::GaussianPolicy;
use covolt_wire::{Shape, TrainingPlan};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub const STEPS: usize = 4;
pub const FINGERPRINT: [u8; 16] = [7; 16];

pub struct Cut {
    pub case: Case,
    pub seam: Seam,
    pub feeder: Profiles,
    pub own: Vec<Profiles>,
    pub outlooks: Vec<PriceOutlook>,
    pub valuation: StorageValuation,
    pub pccs: Vec<(String, BusIndex)>,
}

pub fn built_in() -> Cut {
    let case = Case::builtin().unwrap();
    let seam = cut_at_pccs(&case.fleet).unwrap();
    let feeder = Profiles { microgrids: Vec::new(), ..case.profiles.clone() };
    let own: Vec<Profiles> = (0..case.fleet.microgrids.len())
        .map(|n| Profiles {
            feeder_loads: Vec::new(),
            microgrids: vec![case.profiles.microgrids[n].clone()],
            ..case.profiles.clone()
        })
        .collect();
    let outlooks = own.iter().map(|p| PriceOutlook::from_days(p, &case.days.train)).collect();
    let pccs = seam.operator.pccs.iter().map(|pcc| (pcc.microgrid.clone(), pcc.bus)).collect();
    Cut { case, seam, feeder, own, outlooks, valuation: StorageValuation::PriceForecast, pccs }
}

impl Cut {
    pub fn shape(&self, batch: usize, rows: usize) -> Shape {
        Shape { steps: STEPS, most_windows: batch, most_rows: rows }
    }

    pub fn rows(&self, count: usize, seed: u64) -> Vec<usize> {
        draw_rows(&self.case.profiles, STEPS, &self.case.days.train, count, &mut ChaCha8Rng::seed_from_u64(seed))
            .unwrap()
    }

    pub fn agent_place(&self, n: usize, shape: Shape) -> AgentPlace<'_> {
        AgentPlace {
            seat: n,
            fingerprint: FINGERPRINT,
            fleet: &self.seam.agents[n].fleet,
            profiles: &self.own[n],
            outlook: &self.outlooks[n],
            valuation: &self.valuation,
            steps: STEPS,
            state: StateKind::Local,
            shape,
        }
    }

    pub fn operator_place(&self, shape: Shape) -> OperatorPlace<'_> {
        OperatorPlace {
            fingerprint: FINGERPRINT,
            fleet: &self.seam.operator.fleet,
            profiles: &self.feeder,
            pccs: &self.pccs,
            steps: STEPS,
            shape,
        }
    }

    pub fn operator(&self, plan: &TrainingPlan, timing: Timing) -> OperatorTraining<'_> {
        let shape = self.shape(plan.batch as usize, plan.rows.len());
        OperatorTraining::new(self.operator_place(shape), plan.clone(), timing, 99, None).unwrap()
    }

    pub fn agents(&self, plan: &TrainingPlan, timing: Timing, network: &NetworkShape) -> Vec<AgentTraining<'_>> {
        let shape = self.shape(plan.batch as usize, plan.rows.len());
        (0..self.own.len())
            .map(|n| AgentTraining::new(self.agent_place(n, shape), network.clone(), timing, None).unwrap())
            .collect()
    }
}

pub fn small_network() -> NetworkShape {
    NetworkShape { mean_hidden: vec![16, 16], covariance_hidden: vec![8], ..NetworkShape::default() }
}

pub fn plan(cut: &Cut, episodes: usize, batch: usize, windows: usize) -> TrainingPlan {
    let settings = ExactSettings { episodes, batch, ..ExactSettings::default() };
    plan_of(&settings, 5, &cut.rows(windows, 5))
}

pub fn parameters(policies: &[GaussianPolicy]) -> Vec<f64> {
    policies.iter().flat_map(|p| p.mean_net().parameters().to_vec()).collect()
}

impl Cut {
    pub fn dispatch_shape(&self) -> Shape {
        self.shape(1, 1)
    }

    pub fn operator_dispatch(&self, mode: GuardMode, rows: std::ops::Range<usize>) -> OperatorDispatch<'_> {
        let settings = OperatorDispatchSettings { mode, ..OperatorDispatchSettings::default() };
        OperatorDispatch::new(self.operator_place(self.dispatch_shape()), settings, 7, rows)
    }

    /// Agents that propose by the merit order, half charged.
    pub fn agents_dispatch(&self, mode: GuardMode, rows: std::ops::Range<usize>) -> Vec<AgentDispatch<'_>> {
        (0..self.own.len())
            .map(|n| {
                let place = self.agent_place(n, self.dispatch_shape());
                let state = start_state(place.fleet, place.profiles, rows.start, 0.5).unwrap().remove(0);
                let settings = AgentDispatchSettings {
                    mode,
                    deadline_ms: 1000,
                    silence_ms: 5000,
                    stale_rows: 8,
                    last_row: rows.end - 1,
                    forecast: ForecastKind::default(),
                    knowledge: PriceKnowledge::default(),
                };
                AgentDispatch::new(place, settings, Box::new(MeritOrder::default()), state, rows.start).unwrap()
            })
            .collect()
    }
}

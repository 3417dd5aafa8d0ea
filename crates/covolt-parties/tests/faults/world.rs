//! Three microgrids on a 14-bus feeder, cut at their PCCs; six rounds of four among eight windows; what comes out without faults.

use super::fleet;
use covolt_fleet::seam::{Seam, cut_at_pccs};
use covolt_fleet::{
    Fleet, LoadProfile, MicrogridProfiles, NetworkLimits, PriceOutlook, Profiles, ScaledSeries, StateKind,
    StorageValuation,
};
use covolt_grid::BusIndex;
use covolt_learn::{ExactSettings, NetworkShape};
use covolt_parties::memory::train_in_memory;
use covolt_parties::{AgentPlace, AgentTraining, OperatorPlace, OperatorTraining, PartyError, Timing, plan_of};
use covolt_wire::{Shape, TrainingPlan};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::sync::LazyLock;

use super::STEPS;
pub const SEATS: usize = 3;
pub const FINGERPRINT: [u8; 16] = [7; 16];
pub const RUN: u64 = 990;
const ROWS: usize = 24;

/// What all runs share.
pub struct World {
    #[allow(dead_code)] // for dispatch
    pub whole: Fleet,
    pub seam: Seam,
    feeder: Profiles,
    pub own: Vec<Profiles>,
    /// Of the whole fleet.
    #[allow(dead_code)] // for dispatch
    pub profiles: Profiles,
    outlooks: Vec<PriceOutlook>,
    valuation: StorageValuation,
    pccs: Vec<(String, BusIndex)>,
    network: NetworkShape,
    pub plan: TrainingPlan,
    pub shape: Shape,
}

/// What a run without faults leaves: checkpoints of all agents and of the operator, messages on the way there.
pub struct Calm {
    pub agents: Vec<Vec<u8>>,
    pub operator: Vec<u8>,
    pub exchanges: u64,
    pub messages: u64,
}

pub static WORLD: LazyLock<World> = LazyLock::new(World::new);
pub static CALM: LazyLock<Calm> = LazyLock::new(|| WORLD.calm());

fn series(size: f64, rng: &mut ChaCha8Rng) -> ScaledSeries {
    ScaledSeries::new((0..ROWS).map(|_| rng.random_range(0.4..1.0)).collect(), size)
}

fn loads(count: usize, rng: &mut ChaCha8Rng) -> Vec<LoadProfile> {
    (0..count).map(|_| LoadProfile { p_kw: series(160.0, rng), q_kvar: series(70.0, rng) }).collect()
}

impl World {
    fn new() -> World {
        let mut whole = fleet::fleet();
        whole.limits = NetworkLimits::uniform(&whole.grid, super::BAND_PU.0, super::BAND_PU.1);
        let seam = cut_at_pccs(&whole).unwrap();
        let mut rng = fleet::rng(11);
        let calendar = Profiles {
            dt_h: 1.0,
            unix_s: (0..ROWS as i64).map(|r| 3600 * r).collect(),
            hour_of_day: (0..ROWS).map(|r| r as f64).collect(),
            weekday: vec![2; ROWS],
            day: vec![0; ROWS],
            feeder_loads: Vec::new(),
            microgrids: Vec::new(),
        };
        let feeder = Profiles { feeder_loads: loads(whole.feeder_loads.len(), &mut rng), ..calendar.clone() };
        let own: Vec<Profiles> = (whole.microgrids.iter())
            .map(|mg| {
                let series = MicrogridProfiles {
                    loads: loads(mg.loads.len(), &mut rng),
                    pvs_kw: mg.pvs.iter().map(|_| series(90.0, &mut rng)).collect(),
                    price_per_kwh: series(0.4, &mut rng),
                };
                Profiles { microgrids: vec![series], ..calendar.clone() }
            })
            .collect();
        let settings = ExactSettings {
            episodes: 6,
            batch: 4,
            voltage_margin_pu: 0.045,
            current_margin: 0.4,
            multiplier_cap: 60.0,
            ..ExactSettings::default()
        };
        let plan = plan_of(&settings, 5, &[1, 4, 7, 10, 12, 15, 18, 21]);
        World {
            pccs: seam.operator.pccs.iter().map(|pcc| (pcc.microgrid.clone(), pcc.bus)).collect(),
            outlooks: own.iter().map(|own| PriceOutlook::from_days(own, &[0])).collect(),
            valuation: StorageValuation::Constant { value_per_kwh: 0.15 },
            network: NetworkShape { mean_hidden: vec![4], covariance_hidden: vec![2], ..NetworkShape::default() },
            shape: Shape { steps: STEPS, most_windows: plan.batch as usize, most_rows: plan.rows.len() },
            plan,
            profiles: Profiles {
                microgrids: own.iter().flat_map(|own| own.microgrids.clone()).collect(),
                ..feeder.clone()
            },
            whole,
            seam,
            feeder,
            own,
        }
    }

    pub fn operator(&self, timing: Timing, checkpoint: Option<&[u8]>) -> Result<OperatorTraining<'_>, PartyError> {
        OperatorTraining::new(self.operator_place(), self.plan.clone(), timing, RUN, checkpoint)
    }

    pub fn operator_place(&self) -> OperatorPlace<'_> {
        OperatorPlace {
            fingerprint: FINGERPRINT,
            fleet: &self.seam.operator.fleet,
            profiles: &self.feeder,
            pccs: &self.pccs,
            steps: STEPS,
            shape: self.shape,
        }
    }

    pub fn agent(&self, n: usize, timing: Timing, checkpoint: Option<&[u8]>) -> Result<AgentTraining<'_>, PartyError> {
        AgentTraining::new(self.agent_place(n), self.network.clone(), timing, checkpoint)
    }

    pub fn agent_place(&self, n: usize) -> AgentPlace<'_> {
        AgentPlace {
            seat: n,
            fingerprint: FINGERPRINT,
            fleet: &self.seam.agents[n].fleet,
            profiles: &self.own[n],
            outlook: &self.outlooks[n],
            valuation: &self.valuation,
            steps: STEPS,
            state: StateKind::Local,
            shape: self.shape,
        }
    }

    fn calm(&self) -> Calm {
        let mut operator = self.operator(Timing::default(), None).unwrap();
        let mut agents: Vec<_> = (0..SEATS).map(|n| self.agent(n, Timing::default(), None).unwrap()).collect();
        let mut messages = 0;
        train_in_memory(&mut operator, &mut agents, &mut |_, _, _, _| messages += 1, &mut |_, _| false).unwrap();
        assert!(operator.is_done());
        let binding = |prices: &[covolt_fleet::LimitPrices]| prices.iter().any(|of| !of.entries.is_empty());
        assert!(binding(operator.multipliers()), "a limit of the feeder should bind, or its multipliers show nothing");
        assert!(agents.iter().any(|agent| binding(agent.multipliers())), "a limit of an agent should bind");
        Calm {
            agents: agents.iter().map(|agent| agent.checkpoint().unwrap()).collect(),
            operator: operator.checkpoint().unwrap(),
            exchanges: operator.exchanges,
            messages,
        }
    }
}

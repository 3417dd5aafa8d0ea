//! Windows of the built-in case with drawn rows and device states, and programs around their merit order.
#![allow(dead_code)] // each test uses its part

use covolt_case::Case;
use covolt_fleet::window_program::{WindowProgram, linearise};
use covolt_fleet::*;
use covolt_optimum::central::{make_feasible, merit_order_actions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub struct BuiltIn {
    pub case: Case,
    pub outlook: PriceOutlook,
    pub curvature: Vec<LossCurvature>,
}

/// How the programs of a family differ from the plain ones.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    pub steps: usize,
    pub reach: Reach,
    /// Voltage band narrowed by this at both ends, pu; enough of it cannot be met.
    pub narrowed_pu: f64,
    /// Factor on current limits.
    pub rating: f64,
    /// Added to every price, $/kWh.
    pub price_shift: f64,
    /// Actions away from the merit order, share of each entry.
    pub noise: f64,
}

pub const PLAIN: Family = Family {
    steps: 4,
    reach: Reach { voltage_pu: 0.01, current_fraction: 0.8 },
    narrowed_pu: 0.0,
    rating: 1.0,
    price_shift: 0.0,
    noise: 0.3,
};

impl BuiltIn {
    pub fn load() -> BuiltIn {
        let case = Case::builtin().unwrap();
        let outlook = PriceOutlook::from_days(&case.profiles, &case.days.train);
        let curvature = LossCurvature::of_fleet(&case.fleet);
        BuiltIn { case, outlook, curvature }
    }

    /// Narrows the limits of the fleet as the family asks.
    pub fn restrict(&mut self, family: &Family) {
        let limits = &mut self.case.fleet.limits;
        limits.v_min_pu.iter_mut().for_each(|v| *v += family.narrowed_pu);
        limits.v_max_pu.iter_mut().for_each(|v| *v -= family.narrowed_pu);
        limits.i_max_pu.iter_mut().for_each(|i| *i *= family.rating);
    }

    pub fn window(&self, family: &Family, rng: &mut ChaCha8Rng) -> Window {
        let (fleet, profiles) = (&self.case.fleet, &self.case.profiles);
        let day = self.case.days.test[rng.random_range(0..self.case.days.test.len())];
        let rows = profiles.rows_of_day(day);
        let last = rows.end.saturating_sub(family.steps).max(rows.start);
        let row = rng.random_range(rows.start..=last);
        let starts: Vec<MicrogridStart> = fleet
            .microgrids
            .iter()
            .map(|mg| MicrogridStart {
                soc: mg.batteries.iter().map(|b| rng.random_range(b.soc_min..=b.soc_max)).collect(),
                p_dg_kw: mg.dgs.iter().map(|d| rng.random_range(0.0..=d.p_max_kw)).collect(),
            })
            .collect();
        let valuation = StorageValuation::default();
        let terminals =
            self.outlook.terminal_values(fleet, profiles, row, family.steps, &valuation, PriceKnowledge::DayAhead);
        let mut window = Window::from_profiles(profiles, row, family.steps, &starts, &terminals).unwrap();
        for mg in &mut window.microgrids {
            mg.price_per_kwh.iter_mut().for_each(|p| *p += family.price_shift);
        }
        window
    }

    /// A window and the program around a disturbed merit order.
    pub fn program(&self, family: &Family, seed: u64) -> (Window, WindowProgram) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let fleet = &self.case.fleet;
        let window = self.window(family, &mut rng);
        let mut at = merit_order_actions(fleet, &window);
        at.iter_mut().flatten().for_each(|a| *a *= 1.0 + family.noise * rng.random_range(-1.0..=1.0));
        make_feasible(fleet, &window, &mut at);
        let base = BaseDemand::new(fleet, &window);
        let mut ws = PhysicsWorkspace::new(fleet);
        let program = linearise(fleet, &window, &base, &at, &family.reach, &self.curvature, &mut ws).unwrap();
        (window, program)
    }
}

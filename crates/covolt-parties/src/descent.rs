//! One agent's half of an update: answers for a batch of its windows, and the descent once the prices are known.

use crate::error::PartyError;
use crate::reception::told;
use covolt_fleet::pcc_answer::answer_voltages;
use covolt_fleet::{AnswerWorkspace, Fleet, LimitPrices, PccAnswer, PricedWindow};
use covolt_grid::LANES;
use covolt_learn::{ExactSettings, Learner, Scenario, TRAINING_TOLERANCE_PU};
use covolt_wire::{BoundaryPoint, PriceOfPower};

/// Memory of one agent while it trains.
pub(crate) struct Descent {
    workspace: AnswerWorkspace,
    chunks: Vec<PccAnswer>,
    actions: Vec<Vec<f64>>,
    gradients: Vec<Vec<f64>>,
    spare: LimitPrices,
}

/// What an answer measured, means over its windows and worst of all.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OwnReturns {
    /// Mean cost of a window, $.
    pub cost: f64,
    /// Worst voltage violation of the agent's own network, pu.
    pub voltage_violation_pu: f64,
    /// Worst current violation, fraction.
    pub current_violation: f64,
}

impl Descent {
    pub fn new(part: &Fleet, steps: usize, batch: usize) -> Result<Descent, PartyError> {
        let size = part.microgrids.first().map_or(0, |mg| mg.layout(steps).len());
        let mut workspace = AnswerWorkspace::new(part)?;
        workspace.options.tolerance_pu = TRAINING_TOLERANCE_PU * TIGHTER;
        let zeros = || vec![vec![0.0; size]; batch];
        let spare = LimitPrices::default();
        Ok(Descent { workspace, chunks: Vec::new(), actions: zeros(), gradients: zeros(), spare })
    }

    /// The policy's actions in the windows of a batch.
    pub fn act(&mut self, part: &Fleet, learner: &mut Learner, batch: &[&Scenario]) -> Result<(), PartyError> {
        Ok(learner.act(&part.microgrids[0], 0, batch, &mut self.actions)?)
    }

    /// Solves the batch at `v_pu[w * steps + t]`.
    pub fn answer(
        &mut self,
        part: &Fleet,
        batch: &[&Scenario],
        windows: &[usize],
        prices: &[LimitPrices],
        v_pu: &[f64],
        settings: &ExactSettings,
    ) -> Result<(Vec<BoundaryPoint>, OwnReturns), PartyError> {
        let steps = batch.first().map_or(0, |s| s.window.steps);
        self.chunks.resize_with(batch.len().div_ceil(LANES), PccAnswer::default);
        let pricing = settings.limit_pricing();
        let mut points = Vec::with_capacity(v_pu.len());
        let mut returns = OwnReturns::default();
        for (c, (scenarios, indices)) in batch.chunks(LANES).zip(windows.chunks(LANES)).enumerate() {
            let priced: Vec<PricedWindow<'_>> = scenarios
                .iter()
                .zip(indices)
                .map(|(s, &i)| PricedWindow { window: &s.window, base: &s.base, prices: &prices[i] })
                .collect();
            let v = |lane: usize, t: usize| v_pu[(c * LANES + lane) * steps + t];
            let action = |lane: usize| self.actions[c * LANES + lane].as_slice();
            let chunk = &mut self.chunks[c];
            answer_voltages(part, &priced, v, action, &pricing, &mut self.workspace, chunk)?;
            for lane in 0..priced.len() {
                points.extend(chunk.points(lane).iter().map(told));
                let value = &chunk.values[lane];
                returns.cost += value.cost / batch.len() as f64;
                returns.voltage_violation_pu = returns.voltage_violation_pu.max(value.voltage_violation_pu);
                returns.current_violation = returns.current_violation.max(value.current_violation);
            }
        }
        Ok((points, returns))
    }

    /// Descends along the last answer at the prices that came back, and moves the multipliers of the agent's own limits.
    #[allow(clippy::too_many_arguments)]
    pub fn descend(
        &mut self,
        part: &Fleet,
        learner: &mut Learner,
        batch: &[&Scenario],
        windows: &[usize],
        prices: &mut [LimitPrices],
        settled: &[PriceOfPower],
        settings: &ExactSettings,
        episode: usize,
    ) -> Result<(), PartyError> {
        let steps = batch.first().map_or(0, |s| s.window.steps);
        let mut of_window = vec![(0.0, 0.0); steps];
        for (w, gradient) in self.gradients.iter_mut().take(batch.len()).enumerate() {
            for (slot, price) in of_window.iter_mut().zip(&settled[w * steps..]) {
                *slot = (price.p_per_kw, price.q_per_kvar);
            }
            self.chunks[w / LANES].gradient(w % LANES, &of_window, gradient);
        }
        for (w, &i) in windows.iter().enumerate() {
            let slopes = &mut self.chunks[w / LANES].slopes[w % LANES];
            prices[i].move_towards(slopes, settings.multiplier_share, settings.multiplier_cap, &mut self.spare);
        }
        let pace = settings.pace(episode);
        learner.descend(&part.microgrids[0], batch, &self.actions, &self.gradients, pace)?;
        Ok(())
    }
}

/// The parts are solved more exactly than the whole in one process: their differences add up over the exchanges.
pub(crate) const TIGHTER: f64 = 1e-2;

//! The operator's rounds: which windows, at which voltages, what the feeder makes of the answers, which prices go back.

use crate::descent::TIGHTER;
use crate::error::PartyError;
use crate::operator_training::OperatorPlace;
use crate::reception::heard;
use covolt_fleet::feeder_flow::solve_feeder;
use covolt_fleet::{BaseDemand, FeederAnswer, FeederWorkspace, LimitPrices, PccPoint, PricedWindow, Window};
use covolt_grid::{BusIndex, GridError, LANES};
use covolt_learn::{BatchOrder, ExactSettings, LearnError, TRAINING_TOLERANCE_PU};
use covolt_wire::{BoundaryPoint, PriceOfPower, TrainingPlan};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// What a closed round measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RoundNote {
    /// Round, counted from 0.
    pub round: u32,
    /// Exchanges that it took.
    pub exchanges: u16,
    /// Worst voltage violation of the feeder, pu.
    pub voltage_violation_pu: f64,
    /// Worst current violation of the feeder, fraction.
    pub current_violation: f64,
    /// Agents that took part.
    pub present: usize,
}

/// The feeder over the rounds of a training.
pub(crate) struct FeederRounds<'a> {
    place: OperatorPlace<'a>,
    settings: ExactSettings,
    order: BatchOrder,
    windows: Vec<(Window, BaseDemand)>,
    /// What one round leaves to the next.
    pub memory: RoundMemory,
    /// Windows of the open round; empty between rounds.
    pub batch: Vec<usize>,
    /// Voltages that they are asked for, `[(w * steps + t) * pccs + n]`.
    pub asked_v_pu: Vec<f64>,
    workspaces: Mutex<Vec<FeederWorkspace>>,
    answers: Vec<FeederAnswer>,
}

/// What one round leaves to the next, and a checkpoint keeps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoundMemory {
    /// Multipliers of the feeder's limits by window.
    pub prices: Vec<LimitPrices>,
    /// Voltages at the PCCs by window, `[t * pccs + n]`; empty where it was not seen yet.
    voltages: Vec<Vec<f64>>,
    /// Means over the round before, `[t * pccs + n]`: of its voltages, and of their change since each window was last seen.
    typical_v_pu: Vec<f64>,
    drift_pu: Vec<f64>,
    /// Prices of power of the round before, by seat.
    pub settled: Option<Vec<Vec<PriceOfPower>>>,
}

impl<'a> FeederRounds<'a> {
    pub fn new(place: OperatorPlace<'a>, plan: &TrainingPlan, settings: ExactSettings) -> Result<Self, PartyError> {
        let workspace = FeederWorkspace::new(place.fleet)?;
        let mut windows = Vec::with_capacity(plan.rows.len());
        for &row in &plan.rows {
            let reason = || LearnError::NoScenario { reason: format!("row {row} has no complete window") };
            let window =
                Window::from_profiles(place.profiles, row as usize, place.steps, &[], &[]).ok_or_else(reason)?;
            let base = BaseDemand::new(place.fleet, &window);
            windows.push((window, base));
        }
        let (count, per_window) = (windows.len(), place.steps * place.pccs.len());
        let memory = RoundMemory {
            prices: vec![LimitPrices::default(); count],
            voltages: vec![Vec::new(); count],
            typical_v_pu: vec![1.0; per_window],
            drift_pu: vec![0.0; per_window],
            settled: None,
        };
        Ok(FeederRounds {
            order: BatchOrder::new(count, settings.batch, plan.seed),
            place,
            settings,
            windows,
            memory,
            batch: Vec::new(),
            asked_v_pu: Vec::new(),
            workspaces: Mutex::new(vec![workspace]),
            answers: Vec::new(),
        })
    }

    /// Training windows.
    pub fn windows(&self) -> usize {
        self.windows.len()
    }

    /// Chooses the windows of a round and a first guess of their voltages.
    pub fn open(&mut self, round: u32) {
        self.batch.clear();
        self.batch.extend_from_slice(self.order.of_episode(round as usize));
        self.asked_v_pu.clear();
        let RoundMemory { voltages, typical_v_pu, drift_pu, .. } = &self.memory;
        for &w in &self.batch {
            match voltages[w].len() == typical_v_pu.len() {
                true => self.asked_v_pu.extend(voltages[w].iter().zip(drift_pu).map(|(v, d)| v + d)),
                false => self.asked_v_pu.extend_from_slice(typical_v_pu),
            }
        }
    }

    /// Solves the feeder with the answers, `answer(n, w)` that of seat `n` in the w-th window and whether it is of now. Returns how far
    /// its voltages are from those asked for, pu, and asks for its own from now on.
    pub fn close_exchange<'p>(
        &mut self,
        answer: impl Fn(usize, usize) -> (Option<&'p [BoundaryPoint]>, bool),
    ) -> Result<f64, PartyError> {
        let (steps, seats) = (self.place.steps, self.place.pccs.len());
        let mut points = vec![PccPoint::default(); self.asked_v_pu.len()];
        for n in 0..seats {
            for w in 0..self.batch.len() {
                let (own, now) = answer(n, w);
                for t in 0..steps {
                    let at = (w * steps + t) * seats + n;
                    let p = own.map_or(BoundaryPoint::default(), |own| own[t]);
                    let slope = if now { p.slope } else { 0.0 };
                    points[at] = heard(self.asked_v_pu[at], &BoundaryPoint { slope, ..p });
                }
            }
        }
        self.solve(&points)?;
        self.asked_v_pu.clear();
        self.answers.iter().for_each(|answer| self.asked_v_pu.extend_from_slice(&answer.v_pu));
        Ok(self.answers.iter().map(|a| a.distance_pu).fold(0.0, f64::max))
    }

    fn solve(&mut self, points: &[PccPoint]) -> Result<(), PartyError> {
        let OperatorPlace { fleet, pccs, steps, .. } = self.place;
        let buses: Vec<BusIndex> = pccs.iter().map(|pcc| pcc.1).collect();
        let pricing = self.settings.limit_pricing();
        let per_window = steps * buses.len();
        self.answers.resize_with(self.batch.len().div_ceil(LANES), FeederAnswer::default);
        let (windows, prices, workspaces) = (&self.windows, &self.memory.prices, &self.workspaces);
        let work = self.answers.par_iter_mut().zip(self.batch.par_chunks(LANES)).enumerate();
        work.try_for_each(|(c, (answer, chunk))| -> Result<(), GridError> {
            let kept = workspaces.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut ws = kept.map_or_else(|| FeederWorkspace::new(fleet), Ok)?;
            ws.options.tolerance_pu = TRAINING_TOLERANCE_PU * TIGHTER;
            let priced: Vec<PricedWindow<'_>> = chunk
                .iter()
                .map(|&w| PricedWindow { window: &windows[w].0, base: &windows[w].1, prices: &prices[w] })
                .collect();
            let own = &points[c * LANES * per_window..][..chunk.len() * per_window];
            let solved = solve_feeder(fleet, &buses, &priced, own, &pricing, &mut ws, answer);
            workspaces.lock().unwrap_or_else(PoisonError::into_inner).push(ws);
            solved
        })?;
        Ok(())
    }

    /// Closes the round: keeps voltages, moves the multipliers, and makes the prices that travel with the next one.
    pub fn settle(&mut self) -> RoundNote {
        let (steps, seats) = (self.place.steps, self.place.pccs.len());
        let per_window = steps * seats;
        let (mut known, mut seen) = (0.0, 0.0);
        let mut spare = LimitPrices::default();
        let mut settled = vec![Vec::with_capacity(self.batch.len() * steps); seats];
        let RoundMemory { prices, voltages, typical_v_pu, drift_pu, .. } = &mut self.memory;
        typical_v_pu.fill(0.0);
        drift_pu.fill(0.0);
        let mut note = RoundNote::default();
        for (w, &window) in self.batch.iter().enumerate() {
            let answer = &mut self.answers[w / LANES];
            let lane = w % LANES;
            let span = lane * per_window..(lane + 1) * per_window;
            let now = &answer.v_pu[span.clone()];
            seen += 1.0;
            typical_v_pu.iter_mut().zip(now).for_each(|(mean, v)| *mean += (v - *mean) / seen);
            if voltages[window].len() == per_window {
                known += 1.0;
                let moved = now.iter().zip(&voltages[window]).map(|(now, before)| now - before);
                drift_pu.iter_mut().zip(moved).for_each(|(mean, d)| *mean += (d - *mean) / known);
            }
            voltages[window].clear();
            voltages[window].extend_from_slice(now);
            for (at, &(p_per_kw, q_per_kvar)) in answer.prices[span].iter().enumerate() {
                settled[at % seats].push(PriceOfPower { p_per_kw, q_per_kvar });
            }
            let (share, cap) = (self.settings.multiplier_share, self.settings.multiplier_cap);
            prices[window].move_towards(&mut answer.slopes[lane], share, cap, &mut spare);
            let value = &answer.values[lane];
            note.voltage_violation_pu = note.voltage_violation_pu.max(value.voltage_violation_pu);
            note.current_violation = note.current_violation.max(value.current_violation);
        }
        self.memory.settled = Some(settled);
        self.batch.clear();
        note
    }
}

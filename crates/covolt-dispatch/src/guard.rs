//! The guard: the only way from a proposed joint action to a decision.
//!
//! 1. Feasible map, AC power flow, device limits: if everything holds, the proposal is certified as it is.
//! 2. Otherwise repair ([`crate::repair`]); optionally polish ([`crate::polish`]) first, since its program holds the limits too.
//! 3. Where repair does not end safe, `last_resort.rs`: proof that no action is safe, or the central optimum.
//! 4. The result is examined once more from scratch and the certificate written. Where nothing safe was found, the
//!    least violation is returned, marked, with its limits named, and those that are proven not to be met.
//!
//! Feeders that meet at the source only are decided on side by side (`parts.rs`), on the caller's thread pool.
//!
//! A [`Decision`] cannot be made outside this file.

use crate::certificate::Certificate;
use crate::certify::{Examination, History, certificate};
use crate::error::DispatchError;
use crate::last_resort::last_resort;
use crate::parts::{Part, Settled, join};
use crate::polish::{PolishSettings, polish};
use crate::proposal::Proposer;
use crate::repair::{Candidate, Repair, RepairSettings, Situation, repair};
use crate::window_check::{check_actions, check_length, check_window};
use covolt_fleet::{Fleet, LossCurvature, PhysicsWorkspace, Window, WindowReturns};
use covolt_optimum::central::{make_feasible, merit_order_actions};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// What the guard may do to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum GuardMode {
    /// Report only.
    Bare,
    /// Change a proposal that breaks limits.
    #[default]
    Repair,
    /// Also make it cheaper.
    Polish {
        /// Polish steps.
        steps: u32,
    },
}

/// Settings of the guard.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GuardSettings {
    /// What may be done.
    pub mode: GuardMode,
    /// The repair.
    pub repair: RepairSettings,
    /// The polish.
    pub polish: PolishSettings,
}

impl GuardSettings {
    /// Default settings in the given mode.
    pub fn with_mode(mode: GuardMode) -> GuardSettings {
        GuardSettings { mode, ..GuardSettings::default() }
    }
}

/// A joint action with its certificate.
#[derive(Debug, Clone)]
pub struct Decision {
    actions: Vec<Vec<f64>>,
    returns: Option<WindowReturns>,
    certificate: Certificate,
    time: Duration,
}

impl Decision {
    /// One action per microgrid, kW and kvar; keeps the devices' own limits.
    pub fn actions(&self) -> &[Vec<f64>] {
        &self.actions
    }

    /// Cost and distances to the limits after the AC power flow; `None` when it has no solution.
    pub fn returns(&self) -> Option<&WindowReturns> {
        self.returns.as_ref()
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Time taken, certificate included (and the proposal, in [`propose_and_decide`]).
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Time taken, microseconds.
    pub fn time_us(&self) -> f64 {
        self.time.as_secs_f64() * 1e6
    }

    /// Adds the gap to the central optimum of the same window ($) to the certificate.
    #[must_use]
    pub fn compared_with_optimum(mut self, optimum_usd: f64) -> Decision {
        self.certificate.compare_with_optimum(optimum_usd);
        self
    }

    /// Adds the gap to a lower bound of the same window ($) to the certificate.
    #[must_use]
    pub fn compared_with_bound(mut self, bound_usd: f64) -> Decision {
        self.certificate.compare_with_bound(bound_usd);
        self
    }
}

/// Asks `proposer` and decides; the time includes the proposal.
///
/// # Errors
/// Input that does not fit the fleet.
pub fn propose_and_decide(
    fleet: &Fleet,
    window: &Window,
    proposer: &mut dyn Proposer,
    settings: &GuardSettings,
    curvature: &[LossCurvature],
    ws: &mut PhysicsWorkspace,
) -> Result<Decision, DispatchError> {
    let clock = Instant::now();
    let mut proposal = Vec::new();
    proposer.propose(fleet, window, &mut proposal)?;
    let mut decision = decide(fleet, window, &proposal, proposer.version(), settings, curvature, ws)?;
    decision.time = clock.elapsed();
    Ok(decision)
}

/// Decides on `proposal`, which `version` made. Entries may be anything, NaN included: the feasible map comes first.
///
/// # Errors
/// Sizes that do not fit the fleet, or a window with numbers that are not finite. A situation without a safe dispatch is
/// not an error: see [`crate::Verdict`].
pub fn decide(
    fleet: &Fleet,
    window: &Window,
    proposal: &[Vec<f64>],
    version: &str,
    settings: &GuardSettings,
    curvature: &[LossCurvature],
    ws: &mut PhysicsWorkspace,
) -> Result<Decision, DispatchError> {
    let clock = Instant::now();
    check_window(fleet, window)?;
    check_actions(fleet, window.steps, proposal)?;
    check_length(|| "the list of loss curvatures".into(), curvature.len(), fleet.microgrids.len())?;
    let mut actions = proposal.to_vec();
    make_feasible(fleet, window, &mut actions);
    let feeders = fleet.feeders();
    let parts = Part::all(fleet, window, curvature, &feeders);
    let settled: Vec<Settled> = match &parts[..] {
        [part] => vec![settle(part, part.of_microgrids(&actions), settings, ws)],
        _ => parts
            .par_iter()
            .map(|part| {
                let own = part.of_microgrids(&actions);
                settle(part, own, settings, &mut PhysicsWorkspace::new(part.fleet))
            })
            .collect(),
    };
    let joined = join(fleet, window, &feeders, settled);
    let examination = Examination::joined(fleet, window, &joined.actions, joined.returns, joined.local);
    let certificate = certificate(fleet, &examination, joined.tight, version, &joined.history);
    Ok(Decision { actions: joined.actions, returns: examination.returns.ok(), certificate, time: clock.elapsed() })
}

/// Examines the part's action, improves it as the mode allows, and examines the result once more from scratch.
fn settle(part: &Part<'_>, actions: Vec<Vec<f64>>, settings: &GuardSettings, ws: &mut PhysicsWorkspace) -> Settled {
    let (fleet, window, base) = (part.fleet, &*part.window, &part.base);
    let mut actions = actions;
    let mut examination = Examination::of(fleet, window, base, &actions, ws);
    let mut history = History::default();
    let polishes = matches!(settings.mode, GuardMode::Polish { steps } if steps > 0);
    if settings.mode != GuardMode::Bare && (polishes || !examination.is_safe()) {
        let situation = Situation { fleet, window, base, curvature: &part.curvature, memory: RefCell::default() };
        let start = match &examination.returns {
            Ok(returns) => Some(Candidate { actions: actions.clone(), returns: returns.clone() }),
            Err(_) => {
                history.repair_tried = true;
                history.repairs += 1; // putting another start in the proposal's place is a change of it
                any_power_flow(&situation, ws)
            }
        };
        if fleet.microgrids.is_empty() {
            history.repair_tried |= !examination.is_safe(); // nobody here can do anything
        } else if let Some(safer) = improve(&situation, start, settings, &mut history, ws) {
            actions = safer.actions;
            examination = Examination::of(fleet, window, base, &actions, ws);
        }
    }
    let tight = examination.tight_limits(fleet);
    Settled { actions, returns: examination.returns, local: Some(examination.local), tight, history }
}

/// A start for the repair where the proposal has no power flow: the merit order, else everything at rest.
fn any_power_flow(situation: &Situation<'_>, ws: &mut PhysicsWorkspace) -> Option<Candidate> {
    let (fleet, window) = (situation.fleet, situation.window);
    let rest = || fleet.layouts(window.steps).iter().map(|layout| vec![0.0; layout.len()]).collect();
    situation.evaluate(merit_order_actions(fleet, window), ws).or_else(|_| situation.evaluate(rest(), ws)).ok()
}

/// Polish and repair as the mode allows, then the last resort where nothing else was safe.
fn improve(
    situation: &Situation<'_>,
    start: Option<Candidate>,
    settings: &GuardSettings,
    history: &mut History,
    ws: &mut PhysicsWorkspace,
) -> Option<Candidate> {
    let mut present = start;
    if let GuardMode::Polish { steps } = settings.mode
        && let Some(mut at) = present.take()
    {
        for _ in 0..steps {
            let outcome = polish(situation, at, &settings.polish, &settings.repair, ws);
            history.programs += outcome.programs;
            at = outcome.best;
            if !outcome.accepted {
                break;
            }
            history.repairs += outcome.repairs;
            history.polish_steps += 1;
        }
        present = Some(at);
    }
    if let Some(at) = present.take_if(|at| !at.is_safe()) {
        history.repair_tried = true;
        let outcome = repair(situation, at, &settings.repair, ws);
        note(history, &outcome);
        present = Some(outcome.best);
    }
    if present.as_ref().is_none_or(|at| !at.is_safe()) {
        history.repair_tried = true;
        let resort = last_resort(situation, present.as_ref(), &settings.repair, ws);
        history.unavoidable = resort.unavoidable;
        if let Some(outcome) = resort.repair {
            note(history, &outcome);
            let better = match &present {
                None => true,
                Some(at) => outcome.best.is_safe() || outcome.best.violation() < at.violation(),
            };
            if better {
                history.central = true;
                present = Some(outcome.best);
            }
        }
    }
    present
}

fn note(history: &mut History, outcome: &Repair) {
    history.repairs += outcome.rounds;
    history.programs += outcome.programs;
}

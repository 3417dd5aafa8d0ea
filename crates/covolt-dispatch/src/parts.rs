//! The parts of a decision: one per feeder, since feeders that meet at the source only do not influence each other
//! ([`covolt_fleet::feeders`]); the whole fleet where there is one feeder.
//!
//! Every part is examined, repaired and polished by itself, on whichever thread; what is joined is in the order of the
//! feeders, so the decision does not depend on the number of threads. The power flow of a feeder with its source is the
//! power flow of the whole network there, so joining the examinations of all parts examines the whole.

use crate::certify::History;
use crate::local_limits::LocalViolation;
use covolt_fleet::feeders::join_returns;
use covolt_fleet::{BaseDemand, Feeder, Fleet, Limit, LossCurvature, Nearest, Window, WindowReturns};
use covolt_grid::GridError;
use std::borrow::Cow;

/// A fleet that is decided on by itself.
pub(crate) struct Part<'a> {
    pub fleet: &'a Fleet,
    pub window: Cow<'a, Window>,
    pub curvature: Cow<'a, [LossCurvature]>,
    pub base: BaseDemand,
    feeder: Option<&'a Feeder>,
}

impl<'a> Part<'a> {
    /// One per feeder, or the whole.
    pub fn all(
        fleet: &'a Fleet,
        window: &'a Window,
        curvature: &'a [LossCurvature],
        feeders: &'a [Feeder],
    ) -> Vec<Part<'a>> {
        if feeders.is_empty() {
            let base = BaseDemand::new(fleet, window);
            let (window, curvature) = (Cow::Borrowed(window), Cow::Borrowed(curvature));
            return vec![Part { fleet, window, curvature, base, feeder: None }];
        }
        let part = |feeder: &'a Feeder| {
            let own = feeder.window(window);
            let base = BaseDemand::new(&feeder.fleet, &own);
            let curvature = Cow::Owned(feeder.of_microgrids(curvature));
            Part { fleet: &feeder.fleet, window: Cow::Owned(own), curvature, base, feeder: Some(feeder) }
        };
        feeders.iter().map(part).collect()
    }

    /// The part's entries of a joint action.
    pub fn of_microgrids(&self, actions: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.feeder.map_or_else(|| actions.to_vec(), |feeder| feeder.of_microgrids(actions))
    }
}

/// What was settled for one part, in its own numbering; or for all of them, in that of the whole.
pub(crate) struct Settled {
    pub actions: Vec<Vec<f64>>,
    pub returns: Result<WindowReturns, GridError>,
    /// Device limits that are broken; `None` where the parts' have to be put in the order of the whole by checking it again.
    pub local: Option<Vec<LocalViolation>>,
    /// Limits that bind or are broken.
    pub tight: Vec<Nearest>,
    pub history: History,
}

/// Puts what was settled for every part together; the first part without a power flow leaves the whole without one.
pub(crate) fn join(fleet: &Fleet, window: &Window, feeders: &[Feeder], mut settled: Vec<Settled>) -> Settled {
    if feeders.is_empty()
        && let Some(only) = settled.pop()
    {
        return only;
    }
    let mut actions = vec![Vec::new(); fleet.microgrids.len()];
    let (mut parts, mut failure, mut tight) = (Vec::with_capacity(feeders.len()), None, Vec::new());
    let mut history = History::default();
    for (feeder, part) in feeders.iter().zip(settled) {
        for (action, &n) in part.actions.into_iter().zip(&feeder.microgrids) {
            actions[n] = action;
        }
        match part.returns {
            Ok(returns) => parts.push(returns),
            Err(error) => failure = failure.or(Some(error)),
        }
        tight.extend(part.tight.iter().map(|n| Nearest { limit: feeder.limit_in_whole(n.limit), ..*n }));
        history.repairs = history.repairs.max(part.history.repairs);
        history.polish_steps = history.polish_steps.max(part.history.polish_steps);
        history.programs += part.history.programs;
        history.central |= part.history.central;
        history.repair_tried |= part.history.repair_tried;
        let unavoidable = part.history.unavoidable.iter();
        history.unavoidable.extend(unavoidable.map(|n| Nearest { limit: feeder.limit_in_whole(n.limit), ..*n }));
    }
    tight.sort_by_key(|n| {
        let (kind, element, side) = match n.limit {
            Limit::VoltageLow(bus) => (0, bus, 0),
            Limit::VoltageHigh(bus) => (0, bus, 1),
            Limit::Current(branch) => (1, branch, 0),
        };
        (n.step, kind, element, side)
    });
    let returns = match failure {
        None => Ok(join_returns(feeders, &parts, fleet.microgrids.len(), window.steps)),
        Some(error) => Err(error),
    };
    Settled { actions, returns, local: None, tight, history }
}

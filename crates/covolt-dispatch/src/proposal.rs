//! Where a decision comes from: the policies' means, (20) without sampling, or the merit-order rule.
//!
//! A proposal is local and needs no communication: each agent reads its own microgrid's part of the window. It passes
//! through the feasible map, so (5)-(14) hold; whether the network takes it is the guard's question.

use crate::error::DispatchError;
use crate::window_check::{check_length, check_window};
use covolt_fleet::merit_order::merit_order;
use covolt_fleet::state::{feature_names, observe};
use covolt_fleet::{Fleet, StateKind, Window, feasible_map};
use covolt_policy::{GaussianPolicy, PolicyWorkspace};
use rayon::prelude::*;
use std::sync::Arc;

/// Something that proposes a joint action for a window.
pub trait Proposer {
    /// What certificates call it: the policies' version, or the rule's name.
    fn version(&self) -> &str;

    /// Writes one action per microgrid (kW, kvar; resized as needed), feasible for the devices.
    ///
    /// # Errors
    /// A window that does not fit the fleet or the policies.
    fn propose(&mut self, fleet: &Fleet, window: &Window, actions: &mut Vec<Vec<f64>>) -> Result<(), DispatchError>;
}

/// The policies of all microgrids, acting by their means.
#[derive(Debug, Clone)]
pub struct PolicyFleet {
    policies: Arc<[GaussianPolicy]>,
    state: StateKind,
    steps: usize,
    version: String,
    agents: Vec<AgentBuffers>,
}

/// Buffers of one agent, reused from window to window.
#[derive(Debug, Clone)]
struct AgentBuffers {
    set_points: Vec<f64>,
    features: Vec<f64>,
    raw: Vec<f64>,
    workspace: PolicyWorkspace,
}

impl PolicyFleet {
    /// One policy per microgrid, for windows of `steps`; `version` is what certificates call them.
    ///
    /// # Errors
    /// A policy whose numbers of features or actions do not fit its microgrid.
    pub fn try_new(
        fleet: &Fleet,
        steps: usize,
        state: StateKind,
        policies: Vec<GaussianPolicy>,
        version: impl Into<String>,
    ) -> Result<PolicyFleet, DispatchError> {
        check_length(|| "the list of policies".into(), policies.len(), fleet.microgrids.len())?;
        let mut agents = Vec::with_capacity(policies.len());
        for (mg, policy) in fleet.microgrids.iter().zip(&policies) {
            let layout = mg.layout(steps);
            let features = feature_names(state, mg, &layout).len();
            check_length(|| format!("the state of the policy of microgrid {}", mg.name), policy.features(), features)?;
            let of = || format!("the action of the policy of microgrid {}", mg.name);
            check_length(of, policy.actions(), layout.len())?;
            agents.push(AgentBuffers {
                set_points: vec![0.0; layout.len()],
                features: Vec::with_capacity(features),
                raw: vec![0.0; layout.len()],
                workspace: policy.workspace(1),
            });
        }
        Ok(PolicyFleet { policies: policies.into(), state, steps, version: version.into(), agents })
    }

    /// Window length the policies are made for.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The policies, in the order of the microgrids.
    pub fn policies(&self) -> &[GaussianPolicy] {
        &self.policies
    }
}

impl Proposer for PolicyFleet {
    fn version(&self) -> &str {
        &self.version
    }

    fn propose(&mut self, fleet: &Fleet, window: &Window, actions: &mut Vec<Vec<f64>>) -> Result<(), DispatchError> {
        check_window(fleet, window)?;
        check_length(|| "the window, for these policies,".into(), window.steps, self.steps)?;
        check_length(|| "the list of policies".into(), self.policies.len(), fleet.microgrids.len())?;
        resize(fleet, window.steps, actions);
        let (state, policies) = (self.state, &self.policies);
        let propose = |(n, (agent, action)): (usize, (&mut AgentBuffers, &mut Vec<f64>))| {
            let (mg, w, policy) = (&fleet.microgrids[n], &window.microgrids[n], &policies[n]);
            let layout = mg.layout(window.steps);
            check_length(|| format!("the action of microgrid {}", mg.name), layout.len(), agent.raw.len())?;
            merit_order(mg, w, window.dt_h, &layout, &mut agent.set_points);
            observe(state, mg, n, window, &layout, &agent.set_points, &mut agent.features);
            let mean = policy
                .mean(&agent.features, &agent.set_points, 1, &mut agent.workspace)
                .map_err(|source| DispatchError::Policy { microgrid: mg.name.clone(), source })?;
            agent.raw.copy_from_slice(mean);
            feasible_map::apply(mg, w, window.dt_h, &layout, &agent.raw, action);
            Ok(())
        };
        if fleet.microgrids.len() < MANY {
            return self.agents.iter_mut().zip(actions).enumerate().try_for_each(propose);
        }
        self.agents.par_iter_mut().zip(actions).enumerate().with_min_len(MANY / 4).try_for_each(propose)
    }
}

/// From so many microgrids on the agents propose in parallel, as they would on their own machines; below, handing out the
/// work takes longer than the work.
const MANY: usize = 64;

/// The merit-order rule: what is reached without learning and without a grid.
#[derive(Debug, Clone, Default)]
pub struct MeritOrder {
    set_points: Vec<f64>,
}

impl Proposer for MeritOrder {
    fn version(&self) -> &str {
        "merit-order rule"
    }

    fn propose(&mut self, fleet: &Fleet, window: &Window, actions: &mut Vec<Vec<f64>>) -> Result<(), DispatchError> {
        check_window(fleet, window)?;
        resize(fleet, window.steps, actions);
        for ((mg, w), action) in fleet.microgrids.iter().zip(&window.microgrids).zip(actions) {
            let layout = mg.layout(window.steps);
            self.set_points.resize(layout.len(), 0.0);
            merit_order(mg, w, window.dt_h, &layout, &mut self.set_points);
            feasible_map::apply(mg, w, window.dt_h, &layout, &self.set_points, action);
        }
        Ok(())
    }
}

fn resize(fleet: &Fleet, steps: usize, actions: &mut Vec<Vec<f64>>) {
    actions.resize_with(fleet.microgrids.len(), Vec::new);
    for (mg, action) in fleet.microgrids.iter().zip(actions) {
        action.resize(mg.layout(steps).len(), 0.0);
    }
}

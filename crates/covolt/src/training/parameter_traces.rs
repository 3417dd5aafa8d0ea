//! A few parameters of both networks of every agent over the episodes (Fig. 5).

use covolt_case::Case;
use covolt_policy::GaussianPolicy;
use covolt_report::record::{Network, ParameterTrace};

/// Points of a curve that a drawing can tell apart.
const POINTS: usize = 250;

/// Agents that are followed, so that the record of a large case stays small.
const FOLLOWED: usize = 20;

/// Parameters that are followed.
pub struct ParameterTraces {
    list: Vec<ParameterTrace>,
    places: Vec<(usize, Network, usize)>,
    every: usize,
    last: usize,
}

impl ParameterTraces {
    /// Two parameters per network and agent, for a run of `total` episodes.
    pub fn new(case: &Case, policies: &[&GaussianPolicy], total: usize) -> ParameterTraces {
        let (mut list, mut places) = (Vec::new(), Vec::new());
        for (n, (mg, policy)) in case.fleet.microgrids.iter().zip(policies).enumerate().take(FOLLOWED) {
            for network in [Network::Mean, Network::Covariance] {
                let count = parameters(policy, network).len();
                // An inner weight, from the middle of the vector, and the last output's bias.
                for place in [count / 2, count.saturating_sub(1)] {
                    places.push((n, network, place));
                    list.push(ParameterTrace {
                        microgrid: mg.name.clone(),
                        network,
                        parameter: format!("theta[{place}]"),
                        episode: Vec::new(),
                        value: Vec::new(),
                    });
                }
            }
        }
        ParameterTraces { list, places, every: total.div_ceil(POINTS).max(1), last: total.saturating_sub(1) }
    }

    /// Notes the parameters after an episode, where the drawing needs it.
    pub fn note(&mut self, episode: usize, policies: &[&GaussianPolicy]) {
        if !episode.is_multiple_of(self.every) && episode != self.last {
            return;
        }
        for (trace, &(n, network, place)) in self.list.iter_mut().zip(&self.places) {
            let Some(policy) = policies.get(n) else { continue };
            trace.episode.push(episode);
            trace.value.push(parameters(policy, network).get(place).copied().unwrap_or(f64::NAN));
        }
    }

    /// What was noted, for a checkpoint.
    pub fn values(&self) -> Vec<(Vec<usize>, Vec<f64>)> {
        self.list.iter().map(|trace| (trace.episode.clone(), trace.value.clone())).collect()
    }

    /// Puts back what a checkpoint holds.
    pub fn restore(&mut self, values: &[(Vec<usize>, Vec<f64>)]) {
        for (trace, (episode, value)) in self.list.iter_mut().zip(values) {
            trace.episode.clone_from(episode);
            trace.value.clone_from(value);
        }
    }

    /// The curves.
    pub fn into_list(self) -> Vec<ParameterTrace> {
        self.list
    }
}

fn parameters(policy: &GaussianPolicy, network: Network) -> &[f64] {
    match network {
        Network::Mean => policy.mean_net().parameters(),
        Network::Covariance => policy.covariance_net().parameters(),
    }
}

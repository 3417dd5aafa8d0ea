//! A run that goes on without some ends for all: nothing is NaN, and who was there all the time took part in all rounds.

use crate::simulation::participant::{Machine, Process};
use crate::simulation::weather::{OPERATOR, Weather};
use crate::simulation::world::WORLD;

pub fn check(processes: &[Process], weather: &Weather) -> Result<(), String> {
    let episodes = WORLD.plan.episodes;
    for process in processes {
        let Some(Machine::Agent(agent)) = &process.machine else { continue };
        let policy = agent.policy().ok_or("an agent ends without a policy")?;
        if agent.updates() != episodes {
            return Err(format!("agent {} ends at round {}", process.who, agent.updates()));
        }
        if policy.mean_net().parameters().iter().any(|parameter| !parameter.is_finite()) {
            return Err(format!("agent {} has a parameter that is no number", process.who));
        }
        let throughout = weather.spared[process.who] && weather.spared[OPERATOR];
        if throughout && agent.descents() != episodes {
            return Err(format!("agent {} was there throughout and took part in {}", process.who, agent.descents()));
        }
    }
    Ok(())
}

//! Fig. 5: chosen parameters of both networks over the episodes, as change from their first value (no unit).
//!
//! The change instead of the value: the parameters start anywhere, and on a scale that holds them all their
//! movement would not be visible. The values themselves are in `parameters.csv`.

use super::{Figure, Group, over_episodes};
use crate::chart::{Axis, Line, Panel, extent};
use crate::palette::{Key, Style};
use crate::record::{Item, Network, ParameterTrace, StudyRecord};
use crate::table::short;

/// Draws the figure.
pub fn draw(record: &StudyRecord) -> Figure {
    let groups = [
        (Network::Mean, "fig5a", "(a) network of the mean action, \u{3b8}\u{3bc}"),
        (Network::Covariance, "fig5b", "(b) network of the covariance, \u{3b8}\u{3a3}"),
    ];
    Figure {
        item: Item::Parameters,
        id: "fig5",
        title: "Chosen parameters of both networks during training (paper, Fig. 5)".to_owned(),
        caption: format!(
            "Change of some parameters since the first episode, one curve each; curves that become level have \
             converged. Compare the two scales: the largest change is {} in the networks of the mean and {} in those \
             of the covariance.",
            largest(&record.parameters, Network::Mean),
            largest(&record.parameters, Network::Covariance)
        ),
        groups: groups
            .into_iter()
            .filter_map(|(network, id, heading)| group(&record.parameters, network, id, heading))
            .collect(),
    }
}

fn change(trace: &ParameterTrace) -> Vec<(f64, f64)> {
    let start = trace.value.iter().copied().find(|v| v.is_finite()).unwrap_or(0.0);
    let moved: Vec<f64> = trace.value.iter().map(|v| v - start).collect();
    over_episodes(&trace.episode, &moved)
}

/// Largest change of any parameter of one kind of network.
fn largest(traces: &[ParameterTrace], network: Network) -> String {
    let of_kind = traces.iter().filter(|t| t.network == network);
    let changes = of_kind.flat_map(change).map(|p| p.1.abs());
    short(extent(changes).map_or(f64::NAN, |range| range.1))
}

fn group(traces: &[ParameterTrace], network: Network, id: &str, heading: &str) -> Option<Group> {
    let traces: Vec<&ParameterTrace> = traces.iter().filter(|t| t.network == network).collect();
    let mut microgrids: Vec<&str> = Vec::new();
    for trace in &traces {
        if !microgrids.contains(&trace.microgrid.as_str()) {
            microgrids.push(&trace.microgrid);
        }
    }
    let values = traces.iter().flat_map(|t| change(t)).map(|p| p.1);
    let axis = Axis::new("Change (no unit)").spanning(values);
    let mut most = 0;
    let panels: Vec<Panel> = microgrids
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let own = traces.iter().filter(|t| t.microgrid == *name);
            let episodes = Axis::count("Episode (count)");
            let mut panel = Panel::new(format!("{id}-{number}"), *name, episodes, axis.clone());
            panel.lines = own
                .enumerate()
                .map(|(curve, trace)| Line { points: change(trace), style: Style::nth(curve) })
                .collect();
            most = most.max(panel.lines.len());
            panel.description = format!(
                "Change of {} parameters of {name} since the first episode, without unit, over the episodes.",
                panel.lines.len()
            );
            panel
        })
        .collect();
    let keys = (0..most).map(|n| Key::line(format!("parameter {}", n + 1), Style::nth(n)));
    (!panels.is_empty()).then(|| Group::small(heading, keys.collect(), &panels))
}

//! Where each table and figure comes from: the file of the run folder and the command that wrote it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The tables and figures of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Cost and violations over the episodes of training.
    LearningCurve,
    /// Fig. 3: demand, generation and exchange over a day.
    DayBalance,
    /// Fig. 4: battery power and state of charge over a day.
    DayStorage,
    /// Fig. 5: parameters of both networks over the episodes.
    Parameters,
    /// Fig. 6: reward with and without DG capacity constraints.
    CapacityReward,
    /// Fig. 7: constraint returns with and without them.
    ConstraintReturns,
    /// Fig. 8: multipliers and worst violation over the rounds of one update.
    Rounds,
    /// Table II: cost per microgrid.
    CostTable,
    /// Layers of dispatch: gap and violations.
    Layers,
    /// The default trainer with several seeds.
    Seeds,
    /// Decision times.
    DecisionTimes,
    /// Central optimum and lower bound.
    Optimum,
    /// Coordination methods.
    Coordination,
    /// Closed loop over the test days.
    ClosedLoop,
    /// Voltage profile along the buses.
    VoltageProfile,
    /// Voltages and loadings on the network.
    NetworkDrawing,
}

impl Item {
    /// Every table and figure, in the order of the report.
    pub const ALL: [Self; 16] = [
        Self::Layers,
        Self::Seeds,
        Self::CostTable,
        Self::DecisionTimes,
        Self::Optimum,
        Self::ClosedLoop,
        Self::DayBalance,
        Self::DayStorage,
        Self::VoltageProfile,
        Self::NetworkDrawing,
        Self::LearningCurve,
        Self::Parameters,
        Self::CapacityReward,
        Self::ConstraintReturns,
        Self::Coordination,
        Self::Rounds,
    ];
}

/// Origin of one table or figure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// File of the run it was drawn from, relative to the run folder.
    pub file: String,
    /// Command line that wrote the file.
    pub command: String,
}

/// Origins of all tables and figures; what has no entry was drawn from `record.json` by the run's own command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provenance(pub BTreeMap<Item, Source>);

impl Provenance {
    /// Notes the origin of one item, replacing an earlier note.
    pub fn note(&mut self, item: Item, file: impl Into<String>, command: impl Into<String>) {
        self.0.insert(item, Source { file: file.into(), command: command.into() });
    }

    /// Origin of one item, if noted.
    pub fn of(&self, item: Item) -> Option<&Source> {
        self.0.get(&item)
    }
}

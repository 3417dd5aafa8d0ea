//! What each participant knows: its part of a case, given as a folder of its own or cut out of a whole one in memory.

use super::plan::shape;
use crate::case_argument;
use crate::exit::CliError;
use covolt_case::{Case, PartInfo, PartRole, split_case};
use covolt_fleet::{PriceOutlook, StateKind, StorageValuation};
use covolt_grid::{BusId, BusIndex};
use covolt_parties::{AgentPlace, OperatorPlace};
use covolt_wire::Shape;

/// The operator's part.
pub struct OperatorPart {
    /// The feeder as a case.
    pub case: Case,
    info: PartInfo,
    pccs: Vec<(String, BusIndex)>,
}

/// The part of an agent.
pub struct AgentPart {
    /// The microgrid as a case.
    pub case: Case,
    info: PartInfo,
    /// Number of its microgrid among all.
    pub seat: usize,
    /// How many there are.
    pub seats: usize,
    outlook: PriceOutlook,
    valuation: StorageValuation,
}

/// All parts of the whole case.
pub fn cut(case: &Case) -> Result<(OperatorPart, Vec<AgentPart>), CliError> {
    let parts = split_case(case).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        CliError::bad_input(format!("case {} cannot be split among operator and agents:{}", case.name, list.concat()))
    })?;
    let agents = parts.agents.into_iter().map(|part| AgentPart::of(&case.name, part)).collect::<Result<_, _>>()?;
    Ok((OperatorPart::of(&case.name, parts.operator)?, agents))
}

impl OperatorPart {
    /// From the word CASE of the command line.
    pub fn load(given: &str) -> Result<OperatorPart, CliError> {
        let case = case_argument::load_whole_or_part(given)?;
        match &case.part {
            None => Ok(cut(&case)?.0),
            Some(_) => OperatorPart::of(given, case),
        }
    }

    fn of(given: &str, case: Case) -> Result<OperatorPart, CliError> {
        let Some(info) = case.part.clone() else { return Err(CliError::bad_input(format!("{given} is no part"))) };
        let PartRole::Operator { pccs } = &info.role else {
            return Err(CliError::bad_input(format!("{given} is {info}, not the operator's part")));
        };
        let network = case.fleet.grid.balanced_or_error()?.network();
        let bus = |(name, bus): &(String, String)| {
            let index = network.bus_index(&BusId(bus.clone()));
            let missing =
                || CliError::bad_input(format!("{given}: microgrid {name} hangs at bus {bus}, which is missing"));
            Ok::<_, CliError>((name.clone(), index.ok_or_else(missing)?))
        };
        let pccs = pccs.iter().map(bus).collect::<Result<Vec<_>, _>>()?;
        if pccs.is_empty() {
            return Err(CliError::bad_input(format!("{given}: no microgrid hangs on the feeder")));
        }
        Ok(OperatorPart { case, info, pccs })
    }

    /// What it knows of the whole.
    pub fn info(&self) -> &PartInfo {
        &self.info
    }

    /// Names of the microgrids, by seat.
    pub fn names(&self) -> Vec<String> {
        self.pccs.iter().map(|pcc| pcc.0.clone()).collect()
    }

    /// Mean exchange price at a row, currency per kWh.
    pub fn price(&self, row: usize) -> f64 {
        self.case.exchange_price.as_ref().map_or(0.0, |price| price.at(row))
    }

    /// The same for its state machine.
    pub fn place(&self) -> OperatorPlace<'_> {
        OperatorPlace {
            fingerprint: self.info.cut_bytes(),
            fleet: &self.case.fleet,
            profiles: &self.case.profiles,
            pccs: &self.pccs,
            steps: self.case.settings.steps,
            shape: shape(self.case.settings.steps, self.pccs.len()),
        }
    }
}

impl AgentPart {
    /// From the word CASE of the command line, and the microgrid's name where it is a whole case.
    pub fn load(given: &str, microgrid: Option<&str>) -> Result<AgentPart, CliError> {
        let case = case_argument::load_whole_or_part(given)?;
        if case.part.is_some() {
            let part = AgentPart::of(given, case)?;
            return match microgrid {
                Some(name) if name != part.name() => {
                    Err(CliError::bad_input(format!("{given} is the part of microgrid {}, not of {name}", part.name())))
                }
                _ => Ok(part),
            };
        }
        let names: Vec<&str> = case.fleet.microgrids.iter().map(|mg| mg.name.as_str()).collect();
        let known = |n: usize| names.iter().take(n).copied().collect::<Vec<_>>().join(", ");
        let Some(name) = microgrid else {
            return Err(CliError::bad_input(format!("which microgrid? --microgrid NAME, one of {}", known(20))));
        };
        match cut(&case)?.1.into_iter().find(|part| part.name() == name) {
            Some(part) => Ok(part),
            None => Err(CliError::bad_input(format!("{given} has no microgrid {name}; it has {}", known(20)))),
        }
    }

    fn of(given: &str, case: Case) -> Result<AgentPart, CliError> {
        let Some(info) = case.part.clone() else { return Err(CliError::bad_input(format!("{given} is no part"))) };
        let PartRole::Agent { seat, seats } = info.role else {
            return Err(CliError::bad_input(format!("{given} is {info}, not that of a microgrid")));
        };
        if case.fleet.microgrids.len() != 1 {
            return Err(CliError::bad_input(format!("{given} has no microgrid")));
        }
        let (outlook, valuation) = (case_argument::outlook(&case), case_argument::valuation(&case));
        Ok(AgentPart { case, info, seat, seats, outlook, valuation })
    }

    /// What it knows of the whole.
    pub fn info(&self) -> &PartInfo {
        &self.info
    }

    /// Name of the microgrid.
    pub fn name(&self) -> &str {
        self.case.fleet.microgrids.first().map_or("", |mg| mg.name.as_str())
    }

    /// Bounds of messages.
    pub fn shape(&self) -> Shape {
        shape(self.case.settings.steps, self.seats)
    }

    /// The same for its state machine.
    pub fn place(&self, state: StateKind) -> AgentPlace<'_> {
        AgentPlace {
            seat: self.seat,
            fingerprint: self.info.cut_bytes(),
            fleet: &self.case.fleet,
            profiles: &self.case.profiles,
            outlook: &self.outlook,
            valuation: &self.valuation,
            steps: self.case.settings.steps,
            state,
            shape: self.shape(),
        }
    }
}

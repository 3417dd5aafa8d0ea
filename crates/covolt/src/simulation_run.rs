//! Simulating many independent spans in parallel, and writing them in their order: the same files on any number of threads.

use crate::exit::CliError;
use crate::moment::utc_text;
use covolt_case::Case;
use covolt_dispatch::{
    LimitReading, MeritOrder, PolicyFleet, Proposer, SimulationRecord, SimulationSettings, StepRecord, Verdict,
    simulate, start_state,
};
use covolt_fleet::{LossCurvature, PhysicsWorkspace, PriceOutlook};
use covolt_report::SimulationFiles;
use covolt_report::simulation::{BranchRow, BusRow, DecisionRow, DispatchRow, InjectionRow};
use rayon::prelude::*;
use std::ops::{ControlFlow, Range};

/// Who proposes.
#[derive(Clone)]
pub enum Decider {
    /// Trained policies.
    Policies(PolicyFleet),
    /// The merit-order rule.
    Rule,
}

impl Decider {
    /// A proposer of its own for one thread.
    pub fn proposer(&self) -> Box<dyn Proposer + Send> {
        match self {
            Decider::Policies(fleet) => Box::new(fleet.clone()),
            Decider::Rule => Box::new(MeritOrder::default()),
        }
    }

    /// True for the rule.
    pub fn is_rule(&self) -> bool {
        matches!(self, Decider::Rule)
    }
}

/// What is simulated.
pub struct Spans<'a> {
    /// The case.
    pub case: &'a Case,
    /// Prices beyond the window.
    pub outlook: &'a PriceOutlook,
    /// Spans of rows, each starting afresh.
    pub spans: &'a [Range<usize>],
    /// State of charge of every battery at the start of each span.
    pub soc: f64,
    /// Settings.
    pub settings: &'a SimulationSettings,
    /// Who proposes.
    pub decider: &'a Decider,
}

impl Spans<'_> {
    /// Simulates all spans; `take` gets each record, in order, with its number.
    pub fn run(
        &self,
        curvature: &[LossCurvature],
        mut take: impl FnMut(usize, SimulationRecord) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        // A few spans per thread at a time keep the threads busy and the memory small.
        let at_once = 2 * rayon::current_num_threads().max(1);
        for (chunk_number, chunk) in self.spans.chunks(at_once).enumerate() {
            let records: Vec<Result<SimulationRecord, CliError>> =
                chunk.par_iter().map(|rows| self.simulate_span(rows.clone(), curvature)).collect();
            for (i, record) in records.into_iter().enumerate() {
                take(chunk_number * at_once + i, record?)?;
            }
        }
        Ok(())
    }

    fn simulate_span(&self, rows: Range<usize>, curvature: &[LossCurvature]) -> Result<SimulationRecord, CliError> {
        let (fleet, profiles) = (&self.case.fleet, &self.case.profiles);
        let start = start_state(fleet, profiles, rows.start, self.soc)?;
        let mut proposer = self.decider.proposer();
        let mut ws = PhysicsWorkspace::new(fleet);
        Ok(simulate(
            fleet,
            profiles,
            self.outlook,
            rows,
            &start,
            &mut *proposer,
            curvature,
            self.settings,
            &mut ws,
            &mut |_| ControlFlow::Continue(()),
        )?)
    }
}

/// Writes one step: dispatch, injections, voltages, currents, decision. `t` numbers the steps of the whole run.
pub fn write_step(
    files: &mut SimulationFiles,
    case: &Case,
    step: &StepRecord,
    t: usize,
    is_rule: bool,
) -> Result<(), CliError> {
    let time = utc_text(step.unix_s);
    write_devices(files, case, step, &time)?;
    let grid = &case.fleet.grid;
    for (port, (p, q)) in step.demand_kw.iter().zip(&step.demand_kvar).enumerate() {
        // 0 - x, so that nothing demanded is written as 0 and not as -0.
        files.injection(&InjectionRow { t, bus: grid.port_name(port), p_kw: 0.0 - p, q_kvar: 0.0 - q })?;
    }
    for (node, v) in step.voltages.iter().enumerate() {
        files.bus(&BusRow { t, bus: grid.node_name(node), vm_pu: v.norm(), va_deg: v.arg().to_degrees() })?;
    }
    for (current, reading) in step.branches.iter().enumerate() {
        files.branch(&BranchRow {
            t,
            branch: grid.current_name(current),
            i_from_a: reading.from_a,
            i_to_a: reading.to_a,
            loading: reading.loading,
        })?;
    }
    files.decision(&decision_row(step, time, is_rule))?;
    Ok(())
}

/// Set points of all devices; delivered power is positive in the file, battery power in the model is positive charging.
fn write_devices(files: &mut SimulationFiles, case: &Case, step: &StepRecord, time: &str) -> Result<(), CliError> {
    let series = case.profiles.microgrids.iter();
    for (((mg, action), soc), data) in case.fleet.microgrids.iter().zip(&step.actions).zip(&step.soc).zip(series) {
        let layout = mg.layout(1);
        let at = |i: usize| action.get(i).copied().unwrap_or(f64::NAN);
        let mut row = |device: &str, p_kw: f64, q_kvar: f64, soc: Option<f64>| {
            files.dispatch(&DispatchRow {
                time: time.to_owned(),
                microgrid: mg.name.clone(),
                device: device.to_owned(),
                p_kw,
                q_kvar,
                soc,
            })
        };
        for (i, dg) in mg.dgs.iter().enumerate() {
            row(&dg.id, at(layout.p_dg(0, i)), at(layout.q_dg(0, i)), None)?;
        }
        for (j, pv) in mg.pvs.iter().enumerate() {
            let p_kw = data.pvs_kw.get(j).map_or(f64::NAN, |s| s.at(step.row));
            row(&pv.id, p_kw, at(layout.q_pv(0, j)), None)?;
        }
        for (k, battery) in mg.batteries.iter().enumerate() {
            let (p, q) = (0.0 - at(layout.p_ess(0, k)), 0.0 - at(layout.q_ess(0, k)));
            row(&battery.id, p, q, soc.get(k).copied())?;
        }
    }
    Ok(())
}

/// The decision as a row: the certificate of the applied step.
fn decision_row(step: &StepRecord, time: String, is_rule: bool) -> DecisionRow {
    let (decision, applied) = (&step.decision, &step.applied);
    let layer = match applied.verdict {
        Verdict::LeastViolation { .. } | Verdict::NoPowerFlow { .. } => "least_violation",
        _ if is_rule => "rule",
        _ if applied.layer > decision.layer => applied.layer.name(),
        _ => decision.layer.name(),
    };
    let element = |reading: &Option<LimitReading>| reading.as_ref().map_or_else(String::new, |r| r.element.clone());
    DecisionRow {
        time,
        layer: layer.to_owned(),
        certified: applied.is_certified(),
        policy: decision.policy_version.clone(),
        voltage_margin_pu: applied.voltage_margin_pu(),
        voltage_bus: element(&applied.worst_voltage),
        current_margin_percent: applied.current_margin_percent(),
        current_branch: element(&applied.worst_current),
        binding: applied.binding.join("; "),
        programs: (decision.programs + applied.programs) as usize,
        window_cost_usd: decision.cost_usd.unwrap_or(f64::NAN),
        cost_usd: step.cost_usd(),
        bound_gap_percent: decision.bound_gap.map(|gap| 100.0 * gap),
        time_us: step.time_us,
    }
}

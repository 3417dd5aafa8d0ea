//! Any method on the same coupled program, for comparison: builds the agents, runs them, keeps the record.

use crate::coupled_rows::CoupledRows;
use crate::driver::{FailedRun, Run, run};
use crate::error::ConsensusError;
use crate::interior_point::InteriorPointAgent;
use crate::interior_point_rules::InteriorPointSettings;
use crate::local_program::LocalProgram;
use crate::method::{Agent, Method};
use crate::paper::{PaperAgent, PaperSettings};
use crate::primal_dual_hybrid::HybridAgent;
use crate::shares::ShareSettings;
use crate::sharing_admm::SharingAgent;
use crate::weights::{CommunicationGraph, MixingMatrix};

/// Settings of every method.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodSettings {
    /// (50)-(55); `None` takes steps from the programs' sizes.
    pub paper: Option<PaperSettings>,
    /// Primal-dual hybrid gradient.
    pub hybrid: ShareSettings,
    /// Sharing form of the alternating direction method.
    pub sharing: ShareSettings,
    /// Interior point.
    pub interior_point: InteriorPointSettings,
}

impl Default for MethodSettings {
    fn default() -> Self {
        Self {
            paper: None,
            hybrid: ShareSettings { step: HYBRID_STEP, ..ShareSettings::default() },
            sharing: ShareSettings { step: SHARING_STEP, ..ShareSettings::default() },
            interior_point: InteriorPointSettings::default(),
        }
    }
}

impl MethodSettings {
    /// The paper's settings: the given ones, or steps from the programs' sizes.
    #[must_use]
    pub fn paper_for(&self, programs: &[LocalProgram]) -> PaperSettings {
        self.paper.unwrap_or_else(|| PaperSettings::for_programs(programs, PAPER_PRIMAL_STEP, PAPER_DUAL_STEP))
    }
}

/// Default steps, the best of a scan over powers of two on the seeded test problems.
const HYBRID_STEP: f64 = 0.1;
const SHARING_STEP: f64 = 10.0;
const PAPER_PRIMAL_STEP: f64 = 1.0;
const PAPER_DUAL_STEP: f64 = 30.0;

/// The agents of a method, one per program.
///
/// # Errors
/// Shapes that do not fit, or local limits without a common point.
pub fn agents_of(
    method: Method,
    programs: &[LocalProgram],
    rows: &CoupledRows,
    graph: &CommunicationGraph,
    settings: &MethodSettings,
) -> Result<Vec<Box<dyn Agent + 'static>>, ConsensusError> {
    let mixing = MixingMatrix::metropolis(graph);
    let paper = settings.paper_for(programs);
    let count = programs.len();
    let mut agents: Vec<Box<dyn Agent>> = Vec::with_capacity(count);
    for (index, program) in programs.iter().enumerate() {
        let (program, rows) = (program.clone(), rows.clone());
        agents.push(match method {
            Method::Paper => Box::new(PaperAgent::try_new(index, program, rows, graph, &mixing, paper, None)?),
            Method::PrimalDualHybrid => Box::new(HybridAgent::try_new(index, count, program, rows, settings.hybrid)?),
            Method::SharingAdmm => Box::new(SharingAgent::try_new(index, count, program, rows, settings.sharing)?),
            Method::InteriorPoint => Box::new(InteriorPointAgent::try_new(
                index,
                count,
                program,
                rows,
                settings.interior_point.clone(),
                (None, None),
            )?),
        });
    }
    Ok(agents)
}

/// Runs `method` on the programs over `graph`.
///
/// # Errors
/// Bad input, infeasibility or no convergence, with the record up to there.
pub fn coordinate(
    method: Method,
    programs: &[LocalProgram],
    rows: &CoupledRows,
    graph: &CommunicationGraph,
    settings: &MethodSettings,
) -> Result<Run, Box<FailedRun>> {
    let empty = || Run {
        rounds: 0,
        hops: 1,
        bytes_sent: vec![0; programs.len()],
        x: Vec::new(),
        multipliers: Vec::new(),
        transcript: Vec::new(),
        trace: Vec::new(),
    };
    let mut agents = agents_of(method, programs, rows, graph, settings)
        .map_err(|error| Box::new(FailedRun { error, record: empty() }))?;
    let activity = |index: usize, x: &[f64], total: &mut [f64]| {
        if let Some(program) = programs.get(index) {
            program.add_activity(x, total);
        }
    };
    run(&mut agents, graph, rows, &activity)
}

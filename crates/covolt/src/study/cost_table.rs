//! Table II: cost per microgrid in one decision window, central optimum against the policies' repaired dispatch.

use super::Study;
use super::test_windows::TestWindow;
use crate::exit::CliError;
use crate::moment::time_of_row;
use covolt_dispatch::{GuardMode, GuardSettings, PolicyFleet, propose_and_decide};
use covolt_fleet::{Limit, PhysicsWorkspace};
use covolt_report::record::{CostRow, CostTable};

/// The table of the first test window in which both a voltage and a current limit bind (else of the first window).
pub fn table(study: &Study, windows: &[TestWindow], proposer: &PolicyFleet) -> Result<Option<CostTable>, CliError> {
    let binds = |w: &&TestWindow| {
        let entries = &w.optimum.prices.entries;
        let current = |limit: &Limit| matches!(limit, Limit::Current(_));
        entries.iter().any(|(_, limit, _)| current(limit)) && entries.iter().any(|(_, limit, _)| !current(limit))
    };
    let Some(chosen) = windows.iter().find(binds).or_else(|| windows.first()) else { return Ok(None) };
    let fleet = &study.case.fleet;
    let mut ws = PhysicsWorkspace::new(fleet);
    let settings = GuardSettings::with_mode(GuardMode::Repair);
    let decision =
        propose_and_decide(fleet, &chosen.window, &mut proposer.clone(), &settings, &study.curvature, &mut ws)?;
    let Some(returns) = decision.returns() else { return Ok(None) };
    let rows = fleet
        .microgrids
        .iter()
        .zip(chosen.optimum.returns.costs.iter().zip(&returns.costs))
        .map(|(mg, (central, policy))| CostRow {
            microgrid: mg.name.clone(),
            central_usd: central.total(),
            policy_usd: policy.total(),
        })
        .collect();
    Ok(Some(CostTable {
        window_start: time_of_row(&study.case, chosen.window.row),
        window_h: chosen.window.steps as f64 * chosen.window.dt_h,
        layer: "repaired".to_owned(),
        rows,
        lower_bound_usd: chosen.bound_usd,
    }))
}

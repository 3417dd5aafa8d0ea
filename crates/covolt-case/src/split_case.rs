//! A case cut at its points of common coupling: the operator's part, and one part per microgrid, each a case of its own.
//!
//! A part has the profiles of its own loads, PV systems and price; clock, days, window and settings are those of the whole. The
//! operator's has the mean exchange price, which tells it the rare situations to train on.

use crate::case::Case;
use crate::fault::{CaseFault, Place};
use crate::fingerprint::{case_fingerprint, cut_fingerprint};
use crate::part::{PartInfo, PartRole};
use crate::toml_document::CASE_FILE;
use covolt_fleet::{Fleet, Profiles, ScaledSeries, SeamFault, cut_at_pccs};

/// The parts of a case.
#[derive(Debug)]
pub struct SplitCase {
    /// The feeder's.
    pub operator: Case,
    /// One per microgrid, in the order of the whole.
    pub agents: Vec<Case>,
}

/// Splits a whole case; the shapes of series are shared with it.
///
/// # Errors
/// Everything that stands against it, never empty.
pub fn split_case(case: &Case) -> Result<SplitCase, Vec<CaseFault>> {
    let at = Place::new(CASE_FILE, None);
    if let Some(part) = &case.part {
        return Err(vec![at.fault("part", format!("this is {part}"), "give the whole case")]);
    }
    let seam = cut_at_pccs(&case.fleet)
        .map_err(|faults| faults.iter().map(|f| at.fault("", f.to_string(), advice(f))).collect::<Vec<_>>())?;
    let (steps, dt_h) = (case.settings.steps, case.settings.dt_h);
    let cut = cut_fingerprint(
        &case_fingerprint(&seam.operator.fleet, steps, dt_h),
        seam.operator.pccs.iter().map(|pcc| pcc.microgrid.as_str()),
        steps,
    );
    let part = |fleet: Fleet, seat: Option<usize>, role: PartRole| {
        let own = seat.into_iter();
        let profiles = Profiles {
            dt_h: case.profiles.dt_h,
            unix_s: case.profiles.unix_s.clone(),
            hour_of_day: case.profiles.hour_of_day.clone(),
            weekday: case.profiles.weekday.clone(),
            day: case.profiles.day.clone(),
            feeder_loads: if seat.is_none() { case.profiles.feeder_loads.clone() } else { Vec::new() },
            microgrids: own.clone().filter_map(|n| case.profiles.microgrids.get(n).cloned()).collect(),
        };
        Case {
            name: case.name.clone(),
            fingerprint: case_fingerprint(&fleet, steps, dt_h),
            fleet,
            profiles,
            days: case.days.clone(),
            settings: case.settings.clone(),
            starts: own.filter_map(|n| case.starts.get(n).cloned()).collect(),
            part: Some(PartInfo {
                whole_fingerprint: case.fingerprint.clone(),
                whole_name: case.name.clone(),
                cut: cut.clone(),
                role,
            }),
            exchange_price: seat.is_none().then(|| exchange_price(&case.profiles)),
        }
    };
    let feeder = seam.operator;
    let hang = |pcc: &covolt_fleet::Pcc| (pcc.microgrid.clone(), feeder.fleet.grid.bus_id(pcc.bus).to_owned());
    let pccs = feeder.pccs.iter().map(hang).collect();
    let seats = seam.agents.len();
    Ok(SplitCase {
        operator: part(feeder.fleet, None, PartRole::Operator { pccs }),
        agents: (seam.agents.into_iter().enumerate())
            .map(|(seat, agent)| part(agent.fleet, Some(seat), PartRole::Agent { seat, seats }))
            .collect(),
    })
}

/// The operator bills the exchange, so it knows its price; where those of the microgrids differ, their mean.
fn exchange_price(profiles: &Profiles) -> ScaledSeries {
    ScaledSeries::new((0..profiles.rows()).map(|row| profiles.mean_price_per_kwh(row)).collect(), 1.0)
}

fn advice(fault: &SeamFault) -> &'static str {
    match fault {
        SeamFault::SeveralPhases => "several phases are solved and dispatched whole; only balanced cases can be split",
        SeamFault::HoldsSource { .. } => "choose microgrids below the substation",
        SeamFault::SecondExit { .. } => "a microgrid that is run apart hangs by its PCC branch alone",
        SeamFault::Nested { .. } => "make them one microgrid, or hang both at the feeder",
        SeamFault::Loop { .. } => "open the loop; the feeder may be meshed, a microgrid run apart not",
        SeamFault::FeederLoadInside { .. } => "give it to the microgrid",
        SeamFault::Refused { .. } => "check the network",
    }
}

//! `covolt case split`: the operator's part of a case and one part per microgrid, as folders that can be handed out apart.

use crate::case_argument;
use crate::cli::CaseSplitArgs;
use crate::exit::CliError;
use crate::output::Output;
use crate::part_folders::{OPERATOR, Written, write_parts};
use crate::run_folder;
use covolt_case::{Case, PartInfo, PartRole, split_case};
use serde_json::{Value, json};
use std::path::Path;

/// Runs the command.
pub fn run(args: &CaseSplitArgs, out: &mut Output) -> Result<(), CliError> {
    let case = case_argument::load_whole_or_part(&args.case.case)?;
    let parts = split_case(&case).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        CliError::bad_input(format!("case {} cannot be split:{}", args.case.case, list.concat()))
    })?;
    run_folder::refuse_filled(&args.out, args.force)?;
    let written = write_parts(&args.case.case, &case, &parts, &args.out)?;
    show(&case, &written, &args.out, out)
}

/// Buses, branches, devices and loads that the part owns; an agent's first bus is the feeder's.
fn holdings(part: &Case) -> [usize; 6] {
    let (fleet, mg) = (&part.fleet, part.fleet.microgrids.first());
    [
        fleet.grid.n_buses() - usize::from(mg.is_some()),
        fleet.grid.n_branches(),
        fleet.feeder_loads.len() + mg.map_or(0, |m| m.loads.len()),
        mg.map_or(0, |m| m.dgs.len()),
        mg.map_or(0, |m| m.pvs.len()),
        mg.map_or(0, |m| m.batteries.len()),
    ]
}

const HOLDINGS: [&str; 6] = ["buses", "branches", "loads", "generators", "pv", "batteries"];

/// What a part knows of the whole.
pub fn part_json(part: &PartInfo) -> Value {
    let of_role = match &part.role {
        PartRole::Operator { pccs } => json!({
            "role": "operator",
            "pccs": pccs.iter().map(|(mg, bus)| json!({ "microgrid": mg, "bus": bus })).collect::<Vec<_>>(),
        }),
        PartRole::Agent { seat, seats } => json!({ "role": "agent", "seat": seat, "seats": seats }),
    };
    let mut value = json!({ "whole": part.whole_name, "whole_fingerprint": part.whole_fingerprint, "cut": part.cut });
    if let (Value::Object(all), Value::Object(own)) = (&mut value, of_role) {
        all.extend(own);
    }
    value
}

/// Parts that are listed one by one.
const LISTED: usize = 20;

fn show(whole: &Case, written: &[Written<'_>], folder: &Path, out: &mut Output) -> Result<(), CliError> {
    if out.is_json() {
        let part = |w: &Written<'_>| {
            let mut value = json!({
                "folder": w.folder,
                "part": w.part.part.as_ref().map(part_json),
                "microgrid": w.part.fleet.microgrids.first().map(|m| &m.name),
                "fingerprint": w.part.fingerprint,
                "bytes": w.bytes,
            });
            if let Value::Object(all) = &mut value {
                all.extend(HOLDINGS.iter().zip(holdings(w.part)).map(|(name, n)| ((*name).to_owned(), json!(n))));
            }
            value
        };
        return out.json(&json!({
            "case": whole.name,
            "fingerprint": whole.fingerprint,
            "parts": written.iter().map(part).collect::<Vec<_>>(),
        }));
    }
    out.line(format!("{} in {} parts, written to {}", whole.name, written.len(), folder.display()))?;
    let header: Vec<&str> = ["part"].into_iter().chain(HOLDINGS).chain(["KiB"]).collect();
    let row = |w: &Written<'_>| {
        let name = w.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let numbers = holdings(w.part).into_iter().chain([w.bytes.div_ceil(1024)]).map(|n| n.to_string());
        std::iter::once(name).chain(numbers).collect()
    };
    let rows: Vec<Vec<String>> = written.iter().take(LISTED).map(row).collect();
    out.table(&header, &rows)?;
    if written.len() > LISTED {
        out.line(format!("... and {} more", written.len() - LISTED))?;
    }
    out.line(format!("What one holds: covolt case info {}", folder.join(OPERATOR).display()))
}

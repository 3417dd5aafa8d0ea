//! Microgrids of a generated case: copies of the five of the built-in case, their devices, loads and fuel price varied.
//!
//! Buses, lines and transformers are the template's own. Ratings within a microgrid stay those of its template unless even a
//! microgrid that serves its own load needs more (`limits.rs`).

use super::{GeneratedCase, round};
use crate::builtin::FILES;
use crate::case_files::CaseFiles;
use crate::fault::CaseFault;
use crate::table::read_table;
use crate::table_rows::{BatteryRow, BranchRow, BusRow, GeneratorRow, LoadRow, PvRow};
use crate::toml_document::{CASE_FILE, read_document};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::ops::Range;

/// Factors on sizes.
const GENERATORS: Range<f64> = 0.8..1.2;
const PVS: Range<f64> = 0.7..1.3;
const BATTERIES: Range<f64> = 0.7..1.3;
const LOADS: Range<f64> = 0.85..1.15;
/// Factors on fuel use at the margin and on the fuel price.
const FUEL_USE: Range<f64> = 0.97..1.03;
const FUEL_PRICE: Range<f64> = 0.96..1.04;
/// A load follows its customer up to this many weeks earlier or later: the season stays.
const OFFSET_WEEKS: i32 = 10;
/// PV follows its system a quarter of an hour earlier or later, as clouds move on.
const PV_STEP_MINUTES: f64 = 15.0;

/// A `[[microgrid]]` of case.toml.
#[derive(Debug)]
pub(super) struct MicrogridText {
    pub name: String,
    pub pcc: String,
    pub fuel_price_per_l: f64,
    pub load_scale: f64,
}

/// One microgrid of the built-in case.
struct Template {
    name: String,
    pcc: String,
    fuel_price_per_l: f64,
    load_scale: f64,
    buses: Vec<BusRow>,
    branches: Vec<BranchRow>,
    generators: Vec<GeneratorRow>,
    pvs: Vec<PvRow>,
    batteries: Vec<BatteryRow>,
    loads: Vec<LoadRow>,
}

/// What is copied.
pub(super) struct Templates {
    microgrids: Vec<Template>,
    /// Loads of the built-in feeder.
    pub feeder_loads: Vec<LoadRow>,
}

impl Templates {
    pub fn read() -> Result<Templates, Vec<CaseFault>> {
        let files = CaseFiles::Embedded(FILES);
        let mut faults = Vec::new();
        let text = files.read_text(CASE_FILE).map_err(|fault| vec![fault])?;
        let (file, _) = read_document(&text, &mut faults);
        let buses: Vec<BusRow> = table(&files, "buses.csv", &mut faults);
        let branches: Vec<BranchRow> = table(&files, "branches.csv", &mut faults);
        let generators: Vec<GeneratorRow> = table(&files, "generators.csv", &mut faults);
        let pvs: Vec<PvRow> = table(&files, "pv.csv", &mut faults);
        let batteries: Vec<BatteryRow> = table(&files, "batteries.csv", &mut faults);
        let loads: Vec<LoadRow> = table(&files, "loads.csv", &mut faults);
        let Some(file) = file.filter(|_| faults.is_empty()) else { return Err(faults) };
        let microgrids = file
            .microgrid
            .iter()
            .map(|m| {
                let prefix = format!("{}_", m.name);
                let mine = |id: &str| id.starts_with(&prefix);
                Template {
                    name: m.name.clone(),
                    pcc: m.pcc.clone(),
                    fuel_price_per_l: m.fuel_price_per_l,
                    load_scale: m.load_scale,
                    buses: buses.iter().filter(|r| mine(&r.id)).cloned().collect(),
                    branches: branches.iter().filter(|r| mine(&r.id) || r.id == m.pcc).cloned().collect(),
                    generators: generators.iter().filter(|r| mine(&r.bus)).cloned().collect(),
                    pvs: pvs.iter().filter(|r| mine(&r.bus)).cloned().collect(),
                    batteries: batteries.iter().filter(|r| mine(&r.bus)).cloned().collect(),
                    loads: loads.iter().filter(|r| mine(&r.bus)).cloned().collect(),
                }
            })
            .collect();
        let on_feeder = |l: &LoadRow| !file.microgrid.iter().any(|m| l.bus.starts_with(&format!("{}_", m.name)));
        Ok(Templates { microgrids, feeder_loads: loads.into_iter().filter(on_feeder).collect() })
    }
}

fn table<T: DeserializeOwned + JsonSchema>(files: &CaseFiles<'_>, name: &str, faults: &mut Vec<CaseFault>) -> Vec<T> {
    read_table(files, name, faults).into_iter().map(|row| row.value).collect()
}

/// Adds microgrid number `n` (from 1) at feeder bus `at`.
pub(super) fn add(case: &mut GeneratedCase, n: usize, at: &str, templates: &Templates, rng: &mut ChaCha8Rng) {
    let template = &templates.microgrids[(n - 1) % templates.microgrids.len()];
    let (name, pcc) = (format!("M{n}"), format!("PCC{n}"));
    let own = |id: &str| match id.strip_prefix(template.name.as_str()) {
        Some(rest) if rest.starts_with('_') => format!("{name}{rest}"),
        _ => id.to_owned(),
    };
    for bus in &template.buses {
        let microgrid = Some(name.clone());
        case.buses.push(BusRow { id: own(&bus.id), microgrid, v_min_pu: None, v_max_pu: None, ..bus.clone() });
    }
    for branch in &template.branches {
        let (id, from) =
            if branch.id == template.pcc { (pcc.clone(), at.to_owned()) } else { (own(&branch.id), own(&branch.from)) };
        case.branches.push(BranchRow { id, from, to: own(&branch.to), ..branch.clone() });
        case.group.push(None);
    }
    for g in &template.generators {
        let (size, margin) = (rng.random_range(GENERATORS), rng.random_range(FUEL_USE));
        let times = |value: Option<f64>, factor: f64| value.map(|v| round(v * factor));
        case.generators.push(GeneratorRow {
            id: own(&g.id),
            bus: own(&g.bus),
            connection: None,
            p_max_kw: round(g.p_max_kw * size),
            q_max_kvar: round(g.q_max_kvar * size),
            s_max_kva: times(g.s_max_kva, size),
            ramp_kw_per_min: times(g.ramp_kw_per_min, size),
            fuel_a_l_per_kw2h: times(g.fuel_a_l_per_kw2h, margin / size),
            fuel_b_l_per_kwh: times(g.fuel_b_l_per_kwh, margin),
            fuel_c_l_per_h: times(g.fuel_c_l_per_h, size),
            p_start_kw: times(g.p_start_kw, size),
        });
    }
    for p in &template.pvs {
        let size = rng.random_range(PVS);
        let earlier_or_later = PV_STEP_MINUTES * f64::from(rng.random_range(-1i32..=1));
        case.pvs.push(PvRow {
            id: own(&p.id),
            bus: own(&p.bus),
            q_max_kvar: round(p.q_max_kvar * size),
            s_max_kva: p.s_max_kva.map(|s| round(s * size)),
            p_scale: p.p_scale.map(|s| round(s * size)),
            shift_minutes: Some(p.shift_minutes.unwrap_or(0.0) + earlier_or_later),
            ..p.clone()
        });
    }
    for b in &template.batteries {
        let size = rng.random_range(BATTERIES);
        case.batteries.push(BatteryRow {
            id: own(&b.id),
            bus: own(&b.bus),
            capacity_kwh: round(b.capacity_kwh * size),
            p_charge_max_kw: round(b.p_charge_max_kw * size),
            p_discharge_max_kw: round(b.p_discharge_max_kw * size),
            q_max_kvar: round(b.q_max_kvar * size),
            s_max_kva: b.s_max_kva.map(|s| round(s * size)),
            ..b.clone()
        });
    }
    for l in &template.loads {
        case.loads.push(follow(l, &own(&l.id), &own(&l.bus), 1.0, rng));
    }
    case.microgrids.push(MicrogridText {
        name,
        pcc,
        fuel_price_per_l: round(template.fuel_price_per_l * rng.random_range(FUEL_PRICE)),
        load_scale: round(template.load_scale * rng.random_range(LOADS)),
    });
}

/// A load of the given size that follows the same customer some weeks earlier or later.
pub(super) fn follow(load: &LoadRow, id: &str, bus: &str, size: f64, rng: &mut ChaCha8Rng) -> LoadRow {
    let weeks = rng.random_range(-OFFSET_WEEKS..=OFFSET_WEEKS);
    let times = |scale: Option<f64>| if size == 1.0 { scale } else { scale.map(|s| round(s * size)) };
    LoadRow {
        id: id.to_owned(),
        bus: bus.to_owned(),
        p_scale: times(load.p_scale),
        q_scale: times(load.q_scale),
        offset_days: Some(f64::from(7 * weeks)),
        ..load.clone()
    }
}

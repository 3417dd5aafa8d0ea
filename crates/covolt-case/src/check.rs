//! Check of a case: all faults, warnings about what loads but looks odd, and the facts a user wants to see confirmed.

use crate::case::{Case, Reading, read_case, read_folder};
use crate::case_files::CaseFiles;
use crate::fault::CaseFault;
use crate::part::PartRole;
use crate::time_axis::show;
use covolt_fleet::ScaledSeries;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// Faults; a case with any does not load.
    pub faults: Vec<CaseFault>,
    /// What loads but looks odd.
    pub warnings: Vec<String>,
    /// Facts of a case without faults, (what, value).
    pub facts: Vec<(String, String)>,
}

/// Checks the case in a folder.
pub fn check(path: &Path) -> CheckReport {
    report(read_folder(path))
}

/// Checks the built-in case.
pub fn check_builtin() -> CheckReport {
    report(read_case(&CaseFiles::Embedded(crate::builtin::FILES)))
}

fn report(reading: Reading) -> CheckReport {
    let mut warnings = reading.warnings;
    let facts = reading.case.as_ref().map_or_else(Vec::new, |case| {
        warnings.extend(oddities(case));
        facts(case)
    });
    CheckReport { faults: reading.faults, warnings, facts }
}

/// Sum and range of each shape; many series share one. An offset counts the same rows, save for the days beyond whole weeks.
#[derive(Default)]
struct Shapes(BTreeMap<usize, Shape>);

#[derive(Clone, Copy)]
struct Shape {
    sum: f64,
    low: f64,
    high: f64,
}

impl Shapes {
    fn of(&mut self, s: &ScaledSeries) -> Shape {
        // The profiles keep every shape alive, so an address stands for one shape.
        *self.0.entry(s.shape.as_ptr() as usize).or_insert_with(|| Shape {
            sum: s.shape.iter().sum(),
            low: s.shape.iter().copied().fold(f64::INFINITY, f64::min),
            high: s.shape.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    fn sum(&mut self, s: &ScaledSeries) -> f64 {
        self.of(s).sum * s.scale
    }

    fn peak(&mut self, s: &ScaledSeries) -> f64 {
        let shape = self.of(s);
        (shape.high * s.scale).max(shape.low * s.scale)
    }
}

/// Microgrids that are listed one by one.
const LISTED: usize = 100;

fn facts(case: &Case) -> Vec<(String, String)> {
    let (fleet, data) = (&case.fleet, &case.profiles);
    let grid = &fleet.grid;
    let rated = fleet.limits.i_max_pu.iter().filter(|i| i.is_finite()).count();
    let shape = if grid.is_radial() { "radial" } else { "meshed" };
    let span = |r: Option<&i64>, extra: i64| r.map_or(String::new(), |&s| show(s + extra));
    let dt_s = (data.dt_h * 3600.0).round() as i64;
    let mut out = vec![
        ("case".to_string(), format!("{} ({})", case.name, case.settings.description)),
        (
            "network".to_string(),
            format!("{} buses, {} branches ({rated} with a current limit), {shape}", grid.n_buses(), grid.n_branches()),
        ),
        (
            "data".to_string(),
            format!(
                "{} steps of {} min, {} to {}",
                data.rows(),
                data.dt_h * 60.0,
                span(data.unix_s.first(), 0),
                span(data.unix_s.last(), dt_s)
            ),
        ),
        ("window".to_string(), format!("{} steps, {} h", case.settings.steps, case.settings.steps as f64 * data.dt_h)),
        (
            "days".to_string(),
            format!(
                "{} training, {} validation, {} test",
                case.days.train.len(),
                case.days.validation.len(),
                case.days.test.len()
            ),
        ),
        ("storage value".to_string(), format!("{:?}", case.settings.storage_value)),
    ];
    if let Some(part) = &case.part {
        out.insert(1, ("part".to_string(), part.to_string()));
        if let PartRole::Operator { pccs } = &part.role {
            out.extend(
                pccs.iter().take(LISTED).map(|(mg, bus)| (format!("microgrid {mg}"), format!("hangs at bus {bus}"))),
            );
        }
    }
    let mut shapes = Shapes::default();
    for (m, p) in fleet.microgrids.iter().zip(&data.microgrids).take(LISTED) {
        let mwh = |x: f64| x * data.dt_h / 1e3;
        let load: f64 = p.loads.iter().map(|l| shapes.sum(&l.p_kw)).sum();
        let pv: f64 = p.pvs_kw.iter().map(|s| shapes.sum(s)).sum();
        let dg: f64 = m.dgs.iter().map(|d| d.p_max_kw).sum();
        let store: f64 = m.batteries.iter().map(|b| b.capacity_kwh).sum();
        out.push((
            format!("microgrid {}", m.name),
            format!(
                "{} buses, {} loads {:.0} MWh, {} PV {:.0} MWh, {} generators {dg:.0} kW, {} batteries {store:.0} kWh",
                m.buses.len(),
                m.loads.len(),
                mwh(load),
                m.pvs.len(),
                mwh(pv),
                m.dgs.len(),
                m.batteries.len()
            ),
        ));
    }
    if fleet.microgrids.len() > LISTED {
        out.push(("microgrids".to_string(), format!("{}, of which {LISTED} are listed", fleet.microgrids.len())));
    }
    if let Some(m) = data.microgrids.first() {
        let prices: Vec<f64> = (0..data.rows()).map(|r| m.price_per_kwh.at(r)).collect();
        let mean = prices.iter().sum::<f64>() / prices.len() as f64;
        let negative = prices.iter().filter(|&&p| p < 0.0).count() as f64 * data.dt_h;
        let high = prices.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        out.push((
            "price".to_string(),
            format!(
                "mean {mean:.4} {c}/kWh, highest {high:.4} {c}/kWh, negative in {negative} hours",
                c = case.settings.currency
            ),
        ));
    }
    out.push(("fingerprint".to_string(), case.fingerprint.clone()));
    out.push(("data fingerprint".to_string(), case.data_fingerprint()));
    out
}

/// Things that are allowed but usually a slip.
fn oddities(case: &Case) -> Vec<String> {
    let (mut out, mut shapes) = (Vec::new(), Shapes::default());
    for (m, p) in case.fleet.microgrids.iter().zip(&case.profiles.microgrids) {
        if m.dgs.is_empty() && m.batteries.is_empty() && m.pvs.is_empty() {
            out.push(format!("microgrid \"{}\" has nothing to dispatch", m.name));
        }
        if !m.dgs.is_empty() && m.dgs.iter().all(|d| d.fuel.slope(d.p_max_kw) * m.fuel_price_per_l == 0.0) {
            out.push(format!("microgrid \"{}\": its generators use fuel at no cost", m.name));
        }
        for (l, s) in m.loads.iter().zip(&p.loads) {
            let peak = shapes.peak(&s.p_kw);
            if peak < 0.01 {
                out.push(format!("load \"{}\" never exceeds {:.2} W: a wrong unit?", l.id, peak * 1e3));
            }
        }
    }
    // The window of the last step reaches beyond the data there.
    let last = case.profiles.days().saturating_sub(1);
    if case.days.test.contains(&last) || case.days.validation.contains(&last) {
        out.push(
            "the last day of the data is a validation or test day: windows at its end reach beyond the data"
                .to_string(),
        );
    }
    out
}

//! A part of a case as the files of an ordinary case: what is written is read back bit for bit, or refused.
//!
//! Impedances are written in per unit, factors of series as they are applied, days by their dates, and the
//! values of series as the shortest decimal numbers that read back to the same bits, on the clock of the whole. Nothing is
//! written that the part does not hold.

use crate::builtin::write_new;
use crate::case::{Case, read_case};
use crate::case_file::{
    CalendarSection, CaseFile, DaysSection, DevicesSection, LimitsSection, MicrogridSection, NetworkSection,
    PartRoleName, PartSection, PccSection, PriceSection, ScalingSection, SeriesSection, StorageValueKind,
    StorageValueSection, TimeLabel, WindowSection,
};
use crate::case_files::CaseFiles;
use crate::fault::CaseError;
use crate::fingerprint::case_fingerprint;
use crate::generate::csv_table;
use crate::part::{PartInfo, PartRole};
use crate::settings::StorageValueSetting;
use crate::table_rows::{BatteryRow, BranchKindName, BranchRow, BusRow, GeneratorRow, LoadRow, PvRow};
use crate::time_axis::{date_text, show};
use crate::toml_document::CASE_FILE;
use covolt_fleet::{Load, LoadProfile, Profiles, ScaledSeries};
use covolt_grid::{BranchKind, BusIndex, Grid, Network};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Name of the one series of a part, its file, its clock.
const SERIES: &str = "own";
const SERIES_FILE: &str = "series/own.csv.gz";
const TIME_COLUMN: &str = "ts_utc";
const COMMENT: &str = "# A part of a case, written by covolt case split. Every key: docs/case-format.md.\n";

/// Writes a part into a new or empty folder; [`Case::load`] gives the same part back.
///
/// # Errors
/// The folder is not empty or cannot be written, or the case has something that its format cannot express.
pub fn write_part(part: &Case, folder: &Path) -> Result<(), CaseError> {
    let files = part_files(part)?;
    write_new(folder, files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

/// The files of [`write_part`] by name.
///
/// # Errors
/// The case has something that its format cannot express.
pub fn part_files(part: &Case) -> Result<Vec<(String, Vec<u8>)>, CaseError> {
    let Some(network) = part.fleet.grid.balanced().map(Grid::network) else {
        return Err(not_expressible("a network of several phases in a part".to_owned()));
    };
    let mut columns = Columns::default();
    let mut rows = Rows::default();
    let bus_id = |bus: BusIndex| network.buses()[bus.0].id.0.clone();
    for (load, profile) in part.fleet.feeder_loads.iter().zip(&part.profiles.feeder_loads) {
        rows.loads.push(columns.load(load, bus_id(load.connection.bus()), profile, &part.profiles));
    }
    let mut microgrids = Vec::new();
    for (n, (mg, own)) in part.fleet.microgrids.iter().zip(&part.profiles.microgrids).enumerate() {
        let start = part.starts.get(n);
        rows.generators.extend(mg.dgs.iter().enumerate().map(|(i, d)| GeneratorRow {
            id: d.id.clone(),
            bus: bus_id(d.connection.bus()),
            connection: None,
            p_max_kw: d.p_max_kw,
            q_max_kvar: d.q_max_kvar,
            s_max_kva: d.s_max_kva,
            ramp_kw_per_min: Some(d.ramp_kw_per_min),
            fuel_a_l_per_kw2h: Some(d.fuel.a_l_per_kw2h),
            fuel_b_l_per_kwh: Some(d.fuel.b_l_per_kwh),
            fuel_c_l_per_h: Some(d.fuel.c_l_per_h),
            p_start_kw: start.and_then(|s| s.p_dg_kw.get(i).copied()),
        }));
        rows.pvs.extend(mg.pvs.iter().zip(&own.pvs_kw).map(|(d, power)| PvRow {
            id: d.id.clone(),
            bus: bus_id(d.connection.bus()),
            connection: None,
            q_max_kvar: d.q_max_kvar,
            s_max_kva: d.s_max_kva,
            series: SERIES.to_owned(),
            p_column: columns.of(power),
            p_unit: None,
            p_scale: Some(power.scale),
            shift_minutes: None,
        }));
        rows.batteries.extend(mg.batteries.iter().enumerate().map(|(k, d)| BatteryRow {
            id: d.id.clone(),
            bus: bus_id(d.connection.bus()),
            connection: None,
            capacity_kwh: d.capacity_kwh,
            soc_min: Some(d.soc_min),
            soc_max: Some(d.soc_max),
            soc_start: start.and_then(|s| s.soc.get(k).copied()),
            p_charge_max_kw: d.p_charge_max_kw,
            p_discharge_max_kw: d.p_discharge_max_kw,
            eta_charge: d.eta_charge,
            eta_discharge: d.eta_discharge,
            q_max_kvar: d.q_max_kvar,
            s_max_kva: d.s_max_kva,
        }));
        for (load, profile) in mg.loads.iter().zip(&own.loads) {
            rows.loads.push(columns.load(load, bus_id(load.connection.bus()), profile, &part.profiles));
        }
        microgrids.push(MicrogridSection {
            name: mg.name.clone(),
            pcc: network.branches()[mg.pcc.0].id.0.clone(),
            buses: None,
            bus_prefix: None,
            fuel_price_per_l: mg.fuel_price_per_l,
            price: Some(columns.price(&own.price_per_kwh, &part.settings.currency)),
            load_scale: 1.0,
            pv_scale: 1.0,
        });
    }
    let price = part.exchange_price.as_ref().map(|price| columns.price(price, &part.settings.currency));
    let series = columns.csv_gz(&part.profiles)?;
    let mut files = vec![(SERIES_FILE.to_owned(), series), ("buses.csv".to_owned(), buses_csv(part, network)?)];
    let branches = table(&mut files, "branches.csv", &branch_rows(network))?;
    let devices = DevicesSection {
        generators: table(&mut files, "generators.csv", &rows.generators)?,
        pv: table(&mut files, "pv.csv", &rows.pvs)?,
        batteries: table(&mut files, "batteries.csv", &rows.batteries)?,
        loads: table(&mut files, "loads.csv", &rows.loads)?,
    };
    let file = CaseFile { price, ..case_file(part, network, branches, devices, microgrids) };
    let text = toml::to_string(&file).map_err(|e| not_expressible(e.to_string()))?;
    files.insert(0, (CASE_FILE.to_owned(), format!("{COMMENT}{text}").into_bytes()));
    expect_same(part, &files)?;
    Ok(files)
}

/// Rows of the device tables.
#[derive(Default)]
struct Rows {
    generators: Vec<GeneratorRow>,
    pvs: Vec<PvRow>,
    batteries: Vec<BatteryRow>,
    loads: Vec<LoadRow>,
}

fn not_expressible(what: String) -> CaseError {
    CaseError::NotExpressible { format: "a case folder", what }
}

/// Adds a table and gives its name; a table without rows is left out.
fn table<T: serde::Serialize>(
    files: &mut Vec<(String, Vec<u8>)>,
    name: &str,
    rows: &[T],
) -> Result<Option<String>, CaseError> {
    if rows.is_empty() {
        return Ok(None);
    }
    files.push((name.to_owned(), filled_columns(name, rows)?));
    Ok(Some(name.to_owned()))
}

/// A table without the columns that are empty in every row.
fn filled_columns<T: serde::Serialize>(name: &str, rows: &[T]) -> Result<Vec<u8>, CaseError> {
    let failed = |reason: String| CaseError::Write { path: name.to_owned(), reason };
    let text = csv_table(name, rows)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
    let records: Vec<csv::StringRecord> =
        reader.records().collect::<Result<_, _>>().map_err(|e| failed(e.to_string()))?;
    let width = records.first().map_or(0, csv::StringRecord::len);
    let filled = |column: usize| records.iter().skip(1).any(|r| r.get(column).is_some_and(|cell| !cell.is_empty()));
    let kept: Vec<usize> = (0..width).filter(|&column| filled(column)).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in &records {
        writer.write_record(kept.iter().filter_map(|&c| record.get(c))).map_err(|e| failed(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| failed(e.to_string()))
}

/// What was written, read again, is the part.
fn expect_same(part: &Case, files: &[(String, Vec<u8>)]) -> Result<(), CaseError> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let back = read_case(&CaseFiles::Embedded(&files)).into_result().map_err(|faults| {
        let first = faults.first().map_or_else(String::new, ToString::to_string);
        not_expressible(format!("the case with {} fault(s): {first}", faults.len()))
    })?;
    let present = case_fingerprint(&part.fleet, part.settings.steps, part.settings.dt_h);
    let differing = [
        ("its network, devices or limits", back.fingerprint != present || back.fingerprint != part.fingerprint),
        ("its series", back.data_fingerprint() != part.data_fingerprint()),
        ("its price", back.exchange_price != part.exchange_price),
        ("its days", back.days != part.days),
        ("its settings", back.settings != part.settings),
        ("its start states", back.starts != part.starts),
        ("its name or what part it is", back.name != part.name || back.part != part.part),
    ];
    match differing.iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((what, _)) => Err(not_expressible(format!("{what} to the last bit"))),
    }
}

/// The voltage band of the last bus, which is no source where there is another.
fn common_band(part: &Case) -> (f64, f64) {
    let last = |v: &[f64]| v.last().copied().unwrap_or(1.0);
    (last(&part.fleet.limits.v_min_pu), last(&part.fleet.limits.v_max_pu))
}

fn buses_csv(part: &Case, network: &Network) -> Result<Vec<u8>, CaseError> {
    let common = common_band(part);
    let limits = &part.fleet.limits;
    let mut rows: Vec<BusRow> = (network.buses().iter().zip(limits.v_min_pu.iter().zip(&limits.v_max_pu)))
        .map(|(bus, (&low, &high))| BusRow {
            id: bus.id.0.clone(),
            kv: bus.v_base_kv,
            microgrid: None,
            v_min_pu: (low != common.0).then_some(low),
            v_max_pu: (high != common.1).then_some(high),
            shunt_g_kw: None,
            shunt_b_kvar: None,
        })
        .collect();
    for mg in &part.fleet.microgrids {
        mg.buses.iter().for_each(|bus| rows[bus.0].microgrid = Some(mg.name.clone()));
    }
    let base_kva = network.base_mva() * 1e3;
    for shunt in network.shunts() {
        let row = &mut rows[shunt.bus.0];
        row.shunt_g_kw = Some(dividend(shunt.y_pu.re, base_kva));
        row.shunt_b_kvar = Some(dividend(shunt.y_pu.im, base_kva));
    }
    filled_columns("buses.csv", &rows)
}

/// The number that divided by `divisor` gives `quotient` to the last bit, where a neighbour of their product does.
fn dividend(quotient: f64, divisor: f64) -> f64 {
    let product = quotient * divisor;
    let near = [product, product.next_up(), product.next_down()];
    near.into_iter().find(|x| (x / divisor).to_bits() == quotient.to_bits()).unwrap_or(product)
}

fn branch_rows(network: &Network) -> Vec<BranchRow> {
    let bus_id = |bus: BusIndex| network.buses()[bus.0].id.0.clone();
    (network.branches().iter())
        .map(|b| BranchRow {
            id: b.id.0.clone(),
            kind: match b.kind {
                BranchKind::Line => BranchKindName::Line,
                BranchKind::Transformer => BranchKindName::Transformer,
            },
            from: bus_id(b.from),
            to: bus_id(b.to),
            r_ohm: None,
            x_ohm: None,
            b_us: None,
            r_pu: Some(b.series_z_pu.re),
            x_pu: Some(b.series_z_pu.im),
            b_pu: Some(2.0 * b.shunt_to_pu.im),
            r_percent: None,
            x_percent: None,
            rated_kva: None,
            tap: (b.kind == BranchKind::Transformer).then_some(b.tap.re),
            rating_a: b.rating_a,
        })
        .collect()
}

fn case_file(
    part: &Case,
    network: &Network,
    branches: Option<String>,
    devices: DevicesSection,
    microgrid: Vec<MicrogridSection>,
) -> CaseFile {
    let (v_min_pu, v_max_pu) = common_band(part);
    let series = SeriesSection {
        file: SERIES_FILE.to_owned(),
        time_column: TIME_COLUMN.to_owned(),
        time_format: "iso".to_owned(),
        time_offset_hours: 0.0,
        time_label: TimeLabel::Start,
    };
    CaseFile {
        name: part.name.clone(),
        description: part.settings.description.clone(),
        currency: part.settings.currency.clone(),
        network: NetworkSection {
            buses: "buses.csv".to_owned(),
            branches,
            model: None,
            base_mva: network.base_mva(),
            frequency_hz: network.f_hz(),
            source_bus: network.buses().get(network.source().bus.0).map(|b| b.id.0.clone()),
            source_v_pu: network.source().v_pu,
            source_angle_deg: network.source().angle_deg,
        },
        limits: LimitsSection { v_min_pu, v_max_pu, unbalance_max_percent: None },
        devices,
        window: WindowSection { steps: part.settings.steps, step_minutes: Some(part.settings.dt_h * 60.0) },
        calendar: CalendarSection { utc_offset_hours: part.settings.utc_offset_hours },
        series: BTreeMap::from([(SERIES.to_owned(), series)]),
        price: None,
        storage_value: storage_value_section(&part.settings.storage_value),
        days: days_section(part),
        scaling: ScalingSection::default(),
        part: part.part.as_ref().map(part_section),
        microgrid,
        generator: Vec::new(),
        pv: Vec::new(),
        battery: Vec::new(),
        load: Vec::new(),
    }
}

fn storage_value_section(setting: &StorageValueSetting) -> StorageValueSection {
    let none = StorageValueSection::default();
    match setting.clone() {
        StorageValueSetting::None => none,
        StorageValueSetting::Constant { value_per_kwh } => {
            StorageValueSection { kind: StorageValueKind::Constant, value_per_kwh: Some(value_per_kwh), ..none }
        }
        StorageValueSetting::TimeOfDay { values_per_kwh } => {
            StorageValueSection { kind: StorageValueKind::TimeOfDay, values_per_kwh: Some(values_per_kwh), ..none }
        }
        StorageValueSetting::PriceForecast { horizon_hours, soc_levels } => StorageValueSection {
            kind: StorageValueKind::PriceForecast,
            horizon_hours: Some(horizon_hours),
            soc_levels: Some(soc_levels),
            ..none
        },
    }
}

/// Every day by its date, so that the split does not depend on a rule.
fn days_section(part: &Case) -> DaysSection {
    let offset_s = (part.settings.utc_offset_hours * 3600.0).round() as i64;
    let first_date = part.profiles.unix_s.first().map_or(0, |s| (s + offset_s).div_euclid(86_400));
    let dates = |days: &[usize]| Some(days.iter().map(|&d| date_text(first_date + d as i64)).collect());
    DaysSection {
        test_dates: dates(&part.days.test),
        validation_dates: dates(&part.days.validation),
        train_dates: dates(&part.days.train),
        ..DaysSection::default()
    }
}

fn part_section(part: &PartInfo) -> PartSection {
    let (role, seat, seats, pccs) = match &part.role {
        PartRole::Operator { pccs } => (PartRoleName::Operator, None, None, pccs.as_slice()),
        PartRole::Agent { seat, seats } => (PartRoleName::Agent, Some(*seat), Some(*seats), [].as_slice()),
    };
    PartSection {
        role,
        whole: part.whole_name.clone(),
        whole_fingerprint: part.whole_fingerprint.clone(),
        cut: part.cut.clone(),
        seat,
        seats,
        pcc: (pccs.iter()).map(|(m, bus)| PccSection { microgrid: m.clone(), bus: bus.clone() }).collect(),
    }
}

/// The shapes that a part's series follow, each written once.
#[derive(Default)]
struct Columns<'a> {
    shapes: Vec<&'a [f64]>,
    /// Number of each shape by its address; the profiles keep every shape alive.
    known: BTreeMap<usize, usize>,
}

impl<'a> Columns<'a> {
    /// Column of a series' shape; names say nothing about who else follows it.
    fn of(&mut self, series: &'a ScaledSeries) -> String {
        let shapes = &mut self.shapes;
        let number = *self.known.entry(series.shape.as_ptr() as usize).or_insert_with(|| {
            shapes.push(&series.shape);
            shapes.len()
        });
        format!("shape_{number}")
    }

    fn price(&mut self, price: &'a ScaledSeries, currency: &str) -> PriceSection {
        PriceSection {
            series: SERIES.to_owned(),
            column: self.of(price),
            unit: format!("{currency}/kWh"),
            scale: price.scale,
        }
    }

    fn load(&mut self, load: &Load, bus: String, profile: &'a LoadProfile, profiles: &Profiles) -> LoadRow {
        let (p, q) = (&profile.p_kw, &profile.q_kvar);
        let constant = |s: &ScaledSeries| s.shape.iter().all(|&v| v == 1.0);
        let (p_constant, q_constant) = (constant(p), constant(q));
        LoadRow {
            id: load.id.clone(),
            bus,
            connection: None,
            ports: None,
            series: (!p_constant || !q_constant).then(|| SERIES.to_owned()),
            p_column: (!p_constant).then(|| self.of(p)),
            p_unit: None,
            p_scale: (!p_constant).then_some(p.scale),
            q_column: (!q_constant).then(|| self.of(q)),
            q_unit: None,
            q_scale: (!q_constant).then_some(q.scale),
            power_factor: None,
            p_kw: p_constant.then_some(p.scale),
            q_kvar: q_constant.then_some(q.scale),
            shift_minutes: None,
            offset_days: offset_days(p, profiles),
        }
    }

    fn csv_gz(&self, profiles: &Profiles) -> Result<Vec<u8>, CaseError> {
        let failed = |e: &dyn std::fmt::Display| CaseError::Write { path: SERIES_FILE.into(), reason: e.to_string() };
        let mut out = GzEncoder::new(Vec::new(), Compression::default());
        let mut line = TIME_COLUMN.to_owned();
        (1..=self.shapes.len()).for_each(|number| line.push_str(&format!(",shape_{number}")));
        for (row, stamp) in profiles.unix_s.iter().enumerate() {
            out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(|e| failed(&e))?;
            line.clear();
            line.push_str(&show(*stamp));
            for shape in &self.shapes {
                line.push(',');
                // The shortest text that reads back to the same number.
                line.push_str(&format!("{:?}", shape[row]));
            }
        }
        out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(|e| failed(&e))?;
        out.finish().map_err(|e| failed(&e))
    }
}

/// Days by which the shape is read later; a whole period stands for an offset that comes out as none.
fn offset_days(series: &ScaledSeries, profiles: &Profiles) -> Option<f64> {
    let (later, period) = series.offset.later_and_period();
    let day = (24.0 / profiles.dt_h).round();
    (period > 0).then(|| (if later == 0 { period } else { later }) as f64 / day)
}

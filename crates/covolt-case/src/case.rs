//! A case: the way from its files to a validated fleet with profiles, all faults at once.

use crate::case_file::CaseFile;
use crate::case_files::CaseFiles;
use crate::connections::{CellFault, Connections};
use crate::days::{DaySplit, split_days};
use crate::device_tables::{Sites, batteries, by_owner, generators, pvs, read_devices};
use crate::fault::{CaseFault, Place};
use crate::fingerprint::{case_fingerprint, data_fingerprint};
use crate::microgrid_tables::{BranchEnds, owners, pccs};
use crate::multiphase_file::{build_multiphase, in_network_order, read_network};
use crate::network_tables::{BusTable, build_grid, voltage_limits};
use crate::part::{PartInfo, PartRole, is_operators, part_info};
use crate::series_store::SeriesStore;
use crate::settings::{CaseSettings, scalars, storage_value};
use crate::table::{Row, read_table};
use crate::table_rows::{BranchRow, BusRow, LoadRow};
use crate::time_axis::calendar;
use crate::toml_document::{CASE_FILE, KeyPlaces, read_document};
use covolt_fleet::{Fleet, Load, Microgrid, MicrogridProfiles, MicrogridStart, NetworkLimits, Profiles, ScaledSeries};
use covolt_grid::multiphase::Element;
use covolt_grid::{BranchIndex, BusIndex, Connection, DistributionGrid};
use std::collections::BTreeMap;
use std::path::Path;

/// A valid case.
#[derive(Debug)]
pub struct Case {
    /// Name.
    pub name: String,
    /// Grid, microgrids, limits.
    pub fleet: Fleet,
    /// Loads, PV power, prices, calendar.
    pub profiles: Profiles,
    /// Days for training, validation, test.
    pub days: DaySplit,
    /// Settings.
    pub settings: CaseSettings,
    /// State of each microgrid's devices just before the data begins.
    pub starts: Vec<MicrogridStart>,
    /// SHA-256 (hexadecimal) over network, devices, limits and layout; a policy belongs to one fingerprint.
    pub fingerprint: String,
    /// Which part of which whole it is; `None` for a whole case.
    pub part: Option<PartInfo>,
    /// Mean exchange price, currency per kWh: of an operator's part, where the microgrids' own are elsewhere.
    pub exchange_price: Option<ScaledSeries>,
}

/// Faults and warnings of a case, and the case itself when there is no fault.
#[derive(Debug)]
pub(crate) struct Reading {
    pub case: Option<Case>,
    pub faults: Vec<CaseFault>,
    pub warnings: Vec<String>,
}

impl Case {
    /// Loads the case in a folder (or the folder of a named `case.toml`).
    ///
    /// # Errors
    /// All faults at once, never empty, in order of file and line.
    pub fn load(path: &Path) -> Result<Case, Vec<CaseFault>> {
        read_folder(path).into_result()
    }

    /// The built-in case: 33-bus feeder with five 13-bus microgrids. Needs no file.
    ///
    /// # Errors
    /// Never in a released version: a test loads it.
    pub fn builtin() -> Result<Case, Vec<CaseFault>> {
        read_case(&CaseFiles::Embedded(crate::builtin::FILES)).into_result()
    }

    /// SHA-256 (hexadecimal) over all series values and time stamps.
    pub fn data_fingerprint(&self) -> String {
        data_fingerprint(&self.profiles)
    }
}

impl Reading {
    pub fn into_result(self) -> Result<Case, Vec<CaseFault>> {
        match self.case {
            Some(case) if self.faults.is_empty() => Ok(case),
            _ if self.faults.is_empty() => {
                Err(vec![Place::new(CASE_FILE, None).fault("", "the case is incomplete", "see docs/case-format.md")])
            }
            _ => Err(self.faults),
        }
    }
}

pub(crate) fn read_folder(path: &Path) -> Reading {
    let folder = match path.file_name() {
        Some(name) if name == CASE_FILE && !path.is_dir() => path.parent().unwrap_or(Path::new(".")),
        _ => path,
    };
    if !folder.is_dir() && !folder.as_os_str().is_empty() {
        let fault = Place::new(&path.display().to_string(), None).fault(
            "",
            "there is no such folder",
            "a case is a folder with a case.toml",
        );
        return Reading { case: None, faults: vec![fault], warnings: Vec::new() };
    }
    read_case(&CaseFiles::Folder(folder))
}

pub(crate) fn read_case(files: &CaseFiles<'_>) -> Reading {
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    let case = match files.read_text(CASE_FILE) {
        Ok(text) => {
            let (file, places) = read_document(&text, &mut faults);
            file.and_then(|file| assemble(files, &file, &places, &mut faults, &mut warnings))
        }
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    faults.sort();
    faults.dedup();
    Reading { case: case.filter(|_| faults.is_empty()), faults, warnings }
}

/// The unbalance factor that no limit stands for: |V2| is rarely a twentieth of |V1|.
const NO_UNBALANCE_LIMIT: f64 = 10.0;

/// The network's tables or file, before the devices are known.
struct Input {
    buses: BusTable,
    branches: Vec<Row<BranchEnds>>,
    /// Rows of the branch table of a balanced network.
    balanced: Option<Vec<Row<BranchRow>>>,
    connections: Connections,
}

fn network_input(
    files: &CaseFiles<'_>,
    file: &CaseFile,
    places: &KeyPlaces,
    buses: BusTable,
    faults: &mut Vec<CaseFault>,
) -> Input {
    let network = &file.network;
    let source_alone = is_operators(file) && buses.rows.len() == 1;
    if network.model.is_some() == network.branches.is_some() && !source_alone {
        let hint = "give branches (balanced) or model (multi-phase, from covolt case import)";
        faults.push(places.fault("network", "the network needs a table of branches or a network file, not both", hint));
    }
    if let Some(parts) = network.model.as_ref().and_then(|name| read_network(files, name, faults)) {
        let name = network.model.as_deref().unwrap_or_default();
        let buses = in_network_order(&parts, buses, file, faults);
        let bus_id = |index: usize| parts.buses.get(index).map_or(String::new(), |b| b.id.0.clone());
        let ends = |e: &Element| {
            let at = |k: usize| e.terminals.get(k).or(e.terminals.first()).map_or(String::new(), |t| bus_id(t.bus.0));
            BranchEnds { id: e.id.clone(), from: at(0), to: at(1) }
        };
        let branches = parts.elements.iter().map(|e| Row { at: Place::new(name, None), value: ends(e) }).collect();
        return Input { buses, branches, balanced: None, connections: Connections::multiphase(parts) };
    }
    let rows: Vec<Row<BranchRow>> =
        network.branches.as_ref().map_or_else(Vec::new, |name| read_table(files, name, faults));
    let ends = |b: &BranchRow| BranchEnds { id: b.id.clone(), from: b.from.clone(), to: b.to.clone() };
    let branches = rows.iter().map(|row| Row { at: row.at.clone(), value: ends(&row.value) }).collect();
    Input { buses, branches, balanced: Some(rows), connections: Connections::Balanced }
}

/// Connection of each load; `None` where that is a fault.
fn load_connections(
    rows: &[Row<LoadRow>],
    buses: &BusTable,
    connections: &mut Connections,
    faults: &mut Vec<CaseFault>,
) -> Vec<Option<Connection>> {
    let mut connect = |l: &LoadRow| {
        let what = format!("load \"{}\"", l.id);
        match &l.ports {
            Some(ports) => connections.connect_to_ports(&l.bus, ports, buses, &what),
            None => connections.connect(&l.id, &l.bus, l.connection, buses, &what),
        }
    };
    let mut fault = |row: &Row<LoadRow>, (key, what, hint): CellFault| faults.push(row.at.fault(key, what, hint));
    rows.iter().map(|row| connect(&row.value).map_err(|found| fault(row, found)).ok()).collect()
}

fn assemble(
    files: &CaseFiles<'_>,
    file: &CaseFile,
    places: &KeyPlaces,
    faults: &mut Vec<CaseFault>,
    warnings: &mut Vec<String>,
) -> Option<Case> {
    let storage_value = storage_value(file, places, faults);
    scalars(file, places, faults);
    let bus_rows: Vec<Row<BusRow>> = read_table(files, &file.network.buses, faults);
    let buses = BusTable::new(bus_rows, faults);
    let Input { buses, branches, balanced, mut connections } = network_input(files, file, places, buses, faults);
    let (v_min_pu, v_max_pu) = voltage_limits(file, places, &buses, faults);
    let grid = balanced.and_then(|rows| build_grid(file, places, &buses, &rows, faults));
    let owner = owners(file, places, &buses, faults);
    let pcc = pccs(file, places, &buses, &branches, &owner, faults);
    let part = part_info(file, places, &buses, &branches, &owner, faults);
    let rows = read_devices(files, file, places, faults);
    let mut sites = Sites { buses: &buses, owners: &owner, connections: &mut connections };
    let dgs = generators(&rows.generators, &mut sites, faults);
    let pv_systems = pvs(&rows.pvs, &mut sites, faults);
    let stores = batteries(&rows.batteries, &mut sites, faults);
    let load_sites = load_connections(&rows.loads, &buses, &mut connections, faults);

    let store = SeriesStore::read(files, file, &rows.pvs, &rows.loads, places, faults, warnings);
    let mut series = match store {
        Some(s) => s,
        None => {
            if file.series.is_empty() {
                faults.push(places.fault(
                    "series",
                    "there is no series",
                    "add [series.NAME] with file and time_column",
                ));
            }
            return None;
        }
    };
    let common = file.price.as_ref().map(|p| series.price(p, &file.currency, "price", places, faults));
    let exchange_price = if is_operators(file) {
        if common.is_none() {
            let hint = "add [price], the mean exchange price; split the whole case again";
            faults.push(places.fault("price", "the operator's part has no price", hint));
        }
        common.clone().flatten()
    } else {
        None
    };
    let mut profiles = Vec::new();
    for (n, m) in file.microgrid.iter().enumerate() {
        let own =
            m.price.as_ref().map(|p| series.price(p, &file.currency, &format!("microgrid[{n}].price"), places, faults));
        match own.or_else(|| common.clone()) {
            Some(price) => profiles.push(price.map(|price_per_kwh| MicrogridProfiles {
                loads: Vec::new(),
                pvs_kw: Vec::new(),
                price_per_kwh,
            })),
            None => {
                faults.push(places.fault(
                    &format!("microgrid[{n}]"),
                    format!("microgrid \"{}\" has no price", m.name),
                    "add [price] for all microgrids, or microgrid.price",
                ));
                profiles.push(None);
            }
        }
    }
    let (mut microgrid_loads, mut feeder_loads, mut feeder_profiles) =
        (vec![Vec::new(); file.microgrid.len()], Vec::new(), Vec::new());
    for (row, site) in rows.loads.iter().zip(&load_sites) {
        let l = &row.value;
        let Some(connection) = *site else { continue };
        let bus = connection.bus();
        let n = owner.get(bus.0).copied().flatten();
        let kv = buses.rows.get(bus.0).map_or(0.0, |r| r.value.kv);
        let factor = file.scaling.load * n.and_then(|n| file.microgrid.get(n)).map_or(1.0, |m| m.load_scale);
        let Some(profile) = series.load(row, factor, kv, faults) else { continue };
        let load = Load { id: l.id.clone(), connection };
        match n {
            Some(n) => {
                microgrid_loads[n].push(load);
                profiles[n].iter_mut().for_each(|p| p.loads.push(profile.clone()));
            }
            None => {
                if let Some(PartInfo { role: PartRole::Agent { .. }, .. }) = &part {
                    let what = format!("load \"{}\" stands at the feeder's bus", l.id);
                    faults.push(row.at.fault("bus", what, "a load there belongs to the operator's part"));
                }
                feeder_loads.push(load);
                feeder_profiles.push(profile);
            }
        }
    }
    for p in &pv_systems {
        let kv = buses.rows.get(p.device.connection.bus().0).map_or(0.0, |r| r.value.kv);
        let factor = file.scaling.pv * file.microgrid.get(p.owner).map_or(1.0, |m| m.pv_scale);
        if let Some(power) = series.pv(&rows.pvs[p.row], factor, kv, faults, warnings) {
            profiles[p.owner].iter_mut().for_each(|m| m.pvs_kw.push(power.clone()));
        }
    }
    let offset_s = (file.calendar.utc_offset_hours * 3600.0).round() as i64;
    let clock = calendar(&series.unix_s, offset_s);
    let per_day = (86_400 / series.dt_s).max(1) as usize;
    let mut rows_of_day: BTreeMap<usize, usize> = BTreeMap::new();
    clock.day.iter().for_each(|&d| *rows_of_day.entry(d).or_default() += 1);
    let complete =
        rows_of_day.iter().filter(|(_, n)| **n == per_day).map(|(&d, _)| (d, clock.first_date + d as i64)).collect();
    let days = split_days(&file.days, &complete, places, faults);
    for (name, set) in [("training", &days.train), ("validation", &days.validation), ("test", &days.test)] {
        if set.is_empty() {
            warnings.push(format!("the split leaves no {name} day"));
        }
    }

    if !faults.is_empty() {
        return None;
    }
    let grid = match connections {
        Connections::Balanced => DistributionGrid::from(grid?),
        Connections::Multiphase { parts, .. } => {
            let name = file.network.model.as_deref().unwrap_or_default();
            build_multiphase(*parts, name, faults)?
        }
    };
    let count = file.microgrid.len();
    let mut buses_of = vec![Vec::new(); count];
    owner.iter().enumerate().for_each(|(b, n)| n.iter().for_each(|&n| buses_of[n].push(BusIndex(b))));
    let (dgs_of, pvs_of, stores_of) = (by_owner(&dgs, count), by_owner(&pv_systems, count), by_owner(&stores, count));
    let mut microgrids = Vec::with_capacity(count);
    let mut starts = Vec::with_capacity(count);
    for (n, m) in file.microgrid.iter().enumerate() {
        microgrids.push(Microgrid {
            name: m.name.clone(),
            pcc: BranchIndex(pcc.get(n).copied().flatten()?),
            buses: std::mem::take(&mut buses_of[n]),
            dgs: dgs_of[n].iter().map(|d| d.0.clone()).collect(),
            pvs: pvs_of[n].iter().map(|&d| d.clone()).collect(),
            batteries: stores_of[n].iter().map(|d| d.0.clone()).collect(),
            loads: std::mem::take(&mut microgrid_loads[n]),
            fuel_price_per_l: m.fuel_price_per_l,
        });
        starts.push(MicrogridStart {
            soc: stores_of[n].iter().map(|d| d.1).collect(),
            p_dg_kw: dgs_of[n].iter().map(|d| d.1).collect(),
        });
    }
    let mut limits = NetworkLimits::uniform(&grid, file.limits.v_min_pu, file.limits.v_max_pu);
    for i in 0..grid.n_voltages() {
        let bus = grid.voltage_bus(i).0;
        (limits.v_min_pu[i], limits.v_max_pu[i]) = if grid.is_unbalance_factor(i) {
            (
                -NO_UNBALANCE_LIMIT,
                file.limits.unbalance_max_percent.map_or(NO_UNBALANCE_LIMIT, |percent| percent / 100.0),
            )
        } else {
            (v_min_pu[bus], v_max_pu[bus])
        };
    }
    let fleet = match Fleet::try_new(grid, microgrids, feeder_loads, limits) {
        Ok(fleet) => fleet,
        Err(list) => {
            faults.extend(
                list.iter().map(|f| Place::new(CASE_FILE, None).fault("", f.to_string(), "see docs/case-format.md")),
            );
            return None;
        }
    };
    let profiles = Profiles {
        dt_h: series.dt_h(),
        unix_s: series.unix_s.clone(),
        hour_of_day: clock.hour_of_day,
        weekday: clock.weekday,
        day: clock.day,
        feeder_loads: feeder_profiles,
        microgrids: profiles.into_iter().collect::<Option<Vec<_>>>()?,
    };
    let settings = CaseSettings {
        description: file.description.clone(),
        currency: file.currency.clone(),
        steps: file.window.steps,
        dt_h: series.dt_h(),
        utc_offset_hours: file.calendar.utc_offset_hours,
        storage_value: storage_value?,
    };
    let fingerprint = case_fingerprint(&fleet, settings.steps, settings.dt_h);
    let name = file.name.clone();
    Some(Case { name, fleet, profiles, days, settings, starts, fingerprint, part, exchange_price })
}

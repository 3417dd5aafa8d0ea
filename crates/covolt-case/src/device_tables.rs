//! Device tables -> devices of the microgrids, each number checked at its line.

use crate::case_file::CaseFile;
use crate::case_files::CaseFiles;
use crate::connections::{Connections, PhaseConnection};
use crate::fault::{CaseFault, Place};
use crate::network_tables::BusTable;
use crate::table::{Row, read_table};
use crate::table_rows::{BatteryRow, GeneratorRow, LoadRow, PvRow};
use crate::toml_document::KeyPlaces;
use covolt_fleet::{Battery, DieselGenerator, FuelCurve, Photovoltaic};
use covolt_grid::Connection;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// A single device that would draw more than this at its bus's voltage has a wrong unit, A.
const LARGEST_DEVICE_A: f64 = 5000.0;

/// All device rows, tables and TOML together.
#[derive(Debug)]
pub(crate) struct DeviceRows {
    pub generators: Vec<Row<GeneratorRow>>,
    pub pvs: Vec<Row<PvRow>>,
    pub batteries: Vec<Row<BatteryRow>>,
    pub loads: Vec<Row<LoadRow>>,
}

fn gather<T: DeserializeOwned + JsonSchema + Clone>(
    files: &CaseFiles<'_>,
    table: &Option<String>,
    inline: &[T],
    key: &str,
    places: &KeyPlaces,
    faults: &mut Vec<CaseFault>,
) -> Vec<Row<T>> {
    let mut rows = table.as_ref().map_or_else(Vec::new, |name| read_table(files, name, faults));
    rows.extend(
        inline.iter().enumerate().map(|(i, v)| Row { at: places.place(&format!("{key}[{i}]")), value: v.clone() }),
    );
    rows
}

pub(crate) fn read_devices(
    files: &CaseFiles<'_>,
    file: &CaseFile,
    places: &KeyPlaces,
    faults: &mut Vec<CaseFault>,
) -> DeviceRows {
    let d = &file.devices;
    let rows = DeviceRows {
        generators: gather(files, &d.generators, &file.generator, "generator", places, faults),
        pvs: gather(files, &d.pv, &file.pv, "pv", places, faults),
        batteries: gather(files, &d.batteries, &file.battery, "battery", places, faults),
        loads: gather(files, &d.loads, &file.load, "load", places, faults),
    };
    let ids = (rows.generators.iter().map(|r| (&r.value.id, &r.at)))
        .chain(rows.pvs.iter().map(|r| (&r.value.id, &r.at)))
        .chain(rows.batteries.iter().map(|r| (&r.value.id, &r.at)))
        .chain(rows.loads.iter().map(|r| (&r.value.id, &r.at)));
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    for (id, at) in ids {
        if let Some(first) = seen.insert(id, at) {
            let line = first.line.map_or(String::new(), |l| format!(" line {l}"));
            faults.push(at.fault(
                "id",
                format!("device \"{id}\" is there twice"),
                format!("it was defined in {}{line} first; rename one", first.file),
            ));
        }
    }
    rows
}

/// Checks one device's numbers and names the column of each fault.
struct Check<'a> {
    id: &'a str,
    at: &'a Place,
    faults: &'a mut Vec<CaseFault>,
}

impl Check<'_> {
    fn fault(&mut self, key: &str, what: String, hint: &str) {
        self.faults.push(self.at.fault(key, format!("\"{}\": {what}", self.id), hint));
    }

    fn not_negative(&mut self, key: &str, v: f64) {
        if v < 0.0 {
            self.fault(key, format!("{key} = {v} is negative"), "must be at least 0");
        }
    }

    fn power(&mut self, key: &str, v: f64, kv: f64) {
        self.not_negative(key, v);
        if let Some((what, hint)) = implausible_power(v, kv) {
            self.fault(key, what, &hint);
        }
    }

    fn rating(&mut self, s: Option<f64>, p: f64) {
        if let Some(s) = s
            && s < p
        {
            self.fault(
                "s_max_kva",
                format!("rating {s} kVA is below the largest active power, {p} kW"),
                "raise the rating or lower the power; leave the cell empty for no rating",
            );
        }
    }
}

/// A power that its bus's voltage makes implausible: what and hint.
pub(crate) fn implausible_power(kw: f64, kv: f64) -> Option<(String, String)> {
    let limit = 3f64.sqrt() * kv * LARGEST_DEVICE_A;
    (kv > 0.0 && kw.abs() > limit).then(|| {
        let shown = if kw.abs() >= 1e4 { format!("{:.0} MW", kw / 1e3) } else { format!("{kw:.0} kW") };
        let amps = kw.abs() / (3f64.sqrt() * kv);
        (
            format!("{shown} at {kv} kV would be {amps:.0} A"),
            "a wrong unit? powers are in kW (or give the unit: W, kW, MW, pu)".to_string(),
        )
    })
}

/// Devices by owner: the microgrid of the bus.
pub(crate) struct Placed<T> {
    pub owner: usize,
    pub row: usize,
    pub device: T,
}

/// Devices of each of `count` microgrids, in the order of the table.
pub(crate) fn by_owner<T>(placed: &[Placed<T>], count: usize) -> Vec<Vec<&T>> {
    let mut lists = vec![Vec::new(); count];
    placed.iter().for_each(|p| lists[p.owner].push(&p.device));
    lists
}

/// Where devices may sit: buses with their owners, and what joins a device to its bus.
pub(crate) struct Sites<'a> {
    pub buses: &'a BusTable,
    pub owners: &'a [Option<usize>],
    pub connections: &'a mut Connections,
}

impl Sites<'_> {
    /// Connection of a device, its microgrid and its bus's voltage; a device outside every microgrid is a fault.
    fn place(
        &mut self,
        (id, bus, connection): (&str, &str, Option<PhaseConnection>),
        at: &Place,
        faults: &mut Vec<CaseFault>,
    ) -> Option<(Connection, usize, f64)> {
        let connected = match self.connections.connect(id, bus, connection, self.buses, &format!("device \"{id}\"")) {
            Ok(connected) => connected,
            Err((key, what, hint)) => {
                faults.push(at.fault(key, what, hint));
                return None;
            }
        };
        let i = connected.bus().0;
        let owner = self.owners.get(i).copied().flatten();
        if owner.is_none() {
            faults.push(at.fault(
                "bus",
                format!("device \"{id}\": bus \"{bus}\" belongs to no microgrid"),
                "only loads may sit on the feeder; add the bus to a microgrid",
            ));
        }
        Some((connected, owner?, self.buses.rows.get(i).map_or(0.0, |r| r.value.kv)))
    }
}

pub(crate) fn generators(
    rows: &[Row<GeneratorRow>],
    sites: &mut Sites<'_>,
    faults: &mut Vec<CaseFault>,
) -> Vec<Placed<(DieselGenerator, f64)>> {
    let mut out = Vec::new();
    for (row, r) in rows.iter().enumerate() {
        let g = &r.value;
        let Some((connection, owner, kv)) = sites.place((&g.id, &g.bus, g.connection), &r.at, faults) else { continue };
        let mut check = Check { id: &g.id, at: &r.at, faults };
        check.power("p_max_kw", g.p_max_kw, kv);
        check.power("q_max_kvar", g.q_max_kvar, kv);
        check.rating(g.s_max_kva, g.p_max_kw);
        let fuel = FuelCurve {
            a_l_per_kw2h: g.fuel_a_l_per_kw2h.unwrap_or(0.0),
            b_l_per_kwh: g.fuel_b_l_per_kwh.unwrap_or(0.0),
            c_l_per_h: g.fuel_c_l_per_h.unwrap_or(0.0),
        };
        check.not_negative("fuel_a_l_per_kw2h", fuel.a_l_per_kw2h);
        check.not_negative("fuel_b_l_per_kwh", fuel.b_l_per_kwh);
        check.not_negative("fuel_c_l_per_h", fuel.c_l_per_h);
        if fuel.slope(g.p_max_kw) > 5.0 {
            check.fault(
                "fuel_a_l_per_kw2h",
                format!("{:.1} L for one more kWh at full power", fuel.slope(g.p_max_kw)),
                "about 0.25 is usual; a is in L/(kW^2 h), b in L/kWh",
            );
        }
        if let Some(ramp) = g.ramp_kw_per_min
            && ramp <= 0.0
        {
            check.fault(
                "ramp_kw_per_min",
                format!("ramp {ramp} kW/min"),
                "must be above 0; leave the cell empty for no limit",
            );
        }
        let start = g.p_start_kw.unwrap_or(0.0);
        if g.p_max_kw >= 0.0 && !(0.0..=g.p_max_kw).contains(&start) {
            check.fault(
                "p_start_kw",
                format!("starts at {start} kW, outside 0 to {} kW", g.p_max_kw),
                "give a power within the generator's range",
            );
        }
        let device = DieselGenerator {
            id: g.id.clone(),
            connection,
            p_max_kw: g.p_max_kw,
            q_max_kvar: g.q_max_kvar,
            // Without a limit the whole range can be crossed in any step, however short: a second is short enough.
            ramp_kw_per_min: g.ramp_kw_per_min.unwrap_or(60.0 * g.p_max_kw.max(1.0)),
            s_max_kva: g.s_max_kva,
            fuel,
        };
        out.push(Placed { owner, row, device: (device, start) });
    }
    out
}

pub(crate) fn pvs(
    rows: &[Row<PvRow>],
    sites: &mut Sites<'_>,
    faults: &mut Vec<CaseFault>,
) -> Vec<Placed<Photovoltaic>> {
    let mut out = Vec::new();
    for (row, r) in rows.iter().enumerate() {
        let p = &r.value;
        let Some((connection, owner, kv)) = sites.place((&p.id, &p.bus, p.connection), &r.at, faults) else { continue };
        let mut check = Check { id: &p.id, at: &r.at, faults };
        check.power("q_max_kvar", p.q_max_kvar, kv);
        if let Some(s) = p.s_max_kva {
            check.power("s_max_kva", s, kv);
        }
        let device = Photovoltaic { id: p.id.clone(), connection, q_max_kvar: p.q_max_kvar, s_max_kva: p.s_max_kva };
        out.push(Placed { owner, row, device });
    }
    out
}

pub(crate) fn batteries(
    rows: &[Row<BatteryRow>],
    sites: &mut Sites<'_>,
    faults: &mut Vec<CaseFault>,
) -> Vec<Placed<(Battery, f64)>> {
    let mut out = Vec::new();
    for (row, r) in rows.iter().enumerate() {
        let b = &r.value;
        let Some((connection, owner, kv)) = sites.place((&b.id, &b.bus, b.connection), &r.at, faults) else { continue };
        let mut check = Check { id: &b.id, at: &r.at, faults };
        if b.capacity_kwh <= 0.0 {
            check.fault("capacity_kwh", format!("capacity {} kWh", b.capacity_kwh), "must be above 0");
        }
        let (low, high) = (b.soc_min.unwrap_or(0.0), b.soc_max.unwrap_or(1.0));
        for (key, v) in [("soc_min", low), ("soc_max", high)] {
            if !(0.0..=1.0).contains(&v) {
                let hint = if v > 1.0 && v <= 100.0 {
                    "a fraction of the capacity, not per cent: 0.9, not 90"
                } else {
                    "a fraction of the capacity, 0 to 1"
                };
                check.fault(key, format!("state of charge {v}"), hint);
            }
        }
        if low >= high {
            check.fault(
                "soc_min",
                format!("lowest state of charge {low} is not below the highest, {high}"),
                "swap the two limits",
            );
        }
        let start = b.soc_start.unwrap_or(0.5 * (low + high));
        if low < high && !(low..=high).contains(&start) {
            check.fault(
                "soc_start",
                format!("state of charge {start} at the start, outside {low} to {high}"),
                "give a value between soc_min and soc_max",
            );
        }
        check.power("p_charge_max_kw", b.p_charge_max_kw, kv);
        check.power("p_discharge_max_kw", b.p_discharge_max_kw, kv);
        check.power("q_max_kvar", b.q_max_kvar, kv);
        for (key, eta) in [("eta_charge", b.eta_charge), ("eta_discharge", b.eta_discharge)] {
            if !(eta > 0.0 && eta <= 1.0) {
                let hint = if eta > 1.0 && eta <= 100.0 {
                    "a fraction, not per cent: 0.95, not 95; no battery gives back more than it takes"
                } else {
                    "must be above 0 and at most 1"
                };
                check.fault(key, format!("efficiency {eta}"), hint);
            }
        }
        check.rating(b.s_max_kva, b.p_charge_max_kw.max(b.p_discharge_max_kw));
        let device = Battery {
            id: b.id.clone(),
            connection,
            capacity_kwh: b.capacity_kwh,
            soc_min: low,
            soc_max: high,
            p_charge_max_kw: b.p_charge_max_kw,
            p_discharge_max_kw: b.p_discharge_max_kw,
            eta_charge: b.eta_charge,
            eta_discharge: b.eta_discharge,
            q_max_kvar: b.q_max_kvar,
            s_max_kva: b.s_max_kva,
        };
        out.push(Placed { owner, row, device: (device, start) });
    }
    out
}

//! Bus and branch tables -> grid, in per unit of the case's power base. Faults are named by table and line; what only the
//! whole network shows (islands) is named at the bus's line.

use crate::case_file::CaseFile;
use crate::fault::{CaseFault, suggestion};
use crate::table::Row;
use crate::table_rows::{BranchKindName, BranchRow, BusRow};
use crate::toml_document::KeyPlaces;
use covolt_grid::{
    Branch, BranchId, BranchKind, Bus, BusId, BusIndex, Complex64, Grid, Network, NetworkFault, Shunt, Source,
};
use std::collections::BTreeMap;

/// Voltages outside this range are taken for a wrong unit, kV.
const PLAUSIBLE_KV: std::ops::RangeInclusive<f64> = 0.05..=1200.0;
/// Series impedances beyond this are taken for a wrong unit, ohm.
const LARGEST_OHM: f64 = 1e4;

/// Buses by id, with the row of the table.
#[derive(Debug)]
pub(crate) struct BusTable {
    pub rows: Vec<Row<BusRow>>,
    pub index: BTreeMap<String, usize>,
}

impl BusTable {
    pub fn new(rows: Vec<Row<BusRow>>, faults: &mut Vec<CaseFault>) -> BusTable {
        let mut index = BTreeMap::new();
        for (i, row) in rows.iter().enumerate() {
            let (id, kv) = (&row.value.id, row.value.kv);
            if let Some(first) = index.insert(id.clone(), i) {
                let line = rows[first].at.line.unwrap_or(0);
                faults.push(row.at.fault(
                    "id",
                    format!("bus \"{id}\" is there twice"),
                    format!("it was defined in line {line} first; rename one"),
                ));
            }
            if kv <= 0.0 {
                faults.push(row.at.fault(
                    "kv",
                    format!("bus \"{id}\": voltage {kv} kV"),
                    "give the nominal line-to-line voltage in kV, above 0",
                ));
            } else if !PLAUSIBLE_KV.contains(&kv) {
                let hint = if kv > 1200.0 {
                    format!("looks like volts; write {} for {kv} V", kv / 1e3)
                } else {
                    "the unit is kV, line to line".to_string()
                };
                faults.push(row.at.fault("kv", format!("bus \"{id}\": {kv} kV is outside 0.05 to 1200 kV"), hint));
            }
            for (key, value) in [("v_min_pu", row.value.v_min_pu), ("v_max_pu", row.value.v_max_pu)] {
                if let Some(v) = value {
                    voltage_limit(v)
                        .into_iter()
                        .for_each(|hint| faults.push(row.at.fault(key, format!("bus \"{id}\": {key} = {v}"), hint)));
                }
            }
        }
        BusTable { rows, index }
    }

    /// Index of a bus, or a fault that names where it was asked for.
    pub fn find(&self, id: &str, what: &str) -> Result<BusIndex, (String, String)> {
        self.index.get(id).map(|&i| BusIndex(i)).ok_or_else(|| {
            (format!("{what} refers to an unknown bus \"{id}\""), suggestion(id, self.index.keys().map(String::as_str)))
        })
    }
}

fn voltage_limit(v: f64) -> Option<&'static str> {
    if v > 1.5 && v < 1500.0 {
        Some("the unit is pu of the nominal voltage, e.g. 0.95")
    } else if (0.5..=1.5).contains(&v) {
        None
    } else {
        Some("must lie between 0.5 and 1.5 pu")
    }
}

/// The voltage band per bus; swapped and impossible limits become faults.
pub(crate) fn voltage_limits(
    file: &CaseFile,
    places: &KeyPlaces,
    buses: &BusTable,
    faults: &mut Vec<CaseFault>,
) -> (Vec<f64>, Vec<f64>) {
    let (low, high) = (file.limits.v_min_pu, file.limits.v_max_pu);
    for (key, v) in [("limits.v_min_pu", low), ("limits.v_max_pu", high)] {
        if let Some(hint) = voltage_limit(v) {
            faults.push(places.fault(key, format!("voltage limit {v} pu"), hint));
        }
    }
    if low >= high && voltage_limit(low).is_none() && voltage_limit(high).is_none() {
        faults.push(places.fault(
            "limits.v_min_pu",
            format!("lowest voltage {low} pu is not below the highest, {high} pu"),
            "swap the two limits",
        ));
    }
    let mut band = (Vec::new(), Vec::new());
    for row in &buses.rows {
        let (l, h) = (row.value.v_min_pu.unwrap_or(low), row.value.v_max_pu.unwrap_or(high));
        if l >= h && low < high {
            faults.push(row.at.fault(
                "v_min_pu",
                format!("bus \"{}\": lowest voltage {l} pu is not below the highest, {h} pu", row.value.id),
                "swap the two limits",
            ));
        }
        band.0.push(l);
        band.1.push(h);
    }
    band
}

/// The grid of the tables, or faults.
pub(crate) fn build_grid(
    file: &CaseFile,
    places: &KeyPlaces,
    buses: &BusTable,
    rows: &[Row<BranchRow>],
    faults: &mut Vec<CaseFault>,
) -> Option<Grid> {
    let before = faults.len();
    let base = file.network.base_mva;
    if !(base > 0.0 && base <= 1e5) {
        faults.push(places.fault(
            "network.base_mva",
            format!("power base {base} MVA"),
            "must be above 0 and at most 100 000 MVA; 1 is fine",
        ));
    }
    if !(10.0..=400.0).contains(&file.network.frequency_hz) {
        faults.push(places.fault(
            "network.frequency_hz",
            format!("frequency {} Hz", file.network.frequency_hz),
            "usually 50 or 60",
        ));
    }
    let v_source = file.network.source_v_pu;
    if !(0.5..=1.5).contains(&v_source) {
        faults.push(places.fault(
            "network.source_v_pu",
            format!("source voltage {v_source} pu"),
            "must lie between 0.5 and 1.5 pu of the bus's kV",
        ));
    }
    let source = match &file.network.source_bus {
        Some(bus) => buses.find(bus, "the source"),
        None => Err(("there is no source bus".to_owned(), "name the substation".to_owned())),
    };
    if let Err((what, hint)) = &source {
        faults.push(places.fault("network.source_bus", what, hint));
    }
    let mut seen = BTreeMap::new();
    let mut branches = Vec::new();
    for row in rows {
        let id = &row.value.id;
        if let Some(line) = seen.insert(id.clone(), row.at.line.unwrap_or(0)) {
            faults.push(row.at.fault(
                "id",
                format!("branch \"{id}\" is there twice"),
                format!("it was defined in line {line} first; rename one"),
            ));
        }
        branches.extend(branch(base, buses, row, faults));
    }
    let network_buses =
        buses.rows.iter().map(|r| Bus { id: BusId(r.value.id.clone()), v_base_kv: r.value.kv }).collect();
    let shunts = shunts(base, buses);
    if faults.len() > before
        || faults.iter().any(|f| f.file == file.network.buses || Some(&f.file) == file.network.branches.as_ref())
    {
        // An incomplete table would only add islands that are not there.
        return None;
    }
    let source = Source { bus: source.ok()?, v_pu: v_source, angle_deg: file.network.source_angle_deg };
    let network = match Network::try_new(
        file.name.clone(),
        base,
        file.network.frequency_hz,
        network_buses,
        branches,
        shunts,
        source,
    ) {
        Ok(network) => network,
        Err(list) => {
            faults.extend(list.iter().map(|f| network_fault(f, file, buses, rows)));
            return None;
        }
    };
    match Grid::new(network) {
        Ok(grid) => Some(grid),
        Err(e) => {
            faults.push(places.fault("network", e.to_string(), "check the network tables"));
            None
        }
    }
}

fn shunts(base_mva: f64, buses: &BusTable) -> Vec<Shunt> {
    let per_unit = |kw: Option<f64>| kw.unwrap_or(0.0) / (base_mva * 1e3);
    (buses.rows.iter().enumerate())
        .filter(|(_, r)| r.value.shunt_g_kw.is_some() || r.value.shunt_b_kvar.is_some())
        .map(|(i, r)| Shunt {
            bus: BusIndex(i),
            y_pu: Complex64::new(per_unit(r.value.shunt_g_kw), per_unit(r.value.shunt_b_kvar)),
        })
        .collect()
}

fn branch(base: f64, buses: &BusTable, row: &Row<BranchRow>, faults: &mut Vec<CaseFault>) -> Option<Branch> {
    let (b, id) = (&row.value, &row.value.id);
    let before = faults.len();
    let mut ends = Vec::new();
    for (key, bus) in [("from", &b.from), ("to", &b.to)] {
        match buses.find(bus, &format!("branch \"{id}\"")) {
            Ok(i) => ends.push(i),
            Err((what, hint)) => faults.push(row.at.fault(key, what, hint)),
        }
    }
    let z_base = ends.get(1).and_then(|to| buses.rows.get(to.0)).map(|r| r.value.kv * r.value.kv / base)?;
    let given = [
        ("ohm", b.r_ohm, b.x_ohm, b.b_us),
        ("pu", b.r_pu, b.x_pu, b.b_pu),
        ("percent", b.r_percent, b.x_percent, None),
    ];
    let used: Vec<_> = given.iter().filter(|(_, r, x, _)| r.is_some() || x.is_some()).collect();
    let [(unit, r, x, _)] = used.as_slice() else {
        let what = if used.is_empty() { "no impedance is given" } else { "the impedance is given in two units" };
        faults.push(row.at.fault(
            "r_ohm",
            format!("branch \"{id}\": {what}"),
            "fill r_ohm and x_ohm, or r_pu and x_pu, or (transformer) r_percent and x_percent",
        ));
        return None;
    };
    for (key, value) in [(format!("r_{unit}"), r), (format!("x_{unit}"), x)] {
        match value {
            None => faults.push(row.at.fault(
                &key,
                format!("branch \"{id}\": {key} is empty"),
                "give resistance and reactance, 0 where negligible",
            )),
            Some(v) if key.starts_with('r') && *v < 0.0 => faults.push(row.at.fault(
                &key,
                format!("branch \"{id}\": resistance {v} is negative"),
                "give the magnitude",
            )),
            Some(v) if *unit == "ohm" && v.abs() > LARGEST_OHM => faults.push(row.at.fault(
                &key,
                format!("branch \"{id}\": {v} ohm"),
                "beyond 10 000 ohm; is the unit ohm, not ohm per km times metres?",
            )),
            _ => {}
        }
    }
    let (r, x) = ((*r)?, (*x)?);
    let to_pu = match *unit {
        "ohm" => 1.0 / z_base,
        "pu" => 1.0,
        _ => match b.rated_kva {
            Some(kva) if kva > 0.0 => base * 1e3 / kva / 100.0,
            other => {
                let what = other.map_or("rated_kva is missing".to_string(), |v| format!("rated_kva is {v}"));
                faults.push(row.at.fault(
                    "rated_kva",
                    format!("branch \"{id}\": {what}"),
                    "per cent values need the rated power in kVA, above 0",
                ));
                return None;
            }
        },
    };
    let z = Complex64::new(r, x) * to_pu;
    if b.b_us.is_some() && b.b_pu.is_some() {
        faults.push(row.at.fault(
            "b_us",
            format!("branch \"{id}\": the charging is given in two units"),
            "fill b_us or b_pu",
        ));
    }
    let half_b = Complex64::new(0.0, 0.5 * (b.b_pu.unwrap_or(0.0) + b.b_us.unwrap_or(0.0) * 1e-6 * z_base));
    if let Some(rating) = b.rating_a
        && rating <= 0.0
    {
        faults.push(row.at.fault(
            "rating_a",
            format!("branch \"{id}\": current limit {rating} A"),
            "must be above 0; leave it empty for no limit",
        ));
    }
    if let Some(tap) = b.tap
        && !(0.5..=1.5).contains(&tap)
    {
        faults.push(row.at.fault(
            "tap",
            format!("branch \"{id}\": tap {tap}"),
            "the tap is a ratio near 1, e.g. 1.025, not a position",
        ));
    }
    let [from, to] = ends.as_slice() else { return None };
    let kind = match b.kind {
        BranchKindName::Line => BranchKind::Line,
        BranchKindName::Transformer => BranchKind::Transformer,
    };
    (faults.len() == before).then(|| Branch {
        id: BranchId(id.clone()),
        from: *from,
        to: *to,
        kind,
        series_z_pu: z,
        shunt_from_pu: half_b,
        shunt_to_pu: half_b,
        tap: Complex64::new(b.tap.unwrap_or(1.0), 0.0),
        rating_a: b.rating_a,
    })
}

fn network_fault(fault: &NetworkFault, file: &CaseFile, buses: &BusTable, branches: &[Row<BranchRow>]) -> CaseFault {
    let at_bus = |id: &BusId| buses.index.get(&id.0).map(|&i| buses.rows[i].at.clone());
    let at_branch = |id: &BranchId| branches.iter().find(|r| r.value.id == id.0).map(|r| r.at.clone());
    let (place, key, hint) = match fault {
        NetworkFault::Island { bus, .. } => (at_bus(bus), "id", "add the branch that connects it, or remove the buses"),
        NetworkFault::ZeroImpedance { branch, .. } => {
            (at_branch(branch), "r_ohm", "a closed switch: merge its two buses, or give it a few milliohms")
        }
        NetworkFault::SelfLoop { branch, .. } => (at_branch(branch), "to", "name two different buses"),
        NetworkFault::VoltageBasesDiffer { branch, .. } => {
            (at_branch(branch), "kind", "make it a transformer, or correct the kV of a bus")
        }
        NetworkFault::BadTap { branch, .. } | NetworkFault::TapOnLine { branch, .. } => {
            (at_branch(branch), "tap", "leave the tap of a line empty")
        }
        _ => (None, "", "check the network tables"),
    };
    let place =
        place.unwrap_or_else(|| crate::fault::Place::new(file.network.branches.as_deref().unwrap_or_default(), None));
    place.fault(key, fault.to_string(), hint)
}

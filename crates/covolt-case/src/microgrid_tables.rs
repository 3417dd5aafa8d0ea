//! Which bus belongs to which microgrid, and through which branch it meets the feeder.

use crate::case_file::CaseFile;
use crate::fault::{CaseFault, suggestion};
use crate::network_tables::BusTable;
use crate::part::is_operators;
use crate::table::Row;
use crate::toml_document::KeyPlaces;
use std::collections::{BTreeMap, BTreeSet};

/// Owner of each bus: from the bus table's column, the list, and the prefix of each microgrid.
pub(crate) fn owners(
    file: &CaseFile,
    places: &KeyPlaces,
    buses: &BusTable,
    faults: &mut Vec<CaseFault>,
) -> Vec<Option<usize>> {
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, m) in file.microgrid.iter().enumerate() {
        if index.insert(&m.name, n).is_some() {
            faults.push(places.fault(
                &format!("microgrid[{n}].name"),
                format!("microgrid \"{}\" is there twice", m.name),
                "rename one",
            ));
        }
    }
    if file.microgrid.is_empty() && !is_operators(file) {
        faults.push(places.fault("microgrid", "there is no microgrid", "add a [[microgrid]] with name and pcc"));
    }
    let mut owners: Vec<Option<usize>> = vec![None; buses.rows.len()];
    let mut claim = |bus: usize, n: usize| -> Result<(), usize> {
        match owners[bus] {
            Some(other) if other != n => Err(other),
            _ => {
                owners[bus] = Some(n);
                Ok(())
            }
        }
    };
    for (i, row) in buses.rows.iter().enumerate() {
        if let Some(name) = &row.value.microgrid {
            match index.get(name.as_str()) {
                Some(&n) => drop(claim(i, n)),
                None => faults.push(row.at.fault(
                    "microgrid",
                    format!("unknown microgrid \"{name}\""),
                    suggestion(name, index.keys().copied()),
                )),
            }
        }
    }
    for (n, m) in file.microgrid.iter().enumerate() {
        let shared = |bus: &str, other: usize| {
            let second = file.microgrid.get(other).map_or("", |o| o.name.as_str());
            (
                format!("bus \"{bus}\" belongs to two microgrids, \"{}\" and \"{second}\"", m.name),
                "name it in one of them only",
            )
        };
        for (k, bus) in m.buses.iter().flatten().enumerate() {
            let key = format!("microgrid[{n}].buses[{k}]");
            match buses.find(bus, &format!("microgrid \"{}\"", m.name)) {
                Ok(i) => {
                    if let Err(other) = claim(i.0, n) {
                        let (what, hint) = shared(bus, other);
                        faults.push(places.fault(&key, what, hint));
                    }
                }
                Err((what, hint)) => faults.push(places.fault(&key, what, hint)),
            }
        }
        if let Some(prefix) = &m.bus_prefix {
            let key = format!("microgrid[{n}].bus_prefix");
            let mut any = false;
            let from = (std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded);
            for (id, &i) in buses.index.range::<str, _>(from).take_while(|(id, _)| id.starts_with(prefix.as_str())) {
                any = true;
                if let Err(other) = claim(i, n) {
                    let (what, hint) = shared(id, other);
                    faults.push(places.fault(&key, what, hint));
                }
            }
            if !any {
                faults.push(places.fault(&key, format!("no bus id starts with \"{prefix}\""), "check the prefix"));
            }
        }
    }
    let mut has_bus = vec![false; file.microgrid.len()];
    owners.iter().flatten().for_each(|&n| has_bus[n] = true);
    for (n, m) in file.microgrid.iter().enumerate() {
        if !has_bus[n] {
            faults.push(places.fault(
                &format!("microgrid[{n}]"),
                format!("microgrid \"{}\" has no bus", m.name),
                "fill the column microgrid of the bus table, or give buses or bus_prefix",
            ));
        }
    }
    owners
}

/// A branch by its ends: what ownership needs to know of it.
#[derive(Debug, Clone)]
pub(crate) struct BranchEnds {
    pub id: String,
    pub from: String,
    pub to: String,
}

/// PCC branch (index in the list) of each microgrid; checks its direction and that no other branch leads out.
pub(crate) fn pccs(
    file: &CaseFile,
    places: &KeyPlaces,
    buses: &BusTable,
    branches: &[Row<BranchEnds>],
    owners: &[Option<usize>],
    faults: &mut Vec<CaseFault>,
) -> Vec<Option<usize>> {
    let owner = |bus: &str| buses.index.get(bus).and_then(|&i| owners.get(i).copied()).flatten();
    let mut out = Vec::new();
    let mut branch_at: BTreeMap<&str, usize> = BTreeMap::new();
    branches.iter().enumerate().for_each(|(i, b)| _ = branch_at.entry(&b.value.id).or_insert(i));
    let pcc_names: BTreeSet<&str> = file.microgrid.iter().map(|m| m.pcc.as_str()).collect();
    for (n, m) in file.microgrid.iter().enumerate() {
        let key = format!("microgrid[{n}].pcc");
        let found = branch_at.get(m.pcc.as_str()).copied();
        match found.map(|i| &branches[i].value) {
            None => {
                let what = if m.pcc.is_empty() { format!("microgrid \"{}\" has no PCC", m.name) } else { format!("microgrid \"{}\": unknown branch \"{}\" as PCC", m.name, m.pcc) };
                let hint = format!("name the branch that joins it to the feeder; {}", suggestion(&m.pcc, branches.iter().map(|b| b.value.id.as_str())));
                faults.push(places.fault(&key, what, hint));
            }
            Some(b) => match (owner(&b.from) == Some(n), owner(&b.to) == Some(n)) {
                (false, true) => {}
                (true, false) => faults.push(places.fault(&key, format!("branch \"{}\" leads from microgrid \"{}\" to the feeder", b.id, m.name), "swap from and to of the branch (and its tap side): the PCC is metered on the feeder side, its from side")),
                _ => faults.push(places.fault(&key, format!("branch \"{}\" does not join microgrid \"{}\" to the feeder", b.id, m.name), "one end must be a bus of the microgrid, the other must not")),
            },
        }
        out.push(found);
    }
    for row in branches {
        let b = &row.value;
        let (from, to) = (owner(&b.from), owner(&b.to));
        // A microgrid without a valid PCC has that fault already.
        let has_pcc = |n: usize| out.get(n).is_some_and(Option::is_some);
        if [from, to].into_iter().flatten().all(has_pcc)
            && from != to
            && !pcc_names.contains(b.id.as_str())
            && (buses.index.contains_key(&b.from) && buses.index.contains_key(&b.to))
        {
            let names: Vec<&str> =
                [from, to].iter().flatten().filter_map(|&n| file.microgrid.get(n)).map(|m| m.name.as_str()).collect();
            faults.push(row.at.fault(
                "id",
                format!("branch \"{}\" leads out of microgrid \"{}\" besides its PCC", b.id, names.join("\" and \"")),
                "a microgrid meets the network at its PCC only; otherwise the exchange is not what is metered",
            ));
        }
    }
    out
}

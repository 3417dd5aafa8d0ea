//! Which part of which whole a case is: the section `[part]`, read and checked.

use crate::case_file::{CaseFile, PartRoleName, PartSection};
use crate::fault::CaseFault;
use crate::microgrid_tables::BranchEnds;
use crate::network_tables::BusTable;
use crate::table::Row;
use crate::toml_document::KeyPlaces;
use std::collections::BTreeSet;
use std::fmt;

/// What a part of a split case knows of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartInfo {
    /// Fingerprint of the whole case.
    pub whole_fingerprint: String,
    /// Name of the whole case.
    pub whole_name: String,
    /// What messages between the parts carry: 32 hexadecimal digits, the same in all parts of one whole.
    pub cut: String,
    /// Whose part it is.
    pub role: PartRole,
}

/// Whose part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartRole {
    /// The feeder's operator.
    Operator {
        /// Name of each microgrid, in the order of the whole, and the id of the bus it hangs at.
        pccs: Vec<(String, String)>,
    },
    /// The agent of one microgrid.
    Agent {
        /// Number of its microgrid among those of the whole.
        seat: usize,
        /// Microgrids of the whole.
        seats: usize,
    },
}

impl fmt::Display for PartInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.role {
            PartRole::Operator { pccs } => {
                write!(f, "the operator's part of case {} ({} microgrids hang on it)", self.whole_name, pccs.len())
            }
            PartRole::Agent { seat, seats } => {
                write!(f, "an agent's part of case {} (microgrid {} of {seats})", self.whole_name, seat + 1)
            }
        }
    }
}

/// True for the part of an operator, which has no microgrid.
pub(crate) fn is_operators(file: &CaseFile) -> bool {
    file.part.as_ref().is_some_and(|part| part.role == PartRoleName::Operator)
}

/// The section, where there is one, checked against the network.
pub(crate) fn part_info(
    file: &CaseFile,
    places: &KeyPlaces,
    buses: &BusTable,
    branches: &[Row<BranchEnds>],
    owners: &[Option<usize>],
    faults: &mut Vec<CaseFault>,
) -> Option<PartInfo> {
    let part = file.part.as_ref()?;
    if part.whole_fingerprint.len() != 64 || !part.whole_fingerprint.bytes().all(|c| c.is_ascii_hexdigit()) {
        let hint = "64 hexadecimal digits, as covolt case info prints them; split the whole case again";
        faults.push(places.fault("part.whole_fingerprint", "is no fingerprint", hint));
    }
    if cut_bytes(&part.cut).is_none() {
        let hint = "32 hexadecimal digits, the same in all parts; split the whole case again";
        faults.push(places.fault("part.cut", "is no fingerprint", hint));
    }
    if file.network.model.is_some() {
        let hint = "give the table of branches; networks of several phases cannot be split";
        faults.push(places.fault("network.model", "a part of a case is a balanced network", hint));
    }
    let role = match part.role {
        PartRoleName::Operator => operator(file, part, places, buses, faults),
        PartRoleName::Agent => agent(file, part, places, buses, branches, owners, faults),
    };
    let (whole_fingerprint, whole_name) = (part.whole_fingerprint.clone(), part.whole.clone());
    Some(PartInfo { whole_fingerprint, whole_name, cut: part.cut.clone(), role: role? })
}

impl PartInfo {
    /// The bytes of [`PartInfo::cut`].
    pub fn cut_bytes(&self) -> [u8; 16] {
        cut_bytes(&self.cut).unwrap_or_default()
    }
}

fn cut_bytes(digits: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> =
        digits.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 32 { bytes.try_into().ok() } else { None }
}

fn operator(
    file: &CaseFile,
    part: &PartSection,
    places: &KeyPlaces,
    buses: &BusTable,
    faults: &mut Vec<CaseFault>,
) -> Option<PartRole> {
    for (key, given) in [("part.seat", part.seat), ("part.seats", part.seats)] {
        if given.is_some() {
            faults.push(places.fault(key, "the operator has no seat", "remove it; agents have seats"));
        }
    }
    if !file.microgrid.is_empty() {
        let hint = "name where each hangs in [[part.pcc]]; its buses and devices are its agent's";
        faults.push(places.fault("microgrid[0]", "the operator's part has no microgrid", hint));
    }
    let mut names = BTreeSet::new();
    for (k, pcc) in part.pcc.iter().enumerate() {
        if !names.insert(&pcc.microgrid) {
            let what = format!("microgrid \"{}\" is there twice", pcc.microgrid);
            faults.push(places.fault(&format!("part.pcc[{k}].microgrid"), what, "rename one"));
        }
        if let Err((what, hint)) = buses.find(&pcc.bus, &format!("microgrid \"{}\"", pcc.microgrid)) {
            faults.push(places.fault(&format!("part.pcc[{k}].bus"), what, hint));
        }
    }
    let pccs = part.pcc.iter().map(|pcc| (pcc.microgrid.clone(), pcc.bus.clone())).collect();
    Some(PartRole::Operator { pccs })
}

fn agent(
    file: &CaseFile,
    part: &PartSection,
    places: &KeyPlaces,
    buses: &BusTable,
    branches: &[Row<BranchEnds>],
    owners: &[Option<usize>],
    faults: &mut Vec<CaseFault>,
) -> Option<PartRole> {
    let before = faults.len();
    let seat = match (part.seat, part.seats) {
        (Some(seat), Some(seats)) if seat < seats => Some((seat, seats)),
        (Some(seat), Some(seats)) => {
            let what = format!("seat {seat} of {seats}");
            faults.push(places.fault("part.seat", what, "seats are counted from 0"));
            None
        }
        _ => {
            let hint = "give seat (the number of the microgrid, from 0) and seats (how many there are)";
            faults.push(places.fault("part", "an agent's part has no seat", hint));
            None
        }
    };
    if !part.pcc.is_empty() {
        let hint = "remove [[part.pcc]]; it belongs to the operator";
        faults.push(places.fault("part.pcc", "an agent's part tells where others hang", hint));
    }
    if file.microgrid.len() > 1 {
        let what = format!("an agent's part has {} microgrids", file.microgrid.len());
        faults.push(places.fault("microgrid[1]", what, "keep its own"));
    }
    // A fault of the network itself is said where it is.
    if faults.len() == before
        && let (Some(first), Some(source)) = (buses.rows.first(), &file.network.source_bus)
    {
        if &first.value.id != source || owners.first().is_some_and(Option::is_some) {
            let hint = "the first bus is the feeder's bus at the PCC, of no microgrid, and the source";
            faults.push(first.at.fault("id", "the first bus is not the source of the agent's part", hint));
        }
        for (row, _) in buses.rows.iter().zip(owners).skip(1).filter(|(_, owner)| owner.is_none()) {
            let what = format!("bus \"{}\" belongs to no microgrid", row.value.id);
            faults.push(row.at.fault("microgrid", what, "of the feeder an agent's part has the bus at its PCC alone"));
        }
        if let (Some(branch), Some(mg)) = (branches.first(), file.microgrid.first())
            && branch.value.id != mg.pcc
        {
            let what = format!("the first branch is \"{}\", not the PCC branch \"{}\"", branch.value.id, mg.pcc);
            faults.push(branch.at.fault("id", what, "write the PCC branch first"));
        }
    }
    seat.map(|(seat, seats)| PartRole::Agent { seat, seats })
}

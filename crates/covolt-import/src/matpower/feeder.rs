//! The network of a case: bus, generator and branch rows in our terms.
//!
//! Branch model of MATPOWER, with series admittance y_s, charging b, and t = ratio e^(j angle) at the from side:
//!
//! ```text
//!   Yff = (y_s + j b/2) / |t|^2    Yft = -y_s / conj(t)    Ytf = -y_s / t    Ytt = y_s + j b/2
//! ```
//!
//! Our branch has its from shunt at the terminal, outside the ratio; so it is j b/2 / |t|^2. Everything else is the same.
//! A shunt row consumes Gs MW and injects Bs Mvar at 1 pu: y = (Gs + j Bs) / baseMVA.

use super::tables::CaseTables;
use crate::error::{Complaint, ImportError};
use crate::imported::{Generator, GeneratorRole, Imported};
use crate::report::{Action, ImportReport};
use covolt_grid::{
    Branch, BranchId, BranchKind, Bus, BusId, BusIndex, Complex64, Network, NetworkFault, Shunt, Source,
};
use std::collections::{BTreeMap, BTreeSet};

/// The format has no frequency, and a network in per unit needs none; it only has to be written down.
const F_HZ: f64 = 50.0;

const PV: f64 = 2.0;
const REFERENCE: f64 = 3.0;
const ISOLATED: f64 = 4.0;

pub(super) fn build(case: &CaseTables) -> Result<Imported, ImportError> {
    let mut feeder = Feeder {
        case,
        faults: Vec::new(),
        report: case.report.clone(),
        index_of: BTreeMap::new(),
        isolated: BTreeSet::new(),
        reference: None,
        buses: Vec::new(),
        bus_lines: Vec::new(),
        voltage_holding: Vec::new(),
        merged: BTreeMap::new(),
        shunts: Vec::new(),
        demand: Vec::new(),
    };
    feeder.buses();
    let (branches, branch_lines) = feeder.branches();
    let (generators, v_pu) = feeder.generators();
    feeder.finish(branches, &branch_lines, generators, v_pu)
}

struct Feeder<'a> {
    case: &'a CaseTables,
    faults: Vec<Complaint>,
    report: ImportReport,
    /// From bus numbers, as integers, to positions in `buses`.
    index_of: BTreeMap<u64, usize>,
    isolated: BTreeSet<u64>,
    /// Row and position of the reference bus.
    reference: Option<(usize, usize)>,
    buses: Vec<Bus>,
    bus_lines: Vec<usize>,
    voltage_holding: Vec<bool>,
    merged: BTreeMap<BusId, BusIndex>,
    shunts: Vec<Shunt>,
    /// MW and Mvar of each bus.
    demand: Vec<(f64, f64)>,
}

impl Feeder<'_> {
    fn fault(&mut self, line: usize, what: impl Into<String>) {
        self.faults.push(Complaint { place: self.case.place(line), what: what.into() });
    }

    fn note(&mut self, line: usize, action: Action, what: impl Into<String>) {
        self.report.add(&self.case.place(line), action, what);
    }

    fn buses(&mut self) {
        let table = &self.case.bus;
        self.note(1, Action::Irrelevant, format!("the format has no frequency: {F_HZ} Hz is written down"));
        for row in 0..table.rows() {
            let line = table.line(row);
            let Some(number) = whole(table.get(row, 0)) else {
                self.fault(line, format!("the bus number {} is not a positive whole number", table.get(row, 0)));
                continue;
            };
            if self.index_of.contains_key(&number) || self.isolated.contains(&number) {
                self.fault(line, format!("bus {number} is written down twice"));
                continue;
            }
            let [p, q, g, b, base_kv] = [2, 3, 4, 5, 9].map(|c| table.get(row, c));
            let kind = table.get(row, 1);
            if kind == ISOLATED {
                self.isolated.insert(number);
                let what = format!("bus {number} is isolated (type 4), with {p} MW and {q} Mvar");
                self.note(line, Action::Irrelevant, what);
                continue;
            }
            if ![1.0, PV, REFERENCE].contains(&kind) {
                self.fault(line, format!("bus {number} has type {kind}; 1 to 4 are understood"));
            }
            for (name, x) in [("Pd", p), ("Qd", q), ("Gs", g), ("Bs", b), ("baseKV", base_kv)] {
                if !x.is_finite() {
                    self.fault(line, format!("bus {number}: {name} is {x}"));
                }
            }
            if base_kv <= 0.0 {
                self.fault(line, format!("bus {number}: baseKV is {base_kv}, not a voltage"));
            }
            let id = BusId(match &self.case.names {
                Some(names) => names.get(row).cloned().unwrap_or_default(),
                None => number.to_string(),
            });
            if g != 0.0 || b != 0.0 {
                let y_pu = Complex64::new(g, b) / self.case.base_mva;
                let at_source = self.reference.filter(|_| kind == REFERENCE).map(|(_, position)| position);
                self.shunts.push(Shunt { bus: BusIndex(at_source.unwrap_or(self.buses.len())), y_pu });
            }
            if let (REFERENCE, Some((first, position))) = (kind, self.reference) {
                // No power flow can tell two buses that are held at one voltage from one bus. Whether their generators
                // hold the same magnitude is seen when these are read.
                if table.get(first, 9) != base_kv || table.get(first, 8) != table.get(row, 8) {
                    self.fault(
                        line,
                        format!("reference bus {number} differs in voltage from the first: one source is supported"),
                    );
                }
                let what = format!("reference bus {number} is one with the first, at the same voltage");
                self.note(line, Action::Irrelevant, what);
                self.index_of.insert(number, position);
                self.merged.insert(id, BusIndex(position));
                self.demand[position].0 += p;
                self.demand[position].1 += q;
                continue;
            }
            let position = self.buses.len();
            if kind == REFERENCE {
                self.reference = Some((row, position));
            }
            self.index_of.insert(number, position);
            self.buses.push(Bus { id, v_base_kv: base_kv });
            self.bus_lines.push(line);
            self.voltage_holding.push(kind == PV);
            self.demand.push((p, q));
        }
        if self.reference.is_none() {
            self.fault(table.line(0), "no bus is the reference (type 3)");
        }
    }

    fn branches(&mut self) -> (Vec<Branch>, BTreeMap<BranchId, usize>) {
        let table = &self.case.branch;
        let mut branches = Vec::new();
        let mut lines: BTreeMap<BranchId, usize> = BTreeMap::new();
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for row in 0..table.rows() {
            let line = table.line(row);
            let ends = [table.get(row, 0), table.get(row, 1)];
            let name = format!("{}-{}", ends[0], ends[1]);
            let status = table.get(row, 10);
            if status == 0.0 {
                self.note(line, Action::Irrelevant, format!("branch {name} is out of service"));
                continue;
            }
            if status != 1.0 {
                self.fault(line, format!("branch {name}: the status {status} is neither 0 nor 1"));
            }
            let numbers = ends.map(whole);
            if numbers.iter().flatten().any(|n| self.isolated.contains(n)) {
                self.note(line, Action::Irrelevant, format!("branch {name} ends at an isolated bus"));
                continue;
            }
            let known = |n: Option<u64>| n.and_then(|n| self.index_of.get(&n)).copied();
            let (Some(from), Some(to)) = (known(numbers[0]), known(numbers[1])) else {
                self.fault(line, format!("branch {name}: a bus of that number does not exist"));
                continue;
            };
            let [r, x, b, rate, ratio, angle] = [2, 3, 4, 5, 8, 9].map(|c| table.get(row, c));
            let values = [("r", r), ("x", x), ("b", b), ("ratio", ratio), ("angle", angle)];
            let broken: Vec<_> = values.iter().filter(|(_, x)| !x.is_finite()).collect();
            for (what, value) in &broken {
                self.fault(line, format!("branch {name}: {what} is {value}"));
            }
            // A file may write `Inf` for no limit; only a number below 0 and NaN are wrong.
            if rate.is_nan() || rate < 0.0 {
                self.fault(line, format!("branch {name}: rateA is {rate}"));
            }
            let (from_kv, to_kv) = (self.buses[from].v_base_kv, self.buses[to].v_base_kv);
            let transformer = ratio != 0.0 || angle != 0.0 || from_kv != to_kv;
            let tap = Complex64::from_polar(if ratio == 0.0 { 1.0 } else { ratio }, angle.to_radians());
            let half = Complex64::new(0.0, b / 2.0);
            let plain = format!("{}-{}", self.buses[from].id, self.buses[to].id);
            let id = loop {
                let k = times.entry(plain.clone()).or_insert(0);
                *k += 1;
                let id = BranchId(if *k == 1 { plain.clone() } else { format!("{plain} ({k})") });
                // A bus may be called "7 (2)" itself.
                if !lines.contains_key(&id) {
                    break id;
                }
            };
            lines.insert(id.clone(), line);
            branches.push(Branch {
                id,
                from: BusIndex(from),
                to: BusIndex(to),
                kind: if transformer { BranchKind::Transformer } else { BranchKind::Line },
                series_z_pu: Complex64::new(r, x),
                shunt_from_pu: half / tap.norm_sqr(),
                shunt_to_pu: half,
                tap: if transformer { tap } else { Complex64::ONE },
                rating_a: (rate > 0.0 && rate.is_finite()).then(|| rate * 1e3 / (3f64.sqrt() * to_kv)),
            });
        }
        (branches, lines)
    }

    /// Generators in service, and the voltage that they hold at the reference bus.
    fn generators(&mut self) -> (Vec<Generator>, f64) {
        let table = &self.case.generator;
        let mut generators = Vec::new();
        let mut v_pu: Option<f64> = None;
        for row in 0..table.rows() {
            let line = table.line(row);
            let written = table.get(row, 0);
            if table.get(row, 7) <= 0.0 {
                self.note(line, Action::Irrelevant, format!("the generator at bus {written} is out of service"));
                continue;
            }
            let number = whole(written);
            if number.is_some_and(|n| self.isolated.contains(&n)) {
                self.note(line, Action::Irrelevant, format!("the generator at bus {written} is at an isolated bus"));
                continue;
            }
            let Some(&bus) = number.and_then(|n| self.index_of.get(&n)) else {
                self.fault(line, format!("a generator at bus {written}, which does not exist"));
                continue;
            };
            let [p, q, v] = [1, 2, 5].map(|c| table.get(row, c));
            if ![p, q, v].iter().all(|x| x.is_finite()) {
                self.fault(line, format!("the generator at bus {written}: Pg {p}, Qg {q}, Vg {v}"));
            }
            let role = if self.reference.is_some_and(|(_, position)| position == bus) {
                // MATPOWER lets the last one win; two different voltages are more likely a mistake.
                if v_pu.replace(v).is_some_and(|before| before != v) {
                    self.fault(line, format!("generators at reference bus {written} hold different voltages"));
                }
                GeneratorRole::Source
            } else if self.voltage_holding[bus] {
                let what = format!(
                    "the generator at bus {written} holds {v} pu in MATPOWER: the voltage control is left out, it \
                     injects {p} MW and {q} Mvar"
                );
                self.note(line, Action::LeftOut, what);
                GeneratorRole::HoldsVoltage(v)
            } else {
                GeneratorRole::FixedPower
            };
            let place = self.case.place(line);
            let id = format!("gen {}", row + 1);
            generators.push(Generator { id, bus: BusIndex(bus), role, p_kw: p * 1e3, q_kvar: q * 1e3, place });
        }
        if let (None, Some((row, _))) = (v_pu, self.reference) {
            self.fault(self.case.bus.line(row), "the reference bus has no generator in service");
        }
        (generators, v_pu.unwrap_or(1.0))
    }

    fn finish(
        self,
        branches: Vec<Branch>,
        branch_lines: &BTreeMap<BranchId, usize>,
        generators: Vec<Generator>,
        v_pu: f64,
    ) -> Result<Imported, ImportError> {
        let source = self.reference.map(|(row, position)| {
            let angle_deg = self.case.bus.get(row, 8);
            Source { bus: BusIndex(position), v_pu, angle_deg }
        });
        if !self.faults.is_empty() {
            return Err(ImportError::Faulty(self.faults));
        }
        let (p_kw, q_kvar) = self.demand.iter().map(|(p, q)| (p * 1e3, q * 1e3)).unzip();
        let bus_line: BTreeMap<BusId, usize> =
            self.buses.iter().map(|b| b.id.clone()).zip(self.bus_lines.iter().copied()).collect();
        let case = self.case;
        let network =
            Network::try_new(case.name.clone(), case.base_mva, F_HZ, self.buses, branches, self.shunts, source);
        let place_of = |fault: &NetworkFault| {
            let line = match fault {
                NetworkFault::DuplicateBus { bus } | NetworkFault::Island { bus, .. } => bus_line.get(bus),
                NetworkFault::DuplicateBranch { branch }
                | NetworkFault::SelfLoop { branch, .. }
                | NetworkFault::ZeroImpedance { branch, .. }
                | NetworkFault::BadTap { branch, .. }
                | NetworkFault::TapOnLine { branch, .. }
                | NetworkFault::VoltageBasesDiffer { branch, .. } => branch_lines.get(branch),
                _ => None,
            };
            case.place(line.copied().unwrap_or(1))
        };
        let network = network.map_err(|faults| ImportError::network(faults, place_of))?;
        Ok(Imported { network, p_kw, q_kvar, generators, merged: self.merged, report: self.report })
    }
}

/// A bus number.
fn whole(x: f64) -> Option<u64> {
    (x.fract() == 0.0 && (1.0..=1e15).contains(&x)).then_some(x as u64)
}

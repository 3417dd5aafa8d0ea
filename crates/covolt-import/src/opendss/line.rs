//! Line: a line, cable or switch between two buses.
//!
//! Impedances stand per unit length and are multiplied by `length / units`, where `units` is how many units of the length are
//! one unit of the impedance. Whatever was written last counts: a line code, sequence values, matrices, a geometry, or
//! positions with wires. Sequence values and matrices make the unit of length "the same as the impedance" again.

use super::class::{Class, Effect, Library};
use super::line_code::{EarthReturn, Matrices, Sequence, positive};
use super::numbers::{count, list, number, yes};
use super::properties::LINE;
use super::tokens::Value;
use super::units::LengthUnit;
use covolt_grid::multiphase::ConductorMatrix;
use num_complex::Complex64;

/// Where the impedance of a line comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Impedance {
    /// Sequence values.
    Sequence,
    /// Matrices.
    Matrices(Matrices),
    /// A geometry of the library.
    Geometry(String),
    /// Positions and wires of the library.
    Spacing,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LineData {
    /// Bus at terminal 1, with nodes.
    pub bus1: String,
    /// Bus at terminal 2, with nodes.
    pub bus2: String,
    /// Phases, which are its conductors.
    pub phases: usize,
    /// Where its impedance comes from.
    pub impedance: Impedance,
    /// Positions, where given.
    pub spacing: String,
    /// Wires at the positions, each with the catalogue it stands in.
    pub wires: Vec<(WireKind, String)>,
    /// Length.
    pub length: f64,
    /// Its unit.
    pub unit: LengthUnit,
    /// Is it a switch?
    pub is_switch: bool,
    /// Frequency of the reactances, Hz.
    pub base_hz: f64,
    /// Earth return.
    pub earth: EarthReturn,
    /// True: `rho` stands on the line and overrides that of the geometry.
    pub rho_given: bool,
    /// Earth model of the line.
    pub earth_model: String,
    /// Normal current, A, where the file gives one.
    pub normal_a: Option<f64>,
    sequence: Sequence,
    capacitance_given: bool,
    /// True: a sequence value stands on the line itself.
    sequence_changed: bool,
    code_unit: Option<LengthUnit>,
    units_convert: f64,
}

/// The catalogue a wire stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireKind {
    /// WireData.
    Bare,
    /// CNData.
    Concentric,
    /// TSData.
    Tape,
}

impl Class for LineData {
    const PROPERTIES: &'static [&'static str] = LINE;

    fn new(library: &Library) -> Self {
        LineData {
            bus1: String::new(),
            bus2: String::new(),
            phases: 3,
            impedance: Impedance::Sequence,
            spacing: String::new(),
            wires: Vec::new(),
            length: 1.0,
            unit: LengthUnit::None,
            is_switch: false,
            base_hz: library.base_hz,
            earth: EarthReturn::default(),
            rho_given: false,
            earth_model: library.earth_model.clone(),
            normal_a: None,
            sequence: Sequence::default(),
            capacitance_given: false,
            sequence_changed: false,
            code_unit: None,
            units_convert: 1.0,
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        if self.sequence.set(property, value, self.base_hz)? {
            self.capacitance_given |= property.starts_with(['c', 'b']);
            self.sequence_changed = true;
            self.reset_units();
            self.impedance = Impedance::Sequence;
            return Ok(Effect::Taken);
        }
        match property {
            "bus1" => self.bus1.clone_from(&value.text),
            "bus2" => self.bus2.clone_from(&value.text),
            "linecode" => self.fetch(&value.text, library)?,
            "length" => self.length = number(value)?,
            "phases" => self.set_phases(count(value, library.max_conductors)?)?,
            "rmatrix" | "xmatrix" | "cmatrix" => {
                let mut matrices = self.matrices();
                matrices.set(property, value, self.base_hz)?;
                self.reset_units();
                self.impedance = Impedance::Matrices(matrices);
            }
            "switch" => {
                self.is_switch = yes(value)?;
                if self.is_switch {
                    let one = Complex64::new(1.0, 1.0);
                    self.sequence = Sequence { z1: one, z0: one, c1: 1.1e-9, c0: 1.0e-9 };
                    self.length = 0.001;
                    self.sequence_changed = true;
                    self.reset_units();
                    self.impedance = Impedance::Sequence;
                }
            }
            "rg" | "xg" => drop(self.earth.set(property, value)?),
            "rho" => self.rho_given = self.earth.set(property, value)?,
            "geometry" => {
                let (_, entry) = library
                    .geometries
                    .position(&value.text)
                    .and_then(|at| library.geometries.at(at))
                    .ok_or_else(|| format!("there is no line geometry '{}'", value.text))?;
                self.phases = entry.data.conductors_left();
                self.normal_a = entry.data.normal_a;
                self.impedance = Impedance::Geometry(value.text.clone());
            }
            "units" => {
                let unit = LengthUnit::parse(&value.text)?;
                self.units_convert = match self.code_unit {
                    Some(code) => code.in_units_of(unit),
                    None => self.units_convert * self.unit.in_units_of(unit),
                };
                self.unit = unit;
            }
            "spacing" => {
                if library.spacings.get(&value.text).is_none() {
                    return Err(format!("there is no line spacing '{}'", value.text));
                }
                self.spacing.clone_from(&value.text);
                self.use_spacing(library);
            }
            "wires" | "cncables" | "tscables" => {
                let kind = match property {
                    "wires" => WireKind::Bare,
                    "cncables" => WireKind::Concentric,
                    _ => WireKind::Tape,
                };
                // Bare wires after cables are the neutrals beside them.
                if kind != WireKind::Bare || self.wires.iter().all(|(kind, _)| *kind == WireKind::Bare) {
                    self.wires.clear();
                }
                self.wires.extend(list(value)?.into_iter().map(|name| (kind, name)));
                if self.wires.len() > library.max_conductors {
                    return Err(format!("more than {} wires", library.max_conductors));
                }
                self.use_spacing(library);
            }
            "earthmodel" => self.earth_model = value.text.trim().to_ascii_lowercase(),
            "basefreq" => self.base_hz = number(value).and_then(positive)?,
            "normamps" => self.normal_a = Some(number(value)?).filter(|a| *a > 0.0),
            "emergamps" | "faultrate" | "pctperm" | "repair" | "seasons" | "ratings" | "linetype" => {
                return Ok(Effect::Irrelevant);
            }
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }

    fn without_buses(&self) -> Self {
        let mut copy = LineData { bus1: String::new(), bus2: String::new(), ..self.clone() };
        copy.reset_units();
        copy
    }

    fn warning_of_a_copy(&self) -> Option<String> {
        let differs = self.units_convert != 1.0;
        differs.then(|| "a copy has the number of the length and no unit, as in the reference engine".to_owned())
    }
}

impl LineData {
    fn reset_units(&mut self) {
        (self.unit, self.units_convert, self.code_unit) = (LengthUnit::None, 1.0, None);
    }

    fn set_phases(&mut self, phases: usize) -> Result<(), String> {
        match self.impedance {
            _ if phases == self.phases => {}
            Impedance::Sequence => self.phases = phases,
            // The geometry says how many phases there are.
            Impedance::Geometry(_) | Impedance::Spacing => {}
            Impedance::Matrices(_) => {
                return Err(format!("{phases} phases do not fit the {} of its matrices", self.phases));
            }
        }
        Ok(())
    }

    fn use_spacing(&mut self, library: &Library) {
        if let Some(spacing) = library.spacings.get(&self.spacing).filter(|_| !self.wires.is_empty()) {
            self.phases = spacing.data.phases;
            self.impedance = Impedance::Spacing;
        }
    }

    fn fetch(&mut self, name: &str, library: &Library) -> Result<(), String> {
        let code = &library.line_codes.get(name).ok_or_else(|| format!("there is no line code '{name}'"))?.data;
        self.impedance = if code.by_sequence {
            self.sequence = code.sequence;
            Impedance::Sequence
        } else {
            Impedance::Matrices(code.matrices.clone())
        };
        (self.phases, self.base_hz, self.earth) = (code.phases, code.base_hz, code.earth);
        self.normal_a = code.normal_a;
        self.code_unit = Some(code.unit);
        self.units_convert = code.unit.in_units_of(self.unit);
        // The capacitance of the code is meant as it stands, whatever is changed later.
        self.capacitance_given |= code.by_sequence;
        Ok(())
    }

    /// Matrices per unit of the impedance, at the base frequency.
    fn matrices(&self) -> Matrices {
        match &self.impedance {
            Impedance::Matrices(matrices) if matrices.n == self.phases => matrices.clone(),
            _ => {
                let mut sequence = self.sequence;
                if self.phases == 1 {
                    (sequence.z0, sequence.c0) = (sequence.z1, sequence.c1);
                }
                if self.sequence_changed && !self.capacitance_given {
                    // The defaults are per thousand feet, whatever unit the other values have.
                    let per = LengthUnit::Kilofoot.in_units_of(self.unit);
                    (sequence.c1, sequence.c0) = (sequence.c1 / per, sequence.c0 / per);
                }
                sequence.matrices(self.phases, self.base_hz)
            }
        }
    }

    /// Series impedance, ohm, and shunt admittance, S, of the whole length at `hz`, where no geometry is needed.
    pub fn whole_length(&self, hz: f64) -> (ConductorMatrix, Option<ConductorMatrix>) {
        let (matrices, n) = (self.matrices(), self.phases);
        let length = self.length / self.units_convert;
        let frequency = hz / self.base_hz;
        // Carson's earth return grows with the frequency, its reactance less than in proportion.
        let k_xg = self.earth.xg / (658.5 * (self.earth.rho / self.base_hz).sqrt()).ln();
        let xg = if self.earth.xg == 0.0 || frequency == 1.0 { 0.0 } else { 0.5 * k_xg * frequency.ln() };
        let rg = self.earth.rg * (frequency - 1.0);
        let z = |i: usize, j: usize| {
            let z = matrices.z[i * n + j];
            Complex64::new((z.re + rg) * length, (z.im - xg) * length * frequency)
        };
        let y = |i: usize, j: usize| Complex64::new(0.0, matrices.b[i * n + j] * length * frequency);
        let shunt = Some(ConductorMatrix::from_fn(n, y)).filter(|y| y.max_norm() > 0.0);
        (ConductorMatrix::from_fn(n, z), shunt)
    }
}

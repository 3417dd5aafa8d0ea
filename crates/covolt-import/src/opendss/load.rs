//! Load: what a customer draws, by one of five ways to give its power and eight ways to depend on voltage.
//!
//! Whatever gave the power last counts: kW with the power factor (default 10 kW at 0.88), kW with kvar, kVA with the power
//! factor, `xfkVA * allocationfactor`, or energy of a bill. A negative power factor means that kW and kvar have opposite signs.

use super::class::{Class, Effect, Library, is_delta};
use super::numbers::{count, number, numbers};
use super::properties::LOAD;
use super::tokens::Value;
use covolt_grid::multiphase::{VoltageDependence, VoltageRange, ZipShares};

/// What gave the power last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenBy {
    ActiveAndFactor,
    ActiveAndReactive,
    ApparentAndFactor,
    TransformerShare,
    Energy,
}

/// What the multipliers of a study do to a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Scaling {
    /// Shapes and the global multiplier apply.
    Variable,
    /// Nothing applies.
    Fixed,
    /// Shapes apply, the global multiplier does not.
    Exempt,
}

/// Names of the shapes of a device: of a year, of a day, of a duty cycle.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ShapeNames {
    /// Of a year; the daily one where none is given.
    pub yearly: Option<String>,
    /// Of a day.
    pub daily: Option<String>,
    /// Of a duty cycle.
    pub duty: Option<String>,
}

impl ShapeNames {
    /// Sets a name by its property; false where it is none. An unknown name is an error.
    pub(crate) fn set(&mut self, property: &str, value: &Value, library: &Library) -> Result<bool, String> {
        let slot = match property {
            "yearly" => &mut self.yearly,
            "daily" => &mut self.daily,
            "duty" => &mut self.duty,
            _ => return Ok(false),
        };
        let name = value.text.trim();
        *slot = if name.is_empty() || name.eq_ignore_ascii_case("none") {
            None
        } else if name.eq_ignore_ascii_case("default") || library.load_shapes.get(name).is_some() {
            Some(name.to_lowercase())
        } else {
            return Err(format!("there is no load shape '{name}'"));
        };
        if property == "daily" && self.yearly.is_none() {
            self.yearly.clone_from(&self.daily);
        }
        Ok(true)
    }
}

/// A load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoadData {
    /// Its bus, with nodes.
    pub bus1: String,
    /// Phases.
    pub phases: usize,
    /// Between phases, or from phases to the neutral?
    pub is_delta: bool,
    /// Rated voltage, kV: line to line with two or three phases.
    pub kv: f64,
    /// Active power of all phases, kW.
    pub p_kw: f64,
    /// Reactive power of all phases, kvar.
    pub q_kvar: f64,
    /// Power factor.
    pub power_factor: f64,
    /// Multipliers.
    pub scaling: Scaling,
    /// Shapes.
    pub shapes: ShapeNames,
    /// Impedance from the neutral to ground, ohm; negative resistance: none.
    pub neutral_ohm: (f64, f64),
    /// 1 to 8.
    pub model: usize,
    given_by: GivenBy,
    kva: f64,
    transformer_kva: f64,
    allocation: f64,
    kwh: f64,
    kwh_days: f64,
    c_factor: f64,
    v_min: f64,
    v_max: f64,
    v_low: f64,
    cvr: (f64, f64),
    zip: Vec<f64>,
}

impl Class for LoadData {
    const PROPERTIES: &'static [&'static str] = LOAD;

    fn new(_: &Library) -> Self {
        LoadData {
            bus1: String::new(),
            phases: 3,
            is_delta: false,
            kv: 12.47,
            p_kw: 10.0,
            q_kvar: 5.0,
            power_factor: 0.88,
            scaling: Scaling::Variable,
            shapes: ShapeNames::default(),
            neutral_ohm: (-1.0, 0.0),
            model: 1,
            given_by: GivenBy::ActiveAndFactor,
            kva: 10.0 / 0.88,
            transformer_kva: 0.0,
            allocation: 0.5,
            kwh: 0.0,
            kwh_days: 30.0,
            c_factor: 4.0,
            v_min: 0.95,
            v_max: 1.05,
            v_low: 0.5,
            cvr: (1.0, 2.0),
            zip: Vec::new(),
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        if self.shapes.set(property, value, library)? {
            return self.take_actual_shape(value, library);
        }
        match property {
            "phases" => self.phases = count(value, library.max_conductors)?,
            "bus1" => self.bus1.clone_from(&value.text),
            "kv" => self.kv = number(value)?,
            "kw" => (self.p_kw, self.given_by) = (number(value)?, GivenBy::ActiveAndFactor),
            "kvar" => (self.q_kvar, self.given_by) = (number(value)?, GivenBy::ActiveAndReactive),
            "kva" => (self.kva, self.given_by) = (number(value)?, GivenBy::ApparentAndFactor),
            "pf" => self.power_factor = number(value)?,
            "xfkva" => {
                self.transformer_kva = number(value)?;
                self.allocate();
            }
            "allocationfactor" => {
                self.allocation = number(value)?;
                if self.transformer_kva > 0.0 {
                    self.allocate();
                }
            }
            "kwh" => (self.kwh, self.given_by) = (number(value)?, GivenBy::Energy),
            "kwhdays" => (self.kwh_days, self.given_by) = (number(value)?, GivenBy::Energy),
            "cfactor" => (self.c_factor, self.given_by) = (number(value)?, GivenBy::Energy),
            "model" => self.model = count(value, 8)?,
            "conn" => self.is_delta = is_delta(&value.text)?,
            "rneut" => self.neutral_ohm.0 = number(value)?,
            "xneut" => self.neutral_ohm.1 = number(value)?,
            "status" => {
                self.scaling = match value.text.trim().to_ascii_lowercase().chars().next() {
                    Some('f') => Scaling::Fixed,
                    Some('e') => Scaling::Exempt,
                    _ => Scaling::Variable,
                }
            }
            "vminpu" => self.v_min = number(value)?,
            "vmaxpu" => self.v_max = number(value)?,
            "vlowpu" => self.v_low = number(value)?,
            "cvrwatts" => self.cvr.0 = number(value)?,
            "cvrvars" => self.cvr.1 = number(value)?,
            "zipv" => {
                self.zip = numbers(value)?;
                if self.zip.len() != 7 {
                    return Err(format!("ZIPV has seven numbers, {} are given", self.zip.len()));
                }
            }
            "cvrcurve" => return Ok(Effect::LeftOut(format!("the curve '{}' of the CVR factors", value.text))),
            "growth" | "class" | "vminnorm" | "vminemerg" | "%mean" | "%stddev" | "numcust" | "%seriesrl"
            | "relweight" | "puxharm" | "xrharm" | "spectrum" | "basefreq" => return Ok(Effect::Irrelevant),
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }

    fn finish(&mut self) -> Result<(), String> {
        if self.given_by != GivenBy::ActiveAndReactive
            && !(self.power_factor.abs() > 0.0 && self.power_factor.abs() <= 1.0)
        {
            return Err(format!("{} is no power factor", self.power_factor));
        }
        let from_kva = |kva: f64, factor: f64| (kva * factor.abs(), kva * reactive_share(factor));
        let factor = self.power_factor;
        match self.given_by {
            GivenBy::ActiveAndFactor | GivenBy::TransformerShare => {
                self.q_kvar = self.p_kw * reactive_share(factor) / factor.abs()
            }
            GivenBy::ActiveAndReactive => {
                let kva = self.p_kw.hypot(self.q_kvar);
                if kva > 0.0 {
                    let opposite = self.p_kw * self.q_kvar < 0.0;
                    self.power_factor = self.p_kw.abs() / kva * if opposite { -1.0 } else { 1.0 };
                    // A load of reactive power alone has a factor of zero, which no later kW can be multiplied with.
                }
            }
            GivenBy::ApparentAndFactor => (self.p_kw, self.q_kvar) = from_kva(self.kva, factor),
            GivenBy::Energy => {
                let p = self.kwh / (24.0 * self.kwh_days) * self.c_factor;
                (self.p_kw, self.q_kvar) = (p, p * reactive_share(factor) / factor.abs());
            }
        }
        Ok(())
    }

    fn without_buses(&self) -> Self {
        LoadData { bus1: String::new(), ..self.clone() }
    }
}

/// kvar per kVA at a power factor, negative for a negative one.
pub(crate) fn reactive_share(factor: f64) -> f64 {
    (1.0 - factor * factor).max(0.0).sqrt().copysign(factor)
}

impl LoadData {
    /// The active power follows from the power factor as it is now, as in the reference engine: a later one changes kvar alone.
    fn allocate(&mut self) {
        self.p_kw = self.transformer_kva * self.allocation * self.power_factor.abs();
        self.given_by = GivenBy::TransformerShare;
    }

    /// A shape in kW sets the power to its largest.
    fn take_actual_shape(&mut self, value: &Value, library: &Library) -> Result<Effect, String> {
        let Some(shape) = library.load_shapes.get(&value.text).map(|e| &e.data).filter(|s| s.use_actual) else {
            return Ok(Effect::Taken);
        };
        let (p, q) = shape.largest();
        self.p_kw = p;
        match q {
            Some(q) => (self.q_kvar, self.given_by) = (q, GivenBy::ActiveAndReactive),
            None => self.given_by = GivenBy::ActiveAndFactor,
        }
        Ok(Effect::Assumed(format!("the load takes the largest power of shape '{}', {p} kW", value.text)))
    }

    /// Conductors of its terminal.
    pub fn conductors(&self) -> usize {
        if self.is_delta && self.phases >= 3 { self.phases } else { self.phases + 1 }
    }

    /// Rated voltage across one of its ports, kV.
    pub fn port_kv(&self) -> f64 {
        if !self.is_delta && matches!(self.phases, 2 | 3) { self.kv / 3f64.sqrt() } else { self.kv }
    }

    /// How its demand depends on voltage, and where that holds.
    pub fn dependence(&self) -> Result<(VoltageDependence, Option<VoltageRange>), String> {
        let range = Some(VoltageRange { low_pu: self.v_min, high_pu: self.v_max, lowest_pu: self.v_low });
        let power = ZipShares { impedance: 0.0, current: 0.0, power: 1.0 };
        let impedance = ZipShares { impedance: 1.0, current: 0.0, power: 0.0 };
        let dependence = match self.model {
            2 => return Ok((VoltageDependence::Impedance, None)),
            3 => VoltageDependence::Exponential { p: 0.0, q: 2.0 },
            7 => VoltageDependence::Zip { p: power, q: impedance, cutoff_pu: 0.0 },
            4 => VoltageDependence::Exponential { p: self.cvr.0, q: self.cvr.1 },
            5 => VoltageDependence::Current,
            8 => match self.zip.as_slice() {
                &[pz, pi, pp, qz, qi, qp, cutoff_pu] => VoltageDependence::Zip {
                    p: ZipShares { impedance: pz, current: pi, power: pp },
                    q: ZipShares { impedance: qz, current: qi, power: qp },
                    cutoff_pu,
                },
                _ => return Err("model 8 needs ZIPV".to_owned()),
            },
            _ => VoltageDependence::Power,
        };
        Ok((dependence, range))
    }

    /// True where shapes and multipliers leave the reactive power alone (models 6 and 7).
    pub fn fixed_reactive(&self) -> bool {
        matches!(self.model, 6 | 7)
    }
}

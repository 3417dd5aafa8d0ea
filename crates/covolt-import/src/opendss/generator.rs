//! Generator, PVSystem, Storage: what they feed in at a snapshot.
//!
//! Powers here are **injections**, as in the scripts; the network's ports demand the opposite. A snapshot uses no shapes: a
//! generator feeds its kW, a PV system what its panel gives at `irradiance`, a storage what its state says.

use super::class::{Class, Effect, Library, is_delta};
use super::load::{ShapeNames, reactive_share};
use super::numbers::{count, number, yes};
use super::properties::{GENERATOR, PV_SYSTEM, STORAGE};
use super::tokens::Value;
use covolt_grid::multiphase::VoltageRange;

/// How and where a device is connected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Connection {
    /// Its bus, with nodes.
    pub bus1: String,
    /// Phases.
    pub phases: usize,
    /// Between phases?
    pub is_delta: bool,
    /// Rated voltage, kV: line to line with two or three phases.
    pub kv: f64,
    /// 1: constant power, 2: constant impedance, and others.
    pub model: usize,
    v_min: f64,
    v_max: f64,
}

impl Default for Connection {
    fn default() -> Self {
        Connection { bus1: String::new(), phases: 3, is_delta: false, kv: 12.47, model: 1, v_min: 0.9, v_max: 1.1 }
    }
}

impl Connection {
    /// Sets a property; `None` where it is none of these.
    fn set(&mut self, property: &str, value: &Value, library: &Library) -> Result<Option<Effect>, String> {
        match property {
            "bus1" => self.bus1.clone_from(&value.text),
            "phases" => self.phases = count(value, library.max_conductors)?,
            "kv" => self.kv = number(value)?,
            "conn" => self.is_delta = is_delta(&value.text)?,
            "vminpu" => self.v_min = number(value)?,
            "vmaxpu" => self.v_max = number(value)?,
            "model" => {
                self.model = count(value, 7)?;
                return Ok(Some(match self.model {
                    1 | 2 | 4 => Effect::Taken,
                    3 => Effect::LeftOut("model 3 holds its voltage: taken as constant power".to_owned()),
                    n => Effect::Assumed(format!("model {n} is taken as constant power")),
                }));
            }
            _ => return Ok(None),
        }
        Ok(Some(Effect::Taken))
    }

    /// Conductors of its terminal.
    pub fn conductors(&self) -> usize {
        if self.is_delta && self.phases >= 3 { self.phases } else { self.phases + 1 }
    }

    /// Rated voltage across one of its ports, kV.
    pub fn port_kv(&self) -> f64 {
        if !self.is_delta && matches!(self.phases, 2 | 3) { self.kv / 3f64.sqrt() } else { self.kv }
    }

    /// Where its model holds.
    pub fn range(&self) -> Option<VoltageRange> {
        (self.model != 2).then_some(VoltageRange { low_pu: self.v_min, high_pu: self.v_max, lowest_pu: 0.0 })
    }
}

/// A generator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GeneratorData {
    /// How and where it is connected.
    pub at: Connection,
    /// Active power fed in, kW.
    pub p_kw: f64,
    /// Reactive power fed in, kvar.
    pub q_kvar: f64,
    /// Power factor.
    pub power_factor: f64,
    /// Shapes.
    pub shapes: ShapeNames,
    /// True: multipliers and shapes do not apply.
    pub is_fixed: bool,
}

impl Class for GeneratorData {
    const PROPERTIES: &'static [&'static str] = GENERATOR;

    fn new(_: &Library) -> Self {
        GeneratorData {
            at: Connection::default(),
            p_kw: 1000.0,
            q_kvar: 60.0,
            power_factor: 0.88,
            shapes: ShapeNames::default(),
            is_fixed: false,
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        if let Some(effect) = self.at.set(property, value, library)? {
            return Ok(effect);
        }
        if self.shapes.set(property, value, library)? {
            return Ok(Effect::Taken);
        }
        match property {
            "kw" => (self.p_kw, self.q_kvar) = (number(value)?, number(value)? * per_active(self.power_factor)),
            "pf" => {
                self.power_factor = factor(value)?;
                self.q_kvar = self.p_kw * per_active(self.power_factor);
            }
            "kvar" => {
                self.q_kvar = number(value)?;
                let kva = self.p_kw.hypot(self.q_kvar);
                if kva > 0.0 && self.p_kw != 0.0 {
                    self.power_factor = (self.p_kw.abs() / kva).copysign(self.p_kw * self.q_kvar);
                }
            }
            "status" => self.is_fixed = value.text.trim().to_ascii_lowercase().starts_with('f'),
            "dispmode" if !value.text.trim().to_ascii_lowercase().starts_with('d') => {
                return Ok(Effect::LeftOut(format!("dispatch by {}", value.text)));
            }
            "usermodel" | "shaftmodel" => return Ok(Effect::LeftOut(format!("property '{property}'"))),
            _ => return Ok(Effect::Irrelevant),
        }
        Ok(Effect::Taken)
    }

    fn without_buses(&self) -> Self {
        let mut copy = self.clone();
        copy.at.bus1.clear();
        copy
    }
}

/// kvar per kW at a power factor.
fn per_active(factor: f64) -> f64 {
    reactive_share(factor) / factor.abs()
}

fn factor(value: &Value) -> Result<f64, String> {
    let factor = number(value)?;
    if factor != 0.0 && factor.abs() <= 1.0 { Ok(factor) } else { Err(format!("{factor} is no power factor")) }
}

/// Reactive power of an inverter: by a factor, or as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reactive {
    Factor(f64),
    Kvar(f64),
}

/// What an inverter can feed in.
#[derive(Debug, Clone, PartialEq)]
struct Inverter {
    kva: f64,
    kva_given: bool,
    reactive: Reactive,
    kvar_max: Option<f64>,
    watt_priority: bool,
    factor_priority: bool,
}

impl Inverter {
    fn new(kva: f64) -> Inverter {
        Inverter {
            kva,
            kva_given: false,
            reactive: Reactive::Factor(1.0),
            kvar_max: None,
            watt_priority: false,
            factor_priority: false,
        }
    }

    fn set(&mut self, property: &str, value: &Value) -> Result<bool, String> {
        match property {
            "kva" => (self.kva, self.kva_given) = (number(value)?, true),
            "pf" => self.reactive = Reactive::Factor(factor(value)?),
            "kvar" => self.reactive = Reactive::Kvar(number(value)?),
            "kvarmax" => self.kvar_max = Some(number(value)?),
            "wattpriority" => self.watt_priority = yes(value)?,
            "pfpriority" => self.factor_priority = yes(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Active and reactive power within the rating, kW and kvar.
    fn within(&self, p_kw: f64) -> (f64, f64) {
        let mut p = p_kw.clamp(-self.kva, self.kva);
        let wanted = match self.reactive {
            Reactive::Factor(factor) => p_kw * per_active(factor),
            Reactive::Kvar(kvar) => kvar,
        };
        let most = self.kvar_max.unwrap_or(self.kva).abs();
        let mut q = wanted.clamp(-most, most);
        if p.hypot(q) > self.kva {
            match self.reactive {
                Reactive::Factor(factor) if self.factor_priority => {
                    p = (self.kva * factor.abs()).copysign(p);
                    q = p * per_active(factor);
                }
                _ if self.watt_priority => q = (self.kva * self.kva - p * p).max(0.0).sqrt().copysign(q),
                _ => p = (self.kva * self.kva - q * q).max(0.0).sqrt().copysign(p),
            }
        }
        (p, q)
    }
}

/// A photovoltaic system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PvData {
    /// How and where it is connected.
    pub at: Connection,
    /// Shapes.
    pub shapes: ShapeNames,
    pmpp_kw: f64,
    most_percent: f64,
    irradiance: f64,
    cut_in_percent: f64,
    inverter: Inverter,
}

impl Class for PvData {
    const PROPERTIES: &'static [&'static str] = PV_SYSTEM;

    fn new(_: &Library) -> Self {
        PvData {
            at: Connection::default(),
            shapes: ShapeNames::default(),
            pmpp_kw: 500.0,
            most_percent: 100.0,
            irradiance: 1.0,
            cut_in_percent: 20.0,
            inverter: Inverter::new(500.0),
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        if let Some(effect) = self.at.set(property, value, library)? {
            return Ok(effect);
        }
        if self.shapes.set(property, value, library)? || self.inverter.set(property, value)? {
            return Ok(Effect::Taken);
        }
        match property {
            "pmpp" => self.pmpp_kw = number(value)?,
            "%pmpp" => self.most_percent = number(value)?,
            "irradiance" => self.irradiance = number(value)?,
            "%cutin" => self.cut_in_percent = number(value)?,
            "effcurve" | "p-tcurve" => {
                return Ok(Effect::LeftOut(format!("the curve '{}' ({property}): its factor is one", value.text)));
            }
            "usermodel" => return Ok(Effect::LeftOut("a model of the user".to_owned())),
            _ => return Ok(Effect::Irrelevant),
        }
        Ok(Effect::Taken)
    }

    fn without_buses(&self) -> Self {
        let mut copy = self.clone();
        copy.at.bus1.clear();
        copy
    }
}

impl PvData {
    /// Power fed in, kW and kvar.
    pub fn feed(&self) -> (f64, f64) {
        let panel_kw = self.pmpp_kw * self.irradiance;
        if panel_kw < self.cut_in_percent / 100.0 * self.inverter.kva {
            // The inverter is off, but for reactive power that is asked for as such.
            return self.inverter.within(0.0);
        }
        self.inverter.within(panel_kw.min(self.most_percent / 100.0 * self.pmpp_kw))
    }
}

/// What a storage does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idling,
    Charging,
    Discharging,
}

/// A storage.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StorageData {
    /// How and where it is connected.
    pub at: Connection,
    /// Shapes.
    pub shapes: ShapeNames,
    /// Rated power, kW.
    pub rated_kw: f64,
    /// Rated energy, kWh.
    pub rated_kwh: f64,
    stored_percent: f64,
    reserve_percent: f64,
    charge_percent: f64,
    discharge_percent: f64,
    idling_percent: f64,
    state: State,
    inverter: Inverter,
}

impl Class for StorageData {
    const PROPERTIES: &'static [&'static str] = STORAGE;

    fn new(_: &Library) -> Self {
        StorageData {
            at: Connection::default(),
            shapes: ShapeNames::default(),
            rated_kw: 25.0,
            rated_kwh: 50.0,
            stored_percent: 100.0,
            reserve_percent: 20.0,
            charge_percent: 100.0,
            discharge_percent: 100.0,
            idling_percent: 1.0,
            state: State::Idling,
            inverter: Inverter::new(25.0),
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        if let Some(effect) = self.at.set(property, value, library)? {
            return Ok(effect);
        }
        if self.shapes.set(property, value, library)? || self.inverter.set(property, value)? {
            return Ok(Effect::Taken);
        }
        match property {
            "kwrated" => {
                self.rated_kw = number(value)?;
                if !self.inverter.kva_given {
                    self.inverter.kva = self.rated_kw;
                }
            }
            "kwhrated" => self.rated_kwh = number(value)?,
            "kwhstored" => self.stored_percent = 100.0 * number(value)? / self.rated_kwh,
            "%stored" => self.stored_percent = number(value)?,
            "%reserve" => self.reserve_percent = number(value)?,
            "%charge" => self.charge_percent = number(value)?,
            "%discharge" => self.discharge_percent = number(value)?,
            "%idlingkw" => self.idling_percent = number(value)?,
            "kw" => {
                let kw = number(value)?;
                let percent = 100.0 * kw.abs() / self.rated_kw;
                if kw > 0.0 {
                    (self.state, self.discharge_percent) = (State::Discharging, percent);
                } else if kw < 0.0 {
                    (self.state, self.charge_percent) = (State::Charging, percent);
                } else {
                    self.state = State::Idling;
                }
            }
            "state" => {
                self.state = match value.text.trim().to_ascii_lowercase().chars().next() {
                    Some('c') => State::Charging,
                    Some('d') => State::Discharging,
                    Some('i') => State::Idling,
                    _ => return Err(format!("'{}' is no state (charging, discharging, idling)", value.text)),
                }
            }
            "dispmode" if !value.text.trim().to_ascii_lowercase().starts_with('d') => {
                return Ok(Effect::LeftOut(format!("dispatch by {}", value.text)));
            }
            "effcurve" => return Ok(Effect::LeftOut(format!("the curve '{}' of the inverter", value.text))),
            "usermodel" | "dynadll" => return Ok(Effect::LeftOut("a model of the user".to_owned())),
            _ => return Ok(Effect::Irrelevant),
        }
        Ok(Effect::Taken)
    }

    fn without_buses(&self) -> Self {
        let mut copy = self.clone();
        copy.at.bus1.clear();
        copy
    }
}

impl StorageData {
    /// Power fed in, kW and kvar. A full one does not charge, one at its reserve does not discharge: both idle.
    pub fn feed(&self) -> (f64, f64) {
        let p = match self.state {
            State::Charging if self.stored_percent < 100.0 => -self.charge_percent / 100.0 * self.rated_kw,
            State::Discharging if self.stored_percent > self.reserve_percent => {
                self.discharge_percent / 100.0 * self.rated_kw
            }
            _ => return (-self.idling_percent / 100.0 * self.rated_kw, 0.0),
        };
        self.inverter.within(p)
    }
}

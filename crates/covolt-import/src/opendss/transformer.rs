//! Transformer and XfmrCode: windings, their ratings and connections, reactances between them.
//!
//! Properties such as `kV` concern the winding that `wdg=` chose last; `kVs` and its like concern all. Defaults follow the
//! reference engine: `windings=` resets all windings (not their buses), `kVA` of winding 1 is that of all, of winding 2 of two
//! also that of winding 1, and `%loadloss` is divided between the first two windings.

use super::class::{Class, Effect, Library, is_delta};
use super::numbers::{count, list, number, numbers};
use super::properties::{TRANSFORMER, XFMR_CODE};
use super::tokens::Value;
use covolt_grid::multiphase::{Transformer, Winding, WindingConnection};

/// Most windings of a transformer; reactances grow with their square.
const MOST_WINDINGS: usize = 16;
/// Most steps of a tap changer.
const MOST_TAPS: i64 = 10_000;

/// A winding.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindingData {
    /// Its bus, with nodes.
    pub bus: String,
    /// Delta (line to line) or wye?
    pub is_delta: bool,
    /// Rated voltage, kV.
    pub kv: f64,
    kva: f64,
    tap: f64,
    r_percent: f64,
    neutral_ohm: (f64, f64),
    tap_max: f64,
    tap_min: f64,
    taps: u32,
}

impl Default for WindingData {
    fn default() -> Self {
        WindingData {
            bus: String::new(),
            is_delta: false,
            kv: 12.47,
            kva: 1000.0,
            tap: 1.0,
            r_percent: 0.2,
            neutral_ohm: (-1.0, 0.0),
            tap_max: 1.1,
            tap_min: 0.9,
            taps: 32,
        }
    }
}

/// A transformer, or a code for one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TransformerData {
    /// Phases.
    pub phases: usize,
    /// Windings.
    pub windings: Vec<WindingData>,
    /// Chosen winding, from 0.
    active: usize,
    /// Reactances of winding pairs 12, 13, 23.
    x_three: [f64; 3],
    /// Reactances of all pairs, where they are given as one list.
    x_all: Vec<f64>,
    no_load_percent: f64,
    magnetising_percent: f64,
    antifloat_ppm: f64,
    leads: bool,
    /// Normal power of winding 1, kVA.
    normal_kva: Option<f64>,
}

impl Class for TransformerData {
    const PROPERTIES: &'static [&'static str] = TRANSFORMER;

    fn new(_: &Library) -> Self {
        TransformerData {
            phases: 3,
            windings: vec![WindingData::default(); 2],
            active: 0,
            x_three: [7.0, 35.0, 30.0],
            x_all: Vec::new(),
            no_load_percent: 0.0,
            magnetising_percent: 0.0,
            antifloat_ppm: 1.0,
            leads: false,
            normal_kva: None,
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        if self.set_winding(property, value)? || self.set_all_windings(property, value)? {
            return Ok(Effect::Taken);
        }
        match property {
            "phases" => self.phases = count(value, library.max_conductors)?,
            "windings" => {
                let n = count(value, MOST_WINDINGS)?;
                if n < 2 {
                    return Err("a transformer needs two windings or more".to_owned());
                }
                let mut buses = self.windings.iter().map(|w| w.bus.clone()).collect::<Vec<_>>();
                buses.resize(n, String::new());
                self.windings = buses.into_iter().map(|bus| WindingData { bus, ..WindingData::default() }).collect();
                self.active = self.active.min(n - 1);
            }
            "wdg" => self.active = count(value, self.windings.len())? - 1,
            "xhl" | "x12" => self.set_reactance(0, value)?,
            "xht" | "x13" => self.set_reactance(1, value)?,
            "xlt" | "x23" => self.set_reactance(2, value)?,
            "xscarray" => {
                let (n, given) = (self.windings.len(), numbers(value)?);
                if given.len() != n * (n - 1) / 2 {
                    return Err(format!("{n} windings have {} reactances, {} are given", n * (n - 1) / 2, given.len()));
                }
                self.x_all = given;
            }
            "%loadloss" => {
                let half = number(value)? / 2.0;
                self.windings.iter_mut().take(2).for_each(|w| w.r_percent = half);
            }
            "%noloadloss" => self.no_load_percent = number(value)?,
            "%imag" => self.magnetising_percent = number(value)?,
            "ppm_antifloat" => self.antifloat_ppm = number(value)?,
            "leadlag" => {
                let text = value.text.trim().to_ascii_lowercase();
                self.leads = match text.as_str() {
                    "lead" | "euro" => true,
                    "lag" | "ansi" => false,
                    _ => return Err(format!("'{text}' is neither Lead (Euro) nor Lag (ANSI)")),
                };
            }
            "normhkva" => self.normal_kva = Some(number(value)?),
            "xfmrcode" => {
                let entry = library.transformer_codes.get(&value.text);
                let code = &entry.ok_or_else(|| format!("there is no transformer code '{}'", value.text))?.data;
                let buses = self.windings.iter().map(|w| w.bus.clone()).collect::<Vec<_>>();
                *self = code.0.clone();
                self.windings.iter_mut().zip(buses).for_each(|(w, bus)| w.bus = bus);
                self.active = 0;
            }
            "basefreq" => {
                let hz = number(value)?;
                if hz != library.base_hz {
                    return Ok(Effect::LeftOut(format!("reactances at {hz} Hz, taken as at {} Hz", library.base_hz)));
                }
            }
            "core" | "rdcohms" | "thermal" | "n" | "m" | "flrise" | "hsrise" | "emerghkva" | "sub" | "subname"
            | "bank" | "xrconst" | "seasons" | "ratings" | "normamps" | "emergamps" | "faultrate" | "pctperm"
            | "repair" | "wdgcurrents" => return Ok(Effect::Irrelevant),
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }

    fn without_buses(&self) -> Self {
        let mut copy = self.clone();
        copy.windings.iter_mut().for_each(|w| w.bus.clear());
        copy
    }
}

impl TransformerData {
    fn set_reactance(&mut self, pair: usize, value: &Value) -> Result<(), String> {
        let x = number(value)?;
        if x == 0.0 {
            return Err("a transformer without reactance cannot be computed".to_owned());
        }
        self.x_three[pair] = x;
        if self.windings.len() <= 3 {
            self.x_all.clear();
        }
        Ok(())
    }

    /// A property of the chosen winding; false where it is none.
    fn set_winding(&mut self, property: &str, value: &Value) -> Result<bool, String> {
        let (count, active) = (self.windings.len(), self.active);
        let Some(winding) = self.windings.get_mut(active) else { return Ok(false) };
        match property {
            "bus" => winding.bus.clone_from(&value.text),
            "conn" => winding.is_delta = is_delta(&value.text)?,
            "kv" => winding.kv = number(value)?,
            "kva" => {
                let kva = number(value)?;
                winding.kva = kva;
                if active == 0 || count == 2 {
                    self.windings.iter_mut().for_each(|w| w.kva = kva);
                }
            }
            "tap" => winding.tap = number(value)?,
            "%r" => winding.r_percent = number(value)?,
            "rneut" => winding.neutral_ohm.0 = number(value)?,
            "xneut" => winding.neutral_ohm.1 = number(value)?,
            "maxtap" => winding.tap_max = number(value)?,
            "mintap" => winding.tap_min = number(value)?,
            "numtaps" => {
                let taps = number(value)?;
                if !(0.0..=MOST_TAPS as f64).contains(&taps) || taps.fract() != 0.0 {
                    return Err(format!("{taps} is no number of tap steps (0 to {MOST_TAPS})"));
                }
                winding.taps = taps as u32;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A property that lists something for all windings; false where it is none.
    fn set_all_windings(&mut self, property: &str, value: &Value) -> Result<bool, String> {
        if !matches!(property, "buses" | "conns" | "kvs" | "kvas" | "taps" | "%rs") {
            return Ok(false);
        }
        let given = list(value)?.len();
        if given > self.windings.len() {
            return Err(format!(
                "{given} values for {} windings (is 'windings=' missing before them?)",
                self.windings.len()
            ));
        }
        if matches!(property, "buses" | "conns") {
            for (winding, text) in self.windings.iter_mut().zip(list(value)?) {
                match property {
                    "buses" => winding.bus = text,
                    _ => winding.is_delta = is_delta(&text)?,
                }
            }
        } else {
            for (winding, number) in self.windings.iter_mut().zip(numbers(value)?) {
                match property {
                    "kvs" => winding.kv = number,
                    "kvas" => winding.kva = number,
                    "taps" => winding.tap = number,
                    _ => winding.r_percent = number,
                }
            }
        }
        // The last winding of a list stays chosen, as in the reference engine.
        self.active = self.windings.len() - 1;
        Ok(true)
    }

    /// Conductors of the terminal of each winding.
    pub fn conductors(&self, winding: &WindingData) -> usize {
        match (winding.is_delta, self.phases) {
            (true, 1) => 2,
            (true, _) => 3,
            (false, n) => n + 1,
        }
    }

    /// Voltage across one phase of a winding, kV, with one phase to ground for those of a wye.
    pub fn phase_kv(&self, winding: &WindingData) -> f64 {
        match (winding.is_delta, self.phases) {
            (false, 2 | 3) => winding.kv / 3f64.sqrt(),
            _ => winding.kv,
        }
    }

    /// Current that winding 1 may carry, A.
    pub fn rating_a(&self) -> Option<f64> {
        let first = self.windings.first()?;
        let v_kv = match (first.is_delta, self.phases) {
            (true, 1) | (false, _) => self.phase_kv(first),
            (true, _) => first.kv / 3f64.sqrt(),
        };
        let rating = self.normal_kva.unwrap_or(1.1 * first.kva) / self.phases as f64 / v_kv;
        Some(rating).filter(|a| a.is_finite() && *a > 0.0)
    }

    /// The data of the network.
    pub fn to_transformer(&self) -> Transformer {
        let n = self.windings.len();
        let x_percent = match (n, self.x_all.is_empty()) {
            (2, true) => self.x_three[..1].to_vec(),
            (3, true) => self.x_three.to_vec(),
            // The engine's default between windings that no property reaches.
            (_, true) => vec![30.0; n * (n - 1) / 2],
            (_, false) => self.x_all.clone(),
        };
        let windings = self.windings.iter().map(|w| Winding {
            connection: if w.is_delta { WindingConnection::Delta } else { WindingConnection::Wye },
            v_rated_kv: w.kv,
            s_rated_kva: w.kva,
            r_percent: w.r_percent,
            tap_pu: w.tap,
            tap_min_pu: w.tap_min,
            tap_max_pu: w.tap_max,
            tap_steps: w.taps,
            neutral_ohm: Some(w.neutral_ohm).filter(|(r, _)| *r >= 0.0 && !w.is_delta),
        });
        Transformer {
            phases: self.phases,
            windings: windings.collect(),
            x_percent,
            no_load_loss_percent: self.no_load_percent,
            magnetising_percent: self.magnetising_percent,
            antifloat_ppm: self.antifloat_ppm,
            low_side_leads: self.leads,
        }
    }
}

/// A code is a transformer without buses, with an order of properties of its own.
#[derive(Debug, Clone)]
pub(crate) struct TransformerCode(pub TransformerData);

impl Class for TransformerCode {
    const PROPERTIES: &'static [&'static str] = XFMR_CODE;

    fn new(library: &Library) -> Self {
        TransformerCode(TransformerData::new(library))
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        self.0.set(property, value, library)
    }
}

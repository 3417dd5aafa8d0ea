//! RegControl and CapControl: what moves taps and switches capacitors.

use super::class::{Class, Effect, Library};
use super::numbers::{count, number, whole, yes};
use super::properties::{CAP_CONTROL, REG_CONTROL};
use super::tokens::Value;
use covolt_grid::multiphase::{CapacitorRule, MonitoredPhase};

/// A regulator of a transformer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RegulatorData {
    /// Name of the transformer, without its class.
    pub transformer: String,
    /// Winding that is measured, from 0.
    pub winding: usize,
    /// Winding whose tap moves, from 0.
    pub tap_winding: usize,
    /// Set voltage, V.
    pub v_set_v: f64,
    /// Band, V.
    pub band_v: f64,
    /// Ratio of the voltage transformer.
    pub pt_ratio: f64,
    /// Ratio of the voltage transformer at another bus.
    pub remote_pt_ratio: f64,
    /// Rating of the current transformer, A.
    pub ct_primary_a: f64,
    /// Line-drop compensation, V.
    pub r_v: f64,
    /// Line-drop compensation, V.
    pub x_v: f64,
    /// Bus (with a node) whose voltage is regulated instead; empty: none.
    pub bus: String,
    /// Delay, s.
    pub delay_s: f64,
    /// Most steps per move; zero: the tap stays.
    pub max_steps: u32,
    /// Phase that is measured.
    pub monitored: MonitoredPhase,
    /// Tap position that the control sets at once, where given.
    pub tap_number: Option<i64>,
}

impl Class for RegulatorData {
    const PROPERTIES: &'static [&'static str] = REG_CONTROL;

    fn new(_: &Library) -> Self {
        RegulatorData {
            transformer: String::new(),
            winding: 0,
            tap_winding: 0,
            v_set_v: 120.0,
            band_v: 3.0,
            pt_ratio: 60.0,
            remote_pt_ratio: 60.0,
            ct_primary_a: 300.0,
            r_v: 0.0,
            x_v: 0.0,
            bus: String::new(),
            delay_s: 15.0,
            max_steps: 16,
            monitored: MonitoredPhase::One(0),
            tap_number: None,
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        let off = |value: &Value, what: &str| match yes(value)? {
            true => Ok(Effect::LeftOut(what.to_owned())),
            false => Ok(Effect::Taken),
        };
        match property {
            "transformer" => self.transformer = without_class(&value.text, "transformer")?,
            "winding" => {
                self.winding = count(value, library.max_conductors)? - 1;
                self.tap_winding = self.winding;
            }
            "tapwinding" => self.tap_winding = count(value, library.max_conductors)? - 1,
            "vreg" => self.v_set_v = number(value)?,
            "band" => self.band_v = number(value)?,
            "ptratio" => (self.pt_ratio, self.remote_pt_ratio) = (number(value)?, number(value)?),
            "remoteptratio" => self.remote_pt_ratio = number(value)?,
            "ctprim" => self.ct_primary_a = number(value)?,
            "r" => self.r_v = number(value)?,
            "x" => self.x_v = number(value)?,
            "bus" => self.bus.clone_from(&value.text),
            "delay" => self.delay_s = number(value)?,
            "maxtapchange" => {
                self.max_steps = u32::try_from(whole(value)?).map_err(|_| "must not be negative".to_owned())?
            }
            "tapnum" => self.tap_number = Some(whole(value)?),
            "ptphase" => {
                self.monitored = match value.text.trim().to_ascii_lowercase().as_str() {
                    "max" => MonitoredPhase::Highest,
                    "min" => MonitoredPhase::Lowest,
                    _ => MonitoredPhase::One(count(value, library.max_conductors)? - 1),
                }
            }
            "reversible" => return off(value, "regulation in the reverse direction"),
            "cogen" => return off(value, "the co-generation mode"),
            "inversetime" => return off(value, "delays that depend on the deviation"),
            "ldc_z" | "rev_z" => {
                if number(value)? != 0.0 {
                    return Ok(Effect::LeftOut(format!("compensation by impedance ({property})")));
                }
            }
            "vlimit" => {
                if number(value)? > 0.0 {
                    return Ok(Effect::LeftOut(format!("the limit of {} V at the first customer", value.text)));
                }
            }
            "revvreg" | "revband" | "revr" | "revx" | "revthreshold" | "revdelay" | "revneutral" | "tapdelay"
            | "debugtrace" | "eventlog" | "reset" | "basefreq" => return Ok(Effect::Irrelevant),
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }
}

/// A control of a capacitor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CapControlData {
    /// Watched element, with its class.
    pub element: String,
    /// Its terminal, from 0.
    pub terminal: usize,
    /// Name of the capacitor, without its class.
    pub capacitor: String,
    /// The rule, or the name of one that is not supported.
    pub rule: Result<CapacitorRule, String>,
    /// Ratio of the voltage transformer.
    pub pt_ratio: f64,
    /// Ratio of the current transformer.
    pub ct_ratio: f64,
    /// Setting for switching on.
    pub on: f64,
    /// Setting for switching off.
    pub off: f64,
    /// Delay before switching on, s.
    pub delay_on_s: f64,
    /// Delay before switching off, s.
    pub delay_off_s: f64,
    /// Voltages that override the rule.
    pub voltage_override: bool,
    /// Above this, V, it switches off.
    pub v_max: f64,
    /// Below this, V, it switches on.
    pub v_min: f64,
    /// Conductor of the current, from 0; `None`: all.
    pub ct_phase: Option<usize>,
    /// Conductor of the voltage, from 0; `None`: all.
    pub pt_phase: Option<usize>,
}

impl Class for CapControlData {
    const PROPERTIES: &'static [&'static str] = CAP_CONTROL;

    fn new(_: &Library) -> Self {
        CapControlData {
            element: String::new(),
            terminal: 0,
            capacitor: String::new(),
            rule: Ok(CapacitorRule::Current),
            pt_ratio: 60.0,
            ct_ratio: 60.0,
            on: 300.0,
            off: 200.0,
            delay_on_s: 15.0,
            delay_off_s: 15.0,
            voltage_override: false,
            v_max: 126.0,
            v_min: 115.0,
            ct_phase: Some(0),
            pt_phase: Some(0),
        }
    }

    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        let phase = |value: &Value| match value.text.trim().to_ascii_lowercase().as_str() {
            "avg" => Ok(Ok(None)),
            other @ ("max" | "min") => Ok(Err(format!("watching the {other} of the phases, taken as their average"))),
            _ => count(value, library.max_conductors).map(|k| Ok(Some(k - 1))),
        };
        match property {
            "element" => self.element = value.text.trim().to_lowercase(),
            "terminal" => self.terminal = count(value, library.max_conductors)? - 1,
            "capacitor" => self.capacitor = without_class(&value.text, "capacitor")?,
            "type" => {
                let text = value.text.trim().to_ascii_lowercase();
                self.rule = match text.as_str() {
                    "current" | "c" => Ok(CapacitorRule::Current),
                    "voltage" | "v" => Ok(CapacitorRule::Voltage),
                    "kvar" | "k" => Ok(CapacitorRule::Reactive),
                    "time" | "t" | "pf" | "p" | "usercontrol" | "u" | "follow" | "f" => Err(text),
                    _ => return Err(format!("'{text}' is no type of control")),
                };
            }
            "ptratio" => self.pt_ratio = number(value)?,
            "ctratio" => self.ct_ratio = number(value)?,
            "onsetting" => self.on = number(value)?,
            "offsetting" => self.off = number(value)?,
            "delay" => self.delay_on_s = number(value)?,
            "delayoff" => self.delay_off_s = number(value)?,
            "voltoverride" => self.voltage_override = yes(value)?,
            "vmax" => self.v_max = number(value)?,
            "vmin" => self.v_min = number(value)?,
            "ctphase" | "ptphase" => {
                let found = phase(value)?;
                let slot = if property == "ctphase" { &mut self.ct_phase } else { &mut self.pt_phase };
                *slot = found.clone().unwrap_or(None);
                if let Err(note) = found {
                    return Ok(Effect::Assumed(note));
                }
            }
            "vbus" => return Ok(Effect::LeftOut(format!("the voltage override at bus '{}'", value.text))),
            "deadtime" | "eventlog" | "usermodel" | "userdata" | "pctminkvar" | "reset" | "basefreq" => {
                return Ok(Effect::Irrelevant);
            }
            other => return Ok(Effect::LeftOut(format!("property '{other}'"))),
        }
        Ok(Effect::Taken)
    }
}

/// A name that may have its class in front.
fn without_class(text: &str, class: &str) -> Result<String, String> {
    let text = text.trim().to_lowercase();
    match text.split_once('.') {
        Some((given, name)) if class == given => Ok(name.to_owned()),
        Some((given, _)) if ["line", "transformer", "capacitor", "load", "autotrans"].contains(&given) => {
            Err(format!("a {class} is needed, not '{text}'"))
        }
        _ => Ok(text),
    }
}

//! Fuse, Recloser, Relay, SwtControl: only whether they are open counts for a power flow.

use super::class::{Class, Effect, Library};
use super::numbers::{count, list};
use super::properties::{FUSE, RECLOSER, RELAY, SWT_CONTROL};
use super::tokens::Value;

/// A device that opens a terminal of another element.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProtectionData {
    /// Element that is watched, with its class.
    pub monitored: String,
    /// Its terminal, from 1.
    pub monitored_terminal: usize,
    /// Element that is switched, with its class; empty: the one that is watched.
    pub switched: String,
    /// Its terminal, from 1.
    pub switched_terminal: usize,
    /// State as it stands at the end.
    state: Option<Vec<bool>>,
    /// State as it stands normally.
    normal: Option<Vec<bool>>,
}

impl ProtectionData {
    fn start() -> ProtectionData {
        ProtectionData { monitored_terminal: 1, switched_terminal: 1, ..ProtectionData::default() }
    }

    fn set_property(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
        match property {
            "monitoredobj" => self.monitored = value.text.trim().to_lowercase(),
            "monitoredterm" => {
                self.monitored_terminal = count(value, library.max_conductors)?;
                self.switched_terminal = self.monitored_terminal;
            }
            "switchedobj" => self.switched = value.text.trim().to_lowercase(),
            "switchedterm" => self.switched_terminal = count(value, library.max_conductors)?,
            "normal" => self.normal = Some(states(value)?),
            "state" | "action" => {
                // `Action=Trip` and the like are events of a study in time only when a state was given before.
                self.state = Some(states(value)?);
            }
            _ => return Ok(Effect::Irrelevant),
        }
        Ok(Effect::Taken)
    }

    /// Opened conductors of the switched terminal, from 1 (0: all); empty when closed.
    pub fn open(&self) -> Vec<usize> {
        let states = self.state.as_ref().or(self.normal.as_ref());
        match states.map(Vec::as_slice) {
            None => Vec::new(),
            Some([closed]) => {
                if *closed {
                    Vec::new()
                } else {
                    vec![0]
                }
            }
            Some(several) => several.iter().enumerate().filter(|(_, closed)| !**closed).map(|(k, _)| k + 1).collect(),
        }
    }

    /// The element and terminal that are switched.
    pub fn target(&self) -> (&str, usize) {
        if self.switched.is_empty() {
            (&self.monitored, self.monitored_terminal)
        } else {
            (&self.switched, self.switched_terminal)
        }
    }
}

/// Closed or open, for one or for each phase.
fn states(value: &Value) -> Result<Vec<bool>, String> {
    let one = |text: &String| match text.trim().to_ascii_lowercase().chars().next() {
        Some('c') => Ok(true),
        Some('o' | 't') => Ok(false),
        _ => Err(format!("'{text}' is neither open nor closed")),
    };
    let states = list(value)?.iter().map(one).collect::<Result<Vec<bool>, String>>()?;
    if states.is_empty() { Err("a state is needed".to_owned()) } else { Ok(states) }
}

/// One type per class, as the order of properties differs.
macro_rules! protection {
    ($($(#[$doc:meta])* $name:ident $table:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $name(pub ProtectionData);

        impl Class for $name {
            const PROPERTIES: &'static [&'static str] = $table;

            fn new(_: &Library) -> Self {
                $name(ProtectionData::start())
            }

            fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String> {
                self.0.set_property(property, value, library)
            }
        }
    )*};
}

protection! {
    /// A fuse.
    Fuse FUSE
    /// A recloser.
    Recloser RECLOSER
    /// A relay.
    Relay RELAY
    /// A switch.
    Switch SWT_CONTROL
}

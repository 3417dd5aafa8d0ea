//! What is common to all classes of things a script can make?

use super::geometry::{Geometry, Spacing};
use super::line_code::LineCode;
use super::load_shape::LoadShape;
use super::names::Catalogue;
use super::tokens::Value;
use super::transformer::TransformerCode;
use super::wire::{BareWire, ConcentricCable, TapeCable};
use crate::report::Place;

/// What a property did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It was taken over.
    Taken,
    /// It has no influence on a power flow.
    Irrelevant,
    /// It could have an influence, and was left out.
    LeftOut(String),
    /// It was read as the text says.
    Assumed(String),
}

/// A class: its properties, its defaults, what a property does.
pub(crate) trait Class: Clone {
    /// Names of the properties in their order.
    const PROPERTIES: &'static [&'static str];

    /// A new one, with the defaults of the reference engine.
    fn new(library: &Library) -> Self;

    /// Sets a property, by its full name in small letters.
    fn set(&mut self, property: &'static str, value: &Value, library: &Library) -> Result<Effect, String>;

    /// The end of a command: what depends on several properties is brought up to date.
    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// A copy for `like=`: everything but the buses.
    fn without_buses(&self) -> Self {
        self.clone()
    }

    /// What `like=` of this does not mean, though a reader may think so.
    fn warning_of_a_copy(&self) -> Option<String> {
        None
    }
}

/// What other things refer to by name, and what the script has set for all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Library {
    /// `Set defaultbasefrequency`, Hz.
    pub base_hz: f64,
    /// `Set earthmodel`, in small letters.
    pub earth_model: String,
    /// Most conductors of a terminal.
    pub max_conductors: usize,
    /// Line codes.
    pub line_codes: Catalogue<Entry<LineCode>>,
    /// Transformer codes.
    pub transformer_codes: Catalogue<Entry<TransformerCode>>,
    /// Load shapes.
    pub load_shapes: Catalogue<Entry<LoadShape>>,
    /// Bare wires.
    pub wires: Catalogue<Entry<BareWire>>,
    /// Cables with concentric neutral.
    pub concentric_cables: Catalogue<Entry<ConcentricCable>>,
    /// Cables with tape shield.
    pub tape_cables: Catalogue<Entry<TapeCable>>,
    /// Positions of conductors.
    pub spacings: Catalogue<Entry<Spacing>>,
    /// Positions with conductors.
    pub geometries: Catalogue<Entry<Geometry>>,
}

/// A thing with what is common to all.
#[derive(Debug, Clone)]
pub(crate) struct Entry<T> {
    /// Where it was made.
    pub place: Place,
    /// False: as if it were not there.
    pub enabled: bool,
    /// Opened conductors: (terminal from 1, conductor from 1 or 0 for all).
    pub open: Vec<(usize, usize)>,
    /// What the class says about it.
    pub data: T,
}

/// Wye or delta, by the letters that the reference engine looks at.
pub(crate) fn is_delta(text: &str) -> Result<bool, String> {
    let text = text.trim().to_ascii_lowercase();
    if text.starts_with(['y', 'w']) || text.starts_with("ln") {
        Ok(false)
    } else if text.starts_with('d') || text.starts_with("ll") {
        Ok(true)
    } else {
        Err(format!("'{text}' is no connection (wye, delta, LN, LL)"))
    }
}

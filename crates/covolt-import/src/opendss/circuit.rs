//! What has the script made so far?

use super::capacitor::CapacitorData;
use super::class::{Class, Effect, Entry, Library};
use super::control::{CapControlData, RegulatorData};
use super::generator::{GeneratorData, PvData, StorageData};
use super::line::LineData;
use super::load::LoadData;
use super::names::{Catalogue, look_up};
use super::numbers::yes;
use super::options::Options;
use super::protection::{Fuse, Recloser, Relay, Switch};
use super::reactor::ReactorData;
use super::tokens::Word;
use super::transformer::TransformerData;
use super::vsource::SourceData;
use crate::report::Place;
use std::collections::{BTreeMap, BTreeSet};

/// A class that is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Source,
    LineCode,
    Line,
    Geometry,
    Spacing,
    BareWire,
    ConcentricCable,
    TapeCable,
    Transformer,
    TransformerCode,
    Reactor,
    Capacitor,
    Load,
    Generator,
    Pv,
    Storage,
    Regulator,
    CapControl,
    Fuse,
    Recloser,
    Relay,
    Switch,
    LoadShape,
}

/// Names of the classes, in small letters.
const CLASSES: [(&str, Kind); 24] = [
    ("vsource", Kind::Source),
    ("circuit", Kind::Source),
    ("linecode", Kind::LineCode),
    ("line", Kind::Line),
    ("linegeometry", Kind::Geometry),
    ("linespacing", Kind::Spacing),
    ("wiredata", Kind::BareWire),
    ("cndata", Kind::ConcentricCable),
    ("tsdata", Kind::TapeCable),
    ("transformer", Kind::Transformer),
    ("xfmrcode", Kind::TransformerCode),
    ("reactor", Kind::Reactor),
    ("capacitor", Kind::Capacitor),
    ("load", Kind::Load),
    ("generator", Kind::Generator),
    ("pvsystem", Kind::Pv),
    ("storage", Kind::Storage),
    ("regcontrol", Kind::Regulator),
    ("capcontrol", Kind::CapControl),
    ("fuse", Kind::Fuse),
    ("recloser", Kind::Recloser),
    ("relay", Kind::Relay),
    ("swtcontrol", Kind::Switch),
    ("loadshape", Kind::LoadShape),
];

impl Kind {
    /// The class of a name.
    pub fn parse(name: &str) -> Option<Kind> {
        let name = name.trim().to_ascii_lowercase();
        CLASSES.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        CLASSES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Circuit {
    /// Its name; `None`: there is no circuit yet.
    pub name: Option<String>,
    /// What others refer to.
    pub library: Library,
    /// `Set` options.
    pub options: Options,
    /// Elements in the order in which they were made.
    pub order: Vec<(Kind, usize)>,
    pub sources: Catalogue<Entry<SourceData>>,
    pub lines: Catalogue<Entry<LineData>>,
    pub transformers: Catalogue<Entry<TransformerData>>,
    pub reactors: Catalogue<Entry<ReactorData>>,
    pub capacitors: Catalogue<Entry<CapacitorData>>,
    pub loads: Catalogue<Entry<LoadData>>,
    pub generators: Catalogue<Entry<GeneratorData>>,
    pub pv_systems: Catalogue<Entry<PvData>>,
    pub storages: Catalogue<Entry<StorageData>>,
    pub regulators: Catalogue<Entry<RegulatorData>>,
    pub cap_controls: Catalogue<Entry<CapControlData>>,
    pub fuses: Catalogue<Entry<Fuse>>,
    pub reclosers: Catalogue<Entry<Recloser>>,
    pub relays: Catalogue<Entry<Relay>>,
    pub switches: Catalogue<Entry<Switch>>,
    /// Coordinates by the name of the bus in small letters.
    pub coordinates: BTreeMap<String, (f64, f64)>,
    /// Voltage bases that `SetkVBase` gives, kV to ground.
    pub given_bases: BTreeMap<String, f64>,
    /// Things of classes that are not supported, `class.name`.
    pub skipped: BTreeSet<String>,
}

/// What became of one property.
pub(crate) struct Outcome {
    /// Its full name, or as it was written where there is none.
    pub property: String,
    /// What it did, or what is wrong with it.
    pub effect: Result<Effect, String>,
}

/// What an edit is allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Making {
    /// Only change what is there.
    Never,
    /// Make it if it is not there.
    IfMissing,
}

/// Runs `$do` with the catalogue of a kind and the library; those inside the library are taken out meanwhile.
macro_rules! with_catalogue {
    ($circuit:expr, $kind:expr, |$catalogue:ident, $library:ident| $do:expr) => {{
        macro_rules! own {
            ($field:ident) => {{
                let $catalogue = &mut $circuit.$field;
                let $library = &$circuit.library;
                $do
            }};
        }
        macro_rules! of_library {
            ($field:ident) => {{
                let mut taken = std::mem::take(&mut $circuit.library.$field);
                let result = {
                    let $catalogue = &mut taken;
                    let $library = &$circuit.library;
                    $do
                };
                $circuit.library.$field = taken;
                result
            }};
        }
        match $kind {
            Kind::Source => own!(sources),
            Kind::Line => own!(lines),
            Kind::Transformer => own!(transformers),
            Kind::Reactor => own!(reactors),
            Kind::Capacitor => own!(capacitors),
            Kind::Load => own!(loads),
            Kind::Generator => own!(generators),
            Kind::Pv => own!(pv_systems),
            Kind::Storage => own!(storages),
            Kind::Regulator => own!(regulators),
            Kind::CapControl => own!(cap_controls),
            Kind::Fuse => own!(fuses),
            Kind::Recloser => own!(reclosers),
            Kind::Relay => own!(relays),
            Kind::Switch => own!(switches),
            Kind::LineCode => of_library!(line_codes),
            Kind::Geometry => of_library!(geometries),
            Kind::Spacing => of_library!(spacings),
            Kind::BareWire => of_library!(wires),
            Kind::ConcentricCable => of_library!(concentric_cables),
            Kind::TapeCable => of_library!(tape_cables),
            Kind::TransformerCode => of_library!(transformer_codes),
            Kind::LoadShape => of_library!(load_shapes),
        }
    }};
}

impl Circuit {
    /// Is there a thing of this name?
    pub fn contains(&mut self, kind: Kind, name: &str) -> bool {
        with_catalogue!(self, kind, |catalogue, _library| catalogue.position(name).is_some())
    }

    /// Names of all things of a class.
    pub fn names(&mut self, kind: Kind) -> Vec<String> {
        with_catalogue!(self, kind, |catalogue, _library| catalogue.iter().map(|(name, _)| name.to_owned()).collect())
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Switches a thing on or off; false where it is not there.
    pub fn enable(&mut self, kind: Kind, name: &str, enabled: bool) -> bool {
        with_catalogue!(self, kind, |catalogue, _library| {
            let entry = catalogue.position(name).and_then(|at| catalogue.at_mut(at));
            entry.map(|entry| entry.enabled = enabled).is_some()
        })
    }

    /// Opens or closes a conductor (0: all) of a terminal; false where the thing is not there.
    pub fn open(&mut self, kind: Kind, name: &str, terminal: usize, conductor: usize, open: bool) -> bool {
        with_catalogue!(self, kind, |catalogue, _library| {
            let entry = catalogue.position(name).and_then(|at| catalogue.at_mut(at));
            entry
                .map(|entry| {
                    if open {
                        entry.open.push((terminal, conductor));
                    } else {
                        entry.open.retain(|(t, c)| *t != terminal || (conductor != 0 && *c != conductor));
                    }
                })
                .is_some()
        })
    }

    /// Changes a thing by the words of a command, makes it if allowed, and tells what each word did.
    pub fn edit(&mut self, kind: Kind, name: &str, words: &[Word], place: &Place, making: Making) -> Vec<Outcome> {
        let fresh = making == Making::IfMissing && !self.contains(kind, name);
        let outcomes =
            with_catalogue!(self, kind, |catalogue, library| { edit(catalogue, library, name, words, place, fresh) });
        if fresh {
            let at = with_catalogue!(self, kind, |catalogue, _library| catalogue.position(name));
            self.order.extend(at.map(|at| (kind, at)));
        }
        outcomes
    }
}

/// The properties that a class says nothing about.
fn edit<C: Class>(
    catalogue: &mut Catalogue<Entry<C>>,
    library: &Library,
    name: &str,
    words: &[Word],
    place: &Place,
    fresh: bool,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    if fresh {
        let data = C::new(library);
        catalogue.put(name, Entry { place: place.clone(), enabled: true, open: Vec::new(), data });
    }
    let Some(at) = catalogue.position(name) else {
        let effect = Err(format!("there is no '{name}' to change"));
        return vec![Outcome { property: String::new(), effect }];
    };
    // Position of the property that a value without a name would be.
    let mut next = 0;
    for word in words {
        let property = match &word.name {
            Some(written) => look_up(C::PROPERTIES, written),
            None => C::PROPERTIES.get(next).copied(),
        };
        let Some(property) = property else {
            let (property, what) = match &word.name {
                Some(written) => (written.clone(), "there is no such property".to_owned()),
                None => (word.value.text.clone(), "a value beyond the last property".to_owned()),
            };
            outcomes.push(Outcome { property, effect: Err(what) });
            continue;
        };
        next = C::PROPERTIES.iter().position(|p| *p == property).map_or(0, |at| at + 1);
        let effect = if word.value.text.trim().is_empty() && !word.value.quoted {
            Ok(Effect::Assumed("a property without a value keeps what it was".to_owned()))
        } else if property == "like" {
            let other = catalogue.get(&word.value.text).map(|other| &other.data);
            let copy = other.map(|other| (other.without_buses(), other.warning_of_a_copy()));
            match (copy, catalogue.at_mut(at)) {
                (Some((copy, warning)), Some(entry)) => {
                    entry.data = copy;
                    Ok(warning.map_or(Effect::Taken, Effect::Assumed))
                }
                _ => Err(format!("there is no '{}' to be like", word.value.text)),
            }
        } else if let Some(entry) = catalogue.at_mut(at) {
            if property == "enabled" {
                yes(&word.value).map(|enabled| {
                    entry.enabled = enabled;
                    Effect::Taken
                })
            } else {
                entry.data.set(property, &word.value, library)
            }
        } else {
            Err("it is not there".to_owned())
        };
        outcomes.push(Outcome { property: property.to_owned(), effect });
    }
    if let Some(Err(what)) = catalogue.at_mut(at).map(|entry| entry.data.finish()) {
        outcomes.push(Outcome { property: String::new(), effect: Err(what) });
    }
    outcomes
}

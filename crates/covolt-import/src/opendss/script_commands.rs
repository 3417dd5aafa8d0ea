//! What does each command do?

use super::circuit::{Kind, Making};
use super::class::Effect;
use super::commands::{OtherClass, other_class};
use super::names::look_up;
use super::numbers::{count, number, yes};
use super::options::OptionEffect;
use super::properties::LOAD_SHAPE;
use super::script::{Script, Step, Trouble};
use super::tokens::{Value, Word, values, words};
use crate::error::ImportError;
use crate::report::Action;

impl Script<'_> {
    /// The class and name that the first word gives, with or without `object=`; the rest are properties.
    fn object<'w>(&self, rest: &'w [Word]) -> Result<(String, String, &'w [Word]), Trouble> {
        let Some((first, properties)) = rest.split_first() else { return Err("a name is missing".to_owned().into()) };
        match &first.name {
            Some(name) if !"object".starts_with(&name.to_ascii_lowercase()) => {
                return Err(format!("the name of a thing is expected, not '{name}='").into());
            }
            _ => {}
        }
        let text = first.value.text.trim();
        let (class, name) = text.split_once('.').unwrap_or((&self.active_class, text));
        if class.is_empty() || name.is_empty() {
            return Err(format!("'{text}' is no name of the form class.name").into());
        }
        Ok((class.to_lowercase(), name.to_owned(), properties))
    }

    pub(super) fn new_thing(&mut self, rest: &[Word]) -> Step {
        let (class, name, properties) = self.object(rest)?;
        let Some(kind) = Kind::parse(&class) else { return self.other(&class, &name) };
        if class == "circuit" {
            if self.circuit.name.is_some() {
                return Err(format!("a second circuit '{name}' (is 'Clear' missing?)").into());
            }
            self.circuit.name = Some(name);
            return self.apply(Kind::Source, "source", properties, Making::IfMissing);
        }
        let is_element = !matches!(
            kind,
            Kind::LineCode
                | Kind::Geometry
                | Kind::Spacing
                | Kind::BareWire
                | Kind::ConcentricCable
                | Kind::TapeCable
                | Kind::TransformerCode
                | Kind::LoadShape
        );
        if is_element && self.circuit.name.is_none() {
            return Err(format!("'{class}.{name}' comes before the circuit").into());
        }
        if self.circuit.contains(kind, &name) {
            self.note(Action::Assumed, format!("'{class}.{name}' is there already: it is changed"))?;
        } else if self.circuit.len() >= self.settings.max_elements {
            let (what, most) = ("elements", self.settings.max_elements as u64);
            return Err(Trouble::Stop(ImportError::TooMuch { place: self.place.clone(), what, most }));
        }
        self.apply(kind, &name, properties, Making::IfMissing)
    }

    /// A thing of a class that is not supported.
    fn other(&mut self, class: &str, name: &str) -> Step {
        let what = format!("{class}.{name}");
        self.active = Some((None, what.clone()));
        self.active_class = class.to_owned();
        let known = other_class(class);
        if known.is_some() {
            self.circuit.skipped.insert(what.to_lowercase());
        }
        match known {
            None => Err(format!("there is no class '{class}'").into()),
            Some(OtherClass::Irrelevant) => self.note(Action::Irrelevant, what),
            Some(OtherClass::LeftOut) => self.note(Action::LeftOut, what),
            Some(OtherClass::Refused) => Err(format!("'{what}': this class is not supported").into()),
        }
    }

    pub(super) fn edit_thing(&mut self, rest: &[Word]) -> Step {
        let (class, name, properties) = self.object(rest)?;
        let Some(kind) = Kind::parse(&class) else { return self.not_supported(&class, &name) };
        if class == "circuit" {
            return self.apply(Kind::Source, "source", properties, Making::Never);
        }
        self.apply(kind, &name, properties, Making::Never)
    }

    /// A change to a thing of a class that is not supported: nothing where the thing was noted.
    fn not_supported(&mut self, class: &str, name: &str) -> Step {
        if other_class(class).is_none() {
            return Err(format!("there is no class '{class}'").into());
        }
        // The default curves and spectra are there from the start.
        if !self.circuit.skipped.contains(&format!("{class}.{name}").to_lowercase()) {
            self.note(Action::Irrelevant, format!("a change to {class}.{name}, which was not made here"))?;
        }
        self.active = Some((None, format!("{class}.{name}")));
        Ok(())
    }

    pub(super) fn select(&mut self, rest: &[Word]) -> Step {
        let (class, name, _) = self.object(rest)?;
        self.active = Some((Kind::parse(&class), name));
        Ok(())
    }

    pub(super) fn more(&mut self, properties: &[Word]) -> Step {
        match self.active.clone() {
            Some((Some(kind), name)) => self.apply(kind, &name, properties, Making::Never),
            Some((None, _)) => Ok(()),
            None => Err("there is nothing to continue".to_owned().into()),
        }
    }

    pub(super) fn implicit(&mut self, path: &str, value: &Value, rest: &[Word]) -> Step {
        let (class, tail) = path.split_once('.').unwrap_or(("", path));
        let Some((name, property)) = tail.rsplit_once('.').filter(|_| !class.is_empty()) else {
            return Err(format!("'{path}=' is neither an option nor of the form class.name.property=").into());
        };
        let Some(kind) = Kind::parse(class) else { return self.not_supported(&class.to_lowercase(), name) };
        let mut all = vec![Word { name: Some(property.to_owned()), value: value.clone() }];
        all.extend_from_slice(rest);
        self.apply(kind, name, &all, Making::Never)
    }

    /// Sets properties and tells what became of them.
    fn apply(&mut self, kind: Kind, name: &str, properties: &[Word], making: Making) -> Step {
        self.active = Some((Some(kind), name.to_owned()));
        self.active_class = kind.name().to_owned();
        let with_files = if kind == Kind::LoadShape { Some(self.with_files(properties)?) } else { None };
        let properties = with_files.as_deref().unwrap_or(properties);
        let place = self.place.clone();
        let owner = format!("{}.{name}", kind.name());
        for outcome in self.circuit.edit(kind, name, properties, &place, making) {
            let property = &outcome.property;
            match outcome.effect {
                Ok(Effect::Taken) => {}
                Ok(Effect::Irrelevant) => {
                    if self.told.insert((kind, property.clone())) {
                        self.note(Action::Irrelevant, format!("property '{property}' of {}", kind.name()))?;
                    }
                }
                Ok(Effect::LeftOut(what)) => self.note(Action::LeftOut, format!("{owner}: {what}"))?,
                Ok(Effect::Assumed(what)) => self.note(Action::Assumed, format!("{owner} {property}: {what}"))?,
                Err(what) if property.is_empty() => self.complain(format!("{owner}: {what}"))?,
                Err(what) => self.complain(format!("{owner}, property '{property}': {what}"))?,
            }
        }
        Ok(())
    }

    /// The properties of a load shape with the content of the files that they name.
    fn with_files(&mut self, properties: &[Word]) -> Result<Vec<Word>, Trouble> {
        let mut all = properties.to_vec();
        for word in &mut all {
            let property = word.name.as_ref().and_then(|name| look_up(LOAD_SHAPE, name)).unwrap_or_default();
            if matches!(property, "csvfile" | "pqcsvfile") {
                word.value = Value { text: self.named_file(&word.value.text)?, quoted: true };
            } else if property == "like" {
                let copied = self.circuit.library.load_shapes.get(&word.value.text).map_or(0, |e| e.data.bytes());
                self.charge(copied)?;
            } else if matches!(property, "mult" | "pmult" | "qmult" | "hour") {
                let inner = words(&word.value.text)?;
                let Some(source) = inner.first().filter(|w| w.name.is_some()) else { continue };
                let kind = source.name.as_deref().unwrap_or_default().to_ascii_lowercase();
                if kind != "file" && kind != "csvfile" {
                    return Err(format!("values from '{kind}=' are not supported (only text files)").into());
                }
                let text = self.named_file(&source.value.text)?;
                word.value = Value { text: column(&text, &inner[1..])?, quoted: true };
            }
        }
        Ok(all)
    }

    /// The text of a file that a value names.
    fn named_file(&mut self, name: &str) -> Result<String, Trouble> {
        let path = self.files.resolve(&self.folder, name).map_err(|denied| self.denied(denied))?;
        self.read(&path)
    }

    pub(super) fn include(&mut self, rest: &[Word], stays: bool, depth: usize) -> Step {
        let Some(first) = rest.first() else { return Err("the name of a file is missing".to_owned().into()) };
        // A name without quotes may have blanks in it only as several words, which is an error of its own.
        let folder = self.folder.clone();
        let found = self.files.resolve(&folder, &first.value.text).map_err(|denied| self.denied(denied));
        match found.and_then(|path| self.file(&path, depth + 1)) {
            // Lines that are wrong are complaints of that file: only the file itself is left.
            Err(Trouble::Line(what)) => return Err(self.last_complaint(what)),
            other => other?,
        }
        if !stays {
            self.folder = folder;
        }
        Ok(())
    }

    pub(super) fn change_folder(&mut self, rest: &[Word]) -> Step {
        let Some(first) = rest.first() else { return Ok(()) };
        let folder = self.files.resolve(&self.folder, &first.value.text).map_err(|denied| self.denied(denied))?;
        if !folder.is_dir() {
            return Err(format!("'{}' is no folder", first.value.text).into());
        }
        self.folder = folder;
        Ok(())
    }

    pub(super) fn set(&mut self, rest: &[Word]) -> Step {
        for word in rest {
            let Some(name) = &word.name else {
                self.complain(format!("'Set {}' has no value", word.value.text))?;
                continue;
            };
            match self.circuit.options.set(name, &word.value) {
                Ok(OptionEffect::Taken | OptionEffect::Irrelevant) => {}
                Ok(OptionEffect::Frequency(hz)) => {
                    if self.circuit.name.is_some() && hz != self.circuit.library.base_hz {
                        self.note(Action::LeftOut, format!("a frequency of {hz} Hz, set after the circuit was made"))?;
                    } else {
                        self.circuit.library.base_hz = hz;
                    }
                }
                Ok(OptionEffect::EarthModel(model)) => self.circuit.library.earth_model = model,
                Ok(OptionEffect::ActiveClass(class)) => self.active_class = class,
                Ok(OptionEffect::Active(text)) => {
                    let (class, name) = text.split_once('.').unwrap_or((&self.active_class, &text));
                    self.active = Some((Kind::parse(class), name.to_owned()));
                }
                Ok(OptionEffect::LeftOut(what)) => self.note(Action::LeftOut, what)?,
                Err(what) => self.complain(format!("Set {name}: {what}"))?,
            }
        }
        Ok(())
    }

    pub(super) fn enable(&mut self, rest: &[Word], enabled: bool) -> Step {
        let (class, name, _) = self.object(rest)?;
        let Some(kind) = Kind::parse(&class) else { return self.not_supported(&class, &name) };
        if name == "*" {
            for name in self.names(kind)? {
                self.circuit.enable(kind, &name, enabled);
            }
            return Ok(());
        }
        if self.circuit.enable(kind, &name, enabled) {
            Ok(())
        } else {
            Err(format!("there is no '{class}.{name}'").into())
        }
    }

    pub(super) fn open(&mut self, rest: &[Word], open: bool) -> Step {
        let (class, name, more) = self.object(rest)?;
        let Some(kind) = Kind::parse(&class) else { return self.not_supported(&class, &name) };
        let most = self.settings.max_conductors;
        let terminal = more.first().map_or(Ok(1), |w| count(&w.value, most))?;
        let conductor = match more.get(1) {
            Some(word) if number(&word.value)? != 0.0 => count(&word.value, most)?,
            _ => 0,
        };
        if self.circuit.open(kind, &name, terminal, conductor, open) {
            Ok(())
        } else {
            Err(format!("there is no '{class}.{name}'").into())
        }
    }

    pub(super) fn set_base(&mut self, rest: &[Word]) -> Step {
        let (mut bus, mut kv) = (None, None);
        for (k, word) in rest.iter().enumerate() {
            let name = word.name.as_ref().map(|n| n.to_ascii_lowercase());
            match (name.as_deref(), k) {
                (Some("bus"), _) | (None, 0) => bus = Some(word.value.text.to_lowercase()),
                (Some("kvll"), _) | (None, 1) => kv = Some(number(&word.value)? / 3f64.sqrt()),
                (Some("kvln"), _) | (None, 2) => kv = Some(number(&word.value)?),
                _ => return Err("bus=, kVLL= or kVLN= is expected".to_owned().into()),
            }
        }
        match (bus, kv) {
            (Some(bus), Some(kv)) if kv > 0.0 => drop(self.circuit.given_bases.insert(bus, kv)),
            _ => return Err("a bus and a positive voltage are needed".to_owned().into()),
        }
        Ok(())
    }

    pub(super) fn coordinates(&mut self, rest: &[Word], latitude_first: bool) -> Step {
        let Some(first) = rest.first() else { return Err("the name of a file is missing".to_owned().into()) };
        let text = self.named_file(&first.value.text)?;
        for line in text.lines() {
            let Ok(cells) = values(line) else { continue };
            // Heads and comments are no coordinates.
            let at = |k: usize| cells.get(k).and_then(|cell| number(cell).ok());
            if let (Some(name), Some(x), Some(y)) = (cells.first(), at(1), at(2)) {
                let at = if latitude_first { (y, x) } else { (x, y) };
                self.circuit.coordinates.insert(name.text.to_lowercase(), at);
            }
        }
        Ok(())
    }

    pub(super) fn set_coordinates(&mut self, rest: &[Word]) -> Step {
        let of = |name: &str, k: usize| {
            let named = rest.iter().find(|w| w.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(name)));
            named.or_else(|| rest.get(k).filter(|w| w.name.is_none())).map(|w| w.value.clone())
        };
        let (Some(bus), Some(x), Some(y)) = (of("bus", 0), of("x", 1), of("y", 2)) else {
            return Err("bus=, x= and y= are needed".to_owned().into());
        };
        self.circuit.coordinates.insert(bus.text.to_lowercase(), (number(&x)?, number(&y)?));
        Ok(())
    }

    pub(super) fn batch_edit(&mut self, rest: &[Word]) -> Step {
        let (class, pattern, properties) = self.object(rest)?;
        let Some(kind) = Kind::parse(&class) else { return self.not_supported(&class, &pattern) };
        let pattern = regex_lite::RegexBuilder::new(&pattern).case_insensitive(true).build();
        let pattern = pattern.map_err(|e| format!("the pattern cannot be read: {e}"))?;
        let names = self.names(kind)?;
        let size = properties.iter().map(|word| word.value.text.len()).sum();
        for name in names.iter().filter(|name| pattern.is_match(name)) {
            self.charge(size)?;
            self.apply(kind, name, properties, Making::Never)?;
        }
        Ok(())
    }
}

/// Numbers of a column of a text file, as a list; `column=` and `header=` choose (the first without a head otherwise).
fn column(text: &str, choices: &[Word]) -> Result<String, Trouble> {
    let (mut at, mut head) = (0, false);
    for word in choices {
        match word.name.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("column" | "col") => at = count(&word.value, 10_000)? - 1,
            Some("header") => head = yes(&word.value)?,
            _ => return Err(format!("'{}' is no choice of a file", word.value.text).into()),
        }
    }
    let mut list = String::new();
    for line in text.lines().skip(usize::from(head)) {
        let cell = line.split([',', ';', '\t', ' ']).filter(|c| !c.is_empty()).nth(at);
        if let Some(cell) = cell {
            list.push_str(cell.trim());
            list.push(' ');
        }
    }
    Ok(list)
}

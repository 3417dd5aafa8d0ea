//! What does a script say, line by line?
//!
//! Each line is a command; a line that is wrong is a complaint, and reading goes on, so that all of them are told at once. Only an
//! include that cannot be read ends it, because everything after it would be wrong for that reason. The network is what has been
//! made when the first file ends: `Solve` and reports in between change nothing, and taps, open switches and multipliers are as they
//! were written last.

use super::circuit::{Circuit, Kind};
use super::commands::{CommandKind, command};
use super::files::{Denied, Files};
use super::tokens::{Unclosed, Value, Word, words};
use crate::error::{Complaint, ImportError};
use crate::report::{Action, ImportReport, Place};
use crate::settings::ImportSettings;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Most complaints that are told.
const MOST_COMPLAINTS: usize = 100;
/// Most files that are read, the same one counted again.
const MOST_FILES: usize = 20_000;
/// Most notes that are kept.
const MOST_NOTES: usize = 1_000_000;

/// The reader.
pub(super) struct Script<'a> {
    pub(super) files: Files,
    pub(super) settings: &'a ImportSettings,
    /// What has been made.
    pub circuit: Circuit,
    /// What was not taken as it is.
    pub report: ImportReport,
    complaints: Vec<Complaint>,
    pub(super) folder: PathBuf,
    pub(super) place: Place,
    pub(super) variables: HashMap<String, Value>,
    /// The thing that following lines change: its class, or none for one that is not supported.
    pub(super) active: Option<(Option<Kind>, String)>,
    pub(super) active_class: String,
    files_read: usize,
    /// Properties without influence that are told already, by class.
    pub(super) told: BTreeSet<(Kind, String)>,
}

/// A line cannot be taken, or reading must stop.
pub(super) enum Trouble {
    Line(String),
    Stop(ImportError),
}

impl From<String> for Trouble {
    fn from(what: String) -> Self {
        Trouble::Line(what)
    }
}

impl From<Unclosed> for Trouble {
    fn from(Unclosed(open): Unclosed) -> Self {
        Trouble::Line(format!("'{open}' has no end"))
    }
}

pub(super) type Step = Result<(), Trouble>;

impl<'a> Script<'a> {
    /// A reader for the script in `path`.
    pub fn new(path: &Path, settings: &'a ImportSettings) -> Result<Script<'a>, ImportError> {
        let unreadable = |reason: String| ImportError::Unreadable { path: path.to_path_buf(), reason };
        let mut script = Script {
            files: Files::new(path, settings).map_err(unreadable)?,
            settings,
            circuit: Circuit::default(),
            report: ImportReport::default(),
            complaints: Vec::new(),
            folder: path.parent().map_or_else(PathBuf::new, Path::to_path_buf),
            place: Place { file: path.display().to_string(), line: 0 },
            variables: HashMap::new(),
            active: None,
            active_class: String::new(),
            files_read: 0,
            told: BTreeSet::new(),
        };
        script.clear();
        Ok(script)
    }

    /// Reads the first file and all that it includes.
    pub fn run(&mut self, path: &Path) -> Result<(), ImportError> {
        let first = path
            .canonicalize()
            .map_err(|e| ImportError::Unreadable { path: path.to_path_buf(), reason: e.to_string() })?;
        self.file(&first, 1).map_err(|trouble| match trouble {
            Trouble::Stop(error) => error,
            Trouble::Line(reason) => ImportError::Unreadable { path: path.to_path_buf(), reason },
        })?;
        if self.circuit.name.is_none() && self.complaints.is_empty() {
            self.complaints.push(Complaint { place: self.place.clone(), what: "no circuit was made".to_owned() });
        }
        if self.complaints.is_empty() { Ok(()) } else { Err(ImportError::Faulty(std::mem::take(&mut self.complaints))) }
    }

    pub(super) fn clear(&mut self) {
        let library = &self.circuit.library;
        let (base_hz, earth_model) = match library.base_hz {
            hz if hz > 0.0 => (hz, library.earth_model.clone()),
            _ => (60.0, "deri".to_owned()),
        };
        self.circuit = Circuit::default();
        (self.circuit.library.base_hz, self.circuit.library.earth_model) = (base_hz, earth_model);
        self.circuit.library.max_conductors = self.settings.max_conductors;
        (self.active, self.active_class) = (None, String::new());
        // What was noted concerned another network.
        self.report.notes.clear();
        self.told.clear();
    }

    pub(super) fn file(&mut self, path: &Path, depth: usize) -> Step {
        let too_much = |what, most| Trouble::Stop(ImportError::TooMuch { place: self.place.clone(), what, most });
        if depth > self.settings.max_depth {
            return Err(too_much("files that include each other", self.settings.max_depth as u64));
        }
        if self.files_read >= MOST_FILES {
            return Err(too_much("files", MOST_FILES as u64));
        }
        self.files_read += 1;
        let text = self.read(path)?;
        let (place, shown) = (self.place.clone(), self.files.shown(path));
        self.folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let mut in_comment = false;
        for (number, line) in text.lines().enumerate() {
            self.place = Place { file: shown.clone(), line: number + 1 };
            let line = line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{1a}');
            in_comment |= line.starts_with("/*");
            if in_comment {
                // The rest of the line that ends a block is part of it, as in the reference engine.
                in_comment = !line.contains("*/");
                continue;
            }
            match self.line(line, depth) {
                Ok(()) => {}
                Err(Trouble::Stop(error)) => return Err(Trouble::Stop(error)),
                Err(Trouble::Line(what)) => self.complain(what)?,
            }
        }
        self.place = place;
        Ok(())
    }

    pub(super) fn read(&mut self, path: &Path) -> Result<String, Trouble> {
        self.files.read(path).map_err(|denied| self.denied(denied))
    }

    pub(super) fn denied(&self, denied: Denied) -> Trouble {
        match denied {
            Denied::Because(what) => Trouble::Line(what),
            // What stands there is missing in the lines that follow: they would be a hundred complaints of one reason.
            Denied::Outside { name, folder } => {
                Trouble::Stop(ImportError::Outside { place: self.place.clone(), name, folder })
            }
            Denied::TooLarge => Trouble::Stop(ImportError::TooMuch {
                place: self.place.clone(),
                what: "bytes",
                most: self.settings.max_bytes,
            }),
        }
    }

    /// Ends the reading with this complaint and those before it.
    pub(super) fn last_complaint(&mut self, what: String) -> Trouble {
        self.complaints.push(Complaint { place: self.place.clone(), what });
        Trouble::Stop(ImportError::Faulty(std::mem::take(&mut self.complaints)))
    }

    pub(super) fn complain(&mut self, what: String) -> Step {
        if self.complaints.len() + 1 >= MOST_COMPLAINTS {
            return Err(self.last_complaint(what));
        }
        self.complaints.push(Complaint { place: self.place.clone(), what });
        Ok(())
    }

    pub(super) fn note(&mut self, action: Action, what: String) -> Step {
        if self.report.notes.len() >= MOST_NOTES {
            let (what, most) = ("notes", MOST_NOTES as u64);
            return Err(Trouble::Stop(ImportError::TooMuch { place: self.place.clone(), what, most }));
        }
        self.report.add(&self.place, action, what);
        Ok(())
    }

    fn line(&mut self, line: &str, depth: usize) -> Step {
        if let Some(rest) = line.strip_prefix('~') {
            let words = self.with_variables(words(rest)?)?;
            return self.more(&words);
        }
        if line.starts_with('?') {
            return Ok(());
        }
        let all = self.with_variables(words(line)?)?;
        let Some((first, rest)) = all.split_first() else { return Ok(()) };
        if let Some(property) = &first.name {
            // `class.name.property=value` and further properties.
            return self.implicit(property, &first.value, rest);
        }
        match command(&first.value.text) {
            // `class.name.property value` would be the same; nothing else has points.
            None if first.value.text.contains('.') => {
                Err(Trouble::Line(format!("'{}' is neither a command nor has it a value", first.value.text)))
            }
            None => Err(Trouble::Line(format!("there is no command '{}'", first.value.text))),
            Some((_, CommandKind::Irrelevant)) => Ok(()),
            Some((name, CommandKind::LeftOut)) => self.note(Action::LeftOut, format!("command '{name}'")),
            Some((name, CommandKind::Acts)) => self.act(name, rest, depth),
        }
    }

    fn act(&mut self, name: &str, rest: &[Word], depth: usize) -> Step {
        match name {
            "new" => self.new_thing(rest),
            "edit" => self.edit_thing(rest),
            "more" | "m" | "~" => self.more(rest),
            "select" => self.select(rest),
            "enable" | "disable" => self.enable(rest, name == "enable"),
            "compile" | "redirect" => self.include(rest, name == "compile", depth),
            "set" => self.set(rest),
            "open" | "close" => self.open(rest, name == "open"),
            "clear" | "clearall" => {
                self.clear();
                Ok(())
            }
            "setkvbase" => self.set_base(rest),
            "buscoords" | "latlongcoords" | "giscoords" => self.coordinates(rest, name != "buscoords"),
            "setbusxy" => self.set_coordinates(rest),
            "cd" => self.change_folder(rest),
            "batchedit" => self.batch_edit(rest),
            "var" => {
                for word in rest {
                    if let Some(name) = word.name.as_ref().filter(|n| n.starts_with('@')) {
                        self.variables.insert(name.to_lowercase(), word.value.clone());
                    }
                }
                Ok(())
            }
            // Bases are computed at the end, from the list as it is then.
            _ => Ok(()),
        }
    }

    /// Puts the values of `@name` in their places; what follows a point or a caret is put behind it.
    fn with_variables(&mut self, mut all: Vec<Word>) -> Result<Vec<Word>, Trouble> {
        if self.variables.is_empty() {
            return Ok(all);
        }
        for word in &mut all {
            if word.value.text.starts_with('@') && !word.value.quoted {
                let end = word.value.text.find(['.', '^']).unwrap_or(word.value.text.len());
                let (name, rest) = word.value.text.split_at(end);
                if let Some(value) = self.variables.get(&name.to_lowercase()) {
                    let rest = rest.strip_prefix('^').unwrap_or(rest);
                    word.value = Value { text: format!("{}{rest}", value.text), quoted: value.quoted };
                    self.charge(word.value.text.len())?;
                }
            }
        }
        Ok(all)
    }

    /// Counts text that a short line makes long as if it had been read: copies, variables, changes of many things at once.
    pub(super) fn charge(&mut self, bytes: usize) -> Step {
        self.files.charge(bytes as u64).map_err(|denied| self.denied(denied))
    }

    /// Names of all things of a class, charged, as whoever asks for them goes through them all.
    pub(super) fn names(&mut self, kind: Kind) -> Result<Vec<String>, Trouble> {
        let names = self.circuit.names(kind);
        self.charge(names.iter().map(String::len).sum())?;
        Ok(names)
    }
}
